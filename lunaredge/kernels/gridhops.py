"""Fewest moves on a grid whose cells are free or blocked: A* in plain arrays, without a heap.

Where all free cells cost the same a step costs one move, diagonal or not, and the guidance is the
larger of the rows and the columns still to go. What a node promises then rises by 0, 1 or 2 with a
step, so that a few stacks in a ring, one for each promise, are the whole queue (Dial 1969). When a
stack is open, every node that promises less has its final label.

Where only one move leads on, as in a corridor, it is followed at once, out of turn, for as long as
the ring can hold what comes of it. The labels there may be improved later, and then the nodes are
taken up again; what has been read for one node serves the next (30 % of the time in mazes, x86-64,
2026-11).
"""

import numpy as np

from lunaredge.kernels.gridsearch import LOWEST, ONWARD, STEPS, Bytes
from lunaredge.kernels.jit import Ints, Shorts, Singles, kernel

_WAY_BITS = 4
# A step needs three; the others are for what is followed out of turn. A power of two.
_STACKS = 8

_FREE: Ints = np.array(
    [
        sum((around >> 3 * (over + 1) + down + 1 & 1) << k for k, (down, over) in enumerate(STEPS))
        for around in range(512)
    ],
    dtype=np.int64,
)
"""The moves to free cells, one bit each, for the three triples of `stack_rows` around a cell."""

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


def find_hops(triples: Bytes, source: int, target: int, memory: HopMemory) -> Ints:
    """Give a path of the fewest moves between two cells; empty = there is none.

    triples : uint8 (H, W + 2)   see `stack_rows`
    """
    ends = np.array([source, target])
    moves, moves_max = hop_search(triples, ends, memory.base, memory.labels, memory.stacks)
    path = np.empty(0, np.int64)
    if moves >= 0:
        path = hops_back(memory.labels, ends, memory.base, triples)
    memory.turn(moves_max)
    return path


@kernel
def stack_rows(weights: Singles) -> tuple[float, Bytes]:
    """Say of each cell whether it, the one above and the one below are free.

    weights : float32 (H, W)    inf = blocked
    returns : what every free cell costs (inf = all are blocked, 0 = they differ); if they do not,
              uint8 (H, W + 2), bit 0 = above, 1 = the cell, 2 = below is free, with an empty
              column on both sides
    """
    row_count, column_count = weights.shape
    infinite = np.float32(np.inf)
    one = infinite
    for weight in weights.reshape(-1):
        if weight != infinite:
            one = weight
            break
    triples = np.zeros((row_count, column_count + 2), np.uint8)
    for row in range(row_count):
        here, odd = weights[row], np.uint32(0)
        for column in range(column_count):
            is_odd = here[column] != one and here[column] != infinite
            odd |= np.uint32(1) if is_odd else np.uint32(0)
        if odd:
            return 0.0, triples
        above, below = weights[max(row - 1, 0)], weights[min(row + 1, row_count - 1)]
        up, down = np.uint8(row > 0), np.uint8(4 * (row < row_count - 1))
        for column in range(column_count):
            bits = up if above[column] < infinite else np.uint8(0)
            bits |= np.uint8(2) if here[column] < infinite else np.uint8(0)
            bits |= down if below[column] < infinite else np.uint8(0)
            triples[row, column + 1] = bits
    return float(one), triples


@kernel
def hop_search(
    triples: Bytes, ends: Ints, base: int, labels: Shorts, stacks: Shorts
) -> tuple[int, int]:
    """Label nodes with the moves from the source until the target has its label.

    triples : uint8 (H, W + 2)    see `stack_rows`; a blocked source may be left
    ends    : int64 (2,)          source and target cells
    labels  : int32 (H * W,)      less than base at the start; base + moves where a node was reached
    stacks  : int32 (8, H * W)    anything
    returns : moves to the target, -1 = no path; and the most moves that a label says

    Ties: of equally promising nodes the last found is taken up first.
    """
    flat, column_count = triples.reshape(-1), triples.shape[1] - 2
    source, target = ends
    target_row, target_column = target // column_count, target % column_count
    offsets = STEPS[:, 0] * column_count + STEPS[:, 1]
    tops = np.zeros(_STACKS, np.int64)
    if not triples[target_row, target_column + 1] & 2:
        return -1, 0
    aside = abs(source % column_count - target_column)
    promised = max(abs(source // column_count - target_row), aside)
    labels[source], slot, is_onward = base, np.int64(0), False
    stacks[0, 0], tops[0], waited = source << _WAY_BITS, 1, 0
    cell = way = label = down = over = np.int64(0)
    while waited < _STACKS:
        if not is_onward:
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
            if label - 1 - base + max(abs(down), abs(over)) < promised:
                continue
        at, is_onward = cell + 2 * (down + target_row), False
        around = np.int64(flat[np.uint64(at)]) | np.int64(flat[np.uint64(at + 1)]) << 3
        around |= np.int64(flat[np.uint64(at + 2)]) << 6
        mask = _FREE[np.uint64(around)] & ONWARD[np.uint64(way)]
        is_corridor = mask & (mask - 1) == 0
        while mask:
            k = LOWEST[np.uint64(mask)]
            mask &= mask - 1
            near = cell + offsets[k]
            before = np.int64(labels[np.uint64(near)])
            if before >= base and before <= label:
                continue
            labels[np.uint64(near)] = label
            ahead = max(abs(down + STEPS[k, 0]), abs(over + STEPS[k, 1]))
            rise = label - base + ahead - promised
            if is_corridor and rise < _STACKS - 2 and near != target:
                cell, way, label, is_onward = near, k + 1, label + 1, True
                down, over = down + STEPS[k, 0], over + STEPS[k, 1]
                break
            place = np.uint64((slot + rise) & (_STACKS - 1))
            stacks[place, np.uint64(tops[place])] = near << _WAY_BITS | (k + 1)
            tops[place] += 1
    return -1, promised + _STACKS


@kernel
def hops_back(labels: Shorts, ends: Ints, base: int, triples: Bytes) -> Ints:
    """Follow falling labels from the target to the source; of equal ones the first by `STEPS`."""
    flat, column_count = triples.reshape(-1), triples.shape[1] - 2
    offsets = STEPS[:, 0] * column_count + STEPS[:, 1]
    cell = ends[1]
    path = np.empty(labels[cell] - base + 1, np.int64)
    path[0] = ends[0]
    for count in range(len(path) - 1, 0, -1):
        path[count] = cell
        at = cell + 2 * (cell // column_count)
        mask = _FREE[flat[at] | flat[at + 1] << 3 | flat[at + 2] << 6]
        while mask:
            near = cell + offsets[LOWEST[mask]]
            mask &= mask - 1
            if labels[near] == base + count - 1:
                cell, mask = near, 0
    return path
