"""A node that was told to sleep: farewell, quiet, and what wakes it."""

import pytest

from lunaredge.node import Publish
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec
from lunaredge.wire.body import Body
from lunaredge.wire.messages import (
    Birth,
    CommandReply,
    Farewell,
    Heartbeat,
    Hibernate,
    Resume,
    Stop,
    TimeRequest,
    Upload,
)
from lunaredge.wire.records import Alarm
from tests.agent.rig import EVERYBODY, Rig

HOUR_S = 3_600.0


def hibernate(rig: Rig, for_s: float = HOUR_S) -> Hibernate:
    command = Hibernate(command=rig.command_id(), until_ns=rig.site_ns + round(for_s * NS_PER_S))
    rig.tell(command)
    return command


def asleep(for_s: float = HOUR_S) -> Rig:
    rig = Rig()
    rig.prove()
    hibernate(rig, for_s)
    assert rig.last(Farewell).orderly
    return rig


def said(rig: Rig, since: int) -> list[type[Body]]:
    """Give what was said since then, questions about the time left out."""
    kinds = [type(received.body) for _, received in rig.heard[since:]]
    return [kind for kind in kinds if kind is not TimeRequest]


def test_it_answers_says_farewell_until_then_and_nothing_after() -> None:
    rig = Rig()
    rig.prove()
    before = len(rig.heard)

    command = hibernate(rig)
    first = said(rig, before)
    after = len(rig.heard)
    rig.run(HOUR_S - 60.0)

    assert rig.last(CommandReply) == CommandReply(command=command.command, ok=True)
    assert first[-1] is Farewell
    assert first.index(CommandReply) < first.index(Farewell)
    assert rig.last(Farewell).until_ns == command.until_ns
    assert said(rig, after) == []


def test_it_wakes_by_itself_and_says_where_it_is() -> None:
    rig = asleep()
    before = len(rig.heard)

    rig.run(HOUR_S + 20.0)

    words = said(rig, before)
    assert Heartbeat in words
    assert Farewell not in words


def test_what_it_had_not_uploaded_is_on_disk_before_the_farewell() -> None:
    rig = Rig()
    rig.prove()
    rig.run(20.0)

    hibernate(rig)

    farewell = next(
        i
        for i, effect in enumerate(rig.effects)
        if isinstance(effect, Publish)
        and isinstance(codec.decode(effect.payload, EVERYBODY).body, Farewell)
    )
    spooled = [i for i, e in enumerate(rig.effects) if getattr(e, "table", "") == "spool"]
    assert spooled
    assert max(spooled) < farewell


def test_records_of_the_sleep_are_told_afterwards() -> None:
    rig = asleep()
    rig.machine.traits = {"battery_wh": 1.0}
    rig.run(120.0)
    before = len(rig.heard)

    rig.run(HOUR_S)

    assert Upload in said(rig, before)
    assert "battery_low" in [record.code for record in rig.kept(Alarm)]


@pytest.mark.parametrize("what", ["task", "authority", "moving", "over"])
def test_it_does_not_sleep_while_there_is_no_rest(what: str) -> None:
    rig = Rig()
    match what:
        case "task" | "authority":
            rig.drive_off()
        case "moving":
            rig.prove()
            rig.machine.traits = {"at_rest": False}
            rig.sense()
        case _:
            rig.prove()

    hibernate(rig, -1.0 if what == "over" else HOUR_S)

    reply = rig.last(CommandReply)
    assert not reply.ok
    assert reply.reason == {"task": "busy", "authority": "busy"}.get(what, what)
    assert rig.all(Farewell) == []


def test_a_stop_wakes_it_and_is_handed_on() -> None:
    rig = asleep()
    before = len(rig.heard)

    rig.stop()
    rig.run(20.0)

    assert Stop in said(rig, before)
    assert rig.situation.stops == ("stop-1",)


def test_a_persons_command_wakes_it_long_after() -> None:
    rig = asleep(48 * HOUR_S)
    rig.run(24 * HOUR_S)
    before = len(rig.heard)

    rig.resume()
    rig.run(20.0)

    assert {CommandReply, Heartbeat} <= set(said(rig, before))


def test_a_new_leader_counts_it_in_and_lets_it_sleep_on() -> None:
    rig = asleep()
    before = len(rig.heard)

    rig.epoch = 2
    rig.census()
    words = said(rig, before)
    after = len(rig.heard)
    rig.run(600.0)

    assert words[0] is CommandReply
    assert words.index(Heartbeat) < words.index(Farewell)
    assert rig.situation.epoch == 2
    assert said(rig, after) == []


def test_told_once_more_because_its_answer_was_lost_it_answers_and_sleeps_on() -> None:
    rig = Rig()
    rig.prove()
    command = hibernate(rig)
    rig.run(60.0)
    before = len(rig.heard)

    rig.tell(command)
    after = len(rig.heard)
    rig.run(600.0)

    assert said(rig, before)[0] is CommandReply
    assert said(rig, before)[-1] is Farewell
    assert said(rig, after) == []


def test_an_old_command_played_back_does_not_wake_it() -> None:
    rig = Rig()
    rig.prove()
    old = rig.frame(Resume(command=rig.command_id(), turn=1))
    rig.deliver(old)
    rig.run(30.0)
    hibernate(rig)

    rig.deliver(old)
    after = len(rig.heard)
    rig.run(600.0)

    assert said(rig, after) == []


def test_a_new_connection_says_the_farewell_again() -> None:
    rig = asleep()
    rig.node.disconnected(rig.now_ns)
    rig.carry_out()
    before = len(rig.heard)

    rig.node.connected(rig.now_ns)
    rig.carry_out()
    rig.run(60.0)

    assert said(rig, before)[-1] is Farewell


def test_a_new_life_is_awake() -> None:
    rig = asleep()
    before = len(rig.heard)

    rig.boot()
    rig.run(20.0)

    assert Birth in said(rig, before)


def test_a_clock_that_can_not_be_right_wakes_it() -> None:
    rig = asleep()
    before = len(rig.heard)

    rig.now_ns -= 10 * NS_PER_S
    rig.node.tick(rig.now_ns)
    rig.carry_out()
    rig.run(60.0)

    assert Heartbeat in said(rig, before)
