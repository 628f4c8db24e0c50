"""The planner: a first plan at once, then better ones for as long as it is given.

Owns the search on one problem. It never reads a clock: when it is over, the caller says.
"""

from collections.abc import Callable

import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Ints
from lunaredge.kernels.mapf_agents import seeds_from
from lunaredge.kernels.schedule_board import COST, NODE, Board
from lunaredge.kernels.schedule_build import Genes, free_genes
from lunaredge.kernels.schedule_lists import improve_lists, lists_from
from lunaredge.kernels.schedule_sheet import NONE, Sheet
from lunaredge.kernels.schedule_start import place_some, urgencies
from lunaredge.kernels.schedule_walk import improve_walk, walk_from
from lunaredge.placement.asked import counted, planned
from lunaredge.placement.bound import hopeless, lower_bound
from lunaredge.placement.check import check
from lunaredge.placement.plan import Plan, Score
from lunaredge.placement.problem import Problem
from lunaredge.placement.readout import read_plan
from lunaredge.placement.sheet import board_of, copied, numbers_of, sheet_of
from lunaredge.placement.start import genes_like, hastened, kept
from lunaredge.placement.travel import Travel
from lunaredge.placement.waits import with_waits

_PLACE = "planner"
# Up to here making the plan anew beats moving parts of it (x86-64, 2026-11: at 200 units after a
# second by 0 to 4 %, at 20 by 20 % where all wait for one charger; at 2,000 it finds nothing).
LISTS_UNITS_MAX = 400
# Between two looks at the clock lies about a third of a millisecond; in a first plan the more the
# larger the site, since each unit is tried on each node.
_SLICE_UNITS, _SLICE_MOVES = 500, 10
_FIRST_SLICE_PAIRS, _FIRST_SLICE_MIN = 400_000, 20
# Each list of 10,000 units takes half a second.
_SECOND_LIST_UNITS_MAX = 4_000
# Where in the list what was left out has its turn the next time, of where it had it: who goes first
# by far makes heavier ones late.
_HASTENED_TO = (0.6, 0.0, 0.0, 0.0)


def never() -> bool:
    """Tell that it is not over."""
    return False


