"""A machine moving over a grid of closed cells: first contact and least clearance. Not by sampling.

A motion goes evenly from one knot to the next; grids and machines are those of `kernels.occupancy`.

Both questions halve a motion until each piece is decided. In a piece every corner leaves the chord
between its two ends by r * turn**2 / 8 at most, r its distance from the origin: that is the error
of linear interpolation, the second derivative being r * turn**2. So the body never leaves the hull
of where it starts and where it ends, made that much wider. If no closed cell meets that, the piece
is free. A straight piece is decided by one look however close it passes; a turn needs pieces of
about sqrt(8 * gap / r) rad, since the error falls with the square (swept hulls as in Redon, Kim,
Lin, Manocha 2004; halving as in Schwarzer, Saha, Latombe 2005). Every cell is looked at, frontier
or not, by row and not one by one: so nothing has to be known of where the machine starts.
"""

import math

import numpy as np

from lunaredge.kernels.clearance import Bytes
from lunaredge.kernels.convex import CORNERS, CORNERS_MAX, COUNT, MARGIN, REACH, gap
from lunaredge.kernels.jit import Floats, inner, is_array, kernel
from lunaredge.kernels.occupancy import (
    BEYOND,
    CELL_M,
    CLOSED_BEYOND,
    LAST_BIT,
    NONE,
    SLACK,
    STEPS_PER_CELL,
    WIDTH,
    WORD_SHIFT,
    X_M,
    Y_M,
    Cells,
    Outline,
    Words,
    byte_at,
    first_bit,
    first_closed,
    floored,
    put,
    spread,
)
from lunaredge.kernels.sweep import CONTACT_M, GAP_ERROR_M

Motion = tuple[float, float, float, float, float, float]
"""x, y and heading at the start, and the change of each until the end; cells and rad."""
Work = tuple[Floats, Floats, Floats]
"""A body of twice the corners of a hull, the spans of all rows, and the corners before the hull."""
Piece = tuple[float, float]
"""Where a piece of a motion starts, and how much of it it is; a motion is 1."""

# A motion of 2.2e7 m in cells of 1 mm comes down to half of CONTACT_M before.
_LEVEL_MAX = 52


def first_contact(knots: Floats, cells: Cells, outline: Outline) -> tuple[int, float, int]:
    """Find where a route first meets a closed cell.

    knots   : float64 (K, 4)   K >= 1; time_s, x_m, y_m, heading_rad; as `paths.Route` checks them
    returns : the segment, the part of it that is free (0 to 1), and the cell, row * W + column, or
              BEYOND the grid; (-1, 0.0, NONE) where the route is free

    No contact is missed, and none reported where the body stays more than CONTACT_M (and SLACK)
    away. At the pose given the body is no farther than that from the cell.
    """
    assert is_array(knots, np.float64, None, 4)
    assert len(knots) >= 1
    return _first_contact(knots, cells, outline)


def least_clearance(
    knots: Floats, cells: Cells, outline: Outline, limit: float
) -> tuple[float, int, float, int]:
    """Find where a route comes nearest to a closed cell.

    limit   : how far to look, in cells
    returns : the distance in cells, 0 when they meet; the segment, the part of it, and the cell, as
              `first_contact` gives them; (limit, -1, 0.0, NONE) where nothing is nearer

    The distance occurs there, but for rounding; nowhere is it less by more than GAP_ERROR_M. Of
    equal ones it may be any, the same on each run.
    """
    assert is_array(knots, np.float64, None, 4)
    assert len(knots) >= 1
    assert 0.0 <= limit < np.inf
    return _least_clearance(knots, cells, outline, float(limit))


@kernel
def _first_contact(knots: Floats, cells: Cells, outline: Outline) -> tuple[int, float, int]:
    """See `first_contact`."""
    bits, clearance, grid = cells
    parts = outline[1]
    work = _work_space(len(bits))
    for k in range(max(1, len(knots) - 1)):
        motion = _motion(knots, k, grid)
        if _room(motion, (0.0, 1.0), clearance, grid) <= _reach(parts) + grid[SLACK]:
            part, cell = _first_on(motion, cells, parts, work)
            if cell != NONE:
                return k, part * _looked_at(knots, k), cell
    return -1, 0.0, NONE


