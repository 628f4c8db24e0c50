"""Repairs: what one event leads to on the board, and little else.

A node is lost, a task comes or goes, a due time moves. The tasks that this touches are taken off,
with those that wait for them, and put back one by one: where they were, if that goes, or into the
first gap, or at the end of the best node, whichever is the sooner. Nothing else starts sooner than
it did, and later only to make room.
"""

import numpy as np

from lunaredge.kernels.gridheap import pop
from lunaredge.kernels.jit import Flags, Ints, inner, kernel
from lunaredge.kernels.schedule_board import (
    AHEAD,
    CHARGER,
    END,
    FIRST,
    LAST,
    LATE,
    NEXT,
    NODE,
    START,
    Board,
    state_after,
    tardiness,
    unplaced_late,
)
from lunaredge.kernels.schedule_choice import best_node, may_have
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_local import last_before
from lunaredge.kernels.schedule_settle import (
    HELD,
    LOGGED,
    TRIAL,
    Desk,
    begin_trial,
    earliest,
    insert,
    insert_pair,
    lift,
    log_row,
    mark,
    refit,
    settle_marked,
    take_back,
)
from lunaredge.kernels.schedule_sheet import (
    DUE,
    FROM,
    KIND,
    MOVER,
    NEVER,
    NONE,
    TO,
    UNIT,
    Sheet,
    is_pinned_to,
    work_of,
)

# A unit that has to give way so often while others are taken off is put back anew.
_VISITS_MAX = 4

_AS_BEFORE, _IN_A_GAP, _AT_THE_END = range(3)
"""In which a task is put back."""


@kernel
def move_due(sheet: Sheet, board: Board, task: int, due_s: int) -> None:
    """Change when a task is due, and the score by what that makes of it."""
    row = board.rows[task]
    board.score[LATE] -= _late_of(sheet, row, task)
    sheet.tasks[task, DUE] = due_s
    board.score[LATE] += _late_of(sheet, row, task)


@inner
def _late_of(sheet: Sheet, row: Ints, task: int) -> int:
    """Give the tardiness of a task as it is placed, or not."""
    if row[NODE] == NONE:
        return unplaced_late(sheet, task)
    return tardiness(sheet, task, row[END])


@kernel
def tasks_on(board: Board, node: int) -> Ints:
    """Give the tasks of a node, int64, in the order of its list."""
    count, task = 0, board.lines[node, FIRST]
    while task != NONE:
        count, task = count + 1, board.rows[task, NEXT]
    tasks = np.zeros(count, dtype=np.int64)
    count, task = 0, board.lines[node, FIRST]
    while task != NONE:
        tasks[count] = task
        count, task = count + 1, board.rows[task, NEXT]
    return tasks


@kernel
def repair(sheet: Sheet, board: Board, desk: Desk, tasks: Ints, haste_w: float) -> Ints:
    """Put tasks, int64, and those that wait for them, where they fit best now.

    Give the units that were taken up, int64, in the order in which they were put back.
    """
    is_loose = np.zeros(len(sheet.units), dtype=np.bool_)
    for task in tasks:
        if sheet.tasks[task, UNIT] != NONE:
            is_loose[sheet.tasks[task, UNIT]] = True
    before = board.rows.copy()
    desk.counts[HELD] = 1
    more = True
    while more:
        _take_off(sheet, board, desk, is_loose)
        more = _settle_rest(sheet, board, desk, is_loose)
    units = np.flatnonzero(is_loose)
    for unit in units:
        _put_back(sheet, board, desk, int(unit), before, haste_w)
    desk.counts[HELD] = 0
    return units


@inner
def _take_off(sheet: Sheet, board: Board, desk: Desk, is_loose: Flags) -> None:
    """Take what is loose off the board, and all that waits for it."""
    # Those that wait have higher numbers.
    for unit in range(len(sheet.units)):
        if not is_loose[unit] and not _waits_for_loose(sheet, unit, is_loose):
            continue
        is_loose[unit] = True
        for side in range(2):
            task = sheet.units[unit, side]
            if task != NONE and board.rows[task, NODE] != NONE:
                begin_trial(desk)
                lift(sheet, board, desk, task)