class Planner:
    """Plans one problem; the first plan is there once it is made."""

    def __init__(
        self,
        problem: Problem,
        travel: Travel | None = None,
        *,
        start: Plan | None = None,
        seed: int = 1,
        is_over: Callable[[], bool] = never,
        is_whole: bool = False,
    ) -> None:
        """Make the first plan, from the one to start with if that is no worse.

        If it is over before all tasks have had their turn, the others are not placed for now;
        unless the plan is to be whole, however long that takes.

        Raises:
            ConfigError: a value of the problem is wrong, or an argument.
        """
        if start is not None:
            planned(_PLACE, "start", start)
        self._travel = Travel() if travel is None else travel
        self._problem = check(problem, self._travel)
        self._sheet = sheet_of(self._problem, self._travel, numbers_of(self._problem, self._travel))
        self._base = board_of(self._problem, self._sheet)
        self._seeds = seeds_from(counted(_PLACE, "seed", seed))
        self._haste_w = _typical_w(self._sheet.modes)
        genes, board = self._first(start, is_over, never if is_whole else is_over)
        is_small = len(self._sheet.units) <= LISTS_UNITS_MAX
        self._lists = (
            lists_from(self._sheet, genes, board, copied(self._base)) if is_small else None
        )
        self._walk = None if is_small else walk_from(self._sheet, board)

    def improve(self, is_over: Callable[[], bool] = never, *, steps: int | None = None) -> int:
        """Look for better plans until it is over, or for so many steps; give the steps made.

        The same problem, seed and steps give the same plan.

        Raises:
            ConfigError: nothing says when to stop, or no such number of steps.
        """
        if steps is not None:
            counted(_PLACE, "steps", steps)
        elif is_over is never:
            remedy = "give is_over, or steps"
            raise ConfigError(
                "nothing says when to stop", place=_PLACE, key="steps", value=None, remedy=remedy
            )
        done, unit_count = 0, len(self._sheet.units)
        if unit_count == 0 or not self._problem.nodes:
            return 0
        slice_steps = max(1, _SLICE_UNITS // unit_count) if self._lists else _SLICE_MOVES
        while (steps is None or done < steps) and not is_over():
            count = slice_steps if steps is None else min(slice_steps, steps - done)
            self._improve(count)
            done += count
        return done

    @property
    def score(self) -> Score:
        """How good the best plan is."""
        search = self._lists or self._walk
        assert search is not None
        late_s, cost_j = search.memory.best.tolist()
        return Score(late_s=late_s, cost_j=cost_j)

    def plan(self) -> Plan:
        """Give the best plan that was found, and what each task waits for."""
        rows = self._best_rows().tolist()
        plan = read_plan(self._problem, self._travel, rows, self.score)
        return with_waits(self._problem, self._travel, plan)

    def bound(self, is_over: Callable[[], bool] = never, *, rounds: int = 100_000) -> Score:
        """Give a score that no plan is better than; see `bound.lower_bound`."""
        return lower_bound(self._sheet, self._base, is_over, counted(_PLACE, "rounds", rounds))

    def hopeless(self) -> tuple[str, ...]:
        """Name tasks that no plan can place: they count the same in the bound as in every plan."""
        return tuple(self._problem.tasks[t].id for t in hopeless(self._sheet, self._base))

    def _improve(self, step_count: int) -> None:
        sheet, base = self._sheet, self._base
        if self._lists is not None:
            improve_lists(sheet, base, self._lists, self._seeds, self._haste_w, step_count)
        if self._walk is not None:
            improve_walk(sheet, base, self._walk, self._seeds, self._haste_w, step_count)

    def _best_rows(self) -> Ints:
        if self._lists is not None:
            return self._lists.best_rows
        assert self._walk is not None
        return self._walk.board.rows if self._walk.is_best[0] else self._walk.best_rows

    def _first(
        self, start: Plan | None, is_over: Callable[[], bool], is_cut: Callable[[], bool]
    ) -> tuple[Genes, Board]:
        """Give the best of a few lists, and its plan; the first of them ends only if it is cut."""
        sheet = self._sheet
        orders = _orders(sheet)
        if len(sheet.units) > _SECOND_LIST_UNITS_MAX:
            orders = orders[:1]
        lists = [free_genes(sheet, order) for order in orders]
        if start is not None:
            lists.insert(0, genes_like(start, self._problem, sheet, orders[0]))
        found = [] if start is None else [(lists[0], self._board_kept(start, orders[0], is_cut))]
        found += [(lists[0], self._board_of(lists[0], is_cut))]
        found += [(one, self._board_of(one, is_over)) for one in lists[1:] if not is_over()]
        best = min(found, key=_score_of)
        if len(sheet.units) > _SECOND_LIST_UNITS_MAX:
            return best
        genes, board = best
        for share in _HASTENED_TO:
            if is_over() or (board.rows[sheet.units[:, 0], NODE] != NONE).all():
                break
            genes = free_genes(sheet, hastened(sheet, genes.order, board.rows, share))
            board = self._board_of(genes, is_over)
            best = min(best, (genes, board), key=_score_of)
        return best

    def _board_kept(self, start: Plan, order: Ints, is_over: Callable[[], bool]) -> Board:
        """Make the plan to start with, as far as it still holds; the rest comes behind."""
        board = copied(self._base)
        kept(start, self._problem, self._sheet, board)
        out = [unit for unit in order if board.rows[self._sheet.units[unit, 0], NODE] == NONE]
        self._place(free_genes(self._sheet, np.array(out, dtype=np.int64)), is_over, board)
        return board

    def _board_of(self, genes: Genes, is_over: Callable[[], bool]) -> Board:
        """Make the plan of a list."""
        board = copied(self._base)
        self._place(genes, is_over, board)
        return board

    def _place(self, genes: Genes, is_over: Callable[[], bool], out_board: Board) -> None:
        """Put units on a board by their list, until it is over."""
        count = len(genes.order)
        width = min(_SLICE_UNITS, max(_FIRST_SLICE_MIN, _FIRST_SLICE_PAIRS // max(1, count)))
        for first in range(0, count, width):
            place_some(self._sheet, genes, self._haste_w, first, first + width, out_board)
            if is_over():
                break


def _score_of(pair: tuple[Genes, Board]) -> tuple[int, ...]:
    return tuple(pair[1].score[: COST + 1].tolist())


def _orders(sheet: Sheet) -> list[Ints]:
    """Give the units by either urgency, and no unit before one that it waits for."""
    keys = urgencies(sheet)
    return [np.lexsort((np.arange(keys.shape[1]), key)).astype(np.int64) for key in keys]


def _typical_w(modes: Ints) -> float:
    """Give the joules that tasks take for each second, over all their modes; never 0."""
    modes = modes[modes[:, :, 0] > 0]
    return 1.0 + float(modes[:, 1].sum()) / max(1.0, float(modes[:, 0].sum()))
