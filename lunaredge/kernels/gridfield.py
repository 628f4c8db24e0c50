"""Lower bounds of the least cost of any way over a grid, straight or bent anywhere.

What a planner that is not bound to cells needs as its heuristic. A path from cell to cell costs at
least as much as the best continuous one, so its cost bounds nothing. This bound does: by Bose,
Esteban, Orden and Silveira 2024 ("Approximating shortest paths in weighted square and hexagonal
meshes") the cheapest path along the cells' edges and diagonals, from corner to corner, costs at
most 2 / sqrt(2 + sqrt(2)) = 1.0824 times the cheapest continuous one, for any costs of the cells.
"""

import math

import numpy as np

from lunaredge.kernels.gridhops import open_moves
from lunaredge.kernels.gridpath import DIAGONAL, Memory, run_search, scales
from lunaredge.kernels.gridsearch import ALL, ALL_WAYS
from lunaredge.kernels.jit import Floats, Ints, is_array, kernel

RATIO_MAX = 2.0 / math.sqrt(2.0 + DIAGONAL)
"""Most that a path along edges and diagonals costs for each unit of the continuous one."""


def lower_bound_field(costs: Floats, cell_m: float, targets: Ints) -> Floats:
    """Give a cost that no way from a cell's centre to the nearest of the targets can beat.

    costs   : float64 (H, W)   per metre, > 0; inf = blocked. On an edge the cheaper side counts,
              so that a way may run along a blocked cell, and between two that touch at a corner
    targets : int64 (G,)       cells; any point of one will do
    returns : float64 (H, W)   0 in the targets; inf = no way, or a blocked cell

    Never more than the least cost; less by at most 8 percent and 1.5 cells. For another point of
    the cell take away its cost times the distance from the centre.
    """
    assert is_array(costs, np.float64, None, None)
    assert costs.size > 0
    assert (costs > 0.0).all(), "costs are more than 0"
    assert cell_m > 0.0
    assert is_array(targets, np.int64, None)
    assert ((targets >= 0) & (targets < costs.size)).all(), "a cell is not on the grid"
    steps = _corner_steps(costs, cell_m)
    shape = steps.shape[:2]
    _, width = scales(costs, float(costs.min()))
    rule = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 0.0, width * cell_m])
    corners = _corners(targets[np.isfinite(costs.flat[targets])], costs.shape[1])
    ends = (corners, np.zeros(len(corners)), np.empty(0, np.int64))
    graph = (steps, open_moves(np.ones(shape, np.float32))[1], ALL_WAYS)
    labels, _, _ = run_search(graph, rule, ends, ALL, Memory(*shape))
    field = _at_centres(labels.reshape(shape), costs, cell_m)
    field.flat[targets] = np.where(np.isfinite(costs.flat[targets]), 0.0, np.inf)
    return field


def _corners(cells: Ints, column_count: int) -> Ints:
    """Give the four corners of each cell, numbered row by row on the grid of corners."""
    first = cells + cells // column_count
    beside = np.array([0, 1, column_count + 1, column_count + 2])
    return np.unique(first[:, np.newaxis] + beside)


@kernel
def _corner_steps(costs: Floats, cell_m: float) -> Floats:
    """Give what each move from each corner costs, by the rows of `MOVES`: float64 (H+1, W+1, 4)."""
    row_count, column_count = costs.shape
    walled = np.full((row_count + 2, column_count + 2), np.inf)
    walled[1:-1, 1:-1] = costs
    steps = np.empty((row_count + 1, column_count + 1, 4))
    for row in range(row_count + 1):
        before, behind = walled[row], walled[row + 1]
        for column in range(column_count + 1):
            ahead, back = behind[column + 1], behind[column]
            steps[row, column, 0] = cell_m * min(before[column + 1], ahead)
            steps[row, column, 1] = cell_m * min(back, ahead)
            steps[row, column, 2] = DIAGONAL * cell_m * ahead
            steps[row, column, 3] = DIAGONAL * cell_m * back
    return steps


@kernel
def _at_centres(labels: Floats, costs: Floats, cell_m: float) -> Floats:
    """Give the best bound that a cell's corners have for its centre.

    From the centre to a corner costs the cell's cost times half its diagonal, so the centre is
    nearer than the corner by no more than that.
    """
    row_count, column_count = costs.shape
    field = np.empty((row_count, column_count))
    for row in range(row_count):
        above, below = labels[row], labels[row + 1]
        for column in range(column_count):
            far = max(above[column], above[column + 1], below[column], below[column + 1])
            away = 0.5 * DIAGONAL * cell_m * costs[row, column]
            is_reached = far > 0.0 and costs[row, column] < np.inf
            field[row, column] = max(0.0, far / RATIO_MAX - away) if is_reached else np.inf
    return field
