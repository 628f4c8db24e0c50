"""A process's own monotonic clock: its zero and its rate are nobody else's, and both may break."""

PPB = 1_000_000_000


class LocalClock:
    """Local time: ``zero_ns`` at its birth, gaining ``drift_ppb`` on site time until it is set."""

    def __init__(self, born_ns: int, zero_ns: int, drift_ppb: int) -> None:
        assert abs(drift_ppb) < PPB
        self._born_ns = born_ns
        self._zero_ns = zero_ns
        self._drift_ppb = drift_ppb

    def local_ns(self, site_ns: int) -> int:
        """Give what the clock shows at that site time."""
        passed_ns = site_ns - self._born_ns
        return self._zero_ns + passed_ns + passed_ns * self._drift_ppb // PPB

    def site_ns(self, local_ns: int) -> int:
        """Give the first site time at which the clock shows at least that."""
        passed_ns = local_ns - self._zero_ns
        site_ns = self._born_ns + passed_ns * PPB // (PPB + self._drift_ppb)
        while self.local_ns(site_ns) < local_ns:
            site_ns += 1
        return site_ns

    def run(self, site_ns: int, drift_ppb: int) -> None:
        """Run at another rate from that site time on."""
        assert abs(drift_ppb) < PPB
        self._set(site_ns, self.local_ns(site_ns))
        self._drift_ppb = drift_ppb

    def step(self, site_ns: int, step_ns: int) -> None:
        """Jump at that site time; no clock shows less than zero."""
        self._set(site_ns, max(0, self.local_ns(site_ns) + step_ns))

    def stand_still(self, since_ns: int, until_ns: int) -> None:
        """Show at the second site time what it showed at the first."""
        self._set(until_ns, self.local_ns(since_ns))

    def _set(self, site_ns: int, local_ns: int) -> None:
        self._born_ns, self._zero_ns = site_ns, local_ns


def site_clock() -> LocalClock:
    """Give a clock that shows site time itself."""
    return LocalClock(0, 0, 0)
