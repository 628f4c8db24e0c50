"""The catalog of an archive: how far it is settled, which numbers it has, which tables it met.

A SQLite file beside the core's rows. What a settled segment brought and that it is settled become
true in one transaction. Each stretch of numbers has a checksum: what is not there must not be told
of as there.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

import msgspec

from lunaredge.errors import JournalCorrupt
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.coverage import Stream, Stretch, merged
from lunaredge.runtime.archive.database import (
    fault_of_pages,
    lenient_text,
    opened,
    opened_to_read,
    transaction,
    translated,
)
from lunaredge.runtime.archive.entry import digest_of
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.telemetry import Channel

NAME = "catalog.sqlite"
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE coverage (
        node TEXT, boot INTEGER, class TEXT, first_seq INTEGER, last_seq INTEGER, kind TEXT,
        count INTEGER, start_ns INTEGER, end_ns INTEGER, reason TEXT, crc INTEGER,
        PRIMARY KEY (node, boot, class, last_seq)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE tables (digest BLOB PRIMARY KEY, channels BLOB NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE used (
        node TEXT, digest BLOB, start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL,
        PRIMARY KEY (node, digest)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE written (day INTEGER, segment INTEGER, PRIMARY KEY (day, segment)) WITHOUT ROWID",
    """
    CREATE TABLE expired (
        start_ns INTEGER PRIMARY KEY, end_ns INTEGER NOT NULL, reason TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE problems (
        place TEXT PRIMARY KEY, what TEXT NOT NULL,
        start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, found_ns INTEGER NOT NULL
    )
    """,
)
# So many are told one by one; beyond, the oldest makes room.
PROBLEMS_MAX = 1000

_Kind = TypeVar("_Kind")

_encoder = msgspec.msgpack.Encoder()
_channels_decoder = msgspec.msgpack.Decoder(tuple[Channel, ...])

_SETTLED, _SETTLED_CRC = "settled_through", "settled_through_crc"
_COLUMNS = "first_seq, last_seq, kind, count, start_ns, end_ns, reason, crc"
_OF_STREAM = "node = ? AND boot = ? AND class = ?"


class Used(NamedTuple):
    """A channel table, who used it, and when."""

    node: str
    channels: tuple[Channel, ...]
    start_ns: int
    end_ns: int


class Expired(NamedTuple):
    """Time of which the samples are gone by policy; what is rolled up stays."""

    start_ns: int
    end_ns: int
    reason: str


class Problem(NamedTuple):
    """Something damaged, and what is lost with it."""

    place: str
    what: str
    start_ns: int
    end_ns: int
    """Both 0 where the time of what is lost is not known."""
    found_ns: int


class _Written(NamedTuple):
    day: int
    segment: int


class Settlement(NamedTuple):
    """What a settled segment brings into the catalog."""

    number: int
    streams: Mapping[Stream, list[Stretch]]
    tables: Mapping[bytes, tuple[Channel, ...]]
    used: Mapping[tuple[str, bytes], tuple[int, int]]
    days: Sequence[int]
    """Days into whose files it was written."""
    problems: Sequence[Problem]


class Catalog:
    """An open catalog, of one thread at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.corrupt_keys: list[str] = []
        """Stretches that were left out of the last walk since their checksum fails."""
        self.unread: dict[str, None] = {}
        """Other rows that were met damaged, and left out."""
        self._connection = connection
        connection.text_factory = lenient_text

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open or make the catalog of an archive.

        Raises:
            JournalFull, JournalCorrupt, StorageError: as `database.opened`.
        """
        return cls(folder / NAME, opened(folder / NAME, _SCHEMA, _VERSION))

    @classmethod
    def open_to_read(cls, folder: Path) -> Self:
        """Open a catalog to read only.

        Raises:
            FileNotFoundError, JournalCorrupt, StorageError: as `database.opened_to_read`.
        """
        return cls(folder / NAME, opened_to_read(folder / NAME, _VERSION, _SCHEMA))

    @classmethod
    def of_copy(cls, path: Path) -> Self:
        """Open a copy to read only; nobody writes to it.

        Raises:
            FileNotFoundError, JournalCorrupt, StorageError: as `database.opened_to_read`.
        """
        return cls(path, opened_to_read(path, _VERSION, _SCHEMA, is_copy=True))

    def copy_to(self, path: Path) -> None:
        """Write what is committed into a new file, which is not synced.

        Raises:
            JournalFull, JournalCorrupt, StorageError: it is not written, or not all of it.
        """
        with translated(path), contextlib.closing(sqlite3.connect(path)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            self._connection.backup(copy)

    def fault(self) -> str:
        """Say what is damaged in it; nothing where it is whole.

        Raises:
            JournalCorrupt, StorageError: it can't be read.
        """
        fault = fault_of_pages(self.path, self._connection)
        self.settled_through()
        self.read_all()
        if not fault and self.corrupt_keys:
            fault = f"checksums of {len(self.corrupt_keys)} rows fail"
        if not fault and self.unread:
            fault = f"{len(self.unread)} rows are damaged, {next(iter(self.unread))} the first"
        return fault

    def read_all(self) -> None:
        """Read all rows, so that `corrupt_keys` and `unread` name each damaged one.

        Raises:
            JournalCorrupt, StorageError: it can't be read.
        """
        for _ in self.coverage():
            pass
        for walk in (self.used, self.expired, self.written, self.problems):
            walk()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def freeze(self) -> None:
        """See from now on what is committed by now, and nothing that comes after it."""
        with translated(self.path):
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM meta").fetchone()

    def settled_through(self) -> int:
        """Give the number of the last segment that is settled; 0 before the first.

        Raises:
            JournalCorrupt: its checksum fails: nobody knows which segments may be deleted.
            StorageError: it can't be read.
        """
        meta = dict(self._all("SELECT key, value FROM meta"))
        number, crc = meta.get(_SETTLED, 0), meta.get(_SETTLED_CRC)
        # Catalogs of older programs have no checksum of it.
        if not isinstance(number, int) or crc not in (None, _crc((_SETTLED,), (number,))):
            raise JournalCorrupt(
                f"{self.path} is damaged (settled through {number}, whose checksum fails); start"
                " the archive's process anew, so that the copy takes its place; where that is"
                " damaged too, restore the folder from a copy"
            )
        return number

    def settle(self, settlement: Settlement, touch_ns: int) -> None:
        """Take in what a segment brought, and that it is settled; all or nothing.

        Raises:
            JournalFull, JournalCorrupt, StorageError: nothing was written.
        """
        execute = self._connection.execute
        with transaction(self._connection, self.path):
            assert self.settled_through() < settlement.number, settlement.number
            for stream, stretches in settlement.streams.items():
                self._cover(stream, stretches, touch_ns)
            for digest, channels in settlement.tables.items():
                execute(
                    "INSERT OR REPLACE INTO tables VALUES (?, ?)",
                    (digest, _encoder.encode(channels)),
                )
            self._connection.executemany(
                "INSERT INTO used VALUES (?, ?, ?, ?) ON CONFLICT (node, digest) DO UPDATE SET"
                " start_ns = min(start_ns, excluded.start_ns),"
                " end_ns = max(end_ns, excluded.end_ns)",
                [(*key, *span) for key, span in settlement.used.items()],
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO written VALUES (?, ?)",
                [(day, settlement.number) for day in settlement.days],
            )
            self._note(settlement.problems)
            number = settlement.number
            for row in ((_SETTLED, number), (_SETTLED_CRC, _crc((_SETTLED,), (number,)))):
                execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", row)

    def note(self, problems: Sequence[Problem]) -> None:
        """Remember what was found damaged.

        Raises:
            JournalFull, JournalCorrupt, StorageError: nothing was written.
        """
        with transaction(self._connection, self.path):
            self._note(problems)

    def expire(self, expired: Expired, day: int, segment: int | None = None) -> None:
        """Remember that the samples of a time are gone by policy: a day, or one segment's of it.

        Raises:
            JournalFull, JournalCorrupt, StorageError: nothing was written.
        """
        execute = self._connection.execute
        with transaction(self._connection, self.path):
            start_ns, end_ns = expired.start_ns, expired.end_ns
            near = execute(
                "SELECT start_ns, end_ns FROM expired"
                " WHERE start_ns <= ? AND end_ns >= ? AND reason = ?",
                (end_ns, start_ns, expired.reason),
            ).fetchall()
            execute(
                "DELETE FROM written WHERE day = ? AND segment = coalesce(?, segment)",
                (day, segment),
            )
            for old_start_ns, old_end_ns in near:
                execute("DELETE FROM expired WHERE start_ns = ?", (old_start_ns,))
                start_ns, end_ns = min(start_ns, old_start_ns), max(end_ns, old_end_ns)
            execute(
                "INSERT OR REPLACE INTO expired VALUES (?, ?, ?)",
                (start_ns, end_ns, expired.reason),
            )

    def known(self, stream: Stream, first_seq: int, last_seq: int) -> list[tuple[int, int]]:
        """Give which numbers of a stream between two are there, as ranges."""
        near = self._near(stream, first_seq, last_seq)
        return [(stretch.first_seq, stretch.last_seq) for stretch in near]

    def coverage(self, node: str | None = None) -> Iterator[tuple[Stream, Stretch]]:
        """Give all stretches, or a node's, in order of (node, boot, class, number)."""
        self.corrupt_keys = []
        query = (
            f"SELECT node, boot, class, {_COLUMNS} FROM coverage WHERE node = coalesce(?, node)"
            " ORDER BY node, boot, class, last_seq"
        )
        with translated(self.path):
            for (
                *key,
                first_seq,
                last_seq,
                kind,
                count,
                start_ns,
                end_ns,
                reason,
                crc,
            ) in self._connection.execute(query, (node,)):
                columns = (first_seq, last_seq, kind, count, start_ns, end_ns, reason)
                if _crc(key, columns) == crc:
                    stream = Stream(key[0], key[1], RecordClass(key[2]))
                    yield stream, _stretch(columns)
                else:
                    self.corrupt_keys.append("coverage/{}/{}/{}/{}".format(*key, last_seq))

    def tables(self) -> dict[bytes, tuple[Channel, ...]]:
        """Give the channel tables that were met, by digest; those that are whole."""
        found = {}
        for digest, packed in self._all("SELECT digest, channels FROM tables ORDER BY digest"):
            try:
                channels = _channels_decoder.decode(packed)
            except (msgspec.DecodeError, UnicodeDecodeError, TypeError):
                channels = ()
            if digest_of(channels) == digest:
                found[digest] = channels
            else:
                self._leave_out("tables", digest)
        return found

    def used(self, node: str | None = None) -> list[Used]:
        """Give which tables were used, by whom and when, in order of (node, time)."""
        tables, found = self.tables(), []
        for name, digest, start_ns, end_ns in self._all(
            "SELECT node, digest, start_ns, end_ns FROM used"
            " WHERE node = coalesce(?, node) ORDER BY node, start_ns, digest",
            (node,),
        ):
            is_timed = isinstance(start_ns, int) and isinstance(end_ns, int)
            if digest in tables and is_timed:
                found.append(Used(name, tables[digest], start_ns, end_ns))
            else:
                self._leave_out("used", f"{name}/{_shown(digest)}")
        return found

    def expired(self) -> list[Expired]:
        """Give the times of which samples are gone by policy, rising."""
        rows = self._all("SELECT start_ns, end_ns, reason FROM expired ORDER BY start_ns")
        return [row for each in rows if (row := self._sound("expired", each, Expired))]

    def written(self, days: tuple[int, int] | None = None) -> dict[int, set[int]]:
        """Give which segments were written into the file of which day, and have not expired.

        Of all days, or from one through another.
        """
        found: dict[int, set[int]] = {}
        where = "" if days is None else " WHERE day BETWEEN ? AND ?"
        query = f"SELECT day, segment FROM written{where} ORDER BY day, segment"
        for each in self._all(query, days or ()):
            if row := self._sound("written", each, _Written):
                found.setdefault(row.day, set()).add(row.segment)
        return found

    def problems(self) -> list[Problem]:
        """Give what was found damaged, in order of finding."""
        rows = self._all(
            "SELECT place, what, start_ns, end_ns, found_ns FROM problems ORDER BY found_ns, place"
        )
        return [row for each in rows if (row := self._sound("problems", each, Problem))]

    def _cover(self, stream: Stream, stretches: list[Stretch], touch_ns: int) -> None:
        """Enter stretches of a stream, each made one with what it touches."""
        near = self._near(stream, stretches[0].first_seq - 1, stretches[-1].last_seq + 1)
        key = (stream.node, stream.boot, stream.record_class.value)
        self._connection.executemany(
            f"DELETE FROM coverage WHERE {_OF_STREAM} AND last_seq = ?",
            [(*key, stretch.last_seq) for stretch in near],
        )
        rows = []
        for stretch in merged([*near, *stretches], touch_ns):
            columns = (*stretch[:2], stretch.kind.value, *stretch[3:])
            rows.append((*key, *columns, _crc(key, columns)))
        self._connection.executemany(
            "INSERT OR REPLACE INTO coverage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
        )

    def _near(self, stream: Stream, first_seq: int, last_seq: int) -> list[Stretch]:
        """Give the sound stretches of a stream that have numbers between two."""
        key = (stream.node, stream.boot, stream.record_class.value)
        found = []
        with translated(self.path):
            for *columns, crc in self._connection.execute(
                f"SELECT {_COLUMNS} FROM coverage WHERE {_OF_STREAM} AND last_seq >= ?"
                " ORDER BY last_seq",
                (*key, first_seq),
            ):
                if _crc(key, columns) != crc:
                    continue
                if columns[0] > last_seq:
                    break
                found.append(_stretch(columns))
        return found

    def _note(self, problems: Sequence[Problem]) -> None:
        execute = self._connection.execute
        self._connection.executemany(
            "INSERT OR REPLACE INTO problems VALUES (?, ?, ?, ?, ?)", problems
        )
        if problems:
            execute(
                "DELETE FROM problems WHERE place IN (SELECT place FROM problems"
                " ORDER BY found_ns DESC, place LIMIT -1 OFFSET ?)",
                (PROBLEMS_MAX,),
            )

    def _sound(self, table: str, row: tuple[Any, ...], kind: type[_Kind]) -> _Kind | None:
        """Give a row as what it should be; None, and its name in `unread`, where it is not."""
        try:
            return msgspec.convert(row, kind)
        except msgspec.ValidationError:
            self._leave_out(table, row[0])
            return None

    def _leave_out(self, table: str, key: object) -> None:
        self.unread[f"{table}/{_shown(key)}"] = None

    def _all(self, query: str, arguments: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with translated(self.path):
            return self._connection.execute(query, arguments).fetchall()


def _crc(key: Sequence[object], columns: Sequence[object]) -> int:
    return zlib.crc32("\0".join(str(part) for part in (*key, *columns)).encode())


def _shown(key: object) -> str:
    return key.hex() if isinstance(key, bytes) else str(key)


def _stretch(columns: Sequence[object]) -> Stretch:
    first_seq, last_seq, kind, count, start_ns, end_ns, reason = columns
    return msgspec.convert(
        (first_seq, last_seq, KeepKind(kind), count, start_ns, end_ns, reason), Stretch
    )
