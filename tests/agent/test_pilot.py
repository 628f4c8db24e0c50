"""Conversations about motion: asking, driving, working, and everything that forbids it."""

import math
from collections.abc import Callable

import pytest

from lunaredge.agent.polyline import length_m
from lunaredge.model.task import Dump, Leg, Load, Tool
from lunaredge.node import Actuate, Persist, Publish
from lunaredge.wire.driver import Follow, Halt, Work
from lunaredge.wire.messages import AuthorityRenewal, AuthorityRequest
from lunaredge.wire.records import Alarm, Event, TaskReport
from tests.agent.rig import DIG, PATH, Rig, boot_of, config, seconds

DRIVE = Leg(path=PATH)
WORK_THERE = Leg(path=PATH, goal=DIG)


def follows_in(rig: Rig, duration_s: float) -> list[Follow]:
    """Let time pass and give the paths that were ordered meanwhile."""
    before = len(rig.orders(Follow))
    rig.run(duration_s)
    return rig.orders(Follow)[before:]


# --- the way it goes well ------------------------------------------------------------------------


def test_a_granted_path_is_driven_to_its_end_and_the_task_is_done() -> None:
    rig = Rig()

    rig.drive_off(DRIVE)
    rig.run(180)

    assert math.dist(rig.machine.place, PATH[-1]) < 0.01
    assert rig.outcomes() == ["accepted", "started", "done"]
    assert rig.state == "idle"
    assert rig.situation.authority is None
    assert rig.situation.at_rest


def test_a_request_names_the_leg_and_where_the_machine_stands() -> None:
    rig = Rig()
    rig.prove()
    assert rig.all(AuthorityRequest) == []

    rig.assign(DRIVE)

    request = rig.last(AuthorityRequest)
    assert (request.task, request.attempt, request.path) == ("t1", 1, PATH)
    assert (request.x_m, request.y_m) == rig.machine.place
    assert rig.situation.state == "requesting"


def test_an_order_holds_the_path_the_stop_the_speed_and_the_tool() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH, tool=Tool.BLADE), tool_from_m=12.0, speed_m_s_max=9.0)

    order = rig.orders(Follow)[-1]

    assert order.path == PATH
    assert order.stop_m == length_m(PATH)
    assert order.speed_m_s == 0.5  # the machine's own limit
    assert (order.tool, order.tool_from_m) == (Tool.BLADE, 12.0)


def test_the_goal_is_worked_on_at_the_stop_until_it_is_reached() -> None:
    rig = Rig()
    rig.drive_off(WORK_THERE)

    rig.run(140)
    assert rig.state == "working"
    assert rig.orders(Work)[-1].goal == DIG
    assert rig.situation.authority is not None
    assert rig.situation.authority.at_stop
    rig.run(60)

    assert rig.outcomes()[-1] == "done"
    assert rig.state == "idle"


def test_the_next_leg_needs_its_own_authority() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, Leg(path=((0.0, 0.0),)))

    rig.run(180)

    assert len(rig.all(AuthorityRequest)) > 1
    assert rig.last(AuthorityRequest).path == ((0.0, 0.0),)
    assert rig.state == "requesting"
    assert follows_in(rig, 60) == []


def test_a_task_given_the_moment_another_ends_asks_for_its_own_authority() -> None:
    rig = Rig()
    rig.drive_off(WORK_THERE)
    while rig.outcomes()[-1] != "done":
        rig.run(0.2)
    works = len(rig.orders(Work))

    rig.assign(Leg(path=((0.0, 0.0),), goal=DIG), task="t2")
    rig.run(30)

    assert rig.last(AuthorityRequest).task == "t2"
    assert len(rig.orders(Work)) == works


def test_hauling_is_repeated_until_the_pile_is_empty_and_nothing_is_on_board() -> None:
    rig = Rig()
    legs = (
        Leg(path=((0.0, 0.0),), goal=Load(pile="heap")),
        Leg(path=((0.0, 0.0),), goal=Dump(pile="berm")),
    )
    rig.prove()
    rig.assign(*legs, repeat=True)

    goals = []
    for empty, payload_kg in ((False, 300.0), (False, 0.0), (True, 120.0), (True, 0.0)):
        rig.machine.work_left_s, rig.machine.found_empty = 20.0, empty
        rig.machine.traits = {"payload_kg": payload_kg}
        rig.grant()
        rig.run(60)
        goals.append(type(rig.orders(Work)[-1].goal).__name__)

    assert goals == ["Load", "Dump", "Load", "Dump"]
    assert rig.outcomes() == ["accepted", "started", "done"]


def test_set_points_are_refreshed_four_times_in_their_life() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    before = len(rig.orders(Follow))

    rig.run(60)

    assert len(rig.orders(Follow)) - before == 60 / (20 / 4)
    assert len({order.order_no for order in rig.orders(Follow)}) == 1


