"""The desk: what operators and Earth may ask, and the answer each request gets.

A request's id makes it repeatable: the same id gets its first answer again and changes nothing.
The id counts together with the key that signed, never with the topic, which anyone can choose.
"""

from typing import NamedTuple

from lunaredge.ids import KeyId, NodeId, TaskId
from lunaredge.scheduler import (
    alarms,
    backlog,
    channels,
    closures,
    conflicts,
    hibernation,
    lanes,
    lockout,
    plans,
    restraint,
    stops,
    vouch,
)
from lunaredge.scheduler.consent import Outcome
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Asked, Reply
from lunaredge.scheduler.orders import refusals_at_submit
from lunaredge.scheduler.state import NodeEntry, TaskEntry, TaskPhase
from lunaredge.wire.alarm_requests import AcknowledgeRequest, ShelveRequest, UnshelveRequest
from lunaredge.wire.channel_orders import ChannelsRequest
from lunaredge.wire.messages import (
    Answer,
    Approve,
    CancelRequest,
    Explain,
    HibernateRequest,
    HoldRequest,
    Question,
    Stop,
    StopReleaseRequest,
    Submit,
    VouchRequest,
)
from lunaredge.wire.safeguards import CloseRequest, LockOutRequest, OpenRequest, UnlockRequest
from lunaredge.wire.seal import Role

# An answer is for a person to read, and must fit a frame whatever was asked.
TEXT_LENGTH_MAX = 4_000
# Longer than any name.
NAME_LENGTH_SHOWN = 80

REFUSED_FOR_ROLE = "this key may not ask for that"


def take_request(ctx: Context, asked: Asked) -> None:
    """Answer a request, once."""
    body = asked.body
    if isinstance(body, Stop):
        stops.take(ctx, body, asked.key, asked.role)
        return
    key = f"{asked.key}/{body.request}"
    answer = ctx.state.answers.get(key)
    if answer is None:
        answer = _decide(ctx, asked, body)
        _remember(ctx, key, answer)
    ctx.intents.append(Reply(client=asked.client, body=answer))


def _decide(ctx: Context, asked: Asked, body: Question) -> Answer:
    role = asked.role
    if role not in (Role.OPERATOR, Role.EARTH):
        return _no(body.request, REFUSED_FOR_ROLE)
    match body:
        case Submit():
            return _submit(ctx, body)
        case HoldRequest() | HibernateRequest() | ChannelsRequest():
            return _tell_node(ctx, body)
        case CancelRequest():
            return _cancel(ctx, body)
        case StopReleaseRequest():
            return _answer(body.request, stops.release(ctx, body.stop, body.code))
        case VouchRequest():
            return _vouch(ctx, body)
        case LockOutRequest() | UnlockRequest():
            return _lock_or_release(ctx, asked, body)
        case CloseRequest() | OpenRequest():
            return _close_or_open(ctx, asked.key, body)
        case AcknowledgeRequest() | ShelveRequest() | UnshelveRequest():
            return _answer(body.request, _about_alarm(ctx, asked.key, body))
        case Approve():
            return _approve(ctx, body, role)
        case Explain():
            return _yes(body.request, explained(ctx, body.task).text)


def _submit(ctx: Context, body: Submit) -> Answer:
    order = body.order
    if order.id == backlog.SITE_ORDER:
        return _no(body.request, f"{order.id} is the scheduler's own order; give it another id")
    if order.id in ctx.state.orders:
        return _no(body.request, f"order {order.id} was already submitted; give it another id")
    if len(ctx.state.tasks) + len(order.tasks) > ctx.config.tasks_max:
        return _no(body.request, f"the backlog holds at most {ctx.config.tasks_max} tasks")
    known = [task.id for task in order.tasks if task.id in ctx.state.tasks]
    if known:
        return _no(body.request, f"task {known[0]} exists already; give it another id")
    problems = refusals_at_submit(
        order, ctx.site, ctx.fleet, ctx.ground, ctx.config.corridor_margin_m
    )
    if problems:
        return _no(body.request, "; ".join(str(problem) for problem in problems))
    backlog.add_order(ctx, order)
    count = len(order.tasks)
    tasks = "1 task" if count == 1 else f"{count} tasks"
    return _yes(body.request, f"order {order.id} accepted with {tasks}")


def _tell_node(ctx: Context, body: HoldRequest | HibernateRequest | ChannelsRequest) -> Answer:
    if isinstance(body, HoldRequest):
        return _hold(ctx, body)
    if isinstance(body, ChannelsRequest):
        return _answer(body.request, channels.order(ctx, body.node, body.policies))
    return _answer(body.request, hibernation.order(ctx, body.node, body.until_ns))


