"""Standing convex bodies, so arranged that most questions about a place take one byte.

A set of solids is five arrays, entered into and kept up to date by `add` and `remove`:

    rows  : float64 (S, SOLID_COLUMNS)  the bodies, see `kernels.solidfaces`; so are
    faces : float64 (S, FACE_COLUMNS)   their faces, and
    frame : float64 (FRAME,)            how the two grids lie
    clear : uint8 (H, W)                how far any point of a cell is from the nearest solid, at
                                        least, in quanta. The cells along the border hold CLEAR_MAX:
                                        that or more, as everywhere beyond
    lists : int32 (L,)                  the solids near each tile, in linked blocks; see `_insert`

The functions are compiled, for other kernels and `paths.solids`, which checks the arrays.
"""

import math

import numpy as np

from lunaredge.kernels.convex import CORNERS_MAX, COUNT, MARGIN, REACH, distance, place
from lunaredge.kernels.jit import Floats, Shorts, inner, kernel
from lunaredge.kernels.solidfaces import (
    BOTTOM,
    CELL,
    CLEAR_MAX,
    FACE_END,
    FRAME_X,
    FRAME_Y,
    GROWN,
    LEFT,
    PER_M,
    QUANTUM,
    RIGHT,
    TILE_COLUMNS,
    TILE_ROWS,
    TILES_PER_M,
    TOP,
    TOUCH_M,
    Box,
    Bytes,
    Cells,
    X,
    Y,
    write_faces,
)

# Head of `lists`: first unused block, and where blocks end; then the first block of each tile. A
# block is some solids, packed to its front, and the next block; mostly one says it all.
FREE, END, HEADS = 0, 1, 4
BLOCK = 4
NEXT = BLOCK - 1
NO_ENTRY = -1

Index = tuple[Floats, Floats, Floats, Bytes, Shorts]
"""rows, faces, frame, clear, lists."""


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
    row = rows[solid]
    cells = _around(row, frame, clear)
    clear[cells[0] : cells[1], cells[2] : cells[3]] = CLEAR_MAX
    twice = 2.0 * (CLEAR_MAX * frame[QUANTUM] + frame[CELL])
    box = (row[LEFT] - twice, row[BOTTOM] - twice, row[RIGHT] + twice, row[TOP] + twice)
    row[COUNT], faces[solid, FACE_END] = 0.0, 0.0
    for k in range(gather(index, box, near)):
        _stamp(rows[near[k]], frame, clear, cells)


@inner
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


@inner
def tile_of(frame: Floats, x: float, y: float) -> Cells:
    """Give the one tile that a place is in, as `tiles` gives them."""
    per_m = frame[TILES_PER_M]
    row = int(max(0.0, min((y - frame[FRAME_Y]) * per_m, frame[TILE_ROWS] - 1.0)))
    column = int(max(0.0, min((x - frame[FRAME_X]) * per_m, frame[TILE_COLUMNS] - 1.0)))
    return row, row + 1, column, column + 1


@inner
def is_first(
    rows: Floats, frame: Floats, solid: int, tile: tuple[int, int], low: int, first: int
) -> bool:
    """Tell whether a tile is the first that lists a solid, of those from row low, column first on.

    Who looks at several tiles takes a solid where this is so, and takes it once.
    """
    at = _tiles_of(rows[solid], frame)
    return tile[0] == max(low, at[0]) and tile[1] == max(first, at[2])


@inner
def gather(index: Index, box: Box, out: Shorts) -> int:
    """Write the solids that may meet a box, each once; give their count.

    out : int32 (S,)
    """
    rows, _, frame, _, lists = index
    low, high, first, last = tiles(frame, box)
    count = 0
    for r in range(low, high):
        for c in range(first, last):
            block = HEADS + BLOCK * (r * int(frame[TILE_COLUMNS]) + c)
            while block != NO_ENTRY:
                for entry in range(block, block + NEXT):
                    solid = lists[entry]
                    if solid != NO_ENTRY and is_first(rows, frame, solid, (r, c), low, first):
                        out[count] = solid
                        count += 1
                block = lists[block + NEXT]
    return count


@inner
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


@inner
def _tiles_of(row: Floats, frame: Floats) -> Cells:
    """Give the tiles that list a body: all that its box meets, grown."""
    grown = frame[GROWN]
    return tiles(
        frame, (row[LEFT] - grown, row[BOTTOM] - grown, row[RIGHT] + grown, row[TOP] + grown)
    )


@kernel
def _insert(index: Index, solid: int) -> bool:
    """Enter a solid into the blocks of every tile near it; False: no room, nothing done.

    `lists` starts with the first unused block of those given back and with the end of those in
    use, then the first block of each tile.
    """
    rows, _, frame, _, lists = index
    low, high, first, last = _tiles_of(rows[solid], frame)
    if lists[END] + BLOCK * (high - low) * (last - first) > len(lists):
        return False
    for r in range(low, high):
        for c in range(first, last):
            block = HEADS + BLOCK * (r * int(frame[TILE_COLUMNS]) + c)
            while lists[block + NEXT] != NO_ENTRY:
                block = lists[block + NEXT]
            if lists[block + NEXT - 1] != NO_ENTRY:
                lists[block + NEXT] = _new_block(lists)
                block = lists[block + NEXT]
            while lists[block] != NO_ENTRY:
                block += 1
            lists[block] = solid
    return True


@kernel
def _new_block(lists: Shorts) -> int:
    """Give an empty block."""
    block = lists[FREE]
    if block == NO_ENTRY:
        block = lists[END]
        lists[END] += BLOCK
    else:
        lists[FREE] = lists[block + NEXT]
    lists[block : block + BLOCK] = NO_ENTRY
    return int(block)


@inner
def _unlink(index: Index, solid: int) -> None:
    """Take a solid out of every tile's blocks; the tile's last solid takes its place."""
    rows, _, frame, _, lists = index
    low, high, first, last = _tiles_of(rows[solid], frame)
    for r in range(low, high):
        for c in range(first, last):
            block = HEADS + BLOCK * (r * int(frame[TILE_COLUMNS]) + c)
            found, before = NO_ENTRY, NO_ENTRY
            while True:
                for entry in range(block, block + NEXT):
                    found = entry if lists[entry] == solid else found
                if lists[block + NEXT] == NO_ENTRY:
                    break
                before, block = block, lists[block + NEXT]
            if found != NO_ENTRY:
                end = block + NEXT - 1
                while lists[end] == NO_ENTRY:
                    end -= 1
                lists[found] = lists[end]
                lists[end] = NO_ENTRY
                if end == block and before != NO_ENTRY:
                    lists[before + NEXT] = NO_ENTRY
                    lists[block + NEXT] = lists[FREE]
                    lists[FREE] = block
