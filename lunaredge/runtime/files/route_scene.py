"""The scene file of `lunaredge route`: a site, machines, routes, reservations and requests.

YAML, JSON or GeoJSON (`route_geojson`). Owns how the parts refer to each other. What a route meets
is the paths library's question.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from lunaredge.model.site import Point, Site, ZoneKind
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Machine
from lunaredge.paths.zones import Obstacle, Zone, check_simple
from lunaredge.runtime.files.document import Document
from lunaredge.runtime.files.fields import validated
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.parsing import load_document
from lunaredge.runtime.files.route_geojson import is_map, tree_of_map
from lunaredge.runtime.files.route_ground import ground_of
from lunaredge.runtime.files.route_machine import machine_of
from lunaredge.runtime.files.route_placing import check_new, file_named, or_else, placed
from lunaredge.runtime.files.route_shape import ScenePart
from lunaredge.runtime.files.route_trips import Request, Trip, check_ignored, requests_of, trips_of
from lunaredge.runtime.files.site_file import load_site

# 50 000 knots of full precision in YAML, which takes three seconds to read; 200 000 in JSON.
YAML_BYTES_MAX = 4 * 1024 * 1024
JSON_BYTES_MAX = 16 * 1024 * 1024
DEGREES_NOTE = "coordinates are taken as metres of the site's frame; are these degrees?"


class SceneFile(msgspec.Struct, frozen=True, kw_only=True):
    """All that a scene file says, as values of the paths library."""

    path: Path
    title: str
    grid: SiteGrid | None
    boundary: tuple[Point, ...] | None
    zones: tuple[Zone, ...]
    obstacles: tuple[Obstacle, ...]
    machines: Mapping[str, Machine]
    routes: tuple[Trip, ...]
    reservations: tuple[Trip, ...]
    requests: tuple[Request, ...]
    tree: Mapping[str, Any]
    """The file's own keys and values, GeoJSON's put in the order of YAML's."""
    note: str = ""
    """What whoever reads the file ought to know, though it is no mistake."""


def load_scene(path: Path) -> SceneFile:
    """Give the scene that a file describes.

    Raises:
        ConfigError: the first thing in the file, or in one that it names, that can't be used.
    """
    document = load_document(path, bytes_max(path))
    has_map = is_map(document)
    if has_map:
        document = tree_of_map(document)
    if not isinstance(document.value, dict):
        remedy = "give a table of keys with their values; docs/reference/route-files.md has them"
        raise document.error("no scene", (), document.value, remedy)
    part = validated(document, ScenePart)
    if not (part.routes or part.reservations or part.requests or part.machines):
        remedy = "give machines with routes, reservations or requests"
        raise document.error("the scene is empty", (), sorted(document.value), remedy)
    site = _site_of(document, part)
    grid = _grid_of(document, part, site)
    boundary = _boundary_of(document, part, site)
    machines = _machines_of(document, part, site)
    reservations = tuple(trips_of(document, "reservations", part.reservations, machines))
    holders = [trip.name for trip in reservations]
    routes = tuple(trips_of(document, "routes", part.routes, machines))
    requests = tuple(requests_of(document, part.requests, machines))
    check_ignored(document, "routes", part.routes, holders)
    check_ignored(document, "requests", part.requests, holders)
    _check_wanted(document, routes, requests)
    # An answer names a zone or an obstacle by its name alone.
    names: set[str] = set()
    return SceneFile(
        path=path,
        title=part.title or (site.title if site else path.stem),
        grid=grid,
        boundary=boundary,
        zones=tuple(_zones_of(document, part, site, names)),
        obstacles=tuple(_obstacles_of(document, part, names)),
        machines=machines,
        routes=routes,
        reservations=reservations,
        requests=requests,
        tree=document.value,
        note=DEGREES_NOTE if has_map and _looks_like_degrees(part) else "",
    )


def bytes_max(path: Path) -> int:
    """Give how large a scene file of that name may be."""
    return YAML_BYTES_MAX if path.suffix.lower() in (".yaml", ".yml") else JSON_BYTES_MAX


