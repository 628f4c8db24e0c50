"""The map of many agents, and distance fields toward their goals that grow only as far as asked.

Cells are numbered 0 to V - 1; the number V stands for "no cell", so that every cell has exactly
four neighbours and loops need no bounds. A field is a breadth-first search from a goal that stops
at the cell asked for and goes on from there at the next question: most agents never look at most
of a large map.

cells  : int32 (V + 1, 8)     a cell's neighbours left, right, below, above (V = none), its own
         number, who stands there, who will (-1 = nobody), and how many of its neighbours are
         no dead ends
fields : int32 (A, 2, V + 3)  [a, 0, v] is agent a's mark of cell v: 1 + the steps to its goal, 0 =
         not known yet, FAR = no way; [a, 1] is its queue: first the places where it goes on and
         where it ends, then the cells, and room for one more
"""

import numpy as np

from lunaredge.kernels.jit import Flags, Shorts, inner, is_array

NEIGHBOURS = 4
SELF, AT_NOW, AT_AFTER, PASSES, CELL_COLUMNS = range(NEIGHBOURS, NEIGHBOURS + 5)
FAR = 1 << 29
"""The mark of a cell from which the goal can't be reached."""

_HEAD, _TAIL, _QUEUE = range(3)


def cells_of(free: Flags) -> tuple[Shorts, Shorts]:
    """Number the free cells row by row, and give who is whose neighbour.

    free    : bool (H, W)
    returns : int32 (H, W) numbers, -1 = not free; cells, int32 (V + 1, 8)
    """
    assert free.dtype == np.bool_
    assert free.ndim == 2
    cell_count = int(free.sum())
    numbers = np.full(free.shape, -1, dtype=np.int32)
    numbers[free] = np.arange(cell_count, dtype=np.int32)
    around = np.full((free.shape[0] + 2, free.shape[1] + 2), cell_count, dtype=np.int32)
    around[1:-1, 1:-1][free] = numbers[free]
    cells = np.full((cell_count + 1, CELL_COLUMNS), cell_count, dtype=np.int32)
    shifted = (around[1:-1, :-2], around[1:-1, 2:], around[:-2, 1:-1], around[2:, 1:-1])
    for k, near in enumerate(shifted):
        cells[:-1, k] = near[free]
    cells[:, SELF] = np.arange(cell_count + 1)
    cells[:, AT_NOW] = cells[:, AT_AFTER] = -1
    # "No cell" is always taken.
    cells[cell_count, AT_AFTER] = 0
    count_passes(cells)
    return numbers, cells


def count_passes(out_cells: Shorts) -> None:
    """Write how many of each cell's neighbours are no dead ends, after neighbours changed."""
    degrees = (out_cells[:, :NEIGHBOURS] < len(out_cells) - 1).sum(axis=1)
    out_cells[:, PASSES] = (degrees[out_cells[:, :NEIGHBOURS]] > 1).sum(axis=1)


def fields_toward(cells: Shorts, goals: Shorts) -> Shorts:
    """Start a field at each goal, int32 (A,). The caller has checked that goals are cells."""
    cell_count, agents = len(cells) - 1, np.arange(len(goals))
    # Zeros are mapped page by page at the first touch: what no agent visits costs nothing.
    fields = np.zeros((len(goals), 2, cell_count + 3), dtype=np.int32)
    fields[agents, 0, cell_count] = FAR
    fields[agents, 0, goals] = 1
    fields[agents, 1, _HEAD], fields[agents, 1, _TAIL] = _QUEUE, _QUEUE + 1
    fields[agents, 1, _QUEUE] = goals
    return fields


def distances(cells: Shorts, fields: Shorts, places: Shorts) -> Shorts:
    """Give how many steps each agent has to its goal, int32 (A,); -1 = no way.

    places : int32 (A,)  each agent's cell
    """
    assert is_array(places, np.int32, len(fields))
    assert ((places >= 0) & (places < len(cells) - 1)).all(), "a place is no cell"
    marks = np.empty(len(places), dtype=np.int32)
    _marks_at(cells, fields, places, marks)
    return np.where(marks >= FAR, -1, marks - 1).astype(np.int32)


@inner
def degree(cells: Shorts, cell: int) -> int:
    """Give how many neighbours a cell has."""
    count = 0
    for k in range(NEIGHBOURS):
        count += int(cells[cell, k] < len(cells) - 1)
    return count


@inner
def mark_at(cells: Shorts, fields: Shorts, agent: int, cell: int) -> int:
    """Give an agent's mark of a cell, and grow its field until there if need be."""
    mark = int(fields[agent, 0, cell])
    if mark == 0:
        _grow(cells, fields, agent, cell)
        mark = int(fields[agent, 0, cell])
    return mark


@inner
def _marks_at(cells: Shorts, fields: Shorts, places: Shorts, out_marks: Shorts) -> None:
    """See `distances`."""
    for agent in range(len(places)):
        out_marks[agent] = mark_at(cells, fields, agent, int(places[agent]))


@inner
def _grow(cells: Shorts, out_fields: Shorts, agent: int, cell: int) -> None:
    """Go on with a field until it reaches a cell."""
    marks, queue = out_fields[agent, 0], out_fields[agent, 1]
    head, tail = queue[_HEAD], queue[_TAIL]
    while head < tail and marks[cell] == 0:
        here = queue[head]
        head += 1
        mark = marks[here] + 1
        for k in range(NEIGHBOURS):
            near = cells[here, k]
            # Written in any case, and kept or not: half of all branches here would go wrong.
            known = marks[near]
            queue[tail] = near
            tail += int(known == 0)
            marks[near] = mark if known == 0 else known
    queue[_HEAD], queue[_TAIL] = head, tail
    if marks[cell] == 0:
        marks[cell] = FAR
