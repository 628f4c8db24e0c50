"""Fits: when and how a task can be done on a node, beside what is on the board already.

Owns the constraints of one task on one node in time: travel, set-up, battery, charge, light,
resources, the bus. Nothing here changes the board.
"""

from typing import NamedTuple

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_board import (
    BUS,
    LAST,
    Board,
    Fit,
    draw_w,
    note_charged,
    state_after,
)
from lunaredge.kernels.schedule_ledger import first_fit
from lunaredge.kernels.schedule_meters import first_free
from lunaredge.kernels.schedule_sheet import (
    BATTERY,
    CHARGE_W,
    DARK_RESERVE,
    FAMILY,
    FLOOR,
    FROM,
    HAS_CEILING,
    HEAT_W,
    IDLE_W,
    LATEST,
    LEDGER,
    LIGHT,
    MOVER,
    NEVER,
    NONE,
    ON_BUS,
    READY,
    RESERVE,
    TO,
    Sheet,
    dark_s,
    light_from_s,
    work_of,
)


class Charging(NamedTuple):
    """When a machine charges at a charger (end -1: it can't), and the travel there."""

    start: int
    end: int
    travel_s: int
    travel_j: int


AUTOMATIC = -1
"""Charge only if the battery would not last, and then where the task can start the soonest."""

# Waiting for a post costs charge, so charging takes longer, so another gap must be looked for.
_ROUNDS_MAX = 64


@inner
def no_fit() -> Fit:
    """Give what says that a task can't be done."""
    return Fit(NONE, NONE, NONE, NONE, NONE, NONE, NONE, NONE)


@inner
def fit_on_computer(sheet: Sheet, board: Board, task: int, node: int, earliest_s: int) -> Fit:
    """Give the first fit on a computer, not before a time."""
    spec = sheet.nodes[node]
    duration_s, _ = work_of(sheet, task, node)
    watts = draw_w(sheet, task, node) if spec[ON_BUS] and sheet.pace[HAS_CEILING] else 0
    latest_s = sheet.tasks[task, LATEST] - duration_s
    shared = board.shared
    start_s = max(earliest_s, spec[READY])
    while start_s <= latest_s:
        asked_s = start_s
        if sheet.tasks[task, LIGHT]:
            start_s = light_from_s(sheet, start_s, duration_s)
        start_s = first_fit(board.owned, spec[LEDGER], start_s, duration_s, sheet.needs[task], 1)
        if watts and start_s <= latest_s:
            start_s = first_free(shared, BUS, start_s, duration_s, watts)
        if start_s == asked_s:
            return Fit(start_s, start_s + duration_s, NONE, NONE, NONE, NONE, 0, 0)
    return no_fit()


@inner
def fit_behind(
    sheet: Sheet, board: Board, task: int, node: int, ahead: int, earliest_s: int, charger: int
) -> Fit:
    """Give the first fit on a node, on a machine behind a task; by that charger if that goes."""
    if sheet.nodes[node, MOVER] < 0:
        return fit_on_computer(sheet, board, task, node, earliest_s)
    fit = fit_on_machine(sheet, board, task, node, ahead, earliest_s, charger)
    if fit.start == NONE and charger != AUTOMATIC:
        return fit_on_machine(sheet, board, task, node, ahead, earliest_s, AUTOMATIC)
    return fit


@inner
def fit_on_machine(
    sheet: Sheet, board: Board, task: int, node: int, ahead: int, earliest_s: int, charger: int
) -> Fit:
    """Give the first fit on a machine behind the task ``ahead`` (-1: as its first).

    ``charger``: where it is to charge before, or AUTOMATIC. Of several chargers that one counts
    after which the task starts the soonest, then the one of the least travel, then the nearest.
    """
    at = state_after(sheet, board, node, ahead)
    if charger != AUTOMATIC:
        charge = charge_at(sheet, board, node, at, charger, 0)
        return work_after(sheet, task, node, at, charger, charge, earliest_s)
    direct = work_from(sheet, task, node, at, earliest_s)
    if direct.start != NONE:
        return direct
    best, charged_s = no_fit(), NEVER
    nearby = sheet.nearby[sheet.nodes[node, MOVER], at[1]]
    for k in range(len(nearby)):
        q = nearby[k]
        if q == NONE:
            break
        least_s, there_s = _least_charged_s(sheet, task, node, at, q)
        if best.start != NONE and there_s > best.start:
            charged_s = min(charged_s, least_s)
            continue
        charge = charge_at(sheet, board, node, at, q, 0)
        if charge.end != NONE:
            charged_s = min(charged_s, charge.end)
        fit = work_after(sheet, task, node, at, q, charge, earliest_s)
        if fit.start == NONE:
            continue
        if (
            best.start == NONE
            or fit.start < best.start
            or (fit.start == best.start and fit.travel_j < best.travel_j)
        ):
            best = fit
    if ahead == board.lines[node, LAST]:
        note_charged(board, node, charged_s)
    return best


