"""Refusals: for each task that does not begin now, what is in the way on each node.

The most decisive comes first: what no waiting changes, then what the task waits for, then how the
node is now, then the plan.
"""

from collections.abc import Mapping
from itertools import chain

from lunaredge import placement as library
from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler.ability import Ability, hindrances, refusal
from lunaredge.scheduler.candidates import (
    Constraint,
    NodeCandidate,
    PlacementProblem,
    Refusal,
    TaskCandidate,
)
from lunaredge.scheduler.effort import NO_WAY, shortfall
from lunaredge.scheduler.outlook import Outlook
from lunaredge.units import SECONDS_PER_HOUR

# They go into the journal with every plan: 60 kB.
REFUSALS_MAX = 1_024
# For so many tasks that have no place in the plan each node is asked why.
_WHYS_MAX = 64

_MEANINGS = {
    library.Constraint.WAY: Constraint.NO_ROUTE,
    library.Constraint.HOME: Constraint.NO_ROUTE,
    library.Constraint.BATTERY: Constraint.BATTERY,
    library.Constraint.WINDOW: Constraint.WINDOW,
    library.Constraint.TRAVEL: Constraint.WINDOW,
    library.Constraint.ENERGY: Constraint.ENERGY,
    library.Constraint.CHARGE: Constraint.ENERGY,
    library.Constraint.POST: Constraint.ENERGY,
    library.Constraint.RESOURCE: Constraint.MEMORY,
    library.Constraint.ORDER: Constraint.ORDER,
    library.Constraint.BUSY: Constraint.TAKEN,
}
"""What the library's constraints are on a site."""
_JOULES = (library.Constraint.BATTERY, library.Constraint.ENERGY)
"""Where what is missing is energy."""


def refusals_of(
    outlook: Outlook,
    asked: PlacementProblem,
    plan: library.Plan,
    begun: Mapping[TaskId, NodeId],
) -> list[Refusal]:
    """Give the refusals of the tasks that wait and do not begin now.

    Tasks that have no place in the plan come first, and among their like the most urgent.
    """
    reasons = _Reasons(outlook, asked, plan, begun)
    unplanned = set(plan.unplaced)
    found: list[Refusal] = []
    for candidate in sorted(outlook.tasks, key=lambda one: one.task.id not in unplanned):
        if candidate.task.id not in begun and len(found) < REFUSALS_MAX:
            found += reasons.of(candidate)
    return found[:REFUSALS_MAX]


