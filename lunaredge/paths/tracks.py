"""Where a fleet's tracks lie: slots in shared arrays, handed out, taken back and used again.

A slot keeps its place for ever, with room for a power of two of segments and of parts. So the
arrays never hold more than some twice what the slots of each size once held together.
"""

from typing import TypeVar

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Floats, Ints
from lunaredge.kernels.spacetime_index import (
    BOX,
    FOREVER_S,
    ORDER,
    SEGMENTS,
    TRACK_COLUMNS,
    Index,
    Times,
    lay_out,
    lay_track,
)
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.route import Route

# What the arrays have room for at first.
_NUMBERS_MIN = 1 << 14
_SLOTS_MIN = 16

_Array = TypeVar("_Array", Floats, Ints)


class Tracks:
    """The arrays of a fleet, as `kernels.spacetime_index` says, and which slots are free."""

    def __init__(self, slots_max: int, bytes_max: int) -> None:
        self.index = Index(
            np.zeros(_NUMBERS_MIN),
            np.zeros((_SLOTS_MIN, TRACK_COLUMNS), np.int64),
            np.zeros((_SLOTS_MIN, BOX)),
        )
        self._slots_max = slots_max
        self._numbers_max = bytes_max // 8
        self._numbers_used = 0
        self._rooms: list[tuple[int, int]] = []
        self._free: dict[tuple[int, int], list[int]] = {}
        self._orders = 0

    def take(self, footprint: Footprint, route: Route) -> int:
        """Give a slot with room for a route.

        Raises:
            ConfigError: no room is left.
        """
        # A route cut to the time that counts may get a knot at both ends.
        room = _power_of_two(len(route) + 1), _power_of_two(len(footprint.parts))
        free = self._free.get(room)
        return free.pop() if free else self._new_slot(*room)

    def fits(self, slot: int, footprint: Footprint, route: Route) -> bool:
        """Tell whether a slot has room for a route."""
        segments, parts = self._rooms[slot]
        return len(route) + 1 <= segments and len(footprint.parts) <= parts

    def lay(self, slot: int, footprint: Footprint, route: Route, counts: Times) -> None:
        """Write a track to a slot that it fits in; it is the last in order."""
        within = max(-FOREVER_S, counts[0]), min(FOREVER_S, counts[1])
        lay_track(route.knots, footprint.parts, within, self.index, slot)
        self.index.tracks[slot, ORDER] = self._orders
        self._orders += 1

    def clear(self, slot: int) -> None:
        """Let a slot hold no track."""
        self.index.tracks[slot, SEGMENTS] = 0

    def give_back(self, slot: int) -> None:
        """Take a slot back, with its track."""
        self.clear(slot)
        self._free.setdefault(self._rooms[slot], []).append(slot)

    def _new_slot(self, segments: int, parts: int) -> int:
        slot = len(self._rooms)
        row = np.zeros(TRACK_COLUMNS, np.int64)
        end = lay_out(row, self._numbers_used, segments, parts)
        if slot == self._slots_max or end > self._numbers_max:
            raise ConfigError(
                "no room for another reservation",
                place="fleet",
                key="reservations",
                value=f"{slot} in {8 * self._numbers_used} bytes",
                remedy="remove some first, or give shorter routes",
            )
        numbers, tracks, roots = self.index
        self.index = Index(_grown(numbers, end), _grown(tracks, slot + 1), _grown(roots, slot + 1))
        self.index.tracks[slot] = row
        self._numbers_used = end
        self._rooms.append((segments, parts))
        return slot


def _power_of_two(count: int) -> int:
    """Give the least power of two that is not less."""
    return 1 << (count - 1).bit_length()


def _grown(array: _Array, length: int) -> _Array:
    """Give an array of so many rows or more: the same one, or a copy twice as long."""
    if length <= len(array):
        return array
    grown = np.zeros((max(length, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
