"""What an Upload carries: alarms, events, task reports, terrain patches, telemetry, summaries.

Telemetry itself is in `telemetry`.
"""

import array
import enum
import math
from collections.abc import Sequence
from typing import Annotated

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import NodeId, TaskId
from lunaredge.wire.body import Count, Int64, RecordBody
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.packing import from_little_endian, little_endian
from lunaredge.wire.telemetry import Telemetry, check_shape

PATCH_POINTS_MAX = 4096
# Of dropped uploads that may have arrived, so many are told apart: 28 kB. More were spooled before
# a restart and dropped after it, without a word from the receiver in between.
PERHAPS_SENT_MAX = 4096


class TaskOutcome(enum.Enum):
    """What a node says of a task in hand."""

    ACCEPTED = "accepted"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class AlarmLevel(enum.Enum):
    """How soon a person must act on an alarm."""

    WARNING = "warning"
    """In this shift."""
    CRITICAL = "critical"
    """Now: a machine, or a person's safety, is at stake."""


# Without its defaults an alarm is as short as before it had a level, and of the same bytes.
class Alarm(RecordBody, frozen=True, kw_only=True, tag="alarm", omit_defaults=True):
    """Something that a person must hear of.

    Said again with ``active`` it has risen or fallen to another level, or is worded anew.
    """

    code: str
    text: str
    active: bool
    level: AlarmLevel = AlarmLevel.WARNING
    latching: bool = False
    """Stays until its condition is gone and a person has reset it."""


class Event(RecordBody, frozen=True, kw_only=True, tag="event"):
    """Something worth keeping."""

    code: str
    text: str


class TaskReport(RecordBody, frozen=True, kw_only=True, tag="task_report"):
    """A step in a task's life on its node. ``result`` is the output of a compute task."""

    task: TaskId
    attempt: Int64
    outcome: TaskOutcome
    reason: str = ""
    result: bytes = b""


class TerrainPatch(RecordBody, frozen=True, kw_only=True, tag="terrain_patch"):
    """Heights that a machine measured: float32 little-endian triples x, y, z in metres."""

    task: TaskId
    points: bytes


class Summary(RecordBody, frozen=True, kw_only=True, tag="summary"):
    """A stretch of telemetry in four numbers a channel, for links that can't carry it all.

    ``rows`` maps a channel's name to (minimum, maximum, last, count).
    """

    node: NodeId
    end_ns: Int64
    rows: dict[str, tuple[float, float, float, int]]


class Dropped(RecordBody, frozen=True, kw_only=True, tag="dropped"):
    """What is left of telemetry that a node dropped for want of room.

    Its upload says how many samples that were. Those that come up in the receiver's books with one
    of the numbers below arrived after all, and are not to be counted as dropped.
    """

    end_ns: Int64
    rows: dict[str, tuple[float, float, float, int]]
    """As in `Summary`."""
    perhaps_sent: Annotated[
        tuple[tuple[Count, Count], ...], msgspec.Meta(max_length=PERHAPS_SENT_MAX)
    ] = ()
    """Numbers that the receiver may have, and the count of samples that it has if it does.

    Each upload that may have been sent, by its own number; and all that were surely not, by the
    number of one of them: that is there if an earlier record of their being dropped is.
    """
    perhaps_more_count: Count = 0
    """Samples that may have arrived and for whose numbers there was no room above."""


class NodeRecord(RecordBody, frozen=True, kw_only=True, tag="node_record"):
    """A record of a node, passed on toward Earth by the scheduler."""

    node: NodeId
    record: "Alarm | Event | TaskReport"


class ApprovalWanted(RecordBody, frozen=True, kw_only=True, tag="approval_wanted"):
    """A task waits for Earth's word."""

    task: TaskId
    title: str


Record = (
    Alarm
    | Event
    | TaskReport
    | TerrainPatch
    | Telemetry
    | Summary
    | Dropped
    | NodeRecord
    | ApprovalWanted
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """Give a record's bytes."""
    return _encoder.encode(record)


def decode_record(payload: bytes, *, columns: bool = True) -> Record:
    """Take a record apart and check what a Struct alone can't.

    Without ``columns`` a batch's columns are left to a caller who has their table.

    Raises:
        RemoteProtocolError: reason ``garbage``, ``columns`` (a batch that lies about its length or
            holds too much), ``times`` or ``not_finite``. A batch's values are not looked at: what
            they are its table says.
    """
    try:
        record = _decoder.decode(payload)
    except MALFORMED as exc:
        raise RemoteProtocolError("garbage", str(exc)) from exc
    if columns and isinstance(record, Telemetry):
        check_shape(record)
    if isinstance(record, Summary | Dropped):
        _check_summary(record)
    if isinstance(record, TerrainPatch):
        unpack_points(record.points)
    return record


def pack_points(points: Sequence[tuple[float, float, float]]) -> bytes:
    """Pack measured points for a terrain patch."""
    assert len(points) <= PATCH_POINTS_MAX
    return little_endian(array.array("f", (value for point in points for value in point)))


def unpack_points(payload: bytes) -> list[tuple[float, float, float]]:
    """Give the points of a terrain patch.

    Raises:
        RemoteProtocolError: reason ``columns`` or ``not_finite``.
    """
    if len(payload) % 12 or len(payload) > 12 * PATCH_POINTS_MAX:
        raise RemoteProtocolError("columns", f"{len(payload)} bytes of points")
    values = from_little_endian("f", payload)
    if not all(map(math.isfinite, values)):
        raise RemoteProtocolError("not_finite", "terrain point")
    return [(values[i], values[i + 1], values[i + 2]) for i in range(0, len(values), 3)]


def _check_summary(summary: Summary | Dropped) -> None:
    if summary.end_ns < summary.site_ns:
        raise RemoteProtocolError("columns", "a summary that ends before it begins")
    for name, (low, high, last, count) in summary.rows.items():
        if not all(map(math.isfinite, (low, high, last))):
            raise RemoteProtocolError("not_finite", name)
        if not low <= last <= high or count < 1:
            raise RemoteProtocolError("columns", f"a summary of {name} that can't be")
