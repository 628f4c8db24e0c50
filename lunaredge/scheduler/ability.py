"""Ability: what a node lacks for a task, whatever the plan, and what the task would ask of it.

Owns the constraints that need no plan. A node that is merely away, busy or low on charge is still
able: when it is free again is for the plan to say.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lunaredge.errors import Infeasible
from lunaredge.ids import NodeId
from lunaredge.model.task import CAPABILITY_OF_KIND, Leg, Task, TaskKind, is_capable
from lunaredge.scheduler.candidates import (
    Constraint,
    NodeCandidate,
    Refusal,
    TaskCandidate,
)
from lunaredge.scheduler.effort import NO_WAY, Effort, Standing, efforts
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import checked_legs, tool_refusal
from lunaredge.scheduler.paths import Chain, Corridor, eased
from lunaredge.scheduler.travel import are_open


class Ability(NamedTuple):
    """What a task is to a node."""

    lacks: tuple[Refusal, ...] = ()
    """What waiting does not change; empty: it is able."""
    legs: tuple[Leg, ...] = ()
    effort: Effort | None = None
    """From where the machine stands when it is free; computers have none."""
    cut_off_by: tuple[NodeId, ...] = ()
    """Stranded machines that close every way; it lacks that, too."""

    @property
    def is_able(self) -> bool:
        """Whether the node could ever do it as things are."""
        return not self.lacks


def _is_known(node: NodeCandidate) -> bool:
    """Tell whether all is known of a node that its plan asks for."""
    if node.spec.machine is None:
        return True
    battery_wh = node.battery_wh
    return node.position is not None and battery_wh is not None and math.isfinite(battery_wh)


def hindrances(task: Task, node: NodeCandidate) -> list[Refusal]:
    """Give what keeps a node from taking a task as it is now, the most decisive first."""
    known = _is_known(node)
    is_trip = task.kind is TaskKind.PARK
    checks = (
        (Constraint.LOST, not node.present, "not heard, or census not answered"),
        (Constraint.LOST, node.present and not known, "position or battery not known"),
        (Constraint.LOCKED_OUT, bool(node.locked_out), node.locked_out),
        (Constraint.STOPPED, node.stopped, "emergency stop latched"),
        (Constraint.HELD, node.held, "held"),
        (Constraint.SAFE_MODE, node.safe, "in safe mode (A3)"),
        (
            Constraint.LADEN,
            node.carries not in (None, task.id) and not is_trip,
            f"carries a load of {node.carries}",
        ),
        (
            Constraint.HOME_FIRST,
            bool(node.home_first) and not is_trip,
            f"goes home first, {node.home_first}",
        ),
        (
            Constraint.HOME_FIRST,
            bool(node.leaving) and not is_trip,
            f"has to leave {node.leaving}, which is closed",
        ),
        (Constraint.BUSY, node.free_slots <= 0, "has a task in hand"),
    )
    return [refusal(task, node, constraint, text) for constraint, holds, text in checks if holds]


def is_out(node: NodeCandidate) -> bool:
    """Tell whether nobody can say when a node will take tasks again."""
    is_barred = node.stopped or node.held or node.safe or bool(node.locked_out)
    return not node.present or not _is_known(node) or is_barred


def lacks(candidate: TaskCandidate, node: NodeCandidate) -> list[Refusal]:
    """Give what a node lacks for a task, without a look at the ground."""
    task, spec = candidate.task, node.spec
    wanted = CAPABILITY_OF_KIND.get(task.kind)
    fits = is_capable(spec, task)
    lack = tool_refusal(task, spec.machine) if spec.machine is not None and fits else ""
    memory_mib = spec.computer.memory_mib if spec.computer is not None else 0
    is_haul = task.kind is TaskKind.HAUL
    checks = (
        (
            Constraint.PINNED,
            bool(task.only_on) and spec.name not in task.only_on,
            f"only on {', '.join(task.only_on)}",
        ),
        (Constraint.BANNED, spec.name in task.not_on, f"not on {', '.join(task.not_on)}"),
        (Constraint.CAPABILITY, not fits, f"can't {wanted.value if wanted else 'park'}"),
        (Constraint.PAYLOAD if is_haul else Constraint.CAPABILITY, bool(lack), lack),
        (
            Constraint.MEMORY,
            fits and candidate.memory_mib > memory_mib,
            f"needs {candidate.memory_mib} MiB, has {memory_mib}",
        ),
    )
    return [refusal(task, node, constraint, text) for constraint, holds, text in checks if holds]


def abilities(
    ground: GroundMap,
    node: NodeCandidate,
    standing: Standing | None,
    tasks: Sequence[TaskCandidate],
    corridor_margin_m: float,
    closing: tuple[Chain, ...] = (),
) -> list[Ability]:
    """Give the ability of a node for each task; ``standing`` is where its machine is once free.

    Without one, as of machines that nobody has heard, the ground is not looked at. ``closing`` is
    where stranded machines stand that close a way.
    """
    found = [Ability(tuple(lacks(candidate, node))) for candidate in tasks]
    spec = node.spec.machine
    if spec is None or standing is None:
        return found
    jobs: list[tuple[int, Task, tuple[Leg, ...]]] = []
    for t, candidate in enumerate(tasks):
        if not found[t].is_able:
            continue
        task = candidate.task
        try:
            jobs.append((t, task, checked_legs(task, spec, ground, corridor_margin_m)))
        except Infeasible as exc:
            found[t] = Ability((refusal(task, node, Constraint.GROUND, str(exc)),))
    asked = efforts(ground, standing, [(task, legs) for _, task, legs in jobs]) if jobs else []
    for (t, task, legs), effort in zip(jobs, asked, strict=True):
        if effort is None:
            found[t] = Ability((refusal(task, node, Constraint.NO_ROUTE, NO_WAY),))
        else:
            found[t] = Ability((), legs, effort)
    bodies = tuple(chain for chain in closing if chain.owner != node.spec.name)
    if bodies:
        bodies = eased(bodies, standing.position, standing.half_width_m, corridor_margin_m)
        for t, names in _cut_off(ground, standing, found, bodies).items():
            text = f"{' and '.join(names)} in the only way there"
            lack = refusal(tasks[t].task, node, Constraint.CUT_OFF, text)
            found[t] = Ability((lack,), cut_off_by=names)
    return found


def _cut_off(
    ground: GroundMap, standing: Standing, found: Sequence[Ability], bodies: tuple[Chain, ...]
) -> dict[int, tuple[NodeId, ...]]:
    """Give which tasks a machine could do but can't get to, and who closes the way.

    Each who closes it alone; all of them where none does.
    """
    owners = tuple(dict.fromkeys(chain.owner for chain in bodies))
    works = {t: ability.legs for t, ability in enumerate(found) if ability.is_able}
    shut = _shut(ground, standing, works, bodies)
    if len(owners) < 2 or not shut:
        return dict.fromkeys(shut, owners)
    alone: dict[int, list[NodeId]] = {t: [] for t in shut}
    for owner in owners:
        body = tuple(chain for chain in bodies if chain.owner == owner)
        for t in _shut(ground, standing, {t: works[t] for t in shut}, body):
            alone[t].append(owner)
    return {t: tuple(names) or owners for t, names in alone.items()}


def _shut(
    ground: GroundMap,
    standing: Standing,
    works: Mapping[int, tuple[Leg, ...]],
    bodies: tuple[Chain, ...],
) -> list[int]:
    """Give the works of which a leg, or the way to the first or the last, meets the bodies."""
    if not works:
        return []
    mover = standing.mover
    corridor = Corridor(ground, mover.half_width_m, mover.slope_deg_max, bodies)
    goals = [point for legs in works.values() for point in (legs[0].path[0], legs[-1].path[0])]
    opens = are_open(ground, mover, bodies, standing.position, goals)
    return [
        t
        for k, (t, legs) in enumerate(works.items())
        if not (opens[2 * k] and opens[2 * k + 1])
        or any(corridor.violation(leg.path) is not None for leg in legs)
    ]


def refusal(task: Task, node: NodeCandidate, constraint: Constraint, detail: str) -> Refusal:
    """Give a refusal of a task by a node."""
    return Refusal(task=task.id, node=node.spec.name, constraint=constraint, detail=detail)
