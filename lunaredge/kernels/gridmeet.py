"""Cheapest path over costs of entering a cell, searched from both of its ends at once.

Bidirectional A* after Pijls and Post 2009 ("Yet another bidirectional algorithm for finding the
shortest path", NBA*): each side has its own guidance, and takes up no node through which, by what
the other side has already searched, no path can be cheaper than the best so far. The queues are the
multi-level buckets of `gridsearch`, with their steps written out in the loop as there.

Why it is exact though a bucket is in no order: follow a cheapest path from its source as far as the
nodes have their final labels and were taken up, and from its target likewise. As long as the best
so far costs more, the node at either end of the gap is waiting in its queue: the other one's
promise shows that it can't be dropped. So no queue ends, and none passes that cost, before the gap
is closed.

A path costs the same in both directions once the source counts too: it counts the least cost.
"""

import numpy as np

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
    way_back,
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
        path = join(memory.ways, met[1], met[2])
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
    least, width = scale
    labels, ways, pool = state
    tops = np.full((2, LEVELS * SLOTS), -1, np.int32)
    # Per side the bucket that is open; the first free block, and the highest taken so far.
    clock = np.array([0, 0, BLOCK, BLOCK])
    distances = _distances(ends, weights.shape, least)
    crossing, cells = np.array([np.inf]), np.array([-1, -1])
    rows, columns = ends // weights.shape[1], ends % weights.shape[1]
    downs, overs = distances
    starts = np.array([least, np.float64(weights[rows[1], columns[1]])])
    reached = np.array([rows.min(), rows.max()])
    for side in range(2):
        if starts[1] < np.inf:
            labels[side, rows[side], columns[side]] = starts[side]
            ahead = max(downs[side, rows[side]], overs[side, columns[side]])
            _put((pool, tops[side], clock), side, ends[side], (starts[side] + ahead) / width)
    is_enough = True
    while is_enough:
        side = int(clock[1] < clock[0])
        furthest = clock[1 - side]
        if furthest > KEY_MAX or furthest * width >= crossing[0]:
            break
        slot = clock[side] & (SLOTS - 1)
        while slot < SLOTS and tops[side, slot] < 0:
            slot += 1
        if slot == SLOTS:
            _turn_page((pool, tops[side], clock), side, labels[side], distances, width)
            continue
        clock[side] = (clock[side] & ~(SLOTS - 1)) | slot
        queue, nodes = (pool, tops, clock), (labels, ways, distances)
        is_enough = _take_up(weights, scale, side, queue, nodes, (crossing, cells, reached))
    first, last = max(reached[0] - 1, 0), min(reached[1] + 1, len(weights) - 1)
    return is_enough, int(cells[0]), int(cells[1]), first, last, clock[3]


