"""Claims: which space each machine may be in, and who may have more of it.

Expiry ends permission, never occupancy (I3). A claim grows the moment an authority is written and
shrinks only by the node's own signed word: a heartbeat that gives the tail of its path back, one
that says it is at rest without authority, or a new request (which gives everything else back).
Nothing here is ever freed because nothing was heard.
"""

import itertools
import math

from lunaredge.ids import AuthorityId, NodeId
from lunaredge.model.site import Point
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import standoff, stops, vouch
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Compute, Say
from lunaredge.scheduler.paths import Budget, Chain, RouteProblem, RouteSolution, check_route
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.wire.messages import (
    AuthorityRenewal,
    AuthorityRequest,
    Defer,
    Grant,
    Renew,
    Situation,
)

# A solution that no longer fits is solved again at once this often; then the machine waits its
# turn, so that two busy neighbours can't keep the solver in a loop.
RESOLVE_MAX = 3

# Legs have some ten points; a grant of this many still fits a frame, with the way to the leg.
LEG_POINTS_MAX = 2_000


def path_length_m(path: tuple[Point, ...]) -> float:
    """Give the length of a polyline."""
    return sum(math.dist(a, b) for a, b in itertools.pairwise(path))


def path_from(path: tuple[Point, ...], station_m: float) -> tuple[Point, ...]:
    """Give the part of a polyline from a station on; at least its last point."""
    remaining_m = station_m
    for i, (a, b) in enumerate(itertools.pairwise(path)):
        length_m = math.dist(a, b)
        if remaining_m < length_m:
            ratio = max(0.0, remaining_m) / length_m
            start = (a[0] + ratio * (b[0] - a[0]), a[1] + ratio * (b[1] - a[1]))
            return (start, *path[i + 1 :])
        remaining_m -= length_m
    return path[-1:]


def half_width_m(ctx: Context, node: NodeId) -> float:
    """Give half the width of a machine's corridor, every margin included."""
    spec = ctx.specs[node].machine
    assert spec is not None
    return spec.radius_m + ctx.config.corridor_margin_m


def claim(ctx: Context, node: NodeEntry) -> list[Chain]:
    """Give every place where the machine may be."""
    width_m = half_width_m(ctx, node.name)
    chains: list[Chain] = []
    if node.body is not None:
        body_m = width_m + (vouch.POSITION_ERROR_M if node.vouched else 0.0)
        chains.append(Chain(points=(node.body,), half_width_m=body_m, owner=node.name))
    if node.granted is not None:
        rest = path_from(node.granted.path, node.granted.released_m)
        chains.append(Chain(points=rest, half_width_m=node.granted.half_width_m, owner=node.name))
    return chains


def claims_of_others(ctx: Context, node: NodeId) -> tuple[Chain, ...]:
    """Give the claims of every machine but one."""
    return tuple(
        chain
        for other in ctx.state.nodes.values()
        if other.name != node and ctx.is_machine(other.name)
        for chain in claim(ctx, other)
    )


def census_missing(ctx: Context) -> list[NodeId]:
    """Name the machines whose word is still needed before any space may be granted.

    One leader: until a machine has acknowledged this epoch and reported its pose and authority,
    it could be anywhere; so nobody is granted anything. A person may speak for a silent one.
    """
    return [
        node.name
        for node in ctx.state.nodes.values()
        if ctx.is_machine(node.name) and not node.vouched and (not node.censused or node.estranged)
    ]


def settle(ctx: Context, node: NodeEntry, situation: Situation) -> bool:
    """Shrink or confirm a machine's claim by its newest signed word.

    Tell whether the claim holds, by this word, every place where the machine may be.
    """
    if situation.x_m is None or situation.y_m is None:
        return False
    held, granted = situation.authority, node.granted
    if held is not None and granted is not None and held.id == granted.id:
        _settle_driving(node, granted, held.released_m, at_stop=held.at_stop)
        return True
    if held is not None:
        _estrange(ctx, node, held.id)
        return False
    if not situation.at_rest:
        return False
    node.estranged = False
    ctx.clear_alarm(node.name, "authority.unknown")
    node.body = (situation.x_m, situation.y_m)
    # One that it has not taken up yet may still reach it.
    if granted is None or granted.taken:
        node.granted = None
    return True


