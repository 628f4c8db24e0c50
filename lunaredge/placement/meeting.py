"""A hand-over tried: the task on one node, the one that it meets on another, at the same second.

Each of the two is tried beside the plan. If they then ask too much of the bus between them, both
are put off. Where their charges would need one post, or too much of the bus, they don't meet.
"""

from itertools import product

from lunaredge.placement.plan import Placed
from lunaredge.placement.problem import Node, Task
from lunaredge.placement.replay import Replay, domain_of
from lunaredge.placement.trial import Trial

NODES_MAX = 16
"""So many nodes are tried for the partner, those that could begin the soonest."""
_ROUNDS_MAX = 16


def soonest(replay: Replay, partner: Task, items: list[Placed]) -> list[tuple[Node, Trial]]:
    """Give the nodes that could take a task by itself, as ``items`` say, the soonest first."""
    first = sorted(items, key=lambda item: item.start_s)[:NODES_MAX]
    nodes = [replay.nodes[item.node] for item in first]
    return [(node, Trial(replay, partner, node)) for node in nodes]


def meeting(
    replay: Replay, pair: tuple[Trial, Placed], others: list[tuple[Node, Trial]]
) -> tuple[Placed, Placed] | None:
    """Give how a task that could be done alone meets its partner on one of other nodes."""
    trial, alone = pair
    for node, other in others:
        if node.id == alone.node or not _is_apart(replay, trial.task, other.task, alone, node):
            continue
        found = _together(replay, trial, other, alone.start_s)
        if found is not None:
            return found
    return None


def _together(
    replay: Replay, trial: Trial, other: Trial, start_s: int
) -> tuple[Placed, Placed] | None:
    """Put each off until the other can begin, too, and both until there is enough for both."""
    for _ in range(_ROUNDS_MAX):
        first, second = trial.from_s(start_s), other.from_s(start_s)
        if not isinstance(first, Placed) or not isinstance(second, Placed):
            return None
        start_s = max(first.start_s, second.start_s)
        if first.start_s != second.start_s:
            continue
        clash_s = _clash_until_s(replay, first, second)
        if clash_s is None:
            return first, second
        if clash_s <= start_s:
            return None
        start_s = clash_s
    return None


def _is_apart(replay: Replay, task: Task, partner: Task, item: Placed, node: Node) -> bool:
    if task.apart is None or partner.apart is None or task.apart.group != partner.apart.group:
        return True
    level = task.apart.level
    return domain_of(replay.nodes[item.node], level) != domain_of(node, level)


def _clash_until_s(replay: Replay, one: Placed, other: Placed) -> int | None:
    """Tell until when two that fit each by itself ask too much of the bus, or of a charger."""
    for first, second in product(replay.bus_draws(one), replay.bus_draws(other)):
        room = replay.ceiling_w - first.amount - second.amount
        from_s, until_s = max(first.from_s, second.from_s), min(first.until_s, second.until_s)
        clash_s = replay.bus.over_until_s(from_s, until_s, room) if from_s < until_s else None
        if clash_s is not None:
            return clash_s
    if one.charge is None or other.charge is None or one.charge.place != other.charge.place:
        return None
    from_s = max(one.charge.begin_s, other.charge.begin_s)
    until_s = min(one.charge.end_s, other.charge.end_s)
    room = replay.posts[one.charge.place] - 2
    posts = replay.charging(one.charge.place)
    return posts.over_until_s(from_s, until_s, room) if from_s < until_s else None
