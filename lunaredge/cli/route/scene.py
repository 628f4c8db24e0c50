"""A scene file as a world of the paths library, and what the options name of it."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from lunaredge.errors import ConfigError
from lunaredge.paths.scene import Scene
from lunaredge.paths.world import World
from lunaredge.runtime.files.route_scene import SceneFile, load_scene
from lunaredge.runtime.files.route_trips import Request, Trip

Named = TypeVar("Named", Trip, Request)


def opened(path: Path) -> SceneFile:
    """Give the scene of a file; what its reader ought to know is told on stderr."""
    scene = load_scene(path)
    if scene.note:
        print(f"lunaredge: {path}: {scene.note}", file=sys.stderr)
    return scene


def world_of(scene: SceneFile) -> World:
    """Give the world of a scene, with its reservations."""
    world = World(
        Scene(
            grid=scene.grid,
            boundary=scene.boundary,
            zones=scene.zones,
            obstacles=scene.obstacles,
        )
    )
    for trip in scene.reservations:
        world.reserve(trip.name, trip.machine, trip.route, from_s=trip.from_s, until_s=trip.until_s)
    return world


def own_reservation(scene: SceneFile, item: Trip | Request, party: str) -> str:
    """Say it of a reservation if it is of the same machine, which is not excused for that."""
    own = {trip.name for trip in scene.reservations if trip.machine_name == item.machine_name}
    if party not in own:
        return ""
    return f"{party} is {item.machine_name}'s own, and counts unless ignore names it"


def chosen(
    path: Path, group: str, items: Sequence[Named], names: Iterable[str] | None
) -> list[Named]:
    """Give the routes or requests that were named, in the file's order; all where none was.

    Raises:
        ConfigError: there are none, or none of that name.
    """
    if not items:
        raise ConfigError(
            f"the scene has no {group}",
            place=str(path),
            key=group,
            value=[],
            remedy=f"give it {group}; docs/reference/route-files.md has the keys",
        )
    wanted = set(names or (item.name for item in items))
    known = {item.name for item in items}
    for name in sorted(wanted - known):
        raise ConfigError(
            "there is none of that name",
            place=str(path),
            key=group,
            value=name,
            remedy=f"name one of {', '.join(item.name for item in items[:10])}",
        )
    return [item for item in items if item.name in wanted]
