"""Hibernation: a person has a node sleep until a time, and it says farewell until then.

Owns what people are answered. Whether a node sleeps is the node's own word (`presence`), and it
does so at rest only, without a task or an authority. It keeps its ground as any silent node does.
"""

from datetime import UTC, datetime

from lunaredge.ids import NodeId
from lunaredge.scheduler.consent import Outcome, done, refused
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.state import Presence
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import Hibernate

# A polar site's longest darkness is weeks; a slip of the hand must not silence an alarm for years.
ASLEEP_NS_MAX = 180 * 86_400 * NS_PER_S
# Shorter, and it is back before anybody has read that it sleeps.
ASLEEP_NS_MIN = 60 * NS_PER_S


def order(ctx: Context, name: NodeId, until_ns: int) -> Outcome:
    """Have a node sleep, as a person asks."""
    node = ctx.state.nodes.get(name)
    if node is None:
        return refused(f"no node {name}; nodes lists them")
    if not ctx.now_ns + ASLEEP_NS_MIN <= until_ns <= ctx.now_ns + ASLEEP_NS_MAX:
        return refused(
            f"a node sleeps for 1 minute to 180 days, not until {time_text(until_ns)};"
            f" it is {time_text(ctx.now_ns)}"
        )
    if node.presence is not Presence.UP:
        return refused(f"{name} is {node.shown_presence}: it can't be told to sleep")
    if node.task is not None:
        return refused(f"{name} has {node.task} in hand; wait until it is done, or cancel it")
    if node.granted is not None:
        return refused(f"{name} has a way to drive; wait until it is at rest")
    ctx.forget_commands(name, Hibernate)
    ctx.order(name, Hibernate(command=ctx.command_id(), until_ns=until_ns))
    ctx.state.interventions += 1
    ctx.note_event("node.to_hibernate", f"{name} until {time_text(until_ns)}")
    return done(
        f"{name} is to sleep until {time_text(until_ns)}; `nodes` says hibernating when it does"
    )


def time_text(site_ns: int) -> str:
    """Give a site time for people."""
    return datetime.fromtimestamp(site_ns // NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S")
