"""Vouching: a person's recorded word for a node that is silent.

Ground is freed by its holder's own word (I3); a machine that will never speak again would block
its ground, and after a restart of the scheduler the whole site, for ever. A person who has looked
may say where it stands, or that it is gone. That word is taken in two steps, only while the node
is silent, and only once no lease of it can be alive, whoever granted it. It holds until the node
is heard again (then its own word is asked for before anything else is granted), or until another
leader takes over, who can't know how old its journal is.
"""

import math

from lunaredge.model.site import Point
from lunaredge.scheduler import backlog, consent, lockout
from lunaredge.scheduler.consent import Deed, Outcome, done, refused
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.state import NodeEntry, Presence
from lunaredge.units import s_from_ns
from lunaredge.wire.messages import Grant, Shorten

# A person paces a distance off, or reads it from a camera's picture. More would close the ground
# on which its neighbours stand.
POSITION_ERROR_M = 1.0


def vouch(ctx: Context, node: NodeEntry, at: Point | None, code: str) -> Outcome:
    """Go one of the two steps; tell whether it was taken, and what comes next.

    ``at`` is where the machine stands; None says that it takes no place on the site.
    """
    refusal = _refusal(ctx, node, at)
    if refusal:
        return refused(refusal)
    claimed = f"{node.name} stands at {at[0]:.1f}, {at[1]:.1f}" if at else f"{node.name} is gone"
    known = f"{_last_known(ctx, node, at)}{_doubts(ctx, node, at)}"
    deed = Deed(_subject(node), claimed, known, f"if {claimed}")
    if (outcome := consent.step(ctx, deed, code)) is not None:
        return outcome
    _take(ctx, node, at)
    ctx.note_event("node.vouched", claimed)
    kept = "".join(
        f"; where {by} may drive it by hand nobody else comes until {by}'s tag is off"
        for by in lockout.drivers(node)
    )
    return done(f"taken: {claimed}, until it is heard again{kept}")


def withdraw(ctx: Context, node: NodeEntry) -> bool:
    """End a person's word for a node that is heard again; tell whether there was one."""
    consent.forget(ctx, _subject(node))
    if not node.vouched:
        return False
    node.vouched = False
    ctx.note_event("node.speaks", f"{node.name} is heard again and speaks for itself")
    return True


def _subject(node: NodeEntry) -> str:
    return f"vouch {node.name}"


def _refusal(ctx: Context, node: NodeEntry, at: Point | None) -> str:
    if node.presence is Presence.UP and ctx.is_machine(node.name) and node.is_blind:
        remedy = "end its agent, and ask again when it is called lost"
        return f"{node.name} is heard, though it does not know where it is; {remedy}"
    if node.presence is Presence.UP:
        return f"{node.name} is heard and speaks for itself; hold or cancel it instead"
    if node.presence is Presence.UNKNOWN:
        return f"{node.name} may be about to answer; ask again when it is called lost"
    if not ctx.is_machine(node.name):
        return "" if at is None else f"{node.name} is no machine and stands nowhere; say gone"
    if at is not None and not ctx.ground.contains(at):
        return f"{at[0]:g}, {at[1]:g} is not inside the site's boundary; say gone, or look again"
    left_ns = _lease_end_ns(ctx, node) - ctx.now_ns
    if left_ns > 0:
        return (
            f"{node.name} may still move by an authority granted earlier; ask again in"
            f" {math.ceil(s_from_ns(left_ns))} s"
        )
    return ""


def _lease_end_ns(ctx: Context, node: NodeEntry) -> int:
    """Give when every lease of the machine is over, those of an earlier leader included."""
    end_ns = ctx.state.lead_ns + ctx.config.motion_lifetime_ns
    return end_ns if node.granted is None else max(end_ns, node.granted.motion_end_ns)


def _last_known(ctx: Context, node: NodeEntry, at: Point | None) -> str:
    if node.situation is None:
        return f"{node.name} was never heard"
    text = f"{node.name} was last heard {s_from_ns(ctx.now_ns - node.heard_ns):.0f} s ago"
    seen = node.seen
    if seen is None:
        return text
    if node.is_blind:
        text += f", and {s_from_ns(ctx.now_ns - seen.at_ns):.0f} s ago it was"
    text += f" at {seen.at[0]:.1f}, {seen.at[1]:.1f}"
    if at is not None:
        text += f", {math.dist(at, seen.at):.1f} m from there"
    return text


def _doubts(ctx: Context, node: NodeEntry, at: Point | None) -> str:
    """Say what speaks against the place: who is known to stand there, and a keep-out zone."""
    if at is None:
        return ""
    doubts = ""
    near = [other.name for other in ctx.state.nodes.values() if _is_body_at(ctx, node, other, at)]
    if near:
        doubts += f"; {', '.join(near)} stands there too, as far as is known"
    zone = ctx.ground.keep_out_at(at)
    if zone:
        doubts += f"; that is in the keep-out zone {zone}"
    return doubts


def _is_body_at(ctx: Context, node: NodeEntry, other: NodeEntry, at: Point) -> bool:
    spec, others = ctx.specs[node.name].machine, ctx.specs[other.name].machine
    if other is node or spec is None or others is None:
        return False
    places = [place for place in (other.body, other.astray_at) if place is not None]
    return any(math.dist(at, place) < spec.radius_m + others.radius_m for place in places)


def _take(ctx: Context, node: NodeEntry, at: Point | None) -> None:
    assert node.presence is not Presence.UP
    node.vouched = True
    node.body = at
    # More ground than its own word blocked, also where it said that it is.
    node.met_at = None
    node.end_authority()
    node.retreat = ()
    node.wanted = None
    node.aside = None
    node.estranged = False
    ctx.forget_commands(node.name, Grant, Shorten)
    ctx.clear_alarm(node.name, "authority.unknown")
    ctx.state.interventions += 1
    entry = ctx.state.tasks.get(node.task) if node.task is not None else None
    if entry is not None:
        entry.given_up[entry.attempt] = node.name
        backlog.requeue(ctx, entry, f"{node.name} was given up by a person")
    for waiting in ctx.state.tasks.values():
        if waiting.bound_to == node.name:
            waiting.bound_to = None
    ctx.changed()
