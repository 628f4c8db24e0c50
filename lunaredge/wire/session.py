"""The end-to-end record session: sequence numbers, cumulative acknowledgement, go-back-N.

PUBACK is not durability: every broker and client measured lost acknowledged messages in its
default set-up. So a sender keeps each upload until the *receiver* says that it is committed to
disk, and a receiver takes uploads of a (node, boot, class) strictly in order, once. Neither reads
a clock or a disk: the sender is told the time, and its owner persists what `Sender.to_spool` and
`Sender.offer` hand out.
"""

from collections import deque
from collections.abc import Iterable
from itertools import islice

import msgspec

from lunaredge.ids import BootId
from lunaredge.wire.messages import RECORD_CLASSES, RecordAck, RecordClass, Upload

# 32 uploads in flight: at a second of round trip and a kilobyte an upload this is 32 kB/s a class,
# ten times what a machine produces; a lost one costs at most 32 repeats.
WINDOW_COUNT = 32

Stream = tuple[BootId, RecordClass]


class Item(msgspec.Struct, kw_only=True):
    """One upload that is not yet acknowledged."""

    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int
    count: int
    dropped: bool
    record: bytes
    offered_ns: int
    sent_ns: int | None = None
    spooled: bool = False


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a sender, fixed for its life."""

    bytes_max: int
    """Over this, the oldest raw records are dropped, then summaries; never the other classes."""
    resend_ns: int
    """An upload without acknowledgement is sent again after this time."""


class Numbers:
    """The numbers of what one life offers: each class has its own, from 1, without a hole."""

    def __init__(self, boot: BootId) -> None:
        self._boot = boot
        self._last_seq: dict[RecordClass, int] = {}

    def next_item(self, record_class: RecordClass, record: bytes, count: int, now_ns: int) -> Item:
        """Make a record an item with the next number of its class."""
        seq = self._last_seq.get(record_class, 0) + 1
        self._last_seq[record_class] = seq
        return Item(
            boot=self._boot,
            record_class=record_class,
            first_seq=seq,
            seq=seq,
            count=count,
            dropped=False,
            record=record,
            offered_ns=now_ns,
        )

    def go_on_behind(self, item: Item) -> None:
        """Give none of the numbers up to a restored item's again; another life's change nothing."""
        if item.boot == self._boot:
            last = self._last_seq.get(item.record_class, 0)
            self._last_seq[item.record_class] = max(last, item.seq)


class Sender:
    """Keeps uploads by class until they are acknowledged; most urgent class first."""

    def __init__(self, boot: BootId, limits: Limits) -> None:
        self.boot = boot
        self.limits = limits
        self.dropped: dict[RecordClass, int] = {}
        self._streams: dict[Stream, deque[Item]] = {}
        self._numbers = Numbers(boot)
        self._size_bytes = 0

    @property
    def count(self) -> int:
        """Uploads not yet acknowledged."""
        return sum(len(items) for items in self._streams.values())

    @property
    def size_bytes(self) -> int:
        """Record bytes not yet acknowledged."""
        return self._size_bytes

    def offer(self, record_class: RecordClass, record: bytes, count: int, now_ns: int) -> Item:
        """Take a record and number it. The owner persists it first if its class asks for that."""
        item = self._numbers.next_item(record_class, record, count, now_ns)
        self._append(item)
        return item

    def restore(self, items: Iterable[Item]) -> None:
        """Take back what an earlier life left in the spool, in order of (boot, class, seq)."""
        for item in items:
            item.spooled = True
            item.sent_ns = None
            if item.dropped:
                self._supersede(item)
            self._append(item)
            self._numbers.go_on_behind(item)

    def due(self, now_ns: int) -> list[Upload]:
        """Give the uploads to send now, and remember that they were sent."""
        uploads: list[Upload] = []
        if not self._streams:
            return uploads
        for stream in sorted(self._streams, key=_urgency):
            items = self._streams[stream]
            oldest_ns = items[0].sent_ns
            # Go back: what was sent after a lost upload has been refused with it. Each waiting for
            # its own time would never close the gap while new ones are sent.
            back = oldest_ns is not None and now_ns - oldest_ns >= self.limits.resend_ns
            for item in islice(items, WINDOW_COUNT):
                if item.sent_ns is None or back:
                    item.sent_ns = now_ns
                    uploads.append(upload_of(item, items[0].first_seq))
        return uploads

    def resend_all(self) -> None:
        """Count everything as unsent: the connection, or the receiver's memory, was lost."""
        for items in self._streams.values():
            for item in items:
                item.sent_ns = None

    def acknowledge(self, ack: RecordAck) -> list[Item]:
        """Forget what the receiver has committed; give what was forgotten."""
        items = self._streams.get((ack.boot, ack.record_class))
        gone: list[Item] = []
        while items and items[0].seq <= ack.through_seq:
            item = items.popleft()
            self._size_bytes -= len(item.record)
            gone.append(item)
        if items is not None and not items:
            del self._streams[(ack.boot, ack.record_class)]
        return gone

    def to_spool(self, offered_before_ns: int) -> list[Item]:
        """Give the items offered before that time that are not on disk, and mark them spooled."""
        late: list[Item] = []
        for items in self._streams.values():
            for item in items:
                if not item.spooled and item.offered_ns <= offered_before_ns:
                    item.spooled = True
                    late.append(item)
        return late

    def shed(self) -> list[Item]:
        """Drop the least valuable until the bound holds; give what stands for them now.

        The oldest records of a stream become one marker with their numbers and count, so that the
        receiver still gets an unbroken sequence and the loss is accounted for.
        """
        changed: list[Item] = []
        for record_class in (RecordClass.RAW, RecordClass.SUMMARY):
            for stream in sorted(s for s in self._streams if s[1] is record_class):
                over = self._size_bytes > self.limits.bytes_max
                # A stream that is one marker already has nothing left to give.
                if over and not self._streams[stream][-1].dropped:
                    changed.append(self._shed_stream(stream))
        return changed

    def _shed_stream(self, stream: Stream) -> Item:
        items = self._streams[stream]
        first_seq, seq, count = items[0].first_seq, items[0].seq, 0
        while items and self._size_bytes > self.limits.bytes_max:
            item = items.popleft()
            self._size_bytes -= len(item.record)
            seq, count = item.seq, count + item.count
            if not item.dropped:
                lost = self.dropped.get(item.record_class, 0)
                self.dropped[item.record_class] = lost + item.count
        marker = Item(
            boot=stream[0],
            record_class=stream[1],
            first_seq=first_seq,
            seq=seq,
            count=count,
            dropped=True,
            record=b"",
            offered_ns=0,
        )
        items.appendleft(marker)
        return marker

    def _supersede(self, marker: Item) -> None:
        # Power may go between the writing of a marker and the erasing of the rows it stands for.
        items = self._streams.get((marker.boot, marker.record_class))
        while items and items[-1].seq >= marker.first_seq:
            self._size_bytes -= len(items.pop().record)

    def _append(self, item: Item) -> None:
        stream = (item.boot, item.record_class)
        items = self._streams.setdefault(stream, deque())
        assert not items or item.first_seq > items[-1].seq, "spool out of order"
        items.append(item)
        self._size_bytes += len(item.record)


