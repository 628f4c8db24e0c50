"""Lanes: ways that a stranded machine closes, found out and told to people.

A machine that waits for another one's way is helped by time alone as long as that one goes on. One
that is silent, stopped, tagged, held, in safe mode or stuck does not; its body is routed round, and
where no room is left the way is closed. The route planner proves that (`paths.closers`): with the
claims of stranded machines alone there is no way, and without any one of them there is. Then an
alarm names the machine and what it cuts off, and the plan leaves that out until the way is open.

Frees no ground and moves nobody: the way is open again when the machine can go on, has been moved,
or a person has vouched that it is gone.
"""

import math

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import backlog, lockout, space, stops
from lunaredge.scheduler.candidates import PlacementSolution
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import (
    ENDED,
    Granted,
    Lane,
    NodeEntry,
    Presence,
    TaskEntry,
    TaskPhase,
)
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import Autonomy

ALARM = "lane.closed"

# With ground granted ahead of it, and for so long no nearer to its end: at a tenth of its speed a
# machine would have driven 30 m.
STUCK_NS = 300 * NS_PER_S
# A place measured at rest wavers by centimetres; what is pulled aside is moved by more.
MOVED_M = 0.5
# Less than this ahead of it is no way to go: it stands at its stop point.
AHEAD_M = 5.0
# An agent's word for that it does not trust its clock, its place or its link enough to drive.
HOLDING = "holding"
CUT_OFF = "cut off from home"
# An alarm is read by people; the rest is in the list of tasks.
NAMES_MAX = 8


def watch(ctx: Context, granted: Granted) -> None:
    """Note when a machine was last seen to move along its route."""
    if abs(granted.passed_m - granted.moved_m) >= MOVED_M:
        granted.moved_m = granted.passed_m
        granted.moved_ns = ctx.now_ns


def stranded(ctx: Context, node: NodeEntry) -> tuple[NodeId, ...]:
    """Name the machines that won't get out of this one's way by themselves."""
    return tuple(
        other.name
        for other in ctx.state.nodes.values()
        if other.name != node.name and ctx.is_machine(other.name) and _is_stranded(ctx, other)
    )


def confirmed(ctx: Context, closed_by: tuple[NodeId, ...]) -> tuple[NodeId, ...]:
    """Give the machines that close a way, if none of them has got going since that was found."""
    return closed_by if all(_is_stranded(ctx, ctx.state.nodes[n]) for n in closed_by) else ()


def told(ctx: Context, closed_by: tuple[NodeId, ...]) -> str:
    """Say who closes a way, and why; empty for nobody."""
    names = [f"{name} ({_why(ctx, ctx.state.nodes[name])})" for name in closed_by]
    if not names:
        return ""
    return f"cut off by {' and '.join(names)}"


def close(ctx: Context, closed_by: tuple[NodeId, ...], task: TaskId) -> None:
    """Take note that machines close the only way of a task."""
    for name in closed_by:
        node = ctx.state.nodes[name]
        assert node.body is not None, "who was never seen at rest has no body to stand in the way"
        lane = ctx.state.lanes.get(name)
        if lane is None:
            until_moved = _is_stuck(ctx, node)
            lane = Lane(
                why=_plight(ctx, node),
                place=node.body,
                until_moved=until_moved,
                version=ctx.state.version + 1,
            )
            ctx.state.lanes[name] = lane
            ctx.tell("lane.closed", node=name, task=task, why=lane.why)
        if task not in lane.cut_off:
            lane.cut_off = (*lane.cut_off, task)
        _report(ctx, name, lane)
    ctx.changed()


def closing(ctx: Context) -> tuple[Chain, ...]:
    """Give the claims of the machines that close a way: no plan leads through them."""
    return tuple(
        chain for name in ctx.state.lanes for chain in space.claim(ctx, ctx.state.nodes[name])
    )


def take_plan(ctx: Context, solution: PlacementSolution) -> None:
    """Take note of what a plan had to leave out for closed ways."""
    for name, lane in ctx.state.lanes.items():
        if solution.version >= lane.version:
            # What its machine has still to give back is in nobody's plan.
            held = [t for t in lane.cut_off if ctx.state.tasks[t].phase in backlog.IN_HAND]
            shut = [task for task, closer in solution.cut_off if closer == name]
            lane.cut_off = tuple(dict.fromkeys((*held, *shut)))
            _report(ctx, name, lane)