def _settle_driving(node: NodeEntry, granted: Granted, released_m: float, *, at_stop: bool) -> None:
    length_m = path_length_m(granted.path)
    granted.taken = True
    granted.released_m = max(granted.released_m, min(released_m, length_m))
    if at_stop:
        granted.released_m = length_m
    # The path's remainder holds the body from here on; where it stood before is behind it.
    if granted.released_m > 0.0:
        node.body = path_from(granted.path, granted.released_m)[0]


def _estrange(ctx: Context, node: NodeEntry, authority: AuthorityId) -> None:
    """Note that a node holds an authority other than the last one granted.

    It gave up the one before with the request that the last one answers, so this is none of ours:
    the journal is older than the node (an old disk image), or another leader granted it.
    """
    node.estranged = True
    text = f"holds authority {authority} that this journal does not know"
    ctx.raise_alarm(node.name, "authority.unknown", text)


def take_request(ctx: Context, node: NodeEntry, request: AuthorityRequest) -> None:
    """Take a machine's request for an authority; it gives everything but its body back."""
    if request.request_no <= node.request_no or not ctx.is_machine(node.name):
        return
    node.request_no = request.request_no
    node.granted = None
    node.body = (request.x_m, request.y_m)
    node.wanted = None
    node.resolves = 0
    ctx.forget_commands(node.name, Grant)
    reason = _unsound(ctx, node, request) or _standstill(ctx, node)
    if reason:
        _make_wait(ctx, node, request.request_no, reason)
        return
    node.wanted = request
    solve(ctx, node, request)


def _unsound(ctx: Context, node: NodeEntry, request: AuthorityRequest) -> str:
    """Say what is wrong with a request, whatever the site; empty when nothing is."""
    entry = ctx.state.tasks.get(request.task)
    if entry is None or node.task != request.task or entry.attempt != request.attempt:
        return "not this node's task"
    if entry.recalled or entry.cancelling:
        return "the task is being taken back"
    return "" if 1 <= len(request.path) <= LEG_POINTS_MAX else "no such leg"


def take_route(ctx: Context, solution: RouteSolution) -> None:
    """Grant a planned route if it is still free; the plan may be older than the site."""
    node = ctx.state.nodes[solution.node]
    request = node.wanted
    if request is None or request.request_no != solution.request_no:
        return
    assert node.granted is None, "a request has one answer"
    reason = _standstill(ctx, node)
    if reason:
        _make_wait(ctx, node, request.request_no, reason)
        return
    if not solution.path:
        _defer(ctx, node, request.request_no, solution.reason)
        if solution.exhausting:
            standoff.take_exhaustion(ctx, node, solution.reason)
        else:
            standoff.take_deferral(ctx, node, solution.reason, solution.blocked_by)
        return
    spec = ctx.specs[node.name].machine
    assert spec is not None
    others = claims_of_others(ctx, node.name)
    violation = check_route(
        ctx.ground, solution.path, half_width_m(ctx, node.name), spec.slope_deg_max, others
    )
    if violation is None:
        _grant(ctx, node, request, solution)
    elif node.resolves < RESOLVE_MAX:
        node.resolves += 1
        solve(ctx, node, request)
    else:
        _defer(ctx, node, request.request_no, violation.reason)
        standoff.take_deferral(ctx, node, violation.reason, violation.owner)


def take_renewal(ctx: Context, node: NodeEntry, renewal: AuthorityRenewal) -> None:
    """Give a held authority more time, counted from the node's sending of this request."""
    granted = node.granted
    if renewal.request_no <= node.request_no:
        return
    node.request_no = renewal.request_no
    if granted is None or granted.id != renewal.authority:
        return
    if not node.censused or stops.holds(ctx, node):
        return
    granted.taken = True
    granted.expiry_ns = max(granted.expiry_ns, ctx.now_ns + ctx.config.authority_lifetime_ns)
    body = Renew(
        command=ctx.command_id(),
        request_no=renewal.request_no,
        authority=granted.id,
        lifetime_ns=ctx.config.authority_lifetime_ns,
    )
    ctx.intents.append(Say(node=node.name, body=body))


