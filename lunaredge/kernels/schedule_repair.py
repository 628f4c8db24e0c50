"""Repairs: what one event leads to on the board, and little else.

A node is lost, a task comes or goes, a time moves. The tasks that this touches are taken up and put
back one by one, the most urgent first: where they were, if that is as good; or ahead of another
task on a machine; or behind all that the best node does; whichever makes all together the least
late. What waits for them stays where it is, and is only put off as far as it must be. Nothing else
starts sooner than it did, and later only to make room. What finds no place is left out, with all
that waits for it.
"""

from typing import NamedTuple

from lunaredge.kernels.gridheap import pop
from lunaredge.kernels.jit import Ints, inner, kernel
from lunaredge.kernels.schedule_board import (
    LATE,
    NEXT,
    NODE,
    Board,
    released_s,
    unplaced_late,
)
from lunaredge.kernels.schedule_loose import (
    BEGAN,
    ENTRIES,
    ESTIMATE,
    FITTED_MAX,
    NO_TIME,
    OF_UNIT,
    OVER,
    TIMES,
    TURN,
    Loose,
    cleared,
    enter_unit,
    is_blocked,
    is_open,
    keep_row,
    keep_rows,
    queue_unit,
    spent,
)
from lunaredge.kernels.schedule_settle import (
    FITTED,
    HELD,
    LOGGED,
    TRIAL,
    Desk,
    begin_trial,
    lift,
    mark,
    refit,
    take_back,
)
from lunaredge.kernels.schedule_sheet import NEVER, NONE, UNIT, Sheet
from lunaredge.kernels.schedule_slots import ENDLESS
from lunaredge.kernels.schedule_ways import (
    AS_BEFORE,
    AT_THE_END,
    IN_A_SLOT,
    find_as_before,
    find_end,
    find_slot,
    lift_unit,
    sooner,
    try_way,
)

# A unit that has to give way so often while others are taken up is taken up itself.
_VISITS_MAX = 4
# To look for a place takes as long as to fit so many units anew.
_LOOK_FITS = 8
# Of the units that an event may fit anew, after one in so many there is no choice any more.
_HASTY_PARTS = 2
# One that comes loose more often is left out.
_TIMES_MAX = 2


class Jobs(NamedTuple):
    """What an event asks for.

    gone  : int64 (..)  tasks that can't be placed any more
    loose : int64 (..)  tasks to be placed, or that can't stay as they are
    tardy : int64 (..)  placed tasks to be put elsewhere, if that makes all together less late
    """

    gone: Ints
    loose: Ints
    tardy: Ints


@kernel
def repair(
    sheet: Sheet, board: Board, desk: Desk, loose: Loose, jobs: Jobs, haste_w: float
) -> Ints:
    """Take tasks that are gone off the board, put others where they fit best, then advance some.

    Give the first tasks, int64, of the units that there was no time for: they are left out.
    """
    desk.counts[HELD] = 1
    loose.counts[BEGAN] = desk.counts[FITTED]
    for task in jobs.gone:
        if board.rows[task, NODE] != NONE:
            begin_trial(desk)
            lift(sheet, board, desk, task)
    for task in jobs.loose:
        unit = sheet.tasks[task, UNIT]
        if unit != NONE and not is_open(loose, unit):
            enter_unit(loose, unit)
            keep_rows(sheet, board, loose, unit)
            if _is_half_placed(sheet, board, unit):
                begin_trial(desk)
                lift_unit(sheet, board, desk, unit)
    _settle_rest(sheet, board, desk, loose)
    for k in range(loose.counts[ENTRIES]):
        queue_unit(sheet, loose, loose.entries[k, OF_UNIT])
    while loose.queue[3][0] > 0:
        unit = pop(loose.queue)
        if is_open(loose, unit) and not is_blocked(sheet, loose, unit):
            _put_back(sheet, board, desk, loose, unit, haste_w)
    for task in jobs.tardy:
        if spent(desk, loose) <= loose.counts[FITTED_MAX] // _HASTY_PARTS:
            _advance(sheet, board, desk, loose, sheet.tasks[task, UNIT], haste_w)
    desk.counts[HELD] = 0
    return cleared(sheet, loose)


