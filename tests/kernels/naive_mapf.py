"""Slow and obvious twins of the kernels for many agents. Cells are numbers of free cells."""

from collections import deque
from itertools import product

import numpy as np

SIDES = ((0, -1), (0, 1), (-1, 0), (1, 0))


def graph(free):
    """Give each free cell's neighbours, cells numbered row by row."""
    numbers = {cell: k for k, cell in enumerate(map(tuple, np.argwhere(free)))}
    return [
        [numbers[r + i, c + j] for i, j in SIDES if (r + i, c + j) in numbers] for r, c in numbers
    ]


def distances(near, goal):
    """Give the steps from each cell that reaches the goal."""
    steps, queue = {goal: 0}, deque([goal])
    while queue:
        here = queue.popleft()
        for cell in near[here]:
            if cell not in steps:
                steps[cell] = steps[here] + 1
                queue.append(cell)
    return steps


def is_step(near, now, after):
    """Tell whether everybody stays or moves by one cell, and nobody meets."""
    return (
        all(b == a or b in near[a] for a, b in zip(now, after, strict=True))
        and len(set(after)) == len(after)
        and not any(
            now[i] == after[j] and now[j] == after[i] for i in range(len(now)) for j in range(i)
        )
    )


def is_solvable(near, starts, goals):
    """Tell whether there is a plan, by looking at all configurations."""
    seen, queue = {tuple(starts)}, deque([tuple(starts)])
    while queue:
        now = queue.popleft()
        if now == tuple(goals):
            return True
        for after in product(*([cell, *near[cell]] for cell in now)):
            if after not in seen and is_step(near, now, after):
                seen.add(after)
                queue.append(after)
    return False


def arrival(near, start, goal, others, last):
    """Give when one agent can be at its goal for good among the paths of others; -1 = never.

    others : (T + 1, n) cells; nobody arrives after ``last``, nor looks beyond T
    """
    layer = {start}
    for step in range(last + 1):
        if goal in layer and all(goal not in row for row in others[step:]):
            return step
        if step + 1 == len(others):
            break
        now, after = list(others[step]), list(others[step + 1])
        layer = {
            cell
            for here in layer
            for cell in [here, *near[here]]
            if cell not in after
            and not any(now[k] == cell and after[k] == here for k in range(len(now)))
        }
    return -1


def sum_of_costs(plan):
    """Add up the steps after which each agent stays on its goal."""
    total = 0
    for path in np.asarray(plan).T:
        cost = len(path) - 1
        while cost > 0 and path[cost - 1] == path[-1]:
            cost -= 1
        total += cost
    return total
