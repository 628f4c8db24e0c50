"""Safe-interval path planning over the state lattice (Phillips and Likhachev 2011).

A node is a lattice state together with a span of time in which standing there is safe; of all ways
into it, the cheapest is kept. Waiting is leaving later within the span. The search is A* (Hart,
Nilsson, Raphael 1968), weighted (Pohl 1970): with a consistent guide and a weight of w, what it
finds first costs at most w times the least. It runs in slices, so that whoever calls it can stop.
"""

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, kernel
from lunaredge.kernels.lattice import (
    AFTER,
    ANGLES,
    COLUMN,
    EXTRA,
    FACTOR,
    HEADINGS,
    LEAST_S,
    LENGTHS,
    ROW,
    Ground,
    Links,
    Moves,
    Pool,
    Task,
    Traffic,
)
from lunaredge.kernels.lattice_static import open_moves
from lunaredge.kernels.lattice_timed import departure, taken_times
from lunaredge.kernels.sweep import work_space

FOUND, EXHAUSTED, PAUSED, FULL = range(4)
"""How a slice ends: at the goal, with nothing left, at its count, or out of room in the pool."""

# Columns of `Pool.words` and `Pool.figures`, and places of `Pool.counts`.
STATE, PARENT, VIA, NEXT, SETTLED = range(5)
SAFE_FROM, SAFE_UNTIL, ARRIVAL, COST, TO_GO, LEAVING = range(6)
NODES, WAITING, POPPED, GOAL_NODE, GIVEN_UP = range(5)

# A knot this near to the straight between its neighbours is left out: a hundredth of CONTACT_M.
SAME_M = 1e-6
SAME_RAD = 1e-8

World = tuple[Moves, Ground, Traffic, Traffic, Floats, Links, Floats]
"""Moves, ground, solids, traffic, the machine's parts, links, and the guide, float64 (H * W,)."""


@kernel
def begin(world: World, task: Task, pool: Pool) -> bool:
    """Begin a search: only the start is known. False when the start is not safe then."""
    pool.counts[:] = 0
    pool.counts[GOAL_NODE] = -1
    start = len(pool.slots) - 2
    head = _nodes_of(start, world, task, pool, work_space())
    at = head
    while at >= 0:
        if pool.figures[at, SAFE_FROM] <= task.start_s <= pool.figures[at, SAFE_UNTIL]:
            pool.figures[at, ARRIVAL], pool.figures[at, COST] = task.start_s, 0.0
            _push(pool, 0.0, at)
            return True
        at = pool.words[at, NEXT]
    return False


@kernel
def run(world: World, task: Task, pool: Pool, slice_count: int, cost_max: float) -> int:
    """Settle up to so many nodes; give how it ended. Nothing of that cost or more is looked at."""
    work = work_space()
    goal = len(pool.slots) - 1
    spare = (len(pool.times) + 1) * 40
    for _ in range(slice_count):
        if pool.counts[NODES] + spare > len(pool.words) or (
            pool.counts[WAITING] + spare > len(pool.keys)
        ):
            return FULL
        node = _pop(pool)
        if node < 0:
            return EXHAUSTED
        if pool.words[node, SETTLED] or pool.figures[node, COST] >= cost_max:
            continue
        pool.words[node, SETTLED] = 1
        pool.counts[POPPED] += 1
        if pool.words[node, STATE] == goal:
            pool.counts[GOAL_NODE] = node
            return FOUND
        _expand(node, world, task, pool, (work, cost_max))
    return PAUSED


@kernel
def least_open(pool: Pool) -> float:
    """Give the least that any way through what still waits can cost; inf = nothing waits."""
    least = np.inf
    for k in range(pool.counts[WAITING]):
        node = pool.waiting[k]
        if not pool.words[node, SETTLED]:
            least = min(least, pool.figures[node, COST] + pool.figures[node, TO_GO])
    return least


