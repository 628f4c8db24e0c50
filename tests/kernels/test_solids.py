"""The clearance is never too large, and coming and going leaves no trace."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels import convex, solidfaces, solids
from lunaredge.kernels.solidfaces import FACE_COLUMNS
from lunaredge.paths.solids import Solid, Solids
from tests.kernels import naive_convex as naive
from tests.kernels.test_convex import BODIES

PLACES = st.tuples(st.floats(-40.0, 40.0), st.floats(-40.0, 40.0))
MARGINS = st.sampled_from([0.0, 0.5, 2.0])
STANDING = st.builds(
    lambda corners, place, margin: Solid(
        corners=tuple((x + place[0], y + place[1]) for x, y in corners), margin_m=margin
    ),
    BODIES,
    PLACES,
    MARGINS,
)
SETS = st.lists(STANDING, min_size=1, max_size=8)


def clearance_at(index, x, y):
    _, _, frame, clear, _ = index
    column = math.floor((x - frame[solidfaces.FRAME_X]) / frame[solidfaces.CELL])
    row = math.floor((y - frame[solidfaces.FRAME_Y]) / frame[solidfaces.CELL])
    inside = 0 <= row < clear.shape[0] and 0 <= column < clear.shape[1]
    return (clear[row, column] if inside else solidfaces.CLEAR_MAX) * frame[solidfaces.QUANTUM]


def listed(index):
    """Give the solids that each tile lists."""
    _, _, frame, _, lists = index
    found = []
    for tile in range(int(frame[solidfaces.TILE_ROWS] * frame[solidfaces.TILE_COLUMNS])):
        block, here = solids.HEADS + solids.BLOCK * tile, []
        while block != solids.NO_ENTRY:
            here += lists[block : block + solids.NEXT].tolist()
            block = lists[block + solids.NEXT]
        bodies = [solid for solid in here if solid != solids.NO_ENTRY]
        assert here[: len(bodies)] == bodies
        assert len(set(bodies)) == len(bodies)
        found.append(set(bodies))
    return found


@settings(max_examples=50)
@given(SETS, st.lists(PLACES, min_size=20, max_size=20))
def test_nothing_is_nearer_than_the_clearance(bodies, places):
    index = Solids(bodies).arrays

    for x, y in places:
        nearest = min(naive.gap([(x, y)], body.corners) - body.margin_m for body in bodies)
        assert clearance_at(index, x, y) <= max(0.0, nearest) + 1e-9


@settings(max_examples=50)
@given(SETS)
def test_the_clearance_wastes_little_more_than_a_cell(bodies):
    index = Solids(bodies).arrays
    x, y = bodies[0].corners[0]
    places = np.array((x, y)) + np.linspace(0.0, 4.5, 10)[:, None]

    for px, py in places.tolist():
        nearest = min(naive.gap([(px, py)], body.corners) - body.margin_m for body in bodies)
        assert clearance_at(index, px, py) >= nearest - 2.0 * index[2][solidfaces.CELL]


@settings(max_examples=30)
@given(SETS, STANDING)
def test_coming_and_going_leaves_no_trace(bodies, other):
    index = Solids(bodies).arrays
    spare = len(bodies)
    x, y = bodies[0].corners[0]
    near = tuple((x + px / 9.0, y + py / 9.0) for px, py in other.corners)
    clear, tiles = index[3].copy(), listed(index)
    index[0][spare] = Solids([Solid(corners=near)]).arrays[0][0]

    solids.add(index, spare)
    entered = listed(index)
    solids.remove(index, spare, np.empty(len(index[0]), np.int32))

    assert any(spare in here for here in entered)
    assert (index[3] == clear).all()
    assert listed(index) == tiles


@settings(max_examples=30)
@given(SETS, PLACES, st.floats(0.0, 20.0))
def test_what_meets_a_box_is_gathered_once(bodies, corner, size):
    index = Solids(bodies).arrays
    box = (*corner, corner[0] + size, corner[1] + size)
    out = np.empty(len(index[0]), np.int32)

    found = out[: solids.gather(index, box, out)].tolist()

    ring = [(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]
    meeting = {k for k, b in enumerate(bodies) if naive.gap(ring, b.corners) <= b.margin_m}
    assert len(found) == len(set(found))
    assert meeting <= set(found)


def test_full_lists_are_told_and_left_alone():
    index = Solids([Solid(corners=((0.0, 0.0),))]).arrays
    rows, faces, frame, clear, lists = index
    rows[1] = rows[0]
    full = rows, faces, frame, clear, lists[: lists[solids.END]].copy()
    before = full[4].copy()

    assert not solids.add(full, 1)
    assert (full[4] == before).all()


def test_the_border_holds_the_largest_clearance():
    bodies = [Solid(corners=((0.0, 0.0), (9.0, 4.0))), Solid(corners=((30.0, -5.0),), margin_m=2.0)]

    clear = Solids(bodies).arrays[3]

    border = np.concatenate((clear[0], clear[-1], clear[:, 0], clear[:, -1]))
    assert (border == solidfaces.CLEAR_MAX).all()


@given(BODIES, st.floats(-9.0, 9.0), st.floats(-9.0, 9.0))
def test_faces_tell_how_far_a_place_is_beyond_them(corners, x, y):
    row, faces = Solids([Solid(corners=tuple(corners))]).arrays[0][0], np.zeros((1, FACE_COLUMNS))
    held = row[convex.CORNERS : convex.CORNERS + 2 * len(corners)].reshape(-1, 2)

    solidfaces.write_faces(row, faces[0])
    room, face = solidfaces.farthest_face(faces, 0, x, y)

    columns = solidfaces.NORMAL_X, solidfaces.NORMAL_Y, solidfaces.OFFSET
    nx, ny, offset = (faces[0, face + column] for column in columns)
    assert math.hypot(nx, ny) == pytest.approx(1.0)
    assert room == pytest.approx(nx * x + ny * y - offset)
    assert (held @ (nx, ny) <= offset).all()
    assert room <= naive.gap([(x, y)], held.tolist())
    if len(corners) > 2 and room > 0.0:
        assert naive.gap([(x, y)], held.tolist()) > 0.0


@given(BODIES, st.floats(-10.0, 10.0))
def test_support_is_the_foremost_corner(corners, angle):
    _, faces, *_ = Solids([Solid(corners=tuple(corners))]).arrays
    nx, ny = math.cos(angle), math.sin(angle)

    reach = solidfaces.support(faces, 0, nx, ny)

    x, y = faces[0, solidfaces.FACE_X], faces[0, solidfaces.FACE_Y]
    assert reach == pytest.approx(max(nx * (px - x) + ny * (py - y) for px, py in corners))