@inner
def work_after(
    sheet: Sheet,
    task: int,
    node: int,
    at: tuple[int, int, int, int],
    q: int,
    charge: Charging,
    earliest_s: int,
) -> Fit:
    """Give the fit after a charge, if there is one."""
    if charge.end == NONE:
        return no_fit()
    full = (charge.end, sheet.chargers[q, 0], sheet.nodes[node, BATTERY], at[3])
    fit = work_from(sheet, task, node, full, earliest_s)
    if fit.start == NONE:
        return fit
    return Fit(
        fit.start,
        fit.end,
        q,
        charge.start,
        charge.end,
        fit.level,
        fit.travel_s + charge.travel_s,
        fit.travel_j + charge.travel_j,
    )


@inner
def postponed(sheet: Sheet, board: Board, task: int, node: int, ahead: int, fit: Fit) -> Fit:
    """Give a fit with its charge as late as its start allows; as it was if that is not free.

    The machine waits with less in its battery then, and is left with more in the end.
    """
    at, spec = state_after(sheet, board, node, ahead), sheet.nodes[node]
    _, place, _, family = at
    post, there = sheet.chargers[fit.charger, 1], sheet.chargers[fit.charger, 0]
    trip = sheet.travel[spec[MOVER], place, there]
    until_s = fit.start - sheet.setups[family, sheet.tasks[task, FAMILY]]
    until_s -= sheet.travel[spec[MOVER], there, sheet.tasks[task, FROM], 0]
    start_s, end_s = fit.charge_start, fit.charge_end
    asked_s, asked_end_s, lost_w = start_s, end_s, spec[IDLE_W] + spec[HEAT_W]
    while asked_end_s <= until_s:
        start_s, end_s = asked_s, asked_end_s
        # One second is for rounding.
        step_s = (until_s - end_s - 1) * spec[CHARGE_W] // (spec[CHARGE_W] + lost_w)
        asked_s = start_s + max(1, step_s)
        missing_j = spec[BATTERY] - _level_at_j(sheet, node, at, trip, asked_s)
        asked_end_s = asked_s + (missing_j + spec[CHARGE_W] - 1) // spec[CHARGE_W]
    duration_s = end_s - start_s
    if (
        _level_at_j(sheet, node, at, trip, start_s) < spec[FLOOR]
        or start_s != first_free(board.shared, post, start_s, duration_s, 1)
        or start_s != first_free(board.shared, BUS, start_s, duration_s, spec[CHARGE_W])
    ):
        return fit
    work = work_from(sheet, task, node, (end_s, there, spec[BATTERY], family), fit.start)
    return Fit(
        fit.start, fit.end, fit.charger, start_s, end_s, work.level, fit.travel_s, fit.travel_j
    )


@inner
def _least_charged_s(
    sheet: Sheet, task: int, node: int, at: tuple[int, int, int, int], q: int
) -> tuple[int, int]:
    """Give no more than when a machine has charged at a charger, and can be at a task from it."""
    leave_s, place, level_j, _ = at
    spec = sheet.nodes[node]
    trip = sheet.travel[spec[MOVER], place, sheet.chargers[q, 0]]
    onward = sheet.travel[spec[MOVER], sheet.chargers[q, 0], sheet.tasks[task, FROM]]
    if trip[0] < 0:
        return NEVER, NEVER
    charged_s = leave_s + trip[0] + (spec[BATTERY] - level_j + trip[1]) // spec[CHARGE_W]
    return int(charged_s), int(charged_s + onward[0]) if onward[0] >= 0 else NEVER


