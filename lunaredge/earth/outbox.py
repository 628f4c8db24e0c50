"""The site's durable queue toward Earth: five classes, strict priority, a floor for the rest.

An entry leaves only when Earth says that it has it on disk. Under pressure the least valuable goes
first: raw records, then summaries, oldest first, counted and marked; never alarms, events or
state. Knows nothing of contacts: it is told the link clock, and what is overdue on it.
"""

import msgspec

from lunaredge.earth.stream import (
    ENTRY_OVERHEAD_BYTES,
    TABLE,
    Entry,
    Piece,
    Stream,
    Tally,
)
from lunaredge.errors import JournalCorrupt
from lunaredge.ids import BootId
from lunaredge.node import Effect, Level, Note, Persist, Row
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import (
    DATAGRAM_BYTES_MAX,
    ITEM_BYTES_MAX,
    Item,
    ItemAck,
    Payload,
    Shipment,
    encode_payload,
    part_bytes,
    part_count,
)
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass

TOTAL_TABLE = "outbox_total"

# One part in twenty, 5 %: each waiting class gets that much of what the others send.
FLOOR_DIVISOR = 20

# Least valuable first. The other classes are never dropped.
DROPPABLE = (RecordClass.RAW, RecordClass.SUMMARY)

_DAY_NS = 86_400 * NS_PER_S


class OutboxConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of an outbox, fixed for its life."""

    bytes_max: int = 64 * 1024 * 1024
    """A fortnight's gap of one-minute summaries of twelve machines is 48 MB. Alarms, events and
    state may take it all, after which they are refused: the sender keeps them."""
    summary_lifetime_ns: int = 60 * _DAY_NS
    """Four gaps of a fortnight."""
    raw_lifetime_ns: int = 3 * _DAY_NS
    """Raw telemetry that missed three days is asked for again if anyone wants it."""


class Total(msgspec.Struct, kw_only=True, array_like=True):
    """Numbers of the whole outbox, in one row.

    Era and last ids stand or fall together: without them a new era begins, since an id that was
    given twice would be taken for old news on Earth.
    """

    era: BootId
    """The life in which ids began at 1: another disk, another era."""
    peak_items: int = 0
    """The most that waited at once, over all restarts; so are the bytes, at another time maybe."""
    peak_bytes: int = 0
    tallies: list[Tally] = []


class Outbox:
    """Keeps what goes to Earth until Earth has it."""

    def __init__(self, config: OutboxConfig, boot: BootId) -> None:
        assert config.bytes_max >= 2 * ITEM_BYTES_MAX, config.bytes_max
        self.config = config
        self.total = Total(era=boot)
        self.streams = {kind: Stream(kind) for kind in RECORD_CLASSES}
        self._is_total_changed = True
        self._credits_bytes = dict.fromkeys(RECORD_CLASSES, 0)
        self._untold: dict[tuple[RecordClass, str], int] = {}

    @property
    def items(self) -> int:
        """Entries with content that Earth has not acknowledged."""
        return sum(stream.items for stream in self.streams.values())

    @property
    def size_bytes(self) -> int:
        """What they take."""
        return sum(stream.size_bytes for stream in self.streams.values())

    def restore(self, row: Row) -> None:
        """Take a row back; rows come in order of (table, scope, number).

        Raises:
            JournalCorrupt: the row can't be read; nothing has changed.
        """
        try:
            if row.table == TABLE:
                entry = msgspec.msgpack.decode(row.value, type=Entry)
                self._stream(row.scope.split("/")[0]).restore(entry)
            elif row.table == TOTAL_TABLE:
                self.total = msgspec.msgpack.decode(row.value, type=Total)
                for stream, tally in zip(self.streams.values(), self.total.tallies, strict=True):
                    stream.restore_tally(tally)
                self._is_total_changed = False
                # The entries lie before this row: a crash may have kept a newer one's peak from it.
                self._note_peak()
        except (msgspec.DecodeError, ValueError, IndexError) as exc:
            raise JournalCorrupt(f"{row.table} {row.scope}/{row.number}: {exc}") from exc

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be stored."""
        effects: list[Effect] = []
        for stream in self.streams.values():
            effects += stream.take_effects()
            self._is_total_changed |= stream.is_changed
            stream.is_changed = False
        if self._is_total_changed:
            self.total.tallies = [stream.tally for stream in self.streams.values()]
            effects.append(Persist(TOTAL_TABLE, "", 0, msgspec.msgpack.encode(self.total)))
            self._is_total_changed = False
        return effects

    def offer(self, record_class: RecordClass, payload: Payload, now_ns: int) -> bool:
        """Take something for Earth. False: full of what may not be dropped; the sender keeps it."""
        encoded = encode_payload(payload)
        if record_class not in DROPPABLE and not self._has_room(encoded):
            return False
        shipment = payload if isinstance(payload, Shipment) else None
        assert shipment or record_class not in DROPPABLE, "only records are dropped"
        entry = Entry(
            id=0,
            span=part_count(encoded),
            count=shipment.count if shipment else 1,
            born_ns=now_ns,
            expires_ns=self._expiry_ns(record_class, now_ns),
            is_marker=shipment is not None and shipment.dropped,
            payload=encoded,
        )
        self.streams[record_class].offer(entry)
        self._shed()
        self._note_peak()
        return True

    def take(self, budget_bytes: int, link_ns: int, overdue_before_ns: int) -> list[Item]:
        """Give pieces to send now, most urgent first, as many as fit."""
        items: list[Item] = []
        while True:
            ready = self._ready(overdue_before_ns)
            if not ready:
                return items
            record_class = self._pick(ready)
            piece = ready[record_class]
            if piece.size_bytes > budget_bytes:
                return items
            item = self.streams[record_class].send(piece, link_ns)
            items.append(item)
            budget_bytes -= part_bytes(item)
            self._share(ready, record_class, piece.size_bytes)

    def is_ready(self, overdue_before_ns: int) -> bool:
        """Tell whether there is something to send now."""
        return bool(self._ready(overdue_before_ns))

    def sent_first_ns(self) -> int | None:
        """Give the link time when the oldest piece in flight was sent; None when none is."""
        sent = (stream.sent_first_ns() for stream in self.streams.values())
        return min((sent_ns for sent_ns in sent if sent_ns is not None), default=None)

    def acknowledge(self, ack: ItemAck, now_ns: int) -> bool:
        """Forget what Earth has on disk; False for an acknowledgement of what was never sent."""
        return self.streams[ack.record_class].acknowledge(ack, now_ns)

    def begin_drain(self, now_ns: int) -> None:
        """Learn that an outage has ended."""
        for stream in self.streams.values():
            stream.begin_drain(now_ns)

    def sweep(self, now_ns: int) -> list[Effect]:
        """Drop what has expired; give the notes of all drops since the last sweep."""
        for record_class in DROPPABLE:
            self._count_drop(record_class, "expired", self.streams[record_class].expire(now_ns))
        notes: list[Effect] = []
        for (record_class, reason), records in self._untold.items():
            fields: dict[str, object] = {"class": record_class.value, "reason": reason}
            fields["records"] = records
            notes.append(Note(level=Level.WARNING, event="outbox.dropped", fields=fields))
        self._untold.clear()
        return notes

    def _stream(self, index: str) -> Stream:
        return self.streams[RECORD_CLASSES[int(index)]]

    def _expiry_ns(self, record_class: RecordClass, now_ns: int) -> int:
        match record_class:
            case RecordClass.RAW:
                return now_ns + self.config.raw_lifetime_ns
            case RecordClass.SUMMARY:
                return now_ns + self.config.summary_lifetime_ns
            case _:
                return 0

    def _has_room(self, encoded: bytes) -> bool:
        kept = (s.size_bytes for kind, s in self.streams.items() if kind not in DROPPABLE)
        return sum(kept) + len(encoded) + ENTRY_OVERHEAD_BYTES <= self.config.bytes_max

    def _shed(self) -> None:
        for record_class in DROPPABLE:
            while self.size_bytes > self.config.bytes_max:
                records = self.streams[record_class].shed()
                if records is None:
                    break
                self._count_drop(record_class, "shed", records)

    def _note_peak(self) -> None:
        """Keep the most there ever was: of items and of bytes, each for itself.

        Many small ones may wait after few large ones.
        """
        total = self.total
        if self.size_bytes > total.peak_bytes or self.items > total.peak_items:
            total.peak_bytes = max(total.peak_bytes, self.size_bytes)
            total.peak_items = max(total.peak_items, self.items)
            self._is_total_changed = True

    def _count_drop(self, record_class: RecordClass, reason: str, records: int) -> None:
        if records:
            key = (record_class, reason)
            self._untold[key] = self._untold.get(key, 0) + records

    def _ready(self, overdue_before_ns: int) -> dict[RecordClass, Piece]:
        """Give the next piece of each class that has one, most urgent class first."""
        pieces = {kind: s.next_piece(overdue_before_ns) for kind, s in self.streams.items()}
        return {kind: piece for kind, piece in pieces.items() if piece is not None}

    def _pick(self, ready: dict[RecordClass, Piece]) -> RecordClass:
        """Choose the most urgent class, unless another one is owed its share by now."""
        for record_class, piece in ready.items():
            if self._credits_bytes[record_class] >= FLOOR_DIVISOR * piece.size_bytes:
                return record_class
        return next(iter(ready))

    def _share(self, ready: dict[RecordClass, Piece], chosen: RecordClass, size_bytes: int) -> None:
        """Count what a class sent toward the share of those that waited for it."""
        for record_class in RECORD_CLASSES:
            credit = self._credits_bytes[record_class]
            if record_class not in ready:
                credit = 0
            elif record_class is chosen:
                credit = max(0, credit - FLOOR_DIVISOR * size_bytes)
            else:
                # Saved up for one datagram at most: a share is a floor, not a savings account.
                credit = min(credit + size_bytes, FLOOR_DIVISOR * DATAGRAM_BYTES_MAX)
            self._credits_bytes[record_class] = credit
