"""The shape of a scene file: what `lunaredge route` checks, plans and draws.

Owns the keys, their units, ranges and reasons. `route_scene` makes values of the library out of
them, `route_geojson` reads the same keys from GeoJSON.
"""

from typing import Annotated, Literal

from pydantic import Field

from lunaredge.runtime.files.fields import (
    COORDINATE_M_MAX,
    POINT_RULE,
    Name,
    Point,
    Written,
    name,
    number,
    positive,
    text,
)
from lunaredge.runtime.files.route_machine import DriverPart

CORNERS_MAX = 256
ZONES_MAX = 1000
OBSTACLES_MAX = 10_000
MACHINES_MAX = 256
ROUTES_MAX = 10_000
KNOTS_MAX = 100_000
ROWS_MAX = 2048
# Ten years on one clock; beyond it something counts in milliseconds.
TIME_S_MAX = 3.2e8
# A hundred turns.
HEADING_DEG_MAX = 36_000.0

_Coordinate = Annotated[float, Field(ge=-COORDINATE_M_MAX, le=COORDINATE_M_MAX)]
_Time = Annotated[float, Field(ge=-TIME_S_MAX, le=TIME_S_MAX)]
_Heading = Annotated[float, Field(ge=-HEADING_DEG_MAX, le=HEADING_DEG_MAX)]
Knot = tuple[_Time, _Coordinate, _Coordinate, _Heading]
PosePoint = tuple[_Coordinate, _Coordinate, _Heading]

POSE_RULE = "[x, y, heading] in metres and degrees, counter-clockwise from +x"
_OUTLINE = f"3 to {CORNERS_MAX} corners in order, each {POINT_RULE}"
Outline = Annotated[
    tuple[Point, ...], Field(min_length=3, max_length=CORNERS_MAX, description=_OUTLINE)
]
_From = Annotated[
    float | None,
    number("s", -TIME_S_MAX, TIME_S_MAX, "when it begins to count; always, if left out"),
]
_Until = Annotated[
    float | None, number("s", -TIME_S_MAX, TIME_S_MAX, "when it ends; never, if left out")
]


class WindowPart(Written):
    """Which part of a tile the scene stands on, and in which cells."""

    origin_x_m: Annotated[
        float,
        number("m", -1.1e7, 1.1e7, "projected x of the south-west corner, the scene's origin"),
    ]
    origin_y_m: Annotated[
        float,
        number("m", -1.1e7, 1.1e7, "projected y of the south-west corner, the scene's origin"),
    ]
    width_m: Annotated[float, number("m", 1, 20_000, "the scene's size along x")]
    height_m: Annotated[float, number("m", 1, 20_000, "the scene's size along y")]
    cell_m: Annotated[float, number("m", 0.05, 50, "size of the cells")]


class GroundPart(Written):
    """Heights: of a tile, or written here."""

    file: Annotated[
        str | None, text(200, "path of a GeoTIFF of heights, from the scene file's folder")
    ] = None
    window: Annotated[
        WindowPart | None,
        Field(
            description="a table: the part of the tile; all of it in its own pixels, if left out"
        ),
    ] = None
    heights_m: Annotated[
        tuple[tuple[Annotated[float, Field(ge=-12_000, le=12_000)] | None, ...], ...] | None,
        Field(
            min_length=2,
            max_length=ROWS_MAX,
            description=f"2 to {ROWS_MAX} rows of as many heights in m, -12000 to 12000, the first "
            "row at the smallest y; null where the height is not known",
        ),
    ] = None
    x_m: Annotated[
        float, number("m", -1e5, 1e5, "of the corner with the smallest x, for heights_m")
    ] = 0.0
    y_m: Annotated[
        float, number("m", -1e5, 1e5, "of the corner with the smallest y, for heights_m")
    ] = 0.0
    cell_m: Annotated[float | None, positive("m", 1000, "size of the cells, for heights_m")] = None


class AreaPart(Written):
    """A named area with a meaning, now or from time to time."""

    name: Annotated[Name, name("answers call the zone by it; unique among zones and obstacles")]
    kind: Annotated[
        Literal["keep_out", "work", "speed", "charge", "haven", "no_standing"],
        Field(
            description="keep_out (no body enters), speed (slower inside), or work, charge, "
            "haven or no_standing, which are drawn and bar nobody"
        ),
    ]
    polygon: Outline
    speed_m_s_max: Annotated[
        float | None, positive("m/s", 100, "for speed zones, and only there: top speed inside")
    ] = None
    from_s: _From = None
    until_s: _Until = None


