"""What it costs to reach the goal when turning is free: the lattice's guide.

Cells have 16 neighbours, one along each lattice vector. A step costs its length times the worst
pace on it, and the energy by the mean over the cells that it crosses, each by its share of the
way. Every move of a machine costs as much as some chain of these steps or more, so the field is a
lower bound of the search's costs and falls by no more than a move costs (consistent).
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, Shorts, Singles, is_array, kernel
from lunaredge.kernels.lattice import LENGTHS, VECTORS

# Buckets of the queue; with fewer than the costs' spread needs, they are only wider.
_BUCKETS_MAX = 4096


class Queue(NamedTuple):
    """Cells in buckets, each a chain linked both ways, so that a cell moves at once."""

    heads: Shorts
    """int32 (buckets,): first cell; -1 = none."""
    after: Shorts
    """int32 (H * W,): the next cell in the bucket; -1 = none."""
    before: Shorts
    """int32 (H * W,): the one before; -1 = it is the first, -2 = it is in no bucket."""


def step_costs(
    paces_s_m: Floats, energies_wh_m: Floats, barred: Flags, cell_m: float, rates: Floats
) -> tuple[Singles, Singles]:
    """Give how long each step between neighbours takes, and what it costs.

    paces_s_m     : float64 (H, W)  > 0; inf = closed
    energies_wh_m : float64 (H, W)  >= 0
    barred        : bool (H, W)     no step begins or ends here, though one may cross
    rates         : float64 (2,)    price of a second and of a Wh
    returns       : float32 (H * W, 16) twice: durations, s, and prices of the steps along the rows
                    of `VECTORS`; inf = closed
    """
    assert is_array(paces_s_m, np.float64, None, None)
    assert is_array(energies_wh_m, np.float64, *paces_s_m.shape)
    assert is_array(barred, np.bool_, *paces_s_m.shape)
    assert is_array(rates, np.float64, 2)
    assert cell_m > 0.0
    assert (paces_s_m > 0.0).all()
    return _step_costs(paces_s_m, energies_wh_m, barred, float(cell_m), rates)


def costs_to_go(
    prices: Singles, shape: tuple[int, int], sources: tuple[Ints, Floats], end: tuple[int, float]
) -> Floats:
    """Give a lower bound of what it costs to reach the sources from every cell.

    prices  : float32 (H * W, 16)  as `step_costs` gives them
    shape   : H and W
    sources : int64 (S,) cells and float64 (S,) what is still to pay from there
    end     : a cell and a factor: the bound is exact wherever a way from the cell costs up to the
              factor times the least, and elsewhere still falls by no more than a step costs; with
              a cell of -1 it is exact everywhere
    returns : float64 (H * W,)     inf = no way

    A* search (Hart, Nilsson, Raphael 1968) from the sources toward the cell, guided by the distance
    at the least price of a metre, with a queue of buckets (Dial 1969; Denardo and Fox 1979) whose
    cells are in no order: a cell may be settled twice, never wrongly. What it leaves unsettled lies
    on no way that costs less than its limit. Bound by some 16 random reads a cell settled.
    """
    assert is_array(prices, np.float32, shape[0] * shape[1], 16)
    assert is_array(sources[0], np.int64, None)
    assert is_array(sources[1], np.float64, len(sources[0]))
    assert end[1] >= 1.0
    low, high = _spread(prices)
    rate = low if high < np.inf and end[0] >= 0 else 0.0
    # Keys that wait together differ by two steps' prices at most, or as the sources do.
    away = sources[1] + rate * sum(shape) if len(sources[1]) else np.zeros(1)
    spread = max(2.0 * high, float(away.max() - sources[1].min())) if len(sources[1]) else 1.0
    width = max(low, spread / (_BUCKETS_MAX - 2)) if high < np.inf else 1.0
    last = (int(end[0]), float(end[1]))
    return _costs_to_go(prices, shape[1], sources, last, (float(width), float(rate)))


@kernel
def _step_costs(
    paces: Floats, energies: Floats, barred: Flags, cell_m: float, rates: Floats
) -> tuple[Singles, Singles]:
    """See `step_costs`. Along (2, 1) a quarter of the way lies in each of four cells."""
    row_count, column_count = paces.shape
    durations = np.full((row_count * column_count, 16), np.inf, np.float32)
    prices = np.full((row_count * column_count, 16), np.inf, np.float32)
    for row in range(row_count):
        for column in range(column_count):
            if barred[row, column] or not np.isfinite(paces[row, column]):
                continue
            cell = row * column_count + column
            for k in range(8):
                dx, dy = VECTORS[k, 0], VECTORS[k, 1]
                i, j = row + dy, column + dx
                if not (0 <= i < row_count and 0 <= j < column_count) or barred[i, j]:
                    continue
                pace = max(paces[row, column], paces[i, j])
                energy = 0.5 * (energies[row, column] + energies[i, j])
                if abs(dx) + abs(dy) == 3:
                    # The two cells between: one step along the longer side, and one back from it.
                    half_x, half_y = int(dx / 2.0), int(dy / 2.0)
                    a, b, c, d = row + half_y, column + half_x, i - half_y, j - half_x
                    pace = max(pace, max(paces[a, b], paces[c, d]))
                    energy = 0.5 * energy + 0.25 * (energies[a, b] + energies[c, d])
                if np.isfinite(pace):
                    # Never faster than the pace, once rounded to single precision.
                    length = LENGTHS[k] * cell_m * (1.0 + 2.0**-23)
                    near = i * column_count + j
                    durations[cell, k] = durations[near, k + 8] = length * pace
                    price = length * (rates[0] * pace + rates[1] * energy)
                    prices[cell, k] = prices[near, k + 8] = price
    return durations, prices


@kernel
def _spread(prices: Singles) -> tuple[float, float]:
    """Give the least price of a cell's length, and the greatest of a step; inf = all is closed."""
    low, high = np.inf, -np.inf
    for cell in range(len(prices)):
        for k in range(8):
            price = float(prices[cell, k])
            if price < np.inf:
                low, high = min(low, price / LENGTHS[k]), max(high, price)
    return low, (high if high > 0.0 else np.inf)


