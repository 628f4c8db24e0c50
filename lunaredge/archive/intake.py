"""The intake: uploads in, each number once, as entries for the archive.

Decides for each upload what it is: samples, a marker of what was dropped, something that can't be
believed and is kept apart with its reason; or a repetition. Nothing is refused that its sender
could only send again for ever: what is not sound is entered as quarantined, so that the books
balance and the stream goes on. It knows no clock, no disk and no MQTT.
"""

from typing import NamedTuple

import msgspec

from lunaredge.archive.batches import Folded
from lunaredge.archive.clocks import Clocks
from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.latest import Latest
from lunaredge.archive.streams import (
    RANGES_MAX,
    Key,
    Stream,
    Streams,
    floor_of,
    heard,
    restore_kept,
    tally,
)
from lunaredge.archive.tables import Tables
from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Keep, KeepKind, Row
from lunaredge.wire.messages import HELD_MAX, StreamBirth, Upload
from lunaredge.wire.records import Dropped, decode_record
from lunaredge.wire.telemetry import Channel, Telemetry

# What one upload can hold: a batch's rows. A marker stands for a spool of them.
COUNT_MAX = 10**12
_DAY_NS = 86_400_000_000_000


class Taken(NamedTuple):
    """What came of an upload."""

    keeps: list[Keep]
    live: Folded | None
    """What a live batch came to; None for all else."""
    channels: tuple[Channel, ...]
    folded: Folded | None
    """What a batch came to, live or late."""


NOTHING = Taken([], None, (), None)


class NotYet(RemoteProtocolError):
    """The upload can't be judged now; its sender will send it again."""


