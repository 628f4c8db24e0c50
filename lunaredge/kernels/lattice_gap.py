"""The widest way between two cells: where its narrowest place is, and how wide that is.

Steps lead from a cell's centre to its eight neighbours'. A step's clearance is how far its straight
stays from closed ground and from solids; less than 0 where it cuts through a solid.
"""

import numpy as np

from lunaredge.kernels.convex import COLUMNS, CORNERS, COUNT, MARGIN, gap, place
from lunaredge.kernels.jit import Flags, Floats, Ints, inner, is_array, kernel
from lunaredge.kernels.lattice import Traffic
from lunaredge.kernels.lattice_static import bin_range

STEPS: Ints = np.array([(0, 1), (1, 0), (1, 1), (1, -1)], np.int64)
"""Row and column of a cell's four steps; the four others are its neighbours', back."""


def widest_way(
    closed: Flags, solids: Traffic, frame: Floats, range_m: float, ends: tuple[int, int]
) -> tuple[int, int, float]:
    """Give the narrowest step on the way between two cells that is widest there.

    closed  : bool (H, W)
    frame   : float64 (3,)   x_m, y_m, cell_m
    range_m : clearances beyond it count as equal
    ends    : the two cells
    returns : the step's two cells and its clearance, m; -1, -1 and inf when the ends are the same

    Kruskal's algorithm (1956): steps join cells, the widest first, until the ends are joined. Ties
    go to the lower cell, then by the rows of `STEPS`.
    """
    assert is_array(closed, np.bool_, None, None)
    clearances = _clearances(closed, solids, frame, float(range_m)).ravel()
    order = np.argsort(-clearances, kind="stable")
    at = int(_last_joined(order, closed.shape[1], ends))
    if at < 0:
        return -1, -1, np.inf
    row, column = STEPS[at % 4]
    return at // 4, at // 4 + int(row) * closed.shape[1] + int(column), float(clearances[at])


@kernel
def gaps_between(rows: Floats) -> Floats:
    """Give how far bodies are from each other, margins counted; less than 0 where they overlap.

    rows    : float64 (N, COLUMNS)  in one frame
    returns : float64 (N, N)        m
    """
    out, work = np.zeros((len(rows), len(rows))), np.empty((2, 16, 2))
    for a in range(len(rows)):
        x, y = rows[a, CORNERS], rows[a, CORNERS + 1]
        count = place(rows[a], -x, -y, 1.0, 0.0, work[0])
        for b in range(a):
            other = place(rows[b], -x, -y, 1.0, 0.0, work[1])
            apart = gap(work[0], count, work[1], other)[0] - rows[a, MARGIN] - rows[b, MARGIN]
            out[a, b] = out[b, a] = apart
    return out


@kernel
def _clearances(closed: Flags, solids: Traffic, frame: Floats, range_m: float) -> Floats:
    """Give the clearance of each step, float64 (H * W, 4); -inf where it leaves the grid."""
    row_count, column_count = closed.shape
    out = np.full((row_count * column_count, 4), -np.inf)
    work, reach = np.empty((2, 16, 2)), range_m / frame[2]
    around = _around(closed, int(np.ceil(reach)) + 1)
    for row in range(row_count):
        for column in range(column_count):
            is_far = not around[row, column]
            for k in range(4):
                i, j = row + STEPS[k, 0], column + STEPS[k, 1]
                if not (0 <= i < row_count and 0 <= j < column_count):
                    continue
                clear = reach
                if closed[row, column] or closed[i, j]:
                    clear = 0.0
                elif not is_far:
                    here = _from_closed(closed, float(row), float(column), reach)
                    there = _from_closed(closed, float(i), float(j), reach)
                    middle = (0.5 * (row + i), 0.5 * (column + j))
                    between = _from_closed(closed, middle[0], middle[1], reach)
                    clear = min(here, min(there, between))
                clear *= frame[2]
                if len(solids.legs) > 0:
                    ends = (row, column, int(i), int(j))
                    clear = min(clear, _from_solids(solids, frame, ends, range_m, work))
                out[row * column_count + column, k] = clear
    return out


@kernel
def _around(closed: Flags, reach: int) -> Flags:
    """Mark the cells from which a closed one, or the border, is no more than a reach away."""
    row_count, column_count = closed.shape
    along, out = np.ones(closed.shape, np.bool_), np.ones(closed.shape, np.bool_)
    for row in range(row_count):
        last = -1
        for column in range(column_count + reach):
            if column >= column_count or closed[row, column]:
                last = min(column, column_count)
            at = column - reach
            if 0 <= at < column_count:
                along[row, at] = last >= at - reach
    for column in range(column_count):
        last = -1
        for row in range(row_count + reach):
            if row >= row_count or along[row, column]:
                last = min(row, row_count)
            at = row - reach
            if 0 <= at < row_count:
                out[at, column] = last >= at - reach
    return out


@inner
def _from_closed(closed: Flags, row: float, column: float, reach: float) -> float:
    """Give how far a point, in cells, is from a closed cell or the border, up to reach."""
    row_count, column_count = closed.shape
    least = reach
    for i in range(int(np.floor(row - reach)), int(np.ceil(row + reach)) + 1):
        for j in range(int(np.floor(column - reach)), int(np.ceil(column + reach)) + 1):
            if not (0 <= i < row_count and 0 <= j < column_count) or closed[i, j]:
                up, along = max(abs(i - row) - 0.5, 0.0), max(abs(j - column) - 0.5, 0.0)
                least = min(least, np.sqrt(up * up + along * along))
    return least


@kernel
def _from_solids(
    solids: Traffic, frame: Floats, ends: tuple[int, int, int, int], range_m: float, work: Floats
) -> float:
    """Give how far a step is from the nearest solid, up to the range."""
    rod = np.zeros(COLUMNS)
    x, y = frame[0] + (ends[1] + 0.5) * frame[2], frame[1] + (ends[0] + 0.5) * frame[2]
    rod[COUNT], rod[CORNERS + 2] = 2.0, (ends[3] - ends[1]) * frame[2]
    rod[CORNERS + 3] = (ends[2] - ends[0]) * frame[2]
    first, end = bin_range(solids, x, y)
    least = range_m
    for at in range(first, end):
        leg = solids.legs[solids.bin_legs[at]]
        owner = solids.owners[solids.bin_legs[at]]
        for k in range(solids.parts_first[owner], solids.parts_first[owner + 1]):
            count = place(rod, 0.0, 0.0, 1.0, 0.0, work[0])
            other = place(solids.parts[k], leg[2] - x, leg[3] - y, 1.0, 0.0, work[1])
            apart = gap(work[0], count, work[1], other)[0] - solids.parts[k, MARGIN]
            least = min(least, apart)
    return least


@kernel
def _last_joined(order: Ints, column_count: int, ends: tuple[int, int]) -> int:
    """Join cells by steps in order; give the step that joins the ends, -1 = they are the same."""
    roots = np.arange(len(order) // 4)
    for at in order:
        cell = at // 4
        other = cell + STEPS[at % 4, 0] * column_count + STEPS[at % 4, 1]
        if not 0 <= other < len(roots):
            continue
        roots[_root(roots, cell)] = _root(roots, other)
        if _root(roots, ends[0]) == _root(roots, ends[1]):
            return int(at) if ends[0] != ends[1] else -1
    return -1


@inner
def _root(roots: Ints, cell: int) -> int:
    """Give the cell that stands for all that are joined with one; halves the way there."""
    while roots[cell] != cell:
        roots[cell] = roots[roots[cell]]
        cell = roots[cell]
    return cell
