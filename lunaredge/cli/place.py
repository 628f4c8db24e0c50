"""`lunaredge place`: plans a placement problem of a file, and says why what is left out is.

Owns the options and the time that is taken; what is printed is made by `place_answer`.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from lunaredge.cli.interrupt import heeding_interrupts
from lunaredge.cli.kernel_reach import kernels_of
from lunaredge.cli.main import EXIT_INTERRUPTED
from lunaredge.cli.named_file import named_file
from lunaredge.cli.numbers import number, whole
from lunaredge.cli.place_answer import Answer, Kept, as_text, document_of, kept_of
from lunaredge.cli.place_notes import notes_on
from lunaredge.cli.place_score import lateness_of
from lunaredge.cli.progress import ONCE, telling_of_compiling, telling_of_planning
from lunaredge.cli.table import as_json, shown, width_of_stdout
from lunaredge.errors import ConfigError
from lunaredge.kernels.schedule_walk import improve_walk, walk_from
from lunaredge.placement import Mode, Node, Plan, Planner, Problem, Reasons, Score, Task, Why
from lunaredge.placement.engine import LISTS_UNITS_MAX, never
from lunaredge.placement.refusals import listed
from lunaredge.placement.start import kept
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

Ctrl-C ends the search: the best plan so far is printed and written. A second
one, or one before there is a plan, ends it without.

exit codes: 0 every task has its place, 1 one has none, 2 bad input or usage,
3 the disk is full or a needed part is missing, 130 interrupted, 141 the answer
was not read to its end
"""


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _ABOUT
    parser.add_argument(
        "problem", type=named_file, metavar="PROBLEM", help="the problem, JSON or YAML"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=number(f"give 0 to {SECONDS_MAX:g}"),
        metavar="S",
        default=SECONDS,
        help="look for better plans for so long; 0: the first plan (default: 1)",
    )
    length.add_argument(
        "--steps",
        type=whole(f"give 0 to {STEPS_MAX}"),
        metavar="N",
        help="or for so many steps, whatever time they take",
    )
    parser.add_argument(
        "--seed",
        type=whole("give one, such as 7"),
        metavar="N",
        default=1,
        help="of the search (default: 1)",
    )
    parser.add_argument(
        "--start", type=named_file, metavar="PLAN", help="begin with this plan, as far as it holds"
    )
    parser.add_argument("--out", type=named_file, metavar="PLAN", help="write the answer: .json")
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
    for note in notes_on(given.problem):
        print(shown(f"{options.problem}: {note}"), file=sys.stderr)
    task_count = len(given.problem.tasks)
    once = f"{ONCE} for more than {LISTS_UNITS_MAX} tasks" if _is_large(task_count) else ONCE
    with telling_of_compiling(_kernels(task_count, start), once):
        _compile(task_count, start)
    with telling_of_planning() as say, heeding_interrupts() as is_interrupted:
        answer = _answer(given, start, options, Watch(say, is_interrupted))
    document = document_of(answer)
    if options.out is not None:
        write_whole(options.out, as_json(document).encode() + b"\n")
    print(as_json(document) if options.json else as_text(answer, options.why, width_of_stdout()))
    if start is not None:
        print(_told_of_start(options.start, start, given.problem, answer.kept), file=sys.stderr)
    if options.out is not None:
        print(f"wrote the answer to {shown(str(options.out))}", file=sys.stderr)
    if is_interrupted():
        print("place was interrupted; this is the best plan until then", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 1 if answer.plan.unplaced else 0


class Watch(NamedTuple):
    """How a search is told of, and told to end."""

    say: Callable[[str], None]
    is_interrupted: Callable[[], bool] = never


def _answer(
    given: PlacementFile, start: Plan | None, options: argparse.Namespace, watch: Watch
) -> Answer:
    """Give the plan, how good it is, and why what is left out is."""
    planner = _planned(given, start, options, watch)
    watch.say("looking for a bound")
    bound = _bound(planner, options, watch)
    watch.say("reading off the plan")
    plan = planner.plan()
    lost = planner.hopeless() if plan.unplaced else ()
    return Answer(
        problem=given.problem,
        plan=plan,
        bound=bound,
        late=lateness_of(given.problem, plan, set(lost)),
        whys=_whys(given, plan, options.why, watch.say),
        kept=None if start is None else kept_of(start, plan),
    )


def _planned(
    given: PlacementFile, start: Plan | None, options: argparse.Namespace, watch: Watch
) -> Planner:
    """Give the planner once its time is over, or somebody has had enough of it."""
    is_timed = options.steps is None and options.seconds > 0.0
    is_over = watch.is_interrupted
    if is_timed:
        is_over = _sooner(deadline(options.seconds), is_over)
    planner = Planner(
        given.problem,
        given.travel,
        start=start,
        seed=options.seed,
        is_over=is_over,
        is_whole=True,
    )
    watch.say(_told(planner.score))
    if not is_timed:
        planner.improve(is_over, steps=options.steps or 0)
    while is_timed and not is_over() and planner.improve(_sooner(is_over, deadline(_TELL_S))):
        watch.say(_told(planner.score))
    return planner


def _bound(planner: Planner, options: argparse.Namespace, watch: Watch) -> Score:
    if options.steps is not None:
        return planner.bound(watch.is_interrupted, rounds=options.steps)
    is_over = deadline(min(options.seconds, _BOUND_S_MAX))
    return planner.bound(_sooner(is_over, watch.is_interrupted))


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


def _is_large(task_count: int) -> bool:
    """Tell whether a second search, with kernels of its own, may be needed."""
    return task_count > LISTS_UNITS_MAX


def _kernels(task_count: int, start: Plan | None) -> list[Any]:
    """Give the kernels that a plan of so many tasks needs."""
    without: list[Any] = [] if _is_large(task_count) else [improve_walk, walk_from]
    return kernels_of([Planner], [*without, *([kept] if start is None else [])])


def _compile(task_count: int, start: Plan | None) -> None:
    """Have the kernels at hand before the clock runs, by using each on a tiny problem."""
    for count in (1, LISTS_UNITS_MAX + 1) if _is_large(task_count) else (1,):
        mode = Mode(kind="any", duration_s=1)
        tasks = tuple(Task(id=f"{k}", modes=(mode,)) for k in range(count))
        tiny = Problem(tasks=tasks, nodes=(Node(id="any", kind="any"),), horizon_s=1)
        planner = Planner(tiny)
        planner.improve(steps=1)
        planner.bound(rounds=1)
    if start is not None:
        Planner(tiny, start=planner.plan())


def _check(options: argparse.Namespace) -> None:
    seconds = options.seconds
    if not 0.0 <= seconds <= SECONDS_MAX:
        value = int(seconds) if seconds.is_integer() else seconds
        raise _wrong("--seconds", value, f"give 0 to {SECONDS_MAX:g}")
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
