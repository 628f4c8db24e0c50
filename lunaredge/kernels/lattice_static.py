"""Which moves of a lattice are open as far as what stands still goes: ground and solids.

Looked at for a state when a search first comes there, and remembered for later searches.
"""

import numpy as np

from lunaredge.kernels.convex import COLUMNS, CORNERS, COUNT, HIGH, LOW, MARGIN, REACH
from lunaredge.kernels.jit import Flags, Floats, Ints, inner, kernel
from lunaredge.kernels.lattice import HEADINGS, MOVES_MAX, Ground, Links, Moves, Scene, Traffic
from lunaredge.kernels.sweep import first_meeting, work_space

STILL = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""The motion of a body whose corners are where it is."""

# How much farther than bodies can reach one looks, for rounding and for what counts as contact.
SPARE_M = 1e-3


@inner
def is_open(state: int, move: int, scene: Scene, work: Floats, out_words: Ints) -> bool:
    """Tell whether nothing standing is in the way of a move from a state.

    work      : as `sweep.work_space` gives it
    out_words : int64 (states,)   what is found is kept there: bit k for an open move k of the
                                  state's heading, bit MOVES_MAX + k for a closed one

    A move is closed when the footprint touches a closed cell or leaves the grid, when the ground
    is too steep along or across any heading on the way, and when it meets a solid (continuously).
    """
    moves, ground = scene.moves, scene.ground
    cell, bit = state // HEADINGS, move - moves.first[state % HEADINGS]
    column_count = ground.closed.shape[1]
    row, column = cell // column_count, cell % column_count
    found = _is_ground_open(move, row, column, moves, ground)
    if found:
        x = ground.frame[0] + (column + 0.5) * ground.frame[2]
        y = ground.frame[1] + (row + 0.5) * ground.frame[2]
        chords = moves.chords[moves.chord_first[move] : moves.chord_first[move + 1]]
        found = not meets_solid(chords, x, y, scene.parts, scene.solids, work)
    out_words[state] |= 1 << (bit if found else bit + MOVES_MAX)
    return found


@kernel
def open_links(links: Links, ground: Ground, solids: Traffic, parts: Floats) -> Flags:
    """Tell of each link whether nothing standing is in its way.

    returns : bool (L,)
    """
    out, work = np.zeros(len(links.ends), np.bool_), work_space()
    for k in range(len(links.ends)):
        chords = links.chords[links.first[k] : links.first[k + 1]]
        out[k] = not meets_closed(chords, ground, parts, work) and not meets_solid(
            chords, 0.0, 0.0, parts, solids, work
        )
    return out


@kernel
def meets_solid(
    chords: Floats, x: float, y: float, parts: Floats, solids: Traffic, work: Floats
) -> bool:
    """Tell whether the parts meet any leg of the solids on chords that begin at (x, y)."""
    reach = np.max(parts[:, REACH])
    for j in range(len(chords) - 1):
        x0, y0, dx, dy = chord(chords, j, x, y)
        motion = (x0, y0, chords[j, 3], dx, dy, chords[j + 1, 3] - chords[j, 3])
        first, end = bin_range(solids, x0, y0)
        for at in range(first, end):
            leg = solids.bin_legs[at]
            owner = solids.owners[leg]
            sx, sy = solids.legs[leg, 2], solids.legs[leg, 3]
            if from_segment(sx - x0, sy - y0, dx, dy) > reach + solids.reaches[owner] + SPARE_M:
                continue
            box = (min(x0, x0 + dx) - sx, min(y0, y0 + dy) - sy)
            far = (max(x0, x0 + dx) - sx, max(y0, y0 + dy) - sy)
            still = (sx, sy, solids.legs[leg, 4], 0.0, 0.0, 0.0)
            for a in range(len(parts)):
                for b in range(solids.parts_first[owner], solids.parts_first[owner + 1]):
                    row = solids.parts[b]
                    if _is_beyond(box, far, reach + SPARE_M, solids.boxes[b]):
                        continue
                    if parts[a, LOW] <= row[HIGH] and row[LOW] <= parts[a, HIGH]:
                        body = (parts[a], motion)
                        if first_meeting(body, (row, still), work) < np.inf:
                            return True
    return False


@inner
def _is_beyond(
    low: tuple[float, float], high: tuple[float, float], reach: float, box: Floats
) -> bool:
    """Tell whether a box, grown by a reach, stays clear of another one."""
    return bool(
        low[0] - reach > box[2]
        or high[0] + reach < box[0]
        or low[1] - reach > box[3]
        or high[1] + reach < box[1]
    )


@kernel
def meets_closed(chords: Floats, ground: Ground, parts: Floats, work: Floats) -> bool:
    """Tell whether the ground closes chords.

    It does where a part touches a closed cell or leaves the grid, and where the ground is too steep
    along or across the heading in a cell that the origin crosses.
    """
    row_count, column_count = ground.closed.shape
    x_m, y_m, cell_m = ground.frame[0], ground.frame[1], ground.frame[2]
    reach = np.max(parts[:, REACH]) + SPARE_M
    origin = _square(0.0, 0.0, 0.0)
    for j in range(len(chords) - 1):
        x0, y0, dx, dy = chord(chords, j, 0.0, 0.0)
        motion = (x0, y0, chords[j, 3], dx, dy, chords[j + 1, 3] - chords[j, 3])
        low, high = min(chords[j, 3], chords[j + 1, 3]), max(chords[j, 3], chords[j + 1, 3])
        left = int(np.floor((min(x0, x0 + dx) - reach - x_m) / cell_m))
        right = int(np.floor((max(x0, x0 + dx) + reach - x_m) / cell_m))
        bottom = int(np.floor((min(y0, y0 + dy) - reach - y_m) / cell_m))
        top = int(np.floor((max(y0, y0 + dy) + reach - y_m) / cell_m))
        for row in range(bottom, top + 1):
            for column in range(left, right + 1):
                within = 0 <= row < row_count and 0 <= column < column_count
                is_closed = not within or ground.closed[row, column]
                if not is_closed and not is_too_steep(row, column, low, high, ground):
                    continue
                square = _square(x_m + column * cell_m, y_m + row * cell_m, cell_m)
                still = (square, STILL)
                if first_meeting((origin, motion), still, work) < np.inf:
                    return True
                for a in range(len(parts) if is_closed else 0):
                    if first_meeting((parts[a], motion), still, work) < np.inf:
                        return True
    return False


@kernel
def swept_cells(chords: Floats, parts: Floats, cell_m: float) -> Ints:
    """Give the cells that parts touch on chords that begin at the centre of cell (0, 0).

    returns : int64 (N, 3)   chord, row and column, rising
    """
    reach = np.max(parts[:, REACH]) + SPARE_M
    work = work_space()
    out, count = np.empty((64, 3), np.int64), 0
    for j in range(len(chords) - 1):
        x0, y0, dx, dy = chord(chords, j, 0.5 * cell_m, 0.5 * cell_m)
        motion = (x0, y0, chords[j, 3], dx, dy, chords[j + 1, 3] - chords[j, 3])
        left, right = min(x0, x0 + dx) - reach, max(x0, x0 + dx) + reach
        bottom, top = min(y0, y0 + dy) - reach, max(y0, y0 + dy) + reach
        for row in range(int(np.floor(bottom / cell_m)), int(np.floor(top / cell_m)) + 1):
            for column in range(int(np.floor(left / cell_m)), int(np.floor(right / cell_m)) + 1):
                still = (_square(column * cell_m, row * cell_m, cell_m), STILL)
                for a in range(len(parts)):
                    if first_meeting((parts[a], motion), still, work) < np.inf:
                        if count == len(out):
                            out = np.concatenate((out, np.empty((count, 3), np.int64)))
                        out[count, 0], out[count, 1], out[count, 2] = j, row, column
                        count += 1
                        break
    return out[:count].copy()


@inner
def is_too_steep(row: int, column: int, low: float, high: float, ground: Ground) -> bool:
    """Tell whether a cell is too steep along or across some heading between two.

    The rise along heading t is |g| cos(t - phi): it is greatest where that is 0 or pi, else at the
    ends of the range; across likewise, a quarter turn on.
    """
    gx, gy = float(ground.gradients[row, column, 0]), float(ground.gradients[row, column, 1])
    steep = np.sqrt(gx * gx + gy * gy)
    if steep <= min(ground.limits[0], ground.limits[1]):
        return False
    phi = np.arctan2(gy, gx)
    for k in range(2):
        turned = phi + 0.5 * np.pi * k
        rise = max(abs(np.cos(low - turned)), abs(np.cos(high - turned)))
        if np.floor((high - turned) / np.pi) > np.floor((low - turned) / np.pi):
            rise = 1.0
        if steep * rise > ground.limits[k]:
            return True
    return False


@inner
def bin_range(traffic: Traffic, x: float, y: float) -> tuple[int, int]:
    """Give where the legs near a point begin and end in the list of the bins."""
    column = int(np.floor((x - traffic.frame[0]) / traffic.frame[2]))
    row = int(np.floor((y - traffic.frame[1]) / traffic.frame[2]))
    row_count = (len(traffic.bin_first) - 1) // traffic.bin_columns
    if not (0 <= row < row_count and 0 <= column < traffic.bin_columns):
        return 0, 0
    at = row * traffic.bin_columns + column
    return int(traffic.bin_first[at]), int(traffic.bin_first[at + 1])


@inner
def from_segment(px: float, py: float, dx: float, dy: float) -> float:
    """Give the distance of a point from the segment from (0, 0) to (dx, dy)."""
    squared = dx * dx + dy * dy
    along = 0.0 if squared <= 0.0 else min(1.0, max(0.0, (px * dx + py * dy) / squared))
    ex, ey = px - along * dx, py - along * dy
    return float(np.sqrt(ex * ex + ey * ey))


@inner
def chord(chords: Floats, j: int, x: float, y: float) -> tuple[float, float, float, float]:
    """Give where chord j begins, and its way."""
    dx, dy = chords[j + 1, 1] - chords[j, 1], chords[j + 1, 2] - chords[j, 2]
    return x + chords[j, 1], y + chords[j, 2], dx, dy


@inner
def _is_ground_open(move: int, row: int, column: int, moves: Moves, ground: Ground) -> bool:
    row_count, column_count = ground.closed.shape
    for j in range(moves.swept_first[move], moves.swept_first[move + 1]):
        r, c = row + moves.swept[j, 0], column + moves.swept[j, 1]
        if not (0 <= r < row_count and 0 <= c < column_count) or ground.closed[r, c]:
            return False
    for j in range(moves.track_first[move], moves.track_first[move + 1]):
        r, c = row + int(moves.track[j, 0]), column + int(moves.track[j, 1])
        if is_too_steep(r, c, moves.track[j, 2], moves.track[j, 3], ground):
            return False
    return True


@kernel
def _square(x: float, y: float, side: float) -> Floats:
    """Give a square as a row of `kernels.convex`; a square of side 0 is a point."""
    square = np.zeros(COLUMNS)
    square[COUNT] = 4 if side > 0.0 else 1
    for k in range(4):
        square[CORNERS + 2 * k] = x + (side if k in (1, 2) else 0.0)
        square[CORNERS + 2 * k + 1] = y + (side if k >= 2 else 0.0)
    return square


@kernel
def barred_cells(solids: Traffic, inner: Floats, frame: Floats, out: Flags) -> None:
    """Mark the cells on whose centre a machine can't stand at any heading, for the solids.

    inner : float64 (M,)    radius of a disc about the origin that is inside the machine at every
                            heading, among its parts that meet the owner's height, m; < 0 = none
    frame : float64 (3,)    x_m, y_m, cell_m
    out   : bool (H, W)
    """
    work = work_space()
    for leg in range(len(solids.legs)):
        owner = solids.owners[leg]
        disc = _square(0.0, 0.0, 0.0)
        disc[MARGIN] = inner[owner]
        x, y = solids.legs[leg, 2], solids.legs[leg, 3]
        reach = solids.reaches[owner] + inner[owner] + SPARE_M
        left, right = (x - reach - frame[0]) / frame[2], (x + reach - frame[0]) / frame[2]
        bottom, top = (y - reach - frame[1]) / frame[2], (y + reach - frame[1]) / frame[2]
        if inner[owner] < 0.0 or right < 0.0 or top < 0.0:
            continue
        for row in range(int(max(0.0, bottom)), int(min(float(out.shape[0]), top + 1.0))):
            for column in range(int(max(0.0, left)), int(min(float(out.shape[1]), right + 1.0))):
                at_x = frame[0] + (column + 0.5) * frame[2]
                at_y = frame[1] + (row + 0.5) * frame[2]
                for k in range(solids.parts_first[owner], solids.parts_first[owner + 1]):
                    if not out[row, column]:
                        body = (solids.parts[k], (x, y, 0.0, 0.0, 0.0, 0.0))
                        centre = (disc, (at_x, at_y, 0.0, 0.0, 0.0, 0.0))
                        out[row, column] = first_meeting(centre, body, work) < np.inf
