"""Alarms among people: to acknowledge them, to put them aside for a time, to take them back.

Owns what people are answered, and the end of a time on the shelf. What an alarm is at is
`alarm_life`'s, and what may be shelved `alarm_rules`'. A request that is not legal changes nothing.
"""

from lunaredge.ids import KeyId
from lunaredge.scheduler import alarm_life
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.alarm_rules import rule_of
from lunaredge.scheduler.alarm_states import AlarmEvent, AlarmState
from lunaredge.scheduler.consent import Outcome, done, refused
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.hibernation import time_text
from lunaredge.scheduler.state import SchedulerState
from lunaredge.units import NS_PER_S
from lunaredge.wire.alarm_requests import AcknowledgeRequest, ShelveRequest, UnshelveRequest
from lunaredge.wire.safeguards import WHY_LENGTH_MAX

# Shorter, and it is back before anybody has done anything; longer, and a shift that knows nothing
# of it would not see it.
SHELVED_NS_MIN = 60 * NS_PER_S
SHELVED_NS_MAX = 86_400 * NS_PER_S
# Longer than any source or code.
NAME_LENGTH_SHOWN = 80


def acknowledge(ctx: Context, by: KeyId, asked: AcknowledgeRequest) -> Outcome:
    """Take a person's word that he knows of an alarm, or of all of a source."""
    entries = _found(ctx, asked.source, asked.code)
    if not entries:
        return _none(asked.source, asked.code)
    open_ones = [entry for entry in entries if _may_acknowledge(entry)]
    if not open_ones:
        if not asked.code:
            shelved = sum(entry.state is AlarmState.SHELVED for entry in entries)
            rest = f"; {shelved} of its alarms shelved" if shelved else ""
            return refused(f"{asked.source} has no alarm to acknowledge{rest}")
        return refused(_why_not(entries[0], AlarmEvent.ACKNOWLEDGE))
    for entry in open_ones:
        if _is_report(entry):
            ctx.end_report(entry, by)
        else:
            alarm_life.acknowledge(entry, by, ctx.now_ns)
    _note(ctx, "acknowledged", by, asked.source, asked.code)
    if asked.code:
        return done(f"{_name(open_ones[0])} acknowledged; {_what_now(open_ones[0])}")
    count = len(open_ones)
    return done(f"{count} alarm{'' if count == 1 else 's'} of {asked.source} acknowledged")


def shelve(ctx: Context, by: KeyId, asked: ShelveRequest) -> Outcome:
    """Put an alarm aside for a time, as a person asks."""
    entries = _found(ctx, asked.source, asked.code)
    if not entries:
        return _none(asked.source, asked.code)
    reason = rule_of(asked.code).off_shelf
    if reason:
        name = _name(entries[0])
        return refused(f"{name} can't be shelved: {reason}; `ack` tells others that you know")
    if not SHELVED_NS_MIN <= asked.for_ns <= SHELVED_NS_MAX:
        return refused(
            f"an alarm is shelved for 1 minute to 24 hours, not for {asked.for_ns / NS_PER_S:g} s"
        )
    if not asked.why.strip():
        return refused("say why it is shelved: others will want to know")
    open_ones = [entry for entry in entries if alarm_life.may(entry, AlarmEvent.SHELVE)]
    if not open_ones:
        return refused(_why_not(entries[0], AlarmEvent.SHELVE))
    until_ns = ctx.now_ns + asked.for_ns
    for entry in open_ones:
        alarm_life.shelve(entry, by, until_ns, asked.why[:WHY_LENGTH_MAX])
    _note(ctx, "shelved", by, asked.source, asked.code)
    name = _name(open_ones[0])
    return done(
        f"{name} shelved until {time_text(until_ns)}; it comes back then, or if it becomes critical"
    )


def unshelve(ctx: Context, by: KeyId, asked: UnshelveRequest) -> Outcome:
    """Take an alarm off the shelf, as a person asks."""
    entries = _found(ctx, asked.source, asked.code)
    if not entries:
        return _none(asked.source, asked.code)
    shelved = [entry for entry in entries if entry.state is AlarmState.SHELVED]
    if not shelved:
        return refused(f"{_name(entries[0])} is not shelved; it is {entries[0].state.value}")
    for entry in shelved:
        alarm_life.unshelve(entry)
    _note(ctx, "unshelved", by, asked.source, asked.code)
    return done(f"{_name(shelved[0])} is off the shelf; it is {shelved[0].state.value}")


def end_shelving(ctx: Context) -> None:
    """Take off the shelf what was put there until now."""
    for entry in ctx.state.alarms.values():
        if entry.state is AlarmState.SHELVED and entry.shelved_until_ns <= ctx.now_ns:
            alarm_life.unshelve(entry)
            ctx.tell("alarm.unshelved", source=entry.source, code=entry.code)


def renew_levels(state: SchedulerState) -> None:
    """Give the scheduler's own alarms the levels that they have in this version."""
    for entry in state.alarms.values():
        if not entry.told:
            entry.level = rule_of(entry.code).level


def _found(ctx: Context, source: str, code: str) -> list[AlarmEntry]:
    """Give the alarms of a source under a code, the scheduler's own and the source's; or all."""
    return [
        entry
        for entry in ctx.state.alarms.values()
        if entry.source == source and code in ("", entry.code)
    ]


def _is_report(entry: AlarmEntry) -> bool:
    return entry.active and rule_of(entry.code).is_report and not entry.told


def _may_acknowledge(entry: AlarmEntry) -> bool:
    event = AlarmEvent.DISMISS if _is_report(entry) else AlarmEvent.ACKNOWLEDGE
    return alarm_life.may(entry, event)


def _what_now(entry: AlarmEntry) -> str:
    """Say what becomes of an alarm that was just acknowledged."""
    if entry.state is AlarmState.NORMAL:
        return "it is normal again"
    if entry.latching:
        return "once it is gone it stays latched until you acknowledge it again"
    return "it is listed until it is gone"


def _why_not(entry: AlarmEntry, event: AlarmEvent) -> str:
    """Say why a person can't do that to an alarm now, and what to do instead."""
    name = _name(entry)
    match entry.state:
        case AlarmState.SHELVED:
            until = time_text(entry.shelved_until_ns)
            return f"{name} is shelved by {entry.shelved_by} until {until}; `unshelve` it first"
        case AlarmState.LATCHED:
            return f"{name} is gone and latched; `ack` resets it"
        case AlarmState.ACKNOWLEDGED:
            return f"{name} is acknowledged already, by {entry.acknowledged_by}"
        case _:
            return f"{name} is {entry.state.value}: there is nothing to {event.value}"


def _none(source: str, code: str) -> Outcome:
    what = f"alarm {code[:NAME_LENGTH_SHOWN]}" if code else "alarm"
    return refused(f"{source[:NAME_LENGTH_SHOWN]} has no {what}; `alarms --all` lists them")


def _name(entry: AlarmEntry) -> str:
    return f"{entry.code} of {entry.source}"


def _note(ctx: Context, what: str, by: KeyId, source: str, code: str) -> None:
    ctx.state.interventions += 1
    ctx.note_event(f"alarm.{what}", f"{code or 'all'} of {source}, by {by}")
