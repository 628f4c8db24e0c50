"""Placement: which node takes which task next, and why each of the others does not.

Owns the constraints, in the order in which an operator is told of them, and the cost of a pair. A
problem carries everything but the ground, so that it can be solved elsewhere and kept in a
journal. One machine takes one task; a computer takes as many as it has free slots.
"""

import enum
import math

import msgspec

from lunaredge.errors import Infeasible
from lunaredge.ids import NodeId, TaskId
from lunaredge.model.fleet import NodeSpec
from lunaredge.model.site import Point
from lunaredge.model.task import CAPABILITY_OF_KIND, Leg, Task, TaskKind
from lunaredge.scheduler.arrays import assigned
from lunaredge.scheduler.effort import Effort, Standing, efforts, shortfall
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import checked_legs, tool_refusal
from lunaredge.scheduler.paths import CORRIDOR_MARGIN_M

# For each hour that a task has waited it ranks one priority higher, without end: so every task's
# turn comes, however many are submitted after it.
AGING_S = 3600.0


class Constraint(enum.StrEnum):
    """Why a node does not take a task, in the order of looking."""

    NOT_ENROLLED = "not_enrolled"
    LOST = "lost"
    STOPPED = "stopped"
    HELD = "held"
    SAFE_MODE = "safe_mode"
    HOME_FIRST = "home_first"
    LADEN = "laden"
    PINNED = "pinned"
    CAPABILITY = "capability"
    BUSY = "busy"
    PAYLOAD = "payload"
    GROUND = "ground"
    NO_ROUTE = "no_route"
    ENERGY = "energy"
    MEMORY = "memory"
    TAKEN = "taken"


class TaskCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is ready."""

    task: Task
    waiting_s: float = 0.0
    memory_mib: int = 0
    """Of a compute task's workload."""
    duration_s: float = 0.0
    """Of a compute task's workload, at most."""


class NodeCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the fleet, as it is now."""

    spec: NodeSpec
    free_slots: int
    position: Point | None
    battery_wh: float | None
    present: bool
    """It is heard and has answered the census."""
    held: bool = False
    stopped: bool = False
    safe: bool = False
    """It is in safe mode and would refuse."""
    home_first: str = ""
    """Why it goes home before it takes another task."""
    carries: TaskId | None = None
    """The waiting task whose load it has on board."""


class PlacementProblem(msgspec.Struct, frozen=True, kw_only=True, tag="placement_problem"):
    """Tasks that are ready, and nodes."""

    version: int
    tasks: tuple[TaskCandidate, ...]
    nodes: tuple[NodeCandidate, ...]
    corridor_margin_m: float = CORRIDOR_MARGIN_M


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The first constraint by which a node does not take a task."""

    task: TaskId
    node: NodeId
    constraint: Constraint
    detail: str = ""


class PlacementSolution(msgspec.Struct, frozen=True, kw_only=True, tag="placement_solution"):
    """Who takes what; and for every task left over, why each node does not take it."""

    version: int
    assignments: tuple[tuple[TaskId, NodeId], ...]
    refusals: tuple[Refusal, ...]


def place(ground: GroundMap, problem: PlacementProblem) -> PlacementSolution:
    """Place tasks on nodes: as many as can be, the highest rank first, then in the least time.

    A task's rank is its priority, less one for every hour it has waited. Ranks are strict: no
    number of later tasks outweighs an earlier one. Within a rank the time of travel and work
    counts, in all. Ties go to the earlier task and the earlier node of the problem.
    """
    verdicts = [_verdicts(ground, problem, node) for node in problem.nodes]
    chosen = _choose(problem, verdicts)
    refusals: list[Refusal] = []
    for t, candidate in enumerate(problem.tasks):
        if chosen[t] < 0:
            refusals += _strangers(candidate.task, problem)
            refusals += [
                _taken(candidate.task, problem, chosen, n)
                if isinstance(verdict, float)
                else verdict
                for n, verdict in enumerate(column[t] for column in verdicts)
            ]
    return PlacementSolution(
        version=problem.version,
        assignments=tuple(
            (problem.tasks[t].task.id, problem.nodes[n].spec.name)
            for t, n in enumerate(chosen)
            if n >= 0
        ),
        refusals=tuple(refusals),
    )


def _verdicts(
    ground: GroundMap, problem: PlacementProblem, node: NodeCandidate
) -> list[Refusal | float]:
    """Give what each task would cost on a node, s, or why the node can't take it."""
    verdicts: list[Refusal | float] = []
    jobs: list[tuple[int, Task, tuple[Leg, ...]]] = []
    for t, candidate in enumerate(problem.tasks):
        verdict = _unfit(candidate, node)
        if verdict is None and node.spec.machine is not None:
            try:
                legs = checked_legs(
                    candidate.task, node.spec.machine, ground, problem.corridor_margin_m
                )
                jobs.append((t, candidate.task, legs))
            except Infeasible as exc:
                verdict = _refusal(candidate.task, node, Constraint.GROUND, str(exc))
        verdicts.append(float(candidate.duration_s) if verdict is None else verdict)
    if jobs:
        standing = _standing(node, problem.corridor_margin_m)
        found = efforts(ground, standing, [(task, legs) for _, task, legs in jobs])
        for (t, task, _), effort in zip(jobs, found, strict=True):
            verdicts[t] = _affordable(task, node, effort)
    return verdicts


