"""The peer of `bench paths`: the same verdicts by shapely, the way its documentation advises.

Every set lies in an STRtree that was made beforehand and is asked with ``dwithin``: that is exact,
where a buffered line would give other verdicts close to contact.
"""

import importlib
from typing import Any

from lunaredge.cli.bench.paths_scene import Scene, claim_count, draw_claims
from lunaredge.cli.bench.worker import cpu_us_each
from lunaredge.model.site import Point


class ShapelyPaths:
    """A contender. shapely is loaded by name and typed Any: it may be missing."""

    def __init__(self, scene: Scene) -> None:
        self._shapely: Any = importlib.import_module("shapely")
        self._numpy: Any = importlib.import_module("numpy")
        self._scene = scene
        shapely, ground = self._shapely, scene.ground
        self._boundary = shapely.Polygon(ground.boundary)
        self._edge = self._boundary.exterior
        shapely.prepare([self._boundary, self._edge])
        keep_outs = [ground.keep_outs.only(k).points for k in range(len(ground.keep_out_names))]
        self._keep_outs = shapely.STRtree([shapely.Polygon(points) for points in keep_outs])
        self._steep = shapely.STRtree(self._steep_cells())
        self._case = ""
        self._claims: Any = None
        self._lines: Any = None
        self._widths_m: Any = None

    def answer(self, case: str) -> object:
        """Give the verdict on every route: what is against it, the ground or a claim."""
        self._prepare(case)
        return [self._verdict(route) for route in self._scene.routes]

    def measure(self, case: str, duration_s: float) -> float:
        """Give us per check."""
        self._prepare(case)
        return cpu_us_each(self._check_all, duration_s)

    def _check_all(self) -> int:
        for route in self._scene.routes:
            self._verdict(route)
        return len(self._scene.routes)

    def _prepare(self, case: str) -> None:
        if case == self._case:
            return
        claims = draw_claims(self._scene, claim_count(case))
        self._lines = self._numpy.array([self._shapely.LineString(c.points) for c in claims])
        self._claims = self._shapely.STRtree(self._lines)
        self._widths_m = self._numpy.array([claim.half_width_m for claim in claims])
        self._case = case

    def _verdict(self, route: tuple[Point, ...]) -> str:
        shapely, width_m = self._shapely, self._scene.half_width_m
        line = shapely.LineString(route)
        inside = shapely.contains_properly(self._boundary, line)
        if not inside or shapely.dwithin(self._edge, line, width_m):
            return "ground"
        if self._keep_outs.query(line, "dwithin", width_m).size:
            return "ground"
        if self._steep.query(line, "dwithin", width_m).size:
            return "ground"
        near = self._claims.query(line, "dwithin", width_m + float(self._widths_m.max()))
        apart_m = shapely.distance(self._lines[near], line)
        return "claim" if (apart_m <= width_m + self._widths_m[near]).any() else ""

    def _steep_cells(self) -> Any:
        """Give the squares of the terrain that are too steep, or of unknown slope."""
        ground = self._scene.ground
        x_m, y_m, cell_m = map(float, ground.frame)
        rows, columns = self._numpy.nonzero(~(ground.slopes_deg <= self._scene.slope_deg_max))
        left_m, low_m = x_m + columns * cell_m, y_m + rows * cell_m
        return self._shapely.box(left_m, low_m, left_m + cell_m, low_m + cell_m)
