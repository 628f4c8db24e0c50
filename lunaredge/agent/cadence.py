"""Things that are done at a steady period."""


class Cadence:
    """Says when something periodic is due; late turns are left out, not made up for."""

    def __init__(self, period_ns: int) -> None:
        assert period_ns > 0
        self.next_ns: int | None = None
        """When it is next due; None for at once."""
        self._period_ns = period_ns

    def take(self, now_ns: int) -> bool:
        """Tell whether it is due, and if so count it as done."""
        if self.next_ns is not None and now_ns < self.next_ns <= now_ns + self._period_ns:
            return False
        late_ns = 0 if self.next_ns is None else now_ns - self.next_ns
        steady = 0 <= late_ns < self._period_ns
        self.next_ns = now_ns + self._period_ns - (late_ns if steady else 0)
        return True

    def restart(self, now_ns: int) -> None:
        """Count it as done now."""
        self.next_ns = now_ns + self._period_ns
