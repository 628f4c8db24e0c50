"""Plans made from a list: each unit in its turn is put where it can be done the soonest.

A serial schedule generation scheme (Kolisch 1996) on which the search walks: a list of units in
which no unit comes before one that it waits for, and for each task a node and a charger, or the
best there is. Every plan that can't be made any sooner at one place alone is the plan of some list.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_board import (
    CHARGER,
    LAST,
    LATE,
    NODE,
    Board,
    copy_board,
    put,
    released_s,
    take,
    unplaced_late,
)
from lunaredge.kernels.schedule_choice import Choice, best_node, chosen
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_sheet import NEVER, NONE, Sheet

ANY = -1
"""The node of a task that may go wherever it is best."""

# A hand-over waits for light, posts and machines on both sides, one after the other.
_ROUNDS_MAX = 32


class Genes(NamedTuple):
    """From what a plan is made.

    order    : int64 (U,)  units
    nodes    : int64 (T,)  nodes; ANY = the best
    chargers : int64 (T,)  chargers to go to before; AUTOMATIC = if need be
    turned   : int64 (U,)  whether the second task of a pair has the first choice of posts and power
    room     : int64 (U,)  for moves
    """

    order: Ints
    nodes: Ints
    chargers: Ints
    turned: Ints
    room: Ints


def free_genes(sheet: Sheet, order: Ints) -> Genes:
    """Make genes of a list that leave every choice open."""
    return Genes(
        order=order,
        nodes=np.full(len(sheet.tasks), ANY, dtype=np.int64),
        chargers=np.full(len(sheet.tasks), AUTOMATIC, dtype=np.int64),
        turned=np.zeros(len(order), dtype=np.int64),
        room=np.zeros(len(order), dtype=np.int64),
    )


@inner
def copy_genes(source: Genes, out_target: Genes) -> None:
    """Make genes like others."""
    for k in range(len(source.order)):
        out_target.order[k] = source.order[k]
        out_target.turned[k] = source.turned[k]
    for t in range(len(source.nodes)):
        out_target.nodes[t] = source.nodes[t]
        out_target.chargers[t] = source.chargers[t]


@inner
def note_choices(board: Board, out_genes: Genes) -> None:
    """Write what has become of the open choices into the genes."""
    for t in range(len(board.rows)):
        if board.rows[t, NODE] != NONE:
            out_genes.nodes[t] = board.rows[t, NODE]
            out_genes.chargers[t] = board.rows[t, CHARGER]


@inner
def build(
    sheet: Sheet, base: Board, genes: Genes, haste_w: float, late_limit: int, out_board: Board
) -> bool:
    """Make a plan; False if it is given up since its tardiness is bound to pass the limit.

    ``base`` holds what is fixed. Open choices count ``haste_w`` for each second until the end.
    """
    copy_board(base, out_board)
    open_late = 0
    for k in range(len(genes.order)):
        open_late += _open_late(sheet, genes.order[k])
    for k in range(len(genes.order)):
        open_late -= _open_late(sheet, genes.order[k])
        place_unit(sheet, out_board, genes, genes.order[k], haste_w)
        if out_board.score[LATE] - open_late > late_limit:
            return False
    return True


@inner
def _open_late(sheet: Sheet, unit: int) -> int:
    """Give by how much tasks that are still to be tried may bring the tardiness down."""
    late = unplaced_late(sheet, sheet.units[unit, 0])
    if sheet.units[unit, 1] != NONE:
        late += unplaced_late(sheet, sheet.units[unit, 1])
    return late


@inner
def place_unit(sheet: Sheet, board: Board, genes: Genes, unit: int, haste_w: float) -> None:
    """Put the tasks of a unit on the board, if they can be."""
    one, other = sheet.units[unit, 0], sheet.units[unit, 1]
    if other != NONE:
        pair = (other, one) if genes.turned[unit] else (one, other)
        _place_pair(sheet, board, genes, pair, haste_w)
        return
    earliest_s = released_s(sheet, board, one)
    if earliest_s >= NEVER:
        return
    choice = _choose(sheet, board, genes, one, earliest_s, NONE, haste_w)
    if choice.node != NONE:
        put(sheet, board, one, choice.node, board.lines[choice.node, LAST], choice.fit)


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
    """Give the node that the genes name, if it will do, or else the best; but for one node."""
    wanted = genes.nodes[task]
    if wanted not in (ANY, without):
        choice = chosen(sheet, board, task, wanted, earliest_s, genes.chargers[task])
        if choice.node != NONE:
            return choice
    return best_node(sheet, board, task, earliest_s, without, haste_w)


@inner
def _place_pair(
    sheet: Sheet, board: Board, genes: Genes, pair: tuple[int, int], haste_w: float
) -> None:
    """Put two tasks that start together on the board, or none of them.

    The first has the choice of nodes, then the second. If the first can't wait there until the
    second can start, it chooses again for then.
    """
    one, other = pair
    start_s = max(released_s(sheet, board, one), released_s(sheet, board, other))
    for _ in range(_ROUNDS_MAX):
        if start_s >= NEVER:
            return
        first = _choose(sheet, board, genes, one, start_s, NONE, haste_w)
        if first.node == NONE:
            return
        put(sheet, board, one, first.node, board.lines[first.node, LAST], first.fit)
        begin_s = first.fit.start
        second = _choose(sheet, board, genes, other, begin_s, first.node, haste_w)
        if second.node != NONE and second.fit.start == begin_s:
            put(sheet, board, other, second.node, board.lines[second.node, LAST], second.fit)
            return
        take(sheet, board, one)
        start_s = second.fit.start if second.node != NONE else NEVER