def _hold(ctx: Context, body: HoldRequest) -> Answer:
    node = ctx.state.nodes.get(body.node)
    if node is None:
        return _no(body.request, f"no node {body.node}; nodes lists them")
    node.held = body.hold
    node.terrain_hold = False
    ctx.state.interventions += 1
    ctx.order_hold(node.name, held=body.hold)
    ctx.clear_alarm(node.name, "terrain.changed")
    ctx.changed()
    ctx.note_event("node.held" if body.hold else "node.resumed", node.name)
    if body.hold:
        return _yes(body.request, f"{node.name} is to hold")
    hindrance = _hindrance(ctx, node)
    if hindrance:
        return _yes(body.request, f"{node.name} is held no more, but does not go on{hindrance}")
    return _yes(body.request, f"{node.name} may go on")


def _cancel(ctx: Context, body: CancelRequest) -> Answer:
    entry = ctx.state.tasks.get(body.task)
    if entry is None:
        return _no(body.request, f"no task {body.task}; tasks lists them")
    if entry.phase in backlog.ENDS:
        return _no(body.request, f"{body.task} is already {entry.phase.value}")
    ctx.state.interventions += 1
    open_before = _open_count(ctx)
    backlog.cancel(ctx, entry, "by an operator")
    if entry.phase is not TaskPhase.CANCELLED:
        return _yes(body.request, f"{body.task} is to be cancelled, when {entry.node} gives it up")
    others = open_before - _open_count(ctx) - 1
    after = f", and {others} more that can't start without it" if others else ""
    return _yes(body.request, f"{body.task} cancelled{after}")


def _open_count(ctx: Context) -> int:
    return sum(entry.phase not in backlog.ENDS for entry in ctx.state.tasks.values())


def _vouch(ctx: Context, body: VouchRequest) -> Answer:
    node = ctx.state.nodes.get(body.node)
    if node is None:
        return _no(body.request, f"no node {body.node}; nodes lists them")
    answer = vouch.vouch(ctx, node, body.at, body.code)
    conflicts.watch(ctx, node)
    return _answer(body.request, answer)


def _lock_or_release(ctx: Context, asked: Asked, body: LockOutRequest | UnlockRequest) -> Answer:
    node = ctx.state.nodes.get(body.node)
    if node is None:
        return _no(body.request, f"no node {body.node}; nodes lists them")
    if isinstance(body, LockOutRequest):
        return _answer(body.request, lockout.lock(ctx, node, asked.key, body))
    who = (asked.key, asked.role)
    return _answer(body.request, lockout.release(ctx, node, who, body.whose, body.code))


def _close_or_open(ctx: Context, by: KeyId, body: CloseRequest | OpenRequest) -> Answer:
    if isinstance(body, CloseRequest):
        return _answer(body.request, closures.close(ctx, by, body))
    return _answer(body.request, closures.open_again(ctx, by, body))


def _about_alarm(
    ctx: Context, by: KeyId, body: AcknowledgeRequest | ShelveRequest | UnshelveRequest
) -> Outcome:
    match body:
        case AcknowledgeRequest():
            return alarms.acknowledge(ctx, by, body)
        case ShelveRequest():
            return alarms.shelve(ctx, by, body)
        case UnshelveRequest():
            return alarms.unshelve(ctx, by, body)


def _approve(ctx: Context, body: Approve, role: Role) -> Answer:
    entry = ctx.state.tasks.get(body.task)
    if entry is None or not entry.task.needs_earth:
        return _no(body.request, f"{body.task} is no task that needs approval")
    if role is not Role.EARTH:
        return _no(body.request, "only Earth's key may approve")
    if entry.approved is not None or entry.phase in backlog.ENDS:
        return _no(body.request, f"{body.task} has its answer already")
    entry.approved = body.approved
    ctx.note_event("task.approved" if body.approved else "task.vetoed", body.task)
    if not body.approved:
        backlog.cancel(ctx, entry, "vetoed by Earth")
    ctx.changed()
    return _yes(body.request, f"{body.task} {'approved' if body.approved else 'vetoed'}")


def _remember(ctx: Context, key: str, answer: Answer) -> None:
    answers = ctx.state.answers
    if len(answers) >= ctx.config.answers_max:
        del answers[next(iter(answers))]
    answers[key] = answer


