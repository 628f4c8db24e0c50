"""Limits on telemetry: live values in, alarms that come up, change level or go away out.

Owns, for each channel that has limits, the level that its alarm is at and the time of the value
that was judged last. It is given live values alone: backfill never trips an alarm, and whoever
calls holds the times against the site's, since a value from the future silences its channel until
then. There is one alarm for each channel of a node, under the code ``limit.`` and the channel's
name. What people do about alarms is the scheduler's.
"""

import math
from collections.abc import Mapping

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.limits import ChannelLimits as ChannelLimits
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.records import Alarm, AlarmLevel

CODE_PREFIX = "limit."


class _Judged(msgspec.Struct, kw_only=True):
    """How a channel was judged last."""

    node: NodeId
    channel: str
    measured_ns: int
    level: AlarmLevel | None = None
    """None: inside its limits."""
    is_high: bool = False
    """Which side it is out of."""


class _Kept(msgspec.Struct, kw_only=True):
    """What is remembered over a restart."""

    judged: list[_Judged]
    in_doubt: bool
    """Alarms may be up of channels that are not among these."""


class LimitWatch:
    """Holds values to their limits. Knows no more channels than have limits."""

    def __init__(self, limits: Mapping[NodeId, Mapping[str, ChannelLimits]]) -> None:
        for of_node in limits.values():
            for each in of_node.values():
                assert each.fault is None, each.fault
        self._limits = limits
        self._judged: dict[tuple[NodeId, str], _Judged] = {}
        self._in_doubt = False
        """Alarms may be up that we do not know of."""

    def take(self, node: NodeId, channel: str, value: float, measured_ns: int) -> Alarm | None:
        """Judge a live value; give the alarm that it raises, changes or takes back, if any.

        A value that is older than the last of its channel, or no finite number, says nothing.
        """
        limits = self._limits.get(node, {}).get(channel)
        if limits is None or not math.isfinite(value):
            return None
        key = (node, channel)
        last = self._judged.get(key)
        is_new = last is None
        if last is None:
            last = self._judged[key] = _Judged(node=node, channel=channel, measured_ns=measured_ns)
        if measured_ns < last.measured_ns:
            return None
        last.measured_ns = measured_ns
        level = _level(limits, value, last.level)
        is_high = _is_high(limits, value, level)
        if (level, is_high) == (last.level, last.is_high) and not (is_new and self._in_doubt):
            return None
        last.level, last.is_high = level, is_high
        return _alarm(limits, last, value)

    def rewind(self, node: NodeId) -> None:
        """Judge a node's next values whatever their time: that of the last ones was wrong."""
        for judged in self._judged.values():
            if judged.node == node:
                judged.measured_ns = 0

    def encoded(self) -> bytes:
        """Give all that is remembered. To be on disk before the alarm that changed it leaves."""
        judged = list(self._judged.values())
        in_doubt = self._in_doubt and len(judged) < sum(map(len, self._limits.values()))
        return _encoder.encode(_Kept(judged=judged, in_doubt=in_doubt))

    def restore(self, payload: bytes, now_ns: int) -> list[tuple[NodeId, Alarm]]:
        """Go on from what an earlier life remembered; give the alarms that nobody judges any more.

        Those are of channels that have no limits now. What can't be read, as the empty bytes of a
        lost disk, leaves it in doubt what is up: then the first value of each channel tells.
        """
        assert not self._judged
        try:
            kept = _decoder.decode(payload)
        except MALFORMED:
            self._in_doubt = True
            return []
        self._in_doubt, entries = kept.in_doubt, kept.judged
        ended: list[tuple[NodeId, Alarm]] = []
        for entry in entries:
            if entry.channel in self._limits.get(entry.node, {}):
                self._judged[entry.node, entry.channel] = entry
            elif entry.level is not None:
                text = f"{entry.channel} has no limits any more"
                ended.append((entry.node, _ended(entry.channel, text, now_ns)))
        return ended


def _level(limits: ChannelLimits, value: float, level: AlarmLevel | None) -> AlarmLevel | None:
    """Give the level that a value means, where the last one meant ``level``."""
    critical = (limits.critical_low, limits.critical_high)
    warning = (limits.warning_low, limits.warning_high)
    if _is_out(critical, value, 0.0):
        return AlarmLevel.CRITICAL
    if level is AlarmLevel.CRITICAL and _is_out(critical, value, limits.hysteresis):
        return AlarmLevel.CRITICAL
    if _is_out(warning, value, 0.0):
        return AlarmLevel.WARNING
    if level is not None and _is_out(warning, value, limits.hysteresis):
        return AlarmLevel.WARNING
    return None


def _is_out(bounds: tuple[float | None, float | None], value: float, inside: float) -> bool:
    """Tell whether a value is not inside the bounds by that much. The bounds themselves are."""
    low, high = bounds
    return (low is not None and value < low + inside) or (
        high is not None and value > high - inside
    )


def _is_high(limits: ChannelLimits, value: float, level: AlarmLevel | None) -> bool:
    """Tell whether a value of that level is out on the high side, or nearer to it."""
    if level is None:
        return False
    low, high = _bounds(limits, level)
    if low is None or high is None:
        return high is not None
    return high - value < value - low


def _bounds(limits: ChannelLimits, level: AlarmLevel) -> tuple[float | None, float | None]:
    if level is AlarmLevel.CRITICAL:
        return limits.critical_low, limits.critical_high
    return limits.warning_low, limits.warning_high


def _alarm(limits: ChannelLimits, judged: _Judged, value: float) -> Alarm:
    """Word what a channel has come to."""
    unit = f" {limits.unit}" if limits.unit else ""
    said = f"{judged.channel} is {value:.6g}{unit}"
    if judged.level is None:
        return _ended(judged.channel, f"{said}, inside its limits", judged.measured_ns)
    bound = _bounds(limits, judged.level)[judged.is_high]
    assert bound is not None
    is_out = value > bound if judged.is_high else value < bound
    side = "over" if judged.is_high else "under"
    where = side if is_out else f"not yet well inside again after it was {side}"
    return Alarm(
        site_ns=judged.measured_ns,
        code=f"{CODE_PREFIX}{judged.channel}",
        text=f"{said}, {where} its {judged.level.value} limit of {bound:.6g}{unit}",
        active=True,
        level=judged.level,
        latching=limits.latching,
    )


def _ended(channel: str, text: str, site_ns: int) -> Alarm:
    return Alarm(site_ns=site_ns, code=f"{CODE_PREFIX}{channel}", text=text, active=False)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Kept)
