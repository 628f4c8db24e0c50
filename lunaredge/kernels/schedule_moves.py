"""Moves: small changes to the genes of a plan, drawn at random, which keep the order of units.

What is changed is drawn from the plan that the genes gave, as it is on the board: late tasks more
often than others, and neighbours on a machine or in time together.
"""

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.mapf_agents import Seeds, below
from lunaredge.kernels.schedule_board import CHARGER, END, NODE, START
from lunaredge.kernels.schedule_build import ANY, Genes
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_sheet import DUE, KIND, MOVER, NONE, UNIT, Sheet

# In percent, one after the other.
_SHIFT, _HASTEN, _REASSIGN, _CHARGE, _TURN = 35, 50, 70, 80, 86
# Once order and nodes are good, what is left to gain is in the charges.
_SHIFT_LATER, _HASTEN_LATER, _REASSIGN_LATER = 25, 37, 50
_RUINED_MAX = 8
_TRIES = 8


@inner
def change(
    sheet: Sheet, rows: Ints, seeds: Seeds, restarts: int, out_genes: Genes, out_places: Ints
) -> None:
    """Make one change. ``rows`` are the board's, ``out_places`` int64 (U,) where each unit is.

    ``restarts``: how often the search has begun again; once it has, it looks at charges more often.
    """
    kind = below(seeds, 100)
    if restarts:
        to_shift, to_hasten, to_reassign = _SHIFT_LATER, _HASTEN_LATER, _REASSIGN_LATER
    else:
        to_shift, to_hasten, to_reassign = _SHIFT, _HASTEN, _REASSIGN
    unit = out_genes.order[below(seeds, len(out_genes.order))]
    if kind < to_shift:
        _shift(sheet, seeds, unit, out_genes, out_places)
    elif kind < to_hasten:
        task = _late_task(sheet, rows, seeds)
        _free(sheet, sheet.tasks[task, UNIT], seeds, out_genes)
        _shift_ahead(sheet, seeds, sheet.tasks[task, UNIT], out_genes, out_places)
    elif kind < to_reassign:
        _reassign(sheet, _task_of(sheet, unit, seeds), seeds, out_genes)
        if below(seeds, 2):
            _shift(sheet, seeds, unit, out_genes, out_places)
    elif kind < _CHARGE and len(sheet.chargers):
        _charge(sheet, rows, seeds, out_genes, out_places)
    elif kind < _TURN:
        out_genes.turned[unit] = 1 - out_genes.turned[unit]
    else:
        _ruin(sheet, rows, seeds, out_genes, out_places)


@inner
def scramble(sheet: Sheet, seeds: Seeds, out_genes: Genes, out_places: Ints) -> None:
    """Make any other list of a list, with most choices open."""
    for unit in range(len(out_places)):
        out_genes.early[unit] = NONE
        for _ in range(2):
            _shift(sheet, seeds, unit, out_genes, out_places)
    for task in range(len(out_genes.nodes)):
        out_genes.nodes[task], out_genes.chargers[task] = ANY, AUTOMATIC
        if below(seeds, 4) == 0:
            out_genes.chargers[task] = _drawn_charger(sheet, seeds)
        out_genes.late[task] = below(seeds, 2)


@inner
def _charge(sheet: Sheet, rows: Ints, seeds: Seeds, out_genes: Genes, out_places: Ints) -> None:
    """Have a machine charge before a task or only if need be, by another charger, late or early."""
    task = _machine_task(sheet, rows, seeds)
    way = below(seeds, 3)
    if way == 0:
        out_genes.late[task] = 1 - out_genes.late[task]
    elif way == 1:
        _charge_early(sheet, rows, seeds, task, out_genes, out_places)
    else:
        out_genes.chargers[task] = _drawn_charger(sheet, seeds)


@inner
def _drawn_charger(sheet: Sheet, seeds: Seeds) -> int:
    charger = below(seeds, len(sheet.chargers) + 1)
    return AUTOMATIC if charger == len(sheet.chargers) else charger


