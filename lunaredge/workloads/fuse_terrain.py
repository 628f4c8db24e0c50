"""Fuse what surveys measured into one height per cell.

Input, msgpack: ``{"cell_m": float, "patches": [bytes, ...]}``, a patch being float32 little-endian
triples x, y, z in metres. Output, msgpack: ``cells`` as ``[x, y, z, count]`` with x and y at the
cell's centre and z the median height, in order of column then row; ``spread_m``, the standard
deviation in each cell; ``points``, how many went in; ``sha256`` over the cells as float64.

The median, because one bad echo must not move the ground. The order of patches changes nothing.
"""

import hashlib
import math

import msgspec
import numpy as np
from numpy.typing import NDArray

# A map of the whole Moon at a millimetre: beyond it, an index would not fit its integer.
_COORDINATE_M_MAX = 1e7
_CELL_M_MIN = 1e-3


class Surveys(msgspec.Struct, frozen=True):
    """What a fusion is given."""

    cell_m: float
    patches: list[bytes]


class Map(msgspec.Struct, frozen=True):
    """What a fusion gives."""

    cells: list[tuple[float, float, float, int]]
    spread_m: list[float]
    points: int
    sha256: str


def run(document: bytes) -> bytes:
    """Fuse.

    Raises:
        ValueError: the input is not a set of surveys.
    """
    try:
        surveys = msgspec.msgpack.decode(document, type=Surveys)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ValueError(f"input is not a set of surveys: {exc}") from exc
    if not (math.isfinite(surveys.cell_m) and surveys.cell_m >= _CELL_M_MIN):
        raise ValueError(f"cell_m is {surveys.cell_m}, not at least {_CELL_M_MIN}")
    return msgspec.msgpack.encode(fuse(_points(surveys.patches), surveys.cell_m))


def fuse(points: NDArray[np.float64], cell_m: float) -> Map:
    """Give the map of points, shape (n, 3), in metres."""
    if not len(points):
        return Map(cells=[], spread_m=[], points=0, sha256=hashlib.sha256().hexdigest())
    indices = np.floor(points[:, :2] / cell_m).astype(np.int64)
    order = np.lexsort((points[:, 2], indices[:, 1], indices[:, 0]))
    indices, heights_m = indices[order], points[order, 2]
    starts = np.flatnonzero(np.any(np.diff(indices, axis=0, prepend=indices[:1] - 1), axis=1))
    counts = np.diff(starts, append=len(heights_m))
    centres_m = (indices[starts] + 0.5) * cell_m
    # Heights are in order within a cell, so the two in its middle stand beside each other.
    low, high = starts + (counts - 1) // 2, starts + counts // 2
    medians_m = (heights_m[low] + heights_m[high]) / 2.0
    cells = np.column_stack((centres_m, medians_m, counts))
    return Map(
        cells=[(x_m, y_m, z_m, int(count)) for x_m, y_m, z_m, count in cells.tolist()],
        spread_m=_spread_m(heights_m, starts, counts).tolist(),
        points=len(points),
        sha256=hashlib.sha256(cells.astype("<f8").tobytes()).hexdigest(),
    )


def _spread_m(
    heights_m: NDArray[np.float64], starts: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Give the standard deviation in each cell; about its mean first, or digits would cancel."""
    means_m = np.add.reduceat(heights_m, starts) / counts
    deviations_m = heights_m - np.repeat(means_m, counts)
    spread_m: NDArray[np.float64] = np.sqrt(np.add.reduceat(deviations_m**2, starts) / counts)
    return spread_m


def _points(patches: list[bytes]) -> NDArray[np.float64]:
    """Give all points, shape (n, 3).

    Raises:
        ValueError: a patch is cut off, or has a coordinate that can't be one.
    """
    for index, patch in enumerate(patches):
        if len(patch) % 12:
            raise ValueError(f"patch {index} has {len(patch)} bytes, not whole points")
    points = np.frombuffer(b"".join(patches), dtype="<f4").astype(np.float64).reshape(-1, 3)
    if not np.all(np.abs(points) <= _COORDINATE_M_MAX):
        raise ValueError("a coordinate is not a number on the Moon")
    return points
