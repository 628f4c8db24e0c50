"""Site time as a board knows it: an offset to its own monotonic clock, with an error bound.

Owns the estimate and what it refuses. One request and its reply bound the offset to half the
round trip. The bound then grows: as long as another clock vouches for the board's (`pace`), with
the worst drift of a sound crystal and what the watch lets pass unseen; from then on with the worst
rate of a clock that is broken. The estimate with the smallest bound *now* is kept. An answer that
the bound doesn't allow proves that one of the two clocks was set or runs wrong.
Knows no epoch and no signature: `commands` has checked both.
"""

import msgspec

from lunaredge.wire.messages import TimeReply

# Requests in flight: a period of 30 s and a round trip of 20 s at most never have more than two,
# and a late sample asks out of turn.
_OUTSTANDING_MAX = 4
# Site times are Unix nanoseconds below the year 2262, as far as 63 bits reach.
_SITE_NS_MAX = 2**63 - 1

CONTRADICTED = "time_contradicted"
"""The reason that shows the board's clock, or the site's, to be wrong."""


class ClockErrors(msgspec.Struct, frozen=True, kw_only=True):
    """How wrong a board's clock may run."""

    drift_ppm: float
    """Worst rate error of a sound crystal."""
    unwatched_ratio: float
    """Worst rate error while no other clock watches."""
    apart_ns_max: int
    """What may be lost or gained unseen by the watch."""


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """Site time is the local clock plus ``offset_ns``, within ``error_ns`` at ``at_ns``."""

    offset_ns: int
    error_ns: int
    at_ns: int


class SiteClock:
    """Estimates site time from requests and replies."""

    def __init__(self, errors: ClockErrors, round_trip_ns_max: int) -> None:
        self._errors = errors
        self._round_trip_ns_max = round_trip_ns_max
        self._estimate: Estimate | None = None
        self._outstanding: list[int] = []
        self._vouched_ns: int | None = None
        """Until when another clock has found the board's to run evenly."""
        self._watched_ns = 0
        """Since when it was looked at for that."""

    def requested(self, now_ns: int) -> None:
        """Remember that site time was asked for now."""
        self._outstanding = [*self._outstanding, now_ns][-_OUTSTANDING_MAX:]

    def answered(self, reply: TimeReply, now_ns: int) -> str | None:
        """Take a reply; give the reason where it is refused.

        One that contradicts the estimate changes nothing here: it is its taker's to `forget`.
        Whoever was wrong, the next answer tells. A forged answer has no signature and a delayed
        one a wide bound, so neither can contradict a sound clock.
        """
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
            error_ns=round_trip_ns // 2 + 1 + self._growth_ns(reply.local_ns, now_ns),
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
            return CONTRADICTED
        if fresh.error_ns <= known_error_ns:
            self._estimate = fresh
        return None

    def vouched(self, now_ns: int) -> None:
        """Learn that the board's clock has run evenly until now, as another clock shows.

        The first time tells nothing of before: nobody looked.
        """
        if self._vouched_ns is None:
            self._watched_ns = now_ns
        self._vouched_ns = now_ns

    def site_ns(self, now_ns: int) -> int | None:
        """Give site time, or None while it is not known."""
        return None if self._estimate is None else now_ns + self._estimate.offset_ns

    def error_ns(self, now_ns: int) -> int | None:
        """Give the bound on the error of site time, or None while it is not known."""
        if self._estimate is None:
            return None
        return self._estimate.error_ns + self._growth_ns(self._estimate.at_ns, now_ns)

    def within(self, error_ns_max: int, now_ns: int) -> bool:
        """Tell whether site time is known at least that well."""
        error_ns = self.error_ns(now_ns)
        return error_ns is not None and error_ns <= error_ns_max

    def forget(self) -> None:
        """Know nothing any more: the local clock can't be trusted to have run on evenly."""
        self._estimate = None
        self._outstanding = []
        self._vouched_ns = None

    def _growth_ns(self, since_ns: int, now_ns: int) -> int:
        """Give what the board's clock may be wrong by in that time."""
        errors, vouched_ns = self._errors, self._vouched_ns
        unwatched_ns = int(abs(now_ns - since_ns) * errors.unwatched_ratio)
        if vouched_ns is None or vouched_ns <= since_ns:
            return unwatched_ns
        watched_ns = max(since_ns, self._watched_ns)
        drift_ns = int((vouched_ns - watched_ns) * errors.drift_ppm / 1e6)
        ends_ns = (watched_ns - since_ns) + abs(now_ns - vouched_ns)
        loose_ns = int(ends_ns * errors.unwatched_ratio)
        return min(unwatched_ns, errors.apart_ns_max + drift_ns + loose_ns)


def shortened_ns(lifetime_ns: int, drift_ppm: float) -> int:
    """Give how long a lifetime is surely not over, counted on a clock that may run slow."""
    assert lifetime_ns >= 0
    return lifetime_ns - int(lifetime_ns * drift_ppm / 1e6) - 1
