"""Plans made from a list: each unit in its turn is put where it can be done the soonest.

A serial schedule generation scheme (Kolisch 1996) on which the search walks: a list of units in
which no unit comes before one that it waits for, and for each task a node and a charger, or the
best there is. A charge comes with the task behind it, so that a list can't tell two things: that a
charge has posts and power before tasks which its own task waits for, and that it is made later than
it could be, with less left in the battery, so that more is left in the end. For either is a gene.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_board import (
    LAST,
    NODE,
    Board,
    book_charge,
    put,
    released_s,
    state_after,
    take,
    unplaced_late,
)
from lunaredge.kernels.schedule_choice import Choice, best_node, chosen
from lunaredge.kernels.schedule_fit import AUTOMATIC, charge_at, postponed
from lunaredge.kernels.schedule_sheet import (
    MOVER,
    NEVER,
    NONE,
    UNIT,
    Sheet,
    is_pinned_to,
    suits,
)

ANY = -1
"""The node of a task that may go wherever it is best."""

HELD_COLUMNS = 4
"""Columns of what is booked early, see `Genes`."""

# A hand-over waits for light, posts and machines on both sides, one after the other.
_ROUNDS_MAX = 32
_HAD_ITS_TURN = -2


class Genes(NamedTuple):
    """From what a plan is made.

    order    : int64 (U,)  units
    nodes    : int64 (T,)  nodes; ANY = the best
    chargers : int64 (T,)  chargers to go to before; AUTOMATIC = if need be
    late     : int64 (T,)  whether the charge before is made as late as the task's start allows
    turned   : int64 (U,)  whether the second task of a pair has the first choice of posts and power
    early    : int64 (U,)  the task whose charge is booked when it is a unit's turn; -1 = none
    held     : int64 (T, 4)  what is booked early by now: charger (-1 = none; -2 = the task has had
               its turn), start, end, node
    room     : int64 (U,)  for moves
    """

    order: Ints
    nodes: Ints
    chargers: Ints
    late: Ints
    turned: Ints
    early: Ints
    held: Ints
    room: Ints


def free_genes(sheet: Sheet, order: Ints) -> Genes:
    """Make genes of a list that leave every choice open."""
    return Genes(
        order=order,
        nodes=np.full(len(sheet.tasks), ANY, dtype=np.int64),
        chargers=np.full(len(sheet.tasks), AUTOMATIC, dtype=np.int64),
        late=np.zeros(len(sheet.tasks), dtype=np.int64),
        turned=np.zeros(len(sheet.units), dtype=np.int64),
        early=np.full(len(sheet.units), NONE, dtype=np.int64),
        held=np.full((len(sheet.tasks), HELD_COLUMNS), NONE, dtype=np.int64),
        room=np.zeros(len(order), dtype=np.int64),
    )


@inner
def copy_genes(source: Genes, out_target: Genes) -> None:
    """Make genes like others."""
    for k in range(len(source.order)):
        out_target.order[k] = source.order[k]
        out_target.turned[k] = source.turned[k]
        out_target.early[k] = source.early[k]
    for t in range(len(source.nodes)):
        out_target.nodes[t] = source.nodes[t]
        out_target.chargers[t] = source.chargers[t]
        out_target.late[t] = source.late[t]


@inner
def note_choices(board: Board, out_genes: Genes) -> None:
    """Write to which nodes tasks went into the genes.

    Not their charges: where others come before them these may be of no use any more.
    """
    for t in range(len(board.rows)):
        if board.rows[t, NODE] != NONE:
            out_genes.nodes[t] = board.rows[t, NODE]


@inner
def begin_list(genes: Genes) -> None:
    """Book nothing early yet, before the first unit of a list is placed."""
    for t in range(len(genes.held)):
        genes.held[t, 0] = NONE


@inner
def hope_of(sheet: Sheet, unit: int) -> int:
    """Give by how much placing a unit may bring the tardiness down at the most."""
    late = unplaced_late(sheet, sheet.units[unit, 0])
    if sheet.units[unit, 1] != NONE:
        late += unplaced_late(sheet, sheet.units[unit, 1])
    return late


@inner
def place_unit(sheet: Sheet, board: Board, genes: Genes, unit: int, haste_w: float) -> None:
    """Put the tasks of a unit on the board, if they can be."""
    one, other = sheet.units[unit, 0], sheet.units[unit, 1]
    if genes.early[unit] != NONE:
        _hold(sheet, board, genes, genes.early[unit])
    _release(sheet, board, genes, one)
    if other != NONE:
        _release(sheet, board, genes, other)
        first, second = (other, one) if genes.turned[unit] else (one, other)
        # Who has the first choice may take the only node that the other could have.
        if not _place_pair(sheet, board, genes, (first, second), haste_w):
            _place_pair(sheet, board, genes, (second, first), haste_w)
        return
    earliest_s = released_s(sheet, board, one)
    if earliest_s >= NEVER:
        return
    choice = _choose(sheet, board, genes, one, earliest_s, NONE, haste_w)
    if choice.node != NONE:
        _put(sheet, board, genes, one, choice)


@inner
def _hold(sheet: Sheet, board: Board, genes: Genes, task: int) -> None:
    """Book the charge before a task as if it were its turn, until it is."""
    node, charger = genes.nodes[task], genes.chargers[task]
    if (
        ANY in (node, charger)
        or sheet.nodes[node, MOVER] < 0
        or sheet.tasks[task, UNIT] == NONE
        or genes.held[task, 0] != NONE
    ):
        return
    at = state_after(sheet, board, node, board.lines[node, LAST])
    charge = charge_at(sheet, board, node, at, charger, 0)
    if charge.end != NONE:
        held = genes.held[task]
        held[0], held[1], held[2], held[3] = charger, charge.start, charge.end, node
        book_charge(sheet, board, node, held, 1)


@inner
def _release(sheet: Sheet, board: Board, genes: Genes, task: int) -> None:
    """Free what was booked early, since it is a task's turn."""
    held = genes.held[task]
    if held[0] >= 0:
        book_charge(sheet, board, held[3], held, -1)
    held[0] = _HAD_ITS_TURN


