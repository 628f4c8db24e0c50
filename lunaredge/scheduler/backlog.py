"""The backlog: every task's life, and which tasks may start.

    QUEUED --assigned--> ASSIGNED --accepted--> ACCEPTED --started--> STARTED
       ^                    |                      |                     |
       '----- requeued -----+----------------------+---------------------+
    any phase that is not an end --> DONE | FAILED | CANCELLED, once and for good (I5)

The table is data; `advance` is the only place that changes a phase.
"""

import math

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import NodeId, OrderId, TaskId
from lunaredge.model.site import Point
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.scheduler import closures
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.state import ENDED, NodeEntry, TaskEntry, TaskPhase
from lunaredge.units import NS_PER_S, ns_from_s, s_from_ns
from lunaredge.wire import records
from lunaredge.wire.messages import Assign, Cancel, RecordClass, Situation
from lunaredge.wire.records import TaskOutcome

_P = TaskPhase
STEPS: dict[TaskPhase, frozenset[TaskPhase]] = {
    _P.QUEUED: frozenset({_P.ASSIGNED, _P.DONE, _P.FAILED, _P.CANCELLED}),
    _P.ASSIGNED: frozenset({_P.QUEUED, _P.ACCEPTED, _P.STARTED, _P.DONE, _P.FAILED, _P.CANCELLED}),
    _P.ACCEPTED: frozenset({_P.QUEUED, _P.STARTED, _P.DONE, _P.FAILED, _P.CANCELLED}),
    _P.STARTED: frozenset({_P.QUEUED, _P.DONE, _P.FAILED, _P.CANCELLED}),
    _P.DONE: frozenset(),
    _P.FAILED: frozenset(),
    _P.CANCELLED: frozenset(),
}
# Words in a row; more than can be late at once on a link that reorders neighbours.
EMPTY_HANDED_MAX = 3
# A reason is a line for people; nodes say what they like.
REASON_LENGTH_MAX = 500
ENDS = ENDED
IN_HAND = frozenset({_P.ASSIGNED, _P.ACCEPTED, _P.STARTED})
# A trip that ended stays so long, that people and views see what became of it.
TRIP_SHOWN_NS = 600 * NS_PER_S
# The order of tasks that the site gives itself.
SITE_ORDER = OrderId("site")


def advance(ctx: Context, entry: TaskEntry, phase: TaskPhase, reason: str = "") -> None:
    """Take a task to another phase.

    Raises:
        LocalProtocolError: the step is not in the table; nothing is changed.
    """
    if phase not in STEPS[entry.phase]:
        raise LocalProtocolError(
            f"task {entry.task.id} can't go from {entry.phase.value} to {phase.value}"
        )
    entry.phase = phase
    if phase is not TaskPhase.QUEUED:
        ctx.state.planned.pop(entry.task.id, None)
    entry.reason = reason[:REASON_LENGTH_MAX]
    if phase is TaskPhase.STARTED:
        entry.started_ns = ctx.now_ns
    if phase in ENDS:
        ctx.tasks_changed()
        entry.ended_ns = ctx.now_ns
        ctx.note_event(f"task.{phase.value}", f"{entry.task.id} {reason}".strip())
    ctx.changed()
    ctx.tell(f"task.{phase.value}", task=entry.task.id, node=entry.node, reason=reason or None)


def add_order(ctx: Context, order: WorkOrder) -> None:
    """Take a work order that has been found sound."""
    assert order.id not in ctx.state.orders
    ctx.state.orders[order.id] = order.title
    for task in order.tasks:
        assert task.id not in ctx.state.tasks
        ctx.state.tasks[task.id] = TaskEntry(task=task, order=order.id, submitted_ns=ctx.now_ns)
    ask_earth(ctx, order.id)
    ctx.tasks_changed()
    ctx.changed()
    ctx.note_event("order.accepted", f"{order.id}: {len(order.tasks)} tasks")


def ask_earth(ctx: Context, order: OrderId) -> None:
    """Ask for Earth's word on the tasks of an order that wait for it."""
    for entry in ctx.state.tasks.values():
        if entry.order == order and entry.phase is TaskPhase.QUEUED and needs_word(entry):
            title = f"{ctx.state.orders[order]}: {entry.task.kind.value}"
            wanted = records.ApprovalWanted(site_ns=ctx.now_ns, task=entry.task.id, title=title)
            ctx.to_earth(RecordClass.EVENT, wanted)


def add_park(ctx: Context, node: NodeEntry) -> None:
    """Make a task that sends an idle machine home."""
    home = ctx.specs[node.name].home
    assert home is not None
    add_trip(ctx, node, home)