@inner
def _first_on(motion: Motion, cells: Cells, parts: Floats, work: Work) -> tuple[float, int]:
    """Give the part of a motion that is free, and the first closed cell; (1, NONE) when it all is.

    Halves pieces, the earlier half first. What is too small to halve moves the body by less than
    half of CONTACT_M, and its error is smaller still: a cell that it meets counts.
    """
    bits, clearance, grid = cells
    reach = _reach(parts)
    way = _way(motion, _spin(parts))
    level, index = 0, 0
    while True:
        size = 0.5**level
        piece = (index * size, size)
        under = NONE
        if _room(motion, piece, clearance, grid) <= reach + grid[SLACK]:
            under = _first_swept(motion, piece, bits, grid, parts, work)
        if under == NONE:
            index += 1
            while level > 0 and index % 2 == 0:
                index //= 2
                level -= 1
            if level == 0:
                return 1.0, NONE
        elif size * way <= 0.5 * CONTACT_M / grid[CELL_M] or level == _LEVEL_MAX:
            return piece[0], under
        else:
            index *= 2
            level += 1


@inner
def _first_swept(
    motion: Motion, piece: Piece, bits: Words, grid: Floats, parts: Floats, work: Work
) -> int:
    """Give the first closed cell that the hull of a piece meets, each part by itself."""
    for s in range(len(parts)):
        grow = _sweep(motion, piece, parts, s, work)
        under = first_closed(bits, grid, work[0], grow + grid[SLACK], work[1])
        if under != NONE:
            return under
    return NONE


@kernel
def _least_clearance(
    knots: Floats, cells: Cells, outline: Outline, limit: float
) -> tuple[float, int, float, int]:
    """See `least_clearance`: branch and bound, on the same pieces."""
    bits, clearance, grid = cells
    parts = outline[1]
    work = _work_space(len(bits))
    best, segment, part, cell = limit, -1, 0.0, NONE
    for k in range(max(1, len(knots) - 1)):
        motion = _motion(knots, k, grid)
        if best > 0.0 and _room(motion, (0.0, 1.0), clearance, grid) < _reach(parts) + best:
            found, at, near = _least_on(motion, cells, parts, best, work)
            if found < best:
                best, segment, part, cell = found, k, at * _looked_at(knots, k), near
    return best, segment, part, cell


@kernel
def _least_on(
    motion: Motion, cells: Cells, parts: Floats, limit: float, work: Work
) -> tuple[float, float, int]:
    """Give the least distance on a motion, less than a limit; the part of it, and the cell.

    A piece is left out when its hull, made wider by the best distance so far less what may be
    missed, meets nothing. The two ends are looked at first: a route's nearest pose is often one.
    """
    grid = cells[2]
    error = GAP_ERROR_M / grid[CELL_M]
    way = _way(motion, _spin(parts))
    best, part, cell = limit, 0.0, NONE
    if not _comes_within(motion, (0.0, 1.0), cells, parts, best - error, work):
        return best, part, cell
    for end in range(2):
        found, near = _distance(_at(motion, float(end)), cells, parts, best, work)
        if found < best:
            best, part, cell = found, float(end), near
    level, index = 0, 0
    while best > 0.0:
        size = 0.5**level
        piece = (index * size, size)
        is_done = size * way <= error or level == _LEVEL_MAX
        if not is_done:
            is_done = not _comes_within(motion, piece, cells, parts, best - error, work)
        if not is_done:
            middle = (index + 0.5) * size
            found, near = _distance(_at(motion, middle), cells, parts, best, work)
            if found < best:
                best, part, cell = found, middle, near
            index *= 2
            level += 1
            continue
        index += 1
        while level > 0 and index % 2 == 0:
            index //= 2
            level -= 1
        if level == 0:
            break
    return best, part, cell


@inner
def _comes_within(
    motion: Motion, piece: Piece, cells: Cells, parts: Floats, distance: float, work: Work
) -> bool:
    """Tell whether a piece may come within a distance of a closed cell."""
    bits, clearance, grid = cells
    if _room(motion, piece, clearance, grid) >= _reach(parts) + distance + grid[SLACK]:
        return False
    for s in range(len(parts)):
        grow = _sweep(motion, piece, parts, s, work)
        work[0][MARGIN] += max(0.0, distance)
        if first_closed(bits, grid, work[0], grow + grid[SLACK], work[1]) != NONE:
            return True
    return False


@kernel
def _work_space(row_count: int) -> Work:
    """Give the arrays that the functions here write to."""
    body = np.empty(CORNERS + 8 * CORNERS_MAX)
    return body, np.empty((row_count, 2)), np.empty(CORNERS + 4 * CORNERS_MAX)


