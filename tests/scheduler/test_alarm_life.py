"""One alarm's life, and which alarms are kept where there is no room for all."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.ids import KeyId
from lunaredge.scheduler import alarm_life
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.alarm_life import TOLD_PER_SOURCE_MAX
from lunaredge.scheduler.alarm_states import UP, AlarmState
from lunaredge.scheduler.state import SchedulerState
from lunaredge.wire.records import AlarmLevel

MARI = KeyId("operator-mari")
WARNING, CRITICAL = AlarmLevel.WARNING, AlarmLevel.CRITICAL


def news(level: AlarmLevel = WARNING, at_ns: int = 1, **fields: Any) -> AlarmEntry:
    given = {"source": "hauler-1", "code": "c", "text": "t", "told": True} | fields
    return AlarmEntry(active=True, since_ns=at_ns, level=level, **given)


def fresh(level: AlarmLevel = WARNING, **fields: Any) -> AlarmEntry:
    """Give an alarm that has just come up."""
    it = news(level, **fields)
    entry = msgspec.structs.replace(it, active=False, state=AlarmState.NORMAL)
    alarm_life.come_up(entry, it)
    return entry


def test_an_alarm_is_unacknowledged_until_a_person_says_so() -> None:
    entry = fresh()
    assert entry.state is AlarmState.UNACKNOWLEDGED

    alarm_life.acknowledge(entry, MARI, 5)

    assert entry.state is AlarmState.ACKNOWLEDGED
    assert (entry.acknowledged_ns, entry.acknowledged_by) == (5, MARI)


def test_an_acknowledged_alarm_that_is_gone_is_normal() -> None:
    entry = fresh()
    alarm_life.acknowledge(entry, MARI, 5)

    alarm_life.go_away(entry, 9)

    assert entry.state is AlarmState.NORMAL
    assert (entry.active, entry.cleared_ns) == (False, 9)


def test_an_alarm_that_is_gone_before_anybody_knew_waits_for_him() -> None:
    entry = fresh()

    alarm_life.go_away(entry, 9)
    assert entry.state is AlarmState.RETURNED
    alarm_life.acknowledge(entry, MARI, 12)

    assert entry.state is AlarmState.NORMAL


@pytest.mark.parametrize("is_known", [False, True])
def test_a_latching_alarm_stays_until_it_is_gone_and_reset(*, is_known: bool) -> None:
    entry = fresh(latching=True)
    if is_known:
        alarm_life.acknowledge(entry, MARI, 5)

    alarm_life.go_away(entry, 9)
    assert entry.state is AlarmState.LATCHED
    alarm_life.acknowledge(entry, MARI, 12)

    assert entry.state is AlarmState.NORMAL


def test_a_warning_that_becomes_critical_is_unacknowledged_again() -> None:
    entry = fresh()
    alarm_life.acknowledge(entry, MARI, 5)

    alarm_life.come_up(entry, news(CRITICAL, 7))

    assert (entry.state, entry.level) == (AlarmState.UNACKNOWLEDGED, CRITICAL)
    assert entry.since_ns == 1


def test_a_critical_alarm_that_becomes_a_warning_stays_acknowledged() -> None:
    entry = fresh(CRITICAL)
    alarm_life.acknowledge(entry, MARI, 5)

    alarm_life.come_up(entry, news(WARNING, 7))

    assert (entry.state, entry.level) == (AlarmState.ACKNOWLEDGED, WARNING)


def test_said_again_it_is_worded_anew_and_no_younger() -> None:
    entry = fresh()
    alarm_life.acknowledge(entry, MARI, 5)

    alarm_life.come_up(entry, news(WARNING, 7, text="other"))

    assert (entry.state, entry.text) == (AlarmState.ACKNOWLEDGED, "other")
    assert (entry.since_ns, entry.raise_count) == (1, 1)


def test_what_was_raised_since_it_was_normal_is_counted() -> None:
    entry = fresh()
    for at_ns in (4, 8):
        alarm_life.go_away(entry, at_ns)
        alarm_life.come_up(entry, news(WARNING, at_ns + 1))
    assert (entry.raise_count, entry.since_ns) == (3, 9)

    alarm_life.acknowledge(entry, MARI, 10)
    alarm_life.go_away(entry, 11)
    alarm_life.come_up(entry, news(WARNING, 12))

    assert entry.raise_count == 1
    assert (entry.acknowledged_ns, entry.acknowledged_by) == (0, "")


def test_on_the_shelf_an_alarm_comes_and_goes_unseen_and_is_told_of_afterwards() -> None:
    entry = fresh()
    alarm_life.shelve(entry, MARI, 100, "it flutters")

    alarm_life.go_away(entry, 5)
    alarm_life.come_up(entry, news(WARNING, 6))
    assert entry.state is AlarmState.SHELVED
    assert entry.active
    alarm_life.unshelve(entry)

    assert entry.state is AlarmState.UNACKNOWLEDGED
    assert (entry.shelved_until_ns, entry.shelved_by, entry.shelved_why) == (0, "", "")


@pytest.mark.parametrize(
    ("is_latching", "state"), [(False, AlarmState.NORMAL), (True, AlarmState.LATCHED)]
)
def test_off_the_shelf_what_is_gone_is_normal_or_latched(
    *, is_latching: bool, state: AlarmState
) -> None:
    entry = fresh(latching=is_latching)
    alarm_life.shelve(entry, MARI, 100, "it flutters")

    alarm_life.go_away(entry, 5)
    alarm_life.unshelve(entry)

    assert entry.state is state


def test_a_latching_alarm_that_was_normal_on_the_shelf_all_along_is_normal_afterwards() -> None:
    entry = fresh(latching=True)
    alarm_life.go_away(entry, 5)
    alarm_life.acknowledge(entry, MARI, 6)

    alarm_life.shelve(entry, MARI, 100, "it flutters")
    alarm_life.unshelve(entry)

    assert entry.state is AlarmState.NORMAL


def test_a_shelved_warning_that_becomes_critical_leaves_the_shelf() -> None:
    entry = fresh()
    alarm_life.shelve(entry, MARI, 100, "it flutters")

    alarm_life.come_up(entry, news(CRITICAL, 7))

    assert entry.state is AlarmState.UNACKNOWLEDGED
    assert entry.shelved_by == ""


def test_a_shelved_alarm_that_is_gone_and_comes_back_critical_leaves_the_shelf() -> None:
    entry = fresh()
    alarm_life.shelve(entry, MARI, 100, "it flutters")
    alarm_life.go_away(entry, 5)

    alarm_life.come_up(entry, news(CRITICAL, 7))

    assert entry.state is AlarmState.UNACKNOWLEDGED


def test_what_was_critical_when_it_was_shelved_stays_there() -> None:
    entry = fresh(CRITICAL)
    alarm_life.shelve(entry, MARI, 100, "the sensor is broken")

    alarm_life.come_up(entry, news(WARNING, 7))
    alarm_life.come_up(entry, news(CRITICAL, 8))

    assert entry.state is AlarmState.SHELVED


@pytest.mark.parametrize(("active", "state"), [(True, "unacknowledged"), (False, "normal")])
def test_an_alarm_of_an_older_checkpoint_is_read(*, active: bool, state: str) -> None:
    old = {"source": "hauler-1", "code": "c", "text": "t", "active": active, "since_ns": 7}
    encoded = msgspec.msgpack.encode({"alarms": {"hauler-1/c": old | {"cleared_ns": 9}}})

    entry = SchedulerState.decoded(encoded).alarms["hauler-1/c"]

    assert (entry.state.value, entry.level, entry.latching) == (state, WARNING, False)
    assert (
        SchedulerState.decoded(SchedulerState(alarms={"k": entry}).encoded()).alarms["k"] == entry
    )


STEPS = st.sampled_from(
    ["warning", "critical", "gone", "acknowledge", "dismiss", "shelve", "unshelve"]
)


@given(steps=st.lists(STEPS, max_size=30), is_latching=st.booleans())
def test_the_state_always_tells_whether_the_condition_is_there(
    *, steps: list[str], is_latching: bool
) -> None:
    entry = fresh(latching=is_latching)
    for at_ns, step in enumerate(steps, 2):
        match step:
            case "gone" if entry.active:
                alarm_life.go_away(entry, at_ns)
            case "warning" | "critical":
                alarm_life.come_up(entry, news(AlarmLevel(step), at_ns, latching=is_latching))
            case "shelve" if alarm_life.may(entry, alarm_life.AlarmEvent.SHELVE):
                alarm_life.shelve(entry, MARI, 100, "why")
            case "unshelve" if entry.state is AlarmState.SHELVED:
                alarm_life.unshelve(entry)
            case "acknowledge" if alarm_life.may(entry, alarm_life.AlarmEvent.ACKNOWLEDGE):
                alarm_life.acknowledge(entry, MARI, at_ns)
            case "dismiss" if alarm_life.may(entry, alarm_life.AlarmEvent.DISMISS):
                alarm_life.dismiss(entry, MARI, at_ns)

        if entry.state is not AlarmState.SHELVED:
            assert entry.active is (entry.state in UP)
        assert (entry.cleared_ns == 0) is entry.active
        assert (entry.shelved_until_ns == 0) is (entry.state is not AlarmState.SHELVED)


# --- room ------------------------------------------------------------------------------------


def table(*entries: AlarmEntry) -> dict[str, AlarmEntry]:
    return {entry.key: entry for entry in entries}


def gone(entry: AlarmEntry) -> AlarmEntry:
    alarm_life.go_away(entry, 5)
    return entry


def known(entry: AlarmEntry) -> AlarmEntry:
    alarm_life.acknowledge(entry, MARI, 5)
    return entry


LEAST_FIRST = [
    lambda code: gone(known(fresh(CRITICAL, code=code, told=False))),
    lambda code: gone(fresh(CRITICAL, code=code)),
    lambda code: gone(fresh(code=code, told=False)),
    lambda code: known(fresh(code=code)),
    lambda code: fresh(code=code),
    lambda code: known(fresh(code=code, told=False)),
    lambda code: fresh(code=code, told=False),
    lambda code: known(fresh(CRITICAL, code=code)),
    lambda code: fresh(CRITICAL, code=code, told=False),
]


@pytest.mark.parametrize("place", range(len(LEAST_FIRST) - 1))
def test_what_is_worth_less_makes_room_for_what_is_worth_more(place: int) -> None:
    least, more = LEAST_FIRST[place]("a"), LEAST_FIRST[place + 1]("b")

    kept = table(more, least)
    assert alarm_life.keep(kept, fresh(CRITICAL, code="new", told=False), 2)

    assert [entry.code for entry in kept.values()] == ["b", "new"]


def test_of_equals_the_oldest_makes_room() -> None:
    kept = table(fresh(code="young", at_ns=9), fresh(code="old", at_ns=3))

    assert alarm_life.keep(kept, fresh(code="new", at_ns=10), 2)

    assert [entry.code for entry in kept.values()] == ["young", "new"]


def test_no_warning_displaces_what_is_critical_and_up() -> None:
    kept = table(fresh(CRITICAL, code="a"), fresh(CRITICAL, code="b"))

    assert not alarm_life.keep(kept, fresh(code="new", told=False), 2)

    assert [entry.code for entry in kept.values()] == ["a", "b"]


def test_a_source_that_tells_without_end_displaces_its_own() -> None:
    kept = table(fresh(code="other", source="scout-1"))
    for at_ns in range(2 * TOLD_PER_SOURCE_MAX):
        alarm_life.keep(kept, fresh(CRITICAL, code=f"c{at_ns}", at_ns=at_ns), 1_024)

    assert len(kept) == TOLD_PER_SOURCE_MAX + 1
    assert "other" in [entry.code for entry in kept.values()]
