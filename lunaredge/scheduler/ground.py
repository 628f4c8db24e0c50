"""The ground: one version of the terrain with the site's boundary and zones, as arrays.

Owns what stands still: whether a corridor stays inside the boundary, off keep-out zones and off
steep ground. Who moves on it is not its business. Every check is exact; none knows a grid's error.
"""

import math
from collections.abc import Hashable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from lunaredge.kernels import corridors, terrain
from lunaredge.kernels.jit import Floats
from lunaredge.model.site import Point, Polygon, Site, ZoneKind
from lunaredge.model.task import Leg
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.grid import HEIGHT_M_MAX, HEIGHT_M_MIN, SiteGrid
from lunaredge.paths.occupancy import Occupancy
from lunaredge.paths.route import Route
from lunaredge.paths.scene import Scene, solids_of
from lunaredge.paths.solids import Contact, Solids, first_contact
from lunaredge.paths.zones import Zone
from lunaredge.scheduler.arrays import Lattice, Lines, points_array
from lunaredge.scheduler.memory import Memory

# Routes may pass between two machines with this much to spare, or find the gap by luck.
LATTICE_CELL_M = 2.5
# A search over so many cells takes a tenth of a second; a larger site gets a coarser lattice.
LATTICE_CELLS_MAX = 250_000
# One lattice per kind of machine: width and slope limit. 1 MB each.
LATTICES_MAX = 16
# 100 places by 100 for each of a dozen kinds of machine; 30 MB.
TRAVELS_MAX = 1 << 17
LEGS_MAX = 512
JOINS_MAX = 1 << 13
PACES_MAX = 16
# A process has one site, and a test two.
GROUNDS_MAX = 2


class Known:
    """What has been worked out on one version of the ground already."""

    def __init__(self) -> None:
        self.lattices: Memory[tuple[float, float], Lattice] = Memory(LATTICES_MAX)
        self.cells: Memory[float, Occupancy] = Memory(LATTICES_MAX)
        """What is too steep, by slope limit."""
        self.travels: Memory[Hashable, tuple[float, float, float]] = Memory(TRAVELS_MAX)
        """Seconds, ascent and descent, by machine, start and goal."""
        self.joins: Memory[Hashable, tuple[tuple[int, float], ...]] = Memory(JOINS_MAX)
        """Where a machine enters the lattice, by its width, slope limit and place."""
        self.paces: Memory[tuple[float, int], Floats] = Memory(PACES_MAX)
        """Seconds per metre of a lattice's cells, by speed and how many there are."""
        self.heights: Memory[int, Floats] = Memory(1)
        """Of the lattice's centres, by how many there are; m."""
        self.legs: Memory[Hashable, tuple[tuple[Leg, ...], str]] = Memory(LEGS_MAX)
        """A task's legs for a kind of machine, or why it has none."""

    def without_travels(self) -> "Known":
        """Give the same memories, but for the travels.

        Of ways that take equally long, which is found depends on what else was asked for with it.
        So a scheduler's plans would depend on who planned here before.
        """
        known = copy(self)
        known.travels = Memory(TRAVELS_MAX)
        return known


