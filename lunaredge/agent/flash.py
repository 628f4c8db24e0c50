"""How much may be written to flash, and how much was.

Owns an allowance that grows with time, and the counts of the last hours. It decides one thing:
whether telemetry may be written to disk now, or waits in memory. Everything else is written
whatever this says, and counts all the same. A life begins with nothing saved up, so that a board
that restarts again and again gains nothing by it.
"""

from collections import deque

from lunaredge.units import NS_PER_S

_NS_PER_HOUR = 3600 * NS_PER_S
_HOURS_PER_DAY = 24
_NS_PER_DAY = _HOURS_PER_DAY * _NS_PER_HOUR


class FlashBudget:
    """Bytes that may be written in a day, as an allowance that is saved up for an hour at most."""

    def __init__(self, bytes_per_day_max: int) -> None:
        assert bytes_per_day_max > 0
        self._bytes_per_day_max = bytes_per_day_max
        # In bytes times nanoseconds of a day: so it is whole, and no rounding adds up.
        self._left = 0
        self._left_max = bytes_per_day_max * _NS_PER_HOUR
        self._at_ns: int | None = None
        self._hours: deque[tuple[int, int]] = deque(maxlen=_HOURS_PER_DAY)
        """Bytes written by hour of the local clock, of hours in which something was."""

    def written(self, size_bytes: int, now_ns: int) -> None:
        """Count what was written."""
        assert size_bytes >= 0, size_bytes
        self._accrue(now_ns)
        self._left -= size_bytes * _NS_PER_DAY
        hour = now_ns // _NS_PER_HOUR
        if self._hours and hour <= self._hours[-1][0]:
            # The clock may have gone back; the newest hour takes it then.
            newest, before_bytes = self._hours.pop()
            self._hours.append((newest, before_bytes + size_bytes))
        else:
            self._hours.append((hour, size_bytes))

    def allows(self, now_ns: int) -> bool:
        """Tell whether telemetry may be written: what was written is within the allowance."""
        self._accrue(now_ns)
        return self._left >= 0

    def bytes_day(self, now_ns: int) -> int:
        """Give what was written in this hour and the 23 before, or since the start of this life."""
        hour = now_ns // _NS_PER_HOUR
        return sum(size for at, size in self._hours if at > hour - _HOURS_PER_DAY)

    def _accrue(self, now_ns: int) -> None:
        before_ns = now_ns if self._at_ns is None else self._at_ns
        # A clock that goes back gives nothing; one that jumps ahead no more than the most.
        gained = max(0, now_ns - before_ns) * self._bytes_per_day_max
        self._left = min(self._left_max, self._left + gained)
        self._at_ns = now_ns
