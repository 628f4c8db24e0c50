"""Exact plane geometry between corridors: capsule chains, polygons, and moves on a lattice.

A capsule chain is a polyline and a half width: every point within the half width of the line. A
chain of one point is a disc. Bodies are closed sets, so touching is meeting: two corridors are
apart only when the distance of their lines is *more* than the sum of their half widths.

A set of chains or polygons is two arrays: all points one after the other, and int64 (C + 1,)
starts, so that chain c is ``points[starts[c] : starts[c + 1]]``. Coordinates are metres. Polygons
are closed by themselves (the first point is not repeated) and read by the even-odd rule. Whoever
keeps a set checks it once, with `is_set`; the functions here look at paths alone.
"""

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, inner, is_array, is_finite, kernel

Segment = tuple[float, float, float, float]
"""x and y of one end, x and y of the other."""


def first_conflict(
    path: Floats, half_width_m: float, points: Floats, starts: Ints, half_widths_m: Floats
) -> tuple[int, int, float]:
    """Find where a corridor first meets one of a set of chains.

    path          : float64 (P, 2)  P >= 1, m
    points        : float64 (K, 2)  m      starts : int64 (C + 1,)   each chain has a point or more
    half_widths_m : float64 (C,)    m
    returns       : path segment, chain, distance between the two lines in m; (-1, -1, inf) = none

    Ties: the earliest segment of the path, then the lowest chain.
    """
    assert _is_path(path), "a path is finite (P, 2), P >= 1"
    assert half_width_m >= 0.0
    segment, chain, distance_m = _first_conflict(
        path, float(half_width_m), points, starts, half_widths_m
    )
    assert distance_m >= 0.0
    return segment, chain, distance_m


def first_near_polygon(
    path: Floats, radius_m: float, points: Floats, starts: Ints
) -> tuple[int, int, float]:
    """Find where a corridor first meets one of a set of polygons, their insides included.

    path     : float64 (P, 2)  P >= 1, m
    points   : float64 (K, 2)  m      starts : int64 (C + 1,)   each polygon has 3 points or more
    returns  : path segment, polygon, distance in m (0 inside); (-1, -1, inf) = none

    Ties: the earliest segment of the path, then the lowest polygon.
    """
    assert _is_path(path), "a path is finite (P, 2), P >= 1"
    assert radius_m >= 0.0
    segment, polygon, distance_m = _first_near_polygon(path, float(radius_m), points, starts)
    assert distance_m >= 0.0
    return segment, polygon, distance_m


def first_outside(path: Floats, margin_m: float, polygon: Floats) -> tuple[int, float]:
    """Find where a path first is not inside a polygon, or not more than a margin from its edge.

    path    : float64 (P, 2)  P >= 1, m      polygon : float64 (K, 2)  K >= 3, m
    returns : path segment, its distance to the edge in m (0 outside); (-1, inf) = none
    """
    assert _is_path(path), "a path is finite (P, 2), P >= 1"
    assert is_array(polygon, np.float64, None, 2)
    assert len(polygon) >= 3
    assert is_finite(polygon)
    assert margin_m >= 0.0
    segment, distance_m = _first_outside(path, float(margin_m), polygon)
    assert distance_m >= 0.0
    return segment, distance_m


def are_inside(points: Floats, polygon: Floats) -> Flags:
    """Tell which points are inside a polygon; on its edge it may be either.

    points  : float64 (K, 2)  m      polygon : float64 (N, 2)  N >= 3, m
    returns : bool (K,)
    """
    assert is_array(points, np.float64, None, 2)
    assert _is_path(polygon), "a polygon is finite (N, 2)"
    assert len(polygon) >= 3
    return _are_inside(points, polygon)


def chain_distance_m(source: Floats, target: Floats) -> float:
    """Give the least distance between two polylines.

    source : float64 (P, 2)  P >= 1, m      target : float64 (K, 2)  K >= 1, m
    """
    assert _is_path(source), "a path is finite (P, 2), P >= 1"
    assert _is_path(target), "a path is finite (P, 2), P >= 1"
    return _chain_distance_m(source, target)


def close_moves_near(
    out_closed: Flags, frame: Floats, moves: Ints, segments: Floats, radii_m: Floats
) -> None:
    """Close the moves of a lattice that come within a radius of a segment, or touch it.

    frame      : float64 (3,)       x_m and y_m of the lattice's corner, side of a cell
    moves      : int64 (4, 2)       row and column step of each move, -1 to 1
    segments   : float64 (S, 4)     x, y, x, y of both ends, m
    radii_m    : float64 (S,)       m
    out_closed : bool (H, W, 4)     set where the move from that cell's centre is not free
    """
    assert is_array(out_closed, np.bool_, None, None, 4)
    assert is_array(frame, np.float64, 3)
    assert is_array(moves, np.int64, 4, 2)
    assert is_array(segments, np.float64, None, 4)
    assert is_array(radii_m, np.float64, len(segments))
    assert is_finite(segments)
    assert is_finite(radii_m)
    _close_moves_near(out_closed, frame, moves, segments, radii_m)