@inner
def _choose(
    sheet: Sheet,
    board: Board,
    genes: Genes,
    task: int,
    earliest_s: int,
    without: int,
    haste_w: float,
) -> Choice:
    """Give the node that the genes name, if it will do, or else the best; but for one node.

    Which is the best is not asked for the charger that they name.
    """
    wanted = genes.nodes[task]
    if wanted not in (ANY, without):
        choice = chosen(sheet, board, task, wanted, earliest_s, genes.chargers[task])
        if choice.node != NONE:
            return choice
    best = best_node(sheet, board, task, earliest_s, without, haste_w)
    if best.node == NONE or genes.chargers[task] == AUTOMATIC:
        return best
    return chosen(sheet, board, task, best.node, earliest_s, genes.chargers[task])


@inner
def _put(sheet: Sheet, board: Board, genes: Genes, task: int, choice: Choice) -> None:
    """Put a task where that was chosen."""
    node, fit = choice.node, choice.fit
    last = board.lines[node, LAST]
    if genes.late[task] and fit.charger != NONE:
        fit = postponed(sheet, board, task, node, last, fit)
    put(sheet, board, task, node, last, fit)


@inner
def _place_pair(
    sheet: Sheet, board: Board, genes: Genes, pair: tuple[int, int], haste_w: float
) -> bool:
    """Put two tasks that start together on the board, or none of them.

    The first has the choice of nodes, then the second. If the first can't wait there until the
    second can start, it chooses again for then. False: it took what the second could have had, and
    left nothing else.
    """
    one, other = pair
    start_s = max(released_s(sheet, board, one), released_s(sheet, board, other))
    for k in range(_ROUNDS_MAX):
        if start_s >= NEVER:
            return True
        first = _choose(sheet, board, genes, one, start_s, NONE, haste_w)
        if first.node == NONE:
            return True
        _put(sheet, board, genes, one, first)
        begin_s = first.fit.start
        second = _choose(sheet, board, genes, other, begin_s, first.node, haste_w)
        if second.node != NONE and second.fit.start == begin_s:
            _put(sheet, board, genes, other, second)
            return True
        take(sheet, board, one)
        if second.node == NONE:
            is_wanted = is_pinned_to(sheet, other, first.node) and suits(sheet, other, first.node)
            return k > 0 or not is_wanted
        start_s = second.fit.start
    return True
