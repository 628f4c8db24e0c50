"""Authorities: granted, extended and given back; and what that does to claims.

Expiry ends permission, never occupancy (I3). A claim grows the moment a grant or a farther stop
point is written, and shrinks only by the node's own signed word: a heartbeat that gives the tail of
its path back, one that says it is at rest without authority, or a new request (which gives
everything else back). Nothing here is ever freed because nothing was heard.
"""

import math

from lunaredge.ids import AuthorityId, NodeId
from lunaredge.model import braking
from lunaredge.model.fleet import MachineSpec
from lunaredge.model.polyline import length_m, rest_of
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import (
    closures,
    conflicts,
    lanes,
    lockout,
    reach,
    space,
    standoff,
    stops,
    way_back,
)
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Compute, Say
from lunaredge.scheduler.paths import (
    Budget,
    RouteProblem,
    RouteSolution,
    Violation,
    check_route,
    eased,
)
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.wire.messages import (
    AuthorityRenewal,
    AuthorityRequest,
    Defer,
    Grant,
    HeldAuthority,
    OnLoss,
    Renew,
    Shorten,
    Situation,
)

# A solution that no longer fits is solved again at once this often; then the machine waits its
# turn, so that two busy neighbours can't keep the solver in a loop.
RESOLVE_MAX = 3

# Shortenings of one authority are few. A node that shows more has lost its mind: to count on from
# there would leave no number that fits a message.
REVISION_MAX = 2**32

# Agents refuse more room than that to roll on in: no machine needs it whose brakes hold.
OVERLAP_M_MAX = 1_000.0

# Legs have some ten points; a grant of this many still fits a frame, with the way to the leg.
LEG_POINTS_MAX = 2_000


def census_missing(ctx: Context) -> list[NodeId]:
    """Name the machines whose word is still needed before any space may be granted.

    One leader: until a machine has acknowledged this epoch and reported its pose and authority,
    it could be anywhere; so nobody is granted anything. A person may speak for a silent one.
    """
    return [
        node.name
        for node in ctx.state.nodes.values()
        if ctx.is_machine(node.name) and not _is_counted(node)
    ]


def _is_counted(node: NodeEntry) -> bool:
    """Tell whether everywhere that a machine may be is known."""
    is_placed = node.vouched or (node.censused and not node.estranged)
    return is_placed and not lockout.is_boundless(node)


def settle(ctx: Context, node: NodeEntry, situation: Situation) -> bool:
    """Shrink or confirm a machine's claim by its newest signed word.

    Tell whether the claim holds, by this word, every place where the machine may be.
    """
    if situation.x_m is None or situation.y_m is None:
        return False
    held, granted = situation.authority, node.granted
    if held is not None and granted is not None and held.id == granted.id:
        _settle_driving(ctx, node, granted, held)
        return True
    if held is not None:
        _estrange(ctx, node, held.id)
        return False
    if not situation.at_rest:
        return False
    node.estranged = False
    ctx.clear_alarm(node.name, "authority.unknown")
    body = (situation.x_m, situation.y_m)
    node.body = body
    # One that it has not taken up yet may still reach it.
    if granted is None or granted.taken:
        _end(ctx, node)
    way_back.settle(ctx, node, body)
    return True


def _settle_driving(ctx: Context, node: NodeEntry, granted: Granted, held: HeldAuthority) -> None:
    take_up(ctx, node, granted)
    granted.released_m = max(granted.released_m, min(held.released_m, granted.length_m))
    granted.station_m = min(held.station_m, granted.length_m)
    lanes.watch(ctx, granted)
    if held.at_stop:
        granted.released_m = granted.length_m
    # The path's remainder holds the body from here on; where it stood before is behind it.
    if granted.released_m > 0.0:
        node.body = rest_of(granted.path, granted.released_m)[0]
    stop_m = max(min(held.stop_m, granted.length_m), granted.released_m)
    if held.revision > REVISION_MAX:
        ctx.raise_alarm(node.name, "revision.absurd", f"holds revision {held.revision}")
    # Above it: shortened before the journal was lost that knew of it.
    elif held.revision > granted.revision or (
        granted.shortening and held.revision == granted.revision
    ):
        granted.shortening, granted.revision = False, held.revision
        granted.stop_m = stop_m
        ctx.forget_commands(node.name, Shorten)
        ctx.changed()
    # A journal may be older than a stop point that its node was given.
    granted.stop_m = max(granted.stop_m, stop_m)
    conflicts.ask_again(ctx, node, granted)


