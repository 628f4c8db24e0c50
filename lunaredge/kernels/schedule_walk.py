"""The search on the board: each step moves a few tasks, and what that leads to.

A step costs as much as it moves, however long the plan is. So it is for large sites.
"""

from typing import NamedTuple

from lunaredge.kernels.jit import Ints, inner, kernel
from lunaredge.kernels.mapf_agents import Seeds, below
from lunaredge.kernels.schedule_board import COST, LATE, ROW_COLUMNS, Board, copy_rows, lay_out
from lunaredge.kernels.schedule_local import move
from lunaredge.kernels.schedule_memory import (
    Memory,
    begin_again,
    drawn_haste,
    end_step,
    is_less,
    keeps,
    memory_of,
    take_up,
)
from lunaredge.kernels.schedule_settle import LOGGED, Desk, begin_trial, desk_for, take_back
from lunaredge.kernels.schedule_sheet import Sheet

# Settling more than this costs more than it brings.
_UNITS_MAX = 256
# All in one step, which must not take long.
_SHAKES_MAX = 50


class Walk(NamedTuple):
    """What the search on the board works with.

    board     : the present plan
    desk      : room for its moves
    best_rows : int64 (T, 11)  the best plan, once the present one is worse
    is_best   : int64 (1,)     whether the present plan is the best
    """

    board: Board
    desk: Desk
    best_rows: Ints
    is_best: Ints
    memory: Memory


def walk_from(sheet: Sheet, board: Board) -> Walk:
    """Begin with the plan on a board, which is the walk's from then on."""
    return Walk(
        board=board,
        desk=desk_for(sheet, _UNITS_MAX),
        best_rows=board.rows.copy(),
        is_best=board.score[:1] * 0 + 1,
        memory=memory_of(int(board.score[LATE]), int(board.score[COST])),
    )


@kernel
def improve_walk(
    sheet: Sheet, base: Board, out_walk: Walk, seeds: Seeds, haste_w: float, step_count: int
) -> None:
    """Try so many moves. Open choices count around ``haste_w`` for each second until the end."""
    walk, memory, score = out_walk, out_walk.memory, out_walk.board.score
    for _ in range(step_count):
        begin_trial(walk.desk)
        haste = drawn_haste(seeds, haste_w)
        fits = move(sheet, walk.board, walk.desk, seeds, haste)
        if fits and keeps(memory, score[LATE], score[COST]):
            _keep(walk)
        else:
            take_back(sheet, walk.board, walk.desk)
        if end_step(memory, len(sheet.units)):
            _shake_best(sheet, base, walk, seeds, haste)


@inner
def _keep(walk: Walk) -> None:
    """Keep the move that was made, and the best plan if the move left it."""
    late, cost = walk.board.score[LATE], walk.board.score[COST]
    best = walk.memory.best
    if walk.is_best[0] and is_less(best[LATE], best[COST], late, cost):
        _keep_best(walk)
        walk.is_best[0] = 0
    if take_up(walk.memory, late, cost):
        walk.is_best[0] = 1


@inner
def _keep_best(walk: Walk) -> None:
    """Copy the plan from which the board has just been moved: the rows, and before them the log."""
    desk = walk.desk
    copy_rows(walk.board.rows, walk.best_rows)
    for k in range(desk.counts[LOGGED] - 1, -1, -1):
        for c in range(ROW_COLUMNS):
            walk.best_rows[desk.log[k, 0], c] = desk.log[k, 1 + c]


@inner
def _shake_best(sheet: Sheet, base: Board, walk: Walk, seeds: Seeds, haste_w: float) -> None:
    """Begin again from the best plan, after many moves that are all kept."""
    board, desk = walk.board, walk.desk
    if walk.is_best[0]:
        desk.counts[LOGGED] = 0
        _keep_best(walk)
    else:
        lay_out(sheet, base, walk.best_rows, desk.heap, board)
    walk.is_best[0] = 0
    for _ in range(2 + below(seeds, 2 + min(_SHAKES_MAX, len(sheet.units) // 2))):
        begin_trial(desk)
        if not move(sheet, board, desk, seeds, haste_w):
            take_back(sheet, board, desk)
    if take_up(walk.memory, board.score[LATE], board.score[COST]):
        walk.is_best[0] = 1
    begin_again(walk.memory)
