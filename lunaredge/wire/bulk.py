"""The bulk session: telemetry and its summaries, newest first, committed in any order.

The other classes go strictly in order (`session`), because each decides on what came before. A
row of telemetry means the same whenever it arrives. So after an outage the newest goes first, the
history follows as fast as the receiver lets it (its acknowledgements say how many uploads may be
under way), and an upload that was lost holds up no other. Neither end reads a clock or a disk.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

import msgspec

from lunaredge.ids import BootId
from lunaredge.wire.messages import HELD_MAX, Held, RecordAck, RecordClass, Upload
from lunaredge.wire.session import Item, Limits, Numbers, upload_of

BULK_CLASSES = (RecordClass.SUMMARY, RecordClass.RAW)
# Until a receiver has said more: a fleet that comes back at once sends so few each.
WINDOW_COUNT_FIRST = 2
# At a second of round trip and a kilobyte an upload, 32 kB/s: ten times what a machine produces.
WINDOW_COUNT_MAX = 32
# An upload that a later one has passed is lost, or was refused: it is sent again so much sooner.
PASSED_SHARE = 8
# What is dropped in one go: one marker with its summary then stands for so much of the bound.
SHED_SHARE = 16
# But no more uploads: summing up takes 0.1 ms each, and a board has a machine to see to meanwhile.
SHED_COUNT_MAX = 64
# Markers over this share of the bound are merged, each with its neighbour.
MARKER_SHARE = 8

Stream = tuple[BootId, RecordClass]


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for uploads that are dropped."""

    record: bytes
    count: int
    """Samples inside of them."""


Summarize = Callable[[Sequence[Item]], Marker]


class _Held(msgspec.Struct, kw_only=True):
    """What is kept of one stream."""

    items: dict[int, Item] = {}
    """By last number, rising."""
    unsent: list[int] = []
    """Rising; the last is sent first."""
    flying: dict[int, None] = {}
    """Sent and not answered, in the order of sending."""
    passed: set[int] = set()
    """Of these, what is asked for: something sent after it has been answered."""


