"""Legs: what a machine does, step by step, for a task, and whether the ground lets it.

Whose task it is, and whether it should be, is decided elsewhere.
"""

import msgspec

from lunaredge.errors import Infeasible
from lunaredge.ids import TaskId
from lunaredge.model.fleet import MachineSpec
from lunaredge.model.site import Site
from lunaredge.model.task import (
    Dig,
    Dump,
    Leg,
    Load,
    Task,
    TaskKind,
    Tool,
)
from lunaredge.scheduler.coverage import passes_over
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import Corridor

TOOL_OF_KIND = {
    TaskKind.SURVEY: Tool.SCANNER,
    TaskKind.GRADE: Tool.BLADE,
    TaskKind.COMPACT: Tool.ROLLER,
}

PRIORITIES = range(1, 10)

# An assignment must fit into one frame: 60 bytes a leg, and half of the frame to spare.
LEGS_MAX = 2000


def legs_for(task: Task, site: Site, spec: MachineSpec) -> tuple[tuple[Leg, ...], bool]:
    """Give a machine task's legs, and whether they are repeated until the pile is empty.

    The task has passed `refusals_at_submit`, or is the scheduler's own.

    Raises:
        Infeasible: the zone leaves no room for this machine's body, or asks for too many passes.
    """
    match task.kind:
        case TaskKind.SURVEY | TaskKind.GRADE | TaskKind.COMPACT:
            return _coverage_legs(task, site, spec), False
        case TaskKind.EXCAVATE:
            assert task.stand is not None
            assert task.zone is not None
            assert task.pile is not None
            dig = Dig(zone=task.zone, pile=task.pile, mass_kg=task.mass_kg)
            return (Leg(path=(task.stand,), goal=dig),), False
        case TaskKind.HAUL:
            assert task.stand is not None
            assert task.to_stand is not None
            assert task.pile is not None
            assert task.to_pile is not None
            load = Leg(path=(task.stand,), goal=Load(pile=task.pile))
            return (load, Leg(path=(task.to_stand,), goal=Dump(pile=task.to_pile))), True
        case TaskKind.PARK:
            assert task.stand is not None
            return (Leg(path=(task.stand,)),), False
        case TaskKind.FUSE_TERRAIN:
            raise AssertionError("a computer's task has no legs")


def tool_refusal(task: Task, spec: MachineSpec) -> str:
    """Say what a machine lacks for the task; empty when nothing."""
    match task.kind:
        case TaskKind.EXCAVATE:
            return "" if spec.dig_kg_s > 0.0 else "it digs 0 kg/s"
        case TaskKind.HAUL:
            able = spec.payload_kg_max > 0.0 and spec.load_kg_s > 0.0
            return "" if able else f"it carries {spec.payload_kg_max} kg at {spec.load_kg_s} kg/s"
        case TaskKind.SURVEY | TaskKind.GRADE | TaskKind.COMPACT:
            able = spec.tool_width_m > 0.0 and spec.work_speed_m_s > 0.0
            return "" if able else "its tool has no width or speed"
        case TaskKind.PARK:
            return ""
        case TaskKind.FUSE_TERRAIN:
            return "it is a computer's task"


def checked_legs(
    task: Task, spec: MachineSpec, ground: GroundMap, corridor_margin_m: float
) -> tuple[Leg, ...]:
    """Give a machine task's legs, all of them where the ground lets this machine be.

    Raises:
        Infeasible: there are none, or one is off the boundary, in a keep-out zone or too steep.
    """
    # Many tasks of an order ask for the same work; whose it is and when does not move its legs.
    work = msgspec.structs.replace(
        task,
        id=TaskId(""),
        after=(),
        priority=PRIORITIES[0],
        needs_earth=False,
        only_on=(),
        not_on=(),
        release_s=0.0,
        due_s=None,
        latest_s=None,
    )
    key = (work, spec, corridor_margin_m)
    memory = ground.known.legs
    legs, refusal = memory.find(key) or memory.keep(key, _checked(*key, ground))
    if refusal:
        raise Infeasible(refusal)
    return legs


def _checked(
    task: Task, spec: MachineSpec, corridor_margin_m: float, ground: GroundMap
) -> tuple[tuple[Leg, ...], str]:
    """Give the legs and no refusal, or a refusal."""
    try:
        legs, _ = legs_for(task, ground.site, spec)
    except Infeasible as exc:
        return (), str(exc)
    corridor = Corridor(ground, spec.radius_m + corridor_margin_m, spec.slope_deg_max, ())
    for leg in legs:
        violation = corridor.violation(leg.path)
        if violation is not None:
            x_m, y_m = leg.path[violation.segment]
            return (), f"{violation.reason} on the leg from {x_m:.1f}, {y_m:.1f}"
    return legs, ""


def _coverage_legs(task: Task, site: Site, spec: MachineSpec) -> tuple[Leg, ...]:
    zone = site.zone(task.zone or "")
    if zone is None:
        raise Infeasible(f"no zone {task.zone}")
    there = passes_over(zone.polygon, spec.tool_width_m, spec.radius_m)
    if len(there) * task.passes > LEGS_MAX:
        raise Infeasible(f"{len(there)} x {task.passes} passes, more than {LEGS_MAX}")
    back = [(end, start) for start, end in reversed(there)]
    return tuple(
        Leg(path=one, tool=TOOL_OF_KIND[task.kind])
        for turn in range(task.passes)
        for one in (there if turn % 2 == 0 else back)
    )
