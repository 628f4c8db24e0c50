"""A plan looked at again: what each node does and when, and the physics of the contract.

Written from docs/explanation/placement.md in plain Python, for what explains plans. The planner's
own arrays are not used, so that an explanation doesn't repeat a mistake of the plan's.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np

from lunaredge.kernels.jit import Ints
from lunaredge.placement.plan import Placed, Plan
from lunaredge.placement.problem import Level, Machine, Node, Problem, Task, end_of, posts_of
from lunaredge.placement.travel import NO_WAY, Travel

NEVER = 1 << 40
"""Later than any time that a plan can have."""

Way = tuple[int, int]
"""Seconds and joules from one place to another."""


@dataclass(frozen=True, slots=True)
class Stand:
    """When a machine leaves for its next task, and how it stands then."""

    at_s: int
    place: int
    level_j: int
    family: str
    task: str = ""
    """The task that it has done; empty: none yet."""


@dataclass(frozen=True, slots=True)
class Draw:
    """What is drawn of something from one instant until before another, and for which task."""

    from_s: int
    until_s: int
    amount: int
    task: str = ""


class Profile:
    """How much is drawn of something at each instant."""

    def __init__(self, draws: Iterable[Draw]) -> None:
        self._draws = tuple(draws)
        steps: defaultdict[int, int] = defaultdict(int)
        for draw in self._draws:
            steps[draw.from_s] += draw.amount
            steps[draw.until_s] -= draw.amount
        self._times_s = sorted(steps)
        # The first is drawn before the first time, the last from the last time on.
        self._amounts = list(accumulate((steps[at_s] for at_s in self._times_s), initial=0))

    def at(self, at_s: int) -> int:
        """Give how much is drawn at an instant."""
        return self._amounts[bisect_right(self._times_s, at_s)]

    def over_until_s(self, from_s: int, until_s: int, room: int) -> int | None:
        """Give when the first time ends, within an interval, at which more than that is drawn."""
        k = bisect_right(self._times_s, from_s)
        while self._amounts[k] <= room:
            if k == len(self._times_s) or self._times_s[k] >= until_s:
                return None
            k += 1
        while k < len(self._times_s) and self._amounts[k] > room:
            k += 1
        return NEVER if self._amounts[k] > room else self._times_s[k - 1]

    def tasks_at(self, at_s: int) -> list[str]:
        """Name the tasks that draw at an instant, in the plan's order."""
        draws = self._draws
        return [draw.task for draw in draws if draw.task and draw.from_s <= at_s < draw.until_s]

    def ended_at(self, at_s: int) -> str:
        """Name the first task, in the plan's order, that draws until an instant; empty: none."""
        return self._ends.get(at_s, "")

    @cached_property
    def _ends(self) -> dict[int, str]:
        return {draw.until_s: draw.task for draw in reversed(self._draws) if draw.task}


