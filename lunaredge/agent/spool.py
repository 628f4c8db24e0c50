"""The node's durable queue toward the scheduler, around the wire's `Sender`.

Owns what is written when. Alarms, events and task state are on disk before they are published.
Telemetry goes out from memory and is written only when it stays unacknowledged, so that flash
lives; under pressure the oldest telemetry makes room and a marker stands for it.
"""

import msgspec

from lunaredge.agent.outlet import Outlet
from lunaredge.agent.tasks import TaskRef
from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId
from lunaredge.node import Row
from lunaredge.wire.messages import RecordAck, RecordClass
from lunaredge.wire.records import (
    Record,
    TaskOutcome,
    TaskReport,
    decode_record,
    encode_record,
)
from lunaredge.wire.session import Item, Limits, Sender
from lunaredge.wire.spool import TABLE, decode_item, encode_item, scope_of

ENDINGS = frozenset({TaskOutcome.DONE, TaskOutcome.FAILED, TaskOutcome.CANCELLED})
WRITE_AHEAD = frozenset({RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE})
# A frame less its header, signature and envelope; the largest honest record, a compute task's
# result, is held to less by `workloads`.
RECORD_BYTES_MAX = 250_000


class Spool:
    """Keeps records until the scheduler has committed them."""

    def __init__(self, outlet: Outlet, boot: BootId, limits: Limits, spool_after_ns: int) -> None:
        self.produced: dict[RecordClass, int] = {}
        self._outlet = outlet
        self._sender = Sender(boot, limits)
        self._spool_after_ns = spool_after_ns

    @property
    def count(self) -> int:
        """Uploads not yet acknowledged."""
        return self._sender.count

    @property
    def size_bytes(self) -> int:
        """Their size."""
        return self._sender.size_bytes

    @property
    def dropped(self) -> dict[RecordClass, int]:
        """Records dropped by policy, by class."""
        return self._sender.dropped

    def keep(self, record: Record, record_class: RecordClass, count: int, now_ns: int) -> None:
        """Take a record, written first where its class asks for that. `pump` sends it."""
        assert count >= 1
        payload = encode_record(record)
        assert len(payload) <= RECORD_BYTES_MAX, f"record of {len(payload)} bytes"
        item = self._sender.offer(record_class, payload, count, now_ns)
        self.produced[record_class] = self.produced.get(record_class, 0) + count
        if record_class in WRITE_AHEAD:
            self._write(item)
        else:
            self._shed()

    def pump(self, now_ns: int) -> None:
        """Send what is due, most urgent class first."""
        if not self._outlet.connected:
            return
        for upload in self._sender.due(now_ns):
            detail = upload.record_class.value
            self._outlet.publish("up", upload, now_ns, detail)

    def write_late(self, now_ns: int) -> None:
        """Write what stayed unacknowledged for too long."""
        for item in self._sender.to_spool(now_ns - self._spool_after_ns):
            self._write(item)

    def write_all(self, now_ns: int) -> None:
        """Write everything that is not on disk: the node is about to end."""
        for item in self._sender.to_spool(now_ns):
            self._write(item)

    def acknowledge(self, ack: RecordAck) -> None:
        """Forget what the scheduler has committed."""
        gone = self._sender.acknowledge(ack)
        spooled = [item for item in gone if item.spooled]
        if spooled:
            self._outlet.erase(TABLE, scope_of(spooled[-1]), spooled[-1].seq)

    def resend_all(self) -> None:
        """Count everything as unsent."""
        self._sender.resend_all()

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
        self._sender.restore(items)
        return Restored(corrupt_count=corrupt_count, ended=_ended_tasks(items))

    def _shed(self) -> None:
        for marker in self._sender.shed():
            marker.spooled = True
            self._write(marker)
            self._outlet.erase(TABLE, scope_of(marker), marker.seq - 1)

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
        and item.count >= 1
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
