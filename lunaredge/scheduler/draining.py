"""Draining: whether what people want for themselves is theirs yet, and asking for it meanwhile.

Looks, after every input, at each closed zone and each machine that is locked out. Whoever has a
claim in a closed zone is asked to give it back, and who stands there is sent out. An area is called
empty when no claim of any machine meets it and every machine is counted; silence proves nothing,
and a silent machine stands in nobody's way whose claim lies elsewhere.
"""

from lunaredge.ids import NodeId
from lunaredge.model.site import Polygon
from lunaredge.scheduler import areas, backlog, closures, lockout, space, trips_out, way_back
from lunaredge.scheduler.closures import ClosureEvent
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.occupancy import Occupancy
from lunaredge.scheduler.state import (
    Closure,
    ClosurePhase,
    Lockout,
    LockPhase,
    NodeEntry,
    Presence,
    Tag,
)


def review(ctx: Context) -> None:
    """Judge everything anew; call after each input."""
    occupancy = Occupancy(ctx)
    # Machines first: what a zone waits for tells how far their lock-outs are.
    for node in ctx.state.nodes.values():
        if node.lockout is not None:
            _review_lockout(ctx, occupancy, node, node.lockout)
    if ctx.state.closures:
        in_force = closures.in_force(ctx)
        inside = {each.name: _occupants(ctx, occupancy, each) for each in in_force}
        _note_leaving(ctx, inside)
        for closure in in_force:
            _review_closure(ctx, closure, inside[closure.name], occupancy.uncounted)
        trips_out.call_off(ctx, in_force)


# --- closed zones ------------------------------------------------------------------------------


def _occupants(ctx: Context, occupancy: Occupancy, closure: Closure) -> list[NodeEntry]:
    """Give who may be in a closed zone; ways home through it are given up first."""
    inside = occupancy.of(closure.area)
    yielding = [node for node in inside if way_back.give_way(ctx, node)]
    for node in yielding:
        occupancy.forget(node)
    return occupancy.of(closure.area) if yielding else inside


def _note_leaving(ctx: Context, inside: dict[str, list[NodeEntry]]) -> None:
    """Note who has to leave a zone first, lest it be given a task that is then taken back."""
    leaving: dict[NodeId, str] = {}
    for zone, nodes in inside.items():
        for node in nodes:
            leaving.setdefault(node.name, zone)
    for node in ctx.state.nodes.values():
        zone = leaving.get(node.name, "")
        if zone != node.leaving:
            node.leaving = zone
            ctx.changed()


def _review_closure(
    ctx: Context, closure: Closure, inside: list[NodeEntry], uncounted: list[NodeId]
) -> None:
    for node in inside:
        _ask_back(ctx, node, closure)
    closure.waits = (
        *(f"{name} has to be counted" for name in uncounted),
        *(_told(ctx, node) for node in inside if node.name not in uncounted),
    )
    if closure.phase is ClosurePhase.CLEAR and closure.waits:
        event = ClosureEvent.UNCOUNTED if uncounted else ClosureEvent.ENTERED
        closures.advance(ctx, closure, event)
        text = f"{closure.name} is NOT CLEAR any more: {'; '.join(closure.waits)}"
        ctx.raise_alarm("site", closures.withdrawn_alarm(closure), text)
    if closure.phase is ClosurePhase.DRAINING and uncounted:
        closures.advance(ctx, closure, ClosureEvent.UNCOUNTED)
    if closure.phase is ClosurePhase.REQUESTED and not uncounted:
        closures.advance(ctx, closure, ClosureEvent.COUNTED)
    if closure.phase is ClosurePhase.DRAINING and not closure.waits:
        closures.advance(ctx, closure, ClosureEvent.PROVEN)
        ctx.clear_alarm("site", closures.withdrawn_alarm(closure))


