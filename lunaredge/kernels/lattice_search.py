"""Safe-interval path planning over the state lattice (Phillips and Likhachev 2011).

A node is a lattice state together with a span of time in which standing there is safe; of all ways
into it, the cheapest is kept. Waiting is leaving later within the span. The search is A* (Hart,
Nilsson, Raphael 1968), weighted (Pohl 1970): with a consistent guide and a weight of w, what it
finds first costs at most w times the least. It runs in slices, so that whoever calls it can stop.
"""

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, Shorts, inner, kernel
from lunaredge.kernels.lattice import (
    AFTER,
    ANGLES,
    COLUMN,
    EXTRA,
    FACTOR,
    HEADINGS,
    LEAST_S,
    LENGTHS,
    MOVES_MAX,
    ROW,
    Graph,
    Ground,
    Guide,
    Links,
    Moves,
    Pool,
    Scene,
    Task,
)
from lunaredge.kernels.lattice_field import bound_to_go, to_go, worst_along
from lunaredge.kernels.lattice_static import is_open
from lunaredge.kernels.lattice_timed import departure, taken_times

FOUND, EXHAUSTED, PAUSED, FULL = range(4)
"""How a slice ends: at the goal, with nothing left, at its count, or out of room in the pool."""

# Columns of `Pool.words` and `Pool.figures`, and places of `Pool.counts`.
STATE, PARENT, VIA, NEXT, SETTLED = range(5)
SAFE_FROM, SAFE_UNTIL, ARRIVAL, COST, TO_GO, LEAVING = range(6)
NODES, WAITING, POPPED, GOAL_NODE, GIVEN_UP = range(5)

# A knot this near to the straight between its neighbours is left out: a hundredth of CONTACT_M.
SAME_M = 1e-6
SAME_RAD = 1e-8


@kernel
def begin(graph: Graph, scene: Scene, task: Task, pool: Pool) -> tuple[float, float]:
    """Begin a search: only the start is known.

    returns : the earliest time that counts at the goal, inf when the start is not safe at first, or
              the goal from no time on for as long as the task asks; and when the start is left at
              the earliest
    """
    pool.counts[:] = 0
    pool.counts[GOAL_NODE] = -1
    at = _nodes_of(len(pool.slots) - 1, graph.guide, scene, task.ends, pool)
    free_s = np.inf
    while at >= 0:
        since_s = max(pool.figures[at, SAFE_FROM], task.start_s)
        until_s = pool.figures[at, SAFE_UNTIL]
        if until_s == np.inf or since_s + task.stay_s <= until_s:
            free_s = min(free_s, since_s)
        at = pool.words[at, NEXT]
    at = _nodes_of(len(pool.slots) - 2, graph.guide, scene, task.ends, pool)
    while at >= 0:
        if pool.figures[at, SAFE_FROM] <= task.start_s <= pool.figures[at, SAFE_UNTIL]:
            leave_s = min(pool.figures[at, SAFE_UNTIL], free_s - task.lead_s)
            leave_s = max(task.start_s, leave_s) if free_s < np.inf else task.start_s
            pool.figures[at, ARRIVAL] = leave_s
            pool.figures[at, COST] = task.second * (leave_s - task.start_s)
            _push(pool.keys, pool.waiting, pool.counts, 0.0, at)
            return free_s, leave_s
        at = pool.words[at, NEXT]
    return np.inf, task.start_s