def take_up(ctx: Context, node: NodeEntry, granted: Granted) -> None:
    """Note that a machine holds its authority, by any word that shows it.

    Its grant said again later would be heard by those who were granted what it gave back since.
    """
    if not granted.taken:
        granted.taken = True
        ctx.forget_commands(node.name, Grant)


def _end(ctx: Context, node: NodeEntry) -> None:
    """Take note that a machine holds no authority any more; its body stays."""
    granted = node.granted
    if granted is None:
        return
    ctx.forget_commands(node.name, Grant, Shorten)
    node.retreat = way_back.after(ctx, node, granted)
    node.end_authority()


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
    node.body = (request.x_m, request.y_m)
    space.see_at_rest(ctx, node, request)
    _end(ctx, node)
    conflicts.watch(ctx, node)
    node.wanted = None
    node.resolves = 0
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
        closed_by = lanes.confirmed(ctx, solution.closed_by)
        reason = lanes.told(ctx, closed_by) or solution.reason
        _defer(ctx, node, request.request_no, reason)
        node.way = solution.way
        if solution.exhausting:
            standoff.take_exhaustion(ctx, node, reason)
        elif closed_by:
            standoff.take_closing(ctx, node, closed_by, solution.blocked_by)
        else:
            standoff.take_deferral(ctx, node, reason, solution.blocked_by)
        return
    spec = ctx.specs[node.name].machine
    assert spec is not None
    granted = _drawn_up(ctx, node, request, solution)
    violation = _violation(ctx, solution, granted, spec.slope_deg_max)
    free = reach.reach(ctx, node, granted)
    leads_on = free.stop_m > granted.from_m or granted.length_m == granted.from_m
    if violation is None and leads_on:
        _grant(ctx, node, granted, granted.from_m + solution.tool_from_m, free)
        return
    if node.resolves < RESOLVE_MAX and not free.by_route:
        node.resolves += 1
        solve(ctx, node, request)
        return
    owner = free.owner if violation is None else None
    reason = free.reason if violation is None else violation.reason
    _defer(ctx, node, request.request_no, reason)
    standoff.take_deferral(ctx, node, reason, owner)


def take_renewal(ctx: Context, node: NodeEntry, renewal: AuthorityRenewal) -> None:
    """Give a held authority more time, counted from the node's sending of this request.

    And more ground, where every machine is counted: one that is not may have been granted it by a
    leader that this journal knows nothing of.
    """
    granted = node.granted
    if renewal.request_no <= node.request_no:
        return
    node.request_no = renewal.request_no
    if granted is None or granted.id != renewal.authority:
        return
    if not node.censused or stops.holds(ctx, node) or node.lockout is not None:
        return
    take_up(ctx, node, granted)
    granted.expiry_ns = max(granted.expiry_ns, ctx.now_ns + ctx.config.authority_lifetime_ns)
    if granted.on_loss is OnLoss.HOME:
        granted.home_expiry_ns = ctx.now_ns + ctx.config.home_lifetime_ns
    missing = census_missing(ctx)
    if missing:
        node.wait_reason = _waits_for_census(missing)
    elif not granted.shortening and not node.held and not node.terrain_hold:
        _extend(ctx, node, granted)
    body = Renew(
        command=ctx.command_id(),
        request_no=renewal.request_no,
        authority=granted.id,
        stop_m=_renewed_stop_m(granted),
        revision=granted.revision,
        lifetime_ns=ctx.config.authority_lifetime_ns,
        neighbours=reach.neighbours(ctx, node),
    )
    ctx.intents.append(Say(node=node.name, body=body))