@inner
def _motion(knots: Floats, k: int, grid: Floats) -> Motion:
    """Give the motion from a knot to the next one, if any, in cells.

    On the spot a body takes each of its poses in the first full turn: the others are left out.
    """
    after = min(k + 1, len(knots) - 1)
    x, y = (knots[k, 1] - grid[X_M]) / grid[CELL_M], (knots[k, 2] - grid[Y_M]) / grid[CELL_M]
    dx = (knots[after, 1] - knots[k, 1]) / grid[CELL_M]
    dy = (knots[after, 2] - knots[k, 2]) / grid[CELL_M]
    return x, y, knots[k, 3], dx, dy, _looked_at(knots, k) * (knots[after, 3] - knots[k, 3])


@inner
def _looked_at(knots: Floats, k: int) -> float:
    """Give the part of a motion that is looked at: 1, or one turn of several on the spot."""
    after = min(k + 1, len(knots) - 1)
    turn = abs(knots[after, 3] - knots[k, 3])
    moves = knots[after, 1] != knots[k, 1] or knots[after, 2] != knots[k, 2]
    return 1.0 if moves or turn <= math.tau else math.tau / turn


@inner
def _at(motion: Motion, part: float) -> tuple[float, float, float]:
    """Give the pose after a part of a motion."""
    x, y, heading, dx, dy, turn = motion
    return x + part * dx, y + part * dy, heading + part * turn


@inner
def _room(motion: Motion, piece: Piece, clearance: Bytes, grid: Floats) -> float:
    """Give how far the origin stays from closed ground during a piece, at the least, in cells."""
    x, y, _ = _at(motion, piece[0] + 0.5 * piece[1])
    half = 0.5 * piece[1] * math.sqrt(motion[3] * motion[3] + motion[4] * motion[4])
    return float((byte_at(clearance, x, y) - 1) / grid[STEPS_PER_CELL] - half - grid[SLACK])


@inner
def _reach(parts: Floats) -> float:
    """Give how far any part comes from the origin."""
    reach = 0.0
    for s in range(len(parts)):
        reach = max(reach, parts[s, REACH])
    return reach


@inner
def _spin(parts: Floats) -> float:
    """Give how far any corner is from the origin."""
    spin = 0.0
    for s in range(len(parts)):
        spin = max(spin, parts[s, REACH] - parts[s, MARGIN])
    return spin


@inner
def _way(motion: Motion, spin: float) -> float:
    """Give how far a point of the body goes at most."""
    return math.sqrt(motion[3] * motion[3] + motion[4] * motion[4]) + abs(motion[5]) * spin


@inner
def _sweep(motion: Motion, piece: Piece, parts: Floats, s: int, work: Work) -> float:
    """Write the hull of a part at both ends of a piece; give by how much the part may leave it."""
    body, _, corners = work
    count = int(parts[s, COUNT])
    for end in range(2):
        x, y, heading = _at(motion, piece[0] + end * piece[1])
        put(parts, s, (x, y, math.cos(heading), math.sin(heading)), corners, end * count)
    _hull(corners, 2 * count, body)
    body[MARGIN] = parts[s, MARGIN]
    spin, turn = parts[s, REACH] - parts[s, MARGIN], motion[5] * piece[1]
    return float(min(spin * turn * turn / 8.0, 2.0 * spin))


@inner
def _hull(corners: Floats, count: int, body: Floats) -> None:
    """Write the convex hull of corners, counter-clockwise (Andrew 1979); it sorts the corners."""
    for k in range(1, count):
        x, y = corners[CORNERS + 2 * k], corners[CORNERS + 2 * k + 1]
        j = k - 1
        while j >= 0 and _is_before(x, y, corners, j):
            corners[CORNERS + 2 * j + 2] = corners[CORNERS + 2 * j]
            corners[CORNERS + 2 * j + 3] = corners[CORNERS + 2 * j + 1]
            j -= 1
        corners[CORNERS + 2 * j + 2], corners[CORNERS + 2 * j + 3] = x, y
    size = _chain(corners, (0, count, 1), body, 0)
    size = _chain(corners, (count - 2, -1, -1), body, size - 1)
    body[COUNT] = max(1, size - 1)


@inner
def _is_before(x: float, y: float, corners: Floats, k: int) -> bool:
    """Tell whether a point comes before a corner, by x and then y."""
    other = corners[CORNERS + 2 * k]
    return bool(x < other or (x == other and y < corners[CORNERS + 2 * k + 1]))


