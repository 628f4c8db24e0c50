"""Standing convex bodies, so arranged that most questions about a place take one byte.

A set of solids is five arrays, entered into and kept up to date by `add` and `remove`:

    rows  : float64 (S, SOLID_COLUMNS)  a body as `kernels.convex` packs it, about its own origin;
                                        then where that origin is, the box around the rounded body,
                                        and the time it is there. Count 0: an unused row
    faces : float64 (S, FACE_COLUMNS)   the same again, for the first look: x, y, reach, where the
                                        groups end; then groups of four faces, each its unit normal
                                        outward and how far it is from the origin, margin and
                                        rounding included, and of four corners. The last of either
                                        fills the last group
    frame : float64 (FRAME,)            how the two grids lie, see the columns below
    clear : uint8 (H, W)                how far any point of a cell is from the nearest solid, at
                                        least, in quanta. The cells along the border hold CLEAR_MAX:
                                        that or more, as everywhere beyond
    lists : int32 (L,)                  the solids near each tile, as linked lists; see `_insert`

The functions are compiled, for other kernels and `paths.solids`, which checks the arrays.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.convex import (
    COLUMNS,
    CORNERS,
    CORNERS_MAX,
    COUNT,
    EDGE_M_MIN,
    MARGIN,
    REACH,
    distance,
    place,
)
from lunaredge.kernels.jit import Floats, Shorts, kernel

X, Y, LEFT, BOTTOM, RIGHT, TOP, FROM, UNTIL = range(COLUMNS, COLUMNS + 8)
SOLID_COLUMNS = COLUMNS + 8

# Columns of `faces`. Fours take half the time of a loop over a count that is not known beforehand;
# a box fills three lines of the cache.
FACE_X, FACE_Y, FACE_REACH, FACE_END, GROUPS = range(5)
_FACE, _GROUP = 3, 20
_CORNER = 4 * _FACE
FACE_COLUMNS = GROUPS + _GROUP * CORNERS_MAX // 4

# Columns of a frame: the corner of both grids; the side of a clearance cell, its inverse and its
# quantum; of the tiles the inverse of the side, how many, and how far off they list a body.
FRAME_X, FRAME_Y, CELL, PER_M, QUANTUM, TILES_PER_M, TILE_ROWS, TILE_COLUMNS, GROWN = range(9)
FRAME = 9
CLEAR_MAX = 255

# Rounding of a distance near a machine.
TOUCH_M = 1e-9

# Head of `lists`: first unused entry, and where entries end; then the first entry of each tile.
FREE, END, HEADS = 0, 1, 2
NO_ENTRY = -1

Bytes = NDArray[np.uint8]
Index = tuple[Floats, Floats, Floats, Bytes, Shorts]
"""rows, faces, frame, clear, lists."""
Cells = tuple[int, int, int, int]
"""Rows and columns: from, to before."""
Box = tuple[float, float, float, float]
"""left, bottom, right, top."""


@kernel
def add(index: Index, solid: int) -> bool:
    """Enter a row into all the rest; False, and nothing done: the lists are full.

    Bound by the cells within the clearance's range of the body, some 20 ns each.
    """
    rows, faces, frame, clear, _ = index
    if not _insert(index, solid):
        return False
    write_faces(rows[solid], faces[solid])
    _stamp(rows[solid], frame, clear, _around(rows[solid], frame, clear))
    return True


@kernel
def remove(index: Index, solid: int, near: Shorts) -> None:
    """Take a row out of the rest and void it; the ground around clears as far as others let.

    near : int32 (S,)  written to

    Costs what adding those near it cost, for the cells within its range.
    """
    rows, faces, frame, clear, _ = index
    _unlink(index, solid)
    cells = _around(rows[solid], frame, clear)
    clear[cells[0] : cells[1], cells[2] : cells[3]] = CLEAR_MAX
    twice = 2.0 * (CLEAR_MAX * frame[QUANTUM] + frame[CELL])
    row = rows[solid]
    box = (row[LEFT] - twice, row[BOTTOM] - twice, row[RIGHT] + twice, row[TOP] + twice)
    row[COUNT], faces[solid, FACE_END] = 0.0, 0.0
    for k in range(gather(index, box, near)):
        _stamp(rows[near[k]], frame, clear, cells)


@kernel
def write_faces(row: Floats, out: Floats) -> None:
    """Write the faces of a body, float64 (FACE_COLUMNS,); a point's only one faces +x."""
    count = int(row[COUNT])
    out[FACE_X], out[FACE_Y] = row[X], row[Y]
    out[FACE_REACH] = row[REACH] + TOUCH_M
    groups = (count + 3) // 4
    out[FACE_END] = GROUPS + _GROUP * groups
    for k in range(4 * groups):
        here = CORNERS + 2 * min(k, count - 1)
        after = CORNERS + 2 * ((min(k, count - 1) + 1) % count)
        ex, ey = row[after] - row[here], row[after + 1] - row[here + 1]
        length = math.sqrt(ex * ex + ey * ey)
        nx, ny, at = 1.0, 0.0, row[here]
        if length > EDGE_M_MIN:
            nx, ny = ey / length, -ex / length
            at = nx * row[here] + ny * row[here + 1]
        else:
            # Any direction bounds a body, by its farthest corner.
            for j in range(count):
                at = max(at, row[CORNERS + 2 * j])
        group = GROUPS + _GROUP * (k // 4)
        face, corner = group + _FACE * (k % 4), group + _CORNER + 2 * (k % 4)
        out[face], out[face + 1] = nx, ny
        out[face + 2] = at + row[MARGIN] + TOUCH_M
        out[corner], out[corner + 1] = row[here], row[here + 1]


@kernel
def farthest_face(faces: Floats, r: int, x: float, y: float) -> tuple[float, int]:
    """Give how far beyond its farthest face of body r a place in its frame is, and the column."""
    best, face = -np.inf, GROUPS
    a, end = GROUPS, int(faces[r, FACE_END])
    while a < end:
        b, c, d = a + _FACE, a + 2 * _FACE, a + 3 * _FACE
        at_a = faces[r, a] * x + faces[r, a + 1] * y - faces[r, a + 2]
        at_b = faces[r, b] * x + faces[r, b + 1] * y - faces[r, b + 2]
        at_c = faces[r, c] * x + faces[r, c + 1] * y - faces[r, c + 2]
        at_d = faces[r, d] * x + faces[r, d + 1] * y - faces[r, d + 2]
        ab, at_ab = b if at_b > at_a else a, max(at_a, at_b)
        cd, at_cd = d if at_d > at_c else c, max(at_c, at_d)
        abcd, at_abcd = cd if at_cd > at_ab else ab, max(at_ab, at_cd)
        face, best = abcd if at_abcd > best else face, max(best, at_abcd)
        a += _GROUP
    return best, face


@kernel
def support(faces: Floats, r: int, nx: float, ny: float) -> float:
    """Give how far body r comes from its origin along a direction in its frame, no margin."""
    most = -np.inf
    a, end = GROUPS + _CORNER, int(faces[r, FACE_END])
    while a < end:
        at_a = nx * faces[r, a] + ny * faces[r, a + 1]
        at_b = nx * faces[r, a + 2] + ny * faces[r, a + 3]
        at_c = nx * faces[r, a + 4] + ny * faces[r, a + 5]
        at_d = nx * faces[r, a + 6] + ny * faces[r, a + 7]
        most = max(most, max(max(at_a, at_b), max(at_c, at_d)))
        a += _GROUP
    return most


@kernel
def tiles(frame: Floats, box: Box) -> Cells:
    """Give the tiles that a box meets; those at the border stand for all beyond."""
    per_m, left, bottom = frame[TILES_PER_M], frame[FRAME_X], frame[FRAME_Y]
    rows, columns = frame[TILE_ROWS] - 1.0, frame[TILE_COLUMNS] - 1.0
    return (
        int(max(0.0, min((box[1] - bottom) * per_m, rows))),
        int(max(0.0, min((box[3] - bottom) * per_m, rows))) + 1,
        int(max(0.0, min((box[0] - left) * per_m, columns))),
        int(max(0.0, min((box[2] - left) * per_m, columns))) + 1,
    )


@kernel
def tile_of(frame: Floats, x: float, y: float) -> Cells:
    """Give the one tile that a place is in, as `tiles` gives them."""
    per_m = frame[TILES_PER_M]
    row = int(max(0.0, min((y - frame[FRAME_Y]) * per_m, frame[TILE_ROWS] - 1.0)))
    column = int(max(0.0, min((x - frame[FRAME_X]) * per_m, frame[TILE_COLUMNS] - 1.0)))
    return row, row + 1, column, column + 1


@kernel
def is_first(
    rows: Floats, frame: Floats, solid: int, tile: tuple[int, int], low: int, first: int
) -> bool:
    """Tell whether a tile is the first that lists a solid, of those from row low, column first on.

    Who looks at several tiles takes a solid where this is so, and takes it once.
    """
    at = _tiles_of(rows[solid], frame)
    return tile[0] == max(low, at[0]) and tile[1] == max(first, at[2])


@kernel
def gather(index: Index, box: Box, out: Shorts) -> int:
    """Write the solids that may meet a box, each once; give their count.

    out : int32 (S,)
    """
    rows, _, frame, _, lists = index
    low, high, first, last = tiles(frame, box)
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


@kernel
def _around(row: Floats, frame: Floats, clear: Bytes) -> Cells:
    """Give the cells that a body can count for."""
    range_m = CLEAR_MAX * frame[QUANTUM] + frame[CELL]
    per_m, left, bottom = frame[PER_M], frame[FRAME_X], frame[FRAME_Y]
    height, width = float(clear.shape[0]), float(clear.shape[1])
    return (
        int(max(0.0, min((row[BOTTOM] - range_m - bottom) * per_m, height))),
        int(max(0.0, min((row[TOP] + range_m - bottom) * per_m + 1.0, height))),
        int(max(0.0, min((row[LEFT] - range_m - left) * per_m, width))),
        int(max(0.0, min((row[RIGHT] + range_m - left) * per_m + 1.0, width))),
    )


@kernel
def _stamp(row: Floats, frame: Floats, clear: Bytes, cells: Cells) -> None:
    """Lower the clearance of cells to what one body leaves.

    No point of a cell is nearer to the body than the cell's centre is, less half a diagonal.
    """
    corners = np.empty((CORNERS_MAX, 2))
    # About the body's own origin: the rounding of far coordinates counts once, in the centre.
    count = place(row, 0.0, 0.0, 1.0, 0.0, corners)
    less = row[MARGIN] + math.sqrt(0.5) * frame[CELL] + TOUCH_M
    core = row[REACH] - row[MARGIN]
    for r in range(cells[0], cells[1]):
        y = frame[FRAME_Y] + (r + 0.5) * frame[CELL] - row[Y]
        for c in range(cells[2], cells[3]):
            x = frame[FRAME_X] + (c + 0.5) * frame[CELL] - row[X]
            # Others are nearer to most cells: a root tells that, without a look at the corners.
            free = less + clear[r, c] * frame[QUANTUM]
            if math.sqrt(x * x + y * y) - core < free:
                away = distance(x, y, corners, count)
                if away < free:
                    clear[r, c] = int(max(0.0, away - less) / frame[QUANTUM])


@kernel
def _tiles_of(row: Floats, frame: Floats) -> Cells:
    """Give the tiles that list a body: all that its box meets, grown."""
    grown = frame[GROWN]
    return tiles(
        frame, (row[LEFT] - grown, row[BOTTOM] - grown, row[RIGHT] + grown, row[TOP] + grown)
    )


@kernel
def _insert(index: Index, solid: int) -> bool:
    """Link a solid into the list of every tile near it; False: no room, nothing done.

    An entry is two numbers, the solid and the next entry. `lists` starts with the first unused
    entry of those given back and with the end of those in use, then the first entry of each tile.
    """
    rows, _, frame, _, lists = index
    low, high, first, last = _tiles_of(rows[solid], frame)
    if lists[END] + 2 * (high - low) * (last - first) > len(lists):
        return False
    for r in range(low, high):
        for c in range(first, last):
            entry = lists[FREE]
            if entry == NO_ENTRY:
                entry = lists[END]
                lists[END] += 2
            else:
                lists[FREE] = lists[entry + 1]
            head = HEADS + r * int(frame[TILE_COLUMNS]) + c
            lists[entry], lists[entry + 1] = solid, lists[head]
            lists[head] = entry
    return True


@kernel
def _unlink(index: Index, solid: int) -> None:
    """Take a solid out of every tile's list, and keep its entries for others."""
    rows, _, frame, _, lists = index
    low, high, first, last = _tiles_of(rows[solid], frame)
    for r in range(low, high):
        for c in range(first, last):
            link = HEADS + r * int(frame[TILE_COLUMNS]) + c
            while lists[link] != NO_ENTRY and lists[lists[link]] != solid:
                link = lists[link] + 1
            entry = lists[link]
            if entry != NO_ENTRY:
                lists[link] = lists[entry + 1]
                lists[entry + 1] = lists[FREE]
                lists[FREE] = entry
