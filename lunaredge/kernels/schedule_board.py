"""The board: a plan while it is made, and how tasks are put on it and taken off.

Owns what is entered where; whether a task fits there is looked up before, in `schedule_fit`.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.gridheap import Heap, pop, push
from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_ledger import Ledgers, copy_ledgers, enter
from lunaredge.kernels.schedule_meters import GIVEN_BACK, Meters, copy_meters, draw_from
from lunaredge.kernels.schedule_sheet import (
    CHARGE,
    CHARGE_W,
    DUE,
    FAMILY,
    FIXED,
    HAS_CEILING,
    HORIZON,
    LEDGER,
    LEFT_S,
    MOVE_J,
    NEVER,
    NONE,
    ON_BUS,
    PLACE,
    READY,
    RELEASE,
    SET_UP,
    TO,
    TRAVEL_COST,
    WAS,
    WEIGHT,
    Sheet,
    work_of,
)

BUS = 0
"""The meter of the site's bus; after it come those of the chargers."""

NODE, START, END, CHARGER, CHARGE_START, CHARGE_END, LEVEL, TRAVEL_S, TRAVEL_J = range(9)
AHEAD, NEXT = range(9, 11)
ROW_COLUMNS = 11
"""Columns of a task on the board: its node (-1: it is not placed), when it starts and ends; the
charger that is gone to before (-1: none), when charging starts and ends; joules left at its end;
its travel; the task ahead of it and the one behind it in its node's list."""

FIRST, LAST, BUSY_S, CHARGED_S, KNOWN_AT = range(5)
LINE_COLUMNS = 5
"""Columns of a node: the first and the last task of its list, and the sum of their seconds. A
machine does them in that order; on a computer it is the order in which they were put there. Then
before when no charge behind the last can end, and what `GIVEN_BACK` said when that was found: only
what is given back makes it sooner (-1: the list has changed since)."""

LATE, COST, COUNT = range(3)
"""The score: weighted seconds of tardiness, what is not placed included; joules; how many tasks are
placed."""


class Board(NamedTuple):
    """A plan.

    rows    : int64 (T, 11)
    lines   : int64 (N, 5)
    shared  : meters of the bus and of the chargers
    owned   : ledgers of the computers
    score   : int64 (3,)
    """

    rows: Ints
    lines: Ints
    shared: Meters
    owned: Ledgers
    score: Ints


class Fit(NamedTuple):
    """How a task would be done on a node: as the columns of the board, but for its neighbours."""

    start: int
    """-1: it can't be."""
    end: int
    charger: int
    charge_start: int
    charge_end: int
    level: int
    travel_s: int
    travel_j: int


def empty_board(sheet: Sheet, shared: Meters, owned: Ledgers) -> Board:
    """Make a board with nothing on it."""
    rows = np.zeros((len(sheet.tasks), ROW_COLUMNS), dtype=np.int64)
    rows[:, [NODE, CHARGER, AHEAD, NEXT]] = NONE
    return Board(
        rows=rows,
        lines=np.array([[NONE, NONE, 0, 0, NONE]], dtype=np.int64).repeat(len(sheet.nodes), axis=0),
        shared=shared,
        owned=owned,
        score=np.array([sum_of_unplaced_late(sheet), 0, 0], dtype=np.int64),
    )


@inner
def sum_of_unplaced_late(sheet: Sheet) -> int:
    """Give what all tasks count as late if none is placed."""
    late = 0
    for t in range(len(sheet.tasks)):
        late += unplaced_late(sheet, t)
    return late


@inner
def unplaced_late(sheet: Sheet, task: int) -> int:
    """Give what a task counts as late if it is not placed."""
    return tardiness(sheet, task, 2 * sheet.pace[HORIZON])


@inner
def copy_rows(source: Ints, out_target: Ints) -> None:
    """Copy the rows of all tasks."""
    for t in range(len(source)):
        for c in range(ROW_COLUMNS):
            out_target[t, c] = source[t, c]


