"""Settling: what a change on the board leads to, task by task, until nothing moves any more.

A task that was put between others moves those behind it on its machine and those that wait for it,
later or sooner; each is fitted anew where it is, in order of time. Every change is kept in a log,
so that a whole trial can be taken back.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.gridheap import Heap, heap_for, pop, push
from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_board import (
    AHEAD,
    CHARGE_START,
    CHARGER,
    END,
    NEXT,
    NODE,
    ROW_COLUMNS,
    START,
    Board,
    Fit,
    put,
    released_s,
    take,
)
from lunaredge.kernels.schedule_choice import is_apart
from lunaredge.kernels.schedule_fit import fit_behind
from lunaredge.kernels.schedule_sheet import LOST, MOVER, NEVER, NONE, RELEASE, UNIT, Sheet

# A task that is moved so often in one trial is in a circle, or in a crowd where it leads nowhere.
_VISITS_MAX = 4
# A hand-over waits for light, posts and machines on both sides, one after the other.
_ROUNDS_MAX = 32


class Desk(NamedTuple):
    """Room for settling.

    heap   : units to be fitted anew, the earliest first
    log    : int64 (G, 12)  tasks and their rows before, in order of change
    visits : int64 (U, 2)   in which trial a unit was fitted last, and how often
    counts : int64 (6,)     log entries, trial, most units that a trial moves, earliest start,
                            whether what is on the board is held: it starts no sooner than it does,
                            nor waits for what is taken off; units ever fitted anew
    """

    heap: Heap
    log: Ints
    visits: Ints
    counts: Ints


LOGGED, TRIAL, UNITS_MAX, NOT_BEFORE, HELD, FITTED = range(6)


def desk_for(sheet: Sheet, unit_limit: int, room: int = 0) -> Desk:
    """Make room for trials that move so many units at most; with room for so many units in all."""
    unit_count = max(room, len(sheet.units))
    counts = np.array([0, 0, unit_limit, 0, 0, 0], dtype=np.int64)
    return Desk(
        heap=heap_for(unit_count),
        log=np.zeros((4 * _VISITS_MAX * unit_limit + 64, ROW_COLUMNS + 1), dtype=np.int64),
        visits=np.zeros((unit_count, 2), dtype=np.int64),
        counts=counts,
    )


@inner
def begin_trial(desk: Desk) -> None:
    """Begin a trial: what is on the board is what is taken back to."""
    desk.counts[LOGGED] = 0
    desk.counts[TRIAL] += 1


@inner
def log_row(board: Board, desk: Desk, task: int) -> None:
    """Note how a task is on the board, before that is changed."""
    entry = desk.log[desk.counts[LOGGED]]
    entry[0] = task
    for c in range(ROW_COLUMNS):
        entry[1 + c] = board.rows[task, c]
    desk.counts[LOGGED] += 1


@inner
def take_back(sheet: Sheet, board: Board, desk: Desk) -> None:
    """Undo all of a trial."""
    while desk.heap[3][0] > 0:
        pop(desk.heap)
    for k in range(desk.counts[LOGGED] - 1, -1, -1):
        entry = desk.log[k]
        task = entry[0]
        if board.rows[task, NODE] != NONE:
            take(sheet, board, task)
        if entry[1 + NODE] != NONE:
            fit = Fit(
                entry[2], entry[3], entry[4], entry[5], entry[6], entry[7], entry[8], entry[9]
            )
            put(sheet, board, task, entry[1 + NODE], entry[1 + AHEAD], fit)
    desk.counts[LOGGED] = 0


@inner
def lift(sheet: Sheet, board: Board, desk: Desk, task: int) -> None:
    """Take a task off the board, and mark who may move up."""
    log_row(board, desk, task)
    behind = _next_to_move(sheet, board, desk, task)
    take(sheet, board, task)
    if behind != NONE:
        mark(sheet, board, desk, behind)


@inner
def mark(sheet: Sheet, board: Board, desk: Desk, task: int) -> None:
    """Have a task's unit fitted anew."""
    unit = sheet.tasks[task, UNIT]
    node = board.rows[task, NODE]
    # Who is still on a lost node is put elsewhere in his turn.
    if unit == NONE or node == NONE or (desk.counts[HELD] and sheet.nodes[node, LOST]):
        return
    promises, _, places, _ = desk.heap
    start_s = float(board.rows[task, START])
    if places[unit] == 0 or start_s < promises[unit]:
        push(desk.heap, unit, start_s)


@inner
def mark_behind(sheet: Sheet, board: Board, desk: Desk, task: int) -> None:
    """Have those fitted anew that come behind a task, on its machine or since they wait for it."""
    mark_next(sheet, board, desk, task)
    for k in range(sheet.behind_starts[task], sheet.behind_starts[task + 1]):
        mark(sheet, board, desk, sheet.behind[k])


@inner
def mark_next(sheet: Sheet, board: Board, desk: Desk, task: int) -> None:
    """Have the one fitted anew that comes behind a task on its node."""
    behind = _next_to_move(sheet, board, desk, task)
    if behind != NONE:
        mark(sheet, board, desk, behind)


@inner
def _next_to_move(sheet: Sheet, board: Board, desk: Desk, task: int) -> int:
    """Give the task behind one on its node, if what becomes of the one can move it; or -1."""
    # Who is held on a computer stays: nobody takes from it what it has.
    if desk.counts[HELD] and sheet.nodes[board.rows[task, NODE], MOVER] < 0:
        return NONE
    return int(board.rows[task, NEXT])


