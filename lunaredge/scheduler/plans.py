"""Plans as people read them: who does what next, from when to when, and what it waits for."""

from lunaredge.placement import Cause
from lunaredge.scheduler import lanes
from lunaredge.scheduler.backlog import IN_HAND, blocked_by
from lunaredge.scheduler.candidates import Constraint, Planned
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.state import TaskEntry, TaskPhase
from lunaredge.units import s_from_ns

Row = dict[str, object]

_BEHIND = {Cause.ORDER: "after", Cause.NODE: "behind", Cause.TRAVEL: "behind"}
"""How what it waits for stands to a task; others are waited for."""


def rows(ctx: Context, now_ns: int) -> list[Row]:
    """One row per task in hand, then one per planned task, by start, then one per other."""
    tasks, planned = ctx.state.tasks, ctx.state.planned
    in_hand = [_in_hand(entry, now_ns) for entry in tasks.values() if entry.phase in IN_HAND]
    found = [row_of(item, now_ns) for item in planned.values()]
    for row, name in zip(found, planned, strict=True):
        # A start that is overdue waits for what has not come in time.
        row["waits"] = row["waits"] or blocked_by(ctx, tasks[name]) or None
    without: list[Row] = [
        {"task": entry.task.id, "is": "not planned", "waits": _lacks(ctx, entry) or None}
        for entry in tasks.values()
        if entry.phase is TaskPhase.QUEUED and entry.task.id not in planned
    ]
    return [*in_hand, *found, *without]


def _in_hand(entry: TaskEntry, now_ns: int) -> Row:
    ends_in_s = _in_s(entry.expected_ns, now_ns) if entry.expected_ns else None
    return {
        "task": entry.task.id,
        "node": entry.node,
        "is": entry.phase.value,
        "ends_in_s": ends_in_s,
    }


def _lacks(ctx: Context, entry: TaskEntry) -> str:
    """Say what a task without a place waits for; of its nodes the one that may have it soonest."""
    waits = lanes.waited_for(ctx, entry)
    if waits or not entry.refusals:
        return waits
    decisive = list(Constraint).index
    # Each node's most decisive constraint is its first.
    firsts = {refusal.node: refusal for refusal in reversed(entry.refusals)}
    nearest = max(firsts.values(), key=lambda refusal: decisive(refusal.constraint))
    if decisive(nearest.constraint) <= decisive(Constraint.WINDOW):
        return "for nothing: no node can do it"
    return f"for {nearest.node}: {nearest.constraint.value}"


def row_of(item: Planned, now_ns: int) -> Row:
    """Give one task's row; seconds are from now on, and less than 0 for what is overdue."""
    return {
        "task": item.task,
        "node": item.node,
        "is": "planned",
        "leaves_in_s": _in_s(item.leave_ns, now_ns),
        "starts_in_s": _in_s(item.start_ns, now_ns),
        "ends_in_s": _in_s(item.end_ns, now_ns),
        "charged_in_s": None if item.charged_ns is None else _in_s(item.charged_ns, now_ns),
        "energy_wh": round(item.energy_wh, 1),
        "waits": waits(item) or None,
    }


def waits(item: Planned) -> str:
    """Say what decides when a planned task starts; empty where nothing but the way there does."""
    if item.charged_ns is not None:
        return "to charge"
    if item.behind is not None:
        return f"{_BEHIND.get(item.cause, 'for')} {item.behind}"
    return "" if item.cause in (Cause.NOTHING, Cause.TRAVEL) else f"for {item.cause}"


def sentence(item: Planned, now_ns: int) -> str:
    """Say where and when a task is planned."""
    start_s, end_s = (_in_s(time_ns, now_ns) for time_ns in (item.start_ns, item.end_ns))
    text = f"planned on {item.node} in {start_s:.0f} s for {end_s - start_s:.0f} s"
    waited = waits(item)
    return f"{text}, waits {waited}" if waited else text


def _in_s(time_ns: int, now_ns: int) -> float:
    return round(s_from_ns(time_ns - now_ns), 1)