@kernel
def _costs_to_go(
    prices: Singles,
    column_count: int,
    sources: tuple[Ints, Floats],
    end: tuple[int, float],
    rates: tuple[float, float],
) -> Floats:
    """See `costs_to_go`.

    rates : how wide a bucket is, and the least price of a cell's length
    """
    steps = VECTORS[:, 1] * column_count + VECTORS[:, 0]
    costs = np.full(len(prices), np.inf)
    queue = Queue(
        np.full(_BUCKETS_MAX, -1, np.int32),
        np.full(len(prices), -1, np.int32),
        np.full(len(prices), -2, np.int32),
    )
    width, rate = rates
    per_width, waiting_count, at = 1.0 / width, 0, 2**62
    for k in range(len(sources[0])):
        cell = sources[0][k]
        if sources[1][k] < costs[cell]:
            key = rate * _apart(cell, end[0], column_count)
            if queue.before[cell] == -2:
                waiting_count += 1
            else:
                _take(queue, cell, int((costs[cell] + key) * per_width))
            costs[cell] = sources[1][k]
            bucket = int((costs[cell] + key) * per_width)
            _put(queue, cell, bucket)
            at = min(at, bucket)
    limit = np.inf
    while waiting_count > 0 and at * width <= limit:
        cell = queue.heads[at & (_BUCKETS_MAX - 1)]
        if cell < 0:
            at += 1
            continue
        _take(queue, cell, at)
        waiting_count -= 1
        if cell == end[0]:
            limit = end[1] * costs[cell]
        here = costs[cell]
        for k in range(16):
            price = prices[cell, k]
            # No step leaves the grid: there the price is infinite.
            if price == np.inf:
                continue
            cost, near = here + price, cell + steps[k]
            if cost < costs[near]:
                key = rate * _apart(near, end[0], column_count) if rate > 0.0 else 0.0
                bucket = int((cost + key) * per_width)
                if queue.before[near] == -2:
                    waiting_count += 1
                    _put(queue, near, bucket)
                else:
                    old = int((costs[near] + key) * per_width)
                    if old != bucket:
                        _take(queue, near, old)
                        _put(queue, near, bucket)
                costs[near] = cost
                at = min(at, bucket)
    if waiting_count > 0:
        for cell in range(len(costs)):
            bound = at * width - rate * _apart(cell, end[0], column_count)
            costs[cell] = min(costs[cell], max(bound, 0.0))
    return costs


@kernel
def _apart(cell: int, other: int, column_count: int) -> float:
    """Give how far two cells' centres are apart, in cells."""
    rows = cell // column_count - other // column_count
    columns = cell % column_count - other % column_count
    return float(np.sqrt(float(rows * rows + columns * columns)))


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
