import math
from itertools import pairwise

import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from lunaredge.model.polyline import (
    POINTS_MAX,
    Path,
    are_nearer,
    distance_m,
    is_plausible,
    length_m,
    part_of,
    project_m,
    rest_of,
    without_loops,
)
from tests.agent.toy_machine import PATH, point_at

points = st.tuples(st.floats(-100, 100), st.floats(-100, 100))
paths = st.lists(points, min_size=1, max_size=8).map(tuple)


def dense(path: Path) -> list[tuple[float, float]]:
    """The naive twin: many points along the path."""
    length = length_m(path)
    return [point_at(path, length * i / 400) for i in range(401)]


@given(paths, points)
def test_the_distance_is_that_of_the_nearest_of_many_points(
    path: Path, point: tuple[float, float]
) -> None:
    nearest_m = min(math.dist(p, point) for p in dense(path))

    assert distance_m(path, point) <= nearest_m + 1e-9
    assert distance_m(path, point) >= nearest_m - length_m(path) / 400 - 1e-6


@given(paths, st.floats(0, 1))
def test_the_rest_of_a_path_begins_at_the_station_and_has_the_rest_of_its_length(
    path: Path, ratio: float
) -> None:
    station_m = ratio * length_m(path)

    rest = rest_of(path, station_m)

    assert rest[-1] == path[-1]
    assert length_m(rest) == pytest.approx(length_m(path) - station_m, abs=1e-6)


repeating = st.lists(st.sampled_from([*PATH, (0.0, 0.0)]), min_size=1, max_size=8).map(tuple)


@given(paths | repeating, st.floats(0, 1), st.floats(0, 1))
def test_a_part_has_the_length_between_its_stations(path: Path, one: float, other: float) -> None:
    start_m, end_m = sorted((one * length_m(path), other * length_m(path)))

    part = part_of(path, start_m, end_m)

    assert length_m(part) == pytest.approx(end_m - start_m, abs=1e-6)
    assert distance_m(path, part[0]) <= 1e-6
    assert part[-1] == pytest.approx(rest_of(path, end_m)[0], abs=1e-6)


def test_nothing_is_left_beyond_the_end() -> None:
    assert rest_of(PATH, 1000.0) == (PATH[-1],)
    assert rest_of(PATH, -1.0) == PATH


def test_a_place_is_projected_within_the_window_only() -> None:
    there_and_back = ((0.0, 0.0), (10.0, 0.0), (10.0, 1.0), (0.0, 1.0))

    assert project_m(there_and_back, (4.0, 0.9), (0.0, 8.0)) == pytest.approx(4.0)
    assert project_m(there_and_back, (4.0, 0.9), (12.0, 21.0)) == pytest.approx(17.0)
    assert project_m(there_and_back, (4.0, 0.0), (6.0, 8.0)) == pytest.approx(6.0)


@pytest.mark.parametrize(
    "path",
    [(), ((math.nan, 0.0),), ((0.0, math.inf),), ((1e9, 0.0),), ((0.0, 0.0),) * (POINTS_MAX + 1)],
)
def test_what_can_not_be_driven_is_not_plausible(path: Path) -> None:
    assert not is_plausible(path)


def test_a_single_point_is_a_path() -> None:
    assert is_plausible(((1.0, 2.0),))
    assert repr(length_m(((1.0, 2.0),))) == "0.0"


# --- without loops ------------------------------------------------------------------------------


def test_a_path_without_loops_stays_what_it_is() -> None:
    path = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0))

    assert without_loops(path, 0.25) == path


def test_a_loop_is_cut_out_where_the_path_crosses_itself() -> None:
    path = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (5.0, 10.0), (5.0, -10.0))

    assert without_loops(path, 0.25) == ((0.0, 0.0), (5.0, 0.0), (5.0, -10.0))


def test_who_drives_back_beside_its_own_track_is_back_where_it_was() -> None:
    path = ((0.0, 0.0), (20.0, 0.0), (20.0, 0.2), (5.0, 0.2))

    assert without_loops(path, 0.25) == ((0.0, 0.0), (5.0, 0.0))


def test_small_steps_add_up() -> None:
    path = tuple((0.1 * k, 0.0) for k in range(101))

    found = without_loops(path, 0.25)

    assert found[0] == (0.0, 0.0)
    assert length_m(found) == pytest.approx(10.0, abs=0.25)


@given(st.lists(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), min_size=1, max_size=20))
def test_without_loops_a_path_stays_near_itself_and_never_meets_itself_again(
    corners: list[tuple[int, int]],
) -> None:
    path = tuple((float(x), float(y)) for x, y in corners)

    found = without_loops(path, 0.25)

    assert found[0] == path[0]
    assert math.dist(found[-1], path[-1]) <= 0.25 + 1e-9
    assert length_m(found) <= length_m(path) + 1e-9
    for point in found:
        assert distance_m(path, point) <= 0.25 + 1e-9
    pieces = list(pairwise(found))
    assert all(start != end for start, end in pieces)
    for i, piece in enumerate(pieces):
        for other in pieces[i + 2 :]:
            assert not are_nearer(piece, other, 1e-12)


@given(
    *[
        st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=80)
        for _ in range(2)
    ],
    st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    st.floats(0.1, 20.0),
)
def test_two_paths_are_nearer_than_so_far_as_an_independent_judge_says(
    one: list[tuple[int, int]],
    other: list[tuple[int, int]],
    off_m: tuple[int, int],
    near_m: float,
) -> None:
    here = tuple((float(x), float(y)) for x, y in one)
    there = tuple((float(x + off_m[0]), float(y + off_m[1])) for x, y in other)
    # A line of one point is none to the judge.
    judged_m = shapely.LineString([*here, here[-1]]).distance(
        shapely.LineString([*there, there[-1]])
    )
    assume(abs(judged_m - near_m) > 1e-9)

    assert are_nearer(here, there, near_m) == (judged_m < near_m)
