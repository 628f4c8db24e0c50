"""`lunaredge place`: plans a placement problem of a file, and says why what is left out is.

Owns the options and the time that is taken; what is printed is made by `place_answer`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lunaredge.cli.place_answer import Answer, Kept, as_text, document_of, kept_of
from lunaredge.cli.progress import telling_of_compiling, telling_of_planning
from lunaredge.cli.table import as_json, shown, width_of_stdout
from lunaredge.errors import ConfigError
from lunaredge.placement import Mode, Node, Plan, Planner, Problem, Reasons, Score, Task, Why
from lunaredge.placement.engine import LISTS_UNITS_MAX, never
from lunaredge.placement.refusals import listed
from lunaredge.runtime.files.document import file_error
from lunaredge.runtime.files.placement_file import PlacementFile, load_plan, load_problem
from lunaredge.runtime.files.route_output import check_target, write_whole

SECONDS = 1.0
SECONDS_MAX = 86_400.0
STEPS_MAX = 1 << 40
# The bound's search may take as long as the plan's, up to this.
_BOUND_S_MAX = 2.0
# How often what is told of a long search is brought up to date.
_TELL_S = 0.5
# The planner looks at its end once for so many tasks or fewer: its first list is never cut short.
_TASKS_PER_LOOK = 500
# A reason looks at every node and all that is done there: 2 us for each task and node of the
# problem (x86-64, 2026-11), so all that are given unasked take some 8 s.
WHYS_MAX = 20
_WHYS_PAIRS_MAX = 4_000_000

_ABOUT = """\
The problem is a JSON or YAML file; docs/reference/placement-files.md has its
keys and docs/explanation/placement.md says what every plan keeps and what makes
one better. One comes with the package. Try:

  lunaredge place lunaredge/examples/placement/site.yaml
  lunaredge place site.yaml --seconds 10 --out plan.json
  lunaredge place site.yaml --start plan.json --why haul-b

The same problem, --start, --seed and --steps give the same plan on every
machine. The first plan is always finished (10,000 tasks on 1,000 nodes: 1 s).
Reading and compiling don't count; the bound is looked for afterwards, as long
again but 2 s at most.

