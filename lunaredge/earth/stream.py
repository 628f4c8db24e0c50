"""One class of the outbox: what waits, what is in flight, and what Earth has.

Ids count pieces from 1, without holes, oldest first. What the policy drops becomes a marker that
keeps its ids and says how many records went, so that Earth's numbers stay whole. Rows: one scope
per entry, so that any entry can be erased by itself; the tally lies in the outbox's own row.
"""

from collections import OrderedDict, deque

import msgspec

from lunaredge.node import Effect, Erase, Persist
from lunaredge.wire.link import (
    CHUNK_BYTES,
    ITEM_OVERHEAD_BYTES,
    WINDOW_COUNT,
    Item,
    ItemAck,
    Shipment,
    decode_payload,
    encode_payload,
)
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass

TABLE = "outbox"

# What an entry takes beside its payload: its row's key and its numbers.
ENTRY_OVERHEAD_BYTES = 64


class Entry(msgspec.Struct, kw_only=True, array_like=True):
    """Something that waits for Earth's acknowledgement, as it lies in the store."""

    id: int
    span: int
    """Ids it takes: one per piece; a marker keeps those of what it stands for."""
    count: int
    """Records inside, or dropped."""
    born_ns: int
    expires_ns: int
    """Site time from which it is not worth sending; 0 for never."""
    is_marker: bool
    payload: bytes

    @property
    def last_id(self) -> int:
        """The highest of its ids."""
        return self.id + self.span - 1

    @property
    def parts(self) -> int:
        """Pieces it travels in."""
        return 1 if self.is_marker else self.span

    @property
    def size_bytes(self) -> int:
        """What it counts for in the outbox."""
        return len(self.payload) + ENTRY_OVERHEAD_BYTES


class Tally(msgspec.Struct, kw_only=True, array_like=True):
    """A class's numbers, durable. taken = delivered + expired + shed + waiting."""

    last_id: int = 0
    taken: int = 0
    delivered: int = 0
    expired: int = 0
    shed: int = 0
    dropped_records: int = 0
    peak_items: int = 0
    peak_bytes: int = 0
    drain_id: int = 0
    """The newest id when the last outage ended."""
    drained_ns: int = 0
    """Site time when Earth had everything through it; 0 while it has not."""


class Piece(msgspec.Struct, kw_only=True, eq=False):
    """A piece that is to be sent, or in flight since ``sent_ns`` of the link clock."""

    entry: Entry
    id: int
    part: int
    sent_ns: int = -1

    @property
    def size_bytes(self) -> int:
        """A size it does not exceed in a datagram."""
        left = len(self.entry.payload) - self.part * CHUNK_BYTES
        return ITEM_OVERHEAD_BYTES + min(CHUNK_BYTES, left)


class _Begun(msgspec.Struct, kw_only=True):
    entry: Entry
    left: int
    """Pieces that Earth has not acknowledged."""


