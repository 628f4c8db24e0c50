"""`lunaredge route plot`: a scene as a picture, with what is against each route marked."""

import argparse
from pathlib import Path

from lunaredge.cli.route.check import verdicts_of
from lunaredge.cli.route.legend import Found
from lunaredge.cli.route.picture import Drawing, draw
from lunaredge.cli.route.scene import opened, world_of
from lunaredge.errors import ConfigError
from lunaredge.paths.machine import Machine
from lunaredge.paths.passage import closed_cells
from lunaredge.paths.verdict import Violation
from lunaredge.runtime.files.route_output import check_target
from lunaredge.runtime.files.route_scene import SceneFile
from lunaredge.runtime.files.route_shape import TIME_S_MAX


def run(options: argparse.Namespace) -> int:
    """Draw."""
    _check(options.out, options.at)
    scene = opened(options.scene)
    name, machine = _first_machine(scene)
    drawing = Drawing(
        scene=scene,
        violations=_violations(scene),
        closed=None if scene.grid is None else closed_cells(scene.grid, machine),
        closed_to=name,
        at_s=options.at,
    )
    draw(drawing, options.out)
    print(options.out)
    return 0


def _check(path: Path, at_s: float | None) -> None:
    check_target(path, (".png",))
    if at_s is not None and not abs(at_s) <= TIME_S_MAX:
        raise ConfigError(
            "no time",
            place="lunaredge route plot",
            key="--at",
            value=at_s,
            remedy=f"give seconds, at most {TIME_S_MAX:g}",
        )


def _first_machine(scene: SceneFile) -> tuple[str, Machine]:
    """Give the machine whose closed ground is shown: who drives the first route, or shall."""
    drivers = [(trip.machine_name, trip.machine) for trip in scene.routes]
    drivers += [(request.machine_name, request.machine) for request in scene.requests]
    return (drivers or list(scene.machines.items()))[0]


def _violations(scene: SceneFile) -> tuple[Found, ...]:
    """Give the first violation of each route that has one, each checked alone, earliest first."""
    verdicts = verdicts_of(world_of(scene), scene.routes, is_together=False)
    found = [
        (trip, verdict)
        for trip, verdict in zip(scene.routes, verdicts, strict=True)
        if isinstance(verdict, Violation)
    ]
    return tuple(sorted(found, key=lambda pair: pair[1].time_s))
