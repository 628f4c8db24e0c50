"""What a node may be at, and how it gets from one to the other.

Theory. Three kinds of state are told apart:

    unproven            after boot. Nothing moves: the epoch, the pose and every authority must be
                        proven again. Only a census leads out, and nothing leads back but a boot.
    the activities      idle, requesting, driving, working: where the task in hand stands.
    the interruptions   locked, stopped, safe, holding: why the activity doesn't go on, the
                        strongest first. A stronger one replaces a weaker one at once. Each leads
                        back to idle only, because what the node was at must be judged anew: the
                        lease may have ended, the machine may have been moved. From idle the task
                        goes on by itself.

Everything that changes a state is in the table below; this file does not know why an event
happens (`permit` does) nor what is done in a state (`pilot` does). What is not in the table is
illegal: it raises and changes nothing.
"""

import enum

from lunaredge.transitions import after, diagram


class State(enum.Enum):
    """What a node is at; the value is the word on the wire."""

    UNPROVEN = "unproven"
    IDLE = "idle"
    REQUESTING = "requesting"
    DRIVING = "driving"
    WORKING = "working"
    HOLDING = "holding"
    STOPPED = "stopped"
    SAFE = "safe"
    LOCKED = "locked"


class Event(enum.Enum):
    """What moves a node from one state to another."""

    PROVE = "prove"
    """A census gave the epoch for this boot."""
    ASK = "ask"
    """The task needs an authority."""
    DRIVE = "drive"
    """An authority is in hand; the machine sets off, or home from its work."""
    WORK = "work"
    """At the stop point with a goal, or a workload runs."""
    END = "end"
    """No task is left."""
    HOLD = "hold"
    """An operator's hold, a lease that ran out, a clock or pose too poor, nobody to ask."""
    FAIL = "fail"
    """Blind, low on energy or off its path."""
    STOP = "stop"
    """An emergency stop is latched."""
    LOCK = "lock"
    """A person has locked the machine out."""
    CLEAR = "clear"
    """Nothing interrupts any more, or only something weaker."""


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.UNPROVEN, Event.PROVE): State.IDLE,
    (State.IDLE, Event.ASK): State.REQUESTING,
    (State.DRIVING, Event.ASK): State.REQUESTING,
    (State.WORKING, Event.ASK): State.REQUESTING,
    (State.IDLE, Event.DRIVE): State.DRIVING,
    (State.REQUESTING, Event.DRIVE): State.DRIVING,
    (State.WORKING, Event.DRIVE): State.DRIVING,
    (State.IDLE, Event.WORK): State.WORKING,
    (State.REQUESTING, Event.WORK): State.WORKING,
    (State.DRIVING, Event.WORK): State.WORKING,
    (State.REQUESTING, Event.END): State.IDLE,
    (State.DRIVING, Event.END): State.IDLE,
    (State.WORKING, Event.END): State.IDLE,
    (State.IDLE, Event.HOLD): State.HOLDING,
    (State.REQUESTING, Event.HOLD): State.HOLDING,
    (State.DRIVING, Event.HOLD): State.HOLDING,
    (State.WORKING, Event.HOLD): State.HOLDING,
    (State.IDLE, Event.FAIL): State.SAFE,
    (State.REQUESTING, Event.FAIL): State.SAFE,
    (State.DRIVING, Event.FAIL): State.SAFE,
    (State.WORKING, Event.FAIL): State.SAFE,
    (State.HOLDING, Event.FAIL): State.SAFE,
    (State.IDLE, Event.STOP): State.STOPPED,
    (State.REQUESTING, Event.STOP): State.STOPPED,
    (State.DRIVING, Event.STOP): State.STOPPED,
    (State.WORKING, Event.STOP): State.STOPPED,
    (State.HOLDING, Event.STOP): State.STOPPED,
    (State.SAFE, Event.STOP): State.STOPPED,
    (State.IDLE, Event.LOCK): State.LOCKED,
    (State.REQUESTING, Event.LOCK): State.LOCKED,
    (State.DRIVING, Event.LOCK): State.LOCKED,
    (State.WORKING, Event.LOCK): State.LOCKED,
    (State.HOLDING, Event.LOCK): State.LOCKED,
    (State.SAFE, Event.LOCK): State.LOCKED,
    (State.STOPPED, Event.LOCK): State.LOCKED,
    (State.HOLDING, Event.CLEAR): State.IDLE,
    (State.SAFE, Event.CLEAR): State.IDLE,
    (State.STOPPED, Event.CLEAR): State.IDLE,
    (State.LOCKED, Event.CLEAR): State.IDLE,
}


class Course:
    """The state of one node, changed by events alone."""

    def __init__(self) -> None:
        self._state = State.UNPROVEN

    @property
    def state(self) -> State:
        """What the node is at."""
        return self._state

    def fire(self, event: Event) -> None:
        """Follow an event.

        Raises:
            LocalProtocolError: illegal here; the state stays what it was.
        """
        self._state = after(TRANSITIONS, self._state, event)

    def reach(self, target: State, event: Event) -> None:
        """Follow an event unless its target is reached already; out of a weaker state first."""
        if self._state is target:
            return
        if (self._state, event) not in TRANSITIONS:
            self.fire(Event.CLEAR)
        self.fire(event)
        assert self._state is target, f"{event} does not lead to {target}"


def page() -> str:
    """Give docs/reference/agent-states.md, drawn from the table."""
    rows = "\n".join(f"| `{event.value}` | {meaning} |" for event, meaning in _MEANINGS.items())
    return (
        "# States of a node agent\n\n"
        "Generated from `lunaredge/agent/states.py`; a test keeps it current. To write it anew:\n\n"
        "    python -c \"from lunaredge.agent.states import page; print(page(), end='')\""
        " > docs/reference/agent-states.md\n\n"
        f"```mermaid\n{diagram(TRANSITIONS, State.UNPROVEN)}\n```\n\n"
        f"| event | when |\n|---|---|\n{rows}\n"
    )


_MEANINGS = {
    Event.PROVE: "a census gave the epoch for this boot",
    Event.ASK: "the task needs a movement authority",
    Event.DRIVE: "an authority is in hand and the machine sets off, or home from its work",
    Event.WORK: "the machine is at its stop point with a goal, or a workload runs",
    Event.END: "no task is left",
    Event.HOLD: "an operator's hold, a lease that ran out, a poor clock or pose, nobody to ask",
    Event.FAIL: "the machine is blind, low on energy or off its path (A3)",
    Event.STOP: "an emergency stop is latched",
    Event.LOCK: "a person has locked the machine out",
    Event.CLEAR: "nothing interrupts any more, or only something weaker",
}