@inner
def _waits_for_loose(sheet: Sheet, unit: int, is_loose: Flags) -> bool:
    for side in range(2):
        task = sheet.units[unit, side]
        if task == NONE:
            continue
        for k in range(sheet.before_starts[task], sheet.before_starts[task + 1]):
            other = sheet.tasks[sheet.before[k, 0], UNIT]
            if other != NONE and is_loose[other]:
                return True
    return False


@inner
def _settle_rest(sheet: Sheet, board: Board, desk: Desk, is_loose: Flags) -> bool:
    """Fit anew what stood behind those that were taken off; tell whether more came loose."""
    more = False
    desk.counts[TRIAL] += 1
    while desk.heap[3][0] > 0:
        unit = pop(desk.heap)
        if is_loose[unit]:
            continue
        visit = desk.visits[unit]
        if visit[0] != desk.counts[TRIAL]:
            visit[0], visit[1] = desk.counts[TRIAL], 0
        visit[1] += 1
        desk.counts[LOGGED] = 0
        one, other = sheet.units[unit, 0], sheet.units[unit, 1]
        behind = board.rows[one, NEXT]
        other_behind = NONE if other == NONE else board.rows[other, NEXT]
        if visit[1] > _VISITS_MAX or not refit(sheet, board, desk, unit):
            is_loose[unit] = more = True
            if behind != NONE:
                mark(sheet, board, desk, behind)
            if other_behind != NONE:
                mark(sheet, board, desk, other_behind)
    return more


@inner
def _put_back(
    sheet: Sheet, board: Board, desk: Desk, unit: int, before: Ints, haste_w: float
) -> None:
    """Put a unit where it was, into the first gap or at the best node's end; or leave it off."""
    one, other = sheet.units[unit, 0], sheet.units[unit, 1]
    from_s = earliest(sheet, board, desk, one)
    if other != NONE:
        from_s = max(from_s, earliest(sheet, board, desk, other))
    if from_s >= NEVER:
        return
    late_before = board.score[LATE] + _late_in(sheet, before, one) + _late_in(sheet, before, other)
    first = _AT_THE_END
    if _end_in_gap(sheet, board, one, from_s) < _end_at_end(sheet, board, one, from_s, haste_w):
        first = _IN_A_GAP
    # The last time it may be later than it was.
    for way in (_AS_BEFORE, first, _IN_A_GAP + _AT_THE_END - first, _AS_BEFORE):
        begin_trial(desk)
        if _put_one_way(sheet, board, desk, unit, before, way, from_s, haste_w):
            if way != _AS_BEFORE or board.score[LATE] <= late_before:
                return
            late_before = NEVER
        take_back(sheet, board, desk)


@inner
def _end_in_gap(sheet: Sheet, board: Board, task: int, from_s: int) -> int:
    """Give when a task would end in the first gap."""
    node, _ahead = _first_gap(sheet, board, task, from_s, NONE)
    return NEVER if node == NONE else _gap_on(sheet, board, task, node, from_s)[1]


@inner
def _end_at_end(sheet: Sheet, board: Board, task: int, from_s: int, haste_w: float) -> int:
    """Give when a task would end behind all that its best node does."""
    choice = best_node(sheet, board, task, from_s, NONE, haste_w)
    return NEVER if choice.node == NONE else choice.fit.end


@inner
def _late_in(sheet: Sheet, rows: Ints, task: int) -> int:
    """Give what placing a task as it was adds to the tardiness."""
    if task == NONE or rows[task, NODE] == NONE:
        return 0
    return tardiness(sheet, task, rows[task, END]) - unplaced_late(sheet, task)


