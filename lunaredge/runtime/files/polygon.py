"""Plane geometry that written polygons are checked with. Pure; for tens of corners, not speed."""

import math
from itertools import pairwise

from lunaredge.model.site import Point, Polygon

# Nearer is the same place: thousands of times what rounding does to coordinates within 100 km,
# a thousandth of what anyone surveys. It lets polygons share slanted edges.
TOUCH_M = 1e-6


def area_m2(polygon: Polygon) -> float:
    """Give the enclosed area, whichever way round the corners are listed."""
    return abs(sum(_cross(a, b) for a, b in edges(polygon))) / 2


def edges(polygon: Polygon) -> list[tuple[Point, Point]]:
    """Give the edges, the closing one last."""
    return list(pairwise((*polygon, polygon[0])))


def is_simple(polygon: Polygon) -> bool:
    """Tell whether no two edges touch, but neighbours at the corner they share."""
    sides = edges(polygon)
    if any(a == b for a, b in sides):
        return False
    last = len(sides) - 1
    for i, (a, b) in enumerate(sides):
        for j in range(i + 1, last + 1):
            c, d = sides[j]
            if j == i + 1 or (i == 0 and j == last):
                shared, before, after = (b, a, d) if j == i + 1 else (a, b, c)
                if _folds_back(before, shared, after):
                    return False
            elif _touch(a, b, c, d):
                return False
    return True


def holds_point(polygon: Polygon, point: Point) -> bool:
    """Tell whether the point is inside or on the polygon's edge."""
    inside = False
    for a, b in edges(polygon):
        if _distance_to_edge_m(a, b, point) <= TOUCH_M:
            return True
        if (a[1] > point[1]) != (b[1] > point[1]):
            x_m = a[0] + (point[1] - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
            inside ^= point[0] < x_m
    return inside


def holds_polygon(outer: Polygon, inner: Polygon) -> bool:
    """Tell whether all of ``inner`` is inside ``outer`` or on its edge; both simple."""
    if any(_cross_properly(a, b, c, d) for a, b in edges(outer) for c, d in edges(inner)):
        return False
    return all(_stays_inside(outer, a, b) for a, b in edges(inner))


def distance_m(polygon: Polygon, point: Point) -> float:
    """Give how far the point is from the polygon; 0 inside it."""
    if holds_point(polygon, point):
        return 0.0
    return min(_distance_to_edge_m(a, b, point) for a, b in edges(polygon))


def _stays_inside(outer: Polygon, a: Point, b: Point) -> bool:
    """Tell whether an edge that crosses none of ``outer``'s stays inside.

    It can leave only where it touches a corner, so one point of each piece between corners tells.
    """
    corners = [c for c in outer if _turn(a, b, c) == 0 and _between(a, b, c)]
    stops = sorted([a, b, *corners], key=lambda stop: math.dist(a, stop))
    middles = [((p[0] + q[0]) / 2, (p[1] + q[1]) / 2) for p, q in pairwise(stops)]
    return all(holds_point(outer, point) for point in (a, b, *middles))


def _distance_to_edge_m(a: Point, b: Point, point: Point) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    along = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / (dx * dx + dy * dy)
    along = min(1.0, max(0.0, along))
    return math.dist(point, (a[0] + along * dx, a[1] + along * dy))


def _cross(a: Point, b: Point) -> float:
    return a[0] * b[1] - a[1] * b[0]


def _turn(a: Point, b: Point, c: Point) -> int:
    """Give 1 for a left turn from a by b to c, -1 for right, 0 with c on the line through both."""
    value = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    noise = TOUCH_M * math.dist(a, b)
    return (value > noise) - (value < -noise)


def _between(a: Point, b: Point, point: Point) -> bool:
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and (
        min(a[1], b[1]) <= point[1] <= max(a[1], b[1])
    )


def _folds_back(before: Point, shared: Point, after: Point) -> bool:
    inward = (before[0] - shared[0], before[1] - shared[1])
    outward = (after[0] - shared[0], after[1] - shared[1])
    along = inward[0] * outward[0] + inward[1] * outward[1]
    return _cross(inward, outward) == 0 and along > 0


def _touch(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _cross_properly(a, b, c, d) or any(
        _turn(p, q, r) == 0 and _between(p, q, r)
        for p, q, r in ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    )


def _cross_properly(a: Point, b: Point, c: Point, d: Point) -> bool:
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0
