"""Ways to put a unit that an event has taken up: where it was, ahead of others, or at the end.

Each is found with an estimate of how late it would make all; what it really leads to is tried.
"""

from lunaredge.kernels.jit import inner
from lunaredge.kernels.schedule_board import CHARGER, END, LAST, NODE, START, Board, tardiness
from lunaredge.kernels.schedule_choice import best_node, may_have
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_local import last_before
from lunaredge.kernels.schedule_loose import ESTIMATE, Loose
from lunaredge.kernels.schedule_settle import (
    Desk,
    begin_trial,
    insert,
    insert_pair,
    lift,
    log_row,
    settle_marked,
    take_back,
)
from lunaredge.kernels.schedule_sheet import NEVER, NONE, Sheet, is_pinned_to, work_of
from lunaredge.kernels.schedule_slots import ENDLESS, best_slot

AS_BEFORE, IN_A_SLOT, AT_THE_END = range(3)
"""In which a unit is put."""


@inner
def find_as_before(sheet: Sheet, board: Board, loose: Loose, unit: int, haste_w: float) -> None:
    """Find the place that a unit had; of two that meet one may stay, and the other come to it.

    The estimate is ENDLESS if there is no such place.
    """
    to, stay_count, start_s = loose.ways[AS_BEFORE], 0, NEVER
    to[ESTIMATE] = ENDLESS
    late = 0
    for side in range(2):
        task = sheet.units[unit, side]
        to[3 * side] = NONE
        if task == NONE:
            continue
        row = loose.rows[loose.places[unit] - 1, side]
        if row[NODE] != NONE and _may_be_on(sheet, board, task, row[NODE]):
            ahead = last_before(sheet, board, row[NODE], row[START])
            to[3 * side], to[3 * side + 1], to[3 * side + 2] = row[NODE], ahead, row[CHARGER]
            late += tardiness(sheet, task, row[END])
            start_s = row[START]
            stay_count += 1
    if stay_count == 0:
        return
    for side in range(2):
        task = sheet.units[unit, side]
        if task != NONE and to[3 * side] == NONE:
            other = to[3 - 3 * side]
            node, ahead, own_late = _best_of_both(sheet, board, task, start_s, other, haste_w)
            if node == NONE:
                return
            to[3 * side], to[3 * side + 1], to[3 * side + 2] = node, ahead, AUTOMATIC
            late += own_late
    to[ESTIMATE] = late


@inner
def _best_of_both(
    sheet: Sheet, board: Board, task: int, from_s: int, without: int, haste_w: float
) -> tuple[int, int, int]:
    """Give a node (-1: none), the task ahead there, and how late it seems: a slot or the end."""
    slot = best_slot(sheet, board, task, from_s, without)
    choice = best_node(sheet, board, task, from_s, without, haste_w)
    if choice.node != NONE and choice.late <= slot.late:
        return choice.node, board.lines[choice.node, LAST], choice.late
    return slot.node, slot.ahead, slot.late


@inner
def _may_be_on(sheet: Sheet, board: Board, task: int, node: int) -> bool:
    return is_pinned_to(sheet, task, node) and may_have(sheet, board, task, node)


@inner
def find_slot(sheet: Sheet, board: Board, loose: Loose, unit: int, from_s: int) -> None:
    """Find the best slot of a task alone; its estimate is ENDLESS if there is none."""
    to = loose.ways[IN_A_SLOT]
    to[ESTIMATE] = ENDLESS
    if sheet.units[unit, 1] != NONE:
        return
    slot = best_slot(sheet, board, sheet.units[unit, 0], from_s, NONE)
    if slot.node != NONE:
        to[0], to[1], to[2] = slot.node, slot.ahead, AUTOMATIC
        to[ESTIMATE] = slot.late


@inner
def find_end(
    sheet: Sheet, board: Board, loose: Loose, unit: int, from_s: int, haste_w: float
) -> None:
    """Find the best nodes of a unit behind all they do; the estimate may be ENDLESS."""
    loose.ways[AT_THE_END, ESTIMATE] = ENDLESS
    is_found = _find_end_from(sheet, board, loose, unit, 0, from_s, haste_w)
    # Who has the first choice may take the only node that the other could have.
    if not is_found and sheet.units[unit, 1] != NONE:
        _find_end_from(sheet, board, loose, unit, 1, from_s, haste_w)


@inner
def _find_end_from(
    sheet: Sheet, board: Board, loose: Loose, unit: int, side: int, from_s: int, haste_w: float
) -> bool:
    """Find the best nodes of a unit, of which the task on this side has the first choice."""
    one, other = sheet.units[unit, side], sheet.units[unit, 1 - side]
    to, own, its = loose.ways[AT_THE_END], 3 * side, 3 - 3 * side
    choice = best_node(sheet, board, one, from_s, NONE, haste_w)
    if choice.node == NONE:
        return False
    late = choice.late
    if other != NONE:
        with_it = best_node(sheet, board, other, choice.fit.start, choice.node, haste_w)
        if with_it.node == NONE:
            return False
        to[its], to[its + 1] = with_it.node, board.lines[with_it.node, LAST]
        to[its + 2] = AUTOMATIC
        end_s = with_it.fit.start + work_of(sheet, one, choice.node)[0]
        late = with_it.late + tardiness(sheet, one, end_s)
    to[own], to[own + 1], to[own + 2] = choice.node, board.lines[choice.node, LAST], AUTOMATIC
    to[ESTIMATE] = late
    return True


@inner
def sooner(loose: Loose) -> int:
    """Give the way that seems to make all the least late; the end, if both do."""
    slot_late, end_late = loose.ways[IN_A_SLOT, ESTIMATE], loose.ways[AT_THE_END, ESTIMATE]
    return IN_A_SLOT if slot_late < end_late else AT_THE_END


@inner
def try_way(sheet: Sheet, board: Board, desk: Desk, loose: Loose, unit: int, way: int) -> bool:
    """Put a unit where a way leads, and settle what that moves; if it can't be, undo it all."""
    begin_trial(desk)
    lift_unit(sheet, board, desk, unit)
    if _put(sheet, board, desk, loose, unit, way):
        return True
    take_back(sheet, board, desk)
    return False


@inner
def lift_unit(sheet: Sheet, board: Board, desk: Desk, unit: int) -> None:
    """Take what is placed of a unit off the board."""
    for side in range(2):
        task = sheet.units[unit, side]
        if task != NONE and board.rows[task, NODE] != NONE:
            lift(sheet, board, desk, task)


@inner
def _put(sheet: Sheet, board: Board, desk: Desk, loose: Loose, unit: int, way: int) -> bool:
    """Put a unit where a way leads, and settle what that moves; False if it can't be."""
    one, other = sheet.units[unit, 0], sheet.units[unit, 1]
    to = loose.ways[way]
    at = (to[0], to[1], to[2])
    log_row(board, desk, one)
    if other == NONE:
        return insert(sheet, board, desk, one, at) and settle_marked(sheet, board, desk)
    log_row(board, desk, other)
    done = insert_pair(sheet, board, desk, (one, other), at, (to[3], to[4], to[5]))
    return done and settle_marked(sheet, board, desk)
