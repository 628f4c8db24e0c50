"""Slow, obvious twins of the clearance and occupancy kernels: cell by cell, with shapely."""

import math

import numpy as np
import shapely
from shapely import affinity


def clearance(closed, range_cells):
    """Give the bytes of `kernels.clearance` from every closed cell's distance, in integers."""
    found = np.empty(closed.shape, np.uint8)
    for row, column in np.ndindex(closed.shape):
        squares = [
            max(abs(row - i) - 1, 0) ** 2 + max(abs(column - j) - 1, 0) ** 2
            for i, j in np.argwhere(closed).tolist()
        ]
        least = min(squares, default=math.inf)
        if closed[row, column]:
            found[row, column] = 0
        elif least > range_cells**2:
            found[row, column] = 255
        else:
            found[row, column] = 1 + math.isqrt(least * 254**2 // range_cells**2)
    return found


def part_at(part, pose):
    """Give the corners of a part at a pose as a shapely geometry, without its margin."""
    geometry = shapely.MultiPoint(part.corners).convex_hull
    turned = affinity.rotate(geometry, pose[2], origin=(0.0, 0.0), use_radians=True)
    return affinity.translate(turned, pose[0], pose[1])


def closed_cells(closed, frame):
    """Give the squares of the closed cells."""
    x_m, y_m, cell_m = frame
    rows, columns = np.nonzero(closed)
    left, low = x_m + columns * cell_m, y_m + rows * cell_m
    return shapely.box(left, low, left + cell_m, low + cell_m)


def gap_m(closed, frame, footprint, pose, *, is_beyond_closed):
    """Give the distance of a machine to closed ground; 0 or less where they meet."""
    x_m, y_m, cell_m = frame
    cells = closed_cells(closed, frame)
    height, width = closed.shape
    field = shapely.box(x_m, y_m, x_m + width * cell_m, y_m + height * cell_m)
    least_m = math.inf
    for part in footprint.named:
        placed = part_at(part, pose)
        apart_m = [float(distance_m) for distance_m in shapely.distance(cells, placed)]
        if is_beyond_closed:
            inside = field.contains_properly(placed)
            apart_m.append(field.exterior.distance(placed) if inside else 0.0)
        least_m = min([least_m, *(m - part.margin_m for m in apart_m)])
    return least_m


def poses_along(knots, count):
    """Give so many poses along a route, evenly in time, and their times."""
    times_s = np.unique(np.append(np.linspace(knots[0, 0], knots[-1, 0], count), knots[:, 0]))
    columns = [np.interp(times_s, knots[:, 0], knots[:, c]) for c in (1, 2, 3)]
    return times_s, np.column_stack(columns)
