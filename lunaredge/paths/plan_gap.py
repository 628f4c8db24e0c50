"""Gaps: how wide a machine needs them, and how wide the widest way is at its narrowest."""

import math

import numpy as np

from lunaredge.kernels.convex import CORNERS, COUNT, MARGIN
from lunaredge.kernels.jit import Floats
from lunaredge.kernels.lattice import Traffic
from lunaredge.kernels.lattice_gap import gaps_between, widest_way
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.polygon import body_row
from lunaredge.paths.problem import PlanGround
from lunaredge.paths.route import Pose

# So many of the things nearest to a gap are compared with each other.
_THINGS_MAX = 200
# Nearer than this, things touch and leave no gap.
_TOUCH_M = 1e-6


def needed_m(machine: Machine) -> float:
    """Give how wide a straight gap the machine needs at least.

    Across its heading; for crab steering across whichever way it is narrowest, to a degree.
    """
    turns = np.linspace(0.0, math.pi, 181) if machine.drive is Drive.CRAB else np.zeros(1)
    lows, highs = [], []
    for part in machine.footprint.parts:
        corners = part[CORNERS : CORNERS + 2 * int(part[COUNT])].reshape(-1, 2)
        across = corners @ np.array((-np.sin(turns), np.cos(turns)))
        lows.append(across.min(axis=0) - part[MARGIN])
        highs.append(across.max(axis=0) + part[MARGIN])
    return float((np.max(highs, axis=0) - np.min(lows, axis=0)).min())


def narrowest(
    ground: PlanGround, solids: Traffic, machine: Machine, ends: tuple[Pose, Pose]
) -> tuple[Pose, float] | None:
    """Give the narrowest place of the widest way between two poses, to a cell, and its width, m.

    The width is that between the two things nearest to each other there that don't touch. None: the
    machine can turn freely all along, or a pose is not on the grid.
    """
    cells = ground.cell_of(ends[0]), ground.cell_of(ends[1])
    if cells[0] is None or cells[1] is None:
        return None
    closed = np.isinf(ground.paces_s_m)
    range_m = machine.footprint.reach_m
    a, b, clear_m = widest_way(closed, solids, ground.frame, range_m, (cells[0], cells[1]))
    if a < 0 or clear_m >= range_m:
        return None
    columns = closed.shape[1]
    centres = np.array([(cell % columns + 0.5, cell // columns + 0.5) for cell in (a, b)])
    x_m, y_m = centres.mean(axis=0) * ground.cell_m + ground.frame[:2]
    pose = Pose(float(x_m), float(y_m), 0.0)
    return pose, _width_m(_things_about(pose, range_m, ground, solids))


def _things_about(pose: Pose, range_m: float, ground: PlanGround, solids: Traffic) -> Floats:
    """Give what stands around a pose as rows of `kernels.convex`, after a row for the pose."""
    x_m, y_m, cell_m = ground.frame
    rows, columns = ground.paces_s_m.shape
    things = [body_row([(0.0, 0.0)])]
    reach = range_m + cell_m
    for i in range(*(math.floor((pose.y_m + s - y_m) / cell_m) + (s > 0) for s in (-reach, reach))):
        for j in range(
            *(math.floor((pose.x_m + s - x_m) / cell_m) + (s > 0) for s in (-reach, reach))
        ):
            inside = 0 <= i < rows and 0 <= j < columns
            if not inside or math.isinf(ground.paces_s_m[i, j]):
                low = np.array((x_m + j * cell_m, y_m + i * cell_m))
                square = low + cell_m * np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
                things.append(body_row((square - pose[:2]).tolist()))
    for leg, owner in zip(solids.legs, solids.owners, strict=True):
        if math.dist(leg[2:4], pose[:2]) <= reach + solids.reaches[owner]:
            for part in solids.parts[solids.parts_first[owner] : solids.parts_first[owner + 1]]:
                corners = part[CORNERS : CORNERS + 2 * int(part[COUNT])].reshape(-1, 2)
                things.append(
                    body_row((corners + leg[2:4] - pose[:2]).tolist(), float(part[MARGIN]))
                )
    return np.array(things)


def _width_m(things: Floats) -> float:
    """Give the gap between the two nearest groups of things, each group one that holds together.

    The first thing is only where one looks from. With one group there is no gap: 0.
    """
    gaps = gaps_between(things)
    near = [0, *(k for k in np.argsort(gaps[0], kind="stable") if k > 0)][: _THINGS_MAX + 1]
    gaps = gaps[np.ix_(near[1:], near[1:])]
    groups = np.arange(len(gaps))
    for a, b in np.argwhere(gaps <= _TOUCH_M):
        groups[groups == groups[a]] = groups[b]
    apart = groups[:, None] != groups[None, :]
    return float(gaps[apart].min()) if apart.any() else 0.0
