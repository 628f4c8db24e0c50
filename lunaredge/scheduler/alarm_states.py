"""What an alarm may be at, in the words of ANSI/ISA-18.2, and how it gets from one to the other.

Theory. Two things are told apart: whether the condition is there, and whether a person knows.

    normal          the condition is not there, and nobody has anything to do.
    unacknowledged  it is there, and nobody has said that he knows.
    acknowledged    it is there, and a person has said so.
    returned        it was there and is gone ("returned to normal"), and nobody has said so.
    latched         the same of an alarm that is latching: it lets go only when a person resets it
                    after the condition is gone, also where it was acknowledged before.
    shelved         a person has put it aside for a time. The condition may come and go unseen.

To reset a latched alarm is to acknowledge it: one word for people, and the state says which it is.
What becomes of a shelved alarm when its time is over, or when somebody takes it off the shelf, is
judged anew: whoever put it aside knew only of what was then. So one that is up is unacknowledged.
One that is gone is normal, for that is what shelving a fluttering alarm is for; but a latching
one that has been up since it was last normal is latched.

A warning that becomes critical is unacknowledged again, and leaves the shelf: in ISA-18.2 the limit
beyond is an alarm of its own, and nobody has acknowledged or shelved that one. What was critical
when it was shelved stays there.

A report tells of something that has happened and that nothing will take back, such as a task that
failed: when a person acknowledges it, it ends.

Left out on purpose, of the states of ISA-18.2: *suppressed by design* (no logic here silences
alarms by the state of the site) and *out of service* (nothing hides one without an end; a machine
under repair is locked out).

Everything that changes a state is in the table below; this file does not know why an event happens.
What the condition does is legal in every state where it can happen. What a person asks for may not
be legal: then it is refused with a reason (`alarm_life`) and changes nothing.
"""

import enum

from lunaredge.transitions import diagram


