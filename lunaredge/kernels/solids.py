"""Standing convex bodies: whether poses and routes keep clear of them, and by how much.

A set of solids is four arrays, made and kept up to date by the functions here:

    rows   : float64 (S, SOLID_COLUMNS)  a body as `kernels.convex` packs it, about its own origin;
                                         then the place of that origin, the box around the rounded
                                         body, and the time it is there. Count 0: an unused row
    frame  : float64 (FRAME,)            how the two grids lie, see the columns below
    clear  : uint8 (H, W)                how far any point of a cell is from the nearest solid, at
                                         least, in quanta; 255 and all beyond the grid: that or more
    lists  : int32 (L,)                  the solids whose boxes meet each cell of a coarser grid, as
                                         linked lists; see `_insert`

The clearance answers most questions with one byte, the lists find the few bodies that the rest are
tested against. An outline is a machine's parts, and discs that together cover them:

    outline : float64 (P + D, COLUMNS)   P parts, then D discs, as rows of `kernels.convex`

The functions are compiled and the caller has checked the arrays.
"""

import math

import numpy as np

from lunaredge.kernels.convex import (
    COLUMNS,
    CORNERS,
    COUNT,
    HIGH,
    LOW,
    MARGIN,
    REACH,
    gap,
    place,
    turned,
)
from lunaredge.kernels.jit import Floats, Ints, NDArray, Shorts, kernel
from lunaredge.kernels.sweep import CONTACT_M, first_meeting, least_gap, work_space

X, Y, LEFT, BOTTOM, RIGHT, TOP, FROM, UNTIL = range(COLUMNS, COLUMNS + 8)
SOLID_COLUMNS = COLUMNS + 8

# Columns of a frame: the corner of both grids; the side of a clearance cell and its inverse, its
# quantum and the outline's reach that one byte can clear; the side of a list's cell, and how many.
FRAME_X, FRAME_Y, CELL, PER_M, QUANTUM, BUCKET, BUCKET_ROWS, BUCKET_COLUMNS = range(8)
FRAME = 8
CLEAR_MAX = 255

# Rounding of a distance near a machine, far from the frame's corner too.
TOUCH_M = 1e-9
# How far a machine may go before the bodies near it are gathered anew.
_SLACK_M = 2.0

# Head of `lists`: first unused entry, and where entries end; then the first entry of each cell.
_FREE, _END, _HEADS = 0, 1, 2
NO_ENTRY = -1

Bytes = NDArray[np.uint8]
Index = tuple[Floats, Floats, Bytes, Shorts]
"""rows, frame, clear, lists."""


@kernel
def add(index: Index, solid: int) -> bool:
    """Enter a row into the clearance and the lists; False, and nothing done: the lists are full.

    Costs the cells within the clearance's range of the body, some 30 ns each.
    """
    rows, frame, clear, _ = index
    if not _insert(index, solid):
        return False
    _stamp(rows[solid], frame, clear, _around(rows[solid], frame, clear))
    return True


@kernel
def remove(index: Index, solid: int) -> None:
    """Take a row out of the lists, void it, and clear the ground around it as far as others let.

    Costs what adding those near it cost, for the cells within its range.
    """
    rows, frame, clear, _ = index
    _unlink(index, solid)
    cells = _around(rows[solid], frame, clear)
    row_low, row_high, column_low, column_high = cells
    clear[row_low:row_high, column_low:column_high] = CLEAR_MAX
    twice = 2.0 * CLEAR_MAX * frame[QUANTUM] + 2.0 * frame[CELL]
    box = (
        rows[solid, LEFT] - twice,
        rows[solid, BOTTOM] - twice,
        rows[solid, RIGHT] + twice,
        rows[solid, TOP] + twice,
    )
    rows[solid, COUNT] = 0.0
    near = np.empty(len(rows), np.int32)
    for k in range(_gather(index, box, near)):
        _stamp(rows[near[k]], frame, clear, cells)


@kernel
def _around(row: Floats, frame: Floats, clear: Bytes) -> tuple[int, int, int, int]:
    """Give the rows and columns of the cells that a body can count for: from, to before."""
    range_m = CLEAR_MAX * frame[QUANTUM] + frame[CELL]
    return (
        _held((row[BOTTOM] - range_m - frame[FRAME_Y]) * frame[PER_M], clear.shape[0]),
        _held((row[TOP] + range_m - frame[FRAME_Y]) * frame[PER_M] + 1.0, clear.shape[0]),
        _held((row[LEFT] - range_m - frame[FRAME_X]) * frame[PER_M], clear.shape[1]),
        _held((row[RIGHT] + range_m - frame[FRAME_X]) * frame[PER_M] + 1.0, clear.shape[1]),
    )


