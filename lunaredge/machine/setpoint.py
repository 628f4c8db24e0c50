"""The order in force in a machine's controller, and how it dies.

The dead-man's rule: an order lives `lifetime_ns` from its last refresh and no longer. It may be
revived by the same order sent again, as after a hiccup of the link; a halt ends it for good.
Orders are numbered upward within one attachment, so a late duplicate can't bring an old one back.
It judges numbers and time only; whether the machine can do what is asked is `controller`'s.
"""

import enum

from lunaredge.wire.driver import Follow, Work


class Verdict(enum.Enum):
    """What a frame is to the order in force. The values are words for counting."""

    NEW = "new"
    REFRESH = "refresh"
    BAD_NUMBER = "number"
    STALE = "stale"
    HALTED = "halted"
    CHANGED = "changed"


class Setpoint:
    """Which order is in force, and until when."""

    def __init__(self, lifetime_ns: int) -> None:
        assert lifetime_ns > 0
        self.order: Follow | Work | None = None
        self.lapsed = False
        self._lifetime_ns = lifetime_ns
        self._deadline_ns = 0
        self._number = 0

    @property
    def spent_no(self) -> int:
        """The highest number of which no order can come back; 0 for none."""
        return self._number if self.order is None else self._number - 1

    def judge(self, frame: Follow | Work) -> Verdict:
        """Say what a frame is; changes nothing."""
        if frame.order_no < 1:
            return Verdict.BAD_NUMBER
        if frame.order_no < self._number:
            return Verdict.STALE
        if frame.order_no > self._number:
            return Verdict.NEW
        if self.order is None:
            return Verdict.HALTED
        return Verdict.REFRESH if _same(self.order, frame) else Verdict.CHANGED

    def take(self, frame: Follow | Work, now_ns: int) -> None:
        """Put an order in force, or refresh it."""
        assert frame.order_no >= self._number
        self.order = frame
        self.lapsed = False
        self._number = frame.order_no
        self._deadline_ns = now_ns + self._lifetime_ns

    def close(self) -> None:
        """End the order in force; its number can't come back."""
        self.order = None

    def renumber(self) -> None:
        """End the order in force and start numbering anew: another life of the agent."""
        self.order = None
        self._number = 0

    def live(self, now_ns: int) -> Follow | Work | None:
        """Give the order in force at that time, or None."""
        return self.order if now_ns <= self._deadline_ns else None

    def expire(self, now_ns: int) -> bool:
        """Mark an order that has died by that time; True only the first time it is found dead."""
        died = self.order is not None and not self.lapsed and now_ns > self._deadline_ns
        self.lapsed = self.lapsed or died
        return died


def _same(order: Follow | Work, frame: Follow | Work) -> bool:
    """Whether a frame repeats an order; only a Follow's stop and speed may differ."""
    match order, frame:
        case Follow(), Follow():
            return (order.path, order.tool, order.tool_from_m) == (
                frame.path,
                frame.tool,
                frame.tool_from_m,
            )
        case Work(), Work():
            return order.goal == frame.goal
        case _:
            return False