def add_trip(ctx: Context, node: NodeEntry, stand: Point) -> None:
    """Make a task that sends an idle machine somewhere."""
    _forget_parks(ctx, node)
    task = Task(
        id=_park_id(ctx),
        kind=TaskKind.PARK,
        priority=9,
        stand=stand,
        only_on=(node.name,),
    )
    ctx.state.tasks[task.id] = TaskEntry(task=task, order=SITE_ORDER, submitted_ns=ctx.now_ns)
    ctx.tasks_changed()
    ctx.changed()


def _park_id(ctx: Context) -> TaskId:
    """Give an id that no order has taken before."""
    while True:
        ctx.state.park_no += 1
        task = TaskId(f"park-{ctx.state.park_no}")
        if task not in ctx.state.tasks:
            return task


def _forget_parks(ctx: Context, node: NodeEntry) -> None:
    """Forget a machine's earlier trips home, so that they don't fill the table over the years."""
    trips = [
        entry
        for entry in ctx.state.tasks.values()
        if _is_trip_home(entry) and entry.phase in ENDS and node.name in entry.task.only_on
    ]
    for entry in trips:
        if entry.ended_ns + TRIP_SHOWN_NS <= ctx.now_ns:
            _forget(ctx, entry)


def _is_trip_home(entry: TaskEntry) -> bool:
    return entry.task.kind is TaskKind.PARK and entry.order == SITE_ORDER


def open_before(ctx: Context, entry: TaskEntry) -> list[TaskId]:
    """Give the tasks that a task comes after and that are not done."""
    tasks = ctx.state.tasks
    return [name for name in entry.task.after if tasks[name].phase is not TaskPhase.DONE]


def needs_word(entry: TaskEntry) -> bool:
    """Tell whether Earth has still to approve a task."""
    return entry.task.needs_earth and entry.approved is None


def blocked_by(ctx: Context, entry: TaskEntry) -> str:
    """Say what a queued task waits for; empty when it may begin."""
    waiting = open_before(ctx, entry)
    if waiting:
        return f"after {', '.join(waiting)}"
    if needs_word(entry):
        return "needs Earth's approval"
    closed = closures.closing(ctx, entry.task)
    if closed:
        return f"{closed} is closed"
    left_s = s_from_ns(released_ns(entry) - ctx.now_ns)
    return f"released in {left_s:.0f} s" if left_s > 0.0 else ""


def released_ns(entry: TaskEntry) -> int:
    """Give when a task may begin, by its own word."""
    return entry.submitted_ns + ns_from_s(entry.task.release_s)


def expires_ns(entry: TaskEntry) -> int:
    """Give when a task that waits fails because it has not begun; far away where it never does."""
    if entry.phase is not TaskPhase.QUEUED or entry.task.latest_s is None or entry.started_ns:
        return 2**62
    return entry.submitted_ns + ns_from_s(entry.task.latest_s)


def end_expired(ctx: Context) -> None:
    """End the tasks that wait and whose time is over."""
    for entry in ctx.open_tasks:
        # Whatever came after one that ended has ended with it, and may be forgotten.
        if expires_ns(entry) <= ctx.now_ns and entry.task.id in ctx.state.tasks:
            end(ctx, entry, TaskPhase.FAILED, "it had not begun by its latest_s")


def requeue(ctx: Context, entry: TaskEntry, reason: str) -> None:
    """Put a task back, or end it when it has been tried often enough or is not wanted any more."""
    if entry.phase not in IN_HAND:
        return
    entry.bound_to = _laden(ctx, entry)
    _detach(ctx, entry)
    entry.recalled = ""
    # Charging is no failure, however often a long haul needs it; nor is what people do, nor a
    # machine that stands in the way.
    free_count = entry.charge_count + entry.people_count + entry.cut_off_count
    free_count += min(entry.yield_count, ctx.config.yields_max)
    if entry.cancelling:
        end(ctx, entry, TaskPhase.CANCELLED, entry.cancelling)
    elif entry.attempt >= ctx.config.attempts_max + free_count:
        end(ctx, entry, TaskPhase.FAILED, f"{reason} (attempt {entry.attempt})")
    else:
        advance(ctx, entry, TaskPhase.QUEUED, reason)


def _laden(ctx: Context, entry: TaskEntry) -> NodeId | None:
    """Give the machine that has some of a task's load on board; nobody else can deliver that."""
    node = ctx.state.nodes[entry.node] if entry.node is not None else None
    if node is None or node.situation is None or entry.task.kind is not TaskKind.HAUL:
        return None
    return node.name if node.situation.payload_kg > 0.0 else None


