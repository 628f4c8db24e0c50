"""Things that are done at a steady period, and when a node wakes for them.

A board that sleeps between two samples is woken for each thing that has a time of its own. So a
turn has some slack: whoever is awake within it takes the turn, and nothing wakes the board for it
before the slack is over. The mean period stays what was asked for.
"""


class Cadence:
    """Says when something periodic is due; late turns are left out, not made up for."""

    def __init__(self, period_ns: int, slack_ns: int = 0) -> None:
        assert period_ns > 0
        assert 0 <= 2 * slack_ns <= period_ns
        self.wakeup_ns: int | None = None
        """When it must be done, if nobody was awake for it before; None before its first turn."""
        self._turn_ns: int | None = None
        self._period_ns = period_ns
        self._slack_ns = slack_ns

    def take(self, now_ns: int) -> bool:
        """Tell whether it is due to who is awake now, and if so count it as done."""
        if self._turn_ns is None:
            self._turn_at(now_ns + self._period_ns)
            return True
        early_ns = self._turn_ns - now_ns
        # Farther ahead than it was ever put: then it is the clock that went back.
        if self._slack_ns < early_ns <= self._period_ns + self._slack_ns:
            return False
        steady = -self._period_ns < early_ns <= self._slack_ns
        self._turn_at(now_ns + self._period_ns + (early_ns if steady else 0))
        return True

    def restart(self, now_ns: int) -> None:
        """Count it as done now."""
        self._turn_at(now_ns + self._period_ns)

    def hurry(self, now_ns: int) -> None:
        """Have it done at once."""
        self._turn_ns = self.wakeup_ns = now_ns

    def _turn_at(self, turn_ns: int) -> None:
        self._turn_ns = turn_ns
        self.wakeup_ns = turn_ns + self._slack_ns