def solve(ctx: Context, node: NodeEntry, request: AuthorityRequest) -> None:
    """Have a route planned around what everybody else may occupy now."""
    spec = ctx.specs[node.name].machine
    assert spec is not None
    problem = RouteProblem(
        version=ctx.state.version,
        node=node.name,
        request_no=request.request_no,
        start=(request.x_m, request.y_m),
        path=request.path,
        half_width_m=half_width_m(ctx, node.name),
        slope_deg_max=spec.slope_deg_max,
        claims=claims_of_others(ctx, node.name),
        budget=_budget(ctx, node),
    )
    ctx.intents.append(Compute(problem=problem))


def _budget(ctx: Context, node: NodeEntry) -> Budget | None:
    """Give what the machine may spend on its leg; None on its way home: it can but do its best."""
    spec, home = ctx.specs[node.name].machine, ctx.specs[node.name].home
    assert spec is not None
    assert node.task is not None
    assert node.situation is not None
    entry = ctx.state.tasks[node.task]
    if home is None or entry.task.kind is TaskKind.PARK:
        return None
    battery_wh = node.situation.battery_wh
    assert battery_wh is not None, "no ground is granted on an unknown battery"
    left_kg = entry.task.mass_kg * (1.0 - entry.progress_ratio)
    work_wh = left_kg * spec.dig_wh_kg if entry.task.kind is TaskKind.EXCAVATE else 0.0
    return Budget(spec=spec, home=home, charge_wh=battery_wh - spec.reserve_wh, work_wh=work_wh)


def _standstill(ctx: Context, node: NodeEntry) -> str:
    """Say why nothing can be granted to this machine now; empty when nothing speaks against it."""
    missing = census_missing(ctx)
    if missing:
        return f"census waits for {', '.join(missing)}"
    if node.held:
        return "held by an operator"
    if stops.holds(ctx, node):
        return "emergency stop"
    battery_wh = node.situation.battery_wh if node.situation is not None else None
    return "battery not known" if battery_wh is None or math.isnan(battery_wh) else ""


def _grant(
    ctx: Context, node: NodeEntry, request: AuthorityRequest, solution: RouteSolution
) -> None:
    spec = ctx.specs[node.name].machine
    assert spec is not None
    assert not census_missing(ctx)
    state = ctx.state
    state.authority_no += 1
    command = ctx.command_id()
    granted = Granted(
        id=AuthorityId(f"ma{state.epoch}-{state.authority_no}"),
        command=command,
        request_no=request.request_no,
        task=request.task,
        path=solution.path,
        half_width_m=half_width_m(ctx, node.name),
        granted_ns=ctx.now_ns,
        expiry_ns=ctx.now_ns + ctx.config.authority_lifetime_ns,
    )
    node.granted = granted
    node.wanted = None
    node.wait_reason = ""
    ctx.forget_deferrals(node)
    body = Grant(
        command=command,
        request_no=request.request_no,
        authority=granted.id,
        path=solution.path,
        tool_from_m=solution.tool_from_m,
        half_width_m=granted.half_width_m,
        deviation_m_max=ctx.config.corridor_margin_m - ctx.config.pose_error_m,
        pose_error_m=ctx.config.pose_error_m,
        speed_m_s_max=min(
            spec.speed_m_s_max, ctx.ground.speed_limit_m_s(solution.path, granted.half_width_m)
        ),
        lifetime_ns=ctx.config.authority_lifetime_ns,
    )
    ctx.order(node.name, body)
    ctx.tell("authority.granted", node=node.name, authority=granted.id, task=request.task)


def _make_wait(ctx: Context, node: NodeEntry, request_no: int, reason: str) -> None:
    """Defer a request for a reason that has nothing to do with its route."""
    ctx.forget_deferrals(node)
    _defer(ctx, node, request_no, reason)


def _defer(ctx: Context, node: NodeEntry, request_no: int, reason: str) -> None:
    node.wanted = None
    node.wait_reason = reason
    body = Defer(
        command=ctx.command_id(), request_no=request_no, reason=reason, wait_ns=ctx.config.defer_ns
    )
    ctx.intents.append(Say(node=node.name, body=body))