def _unfit(candidate: TaskCandidate, node: NodeCandidate) -> Refusal | None:
    """Give the first constraint that needs no look at the ground."""
    task, spec = candidate.task, node.spec
    wanted = CAPABILITY_OF_KIND.get(task.kind)
    known = spec.machine is None or (node.position is not None and node.battery_wh is not None)
    fits = wanted in spec.capabilities if wanted else spec.machine is not None
    memory_mib = _memory_mib(spec)
    lack = tool_refusal(task, spec.machine) if spec.machine is not None else ""
    is_haul = task.kind is TaskKind.HAUL
    checks = (
        (Constraint.LOST, not node.present, "not heard, or census not answered"),
        (Constraint.LOST, not known, "position or battery not known"),
        (Constraint.STOPPED, node.stopped, "emergency stop latched"),
        (Constraint.HELD, node.held, "held"),
        (Constraint.SAFE_MODE, node.safe, "in safe mode (A3)"),
        (
            Constraint.HOME_FIRST,
            bool(node.home_first) and task.kind is not TaskKind.PARK,
            f"goes home first, {node.home_first}",
        ),
        (
            Constraint.LADEN,
            node.carries not in (None, task.id) and task.kind is not TaskKind.PARK,
            f"carries a load of {node.carries}",
        ),
        (
            Constraint.PINNED,
            bool(task.only_on) and spec.name not in task.only_on,
            f"only on {', '.join(task.only_on)}",
        ),
        (Constraint.CAPABILITY, not fits, f"can't {wanted.value if wanted else 'park'}"),
        (Constraint.BUSY, node.free_slots <= 0, "has a task in hand"),
        (Constraint.PAYLOAD if is_haul else Constraint.CAPABILITY, bool(lack), lack),
        (
            Constraint.MEMORY,
            candidate.memory_mib > memory_mib,
            f"needs {candidate.memory_mib} MiB, has {memory_mib}",
        ),
    )
    for constraint, refused, detail in checks:
        if refused:
            return _refusal(task, node, constraint, detail)
    return None


def _memory_mib(spec: NodeSpec) -> int:
    return spec.computer.memory_mib if spec.computer is not None else 0


def _standing(node: NodeCandidate, corridor_margin_m: float) -> Standing:
    spec = node.spec.machine
    assert spec is not None
    assert node.position is not None
    return Standing(
        spec=spec,
        half_width_m=spec.radius_m + corridor_margin_m,
        position=node.position,
        home=node.spec.home or node.position,
    )


def _affordable(task: Task, node: NodeCandidate, effort: Effort | None) -> Refusal | float:
    """Give the time of travel and work, s, if the battery lasts until the machine is home."""
    spec = node.spec.machine
    assert spec is not None
    assert node.battery_wh is not None
    lack = shortfall(spec, effort, node.battery_wh)
    if effort is None:
        return _refusal(task, node, Constraint.NO_ROUTE, lack)
    if task.kind is TaskKind.PARK and task.stand == node.spec.home:
        # The reserve is for this: a machine that stays where it is only loses more.
        return effort.travel_s
    if lack:
        return _refusal(task, node, Constraint.ENERGY, lack)
    return effort.travel_s + effort.work_s


def _choose(problem: PlacementProblem, verdicts: list[list[Refusal | float]]) -> list[int]:
    """Give the index of each task's node, -1 for none."""
    places = [n for n, node in enumerate(problem.nodes) for _ in range(max(0, node.free_slots))]
    costs_s = [
        [cost if isinstance(cost := verdicts[n][t], float) else math.inf for n in places]
        for t in range(len(problem.tasks))
    ]
    ranks = [
        candidate.task.priority - math.floor(candidate.waiting_s / AGING_S)
        for candidate in problem.tasks
    ]
    chosen = [places[place] if place >= 0 else -1 for place in assigned(costs_s, ranks)]
    return _within_memory(problem, chosen)


def _within_memory(problem: PlacementProblem, chosen: list[int]) -> list[int]:
    """Take back what a computer's memory can't hold beside the tasks before it."""
    free_mib = [_memory_mib(node.spec) for node in problem.nodes]
    kept = list(chosen)
    for t, n in enumerate(chosen):
        if n >= 0:
            free_mib[n] -= problem.tasks[t].memory_mib
            if free_mib[n] < 0:
                free_mib[n] += problem.tasks[t].memory_mib
                kept[t] = -1
    return kept


def _strangers(task: Task, problem: PlacementProblem) -> list[Refusal]:
    """Refuse the nodes that a task is pinned to and that the site does not have."""
    enrolled = {node.spec.name for node in problem.nodes}
    return [
        Refusal(task=task.id, node=name, constraint=Constraint.NOT_ENROLLED)
        for name in task.only_on
        if name not in enrolled
    ]


def _taken(task: Task, problem: PlacementProblem, chosen: list[int], n: int) -> Refusal:
    """Refuse a node that could do the task and was given others."""
    others = [problem.tasks[t].task.id for t, node in enumerate(chosen) if node == n]
    assert others, "a node that could take the task stands idle"
    return _refusal(task, problem.nodes[n], Constraint.TAKEN, f"by {', '.join(others)}")


def _refusal(task: Task, node: NodeCandidate, constraint: Constraint, detail: str) -> Refusal:
    return Refusal(task=task.id, node=node.spec.name, constraint=constraint, detail=detail)
