"""Machines with something wrong: what the body does, what is told, what the controller does."""

import math

import pytest
from msgspec.structs import replace

from lunaredge.machine.events import MachineStopped, StopCause
from lunaredge.machine.mishap import (
    BRAKING_RATIO_MIN,
    SLIP_REST_NS,
    SOUND,
    Mishap,
    lie_m_max,
)
from lunaredge.machine.world import World
from lunaredge.units import s_from_ns
from lunaredge.wire.driver import Sample
from tests.machine.proving_ground import ONE, follow, keep, place, wait, world


def eastward(ground: World, order_no: int = 1, far_m: float = 60.0):
    x_m, y_m = place(ground)
    return follow(order_no, (x_m, y_m), (x_m + far_m, y_m))


def driven_m(mishap: Mishap, duration_s: float = 30.0) -> float:
    ground = world()
    ground.afflict(ONE, mishap)
    return keep(ground, eastward(ground), duration_s)[-1].station_m


def true_place(ground: World) -> tuple[float, float]:
    truth = ground.truth()[0]
    return truth.x_m, truth.y_m


def error_m(ground: World, sample: Sample) -> float:
    return math.dist((sample.x_m, sample.y_m), true_place(ground))


def test_a_slipping_machine_advances_less_and_measures_it() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(slip_ratio=0.4))

    samples = keep(ground, eastward(ground), 30.0)

    assert samples[-1].station_m == pytest.approx(0.6 * driven_m(SOUND), rel=0.01)
    assert max(sample.slip_ratio for sample in samples) == 0.4
    assert not any(sample.blocked for sample in samples)


def test_a_slipping_machine_still_comes_to_its_stop() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(slip_ratio=0.4))
    order = follow(1, place(ground), (place(ground)[0] + 5.0, place(ground)[1]), stop_m=4.0)

    samples = keep(ground, order, 60.0)

    assert samples[-1].at_rest
    assert samples[-1].station_m == pytest.approx(4.0, abs=2e-3)
    assert max(sample.station_m for sample in samples) <= 4.0 + 1e-3


def test_wheels_that_turn_in_vain_bring_the_machine_to_rest_for_slip() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(slip_ratio=0.9))

    samples = keep(ground, eastward(ground), 15.0)

    assert samples[-1].blocked
    assert samples[-1].at_rest
    stops = [e for e in ground.witness.take_events() if isinstance(e, MachineStopped)]
    assert [stop.cause for stop in stops] == [StopCause.SLIP]


def test_a_machine_that_has_slipped_tries_again_and_goes_on_once_it_grips() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(slip_ratio=0.9))
    order = eastward(ground)
    stood_m = keep(ground, order, 15.0)[-1].station_m

    ground.afflict(ONE, SOUND)
    samples = keep(ground, order, s_from_ns(SLIP_REST_NS))

    assert not samples[-1].blocked
    assert samples[-1].station_m > stood_m + 2.0


def test_a_stuck_machine_stays_where_it_is_and_says_nothing() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(stuck=True))
    before = true_place(ground)

    samples = keep(ground, eastward(ground), 30.0)

    assert true_place(ground) == before
    assert samples[-1].station_m == 0.0
    assert not samples[-1].blocked
    assert samples[-1].order_no == 1


def test_a_slow_machine_reaches_its_share_of_the_speed() -> None:
    assert driven_m(Mishap(speed_ratio=0.5)) == pytest.approx(0.5 * driven_m(SOUND), rel=0.1)


def test_a_silent_machine_says_so_to_its_driver_and_drives_on_what_it_has() -> None:
    ground = world()

    ground.afflict(ONE, Mishap(silent=True))

    assert ground.is_silent(ONE)
    assert keep(ground, eastward(ground), 10.0)[-1].station_m > 0.0


def test_a_lost_machine_tells_its_bound_and_its_body_stays() -> None:
    ground = world()
    before = true_place(ground)

    ground.afflict(ONE, Mishap(pose_error_m=2.0))

    assert 1.8 <= ground.sample(ONE).pose_error_m <= 2.0
    assert true_place(ground) == before


def test_the_bound_of_a_lost_machine_is_another_one_each_time() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(pose_error_m=0.3))

    told_m = [sample.pose_error_m for sample in keep(ground, eastward(ground), 20.0)]

    assert len(set(told_m)) > 10
    assert all(0.27 <= each_m <= 0.3 for each_m in told_m)


def test_a_lying_pose_moves_what_is_measured_and_not_the_body() -> None:
    ground = world()
    body, measured = true_place(ground), place(ground)

    ground.afflict(ONE, Mishap(pose_error_m=0.4, pose_lie_m=(0.2, 0.0)))

    assert true_place(ground) == body
    assert place(ground) == pytest.approx((measured[0] + 0.2, measured[1]))


