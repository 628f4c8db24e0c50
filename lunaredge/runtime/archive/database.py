"""The SQLite files of an archive: how they are opened, checked and written.

All are in WAL mode, so that a reader beside the process is never in its way, and synced at each
commit. Each names its schema's version; a newer one is refused, and has other words in its schema:
a version that stands beside the words of ours is damage.
"""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.runtime import store

# "LEDA": an archive's files, apart from the stores of processes and other programs' files.
APPLICATION_ID = 0x4C454441
# Readers checkpoint; ten seconds is their worst, and settling can wait.
_BUSY_MS = 10_000
# Blocks are kilobytes: of a larger page less is spent on chains of pages.
_PAGE_BYTES = 16_384
PARTS = ("", "-wal", "-shm")
"""What a file's name is followed by in those that belong to it."""


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours; what damage alone brings about is told as damage.

    No row or query of ours breaks a constraint of the schema or names a column that is not there:
    where SQLite says so, a bit has changed in the file.

    Raises:
        JournalFull, JournalCorrupt, StorageError: as they say.
    """
    try:
        with store.translated(path):
            yield
    except StorageError as exc:
        if isinstance(exc, JournalCorrupt) or not _is_damage(path, exc.__cause__):
            raise
        raise JournalCorrupt(f"{path} is damaged ({exc.__cause__})") from exc
    except UnicodeDecodeError as exc:
        # Python's own, of an error that quotes what is damaged.
        raise JournalCorrupt(f"{path} is damaged ({exc})") from exc


def opened(path: Path, schema: Sequence[str], version: int) -> sqlite3.Connection:
    """Open or make a file to write.

    Raises:
        JournalFull, JournalCorrupt, StorageError: it can't be used; its schema is a newer one's.
    """
    with translated(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            if _is_new(path, connection):
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = WAL")
                with transaction(connection, path):
                    for statement in schema:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {version}")
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            else:
                _check_schema(path, connection, schema, version)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
    return connection


def opened_to_read(
    path: Path, version: int, schema: Sequence[str] = (), *, is_copy: bool = False
) -> sqlite3.Connection:
    """Open a file to read only, beside its writer; a copy has none, and no files beside it.

    With a schema, that is checked as well: so a damaged version is told from a newer one.

    Raises:
        FileNotFoundError: there is none.
        JournalCorrupt, StorageError: it can't be used; its schema is a newer one's.
    """
    if not path.exists():
        raise gone(path)
    with translated(path):
        place = path.absolute().as_uri() + ("?immutable=1" if is_copy else "?mode=ro")
        connection = sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)
        # A damaged name must not keep what stands behind it from being read.
        connection.text_factory = lenient_text
        try:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            if _is_new(path, connection):
                raise gone(path)  # its first transaction is not committed yet
            _check_schema(path, connection, schema, version)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Commit what is written inside, or nothing of it.

    Raises:
        JournalFull, JournalCorrupt, StorageError: nothing was written.
    """
    with translated(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def check_pages(path: Path, connection: sqlite3.Connection, tables: Sequence[str] = ()) -> None:
    """Make sure that a file's pages are whole, and some of its tables those of their indexes.

    Raises:
        JournalCorrupt: it is damaged.
    """
    fault = fault_of_pages(path, connection, tables)
    if fault:
        raise JournalCorrupt(f"{path} is damaged ({fault})")


def fault_of_pages(path: Path, connection: sqlite3.Connection, tables: Sequence[str] = ()) -> str:
    """Read a whole file, and compare some tables with their indexes; say what is wrong, if it is.

    200 MB take 75 ms where they are in memory (2 shared x86-64 cores, November 2026).

    Raises:
        JournalCorrupt, StorageError: it can't be read.
    """
    with translated(path):
        for check in ("quick_check(1)", *(f"integrity_check({table})" for table in tables)):
            told = connection.execute(f"PRAGMA {check}").fetchone()
            if not told or told[0] != "ok":
                return str(told[0]) if told else "no word"
    return ""


def gone(path: Path) -> FileNotFoundError:
    """Give the error that says which file is not there."""
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def lenient_text(value: bytes) -> str:
    """Give a text column as text, whatever damage made of it."""
    return value.decode(errors="replace")


def remove_database(path: Path) -> int:
    """Delete a SQLite file with all that belongs to it; give its bytes.

    Raises:
        OSError: it can't be deleted.
    """
    size_bytes = 0
    for part in reversed(PARTS):
        with contextlib.suppress(FileNotFoundError):
            size_bytes += os.stat(f"{path}{part}").st_size  # noqa: PTH116 -- as all writes here
            os.unlink(f"{path}{part}")  # noqa: PTH108
    return size_bytes


def _is_new(path: Path, connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if not tables and not application:
        return True
    if application != APPLICATION_ID:
        raise JournalCorrupt(f"{path} is no file of an archive, or damaged")
    return False


def _check_version(path: Path, connection: sqlite3.Connection, version: int) -> None:
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found > version:
        raise StorageError(
            f"{path} has schema version {found}, this program knows {version};"
            " use the newer lunaredge that wrote it"
        )


def _check_schema(
    path: Path, connection: sqlite3.Connection, schema: Sequence[str], version: int
) -> None:
    """Make sure that the tables are those of a schema: by words, since lines may be broken anew."""
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"
    found = {" ".join(str(row[0]).split()) for row in connection.execute(query)}
    lacking = {" ".join(statement.split()) for statement in schema} - found
    if lacking or not schema:
        _check_version(path, connection, version)
    if lacking:
        raise JournalCorrupt(f"{path} is damaged (it lacks: {min(lacking)})")
    try:
        _check_version(path, connection, version)
    except StorageError as exc:
        raise JournalCorrupt(f"{path} is damaged, or its schema is: {exc}") from exc


def _is_damage(path: Path, cause: BaseException | None) -> bool:
    """Tell an error that is the file's own from those of the medium and of who else has it open."""
    if not isinstance(cause, sqlite3.Error):
        return False
    if isinstance(cause, sqlite3.IntegrityError | sqlite3.DataError):
        return True
    name = getattr(cause, "sqlite_errorname", "") or ""
    if name == "SQLITE_READONLY":
        # The version in a file's header may forbid writing; so may its rights.
        return os.access(path, os.W_OK)
    # Without a name: text that is none, found by Python.
    is_own = not name or name.split("_")[:2] == ["SQLITE", "ERROR"]
    return isinstance(cause, sqlite3.OperationalError) and is_own
