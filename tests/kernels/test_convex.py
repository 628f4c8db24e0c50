"""Distance and depth of convex bodies against the hull of their differences."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.kernels import convex
from tests.kernels import naive_convex as naive

# Half metres on a small square: coincident edges, rods in line and shared corners come up often.
COORDINATES = st.one_of(
    st.integers(-6, 6).map(lambda half: half / 2.0), st.floats(-3.0, 3.0, width=32)
)
BODIES = (
    st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=7)
    .map(naive.hull_of)
    .filter(lambda hull: len(hull) < 3 or flatness(hull) > 1e-6)
)
ERROR_M = 1e-9


def flatness(hull):
    """Give the smallest turn: the corners of a needle are decided by rounding."""
    return min(naive.turn(hull[k - 2], hull[k - 1], hull[k]) for k in range(len(hull)))


def array_of(corners):
    return np.array(corners, np.float64)


def gap(a, b):
    return convex.gap(array_of(a), len(a), array_of(b), len(b))


def row_of(corners):
    row = np.zeros(convex.COLUMNS)
    row[convex.COUNT] = len(corners)
    row[convex.CORNERS : convex.CORNERS + 2 * len(corners)] = array_of(corners).ravel()
    return row


SQUARE = [(0.0, 0.0), (2.0, 0.0), (2.0, 2.0), (0.0, 2.0)]


@given(BODIES, BODIES)
def test_gap_is_the_distance_of_the_origin_to_the_hull_of_differences(a, b):
    apart, _, _ = gap(a, b)

    assert apart == pytest.approx(naive.gap(a, b), abs=ERROR_M)


@given(BODIES, BODIES)
def test_separation_along_the_axis_is_the_gap(a, b):
    apart, nx, ny = gap(a, b)

    separation = min(nx * x + ny * y for x, y in b) - max(nx * x + ny * y for x, y in a)
    assert math.hypot(nx, ny) == pytest.approx(1.0)
    assert separation == pytest.approx(apart, abs=3 * ERROR_M)


@given(BODIES, BODIES, st.floats(0.01, 1.0))
def test_moving_overlapping_bodies_by_the_depth_parts_them(a, b, more):
    depth, nx, ny = gap(a, b)
    way = max(0.0, -depth) + more

    parted, _, _ = gap(a, [(x + way * nx, y + way * ny) for x, y in b])

    assert parted == pytest.approx(max(0.0, depth) + more, abs=1e-6)


@given(BODIES, BODIES)
def test_gap_is_the_same_from_the_other_side(a, b):
    apart, _, _ = gap(a, b)

    assert gap(b, a)[0] == pytest.approx(apart, abs=ERROR_M)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([(2.0, 0.0), (4.0, 0.0), (4.0, 2.0), (2.0, 2.0)], 0.0),
        ([(3.0, 3.0), (4.0, 3.0), (4.0, 4.0)], math.sqrt(2.0)),
        ([(0.5, 0.5), (1.0, 0.5), (1.0, 1.5)], -1.0),
        ([(1.0, 1.0)], -1.0),
        ([(2.0, 2.0)], 0.0),
        ([(5.0, 6.0)], 5.0),
        ([(-1.0, 1.0), (3.0, 1.0)], -1.0),
        ([(2.0, -1.0), (2.0, 3.0)], 0.0),
        ([(-3.0, 0.0), (-1.0, 0.0)], 1.0),
        (SQUARE, -2.0),
    ],
    ids=[
        "edge on edge",
        "corner to corner",
        "inside",
        "point inside",
        "point on corner",
        "point outside",
        "rod through",
        "rod along an edge",
        "rod in line",
        "the same",
    ],
)
def test_special_positions_have_the_gap_that_a_drawing_shows(other, expected):
    assert gap(SQUARE, other)[0] == pytest.approx(expected, abs=1e-12)


def test_rods_in_one_line_are_apart_by_the_way_between_their_ends():
    apart, nx, ny = gap([(0.0, 0.0), (1.0, 1.0)], [(4.0, 4.0), (2.0, 2.0)])

    assert (apart, nx, ny) == pytest.approx((math.sqrt(2.0), math.sqrt(0.5), math.sqrt(0.5)))


def test_coincident_points_are_in_contact():
    assert gap([(1.0, 2.0)], [(1.0, 2.0)])[0] == 0.0


@given(BODIES, st.floats(-4.0, 4.0), st.floats(-4.0, 4.0))
def test_distance_of_a_point_is_its_gap_but_never_negative(a, x, y):
    away = convex.distance(x, y, array_of(a), len(a))

    assert away == pytest.approx(max(0.0, naive.gap(a, [(x, y)])), abs=ERROR_M)


@given(BODIES, st.floats(-10.0, 10.0))
def test_placing_turns_and_then_moves(a, heading):
    out = np.full((convex.CORNERS_MAX, 2), np.nan)

    count = convex.place(row_of(a), 3.0, -2.0, *convex.turned(heading), out)

    assert count == len(a)
    assert out[:count] == pytest.approx(array_of(naive.placed(a, 3.0, -2.0, heading)))
    assert np.isnan(out[count:]).all()


@given(st.floats(-1e6, 1e6) | st.integers(-600, 600).map(lambda eighth: eighth * math.pi / 4))
def test_cosine_and_sine_are_right_to_the_last_digits(heading):
    cos, sin = convex.turned(heading)

    assert cos == pytest.approx(math.cos(heading), abs=1e-15)
    assert sin == pytest.approx(math.sin(heading), abs=1e-15)