class ObstaclePart(Written):
    """Something solid."""

    name: Annotated[Name, name("answers call the obstacle by it; unique among zones and obstacles")]
    polygon: Outline
    low_m: Annotated[
        float, number("m", -100, 10_000, "above ground: bodies below it pass underneath")
    ] = 0.0
    high_m: Annotated[
        float | None,
        number("m", -100, 10_000, "above ground: bodies above it pass over; no end, if left out"),
    ] = None
    margin_m: Annotated[float, number("m", 0, 1000, "kept from it on all sides")] = 0.0
    from_s: _From = None
    until_s: _Until = None


class WayPart(Written):
    """A timed route, by knots; or by points at a speed."""

    name: Annotated[Name, name("answers call the route by it; unique")]
    machine: Annotated[
        Name, name("who drives it: one of the machines of this file, or of its fleet file")
    ]
    knots: Annotated[
        tuple[Knot, ...] | None,
        Field(
            min_length=1,
            max_length=KNOTS_MAX,
            description=f"1 to {KNOTS_MAX} rows [time, x, y, heading] in s, m, m and deg; "
            "everything is linear in between, and 0 to 360 is a full turn",
        ),
    ] = None
    points: Annotated[
        tuple[Point, ...] | None,
        Field(
            min_length=2,
            max_length=KNOTS_MAX,
            description=f"2 to {KNOTS_MAX} points in place of knots, each {POINT_RULE}: the "
            "heading is along the way, turns are made on the spot",
        ),
    ] = None
    speed_m_s: Annotated[float | None, positive("m/s", 100, "along the points")] = None
    start_s: Annotated[
        float, number("s", -TIME_S_MAX, TIME_S_MAX, "when it stands on the first of the points")
    ] = 0.0


class RoutePart(WayPart):
    """A route to be checked."""

    ignore: Annotated[
        tuple[Name, ...],
        Field(max_length=ROUTES_MAX, description="a list of names: reservations that don't count"),
    ] = ()


class ReservationPart(WayPart):
    """A route that another machine drives, or one pose where it stands."""

    name: Annotated[Name, name("who holds the space; unique")]
    from_s: _From = None
    until_s: _Until = None


class RequestPart(Written):
    """A route that is wanted."""

    name: Annotated[Name, name("the route gets it; unique among routes and requests")]
    machine: Annotated[
        Name, name("who is to drive: one of the machines of this file, or of its fleet file")
    ]
    start: Annotated[PosePoint, Field(description=f"{POSE_RULE}: where it stands")]
    goal: Annotated[PosePoint, Field(description=f"{POSE_RULE}: where it shall stand")]
    start_s: Annotated[float, number("s", -TIME_S_MAX, TIME_S_MAX, "not before")] = 0.0
    ignore: Annotated[
        tuple[Name, ...],
        Field(
            max_length=ROUTES_MAX,
            description="a list of names: reservations that the plan replaces",
        ),
    ] = ()


class ScenePart(Written):
    """The whole scene file."""

    title: Annotated[str | None, text(200, "what people read on a drawing")] = None
    site: Annotated[
        str | None,
        text(200, "path of a site file, from this file's folder: its terrain, boundary and zones"),
    ] = None
    fleet: Annotated[
        str | None, text(200, "path of that site's fleet file: its nodes are machines here")
    ] = None
    terrain: Annotated[
        GroundPart | None,
        Field(description="a table: the heights; flat and open ground, if left out"),
    ] = None
    boundary: Annotated[
        Outline | None, Field(description="corners in order, each [x, y]: no body leaves it")
    ] = None
    zones: Annotated[
        tuple[AreaPart, ...], Field(max_length=ZONES_MAX, description=f"at most {ZONES_MAX} zones")
    ] = ()
    obstacles: Annotated[
        tuple[ObstaclePart, ...],
        Field(max_length=OBSTACLES_MAX, description=f"at most {OBSTACLES_MAX} obstacles"),
    ] = ()
    machines: Annotated[
        tuple[DriverPart, ...],
        Field(max_length=MACHINES_MAX, description=f"at most {MACHINES_MAX} machines"),
    ] = ()
    routes: Annotated[
        tuple[RoutePart, ...],
        Field(max_length=ROUTES_MAX, description=f"at most {ROUTES_MAX} routes, to be checked"),
    ] = ()
    reservations: Annotated[
        tuple[ReservationPart, ...],
        Field(max_length=ROUTES_MAX, description=f"at most {ROUTES_MAX}: where others drive"),
    ] = ()
    requests: Annotated[
        tuple[RequestPart, ...],
        Field(max_length=MACHINES_MAX, description=f"at most {MACHINES_MAX}, to be planned"),
    ] = ()
