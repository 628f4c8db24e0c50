"""How far every cell of a grid is from closed ground: one byte each, rounded to the safe side.

The distance is that between *squares*: no point of the cell is nearer to any point of a closed
cell. Counted in cells it is the root of max(|rows apart| - 1, 0)^2 + max(|columns apart| - 1, 0)^2,
an integer under the root, so that the transform is exact and a turned grid has the same bytes.

    0       the cell is closed
    1 + k   open; the distance is at least k / steps cells, and less than (k + 1) / steps
    255     nothing closed within the range

with ``steps = STEPS / range``. The transform works in two passes, down the columns and along the
rows (Meijster, Roerdink, Hesselink 2000; Felzenszwalb, Huttenlocher 2012). The second does not seek
the lower envelope of parabolas, as they do: within a range of some dozen cells the plain minimum
over all of them runs at full vector width, and a region can be done again by itself.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.jit import Flags, Ints, Singles, is_array, kernel

Bytes = NDArray[np.uint8]

STEPS = 254
# Beyond it a step is half a cell, and the bytes say too little.
RANGE_CELLS_MAX = 127
# Farther than any row, and still exact as float32 when squared.
_FAR = np.float32(4000.0)


def fill_clearance(out_clearance: Bytes, closed: Flags, range_cells: int, window: Ints) -> None:
    """Compute the clearance of the cells in a window.

    closed        : bool (H, W)
    window        : int64 (4,)     first row, last row, first column, last column; the last included
    out_clearance : uint8 (H, W)   written in the window only; see the module
    """
    assert is_array(closed, np.bool_, None, None)
    assert out_clearance.dtype == np.uint8
    assert out_clearance.flags.c_contiguous
    assert out_clearance.shape == closed.shape
    assert 1 <= range_cells <= RANGE_CELLS_MAX
    assert is_array(window, np.int64, 4)
    first, last, left, right = window.tolist()
    assert 0 <= first <= last < closed.shape[0]
    assert 0 <= left <= right < closed.shape[1]
    _fill_clearance(out_clearance, closed, _bytes_by_square(range_cells), range_cells, window)


def _bytes_by_square(range_cells: int) -> Bytes:
    """Give the byte of every squared distance up to the range, in exact integers."""
    squares = range(range_cells**2 + 1)
    steps = [math.isqrt(square * STEPS**2 // range_cells**2) for square in squares]
    return (np.array(steps) + 1).astype(np.uint8)


@kernel
def _fill_clearance(
    out_clearance: Bytes, closed: Flags, table: Bytes, range_cells: int, window: Ints
) -> None:
    """See `fill_clearance`: a sweep up the columns, then a sweep down that finishes each row."""
    row_count, column_count = closed.shape
    first, last, left, right = window
    # What the minimum along a row looks at reaches beyond the window.
    low = max(0, left - range_cells - 1)
    high = min(column_count - 1, right + range_cells + 1)
    above = np.empty((last - first + 1, high - low + 1), np.float32)
    running = np.full(high - low + 1, _FAR, np.float32)
    for row in range(min(row_count - 1, last + range_cells + 1), first - 1, -1):
        _step(running, closed[row, low : high + 1])
        if row <= last:
            above[row - first] = running
    running[:] = _FAR
    least = np.empty(right - left + 1, np.float32)
    for row in range(max(0, first - range_cells - 1), last + 1):
        _step(running, closed[row, low : high + 1])
        if row >= first:
            squares = above[row - first]
            _square(squares, running)
            _least_along(least, squares, range_cells, left - low)
            for k in range(len(least)):
                square = np.int64(least[k])
                value = table[square] if square < len(table) else np.uint8(STEPS + 1)
                out_clearance[row, left + k] = np.uint8(0) if closed[row, left + k] else value


@kernel
def _step(running: Singles, closed: Flags) -> None:
    """Go on by one row: how many rows ago a column was closed."""
    for k in range(len(running)):
        running[k] = np.float32(0.0) if closed[k] else running[k] + np.float32(1.0)


@kernel
def _square(squares: Singles, below: Singles) -> None:
    """Turn the rows to the nearest closed cell of a column, up or down, into a squared gap."""
    for k in range(len(squares)):
        rows = squares[k] if squares[k] < below[k] else below[k]
        gap = rows - np.float32(1.0) if rows > np.float32(1.0) else np.float32(0.0)
        gap = gap if gap < _FAR else _FAR
        squares[k] = gap * gap


@kernel
def _least_along(least: Singles, squares: Singles, range_cells: int, offset: int) -> None:
    """Give the least squared distance of each cell of a row, from its columns' squared gaps."""
    count, width = len(least), len(squares)
    least[:] = squares[offset : offset + count]
    for apart in range(1, range_cells + 2):
        gap = np.float32((apart - 1) * (apart - 1))
        skipped = max(0, apart - offset)
        _lower(least[skipped:], squares[offset + skipped - apart :], gap)
        _lower(least[: max(0, width - offset - apart)], squares[offset + apart :], gap)


@kernel
def _lower(least: Singles, squares: Singles, gap: np.float32) -> None:
    """Lower each value to that beside it, a number of columns away, where that is less."""
    for k in range(min(len(least), len(squares))):
        other = squares[k] + gap
        least[k] = other if other < least[k] else least[k]
