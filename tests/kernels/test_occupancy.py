"""What lies under a convex body, row by row, against shapely; and hulls of moving bodies."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from lunaredge.kernels import occupancy, occupancy_sweep
from lunaredge.kernels.convex import CORNERS, COUNT, MARGIN
from lunaredge.paths import Footprint
from lunaredge.paths.occupancy import Occupancy

# Halves come up as corners and edges on the borders of cells.
COORDINATES = st.one_of(
    st.integers(-4, 24).map(lambda half: half / 2.0),
    st.integers(-200, 1200).map(lambda hundredth: hundredth / 100.0),
)
POINTS = st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=8)
MARGINS = st.sampled_from([0.0, 0.0, 0.5, 1.25])
ROWS, COLUMNS = 9, 70
TIE = 1e-9
# What it makes of an edge that is almost level.
ROUNDING = 1e-6


def body_of(corners, margin=0.0):
    hull = shapely.MultiPoint(corners).convex_hull
    if isinstance(hull, shapely.Polygon):
        hull = shapely.geometry.polygon.orient(hull).exterior
        points = list(hull.coords)[:-1]
    else:
        points = list(hull.coords)
    body = np.zeros(CORNERS + 2 * len(points))
    body[COUNT], body[MARGIN] = len(points), margin
    body[CORNERS:] = np.ravel(points)
    return body, shapely.MultiPoint(points).convex_hull


def prepared(closed, *, is_beyond_closed=False):
    return Occupancy(closed, (0.0, 0.0, 1.0), is_beyond_closed=is_beyond_closed).cells


@given(POINTS, MARGINS, st.integers(0, 2**32 - 1))
def test_the_first_closed_cell_under_a_body_is_that_of_shapely(corners, margin, seed):
    closed = np.random.default_rng(seed).random((ROWS, COLUMNS)) < 0.2
    body, shape = body_of(corners, margin)
    bits, _, grid = prepared(closed)

    found = occupancy.first_closed(bits, grid, body, TIE, np.empty((ROWS, 2)))

    cells = np.argwhere(closed)
    squares = shapely.box(cells[:, 1], cells[:, 0], cells[:, 1] + 1, cells[:, 0] + 1)
    gaps = shapely.distance(squares, shape) - margin
    under = [row * COLUMNS + column for row, column in cells[gaps <= TIE].tolist()]
    near = [row * COLUMNS + column for row, column in cells[gaps <= 4 * TIE].tolist()]
    assert found in ([min(under, default=-1)] if under == near else [*near, -1])


@given(POINTS, MARGINS)
def test_a_body_that_touches_the_border_is_beyond_a_grid_that_ends_closed(corners, margin):
    body, shape = body_of(corners, margin)
    bits, _, grid = prepared(np.zeros((12, 12), np.bool_), is_beyond_closed=True)

    found = occupancy.first_closed(bits, grid, body, TIE, np.empty((12, 2)))

    left, low, right, high = shape.bounds
    room = min(left, low, 12.0 - right, 12.0 - high) - margin
    assume(abs(room - TIE) > TIE / 2)
    assert found == (occupancy.BEYOND if room <= TIE else occupancy.NONE)


@given(POINTS, MARGINS)
def test_spans_are_the_extent_of_what_is_in_each_row(corners, margin):
    body, shape = body_of(corners, margin)
    rows = (-4, 14)
    spans = np.empty((19, 2))

    occupancy.spread(spans, rows, body, TIE)

    grown = shape.buffer(margin, quad_segs=256) if margin else shape
    for row, (left, right) in zip(range(-4, 15), spans, strict=True):
        inside = shapely.intersection(grown, shapely.box(-99.0, row - TIE, 99.0, row + 1 + TIE))
        if not inside.is_empty:
            # Their circle is a polygon inside ours: a little short at the row's border.
            assert left <= inside.bounds[0] + ROUNDING
            assert right >= inside.bounds[2] - ROUNDING
            assert left == pytest.approx(inside.bounds[0], abs=0.02 if margin else ROUNDING)
            assert right == pytest.approx(inside.bounds[2], abs=0.02 if margin else ROUNDING)


@given(st.integers(0, 69), st.integers(0, 69), st.integers(0, 2**70 - 1))
def test_first_bits_are_found_across_words(first, last, pattern):
    assume(first <= last)
    closed = np.array([[bool(pattern >> column & 1) for column in range(COLUMNS)]])

    found = occupancy.first_bit(prepared(closed)[0], 0, first, last)

    expected = [column for column in range(first, last + 1) if closed[0, column]]
    assert found == min(expected, default=-1)


@given(POINTS)
def test_hulls_are_those_of_shapely(corners):
    points = np.zeros(CORNERS + 2 * len(corners))
    points[CORNERS:] = np.ravel(corners)
    body = np.zeros(CORNERS + 8 * len(corners))

    occupancy_sweep._hull(points, len(corners), body)

    found = body[CORNERS : CORNERS + 2 * int(body[COUNT])].reshape(-1, 2)
    expected = shapely.MultiPoint(corners).convex_hull
    assert shapely.MultiPoint(found).convex_hull.hausdorff_distance(expected) < TIE
    assert len(found) < 3 or shapely.LinearRing(found).is_ccw


@pytest.mark.parametrize(
    "pose", [(math.nan, 1.0, 0.0), (1.0, math.inf, 0.0), (1.0, 1.0, math.nan), (1.0, 3e7, 0.0)]
)
def test_a_pose_that_is_none_is_told_of(pose):
    cells = Occupancy(np.zeros((4, 4), np.bool_), (0.0, 0.0, 1.0))
    poses = np.array([(1.0, 1.0, 0.0), pose])

    is_right = occupancy.check_poses(
        np.empty(2, np.bool_), poses, cells.cells, cells.outline(Footprint.disc(0.5))
    )

    assert not is_right