@inner
def _charge_early(
    sheet: Sheet, rows: Ints, seeds: Seeds, task: int, out_genes: Genes, out_places: Ints
) -> None:
    """Have the charge before a task booked at the turn of a unit ahead of it, or no more."""
    is_early = False
    for unit in range(len(out_places)):
        if out_genes.early[unit] == task:
            out_genes.early[unit] = NONE
            is_early = True
    place = out_places[sheet.tasks[task, UNIT]]
    if place == 0 or rows[task, NODE] == NONE or (is_early and below(seeds, 2)):
        return
    out_genes.nodes[task], out_genes.chargers[task] = rows[task, NODE], rows[task, CHARGER]
    if rows[task, CHARGER] == NONE:
        out_genes.chargers[task] = below(seeds, len(sheet.chargers))
    out_genes.early[out_genes.order[below(seeds, place)]] = task


@inner
def _task_of(sheet: Sheet, unit: int, seeds: Seeds) -> int:
    other = sheet.units[unit, 1]
    return int(other if other != NONE and below(seeds, 2) else sheet.units[unit, 0])


@inner
def _machine_task(sheet: Sheet, rows: Ints, seeds: Seeds) -> int:
    """Draw a task of a unit, one of a machine if one turns up soon."""
    task = 0
    for _ in range(_TRIES):
        task = _task_of(sheet, below(seeds, len(sheet.units)), seeds)
        if rows[task, NODE] != NONE and sheet.nodes[rows[task, NODE], MOVER] >= 0:
            break
    return task


@inner
def _late_task(sheet: Sheet, rows: Ints, seeds: Seeds) -> int:
    """Draw a task of a unit, one that is late or not placed if one turns up soon."""
    task = 0
    for _ in range(_TRIES):
        task = sheet.units[below(seeds, len(sheet.units)), 0]
        if rows[task, NODE] == NONE or rows[task, END] > sheet.tasks[task, DUE]:
            break
    return task


@inner
def _free(sheet: Sheet, unit: int, seeds: Seeds, out_genes: Genes) -> None:
    """Leave open where a unit goes, half of the times."""
    if below(seeds, 2):
        return
    for k in range(2):
        task = sheet.units[unit, k]
        if task != NONE:
            out_genes.nodes[task] = ANY
            out_genes.chargers[task] = AUTOMATIC


@inner
def _reassign(sheet: Sheet, task: int, seeds: Seeds, out_genes: Genes) -> None:
    """Draw another node for a task, or leave it open."""
    out_genes.chargers[task] = AUTOMATIC
    out_genes.nodes[task] = ANY
    first, end = sheet.only_starts[task], sheet.only_starts[task + 1]
    if first < end:
        out_genes.nodes[task] = sheet.only[first + below(seeds, end - first)]
        return
    for _ in range(_TRIES):
        node = below(seeds, len(sheet.nodes))
        if sheet.modes[task, sheet.nodes[node, KIND], 0] >= 0:
            out_genes.nodes[task] = node
            return


@inner
def _ruin(sheet: Sheet, rows: Ints, seeds: Seeds, out_genes: Genes, out_places: Ints) -> None:
    """Leave open where a few tasks go that are near each other, by node or by time."""
    task = _late_task(sheet, rows, seeds)
    count = 1 + below(seeds, _RUINED_MAX)
    node, start_s, end_s = rows[task, NODE], rows[task, START], rows[task, END]
    by_node = node != NONE and below(seeds, 2) == 0
    out_genes.nodes[task], out_genes.chargers[task] = ANY, AUTOMATIC
    place = out_places[sheet.tasks[task, UNIT]]
    span = 4 * count
    for k in range(max(0, place - span), min(len(out_genes.order), place + span)):
        for side in range(2):
            other = sheet.units[out_genes.order[k], side]
            if other == NONE:
                continue
            row = rows[other]
            near = row[NODE] == node if by_node else _is_beside(row, start_s, end_s)
            if near and below(seeds, 2):
                out_genes.nodes[other], out_genes.chargers[other] = ANY, AUTOMATIC
    _shift(sheet, seeds, sheet.tasks[task, UNIT], out_genes, out_places)


