"""A GeoTIFF tile: one band of heights on a projected grid.

Owns the reading of the file and of its georeference; `terrain` cuts sites out of it. Only plain,
uncompressed files are read: it is what the lunar archives hold, and it can't be a bomb.
"""

import logging
import math
import stat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import tifffile

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import file_error

# A 4000 x 4000 tile, the largest of the archive's 5 m site tiles, has 64 MB of float32.
TIFF_BYTES_MAX = 256 * 1024 * 1024

# Its complaints about a broken file reach people as our one error.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_SCALE_TAG = 33550
_TIEPOINT_TAG = 33922
_GEO_KEYS_TAG = 34735
_MODEL_TYPE_KEY = 1024
_RASTER_TYPE_KEY = 1025
_LINEAR_UNITS_KEY = 3076
_PROJECTED = 1
_PIXEL_IS_POINT = 2
_METRE = 9001


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """A whole tile. Row 0 is the largest y; ``x_m``, ``y_m`` are the first pixel's centre."""

    heights_m: npt.NDArray[np.float64]
    x_m: float
    y_m: float
    pixel_m: float


def read_tile(path: Path) -> Tile:
    """Read one band of float32 or float64 heights with its georeference.

    Raises:
        ConfigError: it is missing, not such a TIFF, cut short, compressed or not georeferenced.
    """
    size_bytes = _size_bytes(path)
    if size_bytes > TIFF_BYTES_MAX:
        raise file_error("the file is too large", path, size_bytes, "crop the tile first")
    try:
        return _tile_of(path, size_bytes)
    except ConfigError:
        raise
    except PermissionError as exc:
        raise file_error("the file cannot be read", path, str(exc), "make it readable") from exc
    except Exception as exc:
        # The TIFF reader meets broken files with whatever its parsing trips over, from KeyError
        # to struct.error; for the person who wrote the site file they all mean the same.
        raise file_error("not a readable TIFF", path, str(exc), "restore it from a copy") from exc


def _size_bytes(path: Path) -> int:
    try:
        status = path.stat()
    except FileNotFoundError as exc:
        raise file_error("there is no such file", path, path.name, "check the path") from exc
    except (OSError, ValueError) as exc:
        # ValueError: a path with a NUL in it.
        raise file_error("the file cannot be read", path, str(exc), "check the path") from exc
    if not stat.S_ISREG(status.st_mode):
        raise file_error("this is not a regular file", path, path.name, "name a GeoTIFF")
    return status.st_size


def _tile_of(path: Path, size_bytes: int) -> Tile:
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        _check_pixels(path, page, size_bytes)
        scale_m, x_m, y_m = _georeference(path, page)
        with np.errstate(invalid="ignore"):
            # A hole may be a signalling NaN; `terrain` looks for holes where it matters.
            heights_m = np.asarray(page.asarray(), dtype=np.float64)
    return Tile(heights_m=heights_m, x_m=x_m, y_m=y_m, pixel_m=scale_m)


def _check_pixels(path: Path, page: tifffile.TiffPage, size_bytes: int) -> None:
    shape, dtype = page.shape, page.dtype
    if len(shape) != 2 or min(shape) < 2:
        raise _error("the image is not one band", path, "shape", shape, "extract one band")
    if dtype is None or dtype.newbyteorder("=") not in (np.float32, np.float64):
        remedy = "convert it to float32 metres"
        raise _error("the heights are not float32 or float64", path, "dtype", str(dtype), remedy)
    if page.compression != 1:
        name = str(page.compression)
        remedy = "rewrite it with COMPRESS=NONE"
        raise _error("the file is compressed", path, "Compression", name, remedy)
    needed_bytes = math.prod(shape) * dtype.itemsize
    ends = [a + b for a, b in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if sum(page.databytecounts) < needed_bytes or max(ends) > size_bytes:
        remedy = "restore it from a copy"
        raise _error("the file is cut short", path, "file", f"{size_bytes} bytes", remedy)


def _georeference(path: Path, page: tifffile.TiffPage) -> tuple[float, float, float]:
    """Give the pixel size and the projected centre of the first pixel."""
    tags: dict[int, Any] = {tag.code: tag.value for tag in page.tags}
    scale, tiepoint = _finite(tags.get(_SCALE_TAG)), _finite(tags.get(_TIEPOINT_TAG))
    remedy = "use a GeoTIFF in a projected frame in metres"
    if len(scale) != 3 or len(tiepoint) != 6:
        problem = "the file has no georeference (ModelPixelScale and one ModelTiepoint)"
        raise _error(problem, path, "ModelTiepoint", tiepoint, remedy)
    pixel_m = scale[0]
    if not 0.05 <= pixel_m <= 1000.0 or abs(pixel_m - scale[1]) > 1e-6 * pixel_m:
        problem = "the pixels are not squares of 0.05 to 1000 m"
        raise _error(problem, path, "ModelPixelScale", scale, remedy)
    keys = _geo_keys(tags.get(_GEO_KEYS_TAG))
    if keys.get(_MODEL_TYPE_KEY, _PROJECTED) != _PROJECTED:
        value = keys[_MODEL_TYPE_KEY]
        raise _error("the frame is not a projected one", path, "GTModelType", value, remedy)
    if keys.get(_LINEAR_UNITS_KEY, _METRE) != _METRE:
        value = keys[_LINEAR_UNITS_KEY]
        raise _error("the frame is not in metres", path, "ProjLinearUnits", value, remedy)
    half = 0.0 if keys.get(_RASTER_TYPE_KEY) == _PIXEL_IS_POINT else 0.5
    column, row, _, x_m, y_m, _ = tiepoint
    return pixel_m, x_m + (half - column) * pixel_m, y_m - (half - row) * pixel_m


def _finite(values: object) -> tuple[float, ...]:
    """Give a tag's numbers; nothing when it is absent or one of them is not finite."""
    if not isinstance(values, tuple) or not all(isinstance(v, int | float) for v in values):
        return ()
    return values if all(math.isfinite(v) for v in values) else ()


def _geo_keys(directory: object) -> dict[int, int]:
    """Give the keys whose value is in the directory itself: all that are needed here are."""
    if not isinstance(directory, tuple):
        return {}
    entries = zip(*(directory[first::4] for first in range(4, 8)), strict=False)
    return {key: value for key, location, _, value in entries if location == 0}


def _error(problem: str, path: Path, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place=str(path), key=key, value=value, remedy=remedy)
