"""The quay between a placement problem and its arrays: numbers names, and lays out the sheet.

What no plan can place (an unknown predecessor, a circle, no approval) is marked here; why is told
by `reasons`. The values have been checked before, by `check`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, TypeVar

import numpy as np

from lunaredge.kernels.jit import Ints
from lunaredge.kernels.schedule_board import Board, empty_board
from lunaredge.kernels.schedule_ledger import empty_ledgers
from lunaredge.kernels.schedule_meters import idle_meters
from lunaredge.kernels.schedule_sheet import NEVER, NODE_COLUMNS, NONE, TASK_COLUMNS, Sheet
from lunaredge.kernels.schedule_start import start_board
from lunaredge.placement.graph import Graph, graph_of
from lunaredge.placement.problem import (
    Level,
    Node,
    Problem,
    Resources,
    Task,
    end_of,
    is_fixed,
    posts_of,
)
from lunaredge.placement.travel import NO_WAY, Travel

# A machine that needs a charge and was told no charger looks at so many; the search tries others.
NEARBY_MAX = 4
_LEVELS = {Level.NODE: 0, Level.BOARD: 1, Level.RACK: 2}
_RESOURCES = Resources.__struct_fields__
_NO_RESOURCES = Resources()
_NO_NAMES: dict[str, int] = {}
# Steps of a ledger for each interval.
_CUTS = 2

_Tree = TypeVar("_Tree")


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The numbers that names have on a sheet."""

    tasks: dict[str, int]
    nodes: dict[str, int]
    kinds: dict[str, int]
    skills: dict[str, int]
    families: dict[str, int]
    groups: dict[str, int]
    movers: dict[str, int]


def numbers_of(problem: Problem, travel: Travel) -> Numbers:
    """Number the names of a problem, in their order."""
    kinds = chain((n.kind for n in problem.nodes), (m.kind for t in problem.tasks for m in t.modes))
    families = chain(
        (n.machine.family for n in problem.nodes if n.machine),
        (t.family for t in problem.tasks),
        chain.from_iterable((s.source, s.target) for s in problem.setups),
    )
    having = (node.capabilities for node in problem.nodes)
    asking = (task.capabilities for task in problem.tasks)
    skills = chain.from_iterable(chain(having, asking))
    return Numbers(
        tasks=_numbered(task.id for task in problem.tasks),
        nodes=_numbered(node.id for node in problem.nodes),
        kinds=_numbered(kinds),
        skills=_numbered(skills),
        families=_numbered(families),
        groups=_numbered(task.apart.group for task in problem.tasks if task.apart),
        movers=_numbered(travel.movers),
    )


def sheet_of(problem: Problem, travel: Travel, numbers: Numbers) -> Sheet:
    """Lay out the sheet of a problem that has been checked."""
    tasks, nodes = problem.tasks, problem.nodes
    graph = graph_of(tasks, numbers.tasks)
    homes = _homes(problem, travel)
    used = used_resources(tasks)
    out = _never_placed(problem, graph, numbers)
    behind: list[list[int]] = [[] for _ in tasks]
    for t, pairs in enumerate(graph.before):
        for source, _ in pairs:
            behind[source].append(t)
    only = [[numbers.nodes[n] for n in t.only_on if n in numbers.nodes] for t in tasks]
    bans = [[numbers.nodes[n] for n in t.not_on if n in numbers.nodes] for t in tasks]
    members = _grouped(
        (numbers.groups[t.apart.group] if t.apart else NONE for t in tasks), numbers.groups
    )
    by_kind = _grouped((numbers.kinds[n.kind] for n in nodes), numbers.kinds)
    units = [unit for unit in graph.units if not (out[unit[0]] or is_fixed(tasks[unit[0]]))]
    return Sheet(
        tasks=_task_rows(problem, numbers, graph, units),
        nodes=_node_rows(problem, numbers, homes),
        modes=_modes(tasks, numbers),
        needs=_amounts((t.needs for t in tasks), used),
        has=_amounts((n.has for n in nodes), used),
        domains=_domains(nodes),
        travel=travel.table,
        homes=homes,
        chargers=_rows(((place, 1 + q) for q, place in enumerate(posts_of(problem))), 2),
        nearby=_nearby(problem, travel),
        setups=_setups(problem, numbers),
        dark=_rows(((window.from_s, window.until_s) for window in problem.darkness), 2),
        before=_rows(chain.from_iterable(graph.before), 2),
        before_starts=_starts(graph.before),
        behind=_flat(behind),
        behind_starts=_starts(behind),
        only=_flat(only),
        only_starts=_starts(only),
        bans=_flat(bans),
        ban_starts=_starts(bans),
        members=_flat(members),
        member_starts=_starts(members),
        by_kind=_flat(by_kind),
        kind_starts=_starts(by_kind),
        units=_rows(units, 2),
        pace=np.array([problem.travel_j_s, problem.horizon_s, bool(problem.bus)], dtype=np.int64),
    )


