"""Whose clock is wrong: the archive's own, or a node's.

Site time is told to every node by the scheduler, so nodes agree with each other. One that is apart
from the archive is wrong; if most of those that speak are, the archive is.
"""

from typing import NamedTuple

from lunaredge.ids import BootId, NodeId
from lunaredge.units import NS_PER_S, s_from_ns
from lunaredge.wire.records import Alarm

ALARM = "clock.apart"
# A node that has said nothing for so long has no voice: it speaks every few minutes at least.
VOICE_NS = 900 * NS_PER_S
# One node alone may as well be wrong itself.
VOICES_MIN = 2
# What waited at the broker while the archive stood still is old, and nobody's clock is wrong: nodes
# that are behind are believed when they have been for so long.
BEHIND_NS = 600 * NS_PER_S


class _Voice(NamedTuple):
    """A node's newest word of the time."""

    said: tuple[BootId, int]
    """Its life and number: what is said again tells nothing of now."""
    at_ns: int
    ahead_ns: int
    """Of us, when it came."""


class Clocks:
    """How far the clocks of nodes are from ours, as their signed words say."""

    def __init__(self, apart_ns_max: int) -> None:
        self._apart_ns_max = apart_ns_max
        self._is_alarmed: bool | None = None
        """None before anything is known: an earlier life may have raised the alarm."""
        self._apart_since_ns: int | None = None
        self._voices: dict[NodeId, _Voice] = {}
        """Only of known nodes."""

    def hear(self, node: NodeId, said: tuple[BootId, int], site_ns: int, now_ns: int) -> None:
        """Take the site time at which a node says that it speaks; 0 from one who doesn't know."""
        known = self._voices.get(node)
        if site_ns and (known is None or said > known.said):
            self._voices[node] = _Voice(said, now_ns, site_ns - now_ns)

    def is_doubtful(self, now_ns: int) -> bool:
        """Tell whether our clock is to be doubted: most of who spoke lately are ahead of it."""
        voices_ns = self._voices_ns(now_ns)
        ahead = [ahead_ns for ahead_ns in voices_ns if ahead_ns > self._apart_ns_max]
        return len(voices_ns) >= VOICES_MIN and 2 * len(ahead) > len(voices_ns)

    def judge(self, now_ns: int) -> Alarm | None:
        """Give the alarm where the judgement has changed since the last call."""
        voices_ns = self._voices_ns(now_ns)
        apart_ns = [ahead for ahead in voices_ns if abs(ahead) > self._apart_ns_max]
        is_apart = 2 * len(apart_ns) > len(voices_ns)
        if not is_apart:
            self._apart_since_ns = None
        elif self._apart_since_ns is None:
            self._apart_since_ns = now_ns
        if len(voices_ns) < VOICES_MIN or (is_apart and not self._is_certain(now_ns)):
            return None
        if is_apart == self._is_alarmed:
            return None
        self._is_alarmed = is_apart
        text = "most nodes agree with the archive's clock"
        if is_apart:
            middle_s = s_from_ns(apart_ns[len(apart_ns) // 2])
            way = "ahead of" if middle_s > 0 else "behind"
            text = (
                f"{len(apart_ns)} of {len(voices_ns)} nodes are {abs(middle_s):.0f} s {way} the"
                " archive: its clock is wrong, and limits on telemetry are not to be relied on"
            )
        return Alarm(site_ns=now_ns, code=ALARM, text=text, active=is_apart)

    def _is_certain(self, now_ns: int) -> bool:
        assert self._apart_since_ns is not None
        return self.is_doubtful(now_ns) or now_ns - self._apart_since_ns >= BEHIND_NS

    def _voices_ns(self, now_ns: int) -> list[int]:
        """Give by how much each node is ahead that spoke lately, rising."""
        return sorted(
            voice.ahead_ns
            for voice in self._voices.values()
            if abs(now_ns - voice.at_ns) <= VOICE_NS
        )
