"""Scene files in GeoJSON: the same keys, with the shapes where maps look for them.

A feature's property ``role`` says what it is: boundary, zone, obstacle, route, reservation or
request. The other properties are the keys of that part; its polygon, points or poses stand in the
geometry. What has no shape (terrain, machines, site, fleet) stands beside ``features``. Coordinates
are metres of the site's frame and not degrees, against RFC 7946, section 4, by the arrangement that
it allows: a site is flat, and a millimetre counts.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import Document, KeyPath

FEATURES_MAX = 50_000
_POLYGONS = {"boundary": "boundary", "zone": "zones", "obstacle": "obstacles"}
_LINES = {"route": "routes", "reservation": "reservations", "request": "requests"}
ROLES = (*_POLYGONS, *_LINES)
# Members that GeoJSON gives every object, and that say nothing here.
_SILENT = {"type", "bbox", "id"}

Tree = dict[str, Any]


class MapDocument(Document, frozen=True, kw_only=True):
    """A scene file in GeoJSON, as the tree that a YAML file has; errors name the GeoJSON's places.

    ``sources`` tells where a value of the tree was found, for the longest known part of its key,
    and ``names`` what people call a feature.
    """

    sources: Mapping[KeyPath, KeyPath] = {}
    names: Mapping[int, str] = {}

    def error(self, problem: str, key: KeyPath, value: object, remedy: str) -> ConfigError:
        """Give the error for the value at that key path of the tree, where it stands in the map.

        A feature is told by its name as well: nobody counts them.
        """
        source = self._source(key)
        name = self.names.get(int(source[1])) if source[:1] == ("features",) and source[1:] else ""
        about = f"{problem}, in {name}" if name else problem
        return super().error(about, source, value, remedy)

    def _source(self, key: KeyPath) -> KeyPath:
        if len(key) in (4, 5) and key[2] == "knots":
            # A knot's columns are scattered: its time, its place, its heading.
            item = self.sources.get(key[:2], key[:2])
            place = (*item[:2], "geometry", "coordinates", key[3])
            if len(key) == 4:
                return place
            column = key[4]
            assert isinstance(column, int)
            row = {0: (*item, "times_s", key[3]), 3: (*item, "headings_deg", key[3])}
            return row.get(column, (*place, column - 1))
        for length in range(len(key), 0, -1):
            if key[:length] in self.sources:
                return (*self.sources[key[:length]], *key[length:])
        return key


def is_map(document: Document) -> bool:
    """Tell whether a file is GeoJSON by what it says of itself."""
    value = document.value
    is_one = isinstance(value, dict) and value.get("type") in ("Feature", "FeatureCollection")
    return is_one or (isinstance(value, dict) and "features" in value)


def tree_of_map(document: Document) -> MapDocument:
    """Give a GeoJSON file as the tree that the same scene has in YAML.

    Raises:
        ConfigError: not a collection of features, or one of them is none of a scene.
    """
    value = document.value
    assert isinstance(value, dict)
    document = MapDocument(
        path=document.path,
        value=value,
        lines={},
        variables=document.variables,
        names=_names_of(value.get("features")),
    )
    if value.get("type") != "FeatureCollection":
        remedy = "give a FeatureCollection, with its features in a list"
        raise document.error("not a scene in GeoJSON", ("type",), value.get("type"), remedy)
    if "crs" in value:
        remedy = "remove it, and give coordinates in metres of the site's frame, not in degrees"
        raise document.error("a scene has no other frame", ("crs",), value["crs"], remedy)
    features = value.get("features")
    if not isinstance(features, list) or len(features) > FEATURES_MAX:
        remedy = f"give a list of at most {FEATURES_MAX} features"
        raise document.error("no list of features", ("features",), features, remedy)
    tree: Tree = {k: v for k, v in value.items() if k not in _SILENT and k != "features"}
    for key in tree:
        if key in {"boundary", "zones", "obstacles", "routes", "reservations", "requests"}:
            remedy = "give it as features, each with its role"
            raise document.error("this is not read beside the features", (key,), tree[key], remedy)
    sources: dict[KeyPath, KeyPath] = {}
    for i, feature in enumerate(features):
        _add_feature(document, i, feature, tree, sources)
    return msgspec.structs.replace(document, value=tree, sources=sources)


def _names_of(features: object) -> dict[int, str]:
    """Give what people call the features that have a name: the role, if there is one, and it."""
    names = {}
    for i, feature in enumerate(features if isinstance(features, list) else ()):
        given = feature.get("properties") if isinstance(feature, dict) else None
        if isinstance(given, dict) and isinstance(given.get("name"), str):
            role = given.get("role")
            names[i] = f"{role if role in ROLES else 'feature'} {given['name'][:40]!r}"
    return names


def _add_feature(
    document: Document, i: int, feature: object, tree: Tree, sources: dict[KeyPath, KeyPath]
) -> None:
    """Put one feature into the tree, and note where its parts stand."""
    key: KeyPath = ("features", i)
    item, geometry = _members_of(document, key, feature)
    role = item.pop("role", None)
    if role not in ROLES:
        remedy = f"give one of {', '.join(ROLES)}"
        raise document.error("not a role", (*key, "properties", "role"), role, remedy)
    shape = _Shape(document, key, geometry)
    coordinates: KeyPath = (*key, "geometry", "coordinates")
    if role == "boundary":
        if "boundary" in tree:
            raise document.error("another feature is the boundary", key, role, "keep one")
        for name, value in item.items():
            remedy = "remove it; a boundary has only its polygon"
            raise document.error("the key is not known", (*key, "properties", name), value, remedy)
        tree["boundary"] = shape.outline()
        sources[("boundary",)] = (*coordinates, 0)
        return
    group = {**_POLYGONS, **_LINES}[role]
    items: list[Tree] = tree.setdefault(group, [])
    place = (group, len(items))
    items.append(item)
    sources[place] = (*key, "properties")
    if role in _POLYGONS:
        item["polygon"] = shape.outline()
        sources[(*place, "polygon")] = (*coordinates, 0)
        return
    _LINE_READERS[role](shape, item)
    sources[(*place, "points")] = coordinates
    sources[(*place, "start")] = (*coordinates, 0)
    sources[(*place, "goal")] = (*coordinates, 1)


def _members_of(document: Document, key: KeyPath, feature: object) -> tuple[Tree, object]:
    """Give a feature's properties and its geometry."""
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise document.error("not a feature", key, feature, 'give an object of type "Feature"')
    for name in feature:
        if name not in _SILENT | {"geometry", "properties"}:
            remedy = "put it into the properties, or remove it"
            raise document.error("the key is not known", (*key, name), feature[name], remedy)
    given = feature.get("properties")
    if not isinstance(given, dict):
        raise document.error("no properties", (*key, "properties"), given, "give a role at least")
    # Mapping tools give all features of a layer the same properties, null where there are none.
    item = {name: value for name, value in given.items() if value is not None}
    return item, feature.get("geometry")