class Intake:
    """Judges uploads."""

    def __init__(
        self, config: ArchiveConfig, tables: Tables, latest: Latest, clocks: Clocks
    ) -> None:
        self.streams = Streams()
        self.quarantined: dict[NodeId, dict[str, int]] = {}
        """Uploads that are quarantined, by node and reason; values that are none, by this life."""
        self._config = config
        self._clocks = clocks
        self._tables = tables
        self._latest = latest
        self._quarantine_bytes: dict[NodeId, tuple[int, int]] = {}
        """Day, and bytes kept in it of what could not be believed."""

    def restore(self, row: Row) -> bool:
        """Take back what the archive holds of a stream; tell whether the row could be read."""
        held = restore_kept(self.streams, row)
        if held is not None and held.kind is KeepKind.QUARANTINED:
            self._count_quarantined(held.node, held.reason, held.numbers)
        return held is not None

    def take(self, node: NodeId, upload: Upload, now_ns: int, *, is_asked: bool) -> Taken:
        """Judge an upload; ``is_asked``: its node was asked for its table, and has answered.

        Raises:
            NotYet: reason ``no_table``, ``scattered``, ``outlived`` or ``clock_doubtful``; nothing
                has changed.
        """
        key = Key(node, upload.boot, upload.record_class)
        stream = self.streams.of(key)
        if stream is None:
            raise NotYet("outlived", f"boot {upload.boot}")
        if stream.kept.covers(upload.first_seq, upload.seq):
            heard(stream, upload)
            stream.counts.duplicates += upload.count
            return NOTHING
        scattered = stream.kept.would_split(upload.first_seq, upload.seq)
        if scattered and len(stream.kept) >= RANGES_MAX:
            raise NotYet("scattered", f"{len(stream.kept)} ranges")
        try:
            taken = self._judged(key, stream, upload, now_ns, is_asked=is_asked)
        except NotYet:
            raise
        except RemoteProtocolError as exc:
            taken = self._quarantine(key, stream, upload, exc.reason, now_ns)
        heard(stream, upload)
        stream.kept.add(upload.first_seq, upload.seq)
        keeps = [*taken.keeps, *self._close(key, stream, floor_of(upload) - 1, now_ns)]
        for keep in taken.keeps:
            tally(stream, keep.kind, keep.last_seq - keep.first_seq + 1, keep.count)
            stream.counts.late += keep.count if keep.late and keep.record else 0
        return taken._replace(keeps=keeps)

    def close(self, node: NodeId, boot: BootId, birth: StreamBirth, now_ns: int) -> list[Keep]:
        """Close what older lives of a node will never send, by what its newest life still holds."""
        if boot < self.streams.newest_boot(node):
            return []
        if len(birth.held) >= HELD_MAX:
            # There may be more for which there was no room.
            return []
        held = {
            (each.boot, each.record_class): min(each.floor_seq, each.last_seq + 1)
            for each in birth.held
        }
        keeps: list[Keep] = []
        for key, stream in self.streams.of_node(node):
            if key.boot < boot:
                floor_seq = held.get((key.boot, key.record_class), stream.kept.last + 1)
                keeps += self._close(key, stream, floor_seq - 1, now_ns)
        return keeps

    def _close(self, key: Key, stream: Stream, through_seq: int, now_ns: int) -> list[Keep]:
        """Enter as missing what is not here and will not come."""
        stream.floor_seq = max(stream.floor_seq, through_seq + 1)
        if stream.kept.through >= through_seq:
            return []
        holes = stream.kept.holes(1, through_seq)
        keeps = [
            Keep(
                kind=KeepKind.MISSING,
                node=key.node,
                boot=key.boot,
                record_class=key.record_class,
                first_seq=first,
                last_seq=last,
                count=0,
                received_ns=now_ns,
                start_ns=0,
                end_ns=0,
                reason="its sender holds it no more",
            )
            for first, last in holes
        ]
        for first, last in holes:
            stream.kept.add(first, last)
            tally(stream, KeepKind.MISSING, last - first + 1, 0)
        return keeps

    def _judged(
        self, key: Key, stream: Stream, upload: Upload, now_ns: int, *, is_asked: bool
    ) -> Taken:
        """Judge what is new.

        Raises:
            RemoteProtocolError: why it can't be believed, or `NotYet`.
        """
        if upload.count > COUNT_MAX:
            raise RemoteProtocolError("count", f"{upload.count} samples in one upload")
        if upload.dropped and not upload.record:
            # Its sender had no room for more than the count.
            return Taken(_dropped(key, stream, upload, upload.count, now_ns), None, (), None)
        record = decode_record(upload.record, columns=False)
        if upload.dropped:
            return self._marker(key, stream, upload, record, now_ns)
        if not isinstance(record, Telemetry):
            raise RemoteProtocolError("unexpected", type(record).__name__)
        if upload.first_seq != upload.seq:
            raise RemoteProtocolError("numbers", f"{upload.first_seq} to {upload.seq} of samples")
        layout = self._tables.layout(key.node, record.table)
        if layout is None:
            if is_asked:
                raise RemoteProtocolError("no_table", f"table {record.table}")
            raise NotYet("no_table", f"table {record.table}")
        if self._tables.is_at_odds(key.node, key.boot, record.table):
            raise RemoteProtocolError("type_changed", f"table {record.table}")
        folded = layout.fold(record)
        if folded.row_count != upload.count:
            raise RemoteProtocolError("count", f"{upload.count} samples told of {folded.row_count}")
        self._check_time(record.site_ns, record.end_ns, now_ns)
        is_late = self._is_late(key, record.end_ns, now_ns)
        if folded.broken_count:
            self._count_quarantined(key.node, "not_finite", folded.broken_count)
        keep = Keep(
            kind=KeepKind.SAMPLES,
            node=key.node,
            boot=key.boot,
            record_class=key.record_class,
            first_seq=upload.first_seq,
            last_seq=upload.seq,
            count=upload.count,
            received_ns=now_ns,
            start_ns=record.site_ns,
            end_ns=record.end_ns,
            late=is_late,
            channels=layout.channels,
            record=upload.record,
        )
        return Taken([keep], None if is_late else folded, layout.channels, folded)

    def _marker(
        self, key: Key, stream: Stream, upload: Upload, record: object, now_ns: int
    ) -> Taken:
        if not isinstance(record, Dropped):
            raise RemoteProtocolError("unexpected", type(record).__name__)
        self._check_time(record.site_ns, record.end_ns, now_ns)
        arrived = sum(
            count for seq, count in record.perhaps_sent if seq >= 1 and stream.kept.covers(seq, seq)
        )
        count = max(0, upload.count - arrived)
        span_ns = (record.site_ns, record.end_ns)
        return Taken(_dropped(key, stream, upload, count, now_ns, span_ns), None, (), None)

    def _quarantine(
        self, key: Key, stream: Stream, upload: Upload, reason: str, now_ns: int
    ) -> Taken:
        self._count_quarantined(key.node, reason, 1)
        day = now_ns // _DAY_NS
        known_day, used_bytes = self._quarantine_bytes.get(key.node, (day, 0))
        used_bytes = len(upload.record) + (used_bytes if known_day == day else 0)
        has_room = used_bytes <= self._config.quarantine_bytes_max
        if has_room:
            self._quarantine_bytes[key.node] = (day, used_bytes)
        keeps = [
            msgspec.structs.replace(
                _keep(KeepKind.QUARANTINED, key, upload, now_ns),
                first_seq=first,
                last_seq=last,
                count=min(upload.count, COUNT_MAX) if k == 0 else 0,
                reason=reason,
                record=upload.record if has_room and k == 0 else b"",
            )
            for k, (first, last) in enumerate(stream.kept.holes(upload.first_seq, upload.seq))
        ]
        return Taken(keeps, None, (), None)

    def _count_quarantined(self, node: NodeId, reason: str, count: int) -> None:
        reasons = self.quarantined.setdefault(node, {})
        reasons[reason] = reasons.get(reason, 0) + count

    def _check_time(self, start_ns: int, end_ns: int, now_ns: int) -> None:
        if end_ns < start_ns:
            raise RemoteProtocolError("times", "it ends before it begins")
        if end_ns > now_ns + self._config.ahead_ns_max:
            if self._clocks.is_doubtful(now_ns):
                # It is ours that is wrong: what is acknowledged now is nowhere else later.
                raise NotYet("clock_doubtful", f"site time {end_ns}")
            raise RemoteProtocolError("clock_ahead", f"site time {end_ns}")
        if start_ns < now_ns - self._config.behind_ns_max:
            raise RemoteProtocolError("clock_behind", f"site time {start_ns}")

    def _is_late(self, key: Key, end_ns: int, now_ns: int) -> bool:
        known_ns = self._latest.through_ns(key.node)
        return end_ns < known_ns or now_ns - end_ns > self._config.late_after_ns


def _keep(kind: KeepKind, key: Key, upload: Upload, now_ns: int) -> Keep:
    return Keep(
        kind=kind,
        node=key.node,
        boot=key.boot,
        record_class=key.record_class,
        first_seq=upload.first_seq,
        last_seq=upload.seq,
        count=upload.count,
        received_ns=now_ns,
        start_ns=0,
        end_ns=0,
    )


def _dropped(
    key: Key,
    stream: Stream,
    upload: Upload,
    count: int,
    now_ns: int,
    span_ns: tuple[int, int] = (0, 0),
) -> list[Keep]:
    """Give what stands for dropped uploads: an entry for each stretch that is not here."""
    return [
        msgspec.structs.replace(
            _keep(KeepKind.DROPPED, key, upload, now_ns),
            first_seq=first,
            last_seq=last,
            count=count if k == 0 else 0,
            start_ns=span_ns[0],
            end_ns=span_ns[1],
            late=True,
            record=upload.record if k == 0 else b"",
        )
        for k, (first, last) in enumerate(stream.kept.holes(upload.first_seq, upload.seq))
    ]
