"""What the scheduler remembers of one alarm; part of its state."""

import msgspec

from lunaredge.ids import KeyId
from lunaredge.scheduler.alarm_states import UP, AlarmState
from lunaredge.wire.records import AlarmLevel


class AlarmEntry(msgspec.Struct, kw_only=True):
    """One alarm, by source and code. Only `scheduler.alarm_life` changes what it is at."""

    source: str
    code: str
    text: str
    active: bool
    """Its condition is there."""
    since_ns: int
    """When it was raised last."""
    cleared_ns: int = 0
    """When its condition went away; 0 while it is there."""
    told: bool = False
    """The source's own word, and not the scheduler's about it."""
    state: AlarmState = AlarmState.UNACKNOWLEDGED
    level: AlarmLevel = AlarmLevel.WARNING
    latching: bool = False
    raise_count: int = 1
    """How often it was raised since it was last normal."""
    acknowledged_ns: int = 0
    acknowledged_by: KeyId = KeyId("")
    shelved_until_ns: int = 0
    shelved_by: KeyId = KeyId("")
    shelved_why: str = ""
    shelved_level: AlarmLevel = AlarmLevel.WARNING
    """What it was when somebody shelved it."""
    unsaid: bool = False
    """Its last change has still to be told to Earth and the log; see `context`."""
    said_ns: int = 0
    """When a change of it was last told."""

    def __post_init__(self) -> None:
        """Read one of an older journal, which tells only whether the condition is there."""
        if self.state in UP and not self.active:
            self.state = AlarmState.NORMAL

    @property
    def key(self) -> str:
        """What it is kept under."""
        return alarm_key(self.source, self.code, told=self.told)


def alarm_key(source: str, code: str, *, told: bool = False) -> str:
    """Give what an alarm is kept under: a node's own apart from the scheduler's about it."""
    # No source has a space in its name.
    return f"{'told ' if told else ''}{source}/{code}"
