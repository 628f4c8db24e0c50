"""Segments of the log that are put aside: where they lie, and how one that is settled is let go.

A segment is put aside by the catalog's word and by a new name, one after the other. Killed in
between, it still has the name of one that is settled and may be deleted.
"""

import os
from pathlib import Path

from lunaredge.runtime.archive.catalog import Catalog
from lunaredge.runtime.archive.log import sync_folder


def aside_of(path: Path) -> Path:
    """Give the name that a segment has when it is put aside."""
    return path.with_suffix(".aside")


def place_of(path: Path) -> str:
    """Give how the catalog's problems name a segment that is put aside."""
    return f"{path.parent.name}/{aside_of(path).name}"


def put_by(path: Path) -> None:
    """Give a segment the name of one that is put aside, durably.

    Raises:
        OSError: it can't be renamed.
    """
    os.replace(path, aside_of(path))  # noqa: PTH105 -- as all writes here: a test cuts the power
    sync_folder(path.parent)


def let_go(path: Path, catalog: Catalog) -> None:
    """Delete a segment that counts as settled; rename it where the catalog has it put aside.

    Raises:
        OSError: it is left as it is.
        JournalCorrupt, StorageError: the catalog can't be read.
    """
    place = place_of(path)
    is_aside = any(problem.place == place for problem in catalog.problems())
    if is_aside and not aside_of(path).exists():
        put_by(path)
    else:
        os.unlink(path)  # noqa: PTH108 -- as all writes here
