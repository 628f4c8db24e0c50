"""What it costs to reach the goal when turning is free: the lattice's guide.

Cells have 16 neighbours, one along each lattice vector. A step costs its length times the worst
pace on it, and the energy by the mean over the cells that it crosses, each by its share of the
way. Every move of a machine costs as much as some chain of these steps or more, so the field is a
lower bound of the search's costs and falls by no more than a move costs (consistent).
"""

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, Singles, is_array, kernel
from lunaredge.kernels.lattice import LENGTHS, VECTORS

# Buckets of the queue; with fewer than the costs' spread needs, they are only wider.
_BUCKETS_MAX = 4096


def step_costs(
    paces_s_m: Floats, energies_wh_m: Floats, barred: Flags, cell_m: float, rates: Floats
) -> tuple[Singles, Singles]:
    """Give how long each step between neighbours takes, and what it costs.

    paces_s_m     : float64 (H, W)  > 0; inf = closed
    energies_wh_m : float64 (H, W)  >= 0
    barred        : bool (H, W)     no step begins or ends here, though one may cross
    rates         : float64 (2,)    price of a second and of a Wh
    returns       : float32 (H * W, 16) twice: durations, s, and prices of the steps along `VECTORS`;
                    inf = closed
    """
    assert is_array(paces_s_m, np.float64, None, None)
    assert is_array(energies_wh_m, np.float64, *paces_s_m.shape)
    assert is_array(barred, np.bool_, *paces_s_m.shape)
    assert is_array(rates, np.float64, 2)
    assert cell_m > 0.0
    assert (paces_s_m > 0.0).all()
    return _step_costs(paces_s_m, energies_wh_m, barred, float(cell_m), rates)


def costs_to_go(
    prices: Singles, column_count: int, sources: tuple[Ints, Floats], end: tuple[int, float]
) -> Floats:
    """Give a lower bound of what it costs to reach the sources from every cell.

    prices  : float32 (H * W, 16)  as `step_costs` gives them
    sources : int64 (S,) cells and float64 (S,) what is still to pay from there
    end     : a cell and a factor: the bound is exact up to that times the cost from the cell, and
              is nowhere less than that where it isn't; -1: exact everywhere
    returns : float64 (H * W,)     inf = no way

    Dijkstra's search with a queue of buckets (Dial 1969; Denardo and Fox 1979): a cell may be
    settled twice when prices spread over more than the buckets do, never wrongly.
    """
    assert is_array(prices, np.float32, None, 16)
    assert is_array(sources[0], np.int64, None)
    assert is_array(sources[1], np.float64, len(sources[0]))
    assert end[1] >= 1.0
    low, high = _spread(prices)
    width = max(low, high / (_BUCKETS_MAX - 2)) if np.isfinite(high) else 1.0
    last = (int(end[0]), float(end[1]))
    return _costs_to_go(prices, int(column_count), sources, last, float(width))


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
                    length = LENGTHS[k] * cell_m
                    near = i * column_count + j
                    durations[cell, k] = durations[near, k + 8] = length * pace
                    price = length * (rates[0] * pace + rates[1] * energy)
                    prices[cell, k] = prices[near, k + 8] = price
    return durations, prices


@kernel
def _spread(prices: Singles) -> tuple[float, float]:
    """Give the least and the greatest finite price; inf and -inf where there is none."""
    low, high = np.inf, -np.inf
    for price in prices.flat:
        if np.isfinite(price):
            low, high = min(low, float(price)), max(high, float(price))
    return low, (high if high > 0.0 else np.inf)


@kernel
def _costs_to_go(
    prices: Singles,
    column_count: int,
    sources: tuple[Ints, Floats],
    end: tuple[int, float],
    width: float,
) -> Floats:
    """See `costs_to_go`. Buckets are chains of cells, doubly linked, so that a cell moves at once."""
    cell_count = len(prices)
    steps = VECTORS[:, 1] * column_count + VECTORS[:, 0]
    costs = np.full(cell_count, np.inf)
    after, before = np.full(cell_count, -1, np.int32), np.full(cell_count, -2, np.int32)
    heads = np.full(_BUCKETS_MAX, -1, np.int32)
    low, high, waiting_count = np.inf, 0.0, 0
    for k in range(len(sources[0])):
        low, high = min(low, sources[1][k]), max(high, sources[1][k])
    base = low if np.isfinite(low) else 0.0
    width = max(width, (high - base) / (_BUCKETS_MAX - 2))
    for k in range(len(sources[0])):
        cell = sources[0][k]
        if sources[1][k] < costs[cell]:
            if before[cell] != -2:
                _take(heads, after, before, cell, int((costs[cell] - base) / width))
                waiting_count -= 1
            costs[cell] = sources[1][k]
            _put(heads, after, before, cell, int((costs[cell] - base) / width))
            waiting_count += 1
    at, limit = 0, np.inf
    while waiting_count > 0 and base + at * width <= limit:
        cell = heads[at & (_BUCKETS_MAX - 1)]
        if cell < 0:
            at += 1
            continue
        _take(heads, after, before, cell, at)
        waiting_count -= 1
        if cell == end[0]:
            limit = min(limit, end[1] * costs[cell])
        for k in range(16):
            cost = costs[cell] + prices[cell, k]
            near = cell + steps[k]
            # No step leaves the grid: there the price is infinite.
            if cost < np.inf and cost < costs[near]:
                if before[near] != -2:
                    _take(heads, after, before, near, int((costs[near] - base) / width))
                    waiting_count -= 1
                costs[near] = cost
                _put(heads, after, before, near, int((cost - base) / width))
                waiting_count += 1
    if waiting_count > 0:
        bound = base + at * width
        for cell in range(cell_count):
            if costs[cell] > bound:
                costs[cell] = bound
    return costs


@kernel
def _put(heads: Ints, after: Ints, before: Ints, cell: int, bucket: int) -> None:
    """Put a cell first into a bucket. before : -2 = in none, -1 = first."""
    slot = bucket & (_BUCKETS_MAX - 1)
    head = heads[slot]
    after[cell], before[cell] = head, -1
    if head >= 0:
        before[head] = cell
    heads[slot] = cell


@kernel
def _take(heads: Ints, after: Ints, before: Ints, cell: int, bucket: int) -> None:
    """Take a cell out of its bucket."""
    if before[cell] >= 0:
        after[before[cell]] = after[cell]
    else:
        heads[bucket & (_BUCKETS_MAX - 1)] = after[cell]
    if after[cell] >= 0:
        before[after[cell]] = before[cell]
    before[cell] = -2
