"""Legs: what a machine does, step by step, for a task; and what is wrong with an order at submit.

An order is refused for what can never be: a name that means nothing, a circle, work that no machine
of the fleet can do, a goal where no machine may stand. What cannot be *now* is placement's to say.
"""

import math
from collections.abc import Sequence

import msgspec

from lunaredge.errors import Infeasible
from lunaredge.ids import TaskId, is_name
from lunaredge.model.fleet import REACH_M, Fleet, MachineSpec, NodeSpec
from lunaredge.model.site import Site, ZoneKind
from lunaredge.model.task import (
    CAPABILITY_OF_KIND,
    Dig,
    Dump,
    Leg,
    Load,
    Task,
    TaskKind,
    Tool,
    WorkOrder,
)
from lunaredge.scheduler.coverage import passes_over
from lunaredge.scheduler.dag import circle
from lunaredge.scheduler.effort import Standing, efforts, shortfall
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import CORRIDOR_MARGIN_M, Corridor

TOOL_OF_KIND = {
    TaskKind.SURVEY: Tool.SCANNER,
    TaskKind.GRADE: Tool.BLADE,
    TaskKind.COMPACT: Tool.ROLLER,
}

NEEDED = {
    TaskKind.SURVEY: ("zone",),
    TaskKind.GRADE: ("zone",),
    TaskKind.COMPACT: ("zone",),
    TaskKind.EXCAVATE: ("zone", "pile", "stand"),
    TaskKind.HAUL: ("pile", "stand", "to_pile", "to_stand"),
    TaskKind.PARK: ("stand",),
}
"""What a task of each kind must say."""

PRIORITIES = range(1, 10)

# An assignment must fit into one frame: 60 bytes a leg, and half of the frame to spare.
LEGS_MAX = 2000


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why an order is refused, and which task of it."""

    task: TaskId | None
    """None where the whole order is meant."""
    text: str

    def __str__(self) -> str:
        return self.text if self.task is None else f"task {self.task}: {self.text}"


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


def refusals_at_submit(
    order: WorkOrder,
    site: Site,
    fleet: Fleet,
    ground: GroundMap,
    corridor_margin_m: float = CORRIDOR_MARGIN_M,
) -> list[Problem]:
    """Give everything for which the order is refused; nothing when it is sound."""
    assert site.name == ground.site.name, "the ground is another site's"
    problems = [*_order_problems(order), *_graph_problems(order.tasks)]
    for task in order.tasks:
        wording = [*_field_problems(task, order.tasks, fleet), *_place_problems(task, ground)]
        if not wording:
            wording = _work_problems(task, fleet, ground, corridor_margin_m)
        wording = wording or _reach_problems(task, ground)
        problems += [Problem(task=task.id, text=text) for text in wording]
    return problems


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
        task, id=TaskId(""), after=(), priority=PRIORITIES[0], needs_earth=False, only_on=()
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


def _order_problems(order: WorkOrder) -> list[Problem]:
    found = []
    if not is_name(order.id):
        found.append(Problem(task=None, text=f"order id {order.id!r} is not a name"))
    if not order.tasks:
        found.append(Problem(task=None, text="the order has no tasks"))
    seen: set[TaskId] = set()
    for task in order.tasks:
        if not is_name(task.id):
            found.append(Problem(task=task.id, text="the id is not a name"))
        if task.id in seen:
            found.append(Problem(task=task.id, text="the id is there twice"))
        seen.add(task.id)
    return found


def _graph_problems(tasks: Sequence[Task]) -> list[Problem]:
    """Find predecessors that do not exist, and a circle."""
    after = {task.id: task.after for task in tasks}
    found = [
        Problem(task=task.id, text=f"after {name}: no such task in the order")
        for task in tasks
        for name in task.after
        if name not in after
    ]
    names = circle(after)
    if names:
        found.append(Problem(task=names[0], text="waits for itself: " + " after ".join(names)))
    return found


def _field_problems(task: Task, tasks: Sequence[Task], fleet: Fleet) -> list[str]:
    """Find what the task's own words leave open or get wrong."""
    found = []
    if task.kind is TaskKind.PARK:
        found.append("park is the scheduler's own; it can't be ordered")
    if task.priority not in PRIORITIES:
        found.append(f"priority {task.priority} is not 1 to 9")
    if task.passes < 1:
        found.append(f"passes is {task.passes}, less than 1")
    if not 0.0 <= task.mass_kg < math.inf or (
        task.kind is TaskKind.EXCAVATE and task.mass_kg == 0.0
    ):
        found.append(f"mass_kg is {task.mass_kg}; a positive finite mass is needed")
    if task.kind is TaskKind.HAUL and task.pile == task.to_pile:
        found.append(f"pile and to_pile are both {task.pile}")
    if task.kind is TaskKind.FUSE_TERRAIN:
        surveys = {other.id for other in tasks if other.kind is TaskKind.SURVEY}
        if not surveys.issuperset(task.after) or not task.after:
            found.append("after must name the survey tasks whose terrain is fused, and only those")
    found += [f"only_on {name}: no such node" for name in task.only_on if not fleet.node(name)]
    return found


