"""The fleet's kernels against their twins: every pair and every piece of time."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.spacetime import MEETING_COLUMNS, meetings
from lunaredge.kernels.spacetime_index import (
    BOX,
    DEPTH,
    END,
    FOREVER_S,
    LEVEL,
    SEGMENTS,
    START,
    TIME,
    box_count,
)
from lunaredge.kernels.sweep import GAP_ERROR_M
from lunaredge.paths import Footprint, Part, Route, Violation
from lunaredge.paths.fleet import Fleet, Moments, Reservation
from lunaredge.paths.tracks import Tracks
from tests.kernels import naive_spacetime as naive

TIME_ERROR_S = 1e-3

FOOTPRINTS = (
    Footprint.rectangle(4.0, 2.5),
    Footprint.disc(1.0),
    Footprint(
        Part(corners=((0.0, 0.0), (2.0, 0.0), (1.0, 1.5)), margin_m=0.25),
        Part(name="boom", corners=((0.0, 0.0), (5.0, 0.0)), low_m=3.0, high_m=4.0),
    ),
    Footprint(Part(name="mast", corners=((0.0, 0.0),), margin_m=0.5, low_m=2.0, high_m=6.0)),
)


def walk(rng, size_m, knots_max=40):
    """Draw a route of uneven periods, with waits, jumps in speed and turns on the spot."""
    count = int(rng.integers(1, knots_max))
    steps = rng.normal(0.0, 1.0, (count, 4))
    steps[:, 0] = rng.choice((0.25, 0.5, 1.0, 1.0, 1.0, 3.0), count)
    steps[:, 1:3] *= rng.choice((0.0, 1.0, 1.0, 4.0), (count, 1))
    start = (rng.uniform(-5.0, 5.0), *rng.uniform(-size_m, size_m, 2), rng.uniform(-3.0, 3.0))
    return Route(start + np.cumsum(steps, axis=0))


def draw(rng, size_m=15.0, knots_max=40):
    """Draw a reservation; a third of them count for a while only."""
    route = walk(rng, size_m, knots_max)
    footprint = FOOTPRINTS[rng.integers(len(FOOTPRINTS))]
    if rng.random() < 0.67:
        return Reservation(footprint=footprint, route=route)
    from_s, until_s = sorted(rng.uniform(route.start_s - 5.0, route.end_s + 5.0, 2))
    return Reservation(footprint=footprint, route=route, from_s=from_s, until_s=until_s)


def fleet_of(reservations):
    fleet = Fleet()
    for k, reservation in enumerate(reservations):
        fleet.add(str(k), reservation)
    return fleet


def expected_meetings(reservations, meeting_s):
    return {
        (str(k), str(j)): time_s
        for j in range(len(reservations))
        for k in range(j)
        if (time_s := meeting_s(reservations[k], reservations[j])) < math.inf
    }


def assert_same(found, expected):
    """Compare times; what began before everything begins at the twin's own beginning."""
    times_s = {pair: max(-naive.FAR_S, time_s) for pair, time_s in found.items()}
    assert times_s == pytest.approx(expected, abs=TIME_ERROR_S)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_all_pairs_meet_when_their_twin_says(seed):
    rng = np.random.default_rng(seed)
    reservations = [draw(rng) for _ in range(8)]

    meetings = fleet_of(reservations).check_all()

    found = {(meeting.first, meeting.second): meeting.time_s for meeting in meetings}
    assert_same(found, expected_meetings(reservations, naive.meeting_s))


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_meetings_at_knots_are_those_that_shapely_sees_there(seed):
    rng = np.random.default_rng(seed)
    reservations = [draw(rng) for _ in range(6)]

    meetings = fleet_of(reservations).check_all(moments=Moments.KNOTS)

    found = {(meeting.first, meeting.second): meeting.time_s for meeting in meetings}
    assert_same(found, expected_meetings(reservations, naive.meeting_at_knots_s))


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_one_against_the_fleet_meets_or_clears_what_its_twin_says(seed):
    rng = np.random.default_rng(seed)
    reservations = [draw(rng, 25.0) for _ in range(6)]
    one = draw(rng, 25.0)

    verdict = fleet_of(reservations).check(one, range_m=5.0)

    times_s = [naive.meeting_s(one, other) for other in reservations]
    if min(times_s) < math.inf:
        assert max(-naive.FAR_S, verdict.time_s) == pytest.approx(min(times_s), abs=TIME_ERROR_S)
    else:
        least_m = min(naive.least_gap_m(one, other) for other in reservations)
        assert verdict.clearance_m == pytest.approx(min(5.0, least_m), abs=2 * GAP_ERROR_M)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_no_sample_finds_an_overlap_that_the_check_misses(seed):
    rng = np.random.default_rng(seed)
    one, other = draw(rng, 8.0), draw(rng, 8.0)

    meetings = fleet_of((one, other)).check_all()

    first_s = meetings[0].time_s if meetings else math.inf
    times_s = [t for low, high in naive.pieces(one, other) for t in np.linspace(low, high, 12)]
    sampled_s = [t for t in times_s if naive.gap_m(one, other, t) == 0.0]
    assert first_s <= min(sampled_s, default=math.inf) + TIME_ERROR_S


