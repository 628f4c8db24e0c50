"""Plans taken up: what of a plan that was made before keeps every rule now, exactly as it was.

Each task is asked for in order of start, beside all that was put before it: the same node, the same
charge, the same start. Where the fit is not that very one, the task has to be planned anew.
"""

from lunaredge.kernels.jit import Ints, inner, kernel
from lunaredge.kernels.schedule_board import (
    CHARGE_END,
    CHARGE_START,
    CHARGER,
    END,
    LAST,
    NODE,
    START,
    Board,
    Fit,
    put,
    released_s,
    state_after,
    take,
)
from lunaredge.kernels.schedule_choice import may_have
from lunaredge.kernels.schedule_fit import charge_at, fit_on_computer, no_fit, work_after, work_from
from lunaredge.kernels.schedule_sheet import MOVER, NONE, Sheet, is_pinned_to


@kernel
def keep_plan(sheet: Sheet, rows: Ints, order: Ints, out_board: Board) -> None:
    """Put what holds of a plan on a board that has only what is fixed.

    rows  : int64 (T, 11)  the plan, see `schedule_board`; its neighbours, level and travel are not
            looked at
    order : int64 (U,)     units by start, none before one that it waits for
    """
    for unit in order:
        one, other = sheet.units[unit, 0], sheet.units[unit, 1]
        if rows[one, NODE] == NONE and (other == NONE or rows[other, NODE] == NONE):
            continue
        is_kept = _keep(sheet, out_board, one, rows[one])
        if is_kept and other != NONE:
            is_kept = rows[one, START] == rows[other, START]
            is_kept = is_kept and _keep(sheet, out_board, other, rows[other])
            if not is_kept:
                take(sheet, out_board, one)


@inner
def _keep(sheet: Sheet, board: Board, task: int, row: Ints) -> bool:
    """Put a task on the board as it is in a plan; False if a rule is in the way."""
    node = row[NODE]
    if node == NONE or not is_pinned_to(sheet, task, node):
        return False
    if not may_have(sheet, board, task, node) or released_s(sheet, board, task) > row[START]:
        return False
    fit = _fit_again(sheet, board, task, row)
    if fit.start != row[START] or fit.end != row[END]:
        return False
    if fit.charger != NONE and fit.charge_end != row[CHARGE_END]:
        return False
    put(sheet, board, task, node, board.lines[node, LAST], fit)
    return True


@inner
def _fit_again(sheet: Sheet, board: Board, task: int, row: Ints) -> Fit:
    """Give the first fit that is no sooner than that of a plan, with the charge of the plan."""
    node, start_s = row[NODE], row[START]
    if sheet.nodes[node, MOVER] < 0:
        return fit_on_computer(sheet, board, task, node, start_s)
    at = state_after(sheet, board, node, board.lines[node, LAST])
    if row[CHARGER] == NONE:
        return work_from(sheet, task, node, at, start_s)
    charge = charge_at(sheet, board, node, at, row[CHARGER], row[CHARGE_START])
    if charge.start != row[CHARGE_START]:
        return no_fit()
    return work_after(sheet, task, node, at, row[CHARGER], charge, start_s)