def is_set(points: Floats, starts: Ints, count_min: int) -> bool:
    """Tell whether these are sets of chains or polygons, each of so many points or more."""
    return (
        is_array(points, np.float64, None, 2)
        and is_finite(points)
        and is_array(starts, np.int64, None)
        and len(starts) >= 1
        and int(starts[0]) == 0
        and int(starts[-1]) == len(points)
        and bool((np.diff(starts) >= count_min).all())
    )


def _is_path(path: Floats) -> bool:
    return is_array(path, np.float64, None, 2) and len(path) >= 1 and is_finite(path)


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
def _parts(line: Segment, other: Segment) -> bool:
    """Tell whether the ends of ``other`` lie strictly on different sides of a line."""
    ax, ay, bx, by = line
    turn_a = (bx - ax) * (other[1] - ay) - (by - ay) * (other[0] - ax)
    turn_b = (bx - ax) * (other[3] - ay) - (by - ay) * (other[2] - ax)
    return (turn_a > 0.0 and turn_b < 0.0) or (turn_a < 0.0 and turn_b > 0.0)


@inner
def _segments_m2(source: Segment, target: Segment) -> float:
    """Give the squared distance of two segments.

    Zero where they cross; else an end of one is nearest to the other (Ericson, "Real-Time Collision
    Detection", 5.1.9). Needs no tolerance: a crossing that rounding hides has an end at no more
    than rounding's distance.
    """
    if _parts(source, target) and _parts(target, source):
        return 0.0
    return min(
        _point_segment_m2(source[0], source[1], target),
        _point_segment_m2(source[2], source[3], target),
        _point_segment_m2(target[0], target[1], source),
        _point_segment_m2(target[2], target[3], source),
    )


@inner
def _segment(points: Floats, first: int, second: int) -> Segment:
    """Give the segment between two of the points."""
    return points[first, 0], points[first, 1], points[second, 0], points[second, 1]


@inner
def _segment_count(path: Floats) -> int:
    """Count the segments of a path; a single point is one segment of no length."""
    return max(1, len(path) - 1)


@inner
def _to_chain_m2(segment: Segment, chain: Floats) -> float:
    """Give the least squared distance of a segment to a polyline, float64 (K, 2)."""
    least_m2 = np.inf
    for k in range(_segment_count(chain)):
        piece = _segment(chain, k, min(k + 1, len(chain) - 1))
        least_m2 = min(least_m2, _segments_m2(segment, piece))
    return least_m2


@inner
def _to_edge_m2(segment: Segment, polygon: Floats) -> float:
    """Give the least squared distance of a segment to a polygon's edge, float64 (K, 2)."""
    least_m2 = np.inf
    for k in range(len(polygon)):
        piece = _segment(polygon, k, (k + 1) % len(polygon))
        least_m2 = min(least_m2, _segments_m2(segment, piece))
    return least_m2


@inner
def _is_inside(x: float, y: float, polygon: Floats) -> bool:
    """Tell whether a point is inside a polygon by the even-odd rule; on the edge it may be either.

    A ray toward +x is counted where it crosses an edge (Shimrat 1962, Algorithm 112).
    """
    inside = False
    for k in range(len(polygon)):
        ax, ay, bx, by = _segment(polygon, k, (k + 1) % len(polygon))
        if (ay > y) != (by > y) and x < ax + (y - ay) * ((bx - ax) / (by - ay)):
            inside = not inside
    return inside


@kernel
def _are_inside(points: Floats, polygon: Floats) -> Flags:
    """See `are_inside`."""
    inside = np.empty(len(points), np.bool_)
    for k in range(len(points)):
        inside[k] = _is_inside(points[k, 0], points[k, 1], polygon)
    return inside


@kernel
def _first_conflict(
    path: Floats, half_width_m: float, points: Floats, starts: Ints, half_widths_m: Floats
) -> tuple[int, int, float]:
    """See `first_conflict`: every segment of the path against every chain that comes near it."""
    near = _chains_near(path, half_width_m, points, starts, half_widths_m)
    for s in range(_segment_count(path)):
        segment = _segment(path, s, min(s + 1, len(path) - 1))
        for chain in near:
            apart_m2 = _to_chain_m2(segment, points[starts[chain] : starts[chain + 1]])
            if not apart_m2 > (half_width_m + half_widths_m[chain]) ** 2:
                return s, chain, np.sqrt(apart_m2)
    return -1, -1, np.inf


@kernel
def _chains_near(
    path: Floats, half_width_m: float, points: Floats, starts: Ints, half_widths_m: Floats
) -> Ints:
    """Give the chains whose boxes come near to the path's, in order."""
    left, low, right, high = _box(path, 0, len(path))
    near = np.empty(len(half_widths_m), np.int64)
    count = 0
    for chain in range(len(half_widths_m)):
        ax, ay, bx, by = _box(points, starts[chain], starts[chain + 1])
        apart = max(max(ax - right, left - bx), max(ay - high, low - by))
        if not apart > half_width_m + half_widths_m[chain]:
            near[count] = chain
            count += 1
    return near[:count]


