"""Views: the scheduler's facts as rows for screens and scripts.

Every row says how old it is and whether its values are measured or only last known (I10); rows are
plain dictionaries, made from the state and from nothing else.
"""

import math
from collections.abc import Callable, Sequence

import msgspec

from lunaredge.ids import TaskId
from lunaredge.model import braking
from lunaredge.model.site import Point
from lunaredge.scheduler import backlog, channels, lanes, lockout, plans, restraint, stops
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.alarm_states import AlarmState
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.ingest import Ingest
from lunaredge.scheduler.state import ClosurePhase, NodeEntry, Presence, TaskEntry, TaskPhase
from lunaredge.units import s_from_ns
from lunaredge.wire.records import AlarmLevel
from lunaredge.wire.rows import encode_rows

Row = dict[str, object]

# Three heartbeats: after that a value is no longer called measured.
FRESH_NS = 30 * 1_000_000_000


# A task's row takes 300 bytes: this many leave room for long reasons.
TASK_ROWS_MAX = 600


def encode_explained(plan: Row | None, reason: str, refusals: Sequence[Row]) -> bytes:
    """Give the answer to why a task is where it is, as JSON that fits into a frame."""
    shown, _ = encode_rows(refusals)
    rows = msgspec.Raw(shown)
    return msgspec.json.encode({"plan": plan, "reason": reason or None, "refusals": rows})


def node_rows(ctx: Context, now_ns: int) -> list[Row]:
    """One row per enrolled node."""
    return [_node_row(ctx, node, now_ns) for node in ctx.state.nodes.values()]


def _node_row(ctx: Context, node: NodeEntry, now_ns: int) -> Row:
    situation = node.situation
    place: Point | tuple[None, None] = (None, None)
    age_ns = now_ns - node.heard_ns
    if node.vouched:
        place = node.body or place
    elif node.seen is not None:
        # Whoever goes there goes by the place: the row is worth no more than that.
        place, age_ns = node.seen.at, now_ns - node.seen.at_ns
    # Below 0 the clock was put back since: then nobody knows how old it is.
    fresh = node.presence is Presence.UP and 0 <= age_ns <= FRESH_NS
    may_move_s = _may_move_s(node, now_ns)
    kept = _kept(ctx, node, may_move_s)
    row: Row = {
        "node": node.name,
        "kind": ctx.specs[node.name].kind,
        "presence": node.shown_presence,
        "asleep_until_ns": node.asleep_until_ns or None,
        "mark": _mark(node, fresh=fresh),
        "age_s": round(s_from_ns(age_ns), 1) if situation and age_ns >= 0 else None,
        "state": situation.state if situation else None,
        "autonomy": situation.autonomy.value if situation else None,
        "task": node.task,
        "progress_ratio": round(situation.progress_ratio, 3) if situation else None,
        "x_m": _rounded(place[0]),
        "y_m": _rounded(place[1]),
        "heading_rad": _rounded(situation.heading_rad) if situation else None,
        "battery_wh": _rounded(situation.battery_wh) if situation else None,
        "payload_kg": _rounded(situation.payload_kg) if situation else None,
        "authority": node.granted.id if node.granted else None,
        "on_loss": node.granted.on_loss.value if node.granted else None,
        "stops_in_s": _stops_in_s(ctx, node),
        "may_move_s": may_move_s,
        "waits_for": _waits_for(node, kept) or None,
        "restrained": bool(kept),
        "cuts_off": _cuts_off(ctx, node),
        "held": node.held,
        "lockout": _lockout_row(ctx, node),
        "stops": list(situation.stops) if situation else [],
        "spool": situation.spool_count if situation else None,
        "refused": dict(situation.refused) if situation else {},
        "produced": dict(situation.produced) if situation else {},
        "dropped": dict(situation.dropped) if situation else {},
    }
    return row


def _waits_for(node: NodeEntry, kept: str) -> str:
    asleep = restraint.silence(node) if node.presence is Presence.HIBERNATING else ""
    return "; ".join(filter(None, (asleep, kept))) or node.wait_reason


