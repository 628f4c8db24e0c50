"""The durable store of one process: a SQLite file in WAL mode, one writer, a schema version.

Owns rows (what a core asks to persist), the archive (records kept for good) and the boot counter.
Knows nothing of what the bytes mean. All calls block; the runner makes them in one thread. The
file is locked for the life of the store, so that two processes can't both believe they own it; and
should they all the same, the file itself takes writes from its newest life alone.
"""

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from lunaredge.errors import JournalCorrupt, JournalFenced, JournalFull, StorageError
from lunaredge.ids import BootId, NodeId
from lunaredge.node import Archive, Erase, Keep, Persist, Row
from lunaredge.runtime.lock import StoreLock
from lunaredge.runtime.store_schema import APPLICATION_ID, MIGRATIONS
from lunaredge.runtime.wal import WalMeter
from lunaredge.wire.messages import RecordClass

Write = Persist | Erase | Archive | Keep

# Shown in a report; the count goes on beyond it.
CORRUPT_SHOWN_MAX = 20
# Boot ids are written with 14 digits where they are sorted as text: counter << 24 stays below.
_BOOT_COUNTER_MAX = 10**14 >> 24
# After a checkpoint the WAL file is cut back to this; without it, it keeps its largest size.
_WAL_BYTES_MAX = 16 * 1024 * 1024
_PAGE_BYTES = 4096
_FULL_ERRORS = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})
_CORRUPT_ERRORS = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a store keeps its file; fixed for its life."""

    synchronous: str = "full"
    """``full``: every commit is on the medium. ``normal``: a power cut may take the last ones."""
    bytes_max: int = 0
    """Over this the store is full, whatever room the disk has; 0 for no bound."""


class ArchivedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record kept for good, as it is read back."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int
    count: int
    dropped: bool
    received_ns: int
    record: bytes


class ArchiveCount(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive holds of one node and class."""

    node: NodeId
    record_class: RecordClass
    uploads: int
    """Uploads archived, markers of dropped records included."""
    archived: int
    """Samples or records inside."""
    dropped: int
    """Samples or records that the sender dropped by policy."""


class _DamagedRow(NamedTuple):
    number: int
    place: int
    """SQLite's own number of the row."""
    crc: object


