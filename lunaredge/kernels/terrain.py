"""The height grid: heights between cells, and which moves of a lattice lead over steep ones.

A grid's cell (row, column) is the square with its corner at ``x_m + column * cell_m``,
``y_m + row * cell_m``; its height is that of its centre. A cell is *under* a corridor when its
square meets it; squares and corridors are closed sets, so touching is meeting.
"""

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, inner, is_array, is_finite, kernel

Segment = tuple[float, float, float, float]
"""x and y of one end, x and y of the other."""


def heights_at_m(heights_m: Floats, frame: Floats, points: Floats) -> Floats:
    """Give the height at each point, between the centres of the four cells around it.

    heights_m : float64 (H, W)  m
    frame     : float64 (3,)    x_m, y_m, cell_m
    points    : float64 (K, 2)  m; beyond the outer centres the nearest border counts
    returns   : float64 (K,)    m
    """
    assert is_array(heights_m, np.float64, None, None)
    assert is_array(frame, np.float64, 3)
    assert is_array(points, np.float64, None, 2)
    assert is_finite(points)
    return _heights_at_m(heights_m, frame, points)


def close_moves_over(
    out_closed: Flags, frame: Floats, moves: Ints, steep: Flags, half_width_m: float
) -> None:
    """Close the moves of a lattice whose corridor has a steep cell under it.

    frame      : float64 (3,)     x_m and y_m of the corner of both, side of a *lattice* cell
    moves      : int64 (4, 2)     row and column step of each move, -1 to 1
    steep      : bool (h, w)      of the grid, whose cells are H / h lattice cells wide
    out_closed : bool (H, W, 4)   set where the move from that cell's centre is not free
    """
    assert is_array(out_closed, np.bool_, None, None, 4)
    assert is_array(frame, np.float64, 3)
    assert is_array(moves, np.int64, 4, 2)
    assert is_array(steep, np.bool_, None, None)
    refinement = out_closed.shape[0] // steep.shape[0]
    assert out_closed.shape[:2] == (steep.shape[0] * refinement, steep.shape[1] * refinement)
    assert half_width_m >= 0.0
    _close_moves_over(out_closed, frame, moves, steep, float(half_width_m))


@kernel
def _heights_at_m(heights_m: Floats, frame: Floats, points: Floats) -> Floats:
    """See `heights_at_m`: bilinear."""
    x_m, y_m, cell_m = frame
    row_count, column_count = heights_m.shape
    found_m = np.empty(len(points))
    for k in range(len(points)):
        across = min(column_count - 1.0, max(0.0, (points[k, 0] - x_m) / cell_m - 0.5))
        along = min(row_count - 1.0, max(0.0, (points[k, 1] - y_m) / cell_m - 0.5))
        column, row = int(across), int(along)
        east, north = min(column + 1, column_count - 1), min(row + 1, row_count - 1)
        u, v = across - column, along - row
        low_m = (1.0 - u) * heights_m[row, column] + u * heights_m[row, east]
        high_m = (1.0 - u) * heights_m[north, column] + u * heights_m[north, east]
        found_m[k] = (1.0 - v) * low_m + v * high_m
    return found_m


@inner
def _point_box_m2(x: float, y: float, box: Segment) -> float:
    """Give the squared distance of a point to an upright box: lowest x and y, highest x and y."""
    dx = max(0.0, max(box[0] - x, x - box[2]))
    dy = max(0.0, max(box[1] - y, y - box[3]))
    return dx * dx + dy * dy


@inner
def _point_segment_m2(x: float, y: float, segment: Segment) -> float:
    """Give the squared distance of a point to a segment, whose ends may be one point."""
    ax, ay, bx, by = segment
    dx, dy = bx - ax, by - ay
    length_m2 = dx * dx + dy * dy
    along = 0.0
    if length_m2 > 0.0:
        along = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / length_m2))
    ex, ey = ax + along * dx - x, ay + along * dy - y
    return ex * ex + ey * ey


@inner
def _crosses(segment: Segment, box: Segment) -> bool:
    """Tell whether a segment meets an upright box (Liang and Barsky 1984)."""
    enter, leave = 0.0, 1.0
    for axis in range(2):
        start, step = segment[axis], segment[axis + 2] - segment[axis]
        if step == 0.0:
            if start < box[axis] or start > box[axis + 2]:
                return False
        else:
            first, second = (box[axis] - start) / step, (box[axis + 2] - start) / step
            enter = max(enter, min(first, second))
            leave = min(leave, max(first, second))
    return enter <= leave


@inner
def _segment_box_m2(segment: Segment, box: Segment) -> float:
    """Give the squared distance of a segment to an upright box.

    Zero where they meet; else an end of the segment or a corner of the box is nearest.
    """
    if _crosses(segment, box):
        return 0.0
    return min(
        _point_box_m2(segment[0], segment[1], box),
        _point_box_m2(segment[2], segment[3], box),
        _point_segment_m2(box[0], box[1], segment),
        _point_segment_m2(box[0], box[3], segment),
        _point_segment_m2(box[2], box[1], segment),
        _point_segment_m2(box[2], box[3], segment),
    )


@inner
def _close_moves_over(
    out_closed: Flags, frame: Floats, moves: Ints, steep: Flags, half_width_m: float
) -> None:
    """See `close_moves_over`: looks only at the lattice around each steep cell."""
    x_m, y_m, cell_m = frame
    refinement = out_closed.shape[0] // steep.shape[0]
    # A diagonal move is the longest, 1.42 cells; the rest is for rounding.
    reach = int(np.ceil(half_width_m / cell_m)) + 2
    for row in range(steep.shape[0]):
        for column in range(steep.shape[1]):
            if steep[row, column]:
                box = (
                    x_m + column * refinement * cell_m,
                    y_m + row * refinement * cell_m,
                    x_m + (column + 1) * refinement * cell_m,
                    y_m + (row + 1) * refinement * cell_m,
                )
                first = max(0, row * refinement - reach)
                last = min(out_closed.shape[0], (row + 1) * refinement + reach)
                left = max(0, column * refinement - reach)
                right = min(out_closed.shape[1], (column + 1) * refinement + reach)
                for i in range(first, last):
                    for j in range(left, right):
                        _close_cell(out_closed[i, j], frame, moves, (i, j), box, half_width_m)


@inner
def _close_cell(
    out_closed: Flags,
    frame: Floats,
    moves: Ints,
    cell: tuple[int, int],
    box: Segment,
    radius_m: float,
) -> None:
    """Close the moves of one cell, bool (4,), whose corridor meets a box."""
    x_m, y_m, cell_m = frame
    x, y = x_m + (cell[1] + 0.5) * cell_m, y_m + (cell[0] + 0.5) * cell_m
    for k in range(len(moves)):
        if not out_closed[k]:
            move = (x, y, x + moves[k, 1] * cell_m, y + moves[k, 0] * cell_m)
            out_closed[k] = not _segment_box_m2(move, box) > radius_m * radius_m
