import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.machine.kinematics import (
    CRAB_RATIO,
    DRIFT_M,
    START_ERROR_M,
    TRACKING_ERROR_M,
    Drive,
    Track,
    braking_m_s2,
    slip_ratio,
    stopping_distance_m,
    turn_rad,
)
from lunaredge.model.site import Point
from tests.machine.proving_ground import spec

DT_S = 0.2
BEND = ((0.0, 0.0), (6.0, 0.0), (6.0, 5.0), (1.0, 9.0))

points = st.tuples(st.floats(-20.0, 20.0), st.floats(-20.0, 20.0))
paths = st.lists(points, min_size=1, max_size=6).map(tuple)


def drive_at(path: tuple[Point, ...], error: Point = (0.0, 0.0)) -> Drive:
    """Give a machine that measures itself at the path's start, but for the error."""
    drive = Drive(spec(), (0.0, 0.0), 0.3, 1.0)
    offset = drive.measured
    start = (path[0][0] + error[0] - offset[0], path[0][1] + error[1] - offset[1])
    drive = Drive(spec(), start, 0.3, 1.0)
    drive.begin(Track(path))
    return drive


def step(drive: Drive, stop_m: float, speed_m_s: float = 0.5) -> None:
    turn = drive.turn_ahead_rad(stop_m)
    if turn:
        drive.turn(turn, DT_S)
    else:
        drive.follow(stop_m, speed_m_s, DT_S)


def drive_out(drive: Drive, stop_m: float, steps_max: int = 3000) -> list[float]:
    """Drive until arrived; gives the speed after each step."""
    speeds = []
    while not drive.arrived(stop_m):
        assert len(speeds) < steps_max, "it never arrived"
        step(drive, stop_m)
        speeds.append(drive.speed_m_s)
    return speeds


def distance_to_path_m(place: Point, path: tuple[Point, ...]) -> float:
    least = math.dist(place, path[0])
    for (x1, y1), (x2, y2) in itertools.pairwise(path):
        length = math.dist((x1, y1), (x2, y2))
        if length > 0.0:
            along = ((place[0] - x1) * (x2 - x1) + (place[1] - y1) * (y2 - y1)) / length
            share = min(max(along / length, 0.0), 1.0)
            near = (x1 + share * (x2 - x1), y1 + share * (y2 - y1))
            least = min(least, math.dist(place, near))
    return least


@given(paths, st.floats(0.0, 80.0))
def test_it_arrives_and_never_passes_the_stop(path: tuple[Point, ...], stop_m: float) -> None:
    drive = drive_at(path)
    end_m = min(stop_m, drive.track.length_m)
    furthest_m = 0.0

    while not drive.arrived(stop_m):
        step(drive, stop_m)
        furthest_m = max(furthest_m, drive.station_m)

    assert furthest_m <= end_m + 1e-6
    assert drive.station_m == pytest.approx(end_m, abs=2e-3)


@given(paths)
def test_speed_changes_no_faster_than_the_rated_deceleration(path: tuple[Point, ...]) -> None:
    drive = drive_at(path)
    previous = 0.0

    for speed in drive_out(drive, math.inf):
        assert abs(speed - previous) <= spec().deceleration_m_s2 * DT_S + 0.02
        assert speed <= 0.5
        previous = speed


@given(paths, st.floats(0.0, 6.3))
def test_poses_stay_within_their_bounds(path: tuple[Point, ...], bearing: float) -> None:
    radius = 0.9 * START_ERROR_M
    error = (radius * math.cos(bearing), radius * math.sin(bearing))
    drive = drive_at(path, error)

    while not drive.arrived(math.inf):
        step(drive, math.inf)
        bound_m = TRACKING_ERROR_M + radius * max(0.0, 1.0 - drive.station_m / 5.0)
        assert distance_to_path_m(drive.measured, path) <= bound_m + 2e-3
        true = (drive.body.x_m, drive.body.y_m)
        assert math.dist(true, drive.measured) == pytest.approx(DRIFT_M)


