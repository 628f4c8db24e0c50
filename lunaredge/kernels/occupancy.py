"""A machine on a grid of open and closed cells: what lies under a body, which poses are free.

A closed cell is a closed square and a body a closed set: touching is meeting. In here everything is
counted in cells: column c of row r is the square [c, c + 1] x [r, r + 1]. Prepared grids come as

    bits      : uint32 (H, ceil(W / 32))   bit c % 32 of word c // 32 of row r: the cell is closed
    clearance : uint8 (H + 2, W + 2)       `kernels.clearance` of the grid and one ring around it
    grid      : float64 (GRID,)            see the names of its columns below

and prepared machines as

    discs     : float64 (D, 4)          x, y, FREE and HIT byte of discs. Row 0 stands at the origin
                                        and covers all parts; the others do so between them
    parts     : float64 (S, COLUMNS)    rows of `kernels.convex`, in cells

Where a disc's centre stands in a cell whose byte is FREE or more, nothing closed is in the disc;
where it is under HIT, something closed is in the body.

The functions without a wrapper are compiled, for other kernels; the caller has checked the arrays.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.clearance import Bytes
from lunaredge.kernels.convex import CORNERS_MAX, MARGIN, place
from lunaredge.kernels.jit import Flags, Floats, Ints, is_array, kernel

Words = NDArray[np.uint32]
Cells = tuple[Words, Bytes, Floats]
"""bits, clearance and grid."""
Outline = tuple[Floats, Floats]
"""discs and parts."""
Work = tuple[Floats, Floats]
"""float64 (2 * CORNERS_MAX, 2) corners, and (H, 2): the least and largest x of a body in a row."""

# Columns of `grid`: the corner of cell (0, 0) and a cell's side, m; the width; what rounding may
# put a body off, in cells; 1 where all beyond the grid is closed; the clearance's steps per cell.
X_M, Y_M, CELL_M, WIDTH, SLACK, CLOSED_BEYOND, STEPS_PER_CELL = range(7)
GRID = 7

# What `first_cell_under` says instead of a cell.
NONE, BEYOND = -1, -2

WORD_BITS = 32
_FULL = 2**WORD_BITS - 1

# Discs are turned by a table; half a step of it is 0.003 rad, which their bytes allow for.
HEADINGS = 1024
HEADING_ERROR_RAD = math.pi / HEADINGS
_ANGLES_RAD = np.arange(HEADINGS) * (math.tau / HEADINGS)
_TURNS: Floats = np.column_stack((np.cos(_ANGLES_RAD), np.sin(_ANGLES_RAD)))
# A multiple of HEADINGS that makes every heading positive, so that cutting off is rounding down.
_AHEAD = 2.0**31 + 0.5

# What `paths.route` allows.
COORDINATE_M_MAX = 1.1e7
HEADING_RAD_MAX = 1e6

# Poses that go through the tiers together: with what waits of them they fit the first cache.
_BLOCK = 512


def check_poses(out_free: Flags, poses: Floats, cells: Cells, outline: Outline) -> bool:
    """Tell of each pose whether no closed cell meets any part; False if one of them is no pose.

    poses    : float64 (N, 3)   x_m, y_m, heading_rad
    out_free : bool (N,)        not to be used after False: a number was NaN or out of bounds

    Exact but for rounding, whose false alarms stay within SLACK. Three tiers, each for what the one
    before leaves open: the byte at the reference point; the bytes at the covering discs; the cells
    under the parts. Bound by the share of poses that reach the third, some 200 ns each.
    """
    assert is_array(poses, np.float64, None, 3)
    assert is_array(out_free, np.bool_, len(poses))
    return _check_poses(out_free, poses, cells, outline)


@kernel
def _check_poses(out_free: Flags, poses: Floats, cells: Cells, outline: Outline) -> bool:
    """See `check_poses`."""
    work = work_space(cells)
    waiting = np.empty(_BLOCK, np.int64)
    for start in range(0, len(poses), _BLOCK):
        block, free = poses[start : start + _BLOCK], out_free[start : start + _BLOCK]
        count = _look_up(free, block, cells, outline[0], waiting)
        if count < 0:
            return False
        count = _cover(free, block, cells, outline[0], waiting[:count])
        for k in range(count):
            pose = block[waiting[k]]
            under = first_cell_under(cells, outline[1], (pose[0], pose[1], pose[2]), work)
            free[waiting[k]] = under == NONE
    return True


@kernel
def work_space(cells: Cells) -> Work:
    """Give the arrays that the functions here write to, for any number of calls."""
    return np.empty((2 * CORNERS_MAX, 2)), np.empty((len(cells[0]), 2))


@kernel
def _look_up(free: Flags, poses: Floats, cells: Cells, discs: Floats, waiting: Ints) -> int:
    """Decide what the byte at the reference point decides; list the others and give their count.

    Negative: one of them is no pose. No branch in here depends on a pose: half of what is left at
    the edge of the closed ground would be guessed wrong.
    """
    _, clearance, grid = cells
    x_m, y_m, per_m = grid[X_M], grid[Y_M], 1.0 / grid[CELL_M]
    free_from, hit_below = int(discs[0, 2]), int(discs[0, 3])
    count = 0
    wrong = False
    for k in range(len(poses)):
        x, y = poses[k, 0], poses[k, 1]
        wrong |= not abs(x) <= COORDINATE_M_MAX
        wrong |= not abs(y) <= COORDINATE_M_MAX
        wrong |= not abs(poses[k, 2]) <= HEADING_RAD_MAX
        byte = _byte_at(clearance, (x - x_m) * per_m, (y - y_m) * per_m)
        is_free = byte >= free_from
        free[k] = is_free
        waiting[count] = k
        count += (not is_free) & (byte >= hit_below)
    return -1 if wrong else count


@kernel
def _cover(free: Flags, poses: Floats, cells: Cells, discs: Floats, waiting: Ints) -> int:
    """Decide what the bytes at the discs decide; keep the others listed and give their count."""
    _, clearance, grid = cells
    x_m, y_m, per_m = grid[X_M], grid[Y_M], 1.0 / grid[CELL_M]
    count = 0
    for k in range(len(waiting)):
        pose = poses[waiting[k]]
        u, v = (pose[0] - x_m) * per_m, (pose[1] - y_m) * per_m
        turn = int(pose[2] * (HEADINGS / math.tau) + _AHEAD) & (HEADINGS - 1)
        cos, sin = _TURNS[turn, 0], _TURNS[turn, 1]
        is_free, is_hit = True, False
        for d in range(1, len(discs)):
            dx, dy = discs[d, 0], discs[d, 1]
            byte = _byte_at(clearance, u + cos * dx - sin * dy, v + sin * dx + cos * dy)
            is_free &= byte >= discs[d, 2]
            is_hit |= byte < discs[d, 3]
        free[waiting[k]] = is_free
        waiting[count] = waiting[k]
        count += not (is_free | is_hit)
    return count


@kernel
def _byte_at(clearance: Bytes, u: float, v: float) -> int:
    """Give the clearance at a point; beyond the grid that of the ring around it."""
    # Every comparison is false for NaN, so that no index can be wrong.
    u, v = u + 1.0, v + 1.0
    row_max, column_max = clearance.shape[0] - 1.0, clearance.shape[1] - 1.0
    u = u if u > 0.0 else 0.0
    v = v if v > 0.0 else 0.0
    u = u if u < column_max else column_max
    v = v if v < row_max else row_max
    return clearance[np.uint64(v), np.uint64(u)]


@kernel
def first_cell_under(
    cells: Cells, parts: Floats, pose: tuple[float, float, float], work: Work
) -> int:
    """Give the first closed cell that meets a part: row * W + column; NONE, or BEYOND the grid.

    pose : x_m, y_m, heading_rad      Ties: the first part, then BEYOND, then the lowest index.
    """
    grid = cells[2]
    u, v = (pose[0] - grid[X_M]) / grid[CELL_M], (pose[1] - grid[Y_M]) / grid[CELL_M]
    cos, sin = math.cos(pose[2]), math.sin(pose[2])
    for s in range(len(parts)):
        part = parts[s]
        count = place(part, u, v, cos, sin, work[0])
        body = (work[0], count, part[MARGIN])
        under = first_closed(cells, body, grid[SLACK], work[1])
        if under != NONE:
            return under
    return NONE


@kernel
def first_closed(
    cells: Cells, body: tuple[Floats, int, float], grow: float, spans: Floats
) -> int:
    """Give the first closed cell that a placed body meets, as `first_cell_under` does.

    body : corners, counter-clockwise; their count; the margin
    grow : how much wider the body counts on all four sides, for what the caller isn't sure of

    A cell meets a convex body exactly when its columns meet the x that the body takes within the
    cell's row: what is in the row is convex too, so it leaves out no x in between. So each row
    takes two numbers and a look at its bits, however many cells there are.
    """
    bits, _, grid = cells
    rows, inside = _rows_under(cells, body, grow)
    if not inside and grid[CLOSED_BEYOND] > 0.0:
        return BEYOND
    first, last = rows
    spread(spans, rows, body, grow)
    width = int(grid[WIDTH])
    for row in range(first, last + 1):
        low, high = spans[row, 0] - grow, spans[row, 1] + grow
        if high >= 0.0 and low < width:
            column = _first_bit(bits[row], int(max(low, 0.0)), int(min(high, width - 1.0)))
            if column >= 0:
                return row * width + column
    return NONE


@kernel
def _rows_under(
    cells: Cells, body: tuple[Floats, int, float], grow: float
) -> tuple[tuple[int, int], bool]:
    """Give the first and last row that a body meets, and whether it keeps within the grid."""
    corners, count, margin = body
    bits, _, grid = cells
    left, right, low, high = np.inf, -np.inf, np.inf, -np.inf
    for k in range(count):
        left, right = min(left, corners[k, 0]), max(right, corners[k, 0])
        low, high = min(low, corners[k, 1]), max(high, corners[k, 1])
    more = margin + grow
    left, right, low, high = left - more, right + more, low - more, high + more
    inside = left > 0.0 and low > 0.0 and right < grid[WIDTH] and high < len(bits)
    first = int(min(max(np.floor(low), 0.0), float(len(bits))))
    last = int(max(min(np.floor(high), len(bits) - 1.0), -1.0))
    return (first, last), inside


@kernel
def spread(
    spans: Floats, rows: tuple[int, int], body: tuple[Floats, int, float], grow: float
) -> None:
    """Write the least and largest x that a body takes in each row, rows made wider by grow.

    An empty row has inf and -inf. The outline of a rounded body is its edges, moved out by the
    margin, and circles around its corners: the extremes in a row are on them.
    """
    corners, count, margin = body
    for row in range(rows[0], rows[1] + 1):
        spans[row, 0], spans[row, 1] = np.inf, -np.inf
    for k in range(count):
        after = k + 1 if k + 1 < count else 0
        ax, ay, bx, by = corners[k, 0], corners[k, 1], corners[after, 0], corners[after, 1]
        if margin > 0.0:
            _spread_disc(spans, rows, (ax, ay, margin), grow)
            length = math.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
            if length > 0.0:
                out_x, out_y = margin * (by - ay) / length, margin * (ax - bx) / length
                edge = (ax + out_x, ay + out_y, bx + out_x, by + out_y)
                _spread_edge(spans, rows, edge, grow)
        else:
            _spread_edge(spans, rows, (ax, ay, bx, by), grow)


@kernel
def _spread_edge(
    spans: Floats,
    rows: tuple[int, int],
    edge: tuple[float, float, float, float],
    grow: float,
) -> None:
    """Widen the rows that an edge crosses by the x it takes in each."""
    ax, ay, bx, by = edge
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    first = int(max(np.floor(ay - grow), float(rows[0])))
    last = int(min(np.floor(by + grow), float(rows[1])))
    slope = (bx - ax) / (by - ay) if by > ay else 0.0
    for row in range(first, last + 1):
        low, high = row - grow, row + 1.0 + grow
        x = ax + (low - ay) * slope if low > ay else ax
        other = bx - (by - high) * slope if high < by else bx
        spans[row, 0] = min(spans[row, 0], min(x, other))
        spans[row, 1] = max(spans[row, 1], max(x, other))


@kernel
def _spread_disc(
    spans: Floats, rows: tuple[int, int], disc: tuple[float, float, float], grow: float
) -> None:
    """Widen the rows that a disc meets by the x it takes in each."""
    x, y, radius = disc
    first = int(max(np.floor(y - radius - grow), float(rows[0])))
    last = int(min(np.floor(y + radius + grow), float(rows[1])))
    for row in range(first, last + 1):
        apart = max(0.0, max(row - grow - y, y - row - 1.0 - grow))
        half = math.sqrt(max(0.0, radius * radius - apart * apart))
        spans[row, 0] = min(spans[row, 0], x - half)
        spans[row, 1] = max(spans[row, 1], x + half)


@kernel
def _first_bit(words: Words, first: int, last: int) -> int:
    """Give the first set bit from one column to another, both included; -1 = none."""
    end = last // WORD_BITS
    for k in range(first // WORD_BITS, end + 1):
        word = np.int64(words[k])
        if k == first // WORD_BITS:
            word &= _FULL << (first % WORD_BITS)
        if k == end:
            word &= _FULL >> (WORD_BITS - 1 - last % WORD_BITS)
        if word != 0:
            return k * WORD_BITS + lowest_bit(word)
    return -1


@kernel
def lowest_bit(word: int) -> int:
    """Give the number of the lowest set bit of a word that has one."""
    # A power of two is exact as a double, and its exponent is its logarithm.
    return math.frexp(float(word & -word))[1] - 1
