"""What Earth has of the site's items: each id once, pieces put together, and what to acknowledge.

A stream is one class of one era. Takes items in any order within a window; hands out whole
payloads. Rows: one per stream, written in the same batch as what the items led to, so that an id
is on disk together with its record or not at all; and one per piece until the last one came.
"""

import msgspec

from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId
from lunaredge.node import Effect, Erase, Persist, Row
from lunaredge.wire.link import BITMAP_BYTES_MAX, WINDOW_COUNT, Item, ItemAck
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass

TABLE = "inbox"
PIECE_TABLE = "inbox_piece"

# An era ends when the site's gateway gets another disk. Sixteen of them outlast any mission here;
# beyond that the oldest is forgotten, and a datagram of it still under way would count as new.
ERAS_MAX = 16


class Progress(msgspec.Struct, kw_only=True, array_like=True):
    """A stream's numbers, as they lie in the store."""

    through: int = 0
    bitmap: bytes = b""
    delivered: int = 0
    dropped: int = 0
    """Payloads that the site's policy dropped and marked."""
    dropped_records: int = 0
    missing: int = 0
    """Ids that the site no longer holds and that never came."""
    duplicates: int = 0


class _Stream:
    """One class of one era."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        # Bit k: the id ``through + 1 + k`` is held. An integer moves 16 kB in a microsecond; the
        # lowest bit is never set, since then ``through`` would be one further.
        self.bits = int.from_bytes(progress.bitmap, "little")
        self.pieces: dict[int, dict[int, bytes]] = {}
        """First id of a payload to what came of it, until it is whole."""

    def has_all(self, first_id: int, last_id: int) -> bool:
        """Tell whether each of these ids is held."""
        mask = self._mask(first_id, last_id)
        beyond = last_id > self.progress.through + WINDOW_COUNT
        return not beyond and self.bits & mask == mask

    def held_through(self, last_id: int) -> int:
        """Count the ids held up to that one, beyond ``through``."""
        return (self.bits & self._mask(1, last_id)).bit_count()

    def mark(self, first_id: int, last_id: int) -> None:
        """Hold these ids, and move through as far as there is no hole."""
        if first_id <= self.progress.through + 1:
            self._advance(last_id - self.progress.through)
        else:
            self.bits |= self._mask(first_id, last_id)
        self._advance((~self.bits & (self.bits + 1)).bit_length() - 1)

    def saved(self) -> Progress:
        """Give the numbers with the bitmap brought up to date."""
        self.progress.bitmap = _packed(self.bits)
        return self.progress

    def acks(self, record_class: RecordClass) -> list[ItemAck]:
        """Give the acknowledgements that say it all."""
        through, step = self.progress.through, 8 * BITMAP_BYTES_MAX
        acks: list[ItemAck] = []
        for skip in range(0, self.bits.bit_length(), step):
            bitmap = _packed(self.bits >> skip & ((1 << step) - 1))
            if bitmap:
                ack = ItemAck(record_class=record_class, through=through, skip=skip, bitmap=bitmap)
                acks.append(ack)
        return acks or [ItemAck(record_class=record_class, through=through)]

    def _advance(self, count: int) -> None:
        if count > 0:
            self.progress.through += count
            self.bits >>= count

    def _mask(self, first_id: int, last_id: int) -> int:
        """Give the bits of these ids, as far as a window goes."""
        through = self.progress.through
        low = max(first_id - through - 1, 0)
        high = min(last_id - through, WINDOW_COUNT)
        return (1 << high) - (1 << low) if high > low else 0


class Inbox:
    """Takes items once each."""

    def __init__(self) -> None:
        self.era = BootId(0)
        """The era that the site's outbox counts in, as last heard; 0 before that."""
        self._streams: dict[tuple[BootId, RecordClass], _Stream] = {}
        self._changed: dict[tuple[BootId, RecordClass], None] = {}
        self._effects: list[Effect] = []

    def restore(self, row: Row) -> None:
        """Take a row back.

        Raises:
            JournalCorrupt: the row can't be read; nothing has changed.
        """
        try:
            if row.table == TABLE:
                progress = msgspec.msgpack.decode(row.value, type=Progress)
                key = (BootId(int(row.scope)), RECORD_CLASSES[row.number])
                self._streams[key] = _Stream(progress)
            elif row.table == PIECE_TABLE:
                era, index, first_id = (int(text) for text in row.scope.split("/"))
                stream = self._stream(BootId(era), RECORD_CLASSES[index])
                stream.pieces.setdefault(first_id, {})[row.number] = row.value
        except (msgspec.DecodeError, ValueError, IndexError) as exc:
            raise JournalCorrupt(f"{row.table} {row.scope}/{row.number}: {exc}") from exc

    def take(self, item: Item) -> bytes | None:
        """Take an item of the era; give the payload when it is whole and new.

        Raises:
            RemoteProtocolError: reason ``ahead`` (beyond the window: it will come again) or
                ``pieces`` (it contradicts what came of its payload before).
        """
        stream = self._stream(self.era, item.record_class)
        self._changed[(self.era, item.record_class)] = None
        self._pass_over(item, stream)
        # A marker is news as long as one of its ids is: what it stands for may be here in part.
        if stream.has_all(item.id, item.last_id):
            stream.progress.duplicates += 1
            return None
        through = stream.progress.through
        if item.last_id > through + WINDOW_COUNT and item.id != through + 1:
            raise RemoteProtocolError("ahead", f"{item.id} after {through}")
        payload = self._joined(item, stream)
        stream.mark(item.id, item.last_id)
        return payload

    def count(self, record_class: RecordClass, *, dropped: bool, records: int) -> None:
        """Count a payload that was taken, in the same batch."""
        progress = self._streams[(self.era, record_class)].progress
        if dropped:
            progress.dropped += 1
            progress.dropped_records += records
        else:
            progress.delivered += 1

    def take_effects(self) -> list[Effect]:
        """Hand out what is to be stored."""
        effects, self._effects = self._effects, []
        for era, record_class in self._changed:
            value = msgspec.msgpack.encode(self._streams[(era, record_class)].saved())
            number = RECORD_CLASSES.index(record_class)
            effects.append(Persist(TABLE, _era_scope(era), number, value))
        self._changed.clear()
        return effects

    def acks(self) -> list[ItemAck]:
        """Give the acknowledgements of the era, most urgent class first."""
        return [
            ack
            for kind in RECORD_CLASSES
            if (self.era, kind) in self._streams
            for ack in self._streams[(self.era, kind)].acks(kind)
        ]

    def totals(self) -> dict[RecordClass, Progress]:
        """Sum the numbers of all eras by class."""
        sums = {record_class: Progress() for record_class in RECORD_CLASSES}
        for (_, record_class), stream in self._streams.items():
            for name in ("delivered", "dropped", "dropped_records", "missing", "duplicates"):
                total = getattr(sums[record_class], name) + getattr(stream.progress, name)
                setattr(sums[record_class], name, total)
        return sums

    def _stream(self, era: BootId, record_class: RecordClass) -> _Stream:
        key = (era, record_class)
        if key not in self._streams:
            self._forget_eras()
            self._streams[key] = _Stream(Progress())
        return self._streams[key]

    def _forget_eras(self) -> None:
        eras = list(dict.fromkeys(known for known, _ in self._streams if known != self.era))
        for old in eras[: max(0, len(eras) - ERAS_MAX)]:
            for record_class in RECORD_CLASSES:
                self._streams.pop((old, record_class), None)
            self._effects.append(Erase(TABLE, _era_scope(old), len(RECORD_CLASSES)))

    def _pass_over(self, item: Item, stream: _Stream) -> None:
        """Stop waiting for ids that the site no longer holds."""
        progress, floor_id = stream.progress, item.id - item.behind
        if floor_id <= progress.through + 1:
            return
        known = stream.held_through(floor_id - 1)
        progress.missing += floor_id - 1 - progress.through - known
        stream.mark(progress.through + 1, floor_id - 1)
        for first_id in [first_id for first_id in stream.pieces if first_id < floor_id]:
            self._drop_pieces(item.record_class, stream, first_id)

    def _joined(self, item: Item, stream: _Stream) -> bytes | None:
        """Keep a piece; give the payload with the last one."""
        if item.parts == 1:
            for first_id in [n for n in stream.pieces if item.id <= n <= item.last_id]:
                self._drop_pieces(item.record_class, stream, first_id)
            return item.chunk
        pieces = stream.pieces.setdefault(item.first_id, {})
        if any(part >= item.parts for part in pieces):
            raise RemoteProtocolError("pieces", f"{item.first_id} has {item.parts} pieces")
        pieces[item.part] = item.chunk
        if len(pieces) == item.parts:
            self._drop_pieces(item.record_class, stream, item.first_id)
            return b"".join(pieces[part] for part in range(item.parts))
        scope = _piece_scope(self.era, item.record_class, item.first_id)
        self._effects.append(Persist(PIECE_TABLE, scope, item.part, item.chunk))
        return None

    def _drop_pieces(self, record_class: RecordClass, stream: _Stream, first_id: int) -> None:
        pieces = stream.pieces.pop(first_id, None)
        if pieces:
            scope = _piece_scope(self.era, record_class, first_id)
            self._effects.append(Erase(PIECE_TABLE, scope, max(pieces)))


def _packed(bits: int) -> bytes:
    return bits.to_bytes((bits.bit_length() + 7) // 8, "little")


def _era_scope(era: BootId) -> str:
    return f"{era:015d}"


def _piece_scope(era: BootId, record_class: RecordClass, first_id: int) -> str:
    return f"{_era_scope(era)}/{RECORD_CLASSES.index(record_class)}/{first_id:019d}"
