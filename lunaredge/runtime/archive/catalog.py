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
from typing import Any, NamedTuple, Self

import msgspec

from lunaredge.node import KeepKind
from lunaredge.runtime.archive.coverage import Stream, Stretch, merged
from lunaredge.runtime.archive.database import opened, opened_to_read, transaction
from lunaredge.runtime.store import translated
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

_encoder = msgspec.msgpack.Encoder()
_channels_decoder = msgspec.msgpack.Decoder(tuple[Channel, ...])

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
        self._connection = connection

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
        return cls(folder / NAME, opened_to_read(folder / NAME, _VERSION))

    @classmethod
    def of_copy(cls, path: Path) -> Self:
        """Open a copy to read only; nobody writes to it.

        Raises:
            FileNotFoundError, JournalCorrupt, StorageError: as `database.opened_to_read`.
        """
        return cls(path, opened_to_read(path, _VERSION, is_copy=True))

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
        told = self._all("PRAGMA quick_check(1)")[0][0]
        for _ in self.coverage():
            pass
        if told == "ok" and self.corrupt_keys:
            told = f"checksums of {len(self.corrupt_keys)} rows fail"
        return "" if told == "ok" else str(told)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def freeze(self) -> None:
        """See from now on what is committed by now, and nothing that comes after it."""
        with translated(self.path):
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM meta").fetchone()

    def settled_through(self) -> int:
        """Give the number of the last segment that is settled; 0 before the first."""
        row = self._one("SELECT value FROM meta WHERE key = 'settled_through'")
        return int(row[0]) if row else 0

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
            execute(
                "INSERT OR REPLACE INTO meta VALUES ('settled_through', ?)", (settlement.number,)
            )

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
        """Give the channel tables that were met, by digest."""
        rows = self._all("SELECT digest, channels FROM tables ORDER BY digest")
        return {bytes(digest): _channels_decoder.decode(channels) for digest, channels in rows}

    def used(self, node: str | None = None) -> list[Used]:
        """Give which tables were used, by whom and when, in order of (node, time)."""
        rows = self._all(
            "SELECT node, channels, start_ns, end_ns FROM used JOIN tables USING (digest)"
            " WHERE node = coalesce(?, node) ORDER BY node, start_ns, digest",
            (node,),
        )
        return [Used(name, _channels_decoder.decode(packed), *span) for name, packed, *span in rows]

    def expired(self) -> list[Expired]:
        """Give the times of which samples are gone by policy, rising."""
        rows = self._all("SELECT start_ns, end_ns, reason FROM expired ORDER BY start_ns")
        return [Expired(*row) for row in rows]

    def written(self) -> dict[int, set[int]]:
        """Give which segments were written into the file of which day, and have not expired."""
        found: dict[int, set[int]] = {}
        for day, segment in self._all("SELECT day, segment FROM written ORDER BY day, segment"):
            found.setdefault(day, set()).add(segment)
        return found

    def problems(self) -> list[Problem]:
        """Give what was found damaged, in order of finding."""
        rows = self._all(
            "SELECT place, what, start_ns, end_ns, found_ns FROM problems ORDER BY found_ns, place"
        )
        return [Problem(*row) for row in rows]

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
                if columns[0] > last_seq:
                    break
                if _crc(key, columns) == crc:
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

    def _one(self, query: str) -> tuple[int] | None:
        with translated(self.path):
            row: tuple[int] | None = self._connection.execute(query).fetchone()
        return row

    def _all(self, query: str, arguments: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with translated(self.path):
            return self._connection.execute(query, arguments).fetchall()


def _crc(key: Sequence[object], columns: Sequence[object]) -> int:
    return zlib.crc32("\0".join(str(part) for part in (*key, *columns)).encode())


def _stretch(columns: Sequence[object]) -> Stretch:
    first_seq, last_seq, kind, count, start_ns, end_ns, reason = columns
    return msgspec.convert(
        (first_seq, last_seq, KeepKind(kind), count, start_ns, end_ns, reason), Stretch
    )
