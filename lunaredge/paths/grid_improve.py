"""Make a plan of many machines cheaper for as long as there is time.

First a plan from nothing, one machine after the other, where that works; then groups of machines
anew, again and again. The work is cut into slices, and between two of them the clock may be looked
at by whoever owns one.
"""

from collections.abc import Callable

import numpy as np

from lunaredge.kernels import mapf_boards, mapf_fields, mapf_improve, mapf_priority
from lunaredge.kernels.jit import Flags, Shorts
from lunaredge.kernels.mapf_agents import Seeds
from lunaredge.kernels.mapf_boards import Boards
from lunaredge.kernels.mapf_improve import Improver

World = tuple[Shorts, Shorts]

# Above it a plan is not improved: a larger map than any of the benchmark's, or an endless plan.
BOARD_BYTES_MAX = 1 << 30
# Words of boards that a slice reads: 2 to 5 ms.
_SLICE_WORK = 250_000
# How often machines without a path may push others off their way before that is given up: an
# eighth of their number, and a few. Where that is not enough, more seldom is either.
_MACHINES_PER_PUSH = 8
_PUSHES_MIN = 8


class Budget:
    """Slices that may be spent, and a clock that may end it earlier."""

    __slots__ = ("_is_over", "_slices", "spent")

    def __init__(self, *, slices: int, is_over: Callable[[], bool]) -> None:
        """Take what there is."""
        self._slices = slices
        self._is_over = is_over
        self.spent = 0

    def spend(self) -> bool:
        """Take a slice if there is one left."""
        if self.spent >= self._slices or self._is_over():
            return False
        self.spent += 1
        return True


def improve_plan(world: World, free: Flags, plan: Shorts, seeds: Seeds, budget: Budget) -> Shorts:
    """Give a plan that costs no more, int32 (T + 1, A) in numbers of free cells.

    world : cells and fields, see `mapf_fields`
    """
    least = int(mapf_fields.distances(world[0], world[1], plan[0]).sum())
    first = int(mapf_boards.arrivals(plan).sum())
    size_bytes = mapf_boards.board_bytes(free, len(plan) - 1)
    if first == least or size_bytes > BOARD_BYTES_MAX or not budget.spend():
        return plan
    boards = mapf_boards.boards_of(free, plan)
    improver = mapf_improve.improver_of(boards)
    is_placed = _start_afresh(world, boards, improver, seeds, budget)
    if not is_placed or int(boards.costs.sum()) > first:
        if not budget.spend():
            return plan
        boards = mapf_boards.boards_of(free, plan)
    while int(boards.costs.sum()) > least and budget.spend():
        mapf_improve.improve(world, boards, improver, seeds, _SLICE_WORK)
    return boards.plan[: int(boards.costs.max()) + 1]


def _start_afresh(
    world: World, boards: Boards, improver: Improver, seeds: Seeds, budget: Budget
) -> bool:
    """Plan everybody from nothing on the boards; False when it failed and they hold no plan.

    Who has the shortest way goes first: it is soon out of the way, where the others would have to
    let it wait until all of them had crossed its goal.
    """
    lengths = mapf_fields.distances(world[0], world[1], boards.plan[0])
    order = np.argsort(lengths, kind="stable").astype(np.int32)
    placed = np.ones(len(order), dtype=np.bool_)
    mapf_priority.take_off(boards, placed)
    for _ in range(_PUSHES_MIN + len(order) // _MACHINES_PER_PUSH):
        stuck = -1
        while stuck < 0 and not placed.all():
            if not budget.spend():
                return False
            stuck = mapf_priority.place_in_turn(
                world, boards, improver.sheet, seeds, (order, placed), _SLICE_WORK
            )
        if stuck < 0:
            return True
        mapf_priority.push_in(world, boards, seeds, stuck, placed)
    return False
