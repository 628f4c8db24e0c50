"""The search that paths and fields on a grid share: A* over a grid's nodes with eight moves.

Owns the order in which nodes are taken up and the labels that it leaves. What a step costs and
which moves are open is the caller's: `gridpath`, `gridentry` and `gridfield` prepare both.

A* (Hart, Nilsson and Raphael 1968) with the queue of `gridqueue`. Within a bucket the order is not
the promises', and a node may be taken up again when a cheaper way into it is found; the labels are
exact when the search ends, whatever the width. With buckets no wider than the cheapest step, and
without guidance, no node is taken up twice. Where they are taken up too often, since the costs span
more than the buckets do, the search goes on with the heap of `gridheap`.
"""

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.gridheap import heap_for, pop, push
from lunaredge.kernels.gridqueue import (
    KEY_MAX,
    Queue,
    bucket_of,
    has_room,
    key_of,
    next_bucket,
    next_page,
    put,
    queues,
    take,
)
from lunaredge.kernels.jit import Flags, Floats, Ints, Shorts, Singles, inner, kernel

Bytes = NDArray[np.uint8]

MOVES: Ints = np.array([[0, 1], [1, 0], [1, 1], [1, -1]], dtype=np.int64)
"""Row and column step of a cell's four moves; the four others are its neighbours' moves, back."""

STEPS: Ints = np.concatenate([MOVES, -MOVES])
"""Row and column step of all eight moves, by number: k + 4 is k, back."""

# Stands for a start's cost of 0, since labels of 0 are "not reached": fresh memory is zeros, and
# the system hands that out without touching it.
TINY = 1e-300
# Stands for a blocked start's own cost where it has no share in any step.
_HUGE = 1e300

TAKES_PER_NODE_MAX = 4
"""So often as all nodes together are nodes taken out of buckets; then out of a heap."""

FIRST, ALL = 0, 1
"""Which of the targets a search has to reach."""

# A way holds the move into the node plus 1, and these marks.
WAY, _TARGET, TAKEN, _SOURCE = 15, 16, 32, 64
_EVERY_MOVE = 255


def _bits(moves: list[int]) -> int:
    return sum(1 << k for k in moves)


def _onward(came: int) -> int:
    """Give the moves worth trying after a move: to where the node before has no move itself."""
    return _bits([k for k in range(8) if abs(STEPS[k] + STEPS[came]).max() > 1])


ALL_WAYS: Ints = np.full(9, _EVERY_MOVE, dtype=np.int64)
"""For every way into a node (0 = start, k + 1 = by move k): the moves to try, one bit each."""

ONWARD: Ints = np.array([_EVERY_MOVE, *map(_onward, range(8))], dtype=np.int64)
"""`ALL_WAYS` less the moves to nodes that the node before has already offered a cheaper way to.

For costs of entering a cell alone, the same from every side, with every move between free cells.
"""

LOWEST: Ints = np.array([0, *((k & -k).bit_length() - 1 for k in range(1, 256))], dtype=np.int64)


@kernel
def moves_not_closed(closed: Flags) -> Bytes:
    """Open what is not closed and stays on the grid, there and back.

    closed  : bool (H, W, 4)   by the rows of `MOVES`
    returns : uint8 (H, W)     bit k = move k of `STEPS`
    """
    row_count, column_count, _ = closed.shape
    # With a row above and a column on each side, from where nothing leads back.
    ahead = np.zeros((row_count + 1, column_count + 2), np.uint8)
    for row in range(row_count):
        shut, out = closed[row], ahead[row + 1]
        for column in range(column_count):
            one, two = (
                shut[column, 0] | shut[column, 1] << 1,
                shut[column, 2] | shut[column, 3] << 1,
            )
            out[column + 1] = 15 - (one | two << 2)
    for row in range(row_count):
        ahead[row + 1, 1] &= 0b0111
        ahead[row + 1, column_count] &= 0b1010
    for column in range(column_count):
        ahead[row_count, column + 1] &= 0b0001
    moves = np.empty((row_count, column_count), np.uint8)
    for row in range(row_count):
        above, beside = ahead[row], ahead[row + 1]
        for left in range(column_count):
            here, right = left + 1, left + 2
            back = beside[left] & 1 | above[here] & 2 | above[left] & 4 | above[right] & 8
            moves[row, left] = beside[here] | back << 4
    return moves


