"""A search that leaves nothing out: is there a plan that costs less than so much, and which.

Tasks are placed one after the other. With every task worth something (`gap_worths`), a plan costs
the bound plus what all nodes lose against what they could earn at most. The tables say how much of
that is lost by each placing, whatever comes after it; where the sum is too much, nothing below
needs a look. Small gaps between bound and plan keep the tree small, so windows of cost are closed
one after the other, from the bound up, as by Posta, Ferland and Michelon (2012).
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.gap_worths import Knapsacks
from lunaredge.kernels.jit import Floats, Ints, inner, kernel

PLACE, LOOKS = range(2)
"""Counts: how many tasks are placed, -1 = all is seen; how many times a task's nodes were looked
at."""


class Tree(NamedTuple):
    """Where the search stands. Places are those in the order of the tasks.

    counts : int64 (2,)
    slacks : int64 (N,)        idle capacity
    nodes  : int64 (T, N)      the nodes that a task may be on, cheapest first; ties to the lower
    least  : float64 (T, N)    what a plan then costs at least
    sizes  : int64 (T,)        how many they are; -1 = not looked at yet
    tried  : int64 (T,)        and which of them is being tried
    plan   : int64 (T,)        the best plan, by task
    upper  : float64 (1,)      what the next plan must cost less than: whole
    """

    counts: Ints
    slacks: Ints
    nodes: Ints
    least: Floats
    sizes: Ints
    tried: Ints
    plan: Ints
    upper: Floats


def tree_of(node_count: int, task_count: int) -> Tree:
    """Make a tree, all of it seen: see `plant`."""
    return Tree(
        counts=np.array([-1, 0]),
        slacks=np.zeros(node_count, dtype=np.int64),
        nodes=np.zeros((task_count, node_count), dtype=np.int64),
        least=np.zeros((task_count, node_count)),
        sizes=np.full(task_count, -1, dtype=np.int64),
        tried=np.zeros(task_count, dtype=np.int64),
        plan=np.full(task_count, -1, dtype=np.int64),
        upper=np.zeros(1),
    )


def plant(knapsacks: Knapsacks, out_tree: Tree, upper: int) -> None:
    """Begin a search for a plan that costs less than that."""
    out_tree.counts[:] = 0
    out_tree.slacks[:] = knapsacks.capacities
    out_tree.sizes[:] = -1
    out_tree.upper[0] = upper


@kernel
def branch(knapsacks: Knapsacks, out_tree: Tree, bound: float, look_count: int) -> bool:
    """Search on for so many looks; tell whether all is seen.

    The tables must be filled at the best worths, all in the same order, and the bound be what that
    gave.
    """
    counts, slacks, sizes, tried = out_tree.counts, out_tree.slacks, out_tree.sizes, out_tree.tried
    nodes, least, upper = out_tree.nodes, out_tree.least, out_tree.upper
    usages, order = knapsacks.usages, knapsacks.order
    place, looks = counts[PLACE], 0
    while place >= 0 and looks < look_count:
        if sizes[place] < 0:
            looks += 1
            spent = least[place - 1, tried[place - 1]] if place > 0 else bound
            sizes[place] = _look(knapsacks, out_tree, place, spent)
            tried[place] = 0
        if tried[place] == sizes[place] or least[place, tried[place]] > upper[0] - 1.0:
            sizes[place] = -1
            place -= 1
        elif place + 1 < len(order):
            node = nodes[place, tried[place]]
            slacks[node] -= usages[node, order[place]]
            place += 1
            continue
        else:
            upper[0] = least[place, tried[place]]
            for k in range(len(order)):
                out_tree.plan[order[k]] = nodes[k, tried[k]]
            continue
        if place >= 0:
            node = nodes[place, tried[place]]
            slacks[node] += usages[node, order[place]]
            tried[place] += 1
    counts[PLACE] = place
    counts[LOOKS] += looks
    return bool(place < 0)


@inner
def _look(knapsacks: Knapsacks, out_tree: Tree, place: int, spent: float) -> int:
    """List the nodes that a task may be on; give how many.

    spent : what a plan costs at least with the tasks up to here placed as they are
    """
    tables, rows, slacks = knapsacks.tables, knapsacks.rows, out_tree.slacks
    nodes, least = out_tree.nodes[place], out_tree.least[place]
    task = knapsacks.order[place]
    # As if no node did the task: whoever does it gets its worth.
    spent -= knapsacks.best[task]
    for node in range(len(slacks)):
        now, later = rows[node, place], rows[node, place + 1]
        if now != later:
            spent += tables[node, now, slacks[node]] - tables[node, later, slacks[node]]
    size = 0
    for node in range(len(slacks)):
        cost = knapsacks.costs[node, task]
        left = slacks[node] - knapsacks.usages[node, task]
        if cost == np.inf or left < 0:
            continue
        later = rows[node, place + 1]
        total = spent + cost + tables[node, later, slacks[node]] - tables[node, later, left]
        if total > out_tree.upper[0] - 1.0:
            continue
        spot = size
        while spot > 0 and least[spot - 1] > total:
            least[spot], nodes[spot] = least[spot - 1], nodes[spot - 1]
            spot -= 1
        least[spot], nodes[spot] = total, node
        size += 1
    return size
