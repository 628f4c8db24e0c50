"""Shortest paths on a grid whose cells cost something to enter, the same from every side.

A step costs what the cell ahead asks, diagonal or not, and may pass between two blocked cells: the
model of image processing and games, and of pyastar2d (H. Weideman). `gridpath` has the model of
a site, where a diagonal is longer and a corner is not cut. Cells are numbered row by row:
row * W + column.
"""

import math
from typing import TypeVar

import numpy as np

from lunaredge.kernels.gridhops import CELLS_MAX, HopMemory, find_hops, open_moves
from lunaredge.kernels.gridmeet import MeetMemory, find_meeting
from lunaredge.kernels.gridpath import scales
from lunaredge.kernels.jit import Ints, Singles, is_array, kernel

_Key = TypeVar("_Key")
_Memory = TypeVar("_Memory")

# Grids of one size use the same memory one after another, so that a search on a new grid does not
# wait for fresh pages. The latest size only.
_HOPS: dict[int, HopMemory] = {}
_MEETINGS: dict[tuple[int, ...], MeetMemory] = {}


class EntryGrid:
    """A grid whose cells cost something to enter, prepared for many searches.

    Costs are added in float64 and the path is the cheapest to its rounding. Where all free cells
    cost the same it is found by `gridhops`, else by `gridmeet`; there it says how ties fall. The
    array is kept, not copied: it must not change while this is in use.
    """

    def __init__(self, weights: Singles) -> None:
        """Prepare.

        weights : float32 (H, W)   > 0 each; inf = blocked
        """
        assert is_array(weights, np.float32, None, None)
        assert weights.size > 0
        least, self._moves = open_moves(weights)
        self._is_even = least != 0.0 and weights.size <= CELLS_MAX
        least = least if self._is_even else float(weights.min())
        assert least > 0.0, "weights are more than 0"
        self._weights = weights
        self._scale = np.array(scales(weights, least))

    def find_path(self, source: int, target: int) -> tuple[Ints, float]:
        """Find the cheapest path; the source itself costs nothing, and may be blocked.

        returns : int64 (K,) cells from source to target, and the cost; (0,) and inf = no path
        """
        assert 0 <= source < self._weights.size
        assert 0 <= target < self._weights.size
        if source == target:
            return np.array([source]), 0.0
        if self._weights.flat[target] == math.inf:
            return np.empty(0, np.int64), math.inf
        # Taken out while in use, so that a search that is broken off leaves none of its traces.
        if self._is_even:
            hops = _HOPS.pop(self._weights.size, None) or HopMemory(self._weights.size)
            cells = find_hops(self._moves, source, target, hops)
            _keep(_HOPS, self._weights.size, hops)
        else:
            shape = self._weights.shape
            memory = _MEETINGS.pop(shape, None) or MeetMemory(*shape)
            cells = find_meeting(self._weights, source, target, self._scale, memory)
            _keep(_MEETINGS, shape, memory)
        if len(cells) == 0:
            return cells, math.inf
        return cells, cost_along(self._weights, cells)


def _keep(kept: dict[_Key, _Memory], key: _Key, memory: _Memory) -> None:
    kept.clear()
    kept[key] = memory


@kernel
def cost_along(weights: Singles, cells: Ints) -> float:
    """Add up the costs of the cells that a path enters."""
    flat, total = weights.reshape(-1), 0.0
    for cell in cells[1:]:
        total += flat[cell]
    return total
