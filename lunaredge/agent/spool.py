"""The node's durable queue toward the scheduler and the archive, around the wire's senders.

Owns what is written when. Alarms, events and task state go to the scheduler in order, and are on
disk before they are published. Telemetry goes to the archive, the newest first, from memory, and
is written only when it stays unacknowledged, so that flash lives; under pressure the oldest
telemetry makes room and a marker with its summary stands for it. The other classes are never
dropped, and what they take of the bound telemetry goes without.
"""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import msgspec

from lunaredge.agent.announcer import Announcer
from lunaredge.agent.outlet import Outlet
from lunaredge.agent.shedding import marker_of
from lunaredge.agent.tasks import TaskRef
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId
from lunaredge.node import Row
from lunaredge.units import NS_PER_S
from lunaredge.wire.bulk import BULK_CLASSES, BulkSender
from lunaredge.wire.messages import Held, RecordAck, RecordClass
from lunaredge.wire.records import (
    Record,
    TaskOutcome,
    TaskReport,
    decode_record,
    encode_record,
)
from lunaredge.wire.seal import Sealer
from lunaredge.wire.session import Item, Limits, Sender
from lunaredge.wire.spool import TABLE, decode_item, encode_item, scope_of

ENDINGS = frozenset({TaskOutcome.DONE, TaskOutcome.FAILED, TaskOutcome.CANCELLED})
WRITE_AHEAD = frozenset({RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE})
# A frame less its header, signature and envelope; the largest honest record, a compute task's
# result, is held to less by `workloads`.
RECORD_BYTES_MAX = 250_000
# Telemetry that waits is written together: a commit costs a board's flash some 8 kB however small.
_WRITE_NS_MIN = 60 * NS_PER_S


class Spool:
    """Keeps records until their receiver has committed them."""

    def __init__(
        self,
        outlet: Outlet,
        boot: BootId,
        limits: Limits,
        spool_after_ns: int,
        announcer: Announcer,
    ) -> None:
        self.produced: dict[RecordClass, int] = {}
        self.bulk_sealer: Sealer | None = None
        """Seals telemetry for its reader; None to sign it as everything else."""
        self._outlet = outlet
        self._sender = Sender(boot, limits)
        self._bulk = BulkSender(boot, limits, partial(marker_of, channels_of=announcer.channels_of))
        self._spool_after_ns = spool_after_ns
        self._written_ns: int | None = None

    @property
    def count(self) -> int:
        """Uploads not yet acknowledged."""
        return self._sender.count + self._bulk.count

    @property
    def size_bytes(self) -> int:
        """Their size."""
        return self._sender.size_bytes + self._bulk.size_bytes

    @property
    def dropped(self) -> dict[RecordClass, int]:
        """Records dropped by policy, by class."""
        return self._bulk.dropped

    def held(self) -> tuple[Held, ...]:
        """Which telemetry is still here, for the archive to go by."""
        return self._bulk.held()

    def keep(self, record: Record, record_class: RecordClass, count: int, now_ns: int) -> None:
        """Take a record, written first where its class asks for that. `pump` sends it."""
        payload = encode_record(record)
        assert len(payload) <= RECORD_BYTES_MAX, f"record of {len(payload)} bytes"
        self.produced[record_class] = self.produced.get(record_class, 0) + count
        if record_class in WRITE_AHEAD:
            assert count >= 1
            self._write(self._sender.offer(record_class, payload, count, now_ns))
        else:
            assert count >= 0
            self._bulk.offer(record_class, payload, count, now_ns)
        self._shed()

    def pump(self, now_ns: int) -> None:
        """Send what is due, most urgent class first."""
        if not self._outlet.connected:
            return
        for upload in self._sender.due(now_ns):
            self._outlet.publish("up", upload, now_ns, upload.record_class.value)
        for upload in self._bulk.due(now_ns):
            detail = upload.record_class.value
            self._outlet.publish("up", upload, now_ns, detail, self.bulk_sealer)

    def write_late(self, now_ns: int) -> None:
        """Write what stayed unacknowledged for too long, a minute's worth at a time."""
        since_ns = None if self._written_ns is None else now_ns - self._written_ns
        if since_ns is not None and 0 <= since_ns < _WRITE_NS_MIN:
            return
        late = self._bulk.to_spool(now_ns - self._spool_after_ns)
        if late:
            self._written_ns = now_ns
        for item in late:
            self._write(item)

    def write_all(self, now_ns: int) -> None:
        """Write everything that is not on disk: the node is about to end."""
        for item in self._bulk.to_spool(now_ns):
            self._write(item)

    def acknowledge(self, ack: RecordAck) -> None:
        """Forget what its receiver has committed."""
        if ack.record_class in BULK_CLASSES:
            self._erase([item for item in self._bulk.acknowledge(ack) if item.spooled])
            return
        gone = self._sender.acknowledge(ack)
        if gone:
            self._outlet.erase(TABLE, scope_of(gone[-1]), gone[-1].seq)

    def resend_all(self) -> None:
        """Count everything as unsent."""
        self._sender.resend_all()
        self._bulk.resend_all()

    def restore(self, rows: list[Row]) -> "Restored":
        """Take back what earlier lives left. Rows that don't decode are skipped and counted."""
        items: list[Item] = []
        corrupt_count = 0
        for row in rows:
            item = _decoded(row)
            if item is None:
                corrupt_count += 1
                continue
            items.append(item)
        self._sender.restore(item for item in items if item.record_class not in BULK_CLASSES)
        self._bulk.restore(item for item in items if item.record_class in BULK_CLASSES)
        return Restored(corrupt_count=corrupt_count, ended=_ended_tasks(items))

    def _shed(self) -> None:
        for marker, victims in self._bulk.shed(self._sender.size_bytes):
            self._write(marker)
            if any(item.spooled for item in victims) and marker.first_seq < marker.seq:
                scope = scope_of(marker)
                self._outlet.erase_between(TABLE, scope, marker.first_seq, marker.seq - 1)

    def _erase(self, items: Sequence[Item]) -> None:
        """Delete the rows of uploads of one stream, rising, each run of them in one go."""
        if not items:
            return
        first = items[0]
        for item, following in pairwise([*items, None]):
            assert item is not None
            if following is None or following.first_seq > item.seq + 1:
                self._outlet.erase_between(TABLE, scope_of(item), first.first_seq, item.seq)
                first = following or item

    def _write(self, item: Item) -> None:
        item.spooled = True
        self._outlet.persist(TABLE, scope_of(item), item.seq, encode_item(item))


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a spool found on disk."""

    corrupt_count: int
    ended: frozenset[TaskRef]
    """Tasks, with their attempt, whose end is reported in there."""


def _decoded(row: Row) -> Item | None:
    try:
        item = decode_item(row.value)
    except JournalCorrupt:
        return None
    holds = (
        item.boot >= 0
        and row.scope == scope_of(item)
        and row.number == item.seq
        and 1 <= item.first_seq <= item.seq
        and (item.dropped or item.first_seq == item.seq)
        and item.count >= (0 if item.record_class in BULK_CLASSES else 1)
        and len(item.record) <= RECORD_BYTES_MAX
    )
    return item if holds else None


def _ended_tasks(items: list[Item]) -> frozenset[TaskRef]:
    reports = [_report(item) for item in items if item.record_class is RecordClass.STATE]
    return frozenset(
        TaskRef(report.task, report.attempt)
        for report in reports
        if report is not None and report.outcome in ENDINGS
    )


def _report(item: Item) -> TaskReport | None:
    try:
        record = decode_record(item.record)
    except RemoteProtocolError:
        return None
    return record if isinstance(record, TaskReport) else None
