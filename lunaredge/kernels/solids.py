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
tested against.

The functions are compiled and the caller has checked the arrays.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.convex import COLUMNS, CORNERS, CORNERS_MAX, COUNT, MARGIN, distance, place
from lunaredge.kernels.jit import Floats, Shorts, kernel

# Three numbers a face: the unit normal outward, and how far the face is from the body's origin.
FACES = COLUMNS
OUTLINE_COLUMNS = FACES + 3 * CORNERS_MAX
X, Y, LEFT, BOTTOM, RIGHT, TOP, FROM, UNTIL = range(OUTLINE_COLUMNS, OUTLINE_COLUMNS + 8)
SOLID_COLUMNS = OUTLINE_COLUMNS + 8

# Columns of a frame: the corner of both grids; the side of a clearance cell, its inverse and its
# quantum; of the tiles the inverse of the side, how many, and how far off they list a body.
FRAME_X, FRAME_Y, CELL, PER_M, QUANTUM, TILES_PER_M, TILE_ROWS, TILE_COLUMNS, GROWN = range(9)
FRAME = 9
CLEAR_MAX = 255

# Rounding of a distance near a machine, far from the frame's corner too.
TOUCH_M = 1e-9
# Head of `lists`: first unused entry, and where entries end; then the first entry of each cell.
_FREE, _END, HEADS = 0, 1, 2
NO_ENTRY = -1

Bytes = NDArray[np.uint8]
Cells = tuple[int, int, int, int]
"""Rows and columns: from, to before."""
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
    for k in range(gather(index, box, near)):
        _stamp(rows[near[k]], frame, clear, cells)


@kernel
def write_faces(row: Floats) -> None:
    """Write the faces of a body; a point's only one has the normal (1, 0)."""
    count = int(row[COUNT])
    for k in range(count):
        here, after = CORNERS + 2 * k, CORNERS + 2 * ((k + 1) % count)
        ex, ey = row[after] - row[here], row[after + 1] - row[here + 1]
        length = math.sqrt(ex * ex + ey * ey)
        nx, ny = (ey / length, -ex / length) if length > 0.0 else (1.0, 0.0)
        face = FACES + 3 * k
        row[face], row[face + 1] = nx, ny
        row[face + 2] = nx * row[here] + ny * row[here + 1]


@kernel
def _around(row: Floats, frame: Floats, clear: Bytes) -> Cells:
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
    row: Floats, frame: Floats, clear: Bytes, cells: Cells
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
def tiles(frame: Floats, left: float, bottom: float, right: float, top: float) -> Cells:
    """Give the rows and columns of the tiles that a box meets, held within the grid."""
    rows, columns = int(frame[TILE_ROWS]), int(frame[TILE_COLUMNS])
    per_m = frame[TILES_PER_M]
    return (
        _held((bottom - frame[FRAME_Y]) * per_m, rows - 1),
        _held((top - frame[FRAME_Y]) * per_m, rows - 1) + 1,
        _held((left - frame[FRAME_X]) * per_m, columns - 1),
        _held((right - frame[FRAME_X]) * per_m, columns - 1) + 1,
    )


@kernel
def _tiles_of(row: Floats, frame: Floats) -> Cells:
    """Give the tiles that list a body."""
    grown = frame[GROWN]
    return tiles(
        frame, row[LEFT] - grown, row[BOTTOM] - grown, row[RIGHT] + grown, row[TOP] + grown
    )


@kernel
def _insert(index: Index, solid: int) -> bool:
    """Link a solid into the list of every tile near it; False: no room, nothing done.

    An entry is two numbers, the solid and the next entry; `lists` starts with the first unused
    entry of those given back and with the end of those in use, then the first entry of each tile.
    """
    rows, frame, _, lists = index
    low, high, first, last = _tiles_of(rows[solid], frame)
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
            head = HEADS + r * int(frame[TILE_COLUMNS]) + c
            lists[entry], lists[entry + 1] = solid, lists[head]
            lists[head] = entry
    return True


@kernel
def _unlink(index: Index, solid: int) -> None:
    """Take a solid out of every tile's list, and keep its entries for others."""
    rows, frame, _, lists = index
    low, high, first, last = _tiles_of(rows[solid], frame)
    for r in range(low, high):
        for c in range(first, last):
            link = HEADS + r * int(frame[TILE_COLUMNS]) + c
            while lists[link] != NO_ENTRY and lists[lists[link]] != solid:
                link = lists[link] + 1
            entry = lists[link]
            if entry != NO_ENTRY:
                lists[link] = lists[entry + 1]
                lists[entry + 1] = lists[_FREE]
                lists[_FREE] = entry


@kernel
def is_first(
    rows: Floats, frame: Floats, solid: int, tile: tuple[int, int], low: int, first: int
) -> bool:
    """Tell whether a tile is the first that lists a solid, of those from row low, column first on.

    What looks at several tiles takes a solid where this is so, and takes it once.
    """
    at = _tiles_of(rows[solid], frame)
    return tile[0] == max(low, at[0]) and tile[1] == max(first, at[2])


@kernel
def gather(index: Index, box: tuple[float, float, float, float], out: Shorts) -> int:
    """Write the solids whose boxes may meet a box, each once; give their count.

    Those that do are written, with others whose boxes are near.
    """
    rows, frame, _, lists = index
    low, high, first, last = tiles(frame, box[0], box[1], box[2], box[3])
    count = 0
    for r in range(low, high):
        for c in range(first, last):
            entry = lists[HEADS + r * int(frame[TILE_COLUMNS]) + c]
            while entry != NO_ENTRY:
                if is_first(rows, frame, lists[entry], (r, c), low, first):
                    out[count] = lists[entry]
                    count += 1
                entry = lists[entry + 1]
    return count