@kernel
def search(
    graph: tuple[Floats | Singles, Bytes, Ints],
    rule: Floats,
    ends: tuple[Ints, Floats, Ints],
    wanted: int,
    out: tuple[Floats, Bytes, Shorts],
) -> tuple[float, bool]:
    """Search from the sources until the first of the targets, or all of them, have their cost.

    graph   : costs, open moves uint8 (H, W) one bit per move, moves to try (9,).
              costs (H, W): a step costs length * (own share * cost here + share * cost there);
              costs (H, W, 4): the same of what stands there for the move, by the rows of `MOVES`
    rule    : float64 (7,)  own share, share, length of a straight and of a diagonal move, least
              cost still to come for each straight and each diagonal move toward the targets (0: no
              guidance), width of a bucket
    ends    : int64 (S,) source cells, float64 (S,) their costs, int64 (G,) target cells
    wanted  : `FIRST` or `ALL` of the targets
    out     : float64 (H * W,) labels, uint8 (H * W,) the way into each node, int32 pool of the
              queue; all are 0 at the start
    returns : the cost at which it ended (inf = it ran out first), whether the pool was large enough

    Ties: of equally promising nodes the last found is taken up first; a node keeps the first of
    equally cheap ways into it.
    """
    sources, source_costs, targets = ends
    labels, ways, pool = out
    tops, blocks = queues(pool, 1)
    queue = (pool, tops[0], blocks)
    distances = box_distances(targets, graph[1].shape)
    for cell in targets:
        ways[cell] = _TARGET
    for k in range(len(sources)):
        if not has_room(queue):
            return np.inf, False
        cell, cost = sources[k], max(source_costs[k], TINY)
        if (labels[cell] == 0.0 or cost < labels[cell]) and cost < np.inf:
            labels[cell], ways[cell] = cost, ways[cell] | _SOURCE
            promised = promise(cost, cell, distances, rule)
            put(queue, 0, cell, key_of(promised / rule[6], 0))
    moves = _moves(graph[1].shape[1], graph[0].size // len(labels), rule)
    goal, state = (targets, wanted), (labels, ways, distances)
    end, is_enough, is_over = _run(graph, rule, goal, queue, state, moves)
    if is_enough and not is_over:
        end = _go_on(graph, rule, goal, state, moves)
    return end, is_enough


@inner
def _run(
    graph: tuple[Floats | Singles, Bytes, Ints],
    rule: Floats,
    goal: tuple[Ints, int],
    queue: Queue,
    state: tuple[Floats, Bytes, tuple[Ints, Ints]],
    steps: tuple[Ints, Ints, Floats],
) -> tuple[float, bool, bool]:
    """Take up node after node; see `search`, and `_moves` for the steps.

    returns : as `search`, and whether it came to its end
    """
    labels, ways, (downs, overs) = state
    flat, moves, onward = graph[0].reshape(-1), graph[1].reshape(-1), graph[2]
    own_share, share, _, _, ahead, aslant, width = rule
    stride, inverse, bound = len(flat) // len(labels), 1.0 / width, _bound(labels, goal)
    offsets, edges, lengths = steps
    now, is_enough, takes_left = 0, has_room(queue), TAKES_PER_NODE_MAX * len(labels)
    while is_enough and takes_left > 0 and min(bound * inverse, KEY_MAX + 1) > now:
        opened = next_bucket(queue[1], now)
        if opened < 0:
            now, bucket = next_page(queue[1], now)
            _spread(queue, now, bucket, labels, (downs, overs), rule)
            is_enough = has_room(queue)
            continue
        now = opened
        takes_left -= 1
        cell = take(queue, bucket_of(now))
        label, way = labels[np.uint64(cell)], np.int64(ways[np.uint64(cell)])
        if label >= bound or way & TAKEN:
            continue
        ways[np.uint64(cell)] = way | TAKEN
        mask = np.int64(moves[np.uint64(cell)]) & onward[np.uint64(way & WAY)]
        own = own_share * min(flat[stride * cell], _HUGE)
        row = np.int64(np.uint32(cell) // np.uint32(len(overs)))
        column = cell - row * len(overs)
        while mask:
            k = LOWEST[np.uint64(mask)]
            mask &= mask - 1
            near = np.uint64(cell + offsets[k])
            cost = label + lengths[k] * (own + share * flat[np.uint64(stride * cell + edges[k])])
            before = labels[near]
            if before != 0.0 and before <= cost:
                continue
            i, j = np.uint64(row + STEPS[k, 0]), np.uint64(column + STEPS[k, 1])
            promised = cost + ahead * max(downs[i], overs[j]) + aslant * min(downs[i], overs[j])
            if not promised < bound:
                continue
            mark = np.int64(ways[near]) & _TARGET
            labels[near], ways[near] = cost, mark | (k + 1)
            if mark:
                bound = _bound(labels, goal)
            put(queue, now, cell + offsets[k], key_of(promised * inverse, now))
        is_enough = has_room(queue)
    return bound, is_enough, takes_left > 0


@kernel
def _go_on(
    graph: tuple[Floats | Singles, Bytes, Ints],
    rule: Floats,
    goal: tuple[Ints, int],
    state: tuple[Floats, Bytes, tuple[Ints, Ints]],
    steps: tuple[Ints, Ints, Floats],
) -> float:
    """Take up the nodes that `_run` has left waiting, by a heap; give the cost at the end."""
    labels, ways, distances = state
    flat, moves, onward = graph[0].reshape(-1), graph[1].reshape(-1), graph[2]
    stride, bound, heap = len(flat) // len(labels), _bound(labels, goal), heap_for(len(labels))
    offsets, edges, lengths = steps
    for cell in range(len(labels)):
        if labels[cell] > 0.0 and not ways[cell] & TAKEN:
            push(heap, cell, promise(labels[cell], cell, distances, rule))
    while heap[3][0] > 0:
        cell = pop(heap)
        if heap[0][cell] >= bound:
            break
        way = np.int64(ways[cell])
        ways[cell] = way | TAKEN
        mask, own = np.int64(moves[cell]) & onward[way & WAY], min(flat[stride * cell], _HUGE)
        while mask:
            k = LOWEST[mask]
            mask &= mask - 1
            near = cell + offsets[k]
            step = rule[0] * own + rule[1] * flat[stride * cell + edges[k]]
            cost, before = labels[cell] + lengths[k] * step, labels[near]
            promised = promise(cost, near, distances, rule)
            if (before == 0.0 or cost < before) and promised < bound:
                mark = np.int64(ways[near]) & _TARGET
                labels[near], ways[near] = cost, mark | (k + 1)
                bound = _bound(labels, goal) if mark else bound
                push(heap, near, promised)
    return bound


@kernel
def _moves(column_count: int, stride: int, rule: Floats) -> tuple[Ints, Ints, Floats]:
    """Give for each move how far on the node lies, where its cost stands, and its length.

    Costs by the move, four to a node, stand with the node that is left, or for a move back with
    the one entered.
    """
    number = np.arange(len(STEPS))
    offsets = STEPS[:, 0] * column_count + STEPS[:, 1]
    edges = offsets if stride == 1 else np.where(number < 4, 0, 4 * offsets) + number % 4
    return offsets, edges, np.where(number % 4 < 2, rule[2], rule[3])


@inner
def _bound(labels: Floats, goal: tuple[Ints, int]) -> float:
    """Give the cost from which on nothing counts: of the first target, or of the last of all."""
    least, most = np.inf, 0.0
    for cell in goal[0]:
        label = labels[cell] if labels[cell] > 0.0 else np.inf
        least, most = min(least, label), max(most, label)
    return most if goal[1] == ALL and len(goal[0]) > 0 else least


@kernel
def way_back(ways: Bytes, cell: int, column_count: int) -> Ints:
    """Give the nodes from the source to a node that was reached."""
    count, at = 1, cell
    while ways[at] & WAY and count < len(ways):
        at -= _offset(ways[at], column_count)
        count += 1
    path = np.empty(count, np.int64)
    for k in range(count):
        path[count - 1 - k] = cell
        cell -= _offset(ways[cell], column_count)
    return path


@kernel
def settle(
    out_labels: Floats, ways: Bytes, end: float, distances: tuple[Ints, Ints], rule: Floats
) -> Ints:
    """Turn labels into costs, inf where none is final at the cost where the search ended.

    returns : int64 (H * W,) the node before, -1 = none
    """
    before = np.full(len(ways), -1, np.int64)
    column_count = len(distances[1])
    for cell in range(len(ways)):
        label = out_labels[cell]
        if label == 0.0 or (end < np.inf and promise(label, cell, distances, rule) > end):
            out_labels[cell] = np.inf
        elif label <= TINY:
            out_labels[cell] = 0.0
        elif ways[cell] & WAY:
            before[cell] = cell - _offset(ways[cell], column_count)
    return before


@inner
def _offset(way: int, column_count: int) -> int:
    """Give how much further on a node lies than the one before it; 0 at a source."""
    k = np.int64(way & WAY) - 1
    return int(STEPS[k, 0] * column_count + STEPS[k, 1]) if k >= 0 else 0


@inner
def promise(label: float, cell: int, distances: tuple[Ints, Ints], rule: Floats) -> float:
    """Give a node's label plus the least that is still to come from it to the targets' box."""
    column_count = len(distances[1])
    down, over = distances[0][cell // column_count], distances[1][cell % column_count]
    return float(label + rule[4] * max(down, over) + rule[5] * min(down, over))


@kernel
def box_distances(cells: Ints, shape: tuple[int, int]) -> tuple[Ints, Ints]:
    """Give the rows from each row, and the columns from each column, to the box of the cells."""
    downs, overs = np.zeros(shape[0], np.int64), np.zeros(shape[1], np.int64)
    if len(cells) > 0:
        rows, columns = cells // shape[1], cells % shape[1]
        top, bottom = int(np.min(rows)), int(np.max(rows))
        left, right = int(np.min(columns)), int(np.max(columns))
        for row in range(shape[0]):
            downs[row] = max(top - row, row - bottom, 0)
        for column in range(shape[1]):
            overs[column] = max(left - column, column - right, 0)
    return downs, overs


@inner
def _spread(
    queue: Queue, now: int, bucket: int, labels: Floats, distances: tuple[Ints, Ints], rule: Floats
) -> None:
    """Queue the nodes of a bucket, -1 = none, anew by what they promise."""
    while bucket >= 0 and queue[1][bucket] >= 0:
        cell = take(queue, bucket)
        promised = promise(labels[cell], cell, distances, rule)
        put(queue, now, cell, key_of(promised / rule[6], now))
