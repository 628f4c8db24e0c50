"""Which commands are obeyed, and what is answered."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lunaredge.ids import BootId, CommandId, NodeId, TaskId
from lunaredge.model.task import Leg
from lunaredge.node import Actuate, Persist, Publish
from lunaredge.wire import codec
from lunaredge.wire.channel_orders import SetChannels
from lunaredge.wire.driver import Follow, Halt
from lunaredge.wire.messages import (
    AuthorityRequest,
    Cancel,
    Census,
    CommandReply,
    Heartbeat,
    Hold,
    Message,
    ReleaseStop,
    Resume,
    TimeReply,
    TimeRequest,
)
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.records import Alarm, TaskReport
from lunaredge.wire.safeguards import LockOut, Unlock
from lunaredge.wire.seal import Signer
from tests.agent.rig import (
    DIG,
    FORGER_KEY,
    OPERATOR_KEY,
    STRANGER_KEY,
    Rig,
    bodies,
    channel_of,
    first,
)
from tests.agent.toy_machine import PATH, seconds

DRIVE = Leg(path=PATH)


def ready() -> Rig:
    rig = Rig()
    rig.epoch = 5
    rig.prove()
    return rig


def replies(rig: Rig) -> list[CommandReply]:
    return rig.all(CommandReply)


# --- the census ----------------------------------------------------------------------------------


def test_a_census_is_kept_then_answered_then_a_heartbeat_follows_at_once() -> None:
    rig = Rig()
    rig.epoch = 9

    effects = rig.census()

    epoch = first(effects, Persist, lambda e: (e.table, e.number) == ("epoch", 9))
    reply = first(effects, Publish, lambda e: e.topic.endswith("/reply"))
    heartbeat = first(effects, Publish, lambda e: e.topic.endswith("/node"))
    assert epoch < reply < heartbeat
    assert bodies(effects, CommandReply)[0].ok
    assert bodies(effects, Heartbeat)[0].situation.epoch == 9


def test_a_census_for_another_life_proves_nothing() -> None:
    rig = Rig()

    rig.tell(Census(command=CommandId("c1"), boot=BootId(rig.boot_id - 1)))

    assert rig.state == "unproven"
    assert replies(rig) == []


def test_a_census_is_taken_before_site_time_is_known_but_nothing_else_is() -> None:
    rig = Rig()
    rig.serves_time = False
    rig.boot()

    rig.census()
    rig.hold()

    assert rig.state == "idle"
    assert not rig.beat().held
    assert rig.situation.refused == {"clock": 1}


def test_a_census_that_expired_is_refused_once_site_time_is_known() -> None:
    rig = Rig()
    census = Census(command=CommandId("c1"), boot=rig.boot_id)

    rig.tell(census, expiry_ns=rig.site_ns - seconds(1))

    assert rig.state == "unproven"


def test_a_repeated_census_is_answered_with_a_heartbeat_again() -> None:
    rig = ready()
    rig.census()
    count = len(rig.all(Heartbeat))

    rig.census()

    assert len(rig.all(Heartbeat)) == count + 1


# --- what is refused -----------------------------------------------------------------------------

Change = Callable[[Rig, Message], bytes]


def unsigned(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, None)


def by_an_operator(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, OPERATOR_KEY)


def by_a_stranger(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, STRANGER_KEY)


def forged(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, FORGER_KEY)


def of_an_old_epoch(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, epoch=4)


def without_an_epoch(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, epoch=0)


def expired(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, expiry_ns=rig.site_ns)


def without_expiry(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, expiry_ns=0)


def damaged(rig: Rig, body: Message) -> bytes:
    frame = rig.frame(body)
    return frame[:-30] + bytes([frame[-30] ^ 1]) + frame[-29:]


def for_another(rig: Rig, body: Message) -> bytes:
    return rig.frame(body, to=NodeId("hauler-1"))


CHANGES: dict[Change, str] = {
    unsigned: "unsigned",
    by_an_operator: "role",
    by_a_stranger: "unknown_key",
    forged: "signature",
    of_an_old_epoch: "epoch",
    without_an_epoch: "epoch",
    expired: "expired",
    without_expiry: "expired",
    damaged: "checksum",
    for_another: "addressee",
}

COMMANDS: list[Callable[[Rig], Message]] = [
    lambda rig: Census(command=CommandId("x"), boot=rig.boot_id),
    lambda rig: rig.assignment(DRIVE, task="t2"),
    lambda rig: rig.grant_for(rig.last(AuthorityRequest)),
    lambda _: Hold(command=CommandId("x"), turn=1),
    lambda _: Resume(command=CommandId("x"), turn=1),
    lambda _: Cancel(command=CommandId("x"), task=TaskId("t1"), attempt=1),
    lambda _: ReleaseStop(command=CommandId("x"), stop="stop-1"),
    lambda _: LockOut(command=CommandId("x"), tag="ana/lockout-1-1"),
    lambda _: Unlock(command=CommandId("x"), tag="ana/lockout-1-1"),
    lambda _: SetChannels(command=CommandId("x"), policies={"x_m": ChannelPolicy(deadband=1.0)}),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_may_not_be_obeyed_changes_nothing_and_is_counted(
    change: Change, command: Callable[[Rig], Message]
) -> None:
    rig = ready()
    rig.assign(DRIVE)
    rig.stop()
    before, disk, count = rig.beat(), dict(rig.disk), len(replies(rig))

    body = command(rig)
    effects = rig.deliver(change(rig, body), channel_of(body))

    assert [e for e in effects if isinstance(e, Persist | Actuate)] == []
    assert rig.disk == disk
    assert len(replies(rig)) == count
    after = rig.beat()
    assert after.refused == {CHANGES[change]: 1}
    assert msgspec.structs.replace(after, refused={}, produced={}, spool_count=0) == (
        msgspec.structs.replace(before, refused={}, produced={}, spool_count=0)
    )


def test_an_expiry_within_the_error_of_the_clock_may_have_passed() -> None:
    rig = Rig()
    rig.round_trip_ns = seconds(4)
    rig.boot()
    rig.run(30)
    rig.census()

    rig.tell(Hold(command=CommandId("early"), turn=1), expiry_ns=rig.site_ns + seconds(1))
    rig.tell(Hold(command=CommandId("later"), turn=2), expiry_ns=rig.site_ns + seconds(6))

    assert [reply.command for reply in replies(rig)][1:] == ["later"]


def test_a_command_with_a_newer_epoch_raises_the_fence_durably_first() -> None:
    rig = ready()
    rig.epoch = 6

    effects = rig.hold()

    fence = first(effects, Persist, lambda e: (e.table, e.number) == ("epoch", 6))
    held = first(effects, Persist, lambda e: e.table == "hold")
    assert fence < held
    assert rig.beat().epoch == 6


def test_a_deposed_leader_is_not_obeyed_after_a_newer_one_spoke() -> None:
    rig = ready()
    rig.assign(DRIVE)
    grant = rig.grant_for(rig.last(AuthorityRequest))
    rig.epoch = 6
    rig.census()

    rig.tell(grant, epoch=5)

    assert rig.orders(Follow) == []


# --- what is answered ----------------------------------------------------------------------------


def test_a_repeated_command_is_answered_with_its_first_result_and_done_once() -> None:
    rig = ready()
    assign = rig.assignment(DRIVE)
    rig.tell(assign)
    reports = len(rig.kept(TaskReport))

    rig.tell(assign)

    assert [reply.ok for reply in replies(rig)][-2:] == [True, True]
    assert len(rig.kept(TaskReport)) == reports


def test_a_refusal_too_is_answered_the_same_again_though_it_could_be_done_by_now() -> None:
    rig = ready()
    rig.assign(DRIVE)
    second = rig.assignment(DRIVE, task="t2")
    rig.tell(second)
    rig.cancel()
    rig.run(60)

    rig.tell(second)

    assert replies(rig)[-1] == CommandReply(command=second.command, ok=False, reason="busy")
    assert rig.beat().task is None


def test_results_survive_a_restart() -> None:
    rig = ready()
    hold = Hold(command=CommandId("h"), turn=1)
    rig.tell(hold)
    rig.resume()
    rig.boot()
    rig.census()

    rig.tell(hold)

    assert replies(rig)[-1].command == "h"
    assert not rig.beat().held


def test_a_result_is_durable_before_it_is_told() -> None:
    rig = ready()

    effects = rig.assign(DRIVE)

    task = first(effects, Persist, lambda e: e.table == "task")
    result = first(effects, Persist, lambda e: e.table == "command")
    told = first(effects, Publish, lambda e: e.topic.endswith("/reply"))
    assert task < result < told


def test_the_table_of_results_is_bounded_in_memory_and_on_disk() -> None:
    rig = ready()

    for number in range(700):
        rig.tell(Hold(command=CommandId(f"h{number}"), turn=number))

    rows = [key for key in rig.disk if key[0] == "command"]
    assert 256 <= len(rows) < 256 + 64
    assert len(rig.node._parts.commands._replies) < 256 + 64
    assert max(number for *_, number in rows) == 701


def test_the_same_assignment_under_another_command_is_no_second_task() -> None:
    rig = ready()
    rig.assign(DRIVE)
    rig.assign(DRIVE)

    assert [reply.ok for reply in replies(rig)][-2:] == [True, True]
    assert rig.outcomes() == ["accepted"]


@pytest.mark.parametrize("refused", ["busy", "unable", "malformed"])
def test_an_assignment_that_can_not_be_taken_is_answered_with_the_reason(refused: str) -> None:
    rig = ready()
    assign = rig.assignment(DRIVE, task="t2")
    if refused == "busy":
        rig.assign(DRIVE)
    elif refused == "unable":
        rig = Rig(msgspec.structs.replace(rig.settings, is_machine=False))
        rig.prove()
    else:
        assign = rig.assignment()

    rig.tell(assign)

    assert replies(rig)[-1].reason == refused
    assert not replies(rig)[-1].ok


def test_a_cancelled_task_is_reported_and_its_authority_given_up_at_rest() -> None:
    rig = ready()
    rig.assign(DRIVE)
    rig.grant()
    rig.run(20)

    effects = rig.cancel()

    assert first(effects, Actuate, lambda e: e.order == Halt()) < first(
        effects, Persist, lambda e: b"cancelled" in e.value
    )
    assert rig.beat().authority is not None or rig.machine.speed_m_s == 0.0
    rig.run(30)
    assert rig.situation.authority is None
    assert rig.situation.task is None
    assert rig.outcomes() == ["accepted", "started", "cancelled"]


def test_a_task_that_is_not_in_hand_can_not_be_cancelled() -> None:
    rig = ready()
    rig.assign(DRIVE)

    rig.cancel(attempt=2)

    assert replies(rig)[-1].reason == "unknown_task"
    assert rig.beat().task == "t1"


def test_a_hold_halts_before_it_is_written() -> None:
    rig = ready()
    rig.assign(DRIVE)
    rig.grant()

    effects = rig.hold()

    assert effects[0] == Actuate(Halt())
    assert first(effects, Persist, lambda e: e.table == "hold") > 0


def test_renewals_and_deferrals_are_neither_kept_nor_answered() -> None:
    rig = ready()
    rig.assign(DRIVE)
    count = len(replies(rig))

    effects = rig.defer(wait_s=30)

    assert [e for e in effects if isinstance(e, Persist)] == []
    assert len(replies(rig)) == count


def test_an_id_that_can_not_be_kept_is_garbage() -> None:
    rig = ready()

    rig.tell(Hold(command=CommandId("h" * 81), turn=1))

    assert rig.beat().refused == {"garbage": 1}
    assert not rig.situation.held


@pytest.mark.parametrize(
    "traits",
    [
        {"legs": (Leg(path=()),)},
        {"legs": (Leg(path=((0.0, 0.0),) * 3001),)},
        {"legs": (Leg(path=PATH, goal=msgspec.structs.replace(DIG, mass_kg=-1.0)),)},
        {"legs": (Leg(path=PATH, goal=msgspec.structs.replace(DIG, zone="z" * 201)),)},
        {"attempt": -1},
        {"task": TaskId("")},
        {"task": TaskId("t" * 201)},
    ],
)
def test_an_assignment_that_can_not_be_carried_out_is_malformed(traits: dict[str, Any]) -> None:
    rig = ready()

    rig.tell(msgspec.structs.replace(rig.assignment(DRIVE), **traits))

    assert replies(rig)[-1].reason == "malformed"
    assert rig.beat().task is None


@pytest.mark.parametrize("key", [None, OPERATOR_KEY, FORGER_KEY])
def test_site_time_is_taken_from_the_scheduler_only(key: Signer | None) -> None:
    rig = Rig()
    rig.serves_time = False
    rig.boot()
    reply = TimeReply(local_ns=rig.last(TimeRequest).local_ns, site_ns=rig.site_ns)

    rig.deliver(rig.frame(reply, key))
    rig.run(10)
    assert rig.heard[-1][1].header.clock_error_ns == codec.CLOCK_UNKNOWN
    rig.deliver(rig.frame(reply))
    rig.run(10)

    assert rig.heard[-1][1].header.clock_error_ns >= 0


def test_two_rows_hold_the_fence() -> None:
    rig = ready()

    rig.epoch = 8
    rig.hold()

    kept = {key: value for key, value in rig.disk.items() if key[0] == "epoch"}
    assert kept == {("epoch", "", 8): b"8", ("epoch", "copy", 8): b"8"}


@pytest.mark.parametrize("number", [1, 2**40])
@pytest.mark.parametrize("copy", ["", "copy"])
def test_a_damaged_row_neither_lowers_the_fence_nor_raises_it(copy: str, number: int) -> None:
    rig = ready()
    rig.epoch = 8
    rig.hold()
    del rig.disk[("epoch", copy, 8)]
    rig.disk[("epoch", copy, number)] = None

    rig.boot()

    assert rig.beat().epoch == 8
    kept = {key[1:] for key in rig.disk if key[0] == "epoch"}
    assert kept == {("", 8), ("copy", 8)}
    assert "state_corrupt" in rig.codes(Alarm)


def test_a_fence_of_which_a_row_is_gone_is_kept_twice_again() -> None:
    rig = ready()
    rig.epoch = 8
    rig.hold()
    del rig.disk["epoch", "copy", 8]

    rig.boot()

    assert {key[1:] for key in rig.disk if key[0] == "epoch"} == {("", 8), ("copy", 8)}
    assert "state_corrupt" not in rig.codes(Alarm)


def test_a_fence_of_which_no_row_is_whole_is_the_highest_of_them() -> None:
    rig = ready()
    rig.epoch = 8
    rig.hold()
    rig.disk[("epoch", "", 8)] = rig.disk[("epoch", "copy", 8)] = None

    rig.boot()

    assert rig.beat().epoch == 8


def test_results_of_two_lives_lie_side_by_side() -> None:
    rig = ready()
    rig.hold()
    before = [key for key in rig.disk if key[0] == "command"]

    rig.boot()
    rig.census()
    rig.resume()

    after = [key for key in rig.disk if key[0] == "command"]
    assert len(after) == len(before) + 2
