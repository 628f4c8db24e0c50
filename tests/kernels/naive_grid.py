"""Slow, obvious twins of the grid kernels."""

import heapq
import itertools
import math


def entry_costs(weights, source: int) -> dict[int, float]:
    """The least sum of weights entered on the way from a source, which costs nothing, to cells."""
    row_count, column_count = weights.shape
    costs, queue = {}, [(0.0, source)]
    while queue:
        cost, cell = heapq.heappop(queue)
        if cell in costs:
            continue
        costs[cell] = cost
        row, column = divmod(cell, column_count)
        for i, j in itertools.product((-1, 0, 1), repeat=2):
            if 0 <= row + i < row_count and 0 <= column + j < column_count:
                weight = float(weights[row + i, column + j])
                if weight < math.inf:
                    near = (row + i) * column_count + column + j
                    heapq.heappush(queue, (cost + weight, near))
    return costs


def bent_costs(costs, targets, per_edge: int) -> dict[tuple[float, float], float]:
    """The least cost to the targets from points on the cells' edges, and from their centres.

    By ways that go straight from point to point within a cell, so never under the least cost of
    all ways. Points are (column, row) in cells; each edge has as many, its ends too.
    """
    around: dict[tuple[float, float], list[tuple[tuple[float, float], float]]] = {}
    starts = set()
    for row, column in itertools.product(range(costs.shape[0]), range(costs.shape[1])):
        if math.isinf(costs[row, column]):
            continue
        points = _points(row, column, per_edge)
        if row * costs.shape[1] + column in targets:
            starts.update(points)
        for here, there in itertools.permutations(points, 2):
            cost = float(costs[row, column]) * math.dist(here, there)
            around.setdefault(here, []).append((there, cost))
    found, queue = {}, [(0.0, point) for point in sorted(starts)]
    while queue:
        cost, point = heapq.heappop(queue)
        if point not in found:
            found[point] = cost
            for near, step in around[point]:
                heapq.heappush(queue, (cost + step, near))
    return found


def _points(row: int, column: int, per_edge: int) -> list[tuple[float, float]]:
    parts = [k / (per_edge - 1) for k in range(per_edge)]
    sides = {(column + part, float(row + end)) for part in parts for end in (0, 1)}
    sides |= {(float(column + end), row + part) for part in parts for end in (0, 1)}
    return [*sorted(sides), (column + 0.5, row + 0.5)]
