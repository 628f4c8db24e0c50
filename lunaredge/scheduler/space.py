"""Space: where each machine may be now, and where its granted route will take it.

A *claim* is every place where a machine may be: it stays blocked for all others (I3). What lies
beyond the stop point is the machine's *route ahead*: nobody is granted it while the machine is
under way, unless their own authority is the older one. So whoever was granted a route first is
never blocked by the stop point of one who came later, and a queue of machines can't lock itself.
A route ahead frees itself: nobody may be there, so it counts only while its machine goes on.
"""

import math

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.polyline import Path, distance_m, part_of
from lunaredge.model.site import Point
from lunaredge.scheduler import closures, lockout, stops, vouch
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import Granted, NodeEntry, Presence, Seen
from lunaredge.wire.messages import AuthorityRequest, Situation


def claim(ctx: Context, node: NodeEntry) -> list[Chain]:
    """Give every place where the machine may be."""
    off_m = lost_m(ctx, node)
    width_m = ctx.half_width_m(node.name) + off_m
    chains: list[Chain] = []
    if node.body is not None:
        body_m = width_m + (vouch.POSITION_ERROR_M if node.vouched else 0.0)
        chains.append(Chain(points=(node.body,), half_width_m=body_m, owner=node.name))
    if node.astray_at is not None:
        astray = Chain(
            points=(node.astray_at,), half_width_m=width_m, owner=node.name, may_roll=True
        )
        chains.append(astray)
    if node.retreat:
        chains.append(Chain(points=node.retreat, half_width_m=width_m, owner=node.name))
    granted = node.granted
    if granted is not None:
        width_m = granted.half_width_m + off_m
        chains.append(Chain(points=held_part(granted), half_width_m=width_m, owner=node.name))
    return chains + lockout.chains(node)


def lost_m(ctx: Context, node: NodeEntry) -> float:
    """Give how far off its corridor a machine may be: it knows its place worse than that allows."""
    if node.seen is None or node.vouched:
        return 0.0
    return max(0.0, node.seen.pose_error_m - ctx.config.pose_error_m)


def see(ctx: Context, node: NodeEntry, situation: Situation) -> None:
    """Take note of where a machine says that it is.

    Without a place a word frees nothing that an earlier one blocked.
    """
    if situation.x_m is None or situation.y_m is None:
        return
    at = (situation.x_m, situation.y_m)
    node.seen = Seen(
        at=at,
        at_ns=ctx.now_ns,
        pose_error_m=situation.pose_error_m,
        is_astray=_is_astray(ctx, node, situation, at),
    )


def see_at_rest(ctx: Context, node: NodeEntry, request: AuthorityRequest) -> None:
    """Take note of where a machine asks for a way from, and that it knows the place worse.

    That it knows it better again, its situation says.
    """
    if node.seen is not None:
        node.seen = msgspec.structs.replace(
            node.seen,
            at=(request.x_m, request.y_m),
            at_ns=ctx.now_ns,
            pose_error_m=max(node.seen.pose_error_m, request.pose_error_m),
            is_astray=False,
        )


def _is_astray(ctx: Context, node: NodeEntry, situation: Situation, at: Point) -> bool:
    held, granted = situation.authority, node.granted
    if situation.epoch > ctx.state.epoch:
        # Another leader may have led it anywhere.
        return True
    if held is None:
        return not situation.at_rest
    if granted is None or granted.id != held.id:
        return True
    return distance_m(held_part(granted), at) > deviation_m_max(ctx)


def deviation_m_max(ctx: Context) -> float:
    """Give how far a machine's measured place may be from its way."""
    return ctx.config.corridor_margin_m - ctx.config.pose_error_m


def held_part(granted: Granted) -> Path:
    """Give the part of an authority's path on which its holder may be."""
    return part_of(granted.path, tail_m(granted), granted.stop_m + granted.overlap_m)


def tail_m(granted: Granted) -> float:
    """Give the station from which on the path is still its holder's.

    Within a no-standing section that is the section's beginning: the way back stays free. With a
    way home it is home, as nothing of it is released.
    """
    section = granted.section_at(granted.released_m)
    return granted.released_m if section is None else section[0]


def claims_of_others(ctx: Context, node: NodeId) -> tuple[Chain, ...]:
    """Give the claims of every machine but one, and the closed zones."""
    others = [
        chain
        for other in ctx.state.nodes.values()
        if other.name != node and ctx.is_machine(other.name)
        for chain in claim(ctx, other)
    ]
    return (*others, *closures.chains(ctx))


def routes_ahead(ctx: Context, node: NodeId, before: float = math.inf) -> tuple[Chain, ...]:
    """Give where other machines are going, of those whose authority is older than ``before``."""
    return tuple(
        Chain(
            points=part_of(other.granted.path, other.granted.stop_m, math.inf),
            half_width_m=other.granted.half_width_m,
            owner=other.name,
        )
        for other in ctx.state.nodes.values()
        if other.name != node
        and other.granted is not None
        and other.granted.number < before
        and _goes_on(ctx, other, other.granted)
    )


def goals(ctx: Context, node: NodeId) -> tuple[Chain, ...]:
    """Give the places where the routes of others end: there they will stand."""
    return tuple(
        Chain(points=route.points[-1:], half_width_m=route.half_width_m, owner=route.owner)
        for route in routes_ahead(ctx, node)
    )


def _goes_on(ctx: Context, node: NodeEntry, granted: Granted) -> bool:
    """Tell whether a machine is under way, with a part of its route still to be granted."""
    able = node.presence is Presence.UP and not node.held and not node.terrain_hold
    able = able and node.lockout is None
    live = granted.expiry_ns > ctx.now_ns and granted.stop_m < granted.length_m
    return able and live and not stops.holds(ctx, node)
