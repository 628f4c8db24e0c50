"""`lunaredge bench mapf`: many machines on a grid, on drawn scenes or on the benchmark's own."""

import statistics
import time
from collections.abc import Iterator

from lunaredge.cli.bench.mapf_scenes import Scene, drawn_scenes, read_scenes
from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.paths.grid_fleet import (
    GridFleetOptions,
    GridPlan,
    Unsolved,
    check_grid_plan,
    compile_kernels,
    plan_grid_fleet,
)

SECONDS = 40.0
_ROUNDS = 5
# First plans may take so much of a scene's time.
_FIRST_SHARE = 0.2
_ENDLESS = 1 << 40
_NO_PEER = (
    "No peer: LaCAM3 and PIBT+, the ones to compare with, are C++ programs that no registry"
    " has; run them on the same files with --data, or see the figures in their papers"
)
_FIRST = (
    "Median of at most 5, processor time of one thread, distance fields included. Bound by those"
    " fields, a breadth-first search for each machine, and by steps times machines"
)
_COST = (
    "The sum over machines of the step of the last arrival. Bound by time: groups of machines are"
    " planned anew for as long as there is some, and each new path reads the boards of the whole"
    " plan. The bound below is the sum if every machine were alone"
)


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows."""
    scenes = list(drawn_scenes() if options.data is None else read_scenes(options.data))
    # Outside the time that is shared out.
    compile_kernels()
    end_s = time.monotonic() + (options.seconds or SECONDS)
    found: list[BenchRow] = []
    for number, scene in enumerate(scenes):
        left_s = max(0.0, end_s - time.monotonic())
        found += _rows_of(scene, left_s / (len(scenes) - number))
    return found


def _rows_of(scene: Scene, seconds: float) -> Iterator[BenchRow]:
    end_s = time.monotonic() + seconds
    firsts_ms, answer = _first_plans(scene, time.monotonic() + _FIRST_SHARE * seconds)
    if isinstance(answer, GridPlan):
        options = GridFleetOptions(iterations=_ENDLESS, is_over=lambda: time.monotonic() > end_s)
        answer = plan_grid_fleet(scene.grid, scene.starts, scene.goals, options)
    is_solved = _is_valid(scene, answer)
    reason = f"{answer.reason}. " if isinstance(answer, Unsolved) else ""
    yield _row(scene, "solved", "of 1", float(is_solved), f"{reason}Checked apart. {_NO_PEER}")
    yield _row(
        scene, "first_plan_ms", "ms", statistics.median(firsts_ms) if is_solved else None, _FIRST
    )
    if isinstance(answer, GridPlan) and is_solved:
        ratio = answer.sum_of_costs / answer.lower_bound if answer.lower_bound else 1.0
        yield _row(scene, "sum_of_costs", "steps", float(answer.sum_of_costs), _COST)
        yield _row(scene, "cost_over_bound", "of the bound below", ratio, _COST)


def _first_plans(scene: Scene, end_s: float) -> tuple[list[float], GridPlan | Unsolved]:
    """Find a first plan a few times; give how long each took, and the last answer."""
    took_ms: list[float] = []
    while True:
        start_ns = time.thread_time_ns()
        answer = plan_grid_fleet(
            scene.grid, scene.starts, scene.goals, GridFleetOptions(iterations=0, seed=len(took_ms))
        )
        took_ms.append((time.thread_time_ns() - start_ns) / 1e6)
        if len(took_ms) == _ROUNDS or time.monotonic() > end_s:
            return took_ms, answer


def _is_valid(scene: Scene, answer: GridPlan | Unsolved) -> bool:
    if isinstance(answer, Unsolved):
        return False
    return check_grid_plan(scene.grid, scene.starts, scene.goals, answer.positions) is None


def _row(scene: Scene, metric: str, unit: str, ours: float | None, note: str) -> BenchRow:
    return BenchRow(case=scene.name, metric=metric, unit=unit, ours=ours, note=note)
