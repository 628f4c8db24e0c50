"""A scene drawn as a map: to scale, the legend outside, a close-up of the first violation.

The side grows with the legend: the close-up stands below it, whatever the map's height is.
"""

import io
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lunaredge.cli.route import layers
from lunaredge.cli.route.labels import Label, put_labels
from lunaredge.cli.route.legend import Found, legend_of, lines_of
from lunaredge.cli.route.legs import driven_at
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.paths.zones import Zone
from lunaredge.runtime.files.route_output import write_whole
from lunaredge.runtime.files.route_scene import SceneFile

DOTS_PER_INCH = 150
# The map's width, and what stands around it.
MAP_INCHES = 7.4
LEFT_INCHES, BOTTOM_INCHES, TOP_INCHES, SIDE_INCHES = 0.75, 0.6, 0.45, 3.1
CLOSE_UP_INCHES = 2.5
# Of the legend: a line, and what is kept clear below it.
LINE_INCHES, GAP_INCHES = 0.165, 0.4
# Height of the map as a share of its width.
SHAPE_MIN, SHAPE_MAX = 0.7, 1.5
# Around everything drawn, as a share of its size; and at least, in metres.
FRAME_RATIO, FRAME_M_MIN = 0.03, 2.0
# What the close-up shows on each side of the violation, in reaches of the machine.
CLOSE_UP_REACHES = 4.0

# A number beside a cross, in its own widths and heights.
_BESIDE_MARK = ((1.9, 0.6), (-1.9, 0.6), (1.9, -0.6), (-1.9, -0.6), (0.0, 1.3), (0.0, -1.3))