@inner
def copy_board(source: Board, out_target: Board) -> None:
    """Make one board like another of the same problem."""
    copy_rows(source.rows, out_target.rows)
    for n in range(len(source.lines)):
        for c in range(LINE_COLUMNS):
            out_target.lines[n, c] = source.lines[n, c]
    for k in range(len(source.score)):
        out_target.score[k] = source.score[k]
    copy_meters(source.shared, out_target.shared)
    copy_ledgers(source.owned, out_target.owned)


@inner
def state_after(sheet: Sheet, board: Board, node: int, ahead: int) -> tuple[int, int, int, int]:
    """Give when a machine leaves after a task (-1: at first), where, its charge and its set-up."""
    if ahead == NONE:
        spec = sheet.nodes[node]
        return spec[READY], spec[PLACE], spec[CHARGE], spec[SET_UP]
    row = board.rows[ahead]
    return row[END], sheet.tasks[ahead, TO], row[LEVEL], sheet.tasks[ahead, FAMILY]


@inner
def note_charged(board: Board, node: int, least_s: int) -> None:
    """Note before when no charge behind all that a machine does can end; NEVER: it can't charge."""
    board.lines[node, CHARGED_S] = least_s
    board.lines[node, KNOWN_AT] = board.shared.pool[GIVEN_BACK]


@inner
def least_charged_s(board: Board, node: int) -> int:
    """Give what is known by `note_charged`; 0 if nothing is known any more."""
    line = board.lines[node]
    return int(line[CHARGED_S]) if line[KNOWN_AT] == board.shared.pool[GIVEN_BACK] else 0


@inner
def released_s(sheet: Sheet, board: Board, task: int) -> int:
    """Give when a task may start as its release and those before it go; NEVER if one is missing."""
    earliest_s = sheet.tasks[task, RELEASE]
    for k in range(sheet.before_starts[task], sheet.before_starts[task + 1]):
        source = board.rows[sheet.before[k, 0]]
        if source[NODE] == NONE:
            return NEVER
        earliest_s = max(earliest_s, source[END] + sheet.before[k, 1])
    return int(earliest_s)


@inner
def tardiness(sheet: Sheet, task: int, end_s: int) -> int:
    """Give the weighted tardiness of a task that ends then."""
    return int(max(0, end_s - sheet.tasks[task, DUE]) * sheet.tasks[task, WEIGHT])


@inner
def cost_of(sheet: Sheet, task: int, node: int, travel_s: int, travel_j: int) -> int:
    """Give what a task costs on a node with such travel, in joules."""
    cost_j = work_of(sheet, task, node)[1] + travel_j + travel_s * sheet.pace[TRAVEL_COST]
    if sheet.tasks[task, WAS] not in (NONE, node):
        cost_j += sheet.tasks[task, MOVE_J]
    return int(cost_j)


@inner
def put(sheet: Sheet, board: Board, task: int, node: int, ahead: int, fit: Fit) -> None:
    """Put a task on the board, in its node's list behind the task ``ahead`` (-1: as its first)."""
    row = board.rows[task]
    row[NODE], row[START], row[END] = node, fit.start, fit.end
    row[CHARGER], row[CHARGE_START], row[CHARGE_END] = fit.charger, fit.charge_start, fit.charge_end
    row[LEVEL], row[TRAVEL_S], row[TRAVEL_J] = fit.level, fit.travel_s, fit.travel_j
    _link(board, task, node, ahead)
    _book(sheet, board, task, 1)


@inner
def put_fixed(sheet: Sheet, board: Board) -> None:
    """Put what runs and can't be moved on an empty board; it may use more than there is."""
    for t in range(len(sheet.tasks)):
        if sheet.tasks[t, FIXED]:
            node = sheet.tasks[t, WAS]
            end_s = sheet.tasks[t, LEFT_S]
            level_j = sheet.nodes[node, CHARGE]
            put(sheet, board, t, node, NONE, Fit(0, end_s, NONE, NONE, NONE, level_j, 0, 0))