@kernel
def _take_up(
    weights: Singles,
    scale: Floats,
    side: int,
    queue: tuple[Shorts, Shorts, Ints],
    state: tuple[Floats, Bytes, tuple[Floats, Floats]],
    met: tuple[Floats, Ints, Ints],
) -> bool:
    """Take up all nodes of a side's open bucket; tell whether the pool was large enough."""
    row_count, column_count = weights.shape
    flat, least, width = weights.reshape(-1), scale[0], scale[1]
    labels, other = state[0][side].reshape(-1), state[0][1 - side].reshape(-1)
    ways, (to_rows, to_columns) = state[1][side].reshape(-1), state[2]
    downs, overs = to_rows[side], to_columns[side]
    downs_back, overs_back = to_rows[1 - side], to_columns[1 - side]
    pool, tops, clock = queue[0], queue[1][side], queue[2]
    crossing, crossed, reached = met
    offsets = STEPS[:, 0] * column_count + STEPS[:, 1]
    bound, inverse, now = crossing[0], 1.0 / width, clock[side]
    # What the other side still asks at least of a path, less the step that is counted twice.
    asked = clock[1 - side] * width - least
    spare, highest, first, last = clock[2], clock[3], reached[0], reached[1]
    open_slot = np.uint64(now & (SLOTS - 1))
    while tops[open_slot] >= 0 and highest + RESERVE <= len(pool):
        top = np.int64(tops[open_slot]) - 1
        cell = np.int64(pool[np.uint64(top + 1)])
        if top & (BLOCK - 1) == 0:
            block, top = top, np.int64(pool[top])
            pool[block], spare = spare, block
        tops[open_slot] = top
        way = np.int64(ways[np.uint64(cell)])
        if way & TAKEN:
            continue
        ways[np.uint64(cell)] = way | TAKEN
        label, row = labels[np.uint64(cell)], np.int64(np.uint32(cell) // np.uint32(column_count))
        column = cell - row * column_count
        if label + asked - max(downs_back[row], overs_back[column]) >= bound:
            continue
        mask = ONWARD[np.uint64(way & WAY)]
        if row == 0 or column == 0 or row == row_count - 1 or column == column_count - 1:
            mask &= _moves_inside(int(row), int(column), row_count, column_count)
        first, last = min(first, row), max(last, row)
        while mask:
            k = LOWEST[np.uint64(mask)]
            mask &= mask - 1
            near = np.uint64(cell + offsets[k])
            cost, before = label + flat[near], labels[near]
            if before != 0.0 and before <= cost:
                continue
            i, j = np.uint64(row + STEPS[k, 0]), np.uint64(column + STEPS[k, 1])
            promised = cost + max(downs[i], overs[j])
            if not promised < bound:
                continue
            key = max(now, np.int64(min(promised * inverse, KEY_MAX)))
            if other[near] != 0.0 and label + other[near] < bound:
                bound = label + other[near]
                crossed[side], crossed[1 - side] = cell, near
            labels[near], ways[near] = cost, k + 1
            apart = key ^ now
            level = (apart >> BITS > 0) + (apart >> 2 * BITS > 0) + (apart >> 3 * BITS > 0)
            slot = level * SLOTS + ((key >> BITS * level) & (SLOTS - 1))
            top = np.int64(tops[np.uint64(slot)]) + 1
            if top & (BLOCK - 1) == 0:
                block, top, after = spare, top - 1, np.int64(pool[spare])
                spare = after + (after == 0) * (block + BLOCK)
                pool[block], top, highest = top, block + 1, max(highest, block)
            pool[np.uint64(top)], tops[np.uint64(slot)] = near, top
    crossing[0], clock[2], clock[3], reached[0], reached[1] = bound, spare, highest, first, last
    return bool(highest + RESERVE <= len(pool))


@kernel
def _distances(ends: Ints, shape: tuple[int, int], least: float) -> tuple[Floats, Floats]:
    """Give per side what the rows, and the columns, still to go to the other end cost at least."""
    row_count, column_count = shape
    downs, overs = np.empty((2, row_count)), np.empty((2, column_count))
    for side in range(2):
        end = ends[1 - side]
        downs[side] = least * np.abs(np.arange(row_count) - end // column_count)
        overs[side] = least * np.abs(np.arange(column_count) - end % column_count)
    return downs, overs


@kernel
def _put(queue: tuple[Shorts, Shorts, Ints], side: int, cell: int, place: float) -> None:
    """Queue a node of a side, not before the bucket that is open; see `gridsearch`."""
    pool, tops, clock = queue
    key, level = max(clock[side], np.int64(min(place, KEY_MAX))), 0
    while (key ^ clock[side]) >> BITS * (level + 1) > 0:
        level += 1
    slot = level * SLOTS + ((key >> BITS * level) & (SLOTS - 1))
    top = np.int64(tops[slot]) + 1
    if top & (BLOCK - 1) == 0:
        block = clock[2]
        clock[2] = pool[block] if pool[block] else block + BLOCK
        clock[3] = max(clock[3], block)
        pool[block], top = top - 1, block + 1
    pool[top], tops[slot] = cell, top


@kernel
def _turn_page(
    queue: tuple[Shorts, Shorts, Ints],
    side: int,
    labels: Floats,
    distances: tuple[Floats, Floats],
    width: float,
) -> None:
    """Spread the first bucket of a higher level below; with none, end the side's time."""
    pool, tops, clock = queue
    for level in range(1, LEVELS):
        start = ((clock[side] >> BITS * level) & (SLOTS - 1)) + 1
        for slot in range(level * SLOTS + start, (level + 1) * SLOTS):
            top = np.int64(tops[slot])
            if top >= 0:
                above = clock[side] >> BITS * (level + 1)
                clock[side] = (above << BITS | slot & (SLOTS - 1)) << BITS * level
                tops[slot] = -1
                while top >= 0:
                    cell, top = int(pool[top]), top - 1
                    if top & (BLOCK - 1) == 0:
                        block, top = top, np.int64(pool[top])
                        pool[block], clock[2] = clock[2], block
                    row, column = cell // labels.shape[1], cell % labels.shape[1]
                    ahead = max(distances[0][side, row], distances[1][side, column])
                    _put(queue, side, cell, (labels[row, column] + ahead) / width)
                return
    clock[side] = KEY_MAX + 1


@kernel
def join(ways: Bytes, one: int, other: int) -> Ints:
    """Give the cells of the path that crosses between two cells, one of each side."""
    column_count = ways.shape[2]
    there = way_back(ways[0].reshape(-1), one, column_count)
    back = way_back(ways[1].reshape(-1), other, column_count)
    return np.concatenate((there, back[::-1]))


@kernel
def _moves_inside(row: int, column: int, row_count: int, column_count: int) -> int:
    """Give the moves that stay on the grid, one bit each by the rows of `STEPS`."""
    mask = 0
    for k in range(len(STEPS)):
        i, j = row + STEPS[k, 0], column + STEPS[k, 1]
        mask |= (0 <= i < row_count and 0 <= j < column_count) << k
    return mask
