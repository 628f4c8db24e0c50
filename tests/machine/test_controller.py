"""What the controller does with orders, seen from outside: through the world it stands in."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.machine.controller import SCAN_POINTS_MAX
from lunaredge.machine.events import GoalReached, MachineStopped, StopCause
from lunaredge.machine.kinematics import stopping_distance_m
from lunaredge.machine.world import STEP_NS, World
from lunaredge.model.task import Dig, Dump, Load, Tool
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import Follow, Halt, MachineOrder
from tests.machine.proving_ground import (
    LIFETIME_S,
    ONE,
    TWO,
    follow,
    keep,
    place,
    site,
    spec,
    wait,
    work,
    world,
)

SPEED_M_S = 0.5
STOPPING_M = stopping_distance_m(SPEED_M_S, 0.2, 0.0, 0.0)
STOPPING_S = SPEED_M_S / 0.2


def eastward(ground: World, order_no: int = 1, length_m: float = 40.0) -> Follow:
    x_m, y_m = place(ground)
    return follow(order_no, (x_m, y_m), (x_m + length_m, y_m))


def stops(ground: World) -> list[StopCause]:
    events = ground.witness.take_events()
    return [event.cause for event in events if isinstance(event, MachineStopped)]


def test_a_machine_without_an_order_never_moves() -> None:
    ground = world()
    before = [truth.corners for truth in ground.truth()]

    wait(ground, 3600.0)

    assert [truth.corners for truth in ground.truth()] == before


def test_a_kept_order_is_driven_to_its_stop() -> None:
    ground = world()
    order = msgspec.structs.replace(eastward(ground), stop_m=7.0)

    last = keep(ground, order, 40.0)[-1]

    assert last.order_no == 1
    assert last.at_rest
    assert last.station_m == pytest.approx(7.0, abs=2e-3)
    assert not last.blocked


def test_a_further_stop_lets_it_go_on() -> None:
    ground = world()
    order = msgspec.structs.replace(eastward(ground), stop_m=3.0)
    keep(ground, order, 20.0)

    last = keep(ground, msgspec.structs.replace(order, stop_m=6.0), 20.0)[-1]

    assert last.station_m == pytest.approx(6.0, abs=2e-3)


def test_a_set_point_dies_within_its_lifetime_and_the_machine_comes_to_rest() -> None:
    ground = world()
    moving = keep(ground, eastward(ground), 10.0)[-1]
    assert moving.speed_m_s == SPEED_M_S

    wait(ground, LIFETIME_S + STOPPING_S + 0.2)

    last = ground.sample(ONE)
    assert last.at_rest
    assert last.order_no == 0
    assert last.station_m - moving.station_m <= LIFETIME_S * SPEED_M_S + STOPPING_M
    assert stops(ground) == [StopCause.DEAD_MAN]


def test_a_dead_set_point_is_revived_by_its_refresh() -> None:
    ground = world()
    order = eastward(ground)
    keep(ground, order, 10.0)
    wait(ground, 60.0)

    last = keep(ground, order, 80.0)[-1]

    assert last.station_m == pytest.approx(40.0, abs=2e-3)
    assert last.order_no == 1


def test_an_order_that_ran_out_at_its_stop_is_no_dead_mans_stop() -> None:
    ground = world()
    keep(ground, msgspec.structs.replace(eastward(ground), stop_m=2.0), 20.0)

    wait(ground, 60.0)

    assert stops(ground) == []
    assert ground.sample(ONE).order_no == 0


def test_a_halt_stops_and_its_order_stays_dropped() -> None:
    ground = world()
    order = eastward(ground)
    keep(ground, order, 10.0)
    start_m = ground.sample(ONE).station_m

    ground.order(ONE, Halt(), ground.now_ns)
    refused = ground.order(ONE, order, ground.now_ns)
    wait(ground, 10.0)

    assert refused == "halted"
    assert ground.sample(ONE).at_rest
    assert ground.sample(ONE).order_no == 0
    assert ground.sample(ONE).station_m - start_m == pytest.approx(STOPPING_M)


def test_a_new_driver_stops_what_the_old_one_ordered() -> None:
    ground = world()
    keep(ground, eastward(ground, order_no=9), 10.0)

    ground.attach(ONE)
    wait(ground, STOPPING_S + 0.2)

    assert ground.sample(ONE).at_rest
    assert ground.order(ONE, eastward(ground, order_no=1), ground.now_ns) is None


def test_a_new_order_waits_until_the_machine_stands() -> None:
    ground = world()
    keep(ground, eastward(ground), 10.0)

    refused = ground.order(ONE, eastward(ground, order_no=2), ground.now_ns)

    assert refused == "moving"
    assert ground.sample(ONE).order_no == 1


def refused_orders() -> list[tuple[MachineOrder, str]]:
    start = (20.0, 24.0)
    good = follow(1, start, (30.0, 24.0))
    change = msgspec.structs.replace
    return [
        (follow(1, (25.0, 24.0), (30.0, 24.0)), "far"),
        (change(good, path=()), "malformed"),
        (change(good, stop_m=math.nan), "malformed"),
        (change(good, stop_m=math.inf), "malformed"),
        (change(good, tool_from_m=math.nan), "malformed"),
        (change(good, speed_m_s=0.0), "malformed"),
        (change(good, speed_m_s=math.inf), "malformed"),
        (change(good, order_no=0), "number"),
        (work(1, Dig(zone="moon", pile="heap", mass_kg=1.0)), "unknown"),
    ]


@pytest.mark.parametrize(("order", "reason"), refused_orders())
def test_an_order_it_cannot_follow_is_refused_and_counted(order: MachineOrder, reason: str) -> None:
    ground = world()
    before = ground.truth()[0].corners

    assert ground.order(ONE, order, ground.now_ns) == reason
    wait(ground, 10.0)

    assert ground.truth()[0].corners == before
    assert ground.summary()["machines"][ONE]["orders_refused"] == {reason: 1}


def test_a_tool_the_machine_has_not_is_refused() -> None:
    ground = world(machine=spec(tool_width_m=0.0))
    order = msgspec.structs.replace(eastward(ground), tool=Tool.BLADE)

    assert ground.order(ONE, order, ground.now_ns) == "unable"


def test_it_stands_for_a_body_ahead_and_goes_on_when_that_has_left() -> None:
    ground = world(homes=((20.0, 24.0), (30.0, 24.0)))
    order = eastward(ground)

    blocked = keep(ground, order, 40.0)[-1]
    assert blocked.blocked
    assert blocked.at_rest
    assert ground.summary()["machines"][ONE]["blocked_stops"] <= 2
    x_m, y_m = place(ground, TWO)
    keep(ground, follow(1, (x_m, y_m), (x_m, y_m + 8.0)), 40.0, TWO)
    last = keep(ground, order, 100.0)[-1]

    assert not last.blocked
    assert last.station_m == pytest.approx(40.0, abs=2e-3)
    assert ground.summary()["overlaps"] == []
    assert ground.witness.separation_m_min > 0.3
    assert StopCause.OBSTACLE in stops(ground)


def test_a_body_beyond_the_stop_is_no_obstacle() -> None:
    ground = world(homes=((20.0, 24.0), (30.0, 24.0)))
    order = msgspec.structs.replace(eastward(ground), stop_m=7.5)

    last = keep(ground, order, 40.0)[-1]

    assert last.station_m == pytest.approx(7.5, abs=2e-3)
    assert ground.summary()["machines"][ONE]["blocked_stops"] == 0


def test_it_does_not_turn_into_a_neighbour() -> None:
    ground = world(homes=((20.0, 24.0), (20.0, 25.4)))
    x_m, y_m = place(ground)

    last = keep(ground, follow(1, (x_m, y_m), (x_m, y_m - 8.0)), 60.0)[-1]

    assert last.blocked
    assert last.at_rest
    assert ground.summary()["overlaps"] == []


def test_it_stands_where_the_ground_is_too_steep() -> None:
    cliff = site(lambda x, y: 0.0 if x < 40 else (x - 40) * 0.7)
    ground = world(ground=cliff)

    last = keep(ground, eastward(ground), 80.0)[-1]

    assert last.blocked
    assert last.at_rest
    assert last.pitch_deg > 15.0
    assert last.station_m < 24.0
    assert stops(ground) == [StopCause.TILT]


def test_a_lean_has_its_sign() -> None:
    slope = world(ground=site(lambda x, y: 0.1 * x + 0.05 * y))

    sample = slope.sample(ONE)

    assert sample.pitch_deg == pytest.approx(math.degrees(math.atan(0.1)), abs=0.01)
    assert sample.roll_deg == pytest.approx(math.degrees(math.atan(0.05)), abs=0.01)
    assert sample.slip_ratio > 0.02


def test_an_empty_battery_moves_nothing() -> None:
    ground = world(machine=spec(battery_wh=0.5, reserve_wh=0.0), homes=((60.0, 80.0), (60.0, 90.0)))

    order = eastward(ground)

    last = keep(ground, order, 60.0)[-1]
    before = ground.truth()[0].corners
    keep(ground, order, 10.0)

    assert last.battery_wh == 0.0
    assert last.at_rest
    assert ground.truth()[0].corners == before


def test_a_machine_charges_at_rest_in_the_yard_only() -> None:
    ground = world(homes=((20.0, 24.0), (20.0, 32.0)))
    for machine in ground.names:
        ground._machines[machine].battery.charge_wh = 500.0

    wait(ground, 3600.0)

    outside, inside = ground.sample(ONE), ground.sample(TWO)
    assert (outside.charging, inside.charging) == (False, True)
    assert outside.battery_wh == pytest.approx(470.0)
    assert inside.battery_wh == pytest.approx(770.0)


def test_work_goes_on_only_while_it_is_refreshed() -> None:
    ground = world()
    order = work(1, Dig(zone="pit", pile="heap", mass_kg=100.0))

    keep(ground, order, 10.0)
    wait(ground, 100.0)
    dug_kg = ground.ground.pit_kg("pit")
    last = keep(ground, order, 200.0)[-1]

    assert 4.0 < dug_kg <= (12.0 + LIFETIME_S) * 0.5
    assert last.work is not None
    assert last.work.done
    assert ground.ground.pit_kg("pit") == pytest.approx(100.0)
    assert StopCause.DEAD_MAN in stops(ground)


def test_a_reached_goal_is_told_once() -> None:
    ground = world()

    keep(ground, work(1, Dig(zone="pit", pile="heap", mass_kg=5.0)), 20.0)
    keep(ground, work(2, Dig(zone="pit", pile="heap", mass_kg=5.0)), 20.0)

    told = [event for event in ground.witness.take_events() if isinstance(event, GoalReached)]
    assert [event.order_no for event in told] == [1]


def test_a_round_of_dig_load_and_dump_moves_the_pile() -> None:
    ground = world()

    keep(ground, work(1, Dig(zone="pit", pile="heap", mass_kg=20.0)), 60.0)
    loaded = keep(ground, work(2, Load(pile="heap")), 60.0)[-1]
    dumped = keep(ground, work(3, Dump(pile="berm")), 60.0)[-1]

    assert loaded.payload_kg == pytest.approx(20.0)
    assert loaded.work is not None
    assert loaded.work.found_empty
    assert dumped.payload_kg == 0.0
    assert ground.ground.piles_kg() == pytest.approx({"heap": 0.0, "berm": 20.0})


def test_the_status_of_work_ends_with_the_next_drive() -> None:
    ground = world()
    keep(ground, work(1, Dig(zone="pit", pile="heap", mass_kg=1.0)), 10.0)

    sample = keep(ground, eastward(ground, order_no=2), 2.0)[-1]

    assert sample.work is None


def lanes(ground: World) -> tuple[tuple[float, float], ...]:
    """Give a path to the pad and over it in lanes 1.8 m apart, for a tool of 2 m."""
    path = [place(ground), (34.0, 24.0)]
    rows = [40.9 + 1.8 * index for index in range(7)]
    for index, y_m in enumerate(rows):
        ends = [(38.0, y_m), (62.0, y_m)]
        path += ends if index % 2 == 0 else ends[::-1]
    return tuple(path)


@pytest.mark.parametrize(
    ("tool", "ratio"),
    [
        (Tool.BLADE, "graded_ratio"),
        (Tool.ROLLER, "compacted_ratio"),
        (Tool.SCANNER, "surveyed_ratio"),
    ],
)
def test_a_tool_in_lanes_treats_the_whole_zone(tool: Tool, ratio: str) -> None:
    ground = world(ground=site(lambda x, y: 0.01 * x + 0.03 * ((x // 5) % 2)))
    path = lanes(ground)
    start_m = math.dist(*path[:2]) + math.dist(*path[1:3])
    order = msgspec.structs.replace(follow(1, *path), tool=tool, tool_from_m=start_m)

    samples = keep(ground, order, 900.0)

    assert samples[-1].at_rest
    # A lane's sway and the drift may leave a cell's centre between two strips.
    assert ground.ground.coverage()["pad"][ratio] > 0.99
    points = [point for sample in samples for point in sample.scan]
    assert bool(points) == (tool is Tool.SCANNER)
    assert len({point[:2] for point in points}) == len(points)


def test_a_tool_works_at_its_own_speed_from_where_it_starts() -> None:
    ground = world()
    order = msgspec.structs.replace(eastward(ground), tool=Tool.ROLLER, tool_from_m=10.0)

    samples = keep(ground, order, 120.0)

    fast = [s.speed_m_s for s in samples if 4.0 < s.station_m < 9.0]
    slow = [s.speed_m_s for s in samples if 12.0 < s.station_m < 38.0]
    assert max(fast) == SPEED_M_S
    assert max(slow) == 0.25


def test_a_scan_that_nobody_takes_is_bounded() -> None:
    wide = world(machine=spec(tool_width_m=100.0, work_speed_m_s=0.5))
    order = msgspec.structs.replace(eastward(wide), tool=Tool.SCANNER)

    for _ in range(80):
        wide.order(ONE, order, wide.now_ns)
        wait(wide, 1.0)

    assert len(wide.sample(ONE).scan) == SCAN_POINTS_MAX
    assert wide.summary()["machines"][ONE]["scan_points_dropped"] > 0
    assert wide.sample(ONE).scan == ()


numbers = st.integers(0, 4)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("follow"), numbers, st.floats(-30.0, 30.0)),
        st.tuples(st.just("work"), numbers, st.floats(0.0, 50.0)),
        st.tuples(st.just("halt"), numbers, st.floats(0.0, 1.0)),
        st.tuples(st.just("attach"), numbers, st.floats(0.0, 1.0)),
        st.tuples(st.just("wait"), numbers, st.floats(0.0, 8.0)),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(steps)
def test_nothing_moves_without_a_live_order_to_follow(
    script: list[tuple[str, int, float]],
) -> None:
    ground = world()
    fed_ns = ground.now_ns
    for word, number, value in script:
        x_m, y_m = place(ground)
        match word:
            case "follow":
                order = follow(number, (x_m, y_m), (x_m + value, y_m + 3.0))
                if ground.order(ONE, order, ground.now_ns) is None:
                    fed_ns = ground.now_ns
            case "work":
                goal = Dig(zone="pit", pile="heap", mass_kg=value)
                ground.order(ONE, work(number, goal), ground.now_ns)
            case "halt":
                ground.order(ONE, Halt(), ground.now_ns)
            case "attach":
                ground.attach(ONE)
        end_ns = ground.now_ns + round(value * NS_PER_S) if word == "wait" else ground.now_ns
        while ground.now_ns + STEP_NS <= end_ns:
            before = ground.truth()[0]
            ground.advance(ground.now_ns + STEP_NS)
            if ground.truth()[0].corners != before.corners:
                fed_s = (ground.now_ns - fed_ns) / NS_PER_S
                assert fed_s <= LIFETIME_S + STOPPING_S + 0.2
    wait(ground, LIFETIME_S + STOPPING_S + 0.4)
    assert ground.sample(ONE).at_rest


@pytest.mark.parametrize("age_s", [15.1, 1e6, -1.0])
def test_an_order_that_rests_on_no_fresh_sample_of_this_life_is_refused(age_s: float) -> None:
    ground = world()
    wait(ground, 100.0)
    basis_ns = ground.sample(ONE).clock_ns - round(age_s * NS_PER_S)
    order = msgspec.structs.replace(eastward(ground), basis_ns=basis_ns)

    refused = World.order(ground, ONE, order, ground.now_ns)

    assert refused == "late"
    assert ground.sample(ONE).order_no == 0


def test_an_order_that_was_refused_for_its_basis_does_not_refresh_the_old_one() -> None:
    ground = world()
    order = eastward(ground)
    keep(ground, order, 20.0)

    for _ in range(8):
        World.order(ground, ONE, msgspec.structs.replace(order, basis_ns=0), ground.now_ns)
        wait(ground, 0.5)

    assert ground.sample(ONE).order_no == 0
    assert ground.sample(ONE).at_rest or ground.sample(ONE).speed_m_s < SPEED_M_S