def board_of(problem: Problem, sheet: Sheet) -> Board:
    """Make the board of a sheet: the bus's ceiling and what is fixed is on it, and nothing else."""
    limits = [_ceiling_w(problem), *posts_of(problem).values()]
    computers = [n for n, node in enumerate(problem.nodes) if node.machine is None]
    # A task is on the bus itself or by its charge, which is at a charger too.
    interval_count = 2 * len(sheet.tasks) + len(problem.bus)
    shared = idle_meters(np.array(limits, dtype=np.int64), interval_count)
    owned = empty_ledgers(sheet.has[computers], _CUTS * len(sheet.tasks))
    board = empty_board(sheet, shared, owned)
    start_board(sheet, _shortfalls(problem), board)
    return board


def copied(tree: _Tree) -> _Tree:
    """Copy a tuple of arrays, and of such tuples."""
    if isinstance(tree, np.ndarray):
        return tree.copy()
    branches: Any = tree
    return type(tree)(*(copied(branch) for branch in branches))


def _ceiling_w(problem: Problem) -> int:
    """Give the highest ceiling; without any the bus gives more than all could draw."""
    return max((step.power_w for step in problem.bus), default=NEVER)


def _shortfalls(problem: Problem) -> Ints:
    """Give by how much the bus stays below its highest ceiling: from, until, watts."""
    highest_w = _ceiling_w(problem)
    ends_s = [*(step.from_s for step in problem.bus[1:]), NEVER]
    return _rows(
        (
            (step.from_s, end_s, highest_w - step.power_w)
            for step, end_s in zip(problem.bus, ends_s, strict=False)
        ),
        3,
    )


def _task_rows(
    problem: Problem,
    numbers: Numbers,
    graph: Graph,
    units: Sequence[tuple[int, int]],
) -> Ints:
    """Lay out the tasks by the columns of `schedule_sheet`."""
    unit_of = {t: u for u, pair in enumerate(units) for t in pair if t >= 0}
    rows = (
        task_row(task, numbers, problem.horizon_s, (partner, unit_of.get(t, NONE)))
        for t, (task, partner) in enumerate(zip(problem.tasks, graph.partners, strict=True))
    )
    return _rows(rows, TASK_COLUMNS)


def task_row(
    task: Task, numbers: Numbers, horizon_s: int, partner_and_unit: tuple[int, int]
) -> tuple[int, ...]:
    """Give the columns of a task, see `schedule_sheet`.

    It may have come later than the numbers: no set-up then names its family, no node its skills.
    """
    now, apart, nowhere = task.current, task.apart, len(numbers.nodes)
    place, end = NONE if task.place is None else task.place, end_of(task)
    return (
        max(0, task.release_s, task.approved_s or 0),
        task.due_s,
        horizon_s if task.latest_s is None else min(task.latest_s, horizon_s),
        task.weight,
        place,
        NONE if end is None else end,
        numbers.families.get(task.family, len(numbers.families)),
        task.needs_light,
        partner_and_unit[0],
        NONE if apart is None else numbers.groups[apart.group],
        0 if apart is None else _LEVELS[apart.level],
        NONE if now is None else numbers.nodes.get(now.node, nowhere),
        0 if now is None else now.move_j,
        NONE if now is None or now.left_s is None else now.left_s,
        0 if now is None else now.left_j,
        is_fixed(task),
        task.health_pct_min,
        _bits((skill for skill in task.capabilities if skill in numbers.skills), numbers.skills),
        partner_and_unit[1],
    )


def _node_rows(problem: Problem, numbers: Numbers, homes: Ints) -> Ints:
    """Lay out the nodes by the columns of `schedule_sheet`."""
    first_places = {
        task.current.node: end_of(task)
        for task in problem.tasks
        if task.current is not None and task.current.is_fixed
    }
    rows, ledger = [], 0
    for node in problem.nodes:
        machine, kind = node.machine, numbers.kinds[node.kind]
        skills = _bits(node.capabilities, numbers.skills)
        if machine is None:
            blank = (0, 0, 0, 0, 0, 0, 0, 0)
            rows.append(
                (
                    kind,
                    NONE,
                    NONE,
                    node.ready_s,
                    *blank,
                    node.health_pct,
                    0,
                    skills,
                    ledger,
                    node.is_on_bus,
                )
            )
            ledger += 1
            continue
        mover = numbers.movers[machine.mover]
        home_j = int(homes[mover, first_places.get(node.id, machine.place)])
        is_sound = 0 <= home_j <= machine.charge_j - machine.reserve_j
        rows.append(
            (
                kind,
                mover,
                machine.place,
                node.ready_s,
                machine.battery_j,
                machine.charge_j,
                machine.reserve_j,
                max(machine.reserve_j, machine.reserve_dark_j),
                machine.reserve_j if is_sound else 0,
                machine.idle_w,
                machine.heat_w,
                machine.charge_w,
                node.health_pct,
                numbers.families[machine.family],
                skills,
                NONE,
                False,
            )
        )
    return _rows([(*row, False) for row in rows], NODE_COLUMNS)


