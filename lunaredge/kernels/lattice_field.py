"""What it costs to reach the goal when turning is free: the lattice's guide, worked out as asked.

Cells have 16 neighbours, one along each lattice vector. A step costs its length times the highest
rate of the cells that it crosses: the two at its ends, and along (2, 1) the two between. Every move
of a machine costs as much as some chain of these steps or more, so the guide is a lower bound of
the search's costs and falls by no more than a move costs (consistent). Where every move that drives
is one step, a step that no move can make in either direction, for what stands, is left out.

A* search (Hart, Nilsson, Raphael 1968) runs from the goal toward the start and stops; asked for a
cell's cost, it goes on until that is final (reverse resumable A*: Silver 2005). What it says is the
same whatever was asked before. Its own guide is the straight line at the least rate, and landmarks:
costs differ between two cells by no more than between these and any third (Goldberg and Harrelson
2005). Its queue has buckets (Dial 1969; Denardo and Fox 1979) whose cells are in no order: a cell
may be settled twice, never wrongly.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, Singles, inner, is_array, kernel
from lunaredge.kernels.lattice import HEADINGS, LENGTHS, VECTORS, Field, Guide, Paving, Queue, Scene
from lunaredge.kernels.lattice_static import is_open

# Buckets of the queue, and after them the chain of cells that come later.
_BUCKETS = 1 << 14
_LATER = _BUCKETS
# How wide a bucket is, in prices of the cheapest cell: finer, fewer cells are settled twice.
_BUCKET = 0.125
# By how much the limit is raised first, as a share of the least that any way can cost; then twice
# that, and so on.
_SPAN = 0.002
# No step reaches farther; so many closed cells around the grid spare all looks at its border.
BORDER = 2
# What single precision leaves open in the landmarks' costs, twice, and some.
_ROUNDING = 1e-6
# Cells that are tried as the first landmark, until one is joined with most of the others.
_TRIES_MAX = 4

HALF = HEADINGS // 2
# In the chains, before a cell: it is the first of its bucket, or in none.
_FIRST, _NOWHERE = -1, -2
# Columns of `Queue.chains`, and places of its counts and figures.
_AFTER, _BEFORE = range(2)
_AT, _WAITING = range(2)
_ROW, _COLUMN, _LEAST, _WIDTH, _SLACK, _BASE, _LIMIT, _STEP, _LOWEST = range(9)


class View(NamedTuple):
    """What tells how far a cell is from the end at least."""

    marks: Singles
    end_marks: Singles
    figures: Floats
    columns: int


def guide_toward(paving: Paving, sources: tuple[Ints, Floats], end: int) -> Guide:
    """Begin a search from the sources toward a cell.

    sources : int64 (S,) cells and float64 (S,) what is still to pay from there, >= 0
    end     : a cell; -1 = none. Cells count row by row, without the border
    """
    assert is_array(sources[0], np.int64, None)
    assert is_array(sources[1], np.float64, len(sources[0]))
    size = len(paving.rates)
    assert size < 2**30
    queue = Queue(
        costs=paving.blank.copy(),
        chains=np.full((size, 2), _NOWHERE, np.int32),
        heads=np.full(_BUCKETS + 1, -1, np.int32),
        counts=np.zeros(2, np.int64),
        figures=np.zeros(9),
    )
    end_marks = np.full(paving.marks.shape[1], -1.0, np.float32)
    guide = Guide(Field(queue, paving.blank < 0.0, end_marks), paving)
    _begin(guide, sources, end)
    return guide


def landmarks(paving: Paving, scene: Scene, work: Floats, count: int) -> Singles:
    """Give each cell's costs from some cells that lie far apart: float32 (cells, count), -1 = none.

    The first lies as far as may be from any cell that is joined with most of the others, each of
    the others as far from those before it.
    """
    marks = np.full((len(paving.rates), count), -1.0, np.float32)
    bare = paving._replace(marks=np.empty((len(paving.rates), 0), np.float32))
    left = np.isfinite(paving.rates) & (paving.blank > 0.0)
    most, nearest = 0, np.empty(0)
    for _ in range(_TRIES_MAX):
        if np.count_nonzero(left) <= most:
            break
        costs = _whole(bare, scene, work, int(np.flatnonzero(left)[np.count_nonzero(left) // 2]))
        joined = np.isfinite(costs)
        left &= ~joined
        if np.count_nonzero(joined) > most:
            most, nearest = int(np.count_nonzero(joined)), costs
    for k in range(count if most else 0):
        nearest[~np.isfinite(nearest)] = -1.0
        costs = _whole(bare, scene, work, int(np.argmax(nearest)))
        marks[:, k] = np.where(np.isfinite(costs), costs, -1.0)
        nearest = costs if k == 0 else np.minimum(nearest, costs)
    return marks


@inner
def worst_along(values: Floats, cell: int, toward: int, column_count: int) -> float:
    """Give the greatest value among the cells that a step touches; the step stays on the grid.

    A diagonal one passes through a corner, which is of all four cells there: a check says so too.

    values : float64 (H * W,)
    """
    dx, dy = VECTORS[toward, 0], VECTORS[toward, 1]
    worst = max(values[cell], values[cell + dy * column_count + dx])
    if abs(dx) + abs(dy) == 2:
        worst = max(worst, values[cell + dx], values[cell + dy * column_count])
    if abs(dx) + abs(dy) == 3:
        # One step along the longer side from the start, and one back from the end.
        half_x, half_y = (dx // 2, 0) if abs(dx) == 2 else (0, dy // 2)
        worst = max(worst, values[cell + half_y * column_count + half_x])
        worst = max(worst, values[cell + (dy - half_y) * column_count + dx - half_x])
    return float(worst)


@inner
def to_go(cell: int, guide: Guide, scene: Scene, work: Floats) -> float:
    """Give what it costs from a cell to the sources at least; inf = no way.

    cell : row by row, without the border
    """
    at = _into_border(cell, guide.paving.columns)
    if not guide.field.known[at]:
        _settle(at, guide, scene, work)
    cost = guide.field.queue.costs[at]
    return float(cost) if cost >= 0.0 else np.inf


@kernel
def bound_to_go(cell: int, guide: Guide) -> float:
    """Give no more than `to_go` says, at no cost: what is known by now."""
    queue, view = guide.field.queue, _view(guide)
    at = _into_border(cell, guide.paving.columns)
    cost = queue.costs[at] if queue.costs[at] >= 0.0 else np.inf
    if guide.field.known[at]:
        return float(cost)
    # Either the cost is final, or no way through here costs less than the limit.
    bound = queue.figures[_LIMIT] - queue.figures[_SLACK] - _ahead(at, view)
    return float(min(cost, max(0.0, bound)))


@kernel
def least_by(cells: Ints, prices: Floats, guide: Guide, scene: Scene, work: Floats) -> float:
    """Give the least that some cells' costs come to with a price on each; inf = no way."""
    least = np.inf
    for k in np.argsort(prices, kind="mergesort"):
        if prices[k] + bound_to_go(cells[k], guide) < least:
            least = min(least, prices[k] + to_go(cells[k], guide, scene, work))
    return least


