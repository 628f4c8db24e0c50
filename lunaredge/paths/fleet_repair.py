"""Getting machines out of dense traffic that planning one after the other leaves holding.

All machines that can turn on the spot drive to places of a coarse graph, over it as a complete
search says (LaCAM over PIBT, `grid_fleet`), and from there to their goals. First only those that
hold, after everybody else has arrived; then all of them. What comes of it is slow, since machines
wait for one another to be gone, but nobody waits for ever; planning each of them anew among the
others makes it quick. Ackermann machines need more room than a place has, and keep what they have.

Nothing here is taken on trust: a motion is checked against all that stands when it is made, and the
routes against all others in the end.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from lunaredge.kernels.jit import Shorts
from lunaredge.kernels.lattice import LEG_HEADING, LEG_X, UNTIL
from lunaredge.paths.fleet import Fleet, Reservation
from lunaredge.paths.fleet_repair_clock import Event, Stepper, timed
from lunaredge.paths.fleet_repair_ends import Member, joined, stands
from lunaredge.paths.fleet_repair_places import Places, Survey
from lunaredge.paths.fleet_repair_steps import one_by_one, shortened
from lunaredge.paths.grid_fleet import (
    GridFleetOptions,
    GridMap,
    GridPlan,
    Unsolved,
    first_plan,
    plan_grid_fleet,
)
from lunaredge.paths.machine import Drive
from lunaredge.paths.plan import Planner
from lunaredge.paths.plan_links import Way
from lunaredge.paths.plan_traffic import Body, body_of_reservation
from lunaredge.paths.route import Pose, Route

if TYPE_CHECKING:
    from lunaredge.paths.fleet_plan import Job

MEMBERS_MAX = 200
# More motions than that take too long to order.
_MOTIONS_MAX = 10_000
# Slices of the searches on places: far more than any yard asks for.
_SEARCH_ITERATIONS = 20_000
_IMPROVE_ITERATIONS = 30
# Where nobody can move round in a ring, the best of so many plans is taken, 0.3 ms each, and made
# shorter in so many rounds of less than a millisecond.
_SEEDS, _ROUNDS = 100, 1000
# On many places fewer: each seed looks at all places of all, each round at all places at all steps.
_WORK = 20_000_000
# How often those that can't be joined with any place are left out, and the rest tried again.
_TRIES_MAX = 3
# Places are that much farther apart than machines reach.
_SPARE_M = 0.01
# A row or column through an end is worth that many places.
_END_WORTH = 3.0


class Scene(NamedTuple):
    """What a repair is about."""

    jobs: "Sequence[Job]"
    others: Mapping[str, Reservation]
    """All other machines' reservations."""
    start_s: float
    is_over: Callable[[], bool]
    is_fit: Callable[[str, Route], bool]
    """Whether a machine, by its name, may drive a route, other than for traffic."""


class Repair(NamedTuple):
    """Routes that keep clear of one another and of everything; whoever has none stands."""

    kept: tuple[int, ...]
    """Jobs that keep the routes they had."""
    routes: dict[int, Route]
    """The others' new ones, by job."""
    costs: dict[int, float]


def repairs(
    scene: Scene, found: Mapping[int, Route], hopeless: Set[int] = frozenset()
) -> Iterator[Repair]:
    """Give routes for machines that hold, or for all, as far as there are any; two at most.

    found    : the routes so far, by job; whoever has none holds, and that is safe
    hopeless : jobs that stand, whatever the others do
    """
    able = [k for k, job in enumerate(scene.jobs) if k not in hopeless and _can_turn(job.planner)]
    held = [k for k in able if k not in found]
    if not held or len(able) > MEMBERS_MAX:
        return
    if found and len(held) > 1:
        yield from _repaired(scene, found, held)
    yield from _repaired(scene, {}, able)


def _repaired(scene: Scene, kept: Mapping[int, Route], movers: list[int]) -> Iterator[Repair]:
    """Give routes for as many of some machines as have any, if there are any."""
    for go_s in _departures(scene, kept):
        repair = _Repairer(scene, kept, go_s).run(movers)
        if repair is not None:
            yield repair
            return