def _place_problems(task: Task, ground: GroundMap) -> list[str]:
    """Find zones and stands that are not there, or not where work may be."""
    if task.kind is TaskKind.FUSE_TERRAIN:
        return []
    found = [f"{key} is needed" for key in NEEDED[task.kind] if getattr(task, key) is None]
    for key, name in (("zone", task.zone), ("pile", task.pile), ("to_pile", task.to_pile)):
        if name is not None:
            found += [f"{key} {name}: {text}" for text in _zone_problems(name, key, ground)]
    return found


def _reach_problems(task: Task, ground: GroundMap) -> list[str]:
    """Find what is out of reach from where the machine is to stand."""
    stands = {"zone": "stand", "pile": "stand", "to_pile": "to_stand"}
    found = []
    for key, stand in stands.items():
        zone = ground.site.zone(getattr(task, key) or "")
        place = getattr(task, stand)
        if zone is None or place is None:
            continue
        distance_m = ground.distance_m(place, zone.polygon)
        if distance_m > REACH_M:
            found.append(
                f"{stand} {place[0]:g}, {place[1]:g} is {distance_m:.1f} m from {key} {zone.name};"
                f" a machine reaches {REACH_M:g} m"
            )
    return found


def _zone_problems(name: str, key: str, ground: GroundMap) -> list[str]:
    zone = ground.site.zone(name)
    if zone is None:
        return ["no such zone"]
    if zone.kind is ZoneKind.KEEP_OUT:
        return ["is a keep-out zone"]
    if key != "zone" and zone.kind is not ZoneKind.WORK:
        return [f"a pile needs a work zone, this is a {zone.kind.value} zone"]
    keep_out = ground.keep_out_touching(zone.polygon)
    if keep_out:
        return [f"touches the keep-out zone {keep_out}"]
    return [] if ground.holds(zone.polygon) else ["is not inside the boundary"]


def _work_problems(
    task: Task, fleet: Fleet, ground: GroundMap, corridor_margin_m: float
) -> list[str]:
    """Find whether any node of the fleet could ever do the task."""
    capability = CAPABILITY_OF_KIND[task.kind]
    capable = [
        node
        for node in fleet.nodes
        if capability in node.capabilities and (not task.only_on or node.name in task.only_on)
    ]
    if not capable:
        among = f" among {', '.join(task.only_on)}" if task.only_on else ""
        return [f"no node{among} can {capability.value}"]
    if task.kind is TaskKind.FUSE_TERRAIN:
        return []
    refusals = []
    for node in capable:
        refusal = _refusal(task, node, ground, corridor_margin_m)
        if not refusal:
            return []
        refusals.append(f"{node.name}: {refusal}")
    return [f"no machine can do it ({'; '.join(refusals)})"]


def _refusal(task: Task, node: NodeSpec, ground: GroundMap, corridor_margin_m: float) -> str:
    """Say why a machine could never do the task; empty when it could."""
    if node.machine is None:
        return "it is no machine"
    lack = tool_refusal(task, node.machine)
    if lack:
        return lack
    try:
        legs = checked_legs(task, node.machine, ground, corridor_margin_m)
    except Infeasible as exc:
        return str(exc)
    return _lack_when_full(task, node, legs, ground, corridor_margin_m)


def _lack_when_full(
    task: Task,
    node: NodeSpec,
    legs: tuple[Leg, ...],
    ground: GroundMap,
    corridor_margin_m: float,
) -> str:
    """Say what a machine lacks for the task that sets out from home with a full battery."""
    spec = node.machine
    assert spec is not None
    if node.home is None:
        return ""
    standing = Standing(
        spec=spec,
        half_width_m=spec.radius_m + corridor_margin_m,
        position=node.home,
        home=node.home,
    )
    (effort,) = efforts(ground, standing, [(task, legs)])
    return shortfall(spec, effort, spec.battery_wh)
