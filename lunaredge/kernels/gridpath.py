"""Shortest paths on a grid of cells with eight neighbours.

A step costs its length times the mean of both cells' costs; an infinite cost blocks a cell, and a
closed move blocks a step in both directions. Cells are numbered row by row: row * W + column. How
it searches, and how ties fall, is in `gridsearch`.
"""

import math

import numpy as np

from lunaredge.kernels.gridqueue import BLOCK, grown, pool_for
from lunaredge.kernels.gridsearch import (
    ALL,
    ALL_WAYS,
    FIRST,
    MOVES,
    Bytes,
    box_distances,
    moves_not_closed,
    search,
    settle,
    way_back,
)
from lunaredge.kernels.jit import Flags, Floats, Ints, Singles, is_array, is_finite, kernel

__all__ = [
    "MOVES",
    "Memory",
    "climbs",
    "closed_moves",
    "distance_field",
    "find_path",
    "run_search",
    "scales",
]

DIAGONAL = math.sqrt(2.0)
# Of the sides of a grid, so many cells are looked at for what a step costs as a rule.
_SAMPLES = 64
# Wider buckets take nodes up again, narrower ones are mostly empty: between 1 and 8 to the typical
# step it makes no odds.
_BUCKETS_PER_STEP = 4.0


def closed_moves(costs: Floats) -> Flags:
    """Close the moves into and out of blocked cells, and those that would cut a blocked corner.

    costs   : float64 (H, W)    inf = blocked
    returns : bool (H, W, 4)    by the rows of `MOVES`
    """
    assert is_array(costs, np.float64, None, None)
    return _closed_moves(costs, MOVES)


def find_path(
    costs: Floats, closed: Flags, cell_m: float, sources: tuple[Ints, Floats], targets: Ints
) -> tuple[Ints, float]:
    """Find the cheapest path from any of the sources to the first of the targets that it meets.

    costs   : float64 (H, W)   per metre, > 0; inf = blocked
    closed  : bool (H, W, 4)   by the rows of `MOVES`
    sources : int64 (S,) cells and float64 (S,) what it costs to be there, >= 0
    targets : int64 (G,)       cells
    returns : int64 (K,) cells from source to target, and the cost; (0,) and inf = no path

    Of targets equally cheap to reach it is the first in the array.
    """
    _check(costs, closed, cell_m, sources, targets)
    rule = _rule_per_metre(costs, cell_m)
    ends = (sources[0], _allowed(costs, sources), targets)
    graph = (costs, moves_not_closed(closed), ALL_WAYS)
    labels, ways, _ = run_search(graph, rule, ends, FIRST, Memory(*costs.shape))
    labels = np.where(labels[targets] > 0.0, labels[targets], np.inf)
    if not np.isfinite(labels).any():
        return np.empty(0, np.int64), np.inf
    best = int(np.argmin(labels))
    cells = way_back(ways, int(targets[best]), costs.shape[1])
    return cells, float(labels[best]) if len(cells) > 1 else _cost_at(cells[0], sources)


def distance_field(
    costs: Floats, closed: Flags, cell_m: float, sources: tuple[Ints, Floats], targets: Ints
) -> tuple[Floats, Ints]:
    """Give the least cost from the sources to every cell, or as far as the targets ask.

    costs   : float64 (H, W)   per metre, > 0; inf = blocked
    closed  : bool (H, W, 4)   by the rows of `MOVES`
    sources : int64 (S,) cells and float64 (S,) what it costs to be there, >= 0
    targets : int64 (G,)       cells to settle before it ends; with none, every cell is
    returns : float64 (H * W,) costs, inf = no path or not settled; int64 (H * W,) the cell before,
              -1 = none
    """
    _check(costs, closed, cell_m, sources, targets)
    rule = _rule_per_metre(costs, cell_m)
    ends = (sources[0], _allowed(costs, sources), targets)
    graph = (costs, moves_not_closed(closed), ALL_WAYS)
    reached, ways, end = run_search(graph, rule, ends, ALL, Memory(*costs.shape))
    distances = box_distances(targets, costs.shape)
    return reached, settle(reached, ways, end if len(targets) else np.inf, distances, rule)


class Memory:
    """What a search on a grid of this size writes to; it can be used again, not shared."""

    def __init__(self, row_count: int, column_count: int) -> None:
        self.labels = np.zeros(row_count * column_count)
        self.ways = np.zeros((row_count, column_count), np.uint8)
        self.pool = pool_for(self.labels.size)

    def clean(self) -> None:
        """Forget the last search, at the cost of the rows that it came to."""
        rows = np.flatnonzero(self.ways.any(axis=1))
        if len(rows):
            touched = slice(rows[0], rows[-1] + 1)
            self.labels.reshape(self.ways.shape)[touched] = 0.0
            self.ways[touched] = 0
            self.pool[::BLOCK] = 0

    def grow(self) -> None:
        """Make room for four times as many waiting nodes."""
        self.pool = grown(self.pool)


