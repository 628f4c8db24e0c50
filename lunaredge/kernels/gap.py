"""The generalised assignment problem: each task on one node, within capacities, at least cost.

What callers use. The parts: `gap_prices` (prices of capacity, and the bound), `gap_plan` (the plan
and what it wastes), `gap_sums` (the best way to share some tasks) and `gap_search` (who shares).
Where the numbers are small enough, `gap_proof` works beside them on a better bound and on a proof.
Nothing here reads a clock: a `Solver` works in slices of 0.3 to 1 ms (x86-64, 2026-11), and
whoever calls it looks at the time between two of them.
"""

import numpy as np

from lunaredge.kernels.gap_plan import (
    BEST_COST,
    Pairs,
    Plan,
    fill_greedily,
    pairs_of,
    plan_of,
    price_tasks,
    sort_members,
    unload,
)
from lunaredge.kernels.gap_prices import Prices, climb, prices_of, proven_bound
from lunaredge.kernels.gap_proof import Outlook, Proof
from lunaredge.kernels.gap_search import (
    ROUNDS,
    WORK,
    Search,
    improve,
    search_of,
    start_search,
)
from lunaredge.kernels.gap_worths import knapsacks_of
from lunaredge.kernels.jit import Floats, Ints, is_array, is_finite
from lunaredge.kernels.mapf_agents import seeds_from

AMOUNT_MAX = 1e9
"""The largest cost, its sign aside, and the largest usage. Sums of them are exact in float64."""
TASKS_MAX = 100_000
PAIRS_MAX = 1 << 24

# Looks at pairs, and at ways to share, in a slice.
_PAIRS_SLICE = 400_000
_WORK_SLICE = 10_000
# Of what tasks cost per unit of capacity.
_TIE_RATIO = 1e-3
# The proof begins when the first gains are made: it needs a good plan. It has as much time as the
# search, twice as much where little may be missing, and a third where it takes long.
_PROOF_START = 50_000
_PROOF_LOOKS = {Outlook.OPEN: 10_000, Outlook.NEAR: 20_000, Outlook.FAR: 3_300}


