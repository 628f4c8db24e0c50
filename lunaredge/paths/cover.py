"""Discs that cover a machine's outline, and what a clearance byte must be to decide by them.

Kernels look the discs up in a clearance map before they look at the outline itself.
"""

import math

import numpy as np

from lunaredge.kernels.clearance import STEPS
from lunaredge.kernels.convex import CORNERS, COUNT, MARGIN, REACH
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.occupancy import HEADING_ERROR_RAD

# A byte more than there is: never reached.
_NEVER = STEPS + 2
# Farther from a cell's point than the cell's own clearance, any other point of the cell is not.
_DIAGONAL = math.sqrt(2.0)
# More discs decide more poses, but each is one more look: on rocks and slopes more than 6 cost more
# than they save.
_DISCS_MAX = 6
# Machines drive along x, so that a free pose seldom has something near in front: what discs stick
# out there counts less. Of 0.1 to 1, this left the fewest poses open.
_FRONT_WEIGHT = 0.3


def disc_rows(parts: Floats, steps_per_cell: float, slack: float) -> Floats:
    """Give the discs of a machine as `kernels.occupancy` takes them.

    parts   : float64 (S, COLUMNS)   in cells
    slack   : what rounding may put a body off, in cells
    returns : float64 (D, 4)         x, y, FREE byte, HIT byte; every byte is FREE without parts
    """
    if len(parts) == 0:
        return np.zeros((1, 4))
    rows = [_row((0.0, 0.0), float(parts[:, REACH].max()), parts, steps_per_cell, slack)]
    for part in parts:
        for centre, radius in _discs_of(part):
            error = slack + HEADING_ERROR_RAD * math.hypot(*centre)
            rows.append(_row(centre, radius, parts, steps_per_cell, error))
    return np.array(rows)


def _row(
    centre: tuple[float, float], radius: float, parts: Floats, steps_per_cell: float, error: float
) -> tuple[float, float, float, float]:
    """Give one row of `disc_rows`."""
    free_from = math.ceil((radius + error) * steps_per_cell) + 1
    inner = max(_depth(part, *centre) for part in parts) - error
    hit_below = 0
    if inner > 0.0:
        # The cell itself is closed; or even its farthest point from closed ground is near enough.
        hit_below = max(1, math.floor((inner - _DIAGONAL) * steps_per_cell) + 1)
    return (*centre, min(free_from, _NEVER), hit_below)


def _discs_of(part: Floats) -> list[tuple[tuple[float, float], float]]:
    """Cut a part's box into equal ones; give the discs around those that the part comes into."""
    corners = _corners_of(part)
    low, size, margin = corners.min(axis=0), np.ptp(corners, axis=0), float(part[MARGIN])
    cuts = [(i, j) for i in range(1, _DISCS_MAX + 1) for j in range(1, _DISCS_MAX // i + 1)]
    counts = min(cuts, key=lambda cut: _excess(size / cut / 2.0, size, margin))
    half = size / counts / 2.0
    centres = [
        low + half * (2 * i + 1, 2 * j + 1) for i in range(counts[0]) for j in range(counts[1])
    ]
    radius = math.hypot(*half) + margin
    return [
        ((float(x), float(y)), radius) for x, y in centres if not _is_apart(corners, (x, y), half)
    ]


def _excess(half: Floats, size: Floats, margin: float) -> float:
    """Give about how much ground beyond a part its discs take, boxes being twice half in size.

    What stands beside a machine is a whole number of cells from it: a disc acts as the next one of
    such a radius.
    """
    radius = math.ceil(math.hypot(*half) + margin + HEADING_ERROR_RAD)
    front, side = radius - margin - half
    return float((size[0] + margin) * side + _FRONT_WEIGHT * (size[1] + margin) * front)


def _corners_of(part: Floats) -> Floats:
    """Give a part's corners, float64 (K, 2)."""
    return part[CORNERS : CORNERS + 2 * int(part[COUNT])].reshape(-1, 2)


def _is_apart(corners: Floats, centre: tuple[float, float], half: Floats) -> bool:
    """Tell whether an edge of a part has all of an upright box on its outer side."""
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.column_stack((edges[:, 1], -edges[:, 0]))
    nearest = ((np.array(centre) - corners) * normals).sum(axis=1) - np.abs(normals) @ half
    return bool((nearest > 0.0).any())


def _depth(part: Floats, x: float, y: float) -> float:
    """Give how deep a point lies in a rounded part; negative outside."""
    corners = _corners_of(part)
    edges = np.roll(corners, -1, axis=0) - corners
    to_point = np.array((x, y)) - corners
    squares = (edges**2).sum(axis=1)
    along = np.clip((edges * to_point).sum(axis=1) / np.where(squares > 0.0, squares, 1.0), 0, 1)
    distance = float(np.hypot(*(to_point - along[:, None] * edges).T).min())
    turns = edges[:, 0] * to_point[:, 1] - edges[:, 1] * to_point[:, 0]
    is_inside = len(corners) > 2 and bool((turns >= 0.0).all())
    return float(part[MARGIN]) + (distance if is_inside else -distance)
