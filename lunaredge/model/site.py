"""The site: terrain, zones and the places where work is done.

Coordinates are metres in the site's local frame, x along the terrain tile's columns ("east"), y
against its rows ("north"), z up. Owns no files: `runtime.files` reads them into these values.
"""

import enum
from typing import Annotated

import msgspec

from lunaredge.ids import SiteId

# No coordinate is larger than the Moon is round (10 921 km). Decoders refuse the rest by this, NaN
# and infinities too: every comparison with NaN is false, so a path of NaNs would touch nothing and
# be granted.
COORDINATE_M_MAX = 1.1e7
Coordinate = Annotated[float, msgspec.Meta(ge=-COORDINATE_M_MAX, le=COORDINATE_M_MAX)]
# A person draws an outline by hand; each check of a route goes round all of them.
CORNERS_MAX = 64
Point = tuple[Coordinate, Coordinate]
Polygon = tuple[Point, ...]


class ZoneKind(enum.Enum):
    """What a named polygon on the site means."""

    KEEP_OUT = "keep_out"
    WORK = "work"
    SPEED = "speed"
    CHARGE = "charge"
    HAVEN = "haven"
    NO_STANDING = "no_standing"
    """A ramp or a gate: machines pass, and none may stop within it."""


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A named polygon. ``speed_m_s_max`` is set for speed zones only."""

    name: str
    kind: ZoneKind
    polygon: Polygon
    speed_m_s_max: float | None = None


class TerrainGrid(msgspec.Struct, frozen=True, kw_only=True):
    """Heights of a regular grid, row 0 at the smallest y, column 0 at the smallest x.

    ``heights_m`` is little-endian float32, row-major, ``rows * columns`` values; the cell at
    (row, column) is centred on ``x_m + (column + 0.5) * cell_m``, ``y_m + (row + 0.5) * cell_m``.
    """

    x_m: float
    y_m: float
    cell_m: float
    rows: int
    columns: int
    heights_m: bytes
    version: int = 0


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """One construction site."""

    name: SiteId
    title: str
    boundary: Polygon
    terrain: TerrainGrid
    zones: tuple[Zone, ...]
    regolith_kg_m3: float
    """Bulk density of undisturbed regolith."""

    def zone(self, name: str) -> Zone | None:
        """Give the zone of that name, or None."""
        return next((zone for zone in self.zones if zone.name == name), None)
