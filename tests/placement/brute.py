"""The best plan of a tiny problem, by trying everything: the twin of the planner.

Shifting a task to an earlier start harms no other, and neither does shifting a charge, as long as
its own task is still left with enough and the next charge takes no longer for it (in the dark it
may, once in some hundred problems with heat: then a better plan is missed). So among the best plans
is one in which nothing could begin earlier. It is found by adding one thing after another, by the
times at which they begin: a task, two that meet, or a charge; each as early as the judge allows
with what is there already. Only a charge may have to wait until its task would be left with enough:
that shows when the task is added, and then the charge is tried anew, from then on.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from lunaredge.placement.plan import Charge, Placed, Plan, Score
from lunaredge.placement.problem import Charger, Node, Problem, Task
from lunaredge.placement.travel import Travel
from tests.placement import judge
from tests.placement.case import (
    Case,
    charge_floor_j,
    followed,
    leg_of,
    lost_j,
    machine_of,
    setup_s,
    way,
    work,
)

# The likeliest to be broken first.
CHARGE_RULES = (judge.posts, judge.bus)
NODE_RULES = (judge.modes, judge.pins, judge.resources)
TASK_RULES = (
    judge.battery,
    judge.times,
    judge.order,
    judge.light,
    judge.resources,
    judge.bus,
    judge.apart,
    judge.hand_overs,
    judge.travel,
)


class TooLarge(Exception):
    """It would take too long to try everything."""


@dataclass(frozen=True)
class Hold:
    """A charge that is there before its task is."""

    node: Node
    charge: Charge
    retries_s: set[int]
    """From when on it should be tried anew, for its task to be left with enough."""


@dataclass(frozen=True)
class Part:
    """What is there of a plan; the rest begins at `from_s` or later."""

    items: tuple[Placed, ...]
    holds: dict[str, Hold]
    """By task."""
    from_s: int


def best_plan(problem: Problem, travel: Travel, looks_max: int = 20_000) -> Plan:
    """Find a best plan.

    Raises:
        TooLarge: that takes more than `looks_max` looks at something at an instant.
    """
    unplaced = tuple(task.id for task in problem.tasks)
    nothing = Plan(placed=(), unplaced=unplaced, score=judge.score_of(problem, ()))
    search = _Search(Case.of_plan(problem, travel, nothing), looks_max)
    search.visit(Part(search.fixed_alone(), {}, 0))
    assert search.best is not None
    assert not judge.violations(problem, travel, search.best)
    return search.best


@dataclass
class _Search:
    case: Case
    looks_left: int
    best: Plan | None = None
    nodes_of: dict[str, list[Node]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for task in self.case.problem.tasks:
            nodes = self.case.problem.nodes
            self.nodes_of[task.id] = [node for node in nodes if self._may(task, node)]

    def _may(self, task: Task, node: Node) -> bool:
        if work(task, node) is None:
            return False
        alone = self._case((_item(task, node, 0),))
        return not any(any(rule(alone)) for rule in NODE_RULES)

    def _case(self, items: tuple[Placed, ...], *holds: Hold) -> Case:
        old = self.case
        plan = Plan(placed=items, unplaced=(), score=old.plan.score)
        pending = tuple((hold.node, hold.charge) for hold in holds)
        return Case(old.problem, old.travel, plan, old.tasks, old.nodes, pending)

    def _look(self) -> None:
        self.looks_left -= 1
        if self.looks_left < 0:
            raise TooLarge

    def fixed_alone(self) -> tuple[Placed, ...]:
        items = []
        for task in self.case.problem.tasks:
            if task.current is not None and task.current.is_fixed:
                node = self.case.nodes[task.current.node]
                level_j = None if node.machine is None else node.machine.charge_j
                items.append(replace(_item(task, node, 0), level_j=level_j))
        return tuple(items)

    def visit(self, part: Part) -> None:
        """Try everything that may be added."""
        if not part.holds:
            self._keep(part.items)
        there = {item.task for item in part.items}
        missing = [task for task in self.case.problem.tasks if task.id not in there]
        if self.best is not None and self._bound(part, missing) >= self.best.score:
            return
        for tasks in _groups(missing):
            for nodes in itertools.product(*(self._open(task, part) for task in tasks)):
                self._try_tasks(tuple(zip(tasks, nodes, strict=True)), part)
        for task in missing:
            for node in () if task.id in part.holds else self._open(task, part):
                for charger in () if node.machine is None else self.case.problem.chargers:
                    self._try_charge(task, node, charger, part)

    def _keep(self, items: tuple[Placed, ...]) -> None:
        score = judge.score_of(self.case.problem, items)
        if self.best is not None and score >= self.best.score:
            return
        of = {item.task: item for item in items}
        names = [task.id for task in self.case.problem.tasks]
        placed = tuple(of[name] for name in names if name in of)
        unplaced = tuple(name for name in names if name not in of)
        self.best = Plan(placed=placed, unplaced=unplaced, score=score)

    def _bound(self, part: Part, missing: list[Task]) -> Score:
        """Give a score that nothing beats which has this part."""
        problem = self.case.problem
        score = judge.score_of(problem, part.items)
        late_s, cost_j = score.late_s, score.cost_j
        for task in missing:
            taken = [work(task, node) or (0, 0) for node in self.nodes_of[task.id]]
            if not taken or task.approved_s is None:
                continue
            start_s = max(part.from_s, task.release_s, task.approved_s)
            end_s = start_s + min(seconds for seconds, _ in taken)
            early_s = max(0, 2 * problem.horizon_s - task.due_s) - max(0, end_s - task.due_s)
            if early_s > 0:
                late_s -= task.weight * early_s
                cost_j += min(joules for _, joules in taken)
        return Score(late_s=late_s, cost_j=cost_j)

    def _open(self, task: Task, part: Part) -> list[Node]:
        """Give the nodes on which a task may be the next."""
        if task.id in part.holds:
            return [part.holds[task.id].node]
        held = [hold.node.id for hold in part.holds.values()]
        return [node for node in self.nodes_of[task.id] if node.id not in held]

    def _try_charge(self, task: Task, node: Node, charger: Charger, part: Part) -> None:
        retries_s, tried_s = {part.from_s}, set[int]()
        while retries_s - tried_s:
            least_s = min(retries_s - tried_s)
            tried_s.add(least_s)
            charge = self._first_charge(node, charger, part, least_s)
            if charge is not None:
                holds = part.holds | {task.id: Hold(node, charge, retries_s)}
                self.visit(Part(part.items, holds, charge.begin_s))

    def _first_charge(
        self, node: Node, charger: Charger, part: Part, least_s: int
    ) -> Charge | None:
        case, machine = self._case(part.items, *part.holds.values()), machine_of(node)
        stand = followed(case, node)[1]
        there = way(case, node, stand.place, charger.place)
        if there is None:
            return None
        least_s = max(least_s, max(stand.at_s, node.ready_s) + there[0])
        for begin_s in _instants(case, least_s):
            self._look()
            level_j = stand.level_j - lost_j(case, machine, there, (stand.at_s, begin_s))
            if level_j < charge_floor_j(case, node, machine):
                return None
            charge = charge_of(charger, begin_s, machine.battery_j - level_j, machine.charge_w)
            tried = self._case(part.items, *part.holds.values(), Hold(node, charge, set()))
            if charge.energy_j > 0 and not any(any(rule(tried)) for rule in CHARGE_RULES):
                return charge
        return None

    def _try_tasks(self, pairs: tuple[tuple[Task, Node], ...], part: Part) -> None:
        names = [task.id for task, _ in pairs]
        holds = {name: hold for name, hold in part.holds.items() if name not in names}
        case = self._case(part.items, *holds.values())
        bounds_s = [_earliest_s(case, *pair, part.holds.get(pair[0].id)) for pair in pairs]
        if None in bounds_s:
            return
        for start_s in _instants(case, max(bound_s for bound_s in bounds_s if bound_s is not None)):
            self._look()
            items = [landed(case, *pair, start_s, part.holds.get(pair[0].id)) for pair in pairs]
            tried = self._case((*part.items, *items), *holds.values())
            broken = next((rule for rule in TASK_RULES if any(rule(tried))), None)
            if broken is None:
                if start_s >= part.from_s:
                    self.visit(Part(tried.plan.placed, holds, start_s))
                return
            if broken is judge.battery:
                for task, _ in pairs:
                    if task.id in part.holds:
                        self._ask_for_later(case, task, start_s, part.holds[task.id])

    def _ask_for_later(self, case: Case, task: Task, start_s: int, hold: Hold) -> None:
        """Have a charge tried anew from when on its task would be left with enough."""
        stand, machine = followed(case, hold.node)[1], machine_of(hold.node)
        charger = Charger(place=hold.charge.place)
        there = way(case, hold.node, stand.place, charger.place)
        assert there is not None
        for begin_s in range(hold.charge.begin_s + 1, start_s):
            self._look()
            level_j = stand.level_j - lost_j(case, machine, there, (stand.at_s, begin_s))
            charge = charge_of(charger, begin_s, machine.battery_j - level_j, machine.charge_w)
            later = Hold(hold.node, charge, set())
            bound_s = _earliest_s(case, task, hold.node, later)
            if bound_s is None or bound_s > start_s:
                break
            item = landed(case, task, hold.node, start_s, later)
            if not any(judge.battery(self._case((*case.plan.placed, item)))):
                hold.retries_s.add(begin_s)
                return
        if machine.heat_w:
            # What is dark may be spent at the charger, where nothing is lost.
            hold.retries_s.add(hold.charge.begin_s + 1)


def _groups(missing: list[Task]) -> Iterator[tuple[Task, ...]]:
    """Give what must be added together: each task alone, or with the one that it meets."""
    for index, task in enumerate(missing):
        partners = [o for o in missing if o.meets == task.id or task.meets == o.id]
        if not partners:
            yield (task,)
        elif partners[0] in missing[index:]:
            yield (task, partners[0])


def _instants(case: Case, least_s: int) -> list[int]:
    """Give the instants from which on something may become possible, from the least on."""
    problem = case.problem
    instants = {least_s, least_s + 1}  # A full battery is not charged, but a second later.
    instants |= {window.until_s for window in problem.darkness}
    instants |= {window.from_s + 1 for window in problem.darkness}
    instants |= {ceiling.from_s for ceiling in problem.bus}
    for item in case.plan.placed:
        instants |= {item.end_s} if item.charge is None else {item.end_s, item.charge.end_s}
    instants |= {charge.end_s for _, charge in case.pending}
    return sorted(at_s for at_s in instants if least_s <= at_s < problem.horizon_s)


def _earliest_s(case: Case, task: Task, node: Node, hold: Hold | None) -> int | None:
    """Give a bound on a task's start by its own values, those before it, and its machine's way."""
    before = [(case.of(after.task), after.lag_s) for after in task.after]
    ends_s = [item.end_s + lag_s for item, lag_s in before if item is not None]
    if task.approved_s is None or len(ends_s) < len(before):
        return None
    earliest_s = max(0, task.release_s, task.approved_s, node.ready_s, *ends_s)
    if node.machine is None:
        return earliest_s
    stand = followed(case, node)[1]
    at_s, place = max(stand.at_s, node.ready_s), stand.place
    if hold is not None:
        at_s, place = hold.charge.end_s, hold.charge.place
    there = way(case, node, place, task.place)
    if there is None:
        return None
    return max(earliest_s, at_s + setup_s(case, stand.family, task.family) + there[0])


def landed(case: Case, task: Task, node: Node, start_s: int, hold: Hold | None) -> Placed:
    """Give a task's item with what follows for travel and battery."""
    item = replace(_item(task, node, start_s), charge=None if hold is None else hold.charge)
    if node.machine is None:
        return item
    leg = leg_of(case, node, followed(case, node)[1], item)
    ways = [found for found in leg.ways if found is not None]
    travel_s, travel_j = sum(found[0] for found in ways), sum(found[1] for found in ways)
    return replace(item, travel_s=travel_s, travel_j=travel_j, level_j=leg.end_j)


def _item(task: Task, node: Node, start_s: int) -> Placed:
    taken = work(task, node)
    assert taken is not None
    end_s, energy_j = start_s + taken[0], taken[1]
    return Placed(task=task.id, node=node.id, start_s=start_s, end_s=end_s, energy_j=energy_j)


def charge_of(charger: Charger, begin_s: int, lacks_j: int, charge_w: int) -> Charge:
    end_s = begin_s + max(1, -(-lacks_j // charge_w))
    return Charge(place=charger.place, begin_s=begin_s, end_s=end_s, energy_j=lacks_j)