@inner
def work_from(
    sheet: Sheet,
    task: int,
    node: int,
    at: tuple[int, int, int, int],
    earliest_s: int,
) -> Fit:
    """Give the fit without a charge from a state, see `state_after`."""
    leave_s, place, level_j, family = at
    setup_s = sheet.setups[family, sheet.tasks[task, FAMILY]]
    row, spec = sheet.tasks[task], sheet.nodes[node]
    trip = sheet.travel[spec[MOVER], place, row[FROM]]
    trip_s, trip_j = trip[0], trip[1]
    if trip_s < 0:
        return no_fit()
    duration_s, energy_j = work_of(sheet, task, node)
    start_s = max(earliest_s, max(leave_s, spec[READY]) + setup_s + trip_s)
    lit_s = light_from_s(sheet, start_s, duration_s)
    level_j -= trip_j + energy_j
    while True:
        if row[LIGHT]:
            start_s = lit_s
        end_s = start_s + duration_s
        if end_s > row[LATEST]:
            return no_fit()
        left_j = level_j - spec[IDLE_W] * (start_s - leave_s - trip_s)
        left_j -= spec[HEAT_W] * dark_s(sheet, leave_s, end_s)
        if left_j >= least_level_j(sheet, task, node, start_s, end_s):
            return Fit(start_s, end_s, NONE, NONE, NONE, left_j, trip_s, trip_j)
        # In the dark the reserve is larger: it may last once that is over.
        if start_s == lit_s:
            return no_fit()
        start_s = lit_s


@inner
def charge_at(
    sheet: Sheet, board: Board, node: int, at: tuple[int, int, int, int], q: int, from_s: int
) -> Charging:
    """Give the first charge at a charger from a state, see `state_after`; not before a time."""
    leave_s, place, _, _ = at
    spec = sheet.nodes[node]
    trip = sheet.travel[spec[MOVER], place, sheet.chargers[q, 0]]
    if trip[0] < 0:
        return Charging(NONE, NONE, NONE, NONE)
    shared = board.shared
    # What runs may end before the machine is ready to go.
    start_s = max(from_s, max(leave_s, spec[READY]) + trip[0])
    for _ in range(_ROUNDS_MAX):
        left_j = _level_at_j(sheet, node, at, trip, start_s)
        if left_j < spec[FLOOR] or left_j >= spec[BATTERY]:
            break
        duration_s = (spec[BATTERY] - left_j + spec[CHARGE_W] - 1) // spec[CHARGE_W]
        asked_s = start_s
        start_s = first_free(shared, sheet.chargers[q, 1], start_s, duration_s, 1)
        if start_s < NEVER and sheet.pace[HAS_CEILING]:
            start_s = first_free(shared, BUS, start_s, duration_s, spec[CHARGE_W])
        if start_s == asked_s:
            return Charging(start_s, start_s + duration_s, trip[0], trip[1])
        if start_s >= NEVER:
            break
    return Charging(NONE, NONE, NONE, NONE)


@inner
def _level_at_j(
    sheet: Sheet, node: int, at: tuple[int, int, int, int], trip: Ints, moment_s: int
) -> int:
    """Give what a machine has left that has come from a state by a way and waits until then."""
    leave_s, _, level_j, _ = at
    spec = sheet.nodes[node]
    level_j -= trip[1] + spec[IDLE_W] * (moment_s - leave_s - trip[0])
    return int(level_j - spec[HEAT_W] * dark_s(sheet, leave_s, moment_s))


@inner
def least_level_j(sheet: Sheet, task: int, node: int, start_s: int, end_s: int) -> int:
    """Give the joules that a machine must have left at the end of a task: reserve and way home."""
    spec = sheet.nodes[node]
    reserve_j = spec[RESERVE]
    if spec[DARK_RESERVE] > reserve_j and dark_s(sheet, start_s, end_s) > 0:
        reserve_j = spec[DARK_RESERVE]
    return int(reserve_j + sheet.homes[spec[MOVER], sheet.tasks[task, TO]])
