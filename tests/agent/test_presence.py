"""Births, heartbeats, the scheduler's reach."""

from itertools import pairwise

import msgspec

from lunaredge.model.task import Leg
from lunaredge.wire.messages import (
    Autonomy,
    Birth,
    Census,
    Heartbeat,
    RecordClass,
    TimeReply,
    TimeRequest,
    Upload,
)
from tests.agent.rig import DIG, Rig, config
from tests.agent.toy_machine import PATH, seconds


def silence(rig: Rig) -> None:
    rig.serves_time = False


def test_births_are_repeated_until_a_census_answers() -> None:
    rig = Rig()

    rig.run(21)
    assert len(rig.all(Birth)) == 5
    rig.census()
    rig.run(60)

    assert len(rig.all(Birth)) == 5
    assert len(rig.all(Heartbeat)) >= 6


def test_no_heartbeat_comes_before_a_census() -> None:
    rig = Rig()

    rig.run(60)

    assert rig.all(Heartbeat) == []


def test_message_numbers_rise_within_a_boot() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.run(60)

    numbers = [received.header.number for _, received in rig.heard]

    assert numbers == sorted(set(numbers))


def test_a_change_is_told_at_once_and_sameness_is_not() -> None:
    rig = Rig()
    rig.prove()
    rig.node._presence.heartbeat(rig.now_ns)
    rig.carry_out()
    count = len(rig.all(Heartbeat))

    rig.node.tick(rig.now_ns)
    rig.carry_out()
    assert len(rig.all(Heartbeat)) == count
    rig.hold()

    assert len(rig.all(Heartbeat)) == count + 1
    assert rig.situation.held


def test_a_reconnected_node_says_at_once_who_it_is() -> None:
    rig = Rig()
    rig.prove()
    rig.node.disconnected(rig.now_ns)
    rig.run(50)
    count = len(rig.all(Heartbeat))

    rig.node.connected(rig.now_ns)
    rig.carry_out()

    assert len(rig.all(Heartbeat)) == count + 1
    assert rig.all(TimeRequest)[-1].local_ns == rig.now_ns


def test_while_the_broker_is_out_of_reach_nothing_is_published() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.node.disconnected(rig.now_ns)
    rig.carry_out()
    count = len(rig.heard)

    rig.run(60)

    assert len(rig.heard) == count
    assert rig.machine.station_m > 20.0


def test_out_of_reach_the_live_authority_is_used_up_and_the_goal_worked_on() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH, goal=DIG), Leg(path=PATH))
    silence(rig)

    rig.run(140)
    assert rig.situation.autonomy is Autonomy.A2
    assert rig.state == "working"
    rig.run(60)

    assert rig.state == "holding"
    assert rig.situation.progress_ratio == 0.5


def test_a_holding_node_goes_on_when_the_scheduler_is_heard_again() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH), Leg(path=PATH))
    silence(rig)
    rig.run(300)
    assert rig.state == "holding"

    rig.serves_time = True
    rig.run(40)

    assert rig.situation.autonomy is Autonomy.A0
    assert rig.state == "requesting"


def test_an_old_answer_played_back_is_not_the_scheduler() -> None:
    rig = Rig()
    rig.prove()
    rig.acknowledge_all()
    silence(rig)
    for _ in range(15):
        rig.run(10)
        rig.acknowledge_all()

    assert rig.situation.autonomy is Autonomy.A2


def test_an_old_census_played_back_is_not_the_scheduler() -> None:
    rig = Rig(config(clock_error_s_max=2.0, drift_ppm=1000.0, clock_apart_s_max=1.0))
    census = rig.frame(Census(command=rig.command_id(), boot=rig.boot_id))
    rig.deliver(census)
    silence(rig)
    rig.run(2500)  # site time is poor now: nothing shows that the copy has expired
    was_out_of_reach = rig.situation.autonomy is Autonomy.A2

    rig.deliver(census)
    rig.run(20)

    assert was_out_of_reach
    assert rig.situation.autonomy is Autonomy.A2
    assert rig.situation.refused == {}


def test_an_idle_node_out_of_reach_is_idle() -> None:
    rig = Rig()
    rig.prove()
    silence(rig)

    rig.run(200)

    assert rig.situation.autonomy is Autonomy.A2
    assert rig.state == "idle"


def test_a_board_at_rest_sleeps_from_sample_to_sample() -> None:
    rig = Rig()
    rig.prove()
    rig.run(33)

    rig.sense()
    rig.carry_out()

    wakeup_ns = rig.node.wakeup_ns()
    assert wakeup_ns is not None
    assert wakeup_ns > rig.now_ns + seconds(rig.settings.sample_period_s)


def test_site_time_is_asked_for_each_period() -> None:
    rig = Rig(config(time_period_s=20.0))

    rig.run(100)

    asked_ns = [request.local_ns for request in rig.all(TimeRequest)]
    assert len(asked_ns) == 5
    assert all(abs(b - a - seconds(20)) <= seconds(2.5) for a, b in pairwise(asked_ns))


def test_refused_answers_are_not_the_scheduler() -> None:
    rig = Rig()
    rig.epoch = 3
    rig.prove()
    silence(rig)

    for _ in range(15):
        rig.run(10)
        reply = TimeReply(local_ns=rig.last(TimeRequest).local_ns, site_ns=rig.site_ns)
        rig.tell(reply, epoch=2)
        rig.tell(msgspec.structs.replace(reply, local_ns=7))

    assert rig.situation.autonomy is Autonomy.A2


def test_a_reconnected_node_sends_again_what_is_not_acknowledged() -> None:
    rig = Rig()
    rig.prove()
    rig.heard.clear()
    rig.node.disconnected(rig.now_ns)

    rig.node.connected(rig.now_ns)
    rig.carry_out()

    assert [u.seq for u in rig.all(Upload) if u.record_class is RecordClass.EVENT] == [1, 2]


def test_a_node_that_is_counted_in_does_not_wake_to_be_born() -> None:
    rig = Rig()
    rig.prove()
    rig.run(2)
    rig.node.connected(rig.now_ns)
    wakeups_s = []

    begin_ns = rig.now_ns
    while rig.now_ns < begin_ns + seconds(60):
        rig.now_ns = rig.node.wakeup_ns() or 0
        wakeups_s.append((rig.now_ns - begin_ns) / 1e9)
        rig.node.tick(rig.now_ns)
        rig.carry_out()

    births_s = {5.0 * turn for turn in range(1, 12)} - {10.0 * turn for turn in range(1, 6)}
    assert not births_s & set(wakeups_s)
