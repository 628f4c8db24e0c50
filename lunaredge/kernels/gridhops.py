"""Fewest moves on a grid whose cells are free or blocked: A* in plain arrays, without a heap.

Where all free cells cost the same a step costs one move, diagonal or not, and the guidance is the
larger of the rows and the columns still to go. What a node promises then rises by 0, 1 or 2 with a
step, so that a few stacks in a ring, one for each promise, are the whole queue (Dial 1969). When a
stack is open, every node that promises less has its final label.

Of the moves from a node only those are tried that lead beyond what the node before could reach, and
a node with none left is not queued (pruning as in jump point search: Harabor and Grastien 2011).
Where one node alone leads on, as in a corridor and around its corners, it is followed at once, out
of turn, for as long as the ring can hold what comes of it. The labels there may be improved later,
and then the nodes are taken up again (half the time in mazes, x86-64, 2026-11).
"""

import numpy as np

from lunaredge.kernels.gridsearch import LOWEST, ONWARD, STEPS, Bytes
from lunaredge.kernels.jit import Ints, Shorts, Singles, inner, kernel

_WAY_BITS = 4
# A step needs three; the others are for what is followed out of turn. A power of two.
_STACKS = 8

CELLS_MAX = (1 << (31 - _WAY_BITS)) - 1
"""Most cells that an entry of a stack can name."""

# Labels of one search after another rise, up to this.
_LABEL_MAX = (1 << 31) - 1


class HopMemory:
    """What a search for the fewest moves writes to; it can be used again, not shared.

    Labels of a new search are greater than all that stand there from searches before, so that
    nothing has to be wiped out between them; fresh memory is zeros that nobody has written.
    """

    def __init__(self, cell_count: int) -> None:
        assert cell_count <= CELLS_MAX
        self.labels = np.zeros(cell_count, np.int32)
        # A node promises less each time that it is queued, so it is in a stack once at most.
        self.stacks = np.empty((_STACKS, cell_count), np.int32)
        self.base = 1

    def turn(self, moves_max: int) -> None:
        """Close a search that has given labels up to this many moves."""
        self.base += moves_max + 1
        if self.base + len(self.labels) + 2 * _STACKS > _LABEL_MAX:
            self.labels[:] = 0
            self.base = 1


def find_hops(moves: Bytes, source: int, target: int, memory: HopMemory) -> Ints:
    """Give a path of the fewest moves between two cells; empty = there is none.

    moves : uint8 (H, W)   see `open_moves`
    """
    ends = np.array([source, target])
    hops, hops_max = hop_search(moves, ends, memory.base, memory.labels, memory.stacks)
    path = np.empty(0, np.int64)
    if hops >= 0:
        path = hops_back(memory.labels, ends, memory.base, moves)
    memory.turn(hops_max)
    return path


@kernel
def open_moves(weights: Singles) -> tuple[float, Bytes]:
    """Open every move to a cell that is not blocked, past blocked corners too.

    weights : float32 (H, W)    inf = blocked
    returns : what every free cell costs (inf = all are blocked, 0 = they differ, and then there are
              no moves); uint8 (H, W), bit k = move k of `STEPS`. A blocked cell may be left
    """
    row_count, column_count = weights.shape
    moves = np.empty((row_count, column_count), np.uint8)
    # Three rows at a time, with a column beside them on each side: 1 = free.
    free = np.zeros((3, column_count + 2), np.uint8)
    return _fill_moves(weights, free, moves), moves


@inner
def _fill_moves(weights: Singles, free: Bytes, out_moves: Bytes) -> float:
    """Write the moves; give what every free cell costs: see `open_moves`."""
    row_count = len(weights)
    one = _first_free(weights.reshape(-1))
    for row in range(row_count + 1):
        ahead = free[row % 3]
        if row < row_count:
            if not _fill_free(weights[row], one, ahead):
                return 0.0
        else:
            ahead[:] = 0
        if row > 0:
            _fill_row(free[(row + 1) % 3], free[(row + 2) % 3], ahead, out_moves[row - 1])
    return float(one)


@inner
def _first_free(flat: Singles) -> np.float32:
    """Give the first weight that is not inf; inf for none."""
    for weight in flat:
        if weight < np.inf:
            return np.float32(weight)
    return np.float32(np.inf)


@inner
def _fill_free(weights: Singles, one: np.float32, out_free: Bytes) -> bool:
    """Say which cells of a row are free, from place 1 on; tell whether they cost the same."""
    infinite, odd, free = np.float32(np.inf), np.uint8(0), out_free[1:]
    for column in range(len(weights)):
        is_free = np.uint8(weights[column] != infinite)
        odd |= is_free & np.uint8(weights[column] != one)
        free[column] = is_free
    return bool(odd == 0)


