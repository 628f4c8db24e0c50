"""Cheapest path over costs of entering a cell, searched from both of its ends at once.

Bidirectional A* after Pijls and Post 2009 ("Yet another bidirectional algorithm for finding the
shortest path", NBA*): each side has its own guidance, and takes up no node through which, by what
the other side has already searched, no path can be cheaper than the best so far. The queues are the
buckets of `gridqueue`, in one pool.

Why it is exact though a bucket is in no order: follow a cheapest path from its source as far as the
nodes have their final labels and were taken up, and from its target likewise. As long as the best
so far costs more, the node at either end of the gap is waiting in its queue: the other one's
promise shows that it can't be dropped. So no queue ends, and none passes that cost, before the gap
is closed.

A path costs the same in both directions once the source counts too: it counts the least cost.
"""

import numpy as np

from lunaredge.kernels.gridpath import Memory, run_search
from lunaredge.kernels.gridqueue import (
    BLOCK,
    KEY_MAX,
    Queue,
    bucket_of,
    grown,
    has_room,
    key_of,
    next_bucket,
    next_page,
    pool_for,
    put,
    queues,
    take,
)
from lunaredge.kernels.gridsearch import (
    FIRST,
    LOWEST,
    ONWARD,
    STEPS,
    TAKEN,
    TAKES_PER_NODE_MAX,
    WAY,
    Bytes,
    moves_not_closed,
    way_back,
)
from lunaredge.kernels.jit import Floats, Ints, Shorts, Singles, inner, kernel

Nodes = tuple[Floats, Bytes, tuple[Floats, Floats]]
"""Labels and ways by side, row and column; what is still to go at least, by side, then the line."""
Met = tuple[Floats, Ints, Ints, Ints, Ints]
"""The cost of the best path; the cells where it crosses; the first and last row reached, and how
many nodes may still be taken; the open bucket of each side; how far on each move leads."""


class MeetMemory:
    """What a search from both ends writes to; it can be used again, not shared."""

    def __init__(self, row_count: int, column_count: int) -> None:
        self.labels = np.zeros((2, row_count, column_count))
        self.ways = np.zeros((2, row_count, column_count), np.uint8)
        self.pool = pool_for(row_count * column_count)

    def clean(self, first: int, last: int, used: int) -> None:
        """Forget a search that came to these rows and used so much of the queue."""
        self.labels[:, first : last + 1] = 0.0
        self.ways[:, first : last + 1] = 0
        self.pool[: used + 1 : BLOCK] = 0

    def grow(self) -> None:
        """Make room for four times as many waiting nodes."""
        self.pool = grown(self.pool)


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
        memory.clean(*met[3:6])
        memory.grow()
        state = (memory.labels, memory.ways, memory.pool)
        met = meet(weights, ends, scale, state)
    path = np.empty(0, np.int64)
    if met[1] >= 0:
        path = join(memory.ways, met[1], met[2])
    memory.clean(*met[3:6])
    return path if met[6] else _from_one_end(weights, source, target, scale)


def _from_one_end(weights: Singles, source: int, target: int, scale: Floats) -> Ints:
    """Give the path by `gridsearch`, which no costs can hold up."""
    shape, ends = weights.shape, (np.array([source]), np.zeros(1), np.array([target]))
    moves = moves_not_closed(np.zeros((*shape, 4), np.bool_))
    graph = (weights.astype(np.float64), moves, ONWARD)
    rule = np.array([0.0, 1.0, 1.0, 1.0, scale[0], 0.0, scale[1]])
    labels, ways, _ = run_search(graph, rule, ends, FIRST, Memory(*shape))
    return way_back(ways, target, shape[1]) if labels[target] > 0.0 else np.empty(0, np.int64)


@kernel
def meet(
    weights: Singles, ends: Ints, scale: Floats, state: tuple[Floats, Bytes, Shorts]
) -> tuple[bool, int, int, int, int, int, bool]:
    """Search from both ends until no path can be cheaper than the best that was met.

    weights : float32 (H, W)
    ends    : int64 (2,)     source and target cells
    scale   : float64 (2,)   least cost, width of a bucket
    state   : labels float64 (2, H, W), ways into the nodes uint8 (2, H, W), pool of the queues
              int32; all are 0 at the start. Side 0 is the source's
    returns : whether the pool was large enough, two cells beside each other, one of each side,
              where the path crosses (-1 = no path), the first and last row that hold labels,
              the highest block used, whether it came to its end: else it is given up, since the
              nodes were taken up too often

    Ties: as in `gridsearch`; of equally cheap crossings the first that was met stays.
    """
    least, width = scale
    labels, ways, pool = state
    tops, blocks = queues(pool, 2)
    distances = _distances(ends, weights.shape, least)
    # Per side the bucket that is open.
    clock = np.array([0, 0])
    crossing, cells = np.array([np.inf]), np.array([-1, -1])
    rows, columns = ends // weights.shape[1], ends % weights.shape[1]
    downs, overs = distances
    starts = np.array([least, np.float64(weights[rows[1], columns[1]])])
    reached = np.array([rows.min(), rows.max(), TAKES_PER_NODE_MAX * weights.size])
    for side in range(2):
        if starts[1] < np.inf:
            labels[side, rows[side], columns[side]] = starts[side]
            ahead = max(downs[side, rows[side]], overs[side, columns[side]])
            key = key_of((starts[side] + ahead) / width, 0)
            put((pool, tops[side], blocks), 0, ends[side], key)
    offsets = STEPS[:, 0] * weights.shape[1] + STEPS[:, 1]
    met = (crossing, cells, reached, clock, offsets)
    is_enough = _run(weights, scale, (pool, tops, blocks), (labels, ways, distances), met)
    first, last = max(reached[0] - 1, 0), min(reached[1] + 1, len(weights) - 1)
    is_over = reached[2] > 0
    return is_enough, int(cells[0]), int(cells[1]), first, last, blocks[1], is_over


