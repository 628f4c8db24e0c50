import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.model.polyline import (
    POINTS_MAX,
    Path,
    distance_m,
    is_plausible,
    length_m,
    project_m,
    rest_of,
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
    assert length_m(((1.0, 2.0),)) == 0.0
