"""A better bound, and for small instances the cheapest plan and the proof that it is.

It goes on beside the search for good plans, in slices. First come the tasks' worths (`gap_worths`),
and a narrow beam (`gap_beam`); then windows of cost are searched for a plan, from the bound up
(`gap_tree`). A window without a plan lifts the bound; the first with one has the cheapest. Where a
window takes long, wider beams take turns with it.
"""

import enum
import math
from collections.abc import Callable

import numpy as np

from lunaredge.kernels.gap_beam import PLACE, SIZE, Beam, beam_of, best_of, widen
from lunaredge.kernels.gap_tree import LOOKS, Tree, branch, plant, tree_of
from lunaredge.kernels.gap_worths import VALUE, Knapsacks, fill, lift, weigh
from lunaredge.kernels.jit import Floats, Ints

# What fits into the time of one look in a tree: cells of a table that are filled, or weighed.
_CELLS_LOOK = 128
_WEIGHED_LOOK = 10
_LOOKS_SLICE = 4_000
# A window that took hardly more than the one before is followed by one that is twice as wide.
_GROWTH_SMALL = 1.5
_GROWTH_LARGE = 4.0
# A window that takes longer is followed by some that take far longer.
_LOOKS_NEAR = 300_000
_WIDTH_FIRST = 200
_WIDTH_GROWTH = 2
# Partial plans, all told: 32 MB.
_BEAM_MAX = 1 << 21
# Keeping a partial plan takes as long as so many looks in a tree.
_KEPT_LOOKS = 15


class Outlook(enum.Enum):
    """How soon there may be a proof."""

    OPEN = "open"
    NEAR = "near"
    FAR = "far"


