"""Standoffs: machines whose waiting leads nowhere, and which of them gives its task back.

A machine that can't have its corridor waits and asks again (`scheduler.claims`). That helps as
long as the one in its way goes on. It does not help when machines at rest wait for each other in a
ring, nor when it is the ground that closes the way. In a ring one gives way: its task goes back to
the backlog, and it goes home before it takes another; where all are on their way home or there
already, one steps aside (`retreat`). Against the ground the task is given back as a failed attempt;
so it is, but for the count, where stranded machines close the way (`lanes`). A machine that has
waited its battery down is sent home in time. Each is asked of the machine as a cancellation is, and
takes nothing from it before it has answered; so this frees no space, but changes who wants what.
"""

from lunaredge.ids import NodeId
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import backlog, closures, lanes, retreat, stops, way_back
from lunaredge.scheduler.context import STANDOFF_ALARM, Context
from lunaredge.scheduler.state import NodeEntry, Presence, TaskEntry

# Deferrals in a row before waiting is called vain: one may be stale, two may be chance.
DEFERRALS_MIN = 3


def take_deferral(ctx: Context, node: NodeEntry, reason: str, blocked_by: NodeId | None) -> None:
    """Note that a machine's route was refused, and end its waiting when that is in vain.

    Without ``blocked_by`` it is the ground that is in the way.
    """
    node.closing_count = 0
    # It may be a closed zone that is in the way, and that will be opened again.
    may_open = blocked_by is None and bool(closures.in_force(ctx))
    if may_open and not closures.is_shut_in(ctx, node):
        ctx.forget_deferrals(node)
        return
    if (blocked_by is None) != (node.blocked_by is None):
        node.deferral_count = 0
    node.deferral_count += 1
    node.blocked_by = blocked_by
    if may_open or node.deferral_count < DEFERRALS_MIN or _task(ctx, node).recalled:
        return
    if blocked_by is None:
        _recall(ctx, node, f"no way for {node.name}: {reason}")
        return
    ring = _ring(ctx, node)
    if ring:
        _resolve(ctx, ring)


def take_closing(
    ctx: Context, node: NodeEntry, closed_by: tuple[NodeId, ...], blocked_by: NodeId | None
) -> None:
    """Note that stranded machines close a machine's only way; when that is sure, end its waiting.

    Its task goes back, and is placed where the way is open, or again when this one is.
    """
    if node.blocked_by is None:
        node.deferral_count = 0
    node.deferral_count += 1
    node.closing_count += 1
    node.blocked_by = blocked_by if blocked_by is not None else closed_by[0]
    entry = _task(ctx, node)
    if node.closing_count < DEFERRALS_MIN or entry.recalled:
        return
    lanes.close(ctx, closed_by, entry.task.id)
    if entry.task.kind is TaskKind.PARK and closures.is_shut_in(ctx, node):
        # It is sent elsewhere, or waits where it is.
        return
    entry.cut_off_count += 1
    _recall(ctx, node, lanes.told(ctx, closed_by))


def take_exhaustion(ctx: Context, node: NodeEntry, reason: str) -> None:
    """Take the task back from a machine that must charge before it can go on with it (I8)."""
    entry = _task(ctx, node)
    if not entry.recalled:
        entry.charge_count += 1
        node.home_first = "to charge"
        _recall(ctx, node, f"{node.name} must charge: {reason}")


def _ring(ctx: Context, node: NodeEntry) -> list[NodeEntry]:
    """Give the machines that wait for each other, this one first; none if it is in no ring."""
    ring: list[NodeEntry] = []
    at = node
    while all(at is not member for member in ring):
        if not _waits_in_vain(ctx, at):
            return []
        assert at.blocked_by is not None
        ring.append(at)
        at = ctx.state.nodes[at.blocked_by]
    return ring if at is node else []


def is_waiting(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine that could drive asks for its way again and again."""
    if node.presence is not Presence.UP or node.held or node.terrain_hold or stops.holds(ctx, node):
        return False
    if node.lockout is not None:
        return False
    return node.deferral_count >= DEFERRALS_MIN and node.granted is None


def _waits_in_vain(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine keeps asking for a way that another one closes."""
    return is_waiting(ctx, node) and node.blocked_by is not None


def _resolve(ctx: Context, ring: list[NodeEntry]) -> None:
    """Have the machine with the least urgent task give way; of two, the later in the fleet.

    Who is on its way home, or there, has nowhere better to go: one of those steps aside.
    """
    if any(_task(ctx, node).recalled or _task(ctx, node).cancelling for node in ring):
        # One of them is giving its task back already.
        return
    if any(way_back.give_way(ctx, node) for node in ring):
        # A way home that is only kept; whoever waits in a ring has less use for it than for going.
        return
    order = list(ctx.state.nodes)
    by_urgency = sorted(
        ring, key=lambda node: (-_task(ctx, node).task.priority, -order.index(node.name))
    )
    able = [node for node in by_urgency if _can_yield(ctx, node)]
    if able:
        _give_way(ctx, able[0])
        return
    for node in by_urgency:
        node.aside = retreat.refuge(ctx, node, ring)
        if node.aside is not None:
            ctx.clear_alarm(ring[0].name, STANDOFF_ALARM)
            _give_way(ctx, node)
            return
    names = " waits for ".join(node.name for node in [*ring, ring[0]])
    ctx.raise_alarm(ring[0].name, STANDOFF_ALARM, names)


def _give_way(ctx: Context, node: NodeEntry) -> None:
    """Have a machine give its task back, and go home or aside."""
    assert node.blocked_by is not None
    entry = _task(ctx, node)
    reason = f"{node.name} gives way to {node.blocked_by}"
    node.home_first = f"to let {node.blocked_by} pass"
    entry.yield_count += 1
    if entry.order != backlog.SITE_ORDER:
        _recall(ctx, node, reason)
        return
    # A trip home leads where the other one stands; another is made when it has passed.
    backlog.cancel(ctx, entry, reason)
    ctx.forget_deferrals(node)


def _can_yield(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine has somewhere else to go than where its task takes it."""
    return _task(ctx, node).order != backlog.SITE_ORDER and ctx.is_away(node)


def _recall(ctx: Context, node: NodeEntry, reason: str) -> None:
    ctx.tell("task.recalled", node=node.name, task=node.task, reason=reason)
    backlog.recall(ctx, _task(ctx, node), reason)
    ctx.forget_deferrals(node)


def _task(ctx: Context, node: NodeEntry) -> TaskEntry:
    assert node.task is not None, "only a machine with a task asks for a way"
    return ctx.state.tasks[node.task]