class Replay:
    """A problem and a plan of it, by name."""

    def __init__(self, problem: Problem, travel: Travel, plan: Plan) -> None:
        self.problem = problem
        self.tasks = {task.id: task for task in problem.tasks}
        self.nodes = {node.id: node for node in problem.nodes}
        self.items = {item.task: item for item in plan.placed}
        self.partners = partners_of(problem.tasks)
        self.posts = posts_of(problem)
        self._movers: dict[str, Ints] = dict(zip(travel.movers, travel.table, strict=True))
        self._setups = {(s.source, s.target): s.duration_s for s in problem.setups}
        self._lines: defaultdict[str, list[Placed]] = defaultdict(list)
        for item in sorted(plan.placed, key=lambda one: one.start_s):
            self._lines[item.node].append(item)
        self._taken: dict[tuple[str, str], Profile] = {}
        self._charging: dict[int, Profile] = {}
        self._homes_j: dict[tuple[str, int], int | None] = {}

    def line(self, node: Node) -> list[Placed]:
        """Give what a node does, by start."""
        return self._lines[node.id]

    @cached_property
    def ahead(self) -> dict[str, Placed]:
        """Give for each task of a machine, but its first, the one before it."""
        return {
            item.task: line[k]
            for node in self.problem.nodes
            if node.machine is not None
            for line in [self._lines[node.id]]
            for k, item in enumerate(line[1:])
        }

    @cached_property
    def bus(self) -> Profile:
        """Give the watts drawn, and by how much the ceiling is below the highest."""
        drawn = [draw for item in self.items.values() for draw in self.bus_draws(item)]
        return Profile([*self._lows, *drawn])

    def fed_from_s(self, from_s: int, duration_s: int, watts: int) -> int:
        """Give from when on, not before a time, the bus can give so much so long; NEVER: never."""
        room = self.ceiling_w - watts
        while from_s < NEVER:
            until_s = self._low.over_until_s(from_s, from_s + duration_s, room)
            if until_s is None:
                return from_s
            from_s = until_s
        return NEVER

    @cached_property
    def _lows(self) -> list[Draw]:
        """Give by how much the ceiling is below the highest, and when."""
        steps = self.problem.bus
        ends_s = [*(step.from_s for step in steps[1:]), NEVER]
        return [
            Draw(step.from_s, end_s, self.ceiling_w - step.power_w)
            for step, end_s in zip(steps, ends_s, strict=False)
        ]

    @cached_property
    def _low(self) -> Profile:
        return Profile(self._lows)

    @cached_property
    def ceiling_w(self) -> int:
        """Give the most that the bus ever gives."""
        return max((step.power_w for step in self.problem.bus), default=NEVER)

    def bus_draws(self, item: Placed) -> list[Draw]:
        """Give what a task draws from the bus, or its machine for it."""
        node, charge = self.nodes[item.node], item.charge
        if node.machine is None:
            watts = -(-item.energy_j // (item.end_s - item.start_s)) if node.is_on_bus else 0
            return [Draw(item.start_s, item.end_s, watts, item.task)] if watts else []
        if charge is None:
            return []
        return [Draw(charge.begin_s, charge.end_s, node.machine.charge_w, item.task)]

    def charging(self, place: int) -> Profile:
        """Give how many posts are taken at a place."""
        if place not in self._charging:
            charges = [(item.charge, item.task) for item in self.items.values()]
            self._charging[place] = Profile(
                Draw(charge.begin_s, charge.end_s, 1, task)
                for charge, task in charges
                if charge is not None and charge.place == place
            )
        return self._charging[place]

    def taken(self, node: Node, resource: str) -> Profile:
        """Give how much of a resource is taken on a node."""
        key = (node.id, resource)
        if key not in self._taken:
            self._taken[key] = Profile(
                Draw(item.start_s, item.end_s, amount, item.task)
                for item in self._lines[node.id]
                if (amount := getattr(self.tasks[item.task].needs, resource))
            )
        return self._taken[key]

    def way(self, machine: Machine, source: int, target: int) -> Way | None:
        """Give what travel takes from a place to another; None: there is no way."""
        seconds, joules = self._movers[machine.mover][source, target].tolist()
        return None if seconds == NO_WAY else (seconds, joules)

    def ways_s(self, mover: str, place: int, *, is_inward: bool) -> Ints:
        """Give the seconds to a place from each place, or from it to each; NEVER: no way."""
        table = self._movers[mover]
        seconds = table[:, place, 0] if is_inward else table[place, :, 0]
        return np.where(seconds == NO_WAY, NEVER, seconds)

    def home_j(self, machine: Machine, place: int) -> int | None:
        """Give the joules to the second nearest post, or to the only one; None: no way."""
        key = (machine.mover, place)
        if key not in self._homes_j:
            self._homes_j[key] = self._find_home_j(machine, place)
        return self._homes_j[key]

    def _find_home_j(self, machine: Machine, place: int) -> int | None:
        ways_j: list[int] = []
        for target, posts in self.posts.items():
            found = self.way(machine, place, target)
            ways_j += [] if found is None else [found[1]] * min(2, posts)
        if ways_j:
            return sorted(ways_j)[:2][-1]
        return None if self.posts else 0

    def dark_s(self, from_s: int, until_s: int) -> int:
        """Count the seconds of darkness from one instant until before another."""
        windows = self.problem.darkness
        return sum(max(0, min(until_s, w.until_s) - max(from_s, w.from_s)) for w in windows)

    def light_from_s(self, from_s: int, duration_s: int) -> int:
        """Give the first instant, not before one, from which it is light for so long."""
        for window in self.problem.darkness:
            if window.from_s >= from_s + duration_s:
                break
            from_s = max(from_s, window.until_s)
        return from_s

    def setup_s(self, source: str, target: str) -> int:
        """Give how long it takes to be set up for another family."""
        return self._setups.get((source, target), 0)

    def latest_s(self, task: Task) -> int:
        """Give by when a task must have ended."""
        horizon_s = self.problem.horizon_s
        return horizon_s if task.latest_s is None else min(horizon_s, task.latest_s)

    def stand(self, node: Node, machine: Machine, last: Placed | None) -> Stand:
        """Give how a machine stands after a task, or at first."""
        if last is None:
            return Stand(node.ready_s, machine.place, machine.charge_j, machine.family)
        task, place = self.tasks[last.task], end_of(self.tasks[last.task])
        assert place is not None
        assert last.level_j is not None
        return Stand(last.end_s, place, last.level_j, task.family, task.id)

    def floor_j(self, node: Node, machine: Machine) -> int:
        """Give the least level at which a charge may begin."""
        home_j = self.home_j(machine, self.outset(node, machine).place)
        starts_low = home_j is None or machine.charge_j < machine.reserve_j + home_j
        return 0 if starts_low else machine.reserve_j

    def outset(self, node: Node, machine: Machine) -> Stand:
        """Give how a machine stands when it first can be given something: after a fixed task."""
        task = self._fixed.get(node.id)
        place = None if task is None else end_of(task)
        if task is None or place is None:
            return self.stand(node, machine, None)
        taken = work_of(task, node)
        at_s = max(node.ready_s, 0 if taken is None else taken[0])
        return Stand(at_s, place, machine.charge_j, task.family, task.id)

    @cached_property
    def _fixed(self) -> dict[str, Task]:
        """Give the fixed task of each machine."""
        return {
            task.current.node: task
            for task in self.problem.tasks
            if task.current is not None and task.current.is_fixed
        }


def partners_of(tasks: Iterable[Task]) -> dict[str, str]:
    """Give the task that each one meets, whichever of the two says so."""
    partners: dict[str, str] = {}
    for task in tasks:
        if task.meets is not None:
            partners[task.id] = task.meets
            partners[task.meets] = task.id
    return partners


def work_of(task: Task, node: Node) -> Way | None:
    """Give the seconds and joules of a task on a node; None: it has no mode for it."""
    mode = next((mode for mode in task.modes if mode.kind == node.kind), None)
    if mode is None:
        return None
    now = task.current
    if now is not None and now.node == node.id and now.left_s is not None:
        return now.left_s, now.left_j
    return -(-mode.duration_s * 100 // node.health_pct), mode.energy_j


def domain_of(node: Node, level: Level) -> tuple[str, str]:
    """Give what fails as a whole, the node being in it: its kind and name."""
    if level is Level.BOARD and node.board:
        return ("board", node.board)
    if level is Level.RACK and node.rack:
        return ("rack", node.rack)
    return ("node", node.id)
