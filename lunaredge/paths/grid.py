"""The site grid: what the ground is like in every cell, in versions that share what is unchanged.

Made from heights of any cell size, whole or by tiles; an unknown height is NaN. A change of a
region makes a new version at a cost that goes with the region, equal bit for bit to a grid made
anew; who holds an old version keeps it as it was. One thread at a time may make versions; all may
read.

A grid tells of ground at the scale of its cells. The lean of a machine is taken from the cell that
its origin is in, so cells of half to twice a machine's length serve best: `coarsened` makes them
from a finer model, and its finer steps stay in the finer grid.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lunaredge.errors import ConfigError
from lunaredge.kernels import relief
from lunaredge.kernels.jit import Floats, Ints, Shorts
from lunaredge.kernels.relief import BLOCK, HALO
from lunaredge.model.site import TerrainGrid
from lunaredge.paths.given import checked
from lunaredge.paths.pool import BlockPool
from lunaredge.paths.route import COORDINATE_M_MAX

# 4096 x 4096 cells: 0.8 GB of layers, 20 x 20 km at 5 m.
CELLS_MAX = 4096 * 4096
CELL_M_MIN, CELL_M_MAX = 1e-3, 1e5
# The Moon's lowest and highest points are -9.1 and +10.8 km from its reference sphere. -9999 is a
# usual mark for "no data".
HEIGHT_M_MIN, HEIGHT_M_MAX = -9_900.0, 12_000.0
# Tiles share a lattice when they are off it by no more than this share of a cell.
LATTICE_RATIO_MAX = 1e-6


class Region(NamedTuple):
    """A rectangle of cells; rows and columns from (inclusive) and until (not inclusive)."""

    row_from: int
    row_until: int
    column_from: int
    column_until: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.row_until - self.row_from, self.column_until - self.column_from

    @property
    def cells(self) -> tuple[slice, slice]:
        """What picks these cells from an array of the whole grid."""
        return slice(self.row_from, self.row_until), slice(self.column_from, self.column_until)

    def grown(self, count: int, shape: tuple[int, int]) -> "Region":
        """Give the region with so many cells more on every side, held within a grid's shape."""
        return Region(
            max(0, self.row_from - count),
            min(shape[0], self.row_until + count),
            max(0, self.column_from - count),
            min(shape[1], self.column_until + count),
        )


class Tile(NamedTuple):
    """Heights of one piece of ground, (H, W), with the place of the corner of cell (0, 0)."""

    heights_m: ArrayLike
    x_m: float
    y_m: float
    cell_m: float


