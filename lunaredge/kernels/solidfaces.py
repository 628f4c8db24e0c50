"""One standing convex body as the kernels see it: its row, its faces, and the grids it lies on.

    row   : float64 (SOLID_COLUMNS,)  a body as `kernels.convex` packs it, about its own origin;
                                      then where that origin is, the box around the rounded body,
                                      and the time it is there. Count 0: an unused row
    faces : float64 (FACE_COLUMNS,)   the same again, for the first look: x, y, reach, where the
                                      groups end; then groups of four faces, each its unit normal
                                      outward and how far it is from the origin, margin and
                                      rounding included, and of four corners. The last of either
                                      fills the last group
    frame : float64 (FRAME,)          how the two grids lie, see the columns below

The functions are compiled, for other kernels.
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
)
from lunaredge.kernels.jit import Floats, inner

X, Y, LEFT, BOTTOM, RIGHT, TOP, FROM, UNTIL = range(COLUMNS, COLUMNS + 8)
SOLID_COLUMNS = COLUMNS + 8

# Columns of `faces`. Fours take half the time of a loop over a count that is not known beforehand;
# a box fills three lines of the cache.
FACE_X, FACE_Y, FACE_REACH, FACE_END, GROUPS = range(5)
# Within a group: x and y of four normals, how far they are, x and y of four corners; each four in
# a row, for one vector register.
NORMAL_X, NORMAL_Y, OFFSET, _CORNER_X, _CORNER_Y, _GROUP = range(0, 24, 4)
FACE_COLUMNS = GROUPS + _GROUP * CORNERS_MAX // 4

# Columns of a frame: the corner of both grids; the side of a clearance cell, its inverse and its
# quantum; of the tiles the inverse of the side, how many, and how far off they list a body.
FRAME_X, FRAME_Y, CELL, PER_M, QUANTUM, TILES_PER_M, TILE_ROWS, TILE_COLUMNS, GROWN = range(9)
FRAME = 9
CLEAR_MAX = 255

# Rounding of a distance near a machine.
TOUCH_M = 1e-9

Bytes = NDArray[np.uint8]
Cells = tuple[int, int, int, int]
"""Rows and columns: from, to before."""
Box = tuple[float, float, float, float]
"""left, bottom, right, top."""


@inner
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
        face = GROUPS + _GROUP * (k // 4) + k % 4
        out[face + NORMAL_X], out[face + NORMAL_Y] = nx, ny
        out[face + OFFSET] = at + row[MARGIN] + TOUCH_M
        out[face + _CORNER_X], out[face + _CORNER_Y] = row[here], row[here + 1]


@inner
def farthest_face(faces: Floats, r: int, x: float, y: float) -> tuple[float, int]:
    """Give how far beyond its farthest face of body r a place in its frame is, and the column."""
    best, face, row = -np.inf, GROUPS, faces[r]
    a, end = GROUPS, int(row[FACE_END])
    while a < end:
        at_a = row[a] * x + row[a + 4] * y - row[a + 8]
        at_b = row[a + 1] * x + row[a + 5] * y - row[a + 9]
        at_c = row[a + 2] * x + row[a + 6] * y - row[a + 10]
        at_d = row[a + 3] * x + row[a + 7] * y - row[a + 11]
        most = max(max(at_a, at_b), max(at_c, at_d))
        if most > best:
            best = most
            face = (
                a if at_a == most else a + 1 if at_b == most else a + 2 if at_c == most else a + 3
            )
        a += _GROUP
    return best, face


@inner
def support(faces: Floats, r: int, nx: float, ny: float) -> float:
    """Give how far body r comes from its origin along a direction in its frame, no margin."""
    most, row = -np.inf, faces[r]
    a, end = GROUPS + _CORNER_X, int(row[FACE_END])
    while a < end:
        at_a, at_b = nx * row[a] + ny * row[a + 4], nx * row[a + 1] + ny * row[a + 5]
        at_c, at_d = nx * row[a + 2] + ny * row[a + 6], nx * row[a + 3] + ny * row[a + 7]
        most = max(most, max(max(at_a, at_b), max(at_c, at_d)))
        a += _GROUP
    return most
