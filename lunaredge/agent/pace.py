"""Two clocks that watch each other: the board's own and its machine controller's.

A board can't tell by itself that its clock stood still, jumped or runs wrong; nor can it tell that
what it reads had waited in a queue. Samples carry the controller's time, so the two can be held
against each other. A sample that comes later than those before it is late, and counts from when it
was measured. A board that has seen less time pass than its controller has lost time, and nothing
that it measured with its own clock holds any more. Owns no consequence: `node` draws them.
"""

import enum

# A late sample or two are a hiccup; as many in a row, each in its own turn, are another clock.
_LATE_MAX = 3


class Finding(enum.Enum):
    """What a sample shows of the board's clock."""

    ALIKE = "alike"
    LATE = "late"
    """It waited on its way, or the board's clock has gained."""
    PARTED = "parted"
    """The clocks don't run alike: no time measured before this sample can be trusted."""
    RESTARTED = "restarted"
    """The controller's began anew: nobody has watched the board's over the break, so the same."""


class Pace:
    """How far the two clocks are apart, and how that changes. ``now_ns`` is the board's own."""

    def __init__(self, apart_ns_max: int, drift_ppm: float) -> None:
        assert apart_ns_max > 0
        self.late_ns = 0
        """How long the newest sample had waited."""
        self._apart_ns_max = apart_ns_max
        self._drift_ppm = drift_ppm
        self._offset_ns: int | None = None
        """The board's time less the controller's, by the samples that waited least."""
        self._measured_ns = 0
        """The newest sample's time, by the controller."""
        self._heard_ns = 0
        self._late_count = 0

    def take(self, measured_ns: int, now_ns: int) -> Finding:
        """Take the controller's time of a sample that has just come."""
        passed_ns = measured_ns - self._measured_ns
        in_turn = 2 * (now_ns - self._heard_ns) >= passed_ns
        self._measured_ns, self._heard_ns = measured_ns, now_ns
        offset_ns = now_ns - measured_ns
        if self._offset_ns is None:
            return self._begin(offset_ns, Finding.ALIKE)
        # A controller whose time goes back is another one, or started anew.
        if passed_ns < 0:
            return self._begin(offset_ns, Finding.RESTARTED)
        if offset_ns < self._offset_ns - self._apart_ns_max:
            return self._begin(offset_ns, Finding.PARTED)
        self._follow(offset_ns, passed_ns)
        self.late_ns = max(0, offset_ns - self._offset_ns)
        if self.late_ns <= self._apart_ns_max:
            self._late_count = 0
            return Finding.ALIKE
        self._late_count = self._late_count + 1 if in_turn else 0
        if self._late_count >= _LATE_MAX:
            return self._begin(offset_ns, Finding.PARTED)
        return Finding.LATE

    def _begin(self, offset_ns: int, finding: Finding) -> Finding:
        self._offset_ns = offset_ns
        self.late_ns = self._late_count = 0
        return finding

    def _follow(self, offset_ns: int, passed_ns: int) -> None:
        """Go along with what two sound crystals part by, and with no more."""
        assert self._offset_ns is not None
        step_ns = int(passed_ns * 2.0 * self._drift_ppm / 1e6)
        self._offset_ns += min(max(offset_ns - self._offset_ns, -step_ns), step_ns)