def _kept(ctx: Context, node: NodeEntry, may_move_s: float | None) -> str:
    """Say what keeps a node at rest; and for how long it may move if a stop has not reached it."""
    kept = restraint.told(ctx, node)
    if may_move_s is None or not stops.is_unconfirmed(ctx, node):
        return kept
    return f"{kept}; may move for {may_move_s:.0f} s more"


def _cuts_off(ctx: Context, node: NodeEntry) -> list[TaskId]:
    """Name the tasks that wait because this machine closes their only way."""
    lane = ctx.state.lanes.get(node.name)
    return [] if lane is None else list(lane.cut_off)


def _lockout_row(ctx: Context, node: NodeEntry) -> Row | None:
    """Give who has locked a machine out; None when nobody has."""
    if node.lockout is None:
        return None
    tags = [tag for tag in node.lockout.tags.values() if not tag.released]
    return {
        "phase": node.lockout.phase.value,
        "waits_for": list(node.lockout.waits),
        "tags": [
            {
                "by": tag.by,
                "why": tag.why,
                "since_ns": tag.since_ns,
                "is_manual": tag.is_manual,
                "area": tag.area or None,
                "agreed": lockout.agreed(ctx, tag),
            }
            for tag in tags
        ],
    }


def _stops_in_s(ctx: Context, node: NodeEntry) -> float | None:
    """Give the longest time from when a machine hears a stop to rest; None for no machine."""
    spec, situation = ctx.specs[node.name].machine, node.situation
    if spec is None or situation is None:
        return None
    rest_s = braking.rest_s(spec, situation.payload_kg, situation.brake_ratio)
    return round(rest_s, 1) if math.isfinite(rest_s) else None


def _may_move_s(node: NodeEntry, now_ns: int) -> float | None:
    """Give how long a machine that hears nothing more may still move; None: it may not."""
    if node.granted is None or node.granted.released_m >= node.granted.length_m:
        return None
    left_s = s_from_ns(node.granted.motion_end_ns - now_ns)
    return round(left_s, 1) if left_s > 0.0 else None


def _mark(node: NodeEntry, *, fresh: bool) -> str:
    """Say what the row's values are worth (I10)."""
    if node.vouched:
        return "vouched"
    if fresh:
        return "measured"
    return "last known" if node.situation else "unknown"


def task_rows(ctx: Context) -> list[Row]:
    """One row per task, in the order they were submitted; of too many, the open and the latest."""
    entries = list(ctx.state.tasks.values())
    surplus = len(entries) - TASK_ROWS_MAX
    ended = [entry.task.id for entry in entries if entry.phase in backlog.ENDS]
    left_out = frozenset(ended[: max(0, surplus)])
    return [_task_row(ctx, entry) for entry in entries if entry.task.id not in left_out]


def _task_row(ctx: Context, entry: TaskEntry) -> Row:
    waits_for = lanes.waited_for(ctx, entry)
    node = ctx.state.nodes.get(entry.node) if entry.node is not None else None
    progress = None
    if node is not None and node.task == entry.task.id:
        waits_for = waits_for or restraint.hindrance(ctx, node) or node.wait_reason
        progress = node.situation.progress_ratio if node.situation is not None else None
    return {
        "task": entry.task.id,
        "order": entry.order,
        "kind": entry.task.kind.value,
        "phase": entry.phase.value,
        "node": entry.node if entry.phase is not TaskPhase.QUEUED else None,
        "attempt": entry.attempt,
        "priority": entry.task.priority,
        "progress_ratio": round(progress, 3) if progress is not None else None,
        "waits_for": waits_for or None,
        "reason": _reason(entry) or None,
        "approved": entry.approved,
        "needs_earth": entry.task.needs_earth,
        "started_ns": entry.started_ns or None,
        "ended_ns": entry.ended_ns or None,
    }


def _reason(entry: TaskEntry) -> str:
    """Say why a task ended, or why it came back when it was last in hand."""
    if entry.phase is TaskPhase.QUEUED and entry.reason:
        return f"came back: {entry.reason}"
    return entry.reason


