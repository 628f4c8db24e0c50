"""The part of the CP-SAT model that machines and computers share: who does what, and when.

Tasks have optional intervals for each node that they may go to. `placement_site_cpsat_rounds` adds
what only machines have.
"""

from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any

from lunaredge.cli.bench.placement_site_cpsat_site import Job, Option, Site, has_of, needs_of
from lunaredge.placement.problem import Level

# An interval's start, size and presence, and what it demands.
Demand = tuple[Any, int]


class Model:
    """A CP-SAT model of the tasks. Its ``cp`` is a ``CpModel``."""

    def __init__(self, cp: Any, site: Site) -> None:
        self.cp = cp
        self.site = site
        self.jobs = site.jobs()
        self.late: list[Any] = []
        """Terms of the weighted tardiness."""
        self.cost: list[Any] = []
        self.draws: list[Demand] = []
        """Intervals and watts on the bus."""
        for job in self.jobs:
            self._add_job(job)
            self._add_objective(job)
        for job in self.jobs:
            self._add_relations(job)
        self._add_apart()
        self._add_computers()

    @cached_property
    def before(self) -> list[set[int]]:
        """Give for each task, by its number, all that end before it starts."""
        number_of = self.site.number_of
        found: list[set[int]] = [set() for _ in self.jobs]
        for k in self.site.in_order:
            for after in self.jobs[k].task.after if self.jobs[k].options else ():
                if after.task in number_of and not self.jobs[k].is_fixed:
                    other = number_of[after.task]
                    found[k] |= {other} | found[other]
        return found

    def spans(self, job: Job, number: int) -> Any:
        """Give the optional interval of a task on a node."""
        duration_s = job.options[number].duration_s
        return self.cp.new_optional_fixed_size_interval_var(
            job.start, duration_s, job.on[number], ""
        )

    def _add_job(self, job: Job) -> None:
        if not job.options:
            return
        cp = self.cp
        lengths_s = {option.duration_s for option in job.options.values()}
        last_s = 0 if job.is_fixed else job.latest_s - min(lengths_s)
        job.start = cp.new_int_var(job.earliest_s, last_s, "")
        job.on = {number: cp.new_bool_var("") for number in job.options}
        job.placed = next(iter(job.on.values())) if len(job.on) == 1 else cp.new_bool_var("")
        if job.is_fixed:
            cp.add(job.placed == 1)
        if len(job.on) > 1:
            cp.add_exactly_one([*job.on.values(), ~job.placed])
        if len(lengths_s) == 1:
            job.end = job.start + min(lengths_s)
            return
        job.end = cp.new_int_var(job.earliest_s + min(lengths_s), job.latest_s, "")
        more = [
            (option.duration_s - min(lengths_s)) * job.on[number]
            for number, option in job.options.items()
        ]
        cp.add(job.end == job.start + min(lengths_s) + sum(more))

    def _add_objective(self, job: Job) -> None:
        task = job.task
        left_out_s = max(0, 2 * self.site.problem.horizon_s - task.due_s)
        self.late.append(task.weight * left_out_s * (1 - job.placed))
        if not job.options:
            return
        if job.latest_s > task.due_s:
            late = self.cp.new_int_var(0, job.latest_s - task.due_s, "")
            self.cp.add(late >= job.end - task.due_s).only_enforce_if(job.placed)
            self.late.append(task.weight * late)
        for number, option in job.options.items():
            energy_j = option.energy_j
            if task.current is not None and task.current.node != self.site.nodes[number].id:
                energy_j += task.current.move_j
            self.cost.append(energy_j * job.on[number])

    def _add_relations(self, job: Job) -> None:
        """Add order, hand-over, light, and nodes that are ready later."""
        cp, number_of = self.cp, self.site.number_of
        if job.task.meets is not None:
            self._add_meeting(job, self.jobs[number_of[job.task.meets]])
        if job.is_fixed or not job.options:
            return
        for after in job.task.after:
            before = self.jobs[number_of[after.task]]
            cp.add_implication(job.placed, before.placed)
            cp.add(job.start >= before.end + after.lag_s).only_enforce_if(job.placed)
        for number, on in job.on.items():
            if self.site.nodes[number].ready_s > job.earliest_s:
                cp.add(job.start >= self.site.nodes[number].ready_s).only_enforce_if(on)
        if job.task.needs_light:
            for window in self.site.problem.darkness:
                is_before = cp.new_bool_var("")
                cp.add(job.end <= window.from_s).only_enforce_if(job.placed, is_before)
                cp.add(job.start >= window.until_s).only_enforce_if(job.placed, ~is_before)

    def _add_meeting(self, job: Job, other: Job) -> None:
        """Let two start together on different nodes, or neither."""
        if not job.options or not other.options:
            for one in (job, other):
                self.cp.add_bool_and(*(~literal for literal in one.on.values()))
            return
        self.cp.add(job.placed == other.placed)
        self.cp.add(job.start == other.start).only_enforce_if(job.placed)
        for number in job.on.keys() & other.on.keys():
            self.cp.add_at_most_one(job.on[number], other.on[number])

    def _add_apart(self) -> None:
        domains: dict[tuple[str, str], list[Any]] = {}
        for job in self.jobs:
            apart = job.task.apart
            if apart is None:
                continue
            for number, on in job.on.items():
                node = self.site.nodes[number]
                name = {Level.BOARD: node.board, Level.RACK: node.rack}.get(apart.level, "")
                domains.setdefault((apart.group, name or f"node {number}"), []).append(on)
        for literals in domains.values():
            self.cp.add_at_most_one(literals)

    def _add_computers(self) -> None:
        """Add each resource of each computer that can run short, and what they draw."""
        for number, node in enumerate(self.site.nodes):
            if node.machine is not None:
                continue
            found = [job for job in self.jobs if number in job.on]
            spans = [self.spans(job, number) for job in found]
            needs = [needs_of(job.task) for job in found]
            for k, has in enumerate(has_of(node)):
                asked = [(span, need[k]) for span, need in zip(spans, needs, strict=True)]
                self.add_cumulative(asked, has)
        for job in self.jobs:
            self._add_draws(job)

    def _add_draws(self, job: Job) -> None:
        """Add what a task draws from the bus, once for all computers on which it is the same."""
        alike: dict[Option, list[Any]] = {}
        for number, on in job.on.items():
            if self.site.nodes[number].machine is None and self.site.nodes[number].is_on_bus:
                alike.setdefault(job.options[number], []).append(on)
        for option, literals in alike.items():
            drawn = literals[0] if len(literals) == 1 else self.cp.new_bool_var("")
            if len(literals) > 1:
                self.cp.add(sum(literals) == drawn)
            span = self.cp.new_optional_fixed_size_interval_var(
                job.start, option.duration_s, drawn, ""
            )
            self.draws.append((span, -(-option.energy_j // option.duration_s)))

    def add_bus(self) -> None:
        """Add the bus, once all that draws from it is known."""
        bus = self.site.problem.bus
        if not bus:
            return
        greatest_w = max(ceiling.power_w for ceiling in bus)
        until_s = 2 * self.site.problem.horizon_s
        moments_s = [*(ceiling.from_s for ceiling in bus), until_s]
        taken = [
            (self.cp.new_fixed_size_interval_var(a, b - a, ""), greatest_w - ceiling.power_w)
            for ceiling, (a, b) in zip(bus, pairwise(moments_s), strict=True)
            if a < b
        ]
        self.add_cumulative([*self.draws, *taken], greatest_w)

    def add_cumulative(self, asked: Iterable[Demand], capacity: int) -> None:
        """Add a limit on what is demanded at once, where all together would pass it."""
        asked = [pair for pair in asked if pair[1] > 0]
        if sum(demand for _, demand in asked) > capacity:
            spans, demands = zip(*asked, strict=True)
            self.cp.add_cumulative(spans, demands, capacity)
