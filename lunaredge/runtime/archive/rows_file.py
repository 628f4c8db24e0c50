"""The file of the core's rows: begun anew where it is damaged.

What the core remembers it hears again: nodes tell their tables and values, and the first value of
each channel that has limits tells whether its alarm is up. What is kept is not in there.
"""

from pathlib import Path

from lunaredge.errors import JournalCorrupt
from lunaredge.ids import BootId
from lunaredge.node import Level
from lunaredge.runtime.archive.database import translated
from lunaredge.runtime.archive.shelf import put_aside
from lunaredge.runtime.lock import StoreLock
from lunaredge.runtime.log import log_event
from lunaredge.runtime.store import Store

NAME = "archive.sqlite"


def open_rows(folder: Path, lock: StoreLock | None = None) -> Store:
    """Open or make the file of an archive's rows; put one that is damaged aside first.

    The lock is the store's own from then on, also where opening fails.

    Raises:
        StorageError: another process has it, it is newer than this program, or it can't be used.
        JournalFull: there is no room to make it.
        OSError: the damaged one can't be put aside.
    """
    path = folder / NAME
    try:
        return _opened(path, lock)
    except JournalCorrupt as exc:
        fault = str(exc)
    lock = StoreLock.take(path, "stop it")
    try:
        aside = put_aside(path)
    except BaseException:
        lock.release()
        raise
    fields: dict[str, object] = {"file": path, "aside": aside, "reason": fault}
    log_event(Level.ERROR, "rows.replaced", fields)
    return Store.open(path, lock=lock)


def _opened(path: Path, lock: StoreLock | None) -> Store:
    with translated(path):
        store = Store.open(path, lock=lock)
        try:
            if faults := store.check_pages():
                raise JournalCorrupt(f"{path} is damaged ({faults[0]})")
            for _ in store.rows():
                # A row that is damaged costs itself alone; a table that is, all of them.
                pass
            # Some damage is met by whoever writes.
            store.raise_boots(BootId(0))
        except BaseException:
            store.close()
            raise
    return store
