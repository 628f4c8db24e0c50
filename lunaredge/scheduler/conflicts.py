"""Conflicts: a machine is found where another one may go.

It woke up there, was pushed, or was carried by hand. Nothing but the other's word gives the ground
back, so the other is asked at once to stop short of it, and the ground stays claimed by both.
"""

import msgspec

from lunaredge.scheduler import reach, space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import WAVER_M, Chain
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.wire.messages import Shorten

ALARM = "conflict"


def meet(ctx: Context, node: NodeEntry) -> None:
    """Shorten every authority that reaches to where a machine stands now.

    What comes near by no more than a measured place wavers was granted clear of it.
    """
    chains = tuple(
        msgspec.structs.replace(chain, half_width_m=max(0.0, chain.half_width_m - WAVER_M))
        for chain in space.claim(ctx, node)
    )
    met = [
        other.name
        for other in ctx.state.nodes.values()
        if other.name != node.name and other.granted is not None and ctx.is_machine(other.name)
        if shorten_before(ctx, other, other.granted, chains)
    ]
    if met:
        ctx.raise_alarm(node.name, ALARM, f"stands on ground granted to {', '.join(met)}")
    else:
        ctx.clear_alarm(node.name, ALARM)


def shorten_before(
    ctx: Context, node: NodeEntry, granted: Granted, chains: tuple[Chain, ...]
) -> bool:
    """Have a machine stop before it meets chains; tell whether its authority reaches them."""
    here_m = granted.passed_m
    window_m = (here_m, granted.stop_m + granted.overlap_m)
    free_m, ahead = reach.free_until(granted, window_m, chains)
    behind = None
    if granted.leads_home:
        _, behind = reach.free_until(granted, (0.0, here_m), chains)
    if ahead is None and behind is None:
        return False
    stop_m = granted.stop_m if ahead is None else max(here_m, free_m - granted.overlap_m)
    granted.revision += 1
    granted.shortening = True
    ctx.forget_commands(node.name, Shorten)
    body = Shorten(
        command=ctx.command_id(),
        authority=granted.id,
        stop_m=stop_m,
        from_m=here_m if behind is not None else 0.0,
        revision=granted.revision,
    )
    ctx.order(node.name, body)
    ctx.tell("authority.shortened", node=node.name, authority=granted.id)
    return True
