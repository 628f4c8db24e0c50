"""The scale of `lunaredge bench placement`: first plans from nothing, over four decades of size."""

import resource
import sys
import time

from lunaredge.cli.bench.contest import OURS, ContenderFailed, Contest, Processes
from lunaredge.cli.bench.placement_site_scene import site_instance
from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.placement.engine import Planner

# Tasks by nodes; ten tasks for a node, from where there is one machine of each kind.
SIZES = (
    (10, 5),
    (30, 5),
    (100, 10),
    (300, 30),
    (1_000, 100),
    (3_000, 300),
    (10_000, 1_000),
    (30_000, 3_000),
    (100_000, 5_000),
)
LARGE = (10_000, 1_000)
SECONDS = 60.0
# A site of 100,000 tasks is drawn for half a minute; there must be time for that.
_HUGE_S = 60.0
_ROUNDS = 5

_NOTE = (
    "Processor time of one thread from the problem's values to a plan that keeps every rule, checks"
    " and arrays included; drawing the site and its travel matrix (at most 256 places) is not."
    " Bound by the nodes that each task looks at, some 0.1 us each"
)


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows."""
    seconds = options.seconds or SECONDS
    sizes = [size for size in SIZES if size[0] <= LARGE[0] or seconds >= _HUGE_S]
    contest = Contest(module=__name__, cases={}, metric="first_plan_ms", unit="ms")
    found = []
    for size in sizes:
        # Each in a process of its own: what one needed would count for the next.
        with Processes() as processes:
            process = processes.of(OURS, contest)
            case = f"{size[0]:,} x {size[1]:,}"
            said = process.ask("answer", case)
            if not isinstance(said, dict):
                raise ContenderFailed(f"{case}: {process.reason}")
            found += _rows_of(case, said)
    return found


def _rows_of(case: str, said: dict[str, float]) -> list[BenchRow]:
    return [
        BenchRow(case=case, metric=metric, unit=unit, ours=said[metric], note=_NOTE)
        for metric, unit in (
            ("first_plan_ms", "ms"),
            ("placements_per_s", "1/s"),
            ("placed_pct", "%"),
            ("rss_mib", "MiB"),
        )
    ]


def contender(name: str) -> "Scale":
    """Make the contender."""
    assert name == OURS
    return Scale()


class Scale:
    """lunaredge's first plans."""

    def __init__(self) -> None:
        # Compiled before the clock runs.
        Planner(*site_instance(SIZES[0], 0)).improve(steps=1)

    def answer(self, case: str) -> object:
        """Give what a first plan takes, and how much of the site is placed."""
        tasks, _, nodes = case.replace(",", "").partition(" x ")
        size = (int(tasks), int(nodes))
        problem, travel = site_instance(size, 1)
        spent_s = []
        for _ in range(_ROUNDS if size[0] <= LARGE[0] else 1):
            start_s = time.process_time()
            planner = Planner(problem, travel)
            spent_s.append(time.process_time() - start_s)
        plan = planner.plan()
        least_s = min(spent_s)
        return {
            "first_plan_ms": 1e3 * least_s,
            "placements_per_s": len(plan.placed) / least_s,
            "placed_pct": 100.0 * len(plan.placed) / size[0],
            "rss_mib": _peak_mib(),
        }

    def measure(self, case: str, duration_s: float) -> float:
        """Not asked: how long one takes is the answer."""
        raise NotImplementedError(case, duration_s)


def _peak_mib() -> float:
    """Give the most memory that the process has had."""
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 2**20
