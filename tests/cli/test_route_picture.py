import itertools
import math

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure
from shapely import Point, Polygon

from lunaredge.cli.route import layers
from lunaredge.cli.route.labels import Label, put_labels
from lunaredge.cli.route.layers import THEIRS, stroke_of
from lunaredge.cli.route.legend import legend_of
from lunaredge.cli.route.legs import driven_at
from lunaredge.cli.route.outline import outlines_of, placed, poses_along
from lunaredge.cli.route.picture import Drawing, draw
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.verdict import Kind, Violation
from lunaredge.runtime.files.route_scene import load_scene
from tests.runtime.files.scenes import write_yaml


@pytest.mark.parametrize(
    ("corners", "margin_m"),
    [
        (((0, 0),), 1.5),
        (((-1, 0), (2, 0)), 0.5),
        (((-1, -1), (3, -1), (3, 1), (-1, 1)), 0.0),
        (((-1, -1), (3, -1), (3, 1), (-1, 1)), 0.4),
        (((3, -1), (-1, -1), (-1, 1)), 0.4),
    ],
)
def test_an_outline_is_the_part_grown_by_its_margin(corners, margin_m):
    footprint = Footprint(Part(corners=corners, margin_m=margin_m))

    (outline,) = outlines_of(footprint)

    drawn = Polygon(outline)
    shape = Polygon(corners) if len(corners) > 2 else Point(0, 0)
    if len(corners) == 2:
        shape = Polygon([*corners, corners[0]])
    true = shape.buffer(margin_m, quad_segs=64)
    assert drawn.is_valid
    assert drawn.symmetric_difference(true).area < 0.02 * true.area


def test_an_outline_is_placed_by_turning_it_first():
    placed_at = placed(np.array(((1.0, 0.0),)), Pose(5.0, 6.0, math.pi / 2))

    np.testing.assert_allclose(placed_at, ((5.0, 7.0),), atol=1e-12)


def test_poses_along_a_route_are_evenly_spaced_and_hold_its_ends():
    route = Route([(0, 0, 0, 0), (100, 3, 0, 0), (101, 9, 0, 0)])

    poses = poses_along(route, 2.0, 100)

    assert [pose.x_m for pose in poses] == pytest.approx([0, 1.8, 3.6, 5.4, 7.2, 9])


def test_a_standing_machine_and_a_turn_on_the_spot_have_poses_too():
    assert len(poses_along(Route([(0, 4, 5, 0)]), 2.0, 100)) == 2
    turn = poses_along(Route([(0, 4, 5, 0), (9, 4, 5, 3)]), 2.0, 100)
    assert [pose.heading_rad for pose in turn] == pytest.approx([0, 1, 2, 3])


def test_no_label_stands_over_another():
    figure = Figure(figsize=(4, 3), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    axes.set(xlim=(0, 100), ylim=(0, 100))
    labels = [Label(text=f"machine {k}", places=((k * 2.0, 50.0),)) for k in range(40)]

    put_labels(axes, labels, figure.dpi)

    boxes = [text.get_window_extent() for text in axes.texts]
    assert 1 < len(boxes) < 40
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))


def test_routes_look_different_for_as_long_as_strokes_last():
    strokes = [stroke_of(k) for k in range(33)]

    assert len({(stroke.colour, stroke.line) for stroke in strokes}) == 33
    assert all(stroke.line != THEIRS.line for stroke in strokes)
    assert stroke_of(33) == stroke_of(0)


@pytest.mark.parametrize("count", [1, 3, 12, 40])
def test_the_legend_ends_above_the_close_up(tmp_path, monkeypatch, count):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    scene = load_scene(write_yaml(tmp_path))
    across = scene.routes[1]
    name = "-".join(["haul"] * 7)
    routes = tuple(msgspec.structs.replace(across, name=f"{name}-{k}") for k in range(count))
    met = Violation(kind=Kind.OBSTACLE, party="rock", segment=0, time_s=5.0, pose=Pose(9, 16, 0))
    violations = tuple((trip, met) for trip in routes)
    scene = msgspec.structs.replace(scene, routes=routes)

    draw(Drawing(scene=scene, violations=violations), tmp_path / "scene.png")

    (figure,) = figures
    box = figure.legends[0].get_window_extent()
    _, close_up = figure.axes
    assert box.y0 > close_up.title.get_window_extent().y1
    assert box.x1 < figure.bbox.x1
    assert close_up.get_window_extent().y0 > 0


def test_what_is_against_each_route_is_marked_and_told(tmp_path):
    scene = load_scene(write_yaml(tmp_path))
    met = Violation(kind=Kind.OBSTACLE, party="rock", segment=0, time_s=5.0, pose=Pose(9, 16, 0))

    legend = legend_of(scene, [(trip, met) for trip in scene.routes], "")

    told = [handle.get_label().replace("\n", " ") for handle in legend[-2:]]
    assert told == [
        "1: north: obstacle rock at 5.00 s, (9.00, 16.00)",
        "2: across: obstacle rock at 5.00 s, (9.00, 16.00)",
    ]


THREE_LEGS = """\
  - {name: third, machine: rover, knots: [[200, 10, 12, 90], [240, 10, 30, 90]]}
  - {name: first, machine: rover, knots: [[10, 10, 12, 90], [60, 10, 30, 90]]}
  - {name: second, machine: rover, knots: [[90, 10, 30, 90], [150, 10, 12, 90]]}
"""


@pytest.mark.parametrize(
    ("at_s", "leg"),
    [
        (-5, "first"),
        (10, "first"),
        (75, "first"),
        (90, "second"),
        (199, "second"),
        (200, "third"),
        (999, "third"),
    ],
)
def test_a_machine_with_legs_is_drawn_once_where_it_is(tmp_path, monkeypatch, at_s, leg):
    path = write_yaml(tmp_path)
    text = path.read_text()
    routes = f"{THREE_LEGS}  - {{name: across, machine: truck, knots: [[0, 5, 16, 0]]}}\n"
    path.write_text(
        text[: text.index("routes:") + 8] + routes + text[text.index("reservations:") :]
    )
    drawn = []
    monkeypatch.setattr(layers, "draw_body", lambda _, trip, *more: drawn.append(trip.name))

    draw(Drawing(scene=load_scene(path), at_s=at_s), tmp_path / "at.png")

    assert drawn == ["parked", "busy", leg, "across"]


def test_routes_at_the_same_time_are_alternatives_and_all_drawn(tmp_path):
    north, _ = load_scene(write_yaml(tmp_path)).routes
    early = Route([(0, 10, 12, 0), (40, 20, 12, 0)])
    other = msgspec.structs.replace(north, name="other", route=early)
    later = msgspec.structs.replace(north, name="later", route=Route([(900, 10, 12, 0)]))

    assert driven_at([north, other, later], 15.0) == {"north", "other"}


def test_the_same_scene_is_drawn_alike_twice(tmp_path):
    drawing = Drawing(scene=load_scene(write_yaml(tmp_path)))

    draw(drawing, tmp_path / "one.png")
    draw(drawing, tmp_path / "two.png")

    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
