"""Closures: zones that people close to every machine, for a lander, a person or a blast.

    REQUESTED --counted--> DRAINING --proven--> CLEAR
        ^                   |   ^                 |
        '---- uncounted ----+   '---- entered ----+---- uncounted --> REQUESTED
    any phase in force --opened--> OPENED, for good

From the request on the zone is an obstacle to every route and closes the placement of work in it:
it outranks every authority. Nothing that was granted is taken away by that; machines are asked, and
the zone is clear when it is proven to be. Both are `scheduler.draining`'s. The table is data;
`advance` is the only place that changes a phase.
"""

import enum

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import NAME_LENGTH_MAX, NAME_RULE, KeyId, NodeId, is_name
from lunaredge.model.site import Point, Polygon
from lunaredge.model.task import Task, TaskKind
from lunaredge.scheduler import areas, consent, zone_names
from lunaredge.scheduler.consent import Deed, Outcome, done, refused
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain, RouteSolution
from lunaredge.scheduler.state import Closure, ClosurePhase, NodeEntry
from lunaredge.wire.safeguards import WHY_LENGTH_MAX, CloseRequest, OpenRequest

# More zones at once than people could watch; a check of a route goes round all of them.
CLOSURES_MAX = 32
# Opened ones that are still shown.
OPENED_MAX = 16
# Longer than any name.
_NAME_LENGTH_SHOWN = 80
RADIUS_M_MIN = 0.1
RADIUS_M_MAX = 10_000.0


class ClosureEvent(enum.Enum):
    """What moves a closure from one phase to another."""

    COUNTED = "counted"
    """Every machine has said where it may be."""
    PROVEN = "proven"
    """No claim of any machine meets the zone."""
    ENTERED = "entered"
    """A claim meets it again, or a machine is seen inside."""
    UNCOUNTED = "uncounted"
    """A machine may be anywhere, as after a restart of the scheduler."""
    OPENED = "opened"


_P, _E = ClosurePhase, ClosureEvent
STEPS: dict[tuple[ClosurePhase, ClosureEvent], ClosurePhase] = {
    (_P.REQUESTED, _E.COUNTED): _P.DRAINING,
    (_P.DRAINING, _E.PROVEN): _P.CLEAR,
    (_P.DRAINING, _E.UNCOUNTED): _P.REQUESTED,
    (_P.CLEAR, _E.ENTERED): _P.DRAINING,
    (_P.CLEAR, _E.UNCOUNTED): _P.REQUESTED,
    (_P.REQUESTED, _E.OPENED): _P.OPENED,
    (_P.DRAINING, _E.OPENED): _P.OPENED,
    (_P.CLEAR, _E.OPENED): _P.OPENED,
}


def advance(ctx: Context, closure: Closure, event: ClosureEvent) -> None:
    """Take a closure to another phase.

    Raises:
        LocalProtocolError: the step is not in the table; nothing is changed.
    """
    phase = STEPS.get((closure.phase, event))
    if phase is None:
        raise LocalProtocolError(
            f"closure {closure.name} can't follow {event.value} from {closure.phase.value}"
        )
    closure.phase = phase
    if phase in (ClosurePhase.CLEAR, ClosurePhase.OPENED):
        _leave_to_nobody(ctx, closure.name)
    closure.clear_ns = ctx.now_ns if phase is ClosurePhase.CLEAR else 0
    closure.was_clear = closure.was_clear or phase is ClosurePhase.CLEAR
    ctx.changed()
    ctx.note_event(f"closure.{phase.value}", f"{closure.name}: {closure.why}")
    ctx.tell("closure.changed", zone=closure.name, phase=phase.value)


def close(ctx: Context, by: KeyId, asked: CloseRequest) -> Outcome:
    """Close a zone; tell whether it was taken, and what comes next."""
    name, standing = asked.zone, _standing(ctx, asked.zone)
    area, refusal = _area(ctx, asked, standing)
    if not refusal and not areas.meets(area, ctx.site.boundary):
        refusal = _nowhere(ctx, name, asked.outline or area)
    if refusal:
        return refused(refusal)
    if standing is not None:
        return _closed_already(standing, by, area)
    ctx.state.closures.pop(name, None)
    _forget_opened(ctx)
    ctx.state.closures[name] = Closure(
        name=name,
        area=area,
        by=by,
        why=asked.why[:WHY_LENGTH_MAX],
        since_ns=ctx.now_ns,
        was_clear=False,
    )
    ctx.state.interventions += 1
    ctx.raise_alarm("site", _alarm(name), f"{name} is closed by {by}: {asked.why[:WHY_LENGTH_MAX]}")
    ctx.note_event("closure.requested", f"{name} by {by}: {asked.why[:WHY_LENGTH_MAX]}")
    ctx.changed()
    text = f"{name} is closed to new ways; go in when `lunaredge closures` shows it clear"
    return done(text)


