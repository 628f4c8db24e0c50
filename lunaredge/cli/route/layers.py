"""The layers of a map: ground, zones, obstacles, routes, reservations, a violation.

Colours are those of Okabe and Ito (2008, "Color Universal Design"), which the colour-blind tell
apart. What bars the way is hatched as well, what others hold is dashed: a print in grey reads too.
"""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Polygon

from lunaredge.cli.route.outline import outlines_of, placed, poses_along
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.model.site import ZoneKind
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.route import Pose
from lunaredge.paths.verdict import Violation
from lunaredge.paths.zones import Obstacle, Zone
from lunaredge.runtime.files.route_trips import Request, Trip

ORANGE, SKY, GREEN, YELLOW = "#E69F00", "#56B4E9", "#009E73", "#F0E442"
BLUE, VERMILLION, PURPLE, BLACK = "#0072B2", "#D55E00", "#CC79A7", "#000000"
# Then six of Tol's (2021, "Colour Schemes", muted), which stand apart from these on grey ground.
ROUTE_COLOURS = (
    *(BLUE, GREEN, PURPLE, ORANGE, SKY),
    *("#882255", "#999933", "#332288", "#AA4499", "#117733", "#661100"),
)
OTHERS = "0.1"
SOLID = "0.35"
VEIL = (0.25, 0.05, 0.2, 0.45)
LineStyle = Literal["-", "--", "-.", ":"]
# When the colours are used up; dashes are what others hold.
ROUTE_LINES: tuple[LineStyle, ...] = ("-", "-.", ":")
# Edge, hatch, line style.
ZONE_STYLES: dict[ZoneKind, tuple[str, str | None, LineStyle]] = {
    ZoneKind.KEEP_OUT: (VERMILLION, "////", "-"),
    ZoneKind.SPEED: (ORANGE, None, "--"),
    ZoneKind.WORK: ("0.4", None, "-"),
    ZoneKind.CHARGE: (GREEN, None, "-."),
    ZoneKind.HAVEN: (SKY, None, "--"),
    ZoneKind.NO_STANDING: (ORANGE, "....", ":"),
}
FOOTPRINTS_MAX = 400
# How steep a map shows the ground, and the grey of level ground.
EXAGGERATION, LEVEL_GREY = 2.0, 0.84


def counts_at(thing: Zone | Obstacle, at_s: float | None) -> bool:
    """Tell whether a zone or an obstacle is there at a time, or, without one, at any."""
    return at_s is None or thing.from_s <= at_s <= thing.until_s


def is_timed(zone: Zone) -> bool:
    """Tell whether a zone counts for a time only."""
    return math.isfinite(zone.from_s) or math.isfinite(zone.until_s)


def draw_ground(axes: Axes, grid: SiteGrid, closed: Flags | None) -> None:
    """Shade the ground from the north-west, as maps do, and veil the cells that are closed.

    Lambert's law with the light 45 degrees high, heights exaggerated.
    """
    x_m, y_m, cell_m = map(float, grid.frame)
    rows, columns = grid.shape
    extent = (x_m, x_m + columns * cell_m, y_m, y_m + rows * cell_m)
    slope_x, slope_y = EXAGGERATION * grid.gradient_x, EXAGGERATION * grid.gradient_y
    towards = (slope_x - slope_y) / math.sqrt(2.0)
    shade = (1.0 + towards) / np.sqrt(2.0 * (1.0 + slope_x**2 + slope_y**2))
    # Light greys only, so that lines stand out; what is not known is white.
    greys = np.nan_to_num(np.clip(LEVEL_GREY + shade - math.sqrt(0.5), 0.45, 0.98), nan=1.0)
    axes.imshow(
        greys,
        extent=extent,
        origin="lower",
        cmap="gray",
        vmin=0.0,
        vmax=1.0,
        interpolation="bilinear",
    )
    if closed is not None and closed.any():
        veil = np.zeros((rows, columns, 4))
        veil[closed] = VEIL
        axes.imshow(veil, extent=extent, origin="lower", interpolation="nearest")


def draw_zone(axes: Axes, zone: Zone) -> None:
    """Draw a zone's edge, hatched where nobody may enter; dotted where it is not for ever."""
    colour, hatch, style = ZONE_STYLES[zone.kind]
    patch = Polygon(
        zone.polygon,
        fill=False,
        edgecolor=colour,
        hatch=hatch,
        linestyle=":" if is_timed(zone) else style,
        linewidth=1.2,
        zorder=3,
    )
    patch.set_hatch_linewidth(0.4)
    axes.add_patch(patch)


