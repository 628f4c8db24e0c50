"""Where a fleet's tracks lie: places in shared arrays, handed out, taken back and used again.

A slot is a track's number, and its place has room for a power of two of segments and of parts. A
place given back serves the next track of that size. Before the arrays grow, the places that are
held are moved together if they are less than half: so the arrays go with what stands at a time, not
with all that ever stood.
"""

from functools import lru_cache
from typing import TypeVar

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Floats, Ints
from lunaredge.kernels.spacetime_index import (
    BOX,
    FOREVER_S,
    LEVEL,
    ORDER,
    PART,
    SEGMENTS,
    TRACK_COLUMNS,
    Index,
    Times,
    lay_out,
    lay_track,
)
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.route import Route

# A track that could do with less than this part of its place gets a place of its own size.
_SPARE_RATIO = 4
# What the arrays have room for at first.
_NUMBERS_MIN = 1 << 14
_SLOTS_MIN = 16

Room = tuple[int, int]
"""So many segments, and so many parts."""

_Array = TypeVar("_Array", Floats, Ints)


class Tracks:
    """The arrays of a fleet, as `kernels.spacetime_index` says, and which places are free."""

    def __init__(self, bytes_max: int) -> None:
        self._numbers_max = bytes_max // 8
        self.index = Index(
            np.zeros(min(_NUMBERS_MIN, self._numbers_max)),
            np.zeros((_SLOTS_MIN, TRACK_COLUMNS), np.int64),
            np.zeros((_SLOTS_MIN, BOX)),
        )
        self._rooms: list[Room | None] = []
        self._free_slots: list[int] = []
        self._free_places: dict[Room, list[int]] = {}
        # Where places end, and how many numbers the places that are held have.
        self._end = 0
        self._held = 0
        self._orders = 0

    def take(self, footprint: Footprint, route: Route) -> int:
        """Give a slot with room for a route. It costs its own size, and now and then all others'.

        Raises:
            ConfigError: no room is left.
        """
        room = _room_for(footprint, route)
        place, size = self._place_of(room), _size_of(room)
        slot = self._free_slots.pop() if self._free_slots else len(self._rooms)
        self._rooms[slot : slot + 1] = [room]
        self._held += size
        numbers, tracks, roots = self.index
        self.index = Index(numbers, _grown(tracks, slot + 1), _grown(roots, slot + 1))
        lay_out(self.index.tracks[slot], place, *room)
        return slot

    def fits(self, slot: int, footprint: Footprint, route: Route) -> bool:
        """Tell whether a slot has room for a route, and not much too much."""
        segments, parts = room = self._room_of(slot)
        needed = _room_for(footprint, route)
        is_wide = _size_of(room) > _SPARE_RATIO * _size_of(needed)
        return needed[0] <= segments and needed[1] <= parts and not is_wide

    def exchange(self, slot: int, footprint: Footprint, route: Route) -> int:
        """Give a slot that a route fits in, in the place of one: the same, or another.

        Raises:
            ConfigError: no room is left; the slot is held as before.
        """
        if self.fits(slot, footprint, route):
            return slot
        if _size_of(_room_for(footprint, route)) <= _size_of(self._room_of(slot)):
            # What it gives back is room enough, even where there is no other.
            self.give_back(slot)
            return self.take(footprint, route)
        taken = self.take(footprint, route)
        self.give_back(slot)
        return taken

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
        room = self._room_of(slot)
        self.clear(slot)
        self._free_places.setdefault(room, []).append(self._start_of(slot))
        self._rooms[slot] = None
        self._free_slots.append(slot)
        self._held -= _size_of(room)

    def _room_of(self, slot: int) -> Room:
        room = self._rooms[slot]
        assert room is not None, "a slot that nobody holds"
        return room

    def _start_of(self, slot: int) -> int:
        return int(self.index.tracks[slot, LEVEL + 1])

    def _place_of(self, room: Room) -> int:
        """Give where a track with such room may lie.

        Raises:
            ConfigError: no room is left.
        """
        places, size = self._free_places.get(room), _size_of(room)
        if places:
            return places.pop()
        numbers, tracks, roots = self.index
        needed = self._held + size
        if needed > self._numbers_max:
            raise ConfigError(
                "no room for another reservation",
                place="fleet",
                key="reservations",
                value=f"{8 * self._held} bytes held, {8 * size} more",
                remedy=f"give shorter routes, or fewer; {8 * self._numbers_max} at most",
            )
        is_full = self._end + size > len(numbers)
        if is_full and (2 * needed <= len(numbers) or self._end + size > self._numbers_max):
            self._move_together()
        self.index = Index(_grown(numbers, self._end + size, self._numbers_max), tracks, roots)
        self._end += size
        return self._end - size

    def _move_together(self) -> None:
        """Move all places that are held to the front, in the order in which they lie."""
        numbers, tracks, _ = self.index
        held = [slot for slot, room in enumerate(self._rooms) if room is not None]
        self._end = 0
        for slot in sorted(held, key=self._start_of):
            start, size = self._start_of(slot), _size_of(self._room_of(slot))
            numbers[self._end : self._end + size] = numbers[start : start + size]
            # All columns from here on say where something is.
            tracks[slot, PART:] += self._end - start
            self._end += size
        self._free_places.clear()


def _room_for(footprint: Footprint, route: Route) -> Room:
    # A route cut to the time that counts may get a knot at both ends.
    return _power_of_two(len(route) + 1), _power_of_two(len(footprint.parts))


@lru_cache(maxsize=1024)
def _size_of(room: Room) -> int:
    """Give how many numbers a place has."""
    return lay_out(np.zeros(TRACK_COLUMNS, np.int64), 0, *room)


def _power_of_two(count: int) -> int:
    """Give the least power of two that is not less."""
    return 1 << (count - 1).bit_length()


def _grown(array: _Array, length: int, length_max: int | None = None) -> _Array:
    """Give an array of so many rows or more: the same one, or a copy twice as long."""
    if length <= len(array):
        return array
    rows = max(length, 2 * len(array))
    grown = np.zeros((min(rows, length_max or rows), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown
