"""A simulated site drawn as a map: where every machine is, and which ground each may still use.

Corridors are those that an outsider knows from the wire: granted, and not given back. Each machine
has a colour, and a hatch and a line of its own, so that a print in grey reads too. Ground that two
may use is filled, with a close-up of where it is.
"""

import io
import math
import textwrap
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon

from lunaredge.cli.route import layers
from lunaredge.cli.route.labels import Label, put_labels
from lunaredge.ids import AuthorityId, NodeId
from lunaredge.kernels.jit import Floats
from lunaredge.model.fleet import MachineSpec
from lunaredge.model.site import Point, Site
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.zones import Zone
from lunaredge.runtime.files.route_output import write_whole
from lunaredge.sim.run import Outcome, Run

DOTS_PER_INCH = 150
MAP_INCHES, SIDE_INCHES = 7.4, 3.1
LEFT_INCHES, BOTTOM_INCHES, TOP_INCHES, GAP_INCHES = 0.75, 0.6, 0.75, 0.25
LINE_INCHES = 0.165
CLOSE_UP_INCHES = 2.6
# The close-up shows so much around what two may use, and at least so much in all; metres.
CLOSE_UP_FRAME_M, CLOSE_UP_M_MIN = 3.0, 12.0
# Around the site, as a share of its size.
FRAME_RATIO = 0.03
# Corridors are told from one another on so many points along the map's longer side.
MESH_POINTS = 700
MESH_POINTS_CLOSE = 300
# What finds room on a line over the map and what stands beside it.
VERDICT_LETTERS = 150

HATCHES = ("///", "\\\\\\", "...", "xxx", "|||", "---", "ooo", "+++")
SHARED_HATCH = "////"
LINES: tuple[Any, ...] = ("-", "--", "-.", ":")

Box = tuple[float, float, float, float]


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Where a machine really is."""

    machine: NodeId
    x_m: float
    y_m: float
    heading_rad: float
    spec: MachineSpec


class Corridor(msgspec.Struct, frozen=True, kw_only=True):
    """Ground that a machine may still use: all within half a width of its route."""

    machine: NodeId
    authority: AuthorityId
    route: tuple[Point, ...]
    half_width_m: float


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be drawn."""

    site: Site
    title: str
    verdict: str
    bodies: tuple[Body, ...]
    corridors: tuple[Corridor, ...]


def picture_of(run: Run, outcome: Outcome) -> Picture:
    """Give the picture of a run's site as it is now, at its end or at its violation."""
    specs = {node.name: node.machine for node in run.scenario.fleet.nodes if node.machine}
    world = run.sim.field.world
    world.advance(run.sim.timeline.now_ns)
    return Picture(
        site=run.scenario.site,
        title=f"{run.scenario.site.title}: seed {run.seed} after {outcome.virtual_s:.1f} s",
        verdict=outcome.failure or "no violation",
        bodies=tuple(
            Body(
                machine=truth.machine,
                x_m=truth.x_m,
                y_m=truth.y_m,
                heading_rad=truth.heading_rad,
                spec=specs[truth.machine],
            )
            for truth in world.truth()
        ),
        corridors=tuple(
            Corridor(
                machine=holding.machine,
                authority=holding.authority,
                route=tuple(holding.rest()),
                half_width_m=holding.half_width_m,
            )
            for holding in run.sim.jury.reuse.holdings()
        ),
    )


