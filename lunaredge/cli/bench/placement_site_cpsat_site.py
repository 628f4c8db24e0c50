"""A placement problem as the CP-SAT model reads it: who may do what, and within which times."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec

from lunaredge.placement.problem import Node, Problem, Resources, Task, end_of, is_fixed
from lunaredge.placement.travel import Travel


class Option(msgspec.Struct, frozen=True):
    """What a task takes on a node."""

    duration_s: int
    energy_j: int


class Job(msgspec.Struct, kw_only=True):
    """A task in the model; one that can't be placed at all has no options."""

    task: Task
    options: dict[int, Option]
    """By the node's number."""
    earliest_s: int
    latest_s: int
    placed: Any = 0
    on: dict[int, Any] = {}
    start: Any = 0
    end: Any = 0

    @property
    def shortest_s(self) -> int:
        """Give its least duration."""
        return min(option.duration_s for option in self.options.values())

    @property
    def is_fixed(self) -> bool:
        """Tell whether it runs and stays."""
        return is_fixed(self.task)

    @property
    def end_place(self) -> int:
        """Give where its machine is afterwards."""
        task = self.task
        place = end_of(task)
        assert place is not None
        return place


class Site:
    """A problem with what is looked up in it again and again."""

    def __init__(self, problem: Problem, travel: Travel) -> None:
        self.problem = problem
        self.nodes = problem.nodes
        self.legs: dict[str, list[list[list[int]]]] = {
            mover: travel.table[k].tolist() for k, mover in enumerate(travel.movers)
        }
        self.setups_s = {(s.source, s.target): s.duration_s for s in problem.setups}
        self.number_of = {task.id: k for k, task in enumerate(problem.tasks)}

    def leg(self, mover: str, source: int, target: int) -> tuple[int, int] | None:
        """Give a way's seconds and joules; None where there is none."""
        time_s, energy_j = self.legs[mover][source][target]
        return None if time_s < 0 else (time_s, energy_j)

    def home_j(self, mover: str, place: int) -> int | None:
        """Give what it takes to the second nearest post, 0 without any; None: none is reached."""
        ways = [
            leg[1]
            for charger in self.problem.chargers
            if (leg := self.leg(mover, place, charger.place)) is not None
            for _ in range(charger.posts)
        ]
        if not self.problem.chargers:
            return 0
        return sorted(ways)[:2][-1] if ways else None

    @cached_property
    def in_order(self) -> list[int]:
        """Give the tasks by number, each after those that it names; without those in a circle."""
        left: list[int] = []
        behind: list[list[int]] = [[] for _ in self.problem.tasks]
        for k, task in enumerate(self.problem.tasks):
            before = [] if is_fixed(task) else task.after
            known = [self.number_of[a.task] for a in before if a.task in self.number_of]
            left.append(len(known))
            for other in known:
                behind[other].append(k)
        found = [k for k, count in enumerate(left) if count == 0]
        for k in found:
            for other in behind[k]:
                left[other] -= 1
                if left[other] == 0:
                    found.append(other)
        return found

    @cached_property
    def kinds(self) -> dict[str, list[int]]:
        """Give the numbers of the nodes of each kind."""
        kinds: dict[str, list[int]] = {}
        for number, node in enumerate(self.nodes):
            kinds.setdefault(node.kind, []).append(number)
        return kinds

    def options(self, task: Task) -> dict[int, Option]:
        """Give the nodes that a task may go to by all that doesn't depend on others."""
        current = task.current
        found: dict[int, Option] = {}
        for mode in task.modes:
            for number in self.kinds.get(mode.kind, ()):
                node = self.nodes[number]
                is_here = current is not None and current.node == node.id
                if current is not None and current.is_fixed:
                    if is_here:
                        found[number] = Option(current.left_s or mode.duration_s, current.left_j)
                elif task.approved_s is not None and self._is_able(task, node):
                    duration_s = -(-mode.duration_s * 100 // node.health_pct)
                    found[number] = Option(duration_s, mode.energy_j)
                    if is_here and current is not None and current.left_s is not None:
                        found[number] = Option(current.left_s, current.left_j)
        return found

    def _is_able(self, task: Task, node: Node) -> bool:
        machine = node.machine
        if machine is not None:
            if task.place is None:
                return False
            place = end_of(task)
            assert place is not None, "it has one where it starts"
            if self.home_j(machine.mover, place) is None:
                return False
        return (
            set(task.capabilities) <= set(node.capabilities)
            and node.health_pct >= task.health_pct_min
            and (not task.only_on or node.id in task.only_on)
            and node.id not in task.not_on
            and all(need <= has for need, has in zip(needs_of(task), has_of(node), strict=True))
        )

    def jobs(self) -> list[Job]:
        """Give all tasks with the span of time that each by itself may have."""
        jobs = []
        for task in self.problem.tasks:
            latest_s = self.problem.horizon_s
            if task.latest_s is not None:
                latest_s = min(latest_s, task.latest_s)
            job = Job(task=task, options=self.options(task), earliest_s=0, latest_s=latest_s)
            if not job.is_fixed:
                job.earliest_s = max(0, task.release_s, task.approved_s or 0)
            jobs.append(job)
        self._tighten(jobs)
        for job in jobs:
            job.options = {
                number: option
                for number, option in job.options.items()
                if max(job.earliest_s, self.nodes[number].ready_s) + option.duration_s
                <= job.latest_s
                or job.is_fixed
            }
        return jobs

    def leg_cost(self, leg: tuple[int, int]) -> int:
        """Give what a way costs."""
        return leg[1] + self.problem.travel_j_s * leg[0]

    def _tighten(self, jobs: list[Job]) -> None:
        """Let no task start before those can have ended that it comes after."""
        for k in set(range(len(jobs))) - set(self.in_order):
            jobs[k].options = {}
        for k in self.in_order:
            job = jobs[k]
            for after in () if job.is_fixed else job.task.after:
                before = jobs[self.number_of[after.task]] if after.task in self.number_of else None
                if before is None or not before.options:
                    job.options = {}
                    break
                ends_s = before.earliest_s + before.shortest_s
                job.earliest_s = max(job.earliest_s, ends_s + after.lag_s)


def needs_of(task: Task) -> tuple[int, ...]:
    """Give how much of each resource a task needs."""
    return _tuple(task.needs)


def has_of(node: Node) -> tuple[int, ...]:
    """Give how much of each resource a node has, in the same order."""
    return _tuple(node.has)


def _tuple(resources: Resources) -> tuple[int, ...]:
    amounts: Mapping[str, int] = msgspec.structs.asdict(resources)
    return tuple(amounts.values())
