"""`lunaredge route plan`: routes for the requests of a scene, or why there is none."""

import argparse
import math
import sys
from pathlib import Path

from lunaredge.cli.progress import telling_of_planning
from lunaredge.cli.route.check import finite, pose_row
from lunaredge.cli.route.legs import check_machines
from lunaredge.cli.route.planning import Answer, answers_of, deadline
from lunaredge.cli.route.scene import chosen, opened, own_reservation
from lunaredge.cli.route.wording import indented
from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError
from lunaredge.paths.motion import energy_wh
from lunaredge.paths.problem import NoRoute
from lunaredge.paths.verdict import Kind
from lunaredge.runtime.files.document import file_error
from lunaredge.runtime.files.route_output import check_target
from lunaredge.runtime.files.route_scene import SceneFile
from lunaredge.runtime.files.route_writing import SUFFIXES, write_planned

SECONDS_MAX = 86_400.0


def run(options: argparse.Namespace) -> int:
    """Plan, write what was planned, and print."""
    _check_seconds(options.seconds)
    if options.out is not None:
        check_target(options.out, SUFFIXES)
        _check_other(options.out, options.scene)
    scene = opened(options.scene)
    requests = chosen(options.scene, "requests", scene.requests, options.request)
    check_machines(options.scene, requests)
    is_over = deadline(options.seconds)
    with telling_of_planning() as say:
        answers = answers_of(scene, requests, is_over, say)
    failed_count = sum(answer.route is None for answer in answers)
    if options.out is not None:
        write_planned(options.out, scene, [(answer.request, answer.route) for answer in answers])
    if options.json:
        document = {
            "scene": str(options.scene),
            "out": None if options.out is None else str(options.out),
            "planned": len(answers) - failed_count,
            "failed": failed_count,
            "requests": [_row(scene, answer) for answer in answers],
        }
        print(as_json(document))
    else:
        for answer in answers:
            print(as_text(scene, answer))
    if options.out is not None:
        count = len(answers) - failed_count
        routes = "1 route" if count == 1 else f"{count} routes"
        print(f"wrote {routes} to {options.out}{_of_the_old(scene, answers)}", file=sys.stderr)
    return 1 if failed_count else 0


def _of_the_old(scene: SceneFile, answers: list[Answer]) -> str:
    """Say what became of the routes that the scene had."""
    anew = {a.request.machine_name for a in answers if not isinstance(a.found, NoRoute)}
    left_out = [route.name for route in scene.routes if route.machine_name in anew]
    kept = len(scene.routes) - len(left_out)
    words = [f"behind {kept} of other machines"] if kept else []
    words += [f"in place of {', '.join(left_out)}"] if left_out else []
    return f", {', '.join(words)}" if words else ""


def as_text(scene: SceneFile, answer: Answer) -> str:
    """Give an answer as people read it: a line for the answer, one or more for the figures."""
    request, found = answer
    head = f"{request.name} ({request.machine_name})"
    if isinstance(found, NoRoute):
        proof = "proven, at the lattice's resolution" if found.proven else "not proven"
        return f"{head}: NO ROUTE\n{indented(f'{_reason(scene, answer)}; {proof}')}"
    route = found.route
    body = (
        f"{route.length_m:.1f} m in {route.end_s - request.start_s:.0f} s, "
        f"{energy_wh(scene.grid, request.machine, route):.1f} Wh, arrives at {route.end_s:.1f} s"
    )
    if math.isfinite(found.bound):
        body += f"; at most {found.bound:.3g} times the least cost"
    return f"{head}: planned\n{indented(body)}"


def _reason(scene: SceneFile, answer: Answer) -> str:
    found = answer.found
    assert isinstance(found, NoRoute)
    is_held = found.kind is Kind.RESERVATION
    own = own_reservation(scene, answer.request, found.party) if is_held else ""
    return f"{found.reason}; {own}" if own else found.reason


def _check_other(out: Path, scene: Path) -> None:
    if out.exists() and scene.exists() and out.samefile(scene):
        remedy = "name another: the plan would overwrite its requests"
        raise file_error("this is the scene itself", out, out.name, remedy)


def _check_seconds(seconds: float) -> None:
    if not 0.0 < seconds <= SECONDS_MAX:
        raise ConfigError(
            "out of range",
            place="lunaredge route plan",
            key="--seconds",
            value=seconds,
            remedy=f"give more than 0 and at most {SECONDS_MAX:g}",
        )


def _row(scene: SceneFile, answer: Answer) -> dict[str, object]:
    request, found = answer
    row: dict[str, object] = {
        "request": request.name,
        "machine": request.machine_name,
        "planned": answer.route is not None,
        "states": found.states,
    }
    if isinstance(found, NoRoute):
        return row | {
            "proven": found.proven,
            "kind": found.kind and found.kind.value,
            "party": found.party,
            "pose": found.pose and pose_row(found.pose),
            "gap_m": found.gap_m,
            "needed_m": found.needed_m,
            "reason": _reason(scene, answer),
        }
    return row | {
        "start_s": found.route.start_s,
        "end_s": found.route.end_s,
        "length_m": found.route.length_m,
        "energy_wh": energy_wh(scene.grid, request.machine, found.route),
        "cost": found.cost,
        "bound": finite(found.bound),
    }