class _Reasons:
    """What is said of one task after another."""

    def __init__(
        self,
        outlook: Outlook,
        asked: PlacementProblem,
        plan: library.Plan,
        begun: Mapping[TaskId, NodeId],
    ) -> None:
        self._outlook = outlook
        self._asked = asked
        self._reasons = library.Reasons(outlook.problem, outlook.travel, plan)
        self._items = {item.task: item for item in plan.placed}
        self._begun: dict[NodeId, list[TaskId]] = {}
        for task, name in begun.items():
            self._begun.setdefault(name, []).append(task)
        self._why_count = 0

    def of(self, candidate: TaskCandidate) -> list[Refusal]:
        """Give them for one task: node by node, each once for each constraint."""
        task = candidate.task
        item = self._items.get(task.id)
        whys = self._whys(candidate) if item is None else {}
        found: list[list[Refusal]] = []
        for node in self._asked.nodes:
            name = node.spec.name
            ability = self._outlook.abilities[name][task.id]
            said = [*ability.lacks, *hindrances(task, node)]
            if ability.is_able:
                said += self._lacks_charge(candidate, node, ability)
                said += _meant(candidate, node, whys.get(name, ()))
                said += self._by_plan(candidate, node, item)
            if not said:
                said = [refusal(task, node, Constraint.TAKEN, "no room in the plan")]
            found.append(_ranked(said))
        # Who can't at all is told of last: the reader looks for who could.
        found.sort(key=_distance)
        return [*_strangers(candidate, self._asked), *chain.from_iterable(found)]

    def _whys(self, candidate: TaskCandidate) -> dict[str, tuple[library.Refusal, ...]]:
        """Ask the library why a task has no place in its plan."""
        self._why_count += 1
        if self._why_count > _WHYS_MAX:
            return {}
        why = self._reasons.of(candidate.task.id)
        return {node.node: node.refusals for node in why.nodes}

    def _lacks_charge(
        self, candidate: TaskCandidate, node: NodeCandidate, ability: Ability
    ) -> list[Refusal]:
        outset = self._outlook.outsets[node.spec.name]
        if outset.standing is None or outset.held:
            return []
        lack = shortfall(outset.standing.spec, ability.effort, outset.charge_wh)
        return [refusal(candidate.task, node, Constraint.ENERGY, lack)] if lack else []

    def _by_plan(
        self, candidate: TaskCandidate, node: NodeCandidate, item: library.Placed | None
    ) -> list[Refusal]:
        """Say what the plan has the node do instead, or before."""
        task, name = candidate.task, node.spec.name
        said: list[tuple[Constraint, str]] = []
        if candidate.waits_for:
            said.append((Constraint.ORDER, f"after {', '.join(candidate.waits_for)}"))
        if candidate.needs_word:
            said.append((Constraint.ORDER, "after Earth's approval"))
        if candidate.closed:
            said.append((Constraint.ORDER, f"after {candidate.closed} is opened"))
        if candidate.release_s > 0.0:
            said.append((Constraint.ORDER, f"released in {candidate.release_s:.0f} s"))
        if item is not None and item.node == name and item.charge is not None:
            said.append((Constraint.ENERGY, "charges first"))
        if name in self._begun:
            said.append((Constraint.TAKEN, f"by {', '.join(self._begun[name])}"))
        if item is not None and item.node != name:
            said.append((Constraint.ELSEWHERE, f"planned on {item.node}"))
        if item is not None and item.node == name and not said:
            ahead = f"behind {item.wait.task}" if item.wait.task else "others come first"
            said.append((Constraint.TAKEN, ahead))
        return [refusal(task, node, constraint, text) for constraint, text in said]


_RANKS = {constraint: rank for rank, constraint in enumerate(Constraint)}


def _distance(said: list[Refusal]) -> int:
    """Give how far a node is from taking a task; what the task waits for is the same for all."""
    own = [_RANKS[one.constraint] for one in said if one.constraint is not Constraint.ORDER]
    return -min(own, default=len(_RANKS))


def _ranked(said: list[Refusal]) -> list[Refusal]:
    """Give them by rank, each constraint once."""
    first: dict[Constraint, Refusal] = {}
    for one in said:
        first.setdefault(one.constraint, one)
    return [first[constraint] for constraint in sorted(first, key=_RANKS.__getitem__)]


def _meant(
    candidate: TaskCandidate, node: NodeCandidate, said: tuple[library.Refusal, ...]
) -> list[Refusal]:
    """Give the library's refusals in the site's words; what the site knows better is left out."""
    return [_translated(candidate, node, one) for one in said if one.constraint in _MEANINGS]


def _translated(candidate: TaskCandidate, node: NodeCandidate, one: library.Refusal) -> Refusal:
    constraint, detail = _MEANINGS[one.constraint], one.detail
    if one.missing is not None and one.constraint in _JOULES:
        full = "a full battery" if constraint is Constraint.BATTERY else "its battery"
        detail = f"{full} is {one.missing / SECONDS_PER_HOUR:.0f} Wh short of work and way home"
    elif constraint is Constraint.NO_ROUTE:
        detail = NO_WAY
    return refusal(candidate.task, node, constraint, detail)


def _strangers(candidate: TaskCandidate, asked: PlacementProblem) -> list[Refusal]:
    """Refuse the nodes that a task is pinned to and that the site does not have."""
    enrolled = {node.spec.name for node in asked.nodes}
    task = candidate.task
    return [
        Refusal(task=task.id, node=name, constraint=Constraint.NOT_ENROLLED)
        for name in task.only_on
        if name not in enrolled
    ]
