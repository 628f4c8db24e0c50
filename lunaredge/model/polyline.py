"""Polylines: lengths, distances, parts. Plain Python, for paths of some points.

A station is the distance from a path's first point, along it.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from lunaredge.model.site import Point

Path = tuple[Point, ...]
Box = tuple[float, float, float, float]
"""The least x and y, and the greatest, m."""

# A machine's place is measured anew at every rest, and it stops beside its path by as much as a
# corridor allows: so a body may be found this much nearer to another than it was granted.
WAVER_M = 0.3
BLOCK_PIECES = 32

# A driver frame has room for 3440 points, 19 bytes each; a Follow must fit in one.
POINTS_MAX = 3000
# A site is some kilometres wide. Comparing so also refuses what is no number.
COORDINATE_M_MAX = 1e6
ROUNDING_M = 1e-9


def length_m(path: Path) -> float:
    """Give the length of a path; 0.0 for a single point."""
    # From 0.0: a journal's bytes tell an integer from a float, and a reader takes it for a float.
    return sum((math.dist(path[i - 1], path[i]) for i in range(1, len(path))), 0.0)


def distance_m(path: Path, point: Point) -> float:
    """Give the least distance from a point to a path."""
    assert path
    least_m = math.dist(path[0], point)
    for i in range(1, len(path)):
        nearest, _ = _nearest(path[i - 1], path[i], point)
        least_m = min(least_m, math.dist(nearest, point))
    return least_m


def are_nearer(one: Path, other: Path, near_m: float) -> bool:
    """Tell whether two paths come nearer to each other than so far."""
    return any(
        _between_pieces_m(a[0], a[-1], b[0], b[-1]) < near_m
        for ours, theirs in _near_blocks(one, other, BLOCK_PIECES, near_m)
        for a, b in _near_blocks(ours, theirs, 1, near_m)
    )


def _near_blocks(one: Path, other: Path, pieces: int, near_m: float) -> Iterator[tuple[Path, Path]]:
    """Give the pairs of blocks, of so many pieces, whose boxes are nearer: most are far apart."""
    theirs = [(box_of(block), block) for block in _blocks(other, pieces)]
    for ours in _blocks(one, pieces):
        box = box_of(ours)
        for other_box, block in theirs:
            if _gap_m(box, other_box) < near_m:
                yield ours, block


def box_of(points: Sequence[Point], over_m: float = 0.0) -> Box:
    """Give the box round some points, and so much wider to each side."""
    xs, ys = zip(*points, strict=True)
    return min(xs) - over_m, min(ys) - over_m, max(xs) + over_m, max(ys) + over_m


def project_m(path: Path, point: Point, window_m: tuple[float, float]) -> float:
    """Give the station nearest to a point, among those in a window; ties go to the lower one.

    The window keeps a path that crosses itself from being cut short.
    """
    low_m, high_m = window_m
    best_m, least_m = low_m, math.inf
    start_m = 0.0
    for i in range(1, len(path)):
        piece_m = math.dist(path[i - 1], path[i])
        if start_m + piece_m >= low_m and start_m <= high_m and piece_m > 0.0:
            _, ratio = _nearest(path[i - 1], path[i], point)
            station_m = min(max(start_m + ratio * piece_m, low_m), high_m)
            along = (station_m - start_m) / piece_m
            gap_m = math.dist(_between(path[i - 1], path[i], along), point)
            if gap_m < least_m:
                best_m, least_m = station_m, gap_m
        start_m += piece_m
    return best_m


def rest_of(path: Path, station_m: float) -> Path:
    """Give the path from a station to its end; the last point alone when nothing is left."""
    assert path
    left_m = station_m
    for i in range(1, len(path)):
        piece_m = math.dist(path[i - 1], path[i])
        if left_m < piece_m:
            if left_m <= 0.0:
                return path[i - 1 :]
            return (_between(path[i - 1], path[i], left_m / piece_m), *path[i:])
        left_m -= piece_m
    return path[-1:]


def part_of(path: Path, start_m: float, end_m: float) -> Path:
    """Give the path between two stations; the point at ``end_m`` alone when nothing lies between.

    Stations beyond the path's ends are its ends.
    """
    points: list[Point] = []
    passed_m = 0.0
    for i in range(1, len(path)):
        piece_m = math.dist(path[i - 1], path[i])
        if piece_m > 0.0 and passed_m + piece_m > start_m and passed_m < end_m:
            if not points:
                ratio = max(0.0, start_m - passed_m) / piece_m
                points.append(_between(path[i - 1], path[i], ratio))
            ratio = min(1.0, (end_m - passed_m) / piece_m)
            points.append(path[i] if ratio == 1.0 else _between(path[i - 1], path[i], ratio))
        passed_m += piece_m
    return tuple(points) if points else rest_of(path, max(0.0, end_m))[:1]


def without_loops(path: Path, near_m: float) -> Path:
    """Give a path that never comes back to where it has been: what lies between is cut out.

    A place within ``near_m`` of an earlier part of the path is taken for being on it; the result
    stays that near to the path.
    """
    assert path
    kept = [path[0]]
    for point in path[1:]:
        _lead_on(kept, point, near_m)
    return tuple(kept)


def _lead_on(kept: list[Point], point: Point, near_m: float) -> None:
    """Lead a path without loops on to a point, or back to where it has been near that."""
    box = box_of((kept[-1], point), near_m + ROUNDING_M)
    for i, (start, end) in enumerate(pairwise(kept)):
        if _is_beside(box, start, end):
            continue
        nearest, _ = _nearest(start, end, point)
        if math.dist(nearest, point) <= near_m:
            kept[i + 1 :] = [nearest] if nearest != start else []
            return
        if _is_on(kept[-1], point, start):
            kept[i + 1 :] = []
            break
        if i < len(kept) - 2 and _crosses(start, end, kept[-1], point):
            kept[i + 1 :] = [_crossing(start, end, kept[-1], point)]
            break
    if math.dist(kept[-1], point) > near_m:
        kept.append(point)


def _is_beside(box: Box, start: Point, end: Point) -> bool:
    """Tell whether a piece lies wholly to one side of a box."""
    low_x, low_y, high_x, high_y = box
    (x, y), (other_x, other_y) = start, end
    is_low = (x < low_x and other_x < low_x) or (y < low_y and other_y < low_y)
    return is_low or (x > high_x and other_x > high_x) or (y > high_y and other_y > high_y)


def _is_on(start: Point, end: Point, point: Point) -> bool:
    """Tell whether a piece leads through a point, but for rounding."""
    return math.dist(_nearest(start, end, point)[0], point) <= ROUNDING_M


def is_plausible(path: Path) -> bool:
    """Tell whether a path can be driven: some points, no more than fit, all of them on the site."""
    in_bounds = all(
        abs(x_m) <= COORDINATE_M_MAX and abs(y_m) <= COORDINATE_M_MAX for x_m, y_m in path
    )
    return 1 <= len(path) <= POINTS_MAX and in_bounds


def _blocks(path: Path, pieces: int) -> list[Path]:
    return [path[i : i + pieces + 1] for i in range(0, max(1, len(path) - 1), pieces)]


def _gap_m(one: Box, other: Box) -> float:
    """Give how far apart two boxes are, at the least."""
    return max(one[0] - other[2], other[0] - one[2], one[1] - other[3], other[1] - one[3])


def _between_pieces_m(a: Point, b: Point, c: Point, d: Point) -> float:
    if _crosses(a, b, c, d):
        return 0.0
    ends = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return min(math.dist(_nearest(start, end, point)[0], point) for start, end, point in ends)


def _crosses(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Tell whether two pieces cross inside both."""
    return _side(a, b, c) * _side(a, b, d) < 0.0 and _side(c, d, a) * _side(c, d, b) < 0.0


def _crossing(a: Point, b: Point, c: Point, d: Point) -> Point:
    """Give where two pieces that cross do so."""
    c_m, d_m = _side(a, b, c), _side(a, b, d)
    return _between(c, d, c_m / (c_m - d_m))


def _side(start: Point, end: Point, point: Point) -> float:
    """Give on which side of a line a point lies, by its sign."""
    along = (end[0] - start[0], end[1] - start[1])
    return along[0] * (point[1] - start[1]) - along[1] * (point[0] - start[0])


def _nearest(start: Point, end: Point, point: Point) -> tuple[Point, float]:
    dx, dy = end[0] - start[0], end[1] - start[1]
    square = dx * dx + dy * dy
    if square == 0.0:
        return start, 0.0
    ratio = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / square
    ratio = min(max(ratio, 0.0), 1.0)
    return _between(start, end, ratio), ratio


def _between(start: Point, end: Point, ratio: float) -> Point:
    return (start[0] + ratio * (end[0] - start[0]), start[1] + ratio * (end[1] - start[1]))