def end(ctx: Context, entry: TaskEntry, phase: TaskPhase, reason: str) -> None:
    """End a task, and those that can't start without it."""
    assert phase in ENDS
    _detach(ctx, entry)
    if _is_trip_home(entry):
        for name in entry.task.only_on:
            _note_trip_over(ctx.state.nodes[name], entry)
    ending = [(entry, reason)]
    # The list grows while it is gone through: a chain of tasks may be longer than a stack is deep.
    for ended, why in ending:
        if ended.phase in ENDS:
            # It waited for two of those that ended.
            continue
        advance(ctx, ended, phase, why)
        if phase is TaskPhase.FAILED:
            ctx.raise_alarm(ended.task.id, "task.failed", why)
        if phase is not TaskPhase.DONE:
            ending += [(other, f"{ended.task.id} {phase.value}") for other in _after(ctx, ended)]
    _forget_orders(ctx)


def _note_trip_over(node: NodeEntry, trip: TaskEntry) -> None:
    """Let a machine take tasks again, unless it has still to step aside."""
    if node.aside in (None, trip.task.stand):
        node.home_first, node.aside = "", None


def _forget_orders(ctx: Context) -> None:
    """Forget the orders that ended first, whole, so that the table doesn't grow over the years.

    The one that ended last stays, however long: somebody may be looking at it.
    """
    if len(ctx.state.tasks) <= ctx.config.ended_max:
        return
    orders: dict[OrderId, list[TaskEntry]] = {}
    for entry in ctx.state.tasks.values():
        orders.setdefault(entry.order, []).append(entry)
    over = [
        (max(entry.ended_ns for entry in entries), order)
        for order, entries in orders.items()
        if order != SITE_ORDER and all(entry.phase in ENDS for entry in entries)
    ]
    surplus = sum(len(orders[order]) for _, order in over) - ctx.config.ended_max
    for _, order in sorted(over)[:-1]:
        if surplus <= 0:
            break
        surplus -= len(orders[order])
        for entry in orders[order]:
            _forget(ctx, entry)
        del ctx.state.orders[order]


def _forget(ctx: Context, entry: TaskEntry) -> None:
    assert entry.phase in ENDS
    ctx.clear_alarm(entry.task.id, "task.failed")
    del ctx.state.tasks[entry.task.id]


def _after(ctx: Context, ended: TaskEntry) -> list[TaskEntry]:
    """Give the queued tasks that can't start without this one."""
    return [
        entry
        for entry in ctx.open_tasks
        if ended.task.id in entry.task.after and entry.phase is TaskPhase.QUEUED
    ]


def take_report(ctx: Context, node: NodeEntry, report: records.TaskReport) -> TaskEntry | None:
    """Take a node's report on a task; give the task if this is what ended it.

    A report on another attempt, or on a task that has ended, is old news. Not so that it was done
    by a node that a person gave up, unheard: whoever has it in hand now is to give it up.
    """
    entry = ctx.state.tasks.get(report.task)
    if entry is not None and report.outcome not in (TaskOutcome.FAILED, TaskOutcome.CANCELLED):
        _adopt_anothers(ctx, node, entry, report.attempt)
    if entry is None or entry.phase in ENDS:
        return None
    is_current = (entry.node, entry.attempt) == (node.name, report.attempt)
    if is_current and entry.phase in IN_HAND:
        ctx.forget_commands(node.name, Assign)
        _follow(ctx, entry, report)
    elif report.outcome is TaskOutcome.DONE and entry.given_up.get(report.attempt) == node.name:
        _follow(ctx, entry, report)
    return entry if entry.phase in ENDS else None


def _follow(ctx: Context, entry: TaskEntry, report: records.TaskReport) -> None:
    """Take a task on by a report that counts."""
    match report.outcome:
        case TaskOutcome.ACCEPTED:
            if entry.phase is TaskPhase.ASSIGNED:
                advance(ctx, entry, TaskPhase.ACCEPTED)
        case TaskOutcome.STARTED:
            if entry.phase is not TaskPhase.STARTED:
                advance(ctx, entry, TaskPhase.STARTED)
        case TaskOutcome.DONE:
            entry.result = report.result
            end(ctx, entry, TaskPhase.DONE, report.reason)
        case TaskOutcome.FAILED:
            requeue(ctx, entry, report.reason or "failed")
        case TaskOutcome.CANCELLED if entry.recalled:
            requeue(ctx, entry, entry.recalled)
        case TaskOutcome.CANCELLED:
            end(ctx, entry, TaskPhase.CANCELLED, report.reason or "cancelled")


