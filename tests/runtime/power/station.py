"""The site's side of the rounds: what it has committed.

Alarms, events and task state are taken by the scheduler's own ingest; samples in any order, by the
rule of the bulk session. It never loses power. It is made anew from the uploads that reached it
before a cut, so that each image is judged by what was acknowledged then.
"""

from collections.abc import Iterable

from lunaredge.ids import BootId
from lunaredge.node import Archive
from lunaredge.scheduler.ingest import Ingest
from lunaredge.wire.bulk import BULK_CLASSES
from lunaredge.wire.messages import ACK_RANGES_MAX, RecordAck, RecordClass, Upload
from lunaredge.wire.ranges import Ranges
from tests.agent.rig import NODE

Key = tuple[BootId, RecordClass, int]
WRITTEN_AHEAD = (RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE)


class Station:
    """Takes uploads, archives them once, acknowledges."""

    def __init__(self, arrived: Iterable[Upload] = ()) -> None:
        self.arrived: list[Upload] = []
        self.archive: dict[Key, Archive] = {}
        self._ingest = Ingest()
        self._bulk: dict[tuple[BootId, RecordClass], Ranges] = {}
        for upload in arrived:
            self.take(upload)

    def take(self, upload: Upload) -> RecordAck:
        """Archive an upload unless it is there; the same number is never two different records."""
        self.arrived.append(upload)
        if upload.record_class in BULK_CLASSES:
            return self._take_bulk(upload)
        taken = self._ingest.take(NODE, upload, 0)
        for kept in [effect for effect in taken.effects if isinstance(effect, Archive)]:
            key = (kept.boot, kept.record_class, kept.seq)
            assert key not in self.archive, f"{key} was taken twice"
            self.archive[key] = kept
        return taken.ack

    def _take_bulk(self, upload: Upload) -> RecordAck:
        stream = (upload.boot, upload.record_class)
        kept = self._bulk.setdefault(stream, Ranges())
        if not kept.covers(upload.first_seq, upload.seq) and not upload.dropped:
            self.archive[(*stream, upload.seq)] = Archive(
                node=NODE,
                boot=upload.boot,
                record_class=upload.record_class,
                first_seq=upload.first_seq,
                seq=upload.seq,
                count=upload.count,
                dropped=False,
                received_ns=0,
                record=upload.record,
            )
        kept.add(upload.first_seq, upload.seq)
        return RecordAck(
            record_class=upload.record_class,
            boot=upload.boot,
            through_seq=kept.through,
            ranges=tuple(each for each in kept if each[0] > 1)[-ACK_RANGES_MAX:],
            window=8,
        )

    def holds(self, boot: BootId, record_class: RecordClass, seq: int) -> bytes | None:
        """Give the record of a number; None where it didn't come."""
        kept = self.archive.get((boot, record_class, seq))
        return None if kept is None else kept.record

    def covers(self, boot: BootId, record_class: RecordClass, seq: int) -> bool:
        """Tell whether a number is accounted for, be it as dropped."""
        if record_class in BULK_CLASSES:
            kept = self._bulk.get((boot, record_class))
            return kept is not None and kept.covers(seq, seq)
        stream = self._ingest.streams.get((NODE, boot, record_class))
        return stream is not None and stream.through_seq >= seq

    def gaps(self) -> int:
        """Give how many records were missing of classes in which none may be."""
        return sum(
            stream.missing
            for (_, _, record_class), stream in self._ingest.streams.items()
            if record_class in WRITTEN_AHEAD
        )
