"""What a restart brings back, and what damage on the disk comes to."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent.node import AgentNode
from lunaredge.model.task import Leg
from lunaredge.node import Erase, Persist, Row
from lunaredge.wire.driver import Follow
from lunaredge.wire.messages import AuthorityRequest, RecordClass, Upload
from lunaredge.wire.records import Alarm, Event, TaskReport
from tests.agent.rig import AGENT_KEY, DIG, KEYRING, Rig, boot_of, config, started
from tests.agent.toy_machine import PATH

OURS = [
    "spool",
    "command",
    "stop",
    "lockout",
    "hold",
    "task",
    "leg",
    "epoch",
    "alarm",
    "channels",
    "policies",
]
TWO_LEGS = (Leg(path=PATH), Leg(path=(PATH[-1],), goal=DIG))


def test_everything_durable_comes_back() -> None:
    rig = Rig()
    rig.epoch = 4
    rig.prove()
    rig.assign(*TWO_LEGS)
    rig.grant()
    rig.run(180)
    rig.hold()
    rig.stop()
    before = rig.beat()

    rig.boot()
    rig.run(10)

    after = rig.situation
    assert after.state == "unproven"
    assert (after.epoch, after.stops, after.held) == (4, ("stop-1",), True)
    assert (after.task, after.attempt, after.progress_ratio) == ("t1", 1, 0.5)
    assert after.spool_count >= before.spool_count
    assert after.authority is None


def test_the_task_goes_on_at_the_leg_that_was_next() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(*TWO_LEGS)
    rig.grant()
    rig.run(180)

    rig.boot()
    rig.prove()

    assert rig.last(AuthorityRequest).path == (PATH[-1],)
    rig.grant()
    rig.run(120)
    assert rig.outcomes() == ["accepted", "started", "done"]


def test_a_compute_task_is_started_again_without_waiting_for_anybody() -> None:
    rig = Rig(config(is_machine=False))
    rig.census()
    rig.compute()
    before = len(rig.effects)

    rig.boot(connect=False)

    assert [e.task for e in started(rig.effects[before:])] == ["t1"]


def test_a_task_whose_end_is_spooled_is_not_taken_up_again() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rows = {key: value for key, value in rig.disk.items() if key[0] in ("task", "leg")}
    rig.run(180)
    rig.disk.update(rows)  # power went between the report and the erasing

    rig.boot()
    rig.prove()

    assert rig.situation.task is None
    assert rig.outcomes() == ["accepted", "started", "done"]
    assert [key for key in rig.disk if key[0] in ("task", "leg")] == []


def test_a_task_that_can_not_be_read_has_failed() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.disk[("task", "t1", 1)] = b"damaged"

    rig.boot()
    rig.prove()

    report = rig.kept(TaskReport)[-1]
    assert (report.task, report.attempt, report.outcome.value) == ("t1", 1, "failed")
    assert rig.situation.task is None
    assert ("task", "t1", 1) not in rig.disk


def test_steps_that_can_not_be_read_begin_the_task_anew() -> None:
    rig = Rig()
    rig.prove()
    rig.assign(*TWO_LEGS)
    rig.grant()
    rig.run(180)
    rig.disk[("leg", "t1", 1)] = msgspec.msgpack.encode({"leg_index": 99})

    rig.boot()
    rig.prove()

    assert rig.last(AuthorityRequest).path == PATH
    assert "state_corrupt" in rig.codes(Alarm)


@pytest.mark.parametrize("lives", [1, 2])
@pytest.mark.parametrize("value", [None, b"?"])
def test_a_hold_that_can_not_be_read_holds(value: bytes | None, lives: int) -> None:
    rig = Rig()
    rig.prove()
    rig.hold()
    rig.resume()
    rig.disk[("hold", "", 0)] = value

    for _ in range(lives):
        rig.boot()
    rig.prove()

    assert rig.situation.held


@pytest.mark.parametrize(("scope", "number"), [("", 64), ("\ufffd", 0)])
def test_a_hold_under_a_damaged_key_is_resumed_for_good(scope: str, number: int) -> None:
    rig = Rig()
    rig.prove()
    rig.disk["hold", scope, number] = None
    rig.boot()
    rig.prove()
    was_held = rig.situation.held
    rig.resume()

    rig.boot()
    rig.prove()

    assert was_held
    assert not rig.situation.held
    assert [key for key in rig.disk if key[0] == "hold"] == [("hold", "", 0)]


@pytest.mark.parametrize("value", [None, b"\xff\x00of another version"])
@pytest.mark.parametrize(
    "table", ["spool", "command", "stop", "lockout", "hold", "task", "leg", "alarm"]
)
def test_damage_in_any_table_is_an_alarm_or_harmless_and_never_fatal(
    table: str, value: bytes | None
) -> None:
    rig = Rig()
    rig.drive_off(*TWO_LEGS)
    rig.run(180)
    rig.hold()
    rig.lock()
    rig.stop()
    rig.machine.traits = {"battery_wh": 1.0}
    rig.run(10)
    damaged = [key for key in rig.disk if key[0] == table]
    assert damaged
    for key in damaged:
        rig.disk[key] = value

    rig.boot()
    rig.run(10)

    # What is kept of an alarm is that it is there.
    assert ("state_corrupt" in rig.codes(Alarm)) == (table != "alarm" or value is None)


@pytest.mark.parametrize("table", [*OURS, "stoq"])
@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
@pytest.mark.parametrize("scope", ["", "x" * 300_000])
def test_a_damaged_key_breaks_nothing_later(table: str, number: int, scope: str) -> None:
    rig = Rig()
    rig.disk[table, scope, number] = None

    rig.boot()
    rig.prove()

    assert all(-(2**63) <= key[2] < 2**63 for key in rig.disk)
    assert "state_corrupt" in rig.codes(Alarm) or table == "leg"


@pytest.mark.parametrize("table", ["stop", "lockout"])
@pytest.mark.parametrize(("scope", "number"), [("x" * 81, 0), ("x", 7), ("x", -7)])
def test_a_latch_under_a_damaged_key_is_released_for_good(
    table: str, scope: str, number: int
) -> None:
    rig = Rig()
    rig.disk[table, scope, number] = None
    rig.boot()
    rig.prove()
    latched = (*rig.situation.stops, *rig.situation.locks)

    rig.release(scope)
    rig.unlock(scope)
    released = rig.beat()
    rig.boot()
    rig.prove()

    assert latched == (scope[:80],)
    assert (released.stops, released.locks) == ((), ())
    assert (rig.situation.stops, rig.situation.locks) == ((), ())


@pytest.mark.parametrize("number", [-7, 7])
def test_a_damaged_latch_holds_beside_a_whole_one_that_does_not(number: int) -> None:
    rig = Rig()
    rig.prove()
    rig.stop()
    rig.release()
    rig.disk["stop", "stop-1", number] = None

    for _ in range(2):
        rig.boot()
        assert rig.situation.stops == ("stop-1",)
    rig.prove()
    rig.release()
    rig.boot()

    assert rig.situation.stops == ()


def test_a_latch_that_can_not_be_read_holds_until_it_is_released() -> None:
    rig = Rig()
    rig.stop()
    rig.disk["stop", "stop-1", 0] = None

    for _ in range(3):
        rig.boot()

    assert rig.situation.stops == ("stop-1",)


@pytest.mark.parametrize("number", [2**40, 2**63 - 1])
def test_results_are_counted_on_from_the_last_whole_one(number: int) -> None:
    rig = Rig()
    rig.census()
    rig.disk["command", "", number] = None

    rig.boot()
    rig.census()

    assert sorted(key[2] for key in rig.disk if key[0] == "command") == [1, 2, number]


def test_a_whole_result_under_a_number_that_nothing_can_follow_counts_for_nothing() -> None:
    rig = Rig()
    rig.census()
    rig.disk["command", "", 2**63 - 1] = rig.disk["command", "", 1]

    rig.boot()
    rig.census()

    assert ("command", "", 2) in rig.disk
    assert "state_corrupt" in rig.codes(Alarm)


def test_a_damaged_record_is_left_out_and_the_others_are_sent() -> None:
    rig = Rig()
    rig.prove()
    events = sorted(key for key in rig.disk if key[0] == "spool")
    rig.disk[events[0]] = b"damage"
    rig.heard.clear()

    rig.boot()

    sent = {(u.boot, u.seq) for u in rig.all(Upload) if u.record_class is RecordClass.EVENT}
    assert (boot_of(1), 1) not in sent
    assert (boot_of(1), 2) in sent


def test_an_alarm_raised_before_a_crash_is_taken_back_after_it() -> None:
    rig = Rig()
    rig.machine.traits = {"battery_wh": 1.0}
    rig.prove()
    assert rig.codes(Alarm) == ["battery_low"]

    rig.machine.traits = {}
    rig.boot()
    rig.run(10)

    assert [(a.code, a.active) for a in rig.kept(Alarm)] == [
        ("battery_low", True),
        ("battery_low", False),
    ]


@pytest.mark.parametrize("battery_wh", [1.0, 9000.0])
def test_an_alarm_that_can_not_be_read_is_taken_back_and_raised_again_if_it_is_still_so(
    battery_wh: float,
) -> None:
    rig = Rig()
    rig.machine.traits = {"battery_wh": 1.0}
    rig.prove()
    rig.disk["alarm", "battery_low", 0] = None

    rig.machine.traits = {"battery_wh": battery_wh}
    rig.boot()
    rig.run(10)

    told = [alarm.active for alarm in rig.kept(Alarm) if alarm.code == "battery_low"]
    assert told == ([True, False, True] if battery_wh == 1.0 else [True, False])


def test_an_alarm_under_a_damaged_name_is_counted_and_leaves_no_row() -> None:
    rig = Rig()
    rig.disk["alarm", "batt\ufffdry_low", 3] = None

    rig.boot()
    rig.boot()
    rig.run(1)

    alarms = [(alarm.code, alarm.active) for alarm in rig.kept(Alarm)]
    assert alarms[1:] == [("state_corrupt", True), ("state_corrupt", False)]
    assert [key for key in rig.disk if key[0] == "alarm"] == []


def test_the_alarm_of_damage_is_taken_back_when_the_disk_is_whole_again() -> None:
    rig = Rig()
    rig.hold()
    rig.disk[("hold", "", 0)] = b"?"
    rig.boot()
    rig.prove()
    rig.resume()

    rig.boot()
    rig.run(1)

    assert [(a.code, a.active) for a in rig.kept(Alarm)] == [
        ("state_corrupt", True),
        ("state_corrupt", False),
    ]


def test_a_new_life_is_an_event() -> None:
    rig = Rig()

    rig.boot()

    assert rig.codes(Event).count("boot") == 2


rows = st.builds(
    Row,
    st.sampled_from(OURS),
    st.sampled_from(["", "t1", "000000000000001/0", "x/y", "stop-1"]),
    st.integers(0, 2**62),
    st.binary(max_size=40)
    | st.sampled_from([msgspec.msgpack.encode(value) for value in ({}, [], [1, True], 5, "done")]),
    is_whole=st.booleans(),
)


@given(st.lists(rows, max_size=12))
def test_no_rows_at_all_can_break_a_start(stored: list[Row]) -> None:
    node = AgentNode(config(), boot_of(3), AGENT_KEY, KEYRING)

    node.restore(sorted(stored, key=lambda row: (row.table, row.scope, row.number)), 5)

    effects = node.take_effects()
    assert all(isinstance(effect, Persist | Erase) or effect for effect in effects)
    assert not [e for e in effects if isinstance(getattr(e, "order", None), Follow)]
    assert node.wakeup_ns() is not None


def test_a_damaged_row_of_no_table_may_be_a_stop_and_holds_until_it_is_released() -> None:
    rig = Rig()
    rig.prove()
    rig.stop()
    for key in [key for key in rig.disk if key[0] == "stop"]:
        del rig.disk[key]
        rig.disk["stoq", *key[1:]] = None

    rig.boot()
    rig.prove()

    assert rig.situation.stops == ("unreadable stoq/stop-1/0",)
    assert "state_corrupt" in rig.codes(Alarm)
    rig.release(rig.situation.stops[0])
    rig.boot()
    rig.run(1)
    assert rig.situation.stops == ()
    assert [key for key in rig.disk if key[0] == "stoq"] == []
    assert [alarm.active for alarm in rig.kept(Alarm)] == [True, False]


@pytest.mark.parametrize("value", [b"of a later version", b""])
def test_a_whole_row_of_another_versions_table_is_left_alone(value: bytes) -> None:
    rig = Rig()
    rig.disk["later", "x", 1] = value

    rig.boot()
    rig.prove()

    assert rig.situation.stops == ()
    rig.disk["later", "x", 2] = None
    rig.boot()
    assert rig.situation.stops == ("unreadable later/x/2",)
    kept = {key[2]: row for key, row in rig.disk.items() if key[0] == "later"}
    assert kept == {1: value, 2: None}


def test_a_damaged_row_of_no_table_adds_nothing_to_a_full_latch() -> None:
    rig = Rig()
    rig.prove()
    for number in range(34):
        rig.stop(f"s{number}")
    rig.disk["stoq", "x", 0] = None

    rig.boot()

    assert len(rig.situation.stops) == 33


def test_a_task_that_lies_under_another_name_has_failed() -> None:
    rig = Rig()
    rig.drive_off(Leg(path=PATH))
    rig.disk[("task", "t9", 1)] = rig.disk.pop(("task", "t1", 1))

    rig.boot()
    rig.prove()

    assert [(r.task, r.outcome.value) for r in rig.kept(TaskReport)][-1] == ("t9", "failed")
    assert rig.situation.task is None


def test_an_alarm_that_went_away_leaves_no_row() -> None:
    rig = Rig()
    rig.machine.traits = {"battery_wh": 1.0}
    rig.prove()
    assert ("alarm", "battery_low", 0) in rig.disk

    rig.machine.traits = {}
    rig.run(10)

    assert [key for key in rig.disk if key[0] == "alarm"] == []
