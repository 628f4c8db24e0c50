"""Orders: what is wrong with a work order at submit, so that it is refused whole.

An order is refused for what can never be: a name that means nothing, a circle, work that no machine
of the fleet can do, a goal where no machine may stand. What cannot be *now* is placement's to say.
"""

import math
from collections.abc import Sequence

import msgspec

from lunaredge.errors import Infeasible
from lunaredge.ids import TaskId, is_name
from lunaredge.model.fleet import REACH_M, Fleet, NodeSpec
from lunaredge.model.site import Site, ZoneKind
from lunaredge.model.task import (
    CAPABILITY_OF_KIND,
    Leg,
    Task,
    TaskKind,
    WorkOrder,
    is_capable,
    may_be_on,
)
from lunaredge.scheduler import zone_names
from lunaredge.scheduler.dag import circle
from lunaredge.scheduler.effort import NO_WAY, least_shortfall, overrun
from lunaredge.scheduler.fusion import DURATION_S_MAX
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import PRIORITIES, checked_legs, tool_refusal
from lunaredge.scheduler.paths import CORRIDOR_MARGIN_M
from lunaredge.scheduler.travel import Mover, reachable_cost_s

NEEDED = {
    TaskKind.SURVEY: ("zone",),
    TaskKind.GRADE: ("zone",),
    TaskKind.COMPACT: ("zone",),
    TaskKind.EXCAVATE: ("zone", "pile", "stand"),
    TaskKind.HAUL: ("pile", "stand", "to_pile", "to_stand"),
    TaskKind.PARK: ("stand",),
}
"""What a task of each kind must say."""

_NO_ZONE = "no such zone"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why an order is refused, and which task of it."""

    task: TaskId | None
    """None where the whole order is meant."""
    text: str

    def __str__(self) -> str:
        return self.text if self.task is None else f"task {self.task}: {self.text}"


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
    found = [
        [*_field_problems(task, order.tasks, fleet), *_place_problems(task, ground)]
        for task in order.tasks
    ]
    sound = [index for index, texts in enumerate(found) if not texts]
    able = _Ability(fleet, ground, corridor_margin_m)
    texts = able.problems([order.tasks[index] for index in sound])
    for index, text in zip(sound, texts, strict=True):
        found[index] = [text] if text else _reach_problems(order.tasks[index], ground)
    problems += [
        Problem(task=task.id, text=text)
        for task, texts in zip(order.tasks, found, strict=True)
        for text in texts
    ]
    return _with_zones(problems, site)


def _with_zones(problems: list[Problem], site: Site) -> list[Problem]:
    """Name the site's zones with the first that is none; with each they would fill the answer."""
    for index, problem in enumerate(problems):
        if problem.text.endswith(_NO_ZONE):
            text = f"{problem.text} (the site has {zone_names.told(site)})"
            return [
                *problems[:index],
                Problem(task=problem.task, text=text),
                *problems[index + 1 :],
            ]
    return problems


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
    for key, names in (("only_on", task.only_on), ("not_on", task.not_on)):
        found += [f"{key} {name}: no such node" for name in names if not fleet.node(name)]
    return found + _time_problems(task)


def _time_problems(task: Task) -> list[str]:
    """Find times that are none, or that leave no time for the task."""
    spans = {"release_s": task.release_s, "due_s": task.due_s, "latest_s": task.latest_s}
    found = [
        f"{key} is {span_s}; a finite span of 0 or more is needed"
        for key, span_s in spans.items()
        if span_s is not None and not 0.0 <= span_s < math.inf
    ]
    if found or task.latest_s is None:
        return found
    room_s = task.latest_s - task.release_s
    if room_s <= 0.0:
        return [f"latest_s {task.latest_s:g} is not after release_s {task.release_s:g}"]
    if task.kind is TaskKind.FUSE_TERRAIN and room_s < DURATION_S_MAX:
        return [f"may take {DURATION_S_MAX:g} s, has {room_s:g} s from release_s to latest_s"]
    return []


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
        return [_NO_ZONE]
    if zone.kind is ZoneKind.KEEP_OUT:
        return ["is a keep-out zone"]
    if key != "zone" and zone.kind is not ZoneKind.WORK:
        return [f"a pile needs a work zone, this is a {zone.kind.value} zone"]
    keep_out = ground.keep_out_touching(zone.polygon)
    if keep_out:
        return [f"touches the keep-out zone {keep_out}"]
    return [] if ground.holds(zone.polygon) else ["is not inside the boundary"]


class _Ability:
    """What the machines of a fleet could ever do: each sets out from home, its battery full.

    A machine looks at all tasks at once, so that an order of hundreds asks for one search over the
    ground and not for hundreds. What it takes is counted as the crow flies: no more than it will
    really take, so that nothing is refused that could be.
    """

    def __init__(self, fleet: Fleet, ground: GroundMap, corridor_margin_m: float) -> None:
        self._fleet = fleet
        self._ground = ground
        self._margin_m = corridor_margin_m

    def problems(self, tasks: Sequence[Task]) -> list[str]:
        """Say for each task why no node could ever do it; empty where one could."""
        texts = [self._nobody(task) for task in tasks]
        refusals: list[list[str]] = [[] for _ in tasks]
        open_tasks = [
            index
            for index, task in enumerate(tasks)
            if not texts[index] and task.kind is not TaskKind.FUSE_TERRAIN
        ]
        for node in self._fleet.nodes:
            mine = [index for index in open_tasks if _may_do(node, tasks[index])]
            verdicts = self._refusals(node, [tasks[index] for index in mine])
            for index, refusal in zip(mine, verdicts, strict=True):
                if refusal:
                    refusals[index].append(f"{node.name}: {refusal}")
                else:
                    open_tasks.remove(index)
        for index in open_tasks:
            texts[index] = f"no machine can do it ({'; '.join(refusals[index])})"
        return texts

    def _nobody(self, task: Task) -> str:
        if any(_may_do(node, task) for node in self._fleet.nodes):
            return ""
        among = f" among {', '.join(task.only_on)}" if task.only_on else ""
        among += f" but {', '.join(task.not_on)}" if task.not_on else ""
        return f"no node{among} can {CAPABILITY_OF_KIND[task.kind].value}"

    def _refusals(self, node: NodeSpec, tasks: Sequence[Task]) -> list[str]:
        """Say for each task why this node could never do it; empty where it could."""
        spec = node.machine
        if spec is None:
            return ["it is no machine" for _ in tasks]
        found = [tool_refusal(task, spec) for task in tasks]
        legs: dict[int, tuple[Leg, ...]] = {}
        for index, task in enumerate(tasks):
            try:
                if not found[index]:
                    work = checked_legs(task, spec, self._ground, self._margin_m)
                    found[index] = overrun(spec, task, work)
                if not found[index]:
                    legs[index] = work
            except Infeasible as exc:
                found[index] = str(exc)
        if node.home is None:
            return found
        mover = Mover(
            half_width_m=spec.radius_m + self._margin_m,
            slope_deg_max=spec.slope_deg_max,
            speed_m_s=spec.speed_m_s_max,
        )
        goals = [point for work in legs.values() for point in (work[0].path[0], work[-1].path[-1])]
        costs_s = iter(reachable_cost_s(self._ground, mover, node.home, goals))
        for index, work in legs.items():
            if not math.isfinite(next(costs_s) + next(costs_s)):
                found[index] = NO_WAY
            else:
                found[index] = least_shortfall(spec, tasks[index], work, node.home)
        return found


def _may_do(node: NodeSpec, task: Task) -> bool:
    return is_capable(node, task) and may_be_on(task, node.name)
