"""State machines that are data: a table of transitions, followed and drawn."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from lunaredge.errors import LocalProtocolError

State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)


def after(transitions: Mapping[tuple[State, Event], State], state: State, event: Event) -> State:
    """Give the state that follows.

    Raises:
        LocalProtocolError: the table has no such transition; this is our bug.
    """
    try:
        return transitions[(state, event)]
    except KeyError:
        raise LocalProtocolError(f"no {event.value!r} in state {state.value!r}") from None


def diagram(transitions: Mapping[tuple[State, Event], State], start: State) -> str:
    """Give a table of transitions as a Mermaid state diagram, in the order of the table."""
    lines = ["stateDiagram-v2", f"    [*] --> {start.value}"]
    lines += [
        f"    {source.value} --> {target.value}: {event.value}"
        for (source, event), target in transitions.items()
    ]
    return "\n".join(lines)