@inner
def _run(weights: Singles, scale: Floats, queue: Queue, nodes: Nodes, met: Met) -> bool:
    """Take up buckets of the side that is behind until no path can be cheaper; see `meet`.

    queue : with the buckets of both sides
    """
    (pool, tops, blocks), clock = queue, met[3]
    labels, (downs, overs) = nodes[0], nodes[2]
    is_enough = True
    while is_enough and met[2][2] > 0:
        side = int(clock[1] < clock[0])
        furthest = clock[1 - side]
        if furthest > KEY_MAX or furthest * scale[1] >= met[0][0]:
            break
        own = (pool, tops[side], blocks)
        opened = next_bucket(tops[side], clock[side])
        if opened >= 0:
            clock[side] = opened
            is_enough = _take_up(weights, scale, side, own, nodes, met)
        else:
            clock[side], bucket = next_page(tops[side], clock[side])
            to_go = (downs[side], overs[side])
            _spread(own, clock[side], bucket, labels[side], to_go, scale[1])
            is_enough = has_room(own)
    return is_enough


@inner
def _take_up(
    weights: Singles,
    scale: Floats,
    side: int,
    queue: Queue,
    nodes: Nodes,
    met: Met,
) -> bool:
    """Take up all nodes of a side's open bucket; tell whether the pool was large enough."""
    row_count, column_count = weights.shape
    flat, least, width = weights.reshape(-1), scale[0], scale[1]
    labels, other = nodes[0][side].reshape(-1), nodes[0][1 - side].reshape(-1)
    ways, (to_rows, to_columns) = nodes[1][side].reshape(-1), nodes[2]
    downs, overs = to_rows[side], to_columns[side]
    downs_back, overs_back = to_rows[1 - side], to_columns[1 - side]
    crossing, crossed, reached, clock, offsets = met
    bound, inverse, now = crossing[0], 1.0 / width, clock[side]
    # What the other side still asks at least of a path, less the step that is counted twice.
    asked = clock[1 - side] * width - least
    first, last, bucket, takes_left = reached[0], reached[1], bucket_of(now), reached[2]
    while queue[1][bucket] >= 0 and takes_left > 0 and has_room(queue):
        cell = take(queue, bucket)
        takes_left -= 1
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
            if other[near] != 0.0 and label + other[near] < bound:
                bound = label + other[near]
                crossed[side], crossed[1 - side] = cell, near
            labels[near], ways[near] = cost, k + 1
            put(queue, now, cell + offsets[k], key_of(promised * inverse, now))
    crossing[0], reached[0], reached[1], reached[2] = bound, first, last, takes_left
    return has_room(queue)


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


@inner
def _spread(
    queue: Queue, now: int, bucket: int, labels: Floats, to_go: tuple[Floats, Floats], width: float
) -> None:
    """Queue the nodes of a bucket, -1 = none, of a side anew by what they promise."""
    while bucket >= 0 and queue[1][bucket] >= 0:
        cell = take(queue, bucket)
        row, column = cell // labels.shape[1], cell % labels.shape[1]
        ahead = max(to_go[0][row], to_go[1][column])
        put(queue, now, cell, key_of((labels[row, column] + ahead) / width, now))


@kernel
def join(ways: Bytes, one: int, other: int) -> Ints:
    """Give the cells of the path that crosses between two cells, one of each side."""
    column_count = ways.shape[2]
    there = way_back(ways[0].reshape(-1), one, column_count)
    back = way_back(ways[1].reshape(-1), other, column_count)
    return np.concatenate((there, back[::-1]))


@inner
def _moves_inside(row: int, column: int, row_count: int, column_count: int) -> int:
    """Give the moves that stay on the grid, one bit each by the rows of `STEPS`."""
    mask = 0
    for k in range(len(STEPS)):
        i, j = row + STEPS[k, 0], column + STEPS[k, 1]
        mask |= (0 <= i < row_count and 0 <= j < column_count) << k
    return mask
