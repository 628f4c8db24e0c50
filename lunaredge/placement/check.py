"""Checks of a placement problem: what is wrong in it, by key, value and remedy.

A problem is checked once, before any array is made of it; what comes after relies on that. Whether
the problem can be solved is not asked here: what can't be placed is told with its reasons.
"""

from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np

from lunaredge.placement.fields import converted, wrong
from lunaredge.placement.problem import (
    ENERGY_J_MAX,
    FAMILIES_MAX,
    HORIZON_S_MAX,
    KINDS_MAX,
    NODES_MAX,
    PLACES_MAX,
    TASKS_MAX,
    Level,
    Problem,
    Task,
    is_fixed,
)
from lunaredge.placement.travel import NO_WAY, Travel

CAPABILITIES_MAX = 63
"""They are the bits of a signed integer."""


def check(problem: Problem, travel: Travel) -> Problem:
    """Give a problem that is right in all that its annotations and the contract ask of its values.

    It is a copy, of plain values: lists come as tuples, NumPy's whole numbers as ours.

    Raises:
        ConfigError: a value is wrong; ``key`` says which, as ``tasks[3].modes[0].duration_s``.
    """
    if not isinstance(travel, Travel):
        raise wrong("no travel", "travel", travel, "give a Travel")
    _check_travel(travel)
    problem = converted(problem)
    for rule in (
        _check_sizes,
        _check_tasks,
        _check_nodes,
        _check_meetings,
        _check_groups,
        _check_fixed,
        _check_site,
    ):
        rule(problem, travel)
    return problem


def check_task(task: Task, travel: Travel) -> Task:
    """Give a task that is right in all that can be told of it alone; a copy, as `check`.

    Raises:
        ConfigError: a value is wrong; ``key`` says which, as ``tasks[0].modes[0].duration_s``.
    """
    alone = converted(Problem(tasks=(task,), nodes=(), horizon_s=HORIZON_S_MAX))
    _check_tasks(alone, travel)
    return alone.tasks[0]


def _check_travel(travel: Travel) -> None:
    """Check what may have been made without `Travel.of`, and that who stays needs nothing."""
    movers, table = travel.movers, travel.table
    if not isinstance(movers, tuple) or not all(isinstance(one, str) for one in movers):
        raise wrong("no names of movers", "travel.movers", movers, "give a tuple of texts")
    if not isinstance(table, np.ndarray) or table.dtype != np.int64 or table.ndim != 4:
        raise wrong("no table of travel", "travel.table", table, "give int64 (C, P, P, 2)")
    places = table.shape[1]
    if table.shape != (len(movers), places, places, 2) or places > PLACES_MAX:
        remedy = f"give (C, P, P, 2) for {len(movers)} movers, P at most {PLACES_MAX}"
        raise wrong("no table of travel", "travel.table", table.shape, remedy)
    _check_double("travel.movers", movers)
    limits = np.array([HORIZON_S_MAX, ENERGY_J_MAX])
    is_out = (table < NO_WAY) | (table > limits)
    is_out |= (table == NO_WAY) != (table == NO_WAY)[..., ::-1]
    stays = np.arange(places)
    is_out[:, stays, stays] |= table[:, stays, stays] != 0
    for mover, source, target, _ in np.argwhere(is_out)[:1].tolist():
        key = f"travel.{movers[mover]}[{source}][{target}]"
        value = tuple(table[mover, source, target].tolist())
        said = "who stays needs neither time nor energy" if source == target else "out of range"
        remedy = f"give seconds and joules up to {tuple(limits.tolist())}, both or none of them -1"
        raise wrong(said, key, value, "give (0, 0)" if source == target else remedy)


def _check_sizes(problem: Problem, _: Travel) -> None:
    tasks, nodes = problem.tasks, problem.nodes
    kinds = {n.kind for n in nodes} | {mode.kind for task in tasks for mode in task.modes}
    families = {task.family for task in tasks}
    families |= {n.machine.family for n in nodes if n.machine is not None}
    families |= set(chain.from_iterable((s.source, s.target) for s in problem.setups))
    skills = set(chain.from_iterable(task.capabilities for task in tasks))
    skills |= set(chain.from_iterable(node.capabilities for node in nodes))
    for key, count, largest in (
        ("tasks", len(tasks), TASKS_MAX),
        ("nodes", len(nodes), NODES_MAX),
        ("nodes[].kind", len(kinds), KINDS_MAX),
        ("tasks[].family", len(families), FAMILIES_MAX),
        ("tasks[].capabilities", len(skills), CAPABILITIES_MAX),
    ):
        if count > largest:
            raise wrong("too many different ones", key, count, f"give at most {largest}")
    _check_double("tasks[].id", [task.id for task in tasks])
    _check_double("nodes[].id", [node.id for node in nodes])


def _check_tasks(problem: Problem, travel: Travel) -> None:
    count = travel.place_count
    for t, task in enumerate(problem.tasks):
        key = f"tasks[{t}]"
        if len(task.modes) > 1:
            _check_double(f"{key}.modes[].kind", [mode.kind for mode in task.modes], task.id)
        if task.place is not None:
            _check_place(f"{key}.place", task.place, count, task.id)
        if task.end_place is None:
            continue
        _check_place(f"{key}.end_place", task.end_place, count, task.id)
        if task.place is None:
            said = f"task {task.id} ends at a place and starts at none"
            raise wrong(said, f"{key}.end_place", task.end_place, "give place too, or neither")


