"""What is known now: the last value of each channel, when it was measured, and how good it is.

Only live batches count here; what comes late goes into the archive and changes nothing that is
shown as now. A batch also says that the channels it doesn't name did not change until its end, so
a value that stays is no older than the node's last word. Nothing here decides anything.
"""

import enum
import math

import msgspec

from lunaredge.archive.batches import Folded
from lunaredge.ids import NodeId
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.telemetry import Channel

# A node that says nothing for so many of its own batch periods is late with its word.
STALE_PERIODS = 3
STALE_NS_MIN = 10_000_000_000


class Quality(enum.Enum):
    """How good a value is."""

    GOOD = "good"
    STALE = "stale"
    """Last known: its node has said nothing for too long."""
    BLANK = "blank"
    """The node says that it has no value now; the one shown is the last it had."""
    UNKNOWN = "unknown"
    """Never heard since these books began."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """The last value of a channel."""

    value: float
    measured_ns: int
    """When it became this value, or was last said to be it."""
    blank_ns: int = 0
    """Since when the node has no value; 0 while it has one."""


class _Known(msgspec.Struct, kw_only=True):
    through_ns: int = 0
    """Site time through which the node has spoken."""
    period_ns: int = 0
    """Of its last batch."""
    values: dict[str, Value] = {}


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as people and scripts see it."""

    channel: str
    unit: str
    value: float | None
    measured_ns: int | None
    age_s: float | None
    """Since the node last vouched for it."""
    quality: Quality


class Latest:
    """The last values of every node."""

    def __init__(self) -> None:
        self._known: dict[NodeId, _Known] = {}

    def through_ns(self, node: NodeId) -> int:
        """Give the site time through which the node has spoken live; 0 before it has."""
        known = self._known.get(node)
        return 0 if known is None else known.through_ns

    def take(
        self, node: NodeId, channels: tuple[Channel, ...], span_ns: tuple[int, int], folded: Folded
    ) -> None:
        """Learn a live batch."""
        known = self._known.setdefault(node, _Known())
        known.through_ns = max(known.through_ns, span_ns[1])
        known.period_ns = span_ns[1] - span_ns[0]
        for index, channel in enumerate(channels):
            last, last_ns = folded.lasts[index], folded.last_ns[index]
            before = known.values.get(channel.name)
            if math.isfinite(last) and (before is None or last_ns >= before.measured_ns):
                known.values[channel.name] = Value(value=last, measured_ns=last_ns)
            blank_ns = folded.blanked_ns.get(index, 0)
            now = known.values.get(channel.name)
            if blank_ns and now is not None and blank_ns >= now.measured_ns:
                known.values[channel.name] = msgspec.structs.replace(now, blank_ns=blank_ns)

    def show(self, node: NodeId, channels: tuple[Channel, ...], now_ns: int) -> list[Shown]:
        """Give every channel of a node's table with its last value and how good that is."""
        known = self._known.get(node, _Known())
        return [_shown(known, channel, now_ns) for channel in channels]

    def encoded(self, node: NodeId) -> bytes:
        """Give what is known of a node, to be kept over a restart."""
        return msgspec.msgpack.encode(self._known[node])

    def restore(self, node: NodeId, value: bytes) -> bool:
        """Take back what was known of a node; tell whether it could be read."""
        try:
            self._known[node] = msgspec.msgpack.decode(value, type=_Known)
        except MALFORMED:
            return False
        return True


def _shown(known: _Known, channel: Channel, now_ns: int) -> Shown:
    value = known.values.get(channel.name)
    if value is None:
        return Shown(
            channel=channel.name,
            unit=channel.unit,
            value=None,
            measured_ns=None,
            age_s=None,
            quality=Quality.UNKNOWN,
        )
    # Whoever has spoken since stands by it, unless it has said that there is none.
    as_of_ns = value.blank_ns or max(value.measured_ns, known.through_ns)
    stale_ns = max(STALE_PERIODS * known.period_ns, STALE_NS_MIN)
    if value.blank_ns:
        quality = Quality.BLANK
    else:
        quality = Quality.STALE if now_ns - known.through_ns > stale_ns else Quality.GOOD
    return Shown(
        channel=channel.name,
        unit=channel.unit,
        value=value.value,
        measured_ns=value.measured_ns,
        age_s=max(0, now_ns - as_of_ns) / 1e9,
        quality=quality,
    )
