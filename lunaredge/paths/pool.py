"""Room for the blocks of a site grid's layers, shared by all of its versions."""

import weakref

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, Shorts
from lunaredge.kernels.relief import BLOCK, LAYERS


class BlockPool:
    """Blocks of all versions of one grid. What a table that is still there names is never written.

    Whoever holds a version's table holds its blocks; what only tables that are gone have named is
    used again. That is found out when there is no room left (mark and sweep, McCarthy 1960).
    """

    def __init__(self, count: int) -> None:
        self.blocks: Floats = np.empty((count, LAYERS, BLOCK, BLOCK))
        self._free: Ints = np.arange(count)
        self._tables: list[weakref.ref[Shorts]] = []

    def take(self, count: int) -> Ints:
        """Give the places of that many blocks that nobody uses."""
        if count > len(self._free):
            self._sweep()
            # With little room left, the next sweep would come too soon to be paid by the updates.
            if count > len(self._free) or 4 * len(self._free) < len(self.blocks):
                self._grow(count)
        places, self._free = self._free[:count], self._free[count:]
        return places

    def keep(self, table: Shorts) -> None:
        """Keep the blocks that a table names for as long as it is there."""
        table.flags.writeable = False
        self._tables.append(weakref.ref(table))

    def _sweep(self) -> None:
        """Find the blocks that no table names any more."""
        tables = [table for kept in self._tables if (table := kept()) is not None]
        self._tables = [weakref.ref(table) for table in tables]
        is_free = np.ones(len(self.blocks), np.bool_)
        for table in tables:
            is_free[table] = False
        self._free = np.flatnonzero(is_free)

    def _grow(self, count: int) -> None:
        """Make twice the room; old arrays stay with those who hold them."""
        size = len(self.blocks)
        blocks = np.empty((2 * size + count, *self.blocks.shape[1:]))
        blocks[:size] = self.blocks
        # Whole when it is seen: another thread may be reading an older version.
        self.blocks = blocks
        self._free = np.concatenate((self._free, np.arange(size, len(blocks))))
