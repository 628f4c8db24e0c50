"""Vouching: which machine a person has spoken for, as the wire shows it.

A word that was sent again is taken once, and a refusal may come before it is.
"""

from lunaredge.ids import NodeId
from lunaredge.sim.checkers.evidence import Answered, Asking, VouchWord


class Vouching:
    """Pairs the words that people give with the scheduler's answers to them."""

    def __init__(self) -> None:
        self._asked: dict[Asking, NodeId | None] = {}
        """Machines that people speak for; None once their word is taken."""

    def see(self, evidence: VouchWord | Answered) -> NodeId | None:
        """Take a word, or an answer; give the machine that is vouched for by it, or None."""
        if isinstance(evidence, VouchWord):
            self._asked.setdefault(evidence.asking, evidence.machine)
            return None
        machine = self._asked.get(evidence.asking)
        if machine is None or not evidence.ok:
            return None
        self._asked[evidence.asking] = None
        return machine