def _whole(paving: Paving, scene: Scene, work: Floats, cell: int) -> Floats:
    """Give the costs from one cell, numbered with the border, to all; not finite where no way."""
    inner = paving.columns - 2 * BORDER
    row, column = divmod(cell, paving.columns)
    source = np.array([(row - BORDER) * inner + column - BORDER]), np.zeros(1)
    guide = guide_toward(paving, source, -1)
    # No step leads into the border, so that everything else comes before its first cell.
    _settle(0, guide, scene, work)
    return guide.field.queue.costs


@inner
def _into_border(cell: int, columns: int) -> int:
    """Give the number of a cell when the border is counted, which the columns do."""
    inner = columns - 2 * BORDER
    return int((cell // inner + BORDER) * columns + cell % inner + BORDER)


@kernel
def _begin(guide: Guide, sources: tuple[Ints, Floats], end: int) -> None:
    """Put the sources into the queue."""
    queue, paving = guide.field.queue, guide.paving
    inner, figures = paving.columns - 2 * BORDER, queue.figures
    figures[_WIDTH], figures[_LIMIT] = paving.least * _BUCKET, np.inf
    figures[_LOWEST] = np.inf
    view = _view(guide)
    if end >= 0:
        figures[_ROW], figures[_COLUMN] = end // inner + BORDER, end % inner + BORDER
        figures[_LEAST], figures[_LIMIT] = paving.least, 0.0
        view.end_marks[:] = paving.marks[_into_border(end, paving.columns)]
    low, high = np.inf, 0.0
    for k in range(len(sources[0])):
        at = _into_border(sources[0][k], paving.columns)
        ahead = _ahead(at, view)
        low, high = min(low, sources[1][k] + ahead), max(high, sources[1][k] + ahead)
        if sources[1][k] < queue.costs[at]:
            _move(at, sources[1][k], ahead, queue)
    figures[_SLACK] = _ROUNDING * (paving.farthest + high)
    figures[_STEP] = max(_SPAN * low, 4.0 * paving.least)


@kernel
def _settle(target: int, guide: Guide, scene: Scene, work: Floats) -> None:
    """Go on until a cell's cost is final, or nothing is left to settle."""
    queue, view = guide.field.queue, _view(guide)
    counts, costs, figures = queue.counts, queue.costs, queue.figures
    rates, words, columns = guide.paving.rates, guide.paving.words, guide.paving.columns
    ahead = _ahead(target, view) + figures[_SLACK]
    steps = VECTORS[:, 1] * columns + VECTORS[:, 0]
    while True:
        while counts[_WAITING] > 0:
            cell = queue.heads[counts[_AT]]
            if cell < 0:
                counts[_AT] += 1
                continue
            _take(cell, counts[_AT], queue)
            here, rate = costs[cell], rates[cell]
            for k in range(HEADINGS):
                near = cell + steps[k]
                # Most neighbours are cheaper already, whatever lies between.
                if here + LENGTHS[k] * rate >= costs[near]:
                    continue
                worst = max(rate, rates[near])
                dx, dy = VECTORS[k, 0], VECTORS[k, 1]
                if k & 3 == 2:
                    worst = max(worst, max(rates[cell + dx], rates[cell + dy * columns]))
                elif k & 1:
                    half = dx // 2 if abs(dx) == 2 else dy // 2 * columns
                    worst = max(worst, max(rates[cell + half], rates[near - half]))
                cost = here + LENGTHS[k] * worst
                if not cost < costs[near]:
                    continue
                low, along = (cell, k) if k < HALF else (near, k - HALF)
                if not words[low] >> (HALF + along) & 1:
                    words[low] |= _step_word(low, along, guide.paving, scene, work)
                if words[low] >> along & 1:
                    _move(near, cost, _ahead(near, view), queue)
        is_within = 0.0 <= costs[target] + ahead < figures[_LIMIT]
        if queue.heads[_LATER] < 0 or (is_within and figures[_LOWEST] >= figures[_LIMIT]):
            break
        _go_on(queue, view, costs[target] + ahead if costs[target] >= 0.0 else np.inf)
    guide.field.known[target] = True


@inner
def _go_on(queue: Queue, view: View, most: float) -> None:
    """Put those that came later into the buckets, as many as fit; raise the limit if none does.

    most : a limit above this is not needed
    """
    costs, figures = queue.costs, queue.figures
    first, lowest = queue.heads[_LATER], np.inf
    cell = first
    while cell >= 0:
        lowest = min(lowest, costs[cell] + _ahead(cell, view))
        cell = queue.chains[cell, _AFTER]
    if lowest >= figures[_LIMIT]:
        above = figures[_SLACK] + figures[_WIDTH]
        figures[_LIMIT] = lowest + max(above, min(figures[_STEP], most + above - lowest))
        figures[_STEP] *= 2.0
    base, cell = np.inf, first
    while cell >= 0:
        if costs[cell] + _ahead(cell, view) < figures[_LIMIT]:
            base = min(base, costs[cell])
        cell = queue.chains[cell, _AFTER]
    figures[_BASE], figures[_LOWEST] = base, np.inf
    queue.counts[_AT], queue.heads[_LATER] = 0, -1
    cell = first
    while cell >= 0:
        after = queue.chains[cell, _AFTER]
        _put(cell, costs[cell] + _ahead(cell, view), queue)
        cell = after


@inner
def _step_word(cell: int, along: int, paving: Paving, scene: Scene, work: Floats) -> int:
    """Give the bits that say whether any move can make a step, in either direction."""
    known = 1 << (HALF + along)
    other = cell + VECTORS[along, 1] * paving.columns + VECTORS[along, 0]
    if (
        len(paving.straights) == 0
        or not (paving.near[cell] and paving.near[other])
        or _is_way_open(cell, along, paving, scene, work)
        or _is_way_open(other, along + HALF, paving, scene, work)
    ):
        return known | 1 << along
    return known


@inner
def _is_way_open(cell: int, along: int, paving: Paving, scene: Scene, work: Floats) -> bool:
    """Tell whether any move can make a step from a cell."""
    row, column = cell // paving.columns - BORDER, cell % paving.columns - BORDER
    inner = paving.columns - 2 * BORDER
    for k in range(paving.straights_first[along], paving.straights_first[along + 1]):
        state = (row * inner + column) * HEADINGS + paving.straights[k, 0]
        if is_open(state, paving.straights[k, 1], scene, work, scene.open_moves):
            return True
    return False


@kernel
def _view(guide: Guide) -> View:
    """Give what `_ahead` looks at."""
    field, paving = guide
    return View(paving.marks, field.end_marks, field.queue.figures, paving.columns)


@inner
def _ahead(cell: int, view: View) -> float:
    """Give what it costs from a cell to the end at least; 0 without an end."""
    figures = view.figures
    if figures[_LEAST] == 0.0:
        return 0.0
    rows = abs(cell // view.columns - figures[_ROW])
    columns = abs(cell % view.columns - figures[_COLUMN])
    # The way along the two lattice vectors next to its direction.
    long, short = max(rows, columns), min(rows, columns)
    steep = max(0.0, 2.0 * short - long)
    straight = max(0.0, long - 2.0 * short)
    most = straight + LENGTHS[2] * steep + LENGTHS[1] * (short - steep)
    most *= figures[_LEAST]
    for k in range(view.marks.shape[1]):
        mark, other = view.marks[cell, k], view.end_marks[k]
        if mark >= 0.0 and other >= 0.0:
            most = max(most, abs(float(mark) - float(other)))
    return float(most)


@inner
def _move(cell: int, cost: float, ahead: float, queue: Queue) -> None:
    """Lower a cell's cost, and put it where it belongs in the queue."""
    if queue.chains[cell, _BEFORE] != _NOWHERE:
        before = queue.costs[cell]
        _take(cell, _bucket(before, before + ahead, queue.figures), queue)
    queue.costs[cell] = cost
    _put(cell, cost + ahead, queue)


@inner
def _bucket(cost: float, total: float, figures: Floats) -> int:
    """Give where a cell waits, by its cost and by that of the whole way through it at least."""
    at = (cost - figures[_BASE]) / figures[_WIDTH]
    return int(at) if total < figures[_LIMIT] and at < _BUCKETS else _LATER


@inner
def _put(cell: int, total: float, queue: Queue) -> None:
    """Put a cell first into its bucket."""
    bucket = _bucket(queue.costs[cell], total, queue.figures)
    head = queue.heads[bucket]
    queue.chains[cell, _AFTER], queue.chains[cell, _BEFORE] = head, _FIRST
    if head >= 0:
        queue.chains[head, _BEFORE] = cell
    queue.heads[bucket] = cell
    if bucket == _LATER:
        queue.figures[_LOWEST] = min(queue.figures[_LOWEST], total)
    else:
        queue.counts[_WAITING] += 1
        queue.counts[_AT] = min(queue.counts[_AT], bucket)


@inner
def _take(cell: int, bucket: int, queue: Queue) -> None:
    """Take a cell out of its bucket."""
    before, after = queue.chains[cell, _BEFORE], queue.chains[cell, _AFTER]
    if before >= 0:
        queue.chains[before, _AFTER] = after
    else:
        queue.heads[bucket] = after
    if after >= 0:
        queue.chains[after, _BEFORE] = before
    queue.chains[cell, _BEFORE] = _NOWHERE
    if bucket != _LATER:
        queue.counts[_WAITING] -= 1
