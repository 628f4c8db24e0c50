"""`lunaredge place`: plans a placement problem of a file, and says why what is left out is."""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from lunaredge.cli.route.progress import telling_of_compiling
from lunaredge.cli.table import Column, Row, as_json, render, width_of_stdout
from lunaredge.errors import ConfigError
from lunaredge.placement import NodeWhy, Plan, Planner, Score, Why, why_not
from lunaredge.runtime.files.placement_file import PlacementFile, load_plan, load_problem
from lunaredge.runtime.files.route_output import check_target, write_whole

SECONDS = 1.0
SECONDS_MAX = 86_400.0
# The bound's search may take as long as the plan's, up to this.
_BOUND_S_MAX = 2.0

_ABOUT = """\
The problem is a JSON or YAML file; docs/reference/placement-files.md has its keys and
docs/explanation/placement.md says what every plan keeps and what makes one better.

  lunaredge place lunaredge/examples/placement/site.yaml
  lunaredge place site.yaml --seconds 10 --out plan.json
  lunaredge place site.yaml --start plan.json --why haul-b

The same problem, --seed and --steps give the same plan on every machine.

exit codes: 0 every task has its place, 1 one has none, 2 bad input or usage, 3 the disk is full
"""
_COLUMNS = (
    Column("task", "TASK"),
    Column("node", "NODE"),
    Column("start_s", "START_S"),
    Column("end_s", "END_S"),
    Column("charged_s", "CHARGED_S", spare=2),
    Column("energy_j", "J", spare=1),
    Column("waits_for", "WAITS FOR", is_free=True),
)
_REASONS = (
    Column("node", "NODE"),
    Column("constraint", "REFUSED BY"),
    Column("detail", "DETAIL", is_free=True),
)


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ABOUT
    parser.add_argument("problem", type=Path, metavar="PROBLEM", help="the problem, JSON or YAML")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        default=SECONDS,
        help="look for better plans for so long; 0: the first plan (default: 1)",
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="or for so many steps, whatever time they take"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=1, help="of the search")
    parser.add_argument(
        "--start", type=Path, metavar="PLAN", help="begin with this plan, as far as it holds"
    )
    parser.add_argument("--out", type=Path, metavar="PLAN", help="write the plan: .json")
    parser.add_argument(
        "--why",
        action="append",
        metavar="TASK",
        default=[],
        help="show what refuses this task on each node; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def run(options: argparse.Namespace) -> int:
    """Plan, write the plan, and print."""
    _check(options)
    given = load_problem(options.problem)
    start = None if options.start is None else load_plan(options.start)
    _check_names(options, given)
    with telling_of_compiling():
        Planner(given.problem, given.travel).improve(steps=1)
        found = _planned(given, start, options)
        bound = _bound(found, given, options)
    plan = found.plan()
    names = dict.fromkeys([*options.why, *plan.unplaced])
    whys = [why_not(given.problem, given.travel, plan, name) for name in names]
    document = _document(plan, bound, whys)
    if options.out is not None:
        write_whole(options.out, msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    print(as_json(document) if options.json else as_text(plan, bound, whys, options.why))
    return 1 if plan.unplaced else 0


def _planned(given: PlacementFile, start: Plan | None, options: argparse.Namespace) -> Planner:
    """Give the planner once its time is over."""
    is_over = deadline(options.seconds)
    is_first_over = _never if options.steps is not None or options.seconds == 0.0 else is_over
    planner = Planner(
        given.problem, given.travel, start=start, seed=options.seed, is_over=is_first_over
    )
    if options.steps is not None:
        planner.improve(steps=options.steps)
    elif options.seconds:
        planner.improve(is_over)
    return planner


def _bound(planner: Planner, given: PlacementFile, options: argparse.Namespace) -> Score:
    if options.steps is not None:
        return planner.bound(rounds=options.steps)
    return planner.bound(deadline(min(options.seconds, _BOUND_S_MAX)))


def deadline(seconds: float) -> Callable[[], bool]:
    """Give what tells whether so many seconds have passed from now."""
    end_s = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end_s


def _never() -> bool:
    return False


def as_text(plan: Plan, bound: Score, whys: list[Why], wanted: list[str]) -> str:
    """Give a plan as people read it: its rows, what is left out and why, how good it is."""
    rows: list[Row] = [
        {
            "task": item.task,
            "node": item.node,
            "start_s": item.start_s,
            "end_s": item.end_s,
            "charged_s": None if item.charge is None else item.charge.end_s,
            "energy_j": item.energy_j + item.travel_j,
            "waits_for": f"{item.wait.cause} {item.wait.task}".strip(),
        }
        for item in sorted(plan.placed, key=lambda item: (item.start_s, item.node))
    ]
    width = width_of_stdout()
    parts = [render(rows, _COLUMNS, width)] if rows else ["nothing is placed"]
    for why in whys:
        parts.append(why.text)
        if why.task in wanted and why.nodes:
            parts.append(render(_reasons(why), _REASONS, width))
    parts.append(
        f"late {plan.score.late_s} weighted s (no plan: under {bound.late_s}), "
        f"cost {plan.score.cost_j} J (no plan as late: under {bound.cost_j}); "
        f"{len(plan.placed)} placed, {len(plan.unplaced)} not"
    )
    return "\n".join(parts)


def _reasons(why: Why) -> list[Row]:
    return [
        {"node": node.node, "constraint": one.constraint.value, "detail": one.detail}
        for node in why.nodes
        for one in node.refusals
    ]


def _document(plan: Plan, bound: Score, whys: list[Why]) -> dict[str, Any]:
    """Give a plan as scripts get it, and as a file keeps it."""
    return {
        "plan": msgspec.to_builtins(plan),
        "bound": msgspec.to_builtins(bound),
        "gap_pct": gap_pct(plan.score, bound),
        "why": [_why(why) for why in whys],
    }


def _why(why: Why) -> dict[str, Any]:
    return {
        "task": why.task,
        "placed": why.is_placed,
        "text": why.text,
        "general": msgspec.to_builtins(why.general),
        "nodes": [_node(node) for node in why.nodes],
    }


def _node(node: NodeWhy) -> dict[str, Any]:
    return {"node": node.node, "refusals": msgspec.to_builtins(node.refusals)}


def gap_pct(score: Score, bound: Score) -> float | None:
    """Give how far a plan may be from the best, by tardiness; where that is none, by cost."""
    pair = (score.late_s, bound.late_s) if score.late_s else (score.cost_j, bound.cost_j)
    return None if not pair[0] else round(100.0 * (pair[0] - pair[1]) / pair[0], 3)


def _check(options: argparse.Namespace) -> None:
    if not 0.0 <= options.seconds <= SECONDS_MAX:
        raise _wrong("--seconds", options.seconds, f"give 0 to {SECONDS_MAX:g}")
    if options.steps is not None and options.steps < 0:
        raise _wrong("--steps", options.steps, "give 0 or more")
    if not 0 <= options.seed < 1 << 63:
        raise _wrong("--seed", options.seed, "give 0 or more, less than 2 to the 63")
    if options.out is not None:
        check_target(options.out, (".json",))


def _check_names(options: argparse.Namespace, given: PlacementFile) -> None:
    known = {task.id for task in given.problem.tasks}
    for name in options.why:
        if name not in known:
            raise _wrong("--why", name, f"name a task of {options.problem}")


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("out of range", place="lunaredge place", key=key, value=value, remedy=remedy)
