"""I9 replay: the scheduler's journal rebuilds the scheduler byte for byte."""

from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Replayed


class ReplayChecker(BaseChecker):
    """Compares the digest of a live scheduler with that of its replayed journal."""

    name = "I9"
    sees = (Replayed,)

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        if isinstance(evidence, Replayed):
            self._check(
                evidence.live == evidence.replayed,
                evidence.at_ns,
                f"the journal gives {evidence.replayed[:12]}, the scheduler {evidence.live[:12]}",
            )
