"""Slow, plain twins of the lattice's kernels: loops, dictionaries and samples."""

import heapq
import math

from lunaredge.kernels.lattice import HEADINGS, LENGTHS, VECTORS


def step_price(paces, energies, barred, cell_m, rates, row, column, k):
    """Price of a step along vector k, and its duration; inf where it is closed."""
    dx, dy = (int(number) for number in VECTORS[k])
    end = row + dy, column + dx
    if not (0 <= end[0] < len(paces) and 0 <= end[1] < len(paces[0])):
        return math.inf, math.inf
    if barred[row][column] or barred[end[0]][end[1]]:
        return math.inf, math.inf
    shares = {}
    samples = 4000
    for j in range(samples):
        along = (j + 0.5) / samples
        cell = math.floor(row + 0.5 + along * dy), math.floor(column + 0.5 + along * dx)
        shares[cell] = shares.get(cell, 0) + 1 / samples
    pace = max(paces[r][c] for r, c in shares)
    energy = sum(share * energies[r][c] for (r, c), share in shares.items())
    length = float(LENGTHS[k]) * cell_m
    return length * (rates[0] * pace + rates[1] * energy), length * pace


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


def neighbours(prices, shape):
    """Steps from each cell, as `cheapest` wants them."""

    def edges(cell):
        row, column = divmod(cell, shape[1])
        for k in range(HEADINGS):
            i, j = row + int(VECTORS[k][1]), column + int(VECTORS[k][0])
            if 0 <= i < shape[0] and 0 <= j < shape[1]:
                yield i * shape[1] + j, float(prices[cell, k])

    return edges
