"""The matching of `lunaredge bench placement`: one task for each node, against SciPy's."""

import importlib
from typing import Any

import numpy as np

from lunaredge.cli.bench.contest import OURS, Contest, hold
from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.cli.bench.worker import Contender, cpu_us_each
from lunaredge.kernels.assignment import assign
from lunaredge.kernels.jit import Floats, Ints

SECONDS = 10.0
SEED = 1
# Tasks by nodes: a small site, a large one, more nodes than tasks, and a square.
SIZES = ((20, 8), (200, 50), (50, 200), (500, 500))
COST_S_MAX = 10_000.0
# As many pairs can't be: a missing tool, a slope.
IMPOSSIBLE_RATIO = 0.1

BOUND = (
    "The same matrix, the same number of tasks and the same total. Successive shortest paths in"
    " both; ours also keeps ranks (one rank here) and takes tasks that fit nowhere. Bound by rows"
    " of the matrix read once a step. Processor time of one thread"
)


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows."""
    contest = Contest(
        module=__name__,
        cases={f"{tasks} x {nodes}": BOUND for tasks, nodes in SIZES},
        metric="ms_per_assignment",
        unit="ms",
        peers={"scipy": "scipy"},
    )
    return hold(contest, options.seconds or SECONDS)


def contender(name: str) -> Contender:
    """Make a contender."""
    return OurAssignment() if name == OURS else ScipyAssignment()


def draw_costs_s(case: str) -> Floats:
    """Draw the costs of a case, float64 (T, N)."""
    task_count, node_count = map(int, case.split(" x "))
    rng = np.random.default_rng([SEED, task_count, node_count])
    costs_s = rng.uniform(0.0, COST_S_MAX, (task_count, node_count))
    costs_s[rng.random(costs_s.shape) < IMPOSSIBLE_RATIO] = np.inf
    return costs_s


class OurAssignment:
    """lunaredge's kernel."""

    def answer(self, case: str) -> object:
        """Give how many tasks are assigned, and their total cost."""
        costs_s = draw_costs_s(case)
        nodes = assign(costs_s, _one_rank(costs_s))
        tasks = np.flatnonzero(nodes >= 0)
        return [len(tasks), float(costs_s[tasks, nodes[tasks]].sum())]

    def measure(self, case: str, duration_s: float) -> float:
        """Give ms per assignment."""
        costs_s = draw_costs_s(case)
        ranks = _one_rank(costs_s)

        def once() -> int:
            assign(costs_s, ranks)
            return 1

        return cpu_us_each(once, duration_s) / 1e3


class ScipyAssignment:
    """SciPy's ``linear_sum_assignment``."""

    def __init__(self) -> None:
        # By name: it is a peer, and may be missing.
        self._optimize: Any = importlib.import_module("scipy.optimize")

    def answer(self, case: str) -> object:
        """Give how many tasks are assigned, and their total cost."""
        costs_s = draw_costs_s(case)
        tasks, nodes = self._optimize.linear_sum_assignment(costs_s)
        return [len(tasks), float(costs_s[tasks, nodes].sum())]

    def measure(self, case: str, duration_s: float) -> float:
        """Give ms per assignment."""
        costs_s = draw_costs_s(case)

        def once() -> int:
            self._optimize.linear_sum_assignment(costs_s)
            return 1

        return cpu_us_each(once, duration_s) / 1e3


def _one_rank(costs_s: Floats) -> Ints:
    return np.zeros(len(costs_s), dtype=np.int64)