def _modes(tasks: Sequence[Task], numbers: Numbers) -> Ints:
    modes = np.full((len(tasks), len(numbers.kinds), 2), NONE, dtype=np.int64)
    rows = [
        (t, numbers.kinds[mode.kind], mode.duration_s, mode.energy_j)
        for t, task in enumerate(tasks)
        for mode in task.modes
    ]
    if rows:
        at = np.array(rows, dtype=np.int64)
        modes[at[:, 0], at[:, 1]] = at[:, 2:]
    return modes


def _homes(problem: Problem, travel: Travel) -> Ints:
    """Give the joules of the way to the second nearest post, or to the only one; -1 = no way."""
    shape = travel.table.shape[:2]
    if not problem.chargers:
        return np.zeros(shape, dtype=np.int64)
    # Of one place's posts no more than two count.
    posts = [place for place, count in posts_of(problem).items() for _ in range(min(2, count))]
    ways_j = np.where(travel.table[..., 1] == NO_WAY, NEVER, travel.table[..., 1])[:, :, posts]
    ways_j.sort(axis=2)
    nearest_j, second_j = ways_j[:, :, 0], ways_j[:, :, min(1, len(posts) - 1)]
    homes = np.where(second_j < NEVER, second_j, nearest_j)
    return np.where(homes < NEVER, homes, NO_WAY)


def _nearby(problem: Problem, travel: Travel) -> Ints:
    """Give the chargers that are reached the soonest from each place, the nearest first."""
    places = list(posts_of(problem))
    times_s = np.where(travel.table[..., 0] == NO_WAY, NEVER, travel.table[..., 0])[:, :, places]
    nearest = np.argsort(times_s, axis=2, kind="stable")[:, :, :NEARBY_MAX]
    is_way = np.take_along_axis(times_s, nearest, axis=2) < NEVER
    return np.ascontiguousarray(np.where(is_way, nearest, NONE))


def _never_placed(problem: Problem, graph: Graph, numbers: Numbers) -> list[bool]:
    """Tell which tasks no plan can place, and those that wait for them or meet them."""
    out = [
        not is_fixed(task)
        and (
            task.approved_s is None
            or (bool(task.only_on) and not any(name in numbers.nodes for name in task.only_on))
        )
        for task in problem.tasks
    ]
    for t in graph.stuck:
        out[t] = True
    for unit in graph.units:
        pair = [t for t in unit if t >= 0]
        if any(out[t] or any(out[source] for source, _ in graph.before[t]) for t in pair):
            for t in pair:
                out[t] = True
    return out


def used_resources(tasks: Sequence[Task]) -> list[str]:
    """Name the resources that any task needs; the first, when none needs any."""
    needs = {task.needs for task in tasks} - {_NO_RESOURCES}
    return [r for r in _RESOURCES if any(getattr(n, r) for n in needs)] or [_RESOURCES[0]]


def _amounts(amounts: Iterable[Resources], names: Sequence[str]) -> Ints:
    return _rows(([getattr(one, name) for name in names] for one in amounts), len(names))


def _domains(nodes: Sequence[Node]) -> Ints:
    """Number the failure domains of each level; who names none is one by itself."""
    boards = _numbered(node.board for node in nodes if node.board)
    racks = _numbered(node.rack for node in nodes if node.rack)
    alone = len(nodes)
    return _rows(
        (
            (n, boards.get(node.board, alone + n), racks.get(node.rack, alone + n))
            for n, node in enumerate(nodes)
        ),
        3,
    )


def _setups(problem: Problem, numbers: Numbers) -> Ints:
    setups = np.zeros((len(numbers.families), len(numbers.families)), dtype=np.int64)
    for setup in problem.setups:
        setups[numbers.families[setup.source], numbers.families[setup.target]] = setup.duration_s
    return setups


def _bits(names: Iterable[str], numbers: dict[str, int]) -> int:
    bits = 0
    for name in names:
        bits |= 1 << numbers[name]
    return bits


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: k for k, name in enumerate(dict.fromkeys(names))}


def _grouped(numbers: Iterable[int], names: dict[str, int]) -> list[list[int]]:
    """Give the places of each number, but for -1."""
    groups: list[list[int]] = [[] for _ in names]
    for place, number in enumerate(numbers):
        if number != NONE:
            groups[number].append(place)
    return groups


def _rows(rows: Iterable[Sequence[int]], width: int) -> Ints:
    listed = list(rows)
    return np.array(listed, dtype=np.int64).reshape(len(listed), width)


def _flat(lists: Iterable[Sequence[int]]) -> Ints:
    return np.array(list(chain.from_iterable(lists)), dtype=np.int64)


def _starts(lists: Iterable[Sequence[object]]) -> Ints:
    return np.array([0, *accumulate(len(one) for one in lists)], dtype=np.int64)
