"""Shortest paths on a grid whose cells cost something to enter, the same from every side.

A step costs what the cell ahead asks, diagonal or not, and may pass between two blocked cells: the
model of image processing and games, and of pyastar2d (H. Weideman). `gridpath` has the model of
a site, where a diagonal is longer and a corner is not cut. Cells are numbered row by row:
row * W + column.
"""

import numpy as np

from lunaredge.kernels.gridpath import Memory, run_search, scales
from lunaredge.kernels.gridsearch import FIRST, ONWARD, Bytes, way_back
from lunaredge.kernels.jit import Floats, Ints, Singles, is_array, kernel


class EntryGrid:
    """A grid whose cells cost something to enter, prepared for many searches.

    Costs are added in float64 and the path is the cheapest to its rounding; ties fall as in
    `gridsearch`. The array is kept, not copied: it must not change while this is in use. One
    search at a time: its memory is kept for the next.
    """

    def __init__(self, weights: Singles) -> None:
        """Prepare.

        weights : float32 (H, W)   > 0 each; inf = blocked
        """
        assert is_array(weights, np.float32, None, None)
        assert weights.size > 0
        self._least = float(weights.min())
        assert self._least > 0.0, "weights are more than 0"
        self._weights = weights
        self._graph = (weights, moves_between(weights), ONWARD)
        least, width = scales(weights, self._least)
        self._memory = Memory(*weights.shape)
        self._rule = np.array([0.0, 1.0, 1.0, 1.0, least, 0.0, width])

    def find_path(self, source: int, target: int) -> tuple[Ints, float]:
        """Find the cheapest path; the source itself costs nothing, and may be blocked.

        returns : int64 (K,) cells from source to target, and the cost; (0,) and inf = no path
        """
        assert 0 <= source < self._weights.size
        assert 0 <= target < self._weights.size
        ends = (np.array([source]), np.zeros(1), np.array([target]))
        labels, ways, cost = run_search(self._graph, self._rule, ends, FIRST, self._memory)
        if labels[target] == 0.0:
            return np.empty(0, np.int64), np.inf
        cells = way_back(ways, target, self._weights.shape[1])
        return cells, cost if source != target else 0.0


@kernel
def moves_between(costs: Floats | Singles) -> Bytes:
    """Open every move between cells that are not blocked, past blocked corners too.

    costs   : float32 or float64 (H, W)   inf = blocked
    returns : uint8 (H, W)                bit k = move k of `STEPS`. A blocked cell may be left
    """
    row_count, column_count = costs.shape
    free = np.zeros((row_count + 2, column_count + 2), np.uint8)
    for row in range(row_count):
        for column in range(column_count):
            free[row + 1, column + 1] = costs[row, column] < np.inf
    moves = np.empty((row_count, column_count), np.uint8)
    for row in range(row_count):
        below, beside, above = free[row], free[row + 1], free[row + 2]
        for left in range(column_count):
            here, right = left + 1, left + 2
            ahead = beside[right] | above[here] << 1 | above[right] << 2 | above[left] << 3
            back = beside[left] | below[here] << 1 | below[left] << 2 | below[right] << 3
            moves[row, left] = ahead | back << 4
    return moves
