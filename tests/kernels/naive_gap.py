"""Generalised assignment the slow way: every plan, one after the other."""

import itertools
import math

import numpy as np

from lunaredge.kernels.jit import Floats, Ints


def instance(seed: int, node_count: int, task_count: int) -> tuple[Floats, Floats, Floats]:
    """Draw costs, usages and capacities, a tenth of the pairs impossible; at times nothing fits."""
    rng = np.random.default_rng([seed, node_count, task_count])
    costs = rng.integers(-5, 20, (node_count, task_count)).astype(np.float64)
    usages = rng.integers(0, 12, (node_count, task_count)).astype(np.float64)
    capacities = np.floor(usages.sum(axis=1) * rng.uniform(0.2, 1.2) / node_count)
    costs[rng.random(costs.shape) < 0.1] = np.inf
    return costs, usages, capacities


def over_full(usages: Floats, capacities: Floats, nodes: Ints) -> list[int]:
    """Name the nodes that carry more than they can; -1 = a task is nowhere."""
    found = []
    for node in range(len(capacities)):
        carried = sum(float(usages[node, task]) for task, at in enumerate(nodes) if at == node)
        if carried > capacities[node]:
            found.append(node)
    return found


def cost_of(costs: Floats, nodes: Ints) -> float:
    """Sum up the cost of what is placed."""
    return sum(float(costs[node, task]) for task, node in enumerate(nodes) if node >= 0)


def cheapest(costs: Floats, usages: Floats, capacities: Floats) -> float:
    """Give the cost of the cheapest plan that places every task; inf = there is none."""
    node_count, task_count = costs.shape
    best = math.inf
    for nodes in itertools.product(range(node_count), repeat=task_count):
        cost = cost_of(costs, np.array(nodes))
        if cost < best and not over_full(usages, capacities, np.array(nodes)):
            best = cost
    return best


def least_waste(slacks: Floats, weights: Floats, extra: Floats, usages: Floats) -> dict[str, float]:
    """Give every way to put each task at one place, by its places as text, and what it wastes.

    slacks  : capacity of the places
    weights : (2, K) price of idle capacity, and fine of what is in excess
    extra   : (F, K) what each task pays;  usages : (F, K)
    """
    found = {}
    for places in itertools.product(range(len(slacks)), repeat=len(extra)):
        idle = slacks.copy()
        waste = 0.0
        for task, place in enumerate(places):
            idle[place] -= usages[task, place]
            waste += extra[task, place]
        for place in range(len(slacks)):
            waste += weights[0, place] * max(0.0, idle[place])
            waste += weights[1, place] * max(0.0, -idle[place])
        found["".join(map(str, places))] = float(waste)
    return found


def most_earned(gains: Floats, usages: Floats, capacity: float) -> dict[frozenset[int], float]:
    """Give every set of tasks that fits in a knapsack, and what it earns."""
    found = {}
    for size in range(len(gains) + 1):
        for tasks in itertools.combinations(range(len(gains)), size):
            if sum(float(usages[task]) for task in tasks) <= capacity:
                found[frozenset(tasks)] = sum(float(gains[task]) for task in tasks)
    return found