class Store:
    """One process's file. Make it with `open`."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: StoreLock | None,
        meter: WalMeter | None = None,
    ) -> None:
        self.path = path
        self.corrupt_count = 0
        self.corrupt_keys: list[str] = []
        self.corrupt_keys_max = CORRUPT_SHOWN_MAX
        """Damaged rows beyond are counted only."""
        self.repeated_count = 0
        """Archive writes that were there already; each is the same record, kept once."""
        self._connection = connection
        # A damaged key must not keep the rows behind it from being read.
        connection.text_factory = _text
        self._lock = lock
        self._meter = meter
        self._damaged: dict[tuple[str, str], list[_DamagedRow]] = {}
        """Damaged rows by table and scope as they were read: their keys may not find them."""
        self._life = 0
        """The boot counter of the newest life begun here; 0 before the first."""

    @classmethod
    def open(
        cls, path: Path, settings: StoreSettings | None = None, lock: StoreLock | None = None
    ) -> Self:
        """Open or make the store at that path, and bring its schema up to date.

        The lock is the store's own from then on, also where opening fails. Without one it is taken.

        Raises:
            StorageError: another process has it, it is newer than this program, it is not a
                store, or the file can't be used.
            JournalCorrupt: the file is damaged.
            JournalFull: there is no room to make it.
        """
        settings = settings or StoreSettings()
        assert settings.synchronous in ("full", "normal"), settings.synchronous
        lock = lock or StoreLock.take(path, "stop it, or name another store")
        assert lock.path == path, f"a lock of {lock.path}"
        try:
            with translated(path):
                meter = WalMeter(path)
                connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
                store = cls(path, connection, lock, meter)
                try:
                    store._prepare(settings)
                except BaseException:
                    connection.close()
                    raise
            return store
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open_to_read(cls, path: Path) -> Self:
        """Open a store beside the process that owns it, to read only.

        Raises:
            StorageError: there is no such store, or it is newer than this program.
            JournalCorrupt: the file is damaged.
        """
        with translated(path):
            place = path.absolute().as_uri() + "?mode=ro"
            connection = sqlite3.connect(
                place, uri=True, isolation_level=None, check_same_thread=False
            )
            store = cls(path, connection, None)
            try:
                store._check_identity()
            except BaseException:
                connection.close()
                raise
        return store

    @property
    def written_bytes(self) -> int:
        """What went to the medium since it was opened, by whole blocks; see `WalMeter`."""
        return 0 if self._meter is None else self._meter.written_bytes

    def close(self) -> None:
        """Close the file and give up the lock."""
        with translated(self.path):
            self._connection.close()
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable in one transaction, in order; all or none.

        Raises:
            JournalFull: no room; nothing was written.
            JournalFenced: another process has begun a life on it since; nothing was written.
            StorageError: the medium refused; nothing was written.
            JournalCorrupt: the file is damaged.
        """
        assert writes, "empty commit"
        with self._transaction():
            self.check_life()
            for write in writes:
                self._write(write)

    def rows(self, only: str | None = None) -> Iterator[Row]:
        """Give the rows in order of (table, scope, number); of one table, or of all.

        A row whose checksum fails is given as damaged, and counted in ``corrupt_count``:
        its core knows what a row means that can't be read. A stop, say, holds.

        Raises:
            JournalCorrupt: the file is damaged beyond single rows.
        """
        self.corrupt_count = 0
        self.corrupt_keys = []
        self._damaged = {}
        where = "" if only is None else 'WHERE "table" = ?'
        query = (
            f'SELECT "table", scope, number, value, crc, rowid FROM rows {where} ORDER BY 1, 2, 3'
        )
        with translated(self.path):
            arguments = () if only is None else (only,)
            for *key, value, crc, place in self._connection.execute(query, arguments):
                # SQLite keeps any type in any column: damage may have turned one into another.
                table, scope, number = _text(key[0]), _text(key[1]), _number(key[2])
                is_sound = [table, scope, number] == key and isinstance(value, bytes)
                if is_sound and _row_crc(table, scope, number, value) == crc:
                    yield Row(table, scope, number, value)
                else:
                    self._count_corrupt(f"{table}/{scope}/{number}")
                    damaged = _DamagedRow(number, place, crc)
                    self._damaged.setdefault((table, scope), []).append(damaged)
                    yield Row(table, scope, number, b"", is_whole=False)

    def next_boot(self, random24: int) -> BootId:
        """Give a boot id never given before: a durable counter, then 24 random bits.

        Raises:
            JournalFull, StorageError, JournalCorrupt: as `commit`.
        """
        assert 0 <= random24 < 1 << 24, random24
        with self._transaction():
            counter = self._meta("boot_counter") + 1
            if counter >= _BOOT_COUNTER_MAX:
                raise StorageError(
                    f"{self.path}: boot counter {counter} is used up; start a new store"
                )
            self._set_meta("boot_counter", counter)
        self._life = counter
        return BootId(counter << 24 | random24)

    def raise_boots(self, above: BootId) -> None:
        """Have every boot id given from now on be above that one.

        Raises:
            JournalFull, StorageError, JournalCorrupt: as `commit`.
        """
        with self._transaction():
            self.check_life()
            counter = max(self._meta("boot_counter"), above >> 24)
            self._set_meta("boot_counter", counter)
        self._life = counter

    def check_life(self) -> None:
        """Make sure that nobody has begun a life on this file since ours.

        The lock sees to that, but a lock can be got round: by deleting its file, say.

        Raises:
            JournalFenced: somebody has.
        """
        newest = self._meta("boot_counter")
        if self._life and newest != self._life:
            raise JournalFenced(
                f"{self.path} was taken over: life {newest} has begun on it, this one is"
                f" {self._life}; run one process on a store, and leave its lock file alone"
            )

    def archive_rows(
        self, node: NodeId | None = None, record_class: RecordClass | None = None
    ) -> Iterator[ArchivedRecord]:
        """Give archived records in order of (node, boot, class, seq), of one node or class or all.

        A record whose checksum fails is left out and counted in ``corrupt_count``.
        """
        query = (
            "SELECT node, boot, class, first_seq, seq, count, dropped, received_ns, record, crc"
            " FROM archive WHERE node = coalesce(?, node) AND class = coalesce(?, class)"
            " ORDER BY node, boot, class, seq"
        )
        arguments = (node, record_class.value if record_class else None)
        with translated(self.path):
            for *columns, crc in self._connection.execute(query, arguments):
                if not isinstance(columns[-1], bytes) or _archive_crc(columns) != crc:
                    self._count_corrupt("archive/{}/{}/{}/{}".format(*columns[:3], columns[4]))
                    continue
                yield _archived(columns)

    def archive_counts(self) -> list[ArchiveCount]:
        """Give what the archive holds, by node and class."""
        query = (
            "SELECT node, class, count(*), sum(CASE dropped WHEN 0 THEN count ELSE 0 END),"
            " sum(CASE dropped WHEN 0 THEN 0 ELSE count END)"
            " FROM archive GROUP BY node, class ORDER BY node, class"
        )
        with translated(self.path):
            found = self._connection.execute(query).fetchall()
        return [
            ArchiveCount(
                node=NodeId(node),
                record_class=RecordClass(name),
                uploads=uploads,
                archived=archived,
                dropped=dropped,
            )
            for node, name, uploads, archived, dropped in found
        ]

    def check(self) -> list[str]:
        """Give what is wrong with the whole file, one line each; empty when it is sound. Slow."""
        found = self.check_pages()
        for _ in self.rows():
            pass
        for _ in self.archive_rows():
            pass
        return found + [f"checksum of {key} fails" for key in self.corrupt_keys]

    def check_pages(self) -> list[str]:
        """Give what is wrong with the file's pages, one line each; rows have checksums besides."""
        with translated(self.path):
            lines = [str(row[0]) for row in self._connection.execute("PRAGMA quick_check(20)")]
        return [line for line in lines if line != "ok"]

    def _prepare(self, settings: StoreSettings) -> None:
        """Set the connection up, then migrate."""
        execute = self._connection.execute
        execute("PRAGMA busy_timeout = 5000")  # readers checkpoint; five seconds is their worst
        execute("PRAGMA journal_mode = WAL")
        execute(f"PRAGMA synchronous = {settings.synchronous}")
        execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_MAX}")
        if settings.bytes_max:
            execute(f"PRAGMA max_page_count = {settings.bytes_max // _PAGE_BYTES}")
        self._migrate(self._check_identity())

    def _check_identity(self) -> int:
        """Give the schema version of the file; 0 for an empty one.

        Raises:
            StorageError: it is not one of ours, or newer than this program.
        """
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == 0 and tables == 0:
            return 0
        if application != APPLICATION_ID:
            ours = "SELECT count(*) FROM sqlite_master WHERE name IN ('meta', 'rows')"
            if self._connection.execute(ours).fetchone()[0] == 2:
                raise _damaged(self.path, f"its application id is {application}")
            raise StorageError(f"{self.path} is a database of another program; name another file")
        version = self._meta("schema_version")
        if version > len(MIGRATIONS):
            raise StorageError(
                f"{self.path} has schema version {version}, this program knows {len(MIGRATIONS)};"
                " use the newer lunaredge that wrote it"
            )
        return version

    def _migrate(self, version: int) -> None:
        """Run what is missing, each step and its version number in one transaction."""
        for target, statements in enumerate(MIGRATIONS[version:], start=version + 1):
            with self._transaction():
                for statement in statements:
                    self._connection.execute(statement)
                self._set_meta("schema_version", target)
                self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def _write(self, write: Write) -> None:
        execute = self._connection.execute
        match write:
            case Persist(table=table, scope=scope, number=number, value=value):
                crc = _row_crc(table, scope, number, value)
                execute(
                    "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)",
                    (table, scope, number, value, crc),
                )
            case Erase(table=table, scope=scope, through=through, first=first):
                execute(
                    'DELETE FROM rows WHERE "table" = ? AND scope = ? AND number BETWEEN ? AND ?',
                    (table, scope, first, through),
                )
                for row in self._damaged.get((table, scope), ()):
                    if first <= row.number <= through:
                        # Its place may be another's by now; that has another checksum.
                        execute("DELETE FROM rows WHERE rowid = ? AND crc IS ?", row[1:])
            case Archive():
                self._archive(write)
            case Keep():
                raise AssertionError("an upload for the telemetry archive, which has its own store")

    def _archive(self, write: Archive) -> None:
        """Keep a record once: the same number again, after a lost answer, changes nothing."""
        columns: list[object] = [
            write.node,
            write.boot,
            write.record_class.value,
            write.first_seq,
            write.seq,
            write.count,
            int(write.dropped),
            write.received_ns,
            write.record,
        ]
        cursor = self._connection.execute(
            "INSERT OR IGNORE INTO archive VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*columns, _archive_crc(columns)),
        )
        self.repeated_count += 1 - cursor.rowcount

    def _meta(self, key: str) -> int:
        with translated(self.path):
            found = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,))
            row = found.fetchone()
        value = row[0] if row else 0
        if not isinstance(value, int) or value < 0:
            raise _damaged(self.path, f"its {key} is {value!r:.40}")
        return value

    def _set_meta(self, key: str, value: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                # SQLite has already rolled back by itself after some errors (full, I/O).
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            assert self._meter is not None, "a reader wrote"
            self._meter.read()

    def _count_corrupt(self, key: str) -> None:
        self.corrupt_count += 1
        if len(self.corrupt_keys) < self.corrupt_keys_max:
            self.corrupt_keys.append(key)


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, at the border.

    Raises:
        JournalFull, JournalCorrupt, StorageError: as they say.
    """
    try:
        yield
    except sqlite3.Error as exc:
        name = getattr(exc, "sqlite_errorname", "") or ""
        if name in _FULL_ERRORS:
            raise JournalFull(f"{path}: no room to write ({exc}); free space on the disk") from exc
        if name.split("_", 2)[:2] == ["SQLITE", "CORRUPT"] or name in _CORRUPT_ERRORS:
            raise _damaged(path, exc) from exc
        raise StorageError(f"{path}: {exc} ({name or 'SQLite'})") from exc


def _damaged(path: Path, how: object) -> JournalCorrupt:
    return JournalCorrupt(
        f"{path} is damaged ({how}); move it away and restore it from a copy,"
        " or start without it: what nobody has acknowledged yet is then lost"
    )


def _text(value: object) -> str:
    """Give a column that should hold text as text, whatever damage made of it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(value: object) -> int:
    """Give a column that should hold a whole number as one, whatever damage made of it."""
    return value if isinstance(value, int) else 0


def _row_crc(table: str, scope: str, number: int, value: bytes) -> int:
    """Give the checksum over key and value: a value under the wrong key is damage too."""
    return zlib.crc32(value, zlib.crc32(f"{table}\0{scope}\0{number}\0".encode()))


def _archive_crc(columns: Iterable[object]) -> int:
    *key, record = columns
    assert isinstance(record, bytes)
    return zlib.crc32(record, zlib.crc32("\0".join(str(part) for part in key).encode()))


def _archived(columns: Sequence[object]) -> ArchivedRecord:
    names = ArchivedRecord.__struct_fields__
    return msgspec.convert(dict(zip(names, columns, strict=True)), ArchivedRecord, strict=False)