def long_way(rng, count, periods_s):
    """Draw a long route about the middle of the site, with one of the periods."""
    steps = np.empty((count, 4))
    steps[:, 0] = rng.choice(periods_s)
    steps[:, 1:3] = rng.normal(0.0, 1.0, (count, 2))
    steps[:, 3] = rng.normal(0.0, 0.2, count)
    knots = np.cumsum(steps, axis=0)
    # Held within a circle of its own, wide or narrow, somewhere on the site.
    radius_m = rng.uniform(5.0, 60.0)
    knots[:, 1:3] *= radius_m / np.maximum(radius_m, np.hypot(knots[:, 1], knots[:, 2]))[:, None]
    knots[:, 1:3] += rng.uniform(-60.0, 60.0, 2)
    return Reservation(footprint=FOOTPRINTS[rng.integers(3)], route=Route(knots))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("periods_s", [(1.0,), (0.3, 1.0, 7.0)])
def test_long_routes_with_trees_of_many_levels_meet_when_their_twin_says(seed, periods_s):
    rng = np.random.default_rng(seed)
    counts = rng.choice((3, 40, 300, 700), 4) if seed else (5000, 300, 16, 257)
    reservations = [long_way(rng, int(count), periods_s) for count in counts]
    fleet = fleet_of(reservations[1:])

    verdict = fleet.check(reservations[0], range_m=0.0)
    meetings = fleet_of(reservations).check_all()

    found = {(meeting.first, meeting.second): meeting.time_s for meeting in meetings}
    expected = expected_meetings(reservations, naive.meeting_s)
    assert_same(found, expected)
    first_s = min((t for pair, t in expected.items() if "0" in pair), default=math.inf)
    found_s = max(-naive.FAR_S, verdict.time_s) if isinstance(verdict, Violation) else math.inf
    assert found_s == pytest.approx(first_s, abs=TIME_ERROR_S)


@given(st.integers(1, 2000))
def test_the_boxes_of_a_track_take_the_room_that_is_kept_for_them(knots):
    route = Route(np.column_stack((np.arange(knots), np.zeros((knots, 3)))))
    tracks = Tracks(1_000_000)
    footprint = Footprint.disc(1.0)

    slot = tracks.take(footprint, route)
    tracks.lay(slot, footprint, route, (-math.inf, math.inf))

    track = tracks.index.tracks[slot]
    root = track[LEVEL + track[DEPTH]]
    assert track[SEGMENTS] == knots + 1
    assert root - track[LEVEL + 1] == BOX * (box_count(knots + 1) - 1)
    assert root + BOX <= track[TIME]
    assert tracks.index.numbers[root + START] == -FOREVER_S
    assert tracks.index.numbers[root + END] == FOREVER_S


def test_a_window_that_starts_between_knots_has_no_knot_there():
    """Windows start at any track's knots; that was once taken for a knot of every track."""
    footprint = Footprint.disc(1.0)
    ways = (((0.0, -50.0), (100.0, 50.0)), ((0.0, 50.0), (10.0, 40.0), (100.0, -50.0)))
    routes = [Route([(time_s, x_m, 0.0, 0.0) for time_s, x_m in way]) for way in ways]
    fleet = fleet_of([Reservation(footprint=footprint, route=route) for route in routes])
    index, found = fleet._tracks.index, np.empty((4, MEETING_COLUMNS))

    counts = [meetings(index, np.array([50.0]), mode, found) for mode in Moments]

    assert dict(zip(Moments, counts, strict=True)) == {Moments.ALL: 1, Moments.KNOTS: 0}
