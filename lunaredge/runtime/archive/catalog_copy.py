"""The catalog's copy: what takes the place of a catalog that is damaged, or gone.

The catalog alone knows which numbers are there, and it is small. It is copied after each segment,
before that segment is deleted from the log: an older copy only has the segment settled again.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from lunaredge.errors import JournalCorrupt
from lunaredge.node import Level
from lunaredge.runtime.archive import day_file
from lunaredge.runtime.archive.catalog import NAME, Catalog, Problem
from lunaredge.runtime.archive.database import gone
from lunaredge.runtime.archive.log import segment_numbers, sync_folder
from lunaredge.runtime.archive.shelf import finish_aside, put_aside
from lunaredge.runtime.log import log_event

COPY_NAME = "catalog.copy.sqlite"


def copy_catalog(catalog: Catalog) -> None:
    """Put a copy of a catalog beside it, whole or not at all.

    Raises:
        JournalCorrupt: the catalog is damaged, and the copy before, which is not, is left.
        JournalFull, StorageError, OSError: the one before is left.
    """
    path = catalog.path.with_name(COPY_NAME)
    new = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)  # noqa: PTH108 -- as all writes here: a test cuts the power
    catalog.copy_to(new)
    descriptor = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    _, fault = _state(lambda _: Catalog.of_copy(new), path.parent)
    if fault and not _state(open_copy, path.parent)[1]:
        raise JournalCorrupt(f"{catalog.path} is damaged ({fault})")
    os.replace(new, path)  # noqa: PTH105
    sync_folder(path.parent)


def open_copy(folder: Path) -> Catalog:
    """Open the copy to read only; nobody writes to it.

    Raises:
        FileNotFoundError, JournalCorrupt, StorageError: as `database.opened_to_read`.
    """
    return Catalog.of_copy(folder / COPY_NAME)


def fault_to_read(folder: Path) -> str:
    """Say why a reader is to go by the copy; nothing where the catalog will do, or must.

    Reads all of it: 7 us a stretch (2 shared x86-64 cores, November 2026).

    Raises:
        StorageError: the catalog can't be used.
    """
    # The copy first: its process may have settled a segment before the catalog is looked at.
    copied, copy_fault = _state(open_copy, folder)
    known, fault = _state(Catalog.open_to_read, folder)
    return "" if copy_fault else fault or _lag(known, copied)


def mend_catalog(folder: Path) -> None:
    """Put the copy in the place of a catalog that is damaged or gone, or knows less than the copy.

    A copy that is damaged, or knows less than the catalog, is made anew.

    Raises:
        JournalCorrupt: neither can be used, and there are samples that only they could tell of.
        OSError: the copy can't be put there.
        JournalFull, StorageError: the catalog can't be used.
    """
    known, fault = _state(_open_existing, folder)
    copied, copy_fault = _state(open_copy, folder)
    if not copy_fault and (fault := fault or _lag(known, copied)):
        _replace(folder, fault)
    elif not known and _has_settled(folder):
        # A new catalog would count segments from 1 again, and overwrite what these brought.
        raise JournalCorrupt(
            f"{folder}: neither {NAME} ({fault or 'it is empty'}) nor {COPY_NAME} ({copy_fault})"
            " tells what is in it; restore the folder from a copy, or name an empty one and keep"
            " this: its samples are whole, and nodes send what is not acknowledged"
        )
    elif not fault and (copy_fault or copied < known):
        with contextlib.closing(Catalog.open(folder)) as catalog:
            copy_catalog(catalog)


def _lag(known: int, copied: int) -> str:
    """Say that a catalog knows less than its copy, if so: it was put back, or is a new one."""
    is_behind = known < copied
    return f"it is settled through {known}, its copy through {copied}" if is_behind else ""


def _has_settled(folder: Path) -> bool:
    """Tell whether a segment was settled there: its log is gone, and what it brought is not."""
    return 1 not in segment_numbers(folder) and any((folder / day_file.FOLDER).glob("*"))


def _replace(folder: Path, fault: str) -> None:
    aside = put_aside(folder / NAME) if (folder / NAME).exists() else None
    os.replace(folder / COPY_NAME, folder / NAME)  # noqa: PTH105 -- as all writes here
    sync_folder(folder)
    with contextlib.closing(Catalog.open(folder)) as catalog:
        place = aside.name if aside else NAME
        catalog.note([Problem(place, f"its copy took its place: {fault}", 0, 0, 0)])
        copy_catalog(catalog)
    fields: dict[str, object] = {"file": folder / NAME, "aside": aside, "reason": fault}
    log_event(Level.ERROR, "catalog.replaced", fields)


def _open_existing(folder: Path) -> Catalog:
    finish_aside(folder / NAME)
    if not (folder / NAME).exists():
        raise gone(folder / NAME)
    return Catalog.open(folder)


def _state(opened: Callable[[Path], Catalog], folder: Path) -> tuple[int, str]:
    """Give through which segment a catalog is settled, and what is wrong with it; both or none."""
    try:
        with contextlib.closing(opened(folder)) as catalog:
            return catalog.settled_through(), catalog.fault()
    except FileNotFoundError:
        return 0, "it is gone"
    except JournalCorrupt as exc:
        return 0, str(exc)