class Solver:
    """The search for the cheapest assignment of one instance.

    costs      : float64 (N, T)  whole numbers; inf = the node can't take the task
    usages     : float64 (N, T)  whole numbers of at least 0, of the node's capacity
    capacities : float64 (N,)    whole numbers of at least 0, at most the sum of the node's usages
    starts     : int64 (T,)      where tasks are already, -1 = nowhere

    Every task must have a node that can take it, and usage within that node's capacity: all other
    pairs have costs of inf. The same input and seed give the same plan after as many rounds.
    """

    def __init__(
        self, costs: Floats, usages: Floats, capacities: Floats, starts: Ints, seed: int
    ) -> None:
        node_count, task_count = costs.shape
        assert is_array(costs, np.float64, node_count, task_count)
        assert is_array(usages, np.float64, node_count, task_count)
        assert is_array(capacities, np.float64, node_count)
        assert is_array(starts, np.int64, task_count)
        assert is_finite(usages)
        assert is_finite(capacities)
        self._costs, self._usages, self._capacities = costs, usages, capacities
        self._starts = starts
        self._seeds = seeds_from(seed)
        self._prices: Prices = prices_of(node_count, task_count)
        self._pairs: Pairs
        self._plan: Plan
        self._search: Search = search_of(node_count)
        self._first = starts
        self._proof: Proof | None = None
        self._next_stop = _WORK_SLICE
        self._base = 0.0
        self.bound = 0
        """What no plan with all tasks can cost less than: known once there is a first plan."""

    def climb(self) -> bool:
        """Find better prices for a slice; tell whether there are none."""
        steps = max(1, _PAIRS_SLICE // self._costs.size)
        return climb(self._costs, self._usages, self._capacities, self._prices, steps)

    def begin(self) -> None:
        """Make a first plan with the prices as they are."""
        given = (self._costs, self._usages, self._capacities)
        self.bound = proven_bound(*given, self._prices.best)
        # The search's wastes count from the bound of its own prices, whatever else is proven.
        self._base = float(self.bound)
        prices = np.maximum(self._prices.best, self._price_min())
        self._pairs = pairs_of(self._costs, self._capacities, prices)
        price_tasks(self._usages, self._pairs)
        self._plan = plan_of(self._pairs)
        put = np.flatnonzero(self._starts >= 0)
        put = put[np.isfinite(self._costs[self._starts[put], put])]
        self._plan.nodes[put] = self._starts[put]
        np.subtract.at(self._plan.slacks, self._starts[put], self._usages[self._starts[put], put])
        self._complete()
        self._first = self._plan.nodes.copy()
        start_search(self._pairs, self._plan)
        knapsacks = knapsacks_of(*given, self._prices.best)
        self._proof = None if knapsacks is None else Proof(knapsacks)

    def improve(self, rounds: int) -> bool:
        """Improve the plan for a slice; tell whether so many rounds are over, or none are needed.

        None are once the plan's cost meets the bound.
        """
        counts = self._search.counts
        limits = (self._next_stop - counts[WORK], rounds)
        improve(self._pairs, self._plan, self._search, self._seeds, self._base, limits)
        # Only at set stops, so that the plan doesn't depend on how the rounds are sliced.
        if counts[WORK] >= self._next_stop:
            self._next_stop = int(counts[WORK]) + _WORK_SLICE
            self._prove(int(counts[WORK]))
        is_proven = self._plan.figures[BEST_COST] <= self.bound
        return bool(counts[ROUNDS] >= rounds or is_proven)

    def _prove(self, work: int) -> None:
        proof, figures = self._proof, self._plan.figures
        if proof is None or proof.is_over or work < _PROOF_START:
            return
        proof.go_on(float(figures[BEST_COST]), _PROOF_LOOKS[proof.outlook])
        self.bound = max(self.bound, proof.bound)
        if proof.cost < figures[BEST_COST]:
            self._plan.nodes[:] = proof.plan()
            sort_members(self._pairs, self._plan)

    @property
    def rounds(self) -> int:
        """How many groups of nodes have shared their tasks anew, or tried to."""
        return int(self._search.counts[ROUNDS])

    def nodes(self) -> Ints:
        """Give the best plan, int64 (T,), -1 = placed nowhere. All of it fits. Ends the search.

        If there is no plan with every task, tasks are taken off where it is too full, and put where
        there is room; or it is the first plan, if that has more tasks, or as many for less.
        """
        if self._plan.figures[BEST_COST] < np.inf:
            return self._plan.best.copy()
        self._complete()
        last, first = self._plan.nodes.copy(), self._first
        return min(first, last, key=self._misses)

    def _price_min(self) -> float:
        """Give a price so low that it only breaks ties: of equal costs, the least usage is best.

        Where many costs are equal, the prices that prove the best bound may all be 0, and a search
        that is blind to usage then packs badly.
        """
        least = self._costs.min(axis=0)
        return _TIE_RATIO * float(1.0 + abs(least).sum()) / float(1.0 + self._capacities.sum())

    def _complete(self) -> None:
        """Make all fit, and put what is nowhere where there is room: what is hardest to put first.

        That is the task with the largest loss if it doesn't get its cheapest node; ties to the
        first.
        """
        unload(self._pairs, self._plan)
        left = np.flatnonzero(self._plan.nodes < 0)
        second = self._pairs.near[left, min(1, self._pairs.near.shape[1] - 1)]
        order = np.argsort(-self._pairs.reduced[left, second], kind="stable")
        fill_greedily(self._pairs, self._plan, left[order])

    def _misses(self, nodes: Ints) -> tuple[int, float]:
        put = np.flatnonzero(nodes >= 0)
        return len(nodes) - len(put), float(self._costs[nodes[put], put].sum())
