"""The search: groups of nodes share their tasks anew, one group after the other.

A group is a few nodes that are near to each other's tasks. `gap_sums` finds the best other way to
share their tasks; it is taken if it wastes no more than before. When nothing is gained any more a
*warm* spell takes ways that waste a little more, less and less so (annealing); then the search goes
on from the best plan, and the next spell will be longer.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.gap_plan import (
    BEST_COST,
    EXCESS,
    FINE,
    Pairs,
    Plan,
    sort_members,
)
from lunaredge.kernels.gap_sums import (
    FREE_MAX,
    SIZE,
    Group,
    Ways,
    choice,
    group,
    share,
    ways,
)
from lunaredge.kernels.jit import Floats, Ints, inner, kernel
from lunaredge.kernels.mapf_agents import Seeds, draw

ROUNDS, WORK, STALE, WARM, SPELL, DONE = range(6)
"""Counts: groups tried; looks taken; rounds since the last gain, or of the warm spell; whether it
is warm; how long a warm spell is; 1 when the best plan meets the bound."""
COUNTS = 6

# Rounds without a gain after which it gets warm, per node.
_PATIENCE = 15
_SPELL_FIRST = 40
_SPELL_GROWTH = 1.5
# A warm spell's first temperature, in the mean waste of a node.
_HEAT = 1.0
_FINE_MIN = 3.0
_FINE_MAX = 1e9
_FINE_GROWTH = 1.005
# So many of a node's tasks take part, so that a round's work is bounded.
_TASKS_MAX = 32
_TRIES = 20
# Which tasks are free is drawn: what a task would pay counts up to so many times more.
_JITTER = 5.0
# What a round costs besides its looks at ways.
_ROUND_WORK = 300
_BITS = 20
_MASK = (1 << _BITS) - 1


class Search(NamedTuple):
    """What the search remembers.

    counts : int64 (6,)
    group  : the nodes that share and their free tasks
    ways   : room for the lists of ways
    """

    counts: Ints
    group: Group
    ways: Ways


def search_of(node_count: int) -> Search:
    """Make a search at its start."""
    counts = np.zeros(COUNTS, dtype=np.int64)
    counts[SPELL] = _SPELL_FIRST * node_count
    return Search(counts=counts, group=group(), ways=ways())


@kernel
def start_search(pairs: Pairs, out_plan: Plan) -> None:
    """Put tasks that are nowhere where they are cheapest, whether they fit or not, and sort."""
    for task in range(len(out_plan.nodes)):
        if out_plan.nodes[task] < 0:
            out_plan.nodes[task] = pairs.near[task, 0]
    sort_members(pairs, out_plan)


@kernel
def improve(
    pairs: Pairs,
    out_plan: Plan,
    out_search: Search,
    seeds: Seeds,
    bound: float,
    limits: tuple[int, int],
) -> None:
    """Let groups share anew until so many looks are taken, or so many groups tried in all.

    Unchecked: what it is given comes from `pairs_of`, `plan_of`, `search_of` and `seeds_from`.

    bound  : what no plan can cost less than, as `proven_bound` gives it
    limits : looks in this call, and rounds in all
    """
    counts, figures = out_search.counts, out_plan.figures
    work_end = counts[WORK] + limits[0]
    while counts[WORK] < work_end and counts[ROUNDS] < limits[1]:
        if figures[BEST_COST] <= bound:
            counts[DONE] = 1
            break
        counts[ROUNDS] += 1
        counts[STALE] += 1
        over_full = figures[EXCESS] > 0.0
        growth = _FINE_GROWTH if over_full else 1.0 / _FINE_GROWTH
        figures[FINE] = min(max(figures[FINE] * growth, _FINE_MIN), _FINE_MAX)
        size = _choose_group(pairs, out_plan, out_search, seeds)
        counts[WORK] += _ROUND_WORK
        if size >= 2:
            slack = _temperature(out_plan, counts, bound) * _exponential(seeds)
            gain, looks = _share_anew(pairs, out_plan, out_search, seeds, (size, slack))
            counts[WORK] += looks
            if gain > 0.0 and counts[WARM] == 0:
                counts[STALE] = 0
        _turn(pairs, out_plan, counts)


@inner
def _turn(pairs: Pairs, out_plan: Plan, counts: Ints) -> None:
    """Begin a warm spell, or end it and go back to the best plan, when it is time."""
    if counts[WARM] == 0 and counts[STALE] > _PATIENCE * len(out_plan.slacks):
        counts[STALE] = 0
        counts[WARM] = 1
    elif counts[WARM] == 1 and counts[STALE] > counts[SPELL]:
        counts[STALE] = counts[WARM] = 0
        counts[SPELL] = int(counts[SPELL] * _SPELL_GROWTH)
        if out_plan.figures[BEST_COST] < np.inf:
            for task in range(len(out_plan.nodes)):
                out_plan.nodes[task] = out_plan.best[task]
            sort_members(pairs, out_plan)


@inner
def _temperature(plan: Plan, counts: Ints, bound: float) -> float:
    """Give by how much more may be wasted, about."""
    if counts[WARM] == 0 or plan.figures[BEST_COST] == np.inf:
        return 0.0
    mean = max(0.0, plan.figures[BEST_COST] - bound) / len(plan.slacks)
    return float(_HEAT * mean * max(0.0, 1.0 - counts[STALE] / counts[SPELL]))


@inner
def _exponential(seeds: Seeds) -> float:
    """Draw from the exponential distribution of mean 1."""
    return float(-np.log((float(draw(seeds) & _MASK) + 0.5) / (_MASK + 1.0)))


@inner
def _choose_group(pairs: Pairs, plan: Plan, out_search: Search, seeds: Seeds) -> int:
    """Choose nodes that are near to each other's tasks; give how many were found.

    Every second time one that is over-full comes first, if there is one.
    """
    nodes, starts = out_search.group.nodes, plan.starts
    drawn = draw(seeds)
    nodes[0] = plan.nodes[(drawn & _MASK) % len(plan.nodes)]
    if plan.figures[EXCESS] > 0.0 and (drawn >> _BITS) & 1:
        while plan.slacks[nodes[0]] >= 0.0:
            nodes[0] = (nodes[0] + 1) % len(plan.slacks)
    # What is shared by too many is always shared by the same tasks: half of all nodes, if not all
    # tasks can be free.
    count = len(plan.slacks)
    most = count if len(plan.nodes) <= FREE_MAX else max(2, (count + 1) // 2)
    size, wanted = 1, min(SIZE, most)
    for _ in range(_TRIES * wanted):
        if size >= wanted:
            break
        drawn = draw(seeds)
        node = nodes[(drawn & _MASK) % size]
        count = starts[node + 1] - starts[node]
        if count == 0:
            continue
        task = plan.members[starts[node] + ((drawn >> _BITS) & _MASK) % count]
        other = pairs.near[task, (drawn >> 2 * _BITS) % pairs.near.shape[1]]
        if pairs.reduced[task, other] < np.inf and not _holds(nodes, size, other):
            nodes[size] = other
            size += 1
    return size


@inner
def _holds(nodes: Ints, size: int, node: int) -> bool:
    found = False
    for k in range(size):
        found = found or nodes[k] == node
    return found


@inner
def _share_anew(
    pairs: Pairs, out_plan: Plan, out_search: Search, seeds: Seeds, spec: tuple[int, float]
) -> tuple[float, int]:
    """Let a group share its tasks anew; give how much less it wastes, and the looks it took.

    spec : how many nodes share, and how much more they may waste
    """
    size, slack = spec
    chosen = out_search.group
    free, waste = _choose_free(pairs, out_plan, chosen, seeds, size)
    if free == 0:
        return 0.0, 0
    waste += _open(pairs, out_plan, chosen, size, free)
    found, looks = share(chosen, out_search.ways, (size, free), waste + slack + 1e-9)
    if found < 0.0:
        return 0.0, looks
    for k in range(free):
        out_plan.nodes[chosen.tasks[k]] = chosen.nodes[choice(chosen, out_search.ways, k)]
    sort_members(pairs, out_plan)
    return (waste - found if waste - found > 1e-7 * max(1.0, waste) else 0.0), looks


@inner
def _choose_free(
    pairs: Pairs, plan: Plan, out_group: Group, seeds: Seeds, size: int
) -> tuple[int, float]:
    """Choose the tasks that give way most easily; give how many.

    Of a node with many tasks a part of them, from a drawn one on, can be chosen. What the free ones
    pay above their cheapest place, as they are, is returned too.
    """
    tasks, keys, now = out_group.tasks, out_group.keys, out_group.now
    free = 0
    for place in range(size):
        node = out_group.nodes[place]
        start = plan.starts[node]
        count = plan.starts[node + 1] - start
        shift = draw(seeds) % count if count > _TASKS_MAX else 0
        for k in range(min(count, _TASKS_MAX)):
            task = plan.members[start + (k + shift) % count]
            key = _second(pairs.reduced[task], out_group.nodes, size)
            key *= 1.0 + _JITTER * float(draw(seeds) & _MASK) / _MASK
            if key == np.inf or (free == FREE_MAX and key >= keys[FREE_MAX - 1]):
                continue
            spot = min(free, FREE_MAX - 1)
            while spot > 0 and keys[spot - 1] > key:
                keys[spot] = keys[spot - 1]
                tasks[spot], now[spot] = tasks[spot - 1], now[spot - 1]
                spot -= 1
            keys[spot], tasks[spot], now[spot] = key, task, place
            free = min(free + 1, FREE_MAX)
    paid = 0.0
    for k in range(free):
        reduced = pairs.reduced[tasks[k]]
        least = np.inf
        for place in range(size):
            least = min(least, reduced[out_group.nodes[place]])
        paid += reduced[out_group.nodes[now[k]]] - least
    return free, paid


@inner
def _second(reduced: Floats, nodes: Ints, size: int) -> float:
    """Give by how much a task's second place in the group is dearer than its first."""
    first, second = np.inf, np.inf
    for k in range(size):
        pays = reduced[nodes[k]]
        if pays < first:
            first, second = pays, first
        elif pays < second:
            second = pays
    return float(second - first)