exit codes: 0 every task has its place, 1 one has none, 2 bad input or usage,
3 the disk is full or a needed part is missing, 130 interrupted, 141 the answer
was not read to its end
"""


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ABOUT
    parser.add_argument("problem", type=Path, metavar="PROBLEM", help="the problem, JSON or YAML")
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        default=SECONDS,
        help="look for better plans for so long; 0: the first plan (default: 1)",
    )
    length.add_argument(
        "--steps", type=int, metavar="N", help="or for so many steps, whatever time they take"
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", default=1, help="of the search (default: 1)"
    )
    parser.add_argument(
        "--start", type=Path, metavar="PLAN", help="begin with this plan, as far as it holds"
    )
    parser.add_argument("--out", type=Path, metavar="PLAN", help="write the answer: .json")
    parser.add_argument(
        "--why",
        action="append",
        metavar="TASK",
        default=[],
        help="show what refuses this task on each node; may be given again",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def run(options: argparse.Namespace) -> int:
    """Plan, write the answer, and print."""
    try:
        return _run(options)
    except KeyboardInterrupt:
        print("lunaredge: place was interrupted", file=sys.stderr)
        raise


def _run(options: argparse.Namespace) -> int:
    _check(options)
    given = load_problem(options.problem)
    _check_names(options, given.problem)
    start = None if options.start is None else load_plan(options.start)
    with telling_of_compiling():
        _compile(len(given.problem.tasks))
    with telling_of_planning() as say:
        answer = _answer(given, start, options, say)
    document = document_of(answer)
    if options.out is not None:
        write_whole(options.out, as_json(document).encode() + b"\n")
    print(as_json(document) if options.json else as_text(answer, options.why, width_of_stdout()))
    if start is not None:
        print(_told_of_start(options.start, start, given.problem, answer.kept), file=sys.stderr)
    if options.out is not None:
        print(f"wrote the answer to {shown(str(options.out))}", file=sys.stderr)
    return 1 if answer.plan.unplaced else 0


def _answer(
    given: PlacementFile,
    start: Plan | None,
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> Answer:
    """Give the plan, how good it is, and why what is left out is."""
    planner = _planned(given, start, options, say)
    say("looking for a bound")
    bound = _bound(planner, options)
    say("reading off the plan")
    plan = planner.plan()
    return Answer(
        problem=given.problem,
        plan=plan,
        bound=bound,
        whys=_whys(given, plan, options.why, say),
        kept=None if start is None else kept_of(start, plan),
    )


def _planned(
    given: PlacementFile,
    start: Plan | None,
    options: argparse.Namespace,
    say: Callable[[str], None],
) -> Planner:
    """Give the planner once its time is over."""
    is_timed = options.steps is None and options.seconds > 0.0
    is_over = deadline(options.seconds) if is_timed else never
    planner = Planner(
        given.problem,
        given.travel,
        start=start,
        seed=options.seed,
        is_over=_once_finished(len(given.problem.tasks), is_over),
    )
    say(_told(planner.score))
    if not is_timed:
        planner.improve(steps=options.steps or 0)
    while is_timed and not is_over() and planner.improve(_sooner(is_over, deadline(_TELL_S))):
        say(_told(planner.score))
    return planner


def _bound(planner: Planner, options: argparse.Namespace) -> Score:
    if options.steps is not None:
        return planner.bound(rounds=options.steps)
    return planner.bound(deadline(min(options.seconds, _BOUND_S_MAX)))


def _whys(
    given: PlacementFile, plan: Plan, wanted: list[str], say: Callable[[str], None]
) -> tuple[Why, ...]:
    """Give why the tasks asked for are where they are, and the first that have no place."""
    pair_count = len(given.problem.tasks) * len(given.problem.nodes)
    count = min(WHYS_MAX, _WHYS_PAIRS_MAX // max(1, pair_count))
    reasons = Reasons(given.problem, given.travel, plan)
    found = []
    for name in dict.fromkeys([*wanted, *plan.unplaced[:count]]):
        say(f"asking why of {shown(name)}")
        found.append(reasons.of(name))
    return tuple(found)


def deadline(seconds: float) -> Callable[[], bool]:
    """Give what tells whether so many seconds have passed from now."""
    end_s = time.perf_counter() + seconds
    return lambda: time.perf_counter() >= end_s


def _sooner(one: Callable[[], bool], other: Callable[[], bool]) -> Callable[[], bool]:
    return lambda: one() or other()


def _once_finished(task_count: int, is_over: Callable[[], bool]) -> Callable[[], bool]:
    """Give an end that no first plan is cut short by: half a plan helps nobody."""
    looks_left = 1 + task_count // _TASKS_PER_LOOK

    def is_done() -> bool:
        nonlocal looks_left
        looks_left -= 1
        return looks_left < 0 and is_over()

    return is_done


def _told(score: Score) -> str:
    return f"planning, so far {score.late_s} weighted s late and {score.cost_j} J"


def _told_of_start(path: Path, start: Plan, problem: Problem, kept: Kept | None) -> str:
    """Say how far the plan to begin with holds."""
    tasks, nodes = {task.id for task in problem.tasks}, {node.id for node in problem.nodes}
    strange = [f"task {item.task}" for item in start.placed if item.task not in tasks]
    strange += [
        f"node {name}"
        for name in dict.fromkeys(item.node for item in start.placed)
        if name not in nodes
    ]
    assert kept is not None
    text = f"of the {kept.tasks} tasks of {path} {kept.on_node} keep their node"
    text += f", {kept.at_start} their start too"
    return shown(f"{text}; not in the problem: {listed(strange)}" if strange else text)


def _compile(task_count: int) -> None:
    """Have the kernels at hand before the clock runs, by using each on a tiny problem."""
    for count in (1, LISTS_UNITS_MAX + 1) if task_count > LISTS_UNITS_MAX else (1,):
        mode = Mode(kind="any", duration_s=1)
        tasks = tuple(Task(id=f"{k}", modes=(mode,)) for k in range(count))
        tiny = Problem(tasks=tasks, nodes=(Node(id="any", kind="any"),), horizon_s=1)
        planner = Planner(tiny)
        planner.improve(steps=1)
        planner.bound(rounds=1)


def _check(options: argparse.Namespace) -> None:
    if not 0.0 <= options.seconds <= SECONDS_MAX:
        raise _wrong("--seconds", options.seconds, f"give 0 to {SECONDS_MAX:g}")
    if options.steps is not None and not 0 <= options.steps <= STEPS_MAX:
        raise _wrong("--steps", options.steps, f"give 0 to {STEPS_MAX}")
    if not 0 <= options.seed < 1 << 63:
        raise _wrong("--seed", options.seed, "give 0 or more, less than 2 to the 63")
    if options.out is not None:
        check_target(options.out, (".json",))
        _check_other(options.out, options.problem, "PROBLEM")
        if options.start is not None:
            _check_other(options.out, options.start, "--start")


def _check_other(out: Path, other: Path, name: str) -> None:
    if out.exists() and other.exists() and out.samefile(other):
        raise file_error(f"{name} is the same file", out, out.name, "name another for --out")


def _check_names(options: argparse.Namespace, problem: Problem) -> None:
    known = {task.id for task in problem.tasks}
    for name in options.why:
        if name not in known:
            raise _wrong("--why", name, f"name a task of {options.problem}", "no such task")


def _wrong(key: str, value: object, remedy: str, said: str = "out of range") -> ConfigError:
    return ConfigError(said, place="lunaredge place", key=key, value=value, remedy=remedy)
