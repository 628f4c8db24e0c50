"""Emergency stops: noted when they are heard, met again on a node, released in two steps.

The nodes latch stops by themselves and ask nobody. This table says what holds the site, since when,
and what a release goes by. It learns from the nodes what it missed, and tells them what they
missed.
"""

from lunaredge.ids import KeyId, NodeId
from lunaredge.scheduler import consent
from lunaredge.scheduler.consent import Deed, Outcome, done, refused
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Repeat
from lunaredge.scheduler.state import NodeEntry, StopEntry
from lunaredge.wire.messages import STOP_ALARM, ReleaseStop, Stop
from lunaredge.wire.seal import Role

# Nodes know a longer id by its first part.
ID_LENGTH_MAX = 80
REASON_LENGTH_MAX = 200
# A node has 33 latched at most. Past this the oldest is forgotten, a released one if there is one;
# one that still holds a node comes back with that node's next word.
STOPS_MAX = 1_024
# Pending for one node, which may be lost for good: all that it can have latched, and as many more.
# One that is forgotten and holds the node after all comes back with its next word.
RELEASES_MAX = 64


def is_news(ctx: Context, stop: Stop, role: Role) -> bool:
    """Tell whether an emergency stop says more than is known; every node hands it on."""
    entry = ctx.state.stops.get(stop.stop[:ID_LENGTH_MAX])
    # A leader only says again what somebody else has called.
    return entry is None or not (entry.by or entry.released or role is Role.SCHEDULER)


def take(ctx: Context, stop: Stop, by: KeyId, role: Role) -> None:
    """Take note of an emergency stop; the nodes have heard it themselves.

    ``by`` is the key that signed it, ``role`` that key's.
    """
    if not is_news(ctx, stop, role):
        return
    caller = "" if role is Role.SCHEDULER else by
    name = stop.stop[:ID_LENGTH_MAX]
    entry = ctx.state.stops.get(name)
    if entry is None:
        ctx.state.interventions += 1
    else:
        # A node that holds it has told of it before it came here by itself.
        ctx.clear_alarm(*_alarm(entry))
        del ctx.state.stops[name]
    node = stop.node if entry is None or entry.node == stop.node else None
    _note(ctx, name, node, stop.reason[:REASON_LENGTH_MAX], by=caller)