@inner
def _open(pairs: Pairs, plan: Plan, out_group: Group, size: int, free: int) -> float:
    """Fill in the group's tables; give what its nodes waste in idle capacity and in excess."""
    slacks, places, extra = out_group.slacks, out_group.places, out_group.extra
    wasted = 0.0
    for place in range(size):
        node = out_group.nodes[place]
        idle = slacks[place] = plan.slacks[node]
        price = out_group.prices[place] = pairs.prices[node]
        fine = out_group.fines[place] = plan.figures[FINE] * pairs.fines[node]
        wasted += price * idle if idle >= 0.0 else -fine * idle
    for k in range(free):
        task = out_group.tasks[k]
        for place in range(size):
            node = out_group.nodes[place]
            out_group.usages[k, place] = pairs.usages[task, node]
            pays, spot = pairs.reduced[task, node], place
            while spot > 0 and extra[k, spot - 1] > pays:
                extra[k, spot], places[k, spot] = extra[k, spot - 1], places[k, spot - 1]
                spot -= 1
            extra[k, spot], places[k, spot] = pays, place
        least = extra[k, 0]
        for spot in range(size):
            extra[k, spot] -= least
        slacks[out_group.now[k]] += out_group.usages[k, out_group.now[k]]
        slacks[places[k, 0]] -= out_group.usages[k, places[k, 0]]
    return float(wasted)
