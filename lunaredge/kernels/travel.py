"""What a way over the ground takes: seconds and energy per metre of every cell, energy of a route.

Numbers of `kernels.traction`, on the gradients of `kernels.relief`.
"""

import math

import numpy as np

from lunaredge.kernels.attitude import GRADIENT_ERROR, Ground, steepest_any_heading
from lunaredge.kernels.jit import Flags, Floats, Shorts, kernel
from lunaredge.kernels.relief import BLOCK, GRADIENT_X, GRADIENT_Y, ROUGHNESS, STEP
from lunaredge.kernels.traction import (
    ACROSS,
    ALONG,
    HOLD,
    IDLE,
    RADIUS,
    ROLLING,
    SLIP_LEVEL,
    SPEED,
    TIP_ACROSS,
    TIP_ALONG,
    TURN,
    joule_per_m,
    slip_ratio,
    speed_limit_m_s,
    tip_across_max,
    tip_along_max,
)
from lunaredge.kernels.traction import (
    ROUGHNESS as ROUGHNESS_MAX,
)
from lunaredge.kernels.traction import (
    STEP as STEP_MAX,
)

JOULE_PER_WH = 3600.0

Cells = tuple[int, int, int, int]
"""Row from, row until, column from, column until."""


@kernel
def close_cells(
    out_closed: Flags, blocks: Floats, table: Shorts, cells: Cells, figures: Floats
) -> None:
    """Write which cells of a region a machine can stand on at no heading.

    out_closed : bool (rows, columns of the region)
    blocks, table : see `kernels.relief`      figures : see `kernels.traction`

    Closed: not known, a step or a roughness over the limit, steeper than grip holds, or steeper
    than any heading allows. Bound by memory, but for cells steeper than one of the limits.
    """
    gentle = min(figures[ALONG], figures[ACROSS], figures[TIP_ALONG], figures[TIP_ACROSS])
    for row in range(cells[0], cells[1]):
        for column in range(cells[2], cells[3]):
            place = table[row // BLOCK, column // BLOCK]
            i, j = row % BLOCK, column % BLOCK
            x, y = blocks[place, GRADIENT_X, i, j], blocks[place, GRADIENT_Y, i, j]
            step_m, roughness_m = blocks[place, STEP, i, j], blocks[place, ROUGHNESS, i, j]
            steepest = math.sqrt(x * x + y * y)
            # Written so that what is not known is closed.
            is_open = (
                steepest <= figures[HOLD] + GRADIENT_ERROR
                and step_m <= figures[STEP_MAX]
                and roughness_m <= figures[ROUGHNESS_MAX]
            )
            if is_open and steepest > gentle:
                is_open = steepest <= steepest_any_heading(figures, steepest) + GRADIENT_ERROR
            out_closed[row - cells[0], column - cells[2]] = not is_open


@kernel
def lay_costs(
    out_costs: Floats,
    blocks: Floats,
    table: Shorts,
    cells: Cells,
    figures: Floats,
    heading_rad: float,
) -> None:
    """Write seconds and watt-hours per metre of horizontal way in every cell of a region.

    out_costs   : float64 (2, rows, columns)  s/m, Wh/m; inf where that heading may not be driven
    heading_rad : of the way, which the machine looks along; NaN = the least of every heading
    """
    ux, uy = math.cos(heading_rad), math.sin(heading_rad)
    for row in range(cells[0], cells[1]):
        for column in range(cells[2], cells[3]):
            place = table[row // BLOCK, column // BLOCK]
            i, j = row % BLOCK, column % BLOCK
            x, y = blocks[place, GRADIENT_X, i, j], blocks[place, GRADIENT_Y, i, j]
            steepest = math.sqrt(x * x + y * y)
            if math.isnan(heading_rad):
                pace_s_m, joule_m = _least_cost(figures, steepest)
            else:
                pace_s_m, joule_m = _cost(figures, steepest, x * ux + y * uy, abs(y * ux - x * uy))
            out_costs[0, row - cells[0], column - cells[2]] = pace_s_m
            out_costs[1, row - cells[0], column - cells[2]] = joule_m / JOULE_PER_WH


@kernel
def _cost(figures: Floats, steepest: float, along: float, across: float) -> tuple[float, float]:
    """Give s/m and J/m of one heading; inf where it may not be driven."""
    may = (
        steepest <= figures[HOLD] + GRADIENT_ERROR
        and abs(along) <= figures[ALONG] + GRADIENT_ERROR
        and across <= figures[ACROSS] + GRADIENT_ERROR
        and abs(along) <= tip_along_max(figures, steepest, 0.0) + GRADIENT_ERROR
        and across <= tip_across_max(figures, steepest, 0.0) + GRADIENT_ERROR
    )
    speed_m_s = speed_limit_m_s(figures, steepest, along) if may else 0.0
    if speed_m_s <= 0.0:
        return np.inf, np.inf
    return 1.0 / speed_m_s, figures[IDLE] / speed_m_s + joule_per_m(figures, steepest, along)


@kernel
def _least_cost(figures: Floats, steepest: float) -> tuple[float, float]:
    """Give no more than the s/m and J/m of any heading; inf where none may be driven.

    Uphill brakes best; rolling is least on the level, with the slip of the slope.
    """
    any_heading = min(float(figures[HOLD]), steepest_any_heading(figures, steepest))
    if not steepest <= any_heading + GRADIENT_ERROR:
        return np.inf, np.inf
    pace_s_m = 1.0 / speed_limit_m_s(figures, steepest, steepest)
    slipping = (1.0 - figures[SLIP_LEVEL]) / (1.0 - slip_ratio(figures, steepest))
    return pace_s_m, figures[IDLE] * pace_s_m + figures[ROLLING] * slipping


@kernel
def energy_wh(knots: Floats, ground: Ground, figures: Floats) -> float:
    """Give the energy of a route; inf where the ground is not known.

    knots : float64 (K, 4)   ground : see `kernels.attitude`   figures : see `kernels.traction`

    Exact on the grid's planes: every segment is cut where it passes from cell to cell.
    """
    joule = figures[IDLE] * (knots[-1, 0] - knots[0, 0])
    turn_joule_rad = figures[ROLLING] * figures[SPEED] / figures[TURN]
    for k in range(len(knots) - 1):
        way = (knots[k + 1, 1] - knots[k, 1], knots[k + 1, 2] - knots[k, 2])
        if way[0] != 0.0 or way[1] != 0.0:
            joule += _segment_joule((knots[k, 1], knots[k, 2]), way, ground, figures)
        if figures[RADIUS] == 0.0:
            joule += turn_joule_rad * abs(knots[k + 1, 3] - knots[k, 3])
    return float(joule / JOULE_PER_WH)


@kernel
def _segment_joule(
    start: tuple[float, float], way: tuple[float, float], ground: Ground, figures: Floats
) -> float:
    """Give the energy of one straight way, without idling (walk: Amanatides and Woo 1987)."""
    blocks, table, frame, shape = ground
    length_m = math.sqrt(way[0] * way[0] + way[1] * way[1])
    if shape[0] == 0:
        return length_m * joule_per_m(figures, 0.0, 0.0)
    column_at, row_at = (start[0] - frame[0]) / frame[2], (start[1] - frame[1]) / frame[2]
    columns, rows = way[0] / frame[2], way[1] / frame[2]
    joule = share = 0.0
    # One more than the edges that the way can cross, and the ends.
    for _ in range(shape[0] + shape[1] + 4):
        until = min(_next_edge(column_at, columns, share), _next_edge(row_at, rows, share), 1.0)
        middle = 0.5 * (share + until)
        column, row = math.floor(column_at + middle * columns), math.floor(row_at + middle * rows)
        if not (0 <= column < shape[1] and 0 <= row < shape[0]):
            return np.inf
        place = table[row // BLOCK, column // BLOCK]
        x = blocks[place, GRADIENT_X, row % BLOCK, column % BLOCK]
        y = blocks[place, GRADIENT_Y, row % BLOCK, column % BLOCK]
        if math.isnan(x + y):
            return np.inf
        along = (x * way[0] + y * way[1]) / length_m
        steepest = math.sqrt(x * x + y * y)
        joule += (until - share) * length_m * joule_per_m(figures, steepest, along)
        share = until
        if share >= 1.0:
            return joule
    return np.inf


@kernel
def _next_edge(at: float, step: float, share: float) -> float:
    """Give the share of a way at which a coordinate next passes a whole number; inf for never."""
    if step == 0.0:
        return np.inf
    here = at + share * step
    edge = math.floor(here) + 1.0 if step > 0.0 else math.ceil(here) - 1.0
    found = (edge - at) / step
    # Rounding may put the edge just left behind first: then the next one counts.
    return found if found > share else (edge + math.copysign(1.0, step) - at) / step
