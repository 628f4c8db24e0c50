"""The fleet: who meets whom and when, how much room is left, and reservations that come and go."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.kernels.sweep import CONTACT_M, GAP_ERROR_M
from lunaredge.paths import Footprint, Free, Kind, Part, Pose, Route, Violation
from lunaredge.paths.fleet import Fleet, Meeting, Moments, Reservation

BODY = Footprint.rectangle(4.0, 2.0)
DISC = Footprint.disc(1.0)


def along(*knots, footprint=BODY, **counts):
    return Reservation(footprint=footprint, route=Route(knots), **counts)


def standing(x_m, y_m, heading_rad=0.0, footprint=BODY, **counts):
    return along((0.0, x_m, y_m, heading_rad), footprint=footprint, **counts)


def fleet_of(**reservations):
    fleet = Fleet()
    for name, reservation in reservations.items():
        fleet.add(name, reservation)
    return fleet


def crowd(seed, count=12, size_m=30.0):
    """Draw machines that drive about, each with periods of its own."""
    rng = np.random.default_rng(seed)
    reservations = {}
    for k in range(count):
        steps = rng.normal(0.0, 1.0, (int(rng.integers(2, 60)), 4))
        steps[:, 0] = rng.choice((0.5, 1.0, 2.0))
        start = (0.0, *rng.uniform(0.0, size_m, 2), rng.uniform(-3.0, 3.0))
        route = Route(start + np.cumsum(steps, axis=0))
        reservations[f"m{k:02}"] = Reservation(footprint=BODY, route=route)
    return reservations


def times(fleet, **options):
    return {(m.first, m.second): m.time_s for m in fleet.check_all(**options)}


def test_machines_that_cross_at_speed_between_two_knots_meet():
    east = along((0.0, -500.0, 0.0, 0.0), (1.0, 500.0, 0.0, 0.0))
    north = along((0.0, 0.0, -500.0, 1.5708), (1.0, 0.0, 500.0, 1.5708))
    fleet = fleet_of(north=north)

    verdict = fleet.check(east)

    assert isinstance(verdict, Violation)
    assert verdict.time_s == pytest.approx(0.5 - 0.003, abs=2e-6)
    assert fleet.check(east, moments=Moments.KNOTS) == Free(clearance_m=5.0)


def test_opposite_ways_on_one_line_meet_in_the_middle():
    there = along((0.0, 0.0, 0.0, 0.0), (100.0, 100.0, 0.0, 0.0))
    back = along((0.0, 100.0, 0.0, math.pi), (50.0, 50.0, 0.0, math.pi), (100.0, 0.0, 0.0, math.pi))

    (meeting,) = fleet_of(there=there, back=back).check_all()

    assert meeting == Meeting(
        first="there",
        second="back",
        time_s=pytest.approx(48.0, abs=1e-4),
        first_segment=0,
        second_segment=0,
        first_pose=Pose(pytest.approx(48.0, abs=1e-4), 0.0, 0.0),
        second_pose=Pose(pytest.approx(52.0, abs=1e-4), 0.0, math.pi),
        depth_m=pytest.approx(2.0, abs=GAP_ERROR_M),
    )


def test_one_place_at_different_times_is_free():
    early = along((0.0, 0.0, 0.0, 0.0), (10.0, 0.0, 0.0, 0.0), until_s=10.0)
    late = along((11.0, 0.0, 0.0, 0.0), (20.0, 0.0, 0.0, 0.0), from_s=11.0)

    assert fleet_of(early=early, late=late).check_all() == []
    assert fleet_of(early=early).check(late) == Free(clearance_m=5.0)


def test_a_place_taken_at_the_instant_it_is_left_is_met():
    early, late = standing(0.0, 0.0, until_s=10.0), standing(0.0, 0.0, from_s=10.0)

    assert times(fleet_of(early=early, late=late)) == {("early", "late"): 10.0}
    assert fleet_of(early=early).check(late).time_s == 10.0


def test_a_reservation_of_one_instant_is_seen_among_long_ones():
    ways = {f"m{k}": along((0.0, 9.0 * k, 0.0, 0.0), (99.0, 9.0 * k, 99.0, 0.0)) for k in range(20)}
    flash = standing(36.0, 50.0, from_s=50.0, until_s=50.0)

    met = times(fleet_of(**ways, flash=flash))

    assert met == {("m4", "flash"): 50.0}
    assert fleet_of(**ways).check(flash).party == "m4"


@pytest.mark.parametrize("instant_s", [0.0, 1.0, 7.0, 8.0, 63.0, 64.0])
def test_what_meets_only_as_two_reservations_change_over_is_never_lost_at_a_window(instant_s):
    knots = [(float(t), 100.0 * k, 0.0, 0.0) for k in range(9) for t in range(9 * k, 9 * k + 9)]
    busy = {f"busy{k}": along(*knots) for k in range(3)}
    old, new = standing(0.0, 50.0, until_s=instant_s), standing(0.0, 50.0, from_s=instant_s)

    met = times(fleet_of(**busy, old=old, new=new))

    assert met["old", "new"] == instant_s


def test_a_body_that_stands_for_ever_is_met_long_after():
    parked = standing(50.0, 0.0)
    late = along((1e9, 0.0, 0.0, 0.0), (1e9 + 100.0, 100.0, 0.0, 0.0))

    verdict = fleet_of(parked=parked).check(late)

    assert verdict.party == "parked"
    assert verdict.time_s == pytest.approx(1e9 + 46.0, abs=1e-3)


def test_two_that_always_stood_together_have_met_for_ever():
    one, other = standing(0.0, 0.0), standing(1.0, 0.0)

    assert times(fleet_of(one=one, other=other)) == {("one", "other"): -math.inf}
    assert fleet_of(one=one).check(other).depth_m == pytest.approx(2.0, abs=GAP_ERROR_M)


@pytest.mark.parametrize(
    ("gap_m", "is_met"), [(0.0, True), (CONTACT_M / 4, True), (CONTACT_M * 2, False)]
)
def test_a_grazing_pass_counts_within_the_contact_only(gap_m, is_met):
    parked = standing(0.0, 0.0)
    passing = along((0.0, -50.0, 2.0 + gap_m, 0.0), (10.0, 50.0, 2.0 + gap_m, 0.0))

    verdict = fleet_of(parked=parked).check(passing)

    assert isinstance(verdict, Violation) == is_met
    if not is_met:
        assert verdict.clearance_m == pytest.approx(gap_m, abs=GAP_ERROR_M)


@pytest.mark.parametrize("way", [(1.0, 0.0), (-1.0, 0.0), (0.0, 1.0), (0.0, -1.0)])
def test_discs_that_just_reach_each_other_meet_on_any_side(way):
    parked = standing(0.0, 0.0, footprint=DISC)
    away_x_m, away_y_m = 1.999 * way[0], 1.999 * way[1]
    passing = along(
        (0.0, away_x_m + 40.0 * way[1], away_y_m - 40.0 * way[0], 0.0),
        (80.0, away_x_m - 40.0 * way[1], away_y_m + 40.0 * way[0], 0.0),
        footprint=DISC,
    )

    (meeting,) = fleet_of(parked=parked, passing=passing).check_all()

    assert meeting.time_s == pytest.approx(40.0, abs=0.1)
    assert fleet_of(parked=parked).check(passing).time_s == pytest.approx(40.0, abs=0.1)


def test_a_full_turn_on_the_spot_sweeps_what_its_ends_do_not():
    parked = standing(0.0, 2.1)
    turning = along((0.0, 0.0, 0.0, 0.0), (10.0, 0.0, 0.0, math.tau))
    fleet = fleet_of(parked=parked)

    assert isinstance(fleet.check(turning), Violation)
    assert isinstance(fleet.check(turning, moments=Moments.KNOTS), Free)


def test_clearance_says_where_when_and_against_whom():
    fleet = fleet_of(near=standing(50.0, 5.0), far=standing(20.0, 6.0))
    passing = along((0.0, 0.0, 0.0, 0.0), (40.0, 40.0, 0.0, 0.0), (100.0, 100.0, 0.0, 0.0))

    verdict = fleet.check(passing)

    assert isinstance(verdict, Free)
    assert verdict.clearance_m == pytest.approx(3.0, abs=GAP_ERROR_M)
    assert (verdict.kind, verdict.party, verdict.segment) == (Kind.RESERVATION, "near", 1)
    assert 46.0 <= verdict.time_s <= 54.0
    assert verdict.pose.x_m == pytest.approx(verdict.time_s)


def test_nothing_within_the_range_is_free_by_the_range():
    fleet = fleet_of(far=standing(50.0, 50.0))

    assert fleet.check(standing(0.0, 0.0), range_m=7.0) == Free(clearance_m=7.0)


def test_an_empty_fleet_meets_nothing():
    fleet = Fleet()

    assert fleet.check_all() == []
    assert fleet.check(standing(0.0, 0.0)) == Free(clearance_m=5.0)
    assert list(fleet) == []


def test_bodies_at_other_heights_pass():
    low = Footprint(Part(corners=((-2, -1), (2, -1), (2, 1), (-2, 1)), high_m=2.0))
    boom = Footprint(Part(name="boom", corners=((0, 0), (6, 0)), low_m=2.5, high_m=3.0))
    parked = standing(0.0, 0.0, footprint=low)
    swinging = along((0.0, -3.0, 0.0, -1.0), (5.0, -3.0, 0.0, 1.0), footprint=boom)

    assert isinstance(fleet_of(parked=parked).check(swinging), Free)
    assert isinstance(fleet_of(parked=standing(0.0, 0.0)).check(swinging), Violation)


def test_a_part_that_reaches_far_ahead_is_what_meets():
    digger = Footprint(
        Part(corners=((-2, -1), (2, -1), (2, 1), (-2, 1))), Part(corners=((2, 0), (7, 0)))
    )
    parked = standing(10.0, 0.0)

    verdict = fleet_of(parked=parked).check(
        along((0.0, -10.0, 0.0, 0.0), (20.0, 10.0, 0.0, 0.0), footprint=digger)
    )

    assert verdict.time_s == pytest.approx(11.0, abs=1e-3)


def test_those_to_ignore_are_not_looked_at():
    fleet = fleet_of(a=standing(0.0, 0.0), b=standing(0.5, 0.0), c=standing(90.0, 0.0))

    verdict = fleet.check(standing(0.0, 0.0), ignore=("a", "b", "unheard of"))

    assert verdict == Free(clearance_m=5.0)


def test_at_one_instant_the_one_that_was_added_first_is_named():
    fleet = fleet_of(b=standing(0.0, 0.0), a=standing(0.0, 1.0))
    fleet.replace("b", standing(0.0, 0.0))

    verdict = fleet.check(along((0.0, 0.0, 0.0, 0.0), (10.0, 10.0, 0.0, 0.0)))

    assert list(fleet) == ["a", "b"]
    assert verdict.party == "a"


def test_a_check_leaves_no_trace():
    fleet = fleet_of(a=standing(0.0, 0.0), b=standing(50.0, 0.0))

    fleet.check(standing(0.0, 0.0))

    assert fleet.check_all() == []
    assert len(fleet) == 2


def test_the_search_ends_at_its_bound():
    fleet = fleet_of(**{f"m{k}": standing(0.0, 0.0) for k in range(10)})

    assert len(fleet.check_all()) == 45
    assert len(fleet.check_all(meetings_max=7)) == 7


def test_far_from_the_origin_of_the_map_verdicts_hold():
    fleet = fleet_of(parked=standing(1e7, -1e7))
    touching, clear = standing(1e7 + 4.0, -1e7), standing(1e7 + 4.001, -1e7)

    assert isinstance(fleet.check(touching), Violation)
    assert isinstance(fleet.check(clear), Free)


def test_adding_removing_and_replacing_in_any_order_equals_building_anew():
    rng = np.random.default_rng(5)
    pool = crowd(11, 40, 60.0)
    fleet, kept = Fleet(), {}

    for _ in range(300):
        name = f"m{rng.integers(40):02}"
        if name in kept and rng.random() < 0.5:
            fleet.remove(name)
            del kept[name]
        else:
            kept.pop(name, None)
            kept[name] = pool[f"m{rng.integers(40):02}"]
            fleet.replace(name, kept[name])

    assert list(fleet) == list(kept)
    assert all(fleet[name] is reservation for name, reservation in kept.items())
    assert fleet.check_all() == fleet_of(**kept).check_all()
    one = crowd(12, 1, 60.0)["m00"]
    assert fleet.check(one) == fleet_of(**kept).check(one)


def test_memory_does_not_grow_as_reservations_come_and_go():
    fleet = Fleet(reservations_max=3, bytes_max=10_000)

    for k in range(500):
        fleet.add("m", standing(float(k), 0.0))
        fleet.check(standing(float(k), 9.0))
        fleet.remove("m")

    assert len(fleet) == 0


def zigzag(knots, y_m=0.0):
    """Give a reservation of so many knots, which stays within a metre."""
    return along(*((float(t), float(t % 2), y_m, 0.0) for t in range(knots)), footprint=DISC)


def test_no_room_is_said_and_changes_nothing():
    fleet = Fleet(bytes_max=10_000)
    short = standing(0.0, 0.0)
    fleet.add("a", short)
    fleet.add("b", standing(9.0, 0.0))

    with pytest.raises(ConfigError, match="no room"):
        fleet.replace("a", zigzag(500))
    with pytest.raises(ConfigError, match="no room"):
        fleet.check(zigzag(500))

    assert fleet["a"] is short
    assert list(fleet) == ["a", "b"]
    assert len(fleet.check_all()) == 0
    assert isinstance(fleet.check(standing(4.0, 0.0)), Violation)


def test_as_many_reservations_as_may_be_and_not_one_more():
    fleet = Fleet(reservations_max=2)
    fleet.add("a", standing(0.0, 0.0))
    fleet.add("b", standing(9.0, 0.0))

    with pytest.raises(ConfigError, match="remove some first"):
        fleet.add("c", standing(18.0, 0.0))
    fleet.replace("b", zigzag(50, y_m=9.0))
    free = fleet.check(zigzag(100, y_m=12.5))

    assert free.party == "b"
    assert list(fleet) == ["a", "b"]


def test_who_came_after_all_were_asked_is_asked_too():
    fleet = fleet_of(early=standing(0.0, 0.0, from_s=0.0, until_s=1.0))
    fleet.check_all()

    late = along(*((50.0 + k, float(k), 0.0, 0.0) for k in range(200)), from_s=50.0)
    fleet.add("a", late)
    fleet.add("b", late)

    assert list(times(fleet)) == [("a", "b")]
    # Windows cut for those before would hold all that came after in one, and take the longer.
    assert fleet._cuts().max() > 50.0


@pytest.mark.parametrize(
    "wrong", [{"moments": 7}, {"range_m": "a"}, {"range_m": math.nan}, {"ignore": [1]}], ids=str
)
def test_a_check_that_is_refused_leaves_nobody_behind(wrong):
    fleet = fleet_of(a=standing(0.0, 0.0), b=standing(9.0, 0.0))

    with pytest.raises(ConfigError, match=next(iter(wrong))):
        fleet.check(standing(4.0, 0.0), **wrong)

    assert fleet.check_all() == []


def test_names_to_ignore_may_come_one_by_one_and_what_is_no_name_is_told():
    fleet = fleet_of(a=standing(0.0, 0.0), b=standing(9.0, 0.0))

    assert isinstance(fleet.check(standing(0.0, 0.0), ignore=iter("a")), Free)
    with pytest.raises(ConfigError, match=r"ignore\[1\].*give text"):
        fleet.check(standing(0.0, 0.0), ignore=(name for name in ("a", [1])))


def test_routes_of_ever_other_lengths_come_and_go_for_ever():
    fleet = Fleet(reservations_max=2, bytes_max=200_000)
    fleet.add("parked", standing(0.0, 9.0))

    for _ in range(3):
        for knots in (2, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025):
            fleet.add("m", zigzag(knots))
            near = fleet.check(zigzag(knots, y_m=3.0))
            fleet.remove("m")
            assert near.party == "m"

    assert fleet.check(standing(0.0, 6.5)).party == "parked"


def test_what_moves_together_in_memory_answers_as_before():
    rng = np.random.default_rng(6)
    pool = list(crowd(13, 40, 60.0).values())
    fleet, kept = Fleet(bytes_max=120_000), {}

    for step in range(400):
        name = f"m{rng.integers(12):02}"
        if name in kept and rng.random() < 0.3:
            fleet.remove(name)
            del kept[name]
        else:
            kept.pop(name, None)
            # None twice: which of two twins is nearest lies within the error of a clearance.
            kept[name] = rng.choice([held for held in pool[1:] if held not in kept.values()])
            fleet.replace(name, kept[name])
        if step % 20 == 0:
            assert fleet.check_all() == fleet_of(**kept).check_all()
            assert fleet.check(pool[0]) == fleet_of(**kept).check(pool[0])


@pytest.mark.parametrize(
    "counts",
    [
        {"from_s": math.nan},
        {"until_s": math.nan},
        {"from_s": 5.0, "until_s": 4.0},
        {"from_s": math.inf},
        {"until_s": -math.inf},
        {"from_s": -1e300},
    ],
)
def test_times_that_are_none_are_refused(counts):
    with pytest.raises(ConfigError, match="no reservation"):
        standing(0.0, 0.0, **counts)


@pytest.mark.parametrize("range_m", [-1.0, math.nan, math.inf])
def test_a_range_that_is_none_is_refused(range_m):
    with pytest.raises(ConfigError, match="range_m"):
        Fleet().check(standing(0.0, 0.0), range_m=range_m)


def test_names_are_used_once_and_known():
    fleet = fleet_of(a=standing(0.0, 0.0))

    with pytest.raises(ConfigError, match="another name"):
        fleet.add("a", standing(9.0, 0.0))
    with pytest.raises(ConfigError, match="name a reservation"):
        fleet.remove("b")

    assert "a" in fleet
    assert "b" not in fleet


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(-3.0, 3.0), st.booleans(), st.integers(-1000, 1000))
def test_a_scene_turned_mirrored_or_later_gives_the_same_meetings(seed, turn_rad, is_mirrored, s):
    reservations = crowd(seed)
    sign = -1.0 if is_mirrored else 1.0

    def moved(reservation):
        time_s, x, y, heading = reservation.route.knots.T
        cos, sin = math.cos(turn_rad), math.sin(turn_rad)
        knots = (
            time_s + s,
            cos * x - sin * sign * y,
            sin * x + cos * sign * y,
            sign * heading + turn_rad,
        )
        return msgspec.structs.replace(reservation, route=Route(np.column_stack(knots)))

    before = times(fleet_of(**reservations))
    after = times(fleet_of(**{name: moved(r) for name, r in reservations.items()}))

    assert after == pytest.approx({pair: time_s + s for pair, time_s in before.items()}, abs=1e-3)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_one_against_the_rest_says_what_all_against_all_says(seed):
    reservations = crowd(seed)
    fleet = fleet_of(**reservations)

    met = fleet.check_all()

    for name, reservation in reservations.items():
        expected_s = [m.time_s for m in met if name in (m.first, m.second)]
        verdict = fleet.check(reservation, ignore=(name,), range_m=0.0)
        found_s = verdict.time_s if isinstance(verdict, Violation) else math.inf
        assert found_s == pytest.approx(min(expected_s, default=math.inf), abs=1e-3)
