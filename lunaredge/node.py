"""The node contract: what lets one core run under asyncio with MQTT and under a seeded simulator.

A core never reads a clock, draws a random number, sleeps or does I/O. It is given ``now_ns`` and
messages, and hands out effects. No method is async, none blocks, none raises for bad remote input.
A shell carries effects out in order, with one exception: an `Actuate` whose order is a `Halt` is
carried out at once, because a stop never queues behind a disk write.
"""

import enum
from collections.abc import Iterable
from typing import Protocol

import msgspec

from lunaredge.ids import BootId, NodeId, TaskId
from lunaredge.model.task import Workload
from lunaredge.wire.driver import MachineOrder
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.telemetry import Channel


class Publish(msgspec.Struct, frozen=True):
    """Send a payload on a topic, at least once."""

    topic: str
    payload: bytes
    retain: bool = False


class Persist(msgspec.Struct, frozen=True):
    """Write a row, replacing one of the same key; durable before the next effect is carried out."""

    table: str
    scope: str
    number: int
    value: bytes


class Erase(msgspec.Struct, frozen=True):
    """Delete the rows of a scope up to and with that number, from ``first`` on."""

    table: str
    scope: str
    through: int
    first: int = -(2**63)


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a record for good; durable before the next effect, in one transaction with Persists."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int
    count: int
    dropped: bool
    received_ns: int
    record: bytes


class KeepKind(enum.Enum):
    """What an entry of the telemetry archive is."""

    SAMPLES = "samples"
    DROPPED = "dropped"
    """Its sender dropped them for want of room; a summary is left."""
    MISSING = "missing"
    """Numbers that will never come: their sender holds them no more."""
    QUARANTINED = "quarantined"
    """They arrived and can't be believed; the bytes are kept, and the reason."""


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """Enter uploads of a bulk stream into the telemetry archive; durable before the next effect.

    Each number of a (node, boot, class) is entered once, as one of these kinds.
    """

    kind: KeepKind
    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    last_seq: int
    count: int
    """Samples inside; of what is missing, 0."""
    received_ns: int
    start_ns: int
    """Site time of which it speaks, to ``end_ns``; both 0 where that is not known."""
    end_ns: int
    late: bool = False
    """Backfill: it came after newer ones, or long after it was measured."""
    channels: tuple[Channel, ...] = ()
    """The table of samples."""
    reason: str = ""
    record: bytes = b""


class Actuate(msgspec.Struct, frozen=True):
    """Give the machine's controller an order."""

    order: MachineOrder


class Solve(msgspec.Struct, frozen=True):
    """Compute the answer to a problem elsewhere; it comes back through ``solved``."""

    problem: object


class StartWorkload(msgspec.Struct, frozen=True, kw_only=True):
    """Run a workload; its end comes back through ``workload_ended``."""

    task: TaskId
    attempt: int
    workload: Workload


class StopWorkload(msgspec.Struct, frozen=True, kw_only=True):
    """End a workload; nothing comes back."""

    task: TaskId
    attempt: int


class Transmit(msgspec.Struct, frozen=True):
    """Put one datagram on the Earth link; it may be lost, late or doubled."""

    payload: bytes


class Rebirth(msgspec.Struct, frozen=True):
    """End this life, and begin one whose boot id is above that one."""

    above: BootId


class Level(enum.Enum):
    """How loud a note is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something for the log: ``noun.verb_past`` and its fields. Only shells log."""

    level: Level
    event: str
    fields: dict[str, object]


Effect = (
    Publish
    | Persist
    | Erase
    | Archive
    | Keep
    | Actuate
    | Solve
    | StartWorkload
    | StopWorkload
    | Transmit
    | Rebirth
    | Note
)


class Row(msgspec.Struct, frozen=True):
    """A stored row as it is given back at start, in order of (table, scope, number)."""

    table: str
    scope: str
    number: int
    value: bytes
    is_whole: bool = True
    """Whether its checksum holds. A damaged row has no value, and its key may be damaged too."""


class Node(Protocol):
    """One node of the site, as every shell sees it."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Topic filters the node wants to hear."""
        ...

    def restore(self, rows: Iterable[Row], now_ns: int) -> None:
        """Take back what an earlier life persisted. Called once, before anything else."""
        ...

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take a message from the network."""
        ...

    def connected(self, now_ns: int) -> None:
        """Learn that the broker is reached (again); what was in flight may be lost."""
        ...

    def disconnected(self, now_ns: int) -> None:
        """Learn that the broker is out of reach."""
        ...

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        ...

    def wakeup_ns(self) -> int | None:
        """Say when ``tick`` must next be called; None for no need."""
        ...

    def take_effects(self) -> list[Effect]:
        """Hand out, in order, what is to be done, and forget it."""
        ...
