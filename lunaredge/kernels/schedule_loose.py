"""Units that an event takes up: how they were before, and whose turn it is to be put back."""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.gridheap import Heap, heap_for, push
from lunaredge.kernels.jit import Ints, inner, kernel
from lunaredge.kernels.schedule_board import NODE, ROW_COLUMNS, START, Board
from lunaredge.kernels.schedule_settle import FITTED, Desk
from lunaredge.kernels.schedule_sheet import DUE, LATEST, NEVER, NONE, UNIT, Sheet


class Loose(NamedTuple):
    """The units that an event takes up.

    entries : int64 (U, 3)      unit, its turn (open, over, or there was no time for it), and how
                                often it was taken up
    rows    : int64 (U, 2, 11)  how its tasks were on the board before
    places  : int64 (U,)        a unit's entry + 1; 0 = it was not taken up
    ways    : int64 (3, 7)      where both its tasks may go in each way (node, task ahead, charger),
                                and how late it and others would then be
    queue   : units that may be put back now, the most urgent first
    counts  : int64 (3,)        entries, units fitted anew when the event began, and most of these
    """

    entries: Ints
    rows: Ints
    places: Ints
    ways: Ints
    queue: Heap
    counts: Ints


ENTRIES, BEGAN, FITTED_MAX = range(3)
OF_UNIT, TURN, TIMES = range(3)
OPEN, OVER, NO_TIME = range(3)
"""Columns of the entries, and what a turn may be."""

WAYS = 3
ESTIMATE = 6
"""How many ways there are to put a unit, see `schedule_ways`, and the column of how late."""


def loose_for(unit_count: int, fitted_max: int) -> Loose:
    """Make room for so many units; an event ends when so many were fitted anew."""
    return Loose(
        entries=np.zeros((unit_count, 3), dtype=np.int64),
        rows=np.zeros((unit_count, 2, ROW_COLUMNS), dtype=np.int64),
        places=np.zeros(unit_count, dtype=np.int64),
        ways=np.zeros((WAYS, ESTIMATE + 1), dtype=np.int64),
        queue=heap_for(unit_count),
        counts=np.array([0, 0, fitted_max], dtype=np.int64),
    )


@kernel
def cleared(sheet: Sheet, loose: Loose) -> Ints:
    """End an event; give the first tasks of the units that there was no time for."""
    count, left_count = loose.counts[ENTRIES], 0
    left = np.zeros(count, dtype=np.int64)
    for k in range(count):
        entry = loose.entries[k]
        loose.places[entry[OF_UNIT]] = 0
        if entry[TURN] == NO_TIME:
            left[left_count] = sheet.units[entry[OF_UNIT], 0]
            left_count += 1
    loose.counts[ENTRIES] = 0
    return left[:left_count].copy()


@inner
def spent(desk: Desk, loose: Loose) -> int:
    """Give how many units the event has fitted anew."""
    return int(desk.counts[FITTED] - loose.counts[BEGAN])


@inner
def is_open(loose: Loose, unit: int) -> bool:
    """Tell whether a unit is taken up, and still to be put back."""
    return bool(loose.places[unit] and loose.entries[loose.places[unit] - 1, TURN] == OPEN)


@inner
def is_blocked(sheet: Sheet, loose: Loose, unit: int) -> bool:
    """Tell whether a unit waits for one that is still to be put back."""
    for side in range(2):
        task = sheet.units[unit, side]
        if task == NONE:
            continue
        for k in range(sheet.before_starts[task], sheet.before_starts[task + 1]):
            other = sheet.tasks[sheet.before[k, 0], UNIT]
            if other != NONE and is_open(loose, other):
                return True
    return False


@inner
def enter_unit(loose: Loose, unit: int) -> None:
    """Give a unit its entry, or count that it is taken up again."""
    k = loose.places[unit] - 1
    if k < 0:
        k = loose.counts[ENTRIES]
        loose.counts[ENTRIES] += 1
        loose.places[unit] = k + 1
        loose.entries[k, OF_UNIT], loose.entries[k, TIMES] = unit, 0
    loose.entries[k, TURN] = OPEN
    loose.entries[k, TIMES] += 1


@inner
def keep_rows(sheet: Sheet, board: Board, loose: Loose, unit: int) -> None:
    """Keep how the tasks of a unit are now, if it is taken up for the first time."""
    for side in range(2):
        task = sheet.units[unit, side]
        if task != NONE:
            keep_row(loose, unit, side, board.rows[task])


@inner
def keep_row(loose: Loose, unit: int, side: int, row: Ints) -> None:
    """Keep how a task was when its unit was taken up first."""
    k = loose.places[unit] - 1
    if loose.entries[k, TIMES] == 1:
        for c in range(ROW_COLUMNS):
            loose.rows[k, side, c] = row[c]


@inner
def queue_unit(sheet: Sheet, loose: Loose, unit: int) -> None:
    """Let a unit have its turn, once nothing is open that it waits for.

    First come those that were not placed, by when they must be begun; others keep their order.
    """
    if is_blocked(sheet, loose, unit):
        return
    task, row = sheet.units[unit, 0], loose.rows[loose.places[unit] - 1, 0]
    urgency_s = row[START]
    if row[NODE] == NONE:
        urgency_s = min(sheet.tasks[task, DUE], sheet.tasks[task, LATEST]) - NEVER
    push(loose.queue, unit, float(urgency_s))
