"""Site time as a board knows it: an offset to its own monotonic clock, with an error bound.

Owns the estimate and what it refuses. One request and its reply bound the offset to half the
round trip; the bound then grows with the worst drift of the board's crystal. The estimate with the
smallest bound *now* is kept, which is the reply with the shortest round trip until it has aged.
Knows no epoch and no signature: `commands` has checked both.
"""

import msgspec

from lunaredge.wire.messages import TimeReply

# Requests in flight: a period of 30 s and a round trip of 20 s at most never have more than two.
_OUTSTANDING_MAX = 4
# One reply that contradicts the estimate may be a lie or a fluke; three in a row mean that the
# estimate is wrong (the board slept, or the site's clock was set), so it is forgotten.
_CONTRADICTIONS_MAX = 3
# Site times are Unix nanoseconds below the year 2262, as far as 63 bits reach.
_SITE_NS_MAX = 2**63 - 1


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Site time is the local clock plus ``offset_ns``, within ``error_ns`` at ``at_ns``."""

    offset_ns: int
    error_ns: int
    at_ns: int


class SiteClock:
    """Estimates site time from requests and replies."""

    def __init__(self, drift_ppm: float, round_trip_ns_max: int) -> None:
        self._drift_ppm = drift_ppm
        self._round_trip_ns_max = round_trip_ns_max
        self._estimate: Estimate | None = None
        self._outstanding: list[int] = []
        self._contradictions = 0

    def requested(self, now_ns: int) -> None:
        """Remember that site time was asked for now."""
        self._outstanding = [*self._outstanding, now_ns][-_OUTSTANDING_MAX:]

    def answered(self, reply: TimeReply, now_ns: int) -> str | None:
        """Take a reply; give the reason where it is refused."""
        if reply.local_ns not in self._outstanding:
            return "time_unasked"
        self._outstanding.remove(reply.local_ns)
        round_trip_ns = now_ns - reply.local_ns
        if not 0 <= round_trip_ns <= self._round_trip_ns_max:
            return "time_slow"
        if not 0 < reply.site_ns <= _SITE_NS_MAX:
            return "time_impossible"
        fresh = Estimate(
            offset_ns=reply.site_ns + round_trip_ns // 2 - now_ns,
            error_ns=round_trip_ns // 2 + 1 + self._drift_ns(round_trip_ns),
            at_ns=now_ns,
        )
        return self._weigh(fresh, now_ns)

    def _weigh(self, fresh: Estimate, now_ns: int) -> str | None:
        known_error_ns = self.error_ns(now_ns)
        if self._estimate is None or known_error_ns is None:
            self._estimate = fresh
            return None
        apart_ns = abs(fresh.offset_ns - self._estimate.offset_ns)
        if apart_ns > fresh.error_ns + known_error_ns:
            self._contradictions += 1
            if self._contradictions >= _CONTRADICTIONS_MAX:
                self.forget()
            return "time_impossible"
        self._contradictions = 0
        if fresh.error_ns <= known_error_ns:
            self._estimate = fresh
        return None

    def site_ns(self, now_ns: int) -> int | None:
        """Give site time, or None while it is not known."""
        return None if self._estimate is None else now_ns + self._estimate.offset_ns

    def error_ns(self, now_ns: int) -> int | None:
        """Give the bound on the error of site time, or None while it is not known."""
        if self._estimate is None:
            return None
        return self._estimate.error_ns + self._drift_ns(now_ns - self._estimate.at_ns)

    def within(self, error_ns_max: int, now_ns: int) -> bool:
        """Tell whether site time is known at least that well."""
        error_ns = self.error_ns(now_ns)
        return error_ns is not None and error_ns <= error_ns_max

    def forget(self) -> None:
        """Know nothing any more: the local clock can't be trusted to have run on evenly."""
        self._estimate = None
        self._outstanding = []
        self._contradictions = 0

    def _drift_ns(self, elapsed_ns: int) -> int:
        return int(abs(elapsed_ns) * self._drift_ppm / 1e6)


def shortened_ns(lifetime_ns: int, drift_ppm: float) -> int:
    """Give how long a lifetime is surely not over, counted on a clock that may run slow."""
    assert lifetime_ns >= 0
    return lifetime_ns - int(lifetime_ns * drift_ppm / 1e6) - 1
