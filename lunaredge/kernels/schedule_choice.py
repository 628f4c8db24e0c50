"""Choices: the best node for a task, at the end of what each node does already.

Best is: least tardy; then least of what it costs and of `haste_w` for each second until it ends;
then the node that is the least busy, so that losing one loses little; then the earlier node in the
sheet's lists.
"""

from typing import NamedTuple

from lunaredge.kernels.jit import inner
from lunaredge.kernels.schedule_board import (
    BUS,
    BUSY_S,
    LAST,
    NODE,
    Board,
    Fit,
    cost_of,
    least_charged_s,
    state_after,
    tardiness,
)
from lunaredge.kernels.schedule_fit import AUTOMATIC, fit_behind, no_fit
from lunaredge.kernels.schedule_meters import first_free
from lunaredge.kernels.schedule_sheet import (
    BATTERY,
    CHARGE_W,
    FROM,
    GROUP,
    HAS_CEILING,
    HEALTH,
    IDLE_W,
    KIND,
    LEVEL,
    MOVER,
    NEVER,
    NONE,
    ON_BUS,
    READY,
    RESERVE,
    TO,
    WAS,
    Sheet,
    is_pinned_to,
    suits,
    work_of,
)


class Choice(NamedTuple):
    """A node (-1: none), how the task is done there, and how good that is."""

    node: int
    fit: Fit
    late: int
    value: float
    busy_s: int


@inner
def may_have(sheet: Sheet, board: Board, task: int, node: int) -> bool:
    """Tell whether a node can do a task, and its replicas are elsewhere."""
    return suits(sheet, task, node) and is_apart(sheet, board, task, node)


@inner
def is_apart(sheet: Sheet, board: Board, task: int, node: int) -> bool:
    """Tell whether no placed task of the same group is in a node's failure domain."""
    group, level = sheet.tasks[task, GROUP], sheet.tasks[task, LEVEL]
    if group == NONE:
        return True
    for k in range(sheet.member_starts[group], sheet.member_starts[group + 1]):
        other = board.rows[sheet.members[k], NODE]
        if (
            sheet.members[k] != task
            and other != NONE
            and sheet.domains[other, level] == sheet.domains[node, level]
        ):
            return False
    return True


@inner
def best_node(
    sheet: Sheet, board: Board, task: int, earliest_s: int, without: int, haste_w: float
) -> Choice:
    """Give the best node for a task that starts no sooner than that, but for one node."""
    best = Choice(NONE, no_fit(), NEVER, 0.0, 0)
    first, end = sheet.only_starts[task], sheet.only_starts[task + 1]
    if first < end:
        for k in range(first, end):
            if sheet.only[k] != without:
                best = better_of(sheet, board, task, sheet.only[k], earliest_s, haste_w, best)
        return best
    for kind in range(sheet.modes.shape[1]):
        if sheet.modes[task, kind, 0] < 0:
            continue
        fed_s = fed_from_s(sheet, board, task, kind, earliest_s)
        for k in range(sheet.kind_starts[kind], sheet.kind_starts[kind + 1]):
            node = sheet.by_kind[k]
            if node != without:
                from_s = fed_s if is_fed_alike(sheet, task, node) else earliest_s
                best = better_of(sheet, board, task, node, from_s, haste_w, best)
    return best


@inner
def fed_from_s(sheet: Sheet, board: Board, task: int, kind: int, earliest_s: int) -> int:
    """Give from when on the bus can feed a task on any healthy computer of a kind; or NEVER."""
    first = sheet.kind_starts[kind]
    if first == sheet.kind_starts[kind + 1] or not sheet.pace[HAS_CEILING]:
        return earliest_s
    duration_s, energy_j = sheet.modes[task, kind, 0], sheet.modes[task, kind, 1]
    if sheet.nodes[sheet.by_kind[first], MOVER] >= 0 or energy_j == 0:
        return earliest_s
    watts = (energy_j + duration_s - 1) // duration_s
    return first_free(board.shared, BUS, earliest_s, duration_s, watts)


