"""A machine on a grid of open and closed cells: what lies under a body, which poses are free.

A closed cell is a closed square and a body a closed set: touching is meeting. In here everything is
counted in cells: column c of row r is the square [c, c + 1] x [r, r + 1]. Prepared grids come as

    bits      : uint32 (H, ceil(W / 32))   bit c % 32 of word c // 32 of row r: the cell is closed
    clearance : uint8 (H + 2, W + 2)       `kernels.clearance` of the grid and one ring around it
    grid      : float64 (GRID,)            see the names of its columns below

and prepared machines as

    discs     : float64 (D, 4)          x, y, FREE and HIT byte of discs. Row 0 stands at the origin
                                        and covers all parts by itself; the others do so together
    parts     : float64 (S, COLUMNS)    rows of `kernels.convex`, in cells

Where a disc's centre stands in a cell whose byte is FREE or more, nothing closed is in the disc;
where it is under HIT, something closed is in the body.

The functions without a wrapper are compiled, for other kernels; the caller has checked the arrays.
"""

import math

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.clearance import Bytes
from lunaredge.kernels.convex import CORNERS, CORNERS_MAX, COUNT, MARGIN, REACH
from lunaredge.kernels.jit import Flags, Floats, Ints, inner, kernel

Words = NDArray[np.uint32]
Cells = tuple[Words, Bytes, Floats]
"""bits, clearance and grid."""
Outline = tuple[Floats, Floats]
"""discs and parts."""

# Columns of `grid`: the corner of cell (0, 0) and a cell's side, m; the width; what rounding may
# put a body off, in cells; 1 where all beyond the grid is closed; the clearance's steps per cell.
X_M, Y_M, CELL_M, WIDTH, SLACK, CLOSED_BEYOND, STEPS_PER_CELL = range(7)
GRID = 7

# What `first_closed` says instead of a cell.
NONE, BEYOND = -1, -2

WORD_SHIFT = 5
LAST_BIT = 2**WORD_SHIFT - 1
_FULL = 2 ** (LAST_BIT + 1) - 1

# Discs are turned by a table; half a step of it is 0.003 rad, which their bytes allow for.
HEADINGS = 1024
HEADING_ERROR_RAD = math.pi / HEADINGS
_ANGLES_RAD = np.arange(HEADINGS) * (math.tau / HEADINGS)
_TURNS: Floats = np.column_stack((np.cos(_ANGLES_RAD), np.sin(_ANGLES_RAD)))
# A multiple of HEADINGS that makes every heading positive, so that cutting off is rounding down.
_AHEAD = 2.0**33 + 0.5

# The sum of a pose's three numbers, sign apart: all that `paths.route` allows, metres and radians.
POSE_MAX = 2.0 * 1.1e7 + 1e6

# Poses that go through the tiers together: with what waits of them they fit the second cache.
_BLOCK = 2048


@kernel
def check_poses(out_free: Flags, poses: Floats, cells: Cells, outline: Outline) -> bool:
    """Tell of each pose whether no closed cell meets any part; False if one of them is no pose.

    poses    : float64 (N, 3)   x_m, y_m, heading_rad
    out_free : bool (N,)        not to be used after False: a number was NaN or out of bounds

    Exact but for rounding, whose false alarms stay within SLACK. Three tiers, each for what the one
    before leaves open: the byte at the reference point; the bytes at the covering discs; the cells
    under the parts. Bound by the share of poses that reach the third, some 150 ns each.
    Nothing is checked here but the numbers: the caller has prepared the arrays.
    """
    bits, clearance, grid = cells
    discs, parts = outline
    waiting = np.empty(_BLOCK, np.int64)
    for start in range(0, len(poses), _BLOCK):
        block, free = poses[start : start + _BLOCK], out_free[start : start + _BLOCK]
        count = _look_up(free, block, clearance, grid, discs, waiting)
        if count < 0:
            return False
        if count > 0:
            count = _cover(free, block, clearance, grid, discs, waiting[:count])
        if count > 0:
            _settle(free, block, bits, grid, parts, waiting[:count])
    return True


