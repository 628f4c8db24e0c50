"""Corridors against exact fractions and against shapely, with ties and lines of no length."""

import math
from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lunaredge.kernels import corridors
from lunaredge.kernels.gridpath import MOVES
from tests.kernels import naive

# Half metres on a small square: crossings, touches and collinear overlaps come up all the time.
COORDINATES = st.one_of(
    st.integers(-10, 10).map(lambda half: half / 2.0), st.floats(-5.0, 5.0, width=32)
)
POINTS = st.tuples(COORDINATES, COORDINATES)
CHAINS = st.lists(POINTS, min_size=1, max_size=4)
RADII = st.floats(0.0, 3.0, width=16)
# Closer than this to the limit, rounding may decide either way.
TIE_M = 1e-9

# Concave, with a notch from above.
NOTCHED = [(0.0, 0.0), (8.0, 0.0), (8.0, 6.0), (4.0, 2.0), (0.0, 6.0)]


def array_of(points):
    return np.array(points, np.float64).reshape(-1, 2)


def set_of(*lines):
    starts = np.cumsum([0, *map(len, lines)], dtype=np.int64)
    return array_of([point for line in lines for point in line]), starts


def line_of(points):
    return shapely.Point(points[0]) if len(points) == 1 else shapely.LineString(points)


def is_tie(least_m2: Fraction, radius_m: float) -> bool:
    return abs(math.sqrt(least_m2) - radius_m) < TIE_M


@given(CHAINS, CHAINS)
def test_distance_is_exact(source, target):
    distance_m = corridors.chain_distance_m(array_of(source), array_of(target))

    least_m2 = naive.least_m2(naive.segments_of(source), naive.segments_of(target))
    assert distance_m == pytest.approx(math.sqrt(least_m2), abs=TIE_M)


@given(CHAINS, CHAINS)
def test_distance_equals_shapely(source, target):
    distance_m = corridors.chain_distance_m(array_of(source), array_of(target))

    assert distance_m == pytest.approx(line_of(source).distance(line_of(target)), abs=TIE_M)


@given(CHAINS, CHAINS)
def test_distance_is_the_same_both_ways(source, target):
    there_m = corridors.chain_distance_m(array_of(source), array_of(target))
    back_m = corridors.chain_distance_m(array_of(target), array_of(source))

    assert there_m == pytest.approx(back_m, abs=1e-12)


@given(CHAINS, st.lists(st.tuples(CHAINS, RADII), max_size=3), RADII)
def test_first_conflict_is_the_earliest_segment_and_then_the_lowest_chain(path, claims, radius_m):
    expected = (-1, -1)
    for s, segment in reversed(list(enumerate(naive.segments_of(path)))):
        for c, (chain, width_m) in reversed(list(enumerate(claims))):
            least_m2 = naive.least_m2([segment], naive.segments_of(chain))
            assume(not is_tie(least_m2, radius_m + width_m))
            if least_m2 <= Fraction(radius_m + width_m) ** 2:
                expected = (s, c)

    points, starts = set_of(*(chain for chain, _ in claims))
    widths_m = np.array([width_m for _, width_m in claims], np.float64)
    found = corridors.first_conflict(array_of(path), radius_m, points, starts, widths_m)

    assert found[:2] == expected


def test_bodies_that_touch_meet():
    points, starts = set_of([(5.0, 0.0)])
    path = array_of([(0.0, 0.0), (0.0, 4.0)])

    touching = corridors.first_conflict(path, 2.0, points, starts, np.array([3.0]))
    apart = corridors.first_conflict(path, 2.0, points, starts, np.array([2.9999]))

    assert touching == (0, 0, 5.0)
    assert apart == (-1, -1, np.inf)


def test_crossing_lines_without_width_meet():
    points, starts = set_of([(-1.0, 1.0), (1.0, -1.0)])

    found = corridors.first_conflict(
        array_of([(-1.0, -1.0), (1.0, 1.0)]), 0.0, points, starts, np.zeros(1)
    )

    assert found == (0, 0, 0.0)


def test_a_chain_of_one_place_repeated_is_a_disc():
    points, starts = set_of([(3.0, 0.0)] * 3)
    path = array_of([(0.0, 0.0)] * 2)

    assert corridors.first_conflict(path, 1.0, points, starts, np.ones(1)) == (-1, -1, np.inf)
    assert corridors.first_conflict(path, 2.0, points, starts, np.ones(1)) == (0, 0, 3.0)


@given(CHAINS, RADII)
def test_near_polygon_agrees_with_shapely(path, radius_m):
    polygon = shapely.Polygon(NOTCHED)
    distances_m = [line_of(s).distance(polygon) for s in naive.segments_of(path)]
    assume(all(abs(distance_m - radius_m) > TIE_M for distance_m in distances_m))
    # Touching the edge from outside without width is a tie of its own.
    assume(radius_m > TIE_M or 0.0 not in distances_m)

    points, starts = set_of([(50.0, 50.0), (51.0, 50.0), (50.0, 51.0)], NOTCHED)
    found = corridors.first_near_polygon(array_of(path), radius_m, points, starts)

    near = [s for s, distance_m in enumerate(distances_m) if distance_m <= radius_m]
    assert found[:2] == ((near[0], 1) if near else (-1, -1))


