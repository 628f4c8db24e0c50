"""Placement: which node takes which task next and later, and why the others do not.

Owns what a plan means for the site: what begins now, who goes home to charge first, and which
constraint is in a node's way. The plan itself is the placement library's; docs/explanation/
placement.md says what every plan keeps and what makes one better.
"""

import math
from collections.abc import Iterator

from lunaredge import placement as library
from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler.ability import abilities, hindrances
from lunaredge.scheduler.candidates import (
    NodeCandidate,
    PlacementProblem,
    PlacementSolution,
    PlanFigures,
    Planned,
    Refusal,
)
from lunaredge.scheduler.effort import kept_wh
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.outlook import Outlook
from lunaredge.scheduler.outset import UNKNOWN_S, outset_of
from lunaredge.scheduler.refusals import refusals_of
from lunaredge.scheduler.window import window_of
from lunaredge.units import NS_PER_S, SECONDS_PER_HOUR

# By the number of tasks and not by a clock: the same problem gives the same plan on every machine.
# Some hundredths of a second on one core (x86-64, 2026-11); each plan begins with the one before.
_UNIT_STEPS = 40_000
_STEPS_MAX = 500


def place(ground: GroundMap, asked: PlacementProblem) -> PlacementSolution:
    """Plan the tasks that wait, and give what begins now.

    A task begins when it is ready, its node is free for it, and nothing is planned before it there.
    A machine's trip home is taken up where the plan has nothing for it now.
    """
    outlook = Outlook(ground, asked, window_of(ground, asked))
    planner = library.Planner(outlook.problem, outlook.travel, start=outlook.before())
    task_count = max(1, len(outlook.problem.tasks))
    planner.improve(steps=min(_STEPS_MAX, _UNIT_STEPS // task_count))
    plan = planner.plan()
    items = _waiting(outlook, plan)
    begun = _begun(outlook, asked, items)
    trips, refused, shut = _trips(ground, asked, set(begun.values()))
    return PlacementSolution(
        version=asked.version,
        terrain_version=asked.terrain_version,
        assignments=(*begun.items(), *trips.items()),
        planned=tuple(_planned(outlook, asked, item) for item in items),
        ends=tuple(_ends(outlook, asked)),
        charging=tuple(_charging(asked, items)),
        refusals=(*refusals_of(outlook, asked, plan, begun), *refused),
        cut_off=(*_cut_off(outlook), *shut),
        figures=PlanFigures(
            late_s=plan.score.late_s,
            cost_j=plan.score.cost_j,
            bound_late_s=planner.bound(rounds=0).late_s,
            unplanned_count=len(plan.unplaced),
        ),
    )


def _waiting(outlook: Outlook, plan: library.Plan) -> list[library.Placed]:
    """Give what is planned and not in hand, by start."""
    waiting = {candidate.task.id for candidate in outlook.tasks}
    items = [item for item in plan.placed if item.task in waiting]
    return sorted(items, key=lambda item: (item.start_s, item.node))


def _ends(outlook: Outlook, asked: PlacementProblem) -> Iterator[tuple[TaskId, int]]:
    """Give when what nodes have in hand is expected to end."""
    for outset in outlook.outsets.values():
        for held in outset.held:
            if held.left_s != UNKNOWN_S:
                yield held.candidate.task.id, asked.now_ns + math.ceil(held.left_s) * NS_PER_S


def _begun(
    outlook: Outlook, asked: PlacementProblem, items: list[library.Placed]
) -> dict[TaskId, NodeId]:
    """Give the tasks that begin now, with their nodes."""
    candidates = {candidate.task.id: candidate for candidate in outlook.tasks}
    nodes = {node.spec.name: node for node in asked.nodes}
    begun: dict[TaskId, NodeId] = {}
    slots = {name: node.free_slots for name, node in nodes.items()}
    for item in items:
        candidate, name = candidates[TaskId(item.task)], NodeId(item.node)
        is_free = slots[name] > 0 and not hindrances(candidate.task, nodes[name])
        # Whatever comes first on a machine keeps its place, also when it can't begin yet.
        slots[name] -= 1
        if is_free and candidate.is_ready and item.charge is None and _begins_now(item, nodes):
            begun[candidate.task.id] = name
    return begun


def _begins_now(item: library.Placed, nodes: dict[NodeId, NodeCandidate]) -> bool:
    """Tell whether a computer has room at once; machines set out as soon as they are free."""
    return nodes[NodeId(item.node)].spec.machine is not None or item.start_s == 0


def _cut_off(outlook: Outlook) -> Iterator[tuple[TaskId, NodeId]]:
    """Give the tasks that no machine can get to, and who closes the way."""
    open_tasks = {task.id for task in outlook.problem.tasks if task.modes}
    for candidate in outlook.tasks:
        task = candidate.task.id
        if task not in open_tasks:
            abilities_of = [of[task] for of in outlook.abilities.values()]
            names = [name for ability in abilities_of for name in ability.cut_off_by]
            yield from ((task, name) for name in dict.fromkeys(names))


def _trips(
    ground: GroundMap, asked: PlacementProblem, busy: set[NodeId]
) -> tuple[dict[TaskId, NodeId], list[Refusal], list[tuple[TaskId, NodeId]]]:
    """Give the trips home that begin now, what is in the way of the others, and who closes it.

    The battery is not asked: the reserve is for this, and who stays where it is only loses more.
    """
    begun: dict[TaskId, NodeId] = {}
    refused: list[Refusal] = []
    shut: list[tuple[TaskId, NodeId]] = []
    nodes = {node.spec.name: node for node in asked.nodes}
    for candidate in asked.tasks:
        if not candidate.is_trip_home or not candidate.is_ready:
            continue
        node = nodes.get(candidate.task.only_on[0])
        if node is None or node.spec.name in busy:
            continue
        standing = outset_of(ground, node, (), asked.corridor_margin_m).standing
        (ability,) = abilities(
            ground, node, standing, [candidate], asked.corridor_margin_m, asked.closing
        )
        in_the_way = [*ability.lacks, *hindrances(candidate.task, node)]
        refused += in_the_way
        shut += [(candidate.task.id, name) for name in ability.cut_off_by]
        if not in_the_way:
            begun[candidate.task.id] = node.spec.name
            busy.add(node.spec.name)
    return begun, refused, shut


def _charging(
    asked: PlacementProblem, items: list[library.Placed]
) -> Iterator[tuple[NodeId, TaskId]]:
    """Give the free machines that charge before the first that is planned for them."""
    free = {node.spec.name for node in asked.nodes if node.free_slots > 0}
    for item in items:
        name = NodeId(item.node)
        if name in free and item.charge is not None:
            yield name, TaskId(item.task)
        free.discard(name)


def _planned(outlook: Outlook, asked: PlacementProblem, item: library.Placed) -> Planned:
    """Give an item of the plan in the site's words."""
    name, task = NodeId(item.node), TaskId(item.task)
    standing = outlook.outsets[name].standing
    effort = outlook.abilities[name][task].effort
    leave_s = item.start_s - item.travel_s if item.charge is None else item.charge.begin_s
    return Planned(
        task=task,
        node=name,
        leave_ns=asked.now_ns + leave_s * NS_PER_S,
        start_ns=asked.now_ns + item.start_s * NS_PER_S,
        end_ns=asked.now_ns + item.end_s * NS_PER_S,
        energy_wh=(item.energy_j + item.travel_j) / SECONDS_PER_HOUR,
        charged_ns=None if item.charge is None else asked.now_ns + item.charge.end_s * NS_PER_S,
        cause=item.wait.cause,
        behind=TaskId(item.wait.task) if item.wait.task else None,
        position=None if standing is None else standing.position,
        needed_wh=0.0
        if standing is None or effort is None
        else effort.energy_wh + kept_wh(standing.spec),
    )
