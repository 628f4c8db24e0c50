"""Whose clock is wrong: the archive's own, or a node's.

Site time is told to every node by the scheduler, so nodes agree with each other. One that is apart
from the archive is wrong; if most of those that speak are, the archive is.
"""

from lunaredge.ids import NodeId
from lunaredge.units import NS_PER_S, s_from_ns
from lunaredge.wire.records import Alarm

ALARM = "clock.apart"
# A node that has said nothing for so long has no voice: it speaks every few minutes at least.
VOICE_NS = 900 * NS_PER_S
# One node alone may as well be wrong itself.
VOICES_MIN = 2


class Clocks:
    """How far the clocks of nodes are from ours, as their signed words say."""

    def __init__(self, apart_ns_max: int) -> None:
        self._apart_ns_max = apart_ns_max
        self._is_alarmed = False
        self._heard: dict[NodeId, tuple[int, int]] = {}
        """When each node was heard, and by how much it was ahead of us; only of known nodes."""

    def hear(self, node: NodeId, site_ns: int, now_ns: int) -> None:
        """Take the site time at which a node says that it speaks; 0 from one who doesn't know."""
        if site_ns:
            self._heard[node] = (now_ns, site_ns - now_ns)

    def is_doubtful(self, now_ns: int) -> bool:
        """Tell whether our clock is to be doubted, by all who spoke lately."""
        voices_ns, apart_ns = self._voices_ns(now_ns)
        return len(voices_ns) >= VOICES_MIN and 2 * len(apart_ns) > len(voices_ns)

    def judge(self, now_ns: int) -> Alarm | None:
        """Give the alarm where the judgement has changed since the last call."""
        is_doubtful = self.is_doubtful(now_ns)
        if is_doubtful == self._is_alarmed:
            return None
        self._is_alarmed = is_doubtful
        text = "most nodes agree with the archive's clock again"
        if is_doubtful:
            voices_ns, apart_ns = self._voices_ns(now_ns)
            middle_s = s_from_ns(apart_ns[len(apart_ns) // 2])
            way = "ahead of" if middle_s > 0 else "behind"
            text = (
                f"{len(apart_ns)} of {len(voices_ns)} nodes are {abs(middle_s):.0f} s {way} the"
                " archive: its clock is wrong, and limits on telemetry are not to be relied on"
            )
        return Alarm(site_ns=now_ns, code=ALARM, text=text, active=is_doubtful)

    def _voices_ns(self, now_ns: int) -> tuple[list[int], list[int]]:
        """Give by how much each node is ahead that spoke lately, and those that are apart."""
        voices_ns = sorted(
            ahead_ns for at_ns, ahead_ns in self._heard.values() if abs(now_ns - at_ns) <= VOICE_NS
        )
        return voices_ns, [ahead for ahead in voices_ns if abs(ahead) > self._apart_ns_max]
