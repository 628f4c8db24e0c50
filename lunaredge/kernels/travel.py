"""What a way over the ground takes: seconds and energy per metre of every cell, energy of a route.

Numbers of `kernels.traction`, on the gradients of `kernels.relief`. The functions are compiled; the
caller has prepared the arrays.
"""

import math

import numpy as np

from lunaredge.kernels.attitude import GRADIENT_ERROR, Ground, steepest_any_heading
from lunaredge.kernels.jit import Flags, Floats, Shorts, inner
from lunaredge.kernels.relief import BLOCK, GRADIENT_X, GRADIENT_Y, ROUGHNESS, SLOPE, STEP
from lunaredge.kernels.traction import (
    ACROSS,
    ALONG,
    GENTLE,
    HOLD,
    IDLE,
    RADIUS,
    ROLLING,
    SPEED,
    TURN,
    joule_per_m,
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


@inner
def close_cells(
    out_closed: Flags, blocks: Floats, table: Shorts, cells: Cells, figures: Floats
) -> None:
    """Write which cells of a region a machine can stand on at no heading.

    out_closed : bool (rows, columns of the region)
    blocks, table : see `kernels.relief`      figures : see `kernels.traction`

    Closed: not known, a step or a roughness over the limit, steeper than grip holds, or steeper
    than any heading allows. Bound by memory, but for cells steeper than one of the limits.
    """
    for block_row in range(cells[0] // BLOCK, -(-cells[1] // BLOCK)):
        for block_column in range(cells[2] // BLOCK, -(-cells[3] // BLOCK)):
            block = blocks[table[block_row, block_column]]
            inside = _inside(cells, block_row, block_column)
            for i in range(inside[0], inside[1]):
                row = block_row * BLOCK + i - cells[0]
                for j in range(inside[2], inside[3]):
                    x, y = block[GRADIENT_X, i, j], block[GRADIENT_Y, i, j]
                    step_m, roughness_m = block[STEP, i, j], block[ROUGHNESS, i, j]
                    steepest = math.sqrt(x * x + y * y)
                    # Written so that what is not known is closed.
                    is_open = (
                        steepest <= figures[HOLD] + GRADIENT_ERROR
                        and step_m <= figures[STEP_MAX]
                        and roughness_m <= figures[ROUGHNESS_MAX]
                    )
                    if is_open and not steepest <= figures[GENTLE]:
                        most = steepest_any_heading(figures, steepest)
                        is_open = steepest <= most + GRADIENT_ERROR
                    column = block_column * BLOCK + j - cells[2]
                    out_closed[row, column] = not is_open


@inner
def lay_costs(
    out_costs: Floats,
    blocks: Floats,
    table: Shorts,
    cells: Cells,
    figures: Floats,
    heading_rad: float,
) -> None:
    """Write seconds and watt-hours per metre of horizontal way in every cell of a region.

    out_costs   : float64 (2, rows, columns)  s/m, Wh/m; inf where that heading may not be driven,
                                              or none because of a step, roughness or a hole
    heading_rad : of the way, which the machine looks along; NaN = no more than on any heading,
                  inf = no less than on any that may be driven

    Bound by arithmetic: two roots and two divisions a cell, some more on steep ones.
    """
    ux, uy = math.cos(heading_rad), math.sin(heading_rad)
    for block_row in range(cells[0] // BLOCK, -(-cells[1] // BLOCK)):
        for block_column in range(cells[2] // BLOCK, -(-cells[3] // BLOCK)):
            block = blocks[table[block_row, block_column]]
            inside = _inside(cells, block_row, block_column)
            for i in range(inside[0], inside[1]):
                row = block_row * BLOCK + i - cells[0]
                for j in range(inside[2], inside[3]):
                    column = block_column * BLOCK + j - cells[2]
                    x, y, slope_deg = (
                        block[GRADIENT_X, i, j],
                        block[GRADIENT_Y, i, j],
                        block[SLOPE, i, j],
                    )
                    steepest = math.sqrt(x * x + y * y)
                    step_m, roughness_m = block[STEP, i, j], block[ROUGHNESS, i, j]
                    if not (step_m <= figures[STEP_MAX] and roughness_m <= figures[ROUGHNESS_MAX]):
                        pace_s_m = joule_m = np.inf
                    elif not math.isfinite(heading_rad):
                        side = 1.0 if math.isinf(heading_rad) else -1.0
                        pace_s_m, joule_m = _extreme_cost(figures, steepest, slope_deg, side)
                    else:
                        along, across = x * ux + y * uy, abs(y * ux - x * uy)
                        pace_s_m, joule_m = _cost(figures, (steepest, along, across), slope_deg)
                    out_costs[0, row, column] = pace_s_m
                    out_costs[1, row, column] = joule_m / JOULE_PER_WH


@inner
def _inside(cells: Cells, block_row: int, block_column: int) -> Cells:
    """Give what a region has of a block, counted from the block's first cell."""
    row, column = block_row * BLOCK, block_column * BLOCK
    return (
        max(cells[0] - row, 0),
        min(cells[1] - row, BLOCK),
        max(cells[2] - column, 0),
        min(cells[3] - column, BLOCK),
    )


@inner
def _cost(
    figures: Floats, gradient: tuple[float, float, float], slope_deg: float
) -> tuple[float, float]:
    """Give s/m and J/m of one heading, by the gradient: steepest, along, across; inf: may not."""
    steepest, along, across = gradient
    speed_m_s = float(figures[SPEED])
    if not steepest <= figures[GENTLE]:
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
    pace_s_m = 1.0 / speed_m_s
    return pace_s_m, figures[IDLE] * pace_s_m + joule_per_m(figures, slope_deg, along)


@inner
def _extreme_cost(
    figures: Floats, steepest: float, slope_deg: float, side: float
) -> tuple[float, float]:
    """Give s/m and J/m that bound those of every heading; inf where none may be driven.

    side : -1.0 the least: the speed of straight up, where it brakes best, and rolling on the level;
           1.0 the most: the speed of straight down, and the climb of straight up
    """
    speed_m_s, along = float(figures[SPEED]), min(steepest, float(figures[ALONG]))
    if not steepest <= figures[GENTLE]:
        most = min(float(figures[HOLD]), steepest_any_heading(figures, steepest))
        if not steepest <= most + GRADIENT_ERROR:
            return np.inf, np.inf
        speed_m_s = speed_limit_m_s(figures, steepest, -side * (along if side > 0.0 else steepest))
        if speed_m_s <= 0.0:
            return np.inf, np.inf
    pace_s_m = 1.0 / speed_m_s
    climb = joule_per_m(figures, slope_deg, max(0.0, side) * along)
    return pace_s_m, figures[IDLE] * pace_s_m + climb


@inner
def travel_along(knots: Floats, ground: Ground, figures: Floats) -> tuple[float, float]:
    """Give the energy of a route, Wh, and the least time in which its way could be driven, s.

    knots : float64 (K, 4)   ground : see `kernels.attitude`   figures : see `kernels.traction`

    Both are inf where the ground is not known; the time is where grip can't hold the machine.
    Exact on the grid's planes: every segment is cut where it passes from cell to cell.
    """
    joule = figures[IDLE] * (knots[-1, 0] - knots[0, 0])
    least_s = 0.0
    turn_joule_rad = figures[ROLLING] * figures[SPEED] / figures[TURN]
    for k in range(len(knots) - 1):
        way = (knots[k + 1, 1] - knots[k, 1], knots[k + 1, 2] - knots[k, 2])
        turn = abs(knots[k + 1, 3] - knots[k, 3])
        driving_s = 0.0
        if way[0] != 0.0 or way[1] != 0.0:
            driving_joule, driving_s = _drive((knots[k, 1], knots[k, 2]), way, ground, figures)
            joule += driving_joule
        if figures[RADIUS] == 0.0:
            joule += turn_joule_rad * turn
        least_s += max(driving_s, turn / figures[TURN])
    return joule / JOULE_PER_WH, least_s


@inner
def _drive(
    start: tuple[float, float], way: tuple[float, float], ground: Ground, figures: Floats
) -> tuple[float, float]:
    """Give energy without idling and least time of one way (walk: Amanatides and Woo 1987)."""
    blocks, table, frame, shape = ground
    length_m = math.sqrt(way[0] * way[0] + way[1] * way[1])
    if shape[0] == 0:
        return length_m * joule_per_m(figures, 0.0, 0.0), length_m / figures[SPEED]
    column_at, row_at = (start[0] - frame[0]) / frame[2], (start[1] - frame[1]) / frame[2]
    columns, rows = way[0] / frame[2], way[1] / frame[2]
    joule = least_s = share = 0.0
    # One more than the edges that the way can cross, and the ends.
    for _ in range(shape[0] + shape[1] + 4):
        until = min(_next_edge(column_at, columns, share), _next_edge(row_at, rows, share), 1.0)
        middle = 0.5 * (share + until)
        column, row = math.floor(column_at + middle * columns), math.floor(row_at + middle * rows)
        if not (0 <= column < shape[1] and 0 <= row < shape[0]):
            break
        place = table[row // BLOCK, column // BLOCK]
        x = blocks[place, GRADIENT_X, row % BLOCK, column % BLOCK]
        y = blocks[place, GRADIENT_Y, row % BLOCK, column % BLOCK]
        slope_deg = blocks[place, SLOPE, row % BLOCK, column % BLOCK]
        if math.isnan(x + y):
            break
        along = (x * way[0] + y * way[1]) / length_m
        steepest = math.sqrt(x * x + y * y)
        piece_m = (until - share) * length_m
        joule += piece_m * joule_per_m(figures, slope_deg, along)
        speed_m_s = speed_limit_m_s(figures, steepest, along)
        least_s += piece_m / speed_m_s if speed_m_s > 0.0 else np.inf
        share = until
        if share >= 1.0:
            return joule, least_s
    return np.inf, np.inf


@inner
def _next_edge(at: float, step: float, share: float) -> float:
    """Give the share of a way at which a coordinate next passes a whole number; inf for never."""
    if step == 0.0:
        return np.inf
    here = at + share * step
    edge = math.floor(here) + 1.0 if step > 0.0 else math.ceil(here) - 1.0
    found = (edge - at) / step
    # Rounding may put the edge just left behind first: then the next one counts.
    return found if found > share else (edge + math.copysign(1.0, step) - at) / step
