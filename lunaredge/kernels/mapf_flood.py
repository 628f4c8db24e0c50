"""The earliest arrival of one agent among the others, by boards of bits.

All cells that an agent can be on at a step are one board; the next step's is that board, moved by
one cell every way, without what is taken and without moves against somebody coming the other way:
breadth-first search through time, 64 cells at once. It is exact, as `mapf_astar` is, and on a
crowded map, where distances say little, far quicker.
"""

import numpy as np

from lunaredge.kernels.jit import Shorts, inner, kernel
from lunaredge.kernels.mapf_agents import CHOICES, Seeds, draw
from lunaredge.kernels.mapf_boards import (
    LEAVING,
    STRIDE,
    TAKEN,
    Boards,
    Words,
    is_set,
)
from lunaredge.kernels.mapf_fields import NEIGHBOURS

_ONE = np.uint64(1)
_LAST = np.uint64(63)


@inner
def flood(
    cells: Shorts, out_boards: Boards, seeds: Seeds, query: tuple[int, int, int]
) -> tuple[int, int]:
    """Write an agent's quickest path into the plan until it arrives.

    The agent is off the boards. Ties among paths are drawn.

    query   : the agent, the first step from which its goal stays free, the last step of use
    returns : the arrival, -1 = none; words read
    """
    agent, earliest, last = query
    plan, bits = out_boards.plan, out_boards.bits
    cell = plan[len(plan) - 1, agent]
    arrival, work = _fill(out_boards, bits[plan[0, agent]], bits[cell], earliest, last)
    for step in range(arrival, -1, -1):
        if step < arrival:
            cell = _cell_before(cells, out_boards, draw(seeds), step, cell)
        plan[step, agent] = cell
    return arrival, work


@kernel
def _fill(out_boards: Boards, start: int, goal: int, earliest: int, last: int) -> tuple[int, int]:
    """Fill the layers until the goal is reached at a step from which it stays free.

    Rows too far from the goal to get there by the last step are left out.

    returns : that step, -1 = never; words read
    """
    stride = out_boards.shape[STRIDE]
    word_shift, bit_shift = stride >> 6, stride & 63
    margin, layers = 2 * word_shift + 2, out_boards.layers
    low = start >> 6
    high, work = low + 1, 0
    layers[0, low - margin : high + margin] = 0
    layers[0, low] = _ONE << np.uint64(start & 63)
    for step in range(last + 1):
        if step >= earliest and low <= goal >> 6 < high and is_set(layers[step], goal):
            return step, work
        if step == last:
            break
        reach = (last - step - 1) * stride
        low = max(low - word_shift - 1, (goal - reach) >> 6, margin)
        high = min(high + word_shift + 1, ((goal + reach) >> 6) + 1, layers.shape[1] - margin)
        if low >= high:
            break
        layers[step + 1, low - margin : low] = 0
        layers[step + 1, high : high + margin] = 0
        work += high - low
        alive = _spread(
            layers[step, low - word_shift - 1 : high + word_shift + 1],
            out_boards.boards[step],
            low,
            out_boards.boards[step + 1, TAKEN, low:high],
            word_shift,
            bit_shift,
            layers[step + 1, low:high],
        )
        if alive == 0:
            break
    return -1, work


@inner
def _spread(
    before: Words,
    boards: Words,
    low: int,
    taken: Words,
    word_shift: int,
    bit_shift: int,
    out_after: Words,
) -> int:
    """Move a layer on by one step; gives 0 when nothing is left of it.

    before    : uint64 (n + 2 * word_shift + 2,)  the layer, and a row's words on both sides
    boards    : uint64 (5, B)  of the step, and where on them the layer starts
    taken     : uint64 (n,)    at the next step
    out_after : uint64 (n,)
    """
    up, down = np.uint64(bit_shift), np.uint64(64 - bit_shift)
    lefts, rights = boards[LEAVING, low:], boards[LEAVING + 1, low:]
    belows, aboves = boards[LEAVING + 2, low:], boards[LEAVING + 3, low:]
    # Views that start where they are read: an offset in the index would keep the loop scalar.
    under, here, over = before[word_shift:], before[word_shift + 1 :], before[word_shift + 2 :]
    rows_below, rows_above = before[1:], before[2 * word_shift + 1 :]
    rows_over = before[2 * word_shift + 2 :]
    alive = np.uint64(0)
    for k in range(len(out_after)):
        word = here[k]
        new = word | (((word << _ONE) | (under[k] >> _LAST)) & ~lefts[k])
        new |= ((word >> _ONE) | (over[k] << _LAST)) & ~rights[k]
        new |= ((rows_below[k] << up) | (before[k] >> down)) & ~belows[k]
        new |= ((rows_above[k] >> up) | (rows_over[k] << down)) & ~aboves[k]
        new &= ~taken[k]
        out_after[k] = new
        alive |= new
    return int(alive != np.uint64(0))


@inner
def _cell_before(cells: Shorts, boards: Boards, drawn: int, step: int, cell: int) -> int:
    """Draw one of the cells at a step from which a cell is reached at the next."""
    bits, layer = boards.bits, boards.layers[step]
    for k in range(CHOICES):
        way = (k + drawn) % CHOICES
        near = int(cells[cell, way])
        if near == len(cells) - 1 or not is_set(layer, bits[near]):
            continue
        # Somebody who leaves this cell toward that one would be met on the way.
        if way < NEIGHBOURS and is_set(boards.boards[step, LEAVING + way], bits[cell]):
            continue
        return near
    return -1
