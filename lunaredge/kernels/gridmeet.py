"""Cheapest path over costs of entering a cell, searched from both of its ends at once.

Bidirectional A* after Pijls and Post 2009 ("Yet another bidirectional algorithm for finding the
shortest path", NBA*): each side has its own guidance, and takes up no node from which, by what the
other side has already searched, no path can be cheaper than the best so far. The queues are the
multi-level buckets of `gridsearch`; labels are exact when the search ends, whatever their width.

A path costs the same in both directions once the source counts too: it counts the least cost.
"""

import numpy as np

from lunaredge.kernels.gridhops import moves_inside
from lunaredge.kernels.gridsearch import (
    BITS,
    BLOCK,
    KEY_MAX,
    LEVELS,
    LOWEST,
    ONWARD,
    RESERVE,
    SLOTS,
    STEPS,
    TAKEN,
    WAY,
    Bytes,
)
from lunaredge.kernels.jit import Floats, Ints, Shorts, Singles, kernel

# Nodes wait along a front, far fewer than there are; a search that needs more says so.
POOL_MIN = 1 << 18


class MeetMemory:
    """What a search from both ends writes to; it can be used again, not shared."""

    def __init__(self, row_count: int, column_count: int) -> None:
        self.labels = np.zeros((2, row_count, column_count))
        self.ways = np.zeros((2, row_count, column_count), np.uint8)
        self.pool = np.zeros(row_count * column_count // 2 + POOL_MIN, np.int32)

    def clean(self, first: int, last: int, used: int) -> None:
        """Forget a search that came to these rows and used so much of the queue."""
        self.labels[:, first : last + 1] = 0.0
        self.ways[:, first : last + 1] = 0
        self.pool[: used + 1 : BLOCK] = 0

    def grow(self) -> None:
        """Make room for four times as many waiting nodes."""
        assert 4 * self.pool.size < np.iinfo(np.int32).max, "the queue outgrows its numbers"
        self.pool = np.zeros(4 * self.pool.size, np.int32)


def find_meeting(
    weights: Singles, source: int, target: int, scale: Floats, memory: MeetMemory
) -> Ints:
    """Give the cheapest path between two different cells; empty = there is none.

    weights : float32 (H, W)   cost of entering; inf = blocked. A blocked source may be left
    scale   : float64 (2,)     least cost, width of a bucket
    """
    ends, state = np.array([source, target]), (memory.labels, memory.ways, memory.pool)
    met = meet(weights, ends, scale, state)
    while not met[0]:
        memory.clean(*met[3:])
        memory.grow()
        state = (memory.labels, memory.ways, memory.pool)
        met = meet(weights, ends, scale, state)
    path = np.empty(0, np.int64)
    if met[1] >= 0:
        path = _join(memory.ways, met[1], met[2])
    memory.clean(*met[3:])
    return path


@kernel
def meet(
    weights: Singles, ends: Ints, scale: Floats, state: tuple[Floats, Bytes, Shorts]
) -> tuple[bool, int, int, int, int, int]:
    """Search from both ends until no path can be cheaper than the best that was met.

    weights : float32 (H, W)
    ends    : int64 (2,)     source and target cells
    scale   : float64 (2,)   least cost, width of a bucket
    state   : labels float64 (2, H, W), ways into the nodes uint8 (2, H, W), pool of the queues
              int32; all are 0 at the start. Side 0 is the source's
    returns : whether the pool was large enough, two cells beside each other, one of each side,
              where the path crosses (-1 = no path), the first and last row that hold labels,
              the highest block used

    Ties: as in `gridsearch`; of equally cheap crossings the first that was met stays.
    """
    row_count, column_count = weights.shape
    least, width = scale
    labels, ways, pool = state
    tops = np.full((2, LEVELS * SLOTS), -1, np.int32)
    # Per side the bucket that is open; the first free block, and the highest taken so far.
    clock = np.array([0, 0, BLOCK, BLOCK])
    downs, overs = _distances(ends, weights.shape, least)
    best = np.array([np.inf, -1.0, -1.0])
    rows = np.array([row_count, -1])
    starts = (least, np.float64(weights[ends[1] // column_count, ends[1] % column_count]))
    for side in range(2):
        row, column = ends[side] // column_count, ends[side] % column_count
        labels[side, row, column] = starts[side]
        rows[0], rows[1] = min(rows[0], row), max(rows[1], row)
        promised = starts[side] + max(downs[side, row], overs[side, column])
        _put(pool, tops[side], clock, side, ends[side], promised / width)
    is_enough = starts[1] == np.inf or True
    while starts[1] < np.inf and is_enough:
        side = np.int64(clock[1] < clock[0])
        slot = clock[side] & (SLOTS - 1)
        while slot < SLOTS and tops[side, slot] < 0:
            slot += 1
        if slot == SLOTS:
            _turn_page((pool, tops[side], clock), side, labels[side], (downs, overs), width)
        clock[side] = (clock[side] & ~(SLOTS - 1)) | (slot & (SLOTS - 1)) if slot < SLOTS else clock[side]
        if clock[side] > min(KEY_MAX, best[0] / width):
            break
        if slot < SLOTS:
            is_enough = _take_up(weights, side, scale, (labels, ways), (pool, tops, clock), (downs, overs), best, rows)
    first, last = max(rows[0] - 1, 0), min(rows[1] + 1, row_count - 1)
    return is_enough, int(best[1]), int(best[2]), first, last, clock[3]