@inner
def _chain(corners: Floats, order: tuple[int, int, int], body: Floats, base: int) -> int:
    """Add one side of the hull to those of a body's corners up to base; give their count."""
    size = base if base == 0 else base + 1
    for k in range(order[0], order[1], order[2]):
        x, y = corners[CORNERS + 2 * k], corners[CORNERS + 2 * k + 1]
        while size >= base + 2:
            at = CORNERS + 2 * size
            bx, by = body[at - 2] - body[at - 4], body[at - 1] - body[at - 3]
            if bx * (y - body[at - 3]) - by * (x - body[at - 4]) > 0.0:
                break
            size -= 1
        body[CORNERS + 2 * size], body[CORNERS + 2 * size + 1] = x, y
        size += 1
    return size


@kernel
def _distance(
    pose: tuple[float, float, float], cells: Cells, parts: Floats, limit: float, work: Work
) -> tuple[float, int]:
    """Give the distance of a machine to the nearest closed cell, and the cell; (limit, NONE)."""
    bits, _, grid = cells
    best, cell = limit, NONE
    place = (pose[0], pose[1], math.cos(pose[2]), math.sin(pose[2]))
    for s in range(len(parts)):
        put(parts, s, place, work[0], 0)
        work[0][COUNT], work[0][MARGIN] = parts[s, COUNT], parts[s, MARGIN]
        found, near = _part_distance(bits, grid, work[0], best, work[1])
        if found < best:
            best, cell = found, near
    return best, cell


@kernel
def _part_distance(
    bits: Words, grid: Floats, body: Floats, limit: float, spans: Floats
) -> tuple[float, int]:
    """Give the distance of a placed part to the nearest closed cell, and the cell.

    Along a row the distance of a square to a convex body is a convex function of its column. So
    from a column where it is least, only the nearest closed cell to either side counts.
    """
    count, margin = int(body[COUNT]), body[MARGIN]
    corners = body[CORNERS : CORNERS + 2 * count].reshape(count, 2)
    low, high, left, right = 0, 0, 0, 0
    for k in range(1, count):
        low = k if corners[k, 1] < corners[low, 1] else low
        high = k if corners[k, 1] > corners[high, 1] else high
        left = k if corners[k, 0] < corners[left, 0] else left
        right = k if corners[k, 0] > corners[right, 0] else right
    box = (corners[left, 0], corners[right, 0], corners[low, 1], corners[high, 1])
    best, cell = limit, NONE
    if grid[CLOSED_BEYOND] > 0.0:
        inside = min(min(box[0], grid[WIDTH] - box[1]), min(box[2], len(bits) - box[3]))
        if inside - margin < best:
            best, cell = max(0.0, inside - margin), BEYOND
    within = (max(0, floored(box[2])), min(len(bits) - 1, floored(box[3])))
    body[MARGIN] = 0.0
    spread(spans, within, body, 0.0)
    square = np.empty((4, 2))
    more = margin + best
    first, last = max(0, floored(box[2] - more)), min(len(bits) - 1, floored(box[3] + more))
    for row in range(first, last + 1):
        if max(box[2] - row - 1.0, row - box[3]) - margin >= best:
            continue
        x = corners[low, 0] if row < within[0] else corners[high, 0]
        if within[0] <= row <= within[1]:
            x = spans[row - within[0], 0]
        for column in _beside(bits, grid, row, x, (box[0] - more, box[1] + more)):
            if column >= 0:
                _put_square(square, row, column)
                apart = max(0.0, gap(corners, count, square, 4)[0] - margin)
                if apart < best:
                    best, cell = apart, row * int(grid[WIDTH]) + column
    return best, cell


@inner
def _put_square(square: Floats, row: int, column: int) -> None:
    """Write the corners of a cell, float64 (4, 2), counter-clockwise."""
    for k in range(4):
        square[k, 0] = column + (1.0 if k in (1, 2) else 0.0)
        square[k, 1] = row + (1.0 if k in (2, 3) else 0.0)


@inner
def _beside(
    bits: Words, grid: Floats, row: int, x: float, ends: tuple[float, float]
) -> tuple[int, int]:
    """Give the nearest closed column at or right of x, and left of it, between ends; -1 = none."""
    first = max(0, floored(ends[0]))
    last = min(int(grid[WIDTH]) - 1, floored(ends[1]))
    middle = min(max(floored(x), first), last + 1)
    right = first_bit(bits, row, middle, last) if middle <= last else -1
    left = _last_bit(bits, row, first, middle - 1) if first < middle else -1
    return right, left


@inner
def _last_bit(bits: Words, row: int, first: int, last: int) -> int:
    """Give the last set bit of a row from one column to another, both included; -1 = none."""
    for column in range(last, first - 1, -1):
        if np.int64(bits[row, column >> WORD_SHIFT]) >> (column & LAST_BIT) & 1:
            return column
    return -1