def _check_wanted(document: Document, routes: Iterable[Trip], requests: Iterable[Request]) -> None:
    """Check that no request asks for a route that is there: its plan takes the request's name.

    Raises:
        ConfigError: one does.
    """
    known = {trip.name for trip in routes}
    for i, request in enumerate(requests):
        if request.name in known:
            remedy = "rename one of them; the route that is planned gets the request's name"
            key = ("requests", i, "name")
            raise document.error("a route has this name", key, request.name, remedy)


def _looks_like_degrees(part: ScenePart) -> bool:
    """Tell whether a map without ground or boundary could be one in longitudes and latitudes."""
    if part.site or part.terrain or part.boundary:
        return False
    points: list[tuple[float, ...]] = [p for area in part.zones for p in area.polygon]
    points += [p for thing in part.obstacles for p in thing.polygon]
    for way in (*part.routes, *part.reservations):
        points += way.points or [knot[1:3] for knot in way.knots or ()]
    points += [end for request in part.requests for end in (request.start, request.goal)]
    return bool(points) and all(abs(p[0]) <= 180.0 and abs(p[1]) <= 90.0 for p in points)


def _site_of(document: Document, part: ScenePart) -> Site | None:
    if part.site is None:
        if part.fleet is not None:
            remedy = "give its site file as site too, or give machines here"
            raise document.error("a fleet needs its site", ("fleet",), part.fleet, remedy)
        return None
    for key in ("terrain", "boundary"):
        if getattr(part, key) is not None:
            remedy = f"remove it, or site and give all here; {part.site} has its own {key}"
            raise document.error("the site has one already", (key,), part.site, remedy)
    return load_site(file_named(document, ("site",), part.site))


def _grid_of(document: Document, part: ScenePart, site: Site | None) -> SiteGrid | None:
    if site is not None:
        return SiteGrid.of_terrain(site.terrain)
    return None if part.terrain is None else ground_of(document, part.terrain)


def _boundary_of(
    document: Document, part: ScenePart, site: Site | None
) -> tuple[Point, ...] | None:
    if site is not None:
        return site.boundary
    if part.boundary is not None:
        with placed(document, ("boundary",), "polygon"):
            check_simple(part.boundary, "boundary")
    return part.boundary


def _zones_of(
    document: Document, part: ScenePart, site: Site | None, names: set[str]
) -> Iterable[Zone]:
    for known in () if site is None else site.zones:
        names.add(known.name)
        yield Zone.of(known)
    for i, zone in enumerate(part.zones):
        check_new(document, ("zones", i), zone.name, names)
        with placed(document, ("zones", i)):
            yield Zone(
                name=zone.name,
                kind=ZoneKind(zone.kind),
                polygon=zone.polygon,
                speed_m_s_max=zone.speed_m_s_max,
                from_s=or_else(zone.from_s, -math.inf),
                until_s=or_else(zone.until_s, math.inf),
            )


def _obstacles_of(document: Document, part: ScenePart, names: set[str]) -> Iterable[Obstacle]:
    for i, obstacle in enumerate(part.obstacles):
        check_new(document, ("obstacles", i), obstacle.name, names)
        with placed(document, ("obstacles", i)):
            yield Obstacle(
                name=obstacle.name,
                polygon=obstacle.polygon,
                low_m=obstacle.low_m,
                high_m=or_else(obstacle.high_m, math.inf),
                margin_m=obstacle.margin_m,
                from_s=or_else(obstacle.from_s, -math.inf),
                until_s=or_else(obstacle.until_s, math.inf),
            )


def _machines_of(document: Document, part: ScenePart, site: Site | None) -> dict[str, Machine]:
    machines: dict[str, Machine] = {}
    if part.fleet is not None:
        assert site is not None
        fleet = load_fleet(file_named(document, ("fleet",), part.fleet), site)
        machines = {
            node.name: Machine.of_spec(node.machine)
            for node in fleet.nodes
            if node.machine is not None
        }
    names = set(machines)
    for i, machine in enumerate(part.machines):
        check_new(document, ("machines", i), machine.name, names)
        machines[machine.name] = machine_of(document, ("machines", i), machine)
    return machines