class BulkSender:
    """Keeps bulk uploads until they are acknowledged."""

    def __init__(self, boot: BootId, limits: Limits, summarize: Summarize) -> None:
        """Take who makes the marker that stands for items which are dropped."""
        self.boot = boot
        self.limits = limits
        self.dropped: dict[RecordClass, int] = {}
        self.window_count = WINDOW_COUNT_FIRST
        self._summarize = summarize
        self._streams: dict[Stream, _Held] = {}
        self._numbers = Numbers(boot)
        self._size_bytes = 0

    @property
    def count(self) -> int:
        """Uploads not yet acknowledged."""
        return sum(len(held.items) for held in self._streams.values())

    @property
    def size_bytes(self) -> int:
        """Record bytes not yet acknowledged."""
        return self._size_bytes

    def held(self) -> tuple[Held, ...]:
        """Give which numbers of which streams are still here, for the receiver to go by."""
        return tuple(
            Held(
                boot=stream[0],
                record_class=stream[1],
                floor_seq=_floor_seq(held),
                last_seq=next(reversed(held.items)),
            )
            for stream, held in sorted(self._streams.items(), key=_urgency)[:HELD_MAX]
        )

    def offer(self, record_class: RecordClass, record: bytes, count: int, now_ns: int) -> Item:
        """Take a record and number it."""
        assert record_class in BULK_CLASSES, record_class
        item = self._numbers.next_item(record_class, record, count, now_ns)
        self._append(item)
        return item

    def restore(self, items: Iterable[Item]) -> None:
        """Take back what earlier lives left in the spool, in order of (boot, class, seq)."""
        for item in items:
            item.spooled = True
            # It may have been sent, and even be committed: nobody knows.
            item.sent_ns = 0
            if item.dropped:
                self._supersede(item)
            self._append(item)
            self._numbers.go_on_behind(item)

    def due(self, now_ns: int) -> list[Upload]:
        """Give the uploads to send now, and remember that they were sent.

        Summaries before samples, the newest life first, the newest number first.
        """
        uploads: list[Upload] = []
        room = self.window_count - sum(len(held.flying) for held in self._streams.values())
        for _, held in sorted(self._streams.items(), key=_urgency):
            late = [
                seq
                for seq in held.flying
                if now_ns - (held.items[seq].sent_ns or 0) >= self._patience_ns(held, seq)
            ]
            for seq in late:
                del held.flying[seq]
                uploads.append(_sent(held, seq, now_ns))
            while room > 0 and held.unsent:
                uploads.append(_sent(held, held.unsent.pop(), now_ns))
                room -= 1
        return uploads

    def resend_all(self) -> None:
        """Count everything as unsent: the connection was lost. The receiver may have restarted."""
        self.window_count = WINDOW_COUNT_FIRST
        for held in self._streams.values():
            held.flying.clear()
            held.passed.clear()
            held.unsent = list(held.items)

    def acknowledge(self, ack: RecordAck) -> list[Item]:
        """Forget what the receiver has committed; give what was forgotten."""
        if ack.window > 0:
            self.window_count = min(ack.window, WINDOW_COUNT_MAX)
        stream = (ack.boot, ack.record_class)
        held = self._streams.get(stream)
        if held is None:
            return []
        gone: list[int] = []
        for first, last in ((0, ack.through_seq), *ack.ranges):
            found = [seq for seq in held.flying if first <= seq <= last]
            found += held.unsent[bisect_left(held.unsent, first) : bisect_right(held.unsent, last)]
            # Of what a marker stands for, the receiver may have taken but the newest.
            gone += [seq for seq in found if held.items[seq].first_seq >= first]
        answered = set(gone)
        flying = list(held.flying)
        last_at = max((at for at, seq in enumerate(flying) if seq in answered), default=0)
        held.passed.update(flying[:last_at])
        return [self._forget(stream, seq) for seq in sorted(answered)]

    def to_spool(self, offered_before_ns: int) -> list[Item]:
        """Give the items offered before that time that are not on disk, and mark them spooled."""
        late: list[Item] = []
        for held in self._streams.values():
            is_late = False
            # The newest alone are not on disk yet. Whatever is older than a late one is late, for
            # a clock that went back stamped it.
            for item in reversed(held.items.values()):
                if item.spooled:
                    break
                is_late = is_late or item.offered_ns <= offered_before_ns
                if is_late:
                    item.spooled = True
                    late.append(item)
        return late[::-1]

    def shed(self, taken_bytes: int = 0) -> list[tuple[Item, list[Item]]]:
        """Drop the least valuable until the bound holds; give each marker, and what it stands for.

        Samples before summaries, the oldest first. Where markers themselves grow to be much, each
        two neighbours become one; and when there is nothing else, they lose their summaries.

        Args:
            taken_bytes: What others have taken of the bound.
        """
        bytes_max = self.limits.bytes_max - taken_bytes
        changed: list[tuple[Item, list[Item]]] = []
        streams = [
            stream
            for record_class in reversed(BULK_CLASSES)
            for stream in sorted(key for key in self._streams if key[1] is record_class)
        ]
        for stream in streams:
            while self._size_bytes > bytes_max and (victims := self._victims(stream)):
                changed.append(self._replace(stream, victims, self._summarize(victims)))
        for stream in streams:
            for item in list(self._streams[stream].items.values()):
                if item.record and self._size_bytes > bytes_max:
                    bare = Marker(record=b"", count=item.count)
                    changed.append(self._replace(stream, [item], bare))
        return changed

    def _victims(self, stream: Stream) -> list[Item]:
        """Give neighbours that one marker shall stand for; none when there is nothing to gain."""
        markers: list[Item] = []
        victims: list[Item] = []
        size_bytes, marker_bytes = 0, 0
        for item in self._streams[stream].items.values():
            if item.dropped:
                # The oldest is dropped first, so there is none between two that are not.
                assert not victims, item.seq
                markers.append(item)
                marker_bytes += len(item.record)
                continue
            victims.append(item)
            size_bytes += len(item.record)
            enough = size_bytes * SHED_SHARE >= self.limits.bytes_max
            if enough or len(victims) == SHED_COUNT_MAX:
                break
        crowded = marker_bytes * MARKER_SHARE > self.limits.bytes_max or not victims
        return markers[:2] if crowded and len(markers) > 1 else victims

    def _replace(
        self, stream: Stream, victims: list[Item], marker: Marker
    ) -> tuple[Item, list[Item]]:
        for item in victims:
            if not item.dropped:
                lost = self.dropped.get(item.record_class, 0)
                self.dropped[item.record_class] = lost + item.count
        held = self._streams[stream]
        item = Item(
            boot=stream[0],
            record_class=stream[1],
            first_seq=victims[0].first_seq,
            seq=victims[-1].seq,
            count=marker.count,
            dropped=True,
            record=marker.record,
            offered_ns=victims[-1].offered_ns,
            spooled=True,
        )
        for victim in victims:
            self._size_bytes -= len(held.items.pop(victim.seq).record)
            held.flying.pop(victim.seq, None)
            held.passed.discard(victim.seq)
        kept = sorted([*held.items.values(), item], key=lambda each: each.seq)
        held.items = {each.seq: each for each in kept}
        held.unsent = [seq for seq in held.items if seq not in held.flying]
        self._size_bytes += len(item.record)
        return item, victims

    def _supersede(self, marker: Item) -> None:
        # Power may go between the writing of a marker and the erasing of the rows it stands for.
        stream = (marker.boot, marker.record_class)
        held = self._streams.get(stream)
        for seq in [seq for seq in held.items if marker.first_seq <= seq] if held else []:
            self._forget(stream, seq)

    def _patience_ns(self, held: _Held, seq: int) -> int:
        share = PASSED_SHARE if seq in held.passed else 1
        return self.limits.resend_ns // share

    def _append(self, item: Item) -> None:
        held = self._streams.setdefault((item.boot, item.record_class), _Held())
        assert not held.items or next(reversed(held.items)) < item.seq, item.seq
        held.items[item.seq] = item
        held.unsent.append(item.seq)
        self._size_bytes += len(item.record)

    def _forget(self, stream: Stream, seq: int) -> Item:
        held = self._streams[stream]
        item = held.items.pop(seq)
        held.passed.discard(seq)
        if seq in held.flying:
            del held.flying[seq]
        else:
            del held.unsent[bisect_left(held.unsent, seq)]
        self._size_bytes -= len(item.record)
        if not held.items:
            del self._streams[stream]
        return item


def _sent(held: _Held, seq: int, now_ns: int) -> Upload:
    item = held.items[seq]
    item.sent_ns = now_ns
    held.flying[seq] = None
    held.passed.discard(seq)
    return upload_of(item, _floor_seq(held))


def _floor_seq(held: _Held) -> int:
    return next(iter(held.items.values())).first_seq


def _urgency(entry: tuple[Stream, _Held]) -> tuple[int, int]:
    (boot, record_class), _ = entry
    return BULK_CLASSES.index(record_class), -boot