class Proof:
    """The way to a proof, for the knapsacks of one instance; see `knapsacks_of`."""

    def __init__(self, knapsacks: Knapsacks) -> None:
        self._knapsacks = knapsacks
        self._costs = knapsacks.costs.copy()
        node_count, task_count = self._costs.shape
        finite = np.where(np.isfinite(self._costs), self._costs, -np.inf)
        self._dearest = float(finite.max(axis=0).sum())
        self._cells: int = int((knapsacks.capacities + 1).sum()) * task_count
        self._tree: Tree = tree_of(node_count, task_count)
        self._losses: Floats = np.zeros(self._costs.shape)
        self._value, self._start = 0.0, 0.0
        self._end: int | None = None
        self._weighed = 0
        self._window = 1
        self._looks_before = 0.0
        self._beam: Beam
        self._beam_width = _WIDTH_FIRST
        self._beam_looks = 0
        self._plan = self._tree.plan
        self._stage: Callable[[float], int] = self._lift
        self.bound = -(1 << 62)
        """What no plan with all tasks costs less than."""
        self.cost = math.inf
        """What the cheapest plan that was found costs: less than all that was known then."""
        self.is_over = False
        """Whether the bound is what the cheapest plan costs, or there is no plan."""

    def go_on(self, upper: float, looks: int) -> None:
        """Go on for about so many looks.

        upper : what the best plan costs that anybody has found; inf = none
        """
        while looks > 0 and not self.is_over:
            looks -= self._stage(min(upper, self.cost))
            self.is_over = self.bound >= min(upper, self.cost) or self.bound > self._dearest

    @property
    def outlook(self) -> Outlook:
        """How soon there may be a proof: near or far, by how large the trees are; else open."""
        if self._stage in (self._lift, self._weigh):
            return Outlook.OPEN
        return Outlook.NEAR if self._tree.counts[LOOKS] < _LOOKS_NEAR else Outlook.FAR

    def plan(self) -> Ints:
        """Give the plan that was found, int64 (T,)."""
        return self._plan

    def _lift(self, upper: float) -> int:
        looks = max(1, self._cells // _CELLS_LOOK)
        steps = max(1, _LOOKS_SLICE // looks)
        if lift(self._knapsacks, upper, steps):
            self._value = float(self._knapsacks.figures[VALUE])
            self.bound = math.ceil(self._value)
            fill(self._knapsacks, self._knapsacks.best)
            self._stage = self._weigh
        return steps * looks

    def _weigh(self, _upper: float) -> int:
        """Weigh the tasks for the next node; after the last, order them by what is at stake.

        What must be where it is comes first, since that makes no branches.
        """
        sacks = self._knapsacks
        weigh(sacks, sacks.best, self._weighed)
        self._weighed += 1
        if self._weighed == len(self._costs):
            self._losses = sacks.inside - sacks.outside + sacks.outside.sum(axis=0)
            second = np.sort(self._losses, axis=0)[min(1, len(self._costs) - 1)]
            sacks.order[:] = np.argsort(-second, kind="stable")
            self._stage = self._spread
        return 1 + self._cells // (len(self._costs) * _WEIGHED_LOOK)

    def _spread(self, upper: float) -> int:
        """Begin a beam for plans that cost less than the best known one."""
        self._bar(upper)
        self._beam = beam_of(self._knapsacks, self._beam_width, self._start)
        self._stage = self._widen
        return self._cells // _CELLS_LOOK + self._beam_width

    def _widen(self, upper: float) -> int:
        """Go on with the beam; after it comes the window of cost that is or will be open."""
        steps = max(1, _LOOKS_SLICE // _KEPT_LOOKS)
        before = int(self._beam.counts[PLACE])
        if widen(self._knapsacks, self._beam, upper, steps):
            cost, plan = best_of(self._knapsacks, self._beam)
            if cost < upper:
                self.cost, self._plan = cost, plan
            self._beam_width *= _WIDTH_GROWTH
            self._stage = self._open if self._end is None else self._return
        placed = int(self._beam.counts[PLACE]) - before
        looks = (1 + placed * int(max(1, self._beam.counts[SIZE]))) * _KEPT_LOOKS
        self._beam_looks += looks
        return looks

    def _open(self, upper: float) -> int:
        """Open the next window of cost, and plant a tree for it."""
        self._end = int(min(self.bound + self._window, upper))
        plant(self._knapsacks, self._tree, self._end)
        return self._return(upper)

    def _return(self, _upper: float) -> int:
        """Make ready for the tree: fill the tables as they were when it was planted."""
        assert self._end is not None
        self._bar(self._end)
        self._stage = self._search
        return 1 + self._cells // _CELLS_LOOK

    def _bar(self, upper: float) -> None:
        """Bar what would cost too much, and fill the tables."""
        sacks = self._knapsacks
        sacks.costs[:] = np.where(self._losses <= upper - 1 - self._value, self._costs, np.inf)
        self._start = fill(sacks, sacks.best)

    def _search(self, upper: float) -> int:
        """Search the window; when all of it is seen, the bound is known to be above it."""
        tree = self._tree
        before = int(tree.counts[LOOKS])
        tree.upper[0] = wanted = min(tree.upper[0], upper)
        is_seen = branch(self._knapsacks, tree, self._start, _LOOKS_SLICE)
        if tree.upper[0] < wanted:
            self.cost, self._plan = float(tree.upper[0]), tree.plan.copy()
        if is_seen:
            self.bound = int(tree.upper[0])
            growth = (tree.counts[LOOKS] + 1) / max(self._looks_before, 1.0)
            if growth < _GROWTH_SMALL:
                self._window *= 2
            elif growth > _GROWTH_LARGE:
                self._window = max(1, self._window // 2)
            self._looks_before = float(tree.counts[LOOKS] + 1)
            self._stage = self._open
        elif self.outlook is Outlook.FAR and self._is_beams_turn():
            self._stage = self._spread
        return 1 + int(tree.counts[LOOKS]) - before

    def _is_beams_turn(self) -> bool:
        is_narrow = self._beam_width * self._costs.shape[1] <= _BEAM_MAX
        return bool(is_narrow and self._beam_looks < self._tree.counts[LOOKS])