@inner
def run(
    graph: Graph, scene: Scene, task: Task, pool: Pool, slice_count: int, cost_max: float
) -> int:
    """Settle up to so many nodes; give how it ended. Nothing of that cost or more is looked at."""
    goal = len(pool.slots) - 1
    # No state leads to more, each with a span after every leg of the fullest bin.
    spare = (len(pool.times) + 1) * (MOVES_MAX + len(scene.links.ends))
    for _ in range(slice_count):
        if pool.counts[NODES] + spare > len(pool.words) or (
            pool.counts[WAITING] + spare > len(pool.keys)
        ):
            return FULL
        key = pool.keys[0]
        node = _pop(pool.keys, pool.waiting, pool.counts)
        if node < 0:
            return EXHAUSTED
        if pool.words[node, SETTLED]:
            continue
        state, ahead = pool.words[node, STATE], 0.0
        if state < goal - 1:
            ahead = to_go(state // HEADINGS, graph.guide, scene, pool.work)
        if pool.figures[node, COST] + ahead >= cost_max:
            continue
        if ahead > pool.figures[node, TO_GO]:
            pool.figures[node, TO_GO] = ahead
            _push(pool.keys, pool.waiting, pool.counts, _key(node, task, pool), node)
            continue
        if state < goal - 1 and key < _key(node, task, pool):
            continue
        pool.words[node, SETTLED] = 1
        pool.counts[POPPED] += 1
        if state == goal:
            pool.counts[GOAL_NODE] = node
            return FOUND
        link = _first_link(scene.links.ends, state)
        while link < len(scene.links.ends) and scene.links.ends[link, 0] == state:
            costs = scene.links.costs
            step = (scene.links.ends[link, 1], -1 - link, costs[link, 0], costs[link, 1])
            _reach(node, step, graph.guide, scene, (task, cost_max), pool)
            link += 1
        if state < goal - 1:
            _expand(node, graph, scene, task, pool, cost_max)
    return PAUSED


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


@inner
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


@inner
def _expand(node: int, graph: Graph, scene: Scene, task: Task, pool: Pool, cost_max: float) -> None:
    """Try all moves from a lattice state: without traffic here and now, else by `_reach`."""
    state = pool.words[node, STATE]
    here_s, cost = pool.figures[node, ARRIVAL], pool.figures[node, COST]
    cell, heading = state // HEADINGS, state % HEADINGS
    column_count = graph.near.shape[1]
    row, column = cell // column_count, cell % column_count
    first, end = graph.first[heading], graph.first[heading + 1]
    is_near = graph.near[row, column]
    span = row // graph.bin_cells * graph.bin_columns + column // graph.bin_cells
    from_s, until_s = graph.bin_spans[span, 0], graph.bin_spans[span, 1]
    stays_free = pool.figures[node, SAFE_UNTIL] == np.inf
    for k in range(first, end):
        word = scene.open_moves[state] if is_near else 1 << (k - first)
        if word >> (k - first + MOVES_MAX) & 1:
            continue
        to_row, to_column = row + graph.steps[k, ROW], column + graph.steps[k, COLUMN]
        if not (0 <= to_row < graph.near.shape[0] and 0 <= to_column < column_count):
            continue
        to = to_row * column_count + to_column
        if graph.barred[to]:
            continue
        duration_s, price = _cost(k, cell, graph, task.second)
        if not cost + price + bound_to_go(to, graph.guide) < cost_max:
            continue
        target = to * HEADINGS + graph.steps[k, AFTER]
        if not _may_improve(target, cost + price, pool):
            continue
        is_clear = word >> (k - first) & 1 == 1
        if not is_clear and not is_open(state, k, scene, pool.work, scene.open_moves):
            continue
        head = _nodes_of(target, graph.guide, scene, task.ends, pool)
        is_quiet = until_s < here_s or from_s > here_s + duration_s
        if not (stays_free and is_quiet and _is_always_free(head, here_s, pool)):
            step = (target, k, duration_s, price)
            _reach(node, step, graph.guide, scene, (task, cost_max), pool)
        elif here_s + duration_s <= task.arrive_s:
            times = (here_s, here_s + duration_s, cost + price)
            _improve(head, (node, k), times, task, pool)


@inner
def _may_improve(state: int, cost: float, pool: Pool) -> bool:
    """Tell whether a way may be better than what is known; where a state has spans, it may."""
    head = pool.slots[state]
    if not (0 <= head < pool.counts[NODES] and pool.words[head, STATE] == state):
        return True
    if pool.words[head, NEXT] >= 0:
        return True
    return bool(not pool.words[head, SETTLED] and cost < pool.figures[head, COST])


@inner
def _is_always_free(head: int, since_s: float, pool: Pool) -> bool:
    """Tell whether the only node of a state is safe from a time on, for ever."""
    return bool(
        head >= 0
        and pool.words[head, NEXT] < 0
        and pool.figures[head, SAFE_FROM] <= since_s
        and pool.figures[head, SAFE_UNTIL] == np.inf
    )


@inner
def _cost(move: int, cell: int, graph: Graph, second: float) -> tuple[float, float]:
    """Give the duration and the price of a move from a cell; inf where its chain is closed.

    The whole move is driven at the pace of its slowest step, so that it keeps to every cell's.
    """
    column_count = graph.near.shape[1]
    worst, length, time_s, price = 0.0, 0.0, 0.0, 0.0
    for j in range(graph.chain_first[move], graph.chain_first[move + 1]):
        at = cell + graph.chain[j, 0] * column_count + graph.chain[j, 1]
        toward = graph.chain[j, 2]
        pace = worst_along(graph.paces, at, toward, column_count)
        time_s += LENGTHS[toward] * pace
        price += LENGTHS[toward] * worst_along(graph.rates, at, toward, column_count)
        length += LENGTHS[toward]
        worst = max(worst, pace)
    if not price < np.inf:
        return np.inf, np.inf
    factor = graph.costs[move, FACTOR]
    duration_s = max(graph.costs[move, LEAST_S], factor * worst * length)
    extra = graph.costs[move, EXTRA] + second * (duration_s - factor * time_s)
    return duration_s, factor * price + extra


@inner
def _reach(
    node: int,
    step: tuple[int, int, float, float],
    guide: Guide,
    scene: Scene,
    bounds: tuple[Task, float],
    pool: Pool,
) -> None:
    """Improve the nodes of the state that a move or link leads to, waiting where that helps.

    step   : that state, the move, or -1 - link, its duration, s, and its price
    bounds : the task, and the cost that is too much
    """
    target, via, duration_s, price = step
    task, cost_max = bounds
    here_s, cost = pool.figures[node, ARRIVAL], pool.figures[node, COST]
    x, y = 0.0, 0.0
    if via >= 0:
        x, y = _centre(pool.words[node, STATE] // HEADINGS, scene.ground)
        moves = scene.moves
        chords = moves.chords[moves.chord_first[via] : moves.chord_first[via + 1]]
    else:
        links = scene.links
        chords = links.chords[links.first[-1 - via] : links.first[-via]]
    after = _nodes_of(target, guide, scene, task.ends, pool)
    while after >= 0:
        at, after = after, pool.words[after, NEXT]
        if pool.words[at, SETTLED]:
            continue
        free_until_s = pool.figures[at, SAFE_UNTIL]
        first_s = max(here_s, pool.figures[at, SAFE_FROM] - duration_s)
        last_s = min(pool.figures[node, SAFE_UNTIL], min(free_until_s, task.arrive_s) - duration_s)
        if target == len(pool.slots) - 1 and free_until_s < np.inf:
            last_s = min(last_s, free_until_s - duration_s - task.stay_s)
        least = cost + task.second * (first_s - here_s) + price
        if not first_s <= last_s or least >= pool.figures[at, COST]:
            continue
        if least + pool.figures[at, TO_GO] >= cost_max:
            continue
        place, window = (x, y, duration_s), (first_s, last_s, task.tick_s)
        leave_s = departure(chords, place, window, scene.parts, scene.traffic, pool.work)
        if leave_s == -np.inf:
            pool.counts[GIVEN_UP] = 1
        elif leave_s < np.inf:
            total = cost + task.second * (leave_s - here_s) + price
            if total < pool.figures[at, COST]:
                times = (leave_s, leave_s + duration_s, total)
                _improve(at, (node, via), times, task, pool)


@inner
def _improve(
    at: int, origin: tuple[int, int], figures: tuple[float, float, float], task: Task, pool: Pool
) -> None:
    """Keep a better way into a node.

    origin : the node and the move      figures : when that begins and ends, s, and the cost
    """
    pool.words[at, PARENT], pool.words[at, VIA] = origin
    pool.figures[at, LEAVING], pool.figures[at, ARRIVAL], pool.figures[at, COST] = figures
    _push(pool.keys, pool.waiting, pool.counts, _key(at, task, pool), at)


@inner
def _key(at: int, task: Task, pool: Pool) -> float:
    """Give what a node waits by.

    Where the goal is taken for longer than the way there, nothing is left but to wait: then what
    is nearer to the goal comes first.
    """
    ahead = pool.figures[at, TO_GO]
    wait = task.second * (task.free_s - pool.figures[at, ARRIVAL])
    return float(pool.figures[at, COST] + max(task.weight * ahead, wait) + task.haste * ahead)


@inner
def _centre(cell: int, ground: Ground) -> tuple[float, float]:
    """Give where a cell's centre is."""
    row, column = cell // ground.closed.shape[1], cell % ground.closed.shape[1]
    x = ground.frame[0] + (column + 0.5) * ground.frame[2]
    return x, ground.frame[1] + (row + 0.5) * ground.frame[2]


@inner
def _nodes_of(state: int, guide: Guide, scene: Scene, ends: Floats, pool: Pool) -> int:
    """Give the first node of a state; at first sight, make one for each span that is safe there.

    Gives -1 where none is.
    """
    head, count = pool.slots[state], pool.counts[NODES]
    if 0 <= head < count and pool.words[head, STATE] == state:
        return int(head) if pool.figures[head, SAFE_FROM] < np.inf else -1
    special = state - (len(pool.slots) - 2)
    if special >= 0:
        pose, ahead = (ends[special, 0], ends[special, 1], ends[special, 2]), 0.0
    else:
        x, y = _centre(state // HEADINGS, scene.ground)
        pose = (x, y, ANGLES[state % HEADINGS])
        ahead = bound_to_go(state // HEADINGS, guide)
    taken = taken_times(pose, scene.parts, scene.traffic, pool.work, pool.times)
    pool.slots[state] = count
    after_s = -np.inf
    for k in range(taken + 1):
        before_s = pool.times[k, 0] if k < taken else np.inf
        if after_s < before_s:
            at = pool.counts[NODES]
            pool.counts[NODES] += 1
            _lay(at, state, ahead, pool)
            # Touching is meeting: safe is what lies strictly between.
            pool.figures[at, SAFE_FROM] = np.nextafter(after_s, np.inf)
            pool.figures[at, SAFE_UNTIL] = before_s
            if before_s < np.inf:
                pool.figures[at, SAFE_UNTIL] = np.nextafter(before_s, -np.inf)
            if at > count:
                pool.words[at - 1, NEXT] = at
        if k < taken:
            after_s = pool.times[k, 1]
    if pool.counts[NODES] > count:
        return int(count)
    # Never safe: one node that no arrival fits keeps the state from being looked at again.
    pool.counts[NODES] += 1
    _lay(count, state, ahead, pool)
    pool.figures[count, SAFE_FROM] = np.inf
    return -1


@inner
def _lay(at: int, state: int, ahead: float, pool: Pool) -> None:
    """Begin a node that nothing has reached."""
    pool.words[at, STATE], pool.words[at, PARENT], pool.words[at, NEXT] = state, -1, -1
    pool.words[at, SETTLED] = 0
    pool.figures[at, COST], pool.figures[at, TO_GO] = np.inf, ahead


@inner
def _first_link(ends: Ints, state: int) -> int:
    """Give the first link that leads from a state or a later one."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if ends[middle, 0] < state:
            low = middle + 1
        else:
            high = middle
    return low


@inner
def _push(keys: Floats, waiting: Shorts, counts: Ints, key: float, node: int) -> None:
    """Put a node into the heap; one that is in it already waits twice, and counts once."""
    at = counts[WAITING]
    counts[WAITING] += 1
    while at > 0:
        above = (at - 1) // 2
        if keys[above] < key or (keys[above] == key and waiting[above] <= node):
            break
        keys[at], waiting[at] = keys[above], waiting[above]
        at = above
    keys[at], waiting[at] = key, node


@inner
def _pop(keys: Floats, waiting: Shorts, counts: Ints) -> int:
    """Take the node with the least key out, of equal ones the lowest; -1 = none."""
    size = counts[WAITING] - 1
    if size < 0:
        return -1
    counts[WAITING] = size
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