@given(CHAINS, RADII)
def test_first_outside_agrees_with_shapely(path, margin_m):
    polygon = shapely.Polygon(NOTCHED)
    segments = [line_of(s) for s in naive.segments_of(path)]
    gaps_m = [segment.distance(polygon.exterior) for segment in segments]
    assume(all(abs(gap_m - margin_m) > TIE_M for gap_m in gaps_m))

    segment, distance_m = corridors.first_outside(array_of(path), margin_m, array_of(NOTCHED))

    bad = [
        s
        for s, (line, gap_m) in enumerate(zip(segments, gaps_m, strict=True))
        if not polygon.contains(line) or gap_m <= margin_m
    ]
    assert segment == (bad[0] if bad else -1)
    assert distance_m >= 0.0


def test_a_line_across_a_notch_leaves_the_polygon_though_its_ends_are_inside():
    path = array_of([(1.0, 4.0), (7.0, 4.0)])

    assert corridors.first_outside(path, 0.0, array_of(NOTCHED)) == (0, 0.0)


def test_deep_inside_a_keep_out_is_as_near_as_its_edge():
    points, starts = set_of([(-90.0, -90.0), (90.0, -90.0), (90.0, 90.0), (-90.0, 90.0)])

    assert corridors.first_near_polygon(array_of([(0.0, 0.0)]), 0.5, points, starts) == (0, 0, 0.0)


@given(st.lists(POINTS, max_size=5))
def test_inside_is_decided_as_in_exact_numbers(points):
    inside = corridors.are_inside(array_of(points), array_of(NOTCHED))

    exact = [naive.is_inside(point, NOTCHED) for point in points]
    edge = shapely.Polygon(NOTCHED).exterior
    for point, found, expected in zip(points, inside, exact, strict=True):
        assert found == expected or edge.distance(shapely.Point(point)) < TIE_M


@settings(max_examples=25)  # exact numbers for every move are slow
@given(st.lists(st.tuples(POINTS, POINTS, RADII), max_size=2), st.integers(2, 5))
def test_closed_moves_are_those_that_come_near(segments, count):
    frame = np.array([-2.0, -3.0, 1.25])
    closed = np.zeros((count, count + 1, 4), np.bool_)
    lines = np.array([(*a, *b) for a, b, _ in segments], np.float64).reshape(-1, 4)
    radii_m = np.array([radius_m for *_, radius_m in segments], np.float64)

    corridors.close_moves_near(closed, frame, MOVES, lines, radii_m)

    for row, column, k in np.ndindex(closed.shape):
        x, y = -2.0 + (column + 0.5) * 1.25, -3.0 + (row + 0.5) * 1.25
        move = ((x, y), (x + MOVES[k, 1] * 1.25, y + MOVES[k, 0] * 1.25))
        gaps = [(naive.segments_m2(move, (a, b)), radius_m) for a, b, radius_m in segments]
        if not any(is_tie(gap_m2, radius_m) for gap_m2, radius_m in gaps):
            near = any(gap_m2 <= Fraction(radius_m) ** 2 for gap_m2, radius_m in gaps)
            assert closed[row, column, k] == near


def test_no_claims_and_no_zones_stand_against_nothing():
    path, nothing, no_starts = array_of([(0.0, 0.0)]), np.empty((0, 2)), np.zeros(1, np.int64)

    conflict = corridors.first_conflict(path, 1.0, nothing, no_starts, np.empty(0))

    assert conflict == (-1, -1, np.inf)
    assert corridors.first_near_polygon(path, 1.0, nothing, no_starts) == (-1, -1, np.inf)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_paths_that_are_nowhere_are_refused(broken):
    path, polygon = array_of([(0.0, 0.0), (broken, 1.0)]), array_of(NOTCHED)
    points, starts = set_of(NOTCHED)

    with pytest.raises(AssertionError):
        corridors.first_conflict(path, 1.0, points, starts, np.ones(1))
    with pytest.raises(AssertionError):
        corridors.first_near_polygon(path, 1.0, points, starts)
    with pytest.raises(AssertionError):
        corridors.first_outside(path, 1.0, polygon)
    with pytest.raises(AssertionError):
        corridors.chain_distance_m(path, path)


def test_an_empty_path_is_refused():
    points, starts = set_of(NOTCHED)

    with pytest.raises(AssertionError):
        corridors.first_conflict(np.empty((0, 2)), 1.0, points, starts, np.ones(1))


@pytest.mark.parametrize(
    ("starts", "count_min", "expected"),
    [([0, 1], 1, True), ([0, 0, 1], 1, False), ([0, 1], 3, False), ([0, 2], 1, False)],
)
def test_a_chain_has_its_points(starts, count_min, expected):
    points = array_of([(0.0, 0.0)])

    assert corridors.is_set(points, np.array(starts, np.int64), count_min) is expected


def test_a_set_of_points_that_are_no_numbers_is_none():
    assert not corridors.is_set(array_of([(0.0, np.nan)]), np.array([0, 1], np.int64), 1)
