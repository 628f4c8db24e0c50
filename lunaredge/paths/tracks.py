"""Where a fleet's tracks lie: slots in shared arrays, handed out, taken back and used again.

A slot keeps its place for ever. It has room for a power of two of segments, and of parts, so that
the arrays never hold more than twice what the slots of each size once held together.
"""

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.spacetime_index import (
    BOX_COLUMNS,
    FOREVER_S,
    KNOT,
    LEVEL,
    ORDER,
    PART,
    PARTS,
    SEGMENTS,
    TRACK_COLUMNS,
    Index,
    Times,
    box_count,
    lay_track,
)
from lunaredge.paths.footprint import COLUMNS, Footprint
from lunaredge.paths.route import Route

# What the arrays have room for at first.
_KNOTS_MIN = 1024
_SLOTS_MIN = 16


class Tracks:
    """The arrays of a fleet, `index`, and which of their slots are free."""

    def __init__(self, slots_max: int, knots_max: int) -> None:
        self._slots_max = slots_max
        self._knots_max = knots_max
        self._knots, self._boxes, self._parts, self._slots = 0, 0, 0, 0
        self._free: dict[tuple[int, int], list[int]] = {}
        self._rooms: list[tuple[int, int]] = []
        self._orders = 0
        self.index = Index(
            np.zeros((4, _KNOTS_MIN)),
            np.zeros((_KNOTS_MIN, BOX_COLUMNS)),
            np.zeros((_SLOTS_MIN, TRACK_COLUMNS), np.int64),
            np.zeros((_SLOTS_MIN, COLUMNS)),
        )

    def take(self, footprint: Footprint, route: Route) -> int:
        """Give a slot with room for a route, whose ends may get a knot each.

        Raises:
            ConfigError: no room is left.
        """
        room = _power_of_two(len(route) + 1), _power_of_two(len(footprint.parts))
        free = self._free.get(room)
        return free.pop() if free else self._new_slot(room)

    def fits(self, slot: int, footprint: Footprint, route: Route) -> bool:
        """Tell whether a slot has room for a route."""
        segments, parts = self._rooms[slot]
        return len(route) + 1 <= segments and len(footprint.parts) <= parts

    def clear(self, slot: int) -> None:
        """Let a slot hold no track."""
        self.index.tracks[slot, SEGMENTS] = 0

    def give_back(self, slot: int) -> None:
        """Take a slot back, with its track."""
        self.clear(slot)
        self._free.setdefault(self._rooms[slot], []).append(slot)

    def lay(self, slot: int, footprint: Footprint, route: Route, counts: Times) -> None:
        """Write a track to a slot that it fits in; it is the last in order."""
        track, parts = self.index.tracks[slot], footprint.parts
        track[PARTS] = len(parts)
        self.index.parts[track[PART] : track[PART] + len(parts)] = parts
        track[ORDER] = self._orders
        self._orders += 1
        within = max(-FOREVER_S, counts[0]), min(FOREVER_S, counts[1])
        lay_track(route.knots, within, footprint.reach_m, self.index, slot)

    def _new_slot(self, room: tuple[int, int]) -> int:
        segments, parts = room
        if self._slots == self._slots_max or self._knots + segments >= self._knots_max:
            raise ConfigError(
                "no room for another reservation",
                place="fleet",
                key="reservations",
                value=f"{self._slots} with room for {self._knots} knots",
                remedy="remove some first, or give shorter routes",
            )
        knot, box, part, slot = self._knots, self._boxes, self._parts, self._slots
        self._knots, self._boxes = knot + segments + 1, box + box_count(segments)
        self._parts, self._slots = part + parts, slot + 1
        index = self.index
        self.index = Index(
            np.ascontiguousarray(_grown(index.knots.T, self._knots).T),
            _grown(index.boxes, self._boxes),
            _grown(index.tracks, self._slots),
            _grown(index.parts, self._parts),
        )
        track = self.index.tracks[slot]
        track[KNOT], track[LEVEL + 1], track[PART] = knot, box, part
        self._rooms.append(room)
        return slot


def _power_of_two(count: int) -> int:
    """Give the least power of two that is not less."""
    return 1 << (count - 1).bit_length()


def _grown(array: Floats, rows: int) -> Floats:
    """Give an array with room for so many rows: the same one, or a copy twice as long."""
    if rows <= len(array):
        return array
    grown = np.zeros((max(rows, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
