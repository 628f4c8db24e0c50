"""Places to pass from: far enough apart, along corridors, and only where machines fit."""

import math
from itertools import combinations

import numpy as np
import pytest

from lunaredge.paths.fleet_repair_places import Survey
from tests.paths.plan_scenes import corridor, planner, wall

APART_M = 4.8


def survey(*barriers, ends=((4.0, 15.0), (36.0, 15.0)), axis_rad=0.0):
    return Survey([planner(*barriers)], [], np.array(ends), axis_rad, APART_M)


def ways(places):
    return [
        (a, int(b))
        for a in range(len(places.points))
        for b in places.cells[a, :4]
        if b < len(places.points)
    ]


def from_way(point, a, b):
    part = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0.0, 1.0)
    return math.dist(point, a + part * (b - a))


@pytest.mark.parametrize("axis_rad", [0.0, 0.5])
def test_places_and_the_ways_between_them_are_far_enough_apart(axis_rad) -> None:
    places = survey(wall(18.0, 3.0, 19.0, 9.0), axis_rad=axis_rad).places(APART_M, 0.0, rings=False)

    points = places.points
    assert len(points) > 10
    assert min(math.dist(a, b) for a, b in combinations(points, 2)) >= APART_M - 1e-9
    for a, b in ways(places):
        others = [k for k in range(len(points)) if k not in (a, b)]
        assert min(from_way(points[k], points[a], points[b]) for k in others) >= APART_M - 1e-9


def test_ways_lead_both_ways_and_not_through_walls() -> None:
    thin = wall(20.0, -1.0, 20.1, 31.0)

    places = survey(thin).places(APART_M, 3.0, rings=False)

    found = set(ways(places))
    assert {(b, a) for a, b in found} == found
    assert all((places.points[a, 0] < 20.0) == (places.points[b, 0] < 20.0) for a, b in found)
    assert places.free is None


def test_a_row_lies_in_a_corridor_that_is_hardly_wider_than_a_turn() -> None:
    places = survey(*corridor()).places(APART_M, 0.0, rings=False)

    inside = (places.points[:, 0] > 11.0) & (places.points[:, 0] < 29.0)
    assert inside.sum() >= 3
    assert places.turns[inside].all()
    assert np.abs(places.points[inside, 1] - 15.0).max() < 0.15


def test_where_nobody_can_turn_they_drive_straight_through() -> None:
    lanes = wall(8.0, -1.0, 32.0, 13.2, "south"), wall(8.0, 16.8, 32.0, 31.0, "north")

    places = survey(*lanes).places(APART_M, 3.0, rings=False)

    inside = (places.points[:, 0] > 11.0) & (places.points[:, 0] < 29.0)
    assert inside.sum() >= 3
    assert not places.turns[inside].any()
    assert any(inside[a] and inside[b] for a, b in ways(places))


def test_ends_that_stand_in_rows_are_places() -> None:
    ends = [(6.0 + 6.0 * k, 9.3) for k in range(5)]

    places = survey(ends=ends).places(APART_M, 3.0, rings=False)

    for end in ends:
        assert (places.points == np.array(end)).all(axis=1).any()