@dataclass(frozen=True, slots=True, eq=False)
class GroundMap:
    """Terrain, boundary and zones of one site, at one version of the terrain."""

    site: Site
    version: int
    grid: SiteGrid
    heights_m: Floats
    """float64 (H, W), of the grid."""
    slopes_deg: Floats
    """float64 (H, W), of the grid."""
    frame: Floats
    """float64 (3,): x_m, y_m, cell_m."""
    boundary: Floats
    """float64 (K, 2), m."""
    keep_out_names: tuple[str, ...]
    keep_outs: Lines
    standing: Solids
    """The edges of the boundary, and the keep-out zones."""
    no_standing: Lines
    """Where machines may pass and not stand."""
    speed_limits_m_s: tuple[float, ...]
    speed_zones: Lines
    known: Known = field(default_factory=Known)

    @classmethod
    def of(cls, site: Site) -> "GroundMap":
        """Give the ground of a site as its file describes it, with no travel known yet."""
        laid = cls._laid(site)
        return replace(laid, known=laid.known.without_travels())

    @classmethod
    @lru_cache(maxsize=GROUNDS_MAX)
    def _laid(cls, site: Site) -> "GroundMap":
        """Lay out a site; the next scheduler of a process, or a replay, finds it laid out."""
        grid = SiteGrid.of_terrain(site.terrain)
        keep_outs = [zone for zone in site.zones if zone.kind is ZoneKind.KEEP_OUT]
        passages = [zone for zone in site.zones if zone.kind is ZoneKind.NO_STANDING]
        slow = [zone for zone in site.zones if zone.kind is ZoneKind.SPEED]
        return cls(
            site=site,
            version=site.terrain.version,
            grid=grid,
            heights_m=grid.elevation_m,
            slopes_deg=grid.slope_deg,
            frame=grid.frame,
            boundary=points_array(site.boundary),
            keep_out_names=tuple(zone.name for zone in keep_outs),
            keep_outs=Lines.of((zone.polygon, 0.0) for zone in keep_outs),
            standing=Solids(solids_of(_scene_of(site))),
            no_standing=Lines.of((zone.polygon, 0.0) for zone in passages),
            speed_limits_m_s=tuple(zone.speed_m_s_max or math.inf for zone in slow),
            speed_zones=Lines.of((zone.polygon, 0.0) for zone in slow),
        )

    def updated(self, points: Sequence[tuple[float, float, float]]) -> "GroundMap":
        """Give the next version of the ground: cells that were measured get their mean height.

        A point is x, y and height, m; points beyond the grid are left out. A height that no ground
        on the Moon has makes its cell unknown.
        """
        if not points:
            return replace(self, version=self.version + 1)
        measured = np.array(points, dtype=np.float64)
        places = np.floor((measured[:, :2] - self.frame[:2]) / self.frame[2])
        row_count, column_count = self.heights_m.shape
        on_grid = ((places >= 0) & (places < (column_count, row_count))).all(axis=1)
        cells = places[on_grid].astype(np.int64)
        numbers = cells[:, 1] * column_count + cells[:, 0]
        counts = np.bincount(numbers, minlength=self.heights_m.size)
        sums_m = np.bincount(numbers, measured[on_grid, 2], minlength=self.heights_m.size)
        seen = (counts > 0).reshape(self.heights_m.shape)
        heights_m = self.heights_m.copy()
        heights_m[seen] = sums_m[counts > 0] / counts[counts > 0]
        heights_m[(heights_m < HEIGHT_M_MIN) | (heights_m > HEIGHT_M_MAX)] = np.nan
        # The grid finds out what differs, and works out anew only what lies around it.
        grid = self.grid.updated(0, 0, heights_m)
        return replace(
            self,
            version=self.version + 1,
            grid=grid,
            heights_m=heights_m,
            slopes_deg=grid.slope_deg,
            known=Known(),
        )

    def recalling(self, before: "GroundMap") -> "GroundMap":
        """Give this ground with what was worked out on another version of it and holds here too.

        A lattice rests on which cells are too steep for its kind of machine; all else on heights.
        """
        if np.array_equal(self.heights_m, before.heights_m, equal_nan=True):
            return replace(self, known=before.known)
        known = Known()
        for key, lattice in before.known.lattices.items():
            steep = self.slopes_deg <= key[1]
            if np.array_equal(steep, before.slopes_deg <= key[1]):
                known.lattices.keep(key, lattice)
        return replace(self, known=known)

    def holds(self, polygon: Polygon) -> bool:
        """Tell whether a polygon is inside the boundary, without touching it."""
        return self.first_outside(points_array((*polygon, polygon[0])), 0.0) is None

    def keep_out_touching(self, polygon: Polygon) -> str:
        """Give the first keep-out zone that shares a point with a polygon; empty for none."""
        near = self.keep_outs.first_near(points_array((*polygon, polygon[0])), 0.0)
        if near is not None:
            return self.keep_out_names[near[1]]
        # What stands wholly inside is not met on the way around.
        rim = Lines.of([(polygon, 0.0)])
        for zone, name in enumerate(self.keep_out_names):
            if rim.first_near(self.keep_outs.only(zone).points, 0.0) is not None:
                return name
        return ""

    def keep_out_at(self, point: Point) -> str:
        """Give the first keep-out zone that a point is in; empty for none."""
        zone = self.keep_outs.first_near(points_array((point,)), 0.0)
        return "" if zone is None else self.keep_out_names[zone[1]]

    def contains(self, point: Point) -> bool:
        """Tell whether a point is inside the boundary."""
        return self.first_outside(points_array((point,)), 0.0) is None

    def is_no_standing(self, point: Point, half_width_m: float) -> bool:
        """Tell whether a machine of that half width would stand in a no-standing zone there."""
        return self.no_standing.first_near(points_array((point,)), half_width_m) is not None

    def distance_m(self, point: Point, polygon: Polygon) -> float:
        """Give how far a point is from a polygon; 0.0 inside."""
        near = Lines.of([(polygon, 0.0)]).first_near(points_array((point,)), math.inf)
        assert near is not None, "infinity reaches everything"
        return near[2]

    def first_outside(self, path: Floats, half_width_m: float) -> tuple[int, float] | None:
        """Give the path's first segment that is not inside the boundary, and how far from it."""
        found = corridors.first_outside(path, half_width_m, self.boundary)
        return found if found[0] >= 0 else None

    def first_standing(self, disc: Footprint, route: Route) -> Contact | None:
        """Give where a machine's disc first meets the boundary's edge or a keep-out zone."""
        return first_contact(self.standing, disc, route)

    def first_steep(
        self, disc: Footprint, route: Route, slope_deg_max: float
    ) -> tuple[int, float] | None:
        """Give the first segment over ground too steep, and its slope; inf = not known."""
        met = self._cells(slope_deg_max).first_contact(disc, route)
        if met is None:
            return None
        slope_deg = math.nan if met.cell is None else float(self.slopes_deg[met.cell])
        return met.segment, math.inf if math.isnan(slope_deg) else slope_deg

    def speed_limit_m_s(self, path: Sequence[Point], half_width_m: float) -> float:
        """Give the lowest limit of the speed zones that a corridor meets; inf = none."""
        line, limit_m_s = points_array(path), math.inf
        for zone, zone_m_s in enumerate(self.speed_limits_m_s):
            polygon = self.speed_zones.only(zone)
            if polygon.first_near(line, half_width_m) is not None:
                limit_m_s = min(limit_m_s, zone_m_s)
        return limit_m_s

    def heights_at_m(self, points: Sequence[Point]) -> list[float]:
        """Give the height at each point, m."""
        found_m = terrain.heights_at_m(self.heights_m, self.frame, points_array(points))
        return [float(height_m) for height_m in found_m]

    @property
    def search_cells(self) -> int:
        """How many cells a search for a way goes through at the most."""
        return self.heights_m.size * self._refinement() ** 2

    def lattice(self, half_width_m: float, slope_deg_max: float) -> Lattice:
        """Give the moves that a corridor can take on this ground, whoever else is there."""
        key = (half_width_m, slope_deg_max)
        lattices = self.known.lattices
        return lattices.find(key) or lattices.keep(key, self._lay_lattice(*key))

    def heights_on(self, lattice: Lattice) -> Floats:
        """Give the heights of a lattice's centres, float64 (H * W,), m."""
        count = lattice.closed.shape[0] * lattice.closed.shape[1]
        known = self.known.heights.find(count)
        if known is None:
            heights_m = terrain.heights_at_m(self.heights_m, self.frame, lattice.centres())
            known = self.known.heights.keep(count, heights_m)
        return known

    def paces_s(self, lattice: Lattice, speed_m_s: float) -> Floats:
        """Give the seconds per metre in every cell of a lattice, at that speed where it may."""
        key = (speed_m_s, lattice.closed.shape[0] * lattice.closed.shape[1])
        known = self.known.paces.find(key)
        return (
            self.known.paces.keep(key, self._paced(lattice, speed_m_s)) if known is None else known
        )

    def _paced(self, lattice: Lattice, speed_m_s: float) -> Floats:
        paces_s = np.full(lattice.closed.shape[:2], 1.0 / speed_m_s)
        for zone, limit_m_s in enumerate(self.speed_limits_m_s):
            polygon = self.speed_zones.only(zone).points
            inside = corridors.are_inside(lattice.centres(), polygon).reshape(paces_s.shape)
            paces_s[inside] = np.maximum(paces_s[inside], 1.0 / limit_m_s)
        return paces_s

    def _cells(self, slope_deg_max: float) -> Occupancy:
        """Give the ground that is closed to machines of that limit."""
        found = self.known.cells.find(slope_deg_max)
        if found is None:
            cells = Occupancy.of_ground(self.slopes_deg, slope_deg_max, self.frame)
            found = self.known.cells.keep(slope_deg_max, cells)
        return found

    def _lay_lattice(self, half_width_m: float, slope_deg_max: float) -> Lattice:
        steep = ~(self.slopes_deg <= slope_deg_max)
        lattice = Lattice.over(self.frame, self._refinement(), steep, half_width_m)
        edges = Lines.of([(self._corners(), 0.0), (self.site.boundary, 0.0)])
        lattice = lattice.without(edges, half_width_m, closed=True)
        return lattice.without(self.keep_outs, half_width_m, closed=True)

    def _corners(self) -> Polygon:
        """Give the corners of the terrain; beyond them nothing is known."""
        row_count, column_count = self.heights_m.shape
        x_m, y_m, cell_m = map(float, self.frame)
        right_m, top_m = x_m + column_count * cell_m, y_m + row_count * cell_m
        return (x_m, y_m), (right_m, y_m), (right_m, top_m), (x_m, top_m)

    def _refinement(self) -> int:
        """Give how many lattice cells stand side by side in one cell of the terrain."""
        wanted = math.ceil(float(self.frame[2]) / LATTICE_CELL_M)
        bearable = math.isqrt(LATTICE_CELLS_MAX // self.heights_m.size)
        return max(1, min(wanted, bearable))


def _scene_of(site: Site) -> Scene:
    """Give what stands on a site."""
    return Scene(boundary=site.boundary, zones=tuple(Zone.of(zone) for zone in site.zones))
