"""Streams: which numbers of each (node, boot, class) are kept, and what is answered.

The archive itself says what it holds when it is opened; nothing is written down twice. A hole is
asked for by every acknowledgement, for that lists what lies beyond it; and it is closed as missing
only when its sender says that it holds nothing there any more.
"""

from collections.abc import Iterator
from typing import NamedTuple, assert_never

import msgspec

from lunaredge.ids import BootId, NodeId
from lunaredge.node import KeepKind, Row
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import ACK_RANGES_MAX, RecordAck, RecordClass, Upload
from lunaredge.wire.ranges import Range, Ranges

# So many lives of a node are told apart. A finished one makes room for another: should it be sent
# again, settling finds that it is kept already. Where none is finished, lives older than these are
# refused until one is.
BOOTS_MAX = 64
# Ranges of one stream. A sender has 32 uploads under way, so an honest stream has some 33.
RANGES_MAX = 256
# What of a sender's last uploads shows that it has a backlog.
BACKLOG_COUNT = 4


_decoder = msgspec.msgpack.Decoder(tuple[int, int, str, int, str])


class Counts(msgspec.Struct, kw_only=True):
    """What became of a stream's samples."""

    archived: int = 0
    dropped: int = 0
    missing: int = 0
    """Uploads, for nobody knows what was in them."""
    quarantined: int = 0
    duplicates: int = 0
    late: int = 0


class Stream:
    """One stream."""

    def __init__(self) -> None:
        self.kept = Ranges()
        self.counts = Counts()
        self.floor_seq = 1
        """Lowest number that its sender still held, as last heard."""
        self.newest_seq = 0
        """Highest number that its sender has made, as far as is known."""
        self.is_answered = True
        """Nothing was heard since its sender was last answered."""

    @property
    def is_finished(self) -> bool:
        """Whether its sender holds nothing that is not here, and was told so."""
        return self.is_answered and not self.holes()

    @property
    def backlog(self) -> int:
        """Uploads that the sender holds beyond what is kept, as far as is known."""
        return sum(last - first + 1 for first, last in self.holes())

    def holes(self) -> list[Range]:
        """Give the numbers that the sender still holds and that are not here."""
        if self.newest_seq < self.floor_seq:
            return []
        return self.kept.holes(self.floor_seq, self.newest_seq)


class Key(NamedTuple):
    """A stream's name."""

    node: NodeId
    boot: BootId
    record_class: RecordClass


class Streams:
    """All streams."""

    def __init__(self) -> None:
        self._streams: dict[Key, Stream] = {}
        self._boots: dict[NodeId, set[BootId]] = {}

    def __iter__(self) -> Iterator[tuple[Key, Stream]]:
        """Give every stream."""
        return iter(self._streams.items())

    def of(self, key: Key) -> Stream | None:
        """Give a stream, begun if need be; None for an old life for which there is no room yet."""
        stream = self._streams.get(key)
        if stream is not None:
            return stream
        boots = self._boots.setdefault(key.node, set())
        if key.boot not in boots and len(boots) >= BOOTS_MAX:
            spare = self._spare(key.node)
            if spare is None and key.boot < min(boots):
                return None
            self._forget(key.node, spare or min(boots))
        boots.add(key.boot)
        stream = self._streams[key] = Stream()
        return stream

    def known(self, key: Key) -> Stream | None:
        """Give a stream that is told apart now, or None."""
        return self._streams.get(key)

    def of_node(self, node: NodeId) -> list[tuple[Key, Stream]]:
        """Give a node's streams, the oldest life first."""
        boots = sorted(self._boots.get(node, ()))
        keys = [Key(node, boot, each) for boot in boots for each in RecordClass]
        return [(key, self._streams[key]) for key in keys if key in self._streams]

    def newest_boot(self, node: NodeId) -> BootId:
        """Give the newest life that a node's streams tell of; 0 for none."""
        return max(self._boots.get(node, ()), default=BootId(0))

    def _spare(self, node: NodeId) -> BootId | None:
        """Give the oldest life that is finished; the newest never is."""
        boots = sorted(self._boots[node])[:-1]
        return next((boot for boot in boots if self._is_finished(node, boot)), None)

    def _is_finished(self, node: NodeId, boot: BootId) -> bool:
        keys = [Key(node, boot, each) for each in RecordClass]
        return all(self._streams[key].is_finished for key in keys if key in self._streams)

    def _forget(self, node: NodeId, boot: BootId) -> None:
        self._boots[node].discard(boot)
        for record_class in RecordClass:
            self._streams.pop(Key(node, boot, record_class), None)


def heard(stream: Stream, upload: Upload) -> None:
    """Learn what an upload tells of its sender's stock; an answer is due from then on."""
    stream.is_answered = False
    stream.floor_seq = max(stream.floor_seq, floor_of(upload))
    stream.newest_seq = max(stream.newest_seq, upload.seq)


def floor_of(upload: Upload) -> int:
    """Give the lowest number that the sender of an upload still holds: it holds the upload itself.

    A floor above that is a mistake of the sender's. Believed, it would make what comes next look as
    if it had been here before.
    """
    return min(upload.floor_seq, upload.first_seq)


def is_backlogged(stream: Stream) -> bool:
    """Tell whether the sender has more to send than the newest."""
    return stream.newest_seq - max(stream.floor_seq, stream.kept.through) > BACKLOG_COUNT


def ack_of(key: Key, stream: Stream, window: int) -> RecordAck:
    """Give the acknowledgement of all that is kept; of very many ranges the newest."""
    beyond = [each for each in stream.kept if each[0] > stream.kept.through + 1]
    return RecordAck(
        record_class=key.record_class,
        boot=key.boot,
        through_seq=stream.kept.through,
        ranges=tuple(beyond[-ACK_RANGES_MAX:]),
        window=window,
    )


class Restored(NamedTuple):
    """What a row told that the archive holds."""

    node: NodeId
    kind: KeepKind
    numbers: int
    reason: str


def restore_kept(streams: Streams, row: Row) -> Restored | None:
    """Take back what the archive holds of a stream; None where the row can't be read."""
    try:
        node, boot, record_class = row.scope.split("/")
        first, last, kind, count, reason = _decoder.decode(row.value)
        key = Key(NodeId(node), BootId(int(boot)), RecordClass(record_class))
        found = KeepKind(kind)
    except (*MALFORMED, ValueError):
        return None
    stream = streams.of(key)
    if stream is None or not 1 <= first <= last:
        return None
    stream.kept.add(first, last)
    stream.newest_seq = max(stream.newest_seq, last)
    tally(stream, found, last - first + 1, count)
    return Restored(key.node, found, last - first + 1, reason)


def tally(stream: Stream, kind: KeepKind, numbers: int, count: int) -> None:
    """Count what was kept: so many numbers, and so many samples in them."""
    counts = stream.counts
    match kind:
        case KeepKind.SAMPLES:
            counts.archived += count
        case KeepKind.DROPPED:
            counts.dropped += count
        case KeepKind.QUARANTINED:
            counts.quarantined += count
        case KeepKind.MISSING:
            counts.missing += numbers
        case _:
            assert_never(kind)
