"""Trips out: where a machine is sent that stands in a closed zone without work of its own.

Home, to a haven, or just over the edge. A trip that proves vain, waiting or under way, is given up
as soon as another place can be reached, and no place that proved vain is offered in its stead.
"""

import math
from collections.abc import Sequence

from lunaredge.model.site import Point
from lunaredge.scheduler import backlog, closures, dispatch, retreat, space, standoff
from lunaredge.scheduler.candidates import Constraint
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain, Corridor, check_route
from lunaredge.scheduler.state import Closure, NodeEntry, TaskEntry
from lunaredge.scheduler.way_out import straight_ways
from lunaredge.units import NS_PER_S

# A place for who can't get out is sought again after this.
SEEK_NS = 5 * NS_PER_S
# Places nearer together than this are the same one.
SAME_M = 1.0


def send_out(ctx: Context, node: NodeEntry, closure: Closure) -> None:
    """Make a trip out for a machine that stands in a zone and is free, or whose trip is vain."""
    if not closures.stands_in(ctx, node, closure) or ctx.now_ns < node.sought_ns + SEEK_NS:
        return
    trips = dispatch.trips(ctx, node)
    if not all(_is_vain(ctx, node, entry) for entry in trips):
        return
    is_under_way = any(entry.phase in backlog.IN_HAND for entry in trips)
    if not is_under_way and not dispatch.is_free(ctx, node):
        return
    vain = [entry.task.stand for entry in trips if entry.task.stand is not None]
    refuge = _refuge(ctx, node, vain)
    if refuge is None:
        node.sought_ns = ctx.now_ns
        return
    for entry in trips:
        backlog.cancel(ctx, entry, "there is another way out")
    backlog.add_trip(ctx, node, refuge)
    ctx.tell("machine.sent_out", node=node.name, zone=closure.name)


def call_off(ctx: Context, in_force: list[Closure]) -> None:
    """End the trips out that have not begun and that no closed zone asks for any more."""
    for entry in list(ctx.open_tasks):
        if entry.order != backlog.SITE_ORDER or entry.cancelling:
            continue
        node = ctx.state.nodes[entry.task.only_on[0]]
        stays = entry.task.stand in (ctx.specs[node.name].home, node.aside)
        if stays or node.granted is not None:
            continue
        if not any(closures.stands_in(ctx, node, each) for each in in_force):
            backlog.cancel(ctx, entry, "the zone is left, or open")


def _is_vain(ctx: Context, node: NodeEntry, entry: TaskEntry) -> bool:
    """Tell whether a trip leads into a closed zone, or nowhere that can be reached as things are.

    One that its machine has in hand is vain when that asks for its way again and again.
    """
    if entry.phase in backlog.IN_HAND:
        return standoff.is_waiting(ctx, node)
    shut = (Constraint.NO_ROUTE, Constraint.CUT_OFF)
    is_shut = any(refusal.constraint in shut for refusal in entry.refusals)
    return is_shut or bool(closures.closing(ctx, entry.task))


def _refuge(ctx: Context, node: NodeEntry, vain: Sequence[Point]) -> Point | None:
    """Give a place outside every closed zone to send a machine to: home, a haven, the rim."""
    spec, home = ctx.specs[node.name].machine, ctx.specs[node.name].home
    assert spec is not None
    assert node.body is not None
    here, width_m, slope_deg = node.body, ctx.half_width_m(node.name), spec.slope_deg_max
    others = space.claims_of_others(ctx, node.name) + space.goals(ctx, node.name)
    known = [
        *([home] if home is not None else []),
        *sorted(retreat.havens(ctx), key=lambda point: math.dist(here, point)),
    ]
    rim = _rim(ctx, node, here, others, vain)
    places = [
        place
        for place in known
        if check_route(ctx.ground, (place,), width_m, slope_deg, others) is None
        and _may_end(ctx, place, vain)
    ]
    if rim is None or not places:
        return next(iter(places), rim)
    return retreat.first_open(ctx, node, others, rim, places) or rim


def _rim(
    ctx: Context,
    node: NodeEntry,
    here: Point,
    others: tuple[Chain, ...],
    vain: Sequence[Point],
) -> Point | None:
    """Give the nearest place outside that a machine reaches straight on; None without."""
    spec, width_m = ctx.specs[node.name].machine, ctx.half_width_m(node.name)
    assert spec is not None
    left = [each for each in closures.in_force(ctx) if closures.stands_in(ctx, node, each)]
    names = {each.name for each in left}
    met = tuple(chain for chain in others if chain.zone not in names)
    corridor = Corridor(ctx.ground, width_m, spec.slope_deg_max, met)
    # A trip to where the widest machine would be in a zone counts as one into it.
    apart_m = closures.half_width_m_max(ctx)
    with_care = any(each.was_clear for each in left)
    ways = straight_ways(corridor, here, [each.area for each in left], apart_m, with_care=with_care)
    return next((place for _, place in ways if _may_end(ctx, place, vain)), None)


def _may_end(ctx: Context, place: Point, vain: Sequence[Point]) -> bool:
    """Tell whether a trip may end at a place: in no closed zone, and where none was vain."""
    is_vain = any(math.dist(place, stand) < SAME_M for stand in vain)
    return not is_vain and not closures.is_in_any(ctx, place)
