"""What it costs to reach the goal when turning is free: the lattice's guide.

Cells have 16 neighbours, one along each lattice vector. A step costs its length times the highest
rate of the cells that it crosses: the two at its ends, and along (2, 1) the two between. Every move
of a machine costs as much as some chain of these steps or more, so the field is a lower bound of
the search's costs and falls by no more than a move costs (consistent).
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, Shorts, is_array, kernel
from lunaredge.kernels.lattice import HEADINGS, LENGTHS, VECTORS

# Buckets of the queue, a power of two; where the costs' spread needs more, they are wider.
_BUCKETS_MAX = 1 << 14
# How wide a bucket is, in prices of the cheapest cell: finer, fewer cells are settled twice.
_BUCKET = 0.125
# No step reaches farther; so many closed cells around the grid spare all looks at its border.
_BORDER = 2


class Queue(NamedTuple):
    """Cells in buckets, each a chain linked both ways, so that a cell moves at once."""

    heads: Shorts
    """int32 (buckets,): first cell; -1 = none."""
    after: Shorts
    """int32 (cells,): the next cell in the bucket; -1 = none."""
    before: Shorts
    """int32 (cells,): the one before; -1 = it is the first, -2 = it is in no bucket."""


def costs_to_go(
    rates: Floats, barred: Flags, sources: tuple[Ints, Floats], end: tuple[int, float]
) -> Floats:
    """Give a lower bound of what it costs to reach the sources from every cell.

    rates   : float64 (H, W)    price of a cell's length, > 0; inf = closed
    barred  : bool (H, W)       no step begins or ends here, though one may cross; closed ones are
    sources : int64 (S,) cells and float64 (S,) what is still to pay from there
    end     : a cell and a factor: the bound is exact wherever a way from the cell costs up to the
              factor times the least, and elsewhere still falls by no more than a step costs; with
              a cell of -1 it is exact everywhere
    returns : float64 (H * W,)  inf = no way

    A* search (Hart, Nilsson, Raphael 1968) from the sources toward the cell, guided by the distance
    at the least rate, with a queue of buckets (Dial 1969; Denardo and Fox 1979) whose cells are in
    no order: a cell may be settled twice, never wrongly. What it leaves unsettled lies on no way
    that costs less than its limit. Bound by some 16 comparisons a cell settled, 50 to 100 ns.
    """
    assert is_array(rates, np.float64, None, None)
    assert is_array(barred, np.bool_, *rates.shape)
    assert is_array(sources[0], np.int64, None)
    assert is_array(sources[1], np.float64, len(sources[0]))
    assert end[1] >= 1.0
    assert rates.size < 2**30
    is_open = rates < np.inf
    if not is_open.any() or not len(sources[0]):
        return np.full(rates.size, np.inf)
    low, high = float(rates[is_open].min()), float(rates[is_open].max())
    assert low > 0.0
    ahead = np.pad(_ahead(rates.shape, end[0]) * low, _BORDER)
    padded = np.pad(rates, _BORDER, constant_values=np.inf)
    costs = np.pad(np.where(barred, -np.inf, np.inf), _BORDER, constant_values=-np.inf)
    cells = _into_border(np.append(sources[0], max(end[0], 0)), rates.shape[1])
    begun = (np.ascontiguousarray(cells[:-1]), sources[1])
    # Keys that wait together differ by two steps' prices at most, or as the sources do.
    keys = sources[1] + ahead.ravel()[begun[0]]
    spread = 2.0 * float(LENGTHS.max()) * high + float(np.ptp(keys))
    width = max(low * _BUCKET, spread / (_BUCKETS_MAX - 2))
    last = (int(cells[-1]) if end[0] >= 0 else -1, float(end[1]))
    behind = np.pad(_behind(rates.shape, sources) * low + sources[1].min(), _BORDER)
    fields = (costs.ravel(), padded.ravel(), ahead.ravel(), behind.ravel())
    _fill(fields, padded.shape[1], begun, last, width)
    inner = costs[_BORDER:-_BORDER, _BORDER:-_BORDER]
    return np.where(inner == -np.inf, np.inf, inner).ravel()


@kernel
def worst_along(values: Floats, cell: int, toward: int, column_count: int) -> float:
    """Give the greatest value among the cells that a step crosses; the step stays on the grid.

    values : float64 (H * W,)
    """
    dx, dy = VECTORS[toward, 0], VECTORS[toward, 1]
    worst = max(values[cell], values[cell + dy * column_count + dx])
    if abs(dx) + abs(dy) == 3:
        # One step along the longer side from the start, and one back from the end.
        half_x, half_y = (dx // 2, 0) if abs(dx) == 2 else (0, dy // 2)
        worst = max(worst, values[cell + half_y * column_count + half_x])
        worst = max(worst, values[cell + (dy - half_y) * column_count + dx - half_x])
    return float(worst)


def _ahead(shape: tuple[int, int], end: int) -> Floats:
    """Give how far each cell is from the end, in cells; 0 without an end."""
    if end < 0:
        return np.zeros(shape)
    row, column = divmod(end, shape[1])
    return np.hypot(np.arange(shape[0])[:, None] - row, np.arange(shape[1])[None, :] - column)


def _behind(shape: tuple[int, int], sources: tuple[Ints, Floats]) -> Floats:
    """Give how far each cell is from all sources at least, in cells."""
    around = _ahead(shape, int(sources[0][0]))
    apart: Floats = np.maximum(around - around.ravel()[sources[0]].max(), 0.0)
    return apart


def _into_border(cells: Ints, columns: int) -> Ints:
    """Give cells as the grid with its border numbers them."""
    rows = cells // columns + _BORDER
    return rows * (columns + 2 * _BORDER) + cells % columns + _BORDER


@kernel
def _fill(
    fields: tuple[Floats, Floats, Floats, Floats],
    column_count: int,
    sources: tuple[Ints, Floats],
    end: tuple[int, float],
    width: float,
) -> None:
    """See `costs_to_go`; the arrays have their border.

    fields : costs, written, -inf where nothing is reached, else inf; rates; the least price to the
             end, and from the sources
    width  : of a bucket
    """
    costs, rates, ahead, behind = fields
    queue = Queue(
        np.full(_BUCKETS_MAX, -1, np.int32),
        np.full(len(costs), -1, np.int32),
        np.full(len(costs), -2, np.int32),
    )
    steps, halves, rests = _offsets(column_count)
    at, waiting_count, limit = 2**62, 0, np.inf
    for k in range(len(sources[0])):
        cell = sources[0][k]
        if sources[1][k] < costs[cell]:
            bucket, is_new = _move(queue, costs, cell, sources[1][k], (ahead[cell], width))
            at, waiting_count = min(at, bucket), waiting_count + is_new
    while waiting_count > 0 and at * width <= limit:
        cell = queue.heads[at & (_BUCKETS_MAX - 1)]
        if cell < 0:
            at += 1
            continue
        _take(queue, cell, at)
        waiting_count -= 1
        here, rate = costs[cell], rates[cell]
        if cell == end[0]:
            limit = end[1] * here
        for k in range(HEADINGS):
            near = cell + steps[k]
            # Most neighbours are cheaper already, whatever lies between.
            if here + LENGTHS[k] * rate >= costs[near]:
                continue
            worst = max(rate, rates[near])
            if k & 1:
                worst = max(worst, max(rates[cell + halves[k]], rates[cell + rests[k]]))
            cost = here + LENGTHS[k] * worst
            if cost < costs[near]:
                bucket, is_new = _move(queue, costs, near, cost, (ahead[near], width))
                at, waiting_count = min(at, bucket), waiting_count + is_new
    if waiting_count > 0:
        for cell in range(len(costs)):
            costs[cell] = min(costs[cell], max(at * width - ahead[cell], behind[cell]))


@kernel
def _offsets(column_count: int) -> tuple[Ints, Ints, Ints]:
    """Give by how much a cell's number changes along each vector, and to the two cells between."""
    steps = VECTORS[:, 1] * column_count + VECTORS[:, 0]
    halves = np.zeros(HEADINGS, np.int64)
    for k in range(1, HEADINGS, 2):
        dx, dy = VECTORS[k, 0], VECTORS[k, 1]
        halves[k] = dx // 2 if abs(dx) == 2 else dy // 2 * column_count
    return steps, halves, steps - halves