@inner
def take(sheet: Sheet, board: Board, task: int) -> None:
    """Take a task off the board."""
    _book(sheet, board, task, -1)
    row = board.rows[task]
    node, ahead, behind = row[NODE], row[AHEAD], row[NEXT]
    if ahead == NONE:
        board.lines[node, FIRST] = behind
    else:
        board.rows[ahead, NEXT] = behind
    if behind == NONE:
        board.lines[node, LAST] = ahead
    else:
        board.rows[behind, AHEAD] = ahead
    row[NODE], row[CHARGER], row[AHEAD], row[NEXT] = NONE, NONE, NONE, NONE


@inner
def lay_out(sheet: Sheet, base: Board, rows: Ints, heap: Heap, out_board: Board) -> None:
    """Make a board of its rows, int64 (T, 11), and of what is fixed; lists go by start.

    ``heap``: an empty one for all units.
    """
    copy_board(base, out_board)
    for u in range(len(sheet.units)):
        if rows[sheet.units[u, 0], NODE] != NONE:
            push(heap, u, float(rows[sheet.units[u, 0], START]))
    while heap[3][0] > 0:
        unit = pop(heap)
        for side in range(2):
            task = sheet.units[unit, side]
            if task != NONE:
                for c in range(AHEAD):
                    out_board.rows[task, c] = rows[task, c]
                node = rows[task, NODE]
                _link(out_board, task, node, out_board.lines[node, LAST])
                _book(sheet, out_board, task, 1)


@inner
def _link(board: Board, task: int, node: int, ahead: int) -> None:
    behind = board.lines[node, FIRST] if ahead == NONE else board.rows[ahead, NEXT]
    board.rows[task, AHEAD], board.rows[task, NEXT] = ahead, behind
    if ahead == NONE:
        board.lines[node, FIRST] = task
    else:
        board.rows[ahead, NEXT] = task
    if behind == NONE:
        board.lines[node, LAST] = task
    else:
        board.rows[behind, AHEAD] = task


@inner
def _book(sheet: Sheet, board: Board, task: int, factor: int) -> None:
    """Enter what a task uses into the ledgers, and into the score; or take it out again."""
    row = board.rows[task]
    node = row[NODE]
    spec = sheet.nodes[node]
    shared = board.shared
    if spec[LEDGER] != NONE:
        enter(board.owned, spec[LEDGER], row[START], row[END], sheet.needs[task], factor)
        if spec[ON_BUS] and sheet.pace[HAS_CEILING]:
            watts = draw_w(sheet, task, node)
            draw_from(shared, BUS, row[START], row[END], factor * watts)
    if row[CHARGER] != NONE:
        book_charge(sheet, board, node, row[CHARGER : CHARGE_END + 1], factor)
    late = tardiness(sheet, task, row[END]) - unplaced_late(sheet, task)
    board.score[LATE] += factor * late
    board.score[COST] += factor * cost_of(sheet, task, node, row[TRAVEL_S], row[TRAVEL_J])
    board.score[COUNT] += factor
    board.lines[node, KNOWN_AT] = NONE
    board.lines[node, BUSY_S] += factor * (row[END] - row[START])


@inner
def book_charge(sheet: Sheet, board: Board, node: int, charge: Ints, factor: int) -> None:
    """Enter a charge (charger, start, end) into the meters, or take it out again."""
    shared = board.shared
    draw_from(shared, sheet.chargers[charge[0], 1], charge[1], charge[2], factor)
    if sheet.pace[HAS_CEILING]:
        watts = factor * sheet.nodes[node, CHARGE_W]
        draw_from(shared, BUS, charge[1], charge[2], watts)


@inner
def draw_w(sheet: Sheet, task: int, node: int) -> int:
    """Give what a task on a computer draws from the bus."""
    duration_s, energy_j = work_of(sheet, task, node)
    return (energy_j + duration_s - 1) // duration_s
