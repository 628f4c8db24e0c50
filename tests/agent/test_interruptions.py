"""Everything that brings a machine to rest, and how it goes on."""

import math
from collections.abc import Callable

import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m
from lunaredge.model.task import Leg, Tool
from lunaredge.node import Actuate
from lunaredge.wire.driver import Follow, Halt
from lunaredge.wire.messages import AuthorityRequest, Dispute
from lunaredge.wire.records import Alarm, Event, TaskReport
from tests.agent.rig import OTHER_KEY, Rig, config
from tests.agent.toy_machine import PATH

DRIVE = Leg(path=PATH)


def blind(rig: Rig) -> None:
    rig.samples = False


def lost_pose(rig: Rig) -> None:
    rig.machine.traits = {"pose_error_m": 0.6}


def off_the_path(rig: Rig) -> None:
    rig.machine.traits = {"y_m": 3.1}


def low_battery(rig: Rig) -> None:
    rig.machine.traits = {"battery_wh": 999.0}


def detached(rig: Rig) -> None:
    rig.node.detached(rig.now_ns)
    rig.carry_out()


def held(rig: Rig) -> None:
    rig.hold()


def stopped(rig: Rig) -> None:
    rig.stop()


def cancelled(rig: Rig) -> None:
    rig.cancel()


FAULTS: dict[Callable[[Rig], None], str] = {
    blind: "safe",
    lost_pose: "holding",
    off_the_path: "requesting",
    low_battery: "safe",
    detached: "safe",
    held: "holding",
    stopped: "stopped",
    cancelled: "idle",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_brings_the_machine_to_rest(fault: Callable[[Rig], None]) -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)
    assert rig.machine.speed_m_s > 0.0

    fault(rig)
    rig.run(16)  # three sample periods, and one more second

    assert rig.state == FAULTS[fault]
    assert rig.follows_in(200) == []
    assert rig.machine.speed_m_s == 0.0


def test_a_site_clock_that_grew_too_poor_brings_the_machine_to_rest() -> None:
    rig = Rig(config(clock_error_s_max=1.62))
    rig.drive_off(DRIVE, speed_m_s_max=0.05)
    rig.serves_time = False

    while rig.state == "driving":
        rig.run(1)  # 1 s unseen, 12 % of a sample period, and over 200 s 100 ppm

    assert rig.state == "holding"
    assert rig.machine.order is None
    assert rig.machine.station_m > 5.0


def test_nothing_moves_before_a_census() -> None:
    rig = Rig()

    rig.run(60)
    rig.assign(DRIVE)
    rig.run(60)

    assert rig.state == "unproven"
    assert rig.all(AuthorityRequest) == []
    assert rig.situation.refused == {"unproven": 1}


def test_a_hold_keeps_task_and_authority_and_a_resume_goes_on_from_there() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)

    rig.hold()
    rig.run(60)
    place = rig.machine.place
    assert rig.situation.held
    assert rig.situation.authority is not None
    assert rig.situation.authority.id == grant.authority
    rig.resume()
    rig.run(5)

    order = rig.orders(Follow)[-1]
    assert math.dist(order.path[0], place) < 0.1
    assert order.stop_m == pytest.approx(length_m(order.path))
    assert len(rig.all(AuthorityRequest)) == 1
    rig.run(180)
    assert rig.outcomes()[-1] == "done"


def test_a_tool_resumes_where_it_was() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH, tool=Tool.ROLLER), tool_from_m=20.0)
    rig.run(20)
    rig.hold()
    rig.run(60)
    driven_m = rig.machine.place[0]

    rig.resume()

    assert rig.orders(Follow)[-1].tool_from_m == pytest.approx(20.0 - driven_m, abs=0.1)


def test_a_machine_that_left_its_corridor_gives_up_and_asks_anew_from_where_it_stands() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)

    off_the_path(rig)
    rig.run(60)

    assert [(a.code, a.active, a.latching) for a in rig.kept(Alarm)] == [
        ("off_corridor", True, True),
        ("off_corridor", False, True),
    ]
    assert len(rig.all(AuthorityRequest)) > 1
    assert rig.last(AuthorityRequest).y_m == 3.1
    assert rig.situation.authority is None


