"""Plane geometry in the plainest form: slow, obvious, and shared with nobody.

The scheduler's kernels are checked against these; a common mistake would hide itself.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from lunaredge.model.site import Point

ROUNDING_M = 1e-6
# Areas and bodies at rest are looked at again and again.
BOXES_KEPT = 1_024

Box = tuple[Point, Point]


def rectangle(centre: Point, heading_rad: float, length_m: float, width_m: float) -> list[Point]:
    """Give the corners of a body, counter-clockwise."""
    ahead, left = 0.5 * length_m, 0.5 * width_m
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    return [
        (centre[0] + a * cos - b * sin, centre[1] + a * sin + b * cos)
        for a, b in ((ahead, left), (-ahead, left), (-ahead, -left), (ahead, -left))
    ]


def point_to_segment(point: Point, start: Point, end: Point) -> float:
    """Give the distance of a point from a segment, which may be a single point."""
    run_x, run_y = end[0] - start[0], end[1] - start[1]
    length2 = run_x * run_x + run_y * run_y
    along = 0.0
    if length2 > 0.0:
        along = ((point[0] - start[0]) * run_x + (point[1] - start[1]) * run_y) / length2
        along = min(1.0, max(0.0, along))
    return math.dist(point, (start[0] + along * run_x, start[1] + along * run_y))


def point_to_path(point: Point, path: Sequence[Point]) -> float:
    """Give the distance of a point from a polyline."""
    return min(point_to_segment(point, start, end) for start, end in _segments(path))


def stations_near(point: Point, path: Sequence[Point], beside_m: float) -> list[float]:
    """Give the stations of a polyline's pieces that are nearest to a point, or nearly so."""
    found: list[tuple[float, float]] = []
    passed_m = 0.0
    for start, end in _segments(path):
        run_m = math.dist(start, end)
        along_m = 0.0
        if run_m > 0.0:
            along_m = (
                (point[0] - start[0]) * (end[0] - start[0])
                + (point[1] - start[1]) * (end[1] - start[1])
            ) / run_m
        found.append(
            (point_to_segment(point, start, end), passed_m + min(run_m, max(0.0, along_m)))
        )
        passed_m += run_m
    least_m = min(apart_m for apart_m, _ in found)
    return [station_m for apart_m, station_m in found if apart_m <= least_m + beside_m]


def path_to_path(one: Sequence[Point], other: Sequence[Point]) -> float:
    """Give the smallest distance between two polylines."""
    return min(
        _segment_to_segment(a, b, c, d) for a, b in _segments(one) for c, d in _segments(other)
    )


def body_to_path(body: Sequence[Point], path: Sequence[Point]) -> float:
    """Give the distance of a convex body from a polyline; 0 when the line enters it."""
    if any(contains(body, point) for point in path):
        return 0.0
    return path_to_path(_closed(body), path)


def body_to_body(one: Sequence[Point], other: Sequence[Point]) -> float:
    """Give the distance of two convex bodies; 0 when they touch or overlap."""
    if contains(one, other[0]) or contains(other, one[0]):
        return 0.0
    return path_to_path(_closed(one), _closed(other))


def contains(body: Sequence[Point], point: Point) -> bool:
    """Tell whether a convex body, given counter-clockwise, holds the point."""
    edges = zip(body, _closed(body)[1:], strict=True)
    return all(_side(start, end, point) >= 0.0 for start, end in edges)


def within(area: Sequence[Point], point: Point) -> bool:
    """Tell whether a polygon of any shape holds a point: a ray crosses its edges oddly."""
    inside = False
    for (x1, y1), (x2, y2) in zip(area, [*area[1:], area[0]], strict=True):
        if (y1 > point[1]) != (y2 > point[1]):
            inside ^= point[0] < x1 + (point[1] - y1) * (x2 - x1) / (y2 - y1)
    return inside


def is_in_area(area: Sequence[Point], body: Sequence[Point]) -> bool:
    """Tell whether a convex body and an area of any shape have a point in common."""
    if _are_apart(_box(tuple(area)), _box(tuple(body))):
        return False
    edges, ring = list(pairwise(_closed(body))), list(pairwise(_closed(area)))
    return (
        any(_cross(a, b, c, d) for a, b in edges for c, d in ring)
        or any(within(area, corner) for corner in body)
        or contains(body, area[0])
    )


def leads_into(area: Sequence[Point], path: Sequence[Point], half_width_m: float) -> bool:
    """Tell whether a corridor of so many metres to each side has ground of an area."""
    if _are_apart(_box(tuple(area)), _box(tuple(path)), half_width_m):
        return False
    apart_m = path_to_path(path, _closed(area)) - half_width_m
    return within(area, path[0]) or apart_m < -ROUNDING_M


def cut_path(path: Sequence[Point], from_m: float, to_m: float = math.inf) -> list[Point]:
    """Give a polyline from one station to another; at least its end."""
    rest = _until(path, max(from_m, to_m))
    while len(rest) > 1 and from_m > 0.0:
        length_m = math.dist(rest[0], rest[1])
        if length_m > from_m:
            share = from_m / length_m
            rest[0] = (
                rest[0][0] + share * (rest[1][0] - rest[0][0]),
                rest[0][1] + share * (rest[1][1] - rest[0][1]),
            )
            break
        from_m -= length_m
        del rest[0]
    return rest


def _until(path: Sequence[Point], to_m: float) -> list[Point]:
    kept = [path[0]]
    for start, end in pairwise(path):
        length_m = math.dist(start, end)
        if length_m >= to_m:
            share = to_m / length_m if length_m > 0.0 else 0.0
            kept.append(
                (start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1]))
            )
            break
        to_m -= length_m
        kept.append(end)
    return kept


def _segments(path: Sequence[Point]) -> list[tuple[Point, Point]]:
    assert path, "a path has at least one point"
    if len(path) == 1:
        return [(path[0], path[0])]
    return list(pairwise(path))


def _closed(body: Sequence[Point]) -> list[Point]:
    return [*body, body[0]]


def _segment_to_segment(a: Point, b: Point, c: Point, d: Point) -> float:
    if _cross(a, b, c, d):
        return 0.0
    return min(
        point_to_segment(a, c, d),
        point_to_segment(b, c, d),
        point_to_segment(c, a, b),
        point_to_segment(d, a, b),
    )


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Tell whether two segments cross inside both; mere touching is found by the distances."""
    apart_cd = _side(a, b, c) * _side(a, b, d) < 0.0
    apart_ab = _side(c, d, a) * _side(c, d, b) < 0.0
    return apart_cd and apart_ab


@lru_cache(BOXES_KEPT)
def _box(points: tuple[Point, ...]) -> Box:
    """Give the lowest and the highest corner of the box around some points."""
    xs, ys = zip(*points, strict=True)
    return (min(xs), min(ys)), (max(xs), max(ys))


def _are_apart(one: Box, other: Box, over_m: float = 0.0) -> bool:
    """Tell whether two boxes are more than so much apart along an axis."""
    gaps = (max(one[0][k] - other[1][k], other[0][k] - one[1][k]) for k in (0, 1))
    return any(gap_m > over_m for gap_m in gaps)


def _side(start: Point, end: Point, point: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])