def draw_boundary(axes: Axes, boundary: Sequence[tuple[float, float]]) -> None:
    """Draw the edge of the site."""
    patch = Polygon(boundary, fill=False, edgecolor=BLACK, linewidth=1.4, zorder=3)
    axes.add_patch(patch)


def draw_obstacle(axes: Axes, obstacle: Obstacle) -> None:
    """Draw a solid thing."""
    patch = Polygon(obstacle.polygon, facecolor=SOLID, edgecolor="white", linewidth=0.6, zorder=5)
    axes.add_patch(patch)


class Stroke(NamedTuple):
    """How a way is drawn."""

    colour: str
    line: Any
    is_ours: bool
    """A route; else a reservation."""


THEIRS = Stroke(colour=OTHERS, line=(0, (4, 2)), is_ours=False)


def stroke_of(k: int) -> Stroke:
    """Give the stroke of the k-th route; after 33 they come again."""
    line = ROUTE_LINES[k // len(ROUTE_COLOURS) % len(ROUTE_LINES)]
    return Stroke(colour=ROUTE_COLOURS[k % len(ROUTE_COLOURS)], line=line, is_ours=True)


def draw_trip(axes: Axes, trip: Trip, stroke: Stroke, *, is_filled: bool) -> None:
    """Draw a way with footprints along it."""
    knots = trip.route.knots
    axes.plot(knots[:, 1], knots[:, 2], color="white", linewidth=3.2, zorder=5.5, alpha=0.7)
    axes.plot(
        knots[:, 1],
        knots[:, 2],
        color=stroke.colour,
        linestyle=stroke.line,
        linewidth=1.5,
        zorder=6,
    )
    footprint = trip.machine.footprint
    poses = poses_along(trip.route, 2.4 * footprint.reach_m, FOOTPRINTS_MAX)
    _draw_bodies(axes, footprint, poses, stroke.colour, 0.25 if is_filled else 0.0)


def draw_body(axes: Axes, trip: Trip, stroke: Stroke, at_s: float) -> None:
    """Draw where a machine is at a time, so that it stands out."""
    here = trip.route.pose_at(at_s)
    _draw_bodies(axes, trip.machine.footprint, [here], stroke.colour, 1.0)
    # A body of 2 m is a speck on a map of 400 m.
    axes.plot(here.x_m, here.y_m, "o", markersize=4, color=stroke.colour, zorder=6.8)


def draw_request(axes: Axes, request: Request) -> None:
    """Mark where a route shall begin and end, with the machine's outline at both."""
    ends = [request.start, request.goal]
    _draw_bodies(axes, request.machine.footprint, ends, BLACK, 0.0)
    for pose, mark in zip(ends, "os", strict=True):
        axes.plot(
            pose.x_m, pose.y_m, mark, markersize=5, color="white", markeredgecolor=BLACK, zorder=8
        )


def draw_violation(axes: Axes, trip: Trip, violation: Violation) -> None:
    """Mark where a route first meets something."""
    pose = violation.pose
    _draw_bodies(axes, trip.machine.footprint, [pose], YELLOW, 1.0)
    axes.plot(
        pose.x_m,
        pose.y_m,
        marker="X",
        markersize=11,
        color=YELLOW,
        markeredgecolor=BLACK,
        markeredgewidth=1.2,
        linestyle="none",
        zorder=12,
    )


def _draw_bodies(
    axes: Axes, footprint: Footprint, poses: Sequence[Pose], colour: str, opacity: float
) -> None:
    """Draw outlines; an opacity of 1.0 makes them stand out, of 0.0 leaves them hollow."""
    bodies: list[Floats] = [
        placed(outline, pose) for pose in poses for outline in outlines_of(footprint)
    ]
    stands_out = opacity == 1.0
    axes.add_collection(
        PolyCollection(
            bodies,
            facecolors=(colour, opacity) if opacity > 0.0 else "none",
            edgecolors=BLACK if stands_out else colour,
            linewidths=0.8 if stands_out else 0.5,
            zorder=7 if stands_out else 6.5,
        ),
        autolim=False,
    )