def _renewed_stop_m(granted: Granted) -> float:
    """Give the stop point that a renewal brings; 0 while the node is asked to stop short.

    It may have done so by now: under the new revision the stop point of before would undo it.
    """
    return 0.0 if granted.shortening else granted.stop_m


def _extend(ctx: Context, node: NodeEntry, granted: Granted) -> None:
    """Put the stop point farther, if the way ahead is free; held from here on."""
    free = reach.reach(ctx, node, granted)
    assert free.stop_m >= granted.stop_m
    granted.stop_m = free.stop_m
    node.wait_reason = free.reason


def solve_again(ctx: Context, node: NodeEntry) -> None:
    """Have the way planned anew that a machine waits for; where it can't be granted, say so."""
    if node.wanted is None:
        return
    reason = _unfit(ctx, node)
    if reason:
        _make_wait(ctx, node, node.wanted.request_no, reason)
    else:
        solve(ctx, node, node.wanted)


def solve(ctx: Context, node: NodeEntry, request: AuthorityRequest) -> None:
    """Have a route planned around what everybody else may occupy now."""
    spec = ctx.specs[node.name].machine
    assert spec is not None
    start, half_width_m = (request.x_m, request.y_m), ctx.half_width_m(node.name)
    others = space.claims_of_others(ctx, node.name)
    left = closures.left_by(ctx, node, ctx.state.tasks[request.task].task)
    claims = tuple(chain for chain in others if chain.zone not in left)
    claims = eased(claims, start, half_width_m, ctx.config.corridor_margin_m)
    problem = RouteProblem(
        version=ctx.state.version,
        node=node.name,
        request_no=request.request_no,
        start=start,
        path=request.path,
        half_width_m=half_width_m,
        slope_deg_max=spec.slope_deg_max,
        claims=claims + space.goals(ctx, node.name),
        budget=_budget(ctx, node),
        stranded=lanes.stranded(ctx, node),
        left=tuple(chain for chain in others if chain.zone in left),
        with_care=any(ctx.state.closures[name].was_clear for name in left),
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
    charge_wh = battery_wh - spec.reserve_wh
    way_home = node.retreat if ctx.config.on_loss is OnLoss.HOME else None
    return Budget(spec=spec, home=home, charge_wh=charge_wh, work_wh=work_wh, way_home=way_home)


def _standstill(ctx: Context, node: NodeEntry) -> str:
    """Say why nothing can be granted to this machine now; empty when nothing speaks against it."""
    missing = census_missing(ctx)
    return _waits_for_census(missing) if missing else _unfit(ctx, node)


def _unfit(ctx: Context, node: NodeEntry) -> str:
    """Say what is the matter with a machine to which nothing can be granted; empty for nothing."""
    situation, spec = node.situation, ctx.specs[node.name].machine
    assert spec is not None
    if node.lockout is not None:
        return lockout.told(node)
    if node.held:
        return "held by an operator"
    if stops.holds(ctx, node):
        return "emergency stop"
    if _is_lost(ctx, node):
        # It would not drive, and what it was granted would block more than its way.
        return "its place is not known well enough"
    battery_wh = situation.battery_wh if situation is not None else None
    if situation is None or battery_wh is None or math.isnan(battery_wh):
        return "battery not known"
    is_held = _overlap_m(spec, situation) <= OVERLAP_M_MAX
    return "" if is_held else "its brakes don't hold it"


def _is_lost(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine knows its place worse than corridors allow for."""
    return space.lost_m(ctx, node) > 0.0


def _overlap_m(spec: MachineSpec, situation: Situation) -> float:
    """Give how far beyond its stop points a machine may roll with the brakes and load it tells."""
    return braking.overlap_m(spec, spec.speed_m_s_max, situation.payload_kg, situation.brake_ratio)


def _waits_for_census(missing: list[NodeId]) -> str:
    return f"census waits for {', '.join(missing)}"


def _drawn_up(
    ctx: Context, node: NodeEntry, request: AuthorityRequest, solution: RouteSolution
) -> Granted:
    """Give the authority that a route could become; nothing of it is granted yet."""
    spec, situation = ctx.specs[node.name].machine, node.situation
    assert spec is not None
    assert situation is not None
    state = ctx.state
    way_home = way_back.lead_in(ctx, node, solution)
    leads_home = way_home is not None
    path = (*way_home, *solution.path) if way_home else solution.path
    from_m = length_m((*way_home, solution.path[0])) if way_home else 0.0
    whole_m, width_m = length_m(path), ctx.half_width_m(node.name)
    return Granted(
        id=AuthorityId(f"ma{state.epoch}-{state.authority_no + 1}"),
        number=state.authority_no + 1,
        command=ctx.command_id(),
        request_no=request.request_no,
        task=request.task,
        path=path,
        length_m=whole_m,
        from_m=from_m,
        station_m=from_m,
        stop_m=from_m,
        on_loss=way_back.on_loss(ctx, leads_home=leads_home),
        half_width_m=width_m,
        overlap_m=_overlap_m(spec, situation),
        sections=reach.sections(ctx.ground, path, whole_m, width_m),
        leaves=closures.left_along(ctx, node, state.tasks[request.task].task, solution),
        out_m=from_m + solution.out_m,
        granted_ns=ctx.now_ns,
        moved_ns=ctx.now_ns,
        expiry_ns=ctx.now_ns + ctx.config.authority_lifetime_ns,
        home_expiry_ns=ctx.now_ns + ctx.config.home_lifetime_ns if leads_home else 0,
    )


def _violation(
    ctx: Context, solution: RouteSolution, granted: Granted, slope_deg_max: float
) -> Violation | None:
    """Give what stands against a planned way, machines apart."""
    zones, width_m = closures.chains(ctx), granted.half_width_m
    bars = tuple(zone for zone in zones if zone.zone not in granted.leaves)
    left = tuple(zone for zone in zones if zone.zone in granted.leaves)
    found = check_route(ctx.ground, solution.path, width_m, slope_deg_max, bars)
    if found is not None or not left:
        return found
    onward = rest_of(solution.path, solution.out_m)
    return check_route(ctx.ground, onward, width_m, slope_deg_max, left)


def _grant(
    ctx: Context, node: NodeEntry, granted: Granted, tool_from_m: float, free: reach.Reach
) -> None:
    spec, situation = ctx.specs[node.name].machine, node.situation
    assert spec is not None
    assert situation is not None
    assert not census_missing(ctx)
    ctx.state.authority_no = granted.number
    granted.stop_m = free.stop_m
    # A way home is part of the path now.
    way_back.give_way(ctx, node)
    node.granted = granted
    node.wanted = None
    node.wait_reason = ""
    ctx.forget_deferrals(node)
    deviation_m = space.deviation_m_max(ctx)
    body = Grant(
        command=granted.command,
        request_no=granted.request_no,
        authority=granted.id,
        number=granted.number,
        path=granted.path,
        from_m=granted.from_m,
        stop_m=granted.stop_m,
        overlap_m=granted.overlap_m,
        revision=granted.revision,
        tool_from_m=tool_from_m,
        half_width_m=granted.half_width_m,
        deviation_m_max=deviation_m,
        pose_error_m=ctx.config.pose_error_m,
        clock_error_ns=ctx.config.clock_error_ns,
        speed_m_s_max=min(
            spec.speed_m_s_max,
            ctx.ground.speed_limit_m_s(granted.path, granted.half_width_m),
            # At the path's end it is the corridor's own margin that holds what it rolls too far.
            braking.speed_m_s_max(spec, deviation_m, situation.payload_kg, situation.brake_ratio),
        ),
        lifetime_ns=ctx.config.authority_lifetime_ns,
        on_loss=granted.on_loss,
        home_lifetime_ns=ctx.config.home_lifetime_ns if granted.home_expiry_ns else 0,
        neighbours=reach.neighbours(ctx, node),
    )
    ctx.order(node.name, body)
    ctx.tell("authority.granted", node=node.name, authority=granted.id, task=granted.task)


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