def _check_nodes(problem: Problem, travel: Travel) -> None:
    for n, node in enumerate(problem.nodes):
        machine, key = node.machine, f"nodes[{n}].machine"
        if machine is None:
            continue
        if machine.mover not in travel.movers:
            remedy = f"give one of {', '.join(travel.movers) or 'none: travel has no mover'}"
            raise wrong(f"no mover of node {node.id}", f"{key}.mover", machine.mover, remedy)
        _check_place(f"{key}.place", machine.place, travel.place_count, node.id)
        if machine.charge_j > machine.battery_j:
            said = f"more than the battery of node {node.id} holds"
            remedy = f"give at most {machine.battery_j}"
            raise wrong(said, f"{key}.charge_j", machine.charge_j, remedy)


def _check_meetings(problem: Problem, _: Travel) -> None:
    """Check that every task meets one other at most, and a fixed one none."""
    tasks = {task.id: task for task in problem.tasks}
    partners: dict[str, str] = {}
    for t, task in enumerate(problem.tasks):
        other, key = task.meets, f"tasks[{t}].meets"
        if other is None:
            continue
        if other == task.id or other not in tasks:
            said = f"task {task.id} meets {'itself' if other == task.id else 'an unknown task'}"
            raise wrong(said, key, other, "give the id of another task of the problem")
        for one, met in ((task.id, other), (other, task.id)):
            if partners.setdefault(one, met) != met:
                said = f"task {one} meets {partners[one]} already, and one only can be met"
                raise wrong(said, key, other, f"let {one} meet one task")
            if is_fixed(tasks[one]):
                said = f"task {one} is fixed, and a fixed task meets none"
                raise wrong(said, key, other, "take away one of the two")


def _check_groups(problem: Problem, _: Travel) -> None:
    levels: dict[str, Level] = {}
    for t, task in enumerate(problem.tasks):
        if task.apart is None:
            continue
        level = levels.setdefault(task.apart.group, task.apart.level)
        if level is not task.apart.level:
            said = f"task {task.id} is of group {task.apart.group}, which has another level"
            remedy = f"give {level.value} as the tasks before it"
            raise wrong(said, f"tasks[{t}].apart.level", task.apart.level.value, remedy)


def _check_fixed(problem: Problem, _: Travel) -> None:
    """Check that what is fixed runs somewhere, and is alone on its machine."""
    nodes = {node.id: node for node in problem.nodes}
    first: dict[str, str] = {}
    for t, task in enumerate(problem.tasks):
        now, key = task.current, f"tasks[{t}].current"
        if now is None or not now.is_fixed:
            continue
        if now.left_s is None:
            said = f"task {task.id} is fixed, but does not run"
            raise wrong(said, f"{key}.left_s", None, "give the seconds that are left")
        if now.node not in nodes:
            said = f"task {task.id} is fixed on an unknown node"
            raise wrong(said, f"{key}.node", now.node, "give the id of a node of the problem")
        if nodes[now.node].machine is None:
            continue
        if task.place is None:
            said = f"task {task.id} is fixed on a machine, and has no place"
            raise wrong(said, f"tasks[{t}].place", None, "give its place")
        if first.setdefault(now.node, task.id) != task.id:
            said = f"task {first[now.node]} is fixed on the same machine as task {task.id}"
            raise wrong(said, f"{key}.node", now.node, "fix one task on a machine")


def _check_site(problem: Problem, travel: Travel) -> None:
    for q, charger in enumerate(problem.chargers):
        _check_place(f"chargers[{q}].place", charger.place, travel.place_count)
    for k, step in enumerate(problem.bus):
        if (k == 0 and step.from_s != 0) or (k > 0 and step.from_s <= problem.bus[k - 1].from_s):
            remedy = "give the first from 0, and each from later than the one before"
            raise wrong("no such order of ceilings", f"bus[{k}].from_s", step.from_s, remedy)
    for k, window in enumerate(problem.darkness):
        if window.until_s <= window.from_s:
            remedy = f"give more than from_s, {window.from_s}"
            raise wrong("an empty window", f"darkness[{k}].until_s", window.until_s, remedy)
    for k, (one, other) in enumerate(pairwise(problem.darkness), start=1):
        if other.from_s < one.until_s:
            remedy = f"give {one.until_s} at least: windows go by time, apart from each other"
            raise wrong("it begins too soon", f"darkness[{k}].from_s", other.from_s, remedy)
    _check_double("setups", [f"{s.source} to {s.target}" for s in problem.setups])


def _check_place(key: str, place: int, count: int, name: str = "") -> None:
    if place >= count:
        said = f"no place of travel{name and f', of {name}'}"
        remedy = f"give 0 to {count - 1}" if count else "travel has no places: give it some"
        raise wrong(said, key, place, remedy)


def _check_double(key: str, names: Sequence[str], owner: str = "") -> None:
    """Check that no name is there twice."""
    seen: set[str] = set()
    if len(set(names)) == len(names):
        return
    for k, name in enumerate(names):
        if name in seen:
            said = f"there twice{owner and f', in {owner}'}"
            place = key.replace("[]", f"[{k}]") if "[]" in key else f"{key}[{k}]"
            raise wrong(said, place, name, "give each once")
        seen.add(name)
