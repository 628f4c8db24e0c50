"""Requests of a scene planned in its world: one by itself, several together.

A reservation by a request's own name is what it had before: the plan replaces it. Who finds no
route holds: it stands at its start, and others go around it.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from lunaredge.cli.route.scene import world_of
from lunaredge.errors import Infeasible
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.machine import Machine
from lunaredge.paths.problem import NoRoute, Plan
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.scene import Scene
from lunaredge.paths.verdict import Violation
from lunaredge.paths.world import Trip, World
from lunaredge.runtime.files.route_scene import SceneFile
from lunaredge.runtime.files.route_trips import Request


class Answer(NamedTuple):
    """What came of a request."""

    request: Request
    found: Plan | NoRoute
    """A route of a fleet has no bound of its own: it is inf."""

    @property
    def route(self) -> Route | None:
        """The route, if there is one."""
        return self.found.route if isinstance(self.found, Plan) else None


def deadline(seconds: float) -> Callable[[], bool]:
    """Give what tells whether so many seconds have passed from now.

    Compiling the kernels does not count: a tiny plan is made first.
    """
    rover = Machine(footprint=Footprint.disc(0.5), speed_m_s_max=1.0, turn_rad_s_max=1.0)
    World(Scene()).plan(Trip("first", rover, Pose(0.0, 0.0, 0.0), Pose(3.0, 0.0, 0.0)))
    end_s = time.monotonic() + seconds
    return lambda: time.monotonic() >= end_s


def answers_of(
    scene: SceneFile,
    requests: list[Request],
    is_over: Callable[[], bool],
    say: Callable[[str], None],
) -> list[Answer]:
    """Plan the requests among the scene's reservations; those that start at one time, together.

    ``say`` is told what is being done, whenever that changes.

    Raises:
        Infeasible: a route that was found does not pass the exact check.
    """
    world = _world_without(scene, requests)
    starts_s = {request.start_s for request in requests}
    if len(requests) > 1 and len(starts_s) == 1:
        say(f"planning {len(requests)} requests together")
        answers = _together(world, requests, is_over)
    else:
        answers = _in_turn(world, requests, is_over, say)
    say("checking what was found")
    _check(world, answers)
    return answers


def _world_without(scene: SceneFile, requests: list[Request]) -> World:
    """Give the scene's world without the reservations that the plans replace."""
    world = world_of(scene)
    replaced = {name for request in requests for name in (request.name, *request.ignore)}
    for name in replaced & set(world.reservations):
        world.release(name)
    return world


def _together(world: World, requests: list[Request], is_over: Callable[[], bool]) -> list[Answer]:
    trips = [Trip(r.name, r.machine, r.start, r.goal) for r in requests]
    start_s = requests[0].start_s
    fleet = world.plan_fleet(trips, start_s=start_s, is_over=is_over)
    answers = []
    for request in requests:
        route = fleet.routes[request.name]
        found: Plan | NoRoute
        if request.name in fleet.holds:
            reason = f"it holds: {fleet.holds[request.name]}"
            found = NoRoute(kind=None, proven=False, reason=reason)
        else:
            cost = route.end_s - start_s
            found = Plan(route=route, cost=cost, bound=math.inf, states=0)
        answers.append(Answer(request, found))
    return answers


def _in_turn(
    world: World,
    requests: list[Request],
    is_over: Callable[[], bool],
    say: Callable[[str], None],
) -> list[Answer]:
    """Plan whoever starts first, first; the others stand at their starts meanwhile."""
    for request in requests:
        _reserve(world, request, None)
    answers: dict[str, Answer] = {}
    for request in sorted(requests, key=lambda request: request.start_s):
        found_count = sum(answer.route is not None for answer in answers.values())
        say(f"planning {request.name}; {found_count} of {len(requests)} requests have routes")
        trip = Trip(request.name, request.machine, request.start, request.goal)
        found = world.plan(trip, start_s=request.start_s, is_over=is_over)
        answers[request.name] = answer = Answer(request, found)
        _reserve(world, request, answer.route)
    return [answers[request.name] for request in requests]


def _reserve(world: World, request: Request, route: Route | None) -> None:
    standing = Route([(request.start_s, *request.start)])
    world.reserve(request.name, request.machine, route or standing)


def _check(world: World, answers: list[Answer]) -> None:
    """Ask the exact check for its word on every route among all the others.

    Raises:
        Infeasible: one does not pass.
    """
    for answer in answers:
        _reserve(world, answer.request, answer.route)
    for request, found in answers:
        if isinstance(found, Plan):
            verdict = world.check(request.machine, found.route, (request.name,), range_m=0.0)
            if isinstance(verdict, Violation):
                problem = f"the route found for {request.name} does not pass the check"
                raise Infeasible(f"{problem}: {verdict.reason}")
