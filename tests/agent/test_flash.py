from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.agent.flash import FlashBudget
from lunaredge.node import Effect, Persist
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.spool import TABLE, decode_item
from tests.agent.rig import Rig, config, notes

HOUR_NS = 3600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
MIB = 1_048_576


def test_what_was_written_waits_until_time_has_paid_for_it() -> None:
    budget = FlashBudget(24 * MIB)

    budget.written(MIB, 0)

    assert not budget.allows(HOUR_NS - 1)
    assert budget.allows(HOUR_NS)


def test_a_life_begins_even() -> None:
    budget = FlashBudget(24 * MIB)
    assert budget.allows(0)

    budget.written(1, 0)

    assert not budget.allows(0)


def test_no_more_than_an_hour_is_saved_up() -> None:
    budget = FlashBudget(24 * MIB)
    assert budget.allows(0)

    budget.written(MIB + 1, 10 * DAY_NS)

    assert not budget.allows(10 * DAY_NS)


def test_a_clock_that_goes_back_pays_nothing() -> None:
    budget = FlashBudget(24 * MIB)
    budget.written(MIB, DAY_NS)

    assert not budget.allows(0)
    assert not budget.allows(HOUR_NS - 1)
    assert budget.allows(HOUR_NS)


def test_a_day_is_this_hour_and_those_before() -> None:
    budget = FlashBudget(MIB)
    for hour in range(30):
        budget.written(1, hour * HOUR_NS)

    assert budget.bytes_day(29 * HOUR_NS) == 24
    assert budget.bytes_day(40 * HOUR_NS) == 13
    assert budget.bytes_day(99 * HOUR_NS) == 0


def test_what_is_written_while_the_clock_is_back_is_counted() -> None:
    budget = FlashBudget(MIB)
    budget.written(5, DAY_NS)

    budget.written(7, 0)

    assert budget.bytes_day(DAY_NS) == 12


@given(
    st.lists(st.tuples(st.integers(0, 2 * HOUR_NS), st.integers(0, MIB)), min_size=1, max_size=60)
)
def test_who_asks_first_stays_within_the_rate(steps: list[tuple[int, int]]) -> None:
    budget = FlashBudget(24 * MIB)
    now_ns, written_bytes = 0, 0

    for wait_ns, size_bytes in steps:
        now_ns += wait_ns
        if budget.allows(now_ns):
            budget.written(size_bytes, now_ns)
            written_bytes += size_bytes

    # The rate, an hour saved up, and the one write that it did not foresee.
    assert written_bytes <= 24 * MIB * now_ns // DAY_NS + MIB + MIB


# --- in the agent --------------------------------------------------------------------------------


def written(effects: list[Effect]) -> set[RecordClass]:
    items = [decode_item(e.value) for e in effects if isinstance(e, Persist) and e.table == TABLE]
    return {item.record_class for item in items}


@pytest.fixture
def cut_off() -> Rig:
    """An agent that has its census and the time, and then no broker, and a budget in debt."""
    rig = Rig(config(flash_bytes_per_day_max=24 * MIB))
    rig.prove()
    rig.node.disconnected(rig.now_ns)
    rig.node.written(2 * MIB, rig.now_ns)
    return rig


def effects_of(rig: Rig, act: Callable[[], None]) -> list[Effect]:
    before = len(rig.effects)
    act()
    rig.carry_out()
    return rig.effects[before:]


def test_in_debt_telemetry_waits_in_memory(cut_off: Rig) -> None:
    effects = effects_of(cut_off, lambda: cut_off.run(600))

    assert written(effects) == set()
    assert cut_off.node._parts.spool.count > 5


def test_in_debt_what_is_written_ahead_is_written(cut_off: Rig) -> None:
    recorder = cut_off.node._parts.recorder

    def report() -> None:
        recorder.alarm("battery_low", "90 Wh", cut_off.now_ns, active=True)
        recorder.event("seen", "", cut_off.now_ns)

    effects = effects_of(cut_off, report)

    assert written(effects) == {RecordClass.ALARM, RecordClass.EVENT}


def test_when_time_has_paid_telemetry_is_written(cut_off: Rig) -> None:
    effects = effects_of(cut_off, lambda: cut_off.run(2.1 * 3600))

    assert written(effects) == {RecordClass.RAW}


def test_in_debt_an_agent_that_leaves_writes_everything(cut_off: Rig) -> None:
    cut_off.run(120)

    effects = effects_of(cut_off, lambda: cut_off.node.leave(cut_off.now_ns))

    assert RecordClass.RAW in written(effects)


def test_the_log_is_told_once_an_hour_what_was_written(cut_off: Rig) -> None:
    effects = effects_of(cut_off, lambda: cut_off.run(3 * 3600))

    told = [note for note in notes(effects) if note.event == "flash.written"]
    assert len(told) == 3
    assert told[0].fields == {"bytes_day": 2 * MIB, "bytes_day_max": 24 * MIB}


def test_who_writes_nothing_tells_nothing() -> None:
    rig = Rig()
    rig.run(7200)

    assert [note for note in notes(rig.effects) if note.event == "flash.written"] == []