def open_again(ctx: Context, by: KeyId, asked: OpenRequest) -> Outcome:
    """Go one of the two steps to open a zone; tell whether it was taken, and what comes next."""
    closure = ctx.state.closures.get(asked.zone)
    if closure is None or closure.phase is ClosurePhase.OPENED:
        name = asked.zone[:NAME_LENGTH_MAX]
        return refused(f"no zone {name} is closed; closures lists them")
    what = f"{closure.name} was closed by {closure.by}: {closure.why}"
    purpose = f"since {closure.since_ns}"
    deed = Deed(f"closure {closure.name}", purpose, what, "if nobody is in there now")
    if (outcome := consent.step(ctx, deed, asked.code)) is not None:
        return outcome
    closure.waits = ()
    closure.opened_ns = ctx.now_ns
    for node in ctx.state.nodes.values():
        node.sought_ns = 0
    advance(ctx, closure, ClosureEvent.OPENED)
    ctx.state.interventions += 1
    ctx.clear_alarm("site", _alarm(closure.name))
    ctx.clear_alarm("site", withdrawn_alarm(closure))
    ctx.note_event("closure.opened_by", f"{closure.name} by {by}")
    return done(f"{closure.name} is open")


def in_force(ctx: Context) -> list[Closure]:
    """Give the closures that are not opened, in the order of their requests."""
    closures = ctx.state.closures.values()
    return [closure for closure in closures if closure.phase is not ClosurePhase.OPENED]


def hindrance(ctx: Context, area: Polygon, place: Point, radius_m: float) -> str:
    """Say which zone nobody may be driven into by hand from a place outside; or nothing."""
    for closure in in_force(ctx):
        is_in = areas.meets_line(closure.area, (place,), radius_m)
        if not is_in and areas.meets(closure.area, area):
            return f"the area reaches into {closure.name}, closed by {closure.by}: {closure.why}"
    return ""


def chains(ctx: Context) -> list[Chain]:
    """Give the closed zones as obstacles to every machine's way."""
    return [
        Chain(
            points=closure.area,
            half_width_m=0.0,
            owner=NodeId(""),
            closed=True,
            zone=closure.name,
        )
        for closure in in_force(ctx)
    ]


def left_by(ctx: Context, node: NodeEntry, task: Task) -> tuple[str, ...]:
    """Name the closed zones that a machine stands in and that its task brings it out of.

    Not those that are clear: whoever is on his way may not go through any more.
    """
    return tuple(
        closure.name
        for closure in in_force(ctx)
        if closure.phase is not ClosurePhase.CLEAR
        and is_trip_out(ctx, task, closure)
        and stands_in(ctx, node, closure)
    )


def left_along(
    ctx: Context, node: NodeEntry, task: Task, solution: RouteSolution
) -> tuple[str, ...]:
    """Name those of them that a planned way leads out of, and may."""
    planned = [zone.points for zone in solution.left]
    return tuple(
        name
        for name in left_by(ctx, node, task)
        # Another may have taken the name since.
        if ctx.state.closures[name].area in planned
        # One that was clear meanwhile bars a way that was planned without care.
        and (solution.with_care or not ctx.state.closures[name].was_clear)
    )