def _answer(request: str, outcome: Outcome) -> Answer:
    return Answer(request=request, ok=outcome.taken, text=_cut(outcome.text), code=outcome.code)


def _yes(request: str, text: str) -> Answer:
    return Answer(request=request, ok=True, text=_cut(text))


def _no(request: str, text: str) -> Answer:
    return Answer(request=request, ok=False, text=_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH_MAX else f"{text[: TEXT_LENGTH_MAX - 3]}..."


class Explained(NamedTuple):
    """Why a task is where it is."""

    found: bool
    text: str
    plan: dict[str, object] | None = None
    """Its row of the plan."""
    reason: str = ""
    """Why it ended as it did, where there is one to give."""
    refusals: tuple[dict[str, object], ...] = ()


def explained(ctx: Context, task: TaskId) -> Explained:
    """Say why a task is where it is, where the plan has it, and what refused it on each node.

    Of a node of that name, say why it stands: on Earth there is no list that shows it.
    """
    entry = ctx.state.tasks.get(task)
    node = ctx.state.nodes.get(NodeId(task))
    if entry is None and node is not None:
        return Explained(found=True, text=_cut(_node_explained(ctx, node)))
    if entry is None:
        name = task[:NAME_LENGTH_SHOWN]
        return Explained(found=False, text=f"no task or node {name}; `tasks` and `nodes` list them")
    if entry.phase in backlog.ENDS:
        return _ended(entry)
    rows: tuple[dict[str, object], ...] = tuple(
        {"node": str(r.node), "constraint": r.constraint.value, "detail": r.detail}
        for r in entry.refusals
    )
    if entry.phase is not TaskPhase.QUEUED:
        text = _phase_of(entry) + _waiting(ctx, entry.node, task)
        return Explained(found=True, text=text, refusals=rows)
    item = ctx.state.planned.get(task)
    plan = None if item is None else plans.row_of(item, ctx.now_ns)
    waits_for = lanes.waited_for(ctx, entry)
    missing = [n.name for n in ctx.state.nodes.values() if not n.censused]
    if waits_for:
        text = f"{task} waits: {waits_for}"
    elif missing and not rows:
        text = f"{task} waits for the census of {', '.join(missing)}"
    elif item is None:
        text = f"{task} is ready; {'no node can take it now' if rows else 'not planned yet'}"
    else:
        text = f"{task} is ready"
    if item is not None:
        text += f"; {plans.sentence(item, ctx.now_ns)}"
    return Explained(found=True, text=_cut(text), plan=plan, refusals=rows)


def _node_explained(ctx: Context, node: NodeEntry) -> str:
    """Say why a node stands: what keeps it at rest, and else what it waits for."""
    kept = _restraint(ctx, node)
    task = f"its task is {node.task}" if node.task is not None else "it has no task"
    wait = f"; it waits: {node.wait_reason}" if node.wait_reason and not kept else ""
    leaves = f"; it has to leave {node.leaving}, which is closed" if node.leaving else ""
    return f"{node.name} is a node, {node.shown_presence}{kept}{leaves}; {task}{wait}"


def _ended(entry: TaskEntry) -> Explained:
    """Say how a task ended and why: what refused it while it waited is of no interest any more."""
    text = _phase_of(entry) + (f": {entry.reason}" if entry.reason else "")
    return Explained(found=True, text=_cut(text), reason=entry.reason)


def _phase_of(entry: TaskEntry) -> str:
    """Say how far a task is, and on which node."""
    node = f" on {entry.node} (attempt {entry.attempt})" if entry.node else ""
    return f"{entry.task.id} is {entry.phase.value}{node}"


def _waiting(ctx: Context, name: NodeId | None, task: TaskId) -> str:
    node = ctx.state.nodes.get(name) if name is not None else None
    if node is None or node.task != task:
        return ""
    hindrance = _hindrance(ctx, node)
    if hindrance or not node.wait_reason:
        return hindrance
    return f"; its machine waits: {node.wait_reason}"


def _hindrance(ctx: Context, node: NodeEntry) -> str:
    """Say what keeps a node from its work whatever the way is like; empty for nothing."""
    silence = restraint.silence(node)
    return (f"; {node.name} is {silence}" if silence else "") + _restraint(ctx, node)


def _restraint(ctx: Context, node: NodeEntry) -> str:
    """Say what keeps a node at rest, and how a stop is released; empty for nothing."""
    kept = restraint.told(ctx, node)
    remedy = "; `estop --release` releases it" if stops.of(ctx, node) else ""
    return f"; {node.name} is {kept}{remedy}" if kept else ""