@pytest.mark.parametrize("bound_m", [0.3, 2.0])
def test_a_pose_is_off_by_nearly_as_much_as_it_tells_and_no_more(bound_m: float) -> None:
    ground = world()
    ground.afflict(ONE, Mishap(pose_error_m=bound_m, pose_lie_m=(0.0, lie_m_max(bound_m))))
    order = eastward(ground)

    samples, errors_m = [], []
    for _ in range(40):
        samples += keep(ground, order, 0.5)
        errors_m.append(error_m(ground, samples[-1]))

    assert all(off_m <= each.pose_error_m for off_m, each in zip(errors_m, samples, strict=True))
    assert max(errors_m) > 0.75 * bound_m


def test_a_pose_that_is_mended_while_driving_tells_its_bound_until_it_is_right() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(pose_error_m=2.0, pose_lie_m=(0.0, 1.5)))
    keep(ground, eastward(ground), 10.0)

    ground.afflict(ONE, SOUND)
    driving = ground.sample(ONE)
    wait(ground, 20.0)
    standing = ground.sample(ONE)

    assert error_m(ground, standing) <= standing.pose_error_m <= 0.1
    assert not driving.at_rest
    assert driving.pose_error_m >= 1.8


def test_a_pose_that_jumps_ends_the_order_and_does_not_move_the_body() -> None:
    ground = world()
    order = follow(1, place(ground), (place(ground)[0] + 30.0, place(ground)[1]), stop_m=5.0)
    keep(ground, order, 30.0)
    stood = true_place(ground)

    ground.afflict(ONE, Mishap(pose_error_m=2.0, pose_lie_m=(0.0, 1.5)))
    refused = ground.order(ONE, replace(order, stop_m=20.0), ground.now_ns)
    wait(ground, 20.0)

    assert refused == "halted"
    assert true_place(ground) == stood


def test_worn_brakes_that_are_mended_while_driving_are_as_good_as_new_after_the_next_rest() -> None:
    rolled_m = []
    for mishap in (SOUND, Mishap(braking_ratio=BRAKING_RATIO_MIN)):
        ground = world()
        ground.afflict(ONE, mishap)
        keep(ground, eastward(ground), 10.0)
        ground.afflict(ONE, SOUND)
        wait(ground, 30.0)
        keep(ground, eastward(ground, order_no=2), 10.0)
        station_m = ground.sample(ONE).station_m
        wait(ground, 30.0)
        rolled_m.append(ground.sample(ONE).station_m - station_m)

    assert rolled_m[1] == pytest.approx(rolled_m[0])


def test_a_pose_that_begins_to_lie_while_driving_does_so_at_the_next_rest() -> None:
    ground = world()
    order = eastward(ground)
    keep(ground, order, 10.0)
    ground.afflict(ONE, Mishap(pose_error_m=0.4, pose_lie_m=(0.0, 0.2)))
    off_m = place(ground)[1] - true_place(ground)[1]

    wait(ground, 20.0)

    assert place(ground)[1] - true_place(ground)[1] == pytest.approx(off_m + 0.2, abs=0.1)


def test_worn_brakes_stop_later_and_the_controller_counts_on_it() -> None:
    ground = world()
    ground.afflict(ONE, Mishap(braking_ratio=BRAKING_RATIO_MIN))
    order = follow(1, place(ground), (place(ground)[0] + 30.0, place(ground)[1]), stop_m=10.0)

    samples = keep(ground, order, 40.0)

    assert samples[-1].station_m == pytest.approx(10.0, abs=2e-3)
    assert max(sample.station_m for sample in samples) <= 10.0 + 1e-3


def test_worn_brakes_roll_further_when_the_order_dies() -> None:
    rolled_m = []
    for ratio in (1.0, BRAKING_RATIO_MIN):
        ground = world()
        ground.afflict(ONE, Mishap(braking_ratio=ratio))
        station_m = keep(ground, eastward(ground), 10.0)[-1].station_m
        wait(ground, 30.0)
        rolled_m.append(ground.sample(ONE).station_m - station_m)

    assert rolled_m[1] > rolled_m[0] + 0.1


def test_a_battery_that_holds_less_than_it_tells() -> None:
    ground = world()
    wait(ground, 3_600.0)
    told_wh = ground.sample(ONE).battery_wh

    ground.afflict(ONE, Mishap(energy_lie_wh=5.0))

    assert ground.sample(ONE).battery_wh == pytest.approx(told_wh + 5.0)


def test_a_sound_machine_is_as_it_was() -> None:
    ground = world()
    lost = Mishap(pose_error_m=0.4, pose_lie_m=(0.1, 0.1), braking_ratio=0.7, slip_ratio=0.3)
    ground.afflict(ONE, lost)
    measured = place(ground)

    ground.afflict(ONE, SOUND)

    assert ground.is_sound(ONE)
    assert place(ground) == pytest.approx((measured[0] - 0.1, measured[1] - 0.1))
    assert keep(ground, eastward(ground), 30.0)[-1].station_m == pytest.approx(driven_m(SOUND))