@kernel
def _move(
    queue: Queue, costs: Floats, cell: int, cost: float, scale: tuple[float, float]
) -> tuple[int, int]:
    """Lower a cell's cost, in the queue too; give its bucket, and 1 if it wasn't in the queue.

    scale : the least price from the cell ahead, and how wide a bucket is
    """
    ahead, width = scale
    bucket, is_new = int((cost + ahead) / width), 0
    if queue.before[cell] == -2:
        is_new = 1
        _put(queue, cell, bucket)
    else:
        old = int((costs[cell] + ahead) / width)
        if old != bucket:
            _take(queue, cell, old)
            _put(queue, cell, bucket)
    costs[cell] = cost
    return bucket, is_new


@kernel
def _put(queue: Queue, cell: int, bucket: int) -> None:
    """Put a cell first into a bucket."""
    slot = bucket & (_BUCKETS_MAX - 1)
    head = queue.heads[slot]
    queue.after[cell], queue.before[cell] = head, -1
    if head >= 0:
        queue.before[head] = cell
    queue.heads[slot] = cell


@kernel
def _take(queue: Queue, cell: int, bucket: int) -> None:
    """Take a cell out of its bucket."""
    before, after = queue.before[cell], queue.after[cell]
    if before >= 0:
        queue.after[before] = after
    else:
        queue.heads[bucket & (_BUCKETS_MAX - 1)] = after
    if after >= 0:
        queue.before[after] = before
    queue.before[cell] = -2
