"""The fine grid that the true ground lies on: which cells a polygon or a swept strip covers.

It owns geometry only; what lies in a cell is `ground`'s. Cells are numbered row by row, from the
smallest y and x.
"""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from lunaredge.model.site import Point, Polygon, TerrainGrid

CELL_M = 1.0
# 32 MB of heights; a site of more than 2 km x 2 km gets coarser cells instead.
CELLS_MAX = 4_000_000
# Ground known beyond the boundary: machines scan and tilt across it.
MARGIN_M = 10.0

Cells = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    """The ground a tool swept: back from its place against its direction, wide on either side."""

    x_m: float
    y_m: float
    ux: float
    uy: float
    back_m: float
    half_width_m: float


class Grid:
    """Square cells over a polygon's bounding box."""

    def __init__(self, boundary: Polygon) -> None:
        low, high = _bounds(boundary)
        width_m, depth_m = high[0] - low[0] + 2 * MARGIN_M, high[1] - low[1] + 2 * MARGIN_M
        self.cell_m = CELL_M
        while (width_m / self.cell_m) * (depth_m / self.cell_m) > CELLS_MAX:
            self.cell_m *= 2.0
        self._origin_m = (low[0] - MARGIN_M, low[1] - MARGIN_M)
        self.columns = math.ceil(width_m / self.cell_m)
        self.rows = math.ceil(depth_m / self.cell_m)
        columns_m = self._origin_m[0] + (np.arange(self.columns) + 0.5) * self.cell_m
        rows_m = self._origin_m[1] + (np.arange(self.rows) + 0.5) * self.cell_m
        self.xs = np.tile(columns_m, self.rows)
        self.ys = np.repeat(rows_m, self.columns)

    @property
    def count(self) -> int:
        """How many cells there are."""
        return self.rows * self.columns

    def area_m2(self, cells: Cells) -> float:
        """Give the area of some cells."""
        return cells.size * self.cell_m**2

    def inside(self, polygon: Polygon) -> Cells:
        """Give the cells whose centre is inside a polygon, by counting crossings to the east."""
        low, high = _bounds(polygon)
        cells = self._box(low, high)
        xs, ys = self.xs[cells], self.ys[cells]
        inside = np.zeros(cells.size, np.bool_)
        for (x1, y1), (x2, y2) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            if y1 == y2:
                continue
            crossing = x1 + (ys - y1) / (y2 - y1) * (x2 - x1)
            inside ^= ((y1 > ys) != (y2 > ys)) & (xs < crossing)
        return cells[inside]

    def disc(self, x_m: float, y_m: float, radius_m: float) -> Cells:
        """Give the cells whose centre is in a disc; the nearest cell where the disc has none."""
        distances = np.hypot(self.xs - x_m, self.ys - y_m)
        return np.flatnonzero(distances <= max(radius_m, float(distances.min())))

    def swept(self, strip: Strip) -> Cells:
        """Give the cells whose centre is in the strip; its front edge counts, its back does not.

        Strips that follow each other in one direction so share no cell and leave none out.
        """
        tail = (strip.x_m - strip.back_m * strip.ux, strip.y_m - strip.back_m * strip.uy)
        half = strip.half_width_m
        low = (min(strip.x_m, tail[0]) - half, min(strip.y_m, tail[1]) - half)
        high = (max(strip.x_m, tail[0]) + half, max(strip.y_m, tail[1]) + half)
        cells = self._box(low, high)
        dx, dy = self.xs[cells] - strip.x_m, self.ys[cells] - strip.y_m
        along = dx * strip.ux + dy * strip.uy
        across = dy * strip.ux - dx * strip.uy
        inside = (along <= 0.0) & (along > -strip.back_m) & (np.abs(across) <= half)
        return cells[inside]

    def interpolate(self, values: Floats, x_m: float, y_m: float) -> float:
        """Give the value at a point, bilinear between cell centres, held at the edges."""
        column = (x_m - self._origin_m[0]) / self.cell_m - 0.5
        row = (y_m - self._origin_m[1]) / self.cell_m - 0.5
        c, u = _place(column, self.columns - 2)
        r, v = _place(row, self.rows - 2)
        at = r * self.columns + c
        lower = values.item(at) * (1 - u) + values.item(at + 1) * u
        at += self.columns
        upper = values.item(at) * (1 - u) + values.item(at + 1) * u
        return lower * (1 - v) + upper * v

    def resample(self, terrain: TerrainGrid) -> Floats:
        """Give the terrain's heights at every cell centre, bilinear, held at the edges."""
        coarse = np.frombuffer(terrain.heights_m, "<f4").astype(np.float64)
        coarse = coarse.reshape(terrain.rows, terrain.columns)
        columns, u = _between(self.xs[: self.columns], terrain.x_m, terrain.cell_m, terrain.columns)
        rows, v = _between(self.ys[:: self.columns], terrain.y_m, terrain.cell_m, terrain.rows)
        next_columns = np.minimum(columns + 1, terrain.columns - 1)
        next_rows = np.minimum(rows + 1, terrain.rows - 1)
        lower = coarse[rows][:, columns] * (1 - u) + coarse[rows][:, next_columns] * u
        upper = coarse[next_rows][:, columns] * (1 - u) + coarse[next_rows][:, next_columns] * u
        heights: Floats = lower * (1 - v)[:, None] + upper * v[:, None]
        return heights.ravel()

    def _box(self, low: Point, high: Point) -> Cells:
        """Give the cells that a box touches."""
        columns = self._span(low[0] - self._origin_m[0], high[0] - self._origin_m[0], self.columns)
        rows = self._span(low[1] - self._origin_m[1], high[1] - self._origin_m[1], self.rows)
        return (rows[:, None] * self.columns + columns[None, :]).ravel()

    def _span(self, low_m: float, high_m: float, count: int) -> Cells:
        """Give the indices between two distances from the origin, along one axis."""
        first = max(0, math.floor(low_m / self.cell_m))
        last = min(count - 1, math.floor(high_m / self.cell_m))
        return np.arange(first, last + 1, dtype=np.int64)


def _place(at: float, last: int) -> tuple[int, float]:
    """Give the index at or before a place, up to ``last``, and the share of the way to the next."""
    index = int(at)
    if index > last:
        return last, 1.0
    return (index, at - index) if at > 0.0 else (0, 0.0)


def _bounds(polygon: Polygon) -> tuple[Point, Point]:
    xs, ys = [x for x, _ in polygon], [y for _, y in polygon]
    return (min(xs), min(ys)), (max(xs), max(ys))


def _between(at_m: Floats, origin_m: float, cell_m: float, count: int) -> tuple[Cells, Floats]:
    """Give the index at or before each coordinate, and the share of the way to the next."""
    place = np.clip((at_m - origin_m) / cell_m - 0.5, 0.0, count - 1)
    index = np.floor(place).astype(np.int64)
    return index, place - index
