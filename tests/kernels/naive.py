"""Slow, obvious twins of the kernels. Geometry is exact: in fractions, without rounding."""

import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

Point = tuple[float, float]
Segment = tuple[Point, Point]


def segments_of(points: Sequence[Point]) -> list[Segment]:
    if len(points) == 1:
        return [(points[0], points[0])]
    return list(itertools.pairwise(points))


def edge_of(polygon: Sequence[Point]) -> list[Segment]:
    return [(polygon[k], polygon[(k + 1) % len(polygon)]) for k in range(len(polygon))]


def point_segment_m2(point: Point, segment: Segment) -> Fraction:
    x, y = map(Fraction, point)
    (ax, ay), (bx, by) = (tuple(map(Fraction, end)) for end in segment)
    length_m2 = (bx - ax) ** 2 + (by - ay) ** 2
    along = Fraction(0)
    if length_m2:
        along = min(
            Fraction(1), max(Fraction(0), _dot(x - ax, y - ay, bx - ax, by - ay) / length_m2)
        )
    return (ax + along * (bx - ax) - x) ** 2 + (ay + along * (by - ay) - y) ** 2


def _dot(ax, ay, bx, by):
    return ax * bx + ay * by


def _turn(a: Point, b: Point, c: Point) -> Fraction:
    ax, ay, bx, by, cx, cy = map(Fraction, (*a, *b, *c))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def segments_m2(source: Segment, target: Segment) -> Fraction:
    if (
        _turn(*source, target[0]) * _turn(*source, target[1]) < 0
        and _turn(*target, source[0]) * _turn(*target, source[1]) < 0
    ):
        return Fraction(0)
    return min(
        [point_segment_m2(end, target) for end in source]
        + [point_segment_m2(end, source) for end in target]
    )


def least_m2(sources: Iterable[Segment], targets: Iterable[Segment]) -> Fraction:
    targets = list(targets)
    return min(segments_m2(source, target) for source in sources for target in targets)


def is_inside(point: Point, polygon: Sequence[Point]) -> bool:
    x, y = map(Fraction, point)
    inside = False
    for (ax, ay), (bx, by) in edge_of(polygon):
        ax, ay, bx, by = map(Fraction, (ax, ay, bx, by))
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            inside = not inside
    return inside


def segment_box_m2(segment: Segment, low: Point, high: Point) -> Fraction:
    corners = [low, (high[0], low[1]), high, (low[0], high[1])]
    if all(low[axis] <= segment[0][axis] <= high[axis] for axis in (0, 1)):
        return Fraction(0)
    return least_m2([segment], edge_of(corners))


def steps(costs, closed, row: int, column: int):
    """Every free step from a cell: the neighbour's row and column, the cost on a grid of 1 m."""
    for i, j in itertools.product((-1, 0, 1), repeat=2):
        near = (row + i, column + j)
        if (i, j) == (0, 0) or not (0 <= near[0] < len(costs) and 0 <= near[1] < len(costs[0])):
            continue
        forward = {(0, 1): 0, (1, 0): 1, (1, 1): 2, (1, -1): 3}
        shut = (
            closed[row][column][forward[i, j]]
            if (i, j) in forward
            else closed[near[0]][near[1]][forward[-i, -j]]
        )
        if not shut:
            yield near, math.hypot(i, j) * (costs[row][column] + costs[near[0]][near[1]]) / 2


def distance_field(costs, closed, source: tuple[int, int]) -> dict[tuple[int, int], float]:
    reached, queue = {}, [(0.0, source)]
    while queue:
        cost, cell = heapq.heappop(queue)
        if cell in reached:
            continue
        reached[cell] = cost
        for near, step in steps(costs, closed, *cell):
            if step < math.inf:
                heapq.heappush(queue, (cost + step, near))
    return reached