@inner
def is_fed_alike(sheet: Sheet, task: int, node: int) -> bool:
    """Tell whether a task takes what its kind does of the bus on a computer, not less."""
    spec = sheet.nodes[node]
    return bool(spec[ON_BUS] and spec[HEALTH] == 100 and sheet.tasks[task, WAS] != node)


@inner
def better_of(
    sheet: Sheet, board: Board, task: int, node: int, earliest_s: int, haste_w: float, best: Choice
) -> Choice:
    """Give the better of a node and the best before it."""
    if sheet.modes[task, sheet.nodes[node, KIND], 0] < 0:
        return best
    end_s, travel_s, travel_j, _ = least_of(sheet, board, task, node, earliest_s)
    if end_s >= NEVER:
        return best
    late = tardiness(sheet, task, end_s)
    value = cost_of(sheet, task, node, travel_s, travel_j) + haste_w * end_s
    busy_s = board.lines[node, BUSY_S]
    if not _is_less(late, value, busy_s, best) or not may_have(sheet, board, task, node):
        return best
    last = board.lines[node, LAST]
    fit = fit_behind(sheet, board, task, node, last, earliest_s, AUTOMATIC)
    if fit.start == NONE:
        return best
    late = tardiness(sheet, task, fit.end)
    value = cost_of(sheet, task, node, fit.travel_s, fit.travel_j) + haste_w * fit.end
    if not _is_less(late, value, busy_s, best):
        return best
    return Choice(node, fit, late, value, busy_s)


@inner
def _is_less(late: int, value: float, busy_s: int, best: Choice) -> bool:
    if best.node == NONE or late != best.late:
        return best.node == NONE or late < best.late
    return value < best.value or (value == best.value and busy_s < best.busy_s)


@inner
def least_of(
    sheet: Sheet, board: Board, task: int, node: int, earliest_s: int
) -> tuple[int, int, int, bool]:
    """Give no more than when a task would end on a node, and its travel, in a few steps.

    And whether it has to charge before.
    """
    spec = sheet.nodes[node]
    duration_s, energy_j = work_of(sheet, task, node)
    if spec[MOVER] < 0:
        return max(earliest_s, spec[READY]) + duration_s, 0, 0, False
    if sheet.tasks[task, FROM] < 0:
        return NEVER, 0, 0, False
    leave_s, place, level_j, _ = state_after(sheet, board, node, board.lines[node, LAST])
    trip = sheet.travel[spec[MOVER], place, sheet.tasks[task, FROM]]
    start_s = max(earliest_s, leave_s + max(0, trip[0]))
    left_j = level_j - trip[1] - energy_j - spec[IDLE_W] * (start_s - leave_s - trip[0])
    if trip[0] >= 0 and left_j >= spec[RESERVE] + sheet.homes[spec[MOVER], sheet.tasks[task, TO]]:
        return start_s + duration_s, trip[0], trip[1], False
    # It charges before, by whatever way.
    charged_s = leave_s + (spec[BATTERY] - level_j) // spec[CHARGE_W]
    charged_s = max(charged_s, least_charged_s(board, node))
    return max(earliest_s, charged_s) + duration_s, 0, 0, True


@inner
def chosen(
    sheet: Sheet, board: Board, task: int, node: int, earliest_s: int, charger: int
) -> Choice:
    """Give a task's fit on the node that is wanted for it, or no node if there is none."""
    wrong = Choice(NONE, no_fit(), NEVER, 0.0, 0)
    if not is_pinned_to(sheet, task, node) or not may_have(sheet, board, task, node):
        return wrong
    last = board.lines[node, LAST]
    fit = fit_behind(sheet, board, task, node, last, earliest_s, charger)
    if fit.start == NONE:
        return wrong
    return Choice(node, fit, tardiness(sheet, task, fit.end), 0.0, 0)
