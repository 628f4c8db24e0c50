"""Shortest paths on a grid of cells with eight neighbours.

A step costs its length times the mean of both cells' costs; an infinite cost blocks a cell, and a
closed move blocks a step in both directions. Cells are numbered row by row: row * W + column.
"""

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, is_array, is_finite, kernel

MOVES: Ints = np.array([[0, 1], [1, 0], [1, 1], [1, -1]], dtype=np.int64)
"""Row and column step of a cell's four moves; the four others are its neighbours' moves, back."""


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

    Ties: of cells equally promising the lower is taken up first; a cell keeps the first of equally
    cheap ways into it.
    """
    _check(costs, closed, cell_m, sources, targets)
    reached, before, end = _search((costs, closed, MOVES), float(cell_m), sources, targets, 1)
    if end < 0:
        return np.empty(0, np.int64), np.inf
    cells = [end]
    while before[cells[-1]] >= 0:
        cells.append(int(before[cells[-1]]))
    assert len(cells) <= costs.size, "a path goes in a circle"
    return np.array(cells[::-1], dtype=np.int64), float(reached[end])


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

    Ties: as in `find_path`.
    """
    _check(costs, closed, cell_m, sources, targets)
    reached, before, _ = _search(
        (costs, closed, MOVES), float(cell_m), sources, targets, len(targets)
    )
    return reached, before


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


@kernel
def _search(
    graph: tuple[Floats, Flags, Ints],
    cell_m: float,
    sources: tuple[Ints, Floats],
    targets: Ints,
    target_count: int,
) -> tuple[Floats, Ints, int]:
    """Search from the sources until so many of the targets are settled, or all there are.

    A* (Hart, Nilsson and Raphael 1968) guided by the octile distance to the box around the targets.
    That never overestimates and never falls by more than a step costs, so a cell's first settling
    is final. Without targets it is Dijkstra's search (1959).

    graph   : costs, closed and moves, as in `find_path`
    returns : float64 (H * W,) costs of settled cells, int64 (H * W,) the cell before, the target
              settled last (-1 when the search ran out first)
    """
    costs = graph[0]
    cell_count, column_count = costs.size, costs.shape[1]
    reached, promise = np.full(cell_count, np.inf), np.full(cell_count, np.inf)
    before, heap = np.full(cell_count, -1, np.int64), np.empty(cell_count, np.int64)
    places = np.full(cell_count, -1, np.int64)
    is_target = np.zeros(cell_count, np.bool_)
    for cell in targets:
        is_target[cell] = True
    wanted_count = min(target_count, int(np.sum(is_target)))
    box = _box(targets, column_count)
    guidance = np.min(costs) * cell_m if wanted_count > 0 else 0.0
    size = 0
    for k in range(len(sources[0])):
        cell = sources[0][k]
        if sources[1][k] < reached[cell] and np.isfinite(costs.flat[cell]):
            reached[cell] = sources[1][k]
            promise[cell] = reached[cell] + guidance * _octile(cell, box, column_count)
            size = _lift(heap, places, promise, size, cell)
    while size > 0:
        cell = heap[0]
        size = _drop(heap, places, promise, size)
        if is_target[cell]:
            wanted_count -= 1
            if wanted_count == 0:
                _forget_unsettled(reached, before, places)
                return reached, before, cell
        for k in range(2 * len(graph[2])):
            near, cost = _step(graph, cell, k)
            cost = reached[cell] + cost * cell_m
            if cost < reached[near] and places[near] != -2:
                reached[near], before[near] = cost, cell
                promise[near] = cost + guidance * _octile(near, box, column_count)
                size = _lift(heap, places, promise, size, near)
    return reached, before, -1


@kernel
def _forget_unsettled(out_reached: Floats, out_before: Ints, places: Ints) -> None:
    """Take back what was only a guess when the search ended."""
    for cell in range(len(places)):
        if places[cell] >= 0:
            out_reached[cell] = np.inf
            out_before[cell] = -1


@kernel
def _step(graph: tuple[Floats, Flags, Ints], cell: int, k: int) -> tuple[int, float]:
    """Give a cell's neighbour by number, 0 to 7, and the cost of the step for a cell of 1 m."""
    costs, closed, moves = graph
    row_count, column_count = costs.shape
    row, column = cell // column_count, cell % column_count
    move, sign = k % len(moves), 1 if k < len(moves) else -1
    i, j = row + sign * moves[move, 0], column + sign * moves[move, 1]
    if not (0 <= i < row_count and 0 <= j < column_count):
        return cell, np.inf
    is_closed = closed[row, column, move] if sign > 0 else closed[i, j, move]
    if is_closed:
        return cell, np.inf
    length = np.sqrt(float(moves[move, 0] ** 2 + moves[move, 1] ** 2))
    return i * column_count + j, length * 0.5 * (costs[row, column] + costs[i, j])


@kernel
def _box(cells: Ints, column_count: int) -> tuple[int, int, int, int]:
    """Give the lowest row and column among the cells, and the highest."""
    if len(cells) == 0:
        return 0, 0, 0, 0
    rows, columns = cells // column_count, cells % column_count
    return int(np.min(rows)), int(np.min(columns)), int(np.max(rows)), int(np.max(columns))


@kernel
def _octile(cell: int, box: tuple[int, int, int, int], column_count: int) -> float:
    """Give the least length, in cells, of steps from a cell into a box."""
    row, column = cell // column_count, cell % column_count
    up = max(0, max(box[0] - row, row - box[2]))
    across = max(0, max(box[1] - column, column - box[3]))
    return float(max(up, across) + (np.sqrt(2.0) - 1.0) * min(up, across))


@kernel
def _precedes(promise: Floats, cell: int, other: int) -> bool:
    """Tell whether a cell is taken up before another: more promising, or equally and lower."""
    if promise[cell] == promise[other]:
        return cell < other
    return bool(promise[cell] < promise[other])


@kernel
def _lift(heap: Ints, places: Ints, promise: Floats, size: int, cell: int) -> int:
    """Put a cell into the heap, or move it up after its promise improved; gives the new size.

    heap : int64 (H * W,) cells, the first ``size`` count
    places : int64 (H * W,) a cell's index in the heap; -1 = never in it, -2 = taken out
    """
    at = places[cell]
    if at < 0:
        at = size
        size += 1
    while at > 0 and _precedes(promise, cell, heap[(at - 1) // 2]):
        heap[at] = heap[(at - 1) // 2]
        places[heap[at]] = at
        at = (at - 1) // 2
    heap[at], places[cell] = cell, at
    return size


@kernel
def _drop(heap: Ints, places: Ints, promise: Floats, size: int) -> int:
    """Take the first cell out of the heap; gives the new size."""
    places[heap[0]] = -2
    size -= 1
    if size == 0:
        return size
    cell, at = heap[size], 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _precedes(promise, heap[child + 1], heap[child]):
            child += 1
        if not _precedes(promise, heap[child], cell):
            break
        heap[at] = heap[child]
        places[heap[at]] = at
        at = child
    heap[at], places[cell] = cell, at
    return size
