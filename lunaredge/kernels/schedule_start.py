"""How a plan is begun: the board with what is fixed, the first lists, and the plan of a list."""

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, inner, kernel
from lunaredge.kernels.schedule_board import BUS, Board, put_fixed
from lunaredge.kernels.schedule_build import Genes, begin_list, place_unit
from lunaredge.kernels.schedule_meters import draw_from
from lunaredge.kernels.schedule_sheet import (
    DUE,
    LATEST,
    NEVER,
    NONE,
    UNIT,
    WEIGHT,
    Sheet,
)


@kernel
def start_board(sheet: Sheet, shortfalls: Ints, out_board: Board) -> None:
    """Put what is fixed on an empty board, and what the bus lacks at times.

    shortfalls : int64 (S, 3)  from when until when how many watts
    """
    for k in range(len(shortfalls)):
        if shortfalls[k, 2] > 0:
            from_s, until_s, watts = shortfalls[k, 0], shortfalls[k, 1], shortfalls[k, 2]
            draw_from(out_board.shared, BUS, from_s, until_s, watts)
    put_fixed(sheet, out_board)


@kernel
def place_some(
    sheet: Sheet, genes: Genes, haste_w: float, first: int, end: int, out_board: Board
) -> None:
    """Put the units of a stretch of the list on the board, if they can be."""
    if first == 0:
        begin_list(genes)
    for k in range(first, min(end, len(genes.order))):
        place_unit(sheet, out_board, genes, genes.order[k], haste_w)


@kernel
def urgencies(sheet: Sheet) -> Floats:
    """Give each unit by when it would have to be begun, and how little a second of it counts.

    Either is the least of its own and of the units that wait for it. Units come in an order in
    which none comes before one that it waits for.

    returns : float64 (2, U)  seconds, less the work that waits; and less its weight for a second
    """
    unit_count = len(sheet.units)
    keys = np.full((2, unit_count), np.inf)
    for u in range(unit_count - 1, -1, -1):
        for side in range(2):
            task = sheet.units[u, side]
            if task == NONE:
                continue
            work_s = _least_work_s(sheet, task)
            begin_s = min(sheet.tasks[task, DUE], sheet.tasks[task, LATEST]) - work_s
            keys[0, u] = min(keys[0, u], begin_s)
            keys[1, u] = min(keys[1, u], -sheet.tasks[task, WEIGHT] / work_s)
            for k in range(sheet.behind_starts[task], sheet.behind_starts[task + 1]):
                after = sheet.tasks[sheet.behind[k], UNIT]
                if after != NONE:
                    keys[0, u] = min(keys[0, u], keys[0, after] - work_s)
                    keys[1, u] = min(keys[1, u], keys[1, after])
    return keys


@inner
def _least_work_s(sheet: Sheet, task: int) -> int:
    """Give the shortest time that a task takes on any kind of node; at least a second."""
    least_s = NEVER
    for kind in range(sheet.modes.shape[1]):
        if 0 < sheet.modes[task, kind, 0] < least_s:
            least_s = sheet.modes[task, kind, 0]
    return least_s
