"""Conversations about motion: asking, driving, working, and what is kept on the way."""

import math

import pytest

from lunaredge.model.polyline import length_m
from lunaredge.model.task import Dump, Leg, Load, Tool
from lunaredge.node import Persist, Publish
from lunaredge.wire.driver import Follow, Halt, MachineOrder, Work
from lunaredge.wire.messages import AuthorityRenewal, AuthorityRequest
from lunaredge.wire.records import Event
from tests.agent.rig import DIG, Rig
from tests.agent.toy_machine import PATH, Machine, seconds

DRIVE = Leg(path=PATH)
WORK_THERE = Leg(path=PATH, goal=DIG)


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


class Deaf(Machine):
    """A machine that no halt reaches: its set-point must die."""

    def take(self, order: MachineOrder, now_ns: int) -> None:
        if not isinstance(order, Halt):
            super().take(order, now_ns)


@pytest.mark.parametrize("machine", [Machine, Deaf])
@pytest.mark.parametrize("is_heard", [True, False], ids=["heard", "cut off"])
def test_work_rests_before_its_lease_ends_when_no_renewal_comes(
    machine: type[Machine], *, is_heard: bool
) -> None:
    rig = Rig(lifetime_s=2.0)
    rig.machine = machine()
    rig.machine.lifetime_ns = seconds(2.0)
    rig.machine.work_left_s = 500.0
    rig.prove()
    rig.assign(Leg(path=PATH[:1], goal=DIG))
    asked_ns = rig.now_ns
    rig.grant(lifetime_ns=seconds(90))
    rig.serves_time = is_heard

    worked_ns = []
    while rig.now_ns < asked_ns + seconds(300):
        left_s = rig.machine.work_left_s
        rig.run(0.5)
        if rig.machine.work_left_s < left_s:
            worked_ns.append(rig.now_ns - asked_ns)

    assert seconds(50) < worked_ns[-1] < seconds(90)
    assert len(rig.all(AuthorityRenewal)) >= 1
    assert "authority_expired" in rig.codes(Event)


def test_the_next_leg_needs_its_own_authority() -> None:
    rig = Rig()
    rig.drive_off(DRIVE, Leg(path=((0.0, 0.0),)))

    rig.run(180)

    assert len(rig.all(AuthorityRequest)) > 1
    assert rig.last(AuthorityRequest).path == ((0.0, 0.0),)
    assert rig.state == "requesting"
    assert rig.follows_in(60) == []


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


def test_a_request_waits_for_the_broker_and_goes_out_when_it_is_back() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(DRIVE, DRIVE)
    rig.grant()
    rig.run(100)
    rig.node.disconnected(rig.now_ns)
    rig.run(60)
    assert len(rig.all(AuthorityRequest)) == 1

    rig.node.connected(rig.now_ns)
    rig.carry_out()

    assert len(rig.all(AuthorityRequest)) == 2


def test_a_station_of_another_order_gives_nothing_back() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)

    rig.machine.traits = {"order_no": 3, "station_m": 40.0, "x_m": 0.0, "y_m": 0.0}
    rig.run(4)
    rig.sense()

    authority = rig.beat().authority
    assert authority is not None
    assert authority.released_m == 0.0


def test_the_next_task_asks_at_once_though_the_last_ones_request_is_unanswered() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(DRIVE)
    rig.cancel()

    rig.assign(DRIVE, task="t2")

    assert rig.last(AuthorityRequest).task == "t2"


def test_the_next_task_does_not_take_the_last_ones_authority_for_its_own() -> None:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)
    rig.cancel()

    rig.assign(WORK_THERE, task="t2")
    rig.run(60)

    assert rig.last(AuthorityRequest).task == "t2"
    assert rig.orders(Work) == []
    assert rig.state == "requesting"
    assert rig.situation.authority is None
