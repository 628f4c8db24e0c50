"""Retreat: a place where a machine can stand until another one has passed.

A passing place, a haven, the yard that it came from: any place that it can reach past everybody's
claims, and at which it stands clear of where the others would go. Changes nothing.
"""

import math
from collections.abc import Iterator

from lunaredge.model.site import Point, ZoneKind
from lunaredge.scheduler import areas, space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain, check_route, eased
from lunaredge.scheduler.state import NodeEntry
from lunaredge.scheduler.travel import Mover, are_open

# Places are looked for on rings round the machine: as narrow as a passing place is long.
RING_M = 4.0
RINGS_MAX = 40


def refuge(ctx: Context, node: NodeEntry, ring: list[NodeEntry]) -> Point | None:
    """Give the nearest place at which a machine lets the others of a ring pass; None without."""
    spec, width_m = ctx.specs[node.name].machine, ctx.half_width_m(node.name)
    if node.body is None or any(other is not node and not other.way for other in ring):
        return None
    assert spec is not None
    here, slope_deg = node.body, spec.slope_deg_max
    others = eased(
        space.claims_of_others(ctx, node.name), here, width_m, ctx.config.corridor_margin_m
    )
    ways = tuple(
        Chain(points=other.way, half_width_m=ctx.half_width_m(other.name), owner=other.name)
        for other in ring
        if other is not node
    )
    places = sorted(_places(ctx, here), key=lambda place: math.dist(here, place))
    clear = [
        place
        for place in places
        if check_route(ctx.ground, (place,), width_m, slope_deg, (*others, *ways)) is None
    ]
    return first_open(ctx, node, others, here, clear)


def first_open(
    ctx: Context, node: NodeEntry, others: tuple[Chain, ...], start: Point, places: list[Point]
) -> Point | None:
    """Give the first of some places to which a machine finds a way past others; None without."""
    spec, width_m = ctx.specs[node.name].machine, ctx.half_width_m(node.name)
    assert spec is not None
    mover = Mover(
        half_width_m=width_m, slope_deg_max=spec.slope_deg_max, speed_m_s=spec.speed_m_s_max
    )
    opens = are_open(ctx.ground, mover, others, start, places)
    return next((place for place, is_open in zip(places, opens, strict=True) if is_open), None)


def havens(ctx: Context) -> list[Point]:
    """Give the middles of the site's havens."""
    return [areas.middle(zone.polygon) for zone in ctx.site.zones if zone.kind is ZoneKind.HAVEN]


def _places(ctx: Context, here: Point) -> Iterator[Point]:
    yield from havens(ctx)
    for number in range(1, RINGS_MAX + 1):
        yield from areas.disc(here, number * RING_M)
