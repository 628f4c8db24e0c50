"""Dispatch: when to plan, and what to do with a plan that comes back.

A plan is computed elsewhere on a snapshot. When it comes back the site may have moved on, so
each part of it is checked against the newest state, and what no longer fits is left for the next.
"""

import math
from collections.abc import Iterator

import msgspec

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.task import Leg, Task, TaskKind, Workload
from lunaredge.scheduler import backlog, closures, fusion, lanes, lockout, stops
from lunaredge.scheduler.candidates import (
    InHand,
    NodeCandidate,
    PlacementProblem,
    PlacementSolution,
    TaskCandidate,
)
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Compute
from lunaredge.scheduler.legs import legs_for
from lunaredge.scheduler.state import NodeEntry, Presence, TaskEntry, TaskPhase
from lunaredge.units import s_from_ns
from lunaredge.wire.messages import Assign, Autonomy

COMPUTE_KINDS = frozenset({TaskKind.FUSE_TERRAIN})
# So many plans in a row may be made anew at once because the site had moved on meanwhile; then the
# next one waits its turn, so that a site that never rests is not planned without end.
STALE_MAX = 3
_NEVER_NS = 2**62


def place_if_due(ctx: Context) -> int:
    """Have the tasks that wait planned when something has changed, or when it is time to.

    Give the time at which it is due next: `place_due_ns` as it is afterwards.
    """
    state, due_ns = ctx.state, place_due_ns(ctx)
    if ctx.now_ns < due_ns:
        return due_ns
    state.placing = True
    state.placed_version = state.version
    state.placed_ns = ctx.now_ns
    carried = _carried(ctx)
    problem = PlacementProblem(
        version=state.version,
        tasks=tuple(_task_candidates(ctx)),
        nodes=tuple(
            _node_candidate(ctx, node, carried.get(name)) for name, node in state.nodes.items()
        ),
        now_ns=ctx.now_ns,
        terrain_version=state.terrain_version,
        before=tuple(state.planned.values()),
        corridor_margin_m=ctx.config.corridor_margin_m,
        closing=lanes.closing(ctx),
    )
    ctx.intents.append(Compute(problem=problem))
    return _NEVER_NS


def place_due_ns(ctx: Context) -> int:
    """Give the time at which a plan is due; far away when there is nothing to plan.

    At once when something has changed and a node is free for a task that is ready; else what has
    changed is planned in time, so that the plan that people see is not an old one.
    """
    state = ctx.state
    if state.placing:
        return _NEVER_NS
    waiting = [entry for entry in ctx.open_tasks if entry.phase is TaskPhase.QUEUED]
    if not waiting:
        return _NEVER_NS
    is_urgent = any(is_free(ctx, node) for node in state.nodes.values()) and any(
        not backlog.blocked_by(ctx, entry) for entry in waiting
    )
    releases_ns = [backlog.released_ns(entry) for entry in waiting if entry.task.release_s]
    has_changed = state.version != state.placed_version or any(
        state.placed_ns < release_ns <= ctx.now_ns for release_ns in releases_ns
    )
    if has_changed and is_urgent and state.stale_count < STALE_MAX:
        return 0
    if has_changed or is_urgent:
        return state.placed_ns + ctx.config.place_retry_ns
    return min((each for each in releases_ns if each > ctx.now_ns), default=_NEVER_NS)


def take_placement(ctx: Context, solution: PlacementSolution | None) -> None:
    """Take up a plan: assign what begins now and still fits, and remember the rest with reasons."""
    state = ctx.state
    state.placing = False
    if solution is None:
        ctx.raise_alarm("scheduler", "placement.failed", "the solver gave no answer")
        return
    ctx.clear_alarm("scheduler", "placement.failed")
    state.plan_figures = solution.figures
    state.planned = {item.task: item for item in solution.planned if _waits(ctx, item.task)}
    for entry in ctx.open_tasks:
        if entry.phase is TaskPhase.QUEUED and entry.refusals:
            entry.refusals = []
    for refusal in solution.refusals:
        if _waits(ctx, refusal.task):
            state.tasks[refusal.task].refusals.append(refusal)
    lanes.take_plan(ctx, solution)
    for task, end_ns in solution.ends:
        if task in state.tasks:
            state.tasks[task].expected_ns = end_ns
    are_taken = [_take_up(ctx, solution, task, name) for task, name in solution.assignments]
    state.stale_count = 0 if all(are_taken) else state.stale_count + 1
    for name, task in solution.charging:
        _send_to_charge(ctx, state.nodes[name], task)