class SiteGrid:
    """One version of the ground. Made by `of_heights`, `of_tiles`, `of_terrain` and `updated`."""

    __slots__ = ("_pool", "changed", "frame", "shape", "table", "version")

    frame: Floats
    """float64 (3,): x_m, y_m of the corner of cell (0, 0), cell_m. Write nothing into it; it isn't
    read-only because numba compiles every kernel anew for such an array."""
    shape: tuple[int, int]
    """Rows and columns."""
    table: Shorts
    """int32 (ceil(H / BLOCK), ceil(W / BLOCK)): places in `blocks`; read-only."""
    version: int
    changed: Region | None
    """The cells whose layers may differ from the version that this one was made from; None: none.
    A grid made anew has all of its cells here."""

    def __init__(
        self, pool: BlockPool, table: Shorts, frame: Floats, shape: tuple[int, int]
    ) -> None:
        self._pool = pool
        self.table = table
        self.frame = frame
        self.shape = shape
        self.version = 0
        self.changed = Region(0, shape[0], 0, shape[1])

    @classmethod
    @checked("site grid")
    def of_heights(
        cls, heights_m: ArrayLike, cell_m: float, *, x_m: float = 0.0, y_m: float = 0.0
    ) -> "SiteGrid":
        """Give the grid of heights, (H, W), m, row 0 at the smallest y; NaN or masked = not known.

        Raises:
            ConfigError: not (H, W), too small or too large, a height or a place that can't be.
        """
        heights = _heights_of(heights_m)
        for key, number in (("x_m", x_m), ("y_m", y_m)):
            if not abs(number) <= COORDINATE_M_MAX:
                raise _wrong("no place", key, number, f"give metres, at most {COORDINATE_M_MAX:g}")
        if not CELL_M_MIN <= cell_m <= CELL_M_MAX:
            remedy = f"give {CELL_M_MIN:g} to {CELL_M_MAX:g}"
            raise _wrong("no cell size", "cell_m", cell_m, remedy)
        if min(heights.shape) < 2 or heights.size > CELLS_MAX:
            remedy = f"give 2 x 2 cells or more, {CELLS_MAX} at most in all"
            raise _wrong("no grid", "heights_m", heights.shape, remedy)
        row_count, column_count = heights.shape
        rows, columns = -(-row_count // BLOCK), -(-column_count // BLOCK)
        # Twice the room: what is not touched yet costs nothing.
        pool = BlockPool(2 * rows * columns)
        table = pool.take(rows * columns).reshape(rows, columns).astype(np.int32)
        pool.keep(table)
        padded = np.full((rows * BLOCK, columns * BLOCK), np.nan)
        padded[:row_count, :column_count] = heights
        cut = padded.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
        pool.blocks[: table.size, relief.ELEVATION] = cut.reshape(-1, BLOCK, BLOCK)
        frame = np.array((x_m, y_m, cell_m), dtype=np.float64)
        grid = cls(pool, table, frame, (row_count, column_count))
        grid._lay(Region(0, rows, 0, columns))
        return grid

    @classmethod
    @checked("site grid")
    def of_terrain(cls, terrain: TerrainGrid) -> "SiteGrid":
        """Give the grid of a site's terrain."""
        heights_m = np.frombuffer(terrain.heights_m, dtype="<f4")
        assert heights_m.size == terrain.rows * terrain.columns, "terrain of the wrong size"
        heights_m = heights_m.reshape(terrain.rows, terrain.columns)
        return cls.of_heights(heights_m, terrain.cell_m, x_m=terrain.x_m, y_m=terrain.y_m)

    @classmethod
    @checked("site grid")
    def of_tiles(cls, tiles: Sequence[Tile]) -> "SiteGrid":
        """Join tiles of one lattice; what none of them covers is not known.

        Where tiles overlap, the last one that knows a height counts.

        Raises:
            ConfigError: no tiles, other cell sizes, tiles off the lattice, or too large in all.
        """
        if not tiles:
            raise _wrong("no tiles", "tiles", 0, "give one or more")
        cell_m = tiles[0].cell_m
        pieces = [_heights_of(tile.heights_m) for tile in tiles]
        corners = [_corner_of(tile, tiles[0], f"tiles[{k}]") for k, tile in enumerate(tiles)]
        low = np.min(corners, axis=0)
        ends = [np.add(at, piece.shape) for at, piece in zip(corners, pieces, strict=True)]
        span = np.max(ends, axis=0) - low
        rows, columns = int(span[0]), int(span[1])
        if rows * columns > CELLS_MAX:
            raise _wrong("no grid", "tiles", (rows, columns), f"join {CELLS_MAX} cells at most")
        heights_m = np.full((rows, columns), np.nan)
        for (row, column), piece in zip(corners - low, pieces, strict=True):
            part = heights_m[row : row + piece.shape[0], column : column + piece.shape[1]]
            np.copyto(part, piece, where=~np.isnan(piece))
        x_m, y_m = tiles[0].x_m + low[1] * cell_m, tiles[0].y_m + low[0] * cell_m
        return cls.of_heights(heights_m, cell_m, x_m=float(x_m), y_m=float(y_m))

    @checked("site grid")
    def updated(self, row: int, column: int, heights_m: ArrayLike) -> "SiteGrid":
        """Give the next version, with new heights from that cell on; NaN = no longer known.

        Costs as much as the blocks of 32 x 32 cells that the region and 2 cells around it touch.

        Raises:
            ConfigError: not (H, W), or it leaves the grid.
        """
        heights = _heights_of(heights_m)
        region = Region(row, row + heights.shape[0], column, column + heights.shape[1])
        if not (min(row, column) >= 0 and region == region.grown(0, self.shape)):
            remedy = f"stay within {self.shape[0]} rows and {self.shape[1]} columns"
            raise _wrong("a change beyond the grid", "region", tuple(region), remedy)
        before = self.layer(relief.ELEVATION, region)
        rows, columns = np.nonzero((before != heights) & ~(np.isnan(before) & np.isnan(heights)))
        changed = None
        if len(rows):
            changed = Region(
                row + int(rows.min()),
                row + int(rows.max()) + 1,
                column + int(columns.min()),
                column + int(columns.max()) + 1,
            ).grown(HALO, self.shape)
        grid = SiteGrid(self._pool, self.table, self.frame, self.shape)
        if changed is not None:
            grid = self._patched(region, heights, changed)
        grid.version, grid.changed = self.version + 1, changed
        return grid

    @checked("site grid")
    def cropped(self, region: Region) -> "SiteGrid":
        """Give a grid of these cells only; on its border, layers know nothing of what lay beyond.

        Raises:
            ConfigError: less than 2 x 2 cells.
        """
        x_m, y_m, _, _ = self.box_m(region)
        heights_m = self.layer(relief.ELEVATION, region)
        return SiteGrid.of_heights(heights_m, self.cell_m, x_m=x_m, y_m=y_m)

    @checked("site grid")
    def coarsened(self, count: int) -> "SiteGrid":
        """Give a grid of cells of ``count`` x ``count`` of these, each with their mean height.

        Known only where all of them are. Rows and columns left over at the far sides are left out.

        Raises:
            ConfigError: fewer than 2 x 2 cells would be left.
        """
        rows, columns = self.shape[0] // max(1, count), self.shape[1] // max(1, count)
        if count < 1 or min(rows, columns) < 2:
            raise _wrong("too few cells", "count", count, "leave 2 x 2 cells or more")
        region = Region(0, rows * count, 0, columns * count)
        fine = self.layer(relief.ELEVATION, region).reshape(rows, count, columns, count)
        x_m, y_m, cell_m = map(float, self.frame)
        return SiteGrid.of_heights(fine.mean(axis=(1, 3)), cell_m * count, x_m=x_m, y_m=y_m)

    @property
    def blocks(self) -> Floats:
        """The layers as kernels take them, see `kernels.relief`; to be held only with `table`."""
        return self._pool.blocks

    @property
    def cell_m(self) -> float:
        """Side of a cell."""
        return float(self.frame[2])

    @property
    def elevation_m(self) -> Floats:
        """float64 (H, W): height of each cell's centre; NaN = not known."""
        return self.layer(relief.ELEVATION)

    @property
    def slope_deg(self) -> Floats:
        """float64 (H, W): angle of the steepest ascent; NaN = not known."""
        return self.layer(relief.SLOPE)

    @property
    def gradient_x(self) -> Floats:
        """float64 (H, W): rise per metre toward +x; NaN = not known."""
        return self.layer(relief.GRADIENT_X)

    @property
    def gradient_y(self) -> Floats:
        """float64 (H, W): rise per metre toward +y; NaN = not known."""
        return self.layer(relief.GRADIENT_Y)

    @property
    def roughness_m(self) -> Floats:
        """float64 (H, W): root mean square distance of 3 x 3 heights from their plane; NaN."""
        return self.layer(relief.ROUGHNESS)

    @property
    def step_m(self) -> Floats:
        """float64 (H, W): largest step to a neighbour that no plane explains; NaN = not known."""
        return self.layer(relief.STEP)

    @checked("site grid")
    def layer(self, layer: int, region: Region | None = None) -> Floats:
        """Give an array of one layer, see `kernels.relief`; of a region at that region's cost.

        Raises:
            ConfigError: no such layer, or the region leaves the grid.
        """
        if not 0 <= layer < relief.LAYERS:
            raise _wrong("no layer", "layer", layer, f"give 0 to {relief.LAYERS - 1}")
        region = region or Region(0, self.shape[0], 0, self.shape[1])
        if region.grown(0, self.shape) != region or min(region.shape) < 0:
            remedy = f"stay within {self.shape[0]} rows and {self.shape[1]} columns"
            raise _wrong("a region beyond the grid", "region", tuple(region), remedy)
        rows, columns = _blocks_of(region)
        cut = self.blocks[self.table[rows, columns], layer].swapaxes(1, 2)
        whole = cut.reshape(cut.shape[0] * BLOCK, cut.shape[2] * BLOCK)
        row, column = region.row_from - rows.start * BLOCK, region.column_from % BLOCK
        height, width = region.shape
        return np.ascontiguousarray(whole[row : row + height, column : column + width])

    @checked("site grid")
    def box_m(self, region: Region) -> tuple[float, float, float, float]:
        """Give the lowest x and y of a region and the highest, to look for who drives there."""
        x_m, y_m, cell_m = map(float, self.frame)
        return (
            x_m + region.column_from * cell_m,
            y_m + region.row_from * cell_m,
            x_m + region.column_until * cell_m,
            y_m + region.row_until * cell_m,
        )

    @checked("site grid")
    def cell_of(self, x_m: float, y_m: float) -> tuple[int, int] | None:
        """Give the row and column of the cell that a point is in; None beyond the grid.

        A point between two cells is in the one of the higher row or column.

        Raises:
            ConfigError: not a number.
        """
        if not (math.isfinite(x_m) and math.isfinite(y_m)):
            return None
        row = math.floor((y_m - float(self.frame[1])) / self.cell_m)
        column = math.floor((x_m - float(self.frame[0])) / self.cell_m)
        inside = 0 <= row < self.shape[0] and 0 <= column < self.shape[1]
        return (row, column) if inside else None

    def _patched(self, region: Region, heights_m: Floats, changed: Region) -> "SiteGrid":
        """Give the grid with new heights, every block that they reach a block of its own."""
        rows, columns = _blocks_of(changed)
        old = self.table[rows, columns]
        pool, table = self._pool, self.table.copy()
        new = pool.take(old.size).reshape(old.shape)
        pool.blocks[new, relief.ELEVATION] = pool.blocks[old, relief.ELEVATION]
        table[rows, columns] = new
        pool.keep(table)
        grid = SiteGrid(pool, table, self.frame, self.shape)
        for i in range(rows.start, rows.stop):
            for j in range(columns.start, columns.stop):
                cells = Region(i * BLOCK, (i + 1) * BLOCK, j * BLOCK, (j + 1) * BLOCK)
                _write(pool.blocks[table[i, j], relief.ELEVATION], cells, region, heights_m)
        grid._lay(Region(rows.start, rows.stop, columns.start, columns.stop))
        return grid

    def _lay(self, which: Region) -> None:
        """Work out the layers of some blocks, by their rows and columns in the table."""
        rows, columns = (axis.ravel() for axis in np.mgrid[which.cells])
        places = np.ascontiguousarray(np.column_stack((rows, columns)), dtype=np.int64)
        relief.lay_blocks(self.blocks, self.table, self.shape, self.cell_m, places)


def _blocks_of(region: Region) -> tuple[slice, slice]:
    """Give the rows and columns of the blocks that a region touches."""
    return (
        slice(region.row_from // BLOCK, -(-region.row_until // BLOCK)),
        slice(region.column_from // BLOCK, -(-region.column_until // BLOCK)),
    )


def _write(out_block: Floats, cells: Region, region: Region, heights_m: Floats) -> None:
    """Write into one block, which holds these cells, what a region has of them."""
    row_from, row_until = max(cells[0], region[0]), min(cells[1], region[1])
    column_from, column_until = max(cells[2], region[2]), min(cells[3], region[3])
    if row_from < row_until and column_from < column_until:
        inside = Region(row_from, row_until, column_from, column_until)
        out_block[_from(inside, cells)] = heights_m[_from(inside, region)]


def _from(inside: Region, origin: Region) -> tuple[slice, slice]:
    """Give what picks a region from an array that begins where another one does."""
    row, column = origin.row_from, origin.column_from
    return Region(inside[0] - row, inside[1] - row, inside[2] - column, inside[3] - column).cells


def _heights_of(heights_m: ArrayLike) -> Floats:
    try:
        if isinstance(heights_m, np.ma.MaskedArray):
            heights_m = np.ma.filled(np.ma.asarray(heights_m, dtype=np.float64), np.nan)
        heights = np.array(heights_m, dtype=np.float64, order="C")
    except (OverflowError, TypeError, ValueError):
        raise _wrong("no heights", "heights_m", heights_m, "give rows of numbers") from None
    if heights.ndim != 2 or 0 in heights.shape:
        raise _wrong("no heights", "heights_m", heights.shape, "give (H, W)")
    far = (heights < HEIGHT_M_MIN) | (heights > HEIGHT_M_MAX)
    if far.any():
        row, column = np.argwhere(far)[0]
        remedy = f"give {HEIGHT_M_MIN:g} to {HEIGHT_M_MAX:g}; NaN where it is not known"
        raise _wrong("no height", f"heights_m[{row}][{column}]", heights[row, column], remedy)
    # There is one zero: else two heights could be equal, and their layers not bit for bit.
    return heights + 0.0


def _corner_of(tile: Tile, first: Tile, place: str) -> Ints:
    """Give the row and column of a tile's cell (0, 0), counted from the first tile's."""
    if not abs(tile.cell_m / first.cell_m - 1.0) <= LATTICE_RATIO_MAX / 1e4:
        remedy = f"resample it to the first tile's {first.cell_m:g}"
        raise _wrong("another cell size", f"{place}.cell_m", tile.cell_m, remedy)
    exact = np.array((tile.y_m - first.y_m, tile.x_m - first.x_m)) / first.cell_m
    if not (np.abs(exact) <= CELLS_MAX).all():
        raise _wrong("a tile too far off", place, (tile.x_m, tile.y_m), "join near tiles only")
    corner = np.rint(exact)
    if not (np.abs(exact - corner) <= LATTICE_RATIO_MAX).all():
        remedy = "shift it by whole cells of the first tile"
        raise _wrong("a tile off the lattice", place, (tile.x_m, tile.y_m), remedy)
    return corner.astype(np.int64)


def _wrong(problem: str, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place="site grid", key=key, value=value, remedy=remedy)
