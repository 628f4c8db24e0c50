"""Tables of transitions, drawn for people."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)


def diagram(transitions: Mapping[tuple[State, Event], State], start: State) -> str:
    """Give a table of transitions as a Mermaid state diagram, in the order of the table."""
    lines = ["stateDiagram-v2", f"    [*] --> {start.value}"]
    lines += [
        f"    {source.value} --> {target.value}: {event.value}"
        for (source, event), target in transitions.items()
    ]
    return "\n".join(lines)
