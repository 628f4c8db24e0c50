"""Restraint: what keeps a node from moving whatever its way is like, in words for people.

Tags, stops, its own safe state, holds: whoever reads why a machine stands has to find all of it in
one place. Decides nothing.
"""

from lunaredge.scheduler import lockout, stops
from lunaredge.scheduler.alarm_entry import alarm_key
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.hibernation import time_text
from lunaredge.scheduler.state import NodeEntry, Presence

# The state of an agent that found something of its machine broken, and the alarms that say what.
SAFE = "safe"
SAFE_ALARMS = ("sensor_stale", "battery_low", "off_corridor")


def told(ctx: Context, node: NodeEntry) -> str:
    """Say all that keeps a node at rest; empty for nothing."""
    found = [lockout.told(node), stops.told(ctx, node), _safe(ctx, node), _held(node)]
    return "; ".join(text for text in found if text)


def hindrance(ctx: Context, node: NodeEntry) -> str:
    """Say what keeps a node from its work whatever the way is like, silence too; or nothing."""
    return "; ".join(text for text in (silence(node), told(ctx, node)) if text)


def silence(node: NodeEntry) -> str:
    """Say that a node is not heard; empty where it is, or may be about to be."""
    if node.presence is Presence.HIBERNATING:
        return f"asleep until {time_text(node.asleep_until_ns)}"
    return node.shown_presence if node.is_silent else ""


def _safe(ctx: Context, node: NodeEntry) -> str:
    """Say why a node keeps its machine in the safe state, as far as it has said so."""
    if node.situation is None or node.situation.state != SAFE:
        return ""
    keys = [alarm_key(node.name, code, told=True) for code in SAFE_ALARMS]
    alarms = [ctx.state.alarms.get(key) for key in keys]
    said = [alarm.text for alarm in alarms if alarm is not None and alarm.active]
    return f"in its safe state: {'; '.join(said) or 'its log says why'}"


def _held(node: NodeEntry) -> str:
    if node.terrain_hold:
        return "held for its ground, until `resume`"
    return "held, until `resume`" if node.held else ""