@kernel
def work_space(row_count: int) -> tuple[Floats, Floats]:
    """Give a body of up to 2 * CORNERS_MAX corners, and the spans of so many rows, to write to."""
    return np.empty(CORNERS + 4 * CORNERS_MAX), np.empty((row_count, 2))


@inner
def _look_up(
    free: Flags, poses: Floats, clearance: Bytes, grid: Floats, discs: Floats, waiting: Ints
) -> int:
    """Tell which poses the byte at the reference point frees; list the others, give their count.

    Negative: one of them is no pose. No branch in here depends on a pose: half of those at the edge
    of the closed ground would be guessed wrong.
    """
    per_m = 1.0 / grid[CELL_M]
    # The ring's corner. `byte_at` says the same of one point; the two sums spared here count.
    x_m, y_m = grid[X_M] - grid[CELL_M], grid[Y_M] - grid[CELL_M]
    row_max, column_max = clearance.shape[0] - 1.0, clearance.shape[1] - 1.0
    width, flat = np.uint64(clearance.shape[1]), clearance.reshape(-1)
    free_from = int(discs[0, 2])
    count = 0
    wrong = False
    for k in range(len(poses)):
        x, y = poses[k, 0], poses[k, 1]
        wrong |= not abs(x) + abs(y) + abs(poses[k, 2]) <= POSE_MAX
        u, v = (x - x_m) * per_m, (y - y_m) * per_m
        u = u if u > 0.0 else 0.0
        v = v if v > 0.0 else 0.0
        u = u if u < column_max else column_max
        v = v if v < row_max else row_max
        is_free = flat[np.uint64(int(v)) * width + np.uint64(int(u))] >= free_from
        free[k] = is_free
        waiting[count] = k
        count += not is_free
    return -1 if wrong else count


@inner
def _cover(
    free: Flags, poses: Floats, clearance: Bytes, grid: Floats, discs: Floats, waiting: Ints
) -> int:
    """Decide what the bytes at the discs decide; keep the others listed and give their count."""
    x_m, y_m, per_m = grid[X_M], grid[Y_M], 1.0 / grid[CELL_M]
    count = 0
    for k in range(len(waiting)):
        at = waiting[k]
        u, v = (poses[at, 0] - x_m) * per_m, (poses[at, 1] - y_m) * per_m
        turn = int(poses[at, 2] * (HEADINGS / math.tau) + _AHEAD) & (HEADINGS - 1)
        cos, sin = _TURNS[turn, 0], _TURNS[turn, 1]
        is_free, is_hit = True, False
        for d in range(1, len(discs)):
            dx, dy = discs[d, 0], discs[d, 1]
            byte = byte_at(clearance, u + cos * dx - sin * dy, v + sin * dx + cos * dy)
            is_free &= byte >= discs[d, 2]
            is_hit |= byte < discs[d, 3]
        free[at] = is_free
        waiting[count] = at
        count += not (is_free | is_hit)
    return count


@inner
def byte_at(clearance: Bytes, u: float, v: float) -> int:
    """Give the clearance at a point; beyond the grid that of the ring around it."""
    # Every comparison is false for NaN, so that no index can be wrong.
    u, v = u + 1.0, v + 1.0
    row_max, column_max = clearance.shape[0] - 1.0, clearance.shape[1] - 1.0
    u = u if u > 0.0 else 0.0
    v = v if v > 0.0 else 0.0
    u = u if u < column_max else column_max
    v = v if v < row_max else row_max
    # Signed indices would be looked at for counting from the end.
    return int(clearance[np.uint64(int(v)), np.uint64(int(u))])


