"""The life of one alarm: what its condition and people make of it, and which one makes room.

Owns the entry's times and names along with its state; the legal steps are in `alarm_states`. Whom
to tell is `context`'s, and what people are answered `alarms`'.
"""

from lunaredge.ids import KeyId
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.alarm_states import TRANSITIONS, AlarmEvent, AlarmState
from lunaredge.transitions import after
from lunaredge.wire.records import AlarmLevel

# So many alarms of one source's own telling are kept: one that tells without end displaces its own.
TOLD_PER_SOURCE_MAX = 64


def come_up(entry: AlarmEntry, news: AlarmEntry) -> None:
    """Take an alarm that is up now: raised, worse, or worded anew.

    Args:
        entry: What is known of it.
        news: What it is now; its time is when this was heard.
    """
    was_critical = entry.active and entry.level is AlarmLevel.CRITICAL
    if not entry.active:
        if entry.state is AlarmState.NORMAL:
            entry.raise_count = 0
        _fire(entry, AlarmEvent.RAISE)
        entry.raise_count += 1
        entry.since_ns = news.since_ns
        entry.cleared_ns = 0
        entry.acknowledged_ns, entry.acknowledged_by = 0, KeyId("")
        entry.active = True
    entry.text, entry.level, entry.latching = news.text, news.level, news.latching
    if entry.level is not AlarmLevel.CRITICAL or was_critical:
        return
    if entry.state is AlarmState.SHELVED and entry.shelved_level is AlarmLevel.CRITICAL:
        return
    _fire(entry, AlarmEvent.WORSEN)


def go_away(entry: AlarmEntry, now_ns: int) -> None:
    """Take note that the condition of an alarm that is up is gone."""
    assert entry.active
    _fire(entry, AlarmEvent.LATCH if entry.latching else AlarmEvent.RETURN)
    entry.active = False
    entry.cleared_ns = now_ns


def may(entry: AlarmEntry, event: AlarmEvent) -> bool:
    """Tell whether a person may do that to it now."""
    return (entry.state, event) in TRANSITIONS


def acknowledge(entry: AlarmEntry, by: KeyId, now_ns: int) -> None:
    """Take note that a person knows of it."""
    _fire(entry, AlarmEvent.ACKNOWLEDGE)
    entry.acknowledged_ns, entry.acknowledged_by = now_ns, by


def dismiss(entry: AlarmEntry, by: KeyId, now_ns: int) -> None:
    """End a report that a person knows of."""
    assert entry.active
    _fire(entry, AlarmEvent.DISMISS)
    entry.active = False
    entry.acknowledged_ns, entry.acknowledged_by = now_ns, by
    entry.cleared_ns = now_ns


def shelve(entry: AlarmEntry, by: KeyId, until_ns: int, why: str) -> None:
    """Put it aside until then."""
    if entry.state is AlarmState.NORMAL:
        entry.raise_count = 0
    _fire(entry, AlarmEvent.SHELVE)
    entry.shelved_until_ns, entry.shelved_by, entry.shelved_why = until_ns, by, why
    entry.shelved_level = entry.level


def unshelve(entry: AlarmEntry) -> None:
    """Take it off the shelf, as what it is now."""
    if entry.active:
        _fire(entry, AlarmEvent.UNSHELVE_UP)
    elif entry.latching and entry.raise_count:
        _fire(entry, AlarmEvent.UNSHELVE_LATCHED)
    else:
        _fire(entry, AlarmEvent.UNSHELVE_GONE)


def keep(alarms: dict[str, AlarmEntry], entry: AlarmEntry, count_max: int) -> bool:
    """Remember an alarm, in place of one of less worth where there is no room; tell whether.

    One that is itself of the least worth is not kept.
    """
    if entry.key in alarms:
        return True
    rivals = [key for key, each in alarms.items() if each.told and each.source == entry.source]
    if not entry.told or len(rivals) < TOLD_PER_SOURCE_MAX:
        rivals = list(alarms) if len(alarms) >= count_max else []
    if rivals:
        least = min(rivals, key=lambda key: (_worth(alarms[key]), alarms[key].since_ns))
        if _worth(alarms[least]) > _worth(entry):
            return False
        del alarms[least]
    alarms[entry.key] = entry
    return True


def _worth(entry: AlarmEntry) -> tuple[bool, ...]:
    """Give what an alarm is worth keeping.

    What is critical and up goes last of all, what is normal first. Between them: up before gone,
    the scheduler's own before what nodes tell, for it may find that out but once; unknown to
    people before known.
    """
    return (
        entry.active and entry.level is AlarmLevel.CRITICAL,
        entry.state is not AlarmState.NORMAL,
        entry.active,
        not entry.told,
        entry.state is not AlarmState.ACKNOWLEDGED,
    )


def _fire(entry: AlarmEntry, event: AlarmEvent) -> None:
    entry.state = after(TRANSITIONS, entry.state, event)
    if entry.state is not AlarmState.SHELVED:
        entry.shelved_until_ns, entry.shelved_by, entry.shelved_why = 0, KeyId(""), ""