def is_shut_in(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a machine stands in a closed zone: it is sent out of that, and nowhere else."""
    return bool(node.leaving) and any(stands_in(ctx, node, each) for each in in_force(ctx))


def stands_in(ctx: Context, node: NodeEntry, closure: Closure) -> bool:
    """Tell whether a machine's corridor meets a zone where it stands."""
    half_width_m = ctx.half_width_m(node.name)
    seen_at = None if node.seen is None else node.seen.at
    places = [place for place in (node.body, seen_at) if place is not None]
    return any(areas.meets_line(closure.area, (place,), half_width_m) for place in places)


def closing(ctx: Context, task: Task) -> str:
    """Name the closed zone in which a task's work lies; empty when there is none."""
    for closure in in_force(ctx):
        if _is_in(ctx, closure.area, task):
            return closure.name
    return ""


def is_trip_out(ctx: Context, task: Task, closure: Closure) -> bool:
    """Tell whether a task only brings a machine to a place outside a zone."""
    return task.kind is TaskKind.PARK and not _is_in(ctx, closure.area, task)


def is_in_any(ctx: Context, place: Point) -> bool:
    """Tell whether whoever stands somewhere, as wide as the widest, is in a closed zone."""
    width_m = half_width_m_max(ctx)
    return any(areas.meets_line(each.area, (place,), width_m) for each in in_force(ctx))


def half_width_m_max(ctx: Context) -> float:
    """Give half the width of the widest machine's corridor."""
    machines = [spec.machine for spec in ctx.fleet.nodes if spec.machine is not None]
    widest_m = max((spec.radius_m for spec in machines), default=0.0)
    return widest_m + ctx.config.corridor_margin_m


def withdrawn_alarm(closure: Closure) -> str:
    """Give the code of the alarm that a zone which was clear is not clear any more."""
    return f"not_clear.{closure.name}"


def _standing(ctx: Context, name: str) -> Closure | None:
    """Give the closure in force under a name, or None."""
    return next((closure for closure in in_force(ctx) if closure.name == name), None)


def _closed_already(standing: Closure, by: KeyId, area: Polygon) -> Outcome:
    """Answer who asks for a name that is closed: never so that he takes another place for it."""
    whose = f"closed already by {standing.by}: {standing.why}"
    if area != standing.area:
        name = standing.name
        return refused(
            f"NOTHING was closed: {name} is the name of another area, {whose}; give another name"
        )
    text = f"{standing.name} is {whose}; {_how_far(standing)}"
    return done(text) if by == standing.by else refused(text)


def _how_far(closure: Closure) -> str:
    """Say whether people may go in, and who is in their way."""
    if closure.phase is ClosurePhase.CLEAR:
        return "it is clear"
    return f"NOT CLEAR YET ({'; '.join(closure.waits) or closure.phase.value})"


def _leave_to_nobody(ctx: Context, name: str) -> None:
    """Have a zone bar the ways that led out of it, too: people may go in, or it is another next."""
    for node in ctx.state.nodes.values():
        if node.granted is not None and name in node.granted.leaves:
            left = (zone for zone in node.granted.leaves if zone != name)
            node.granted.leaves = tuple(left)


def _alarm(name: str) -> str:
    return f"closure.{name}"


def _area(ctx: Context, asked: CloseRequest, standing: Closure | None) -> tuple[Polygon, str]:
    """Give the area that is asked for, and what is wrong with it."""
    name, known = asked.zone, ctx.site.zone(asked.zone)
    if not is_name(name):
        return (), f"{name[:_NAME_LENGTH_SHOWN]!r} is no zone's name; give {NAME_RULE}"
    if standing is None and len(in_force(ctx)) >= CLOSURES_MAX:
        return (), f"{CLOSURES_MAX} zones are closed; open one first"
    if not asked.outline:
        if known is None and standing is not None:
            return standing.area, ""
        if known is None:
            named = zone_names.told(ctx.site)
            remedy = f"name one of its own ({named}), or give corners, or a place and a radius"
            return (), f"the site has no zone {name}; {remedy}"
        return known.polygon, ""
    if known is not None:
        return (), f"{name} is a zone of the site; leave the outline out, or give another name"
    if len(asked.outline) > 1:
        return asked.outline, areas.flaw(asked.outline)
    if not RADIUS_M_MIN <= asked.radius_m <= RADIUS_M_MAX:
        bounds = f"{RADIUS_M_MIN:g} to {RADIUS_M_MAX:g} m"
        return (), f"the radius is {asked.radius_m:g} m; give {bounds}"
    return areas.disc(asked.outline[0], asked.radius_m), ""


def _nowhere(ctx: Context, name: str, outline: Polygon) -> str:
    """Say that a zone with its first corner, or its middle, there is no part of the site."""
    x_m, y_m = outline[0]
    xs_m, ys_m = zip(*ctx.site.boundary, strict=True)
    reach = f"from {min(xs_m):g}, {min(ys_m):g} to {max(xs_m):g}, {max(ys_m):g}"
    return (
        f"{name} at {x_m:g}, {y_m:g} would lie outside the site's boundary, all of it; "
        f"the site reaches {reach}: look again"
    )


def _is_in(ctx: Context, area: Polygon, task: Task) -> bool:
    """Tell whether a task's work brings any machine near to an area."""
    for name in (task.zone, task.pile, task.to_pile):
        zone = ctx.site.zone(name) if name is not None else None
        if zone is not None and areas.meets(area, zone.polygon):
            return True
    stands: list[Point] = [place for place in (task.stand, task.to_stand) if place is not None]
    return any(areas.meets_line(area, (place,), half_width_m_max(ctx)) for place in stands)


def _forget_opened(ctx: Context) -> None:
    closures = ctx.state.closures
    opened = [name for name, each in closures.items() if each.phase is ClosurePhase.OPENED]
    for name in opened[: max(0, len(opened) - OPENED_MAX)]:
        del closures[name]
