"""Moving bodies against fine samples, and the cases that samples get wrong."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels import convex, sweep
from tests.kernels import naive_convex as naive
from tests.kernels.test_convex import BODIES, row_of

MARGINS = st.sampled_from([0.0, 0.0, 0.25, 1.0])
STARTS = st.tuples(st.floats(-6, 6), st.floats(-6, 6), st.floats(-4, 4))
CHANGES = st.one_of(
    st.just((0.0, 0.0, 0.0)),
    st.tuples(st.floats(-12, 12), st.floats(-12, 12), st.sampled_from([0.0, 0.3, -2.0, 9.0])),
)
MOVERS = st.tuples(
    BODIES, MARGINS, st.builds(lambda start, change: start + change, STARTS, CHANGES)
)
SAMPLES = 300

BOX = [(-2.0, -1.25), (2.0, -1.25), (2.0, 1.25), (-2.0, 1.25)]
CORNER_M = math.hypot(2.0, 1.25)
POINT = [(0.0, 0.0)]


def body(corners, margin, motion):
    row = row_of(corners)
    row[convex.MARGIN] = margin
    row[convex.REACH] = max(math.hypot(*corner) for corner in corners) + margin
    return row, tuple(map(float, motion))


def first(a, b):
    return sweep.first_meeting(body(*a), body(*b), sweep.work_space())


def least(a, b, limit=math.inf):
    return sweep.least_gap(body(*a), body(*b), limit, sweep.work_space())


def standing(corners, x, y, heading=0.0, margin=0.0):
    return corners, margin, (x, y, heading, 0.0, 0.0, 0.0)


def sampled(a, b):
    return [naive.gap_at(a, b, k / SAMPLES) for k in range(SAMPLES + 1)]


@settings(max_examples=60)
@given(MOVERS, MOVERS)
def test_bodies_meet_first_where_samples_say(a, b):
    gaps = sampled(a, b)

    u = first(a, b)

    if u <= 1.0:
        assert naive.gap_at(a, b, u) <= sweep.CONTACT_M
        assert all(gap > 0.0 for gap in gaps[: math.floor(u * SAMPLES)])
    else:
        assert min(gaps) > 0.0


@settings(max_examples=60)
@given(MOVERS, MOVERS)
def test_least_gap_is_one_that_occurs_and_no_sample_is_smaller(a, b):
    gaps = sampled(a, b)

    gap, u = least(a, b)

    assert gap == pytest.approx(naive.gap_at(a, b, u), abs=1e-9)
    assert gap <= min(gaps) + sweep.GAP_ERROR_M


@settings(max_examples=30)
@given(MOVERS, MOVERS)
def test_answers_are_the_same_far_from_the_origin(a, b):
    far = [
        (corners, margin, (x + 2.0**20, y - 2.0**20, *rest))
        for corners, margin, (x, y, *rest) in (a, b)
    ]

    gap, _ = least(*far)

    assert gap == pytest.approx(least(a, b)[0], abs=sweep.GAP_ERROR_M + 1e-6)


def test_nothing_is_passed_through_between_two_knots():
    bullet = (POINT, 0.0, (-1e6, 0.3, 0.0, 2e6, 0.0, 0.0))
    wall = standing([(0.0, -1.0), (0.0, 1.0)], 0.0, 0.0)

    u = first(bullet, wall)

    assert u == pytest.approx(0.5, abs=1e-9)


def test_opposite_traffic_at_speed_meets_in_the_middle():
    there = (BOX, 0.0, (0.0, 0.0, 0.0, 100.0, 0.0, 0.0))
    back = (BOX, 0.0, (100.0, 0.0, math.pi, -100.0, 0.0, 0.0))

    u = first(there, back)

    assert u == pytest.approx((100.0 - 4.0) / 200.0, abs=1e-6)


@pytest.mark.parametrize("turns", [0.25, 1.0, 40.0, -3.0])
@pytest.mark.parametrize(("room_m", "meets"), [(2e-4, False), (1e-2, False), (-2e-5, True)])
def test_a_turn_on_the_spot_reaches_as_far_as_its_corner(turns, room_m, meets):
    turning = (BOX, 0.0, (0.0, 0.0, 0.3, 0.0, 0.0, turns * math.tau))
    wall = standing([(-9.0, 0.0), (9.0, 0.0)], 0.0, CORNER_M + room_m)

    u = first(turning, wall)

    assert (u <= 1.0) == meets
    assert least(turning, wall)[0] == pytest.approx(room_m, abs=sweep.GAP_ERROR_M)


def test_sliding_along_a_wall_is_free_at_a_fifth_of_a_millimetre():
    sliding = (BOX, 0.0, (-50.0, 0.0, 0.0, 100.0, 0.0, 0.0))

    assert first(sliding, standing(BOX, 0.0, 2.5 + 2e-4)) == math.inf
    assert first(sliding, standing(BOX, 0.0, 2.5)) <= 1.0


def test_bodies_that_never_move_meet_at_once_or_never():
    assert first(standing(BOX, 0.0, 0.0), standing(BOX, 4.0, 0.0)) == 0.0
    assert first(standing(BOX, 0.0, 0.0), standing(BOX, 4.1, 0.0)) == math.inf


def test_moving_together_keeps_the_gap():
    motion = (3.0, 4.0, 0.0)

    gap, _ = least((BOX, 0.5, (0.0, 0.0, 0.0, *motion)), (BOX, 0.5, (0.0, 4.0, 0.0, *motion)))

    assert gap == pytest.approx(0.5)


def test_the_deepest_overlap_is_found_between_the_ends():
    crossing = (BOX, 0.0, (-20.0, 0.0, 0.0, 40.0, 0.0, 0.0))

    gap, u = least(crossing, standing(BOX, 0.0, 0.5))

    assert gap == pytest.approx(-2.0, abs=sweep.GAP_ERROR_M)
    assert 0.0 < u < 1.0


def test_a_gap_over_the_limit_is_not_sought():
    assert least(standing(BOX, 0.0, 0.0), standing(BOX, 10.0, 0.0), 5.0) == (5.0, -1.0)


def test_a_body_that_turns_a_thousand_times_is_decided():
    spinning = (BOX, 0.0, (0.0, 0.0, 0.0, 1.0, 0.0, 1000 * math.tau))

    free = first(spinning, standing(POINT, 0.5, CORNER_M + 0.01))
    met = first(spinning, standing(POINT, 0.5, CORNER_M - 0.001))

    assert free == math.inf
    assert met <= 1.0


def test_rotating_the_scene_changes_nothing():
    a, b = (BOX, 0.1, (0.0, 0.0, 0.4, 9.0, 1.0, 2.0)), (BOX, 0.0, (8.0, 3.5, 1.0, -7.0, -1.0, 3.0))
    expected = first(a, b)

    for angle in np.linspace(0.1, 6.0, 7).tolist():
        turned = [(corners, margin, rotated(motion, angle)) for corners, margin, motion in (a, b)]

        assert first(*turned) == pytest.approx(expected, abs=1e-4)


def rotated(motion, angle):
    x, y, heading, dx, dy, turn = motion
    cos, sin = math.cos(angle), math.sin(angle)
    return (
        cos * x - sin * y,
        sin * x + cos * y,
        heading + angle,
        cos * dx - sin * dy,
        sin * dx + cos * dy,
        turn,
    )
