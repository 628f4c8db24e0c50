"""Slots: where in the lists of machines a task would do the least harm.

A task that goes between two others makes those behind it later. What that adds to the tardiness is
told from times, travel and set-ups alone; whether batteries, posts and light allow it, and what it
really leads to, is found by putting it there.
"""

from typing import NamedTuple

from lunaredge.kernels.jit import inner
from lunaredge.kernels.schedule_board import AHEAD, END, LAST, START, Board, state_after, tardiness
from lunaredge.kernels.schedule_choice import may_have
from lunaredge.kernels.schedule_sheet import (
    DUE,
    FAMILY,
    FROM,
    KIND,
    LATEST,
    MOVER,
    NEVER,
    NONE,
    READY,
    TO,
    UNIT,
    WEIGHT,
    Sheet,
    work_of,
)

ENDLESS = 1 << 62
"""Later than any sum of tardiness."""


class Slot(NamedTuple):
    """A machine (-1: none), and what a task would go behind there (-1: it would be the first).

    When it would start and end, and what it and those behind it would be late by.
    """

    node: int
    ahead: int
    start: int
    end: int
    late: int


@inner
def best_slot(sheet: Sheet, board: Board, task: int, from_s: int, without: int) -> Slot:
    """Give the best slot ahead of another task, but for one node: the least late, then the soonest.

    Of equals it is the one on the earlier node of the sheet's lists, and the later one there.
    """
    best = Slot(NONE, NONE, NEVER, NEVER, ENDLESS)
    if sheet.tasks[task, FROM] < 0:
        return best
    first, end = sheet.only_starts[task], sheet.only_starts[task + 1]
    if first < end:
        for k in range(first, end):
            if sheet.only[k] != without:
                best = _better(sheet, board, task, sheet.only[k], from_s, best)
        return best
    for kind in range(sheet.modes.shape[1]):
        if sheet.modes[task, kind, 0] < 0:
            continue
        for k in range(sheet.kind_starts[kind], sheet.kind_starts[kind + 1]):
            if sheet.by_kind[k] != without:
                best = _better(sheet, board, task, sheet.by_kind[k], from_s, best)
    return best


@inner
def _better(sheet: Sheet, board: Board, task: int, node: int, from_s: int, best: Slot) -> Slot:
    """Give the best slot of a machine if it is better than the best before it."""
    spec, mover = sheet.nodes[node], sheet.nodes[node, MOVER]
    if mover < 0 or sheet.modes[task, spec[KIND], 0] < 0:
        return best
    row, found = sheet.tasks[task], best
    duration_s, weight = work_of(sheet, task, node)[0], 0
    behind = board.lines[node, LAST]
    while behind != NONE and board.rows[behind, START] > from_s:
        other = sheet.tasks[behind]
        if other[UNIT] == NONE:
            break
        if board.rows[behind, END] >= other[DUE]:
            weight += other[WEIGHT]
        ahead = board.rows[behind, AHEAD]
        leave_s, place, _, family = state_after(sheet, board, node, ahead)
        trip_s = sheet.travel[mover, place, row[FROM], 0]
        onward_s = sheet.travel[mover, row[TO], other[FROM], 0]
        there_s = max(leave_s, spec[READY]) + trip_s + sheet.setups[family, row[FAMILY]]
        start_s = max(from_s, there_s)
        end_s = start_s + duration_s
        pushed_s = end_s + onward_s + sheet.setups[row[FAMILY], other[FAMILY]]
        pushed_s -= board.rows[behind, START]
        late = tardiness(sheet, task, end_s) + weight * max(0, pushed_s)
        is_less = late < found.late or (late == found.late and end_s < found.end)
        if is_less and end_s <= row[LATEST] and min(trip_s, onward_s) >= 0:
            found = Slot(node, ahead, start_s, end_s, late)
        behind = ahead
    if found.node == node and may_have(sheet, board, task, node):
        return found
    return best