@inner
def _box(points: Floats, first: int, end: int) -> Segment:
    """Give the lowest x and y of some points, and the highest."""
    left, low, right, high = np.inf, np.inf, -np.inf, -np.inf
    for k in range(first, end):
        left, right = min(left, points[k, 0]), max(right, points[k, 0])
        low, high = min(low, points[k, 1]), max(high, points[k, 1])
    return left, low, right, high


@inner
def _first_near_polygon(
    path: Floats, radius_m: float, points: Floats, starts: Ints
) -> tuple[int, int, float]:
    """See `first_near_polygon`: inside at an end, or too near to the edge."""
    for s in range(_segment_count(path)):
        segment = _segment(path, s, min(s + 1, len(path) - 1))
        for k in range(len(starts) - 1):
            polygon = points[starts[k] : starts[k + 1]]
            if _is_inside(segment[0], segment[1], polygon):
                return s, k, 0.0
            apart_m2 = _to_edge_m2(segment, polygon)
            if not apart_m2 > radius_m * radius_m:
                return s, k, np.sqrt(apart_m2)
    return -1, -1, np.inf


@inner
def _first_outside(path: Floats, margin_m: float, polygon: Floats) -> tuple[int, float]:
    """See `first_outside`: outside at an end, or too near to the edge."""
    for s in range(_segment_count(path)):
        segment = _segment(path, s, min(s + 1, len(path) - 1))
        if not _is_inside(segment[0], segment[1], polygon):
            return s, 0.0
        apart_m2 = _to_edge_m2(segment, polygon)
        if not apart_m2 > margin_m * margin_m:
            return s, np.sqrt(apart_m2)
    return -1, np.inf


@inner
def _chain_distance_m(source: Floats, target: Floats) -> float:
    """See `chain_distance_m`: every segment against every segment."""
    least_m2 = np.inf
    for s in range(_segment_count(source)):
        segment = _segment(source, s, min(s + 1, len(source) - 1))
        least_m2 = min(least_m2, _to_chain_m2(segment, target))
    return float(np.sqrt(least_m2))


@inner
def _close_moves_near(
    out_closed: Flags, frame: Floats, moves: Ints, segments: Floats, radii_m: Floats
) -> None:
    """See `close_moves_near`: looks only at cells from which a move could reach the segment."""
    x_m, y_m, cell_m = frame
    row_count, column_count, _ = out_closed.shape
    for s in range(len(segments)):
        segment = (segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3])
        # A diagonal move is the longest.
        reach_m = radii_m[s] + 1.5 * cell_m
        low = _index(min(segment[1], segment[3]) - reach_m - y_m, cell_m, row_count)
        high = _index(max(segment[1], segment[3]) + reach_m - y_m, cell_m, row_count)
        for row in range(low, high + 1):
            centre_m = y_m + (row + 0.5) * cell_m
            left_m, right_m = _span(segment, centre_m - reach_m, centre_m + reach_m)
            first = _index(left_m - reach_m - x_m, cell_m, column_count)
            last = _index(right_m + reach_m - x_m, cell_m, column_count)
            for column in range(first, last + 1):
                _close_cell(
                    out_closed[row, column], frame, moves, (row, column), segment, radii_m[s]
                )


@inner
def _index(offset_m: float, cell_m: float, count: int) -> int:
    """Give the index of the cell at an offset, held within the grid."""
    return int(min(count - 1.0, max(0.0, np.floor(offset_m / cell_m))))


@inner
def _span(segment: Segment, low_m: float, high_m: float) -> tuple[float, float]:
    """Give the least and largest x of the part of a segment between two heights of y."""
    ax, ay, bx, by = segment
    dy = by - ay
    enter, leave = 0.0, 1.0
    if abs(dy) > 1e-9 * (high_m - low_m):
        first, second = (low_m - ay) / dy, (high_m - ay) / dy
        enter = min(1.0, max(0.0, min(first, second)))
        leave = min(1.0, max(0.0, max(first, second)))
    left_m, right_m = ax + enter * (bx - ax), ax + leave * (bx - ax)
    return min(left_m, right_m), max(left_m, right_m)


@inner
def _close_cell(
    out_closed: Flags,
    frame: Floats,
    moves: Ints,
    cell: tuple[int, int],
    segment: Segment,
    radius_m: float,
) -> None:
    """Close the moves of one cell, bool (4,), that come near a segment."""
    x_m, y_m, cell_m = frame
    x, y = x_m + (cell[1] + 0.5) * cell_m, y_m + (cell[0] + 0.5) * cell_m
    for k in range(len(moves)):
        if not out_closed[k]:
            move = (x, y, x + moves[k, 1] * cell_m, y + moves[k, 0] * cell_m)
            out_closed[k] = not _segments_m2(move, segment) > radius_m * radius_m
