"""What the judge of plans looks at: a plan with its problem, and what follows from the values.

Written from docs/explanation/placement.md; nothing of the planner is used.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lunaredge.placement.plan import Charge, Placed, Plan
from lunaredge.placement.problem import Level, Machine, Node, Problem, Task
from lunaredge.placement.travel import NO_WAY, Travel

Way = tuple[int, int]
"""Seconds and joules from one place to another."""


@dataclass(frozen=True)
class Case:
    """A plan, and what it is judged by."""

    problem: Problem
    travel: Travel
    plan: Plan
    tasks: dict[str, Task]
    nodes: dict[str, Node]
    pending: tuple[tuple[Node, Charge], ...] = ()
    """Charges before tasks that a search has yet to place; a whole plan has none."""

    @staticmethod
    def of_plan(problem: Problem, travel: Travel, plan: Plan) -> "Case":
        tasks = {task.id: task for task in problem.tasks}
        return Case(problem, travel, plan, tasks, {node.id: node for node in problem.nodes})

    def pairs(self) -> Iterator[tuple[Task, Node, Placed]]:
        for item in self.plan.placed:
            yield self.tasks[item.task], self.nodes[item.node], item

    def of(self, task: str) -> Placed | None:
        return next((item for item in self.plan.placed if item.task == task), None)


@dataclass(frozen=True)
class Stand:
    """Where and how a machine is when it leaves for its next task."""

    at_s: int
    place: int | None
    family: str
    level_j: int


@dataclass(frozen=True)
class Leg:
    """What a machine does from there to the end of that task."""

    node: Node
    machine: Machine
    task: Task
    item: Placed
    leaves: Stand
    ways: tuple[Way | None, ...]
    """To the charger, if it charges, and to the task."""
    begin_j: int = 0
    """The level at which its charge begins, if it charges."""
    end_j: int = 0
    """And at the end of its task."""

    @property
    def is_broken(self) -> bool:
        return None in self.ways


def is_fixed(task: Task) -> bool:
    return task.current is not None and task.current.is_fixed


def work(task: Task, node: Node) -> tuple[int, int] | None:
    """Give how many seconds and joules a task takes on a node; None: it has no mode for it."""
    mode = next((mode for mode in task.modes if mode.kind == node.kind), None)
    now = task.current
    stays = now is not None and now.node == node.id and now.left_s is not None
    if now is not None and now.left_s is not None and stays and (mode or now.is_fixed):
        return now.left_s, now.left_j
    if mode is None:
        return None
    return -(-mode.duration_s * 100 // node.health_pct), mode.energy_j


def failure_domain(node: Node, level: Level) -> object:
    """Give what fails as a whole: a node, or a board or rack; without a name it is the node's."""
    if level is Level.BOARD and node.board:
        return ("board", node.board)
    if level is Level.RACK and node.rack:
        return ("rack", node.rack)
    return ("node", node.id)


def dark_s(case: Case, from_s: int, until_s: int) -> int:
    """Count the seconds of darkness from one instant until before another."""
    shared = (
        min(until_s, window.until_s) - max(from_s, window.from_s)
        for window in case.problem.darkness
    )
    return sum(max(0, seconds) for seconds in shared)


def setup_s(case: Case, source: str, target: str) -> int:
    pairs = {(s.source, s.target): s.duration_s for s in case.problem.setups}
    return pairs.get((source, target), 0)


def way(case: Case, node: Node, source: int | None, target: int | None) -> Way | None:
    """Give what a machine's travel from a place to another takes; None: there is no way."""
    count = case.travel.place_count
    if source is None or target is None or not (0 <= source < count and 0 <= target < count):
        return None
    mover = case.travel.movers.index(machine_of(node).mover)
    seconds, joules = case.travel.table[mover, source, target].tolist()
    return None if seconds == NO_WAY else (seconds, joules)