class AlarmState(enum.Enum):
    """What an alarm is at."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    LATCHED = "latched"
    SHELVED = "shelved"


class AlarmEvent(enum.Enum):
    """What moves an alarm from one state to another."""

    RAISE = "raise"
    """Its condition came up."""
    WORSEN = "worsen"
    """It became critical, which it was not before, nor when it was shelved."""
    RETURN = "return"
    """The condition of an alarm that does not latch is gone."""
    LATCH = "latch"
    """The condition of a latching alarm is gone."""
    ACKNOWLEDGE = "acknowledge"
    """A person knows; of a latched one, resets it."""
    DISMISS = "dismiss"
    """A person knows of what a report tells."""
    SHELVE = "shelve"
    """A person puts it aside for a time."""
    UNSHELVE_UP = "unshelve, up"
    """It is off the shelf, and its condition is there."""
    UNSHELVE_LATCHED = "unshelve, latched"
    """It is off the shelf, gone, latching, and was up since it was last normal."""
    UNSHELVE_GONE = "unshelve, gone"
    """It is off the shelf, and its condition is not there."""


TRANSITIONS: dict[tuple[AlarmState, AlarmEvent], AlarmState] = {
    (AlarmState.NORMAL, AlarmEvent.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.RETURNED, AlarmEvent.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.LATCHED, AlarmEvent.RAISE): AlarmState.UNACKNOWLEDGED,
    (AlarmState.SHELVED, AlarmEvent.RAISE): AlarmState.SHELVED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.WORSEN): AlarmState.UNACKNOWLEDGED,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.WORSEN): AlarmState.UNACKNOWLEDGED,
    (AlarmState.SHELVED, AlarmEvent.WORSEN): AlarmState.UNACKNOWLEDGED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.RETURN): AlarmState.RETURNED,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.RETURN): AlarmState.NORMAL,
    (AlarmState.SHELVED, AlarmEvent.RETURN): AlarmState.SHELVED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.LATCH): AlarmState.LATCHED,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.LATCH): AlarmState.LATCHED,
    (AlarmState.SHELVED, AlarmEvent.LATCH): AlarmState.SHELVED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.ACKNOWLEDGE): AlarmState.ACKNOWLEDGED,
    (AlarmState.RETURNED, AlarmEvent.ACKNOWLEDGE): AlarmState.NORMAL,
    (AlarmState.LATCHED, AlarmEvent.ACKNOWLEDGE): AlarmState.NORMAL,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.DISMISS): AlarmState.NORMAL,
    (AlarmState.NORMAL, AlarmEvent.SHELVE): AlarmState.SHELVED,
    (AlarmState.UNACKNOWLEDGED, AlarmEvent.SHELVE): AlarmState.SHELVED,
    (AlarmState.ACKNOWLEDGED, AlarmEvent.SHELVE): AlarmState.SHELVED,
    (AlarmState.RETURNED, AlarmEvent.SHELVE): AlarmState.SHELVED,
    (AlarmState.SHELVED, AlarmEvent.UNSHELVE_UP): AlarmState.UNACKNOWLEDGED,
    (AlarmState.SHELVED, AlarmEvent.UNSHELVE_LATCHED): AlarmState.LATCHED,
    (AlarmState.SHELVED, AlarmEvent.UNSHELVE_GONE): AlarmState.NORMAL,
}

# In these the condition is there. Of a shelved one the state does not tell.
UP = frozenset({AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED})


def page() -> str:
    """Give docs/reference/alarm-states.md, drawn from the table."""
    states = "\n".join(f"| `{state.value}` | {what} |" for state, what in _STATES.items())
    events = "\n".join(f"| {event.value} | {what} |" for event, what in _EVENTS.items())
    return (
        "# States of an alarm\n\n"
        "Generated from `lunaredge/scheduler/alarm_states.py`; a test keeps it current. To write "
        "it anew:\n\n"
        '    python -c "from lunaredge.scheduler.alarm_states import page; '
        "print(page(), end='')\" > docs/reference/alarm-states.md\n\n"
        "The words are those of ANSI/ISA-18.2. Its *suppressed by design* and *out of service* are "
        "left out: nothing\nhere silences an alarm by itself, or without an end.\n\n"
        f"```mermaid\n{diagram(TRANSITIONS, AlarmState.NORMAL)}\n```\n\n"
        f"| state | what it says |\n|---|---|\n{states}\n\n"
        f"| event | when |\n|---|---|\n{events}\n"
    )


_STATES = {
    AlarmState.NORMAL: "its condition is not there; only `lunaredge alarms --all` lists it",
    AlarmState.UNACKNOWLEDGED: "its condition is there, and nobody has said that he knows",
    AlarmState.ACKNOWLEDGED: "its condition is there, and a person knows",
    AlarmState.RETURNED: "its condition was there and is gone, and nobody has said that he knows",
    AlarmState.LATCHED: "its condition is gone; `lunaredge ack` resets it",
    AlarmState.SHELVED: "a person has put it aside for a time; `lunaredge alarms --all` lists it",
}
_EVENTS = {
    AlarmEvent.RAISE: "its condition came up",
    AlarmEvent.WORSEN: "it became critical, which it was not before, nor when it was shelved",
    AlarmEvent.RETURN: "the condition of an alarm that does not latch is gone",
    AlarmEvent.LATCH: "the condition of a latching alarm is gone",
    AlarmEvent.ACKNOWLEDGE: "`lunaredge ack`: a person knows; of a latched one, resets it",
    AlarmEvent.DISMISS: "`lunaredge ack` of a report that nothing else takes back",
    AlarmEvent.SHELVE: "`lunaredge shelve`: a person puts it aside, for a day at most",
    AlarmEvent.UNSHELVE_UP: "`lunaredge unshelve`, or its time is over; the condition is there",
    AlarmEvent.UNSHELVE_LATCHED: "the same; the condition is gone, and it latches",
    AlarmEvent.UNSHELVE_GONE: "the same; the condition is gone",
}
