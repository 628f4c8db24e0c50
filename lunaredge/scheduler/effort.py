"""Effort: the time and energy that a task asks of a machine, there, at work and home again.

Estimates on the safe side, for placement only: a climb is paid in full and no descent gives
anything back. Nothing here moves a machine.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from lunaredge.model.fleet import MachineSpec
from lunaredge.model.site import Point
from lunaredge.model.task import Leg, Task, TaskKind
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import RouteProblem, RouteSolution, length_m
from lunaredge.scheduler.travel import Mover, Travel, travel_along, travels
from lunaredge.units import MOON_GRAVITY_M_S2, SECONDS_PER_HOUR

# Share of the climbing power that reaches the ground; a little less than good gears give.
CLIMB_EFFICIENCY_RATIO = 0.5
# A blade or a roller in the ground asks for more than rolling alone.
TOOL_LOAD_RATIO = 1.5
# Nobody knows how long a machine will wait for its way; this much energy is set aside for it: ten
# times the wait before an idle machine goes home.
WAITING_S = 1200.0
# Half of that is left for the way home when the last leg is begun: there a machine can but wait.
HOMEWARD_S = 600.0
# Meters and chargers stop short of the last per cent: so much of a battery is counted on.
CHARGED_RATIO = 0.98

NO_WAY = "no way there and home over this ground"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A machine where it stands."""

    spec: MachineSpec
    half_width_m: float
    position: Point
    home: Point

    @property
    def mover(self) -> Mover:
        """What counts for its travel."""
        return Mover(
            half_width_m=self.half_width_m,
            slope_deg_max=self.spec.slope_deg_max,
            speed_m_s=self.spec.speed_m_s_max,
        )


class Effort(msgspec.Struct, frozen=True, kw_only=True):
    """What a task asks of one machine."""

    travel_s: float
    """To the first leg."""
    work_s: float
    work_wh: float
    home_s: float
    energy_wh: float
    """For all three."""


def kept_wh(spec: MachineSpec) -> float:
    """Give what a plan leaves in a machine's battery besides the way home."""
    return spec.reserve_wh + _wh(spec.idle_w, WAITING_S)


def charged_wh(spec: MachineSpec) -> float:
    """Give what a machine's battery holds at least once it has been charged."""
    return CHARGED_RATIO * spec.battery_wh


def shortfall(spec: MachineSpec, effort: Effort | None, battery_wh: float) -> str:
    """Say what a machine with that much in its battery lacks for an effort; empty for nothing."""
    if effort is None:
        return NO_WAY
    return _lack(effort.energy_wh + _wh(spec.idle_w, WAITING_S), battery_wh - spec.reserve_wh)


def least_shortfall(spec: MachineSpec, task: Task, legs: tuple[Leg, ...], home: Point) -> str:
    """Say what a machine lacks for a task with a full battery and every way straight and level."""
    first, last = legs[0].path[0], legs[-1].path[-1]
    work = _work(spec, task, legs, _straight(spec, first, last))
    energy_wh = work.energy_wh + drive_wh(spec, _straight(spec, home, first))
    energy_wh += drive_wh(spec, _straight(spec, last, home))
    return _lack(energy_wh, charged_wh(spec) - spec.reserve_wh)


def overrun(spec: MachineSpec, task: Task, legs: tuple[Leg, ...]) -> str:
    """Say how far a task's work alone exceeds the time that its words leave; empty if it fits."""
    if task.latest_s is None:
        return ""
    first, last = legs[0].path[0], legs[-1].path[-1]
    work_s = _work(spec, task, legs, _straight(spec, first, last)).duration_s
    room_s = task.latest_s - task.release_s
    if work_s <= room_s:
        return ""
    return f"works {work_s:.0f} s at least, has {room_s:g} s from release_s to latest_s"


def _straight(spec: MachineSpec, start: Point, goal: Point) -> Travel:
    return Travel(duration_s=math.dist(start, goal) / spec.speed_m_s_max)