def _waits(ctx: Context, task: TaskId) -> bool:
    entry = ctx.state.tasks.get(task)
    return entry is not None and entry.phase is TaskPhase.QUEUED


def _take_up(ctx: Context, solution: PlacementSolution, task: TaskId, name: NodeId) -> bool:
    """Assign a task if the newest state allows it; else have it planned again."""
    entry, node = ctx.state.tasks.get(task), ctx.state.nodes[name]
    stale = _stale(ctx, solution, entry, node)
    if stale or entry is None:
        ctx.tell("placement.stale", task=task, node=name, reason=stale)
        ctx.changed()
        return False
    item = ctx.state.planned.get(task)
    assign(ctx, entry, node)
    entry.expected_ns = 0 if item is None else item.end_ns
    return True


def _stale(
    ctx: Context, solution: PlacementSolution, entry: TaskEntry | None, node: NodeEntry
) -> str:
    """Say what has changed since the plan was made so that a task can't begin; empty if nothing."""
    if entry is None or backlog.expires_ns(entry) <= ctx.now_ns:
        return "the task's time is over"
    if not _is_placeable(ctx, entry, node):
        return "the task is not to begin there any more"
    if not is_free(ctx, node):
        return "the node is not free any more"
    if solution.terrain_version != ctx.state.terrain_version:
        return "the ground has changed"
    item = ctx.state.planned.get(entry.task.id)
    if item is None or item.position is None:
        return ""
    if node.body is None or math.dist(node.body, item.position) > ctx.config.home_radius_m:
        return "the machine stands elsewhere"
    battery_wh = node.situation.battery_wh if node.situation is not None else None
    if battery_wh is None or not battery_wh >= item.needed_wh:
        return "the battery holds too little"
    return ""


def _send_to_charge(ctx: Context, node: NodeEntry, task: TaskId) -> None:
    """Let a machine that charges before its next task go home for that at once."""
    if is_free(ctx, node) and ctx.is_away(node) and not node.home_first:
        node.home_first = f"to charge for {task}"
        ctx.changed()


def _is_placeable(ctx: Context, entry: TaskEntry, node: NodeEntry) -> bool:
    if entry.phase is not TaskPhase.QUEUED or backlog.blocked_by(ctx, entry):
        return False
    if entry.task.kind is TaskKind.PARK:
        return True
    if entry.bound_to not in (None, node.name) or ctx.must_go_home(node) or node.leaving:
        return False
    return _carried(ctx).get(node.name, entry.task.id) == entry.task.id


def _carried(ctx: Context) -> dict[NodeId, TaskId]:
    """Give the waiting task whose load each machine has on board that has one."""
    return {
        entry.bound_to: entry.task.id
        for entry in reversed(ctx.open_tasks)
        if entry.bound_to is not None and entry.phase is TaskPhase.QUEUED
    }


def assign(ctx: Context, entry: TaskEntry, node: NodeEntry) -> None:
    """Give a task to a node."""
    assert entry.node is None or entry.phase is TaskPhase.QUEUED
    entry.node = node.name
    entry.attempt += 1
    entry.assigned_ns = ctx.now_ns
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
        and node.lockout is None
        and situation is not None
        and not stops.holds(ctx, node)
        and situation.task is None
        and situation.autonomy is not Autonomy.A3
        and (node.body is not None or not ctx.is_machine(node.name))
    )


