"""What stands still, as a lattice sees it: closed cells, cells to look closer at, steps' costs."""

import math

import numpy as np

from lunaredge.kernels.convex import CORNERS, COUNT, HIGH, LOW, MARGIN
from lunaredge.kernels.jit import Flags, Floats, Ints
from lunaredge.kernels.lattice import HEADINGS, Graph, Ground, Moves, Paving, Traffic
from lunaredge.kernels.lattice_field import BORDER, guide_toward
from lunaredge.kernels.lattice_static import barred_cells
from lunaredge.paths.machine import Machine
from lunaredge.paths.problem import PlanGround

# Farther than bodies reach one looks, for rounding and for what counts as contact.
_SPARE_M = 0.01


def stand(
    ground: PlanGround, machine: Machine, moves: Moves, solids: Traffic, rates: Floats
) -> tuple[Ground, Graph]:
    """Give the ground, and the graph that a search looks at; its guide and spans are still open.

    rates : float64 (H, W)  price of a metre
    """
    closed = np.isinf(ground.paces_s_m)
    limits = np.tan(np.radians((machine.slope_along_deg_max, machine.slope_across_deg_max)))
    steep = np.hypot(ground.gradients[:, :, 0], ground.gradients[:, :, 1]) > limits.min()
    barred = barred_at(ground, machine, closed, solids)
    near = grown(closed, int(np.abs(moves.swept).max()), is_closed_beyond=True)
    near |= grown(steep, int(np.abs(moves.track[:, :2]).max()), is_closed_beyond=False)
    reach_m = machine.footprint.reach_m + _SPARE_M + float(np.abs(moves.chords[:, 1:3]).max())
    _mark_near(near, ground.frame, solids, reach_m)
    paving = paving_of(rates * ground.cell_m, barred, near, moves)
    graph = Graph(
        first=moves.first,
        steps=moves.steps,
        costs=moves.costs,
        chain_first=moves.chain_first,
        chain=moves.chain,
        near=near,
        paces=ground.paces_s_m.ravel() * ground.cell_m,
        rates=rates.ravel() * ground.cell_m,
        barred=barred.ravel(),
        guide=guide_toward(paving, (np.empty(0, np.int64), np.empty(0)), -1),
        bin_spans=np.empty((0, 2)),
        bin_cells=round(solids.frame[2] / ground.cell_m),
        bin_columns=solids.bin_columns,
    )
    return Ground(ground.frame, closed, ground.gradients, limits), graph


def paving_of(rates: Floats, barred: Flags, near: Flags, moves: Moves) -> Paving:
    """Give what the guide's steps meet; there are no landmarks yet."""
    is_open = np.isfinite(rates)
    padded = np.pad(rates, BORDER, constant_values=np.inf)
    blank = np.pad(np.where(barred, -np.inf, np.inf), BORDER, constant_values=-np.inf)
    straights, first = _straights(moves)
    return Paving(
        columns=padded.shape[1],
        rates=padded.ravel(),
        least=float(rates[is_open].min()) if is_open.any() else 1.0,
        most=float(rates[is_open].max()) if is_open.any() else 1.0,
        blank=blank.ravel(),
        near=np.pad(near, BORDER, constant_values=True).ravel(),
        words=np.zeros(padded.size, np.int64),
        straights=straights,
        straights_first=first,
        marks=np.empty((padded.size, 0), np.float32),
        farthest=0.0,
    )


def _straights(moves: Moves) -> tuple[Ints, Ints]:
    """Give the moves that are one step, by its vector; none where a move that drives is more."""
    counts = np.diff(moves.chain_first)
    if counts.max() > 1:
        return np.empty((0, 2), np.int64), np.zeros(HEADINGS + 1, np.int64)
    numbers = np.flatnonzero(counts)
    vectors = moves.chain[:, 2]
    order = np.argsort(vectors, kind="stable")
    headings = np.searchsorted(moves.first, numbers, side="right") - 1
    found = np.column_stack((headings, numbers))[order].astype(np.int64)
    first = np.searchsorted(vectors[order], np.arange(HEADINGS + 1)).astype(np.int64)
    return np.ascontiguousarray(found), first


