"""What of a placement problem is legal and yet looks like a mistake: told once, on stderr.

A lost node may stay named by tasks, so a misspelt one can't be refused.
"""

from collections.abc import Iterator
from itertools import chain

from lunaredge.placement import Problem
from lunaredge.placement.refusals import listed


def notes_on(problem: Problem) -> tuple[str, ...]:
    """Give a line for each kind of thing that is odd in a problem."""
    notes = (_unknown_nodes(problem), _vain_reserves(problem), _vain_places(problem))
    return tuple(chain.from_iterable(notes))


def _unknown_nodes(problem: Problem) -> Iterator[str]:
    """Tell of ids that are no node's, and of the first task that names each."""
    known = {node.id for node in problem.nodes}
    found: dict[str, str] = {}
    for task in problem.tasks:
        named = [("only_on", name) for name in task.only_on]
        named += [("not_on", name) for name in task.not_on]
        named += [("current", task.current.node)] if task.current is not None else []
        for key, name in named:
            if name not in known:
                found.setdefault(name, f"{key} of {task.id}")
    if found:
        yield f"not in the problem: {listed([f'node {name} ({at})' for name, at in found.items()])}"


def _vain_reserves(problem: Problem) -> Iterator[str]:
    """Tell of machines whose battery is smaller than what is to be left in it."""
    machines = ((node.id, node.machine) for node in problem.nodes if node.machine is not None)
    found = [
        f"{name} (reserve_j {machine.reserve_j}, battery_j {machine.battery_j})"
        for name, machine in machines
        if machine.reserve_j > machine.battery_j
    ]
    if found:
        yield f"the reserve is more than the battery holds, so no task ends there: {listed(found)}"


def _vain_places(problem: Problem) -> Iterator[str]:
    """Tell of tasks with a place that only computers can do: nobody goes there."""
    moving = {node.kind for node in problem.nodes if node.machine is not None}
    still = {node.kind for node in problem.nodes if node.machine is None}
    kinds = ((task, {mode.kind for mode in task.modes}) for task in problem.tasks)
    found = [
        task.id
        for task, own in kinds
        if task.place is not None and own & still and not own & moving
    ]
    if found:
        yield f"only computers can do these tasks, so their place counts nothing: {listed(found)}"