@kernel
def way_to(node: int, pool: Pool) -> tuple[Ints, Floats]:
    """Give the nodes from the start to one.

    returns : int64 (K, 2) state and the move or link into it, float64 (K, 3) when that begins and
              ends, s, and the cost
    """
    count, at = 0, node
    while at >= 0:
        count += 1
        at = pool.words[at, PARENT]
    words, figures, at = np.empty((count, 2), np.int64), np.empty((count, 3)), node
    for k in range(count - 1, -1, -1):
        words[k, 0], words[k, 1] = pool.words[at, STATE], pool.words[at, VIA]
        figures[k, 0], figures[k, 1] = pool.figures[at, LEAVING], pool.figures[at, ARRIVAL]
        figures[k, 2] = pool.figures[at, COST]
        at = pool.words[at, PARENT]
    return words, figures


@kernel
def knots_along(
    words: Ints, figures: Floats, tables: tuple[Moves, Links], frame: Floats, start: Floats
) -> Floats:
    """Give the knots of a way: time, x, y and heading, the heading unwrapped.

    words, figures : as `way_to` gives them
    frame          : float64 (4,)  x_m, y_m, cell_m, columns
    start          : float64 (3,)  the start pose
    returns        : float64 (K, 4)  straight runs at one speed in one piece
    """
    moves, links = tables
    out = np.empty((64, 4))
    out[0, 0], out[0, 1:] = figures[0, 1], start
    count, columns = 1, int(frame[3])
    for k in range(1, len(words)):
        via, x, y = words[k, 1], 0.0, 0.0
        if via >= 0:
            cell = words[k - 1, 0] // HEADINGS
            x = frame[0] + (cell % columns + 0.5) * frame[2]
            y = frame[1] + (cell // columns + 0.5) * frame[2]
            chords = moves.chords[moves.chord_first[via] : moves.chord_first[via + 1]]
        else:
            chords = links.chords[links.first[-1 - via] : links.first[-via]]
        while count + len(chords) + 1 > len(out):
            out = np.concatenate((out, np.empty_like(out)))
        leave_s, arrive_s, before = figures[k, 0], figures[k, 1], out[count - 1, 3]
        if leave_s > out[count - 1, 0]:
            out[count] = out[count - 1]
            out[count, 0] = leave_s
            count += 1
        for j in range(1, len(chords)):
            time_s = leave_s + chords[j, 0] * (arrive_s - leave_s)
            if time_s > out[count - 1, 0]:
                turned = before + (chords[j, 3] - chords[0, 3])
                count -= _runs_on(out, count, time_s, x + chords[j, 1], y + chords[j, 2], turned)
                out[count, 0], out[count, 3] = time_s, turned
                out[count, 1], out[count, 2] = x + chords[j, 1], y + chords[j, 2]
                count += 1
    return out[:count].copy()


@kernel
def _runs_on(out: Floats, count: int, time_s: float, x: float, y: float, heading: float) -> bool:
    """Tell whether the last knot lies on the way from the one before it to a new one, on time."""
    if count < 2:
        return False
    a, b = out[count - 2], out[count - 1]
    part = (b[0] - a[0]) / (time_s - a[0])
    return bool(
        abs(a[1] + part * (x - a[1]) - b[1]) < SAME_M
        and abs(a[2] + part * (y - a[2]) - b[2]) < SAME_M
        and abs(a[3] + part * (heading - a[3]) - b[3]) < SAME_RAD
    )


@kernel
def move_cost(move: int, cell: int, world: World, second: float) -> tuple[float, float]:
    """Give the duration and the price of a move from a cell; inf = the ground is closed.

    The whole move is driven at the pace of its slowest step, so that it keeps to every cell's.
    """
    moves, ground = world[0], world[1]
    column_count = ground.closed.shape[1]
    worst, length, time_s, price = 0.0, 0.0, 0.0, 0.0
    for k in range(moves.chain_first[move], moves.chain_first[move + 1]):
        at = cell + moves.chain[k, 0] * column_count + moves.chain[k, 1]
        toward = moves.chain[k, 2]
        step_s = ground.durations[at, toward]
        time_s += step_s
        price += ground.prices[at, toward]
        length += LENGTHS[toward]
        worst = max(worst, step_s / LENGTHS[toward])
    factor = moves.rates[move, FACTOR]
    duration_s = max(moves.rates[move, LEAST_S], factor * worst * length)
    extra = moves.rates[move, EXTRA] + second * (duration_s - factor * time_s)
    return duration_s, factor * price + extra


@kernel
def _expand(node: int, world: World, task: Task, pool: Pool, bounds: tuple[Floats, float]) -> None:
    """Try all that can be done from a node."""
    moves, ground, solids, _, parts, links, guide = world
    state = pool.words[node, STATE]
    for k in range(len(links.ends)):
        if links.ends[k, 0] == state:
            costs = (links.costs[k, 0], links.costs[k, 1])
            chords = links.chords[links.first[k] : links.first[k + 1]]
            target = links.ends[k, 1]
            _reach(node, (target, -1 - k), (0.0, 0.0), costs, chords, (world, task, pool, bounds))
    if state >= len(pool.slots) - 2:
        return
    cell, heading = state // HEADINGS, state % HEADINGS
    column_count = ground.closed.shape[1]
    row, column = cell // column_count, cell % column_count
    x = ground.frame[0] + (column + 0.5) * ground.frame[2]
    y = ground.frame[1] + (row + 0.5) * ground.frame[2]
    word = open_moves(state, moves, ground, solids, parts, pool.open_moves)
    for k in range(moves.first[heading], moves.first[heading + 1]):
        if word >> (k - moves.first[heading]) & 1 == 0:
            continue
        to = cell + moves.steps[k, ROW] * column_count + moves.steps[k, COLUMN]
        if guide[to] == np.inf:
            continue
        costs = move_cost(k, cell, world, task.second)
        if costs[1] < np.inf:
            target = to * HEADINGS + moves.steps[k, AFTER]
            chords = moves.chords[moves.chord_first[k] : moves.chord_first[k + 1]]
            _reach(node, (target, k), (x, y), costs, chords, (world, task, pool, bounds))


@kernel
def _reach(
    node: int,
    step: tuple[int, int],
    origin: tuple[float, float],
    costs: tuple[float, float],
    chords: Floats,
    search: tuple[World, Task, Pool, tuple[Floats, float]],
) -> None:
    """Improve the nodes of the state that a move leads to.

    step : that state, and the move      costs : duration, s, and price of the move
    """
    world, task, pool, bounds = search
    here_s, cost = pool.figures[node, ARRIVAL], pool.figures[node, COST]
    parts, traffic = world[4], world[3]
    at = _nodes_of(step[0], world, task, pool, bounds[0])
    while at >= 0:
        goal_at, at = at, pool.words[at, NEXT]
        if pool.words[goal_at, SETTLED]:
            continue
        first_s = max(here_s, pool.figures[goal_at, SAFE_FROM] - costs[0])
        last_s = min(pool.figures[node, SAFE_UNTIL], pool.figures[goal_at, SAFE_UNTIL] - costs[0])
        last_s = min(last_s, task.arrive_s - costs[0])
        if step[0] == len(pool.slots) - 1 and pool.figures[goal_at, SAFE_UNTIL] < np.inf:
            last_s = min(last_s, pool.figures[goal_at, SAFE_UNTIL] - costs[0] - task.stay_s)
        least = cost + task.second * (first_s - here_s) + costs[1]
        if not first_s <= last_s or least >= pool.figures[goal_at, COST]:
            continue
        if least + pool.figures[goal_at, TO_GO] >= bounds[1]:
            continue
        place = (origin[0], origin[1], costs[0])
        window = (first_s, last_s, task.tick_s)
        leave_s = departure(chords, place, window, parts, traffic, bounds[0])
        if leave_s == -np.inf:
            pool.counts[GIVEN_UP] = 1
            continue
        total = cost + task.second * (leave_s - here_s) + costs[1]
        if leave_s < np.inf and total < pool.figures[goal_at, COST]:
            pool.figures[goal_at, COST] = total
            pool.figures[goal_at, LEAVING] = leave_s
            pool.figures[goal_at, ARRIVAL] = leave_s + costs[0]
            pool.words[goal_at, PARENT], pool.words[goal_at, VIA] = node, step[1]
            _push(pool, total + task.weight * pool.figures[goal_at, TO_GO], goal_at)


@kernel
def _nodes_of(state: int, world: World, task: Task, pool: Pool, work: Floats) -> int:
    """Give the first node of a state; at first sight, make one for each span that is safe there.

    Gives -1 where none is.
    """
    head = pool.slots[state]
    count = pool.counts[NODES]
    if 0 <= head < count and pool.words[head, STATE] == state:
        return int(head) if pool.figures[head, SAFE_FROM] < np.inf else -1
    ground, traffic, parts, guide = world[1], world[3], world[4], world[6]
    to_go = 0.0
    if state >= len(pool.slots) - 2:
        end = task.ends[state - (len(pool.slots) - 2)]
        pose = (end[0], end[1], end[2])
    else:
        cell = state // HEADINGS
        row, column = cell // ground.closed.shape[1], cell % ground.closed.shape[1]
        x = ground.frame[0] + (column + 0.5) * ground.frame[2]
        y = ground.frame[1] + (row + 0.5) * ground.frame[2]
        pose = (x, y, ANGLES[state % HEADINGS])
        to_go = guide[cell]
    taken = taken_times(pose, parts, traffic, work, pool.times)
    pool.slots[state] = count
    since_s = -np.inf
    for k in range(taken + 1):
        until_s = pool.times[k, 0] if k < taken else np.inf
        if since_s < until_s:
            node = pool.counts[NODES]
            pool.counts[NODES] += 1
            pool.words[node, STATE], pool.words[node, PARENT] = state, -1
            pool.words[node, NEXT] = -1
            pool.words[node, SETTLED] = 0
            pool.figures[node, SAFE_FROM] = np.nextafter(since_s, np.inf)
            pool.figures[node, SAFE_UNTIL] = np.nextafter(until_s, -np.inf)
            if until_s == np.inf:
                pool.figures[node, SAFE_UNTIL] = np.inf
            pool.figures[node, COST], pool.figures[node, TO_GO] = np.inf, to_go
            if node > count:
                pool.words[node - 1, NEXT] = node
        if k < taken:
            since_s = pool.times[k, 1]
    if pool.counts[NODES] > count:
        return count
    # Never safe: one node that no arrival fits keeps the state from being looked at again.
    pool.counts[NODES] += 1
    pool.words[count, STATE], pool.words[count, NEXT] = state, -1
    pool.figures[count, SAFE_FROM] = np.inf
    return -1


@kernel
def _push(pool: Pool, key: float, node: int) -> None:
    """Put a node into the heap; one that is in it already waits twice, and counts once."""
    at = pool.counts[WAITING]
    pool.counts[WAITING] += 1
    keys, waiting = pool.keys, pool.waiting
    while at > 0:
        above = (at - 1) // 2
        if keys[above] < key or (keys[above] == key and waiting[above] <= node):
            break
        keys[at], waiting[at] = keys[above], waiting[above]
        at = above
    keys[at], waiting[at] = key, node


@kernel
def _pop(pool: Pool) -> int:
    """Take the node with the least key out, of equal ones the lowest; -1 = none."""
    size = pool.counts[WAITING] - 1
    if size < 0:
        return -1
    pool.counts[WAITING] = size
    keys, waiting = pool.keys, pool.waiting
    first, key, node, at = waiting[0], keys[size], waiting[size], 0
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and (
            keys[child + 1] < keys[child]
            or (keys[child + 1] == keys[child] and waiting[child + 1] < waiting[child])
        ):
            child += 1
        if key < keys[child] or (key == keys[child] and node <= waiting[child]):
            break
        keys[at], waiting[at] = keys[child], waiting[child]
        at = child
    keys[at], waiting[at] = key, node
    return int(first)
