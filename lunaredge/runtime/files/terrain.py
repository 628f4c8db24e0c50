"""A site's terrain: a window of a tile, resampled to the cells asked for, in the site's own frame.

The site's frame has its origin at the window's south-west corner, x along the tile's columns and y
against its rows. The projection's scale is left in: 0.2 % at 85 degrees, 0.8 m over 400 m.
"""

import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lunaredge.errors import ConfigError
from lunaredge.model.site import TerrainGrid
from lunaredge.runtime.files.geotiff import Tile, read_tile

Array = npt.NDArray[np.floating[Any]]

# Four times the demo's site at half its cell; a grid of this size is 4 MB in every process.
CELLS_MAX = 1_000_000
# The Moon's lowest and highest points are -9.1 and +10.8 km from its reference sphere.
HEIGHT_M_MAX = 12_000.0


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a tile that becomes the site, in projected metres, and the cells wanted."""

    x_m: float
    """Of the window's south-west corner, which becomes the site's origin."""
    y_m: float
    width_m: float
    height_m: float
    cell_m: float


def read_terrain(path: Path, window: Window) -> TerrainGrid:
    """Give the window's terrain in the site's own frame, resampled to the cells asked for.

    Raises:
        ConfigError: the file is not a readable height tile, the window leaves it, or holds holes.
    """
    return terrain_of(read_tile(path), window, path)


def terrain_of(tile: Tile, window: Window, path: Path) -> TerrainGrid:
    """Cut and resample a tile; bilinear, which keeps heights between their four neighbours.

    Raises:
        ConfigError: the window leaves the tile, asks for too many cells, or holds holes.
    """
    rows, columns = _cells_of(window, path)
    x_m = window.x_m + (np.arange(columns) + 0.5) * window.cell_m
    y_m = window.y_m + (np.arange(rows) + 0.5) * window.cell_m
    column_at = (x_m - tile.x_m) / tile.pixel_m
    row_at = (tile.y_m - y_m) / tile.pixel_m
    _check_inside(tile, window, path, column_at, row_at)
    with np.errstate(invalid="ignore", over="ignore"):
        heights_m = _bilinear(tile.heights_m, row_at, column_at)
    _check_heights(heights_m, path)
    return TerrainGrid(
        x_m=0.0,
        y_m=0.0,
        cell_m=window.cell_m,
        rows=rows,
        columns=columns,
        heights_m=heights_m.astype("<f4").tobytes(),
    )


def _cells_of(window: Window, path: Path) -> tuple[int, int]:
    columns = round(window.width_m / window.cell_m)
    rows = round(window.height_m / window.cell_m)
    if columns < 2 or rows < 2:
        problem, remedy = "the window is less than 2 x 2 cells", "give a smaller terrain.cell_m"
        raise _error(problem, path, "cell_m", window.cell_m, remedy)
    if rows * columns > CELLS_MAX:
        problem = f"the window has {columns} x {rows} cells, more than {CELLS_MAX} in all"
        least_m = math.ceil(math.sqrt(window.width_m * window.height_m / CELLS_MAX))
        remedy = f"give a terrain.cell_m of {least_m} or more, or a smaller window"
        raise _error(problem, path, "cell_m", window.cell_m, remedy)
    left_over_m = max(
        abs(columns * window.cell_m - window.width_m), abs(rows * window.cell_m - window.height_m)
    )
    if left_over_m > 1e-6:
        problem = "the window's sides are not whole numbers of cells"
        sides = f"{columns * window.cell_m:.10g} x {rows * window.cell_m:.10g} m"
        remedy = f"make it {sides} by terrain.width_m and height_m, or give another cell_m"
        raise _error(problem, path, "cell_m", window.cell_m, remedy)
    return rows, columns


def _check_inside(tile: Tile, window: Window, path: Path, column_at: Array, row_at: Array) -> None:
    rows, columns = tile.heights_m.shape
    inside = (
        min(column_at[0], row_at[-1]) >= 0
        and column_at[-1] <= columns - 1
        and row_at[0] <= rows - 1
    )
    if inside:
        return
    low_x_m, low_y_m = tile.x_m, tile.y_m - (rows - 1) * tile.pixel_m
    high_x_m, high_y_m = tile.x_m + (columns - 1) * tile.pixel_m, tile.y_m
    value = f"{window.width_m:g} x {window.height_m:g} m at {window.x_m:.10g}, {window.y_m:.10g}"
    within = f"within x {low_x_m:.10g} to {high_x_m:.10g}, y {low_y_m:.10g} to {high_y_m:.10g}"
    remedy = f"move the terrain's origin in the site file so that all of it is {within}"
    for key, size_m, room_m in (
        # The centres of the outermost cells may lie on those of the outermost pixels.
        ("width_m", window.width_m, high_x_m - low_x_m + window.cell_m),
        ("height_m", window.height_m, high_y_m - low_y_m + window.cell_m),
    ):
        # Wherever it is moved to, it is too large.
        if size_m > room_m:
            remedy = (
                f"the tile has no more: give a terrain.{key} of at most {room_m:.10g}, {within}"
            )
    raise _error("the window leaves the tile", path, "window", value, remedy)


def _check_heights(heights_m: Array, path: Path) -> None:
    fit = np.abs(heights_m) <= HEIGHT_M_MAX
    if fit.all():
        return
    row, column = np.argwhere(~fit)[0]
    value = f"{heights_m[row, column]} m in row {row}, column {column} of the window"
    problem = f"a height is missing or beyond {HEIGHT_M_MAX:g} m"
    raise _error(problem, path, "heights", value, "move the window, or fill the tile's holes")


def _bilinear(heights_m: Array, row_at: Array, column_at: Array) -> Array:
    """Interpolate at fractional rows and columns; rows come out in the order asked for."""
    rows, columns = heights_m.shape
    row = np.minimum(row_at.astype(np.int64), rows - 2)
    column = np.minimum(column_at.astype(np.int64), columns - 2)
    down = (row_at - row)[:, np.newaxis]
    right = column_at - column
    upper = _row_mix(heights_m, row, column, right)
    lower = _row_mix(heights_m, row + 1, column, right)
    mixed: Array = upper * (1 - down) + lower * down
    return mixed


def _row_mix(
    heights_m: Array,
    row: npt.NDArray[np.int64],
    column: npt.NDArray[np.int64],
    right: Array,
) -> Array:
    left_m = heights_m[np.ix_(row, column)]
    right_m = heights_m[np.ix_(row, column + 1)]
    mixed: Array = left_m * (1 - right) + right_m * right
    return mixed


def _error(problem: str, path: Path, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place=str(path), key=key, value=value, remedy=remedy)
