"""Stages: boards as they were part of the way through a list, from which a like list goes on.

A list that was changed a little gives the same plan as before up to the first change, and to copy a
board takes no more than a tenth of the time in which one unit is placed.
"""

from typing import Any, NamedTuple

import numpy as np

from lunaredge.kernels.jit import Ints, inner
from lunaredge.kernels.schedule_board import LATE, Board, copy_board
from lunaredge.kernels.schedule_build import (
    HELD_COLUMNS,
    Genes,
    begin_list,
    hope_of,
    place_unit,
)
from lunaredge.kernels.schedule_ledger import Ledgers
from lunaredge.kernels.schedule_meters import Meters
from lunaredge.kernels.schedule_sheet import NONE, Sheet

_STAGES_MAX = 16
_KEEP, _TAKE = range(2)


class Stages(NamedTuple):
    """Boards of one list, each as it was before some unit's turn.

    boards : a board of which each array has one more axis, the first: by stage
    helds  : int64 (S, T, 4)  what is booked early then, see `Genes`
    known  : int64 (1,)       how many of them are there so far
    """

    boards: Board
    helds: Ints
    known: Ints


def no_stages(sheet: Sheet, base: Board) -> Stages:
    """Make room for the stages of a list."""
    stage_count = max(1, min(_STAGES_MAX, len(sheet.units)))
    return Stages(
        boards=_stacked(base, stage_count),
        helds=np.zeros((stage_count, len(sheet.tasks), HELD_COLUMNS), dtype=np.int64),
        known=np.zeros(1, dtype=np.int64),
    )


def _stacked(tree: Any, count: int) -> Any:
    if isinstance(tree, np.ndarray):
        return np.zeros((count, *tree.shape), dtype=np.int64)
    return type(tree)(*(_stacked(branch, count) for branch in tree))


@inner
def build(
    sheet: Sheet,
    base: Board,
    stages: Stages,
    now: Genes,
    genes: Genes,
    haste_w: float,
    late_limit: int,
    out_board: Board,
) -> bool:
    """Make a plan; False if it is given up since its tardiness is bound to pass the limit.

    ``base`` holds what is fixed. Open choices count ``haste_w`` for each second until the end.
    ``stages`` are of the genes ``now``: as far as the others are like them nothing is placed anew.
    """
    count, same = len(genes.order), _first_change(sheet, now, genes)
    stage = stages.known[0] - 1
    while stage >= 0 and _turn_of(stages, stage, count) > same:
        stage -= 1
    first = 0
    if stage >= 0:
        _take_stage(stages, stage, out_board, genes.held)
        first = _turn_of(stages, stage, count)
    else:
        copy_board(base, out_board)
        begin_list(genes)
    stage += 1
    hope = 0
    for k in range(first, count):
        hope += hope_of(sheet, genes.order[k])
    for k in range(first, count):
        if k <= same and stage < len(stages.helds) and k == _turn_of(stages, stage, count):
            _keep_stage(stages, stage, out_board, genes.held)
            stage += 1
        hope -= hope_of(sheet, genes.order[k])
        place_unit(sheet, out_board, genes, genes.order[k], haste_w)
        if out_board.score[LATE] - hope > late_limit:
            return False
    return True


@inner
def drop_stages(sheet: Sheet, stages: Stages, now: Genes, genes: Genes) -> None:
    """Keep only the stages that are of other genes too."""
    same = _first_change(sheet, now, genes)
    while stages.known[0] and _turn_of(stages, stages.known[0] - 1, len(now.order)) > same:
        stages.known[0] -= 1


@inner
def _turn_of(stages: Stages, stage: int, unit_count: int) -> int:
    """Give before whose turn a stage is."""
    return stage * unit_count // len(stages.helds)


@inner
def _keep_stage(stages: Stages, stage: int, board: Board, held: Ints) -> None:
    """Keep a board as a stage, the last for now."""
    _copy_stage(stages, stage, board, _KEEP)
    _copy_held(held, stages.helds[stage])
    stages.known[0] = stage + 1


@inner
def _take_stage(stages: Stages, stage: int, out_board: Board, out_held: Ints) -> None:
    """Make a board as it was at a stage."""
    _copy_stage(stages, stage, out_board, _TAKE)
    _copy_held(stages.helds[stage], out_held)


@inner
def _copy_held(source: Ints, out_target: Ints) -> None:
    for t in range(len(source)):
        for c in range(HELD_COLUMNS):
            out_target[t, c] = source[t, c]


@inner
def _copy_stage(stages: Stages, stage: int, board: Board, way: int) -> None:
    boards, shared, owned = stages.boards, stages.boards.shared, stages.boards.owned
    one = Board(
        boards.rows[stage],
        boards.lines[stage],
        Meters(
            shared.steps[stage],
            shared.blocks[stage],
            shared.found[stage],
            shared.limits[stage],
            shared.pool[stage],
        ),
        Ledgers(
            owned.steps[stage],
            owned.used[stage],
            owned.found[stage],
            owned.room[stage],
            owned.pool[stage],
        ),
        boards.score[stage],
    )
    if way == _KEEP:
        copy_board(board, one)
    else:
        copy_board(one, board)


@inner
def _first_change(sheet: Sheet, one: Genes, other: Genes) -> int:
    """Give the first turn in which what is made of two genes may differ."""
    for k in range(len(one.order)):
        unit = one.order[k]
        task = one.early[unit]
        if (
            unit != other.order[k]
            or one.turned[unit] != other.turned[unit]
            or task != other.early[unit]
            or (task != NONE and _differs(one, other, task))
        ):
            return k
        for side in range(2):
            task = sheet.units[unit, side]
            if task != NONE and _differs(one, other, task):
                return k
    return len(one.order)


@inner
def _differs(one: Genes, other: Genes, task: int) -> bool:
    return bool(
        one.nodes[task] != other.nodes[task]
        or one.chargers[task] != other.chargers[task]
        or one.late[task] != other.late[task]
    )
