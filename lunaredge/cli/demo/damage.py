"""Damage on a run's disks: which store has how many rows whose checksum fails, and which.

Owns what is known of a damaged row: the place it stands at, never what it said. A store that is
missing, or damaged beyond single rows, can't be judged from at all: that is an error.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.ids import BootId, NodeId
from lunaredge.runtime.store import Store
from lunaredge.wire import spool, topics
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass

# Where a process's rows are, if not in a file of its own name.
STORES = {topics.ARCHIVE: "archive/archive"}
# What a person reads; the count goes on beyond it.
SHOWN_MAX = 5
KEYS_MAX = 20
# An audit asks of every damaged row where it belongs; a hundred bytes each, that is 100 MB.
ROWS_MAX = 1_000_000


class Damage(msgspec.Struct, frozen=True, kw_only=True):
    """The damaged rows of one store."""

    store: str
    """The file's name."""
    rows: int
    keys: tuple[str, ...]
    """The first of them, as table/scope/number or archive/node/boot/class/seq."""

    def __str__(self) -> str:
        shown = ", ".join(self.keys[:SHOWN_MAX]) + (", ..." if self.rows > SHOWN_MAX else "")
        rows = "1 damaged row" if self.rows == 1 else f"{self.rows} damaged rows"
        return f"{self.store} has {rows} (the checksum fails): {shown}"


class Place(NamedTuple):
    """Where a damaged row says that its upload belongs: a stream and a number."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    seq: int


def open_store(folder: Path, name: str) -> Store:
    """Open one store of a run.

    Raises:
        StorageError: it is missing or empty.
        JournalCorrupt: the file is damaged beyond single rows.
    """
    path = folder / "stores" / f"{name}.sqlite"
    size_bytes = path.stat().st_size if path.is_file() else None
    if not size_bytes:
        fault = "is missing" if size_bytes is None else "is empty"
        raise StorageError(f"{path} {fault}; a run is judged from all of its stores, restore it")
    store = Store.open_to_read(path)
    store.corrupt_keys_max = ROWS_MAX
    return store


def find_damage(folder: Path, names: list[str]) -> list[Damage]:
    """Read every row of a run's stores and give what is damaged, by store.

    Raises:
        StorageError: a store is missing or empty.
        JournalCorrupt: a file is damaged beyond single rows.
    """
    return [damage for name in names for damage in _damage_of(folder, name)]


def places(store: Store, node: NodeId) -> Iterator[Place]:
    """Give where the damaged rows belong that were met when the store was read.

    ``node`` is the sender of what lies in the store's spool. A row whose very place makes no sense
    is left out.
    """
    for key in store.corrupt_keys:
        try:
            match key.split("/"):
                case ["archive", sender, boot, kind, seq]:
                    yield Place(NodeId(sender), BootId(int(boot)), RecordClass(kind), int(seq))
                case [spool.TABLE, boot, index, seq]:
                    yield Place(node, BootId(int(boot)), RECORD_CLASSES[int(index)], int(seq))
        except (ValueError, IndexError):
            continue


def _damage_of(folder: Path, name: str) -> Iterator[Damage]:
    store = open_store(folder, name)
    try:
        beyond_rows = [line for line in store.check() if not line.startswith("checksum of ")]
    finally:
        store.close()
    if beyond_rows:
        raise JournalCorrupt(
            f"{store.path} is damaged beyond single rows ({beyond_rows[0]});"
            " restore it from a copy to judge the run"
        )
    if store.corrupt_count:
        keys = tuple(store.corrupt_keys[:KEYS_MAX])
        yield Damage(store=store.path.name, rows=store.corrupt_count, keys=keys)
