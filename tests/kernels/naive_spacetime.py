"""Twins of the fleet's checks: every pair, every piece of time, no boxes, no trees, no windows."""

import math
from itertools import pairwise, product

import numpy as np
import shapely

from lunaredge.kernels import sweep
from lunaredge.kernels.convex import CORNERS, COUNT, HIGH, LOW, MARGIN

FAR_S = 1e6


def knots_of(reservation):
    """Give the route's knots, cut to the time that counts, and how it stands before and after."""
    from_s = max(-FAR_S, reservation.from_s)
    until_s = min(FAR_S, reservation.until_s)
    times_s = reservation.route.knots[:, 0]
    inner = times_s[(times_s > from_s) & (times_s < until_s)]
    return {float(t): pose_at(reservation, t) for t in (from_s, *inner, until_s)}


def pose_at(reservation, time_s):
    knots = reservation.route.knots
    return [float(np.interp(time_s, knots[:, 0], knots[:, c])) for c in (1, 2, 3)]


def pieces(a, b):
    """Give the pieces of the time common to two reservations in which both move evenly."""
    ours, theirs = knots_of(a), knots_of(b)
    low, high = max(min(ours), min(theirs)), min(max(ours), max(theirs))
    times_s = sorted({t for t in (*ours, *theirs) if low <= t <= high})
    return list(pairwise(times_s)) if len(times_s) > 1 else [(t, t) for t in times_s]


def motion(reservation, start_s, end_s):
    start, end = pose_at(reservation, start_s), pose_at(reservation, end_s)
    return (*start, *(after - before for before, after in zip(start, end, strict=True)))


def part_pairs(a, b):
    for row, other in product(a.footprint.parts, b.footprint.parts):
        if row[LOW] <= other[HIGH] and other[LOW] <= row[HIGH]:
            yield row, other


def meeting_s(a, b):
    """Give when two reservations first meet; inf for never."""
    work = sweep.work_space()
    for start_s, end_s in pieces(a, b):
        moving = motion(a, start_s, end_s), motion(b, start_s, end_s)
        u = min(
            (
                sweep.first_meeting((row, moving[0]), (other, moving[1]), work)
                for row, other in part_pairs(a, b)
            ),
            default=math.inf,
        )
        if u < math.inf:
            return start_s + u * (end_s - start_s)
    return math.inf


def meeting_at_knots_s(a, b):
    """Give the first knot of either at which both meet; inf for none."""
    times_s = sorted({t for piece in pieces(a, b) for t in piece})
    for time_s in times_s:
        if gap_m(a, b, time_s) <= sweep.CONTACT_M:
            return time_s
    return math.inf


def least_gap_m(a, b):
    """Give the least gap of two reservations; inf where nothing can meet."""
    work = sweep.work_space()
    return min(
        (
            sweep.least_gap((row, motion(a, *piece)), (other, motion(b, *piece)), math.inf, work)[0]
            for piece in pieces(a, b)
            for row, other in part_pairs(a, b)
        ),
        default=math.inf,
    )


def gap_m(a, b, time_s):
    """Give the distance of two reservations at a time, by shapely; 0 where they overlap."""
    return min(
        (
            max(
                0.0,
                shape(row, pose_at(a, time_s)).distance(shape(other, pose_at(b, time_s)))
                - row[MARGIN]
                - other[MARGIN],
            )
            for row, other in part_pairs(a, b)
        ),
        default=math.inf,
    )


def shape(row, pose):
    """Give a part, without its margin, at a pose."""
    x, y, heading = pose
    corners = row[CORNERS : CORNERS + 2 * int(row[COUNT])].reshape(-1, 2)
    turn = np.array(
        ((math.cos(heading), math.sin(heading)), (-math.sin(heading), math.cos(heading)))
    )
    points = corners @ turn + (x, y)
    if len(points) == 1:
        return shapely.Point(points[0])
    return shapely.LineString(points) if len(points) == 2 else shapely.Polygon(points)