class _Shape:
    """The geometry of one feature."""

    def __init__(self, document: Document, feature: KeyPath, geometry: object) -> None:
        self._document = document
        self._feature = feature
        self._geometry = geometry if isinstance(geometry, dict) else {}

    def outline(self) -> list[object]:
        """Give a polygon's corners, without the first again at the end."""
        rings = self._coordinates("Polygon")
        if len(rings) != 1:
            problem = "a polygon has one ring here, without holes"
            raise self._wrong(problem, (), len(rings), "give one ring, or several polygons")
        ring = rings[0]
        if not isinstance(ring, list) or len(ring) < 4 or ring[0] != ring[-1]:
            remedy = "give at least 4 positions, the first again as the last"
            raise self._wrong("the ring is not closed", (0,), ring, remedy)
        return ring[:-1]

    def positions(self) -> list[object]:
        """Give a line's positions, or a point's one."""
        if self._geometry.get("type") == "Point":
            return [self._coordinates("Point")]
        return self._coordinates("LineString")

    def column(self, item: Tree, name: str, count: int) -> list[object]:
        """Take a property that holds one number for each position."""
        values = item.pop(name, None)
        if not isinstance(values, list) or len(values) != count:
            remedy = f"give a list of {count} numbers, one for each position"
            key = (*self._feature, "properties", name)
            raise self._document.error("the list does not fit", key, values, remedy)
        return values

    def place(self, positions: list[object], k: int) -> list[object]:
        """Give one position as [x, y]."""
        position = positions[k]
        if not isinstance(position, list) or len(position) != 2:
            raise self._wrong("not a position", (k,), position, "give [x, y] in metres")
        return position

    def two_positions(self) -> list[object]:
        """Give the positions of a line from a start to a goal."""
        positions = self.positions()
        if len(positions) != 2:
            remedy = "give a LineString of two positions: the start and the goal"
            raise self._wrong("not a start and a goal", (), len(positions), remedy)
        return positions

    def _coordinates(self, kind: str) -> list[Any]:
        found = self._geometry.get("type")
        if found != kind:
            key = (*self._feature, "geometry", "type")
            remedy = f"give a {kind}"
            raise self._document.error("not the geometry of this role", key, found, remedy)
        coordinates = self._geometry.get("coordinates")
        if not isinstance(coordinates, list) or not coordinates:
            raise self._wrong("no coordinates", (), coordinates, f"give those of a {kind}")
        return coordinates

    def _wrong(self, problem: str, below: KeyPath, value: object, remedy: str) -> ConfigError:
        key = (*self._feature, "geometry", "coordinates", *below)
        return self._document.error(problem, key, value, remedy)