def draw(picture: Picture, path: Path) -> None:
    """Draw into a PNG file.

    Raises:
        ConfigError: the file can't be written; what was there stays.
    """
    box = _box_of(picture.site)
    shared = _shared_box(picture, box)
    map_inches = MAP_INCHES * (box[3] - box[1]) / (box[2] - box[0])
    legend = _legend_of(picture, has_shared=shared is not None)
    side_inches = LINE_INCHES * len(legend) + GAP_INCHES
    if shared is not None:
        side_inches += CLOSE_UP_INCHES + GAP_INCHES
    width = LEFT_INCHES + MAP_INCHES + SIDE_INCHES
    height = BOTTOM_INCHES + max(map_inches, side_inches) + TOP_INCHES
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    # The canvas without a screen; a figure takes note of it by itself.
    FigureCanvasAgg(figure)
    bottom = 1.0 - (TOP_INCHES + map_inches) / height
    axes = figure.add_axes((LEFT_INCHES / width, bottom, MAP_INCHES / width, map_inches / height))
    _draw_map(axes, picture, box, MESH_POINTS)
    axes.set(xlabel="x, m", ylabel="y, m")
    left, verdict = LEFT_INCHES / width, textwrap.shorten(picture.verdict, VERDICT_LETTERS)
    figure.text(left, 1.0 - 0.25 / height, picture.title, fontsize=11, va="center")
    figure.text(left, 1.0 - 0.5 / height, verdict, fontsize=8, va="center")
    put_labels(axes, _labels_of(picture), DOTS_PER_INCH)
    left = (LEFT_INCHES + MAP_INCHES + GAP_INCHES) / width
    top = 1.0 - TOP_INCHES / height
    figure.legend(
        handles=legend,
        loc="upper left",
        bbox_to_anchor=(left, top),
        borderaxespad=0.0,
        fontsize=8,
        frameon=False,
    )
    if shared is not None:
        size = CLOSE_UP_INCHES / width, CLOSE_UP_INCHES / height
        close_up = figure.add_axes((left, BOTTOM_INCHES / height, *size))
        _draw_map(close_up, picture, shared, MESH_POINTS_CLOSE)
        across_m = shared[2] - shared[0]
        close_up.set(xticks=[], yticks=[])
        close_up.set_title(f"used twice, {across_m:.3g} m across", loc="left", fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_whole(path, content.getvalue())


# --- layers -------------------------------------------------------------------------------------


def _draw_map(axes: Axes, picture: Picture, box: Box, points: int) -> None:
    axes.set_aspect("equal")
    layers.draw_ground(axes, SiteGrid.of_terrain(picture.site.terrain), None)
    for zone in picture.site.zones:
        layers.draw_zone(axes, Zone.of(zone))
    layers.draw_boundary(axes, picture.site.boundary)
    mesh = _mesh(box, points)
    ranks = {body.machine: k for k, body in enumerate(picture.bodies)}
    for corridor in picture.corridors:
        _draw_corridor(axes, corridor, mesh, ranks[corridor.machine])
    shared_m = _shared_m(picture, mesh)
    if shared_m.min() < 0.0:
        axes.contourf(
            *mesh,
            shared_m,
            levels=[-math.inf, 0.0],
            colors=[layers.YELLOW],
            hatches=[SHARED_HATCH],
            zorder=6.2,
        )
        axes.contour(*mesh, shared_m, levels=[0.0], colors=["black"], linewidths=1.6, zorder=6.3)
    for body in picture.bodies:
        _draw_body(axes, body, ranks[body.machine])
    axes.set(xlim=box[::2], ylim=box[1::2])


def _draw_corridor(axes: Axes, corridor: Corridor, mesh: tuple[Floats, Floats], rank: int) -> None:
    colour, line = _colour(rank), LINES[rank % len(LINES)]
    inside_m = _corridor_m(corridor, mesh)
    if inside_m.min() < 0.0:
        filled = axes.contourf(
            *mesh,
            inside_m,
            levels=[-math.inf, 0.0],
            colors=[(*_rgb(colour), 0.22)],
            hatches=[HATCHES[rank % len(HATCHES)]],
            zorder=4.0,
        )
        filled.set_edgecolor((*_rgb(colour), 0.55))
        filled.set_linewidth(0.0)
        axes.contour(
            *mesh,
            inside_m,
            levels=[0.0],
            colors=[colour],
            linestyles=[line],
            linewidths=1.2,
            zorder=5.0,
        )
    # Over the ground that two may use, where routes matter most.
    xs, ys = np.array(corridor.route).T
    axes.plot(xs, ys, color="white", linewidth=3.0, alpha=0.8, zorder=6.4)
    axes.plot(xs, ys, color=colour, linestyle=line, linewidth=1.6, zorder=6.5)
    axes.plot(xs[-1], ys[-1], "s", markersize=5, color="white", markeredgecolor=colour, zorder=6.6)


def _draw_body(axes: Axes, body: Body, rank: int) -> None:
    """Draw a machine to scale, its front black; a dot, since 2 m are a speck on a large site."""
    along, across = body.spec.length_m / 2, body.spec.width_m / 2
    outline = [(-along, -across), (along, -across), (along, across), (-along, across)]
    front = [(along, -across), (1.7 * along, 0.0), (along, across)]
    for shape, colour in ((outline, _colour(rank)), (front, layers.BLACK)):
        axes.add_patch(
            Polygon(
                _placed(shape, body),
                facecolor=colour,
                edgecolor=layers.BLACK,
                linewidth=0.9,
                zorder=7.0,
            )
        )
    axes.plot(body.x_m, body.y_m, "o", markersize=2.5, color="white", zorder=7.1)


def _labels_of(picture: Picture) -> list[Label]:
    beside = ((0.65, 1.2), (0.65, -1.2), (-0.65, 1.2), (-0.65, -1.2), (0.0, 2.0), (0.0, -2.0))
    labels = [
        Label(text=body.machine, places=((body.x_m, body.y_m),), offsets=beside, size=7.5)
        for body in picture.bodies
    ]
    labels += [
        Label(text=f"stop of {c.machine}", places=(c.route[-1],), offsets=beside)
        for c in picture.corridors
        if len(c.route) > 1
    ]
    for zone in picture.site.zones:
        x_m, y_m = np.mean(zone.polygon, axis=0).tolist()
        labels.append(Label(text=zone.name, places=((x_m, y_m),), offsets=((0.0, 0.0), *beside)))
    return labels


def _legend_of(picture: Picture, *, has_shared: bool) -> list[Any]:
    holding = {corridor.machine for corridor in picture.corridors}
    handles: list[Any] = []
    for rank, body in enumerate(picture.bodies):
        words = f"{body.machine}{'' if body.machine in holding else ' (no authority)'}"
        handles.append(
            Patch(
                facecolor=(*_rgb(_colour(rank)), 0.22),
                edgecolor=_colour(rank),
                hatch=HATCHES[rank % len(HATCHES)] if body.machine in holding else None,
                linestyle=LINES[rank % len(LINES)],
                label=words,
            )
        )
    if has_shared:
        handles.append(
            Patch(
                facecolor=layers.YELLOW, edgecolor="black", hatch=SHARED_HATCH, label="used by two"
            )
        )
    stop = Line2D([], [], linestyle="none", marker="s", color="white", markeredgecolor="black")
    stop.set_label("stop point of an authority")
    handles += [stop] if holding else []
    kinds = dict.fromkeys(zone.kind for zone in picture.site.zones)
    for kind in kinds:
        edge, hatch, line = layers.ZONE_STYLES[kind]
        words = f"{kind.value.replace('_', '-')} zone"
        handles.append(Patch(fill=False, edgecolor=edge, hatch=hatch, linestyle=line, label=words))
    return handles


# --- fields: metres to what is drawn, negative inside -------------------------------------------


def _corridor_m(corridor: Corridor, mesh: tuple[Floats, Floats]) -> Floats:
    """Give how far each point is from a corridor."""
    x_m, y_m = mesh
    route = corridor.route if len(corridor.route) > 1 else corridor.route * 2
    nearest_m = np.full(x_m.shape, np.inf)
    for (ax_m, ay_m), (bx_m, by_m) in pairwise(route):
        dx_m, dy_m = bx_m - ax_m, by_m - ay_m
        square_m2 = dx_m * dx_m + dy_m * dy_m
        ratio = ((x_m - ax_m) * dx_m + (y_m - ay_m) * dy_m) / (square_m2 or 1.0)
        ratio = np.clip(ratio, 0.0, 1.0)
        apart_m = np.hypot(x_m - ax_m - ratio * dx_m, y_m - ay_m - ratio * dy_m)
        np.minimum(nearest_m, apart_m, out=nearest_m)
    return nearest_m - corridor.half_width_m


def _body_m(body: Body, mesh: tuple[Floats, Floats]) -> Floats:
    """Give how far each point is from a body, by the farther of its two axes."""
    x_m, y_m = mesh[0] - body.x_m, mesh[1] - body.y_m
    cos, sin = math.cos(body.heading_rad), math.sin(body.heading_rad)
    along_m = np.abs(cos * x_m + sin * y_m) - body.spec.length_m / 2
    across_m = np.abs(cos * y_m - sin * x_m) - body.spec.width_m / 2
    return np.maximum(along_m, across_m)


def _shared_m(picture: Picture, mesh: tuple[Floats, Floats]) -> Floats:
    """Give how far each point is from ground that two machines may use or stand on."""
    fields: dict[NodeId, Floats] = {}
    for machine, field_m in _fields(picture, mesh):
        known_m = fields.get(machine)
        fields[machine] = field_m if known_m is None else np.minimum(known_m, field_m)
    shared_m = np.full(mesh[0].shape, np.inf)
    for one_m, other_m in combinations(fields.values(), 2):
        np.minimum(shared_m, np.maximum(one_m, other_m), out=shared_m)
    return shared_m


def _fields(picture: Picture, mesh: tuple[Floats, Floats]) -> Iterator[tuple[NodeId, Floats]]:
    for body in picture.bodies:
        yield body.machine, _body_m(body, mesh)
    for corridor in picture.corridors:
        yield corridor.machine, _corridor_m(corridor, mesh)


def _shared_box(picture: Picture, box: Box) -> Box | None:
    """Give a square about the ground that two may use, or None."""
    x_m, y_m = mesh = _mesh(box, MESH_POINTS)
    inside = _shared_m(picture, mesh) < 0.0
    if not inside.any():
        return None
    xs, ys = x_m[inside], y_m[inside]
    half_m = float(max(np.ptp(xs), np.ptp(ys))) / 2 + CLOSE_UP_FRAME_M
    half_m = max(half_m, CLOSE_UP_M_MIN / 2)
    middle_x_m, middle_y_m = float(xs.min() + xs.max()) / 2, float(ys.min() + ys.max()) / 2
    return middle_x_m - half_m, middle_y_m - half_m, middle_x_m + half_m, middle_y_m + half_m


def _mesh(box: Box, points: int) -> tuple[Floats, Floats]:
    step_m = max(box[2] - box[0], box[3] - box[1]) / points
    xs = np.arange(box[0], box[2] + step_m, step_m)
    ys = np.arange(box[1], box[3] + step_m, step_m)
    x_m, y_m = np.meshgrid(xs, ys)
    return x_m, y_m


def _box_of(site: Site) -> Box:
    corners = np.array(site.boundary)
    frame_m = FRAME_RATIO * float(np.ptp(corners, axis=0).max())
    left, bottom = (corners.min(axis=0) - frame_m).tolist()
    right, top = (corners.max(axis=0) + frame_m).tolist()
    return left, bottom, right, top


def _placed(shape: Sequence[Point], body: Body) -> list[Point]:
    cos, sin = math.cos(body.heading_rad), math.sin(body.heading_rad)
    return [(body.x_m + cos * x - sin * y, body.y_m + sin * x + cos * y) for x, y in shape]


def _colour(rank: int) -> str:
    return layers.ROUTE_COLOURS[rank % len(layers.ROUTE_COLOURS)]


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255.0 for i in (1, 3, 5))
    return red, green, blue
