"""What is known now: the last value of each channel, when it was measured, and how good it is.

Only live batches count here; what comes late goes into the archive and changes nothing that is
shown as now. A batch also says that the channels it doesn't name did not change until its end, so
a value that stays is no older than the node's last word. Nothing here decides anything.
"""

import enum
import math

import msgspec

from lunaredge.archive.batches import Folded, Standing
from lunaredge.ids import NodeId
from lunaredge.units import s_from_ns
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


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as people and scripts see it."""

    channel: str
    unit: str
    value: float | None
    measured_ns: int | None
    age_s: float | None
    """Since the node last vouched for it."""
    quality: Quality


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a node, as it is kept over a restart."""

    through_ns: int
    period_ns: int
    channels: tuple[Channel, ...]
    values: list[tuple[float | None, int, int]]
    """Value, when it was measured, and since when there is none; as of the table."""


class _Known:
    """What is known of a node."""

    def __init__(self, channels: tuple[Channel, ...]) -> None:
        self.through_ns = 0
        """Site time through which it has spoken."""
        self.period_ns = 0
        """Of its last batch."""
        self.standing = Standing(channels)


class Latest:
    """The last values of every node."""

    def __init__(self) -> None:
        self._known: dict[NodeId, _Known] = {}

    def through_ns(self, node: NodeId) -> int:
        """Give the site time through which the node has spoken live; 0 before it has."""
        known = self._known.get(node)
        return 0 if known is None else known.through_ns

    def forget(self, node: NodeId) -> None:
        """Know nothing of a node until it speaks again."""
        self._known.pop(node, None)

    def take(
        self, node: NodeId, channels: tuple[Channel, ...], span_ns: tuple[int, int], folded: Folded
    ) -> None:
        """Learn a live batch."""
        known = self._known.get(node)
        if known is None:
            known = self._known[node] = _Known(channels)
        elif known.standing.channels is not channels and known.standing.channels != channels:
            known.standing = _carried_over(known.standing, channels)
        known.through_ns = max(known.through_ns, span_ns[1])
        known.period_ns = span_ns[1] - span_ns[0]
        known.standing.take(folded)

    def show(self, node: NodeId, channels: tuple[Channel, ...], now_ns: int) -> list[Shown]:
        """Give every channel of a node's table with its last value and how good that is."""
        known = self._known.get(node) or _Known(channels)
        values = _values(known.standing)
        return [_shown(known, channel, values.get(channel.name), now_ns) for channel in channels]

    def encoded(self, node: NodeId) -> bytes:
        """Give what is known of a node, to be kept over a restart."""
        known = self._known[node]
        kept = _Kept(
            through_ns=known.through_ns,
            period_ns=known.period_ns,
            channels=known.standing.channels,
            values=[
                (value if math.isfinite(value) else None, measured_ns, blank_ns)
                for value, measured_ns, blank_ns in known.standing.values()
            ],
        )
        return msgspec.msgpack.encode(kept)

    def restore(self, node: NodeId, value: bytes) -> bool:
        """Take back what was known of a node; tell whether it could be read."""
        try:
            kept = msgspec.msgpack.decode(value, type=_Kept)
        except MALFORMED:
            return False
        if len(kept.values) != len(kept.channels):
            return False
        known = self._known[node] = _Known(kept.channels)
        known.through_ns, known.period_ns = kept.through_ns, kept.period_ns
        for index, (last, measured_ns, blank_ns) in enumerate(kept.values):
            known.standing.put(index, math.nan if last is None else last, measured_ns, blank_ns)
        return True


def _values(standing: Standing) -> dict[str, tuple[float, int, int]]:
    """Give what is known of the channels that ever had a value, by name."""
    return {
        channel.name: found
        for channel, found in zip(standing.channels, standing.values(), strict=True)
        if math.isfinite(found[0])
    }


def _carried_over(before: Standing, channels: tuple[Channel, ...]) -> Standing:
    """Go on with another table: what is of the same name is the same channel."""
    known = _values(before)
    standing = Standing(channels)
    for index, channel in enumerate(channels):
        if channel.name in known:
            standing.put(index, *known[channel.name])
    return standing


def _shown(
    known: _Known, channel: Channel, found: tuple[float, int, int] | None, now_ns: int
) -> Shown:
    if found is None:
        return Shown(
            channel=channel.name,
            unit=channel.unit,
            value=None,
            measured_ns=None,
            age_s=None,
            quality=Quality.UNKNOWN,
        )
    value, measured_ns, blank_ns = found
    # Whoever has spoken since stands by it, unless it has said that there is none.
    as_of_ns = blank_ns or max(measured_ns, known.through_ns)
    stale_ns = max(STALE_PERIODS * known.period_ns, STALE_NS_MIN)
    if blank_ns:
        quality = Quality.BLANK
    else:
        quality = Quality.STALE if now_ns - known.through_ns > stale_ns else Quality.GOOD
    return Shown(
        channel=channel.name,
        unit=channel.unit,
        value=value,
        measured_ns=measured_ns,
        age_s=s_from_ns(max(0, now_ns - as_of_ns)),
        quality=quality,
    )