def test_the_machine_never_stops_for_a_missed_refresh() -> None:
    rig = Rig(lifetime_s=0.5)

    rig.drive_off(DRIVE)
    rig.run(100)

    assert rig.machine.station_m == pytest.approx(0.4 * 100, abs=0.5)


# --- what forbids it -----------------------------------------------------------------------------


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
    assert follows_in(rig, 200) == []
    assert rig.machine.speed_m_s == 0.0


def test_a_site_clock_that_grew_too_poor_brings_the_machine_to_rest() -> None:
    rig = Rig(config(clock_error_s_max=0.05))
    rig.drive_off(DRIVE, speed_m_s_max=0.05)
    rig.serves_time = False

    rig.run(600)  # 100 ppm of 500 s are 50 ms

    assert rig.state == "holding"
    assert rig.machine.speed_m_s == 0.0
    assert rig.machine.station_m > 10.0


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

    assert [(a.code, a.active) for a in rig.kept(Alarm)] == [
        ("off_corridor", True),
        ("off_corridor", False),
    ]
    assert len(rig.all(AuthorityRequest)) > 1
    assert rig.last(AuthorityRequest).y_m == 3.1
    assert rig.situation.authority is None


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


# --- leases --------------------------------------------------------------------------------------


def test_the_machine_is_at_rest_before_the_lease_ends() -> None:
    rig = Rig()
    sent_ns = rig.now_ns + seconds(60)
    rig.drive_off(DRIVE, lifetime_ns=seconds(100))
    assert rig.now_ns == sent_ns

    rig.run(100)

    assert rig.machine.moved_ns is not None
    assert rig.machine.moved_ns < sent_ns + seconds(100 - 5)
    assert rig.machine.moved_ns > sent_ns + seconds(60)
    assert rig.state == "holding"
    assert "authority_expired" in rig.codes(Event)


def test_set_points_left_alone_die_before_the_lease_ends() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, lifetime_ns=seconds(100))
    sent_ns = rig.now_ns

    rig.run(69)  # the last refresh comes after this
    for _ in range(60):
        rig.now_ns += seconds(0.5)
        rig.machine.advance(rig.now_ns, seconds(0.5))

    assert rig.machine.speed_m_s == 0.0
    assert rig.machine.moved_ns is not None
    assert rig.machine.moved_ns < sent_ns + seconds(100)


def test_an_expired_lease_still_occupies_and_a_renewal_sets_the_machine_going() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, lifetime_ns=seconds(100))
    rig.run(90)
    assert rig.state == "holding"
    assert rig.situation.authority is not None

    rig.renew(rig.last(AuthorityRenewal).request_no, grant)
    rig.run(10)

    assert rig.state == "driving"
    assert len(rig.all(AuthorityRequest)) == 1


def test_renewals_are_asked_from_half_life_on_with_fresh_numbers() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, lifetime_ns=seconds(200), speed_m_s_max=0.1)

    rig.run(99)
    assert rig.all(AuthorityRenewal) == []
    rig.run(70)

    numbers = [renewal.request_no for renewal in rig.all(AuthorityRenewal)]
    assert len(numbers) == 3
    assert numbers == sorted(set(numbers))


def test_a_renewed_lease_does_not_interrupt_the_drive() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE, lifetime_ns=seconds(120), speed_m_s_max=0.1)
    halts = len(rig.orders(Halt))

    for _ in range(4):
        rig.run(62)
        rig.renew(rig.last(AuthorityRenewal).request_no, grant, 120)

    assert len(rig.orders(Halt)) == halts
    assert rig.machine.station_m == pytest.approx(24.8, abs=0.5)


def test_a_lease_that_is_not_renewed_is_given_up_and_asked_anew() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, lifetime_ns=seconds(100))

    rig.run(300)

    assert "authority_given_up" in rig.codes(Event)
    assert len(rig.all(AuthorityRequest)) > 1
    rig.grant(path=(rig.machine.place, PATH[-1]))
    assert rig.state == "driving"


def test_the_path_behind_is_given_back_while_driving() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)

    released_m = []
    for _ in range(6):
        authority = rig.beat().authority
        assert authority is not None
        released_m.append(authority.released_m)

    assert released_m == sorted(released_m)
    assert released_m[-1] == pytest.approx(0.4 * 60 - 1.2, abs=2.1)
    assert released_m[-1] < rig.machine.station_m - 1.0


def test_a_deferred_request_is_asked_again_after_the_wait() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(DRIVE)

    rig.defer(wait_s=45)
    rig.run(44)
    assert len(rig.all(AuthorityRequest)) == 1
    rig.run(2)

    assert len(rig.all(AuthorityRequest)) == 2
    assert rig.state == "requesting"


# --- grants that are refused ---------------------------------------------------------------------