def _read_route(shape: _Shape, item: Tree) -> None:
    """Put the positions into a route's keys: as knots where times are given, else as points."""
    positions = shape.positions()
    if "times_s" not in item and "headings_deg" not in item:
        item["points"] = positions
        return
    count = len(positions)
    times_s = shape.column(item, "times_s", count)
    headings_deg = shape.column(item, "headings_deg", count)
    item["knots"] = [
        [times_s[k], *shape.place(positions, k), headings_deg[k]] for k in range(count)
    ]


def _read_request(shape: _Shape, item: Tree) -> None:
    positions = shape.two_positions()
    headings_deg = shape.column(item, "headings_deg", 2)
    for k, end in enumerate(("start", "goal")):
        item[end] = [*shape.place(positions, k), headings_deg[k]]


_LINE_READERS: dict[str, Callable[[_Shape, Tree], None]] = {
    "route": _read_route,
    "reservation": _read_route,
    "request": _read_request,
}


def map_of_tree(tree: Mapping[str, Any]) -> Tree:
    """Give the GeoJSON of a scene's tree: what `tree_of_map` reads back."""
    shaped = {"boundary", *_POLYGONS.values(), *_LINES.values()}
    features = []
    if "boundary" in tree:
        features.append(_feature("boundary", _polygon(tree["boundary"]), {}))
    for role in ("zone", "obstacle"):
        for item in tree.get(_POLYGONS[role], ()):
            rest = {name: value for name, value in item.items() if name != "polygon"}
            features.append(_feature(role, _polygon(item["polygon"]), rest))
    for role, group in _LINES.items():
        features += [_line_feature(role, item) for item in tree.get(group, ())]
    beside = {name: value for name, value in tree.items() if name not in shaped}
    return {"type": "FeatureCollection", **beside, "features": features}


def _line_feature(role: str, item: Mapping[str, Any]) -> Tree:
    rest = dict(item)
    if role == "request":
        poses = [rest.pop("start"), rest.pop("goal")]
        rest["headings_deg"] = [heading_deg for _, _, heading_deg in poses]
        positions = [[x_m, y_m] for x_m, y_m, _ in poses]
    elif "knots" in rest:
        knots = rest.pop("knots")
        rest["times_s"] = [knot[0] for knot in knots]
        rest["headings_deg"] = [knot[3] for knot in knots]
        positions = [[knot[1], knot[2]] for knot in knots]
    else:
        positions = rest.pop("points")
    if len(positions) == 1:
        return _feature(role, {"type": "Point", "coordinates": positions[0]}, rest)
    return _feature(role, {"type": "LineString", "coordinates": positions}, rest)


def _polygon(corners: list[Any]) -> Tree:
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


def _feature(role: str, geometry: Tree, rest: Mapping[str, Any]) -> Tree:
    return {"type": "Feature", "properties": {"role": role, **rest}, "geometry": geometry}