Box = tuple[float, float, float, float]


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be drawn."""

    scene: SceneFile
    violations: tuple[Found, ...] = ()
    """What is against the routes, the earliest first."""
    closed: Flags | None = None
    """bool (H, W): cells of the grid that are closed at any heading."""
    closed_to: str = ""
    """To which machine."""
    at_s: float | None = None


def draw(drawing: Drawing, path: Path) -> None:
    """Draw a scene into a PNG file.

    Raises:
        ConfigError: the file can't be written; what was there stays.
    """
    box = _shaped(_box_of(drawing.scene))
    drawing = msgspec.structs.replace(drawing, scene=_scene_at(drawing.scene, drawing.at_s))
    map_height = MAP_INCHES * (box[3] - box[1]) / (box[2] - box[0])
    legend = _legend_of(drawing)
    width = LEFT_INCHES + MAP_INCHES + SIDE_INCHES
    height = BOTTOM_INCHES + max(map_height, _side_inches(drawing, legend)) + TOP_INCHES
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    # The canvas without a screen; a figure takes note of it by itself.
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (
            LEFT_INCHES / width,
            1.0 - (TOP_INCHES + map_height) / height,
            MAP_INCHES / width,
            map_height / height,
        )
    )
    _draw_map(axes, drawing)
    axes.set(xlim=box[::2], ylim=box[1::2], xlabel="x, m", ylabel="y, m")
    at = "" if drawing.at_s is None else f", at {drawing.at_s:g} s"
    axes.set_title(f"{drawing.scene.title}{at}", loc="left", fontsize=11)
    put_labels(axes, _labels_of(drawing), DOTS_PER_INCH)
    _draw_side(figure, axes, drawing, legend)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_whole(path, picture.getvalue())


def _scene_at(scene: SceneFile, at_s: float | None) -> SceneFile:
    """Give the scene with the zones and obstacles that are there at a time."""
    return msgspec.structs.replace(
        scene,
        zones=tuple(zone for zone in scene.zones if layers.counts_at(zone, at_s)),
        obstacles=tuple(thing for thing in scene.obstacles if layers.counts_at(thing, at_s)),
    )


def _draw_map(axes: Axes, drawing: Drawing) -> None:
    scene = drawing.scene
    axes.set_aspect("equal")
    if scene.grid is None:
        axes.grid(color="0.9", linewidth=0.5)
    else:
        layers.draw_ground(axes, scene.grid, drawing.closed)
    for zone in scene.zones:
        layers.draw_zone(axes, zone)
    if scene.boundary is not None:
        layers.draw_boundary(axes, scene.boundary)
    for obstacle in scene.obstacles:
        layers.draw_obstacle(axes, obstacle)
    at_s = drawing.at_s
    driven = frozenset() if at_s is None else driven_at(scene.routes, at_s)
    for trip in scene.reservations:
        layers.draw_trip(axes, trip, layers.THEIRS, is_filled=False)
        if at_s is not None:
            layers.draw_body(axes, trip, layers.THEIRS, at_s)
    for k, trip in enumerate(scene.routes):
        layers.draw_trip(axes, trip, layers.stroke_of(k), is_filled=at_s is None)
        if at_s is not None and trip.name in driven:
            layers.draw_body(axes, trip, layers.stroke_of(k), at_s)
    for request in scene.requests:
        layers.draw_request(axes, request)
    # The earliest on top.
    for found in reversed(drawing.violations):
        layers.draw_violation(axes, *found)


def _legend_of(drawing: Drawing) -> list[Any]:
    has_veil = drawing.closed is not None and bool(drawing.closed.any())
    return legend_of(drawing.scene, drawing.violations, drawing.closed_to if has_veil else "")


def _side_inches(drawing: Drawing, legend: list[Any]) -> float:
    """Give the height that the legend and the close-up take."""
    close_up = GAP_INCHES + CLOSE_UP_INCHES if drawing.violations else 0.0
    return LINE_INCHES * lines_of(legend) + close_up


def _draw_side(figure: Figure, axes: Axes, drawing: Drawing, legend: list[Any]) -> None:
    """Put the legend beside the map, and the close-up at the foot of the side."""
    box = axes.get_position()
    width, height = figure.get_size_inches()
    left = box.x1 + 0.25 / width
    figure.legend(
        handles=legend,
        loc="upper left",
        bbox_to_anchor=(left, box.y1),
        borderaxespad=0.0,
        fontsize=8,
        frameon=False,
    )
    if not drawing.violations:
        return
    trip, violation = drawing.violations[0]
    size = CLOSE_UP_INCHES / width, CLOSE_UP_INCHES / height
    close_up = figure.add_axes((left, BOTTOM_INCHES / height, *size))
    _draw_map(close_up, drawing)
    reach_m = CLOSE_UP_REACHES * trip.machine.footprint.reach_m
    x_m, y_m, _ = violation.pose
    close_up.set(xlim=(x_m - reach_m, x_m + reach_m), ylim=(y_m - reach_m, y_m + reach_m))
    close_up.set(xticks=[], yticks=[])
    close_up.set_title(f"first violation, {2 * reach_m:.3g} m across", loc="left", fontsize=8)


def _labels_of(drawing: Drawing) -> list[Label]:
    """Give the names on the map, those that matter most first."""
    scene, at_s = drawing.scene, drawing.at_s
    beside = ((0.6, 1.1), (0.6, -1.1), (-0.6, 1.1), (-0.6, -1.1), (0.0, 2.0), (0.0, -2.0))
    labels = [
        Label(text=str(number), places=(found.pose[:2],), offsets=_BESIDE_MARK, size=7.5)
        for number, (_, found) in enumerate(drawing.violations, start=1)
    ]
    absent = set[str]()
    if at_s is not None:
        absent = {trip.name for trip in scene.routes} - driven_at(scene.routes, at_s)
    colours = [layers.stroke_of(k).colour for k in range(len(scene.routes))]
    colours += [layers.OTHERS] * len(scene.reservations)
    for trip, colour in zip((*scene.routes, *scene.reservations), colours, strict=True):
        knots = trip.route.knots
        here = trip.route.pose_at(at_s if at_s is not None else math.inf)
        middle = (float(knots[len(knots) // 2, 1]), float(knots[len(knots) // 2, 2]))
        places = ((here.x_m, here.y_m), middle)[at_s is not None and trip.name in absent :]
        labels.append(Label(text=trip.name, places=places, offsets=beside, colour=colour, size=7.5))
    for request in scene.requests:
        goal = (request.goal.x_m, request.goal.y_m)
        text = f"to: {request.name}"
        labels.append(Label(text=text, places=(goal,), offsets=beside))
    for obstacle in scene.obstacles:
        middle = tuple(np.mean(obstacle.polygon, axis=0).tolist())
        offsets = ((0.0, 0.0), *beside)
        labels.append(Label(text=obstacle.name, places=(middle,), offsets=offsets))
    zones = sorted(scene.zones, key=_extent_m, reverse=True)
    return labels + [_zone_label(zone) for zone in zones]


def _zone_label(zone: Zone) -> Label:
    """Name a zone in its middle, or at its upper or lower edge."""
    low, high = np.min(zone.polygon, axis=0), np.max(zone.polygon, axis=0)
    middle = np.mean(zone.polygon, axis=0)
    text = zone.name
    if zone.speed_m_s_max is not None:
        text += f", {zone.speed_m_s_max:g} m/s"
    if layers.is_timed(zone):
        text += f"\n{_time(zone.from_s)} to {_time(zone.until_s)} s"
    places = tuple((float(middle[0]), float(y_m)) for y_m in (middle[1], high[1], low[1]))
    return Label(text=text, places=places, offsets=((0.0, 0.0), (0.0, -0.7), (0.0, 0.7)))


def _extent_m(zone: Zone) -> float:
    return float(np.ptp(zone.polygon, axis=0).max())


def _time(time_s: float) -> str:
    return f"{time_s:g}" if math.isfinite(time_s) else "ever"


def _box_of(scene: SceneFile) -> Box:
    """Give what the map shows: all that stands, bars or drives; x and y, low and high."""
    polygons = [zone.polygon for zone in scene.zones]
    polygons += [obstacle.polygon for obstacle in scene.obstacles]
    polygons += [scene.boundary] if scene.boundary else []
    points: list[Floats] = [np.array(polygon) for polygon in polygons]
    for trip in (*scene.routes, *scene.reservations):
        reach_m = trip.machine.footprint.reach_m
        places = trip.route.knots[:, 1:3]
        points += [places - reach_m, places + reach_m]
    points += [np.array((request.start[:2], request.goal[:2])) for request in scene.requests]
    if not points and scene.grid is not None:
        x_m, y_m, cell_m = map(float, scene.grid.frame)
        rows, columns = scene.grid.shape
        points.append(np.array(((x_m, y_m), (x_m + columns * cell_m, y_m + rows * cell_m))))
    drawn = np.vstack(points) if points else np.zeros((1, 2))
    low, high = drawn.min(axis=0), drawn.max(axis=0)
    frame_m = max(FRAME_M_MIN, FRAME_RATIO * float((high - low).max()))
    (left, bottom), (right, top) = (low - frame_m).tolist(), (high + frame_m).tolist()
    return left, bottom, right, top


def _shaped(box: Box) -> Box:
    """Give a box no flatter and no narrower than a page holds, by showing more around it."""
    left, bottom, right, top = box
    more_y_m = max(0.0, SHAPE_MIN * (right - left) - (top - bottom)) / 2
    more_x_m = max(0.0, (top - bottom) / SHAPE_MAX - (right - left)) / 2
    return left - more_x_m, bottom - more_y_m, right + more_x_m, top + more_y_m
