"""Minimum-cost assignment of tasks to nodes, by rank.

Owns the matching only: what a cost means, and which pairs cannot be, is the caller's to say.
"""

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, inner, is_array, kernel


def assign(costs_s: Floats, ranks: Ints) -> Ints:
    """Give each task a node of its own, or none.

    As many tasks of the lowest rank as possible are assigned, then as many of the next rank as
    these leave room for, and so on; never fewer of a lower rank for the sake of a higher one. Among
    such choices the cost of each rank's tasks is least, given the ranks before it.

    costs_s : float64 (T, N)  cost of each pair, in seconds; inf = cannot
    ranks   : int64 (T,)      lower first
    returns : int64 (T,)      node index per task, -1 = none

    Ties go to the earlier task and the lower node as the search meets them; the result depends on
    the input alone.
    """
    task_count, node_count = costs_s.shape
    assert is_array(costs_s, np.float64, task_count, node_count)
    assert is_array(ranks, np.int64, task_count)
    assert not np.isnan(costs_s).any(), "NaN cost"
    assert not np.isneginf(costs_s).any(), "cost of -inf"
    order = np.argsort(ranks, kind="stable").astype(np.int64)
    nodes = _assign(costs_s, ranks, order)
    taken = nodes[nodes >= 0]
    assert len(np.unique(taken)) == len(taken), "a node was given to two tasks"
    return nodes


@kernel
def _assign(costs_s: Floats, ranks: Ints, order: Ints) -> Ints:
    """Insert the tasks, in order of rank, each by a shortest augmenting path.

    Successive shortest paths with dual prices: Jonker and Volgenant (1987), in the rectangular
    form of Crouse (2016), "On implementing 2D rectangular assignment algorithms". A task of the
    rank in hand may also end on a spare place of its own, at a price above any sum of costs, so
    that the number of tasks counts before their cost. When a rank is through, its tasks lose
    their spares: they stay assigned whatever comes. The sets of tasks that can be assigned at
    once form a matroid, so taking rank after rank loses nothing.

    costs_s : float64 (T, N)   ranks : int64 (T,)   order : int64 (T,)  tasks by rank
    returns : int64 (T,)       ties: the first task and the lower node
    """
    task_count, node_count = costs_s.shape
    task_prices = np.zeros(task_count)
    node_prices = np.zeros(node_count)
    node_of = np.full(task_count, -1, np.int64)
    task_of = np.full(node_count, -1, np.int64)
    spare_s = _price_above_all(costs_s)
    for task in order:
        spares_s = np.where(ranks == ranks[task], spare_s, np.inf)
        parents, reached_s, settled, end, last, length_s = _shortest_path(
            costs_s, spares_s, task, task_of, task_prices, node_prices
        )
        task_prices[task] += length_s
        for node in range(node_count):
            if settled[node]:
                task_prices[task_of[node]] += length_s - reached_s[node]
                node_prices[node] -= length_s - reached_s[node]
        if end < 0:
            end = node_of[last]
            node_of[last] = -1
        while end >= 0:
            taker = parents[end]
            task_of[end] = taker
            freed = node_of[taker]
            node_of[taker] = end
            end = freed
    return node_of


@inner
def _price_above_all(costs_s: Floats) -> float:
    """Give a price that no change among finite costs can outweigh."""
    largest_s = 0.0
    for cost_s in costs_s.flat:
        if np.isfinite(cost_s):
            largest_s = max(largest_s, abs(cost_s))
    return float(1.0 + 2.0 * largest_s * (costs_s.shape[0] + 1))


@kernel
def _shortest_path(
    costs_s: Floats,
    spares_s: Floats,
    start: int,
    task_of: Ints,
    task_prices: Floats,
    node_prices: Floats,
) -> tuple[Ints, Floats, Flags, int, int, float]:
    """Find the cheapest way to make room for one more task.

    Dijkstra over the nodes, with costs less prices as lengths; ties go to the lower node.

    costs_s : float64 (T, N)   spares_s : float64 (T,)  inf = none
    task_of : int64 (N,)       task_prices : float64 (T,)   node_prices : float64 (N,)
    returns : parents int64 (N,) task from which a node was reached, reached_s float64 (N,) the
              length to it, settled bool (N,), the free node where the path ends (-1: at a spare),
              the task before that end, the path's length
    """
    node_count = len(task_of)
    parents = np.full(node_count, -1, np.int64)
    reached_s = np.full(node_count, np.inf)
    settled = np.zeros(node_count, np.bool_)
    spare_s, spare_task = np.inf, start
    task, length_s = start, 0.0
    while True:
        base_s = length_s - task_prices[task]
        if base_s + spares_s[task] < spare_s:
            spare_s, spare_task = base_s + spares_s[task], task
        nearest, nearest_s = -1, spare_s
        for node in range(node_count):
            if settled[node]:
                continue
            through_s = base_s + costs_s[task, node] - node_prices[node]
            if through_s < reached_s[node]:
                reached_s[node], parents[node] = through_s, task
            if reached_s[node] < nearest_s:
                nearest, nearest_s = node, reached_s[node]
        if nearest < 0:
            return parents, reached_s, settled, -1, spare_task, spare_s
        length_s = nearest_s
        if task_of[nearest] < 0:
            return parents, reached_s, settled, nearest, parents[nearest], length_s
        settled[nearest] = True
        task = task_of[nearest]
