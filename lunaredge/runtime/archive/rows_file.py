"""The file of the core's rows: begun anew where it is damaged, with what of it must not be lost.

Last values and tables are heard again from the nodes. What waits to be passed on, alarms among it,
and which limits are passed stands nowhere else: it is taken over, as far as it can be read. What is
archived is not in there.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lunaredge.archive.node import LIMITS_TABLE
from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.node import Level, Persist, Row
from lunaredge.runtime.archive.catalog import NAME as CATALOG
from lunaredge.runtime.archive.database import translated
from lunaredge.runtime.archive.shelf import finish_aside, put_aside
from lunaredge.runtime.lock import StoreLock
from lunaredge.runtime.log import log_event
from lunaredge.runtime.store import Store
from lunaredge.wire import spool

NAME = "archive.sqlite"
_TAKEN_OVER = (LIMITS_TABLE, spool.TABLE)
# The versions of SQLite's file format, in its header: by another one nobody may write.
_WRITE_VERSION_AT = 18
_WRITE_VERSIONS = (b"\x01", b"\x02")


def open_rows(folder: Path, lock: StoreLock | None = None) -> tuple[Store, Path | None]:
    """Open or make the file of an archive's rows; put one that is damaged aside first.

    The lock is the store's own from then on, also where opening fails.

    Returns:
        The store, and where the damaged file is, if it was.

    Raises:
        StorageError: another process has it, it is newer than this program, or it can't be used.
        JournalFull: there is no room to make it.
        OSError: the damaged one can't be put aside.
    """
    path = folder / NAME
    lock = lock or StoreLock.take(path, "stop it, or name another store")
    try:
        finish_aside(path)
        fault = _fault(path)
        aside = put_aside(path) if fault else None
    except BaseException:
        lock.release()
        raise
    store = Store.open(path, lock=lock)
    if aside is not None:
        saved = [Persist(row.table, row.scope, row.number, row.value) for row in _saved(aside)]
        if saved:
            store.commit(saved)
        fields: dict[str, object] = {"file": path, "aside": aside, "reason": fault}
        log_event(Level.ERROR, "rows.replaced", fields | {"rows_taken_over": len(saved)})
    return store, aside


def _fault(path: Path) -> str:
    """Say what is wrong with the file as a whole; damaged rows cost themselves alone.

    Raises:
        StorageError: it can't be used, and is not damaged.
    """
    if not path.exists():
        return ""
    with path.open("rb") as file:
        header = file.read(_WRITE_VERSION_AT + 1)
    if not header and not path.with_name(CATALOG).exists():
        return ""  # made by a first start that came no further
    if header[_WRITE_VERSION_AT:] not in _WRITE_VERSIONS:
        return "it is empty, or its header says that nobody may write it"
    try:
        with translated(path), contextlib.closing(Store.open_to_read(path)) as store:
            faults = store.check_pages()
            for _ in store.rows():
                pass
            return faults[0] if faults else ""
    except JournalCorrupt as exc:
        return str(exc.__cause__ or exc)


def _saved(aside: Path) -> Iterator[Row]:
    """Give what can be read of the rows that must not be lost."""
    for table in _TAKEN_OVER:
        with (
            contextlib.suppress(StorageError),
            translated(aside),
            contextlib.closing(Store.open_to_read(aside)) as store,
        ):
            yield from (row for row in store.rows(table) if row.is_whole)
