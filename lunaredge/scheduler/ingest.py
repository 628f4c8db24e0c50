"""Ingest: records in, once, in order, archived, and only then acknowledged.

The acknowledgement stands behind the archive row and the stream's new number in the same batch of
effects, so nothing is acknowledged that a power cut could take back. Decisions are not its
business: records that matter to the core are handed on.
"""

import msgspec

from lunaredge.ids import BootId, NodeId
from lunaredge.node import Archive, Effect, Erase, Persist, Row
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import RecordAck, RecordClass, Upload
from lunaredge.wire.session import judge

TABLE = "stream"

# So many lives of a node are told apart. The numbers of older ones are forgotten: what is sent of
# them again is taken again, and the archive keeps it once.
BOOTS_MAX = 64
# More than a node makes in a century; sums of such counts stay within what a store takes.
COUNT_MAX = 10**12


class Stream(msgspec.Struct, kw_only=True):
    """How far one (node, boot, class) is committed, and what happened on the way."""

    through_seq: int = 0
    archived: int = 0
    missing: int = 0
    duplicates: int = 0


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an upload: what to do before the acknowledgement, and the acknowledgement."""

    fresh: bool
    effects: tuple[Effect, ...]
    ack: RecordAck


class Ingest:
    """Keeps the numbers of every stream; one row each in the store."""

    def __init__(self) -> None:
        self.streams: dict[tuple[NodeId, BootId, RecordClass], Stream] = {}

    def restore(self, row: Row) -> None:
        """Take back a stream's numbers; one that can't be read begins anew.

        What its sender then sends again is in the archive already, and is kept once.
        """
        try:
            node, boot, record_class = row.scope.split("/")
            key = (NodeId(node), BootId(int(boot)), RecordClass(record_class))
            self.streams[key] = msgspec.msgpack.decode(row.value, type=Stream)
        except (*MALFORMED, ValueError):
            return

    def take(self, node: NodeId, upload: Upload, now_ns: int) -> Taken:
        """Judge an upload and say what follows."""
        key = (node, upload.boot, upload.record_class)
        forgotten = () if key in self.streams else self._make_room(node, upload.boot)
        stream = self.streams.setdefault(key, Stream())
        verdict = judge(stream.through_seq, upload)
        ack = RecordAck(
            record_class=upload.record_class, boot=upload.boot, through_seq=verdict.through_seq
        )
        if not verdict.accepted:
            stream.duplicates += upload.count if verdict.duplicate else 0
            return Taken(fresh=False, effects=forgotten, ack=ack)
        stream.through_seq = verdict.through_seq
        stream.missing += verdict.missing
        stream.archived += upload.count
        archive = Archive(
            node=node,
            boot=upload.boot,
            record_class=upload.record_class,
            first_seq=upload.first_seq,
            seq=upload.seq,
            count=upload.count,
            dropped=False,
            received_ns=now_ns,
            record=upload.record,
        )
        numbers = Persist(TABLE, _scope(key), 0, msgspec.msgpack.encode(stream))
        effects = (*forgotten, archive, numbers)
        return Taken(fresh=True, effects=effects, ack=ack)

    def _make_room(self, node: NodeId, boot: BootId) -> tuple[Effect, ...]:
        """Forget the numbers of a node's oldest other life, if this one would be one too many."""
        boots = {known for name, known, _ in self.streams if name == node}
        if boot in boots or len(boots) < BOOTS_MAX:
            return ()
        oldest = min(boots)
        keys = [key for key in self.streams if key[:2] == (node, oldest)]
        for key in keys:
            del self.streams[key]
        return tuple(Erase(TABLE, _scope(key), 0) for key in keys)

    def totals(self) -> dict[str, dict[str, int]]:
        """Sum the streams by class."""
        sums: dict[str, dict[str, int]] = {}
        for (_, _, record_class), stream in self.streams.items():
            row = sums.setdefault(record_class.value, dict.fromkeys(_COUNTS, 0))
            for name in _COUNTS:
                row[name] += getattr(stream, name)
        return sums


def _scope(key: tuple[NodeId, BootId, RecordClass]) -> str:
    node, boot, record_class = key
    return f"{node}/{boot}/{record_class.value}"


_COUNTS = ("archived", "missing", "duplicates")
