"""The true ground: heights, what tools did to them, and the mass on every pile.

Goals are measured here, in the state of the ground, never counted in actions. It knows no machines:
callers say which strip a tool swept, or how much mass moves. Names of zones and piles come from
orders, so an unknown one is answered with None, never with an exception.
"""

import numpy as np

from lunaredge.machine.grid import Cells, Floats, Grid, Strip
from lunaredge.model.site import Site, ZoneKind

# A graded cell is within this of its zone's design plane.
GRADE_TOLERANCE_M = 0.05
# What one pass of a blade can take off or fill up.
BLADE_M_MAX = 0.3
# Heaped regolith is looser than it was in the ground.
LOOSE_RATIO = 0.85
# Largest error of a scanned height.
SCAN_NOISE_M = 0.02
# Piles come into being by name; orders from a broken agent must not fill the memory.
PILES_MAX = 256
# Radius of a heap that has no zone of its own.
HEAP_RADIUS_M = 2.0
# Mass less than this is none: a milligram in 30 kg is rounding.
MASS_KG_MIN = 1e-6


class Ground:
    """The ground of one site."""

    def __init__(self, site: Site) -> None:
        self._grid = Grid(site.boundary)
        self._heights = self._grid.resample(site.terrain)
        self._density_kg_m3 = site.regolith_kg_m3
        self._zone_cells = {zone.name: self._grid.inside(zone.polygon) for zone in site.zones}
        self._work_zones = tuple(z.name for z in site.zones if z.kind is ZoneKind.WORK)
        self._design = self._designed()
        self._bladed = np.zeros(self._grid.count, np.bool_)
        self._roller_passes = np.zeros(self._grid.count, np.uint8)
        self._scanned_in = np.zeros(self._grid.count, np.int32)
        self._pile_cells: dict[str, Cells] = {}
        self._piles_kg: dict[str, float] = {}
        self._pits_kg: dict[str, float] = {}

    def height_m(self, x_m: float, y_m: float) -> float:
        """Give the true height at a point."""
        return self._grid.interpolate(self._heights, x_m, y_m)

    def reach_m(self, name: str, x_m: float, y_m: float) -> float | None:
        """Give how far a pile or zone is from a point; None when there is none of that name."""
        cells = self._pile_cells.get(name, self._zone_cells.get(name))
        if cells is None or not cells.size:
            return None
        return float(np.hypot(self._grid.xs[cells] - x_m, self._grid.ys[cells] - y_m).min())

    def has_zone(self, name: str) -> bool:
        """Whether there is a zone of that name with ground in it."""
        cells = self._zone_cells.get(name)
        return cells is not None and cells.size > 0

    def pile_kg(self, pile: str) -> float:
        """Give the mass on a pile; 0.0 for one that never was."""
        return self._piles_kg.get(pile, 0.0)

    def pit_kg(self, zone: str) -> float:
        """Give the mass that has been dug from a zone."""
        return self._pits_kg.get(zone, 0.0)

    def piles_kg(self) -> dict[str, float]:
        """Give the mass on every pile."""
        return dict(self._piles_kg)

    def pits_kg(self) -> dict[str, float]:
        """Give the mass dug from every zone that was dug in."""
        return dict(self._pits_kg)

    def coverage(self) -> dict[str, dict[str, float]]:
        """Give per work zone which share is graded, compacted and surveyed.

        Graded: a blade passed and the height is the design's within the tolerance. Compacted: a
        roller passed. Surveyed: measured by a scanner.
        """
        return {name: self._zone_coverage(self._zone_cells[name]) for name in self._work_zones}

    def blade(self, strip: Strip) -> None:
        """Bring the swept cells of work zones toward their design plane."""
        cells = self._grid.swept(strip)
        cells = cells[~np.isnan(self._design[cells])]
        change = self._design[cells] - self._heights[cells]
        self._heights[cells] += np.clip(change, -BLADE_M_MAX, BLADE_M_MAX)
        self._bladed[cells] = True

    def roll(self, strip: Strip) -> None:
        """Count a roller's pass on the swept cells, up to 255."""
        cells = self._grid.swept(strip)
        passes = self._roller_passes[cells]
        self._roller_passes[cells] = passes + (passes < 255)

    def scan(self, strip: Strip, pass_no: int) -> list[tuple[float, float, float]]:
        """Measure the swept cells: one point each, once per pass. Pass numbers start at 1."""
        assert pass_no > 0
        cells = self._grid.swept(strip)
        cells = cells[self._scanned_in[cells] != pass_no]
        self._scanned_in[cells] = pass_no
        measured = self._heights[cells] + _noise_m(cells, pass_no)
        columns = (self._grid.xs[cells], self._grid.ys[cells], measured)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def open_pile(self, pile: str, x_m: float, y_m: float) -> bool:
        """Make sure a pile exists: in the zone of its name, else heaped around the point.

        Returns False when there are too many piles.
        """
        if pile in self._pile_cells:
            return True
        if len(self._pile_cells) >= PILES_MAX:
            return False
        in_zone = self.has_zone(pile)
        heap = self._zone_cells[pile] if in_zone else self._grid.disc(x_m, y_m, HEAP_RADIUS_M)
        self._pile_cells[pile] = heap
        self._piles_kg[pile] = 0.0
        return True

    def dig(self, zone: str, pile: str, mass_kg: float) -> None:
        """Move mass out of a zone and onto an open pile."""
        assert mass_kg >= 0.0
        self._pits_kg[zone] = self.pit_kg(zone) + mass_kg
        cells = self._zone_cells[zone]
        self._heights[cells] -= mass_kg / self._density_kg_m3 / self._grid.area_m2(cells)
        self.heap(pile, mass_kg)

    def heap(self, pile: str, mass_kg: float) -> None:
        """Put mass on an open pile, or take it off when it is negative."""
        after = self._piles_kg[pile] + mass_kg
        assert after >= -MASS_KG_MIN, "a pile gives no more than it has"
        self._piles_kg[pile] = after if after > MASS_KG_MIN else 0.0
        cells = self._pile_cells[pile]
        volume_m3 = mass_kg / (LOOSE_RATIO * self._density_kg_m3)
        self._heights[cells] += volume_m3 / self._grid.area_m2(cells)

    def _zone_coverage(self, cells: Cells) -> dict[str, float]:
        if not cells.size:
            return {"graded_ratio": 0.0, "compacted_ratio": 0.0, "surveyed_ratio": 0.0}
        level = np.abs(self._heights[cells] - self._design[cells]) <= GRADE_TOLERANCE_M
        return {
            "graded_ratio": float(np.mean(level & self._bladed[cells])),
            "compacted_ratio": float(np.mean(self._roller_passes[cells] > 0)),
            "surveyed_ratio": float(np.mean(self._scanned_in[cells] > 0)),
        }

    def _designed(self) -> Floats:
        """Give each work zone's design plane: the best fit to its first heights, so of their mean.

        Cells outside work zones are NaN; where zones overlap, the later one's design stands.
        """
        design = np.full(self._grid.count, np.nan)
        for name in self._work_zones:
            cells = self._zone_cells[name]
            if cells.size:
                x, y = self._grid.xs[cells], self._grid.ys[cells]
                terms = np.column_stack((np.ones(cells.size), x - x.mean(), y - y.mean()))
                fit, *_ = np.linalg.lstsq(terms, self._heights[cells], rcond=None)
                design[cells] = terms @ fit
        return design


def _noise_m(cells: Cells, pass_no: int) -> Floats:
    """Give the scanner's error per cell: a hash of cell and pass, even over its bound."""
    salt = pass_no * 0xBF58476D1CE4E5B9 % 2**64
    mixed = cells.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(salt)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    share = (mixed >> np.uint64(40)).astype(np.float64) / 2**24
    return (2.0 * share - 1.0) * SCAN_NOISE_M
