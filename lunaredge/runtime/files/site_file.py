"""The site file: where the terrain comes from, the boundary, and the named zones.

Owns the form of the file and its geometry checks. Whether work in a zone is possible is the
scheduler's question.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lunaredge.ids import SiteId
from lunaredge.model.site import CORNERS_MAX, Polygon, Site, TerrainGrid, Zone, ZoneKind
from lunaredge.runtime.files.document import Document, KeyPath
from lunaredge.runtime.files.fields import (
    POINT_RULE,
    Name,
    Point,
    Written,
    name,
    number,
    positive,
    text,
    validated,
)
from lunaredge.runtime.files.parsing import load_document
from lunaredge.runtime.files.polygon import area_m2, holds_polygon, is_simple
from lunaredge.runtime.files.terrain import Window, read_terrain

# Less than this is a slip of the hand: no machine's body fits on it.
AREA_M2_MIN = 1.0
ZONES_MAX = 256

_Corners = Annotated[
    tuple[Point, ...],
    Field(
        min_length=3,
        max_length=CORNERS_MAX,
        description=f"3 to {CORNERS_MAX} corners in order, each {POINT_RULE}; "
        "every route is checked against every edge, so draw coarse outlines",
    ),
]


class TerrainPart(Written):
    """Which part of which tile the site stands on."""

    file: Annotated[str, text(200, "path of a GeoTIFF of heights, from the site file's folder")]
    origin_x_m: Annotated[
        float, number("m", -1.1e7, 1.1e7, "projected x of the site's south-west corner, its origin")
    ]
    origin_y_m: Annotated[
        float, number("m", -1.1e7, 1.1e7, "projected y of the site's south-west corner, its origin")
    ]
    width_m: Annotated[float, number("m", 10, 20_000, "the site's size along x")]
    height_m: Annotated[float, number("m", 10, 20_000, "the site's size along y")]
    cell_m: Annotated[
        float,
        number("m", 0.25, 50, "size of the planning cells; a machine's body is a good measure"),
    ]


class ZonePart(Written):
    """A named area."""

    name: Annotated[Name, name("work orders and screens call the zone by it; unique in the site")]
    kind: Annotated[
        Literal["keep_out", "work", "speed", "charge", "haven", "no_standing"],
        Field(
            description="keep_out (no body enters), work (a task may name it), speed (slower "
            "inside), charge (machines charge inside), haven (safe to wait in) or no_standing "
            "(a ramp or a gate: machines pass, none may stop inside)"
        ),
    ]
    polygon: _Corners
    speed_m_s_max: Annotated[
        float | None,
        positive("m/s", 5, "for speed zones, and only there: top speed inside"),
    ] = None


class SitePart(Written):
    """The whole site file."""

    name: Annotated[Name, name("the site's level in every topic")]
    title: Annotated[str, text(200, "what people read on screens and in reports")]
    regolith_kg_m3: Annotated[
        float, number("kg/m3", 800, 2500, "bulk density of undisturbed regolith, for dug volumes")
    ]
    boundary: _Corners
    terrain: Annotated[
        TerrainPart, Field(description="a table: which part of which tile the site stands on")
    ]
    zones: Annotated[
        tuple[ZonePart, ...],
        Field(max_length=ZONES_MAX, description=f"at most {ZONES_MAX} zones, with unique names"),
    ]


def load_site(path: Path) -> Site:
    """Give the site that a file describes, with its terrain.

    Raises:
        ConfigError: the first thing in the file, or in the terrain it names, that can't be used.
    """
    document = load_document(path)
    part = validated(document, SitePart)
    _check_polygon(document, ("boundary",), part.boundary)
    _check_zones(document, part)
    window = Window(
        x_m=part.terrain.origin_x_m,
        y_m=part.terrain.origin_y_m,
        width_m=part.terrain.width_m,
        height_m=part.terrain.height_m,
        cell_m=part.terrain.cell_m,
    )
    return _site_of(part, read_terrain(path.parent / part.terrain.file, window))


def _check_zones(document: Document, part: SitePart) -> None:
    width_m, height_m = part.terrain.width_m, part.terrain.height_m
    terrain: Polygon = ((0.0, 0.0), (width_m, 0.0), (width_m, height_m), (0.0, height_m))
    if not holds_polygon(terrain, part.boundary):
        remedy = f"stay within x 0 to {width_m:g}, y 0 to {height_m:g}"
        raise document.error(
            "the boundary leaves the terrain", ("boundary",), part.boundary, remedy
        )
    seen: set[str] = set()
    for i, zone in enumerate(part.zones):
        if zone.name in seen:
            problem = "another zone has this name"
            raise document.error(problem, ("zones", i, "name"), zone.name, "rename one of them")
        seen.add(zone.name)
        _check_polygon(document, ("zones", i, "polygon"), zone.polygon)
        _check_zone(document, i, zone, terrain if zone.kind == "keep_out" else part.boundary)


def _check_zone(document: Document, i: int, zone: ZonePart, around: Polygon) -> None:
    if not holds_polygon(around, zone.polygon):
        place = "terrain" if zone.kind == "keep_out" else "boundary"
        problem = f"zone {zone.name} leaves the {place}"
        raise document.error(
            problem, ("zones", i, "polygon"), zone.polygon, f"draw it inside the {place}"
        )
    if (zone.kind == "speed") != (zone.speed_m_s_max is not None):
        raise document.error(
            f"zone {zone.name} is of kind {zone.kind}",
            ("zones", i, "speed_m_s_max"),
            zone.speed_m_s_max,
            "give speed_m_s_max for speed zones, and for no other",
        )


def _check_polygon(document: Document, key: KeyPath, polygon: Polygon) -> None:
    if not is_simple(polygon):
        remedy = "list the corners in order, each once, without the first again at the end"
        raise document.error("the polygon crosses or touches itself", key, polygon, remedy)
    if area_m2(polygon) < AREA_M2_MIN:
        remedy = "give metres, not kilometres"
        raise document.error(
            f"the polygon holds less than {AREA_M2_MIN:g} m2", key, polygon, remedy
        )


def _site_of(part: SitePart, terrain: TerrainGrid) -> Site:
    zones = tuple(
        Zone(
            name=zone.name,
            kind=ZoneKind(zone.kind),
            polygon=zone.polygon,
            speed_m_s_max=zone.speed_m_s_max,
        )
        for zone in part.zones
    )
    return Site(
        name=SiteId(part.name),
        title=part.title,
        boundary=part.boundary,
        terrain=terrain,
        zones=zones,
        regolith_kg_m3=part.regolith_kg_m3,
    )