@kernel
def _held(place: float, count: int) -> int:
    """Give the cell of a place along one axis, from 0 to count."""
    return int(min(float(count), max(0.0, math.floor(place))))


@kernel
def _stamp(
    row: Floats, frame: Floats, clear: Bytes, cells: tuple[int, int, int, int]
) -> None:
    """Lower the clearance of cells to what one body leaves.

    No point of a cell is nearer to the body than the cell's centre is, less half a diagonal.
    """
    corners = np.empty((int(row[COUNT]), 2))
    # About the body's own origin: the rounding of far coordinates counts once, in the centre.
    count = place(row, 0.0, 0.0, 1.0, 0.0, corners)
    less = row[MARGIN] + math.sqrt(0.5) * frame[CELL] + TOUCH_M
    for r in range(cells[0], cells[1]):
        y = frame[FRAME_Y] + (r + 0.5) * frame[CELL] - row[Y]
        for c in range(cells[2], cells[3]):
            x = frame[FRAME_X] + (c + 0.5) * frame[CELL] - row[X]
            quanta = max(0.0, distance(x, y, corners, count) - less) / frame[QUANTUM]
            if quanta < clear[r, c]:
                clear[r, c] = int(quanta)


@kernel
def _buckets(frame: Floats, left: float, bottom: float, right: float, top: float) -> tuple[
    int, int, int, int
]:
    """Give the rows and columns of the lists' cells that a box meets: from, to before."""
    rows, columns = int(frame[BUCKET_ROWS]), int(frame[BUCKET_COLUMNS])
    per_m = 1.0 / frame[BUCKET]
    return (
        _held((bottom - frame[FRAME_Y]) * per_m, rows - 1),
        _held((top - frame[FRAME_Y]) * per_m, rows - 1) + 1,
        _held((left - frame[FRAME_X]) * per_m, columns - 1),
        _held((right - frame[FRAME_X]) * per_m, columns - 1) + 1,
    )


@kernel
def _insert(index: Index, solid: int) -> bool:
    """Link a solid into the list of every cell that its box meets; False: no room, nothing done.

    An entry is two numbers, the solid and the next entry; `lists` starts with the first unused
    entry of those given back and with the end of those in use, then the first entry of each cell.
    """
    rows, frame, _, lists = index
    row = rows[solid]
    low, high, first, last = _buckets(frame, row[LEFT], row[BOTTOM], row[RIGHT], row[TOP])
    if lists[_END] + 2 * (high - low) * (last - first) > len(lists):
        return False
    for r in range(low, high):
        for c in range(first, last):
            entry = lists[_FREE]
            if entry == NO_ENTRY:
                entry = lists[_END]
                lists[_END] += 2
            else:
                lists[_FREE] = lists[entry + 1]
            head = _HEADS + r * int(frame[BUCKET_COLUMNS]) + c
            lists[entry], lists[entry + 1] = solid, lists[head]
            lists[head] = entry
    return True


@kernel
def _unlink(index: Index, solid: int) -> None:
    """Take a solid out of every cell's list, and keep its entries for others."""
    rows, frame, _, lists = index
    row = rows[solid]
    low, high, first, last = _buckets(frame, row[LEFT], row[BOTTOM], row[RIGHT], row[TOP])
    for r in range(low, high):
        for c in range(first, last):
            link = _HEADS + r * int(frame[BUCKET_COLUMNS]) + c
            while lists[link] != NO_ENTRY and lists[lists[link]] != solid:
                link = lists[link] + 1
            entry = lists[link]
            if entry != NO_ENTRY:
                lists[link] = lists[entry + 1]
                lists[entry + 1] = lists[_FREE]
                lists[_FREE] = entry


@kernel
def _gather(
    index: Index, box: tuple[float, float, float, float], out: Shorts
) -> int:
    """Write the solids whose boxes meet a box, each once; give their count.

    A solid that meets several of the box's cells is taken in the first that both have.
    """
    rows, frame, _, lists = index
    left, bottom, right, top = box
    low, high, first, last = _buckets(frame, left, bottom, right, top)
    count = 0
    for r in range(low, high):
        for c in range(first, last):
            entry = lists[_HEADS + r * int(frame[BUCKET_COLUMNS]) + c]
            while entry != NO_ENTRY:
                row = rows[lists[entry]]
                if (
                    row[LEFT] <= right
                    and row[RIGHT] >= left
                    and row[BOTTOM] <= top
                    and row[TOP] >= bottom
                ):
                    at = _buckets(frame, row[LEFT], row[BOTTOM], row[RIGHT], row[TOP])
                    if r == max(low, at[0]) and c == max(first, at[2]):
                        out[count] = lists[entry]
                        count += 1
                entry = lists[entry + 1]
    return count