@inner
def _put_one_way(
    sheet: Sheet,
    board: Board,
    desk: Desk,
    unit: int,
    before: Ints,
    way: int,
    from_s: int,
    haste_w: float,
) -> bool:
    """Put a unit in one of the ways, with what that leads to; False if it can't be."""
    one, other = sheet.units[unit, 0], sheet.units[unit, 1]
    log_row(board, desk, one)
    at = _place_by(sheet, board, one, before, way, from_s, NONE, haste_w)
    if at[0] == NONE:
        return False
    if other == NONE:
        done = insert(sheet, board, desk, one, at)
    else:
        log_row(board, desk, other)
        other_at = _place_by(sheet, board, other, before, way, from_s, at[0], haste_w)
        if other_at[0] == NONE:
            return False
        done = insert_pair(sheet, board, desk, (one, other), at, other_at)
    return done and settle_marked(sheet, board, desk)


@inner
def _place_by(
    sheet: Sheet,
    board: Board,
    task: int,
    before: Ints,
    way: int,
    from_s: int,
    without: int,
    haste_w: float,
) -> tuple[int, int, int]:
    """Give the place of a task by one of the ways, but for one node; node -1 if there is none."""
    if way == _AS_BEFORE:
        row = before[task]
        node = row[NODE]
        if node in (NONE, without) or not _may_be_on(sheet, board, task, node):
            return NONE, NONE, NONE
        ahead = last_before(sheet, board, node, row[START])
        return node, ahead, row[CHARGER]
    if way == _IN_A_GAP:
        node, ahead = _first_gap(sheet, board, task, from_s, without)
        return node, ahead, AUTOMATIC
    node = best_node(sheet, board, task, from_s, without, haste_w).node
    if node == NONE:
        return NONE, NONE, NONE
    return node, board.lines[node, LAST], AUTOMATIC


@inner
def _may_be_on(sheet: Sheet, board: Board, task: int, node: int) -> bool:
    return is_pinned_to(sheet, task, node) and may_have(sheet, board, task, node)


@inner
def _first_gap(sheet: Sheet, board: Board, task: int, from_s: int, without: int) -> tuple[int, int]:
    """Give the machine, and the task ahead, where a task would end the soonest between two others.

    By time alone: travel and work fit in before the next starts. Node -1 if there is no such gap.
    """
    found, found_ahead, found_s = NONE, NONE, NEVER
    for node in range(len(sheet.nodes)):
        if sheet.nodes[node, MOVER] < 0 or node == without or sheet.tasks[task, FROM] < 0:
            continue
        if sheet.modes[task, sheet.nodes[node, KIND], 0] < 0:
            continue
        ahead, end_s = _gap_on(sheet, board, task, node, from_s)
        if end_s < found_s and _may_be_on(sheet, board, task, node):
            found, found_ahead, found_s = node, ahead, end_s
    return found, found_ahead


@inner
def _gap_on(sheet: Sheet, board: Board, task: int, node: int, from_s: int) -> tuple[int, int]:
    """Give the task ahead of the first gap on a machine, and when the task would end there."""
    mover, found, found_s = sheet.nodes[node, MOVER], NONE, NEVER
    duration_s = work_of(sheet, task, node)[0]
    behind = board.lines[node, LAST]
    while behind != NONE and board.rows[behind, START] > from_s:
        ahead = board.rows[behind, AHEAD]
        leave_s, stand, _, _ = state_after(sheet, board, node, ahead)
        if max(from_s, leave_s) + duration_s <= board.rows[behind, START]:
            trip_s = sheet.travel[mover, stand, sheet.tasks[task, FROM], 0]
            onward_s = sheet.travel[mover, sheet.tasks[task, TO], sheet.tasks[behind, FROM], 0]
            end_s = max(from_s, leave_s + trip_s) + duration_s
            if min(trip_s, onward_s) >= 0 and end_s + onward_s <= board.rows[behind, START]:
                found, found_s = ahead, end_s
        behind = ahead
    return int(found), int(found_s)