def exhaustion(ground: GroundMap, problem: RouteProblem, solution: RouteSolution) -> str:
    """Say what a machine lacks to follow its path, work at its end and come home; empty if nothing.

    Asks no more of a path without detours than placement did for the whole task: else a machine
    with a full battery would be given a task and sent home to charge, again and again.
    """
    budget = problem.budget
    if budget is None:
        return ""
    spec = budget.spec
    (back,) = travels(ground, _mover(problem, spec), budget.home, [solution.path[-1]])
    if math.isinf(back.duration_s):
        return "no way home from there over this ground"
    return _lack(_needed_wh(ground, problem, solution, back.reversed), budget.charge_wh)


def bars_return(ground: GroundMap, problem: RouteProblem, solution: RouteSolution) -> bool:
    """Tell whether a battery does not carry a machine along its path and back by the way it came.

    False where no way home is kept, and where the battery is not asked.
    """
    budget = problem.budget
    if budget is None or budget.way_home is None:
        return False
    way = (*budget.way_home, *solution.path)
    back = travel_along(ground, way, length_m(way) / budget.spec.speed_m_s_max).reversed
    return bool(_lack(_needed_wh(ground, problem, solution, back), budget.charge_wh))


def _needed_wh(
    ground: GroundMap, problem: RouteProblem, solution: RouteSolution, back: Travel
) -> float:
    """Give what a path takes, the work at its end, and the travel home from there."""
    assert problem.budget is not None
    spec, leg_m = problem.budget.spec, length_m(problem.path)
    out = travel_along(ground, solution.path, solution.tool_from_m / spec.speed_m_s_max)
    needed_wh = drive_wh(spec, out) + drive_wh(spec, back) + problem.budget.work_wh
    needed_wh += _wh(spec.idle_w, HOMEWARD_S)
    return needed_wh + (_pass_wh(spec, leg_m) if leg_m and spec.work_speed_m_s else 0.0)


def stranding(ground: GroundMap, problem: RouteProblem) -> str:
    """Say what a machine that waits will soon lack to come home; empty while it may wait."""
    budget = problem.budget
    if budget is None:
        return ""
    spec = budget.spec
    (back,) = travels(ground, _mover(problem, spec), budget.home, [problem.start])
    if math.isinf(back.duration_s):
        return ""
    home_wh = drive_wh(spec, back.reversed)
    return _lack(home_wh + _wh(spec.idle_w, WAITING_S), budget.charge_wh)


def _mover(problem: RouteProblem, spec: MachineSpec) -> Mover:
    return Mover(
        half_width_m=problem.half_width_m,
        slope_deg_max=problem.slope_deg_max,
        speed_m_s=spec.speed_m_s_max,
    )


def _lack(needed_wh: float, charge_wh: float) -> str:
    if needed_wh <= charge_wh:
        return ""
    return f"needs {needed_wh:.0f} Wh until home, has {charge_wh:.0f} over the reserve"


class _Work(msgspec.Struct, frozen=True, kw_only=True):
    duration_s: float
    energy_wh: float


def efforts(
    ground: GroundMap, standing: Standing, jobs: Sequence[tuple[Task, tuple[Leg, ...]]]
) -> list[Effort | None]:
    """Give the effort of each job for one machine; None where no way leads there and home.

    To stand somewhere else a machine needs no way home: it has none from where it is, either.
    """
    mover, spec = standing.mover, standing.spec
    there = travels(ground, mover, standing.position, [legs[0].path[0] for _, legs in jobs])
    home = travels(ground, mover, standing.home, [legs[-1].path[-1] for _, legs in jobs])
    found: list[Effort | None] = []
    for (task, legs), out, from_end in zip(jobs, there, home, strict=True):
        work = _work(spec, task, legs, _carry(ground, mover, task, legs))
        has_none = task.kind is TaskKind.PARK and math.isinf(from_end.duration_s)
        back = Travel(duration_s=0.0) if has_none else from_end
        if math.inf in (out.duration_s, back.duration_s, work.duration_s):
            found.append(None)
            continue
        found.append(
            Effort(
                travel_s=out.duration_s,
                work_s=work.duration_s,
                work_wh=work.energy_wh,
                home_s=back.duration_s,
                energy_wh=work.energy_wh + drive_wh(spec, out) + drive_wh(spec, back.reversed),
            )
        )
    return found