@inner
def _fill_row(above: Bytes, here: Bytes, below: Bytes, out_moves: Bytes) -> None:
    """Write the moves of a row; the column of place 1 is the first."""
    above_here, below_here = above[1:], below[1:]
    above_right, right, below_right = above[2:], here[2:], below[2:]
    for column in range(len(out_moves)):
        ahead = right[column] | below_here[column] << 1 | below_right[column] << 2
        back = here[column] | above_here[column] << 1 | above[column] << 2
        ahead |= below[column] << 3
        out_moves[column] = ahead | (back | above_right[column] << 3) << 4


@kernel
def hop_search(
    moves: Bytes, ends: Ints, base: int, labels: Shorts, stacks: Shorts
) -> tuple[int, int]:
    """Label nodes with the moves from the source until the target has its label.

    moves   : uint8 (H, W)        see `open_moves`
    ends    : int64 (2,)          source and target cells
    labels  : int32 (H * W,)      less than base at the start; base + moves where a node was reached
    stacks  : int32 (8, H * W)    anything
    returns : moves to the target, -1 = no path; and the most moves that a label says

    Ties: of equally promising nodes the last found is taken up first.
    """
    flat, column_count = moves.reshape(-1), moves.shape[1]
    source, target = ends
    target_row, target_column = target // column_count, target % column_count
    offsets = STEPS[:, 0] * column_count + STEPS[:, 1]
    tops = np.zeros(_STACKS, np.int64)
    aside = abs(source % column_count - target_column)
    promised = max(abs(source // column_count - target_row), aside)
    labels[source], slot, waited = base, 0, 0
    stacks[0, 0], tops[0] = source << _WAY_BITS, 1
    while waited < _STACKS:
        top = tops[np.uint64(slot)] - 1
        if top < 0:
            slot, promised, waited = (slot + 1) & (_STACKS - 1), promised + 1, waited + 1
            continue
        waited, tops[np.uint64(slot)] = 0, top
        entry = np.int64(stacks[np.uint64(slot), np.uint64(top)])
        cell, way = entry >> _WAY_BITS, entry & ((1 << _WAY_BITS) - 1)
        label = np.int64(labels[np.uint64(cell)]) + 1
        if cell == target:
            return int(label - 1 - base), promised + _STACKS
        row = np.int64(np.uint32(cell) // np.uint32(column_count))
        down, over = row - target_row, cell - row * column_count - target_column
        is_onward = label - 1 - base + max(abs(down), abs(over)) >= promised
        while is_onward:
            mask = np.int64(flat[np.uint64(cell)]) & ONWARD[np.uint64(way)]
            held, held_move, rise, count = np.int64(-1), np.int64(0), np.int64(0), 0
            while mask:
                k = LOWEST[np.uint64(mask)]
                mask &= mask - 1
                near = cell + offsets[k]
                before = np.int64(labels[np.uint64(near)])
                if base <= before <= label:
                    continue
                labels[np.uint64(near)] = label
                onward = np.int64(flat[np.uint64(near)]) & ONWARD[np.uint64(k + 1)]
                if onward == 0 and near != target:
                    continue
                if count > 0:
                    place = np.uint64((slot + rise) & (_STACKS - 1))
                    stacks[place, np.uint64(tops[place])] = held << _WAY_BITS | (held_move + 1)
                    tops[place] += 1
                ahead = max(abs(down + STEPS[k, 0]), abs(over + STEPS[k, 1]))
                held, held_move, rise, count = near, k, label - base + ahead - promised, count + 1
            # The last one would be taken up next if it promised as much.
            is_onward = count > 0 and rise < (_STACKS - 2 if count == 1 else 1) and held != target
            if is_onward:
                cell, way, label = held, held_move + 1, label + 1
                down, over = down + STEPS[held_move, 0], over + STEPS[held_move, 1]
            elif count > 0:
                place = np.uint64((slot + rise) & (_STACKS - 1))
                stacks[place, np.uint64(tops[place])] = held << _WAY_BITS | (held_move + 1)
                tops[place] += 1
    return -1, promised + _STACKS


@kernel
def hops_back(labels: Shorts, ends: Ints, base: int, moves: Bytes) -> Ints:
    """Follow falling labels from the target to the source; of equal ones the first by `STEPS`."""
    flat, column_count = moves.reshape(-1), moves.shape[1]
    offsets = STEPS[:, 0] * column_count + STEPS[:, 1]
    cell = ends[1]
    path = np.empty(labels[cell] - base + 1, np.int64)
    path[0] = ends[0]
    for count in range(len(path) - 1, 0, -1):
        path[count] = cell
        mask = int(flat[cell])
        while mask:
            near = cell + offsets[LOWEST[mask]]
            mask &= mask - 1
            if labels[near] == base + count - 1:
                cell, mask = near, 0
    return path
