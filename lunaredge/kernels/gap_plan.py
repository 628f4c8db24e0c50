"""What the search for a cheap assignment works on: the priced pairs, and the plan as it stands.

With the capacities' prices paid (`gap_prices`), an assignment costs the bound, plus what its tasks
pay above their least (the *reduced* costs), plus the price of all capacity left idle. That sum of
small numbers, the *waste*, is what the search lowers. A node may be over-full meanwhile, for a fine
per unit.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, inner, kernel

NEAR = 6
"""How many nodes of each task are its near ones: those with the least reduced costs."""

EXCESS, COST, BEST_COST, FINE = range(4)
"""Figures: by how much nodes are over-full in all; the plan's cost; that of the best plan in which
all fits (inf = none yet); by how much dearer than idle capacity is what is used in excess."""
FIGURES = 4

_FINE_MIN = 3.0
# What a capacity's excess costs where the capacity itself has no price, of the mean price.
_FINE_RATIO = 0.3
_FINE_PRICE_MIN = 1e-3


class Pairs(NamedTuple):
    """Tasks and nodes, task by task.

    reduced    : float64 (T, N)  cost at the prices, above the task's least; inf = cannot
    usages     : float64 (T, N)
    costs      : float64 (N, T)  as they were given
    near       : int64 (T, K)    the cheapest nodes, cheapest first; ties to the lower
    capacities : float64 (N,)
    prices     : float64 (N,)    of a unit of idle capacity
    fines      : float64 (N,)    of a unit in excess, times FINE
    """

    reduced: Floats
    usages: Floats
    costs: Floats
    near: Ints
    capacities: Floats
    prices: Floats
    fines: Floats


class Plan(NamedTuple):
    """An assignment, and the best one so far.

    nodes   : int64 (T,)     where each task is
    slacks  : float64 (N,)   idle capacity; below 0 a node is over-full
    members : int64 (T,)     the tasks, node by node
    starts  : int64 (N + 1,) where a node's tasks start among the members
    best    : int64 (T,)     the best plan in which all fits; while there is none, any; -1 = nowhere
    figures : float64 (4,)
    """

    nodes: Ints
    slacks: Floats
    members: Ints
    starts: Ints
    best: Ints
    figures: Floats


def pairs_of(costs: Floats, capacities: Floats, prices: Floats) -> Pairs:
    """Make the tables for `price_tasks` to fill; costs is float64 (N, T)."""
    node_count, task_count = costs.shape
    floor = max(_FINE_RATIO * float(prices.sum()) / node_count, _FINE_PRICE_MIN)
    return Pairs(
        reduced=np.empty((task_count, node_count)),
        usages=np.empty((task_count, node_count)),
        costs=costs,
        near=np.zeros((task_count, min(NEAR, node_count)), dtype=np.int64),
        capacities=capacities,
        prices=prices,
        fines=np.maximum(prices, floor),
    )


def plan_of(pairs: Pairs) -> Plan:
    """Make a plan with no task anywhere."""
    task_count, node_count = pairs.reduced.shape
    return Plan(
        nodes=np.full(task_count, -1, dtype=np.int64),
        slacks=pairs.capacities.copy(),
        members=np.zeros(task_count, dtype=np.int64),
        starts=np.zeros(node_count + 1, dtype=np.int64),
        best=np.full(task_count, -1, dtype=np.int64),
        figures=np.array([0.0, 0.0, np.inf, _FINE_MIN]),
    )


@kernel
def price_tasks(usages: Floats, out_pairs: Pairs) -> None:
    """Fill the tables of pairs; usages is (N, T)."""
    near, costs = out_pairs.near, out_pairs.costs
    for task in range(len(near)):
        reduced = out_pairs.reduced[task]
        least = np.inf
        for node in range(len(reduced)):
            out_pairs.usages[task, node] = usages[node, task]
            reduced[node] = costs[node, task] + out_pairs.prices[node] * usages[node, task]
            least = min(least, reduced[node])
        found = 0
        for node in range(len(reduced)):
            reduced[node] -= least
            place = found
            while place > 0 and reduced[near[task, place - 1]] > reduced[node]:
                if place < near.shape[1]:
                    near[task, place] = near[task, place - 1]
                place -= 1
            if place < near.shape[1]:
                near[task, place] = node
                found = min(found + 1, near.shape[1])


@kernel
def fill_greedily(pairs: Pairs, out_plan: Plan, order: Ints) -> int:
    """Put tasks, in that order, where they fit and pay least; give how many fit nowhere.

    order : int64 (any,)  tasks that are nowhere yet. Ties go to the lower node.
    """
    nodes, slacks = out_plan.nodes, out_plan.slacks
    left = 0
    for task in order:
        chosen = -1
        for node in range(len(slacks)):
            pays = pairs.reduced[task, node]
            fits = pays < np.inf and pairs.usages[task, node] <= slacks[node]
            if fits and (chosen < 0 or pays < pairs.reduced[task, chosen]):
                chosen = node
        nodes[task] = chosen
        if chosen < 0:
            left += 1
        else:
            slacks[chosen] -= pairs.usages[task, chosen]
    return left


@kernel
def unload(pairs: Pairs, out_plan: Plan) -> None:
    """Take tasks off over-full nodes until all fits.

    Each time the smallest task that frees enough goes, or else the largest; ties to the first.
    """
    nodes, slacks = out_plan.nodes, out_plan.slacks
    for node in range(len(slacks)):
        while slacks[node] < 0.0:
            small, large = -1, -1
            for task in range(len(nodes)):
                if nodes[task] != node:
                    continue
                usage = pairs.usages[task, node]
                enough = usage + slacks[node] >= 0.0
                if enough and (small < 0 or usage < pairs.usages[small, node]):
                    small = task
                if large < 0 or usage > pairs.usages[large, node]:
                    large = task
            chosen = small if small >= 0 else large
            nodes[chosen] = -1
            slacks[node] += pairs.usages[chosen, node]


@inner
def sort_members(pairs: Pairs, out_plan: Plan) -> None:
    """Bring everything else in line with the tasks' nodes; a new best plan is kept."""
    nodes, slacks, starts = out_plan.nodes, out_plan.slacks, out_plan.starts
    figures = out_plan.figures
    for node in range(len(slacks)):
        slacks[node] = pairs.capacities[node]
        starts[node] = 0
    cost = 0.0
    for task in range(len(nodes)):
        node = nodes[task]
        cost += pairs.costs[node, task]
        slacks[node] -= pairs.usages[task, node]
        starts[node] += 1
    end, excess = 0, 0.0
    for node in range(len(slacks)):
        excess += max(0.0, -slacks[node])
        end += starts[node]
        starts[node] = end
    starts[len(slacks)] = end
    for task in range(len(nodes) - 1, -1, -1):
        starts[nodes[task]] -= 1
        out_plan.members[starts[nodes[task]]] = task
    figures[EXCESS], figures[COST] = excess, cost
    if excess == 0.0 and cost < figures[BEST_COST]:
        figures[BEST_COST] = cost
        for task in range(len(nodes)):
            out_plan.best[task] = nodes[task]