@inner
def _is_half_placed(sheet: Sheet, board: Board, unit: int) -> bool:
    """Tell whether one of two is placed without the other: till now it met nobody."""
    one, other = sheet.units[unit, 0], sheet.units[unit, 1]
    if other == NONE:
        return False
    return bool((board.rows[one, NODE] == NONE) != (board.rows[other, NODE] == NONE))


@inner
def _unplaced(sheet: Sheet, unit: int) -> int:
    """Give what a unit counts as late if it is not placed."""
    late = unplaced_late(sheet, sheet.units[unit, 0])
    if sheet.units[unit, 1] != NONE:
        late += unplaced_late(sheet, sheet.units[unit, 1])
    return late


@inner
def _loosen(sheet: Sheet, board: Board, desk: Desk, loose: Loose, unit: int) -> None:
    """Take a unit up."""
    enter_unit(loose, unit)
    keep_rows(sheet, board, loose, unit)
    begin_trial(desk)
    lift_unit(sheet, board, desk, unit)
    queue_unit(sheet, loose, unit)


@inner
def _settle_rest(sheet: Sheet, board: Board, desk: Desk, loose: Loose) -> None:
    """Fit anew what stood behind those that were taken off; what fits no more is taken up too."""
    desk.counts[TRIAL] += 1
    trial = desk.counts[TRIAL]
    while desk.heap[3][0] > 0:
        unit = pop(desk.heap)
        one, other = sheet.units[unit, 0], sheet.units[unit, 1]
        if board.rows[one, NODE] == NONE:
            continue
        visit = desk.visits[unit]
        if visit[0] != trial:
            visit[0], visit[1] = trial, 0
        visit[1] += 1
        if visit[1] > _VISITS_MAX:
            _loosen(sheet, board, desk, loose, unit)
            desk.counts[TRIAL] = trial
            continue
        behind = board.rows[one, NEXT]
        other_behind = NONE if other == NONE else board.rows[other, NEXT]
        desk.counts[LOGGED] = 0
        if refit(sheet, board, desk, unit):
            continue
        enter_unit(loose, unit)
        for side in range(1 + (other != NONE)):
            keep_row(loose, unit, side, desk.log[side, 1:])
        queue_unit(sheet, loose, unit)
        if behind != NONE:
            mark(sheet, board, desk, behind)
        if other_behind != NONE:
            mark(sheet, board, desk, other_behind)


@inner
def _put_back(
    sheet: Sheet, board: Board, desk: Desk, loose: Loose, unit: int, haste_w: float
) -> None:
    """Put a unit back, or leave it out with all that waits for it."""
    entry = loose.entries[loose.places[unit] - 1]
    is_over = spent(desk, loose) > loose.counts[FITTED_MAX]
    is_over = is_over or entry[TIMES] > _TIMES_MAX
    is_placed, is_freed = False, True
    while is_freed and not is_placed:
        is_placed, is_freed = not is_over, False
        if is_placed:
            is_placed = _find_place(sheet, board, desk, loose, unit, haste_w)
        if not is_placed:
            begin_trial(desk)
            lift_unit(sheet, board, desk, unit)
            # What waits for it may be in its way.
            is_freed = _free_behind(sheet, board, desk, loose, unit)
            _settle_rest(sheet, board, desk, loose)
            if is_freed and is_blocked(sheet, loose, unit):
                return
    entry[TURN] = NO_TIME if is_over else OVER
    _call_behind(sheet, board, loose, unit)


@inner
def _advance(
    sheet: Sheet, board: Board, desk: Desk, loose: Loose, unit: int, haste_w: float
) -> None:
    """Put a placed unit elsewhere if that makes all together less late."""
    desk.counts[FITTED] += _LOOK_FITS
    late = board.score[LATE]
    begin_trial(desk)
    lift_unit(sheet, board, desk, unit)
    base = board.score[LATE] - _unplaced(sheet, unit)
    from_s = _earliest_s(sheet, board, unit)
    find_slot(sheet, board, loose, unit, from_s)
    find_end(sheet, board, loose, unit, from_s, haste_w)
    take_back(sheet, board, desk)
    first = sooner(loose)
    done = False
    for way in (first, IN_A_SLOT + AT_THE_END - first):
        if done or base + loose.ways[way, ESTIMATE] >= late:
            continue
        if try_way(sheet, board, desk, loose, unit, way):
            done = board.score[LATE] < late
            if not done:
                take_back(sheet, board, desk)