def park_idle(ctx: Context) -> None:
    """Send home the machines that have stood idle elsewhere for long enough, or aside."""
    for node in ctx.state.nodes.values():
        if park_due_ns(ctx, node) <= ctx.now_ns:
            if node.aside is None:
                backlog.add_park(ctx, node)
            else:
                backlog.add_trip(ctx, node, node.aside)


def park_due_ns(ctx: Context, node: NodeEntry) -> int:
    """Give the time at which an idle machine must be sent home; far away when it need not."""
    is_to_go = ctx.is_away(node) or ctx.must_go_home(node)
    if (
        not is_to_go
        or closures.is_shut_in(ctx, node)
        or not is_free(ctx, node)
        or _is_parking(ctx, node)
    ):
        return _NEVER_NS
    if ctx.must_go_home(node):
        return node.idle_since_ns
    return node.idle_since_ns + ctx.config.park_after_ns


def trips(ctx: Context, node: NodeEntry) -> list[TaskEntry]:
    """Give the trips that a machine has before it, or that it is on."""
    return [
        entry
        for entry in ctx.open_tasks
        if entry.task.kind is TaskKind.PARK and node.name in entry.task.only_on
    ]


def _is_parking(ctx: Context, node: NodeEntry) -> bool:
    return any(entry.phase is TaskPhase.QUEUED for entry in trips(ctx, node))


def _task_candidates(ctx: Context) -> Iterator[TaskCandidate]:
    for entry in ctx.open_tasks:
        if entry.phase is TaskPhase.QUEUED:
            yield _waiting(ctx, entry)
        elif entry.phase in backlog.IN_HAND:
            yield _held(ctx, entry)


def _waiting(ctx: Context, entry: TaskEntry) -> TaskCandidate:
    task = entry.task
    if entry.bound_to is not None:
        task = msgspec.structs.replace(task, only_on=(entry.bound_to,))
    if entry.started_ns:
        # What has begun in time may end late, also when it was put back meanwhile.
        task = msgspec.structs.replace(task, latest_s=None)
    return TaskCandidate(
        task=task,
        waiting_s=s_from_ns(ctx.now_ns - entry.submitted_ns),
        memory_mib=_memory_mib(task),
        duration_s=_duration_s(task),
        waits_for=tuple(backlog.open_before(ctx, entry)),
        needs_word=backlog.needs_word(entry),
        release_s=max(0.0, s_from_ns(backlog.released_ns(entry) - ctx.now_ns)),
        closed=closures.closing(ctx, entry.task),
    )


def _held(ctx: Context, entry: TaskEntry) -> TaskCandidate:
    assert entry.node is not None
    in_hand = InHand(
        node=entry.node,
        left_ratio=1.0 - entry.progress_ratio,
        elapsed_s=s_from_ns(ctx.now_ns - entry.assigned_ns),
    )
    return TaskCandidate(
        task=entry.task,
        memory_mib=_memory_mib(entry.task),
        duration_s=_duration_s(entry.task),
        in_hand=in_hand,
    )


def _memory_mib(task: Task) -> int:
    return fusion.MEMORY_MIB if task.kind in COMPUTE_KINDS else 0


def _duration_s(task: Task) -> float:
    return fusion.DURATION_S_MAX if task.kind in COMPUTE_KINDS else 0.0


def _node_candidate(ctx: Context, node: NodeEntry, carries: TaskId | None) -> NodeCandidate:
    situation = node.situation
    is_idle = node.task is None and (situation is None or situation.task is None)
    return NodeCandidate(
        spec=ctx.specs[node.name],
        free_slots=1 if is_idle else 0,
        position=node.body,
        battery_wh=situation.battery_wh if situation is not None else None,
        present=node.presence is Presence.UP and node.censused and situation is not None,
        held=node.held or node.terrain_hold,
        stopped=stops.holds(ctx, node),
        locked_out=lockout.told(node),
        safe=situation is not None and situation.autonomy is Autonomy.A3,
        leaving=node.leaving,
        home_first=node.home_first if ctx.must_go_home(node) else "",
        carries=carries,
    )