def review(ctx: Context) -> None:
    """Open every way whose machine has got going, has been moved or is gone."""
    for name, lane in list(ctx.state.lanes.items()):
        if _is_open(ctx, ctx.state.nodes[name], lane):
            del ctx.state.lanes[name]
            ctx.clear_alarm(name, ALARM)
            ctx.tell("lane.opened", node=name)
            ctx.changed()
            continue
        tasks = ctx.state.tasks
        left = tuple(t for t in lane.cut_off if t in tasks and tasks[t].phase not in ENDED)
        if left != lane.cut_off:
            lane.cut_off = left
            _report(ctx, name, lane)


def waited_for(ctx: Context, entry: TaskEntry) -> str:
    """Say what a task that waits waits for, closed ways included; empty when it may begin."""
    if entry.phase is not TaskPhase.QUEUED:
        return ""
    lanes = ctx.state.lanes.items()
    closers = tuple(name for name, lane in lanes if entry.task.id in lane.cut_off)
    return backlog.blocked_by(ctx, entry) or told(ctx, closers)


def _is_open(ctx: Context, node: NodeEntry, lane: Lane) -> bool:
    if node.body is None or math.dist(node.body, lane.place) > MOVED_M:
        return True
    return not lane.until_moved and not _plight(ctx, node)


def _is_stranded(ctx: Context, node: NodeEntry) -> bool:
    is_here = node.body is not None
    return is_here and (node.name in ctx.state.lanes or bool(_plight(ctx, node)))


def _why(ctx: Context, node: NodeEntry) -> str:
    lane = ctx.state.lanes.get(node.name)
    return _plight(ctx, node) or ("" if lane is None else lane.why)


def _plight(ctx: Context, node: NodeEntry) -> str:
    """Say why a machine won't go out of another's way; empty while it may."""
    match node.presence:
        case Presence.LOST:
            return "not heard"
        case Presence.DOWN:
            return "switched off"
        case Presence.HIBERNATING:
            return "asleep"
    if node.lockout is not None:
        return lockout.told(node)
    if stops.holds(ctx, node):
        return "emergency stop"
    if node.held or node.terrain_hold:
        return "held"
    if node.situation is not None and node.situation.autonomy is Autonomy.A3:
        return "in safe mode"
    if node.situation is not None and node.situation.state == HOLDING:
        return "stands still by itself"
    if _is_stuck(ctx, node):
        return "does not move"
    if node.task is not None:
        return ""
    if ctx.is_away(node):
        return CUT_OFF if _is_cut_off(ctx, node) else ""
    return "has nowhere else to go"


def _is_cut_off(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine's trip home waits for another that closes the way.

    Of that one's own accord: two that are each cut off by the other wait for each other, which
    ends in a ring, and is no reason to wait.
    """
    return any(
        entry.task.kind is TaskKind.PARK and node.name in entry.task.only_on
        for lane in ctx.state.lanes.values()
        if lane.why != CUT_OFF
        for task in lane.cut_off
        if (entry := ctx.state.tasks.get(task)) is not None
    )


def _is_stuck(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine has had ground ahead of it for long and has not driven there."""
    granted = node.granted
    if granted is None or not granted.taken or granted.stop_m - granted.passed_m < AHEAD_M:
        return False
    return ctx.now_ns - granted.moved_ns >= STUCK_NS


def _report(ctx: Context, name: NodeId, lane: Lane) -> None:
    """Have an alarm say what a machine cuts off; none where nothing waits for the way."""
    if not lane.cut_off:
        ctx.clear_alarm(name, ALARM)
        return
    tasks = [ctx.state.tasks[task].task for task in lane.cut_off if task in ctx.state.tasks]
    zones = dict.fromkeys(
        zone for task in tasks for zone in (task.zone, task.pile, task.to_pile) if zone
    )
    where = f" at {lane.place[0]:.1f}, {lane.place[1]:.1f}"
    to_zones = f" to {_listed(list(zones))}" if zones else ""
    text = f"{lane.why}; closes the only way{to_zones}{where}: cuts off {_listed(lane.cut_off)}"
    ctx.reword_alarm(name, ALARM, text)


def _listed(names: list[str] | tuple[TaskId, ...]) -> str:
    more = f" and {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
    return ", ".join(names[:NAMES_MAX]) + more
