"""Dispatch: when to place, and what to do with a placement that comes back.

A placement is computed elsewhere on a snapshot. When it comes back the site may have moved on, so
each part of it is checked against the newest state, and what no longer fits is left for the next.
"""

import msgspec

from lunaredge.ids import TaskId
from lunaredge.model.task import Leg, TaskKind, Workload
from lunaredge.scheduler import backlog, fusion, stops
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Compute
from lunaredge.scheduler.legs import legs_for
from lunaredge.scheduler.placement import (
    NodeCandidate,
    PlacementProblem,
    PlacementSolution,
    TaskCandidate,
)
from lunaredge.scheduler.state import NodeEntry, Presence, TaskEntry, TaskPhase
from lunaredge.units import s_from_ns
from lunaredge.wire.messages import Assign, Autonomy

COMPUTE_KINDS = frozenset({TaskKind.FUSE_TERRAIN})


def place_if_due(ctx: Context) -> None:
    """Have the ready tasks placed when something has changed, or when it is time to try again."""
    state = ctx.state
    if state.placing or not _placement_due(ctx):
        return
    waiting = backlog.ready(ctx)
    if not waiting or not any(is_free(ctx, node) for node in state.nodes.values()):
        return
    state.placing = True
    state.placed_version = state.version
    state.placed_ns = ctx.now_ns
    problem = PlacementProblem(
        version=state.version,
        tasks=tuple(_task_candidate(ctx, entry) for entry in waiting),
        nodes=tuple(_node_candidate(ctx, node) for node in state.nodes.values()),
        corridor_margin_m=ctx.config.corridor_margin_m,
    )
    ctx.intents.append(Compute(problem=problem))


def _placement_due(ctx: Context) -> bool:
    state = ctx.state
    return (
        state.version != state.placed_version
        or ctx.now_ns >= state.placed_ns + ctx.config.place_retry_ns
    )


def take_placement(ctx: Context, solution: PlacementSolution | None) -> None:
    """Assign what still fits; remember why the rest was refused."""
    state = ctx.state
    state.placing = False
    if solution is None:
        ctx.raise_alarm("scheduler", "placement.failed", "the solver gave no answer")
        return
    ctx.clear_alarm("scheduler", "placement.failed")
    for entry in state.tasks.values():
        if entry.phase is TaskPhase.QUEUED and entry.refusals:
            entry.refusals = []
    for refusal in solution.refusals:
        refused = state.tasks.get(refusal.task)
        if refused is not None and refused.phase is TaskPhase.QUEUED:
            refused.refusals.append(refusal)
    for task, name in solution.assignments:
        chosen, node = state.tasks.get(task), state.nodes[name]
        if chosen is not None and _is_placeable(ctx, chosen, node) and is_free(ctx, node):
            assign(ctx, chosen, node)


def _is_placeable(ctx: Context, entry: TaskEntry, node: NodeEntry) -> bool:
    if entry.phase is not TaskPhase.QUEUED or backlog.blocked_by(ctx, entry):
        return False
    if entry.task.kind is TaskKind.PARK:
        return True
    if entry.bound_to not in (None, node.name) or ctx.must_go_home(node):
        return False
    return _carries(ctx, node) in (None, entry.task.id)


def _carries(ctx: Context, node: NodeEntry) -> TaskId | None:
    """Give the waiting task whose load a machine has on board."""
    for entry in ctx.state.tasks.values():
        if entry.bound_to == node.name and entry.phase is TaskPhase.QUEUED:
            return entry.task.id
    return None


def assign(ctx: Context, entry: TaskEntry, node: NodeEntry) -> None:
    """Give a task to a node."""
    assert entry.node is None or entry.phase is TaskPhase.QUEUED
    entry.node = node.name
    entry.attempt += 1
    entry.bound_to = None
    node.task = entry.task.id
    if entry.task.kind is not TaskKind.PARK:
        node.home_first = ""
    backlog.advance(ctx, entry, TaskPhase.ASSIGNED)
    ctx.order(node.name, _assignment(ctx, entry, node))


def _assignment(ctx: Context, entry: TaskEntry, node: NodeEntry) -> Assign:
    spec = ctx.specs[node.name].machine
    workload: Workload | None = None
    legs: tuple[Leg, ...] = ()
    repeat = False
    if entry.task.kind in COMPUTE_KINDS:
        workload = fusion.workload(ctx, entry)
    else:
        assert spec is not None
        legs, repeat = legs_for(entry.task, ctx.site, spec)
    return Assign(
        command=ctx.command_id(),
        task=entry.task.id,
        attempt=entry.attempt,
        legs=legs,
        repeat=repeat,
        workload=workload,
    )


def is_free(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a node can take a task now."""
    situation = node.situation
    return (
        node.censused
        and node.presence is Presence.UP
        and node.task is None
        and not node.held
        and not node.terrain_hold
        and situation is not None
        and not stops.holds(ctx, node)
        and situation.task is None
        and situation.autonomy is not Autonomy.A3
        and (node.body is not None or not ctx.is_machine(node.name))
    )


def park_idle(ctx: Context) -> None:
    """Send home the machines that have stood idle elsewhere for long enough."""
    for node in ctx.state.nodes.values():
        if park_due_ns(ctx, node) <= ctx.now_ns:
            backlog.add_park(ctx, node)


def park_due_ns(ctx: Context, node: NodeEntry) -> int:
    """Give the time at which an idle machine must be sent home; far away when it need not."""
    if not ctx.is_away(node) or not is_free(ctx, node) or _is_parking(ctx, node):
        return 2**62
    if ctx.must_go_home(node):
        return node.idle_since_ns
    return node.idle_since_ns + ctx.config.park_after_ns


def _is_parking(ctx: Context, node: NodeEntry) -> bool:
    return any(
        entry.task.kind is TaskKind.PARK
        and entry.phase is TaskPhase.QUEUED
        and node.name in entry.task.only_on
        for entry in ctx.state.tasks.values()
    )


def _task_candidate(ctx: Context, entry: TaskEntry) -> TaskCandidate:
    waiting_s = s_from_ns(ctx.now_ns - entry.submitted_ns)
    if entry.bound_to is not None:
        bound = msgspec.structs.replace(entry.task, only_on=(entry.bound_to,))
        return TaskCandidate(task=bound, waiting_s=waiting_s)
    if entry.task.kind not in COMPUTE_KINDS:
        return TaskCandidate(task=entry.task, waiting_s=waiting_s)
    return TaskCandidate(
        task=entry.task,
        waiting_s=waiting_s,
        memory_mib=fusion.MEMORY_MIB,
        duration_s=fusion.DURATION_S_MAX,
    )


def _node_candidate(ctx: Context, node: NodeEntry) -> NodeCandidate:
    situation = node.situation
    return NodeCandidate(
        spec=ctx.specs[node.name],
        free_slots=1 if node.task is None else 0,
        position=node.body,
        battery_wh=situation.battery_wh if situation is not None else None,
        present=node.presence is Presence.UP and node.censused,
        held=node.held or node.terrain_hold,
        stopped=stops.holds(ctx, node),
        safe=situation is not None and situation.autonomy is Autonomy.A3,
        home_first=node.home_first if ctx.must_go_home(node) else "",
        carries=_carries(ctx, node),
    )


def retry_due_ns(ctx: Context) -> int:
    """Give the time at which unplaced tasks must be tried again; far away when there are none."""
    state = ctx.state
    if state.placing or not backlog.ready(ctx):
        return 2**62
    if not any(is_free(ctx, node) for node in state.nodes.values()):
        return 2**62
    return state.placed_ns + ctx.config.place_retry_ns
