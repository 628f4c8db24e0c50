"""What keeps a task out of a plan whatever the node: order, circles, approvals, its partner."""

from collections.abc import Iterator

from lunaredge.placement.problem import Task, is_fixed
from lunaredge.placement.refusals import Constraint, Refusal, listed, runs_on
from lunaredge.placement.replay import Replay

_TOLD_MAX = 8
"""So many steps of a circle are told."""


def general_causes(replay: Replay, task: Task) -> list[Refusal]:
    """Give what keeps a task that is not placed from every node, the most decisive first.

    A task and the one that it meets are placed together or not at all, so what keeps the other out
    counts too.
    """
    own = list(_own(replay, task))
    circle = circle_of(replay, task)
    if circle:
        own.append(_cause(Constraint.CIRCLE, circle, is_final=True))
    partner = replay.partners.get(task.id)
    if partner is not None:
        for cause in _own(replay, replay.tasks[partner]):
            detail = f"meets {partner}, which can't be placed: it {cause.detail}"
            own.append(_cause(Constraint.PARTNER, detail, is_final=cause.is_final))
    return sorted(own, key=_decisiveness)


def circle_of(replay: Replay, task: Task) -> str:
    """Name the shortest circle in which a task waits for itself; empty: it is in none.

    A circle goes by order and by hand-over: who meets another waits for all that the other does.
    """
    came: dict[str, tuple[str, str, str]] = {}
    start = _head(replay, task.id)
    queue = [start]
    for unit in queue:
        for waiter, source in _waits(replay, unit):
            target = _head(replay, source)
            if target == start:
                return _told(replay, task.id, [*_path(came, start, unit), (waiter, source)])
            if target not in came:
                came[target] = (unit, waiter, source)
                queue.append(target)
    return ""


def _own(replay: Replay, task: Task) -> Iterator[Refusal]:
    """Give what keeps a task out by itself, circles aside."""
    if task.approved_s is None:
        yield _cause(Constraint.APPROVAL, "has no approval", is_final=True)
    sources = [after.task for after in task.after]
    strange = [name for name in sources if name not in replay.tasks]
    if strange:
        detail = f"waits for {listed(strange)}, which {_are(strange)} not in the problem"
        yield _cause(Constraint.UNKNOWN, detail, is_final=True)
    left = [name for name in sources if name in replay.tasks and name not in replay.items]
    if left:
        detail = f"waits for {listed(left)}, which {_are(left)} not placed"
        yield _cause(Constraint.UNPLACED, detail, is_final=False)
    if task.only_on and replay.nodes.keys().isdisjoint(task.only_on):
        detail = f"is pinned to {listed(task.only_on)}, and the problem has no node of that name"
        yield _cause(Constraint.PIN, detail, is_final=True)
    kinds = {mode.kind for mode in task.modes}
    if replay.problem.nodes and kinds.isdisjoint(node.kind for node in replay.problem.nodes):
        no_node = f", and no node is of {'that kind' if len(kinds) == 1 else 'these kinds'}"
        yield _cause(Constraint.KIND, runs_on(task) + no_node * bool(kinds), is_final=True)


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _head(replay: Replay, task: str) -> str:
    """Name the unit of a task."""
    return min(task, replay.partners.get(task, task))


def _waits(replay: Replay, unit: str) -> Iterator[tuple[str, str]]:
    """Give who of a unit waits for whom."""
    for name in dict.fromkeys((unit, replay.partners.get(unit, unit))):
        task = replay.tasks[name]
        for after in () if is_fixed(task) else task.after:
            if after.task in replay.tasks:
                yield name, after.task


def _path(came: dict[str, tuple[str, str, str]], start: str, unit: str) -> list[tuple[str, str]]:
    """Give who waits for whom from one unit to another."""
    steps: list[tuple[str, str]] = []
    while unit != start:
        unit, waiter, source = came[unit]
        steps.append((waiter, source))
    return steps[::-1]


def _told(replay: Replay, task: str, steps: list[tuple[str, str]]) -> str:
    """Name a circle: ``waits for b, which meets c, which waits for a``."""
    words, at = [], task
    for waiter, source in steps:
        if waiter != at:
            words.append(f"meets {waiter}")
        words.append(f"waits for {source}")
        at = source
    if at != task:
        words.append(f"meets {task}")
    more = len(words) - _TOLD_MAX
    if more <= 0:
        return ", which ".join(words)
    told = ", which ".join(words[: _TOLD_MAX - 1])
    return f"{told}, ... and {more:,} more, the last of which {words[-1]}"


def _decisiveness(cause: Refusal) -> tuple[bool, bool, int]:
    """Give where a cause stands among others: the final ones first, and the task's own of these."""
    is_of_partner = cause.is_final and cause.constraint is Constraint.PARTNER
    return not cause.is_final, is_of_partner, list(Constraint).index(cause.constraint)


def _cause(constraint: Constraint, detail: str, *, is_final: bool) -> Refusal:
    return Refusal(constraint=constraint, detail=detail, is_final=is_final)