def run_search(
    graph: tuple[Floats | Singles, Bytes, Ints],
    rule: Floats,
    ends: tuple[Ints, Floats, Ints],
    wanted: int,
    memory: Memory,
) -> tuple[Floats, Bytes, float]:
    """Run `gridsearch.search`; give labels (0 = not reached), ways, and the cost at its end."""
    is_enough = False
    while not is_enough:
        memory.clean()
        out = (memory.labels, memory.ways.reshape(-1), memory.pool)
        end, is_enough = search(graph, rule, ends, wanted, out)
        if not is_enough:
            memory.grow()
    return out[0], out[1], end


def _check(
    costs: Floats, closed: Flags, cell_m: float, sources: tuple[Ints, Floats], targets: Ints
) -> None:
    assert is_array(costs, np.float64, None, None)
    assert (costs > 0.0).all(), "costs are more than 0"
    assert is_array(closed, np.bool_, *costs.shape, 4)
    assert cell_m > 0.0
    assert is_array(sources[0], np.int64, None)
    assert is_array(sources[1], np.float64, len(sources[0]))
    assert is_finite(sources[1])
    assert (sources[1] >= 0.0).all()
    assert is_array(targets, np.int64, None)
    for cells in (sources[0], targets):
        assert ((cells >= 0) & (cells < costs.size)).all(), "a cell is not on the grid"


def _rule_per_metre(costs: Floats, cell_m: float) -> Floats:
    least, width = scales(costs, float(costs.min(initial=np.inf)))
    guidance = least * cell_m
    aslant = (DIAGONAL - 1.0) * guidance
    return np.array([0.5, 0.5, cell_m, DIAGONAL * cell_m, guidance, aslant, width * cell_m])


def scales(costs: Floats | Singles, least: float) -> tuple[float, float]:
    """Give the least cost (0 where all is blocked) and the width of a bucket."""
    if not math.isfinite(least):
        return 0.0, 1.0
    steps = [max(1, count // _SAMPLES) for count in costs.shape]
    sample = costs[:: steps[0], :: steps[1]].astype(np.float64)
    # The harmonic mean: a few cells out of reach of any path must not count.
    often = (
        1.0 / float(np.mean(1.0 / np.maximum(sample, least))) if sample.min() < np.inf else least
    )
    return least, max(least, often / _BUCKETS_PER_STEP)


def _allowed(costs: Floats, sources: tuple[Ints, Floats]) -> Floats:
    """Give the sources' costs; inf where the cell is blocked."""
    return np.where(costs.flat[sources[0]] < np.inf, sources[1], np.inf)


def _cost_at(cell: int, sources: tuple[Ints, Floats]) -> float:
    return float(sources[1][sources[0] == cell].min())


def climbs(before: Ints, heights_m: Floats, cells: Ints) -> tuple[Floats, Ints]:
    """Give how far the way to each of some reached cells climbs and descends, and where it begins.

    before    : int64 (N,)    the cell before each one, see `distance_field`
    heights_m : float64 (N,)  of the cells' centres
    cells     : int64 (G,)
    returns   : float64 (G, 2) sums of all climbs and descents, m; int64 (G,) the first cells
    """
    assert is_array(before, np.int64, None)
    assert is_array(heights_m, np.float64, len(before))
    assert is_array(cells, np.int64, None)
    return _climbs(before, heights_m, cells)


@kernel
def _climbs(before: Ints, heights_m: Floats, cells: Ints) -> tuple[Floats, Ints]:
    found_m, firsts = np.zeros((len(cells), 2)), cells.copy()
    for k in range(len(cells)):
        cell = cells[k]
        while before[cell] >= 0:
            step_m = heights_m[cell] - heights_m[before[cell]]
            if step_m > 0.0:
                found_m[k, 0] += step_m
            else:
                found_m[k, 1] -= step_m
            cell = before[cell]
        firsts[k] = cell
    return found_m, firsts


@kernel
def _closed_moves(costs: Floats, moves: Ints) -> Flags:
    """See `closed_moves`. A diagonal needs both cells beside it."""
    row_count, column_count = costs.shape
    closed = np.ones((row_count, column_count, len(moves)), np.bool_)
    for row in range(row_count):
        for column in range(column_count):
            for k in range(len(moves)):
                i, j = row + moves[k, 0], column + moves[k, 1]
                if 0 <= i < row_count and 0 <= j < column_count:
                    around = costs[row, column] + costs[i, j] + costs[row, j] + costs[i, column]
                    closed[row, column, k] = not np.isfinite(around)
    return closed