def barred_at(ground: PlanGround, machine: Machine, closed: Flags, solids: Traffic) -> Flags:
    """Mark the cells on whose centre the machine can't stand at any heading.

    Seen from a disc about the origin that the machine covers at every heading.
    """
    parts = machine.footprint.parts
    cell_m = ground.cell_m
    barred = closed.copy()
    radius_m = max(inner_radius_m(part) for part in parts)
    for row in range(math.ceil(radius_m / cell_m) + 1):
        for column in range(math.ceil(radius_m / cell_m) + 1):
            apart = math.hypot(max(row - 0.5, 0.0), max(column - 0.5, 0.0)) * cell_m
            if apart <= radius_m and (row or column):
                for i, j in ((row, column), (-row, column), (row, -column), (-row, -column)):
                    barred |= _shifted(closed, i, j)
    inner = np.full(len(solids.reaches), -1.0)
    for owner in range(len(inner)):
        rows = solids.parts[solids.parts_first[owner] : solids.parts_first[owner + 1]]
        for part in parts:
            # Every piece of the owner has to be met by that part, whatever their heights.
            if (part[LOW] <= rows[:, HIGH]).all() and (rows[:, LOW] <= part[HIGH]).all():
                inner[owner] = max(inner[owner], inner_radius_m(part))
    barred_cells(solids, inner, ground.frame, barred)
    return barred


def inner_radius_m(part: Floats) -> float:
    """Give the radius of the largest disc about the origin within a part; -1 when there is none."""
    corners = part[CORNERS : CORNERS + 2 * int(part[COUNT])].reshape(-1, 2)
    if len(corners) == 1:
        depth = -math.hypot(*corners[0])
    else:
        edges = np.roll(corners, -1, axis=0) - corners
        lengths = np.hypot(*edges.T)
        depth = float(((edges[:, 1] * corners[:, 0] - edges[:, 0] * corners[:, 1]) / lengths).min())
    radius_m = depth + float(part[MARGIN])
    return radius_m if radius_m >= 0.0 else -1.0


def grown(flags: Flags, count: int, *, is_closed_beyond: bool) -> Flags:
    """Grow flags by so many cells to all sides; beyond the grid counts as flagged or not."""
    padded = np.pad(flags, count, constant_values=is_closed_beyond)
    for axis in (0, 1):
        sums = np.cumsum(padded, axis=axis, dtype=np.int32)
        sums = np.concatenate((np.zeros_like(sums.take([0], axis=axis)), sums), axis=axis)
        size = sums.shape[axis]
        width = 2 * count + 1
        upper = sums.take(range(width, size), axis=axis)
        padded = upper > sums.take(range(size - width), axis=axis)
    return np.ascontiguousarray(padded)


def _shifted(flags: Flags, rows: int, columns: int) -> Flags:
    """Give the flags moved by rows and columns; what comes in from beyond the grid is flagged."""
    out = np.ones_like(flags)
    height, width = flags.shape
    into = (
        slice(max(0, rows), height + min(0, rows)),
        slice(max(0, columns), width + min(0, columns)),
    )
    source = (
        slice(max(0, -rows), height + min(0, -rows)),
        slice(max(0, -columns), width + min(0, -columns)),
    )
    out[into] = flags[source]
    return out


def _mark_near(out_near: Flags, frame: Floats, solids: Traffic, reach_m: float) -> None:
    """Mark the cells from which a move may come to a solid."""
    for leg, owner in zip(solids.legs, solids.owners, strict=True):
        far_m = reach_m + solids.reaches[owner]
        low = np.floor((leg[2:4] - far_m - frame[:2]) / frame[2])
        high = np.floor((leg[2:4] + far_m - frame[:2]) / frame[2]) + 1.0
        left, bottom = np.clip(low, 0, out_near.shape[::-1]).astype(int)
        right, top = np.clip(high, 0, out_near.shape[::-1]).astype(int)
        out_near[bottom:top, left:right] = True
