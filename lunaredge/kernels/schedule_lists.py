"""The search over lists: each step changes the list a little and makes the whole plan anew.

That moves charges, loads of the bus and work all at once, as moves on the board can't; and it costs
as much as the plan is long. So it is for small sites.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, inner, kernel
from lunaredge.kernels.mapf_agents import Seeds, below
from lunaredge.kernels.schedule_board import COST, LATE, Board, copy_rows
from lunaredge.kernels.schedule_build import Genes, copy_genes, free_genes, note_choices
from lunaredge.kernels.schedule_memory import (
    Memory,
    begin_again,
    drawn_haste,
    end_step,
    keeps,
    late_limit,
    memory_of,
    restarts_of,
    take_up,
)
from lunaredge.kernels.schedule_moves import change, scramble
from lunaredge.kernels.schedule_sheet import Sheet
from lunaredge.kernels.schedule_stages import Stages, build, drop_stages, no_stages


class Lists(NamedTuple):
    """What the search over lists works with.

    now, trial, best : genes of the present plan, of the one that is tried, of the best one
    rows, best_rows  : int64 (T, 11)  the present and the best plan
    places           : int64 (U,)     where each unit is in the trial's list
    stages           : of the present list
    board            : of the trial
    """

    now: Genes
    trial: Genes
    best: Genes
    rows: Ints
    best_rows: Ints
    places: Ints
    stages: Stages
    board: Board
    memory: Memory


def lists_from(sheet: Sheet, genes: Genes, board: Board, spare: Board) -> Lists:
    """Begin with the plan on a board, which the genes gave; ``spare`` is another board."""
    orders = [genes.order.copy() for _ in range(3)]
    now, trial, best = (free_genes(sheet, order) for order in orders)
    note_choices(board, now)
    copy_genes(now, best)
    return Lists(
        now=now,
        trial=trial,
        best=best,
        rows=board.rows.copy(),
        best_rows=board.rows.copy(),
        places=np.zeros(len(genes.order), dtype=np.int64),
        stages=no_stages(sheet, spare),
        board=spare,
        memory=memory_of(int(board.score[LATE]), int(board.score[COST])),
    )


@kernel
def improve_lists(
    sheet: Sheet, base: Board, out_lists: Lists, seeds: Seeds, haste_w: float, step_count: int
) -> None:
    """Try so many changes. Open choices count around ``haste_w`` for each second until the end."""
    lists, memory, score = out_lists, out_lists.memory, out_lists.board.score
    for _ in range(step_count):
        _draw_trial(sheet, lists, seeds)
        haste = drawn_haste(seeds, haste_w)
        is_whole = _build_trial(sheet, base, lists, haste, late_limit(memory))
        if is_whole and keeps(memory, score[LATE], score[COST]):
            _take_trial(sheet, lists)
        if end_step(memory, len(sheet.units)):
            _restart(sheet, base, lists, seeds, haste)


@inner
def _draw_trial(sheet: Sheet, lists: Lists, seeds: Seeds) -> None:
    """Change the present list a little; now and then in several ways."""
    copy_genes(lists.now, lists.trial)
    _find_places(lists)
    restarts = restarts_of(lists.memory)
    change(sheet, lists.rows, seeds, restarts, lists.trial, lists.places)
    while below(seeds, 4) == 0:
        change(sheet, lists.rows, seeds, restarts, lists.trial, lists.places)


@inner
def _find_places(lists: Lists) -> None:
    for k in range(len(lists.places)):
        lists.places[lists.trial.order[k]] = k


@inner
def _build_trial(sheet: Sheet, base: Board, lists: Lists, haste_w: float, late_limit: int) -> bool:
    return build(
        sheet, base, lists.stages, lists.now, lists.trial, haste_w, late_limit, lists.board
    )


@inner
def _take_trial(sheet: Sheet, lists: Lists) -> None:
    """Make the plan that was tried the present one, and the best if it is."""
    drop_stages(sheet, lists.stages, lists.now, lists.trial)
    note_choices(lists.board, lists.trial)
    copy_genes(lists.trial, lists.now)
    copy_rows(lists.board.rows, lists.rows)
    if take_up(lists.memory, lists.board.score[LATE], lists.board.score[COST]):
        copy_genes(lists.now, lists.best)
        copy_rows(lists.board.rows, lists.best_rows)


@inner
def _restart(sheet: Sheet, base: Board, lists: Lists, seeds: Seeds, haste_w: float) -> None:
    """Begin again: by turns from any list, and from the best one, changed in many ways."""
    copy_genes(lists.best, lists.trial)
    _find_places(lists)
    restarts = restarts_of(lists.memory)
    if restarts % 2 == 0:
        scramble(sheet, seeds, lists.trial, lists.places)
    for _ in range(2 + below(seeds, 2 + len(lists.places) // 4)):
        change(sheet, lists.best_rows, seeds, 1 + restarts, lists.trial, lists.places)
    _build_trial(sheet, base, lists, haste_w, np.iinfo(np.int64).max)
    _take_trial(sheet, lists)
    begin_again(lists.memory)