def way_home_j(case: Case, node: Node, place: int | None) -> int | None:
    """Give the energy to the second nearest post that can be reached; None: there are none."""
    energies_j = []
    for charger in case.problem.chargers:
        found = way(case, node, place, charger.place)
        if found is not None:
            energies_j += [found[1]] * charger.posts
    if energies_j:
        return sorted(energies_j)[:2][-1]
    return None if case.problem.chargers else 0


def charge_floor_j(case: Case, node: Node, machine: Machine) -> int:
    """Give the least level at which a charge may begin: none for one that starts too low."""
    first = next((task for task in case.problem.tasks if is_fixed_on(task, node)), None)
    home_j = way_home_j(case, node, machine.place if first is None else end_of(first))
    starts_low = home_j is None or machine.charge_j < machine.reserve_j + home_j
    return 0 if starts_low else machine.reserve_j


def is_fixed_on(task: Task, node: Node) -> bool:
    return is_fixed(task) and task.current is not None and task.current.node == node.id


def end_of(task: Task) -> int | None:
    return task.place if task.end_place is None else task.end_place


def machines(case: Case) -> list[Node]:
    return [node for node in case.problem.nodes if node.machine is not None]


def in_time(case: Case, node: Node) -> list[Placed]:
    """Give a node's items by their starts."""
    items = (item for item in case.plan.placed if item.node == node.id)
    return sorted(items, key=lambda item: item.start_s)


def charges(case: Case) -> list[tuple[Node, Charge]]:
    found = [
        (node, item.charge)
        for _, node, item in case.pairs()
        if item.charge is not None and node.machine is not None
    ]
    return [*found, *case.pending]


def all_legs(case: Case) -> list[Leg]:
    return [leg for node in machines(case) for leg in followed(case, node)[0]]


def sound_legs(case: Case) -> list[Leg]:
    return [leg for leg in all_legs(case) if not leg.is_broken]


def followed(case: Case, node: Node) -> tuple[list[Leg], Stand]:
    """Follow a machine from task to task, up to the first to which there is no way.

    A fixed task is no leg: what it does to the machine is in the machine's values already.
    """
    machine = machine_of(node)
    stand = Stand(node.ready_s, machine.place, machine.family, machine.charge_j)
    legs: list[Leg] = []
    for item in in_time(case, node):
        task = case.tasks[item.task]
        level_j = stand.level_j
        if not is_fixed_on(task, node):
            legs.append(leg_of(case, node, stand, item))
            if legs[-1].is_broken:
                break
            level_j = legs[-1].end_j
        stand = Stand(item.end_s, end_of(task), task.family, level_j)
    return legs, stand


def leg_of(case: Case, node: Node, stand: Stand, item: Placed) -> Leg:
    """Add up what the battery loses, by way of the charger if there is one."""
    machine, task, charge = machine_of(node), case.tasks[item.task], item.charge
    stops = [stand.place, *([] if charge is None else [charge.place]), task.place]
    ways = tuple(way(case, node, *pair) for pair in itertools.pairwise(stops))
    leg = Leg(node, machine, task, item, stand, ways)
    if leg.is_broken:
        return leg
    at_s, level_j, begin_j = stand.at_s, stand.level_j, 0
    if charge is not None:
        begin_j = level_j - lost_j(case, machine, travelled(leg, 0), (at_s, charge.begin_s))
        at_s, level_j = charge.end_s, machine.battery_j
    level_j -= lost_j(case, machine, travelled(leg, -1), (at_s, item.start_s))
    level_j -= item.energy_j + machine.heat_w * dark_s(case, item.start_s, item.end_s)
    return replace(leg, begin_j=begin_j, end_j=level_j)


def lost_j(case: Case, machine: Machine, taken: Way, span_s: tuple[int, int]) -> int:
    """Give what travel, waiting and darkness take of a battery in a span of time."""
    seconds, joules = taken
    waits_s = span_s[1] - span_s[0] - seconds
    return joules + machine.idle_w * waits_s + machine.heat_w * dark_s(case, *span_s)


def travelled(leg: Leg, index: int) -> Way:
    found = leg.ways[index]
    assert found is not None
    return found


def machine_of(node: Node) -> Machine:
    assert node.machine is not None
    return node.machine