@inner
def _call_behind(sheet: Sheet, board: Board, loose: Loose, unit: int) -> None:
    """Let those have their turn that wait for a unit, and those that were left out without it."""
    is_placed = board.rows[sheet.units[unit, 0], NODE] != NONE
    for side in range(2):
        task = sheet.units[unit, side]
        if task == NONE:
            continue
        for k in range(sheet.behind_starts[task], sheet.behind_starts[task + 1]):
            after = sheet.tasks[sheet.behind[k], UNIT]
            if after == NONE:
                continue
            if is_placed and not loose.places[after] and board.rows[sheet.behind[k], NODE] == NONE:
                enter_unit(loose, after)
                keep_rows(sheet, board, loose, after)
            if is_open(loose, after):
                queue_unit(sheet, loose, after)


@inner
def _free_behind(sheet: Sheet, board: Board, desk: Desk, loose: Loose, unit: int) -> bool:
    """Take up what waits for a unit; tell whether there was any on the board."""
    found = False
    for side in range(2):
        task = sheet.units[unit, side]
        if task == NONE:
            continue
        for k in range(sheet.behind_starts[task], sheet.behind_starts[task + 1]):
            after = sheet.tasks[sheet.behind[k], UNIT]
            if after != NONE and board.rows[sheet.behind[k], NODE] != NONE:
                found = True
                _loosen(sheet, board, desk, loose, after)
    return found


@inner
def _earliest_s(sheet: Sheet, board: Board, unit: int) -> int:
    """Give when a unit may start as its releases and those before it go; NEVER if one is off."""
    from_s = released_s(sheet, board, sheet.units[unit, 0])
    if sheet.units[unit, 1] != NONE:
        from_s = max(from_s, released_s(sheet, board, sheet.units[unit, 1]))
    return from_s


@inner
def _find_place(
    sheet: Sheet, board: Board, desk: Desk, loose: Loose, unit: int, haste_w: float
) -> bool:
    """Put a unit in the best way, with what that leads to; False if there is none, and it stays."""
    from_s = _earliest_s(sheet, board, unit)
    if from_s >= NEVER:
        return False
    desk.counts[FITTED] += _LOOK_FITS
    begin_trial(desk)
    lift_unit(sheet, board, desk, unit)
    base = board.score[LATE] - _unplaced(sheet, unit)
    loose.ways[:, ESTIMATE] = ENDLESS
    # Who comes last goes to the end at once.
    if spent(desk, loose) <= loose.counts[FITTED_MAX] // _HASTY_PARTS:
        find_as_before(sheet, board, loose, unit, haste_w)
        find_slot(sheet, board, loose, unit, from_s)
    take_back(sheet, board, desk)
    best, best_late = NONE, ENDLESS
    estimate = loose.ways[AS_BEFORE, ESTIMATE]
    if estimate < ENDLESS and try_way(sheet, board, desk, loose, unit, AS_BEFORE):
        best, best_late = AS_BEFORE, board.score[LATE] - base
        # What is as good as it was, or as any slot would be, is not looked at any closer.
        if best_late <= estimate or best_late <= loose.ways[IN_A_SLOT, ESTIMATE] < ENDLESS:
            return True
        take_back(sheet, board, desk)
    begin_trial(desk)
    lift_unit(sheet, board, desk, unit)
    find_end(sheet, board, loose, unit, from_s, haste_w)
    take_back(sheet, board, desk)
    first = sooner(loose)
    second = IN_A_SLOT + AT_THE_END - first
    for way in (first, second):
        if loose.ways[way, ESTIMATE] >= best_late:
            continue
        if not try_way(sheet, board, desk, loose, unit, way):
            continue
        late = board.score[LATE] - base
        if late < best_late:
            best, best_late = way, late
            if way == second or late <= loose.ways[second, ESTIMATE]:
                return True
        take_back(sheet, board, desk)
    return best != NONE and try_way(sheet, board, desk, loose, unit, best)
