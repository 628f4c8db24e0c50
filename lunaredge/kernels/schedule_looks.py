"""Looks at the board of a plan that is kept up: who is where, who wants a node, what changed."""

import numpy as np

from lunaredge.kernels.jit import Ints, inner, kernel
from lunaredge.kernels.schedule_board import (
    CHARGE_END,
    END,
    FIRST,
    NEXT,
    NODE,
    Board,
    released_s,
    tardiness,
    unplaced_late,
)
from lunaredge.kernels.schedule_choice import may_have
from lunaredge.kernels.schedule_sheet import NEVER, NONE, UNIT, Sheet, is_pinned_to

TOLD_COLUMNS = CHARGE_END + 1
"""Of a task's row: what its node has to know."""


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
def wanting(sheet: Sheet, board: Board, node: int, count: int) -> Ints:
    """Give at most so many late tasks, int64, that could be done on a node, the latest first.

    Those count that are elsewhere or left out, and whose predecessors are placed. Late is what they
    add to the tardiness; of equals the lower number comes first.
    """
    tasks, lates = np.full(count, NONE, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for t in range(len(sheet.tasks)):
        row = board.rows[t]
        if sheet.tasks[t, UNIT] == NONE or row[NODE] == node:
            continue
        late = unplaced_late(sheet, t) if row[NODE] == NONE else tardiness(sheet, t, row[END])
        if late > lates[count - 1] and _could_be_on(sheet, board, t, node):
            k = count - 1
            while k > 0 and late > lates[k - 1]:
                tasks[k], lates[k] = tasks[k - 1], lates[k - 1]
                k -= 1
            tasks[k], lates[k] = t, late
    return tasks[lates > 0]


@inner
def _could_be_on(sheet: Sheet, board: Board, task: int, node: int) -> bool:
    return bool(
        is_pinned_to(sheet, task, node)
        and may_have(sheet, board, task, node)
        and released_s(sheet, board, task) < NEVER
    )


@kernel
def changed(board: Board, out_told: Ints) -> Ints:
    """Give the tasks, int64, that are placed otherwise than was told, or no more; and tell it.

    out_told : int64 (T, 6)  a task's node, start, end, charger, and the charge's start and end
    """
    found = np.zeros(len(out_told), dtype=np.int64)
    count = 0
    for t in range(len(out_told)):
        row, told = board.rows[t], out_told[t]
        if row[NODE] == NONE and told[NODE] == NONE:
            continue
        same = True
        for c in range(TOLD_COLUMNS):
            same = same and row[c] == told[c]
            told[c] = row[c]
        if not same:
            found[count] = t
            count += 1
    return found[:count].copy()