def cancel(ctx: Context, entry: TaskEntry, reason: str) -> None:
    """Cancel a task: at once when no node has it, else when its node says so."""
    if entry.phase is TaskPhase.QUEUED:
        end(ctx, entry, TaskPhase.CANCELLED, reason)
    elif entry.phase in IN_HAND:
        assert entry.node is not None
        entry.cancelling = reason
        _take_away(ctx, ctx.state.nodes[entry.node], entry.task.id, entry.attempt)


def recall(ctx: Context, entry: TaskEntry, reason: str) -> None:
    """Have a task's node give it back, to be placed again."""
    assert entry.phase in IN_HAND
    assert entry.node is not None
    entry.recalled = reason[:REASON_LENGTH_MAX]
    _take_away(ctx, ctx.state.nodes[entry.node], entry.task.id, entry.attempt)


def reconcile(ctx: Context, node: NodeEntry, situation: Situation) -> None:
    """Mend a difference between what a node has in hand and what it should have.

    Reports travel apart from heartbeats and either may be late, so one word proves nothing: a
    node has lost a task when several words in a row say that it has none in hand and that all it
    had to say has been acknowledged.
    """
    if situation.task is not None:
        node.empty_handed_count = 0
        entry = ctx.state.tasks.get(situation.task)
        if entry is not None:
            _adopt_anothers(ctx, node, entry, situation.attempt)
        if entry is not None and math.isfinite(situation.progress_ratio):
            entry.progress_ratio = min(1.0, max(entry.progress_ratio, situation.progress_ratio))
        # The node may not have heard of the task yet when it was first told to give it up.
        if entry is None or _is_unwanted(node, entry, situation.attempt):
            _take_away(ctx, node, situation.task, situation.attempt)
        return
    entry = ctx.state.tasks[node.task] if node.task is not None else None
    if entry is None or ctx.is_pending(node.name, Assign) or situation.spool_count:
        node.empty_handed_count = 0
        return
    node.empty_handed_count += 1
    if node.empty_handed_count >= EMPTY_HANDED_MAX:
        node.empty_handed_count = 0
        requeue(ctx, entry, f"{node.name} lost it")


def _adopt_anothers(ctx: Context, node: NodeEntry, entry: TaskEntry, attempt: int) -> None:
    """Leave a task with the node that has it in hand, where a newer journal gave it out.

    This journal is an old image then, or a copy: it never gave out that attempt. Taken from the
    node and given to another, the task would be done twice.
    """
    task = entry.task
    is_for_it = node.name not in task.not_on and (not task.only_on or node.name in task.only_on)
    is_free = node.task in (None, task.id) and entry.bound_to in (None, node.name)
    is_wanted = entry.phase in IN_HAND or (
        entry.phase is TaskPhase.QUEUED and not blocked_by(ctx, entry)
    )
    ahead_count = attempt - entry.attempt
    # More than any leader gives out: the node has lost its mind, and its word would end the task.
    is_sane = 0 < ahead_count <= ctx.config.attempts_max + ctx.config.yields_max
    if not (is_sane and is_wanted and is_for_it and is_free):
        return
    if entry.cancelling or entry.recalled:
        return
    if entry.phase is not TaskPhase.QUEUED:
        _detach(ctx, entry)
        advance(ctx, entry, TaskPhase.QUEUED, f"{node.name} has attempt {attempt} in hand")
    entry.node = node.name
    entry.attempt = attempt
    entry.assigned_ns = ctx.now_ns
    entry.bound_to = None
    node.task = entry.task.id
    advance(ctx, entry, TaskPhase.ASSIGNED)
    advance(ctx, entry, TaskPhase.ACCEPTED)


def _take_away(ctx: Context, node: NodeEntry, task: TaskId, attempt: int) -> None:
    if not ctx.is_pending(node.name, Cancel):
        ctx.order(node.name, Cancel(command=ctx.command_id(), task=task, attempt=attempt))


def _is_unwanted(node: NodeEntry, entry: TaskEntry, attempt: int) -> bool:
    """Tell whether a node is to give that attempt at a task up."""
    is_its = entry.node == node.name and entry.attempt == attempt and entry.phase in IN_HAND
    return not is_its or bool(entry.cancelling or entry.recalled)


def _detach(ctx: Context, entry: TaskEntry) -> None:
    node = ctx.state.nodes[entry.node] if entry.node is not None else None
    # A task that waits again still names the node that had it last, which may have another by now.
    if node is not None and node.task == entry.task.id:
        ctx.free_task(node)
        ctx.forget_commands(node.name, Assign, Cancel)