@kernel
def _settle(
    free: Flags, poses: Floats, bits: Words, grid: Floats, parts: Floats, waiting: Ints
) -> None:
    """Decide the poses listed by the cells under their parts."""
    reach = 0.0
    for s in range(len(parts)):
        reach = max(reach, parts[s, REACH])
    body, spans = work_space(min(len(bits), int(2.0 * reach) + 4))
    for k in range(len(waiting)):
        at = waiting[k]
        x, y = (poses[at, 0] - grid[X_M]) / grid[CELL_M], (poses[at, 1] - grid[Y_M]) / grid[CELL_M]
        place = (x, y, math.cos(poses[at, 2]), math.sin(poses[at, 2]))
        is_free = True
        for s in range(len(parts)):
            put(parts, s, place, body, 0)
            body[COUNT], body[MARGIN] = parts[s, COUNT], parts[s, MARGIN]
            is_free &= first_closed(bits, grid, body, grid[SLACK], spans) == NONE
        free[at] = is_free


@inner
def put(
    parts: Floats, s: int, place: tuple[float, float, float, float], body: Floats, first: int
) -> None:
    """Write the corners of a part into a body, from a corner on.

    place : x, y, and cosine and sine of the heading
    """
    u, v, cos, sin = place
    for k in range(int(parts[s, COUNT])):
        x, y = parts[s, CORNERS + 2 * k], parts[s, CORNERS + 2 * k + 1]
        body[CORNERS + 2 * (first + k)] = u + cos * x - sin * y
        body[CORNERS + 2 * (first + k) + 1] = v + sin * x + cos * y


@inner
def first_closed(bits: Words, grid: Floats, body: Floats, grow: float, spans: Floats) -> int:
    """Give the first closed cell that a placed body meets: row * W + column; NONE, or BEYOND.

    body : float64 (CORNERS + 2 * K,)   a row of `kernels.convex`, up to 2 * CORNERS_MAX corners
    grow : how much wider the body counts on all four sides, for what the caller isn't sure of

    A cell meets a convex body exactly when its columns meet the x that the body takes within the
    cell's row: what is in the row is convex too, so it leaves out no x in between. So each row
    takes two numbers and a look at its bits, however many cells there are; and only rows that have
    a closed cell beside or under the body take as much.
    """
    box = _box_of(body, body[MARGIN] + grow)
    width = grid[WIDTH]
    is_inside = box[0] > 0.0 and box[1] < width and box[2] > 0.0 and box[3] < len(bits)
    if not is_inside and grid[CLOSED_BEYOND] > 0.0:
        return BEYOND
    columns = (max(0, floored(box[0])), min(int(width) - 1, floored(box[1])))
    rows = (max(0, floored(box[2])), min(len(bits) - 1, floored(box[3])))
    rows = _rows_closed(bits, rows, columns)
    spread(spans, rows, body, grow)
    for row in range(rows[0], rows[1] + 1):
        left, right = spans[row - rows[0], 0] - grow, spans[row - rows[0], 1] + grow
        if right >= 0.0 and left < width:
            left = left if left > 0.0 else 0.0
            right = right if right < width - 1.0 else width - 1.0
            column = first_bit(bits, row, int(left), int(right))
            if column >= 0:
                return row * int(width) + column
    return NONE


@inner
def _box_of(body: Floats, more: float) -> tuple[float, float, float, float]:
    """Give the least and largest x, the least and largest y of a body's corners, made wider."""
    left, right, low, high = np.inf, -np.inf, np.inf, -np.inf
    for k in range(int(body[COUNT])):
        x, y = body[CORNERS + 2 * k], body[CORNERS + 2 * k + 1]
        left = x if x < left else left
        right = x if x > right else right
        low = y if y < low else low
        high = y if y > high else high
    return left - more, right + more, low - more, high + more


@inner
def _rows_closed(bits: Words, rows: tuple[int, int], columns: tuple[int, int]) -> tuple[int, int]:
    """Narrow rows to those between the first and the last that have a closed cell in columns."""
    start, end = columns[0] >> WORD_SHIFT, columns[1] >> WORD_SHIFT
    mask = _FULL << (columns[0] & LAST_BIT)
    first, last = rows[1] + 1, rows[1]
    if columns[0] > columns[1]:
        return first, last
    for row in range(rows[0], rows[1] + 1):
        some = np.int64(bits[row, start]) & mask
        for k in range(start + 1, end + 1):
            some |= np.int64(bits[row, k])
        if some != 0:
            last = row
            first = row if row < first else first
    return first, last