# What a person has to do something about first: to know of it, to mend it, to reset it.
_URGENCY = (
    AlarmState.UNACKNOWLEDGED,
    AlarmState.ACKNOWLEDGED,
    AlarmState.LATCHED,
    AlarmState.RETURNED,
    AlarmState.SHELVED,
    AlarmState.NORMAL,
)


def alarm_rows(ctx: Context, now_ns: int) -> list[Row]:
    """One row per alarm: first those that nobody has acknowledged, of these the critical ones."""
    entries = sorted(
        ctx.state.alarms.values(),
        key=lambda entry: (
            _URGENCY.index(entry.state),
            entry.level is not AlarmLevel.CRITICAL,
            -entry.since_ns,
        ),
    )
    return [_alarm_row(entry, now_ns) for entry in entries]


def _alarm_row(alarm: AlarmEntry, now_ns: int) -> Row:
    age_ns = now_ns - alarm.since_ns
    return {
        "source": alarm.source,
        "code": alarm.code,
        "text": alarm.text,
        "state": alarm.state.value,
        "level": alarm.level.value,
        "active": alarm.active,
        "latching": alarm.latching,
        # Below 0 the clock was put back since: then nobody knows how old it is.
        "age_s": round(s_from_ns(age_ns), 1) if age_ns >= 0 else None,
        "raised_ns": alarm.since_ns,
        "raise_count": alarm.raise_count,
        "returned_ns": alarm.cleared_ns or None,
        "acknowledged_ns": alarm.acknowledged_ns or None,
        "acknowledged_by": alarm.acknowledged_by or None,
        "shelved_until_ns": alarm.shelved_until_ns or None,
        "shelved_by": alarm.shelved_by or None,
        "shelved_why": alarm.shelved_why or None,
    }


def closure_rows(ctx: Context) -> list[Row]:
    """One row per zone that is closed, or was opened lately; those in force first."""
    entries = sorted(
        ctx.state.closures.values(), key=lambda closure: closure.phase is ClosurePhase.OPENED
    )
    return [
        {
            "zone": closure.name,
            "phase": closure.phase.value,
            "by": closure.by,
            "why": closure.why,
            "waits_for": "; ".join(closure.waits) or None,
            "area": closure.area,
            "since_ns": closure.since_ns,
            "clear_ns": closure.clear_ns or None,
            "opened_ns": closure.opened_ns or None,
        }
        for closure in entries
    ]


def channel_rows(ctx: Context) -> list[Row]:
    """One row per channel that people have set otherwise than its node's own settings do."""
    return [
        {
            "node": name,
            "channel": channel,
            "state": "taken" if ctx.state.nodes[name].policies.get(channel) == policy else "told",
            "deadband": policy.deadband,
            "period_s_min": policy.period_s_min,
            "period_s_max": policy.period_s_max,
        }
        for name, policies in channels.policies_told(ctx).items()
        for channel, policy in sorted(policies.items())
    ]


def site_row(ctx: Context, ingest: Ingest) -> Row:
    """Give the one row for the whole site."""
    state = ctx.state
    phases = [entry.phase.value for entry in state.tasks.values()]
    return {
        "site": ctx.site.name,
        "title": ctx.site.title,
        "epoch": state.epoch,
        "tasks": {phase: phases.count(phase) for phase in sorted(set(phases))},
        "authorities_granted": state.authority_no,
        "interventions": state.interventions,
        "alarms_left_out": state.alarms_left_out,
        "terrain_version": state.terrain_version,
        "plan": msgspec.structs.asdict(state.plan_figures),
        "telemetry": ingest.totals(),
    }


ROWS: dict[str, Callable[[Context, int], list[Row]]] = {
    "nodes": node_rows,
    "tasks": lambda ctx, _: task_rows(ctx),
    "alarms": alarm_rows,
    "plan": plans.rows,
    "closures": lambda ctx, _: closure_rows(ctx),
    "channels": lambda ctx, _: channel_rows(ctx),
}
"""What makes each view but the site's, which tells of the node as well."""
NAMES = (*ROWS, "site")
PEOPLES = ("nodes", "alarms", "closures", "channels")
"""What people go by who have asked for something."""


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None else None