@inner
def _is_beside(row: Ints, start_s: int, end_s: int) -> bool:
    return bool(row[NODE] != NONE and row[START] < end_s and start_s < row[END])


@inner
def _shift(sheet: Sheet, seeds: Seeds, unit: int, out_genes: Genes, out_places: Ints) -> None:
    """Move a unit in the list, far or near; what it waits for, or waits for it, goes along."""
    count = len(out_places)
    place = below(seeds, count)
    if below(seeds, 2):
        reach = 1 + below(seeds, 8)
        place = max(0, min(count - 1, out_places[unit] - reach + below(seeds, 2 * reach + 1)))
    if place < out_places[unit]:
        _move_ahead(sheet, unit, place, out_genes, out_places)
    elif place > out_places[unit]:
        _move_behind(sheet, unit, place, out_genes, out_places)


@inner
def _shift_ahead(sheet: Sheet, seeds: Seeds, unit: int, out_genes: Genes, out_places: Ints) -> None:
    """Move a unit ahead in the list, with what it waits for."""
    if out_places[unit] > 0:
        _move_ahead(sheet, unit, below(seeds, out_places[unit]), out_genes, out_places)


@inner
def _move_ahead(sheet: Sheet, unit: int, place: int, out_genes: Genes, out_places: Ints) -> None:
    """Move a unit to a place ahead of it; those between that it waits for come before it."""
    order, stays = out_genes.order, out_genes.room
    at = out_places[unit]
    # Those that go along are gathered at the end of the stretch, the rest aside.
    end = at
    stays_count = 0
    for k in range(at, place - 1, -1):
        other = order[k]
        if other == unit or _is_awaited(sheet, other, out_places, end, at, order):
            order[end] = other
            out_places[other] = end
            end -= 1
        else:
            stays[stays_count] = other
            stays_count += 1
    # They stand at the end of the stretch now, in order: move them to its head.
    moved = at - end
    for k in range(moved):
        order[place + k] = order[end + 1 + k]
        out_places[order[place + k]] = place + k
    for k in range(stays_count):
        other = stays[stays_count - 1 - k]
        order[place + moved + k] = other
        out_places[other] = place + moved + k


@inner
def _is_awaited(sheet: Sheet, unit: int, places: Ints, first: int, last: int, order: Ints) -> bool:
    """Tell whether one of the units that stand after one place, up to another, waits for a unit."""
    for side in range(2):
        task = sheet.units[unit, side]
        if task == NONE:
            continue
        for k in range(sheet.behind_starts[task], sheet.behind_starts[task + 1]):
            after = sheet.tasks[sheet.behind[k], UNIT]
            if after != NONE and first < places[after] <= last and order[places[after]] == after:
                return True
    return False


@inner
def _move_behind(sheet: Sheet, unit: int, place: int, out_genes: Genes, out_places: Ints) -> None:
    """Move a unit to a place behind it; those between that wait for it come after it."""
    order, goes = out_genes.order, out_genes.room
    at = out_places[unit]
    goes_count, end = 0, at
    for k in range(at, place + 1):
        other = order[k]
        if other == unit or _waits_for(sheet, other, goes, goes_count):
            goes[goes_count] = other
            goes_count += 1
        else:
            order[end] = other
            out_places[other] = end
            end += 1
    for k in range(goes_count):
        order[end + k] = goes[k]
        out_places[goes[k]] = end + k


@inner
def _waits_for(sheet: Sheet, unit: int, others: Ints, count: int) -> bool:
    """Tell whether a unit waits for one of some others."""
    for side in range(2):
        task = sheet.units[unit, side]
        if task == NONE:
            continue
        for k in range(sheet.before_starts[task], sheet.before_starts[task + 1]):
            before = sheet.tasks[sheet.before[k, 0], UNIT]
            for i in range(count):
                if others[i] == before:
                    return True
    return False
