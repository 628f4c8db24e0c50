"""`lunaredge route plan`: routes for the requests of a scene, or why there is none."""

import argparse
import sys
import textwrap
import time
from collections.abc import Callable

from lunaredge.cli.route.check import COLUMNS, finite, pose_row, verdicts_of
from lunaredge.cli.route.scene import chosen, world_of
from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError, Infeasible
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.machine import Machine
from lunaredge.paths.problem import NoRoute, Plan, never
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.scene import Scene
from lunaredge.paths.verdict import Violation
from lunaredge.paths.world import World
from lunaredge.runtime.files.route_scene import SceneFile, load_scene
from lunaredge.runtime.files.route_trips import Request, Trip
from lunaredge.runtime.files.route_writing import check_suffix, write_planned

SECONDS_MAX = 86_400.0

Answer = Plan | NoRoute


def run(options: argparse.Namespace) -> int:
    """Plan, check what was planned, write it and print."""
    if options.seconds is not None:
        _check_seconds(options.seconds)
    if options.out is not None:
        check_suffix(options.out)
    scene = load_scene(options.scene)
    requests = chosen(options.scene, "requests", scene.requests, options.request)
    answers = answers_of(scene, requests, deadline(options.seconds))
    planned = [(r, a.route) for r, a in zip(requests, answers, strict=True) if isinstance(a, Plan)]
    _check_planned(scene, planned)
    if options.out is not None:
        write_planned(options.out, scene, planned)
    if options.json:
        rows = [_row(request, answer) for request, answer in zip(requests, answers, strict=True)]
        document = {
            "scene": str(options.scene),
            "out": None if options.out is None else str(options.out),
            "planned": len(planned),
            "failed": len(requests) - len(planned),
            "requests": rows,
        }
        print(as_json(document))
    else:
        for request, answer in zip(requests, answers, strict=True):
            print(as_text(request, answer))
    if options.out is not None:
        print(f"wrote {len(planned)} routes to {options.out}", file=sys.stderr)
    return 0 if len(planned) == len(requests) else 1


def deadline(seconds: float | None) -> Callable[[], bool]:
    """Give what tells whether so many seconds have passed from now; None: they never have.

    Compiling the kernels does not count: a tiny plan is made first.
    """
    if seconds is None:
        return never
    rover = Machine(footprint=Footprint.disc(0.5), speed_m_s_max=1.0, turn_rad_s_max=1.0)
    World(Scene()).plan(rover, Pose(0.0, 0.0, 0.0), Pose(3.0, 0.0, 0.0))
    end_s = time.monotonic() + seconds
    return lambda: time.monotonic() >= end_s


def answers_of(
    scene: SceneFile, requests: list[Request], is_over: Callable[[], bool]
) -> list[Answer]:
    """Plan one after the other, each among the routes found before."""
    world = world_of(scene)
    for name in {name for request in requests for name in request.ignore}:
        world.release(name)
    answers: list[Answer] = []
    for request in requests:
        answer = world.plan(
            request.machine, request.start, request.goal, start_s=request.start_s, is_over=is_over
        )
        if isinstance(answer, Plan):
            world.reserve(f"route {request.name}", request.machine, answer.route)
        answers.append(answer)
    return answers


def as_text(request: Request, answer: Answer) -> str:
    """Give an answer as people read it: a line for the answer, one or more for the figures."""
    head = f"{request.name} ({request.machine_name})"
    if isinstance(answer, NoRoute):
        proof = "proven at the lattice's resolution" if answer.proven else "not proven"
        return f"{head}: NO ROUTE\n{_wrapped(f'{answer.reason}; {proof}')}"
    route = answer.route
    body = (
        f"{route.length_m:.1f} m in {route.end_s - request.start_s:.0f} s, arrives at "
        f"{route.end_s:.1f} s; at most {answer.bound:.3g} times the least cost"
    )
    return f"{head}: planned\n{_wrapped(body)}"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, COLUMNS, initial_indent="  ", subsequent_indent="  ")


def _trip(request: Request, route: Route) -> Trip:
    return Trip(
        name=request.name,
        machine_name=request.machine_name,
        machine=request.machine,
        route=route,
    )


def _check_planned(scene: SceneFile, planned: list[tuple[Request, Route]]) -> None:
    """Ask the exact check for its word on every route, together.

    What a request would have replaced stands if it got no route.

    Raises:
        Infeasible: a route that was found does not pass; nothing is written.
    """
    world = world_of(scene)
    for name in {name for request, _ in planned for name in request.ignore}:
        world.release(name)
    trips = [_trip(request, route) for request, route in planned]
    verdicts = verdicts_of(world, trips, is_together=True)
    for trip, verdict in zip(trips, verdicts, strict=True):
        if isinstance(verdict, Violation):
            raise Infeasible(f"the route found for {trip.name} does not pass: {verdict.reason}")


def _check_seconds(seconds: float) -> None:
    if not 0.0 < seconds <= SECONDS_MAX:
        raise ConfigError(
            "out of range",
            place="lunaredge route plan",
            key="--seconds",
            value=seconds,
            remedy=f"give more than 0 and at most {SECONDS_MAX:g}",
        )


def _row(request: Request, answer: Answer) -> dict[str, object]:
    row: dict[str, object] = {
        "request": request.name,
        "machine": request.machine_name,
        "planned": isinstance(answer, Plan),
        "states": answer.states,
    }
    if isinstance(answer, Plan):
        return row | {
            "start_s": answer.route.start_s,
            "end_s": answer.route.end_s,
            "length_m": answer.route.length_m,
            "cost": answer.cost,
            "bound": finite(answer.bound),
        }
    return row | {
        "proven": answer.proven,
        "kind": answer.kind and answer.kind.value,
        "party": answer.party,
        "pose": answer.pose and pose_row(answer.pose),
        "gap_m": answer.gap_m,
        "needed_m": answer.needed_m,
        "reason": answer.reason,
    }
