"""What waits for what: units of tasks that start together, and the order that they keep.

Two tasks that meet are one unit; units wait for units. A circle of them, by order or by hand-over,
can never begin, and nothing behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lunaredge.placement.problem import Task, is_fixed


@dataclass(frozen=True, slots=True)
class Graph:
    """Tasks by number."""

    partners: list[int]
    """The task that each meets; -1 = none."""
    units: list[tuple[int, int]]
    """The tasks of each unit, the lower first; -1 = one alone. In an order that can be kept."""
    before: list[list[tuple[int, int]]]
    """For each task the tasks before it, and their lags."""
    stuck: list[int]
    """Tasks in a circle or behind one, or behind a task that is not in the problem."""


def graph_of(tasks: Sequence[Task], numbers: dict[str, int]) -> Graph:
    """Make the graph of tasks."""
    partners = [-1] * len(tasks)
    for t, task in enumerate(tasks):
        if task.meets is not None:
            partners[t] = numbers[task.meets]
            partners[partners[t]] = t
    # What is fixed runs already, whatever it was to come after.
    afters = [() if is_fixed(task) else task.after for task in tasks]
    before = [
        [(numbers[one.task], one.lag_s) for one in after if one.task in numbers] for after in afters
    ]
    orphans = [any(one.task not in numbers for one in after) for after in afters]
    units, stuck = _ordered(partners, before, orphans)
    return Graph(partners=partners, units=units, before=before, stuck=stuck)


def _ordered(
    partners: list[int], before: list[list[tuple[int, int]]], orphans: list[bool]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Give the units in an order that can be kept (Kahn 1962), and the tasks that are in none."""
    heads = [min(t, partner) if partner >= 0 else t for t, partner in enumerate(partners)]
    waits = [0] * len(partners)
    behind: list[list[int]] = [[] for _ in partners]
    for t, sources in enumerate(before):
        # A task that is not there is waited for, for ever.
        waits[heads[t]] += len(sources) + orphans[t]
        for source, _ in sources:
            behind[heads[source]].append(heads[t])
    ready = [t for t, head in enumerate(heads) if head == t and not waits[t]]
    for head in ready:
        for target in behind[head]:
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    units = [(head, max(head, partners[head]) if partners[head] >= 0 else -1) for head in ready]
    placed = set(ready)
    return units, [t for t, head in enumerate(heads) if head not in placed]
