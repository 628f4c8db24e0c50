import math

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.machine.mishap import POSE_ERROR_M
from lunaredge.machine.world import STEP_NS, World
from lunaredge.model.fleet import Capability, ComputerSpec, Fleet, NodeSpec
from lunaredge.model.task import Dig, Tool
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import FrameReader, Halt, encode_frame
from tests.machine.proving_ground import (
    LIFETIME_S,
    ONE,
    START_NS,
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

BEND = ((34.0, 24.0), (34.0, 34.0), (20.0, 40.0))


def driven(ground: World, slice_ns: int = 3 * NS_PER_S) -> World:
    """Drive a bend, advancing in slices; refreshed at whole seconds."""
    order = follow(1, place(ground), *BEND)
    for second in range(120):
        ground.order(ONE, order, START_NS + second * NS_PER_S)
        end_ns = START_NS + (second + 1) * NS_PER_S
        while ground.now_ns < end_ns:
            ground.advance(min(ground.now_ns + slice_ns, end_ns))
    return ground


def test_how_time_is_sliced_changes_nothing() -> None:
    whole = driven(world())
    sliced = driven(world(), slice_ns=STEP_NS)

    assert whole.truth() == sliced.truth()
    assert whole.summary() == sliced.summary()
    assert whole.sample(ONE) == sliced.sample(ONE)


def test_the_same_seed_gives_the_same_world_and_another_gives_another() -> None:
    first, second, other = driven(world()), driven(world()), driven(world(seed=8))

    assert first.truth() == second.truth()
    assert first.witness.take_events() == second.witness.take_events()
    assert first.truth() != other.truth()


def test_time_goes_in_whole_steps_and_never_beyond_what_was_asked() -> None:
    ground = world()

    ground.advance(START_NS + STEP_NS - 1)
    assert ground.now_ns == START_NS

    ground.advance(START_NS + 10 * STEP_NS + 7)
    assert ground.now_ns == START_NS + 10 * STEP_NS


def test_reported_poses_are_as_good_as_they_say() -> None:
    ground = world()
    order = follow(1, place(ground), *BEND)
    errors = []

    for _ in range(200):
        sample = keep(ground, order, 0.5)[-1]
        truth = ground.truth()[0]
        errors.append(math.hypot(sample.x_m - truth.x_m, sample.y_m - truth.y_m))

    assert max(errors) <= POSE_ERROR_M
    assert min(errors) > 0.0
    assert len(set(errors)) > 100


def test_a_long_wait_costs_the_same_energy_however_often_it_is_looked_at() -> None:
    once, often = world(), world()

    wait(once, 7200.0)
    for _ in range(720):
        wait(often, 10.0)
        often.sample(ONE)

    assert often.sample(ONE).battery_wh == pytest.approx(once.sample(ONE).battery_wh)
    assert often.sample(ONE).battery_wh == pytest.approx(1000.0 - 60.0)


def test_every_sample_fits_a_frame_of_the_driver_protocol() -> None:
    ground = world()
    order = msgspec.structs.replace(follow(1, place(ground), *BEND), tool=Tool.SCANNER)

    samples = keep(ground, order, 10.0)

    frames = b"".join(encode_frame(sample) for sample in samples)
    assert any(sample.scan for sample in samples)
    assert list(FrameReader().feed(frames)) == samples


def test_the_summary_has_what_the_demo_reads() -> None:
    ground = driven(world())

    summary = msgspec.json.decode(msgspec.json.encode(ground.summary()))

    one = summary["machines"]["one"]
    assert one["distance_m"] == pytest.approx(14 + 10 + math.hypot(14, 6), abs=0.2)
    assert one["battery_wh_min"] < 1000.0
    assert one["deadman_stops"] == 0
    assert len(one["moved_intervals"]) == 1
    assert summary["machines"]["two"]["moved_intervals"] == []
    assert summary["separation_m_min"] > 0.0
    assert summary["separations_m"] == {"one two": summary["separation_m_min"]}
    assert summary["pairs_checked"] > 100
    assert summary["overlaps"] == []
    assert set(summary["zones"]) == {"pad", "pit", "heap"}


def test_two_machines_driven_through_each_other_are_caught() -> None:
    ground = world(homes=((20.0, 24.0), (20.0, 34.0)))
    # The guard is the machine's own; here it is taken away to show that the witness has eyes.
    for machine in ground._machines.values():
        machine._hindrance = lambda order: None
        machine._turn_touches = lambda body: False
    paths = {
        name: follow(1, place(ground, name), (20.0 + dy, y))
        for name, dy, y in ((ONE, 0.3, 40.0), (TWO, -0.3, 18.0))
    }

    for _ in range(60):
        for name, order in paths.items():
            ground.order(name, order, ground.now_ns)
        wait(ground, 1.0)

    summary = ground.summary()
    assert summary["separation_m_min"] == 0.0
    assert summary["overlaps"][0]["machines"] == (ONE, TWO)


def test_machines_that_meet_head_on_stop_by_themselves() -> None:
    ground = world(homes=((20.0, 24.0), (40.0, 24.0)))
    orders = {
        ONE: follow(1, place(ground, ONE), (40.0, 24.0)),
        TWO: follow(1, place(ground, TWO), (20.0, 24.0)),
    }

    for _ in range(60):
        for name, order in orders.items():
            assert ground.order(name, order, ground.now_ns) is None
        wait(ground, 1.0)

    assert all(ground.sample(name).blocked for name in orders)
    assert ground.summary()["overlaps"] == []
    assert ground.witness.separation_m_min > 0.0


def test_a_node_without_a_machine_has_no_place_in_the_world() -> None:
    computer = NodeSpec(
        name=NodeId("dc"),
        kind="computer",
        capabilities=(Capability.COMPUTE,),
        computer=ComputerSpec(slots=1, memory_mib=64),
    )

    ground = World(site(), Fleet(nodes=(computer,)), 2.0, 1, START_NS)

    assert ground.names == ()
    assert ground.truth() == ()
    assert ground.summary()["separation_m_min"] is None


def test_energy_is_counted_once_through_waiting_and_working() -> None:
    ground = world()
    machine = ground._machines[ONE].spec

    wait(ground, 1000.0)
    keep(ground, work(1, Dig(zone="pit", pile="heap", mass_kg=25.0)), 100.0)
    wait(ground, 1000.0)

    elapsed_s = (ground.now_ns - START_NS) / NS_PER_S
    expected = 1000.0 - machine.idle_w * elapsed_s / 3600.0 - 25.0 * machine.dig_wh_kg
    assert ground.sample(ONE).battery_wh == pytest.approx(expected)


def test_a_busy_digger_does_not_slow_the_clock_of_others() -> None:
    ground = world()

    keep(ground, work(1, Dig(zone="pit", pile="heap", mass_kg=9.0)), 30.0)

    assert ground.sample(TWO).battery_wh == pytest.approx(1000.0)
    assert ground.sample(ONE).battery_wh < 1000.0 - 9.0


def test_a_machine_that_is_carried_stands_there_and_its_order_is_over() -> None:
    ground = world(homes=((20.0, 24.0), (40.0, 24.0)))
    order = follow(1, place(ground), (32.0, 24.0))
    keep(ground, order, 40.0)

    ground.carry(ONE, (24.0, 30.0), 1.0)

    truth = ground.truth()[0]
    assert (truth.x_m, truth.y_m) == pytest.approx((24.0, 30.0))
    assert truth.heading_rad == 1.0
    sample = ground.sample(ONE)
    assert math.dist((sample.x_m, sample.y_m), (24.0, 30.0)) <= POSE_ERROR_M
    assert (sample.order_no, sample.station_m) == (0, 0.0)
    assert ground.order(ONE, order, ground.now_ns) == "halted"
    assert ground.order(ONE, follow(2, place(ground), (24.0, 36.0)), ground.now_ns) is None


def test_a_machine_that_is_carried_into_another_overlaps_it() -> None:
    ground = world(homes=((20.0, 24.0), (40.0, 24.0)))

    ground.carry(ONE, (40.5, 24.0), 0.0)

    assert ground.summary()["overlaps"][0]["machines"] == (ONE, TWO)


def works(ground: World) -> bool:
    return next(pose.works for pose in ground.poses() if pose.machine == ONE)


def test_work_is_seen_until_its_goal_its_halt_or_the_end_of_its_set_point() -> None:
    ground = world()
    assert not works(ground)

    keep(ground, work(1, Dig(zone="pit", pile="heap", mass_kg=5.0)), 5.0)
    assert works(ground)
    keep(ground, work(1, Dig(zone="pit", pile="heap", mass_kg=5.0)), 10.0)
    assert not works(ground)
    keep(ground, work(2, Dig(zone="pit", pile="heap", mass_kg=50.0)), 5.0)
    assert works(ground)
    wait(ground, LIFETIME_S + 0.2)
    assert not works(ground)
    keep(ground, work(3, Dig(zone="pit", pile="heap", mass_kg=50.0)), 5.0)
    ground.order(ONE, Halt(), ground.now_ns)
    assert not works(ground)


def test_a_machine_without_energy_does_no_work() -> None:
    ground = world(machine=spec(battery_wh=1.0, reserve_wh=0.0))
    order = work(1, Dig(zone="pit", pile="heap", mass_kg=100.0))

    keep(ground, order, 1.0)
    assert works(ground)
    keep(ground, order, 10.0)
    assert not works(ground)


def test_a_tool_is_seen_to_work_from_where_it_starts_until_the_machine_stands() -> None:
    ground = world()
    path = follow(1, (20.0, 24.0), (32.0, 24.0))
    order = msgspec.structs.replace(path, tool=Tool.ROLLER, tool_from_m=6.0)

    seen = [
        (samples[-1].station_m, works(ground))
        for samples in (keep(ground, order, 1.0) for _ in range(60))
    ]

    assert {at_work for station_m, at_work in seen if station_m < 6.0} == {False}
    assert {at_work for station_m, at_work in seen if 6.0 < station_m < 11.9} == {True}
    assert seen[-1] == (pytest.approx(12.0, abs=2e-3), False)
