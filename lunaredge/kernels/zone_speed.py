"""The first time that any part of a machine is in a zone while it drives too fast for it.

A zone is a simple polygon; its edges are rods to the sweep of two convex bodies, and a machine that
meets no edge is inside wholly or not at all. Exact in time, as `kernels.sweep` is: touching counts,
and so does coming within CONTACT_M.

Cost: nothing for segments that are slow enough; else one sweep for each part and near edge.
"""

import numpy as np

from lunaredge.kernels.attitude import RATE_RATIO, motion_of
from lunaredge.kernels.convex import COLUMNS, CORNERS, COUNT, REACH, turned
from lunaredge.kernels.jit import Floats, is_array, is_finite, kernel
from lunaredge.kernels.sweep import first_meeting, work_space

LIMITS = 9


def edge_rows(polygon: Floats) -> Floats:
    """Give the edges of a polygon, (N, 2), as rods about its first corner: float64 (N, COLUMNS)."""
    assert is_array(polygon, np.float64, None, 2)
    assert is_finite(polygon)
    assert len(polygon) >= 3
    corners = polygon - polygon[0]
    ends = np.roll(corners, -1, axis=0)
    rows = np.zeros((len(corners), COLUMNS))
    rows[:, COUNT] = 2
    rows[:, REACH] = np.maximum(np.hypot(*corners.T), np.hypot(*ends.T))
    rows[:, CORNERS : CORNERS + 4] = np.hstack((corners, ends))
    return rows


def limits_of(polygon: Floats, speed_m_s: float, from_s: float, until_s: float) -> Floats:
    """Give what a zone allows and where: float64 (LIMITS,).

    x_m and y_m of its first corner; speed, m/s; the time from which until which it counts, s; the
    lowest x and y and the highest, from the first corner.
    """
    low, high = polygon.min(axis=0) - polygon[0], polygon.max(axis=0) - polygon[0]
    return np.array((*polygon[0], speed_m_s, from_s, until_s, *low, *high))


def first_speeding(
    knots: Floats, parts: Floats, edges: Floats, limits: Floats
) -> tuple[int, float, float]:
    """Find the first time that a machine is in a zone faster than it may be there.

    knots   : float64 (K, 4)         K >= 1: time_s, x_m, y_m, heading_rad
    parts   : float64 (S, COLUMNS)   see `paths.footprint`
    edges   : float64 (N, COLUMNS)   as `edge_rows` gives them
    limits  : float64 (LIMITS,)      as `limits_of` gives them
    returns : segment (-1: never), time_s, speed in m/s
    """
    assert is_array(knots, np.float64, None, 4)
    assert is_array(parts, np.float64, None, COLUMNS)
    assert is_array(edges, np.float64, None, COLUMNS)
    assert is_array(limits, np.float64, LIMITS)
    return _first_speeding(knots, parts, edges, limits)


@kernel
def _first_speeding(
    knots: Floats, parts: Floats, edges: Floats, limits: Floats
) -> tuple[int, float, float]:
    """See `first_speeding`."""
    work = work_space()
    reach_m = parts[:, REACH].max()
    for k in range(len(knots) - 1):
        way_x, way_y, turn, speed_m_s, _ = motion_of(knots, k, k + 1)
        if speed_m_s <= limits[2] * (1.0 + RATE_RATIO):
            continue
        lasting_s = knots[k + 1, 0] - knots[k, 0]
        enter = max(0.0, (limits[3] - knots[k, 0]) / lasting_s)
        leave = min(1.0, (limits[4] - knots[k, 0]) / lasting_s)
        if enter > leave:
            continue
        motion = (
            knots[k, 1] + enter * way_x - limits[0],
            knots[k, 2] + enter * way_y - limits[1],
            knots[k, 3] + enter * turn,
            (leave - enter) * way_x,
            (leave - enter) * way_y,
            (leave - enter) * turn,
        )
        if not _is_near(motion, reach_m, (limits[5], limits[6]), (limits[7], limits[8])):
            continue
        share = _first_entry(parts, motion, edges, work)
        if share <= 1.0:
            share = enter + share * (leave - enter)
            return k, knots[k, 0] + share * lasting_s, speed_m_s
    return -1, np.inf, np.nan


@kernel
def _first_entry(
    parts: Floats,
    motion: tuple[float, float, float, float, float, float],
    edges: Floats,
    work: Floats,
) -> float:
    """Give the first share of a motion at which any part meets the polygon; inf for never."""
    first = np.inf
    still = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    for s in range(len(parts)):
        cos, sin = turned(motion[2])
        x, y = parts[s, CORNERS], parts[s, CORNERS + 1]
        if _is_inside(motion[0] + cos * x - sin * y, motion[1] + sin * x + cos * y, edges):
            return 0.0
        for e in range(len(edges)):
            start = (edges[e, CORNERS], edges[e, CORNERS + 1])
            end = (edges[e, CORNERS + 2], edges[e, CORNERS + 3])
            if _is_near(motion, parts[s, REACH], start, end):
                first = min(first, first_meeting((parts[s], motion), (edges[e], still), work))
    return first


@kernel
def _is_near(
    motion: tuple[float, float, float, float, float, float],
    reach_m: float,
    corner: tuple[float, float],
    other: tuple[float, float],
) -> bool:
    """Tell whether a box, by two corners, and that of a motion, grown by a reach, overlap."""
    # Far more than contact and rounding need.
    reach_m += 1.0
    for axis in range(2):
        low, high = motion[axis], motion[axis] + motion[axis + 3]
        if low > high:
            low, high = high, low
        near, far = min(corner[axis], other[axis]), max(corner[axis], other[axis])
        if far < low - reach_m or near > high + reach_m:
            return False
    return True


@kernel
def _is_inside(x: float, y: float, edges: Floats) -> bool:
    """Tell whether a point is inside a polygon (Shimrat 1962); on an edge it may be either."""
    inside = False
    for e in range(len(edges)):
        ax, ay = edges[e, CORNERS], edges[e, CORNERS + 1]
        bx, by = edges[e, CORNERS + 2], edges[e, CORNERS + 3]
        if (ay > y) != (by > y) and x < ax + (y - ay) * ((bx - ax) / (by - ay)):
            inside = not inside
    return inside