def refused_grant(rig: Rig, **changes: object) -> dict[str, int]:
    """Offer a grant that must be refused; give what was counted."""
    before = rig.beat()

    rig.grant(**changes)
    after = rig.beat()

    assert rig.orders(Follow) == []
    assert after.authority is None
    assert (after.state, after.task, after.held) == (before.state, before.task, before.held)
    return after.refused


def asking() -> Rig:
    rig = Rig()
    rig.prove()
    rig.assign(DRIVE)
    return rig


def test_a_grant_for_another_request_is_refused() -> None:
    rig = asking()

    assert refused_grant(rig, request_no=rig.last(AuthorityRequest).request_no - 1) == {
        "request": 1
    }


def test_a_grant_that_begins_elsewhere_is_refused() -> None:
    assert refused_grant(asking(), path=((0.6, 0.0), (30.0, 0.0))) == {"grant_start": 1}


def test_a_grant_without_width_is_refused() -> None:
    assert refused_grant(asking(), half_width_m=0.0) == {"grant_values": 1}


def test_a_grant_that_would_end_at_once_is_refused() -> None:
    assert refused_grant(asking(), lifetime_ns=seconds(30)) == {"lease": 1}


def test_a_grant_for_a_blind_machine_is_refused() -> None:
    rig = asking()
    rig.samples = False
    rig.run(16)

    assert rig.situation.refused == {}
    rig.grant()

    assert rig.beat().refused == {"pose": 1}
    assert rig.situation.authority is None


def test_a_grant_of_an_earlier_boot_moves_nothing() -> None:
    rig = asking()
    old = rig.grant_for(rig.last(AuthorityRequest))
    rig.boot()
    rig.census()
    rig.run(60)
    assert len({request.request_no for request in rig.all(AuthorityRequest)}) >= 2

    rig.tell(old)

    assert rig.orders(Follow) == []
    assert rig.beat().refused == {"request": 1}


def test_after_a_reboot_the_old_authority_is_no_permission_and_is_given_up_at_rest() -> None:
    rig = Rig()
    grant = rig.drive_off(DRIVE)
    rig.run(20)
    assert rig.machine.speed_m_s > 0.0

    rig.boot()

    assert rig.machine.order is None
    assert rig.situation.authority is None
    assert not rig.situation.at_rest
    rig.tell(rig.grant_for(rig.last(AuthorityRequest), command=grant.command))
    rig.census()
    assert follows_in(rig, 40) == []
    assert rig.situation.at_rest
    assert rig.boot_id == boot_of(2)


def test_the_state_of_the_world_is_asked_for_only_when_the_machine_stands() -> None:
    rig = Rig()
    rig.census()
    rig.machine.traits = {"at_rest": False, "speed_m_s": 0.2}
    rig.run(60)

    rig.assign(DRIVE)
    rig.run(30)
    assert rig.all(AuthorityRequest) == []
    rig.machine.traits = {}
    rig.run(5)

    assert len(rig.all(AuthorityRequest)) == 1


# --- what must come before what ------------------------------------------------------------------


def test_a_leg_is_counted_durably_after_what_it_measured() -> None:
    rig = Rig()
    rig.machine.scan = ((1.0, 2.0, 3.0),) * 10
    rig.drive_off(Leg(path=((0.0, 0.0), (5.0, 0.0)), tool=Tool.SCANNER), DRIVE)
    before = len(rig.effects)

    rig.run(30)

    tail = rig.effects[before:]
    leg = next(i for i, e in enumerate(tail) if isinstance(e, Persist) and e.table == "leg")
    patch = next(
        i
        for i, e in enumerate(tail)
        if isinstance(e, Persist) and e.table == "spool" and b"terrain_patch" in e.value
    )
    assert patch < leg


def test_a_task_is_reported_done_durably_before_it_is_forgotten() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(100)
    before = len(rig.effects)

    rig.run(80)

    tail = rig.effects[before:]
    kinds = [
        (i, type(e).__name__, getattr(e, "table", ""))
        for i, e in enumerate(tail)
        if (isinstance(e, Persist) and b"done" in e.value and b"task_report" in e.value)
        or getattr(e, "table", "") == "task"
    ]
    assert [(name, table) for _, name, table in kinds] == [("Persist", "spool"), ("Erase", "task")]
    published = next(
        i
        for i, e in enumerate(tail)
        if isinstance(e, Publish) and e.topic.endswith("/up/state") and b"done" in e.payload
    )
    assert published > kinds[1][0]


def test_progress_rises_from_leg_to_leg() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, Leg(path=(PATH[-1],), goal=DIG))

    progress = [rig.beat().progress_ratio for _ in range(20)]

    assert progress == sorted(progress)
    assert 0.05 < progress[2] < 0.5
    assert progress[-1] == 0.5
