"""Distance fields toward the goals of many agents, grown only as far as somebody asks.

Cells are numbered 0 to V - 1; the number V stands for "no cell", so that every cell has exactly
four neighbours and loops need no bounds. A field is a breadth-first search from a goal that stops
at the cell asked for and goes on from there at the next question (Silver 2005 calls it a resumable
search): most agents never look at most of a large map.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Flags, Shorts, kernel

NEIGHBOURS = 4
FAR = 1 << 29
"""The mark of a cell from which the goal can't be reached."""


class Fields(NamedTuple):
    """The map and the fields of A agents. A mark is 1 + the steps to the goal, 0 = not known yet.

    neighbours : int32 (V + 1, 4)  a cell's neighbours, V = none
    marks      : int32 (A, V + 1)  FAR in the last column and where there is no way
    queues     : int32 (A, V)      cells in the order that they were reached
    ends       : int32 (A, 2)      where in its queue a field goes on, and where the queue ends
    """

    neighbours: Shorts
    marks: Shorts
    queues: Shorts
    ends: Shorts


def neighbours_of(free: Flags) -> tuple[Shorts, Shorts]:
    """Number the free cells row by row, and give each cell's neighbours.

    free    : bool (H, W)
    returns : int32 (H, W), -1 = not free; int32 (V + 1, 4) left, right, below, above, V = none
    """
    assert free.dtype == np.bool_
    assert free.ndim == 2
    cell_count = int(free.sum())
    numbers = np.full(free.shape, -1, dtype=np.int32)
    numbers[free] = np.arange(cell_count, dtype=np.int32)
    around = np.full((free.shape[0] + 2, free.shape[1] + 2), cell_count, dtype=np.int32)
    around[1:-1, 1:-1][free] = numbers[free]
    neighbours = np.full((cell_count + 1, NEIGHBOURS), cell_count, dtype=np.int32)
    shifted = (around[1:-1, :-2], around[1:-1, 2:], around[:-2, 1:-1], around[2:, 1:-1])
    for k, cells in enumerate(shifted):
        neighbours[:-1, k] = cells[free]
    return numbers, neighbours


def fields_toward(neighbours: Shorts, goals: Shorts) -> Fields:
    """Start a field at each goal. The caller has checked that goals are cells.

    neighbours : int32 (V + 1, 4)
    goals      : int32 (A,)
    """
    cell_count, agents = len(neighbours) - 1, np.arange(len(goals))
    # Zeros are mapped page by page at the first touch: what no agent visits costs nothing.
    marks = np.zeros((len(goals), cell_count + 1), dtype=np.int32)
    queues = np.empty((len(goals), max(cell_count, 1)), dtype=np.int32)
    marks[:, cell_count] = FAR
    marks[agents, goals] = 1
    queues[:, 0] = goals
    ends = np.zeros((len(goals), 2), dtype=np.int32)
    ends[:, 1] = 1
    return Fields(neighbours, marks, queues, ends)


def distances(fields: Fields, cells: Shorts) -> Shorts:
    """Give how many steps each agent has from its cell to its goal, int32 (A,); -1 = no way.

    cells : int32 (A,)
    """
    marks = np.empty(len(cells), dtype=np.int32)
    _marks_at(fields, cells, marks)
    return np.where(marks >= FAR, -1, marks - 1).astype(np.int32)


@kernel
def mark_at(fields: Fields, agent: int, cell: int) -> int:
    """Give an agent's mark of a cell, and grow its field until there if need be."""
    mark = fields.marks[agent, cell]
    if mark == 0:
        mark = _grow(fields, agent, cell)
    return mark


@kernel
def _marks_at(fields: Fields, cells: Shorts, out_marks: Shorts) -> None:
    """See `distances`."""
    for agent in range(len(cells)):
        out_marks[agent] = mark_at(fields, agent, cells[agent])


@kernel
def _grow(fields: Fields, agent: int, cell: int) -> int:
    """Go on with a field until it reaches a cell; give the cell's mark."""
    neighbours = fields.neighbours
    marks, queue = fields.marks[agent], fields.queues[agent]
    head, tail = fields.ends[agent, 0], fields.ends[agent, 1]
    while head < tail and marks[cell] == 0:
        here = queue[head]
        head += 1
        mark = marks[here] + 1
        for k in range(NEIGHBOURS):
            near = neighbours[here, k]
            if marks[near] == 0:
                marks[near] = mark
                queue[tail] = near
                tail += 1
    fields.ends[agent, 0], fields.ends[agent, 1] = head, tail
    if marks[cell] == 0:
        marks[cell] = FAR
    return marks[cell]
