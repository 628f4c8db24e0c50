"""Coverage: parallel passes, back and forth, that take a tool over a zone.

Plain geometry on one polygon. Knows neither machines nor what stands in the zone.
"""

import math
from collections.abc import Sequence

from lunaredge.errors import Infeasible
from lunaredge.model.site import Point, Polygon

# A zone this finely striped is a mistake in its file; the legs must fit into one frame.
PASSES_MAX = 1000
# Shorter than this, a pass moves the tool over nothing that its neighbours do not reach.
PASS_M_MIN = 0.1

Pass = tuple[Point, Point]
_Interval = tuple[float, float]


def passes_over(polygon: Polygon, tool_width_m: float, inset_m: float) -> list[Pass]:
    """Give the passes over a polygon, each from its start to its end.

    They run along the edge across which the polygon is narrowest (the first of equals), at most a
    tool width apart, every point of them at least ``inset_m`` inside the polygon.

    Raises:
        Infeasible: no pass fits into the polygon, or more than `PASSES_MAX` do.
    """
    assert tool_width_m > 0.0
    assert inset_m >= 0.0
    heading_rad = _heading_rad(polygon)
    turned = [_turned(point, -heading_rad) for point in polygon]
    found: list[Pass] = []
    for row, y_m in enumerate(_rows_m(turned, tool_width_m, inset_m)):
        lines = [((left, y_m), (right, y_m)) for left, right in _free(turned, y_m, inset_m)]
        forward = row % 2 == 0
        found += lines if forward else [(end, start) for start, end in reversed(lines)]
    if not found:
        raise Infeasible(f"no pass fits: the zone leaves no room {inset_m:.1f} m from its edge")
    if len(found) > PASSES_MAX:
        raise Infeasible(f"{len(found)} passes, more than {PASSES_MAX}; divide the zone")
    return [(_turned(a, heading_rad), _turned(b, heading_rad)) for a, b in found]


def _edges(polygon: Sequence[Point]) -> list[Pass]:
    return [(polygon[k], polygon[(k + 1) % len(polygon)]) for k in range(len(polygon))]


def _turned(point: Point, angle_rad: float) -> Point:
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    return cosine * point[0] - sine * point[1], sine * point[0] + cosine * point[1]


def _heading_rad(polygon: Polygon) -> float:
    """Give the heading of the edge across which the polygon is narrowest."""

    def breadth_m(heading_rad: float) -> float:
        ys_m = [_turned(point, -heading_rad)[1] for point in polygon]
        return max(ys_m) - min(ys_m)

    headings = [math.atan2(b[1] - a[1], b[0] - a[0]) for a, b in _edges(polygon)]
    # A hair's difference between opposite edges is rounding: the first edge wins.
    least_m = min(map(breadth_m, headings))
    return next(heading for heading in headings if breadth_m(heading) <= least_m + 1e-9)


def _rows_m(turned: Sequence[Point], tool_width_m: float, inset_m: float) -> list[float]:
    """Give the passes' places across the polygon, evenly spread from inset to inset."""
    low_m = min(y_m for _, y_m in turned) + inset_m
    high_m = max(y_m for _, y_m in turned) - inset_m
    if high_m < low_m:
        return []
    gap_count = math.ceil((high_m - low_m) / tool_width_m - 1e-9)
    if gap_count >= PASSES_MAX:
        raise Infeasible(f"{gap_count + 1} passes, more than {PASSES_MAX}; divide the zone")
    if gap_count <= 0:
        return [(low_m + high_m) / 2.0]
    return [low_m + (high_m - low_m) * row / gap_count for row in range(gap_count + 1)]


def _free(turned: Sequence[Point], y_m: float, inset_m: float) -> list[_Interval]:
    """Give the parts of a row that are inside the polygon and clear of its edge."""
    crossings = sorted(
        a[0] + (y_m - a[1]) * (b[0] - a[0]) / (b[1] - a[1])
        for a, b in _edges(turned)
        if (a[1] > y_m) != (b[1] > y_m)
    )
    inside = list(zip(crossings[::2], crossings[1::2], strict=True))
    # A nanometre less than the inset: the outermost rows are exactly at it.
    near = sorted(
        interval
        for a, b in _edges(turned)
        if (interval := _near(a, b, y_m, inset_m - 1e-9)) is not None
    )
    free: list[_Interval] = []
    for left, right in inside:
        for near_left, near_right in near:
            if near_right <= left or near_left >= right:
                continue
            if near_left > left:
                free.append((left, near_left))
            left = max(left, near_right)
        free.append((left, right))
    return [(left, right) for left, right in free if right - left >= PASS_M_MIN]


def _near(a: Point, b: Point, y_m: float, radius_m: float) -> _Interval | None:
    """Give the part of a row that is nearer to an edge than a radius.

    The distance from a point that moves along a line to a segment is convex, so the part is one
    interval: from the first to the last place where the row meets one of the discs around the ends
    or the strip beside the edge.
    """
    if radius_m <= 0.0:
        return None
    places: list[float] = []
    for x, y in (a, b):
        if abs(y - y_m) < radius_m:
            half_m = math.sqrt(radius_m**2 - (y - y_m) ** 2)
            places += [x - half_m, x + half_m]
    length_m = math.dist(a, b)
    if length_m > 0.0:
        aside = (-(b[1] - a[1]) / length_m * radius_m, (b[0] - a[0]) / length_m * radius_m)
        for sign in (-1.0, 1.0):
            low = (a[0] + sign * aside[0], a[1] + sign * aside[1])
            high = (b[0] + sign * aside[0], b[1] + sign * aside[1])
            if (low[1] > y_m) != (high[1] > y_m):
                ratio = (y_m - low[1]) / (high[1] - low[1])
                places.append(low[0] + ratio * (high[0] - low[0]))
    return (min(places), max(places)) if places else None