@given(paths, st.floats(0.0, 6.3))
def test_no_step_moves_the_body_farther_than_the_witness_assumes(
    path: tuple[Point, ...], bearing: float
) -> None:
    error = (START_ERROR_M * 0.9 * math.cos(bearing), START_ERROR_M * 0.9 * math.sin(bearing))
    drive = drive_at(path, error)

    while not drive.arrived(math.inf):
        before, odometer_m = (drive.body.x_m, drive.body.y_m), drive.odometer_m
        step(drive, math.inf)
        moved_m = math.dist(before, (drive.body.x_m, drive.body.y_m))
        assert moved_m <= CRAB_RATIO * (drive.odometer_m - odometer_m) + 2e-3


def test_it_turns_on_the_spot_at_a_corner() -> None:
    drive = drive_at(BEND)
    turned_at = set()

    while not drive.arrived(math.inf):
        heading = drive.heading_rad
        step(drive, math.inf)
        if drive.heading_rad != heading:
            assert drive.speed_m_s == 0.0
            turned_at.add(round(drive.station_m, 2))

    assert turned_at == {0.0, 6.0, 11.0}


def test_a_corner_on_the_way_is_no_rest() -> None:
    drive = drive_at(BEND)

    while not drive.arrived(9.0):
        assert not drive.at_rest or drive.station_m == 0.0
        step(drive, 9.0)

    assert drive.station_m == pytest.approx(9.0, abs=2e-3)


def test_a_stop_at_a_corner_is_rest() -> None:
    drive = drive_at(BEND)

    drive_out(drive, 6.0)

    assert drive.at_rest
    assert drive.heading_rad == pytest.approx(0.0)


def test_a_straight_corner_is_driven_through() -> None:
    drive = drive_at(((0.0, 0.0), (5.0, 0.0), (10.0, 0.0)))

    speeds = drive_out(drive, math.inf)

    rolling = speeds[speeds.index(0.5) : len(speeds) - speeds[::-1].index(0.5)]
    assert min(rolling) > 0.49
    assert drive.station_m == pytest.approx(10.0, abs=2e-3)


def test_braking_takes_the_stopping_distance() -> None:
    drive = drive_at(((0.0, 0.0), (30.0, 0.0)))
    while drive.speed_m_s < 0.5:
        step(drive, math.inf)
    start_m = drive.station_m

    while not drive.at_rest:
        drive.brake(DT_S)

    expected = stopping_distance_m(0.5, spec().deceleration_m_s2, 0.0, 0.02)
    assert drive.station_m - start_m == pytest.approx(expected)


def test_a_turn_on_the_spot_ends_at_once_when_braked() -> None:
    drive = drive_at(((0.0, 0.0), (0.0, 10.0)))
    step(drive, math.inf)
    assert not drive.at_rest

    drive.brake(DT_S)

    assert drive.at_rest


def test_a_stop_drawn_nearer_than_the_braking_distance_brakes_with_all_there_is() -> None:
    drive = drive_at(((0.0, 0.0), (30.0, 0.0)))
    while drive.speed_m_s < 0.5:
        step(drive, math.inf)
    start_m = drive.station_m

    while not drive.arrived(start_m):
        step(drive, start_m)

    assert drive.station_m - start_m == pytest.approx(0.5**2 / (2 * 0.2), abs=0.02)


def test_friction_bounds_braking_downhill() -> None:
    slip = slip_ratio(20.0)

    level = stopping_distance_m(0.5, 0.25, 0.0, slip_ratio(0.0))
    downhill = stopping_distance_m(0.5, 0.25, 20.0, slip)

    assert level == pytest.approx(0.5)
    assert downhill > level
    assert stopping_distance_m(0.5, 0.25, 40.0, slip_ratio(40.0)) == math.inf
    assert stopping_distance_m(0.0, 0.25, 40.0, slip_ratio(40.0)) == 0.0


def test_friction_never_gives_more_than_the_rated_deceleration() -> None:
    assert braking_m_s2(0.25, -10.0, 0.0) == 0.25


def test_the_shortest_turn_is_taken() -> None:
    assert turn_rad(math.radians(170), math.radians(-170)) == pytest.approx(math.radians(20))
    assert turn_rad(0.0, math.pi) == pytest.approx(math.pi)


def test_repeated_points_leave_a_track_of_one_place() -> None:
    track = Track(((1.0, 1.0), (1.0, 1.0)))

    assert track.length_m == 0.0
    assert track.stretches == ()
