"""Routes written as a scene file, YAML or GeoJSON by the suffix, that `load_scene` reads back.

All that the first file says stays in it, but for the requests that are answered and the
reservations that plans replace, and for the routes that a machine had before it was planned anew.
Paths of other files are told from the new file's folder.
"""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from lunaredge.paths.route import HEADING, Route
from lunaredge.runtime.files.document import file_error
from lunaredge.runtime.files.route_geojson import map_of_tree
from lunaredge.runtime.files.route_output import check_target, write_whole
from lunaredge.runtime.files.route_scene import SceneFile, bytes_max
from lunaredge.runtime.files.route_trips import Request

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_YAML = (".yaml", ".yml")
_JSON = (".json", ".geojson")
SUFFIXES = (*_YAML, *_JSON)


def write_planned(
    path: Path, scene: SceneFile, planned: Sequence[tuple[Request, Route | None]]
) -> None:
    """Write a scene with routes in place of the requests that they answer, behind those of others.

    None for a route: the machine holds, which is a reservation of its start.

    Raises:
        ConfigError: the suffix names no format, or the file can't be written. What was there stays.
    """
    check_target(path, SUFFIXES)
    tree = _rebased(scene, path.parent)
    answered = {request.name for request, route in planned if route is not None}
    replaced = {name for r, _ in planned for name in (r.name, *r.ignore)}
    held = {request.name for request, route in planned if route is None}
    anew = {request.machine_name for request, route in planned if route is not None}
    routes = [
        _without(item, replaced - held)
        for item in tree.get("routes", ())
        if item["machine"] not in anew
    ]
    routes += [_way_of(request, route) for request, route in planned if route is not None]
    holding = [
        _way_of(request, Route([(request.start_s, *request.start)]))
        for request, route in planned
        if route is None
    ]
    others = [item for item in tree.get("reservations", ()) if item["name"] not in replaced]
    requests = [
        _without(item, replaced)
        for item in tree.get("requests", ())
        if item["name"] not in answered
    ]
    groups = {"routes": routes, "reservations": others + holding, "requests": requests}
    for group, items in groups.items():
        tree.pop(group, None)
        if items:
            tree[group] = items
    if path.suffix.lower() in _YAML:
        text = yaml.dump(
            tree,
            Dumper=_Dumper,
            default_flow_style=None,
            sort_keys=False,
            allow_unicode=True,
            width=100,
        )
    else:
        whole = map_of_tree(tree) if path.suffix.lower() == ".geojson" else tree
        # A date that stands where a text may is read as one.
        text = json.dumps(whole, ensure_ascii=False, default=str) + "\n"
    content = text.encode()
    if len(content) > bytes_max(path):
        remedy = "write it as .geojson, or plan fewer requests at a time"
        raise file_error("the routes are too many for this format", path, path.name, remedy)
    write_whole(path, content)


def _way_of(request: Request, route: Route) -> dict[str, Any]:
    knots = [[*knot[:HEADING], math.degrees(knot[HEADING])] for knot in route.knots.tolist()]
    return {"name": request.name, "machine": request.machine_name, "knots": knots}


def _without(item: dict[str, Any], replaced: set[str]) -> dict[str, Any]:
    """Give a route or a request that ignores nothing that is gone."""
    ignore = [name for name in item.get("ignore") or () if name not in replaced]
    rest = {key: value for key, value in item.items() if key != "ignore"}
    return {**rest, "ignore": ignore} if ignore else rest


def _rebased(scene: SceneFile, folder: Path) -> dict[str, Any]:
    """Give a copy of the tree whose paths begin in another folder."""
    tree = dict(scene.tree)
    here = scene.path.parent
    for key in ("site", "fleet"):
        if tree.get(key) is not None:
            tree[key] = os.path.relpath(here / tree[key], folder)
    terrain = tree.get("terrain")
    if terrain is not None and terrain.get("file") is not None:
        tree["terrain"] = {**terrain, "file": os.path.relpath(here / terrain["file"], folder)}
    return tree