def holds(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a stop is in force for a node, whether the node has heard of it or not."""
    return bool(_latched(node)) or any(_is_for(entry, node) for entry in ctx.state.stops.values())


def of(ctx: Context, node: NodeEntry) -> list[str]:
    """Name the stops in force for a node."""
    named = dict.fromkeys(_latched(node))
    named |= {entry.id: None for entry in ctx.state.stops.values() if _is_for(entry, node)}
    return list(named)


def told(ctx: Context, node: NodeEntry) -> str:
    """Say which stops keep a node at rest, who called them and why; empty for none.

    One that the node itself has not said that it holds is told as that: the node may still move.
    """
    latched, found = _latched(node), of(ctx, node)
    confirmed = ", ".join(_told(ctx, name) for name in found if name in latched)
    unconfirmed = ", ".join(_told(ctx, name) for name in found if name not in latched)
    parts = [f"stopped by {confirmed}"] if confirmed else []
    parts += [f"YET TO CONFIRM the stop of {unconfirmed}"] if unconfirmed else []
    return "; ".join(parts)


def is_unconfirmed(ctx: Context, node: NodeEntry) -> bool:
    """Tell whether a node is to be stopped and has not said that any stop holds it."""
    return holds(ctx, node) and not _latched(node)


def meet(ctx: Context, node: NodeEntry, latched: tuple[str, ...]) -> None:
    """Compare the stops that hold a node with those that should.

    What the node has and this scheduler never heard of is noted. What it was to have heard is said
    again: a stop is not kept by the broker, and the node may have been away.
    """
    names = [stop[:ID_LENGTH_MAX] for stop in latched]
    for name in names:
        entry = ctx.state.stops.get(name)
        if entry is None:
            ctx.state.interventions += 1
            _note(ctx, name, node.name, f"holds {node.name}, nobody here has heard who called it")
        elif entry.released and all(
            each.stop != name for each in ctx.pending(node.name, ReleaseStop)
        ):
            del ctx.state.stops[name]
            _note(ctx, name, node.name, f"holds {node.name} again", by=entry.by)
        elif not entry.released and not _is_for(entry, node):
            # It holds another too: whoever pressed it meant more than one.
            ctx.clear_alarm(*_alarm(entry))
            del ctx.state.stops[name]
            _note(ctx, name, None, entry.reason, by=entry.by)
    for entry in ctx.state.stops.values():
        if _is_for(entry, node) and entry.id not in names:
            stop = Stop(stop=entry.id, node=entry.node, reason=entry.reason)
            ctx.intents.append(Repeat(stop=stop))


def release(ctx: Context, stop: str, code: str) -> Outcome:
    """Go one of the two steps of a release; tell whether it was taken, and what comes next."""
    entry = ctx.state.stops.get(stop[:ID_LENGTH_MAX])
    if entry is None or entry.released:
        return refused(f"no stop {stop} is in force; alarms lists them")
    # It may come to hold more nodes than it did when the code was given.
    purpose = f"release {entry.node or 'everybody'}"
    by = _called(entry)
    held = f"{entry.id} holds {entry.node or 'every node'}{',' if by else ''}{by}"
    deed = Deed(f"stop {entry.id}", purpose, held, "to release it")
    if (outcome := consent.step(ctx, deed, code)) is not None:
        return outcome
    entry.released = True
    ctx.state.interventions += 1
    for node in ctx.state.nodes:
        if entry.node is None or entry.node == node:
            _order_release(ctx, node, entry.id)
    ctx.clear_alarm(*_alarm(entry))
    ctx.changed()
    return done(f"{entry.id} released")


def _latched(node: NodeEntry) -> list[str]:
    """Name the stops that hold a node by its own last word."""
    return [] if node.situation is None else [stop[:ID_LENGTH_MAX] for stop in node.situation.stops]


def _order_release(ctx: Context, node: NodeId, stop: str) -> None:
    """Have a node release a stop; of too many that it has not answered the oldest are forgotten."""
    pending = ctx.pending(node, ReleaseStop)
    for body in pending[: max(0, len(pending) - RELEASES_MAX + 1)]:
        del ctx.state.commands[body.command]
    ctx.order(node, ReleaseStop(command=ctx.command_id(), stop=stop))


def _is_for(entry: StopEntry, node: NodeEntry) -> bool:
    return not entry.released and entry.node in (None, node.name)


def _told(ctx: Context, name: str) -> str:
    entry = ctx.state.stops.get(name)
    if entry is None:
        return name
    reason = f": {entry.reason}" if entry.reason else ""
    return f"{entry.by or 'somebody'}{reason} ({name})"


def _called(entry: StopEntry) -> str:
    """Say who called a stop and why, as far as it is known."""
    by = f" called by {entry.by}" if entry.by else ""
    return f"{by}: {entry.reason}" if entry.reason else by


def _note(ctx: Context, name: str, node: NodeId | None, reason: str, by: str = "") -> None:
    known = ctx.state.stops
    if len(known) >= STOPS_MAX:
        released = next((old for old, entry in known.items() if entry.released), None)
        del known[released if released is not None else next(iter(known))]
    entry = StopEntry(id=name, node=node, reason=reason, since_ns=ctx.now_ns, by=by)
    known[name] = entry
    ctx.raise_alarm(*_alarm(entry), f"emergency stop{_called(entry)}")
    ctx.changed()


def _alarm(entry: StopEntry) -> tuple[str, str]:
    """Name the source and the code of a stop's alarm."""
    return entry.node or "site", STOP_ALARM + entry.id
