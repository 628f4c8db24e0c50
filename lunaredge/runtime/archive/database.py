"""The SQLite files of an archive: how they are opened, checked and written.

All are in WAL mode, so that a reader beside the process is never in its way, and synced at each
commit. Each names its schema's version; a newer one is refused.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.runtime.store import translated

# "LEDA": an archive's files, apart from the stores of processes and other programs' files.
APPLICATION_ID = 0x4C454441
# Readers checkpoint; ten seconds is their worst, and settling can wait.
_BUSY_MS = 10_000
# Blocks are kilobytes: of a larger page less is spent on chains of pages.
_PAGE_BYTES = 16_384
PARTS = ("", "-wal", "-shm")
"""What a file's name is followed by in those that belong to it."""


def opened(path: Path, schema: Sequence[str], version: int) -> sqlite3.Connection:
    """Open or make a file to write.

    Raises:
        JournalFull, JournalCorrupt, StorageError: it can't be used; its schema is a newer one's.
    """
    with translated(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            if _is_new(path, connection, version):
                connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
                connection.execute("PRAGMA journal_mode = WAL")
                with transaction(connection, path):
                    for statement in schema:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {version}")
                    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
    return connection


def opened_to_read(path: Path, version: int, *, is_copy: bool = False) -> sqlite3.Connection:
    """Open a file to read only, beside its writer; a copy has none, and no files beside it.

    Raises:
        FileNotFoundError: there is none.
        JournalCorrupt, StorageError: it can't be used; its schema is a newer one's.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    with translated(path):
        place = path.absolute().as_uri() + ("?immutable=1" if is_copy else "?mode=ro")
        connection = sqlite3.connect(place, uri=True, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            if _is_new(path, connection, version):
                raise FileNotFoundError(path)  # its first transaction is not committed yet
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


def _is_new(path: Path, connection: sqlite3.Connection, version: int) -> bool:
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if not tables and not application:
        return True
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise JournalCorrupt(f"{path} is no file of an archive, or damaged")
    if found > version:
        raise StorageError(
            f"{path} has schema version {found}, this program knows {version};"
            " use the newer lunaredge that wrote it"
        )
    return False
