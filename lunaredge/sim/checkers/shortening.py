"""Shortening: what is asked back is not given again, and nobody takes more than it was given.

From the asking until its holder says where it stops, no word of the scheduler leads the holder
farther than it was asked to stop; and no holder ever says a stop point that lies beyond all that it
was sent.
"""

from lunaredge.ids import AuthorityId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Renewed, Shortened, Situated
from lunaredge.sim.checkers.ledger import Ledger

ROUNDING_M = 1e-6


class ShorteningChecker(BaseChecker):
    """Holds renewals, and the holders' words, against what was sent before."""

    name = "shortening"
    sees = (Shortened, *Ledger.sees)

    def __init__(self) -> None:
        super().__init__()
        self._ledger = Ledger()
        self._asked: dict[AuthorityId, Shortened] = {}
        """The newest shortening of each authority."""

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Shortened():
                self._asked[evidence.authority] = evidence
            case Renewed():
                self._renewed(evidence)
            case Situated():
                self._situated(evidence)
            case _:
                pass
        self._ledger.see(evidence)

    def _renewed(self, renewed: Renewed) -> None:
        asked = self._asked.get(renewed.authority)
        holding = self._ledger.find(renewed.machine, renewed.authority)
        if asked is None or holding is None or renewed.revision < asked.revision:
            return
        if holding.revision < asked.revision:
            self._check(
                renewed.stop_m <= asked.stop_m + ROUNDING_M,
                renewed.at_ns,
                f"{renewed.machine} may go on to {renewed.stop_m:.2f} m of {renewed.authority}, "
                f"and is asked to stop at {asked.stop_m:.2f} m",
            )

    def _situated(self, situated: Situated) -> None:
        held = situated.authority
        holding = None if held is None else self._ledger.find(situated.node, held.id)
        if held is not None and holding is not None:
            self._check(
                held.stop_m <= holding.stop_m + ROUNDING_M,
                situated.at_ns,
                f"{situated.node} holds {held.id} to {held.stop_m:.2f} m, "
                f"and was given {holding.stop_m:.2f} m",
            )