@inner
def floored(number: float) -> int:
    """Round down; at most 2^53 either way."""
    return int(np.floor(number))


@inner
def spread(spans: Floats, rows: tuple[int, int], body: Floats, grow: float) -> None:
    """Write the least and largest x that a body takes in each row, rows made wider by grow.

    spans : float64 (rows or more, 2)   row 0 of it is the first of the rows

    An empty row has inf and -inf. The outline of a rounded body is its edges, moved out by the
    margin, and circles around its corners: the extremes in a row are on them.
    """
    count, margin = int(body[COUNT]), body[MARGIN]
    for row in range(rows[0], rows[1] + 1):
        spans[row - rows[0], 0], spans[row - rows[0], 1] = np.inf, -np.inf
    for k in range(count):
        after = k + 1 if k + 1 < count else 0
        ax, ay = body[CORNERS + 2 * k], body[CORNERS + 2 * k + 1]
        bx, by = body[CORNERS + 2 * after], body[CORNERS + 2 * after + 1]
        if margin > 0.0:
            _spread_disc(spans, rows, (ax, ay, margin), grow)
            length = math.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
            if length > 0.0:
                out_x, out_y = margin * (by - ay) / length, margin * (ax - bx) / length
                ax, ay, bx, by = ax + out_x, ay + out_y, bx + out_x, by + out_y
                _spread_edge(spans, rows, (ax, ay, bx, by), grow)
        else:
            _spread_edge(spans, rows, (ax, ay, bx, by), grow)


@inner
def _spread_edge(
    spans: Floats, rows: tuple[int, int], edge: tuple[float, float, float, float], grow: float
) -> None:
    """Widen the rows that an edge crosses by the x it takes in each."""
    ax, ay, bx, by = edge
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    first, last = max(rows[0], floored(ay - grow)), min(rows[1], floored(by + grow))
    slope = (bx - ax) / (by - ay) if by > ay else 0.0
    for row in range(first, last + 1):
        low, high = row - grow, row + 1.0 + grow
        x = ax + (low - ay) * slope if low > ay else ax
        other = bx - (by - high) * slope if high < by else bx
        left, right = (x, other) if x < other else (other, x)
        k = row - rows[0]
        spans[k, 0] = left if left < spans[k, 0] else spans[k, 0]
        spans[k, 1] = right if right > spans[k, 1] else spans[k, 1]


@inner
def _spread_disc(
    spans: Floats, rows: tuple[int, int], disc: tuple[float, float, float], grow: float
) -> None:
    """Widen the rows that a disc meets by the x it takes in each."""
    x, y, radius = disc
    first = max(rows[0], floored(y - radius - grow))
    last = min(rows[1], floored(y + radius + grow))
    for row in range(first, last + 1):
        apart = max(0.0, max(row - grow - y, y - row - 1.0 - grow))
        half = math.sqrt(max(0.0, radius * radius - apart * apart))
        k = row - rows[0]
        spans[k, 0] = min(spans[k, 0], x - half)
        spans[k, 1] = max(spans[k, 1], x + half)


@inner
def first_bit(bits: Words, row: int, first: int, last: int) -> int:
    """Give the first set bit of a row from one column to another, both included; -1 = none."""
    start, end = first >> WORD_SHIFT, last >> WORD_SHIFT
    for k in range(start, end + 1):
        word = np.int64(bits[row, k])
        if k == start:
            word &= _FULL << (first & LAST_BIT)
        if k == end:
            word &= _FULL >> (LAST_BIT - (last & LAST_BIT))
        if word != 0:
            return (k << WORD_SHIFT) + lowest_bit(int(word))
    return -1


@inner
def lowest_bit(word: int) -> int:
    """Give the number of the lowest set bit of a word that has one."""
    # A power of two is exact as a double, and its exponent is its logarithm.
    return math.frexp(float(word & -word))[1] - 1
