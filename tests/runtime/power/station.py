"""The scheduler's side of the rounds: what it has committed, by the scheduler's own ingest.

It never loses power. It is made anew from the uploads that reached it before a cut, so that each
image is judged by what was acknowledged then.
"""

from collections.abc import Iterable

from lunaredge.ids import BootId
from lunaredge.node import Archive
from lunaredge.scheduler.ingest import Ingest
from lunaredge.wire.messages import RecordAck, RecordClass, Upload
from tests.agent.rig import NODE

Key = tuple[BootId, RecordClass, int]
WRITTEN_AHEAD = (RecordClass.ALARM, RecordClass.EVENT, RecordClass.STATE)


class Station:
    """Takes uploads, archives them once, acknowledges."""

    def __init__(self, arrived: Iterable[Upload] = ()) -> None:
        self.arrived: list[Upload] = []
        self.archive: dict[Key, Archive] = {}
        self._ingest = Ingest()
        for upload in arrived:
            self.take(upload)

    def take(self, upload: Upload) -> RecordAck:
        """Archive an upload unless it is there; the same number is never two different records."""
        self.arrived.append(upload)
        taken = self._ingest.take(NODE, upload, 0)
        for kept in [effect for effect in taken.effects if isinstance(effect, Archive)]:
            key = (kept.boot, kept.record_class, kept.seq)
            assert key not in self.archive, f"{key} was taken twice"
            self.archive[key] = kept
        return taken.ack

    def holds(self, boot: BootId, record_class: RecordClass, seq: int) -> bytes | None:
        """Give the record of a number; None where it didn't come."""
        kept = self.archive.get((boot, record_class, seq))
        return None if kept is None else kept.record

    def covers(self, boot: BootId, record_class: RecordClass, seq: int) -> bool:
        """Tell whether a number is accounted for, be it as dropped."""
        stream = self._ingest.streams.get((NODE, boot, record_class))
        return stream is not None and stream.through_seq >= seq

    def gaps(self) -> int:
        """Give how many records were missing or dropped of classes in which none may be."""
        return sum(
            stream.missing + stream.dropped
            for (_, _, record_class), stream in self._ingest.streams.items()
            if record_class in WRITTEN_AHEAD
        )