class _Repairer:
    """Machines that move, from one time on, among all others that stand by then."""

    def __init__(self, scene: Scene, kept: Mapping[int, Route], go_s: float) -> None:
        self._scene, self._kept, self._go_s = scene, kept, go_s
        self._reservations = {**scene.others, **_reserved(scene, kept)}
        self._around = [body_of_reservation(*other) for other in self._reservations.items()]
        passing = [body for planner in _kinds(scene.jobs) for body in planner.passing]
        self._bodies = [
            stands(body.parts, Pose(*leg[LEG_X : LEG_HEADING + 1].tolist()))
            for body in self._around + passing
            for leg in body.legs
            if leg[UNTIL] > go_s
        ]

    def run(self, movers: list[int]) -> Repair | None:
        """Try one layout of places after the other; leave out whoever can't be joined with any."""
        for _ in range(_TRIES_MAX):
            if self._scene.is_over():
                break
            members, bodies = self._taking_part(movers)
            stuck = [member.job for member in members]
            for places in _layouts(members, bodies):
                if self._scene.is_over():
                    return None
                repair, lost = self._over(members, places, bodies)
                if repair is not None:
                    return repair
                stuck = min(stuck, lost, key=len)
            movers = [member.job for member in members if member.job not in stuck]
            if not movers:
                break
        return None

    def _taking_part(self, movers: list[int]) -> tuple[list[Member], list[Body]]:
        """Give those whose starts and goals are free, and all that stands: the others too."""
        jobs = self._scene.jobs
        members = [
            Member(k, jobs[k].planner, jobs[k].start, jobs[k].goal)
            for k in movers
            if jobs[k].planner.is_clear(
                jobs[k].start, self._around, self._scene.start_s, self._go_s
            )
        ]
        while True:
            taking_part = {member.job for member in members}
            bodies = self._bodies + [
                _standing(job.planner, job.start)
                for k, job in enumerate(jobs)
                if k not in taking_part and k not in self._kept
            ]
            starts = [_standing(member.planner, member.start) for member in members]
            left, goals = [], list[Body]()
            for k, member in enumerate(members):
                others = starts[:k] + starts[k + 1 :]
                if _is_free(member.planner, member.start, bodies + others) and _is_free(
                    member.planner, member.goal, bodies + goals
                ):
                    left.append(member)
                    goals.append(_standing(member.planner, member.goal))
            if len(left) == len(members):
                return members, bodies
            members = left

    def _over(
        self, members: list[Member], places: Places, bodies: list[Body]
    ) -> tuple[Repair | None, list[int]]:
        """Take all over some places; else say who can't be joined with them, by job."""
        everybody = [member.job for member in members]
        ends = []
        for is_start in (True, False):
            if len(places.points) < len(members):
                return None, everybody
            end = joined(members, places, bodies, self._scene.is_over, is_start=is_start)
            if end.stuck:
                return None, [members[k].job for k in end.stuck]
            ends.append(end)
        plan = self._steps(places, *(_in_order(end.places) for end in ends))
        if isinstance(plan, Unsolved):
            return None, [members[k].job for k in plan.agents] or everybody
        if int((plan[1:] != plan[:-1]).sum()) > _MOTIONS_MAX:
            return None, everybody
        events = Stepper(members, places, bodies).events(plan, *ends)
        repair = None if events is None else self._timed(members, events)
        return repair, everybody

    def _steps(self, places: Places, starts: Shorts, goals: Shorts) -> Shorts | Unsolved:
        """Give the place of each member at each step, int32 (T + 1, A): the cheapest of some."""
        options = GridFleetOptions(
            iterations=_IMPROVE_ITERATIONS,
            search_iterations=_SEARCH_ITERATIONS,
            rings=places.rings,
            is_over=self._scene.is_over,
        )
        if places.free is not None and places.rings:
            flat = np.flatnonzero(places.free)
            found = plan_grid_fleet(GridMap(places.free), flat[starts], flat[goals], options)
            if isinstance(found, GridPlan):
                return np.searchsorted(flat, found.positions).astype(np.int32)
            return found
        best = first_plan(places.cells, starts, goals, options)
        for seed in range(1, min(_SEEDS, _WORK // (len(starts) * len(places.cells)))):
            if isinstance(best, Unsolved) or self._scene.is_over():
                break
            again = first_plan(
                places.cells, starts, goals, msgspec.structs.replace(options, seed=seed)
            )
            if not isinstance(again, Unsolved):
                best = min(best, again, key=_length)
        if isinstance(best, Unsolved) or places.rings:
            return best
        plan = one_by_one(best)
        rounds = min(_ROUNDS, _WORK // (len(plan) * len(places.cells)))
        return shortened(places.cells, plan, rounds, self._scene.is_over)

    def _timed(self, members: list[Member], events: list[Event]) -> Repair | None:
        """Give the routes with their times, if no two machines meet."""
        scene = self._scene
        found = timed(members, events, scene.start_s, self._go_s)
        jobs = [member.job for member in members]
        routes = dict(zip(jobs, found.routes, strict=True))
        if not all(scene.is_fit(scene.jobs[k].name, route) for k, route in routes.items()):
            return None
        standing = {
            k: Route([(scene.start_s, *job.start)])
            for k, job in enumerate(scene.jobs)
            if k not in routes and k not in self._kept
        }
        fleet = Fleet()
        own = _reserved(scene, {**routes, **standing})
        for name, reservation in {**self._reservations, **own}.items():
            fleet.add(name, reservation)
        moving = {scene.jobs[k].name for k in jobs}
        if any({some.first, some.second} & moving for some in fleet.check_all()):
            return None
        return Repair(tuple(self._kept), routes, dict(zip(jobs, found.costs, strict=True)))


def _standing(planner: Planner, pose: Pose) -> Body:
    return stands(planner.machine.footprint.parts, pose)


def _kinds(jobs: "Sequence[Job | Member]") -> list[Planner]:
    """Give each planner once."""
    return list(dict.fromkeys(job.planner for job in jobs))


def _can_turn(planner: Planner) -> bool:
    return planner.machine.drive is not Drive.ACKERMANN


def _reserved(scene: Scene, routes: Mapping[int, Route]) -> dict[str, Reservation]:
    """Give routes as reservations, by name."""
    return {
        scene.jobs[k].name: Reservation(
            footprint=scene.jobs[k].planner.machine.footprint, route=route, from_s=scene.start_s
        )
        for k, route in routes.items()
    }


def _departures(scene: Scene, kept: Mapping[int, Route]) -> list[float]:
    """Give the times from which on to move: when all that moves stands, and when all has passed."""
    ends_s = [route.end_s for route in kept.values()]
    ends_s += [min(other.route.end_s, other.until_s) for other in scene.others.values()]
    go_s = max([scene.start_s, *ends_s])
    passing = [body for planner in _kinds(scene.jobs) for body in planner.passing]
    untils_s = [float(body.legs[:, UNTIL].max()) for body in passing]
    untils_s += [other.until_s for other in scene.others.values()]
    later_s = max([go_s, *(until_s for until_s in untils_s if until_s < math.inf)])
    return [go_s] if later_s == go_s else [go_s, later_s]


def _layouts(members: list[Member], bodies: list[Body]) -> Iterator[Places]:
    """Give one layout of places after the other."""
    if not members:
        return
    planners = _kinds(members)
    ends = np.array([pose[:2] for member in members for pose in (member.start, member.goal)])
    near_m = 2.0 * max(member.reach_m for member in members) + _SPARE_M
    for axis_rad in _axes(members):
        survey = Survey(planners, bodies, ends, axis_rad, near_m)
        yield survey.places(near_m, _END_WORTH, rings=False)
        yield survey.places(near_m, 0.0, rings=False)
        yield survey.places(math.sqrt(2.0) * near_m, _END_WORTH, rings=True)


def _axes(members: list[Member]) -> list[float]:
    """Give directions in which to lay rows: along the world's axis, and along walls and lanes."""
    weights: dict[float, float] = {}
    for member in members:
        for pose in (member.start, member.goal):
            turn = round(pose.heading_rad % (math.pi / 2.0), 6)
            weights[turn] = weights.get(turn, 0.0) + 1.0
    slant = max(weights, key=lambda turn: (weights[turn], -turn))
    return [0.0, slant] if 1e-3 < slant < math.pi / 2.0 - 1e-3 else [0.0]


def _is_free(planner: Planner, pose: Pose, bodies: list[Body]) -> bool:
    """Tell whether nothing stands where a machine is to stand."""
    links = planner.links_along([Way(0, 0, np.array((pose, pose)), 1.0)])
    return bool(planner.are_open(links, bodies)[0])


def _length(plan: Shorts) -> int:
    """Count the steps of all until they have arrived."""
    return int((plan != plan[-1]).sum())


def _in_order(places: dict[int, int]) -> Shorts:
    """Give the members' places, int32 (A,)."""
    return np.array([places[k] for k in range(len(places))], np.int32)
