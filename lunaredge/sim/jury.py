"""The checkers of one run, all fed the same evidence in the same order."""

from lunaredge.model.fleet import Fleet
from lunaredge.sim.checkers.accounting import AccountingChecker
from lunaredge.sim.checkers.authority import AuthorityChecker
from lunaredge.sim.checkers.checker import Checker, Verdict, Violation, first_violation, report
from lunaredge.sim.checkers.earth import EarthChecker
from lunaredge.sim.checkers.energy import EnergyChecker
from lunaredge.sim.checkers.evidence import Evidence
from lunaredge.sim.checkers.freshness import FreshnessChecker
from lunaredge.sim.checkers.replay import ReplayChecker
from lunaredge.sim.checkers.reuse import ReuseChecker
from lunaredge.sim.checkers.separation import SeparationChecker
from lunaredge.sim.checkers.tasks import TaskChecker


class Jury:
    """One of each checker."""

    def __init__(self, fleet: Fleet) -> None:
        self.separation = SeparationChecker(fleet)
        self.accounting = AccountingChecker()
        self.tasks = TaskChecker()
        self.checkers: tuple[Checker, ...] = (
            self.separation,
            AuthorityChecker(fleet),
            ReuseChecker(fleet),
            self.accounting,
            self.tasks,
            FreshnessChecker(),
            EarthChecker(),
            EnergyChecker(fleet),
            ReplayChecker(),
        )

    def see(self, evidence: Evidence) -> None:
        """Show every checker one piece of evidence."""
        for checker in self.checkers:
            checker.see(evidence)

    def finish(self, now_ns: int) -> None:
        """Have every checker draw its conclusions."""
        for checker in self.checkers:
            checker.finish(now_ns)

    def verdict(self) -> Violation | None:
        """Give the earliest violation so far, or None."""
        return first_violation(self.checkers)

    def report(self) -> dict[str, Verdict]:
        """Give the report by invariant."""
        return report(self.checkers)
