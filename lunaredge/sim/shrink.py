"""The smallest failing run that a few tries find: fewer faults, calmer weather, a shorter phase.

Delta debugging over the strikes (Zeller and Hildebrandt 2002, "Simplifying and Isolating
Failure-Inducing Input"), then each steady trouble taken away, then the length of the safety phase
bisected; and again, until nothing more goes. What is left breaks the same invariant. Runs nothing
itself and reads no clock: it is given what runs, and what says that the time is over.
"""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from msgspec.structs import replace

from lunaredge.sim.limits import Limits
from lunaredge.sim.run import Outcome

RunLimited = Callable[[Limits], Outcome]

# Some 60 are enough for a few faults among a hundred; a fault that hides may take more.
RUNS_MAX = 200
# A phase that is shorter by less tells nobody more.
LENGTH_STEP_S = 1


class Shrunk(NamedTuple):
    """The smallest failing run that was found, and how."""

    limits: Limits
    outcome: Outcome
    """What came of the run with exactly these limits."""
    runs: int
    is_least: bool
    """Whether every further step was tried; else the time or the runs were over before."""


def never() -> bool:
    """Give all the time that it takes."""
    return False


def shrink(
    failed: Outcome,
    limits: Limits,
    run: RunLimited,
    is_over: Callable[[], bool] = never,
    runs_max: int = RUNS_MAX,
) -> Shrunk:
    """Give a smaller run that breaks the same invariant as the failed one, which had the limits."""
    assert not failed.ok, "only a failure can be shrunk"
    return _Shrinker(failed, limits, run, is_over, runs_max).shrunk()


class _Shrinker:
    def __init__(
        self,
        failed: Outcome,
        limits: Limits,
        run: RunLimited,
        is_over: Callable[[], bool],
        runs_max: int,
    ) -> None:
        self._breach = failed.breach
        self._run = run
        self._is_over = is_over
        self._runs_max = runs_max
        self._runs = 0
        self._is_spent = False
        self._refused: dict[Limits, None] = {}
        self._outcome = failed
        self._limits = limits
        self._keep(limits, failed)

    def shrunk(self) -> Shrunk:
        """Take away what can be taken, in turns, until a whole turn takes nothing."""
        before = None
        while before != self._limits and not self._is_spent:
            before = self._limits
            self._fewer_strikes()
            self._calmer()
            self._shorter()
        return Shrunk(self._limits, self._outcome, self._runs, not self._is_spent)

    # --- the steps ------------------------------------------------------------------------------

    def _fewer_strikes(self) -> None:
        """Find strikes of which none can be left out (ddmin)."""
        if not self._strikes() or self._fails(replace(self._limits, only=())):
            return
        parts = 2
        while len(self._strikes()) > 1:
            chunks = _chunks(self._strikes(), parts)
            if any(self._fails(replace(self._limits, only=chunk)) for chunk in chunks):
                parts = 2
            elif any(self._fails(replace(self._limits, only=self._less(c))) for c in chunks):
                parts = max(2, parts - 1)
            elif parts >= len(self._strikes()):
                return
            else:
                parts = min(2 * parts, len(self._strikes()))

    def _calmer(self) -> None:
        """Take away each steady trouble that the failure doesn't need; all at once if possible."""
        every = tuple(self._outcome.steady)
        if every and self._fails(self._calmed(every)):
            return
        for name in every:
            self._fails(self._calmed((name,)))

    def _shorter(self) -> None:
        """Leave out the safety phase, or cut it at the failure, or bisect it for one after it."""
        end_s, safety_s = math.floor(self._outcome.virtual_s) + 1, self._outcome.safety_s
        if self._fails_by(0) or (end_s < safety_s and self._fails_by(end_s)):
            return
        low_s, high_s = 0, math.ceil(safety_s)
        while end_s > safety_s and high_s - low_s > LENGTH_STEP_S:
            middle_s = (low_s + high_s) // 2
            if self._fails_by(middle_s):
                high_s = middle_s
            else:
                low_s = middle_s

    def _fails_by(self, until_s: int) -> bool:
        return self._fails(replace(self._limits, until_s=float(until_s)))

    # --- trying ---------------------------------------------------------------------------------

    def _fails(self, limits: Limits) -> bool:
        """Run; keep the limits if the same invariant breaks."""
        if limits == self._limits or limits in self._refused:
            return False
        if self._runs >= self._runs_max or self._is_over():
            self._is_spent = True
            return False
        self._runs += 1
        outcome = self._run(limits)
        if outcome.breach != self._breach:
            self._refused[limits] = None
            return False
        self._keep(limits, outcome)
        return True

    def _keep(self, limits: Limits, outcome: Outcome) -> None:
        """Take a failing run for the smallest so far, less the strikes that never came."""
        numbers = tuple(strike.number for strike in outcome.strikes)
        self._limits, self._outcome = replace(limits, only=numbers), outcome

    def _strikes(self) -> tuple[int, ...]:
        assert self._limits.only is not None
        return self._limits.only

    def _less(self, chunk: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(number for number in self._strikes() if number not in chunk)

    def _calmed(self, names: tuple[str, ...]) -> Limits:
        return replace(self._limits, without=(*self._limits.without, *names))


def _chunks(numbers: tuple[int, ...], parts: int) -> list[tuple[int, ...]]:
    """Cut into so many runs of neighbours, none empty."""
    edges = [len(numbers) * i // parts for i in range(parts + 1)]
    return [numbers[a:b] for a, b in pairwise(edges) if b > a]