@inner
def settle_marked(sheet: Sheet, board: Board, desk: Desk) -> bool:
    """Fit anew whatever is marked, and what that leads to; False if something fits no more."""
    fitted = 0
    while desk.heap[3][0] > 0:
        unit = pop(desk.heap)
        visit = desk.visits[unit]
        if visit[0] != desk.counts[TRIAL]:
            visit[0], visit[1] = desk.counts[TRIAL], 0
        visit[1] += 1
        fitted += 1
        if visit[1] > _VISITS_MAX or fitted > desk.counts[UNITS_MAX]:
            return False
        if not refit(sheet, board, desk, unit):
            return False
    return True


@inner
def earliest(sheet: Sheet, board: Board, desk: Desk, task: int) -> int:
    """Give when a task may start, see `released_s`; not before the earliest of all."""
    if not desk.counts[HELD]:
        return int(max(desk.counts[NOT_BEFORE], released_s(sheet, board, task)))
    earliest_s = max(desk.counts[NOT_BEFORE], sheet.tasks[task, RELEASE])
    for k in range(sheet.before_starts[task], sheet.before_starts[task + 1]):
        source = board.rows[sheet.before[k, 0]]
        if source[NODE] != NONE:
            earliest_s = max(earliest_s, source[END] + sheet.before[k, 1])
    return int(earliest_s)


@inner
def refit(sheet: Sheet, board: Board, desk: Desk, unit: int) -> bool:
    """Fit a unit anew where it is, and mark those behind it if it moved; False: it is off now."""
    counts = desk.counts
    counts[FITTED] += 1
    if not counts[HELD]:
        return _refit(sheet, board, desk, unit)
    not_before_s = counts[NOT_BEFORE]
    counts[NOT_BEFORE] = max(not_before_s, board.rows[sheet.units[unit, 0], START])
    fits = _refit(sheet, board, desk, unit)
    counts[NOT_BEFORE] = not_before_s
    return fits


@inner
def _refit(sheet: Sheet, board: Board, desk: Desk, unit: int) -> bool:
    one, other = sheet.units[unit, 0], sheet.units[unit, 1]
    at = (board.rows[one, NODE], board.rows[one, AHEAD], board.rows[one, CHARGER])
    one_charge_s = board.rows[one, CHARGE_START]
    log_row(board, desk, one)
    take(sheet, board, one)
    if other == NONE:
        return insert(sheet, board, desk, one, at)
    other_at = (board.rows[other, NODE], board.rows[other, AHEAD], board.rows[other, CHARGER])
    # Who has charged first does so again.
    is_turned = board.rows[other, CHARGER] != NONE and (
        at[2] == NONE or board.rows[other, CHARGE_START] < one_charge_s
    )
    log_row(board, desk, other)
    take(sheet, board, other)
    if is_turned:
        return insert_pair(sheet, board, desk, (other, one), other_at, at)
    return insert_pair(sheet, board, desk, (one, other), at, other_at)


@inner
def insert(sheet: Sheet, board: Board, desk: Desk, task: int, at: tuple[int, int, int]) -> bool:
    """Put a task on a node, behind a task, by a charger; mark those behind it. False: no fit."""
    node, ahead, charger = at
    earliest_s = earliest(sheet, board, desk, task)
    if earliest_s >= NEVER:
        return False
    fit = fit_behind(sheet, board, task, node, ahead, earliest_s, charger)
    if fit.start == NONE:
        return False
    put(sheet, board, task, node, ahead, fit)
    _mark_if_moved(sheet, board, desk, task)
    return True


@inner
def insert_pair(
    sheet: Sheet,
    board: Board,
    desk: Desk,
    pair: tuple[int, int],
    at: tuple[int, int, int],
    other_at: tuple[int, int, int],
) -> bool:
    """Put two tasks that start together on two nodes, as `insert`."""
    one, other = pair
    start_s = max(earliest(sheet, board, desk, one), earliest(sheet, board, desk, other))
    if start_s >= NEVER or at[0] == other_at[0]:
        return False
    for _ in range(_ROUNDS_MAX):
        fit = fit_behind(sheet, board, one, at[0], at[1], start_s, at[2])
        if fit.start == NONE:
            return False
        put(sheet, board, one, at[0], at[1], fit)
        if not is_apart(sheet, board, other, other_at[0]):
            take(sheet, board, one)
            return False
        other_fit = fit_behind(
            sheet, board, other, other_at[0], other_at[1], fit.start, other_at[2]
        )
        if other_fit.start == fit.start:
            put(sheet, board, other, other_at[0], other_at[1], other_fit)
            _mark_if_moved(sheet, board, desk, one)
            _mark_if_moved(sheet, board, desk, other)
            return True
        take(sheet, board, one)
        if other_fit.start == NONE:
            return False
        start_s = other_fit.start
    return False


@inner
def _mark_if_moved(sheet: Sheet, board: Board, desk: Desk, task: int) -> None:
    """Mark those behind a task, unless it is again as it was when it was logged last."""
    row = board.rows[task]
    for k in range(desk.counts[LOGGED] - 1, max(-1, desk.counts[LOGGED] - 3), -1):
        entry = desk.log[k]
        if entry[0] == task:
            same = True
            for c in range(ROW_COLUMNS):
                same = same and entry[1 + c] == row[c]
            if same:
                return
            # Who waits for it has waited so long before.
            if desk.counts[HELD] and entry[1 + NODE] != NONE and entry[1 + END] == row[END]:
                mark_next(sheet, board, desk, task)
                return
    mark_behind(sheet, board, desk, task)