def _carry(ground: GroundMap, mover: Mover, task: Task, legs: tuple[Leg, ...]) -> Travel:
    """Give the travel between a haul's two ends; nothing for other work."""
    if task.kind is not TaskKind.HAUL:
        return Travel(duration_s=0.0)
    return travels(ground, mover, legs[0].path[0], [legs[-1].path[-1]])[0]


def _work(spec: MachineSpec, task: Task, legs: tuple[Leg, ...], carry: Travel) -> _Work:
    match task.kind:
        case TaskKind.SURVEY | TaskKind.GRADE | TaskKind.COMPACT:
            return _coverage(spec, legs)
        case TaskKind.EXCAVATE:
            duration_s = task.mass_kg / spec.dig_kg_s
            energy_wh = task.mass_kg * spec.dig_wh_kg + _wh(spec.idle_w, duration_s)
            return _Work(duration_s=duration_s, energy_wh=energy_wh)
        case TaskKind.HAUL:
            return _carrying(spec, task.mass_kg, carry)
        case TaskKind.PARK:
            return _Work(duration_s=0.0, energy_wh=0.0)
        case TaskKind.FUSE_TERRAIN:
            raise AssertionError("a computer's task is no machine's effort")


def _coverage(spec: MachineSpec, legs: tuple[Leg, ...]) -> _Work:
    """Sum the passes, and between them the way across and half a turn in all."""
    passing_s = sum(length_m(leg.path) for leg in legs) / spec.work_speed_m_s
    across_m = sum(math.dist(one.path[-1], other.path[0]) for one, other in pairwise(legs))
    between_s = across_m / spec.speed_m_s_max + len(legs) * 180.0 / spec.turn_deg_s
    energy_wh = sum(_pass_wh(spec, length_m(leg.path)) for leg in legs)
    return _Work(
        duration_s=passing_s + between_s, energy_wh=energy_wh + _wh(spec.drive_w, between_s)
    )


def _pass_wh(spec: MachineSpec, pass_m: float) -> float:
    """Give the energy of a pass with the tool in the ground."""
    rolling_w = (spec.drive_w - spec.idle_w) * spec.work_speed_m_s / spec.speed_m_s_max
    return _wh(spec.idle_w + TOOL_LOAD_RATIO * rolling_w, pass_m / spec.work_speed_m_s)


def _carrying(spec: MachineSpec, mass_kg: float, carry: Travel) -> _Work:
    """Sum the trips. What a pile holds is not always known; one trip is the least."""
    trip_count = max(1, math.ceil(mass_kg / spec.payload_kg_max))
    moving_s = 2.0 * spec.payload_kg_max / spec.load_kg_s
    trip_wh = drive_wh(spec, carry, spec.payload_kg_max) + drive_wh(spec, carry.reversed)
    return _Work(
        duration_s=trip_count * (2.0 * carry.duration_s + moving_s),
        energy_wh=trip_count * (trip_wh + _wh(spec.idle_w, moving_s)),
    )


def drive_wh(spec: MachineSpec, travel: Travel, load_kg: float = 0.0) -> float:
    """Give the energy of a travel with a load."""
    mass_kg = spec.mass_kg + load_kg
    climb_wh = mass_kg * MOON_GRAVITY_M_S2 * travel.ascent_m / SECONDS_PER_HOUR
    return _wh(spec.drive_w, travel.duration_s) + climb_wh / CLIMB_EFFICIENCY_RATIO


def _wh(power_w: float, duration_s: float) -> float:
    return power_w * duration_s / SECONDS_PER_HOUR
