"""What Earth has of the site's items: each id once, pieces put together, and what to acknowledge.

A stream is one class of one era. Takes items in any order within a window; hands out whole
payloads. Rows: one per stream, written in the same batch as what the items led to, so that an id
is on disk together with its record or not at all; and one per piece until the last one came.
"""

import msgspec

from lunaredge.errors import JournalCorrupt, RemoteProtocolError
from lunaredge.ids import BootId
from lunaredge.node import Effect, Erase, Persist, Row
from lunaredge.wire.link import WINDOW_COUNT, Item, ItemAck, bitmap_of, ids_in
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
        self.held = set(ids_in(progress.bitmap, progress.through))
        self.pieces: dict[int, dict[int, bytes]] = {}
        """First id of a payload to what came of it, until it is whole."""

    def has_all(self, first_id: int, last_id: int) -> bool:
        first_id = max(first_id, self.progress.through + 1)
        return all(number in self.held for number in range(first_id, last_id + 1))

    def mark(self, first_id: int, last_id: int) -> None:
        """Hold these ids, and move through as far as there is no hole."""
        progress = self.progress
        if first_id <= progress.through + 1:
            progress.through = max(progress.through, last_id)
            if last_id > first_id:
                self.held = {number for number in self.held if number > progress.through}
        else:
            self.held.update(range(first_id, last_id + 1))
        while progress.through + 1 in self.held:
            progress.through += 1
            self.held.discard(progress.through)

    def saved(self) -> Progress:
        """Give the numbers with the bitmap brought up to date."""
        self.progress.bitmap = bitmap_of(self.held, self.progress.through)
        return self.progress


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
        """Give the acknowledgements of the era, one per class heard of, most urgent first."""
        known = [kind for kind in RECORD_CLASSES if (self.era, kind) in self._streams]
        saved = [(kind, self._streams[(self.era, kind)].saved()) for kind in known]
        return [
            ItemAck(record_class=kind, through=progress.through, bitmap=progress.bitmap)
            for kind, progress in saved
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
        known = sum(1 for number in stream.held if number < floor_id)
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


def _era_scope(era: BootId) -> str:
    return f"{era:015d}"


def _piece_scope(era: BootId, record_class: RecordClass, first_id: int) -> str:
    return f"{_era_scope(era)}/{RECORD_CLASSES.index(record_class)}/{first_id:019d}"
