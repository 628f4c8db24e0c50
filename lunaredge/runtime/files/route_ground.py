"""The ground of a scene file: a tile, a window of one, or heights written in the file.

The scene's frame is metres from the window's or the tile's south-west corner, x along the tile's
columns, y against its rows; with written heights it is the file's own.
"""

import math
from pathlib import Path

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.paths.grid import SiteGrid
from lunaredge.runtime.files.document import Document, KeyPath
from lunaredge.runtime.files.geotiff import read_tile
from lunaredge.runtime.files.route_placing import file_named, placed
from lunaredge.runtime.files.route_shape import GroundPart
from lunaredge.runtime.files.terrain import HEIGHT_M_MAX, Window, read_terrain

# 10 x 10 km at 5 m; its layers take half a gigabyte.
CELLS_MAX = 4_000_000
_KEY: KeyPath = ("terrain",)


def ground_of(document: Document, part: GroundPart) -> SiteGrid:
    """Give the ground that a scene's ``terrain`` describes.

    Raises:
        ConfigError: no heights or two kinds of them, a broken tile, rows of different length.
    """
    if (part.file is None) == (part.heights_m is None):
        remedy = "give either file or heights_m"
        raise document.error("the terrain has no heights, or two", _KEY, None, remedy)
    if part.file is None:
        return _written(document, part)
    for key in ("x_m", "y_m", "cell_m"):
        if key in part.model_fields_set:
            remedy = "remove it; a tile has its own, and window gives another"
            raise document.error(
                "this goes with heights_m", (*_KEY, key), getattr(part, key), remedy
            )
    path = file_named(document, (*_KEY, "file"), part.file)
    if part.window is None:
        return _whole_tile(path)
    window = part.window
    return SiteGrid.of_terrain(
        read_terrain(
            path,
            Window(
                x_m=window.origin_x_m,
                y_m=window.origin_y_m,
                width_m=window.width_m,
                height_m=window.height_m,
                cell_m=window.cell_m,
            ),
        )
    )


def _written(document: Document, part: GroundPart) -> SiteGrid:
    rows = part.heights_m
    assert rows is not None
    if part.window is not None:
        remedy = "remove it; it is a part of a tile"
        raise document.error("this goes with file", (*_KEY, "window"), None, remedy)
    if part.cell_m is None:
        remedy = "give the size of the cells in m"
        raise document.error("the heights have no scale", (*_KEY, "cell_m"), None, remedy)
    columns = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != columns or columns < 2:
            found = f"{len(row)} heights"
            remedy = f"give it {columns}, as the first row has, or the first row more"
            problem = "the rows differ in length"
            if columns < 2:
                problem, remedy = "a row is too short", "give every row as many, 2 at least"
            raise document.error(problem, (*_KEY, "heights_m", i), found, remedy)
    if len(rows) * columns > CELLS_MAX:
        remedy = f"give at most {CELLS_MAX} heights"
        raise document.error("too many cells", (*_KEY, "heights_m"), len(rows) * columns, remedy)
    heights_m = np.array(
        [[math.nan if height is None else height for height in row] for row in rows]
    )
    with placed(document, _KEY):
        return SiteGrid.of_heights(heights_m, part.cell_m, x_m=part.x_m, y_m=part.y_m)


def _whole_tile(path: Path) -> SiteGrid:
    """Give a tile in its own pixels; what it has no height for, or no sane one, is not known."""
    tile = read_tile(path)
    if tile.heights_m.size > CELLS_MAX:
        raise ConfigError(
            f"the tile has more than {CELLS_MAX} pixels",
            place=str(path),
            key="shape",
            value=" x ".join(map(str, tile.heights_m.shape)),
            remedy="give a terrain.window of it",
        )
    heights_m = np.ascontiguousarray(tile.heights_m[::-1])
    heights_m[~(np.abs(heights_m) <= HEIGHT_M_MAX)] = np.nan
    if np.isnan(heights_m).all():
        raise ConfigError(
            "the tile holds no heights",
            place=str(path),
            key="heights",
            value=math.nan,
            remedy="name a tile of heights in metres",
        )
    return SiteGrid.of_heights(heights_m, tile.pixel_m)
