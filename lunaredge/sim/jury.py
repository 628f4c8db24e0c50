"""The checkers of one run, all fed the same evidence in the same order."""

from typing import Protocol, get_args

from lunaredge.agent.body import SETPOINT_LIFETIME_S_MAX
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Site
from lunaredge.sim.checkers.accounting import AccountingChecker
from lunaredge.sim.checkers.authority import AuthorityChecker
from lunaredge.sim.checkers.checker import Checker, Verdict, Violation, first_violation, report
from lunaredge.sim.checkers.closure import ClosureChecker
from lunaredge.sim.checkers.earth import EarthChecker
from lunaredge.sim.checkers.energy import EnergyChecker
from lunaredge.sim.checkers.evidence import Evidence
from lunaredge.sim.checkers.freshness import FreshnessChecker
from lunaredge.sim.checkers.lockout import LockoutChecker
from lunaredge.sim.checkers.replay import ReplayChecker
from lunaredge.sim.checkers.reuse import ReuseChecker
from lunaredge.sim.checkers.separation import SeparationChecker
from lunaredge.sim.checkers.shortening import ShorteningChecker
from lunaredge.sim.checkers.standing import StandingChecker
from lunaredge.sim.checkers.taking import TakingChecker
from lunaredge.sim.checkers.tasks import TaskChecker


class Onlooker(Protocol):
    """Whoever follows a run by its evidence."""

    @property
    def sees(self) -> tuple[type[Evidence], ...]:
        """The kinds of evidence that bear on it."""
        ...

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        ...


class Jury:
    """One of each checker."""

    def __init__(
        self, site: Site, fleet: Fleet, setpoint_lifetime_s: float = SETPOINT_LIFETIME_S_MAX
    ) -> None:
        self.separation = SeparationChecker(fleet)
        self.accounting = AccountingChecker()
        self.tasks = TaskChecker()
        self.reuse = ReuseChecker(fleet)
        self.checkers: tuple[Checker, ...] = (
            self.separation,
            AuthorityChecker(fleet),
            self.reuse,
            self.accounting,
            self.tasks,
            FreshnessChecker(),
            EarthChecker(),
            EnergyChecker(fleet),
            ReplayChecker(),
            LockoutChecker(fleet),
            ClosureChecker(fleet),
            StandingChecker(site, fleet),
            TakingChecker(),
            ShorteningChecker(fleet, setpoint_lifetime_s),
        )
        self._watchers = {
            kind: tuple(checker.see for checker in self.checkers if kind in checker.sees)
            for kind in get_args(Evidence)
        }
        self._violations = [checker.violations for checker in self.checkers]

    def admit(self, onlooker: Onlooker) -> None:
        """Show the evidence that bears on it to somebody who judges nothing, too."""
        for kind in onlooker.sees:
            self._watchers[kind] = (*self._watchers[kind], onlooker.see)

    def see(self, evidence: Evidence) -> None:
        """Show one piece of evidence to every checker that it bears on."""
        for see in self._watchers.get(type(evidence), ()):
            see(evidence)

    def finish(self, now_ns: int) -> None:
        """Have every checker draw its conclusions."""
        for checker in self.checkers:
            checker.finish(now_ns)

    def verdict(self) -> Violation | None:
        """Give the earliest violation so far, or None."""
        return first_violation(self.checkers) if any(self._violations) else None

    def report(self) -> dict[str, Verdict]:
        """Give the report by invariant."""
        return report(self.checkers)