class Stream:
    """One class's entries, in the order of their ids."""

    def __init__(self, record_class: RecordClass) -> None:
        self.record_class = record_class
        self.tally = Tally()
        self.items = 0
        """Entries with content; markers do not count."""
        self.size_bytes = 0
        self._waiting: deque[Entry] = deque()
        self._part_next = 0
        """Pieces of the first waiting entry that have been sent."""
        self._begun: OrderedDict[int, _Begun] = OrderedDict()
        self._flying: dict[int, Piece] = {}
        self._timers: deque[Piece] = deque()
        self._through = 0
        self._held: set[int] = set()
        self._touched_id = 0
        """Ids up to this one may be at Earth already."""
        self._effects: list[Effect] = []
        self.is_changed = False
        """The tally is not as it lies in the store."""

    @property
    def floor_id(self) -> int:
        """The lowest id that is still held."""
        begun_id = next(iter(self._begun), None)
        if begun_id is not None:
            return begun_id
        return self._waiting[0].id if self._waiting else self.tally.last_id + 1

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be stored of the entries."""
        effects, self._effects = self._effects, []
        return effects

    # --- restart --------------------------------------------------------------------------------

    def restore_tally(self, tally: Tally) -> None:
        """Take the numbers back; before the entries or after them."""
        tally.last_id = max(tally.last_id, self.tally.last_id)
        self.tally = tally
        self._note_peak()

    def restore(self, entry: Entry) -> None:
        """Take an entry back, in the order of ids. What was in flight waits again."""
        assert not self._waiting or entry.id > self._waiting[-1].last_id, "outbox out of order"
        self._append(entry)
        self.tally.last_id = max(self.tally.last_id, entry.last_id)
        self._through = self.floor_id - 1
        # An earlier life sent nothing beyond its window, and the floor on disk is never behind it.
        self._touched_id = self._through + WINDOW_COUNT

    # --- in -------------------------------------------------------------------------------------

    def offer(self, entry: Entry) -> None:
        """Take an entry at the end; its ids are given here."""
        entry.id = self.tally.last_id + 1
        self.tally.last_id = entry.last_id
        self._append(entry)
        self._effects.append(self._row(entry))
        self.is_changed = True
        if not entry.is_marker:
            self.tally.taken += 1
        self._note_peak()

    # --- out ------------------------------------------------------------------------------------

    def next_piece(self, overdue_before_ns: int) -> Piece | None:
        """Give what is to be sent next: the overdue first, then the oldest that was never sent."""
        while self._timers and self._flying.get(self._timers[0].id) is not self._timers[0]:
            self._timers.popleft()
        if self._timers and self._timers[0].sent_ns <= overdue_before_ns:
            return self._timers[0]
        self._skip_known()
        if not self._waiting:
            return None
        entry = self._waiting[0]
        piece = Piece(entry=entry, id=entry.id + self._part_next, part=self._part_next)
        last_id = entry.last_id if entry.is_marker else piece.id
        floor_id = self.floor_id
        is_in_window = last_id < floor_id + WINDOW_COUNT or piece.id == floor_id
        return piece if is_in_window else None

    def send(self, piece: Piece, link_ns: int) -> Item:
        """Cut the piece that `next_piece` gave, and remember that it is in flight."""
        entry = piece.entry
        if piece.id not in self._flying:
            assert self._waiting[0] is entry
            self._step()
        flying = Piece(entry=entry, id=piece.id, part=piece.part, sent_ns=link_ns)
        self._flying[piece.id] = flying
        self._timers.append(flying)
        self._touched_id = max(self._touched_id, entry.last_id)
        start = piece.part * CHUNK_BYTES
        return Item(
            record_class=self.record_class,
            id=piece.id,
            behind=piece.id - self.floor_id,
            span=entry.span if entry.is_marker else 1,
            part=piece.part,
            parts=entry.parts,
            born_ns=entry.born_ns,
            chunk=entry.payload[start : start + CHUNK_BYTES],
        )

    def sent_first_ns(self) -> int | None:
        """Give the link time when the oldest piece in flight was sent; None when none is."""
        while self._timers and self._flying.get(self._timers[0].id) is not self._timers[0]:
            self._timers.popleft()
        return self._timers[0].sent_ns if self._timers else None

    def acknowledge(self, ack: ItemAck, now_ns: int) -> bool:
        """Forget what Earth has on disk; False for an acknowledgement of what was never sent."""
        ids = list(ack.ids())
        if max(ids, default=ack.through) > self.tally.last_id:
            return False
        # An old acknowledgement that comes late is still true; it only says less.
        reached: list[int] = []
        if ack.through > self._through:
            self._through = ack.through
            self._held = {held for held in self._held if held > ack.through}
            reached = [number for number in self._flying if number <= ack.through]
        self._held.update(ids)
        for number in (*reached, *ids):
            piece = self._flying.pop(number, None)
            if piece is not None:
                self._settle(piece.entry)
        self._skip_known()
        if self.tally.drain_id and not self.tally.drained_ns:
            self._note_drained(now_ns)
        return True

    def begin_drain(self, now_ns: int) -> None:
        """Learn that an outage has ended: what is here now is its backlog."""
        self.tally.drain_id = self.tally.last_id
        self.tally.drained_ns = 0
        self.is_changed = True
        self._note_drained(now_ns)

    # --- drops ----------------------------------------------------------------------------------

    def expire(self, now_ns: int) -> int:
        """Drop what is not worth sending any more; give the count of records in it."""
        dropped = 0
        while (index := self._droppable()) is not None:
            entry = self._waiting[index]
            if not entry.expires_ns or entry.expires_ns > now_ns:
                break
            self.tally.expired += 1
            dropped += self._drop(index)
        return dropped

    def shed(self) -> int | None:
        """Drop the oldest that is not in flight; give its count of records, None when none is."""
        index = self._droppable()
        if index is None:
            return None
        self.tally.shed += 1
        return self._drop(index)

    def _droppable(self) -> int | None:
        """Give the place of the oldest waiting entry with content of which nothing was sent."""
        for index in range(1 if self._part_next else 0, len(self._waiting)):
            if not self._waiting[index].is_marker:
                return index
        return None

    def _drop(self, index: int) -> int:
        entry = self._waiting[index]
        count, before_bytes = entry.count, entry.size_bytes
        lost = decode_payload(entry.payload)
        assert isinstance(lost, Shipment), "only records are dropped"
        marker = msgspec.structs.replace(lost, dropped=True, record=b"")
        self.items -= 1
        self.tally.dropped_records += count
        self.is_changed = True
        if index and self._grow(self._waiting[index - 1], entry, marker):
            del self._waiting[index]
            self._effects.append(Erase(TABLE, self._scope(entry), entry.id))
            self.size_bytes -= before_bytes
            return count
        entry.is_marker, entry.expires_ns, entry.payload = True, 0, encode_payload(marker)
        self.size_bytes += entry.size_bytes - before_bytes
        self._effects.append(self._row(entry))
        return count

    def _grow(self, before: Entry, entry: Entry, lost: Shipment) -> bool:
        """Let the marker before an entry stand for it too, if Earth can have seen neither."""
        if not before.is_marker or before.id <= self._touched_id:
            return False
        first = decode_payload(before.payload)
        assert isinstance(first, Shipment)
        same_sender = (first.node, first.boot) == (lost.node, lost.boot)
        if not same_sender or first.seq + 1 != lost.first_seq:
            return False
        self.size_bytes -= before.size_bytes
        before.span += entry.span
        before.count += entry.count
        both = msgspec.structs.replace(first, seq=lost.seq, count=first.count + lost.count)
        before.payload = encode_payload(both)
        self.size_bytes += before.size_bytes
        self._effects.append(self._row(before))
        return True

    # --- within ---------------------------------------------------------------------------------

    def _append(self, entry: Entry) -> None:
        self._waiting.append(entry)
        self.size_bytes += entry.size_bytes
        self.items += not entry.is_marker

    def _note_peak(self) -> None:
        self.tally.peak_items = max(self.tally.peak_items, self.items)
        self.tally.peak_bytes = max(self.tally.peak_bytes, self.size_bytes)

    def _is_known(self, number: int) -> bool:
        return number <= self._through or number in self._held

    def _skip_known(self) -> None:
        """Pass over what Earth acknowledged to an earlier life."""
        while self._waiting and self._is_known(self._waiting[0].id + self._part_next):
            entry = self._waiting[0]
            self._step()
            self._settle(entry)

    def _step(self) -> None:
        """Move on to the next piece that was never sent."""
        entry = self._waiting[0]
        if self._part_next == 0:
            self._begun[entry.id] = _Begun(entry=entry, left=entry.parts)
        self._part_next += 1
        if self._part_next == entry.parts:
            self._waiting.popleft()
            self._part_next = 0

    def _settle(self, entry: Entry) -> None:
        """Count a piece of that entry as acknowledged; the last one ends it."""
        begun = self._begun[entry.id]
        begun.left -= 1
        if begun.left:
            return
        del self._begun[entry.id]
        self.size_bytes -= entry.size_bytes
        if not entry.is_marker:
            self.items -= 1
            self.tally.delivered += 1
        self.is_changed = True
        self._effects.append(Erase(TABLE, self._scope(entry), entry.id))

    def _note_drained(self, now_ns: int) -> None:
        if self.floor_id > self.tally.drain_id:
            self.tally.drained_ns = now_ns
            self.is_changed = True

    def _row(self, entry: Entry) -> Persist:
        return Persist(TABLE, self._scope(entry), entry.id, msgspec.msgpack.encode(entry))

    def _scope(self, entry: Entry) -> str:
        # Class, then id in as many digits as the largest id has, so that text sorts as numbers do.
        return f"{RECORD_CLASSES.index(self.record_class)}/{entry.id:019d}"
