"""Slow, plain twins of the lattice's kernels: loops, dictionaries and samples."""

import heapq
import math

from lunaredge.kernels.lattice import HEADINGS, LENGTHS, VECTORS


def worst_on_step(values, row, column, k):
    """Greatest value among the cells that a step along vector k touches, found by sampling."""
    dx, dy = (int(number) for number in VECTORS[k])
    cells = {
        (math.floor(row + 0.5 + j / 100 * dy + up), math.floor(column + 0.5 + j / 100 * dx + aside))
        for j in range(101)
        for up in (-1e-9, 1e-9)
        for aside in (-1e-9, 1e-9)
    }
    return max(values[r][c] for r, c in cells)


def cheapest(edges, sources):
    """Dijkstra's search over a function from a node to its (node, cost) pairs."""
    settled, queue = {}, [(cost, node) for node, cost in sources.items()]
    heapq.heapify(queue)
    while queue:
        cost, node = heapq.heappop(queue)
        if node in settled:
            continue
        settled[node] = cost
        for other, price in edges(node):
            if other not in settled and price < math.inf:
                heapq.heappush(queue, (cost + price, other))
    return settled


def neighbours(rates, barred):
    """Steps from each cell and what they cost, as `cheapest` wants them."""
    row_count, column_count = rates.shape

    def edges(cell):
        row, column = divmod(cell, column_count)
        for k in range(HEADINGS):
            i, j = row + int(VECTORS[k][1]), column + int(VECTORS[k][0])
            if 0 <= i < row_count and 0 <= j < column_count and not barred[i][j]:
                worst = worst_on_step(rates, row, column, k)
                yield i * column_count + j, float(LENGTHS[k]) * worst

    return edges