def _ask_back(ctx: Context, node: NodeEntry, closure: Closure) -> None:
    """Ask a machine to give back what of its claim meets a closed zone, and to leave it.

    A machine with a task is asked for the task: it comes to rest where it is and gives its
    authority back. One that stands in the zone without a task is sent out.
    """
    entry = ctx.state.tasks.get(node.task) if node.task is not None else None
    is_out = entry is None or closures.is_trip_out(ctx, entry.task, closure)
    if is_out:
        trips_out.send_out(ctx, node, closure)
    if entry is None:
        return
    if entry.phase not in backlog.IN_HAND or entry.recalled or entry.cancelling:
        return
    if is_out and (closures.stands_in(ctx, node, closure) or not _leads_in(node, closure)):
        return
    entry.people_count += 1
    backlog.recall(ctx, entry, f"{closure.name} is closed: {closure.why}")


def _leads_in(node: NodeEntry, closure: Closure) -> bool:
    """Tell whether what a machine was granted meets a zone."""
    granted = node.granted
    return granted is not None and areas.meets_line(
        closure.area, space.held_part(granted), granted.half_width_m
    )


def _told(ctx: Context, node: NodeEntry) -> str:
    """Say what a machine has to do, and what keeps it from that."""
    said = f"{node.name} has to leave"
    if lockout.chains(node):
        return f"{said} ({lockout.told(node)})"
    if node.vouched:
        return f"{said} (vouched to stand there)"
    if node.presence is not Presence.UP:
        return f"{said} (silent: {node.shown_presence})"
    if node.lockout is not None:
        return f"{said} ({lockout.told(node)})"
    if node.held or node.terrain_hold:
        return f"{said} (held)"
    if node.situation is not None and node.situation.stops:
        return f"{said} (emergency stop)"
    return f"{said} ({node.wait_reason})" if node.wait_reason else said


# --- machines that are locked out --------------------------------------------------------------


def _review_lockout(ctx: Context, occupancy: Occupancy, node: NodeEntry, kept: Lockout) -> None:
    hanging = [tag for tag in kept.tags.values() if not tag.released]
    kept.waits = tuple(_missing(occupancy, node, kept, hanging))
    before = kept.phase
    if not hanging:
        kept.phase = LockPhase.RETURNING
    else:
        kept.phase = LockPhase.DRAINING if kept.waits else LockPhase.LOCKED
    if kept.phase is before:
        return
    ctx.changed()
    if before is LockPhase.LOCKED and kept.phase is LockPhase.DRAINING:
        text = f"{node.name} is NOT SAFE any more: {'; '.join(kept.waits)}"
        ctx.raise_alarm(node.name, lockout.WITHDRAWN_ALARM, text)
    else:
        ctx.clear_alarm(node.name, lockout.WITHDRAWN_ALARM)
    ctx.note_event(f"lockout.{kept.phase.value}", node.name)
    ctx.tell("lockout.changed", node=node.name, phase=kept.phase.value)


def _missing(occupancy: Occupancy, node: NodeEntry, kept: Lockout, hanging: list[Tag]) -> list[str]:
    """Say what is missing before people may touch a machine; nothing when they may."""
    latched = node.situation.locks if node.situation is not None else ()
    if not hanging:
        return [f"{node.name} has to say where it stands"]
    found = []
    if not node.censused and not node.vouched:
        # This journal may be older than the tags' coming off.
        found.append(f"{node.name} has to be counted")
    if any(tag.id not in latched for tag in hanging):
        found.append(f"{node.name} has to confirm")
    if node.granted is not None:
        found.append(f"{node.name} has to give its authority back")
    found += [
        f"{by}, who may drive it by hand, has to take that tag off" for by in lockout.at_odds(node)
    ]
    areas_by_hand = [tag.area for tag in hanging if tag.area]
    for area in areas_by_hand:
        found += _others_in(occupancy, node, area)
    # Once it is locked out, people may move it.
    may_move = not found and kept.phase is LockPhase.LOCKED
    if not may_move and (node.situation is None or not node.situation.at_rest):
        found.append(f"{node.name} has to come to rest")
    if not may_move and areas_by_hand and not lockout.is_placed(node):
        found.append(f"{node.name} has to say where it stands")
    return found


def _others_in(occupancy: Occupancy, node: NodeEntry, area: Polygon) -> list[str]:
    """Name the others that may be in a machine's area."""
    inside = [other.name for other in occupancy.of(area) if other is not node]
    return [
        *(f"{name} has to be counted" for name in occupancy.uncounted),
        *(f"{name} has to leave the area" for name in inside),
    ]
