"""The events of `lunaredge bench placement`: something happens to a large site that has a plan."""

import random
import statistics
import time
from collections.abc import Callable, Iterator

import msgspec

from lunaredge.cli.bench.contest import OURS, ContenderFailed, Contest, Processes
from lunaredge.cli.bench.placement_site_scene import site_instance
from lunaredge.cli.bench.row import BenchOptions, BenchRow, row_against
from lunaredge.placement.engine import Planner
from lunaredge.placement.live import LivePlan
from lunaredge.placement.problem import Problem, Task, is_fixed

SECONDS = 20.0
SIZE = (10_000, 1_000)
SMALL = (60, 12)
# Under so many an event in a hundred is none.
EVENTS_MIN, EVENTS_MAX = 100, 1_000
# What a round of one event of each kind takes, roughly.
_ROUND_S = 0.02
PEER = "our first plan anew"

_NOTE = (
    "Processor time of one thread from the event to the names of the tasks that it changed; the"
    " plan keeps every rule after each. Beside it a plan of the same site from nothing, by our own"
    " planner, checks and arrays included: it moves nearly everything. Bound by the places that are"
    " tried for each task that is touched, half a millisecond each where posts are scarce"
)
_CHANGED_NOTE = "How many tasks an event puts elsewhere, or at another time, or leaves out"


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows."""
    seconds = options.seconds or SECONDS
    count = max(EVENTS_MIN, min(EVENTS_MAX, int(seconds / _ROUND_S)))
    return measured(SIZE, count)


def measured(size: tuple[int, int], count: int) -> list[BenchRow]:
    """Let so many events of each kind happen to a site of so many tasks and nodes."""
    contest = Contest(module=__name__, cases={}, metric="p99_ms", unit="ms")
    case = f"{size[0]} x {size[1]} x {count}"
    with Processes() as processes:
        process = processes.of(OURS, contest)
        said = process.ask("answer", case)
    if not isinstance(said, dict):
        raise ContenderFailed(f"{case}: {process.reason}")
    return [
        row
        for kind, figures in said["events"].items()
        for row in _rows_of(f"{kind}, {size[0]:,} x {size[1]:,}", figures, said["first_plan_ms"])
    ]


def _rows_of(case: str, figures: dict[str, float], first_plan_ms: float) -> list[BenchRow]:
    found = []
    for metric in ("p50_ms", "p99_ms", "worst_ms"):
        row = BenchRow(case=case, metric=metric, unit="ms", ours=figures[metric], note=_NOTE)
        found.append(row_against(row, PEER, first_plan_ms, more_is_better=False))
    changed = figures["tasks_changed"]
    note = _CHANGED_NOTE
    return [
        *found,
        BenchRow(case=case, metric="tasks_changed", unit="tasks", ours=changed, note=note),
    ]


def contender(name: str) -> "Events":
    """Make the contender."""
    assert name == OURS
    return Events()


class Events:
    """Events, one after the other, to one plan."""

    def __init__(self) -> None:
        # Compiled before the clock runs.
        for _ in _happen(Happenings(SMALL, 0), 2):
            pass

    def answer(self, case: str) -> object:
        """Give for each kind of event what it takes, and how many tasks it changes."""
        tasks, nodes, count = map(int, case.split(" x "))
        happenings = Happenings((tasks, nodes), 1)
        taken: dict[str, list[tuple[float, int]]] = {}
        for kind, ms, changed in _happen(happenings, count):
            taken.setdefault(kind, []).append((ms, changed))
        return {
            "first_plan_ms": happenings.first_plan_ms,
            "events": {kind: _figures(pairs) for kind, pairs in taken.items()},
        }

    def measure(self, case: str, duration_s: float) -> float:
        """Not asked: how long one takes is the answer."""
        raise NotImplementedError(case, duration_s)


class Happenings:
    """A site with its plan, and what happens there."""

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        self._dice = random.Random(f"events {seed}")
        problem, travel = site_instance(size, seed)
        self._problem: Problem = problem
        self.travel = travel
        start_s = time.process_time()
        planner = Planner(problem, travel)
        self.first_plan_ms = (time.process_time() - start_s) * 1e3
        self.live = LivePlan(problem, travel, planner.plan())
        self._nodes = [node.id for node in problem.nodes]
        # Tasks that may come again under another name: they meet nobody, and run nowhere.
        self._models = [task for task in problem.tasks if task.meets is None]
        self._movable = [task.id for task in problem.tasks if not is_fixed(task)]

    def round(self, number: int) -> Iterator[tuple[str, Callable[[], tuple[str, ...]]]]:
        """Give an event of each kind; those that undo others come behind them."""
        dice, live = self._dice, self.live
        node, name = dice.choice(self._nodes), f"new-{number}"
        yield "node lost", lambda: live.lose(node)
        yield "node back", lambda: live.regain(node)
        model = dice.choice(self._models)
        task: Task = msgspec.structs.replace(model, id=name, current=None)
        yield "task added", lambda: live.add(task)
        yield "task cancelled", lambda: live.cancel(name)
        moved, due_s = dice.choice(self._movable), dice.randrange(self._problem.horizon_s)
        yield "due time moved", lambda: live.move_due(moved, due_s)
        released = dice.choice(self._movable)
        release_s = dice.randrange(self._problem.horizon_s // 4)
        yield "release moved", lambda: live.move_release(released, release_s)


def _happen(happenings: Happenings, count: int) -> Iterator[tuple[str, float, int]]:
    """Let so many events of each kind happen: the kind, its time in ms, how much it changed."""
    for number in range(count):
        for kind, event in happenings.round(number):
            start_s = time.process_time()
            changed = event()
            yield kind, (time.process_time() - start_s) * 1e3, len(changed)


def _figures(pairs: list[tuple[float, int]]) -> dict[str, float]:
    times_ms = sorted(ms for ms, _ in pairs)
    return {
        "p50_ms": statistics.median(times_ms),
        "p99_ms": times_ms[(99 * len(times_ms) + 99) // 100 - 1],
        "worst_ms": times_ms[-1],
        "tasks_changed": statistics.fmean(changed for _, changed in pairs),
    }