def _urgency(stream: Stream) -> tuple[int, BootId]:
    return RECORD_CLASSES.index(stream[1]), stream[0]


def upload_of(item: Item, floor_seq: int) -> Upload:
    """Give an item as it travels; ``floor_seq`` is the lowest number still held of its stream."""
    return Upload(
        record_class=item.record_class,
        boot=item.boot,
        first_seq=item.first_seq,
        seq=item.seq,
        floor_seq=floor_seq,
        count=item.count,
        dropped=item.dropped,
        record=item.record,
    )


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver makes of an upload."""

    accepted: bool
    duplicate: bool
    missing: int
    """Sequence numbers that will never come: the sender holds nothing older."""
    through_seq: int
    """What may be acknowledged once the upload, if accepted, is on disk."""


def judge(through_seq: int, upload: Upload) -> Verdict:
    """Judge an upload against the last number committed for its (node, boot, class).

    In order: taken. Seen before: a duplicate. Ahead: refused, so that the sender goes back; unless
    the sender holds nothing older, when the hole is counted as missing and the upload taken.
    """
    if upload.seq <= through_seq:
        return Verdict(accepted=False, duplicate=True, missing=0, through_seq=through_seq)
    missing = upload.first_seq - through_seq - 1
    if missing <= 0:
        return Verdict(accepted=True, duplicate=False, missing=0, through_seq=upload.seq)
    if upload.first_seq <= upload.floor_seq:
        return Verdict(accepted=True, duplicate=False, missing=missing, through_seq=upload.seq)
    return Verdict(accepted=False, duplicate=False, missing=0, through_seq=through_seq)