def test_who_asks_for_a_way_says_how_well_it_knows_its_place() -> None:
    rig = Rig()
    rig.machine.traits = {"pose_error_m": 2.0}
    rig.prove()
    rig.assign(DRIVE)
    rig.run(20)

    assert rig.last(AuthorityRequest).pose_error_m == 2.0


def test_off_its_corridor_and_disputed_at_once_it_gives_up_once_and_asks_anew() -> None:
    rig = Rig()
    grant = rig.drive_off()
    rig.run(20)
    rig.tell(Dispute(authority=grant.authority), OTHER_KEY, node=NodeId("hauler-1"))

    rig.machine.slip(3.0)
    rig.run(40)
    again = rig.last(AuthorityRequest)
    rig.grant(path=((again.x_m, again.y_m), *again.path))

    assert rig.codes(Event).count("authority_given_up") == 1
    assert [alarm.active for alarm in rig.kept(Alarm)] == [True, False]
    assert rig.state == "driving"


def test_the_third_time_off_its_corridor_the_task_fails() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)

    for _ in range(2):
        rig.machine.traits = {"y_m": 3.1}
        rig.run(60)
        rig.machine.traits = {}
        rig.run(31)
        rig.grant(path=(rig.machine.place, PATH[-1]))
    rig.machine.traits = {"y_m": 50.0}
    rig.run(60)

    assert rig.outcomes()[-1] == "failed"
    assert rig.kept(TaskReport)[-1].reason == "off its corridor"


def test_low_energy_is_an_alarm_and_safe_mode_until_it_is_charged() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)

    low_battery(rig)
    rig.run(10)
    assert rig.situation.autonomy.value == "A3"
    rig.machine.traits = {"battery_wh": 1100.0}
    rig.run(30)

    assert [(a.code, a.active) for a in rig.kept(Alarm)] == [
        ("battery_low", True),
        ("battery_low", False),
    ]
    assert rig.state == "driving"


def test_in_safe_mode_no_task_is_begun() -> None:
    rig = Rig()
    rig.prove()
    low_battery(rig)
    rig.run(10)

    rig.assign(DRIVE)

    assert rig.beat().task is None
    assert rig.situation.refused == {"safe": 1}


def test_a_blind_machine_is_an_alarm_and_goes_on_when_it_sees_again() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)

    blind(rig)
    rig.run(20)
    assert rig.situation.x_m is None
    assert not rig.situation.at_rest
    rig.samples = True
    rig.run(60)

    assert rig.codes(Alarm) == ["sensor_stale", "sensor_stale"]
    assert rig.state == "driving"


def test_a_driver_that_comes_back_is_halted_before_anything_else() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)
    detached(rig)
    before = len(rig.effects)

    rig.attach()

    orders = [e.order for e in rig.effects[before:] if isinstance(e, Actuate)]
    assert orders[0] == Halt()
    assert rig.codes(Event)[-2:] == ["driver_lost", "driver_found"]
    rig.run(120)
    assert rig.state in ("driving", "idle")


def test_an_order_that_the_controller_dropped_is_given_anew_under_a_new_number() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)
    first = rig.orders(Follow)[-1].order_no

    rig.machine.take(Halt(), rig.now_ns)
    rig.machine.traits = {"order_no": 0}
    rig.run(15)
    rig.machine.traits = {}
    rig.run(30)

    assert rig.orders(Follow)[-1].order_no > first
    rig.run(150)
    assert rig.outcomes()[-1] == "done"


def test_a_task_without_any_progress_fails() -> None:
    rig = Rig(config(stall_s=120.0))
    rig.machine.traits = {"speed_m_s": 0.0, "station_m": 0.0, "x_m": 0.0, "y_m": 0.0}

    rig.drive_off(DRIVE)
    rig.run(130)

    assert rig.outcomes()[-1] == "failed"
    assert rig.kept(TaskReport)[-1].reason == "stalled"


def test_a_hold_is_no_stall() -> None:
    rig = Rig(config(stall_s=120.0))
    rig.drive_off(DRIVE)
    rig.run(10)

    rig.hold()
    rig.run(300)
    rig.resume()
    rig.run(10)

    assert rig.state == "driving"
