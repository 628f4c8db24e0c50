"""Taking: no two machines hold the same ground, each by its own word.

The last look of three. What a leader grants is judged by I3, when it leaves; a leader that has
forgotten somebody is to find nobody who takes up what it grants.
"""

from lunaredge.ids import AuthorityId, NodeId
from lunaredge.model.site import Point
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Situated
from lunaredge.sim.checkers.geometry import cut_path, path_to_path
from lunaredge.sim.checkers.ledger import Holding, Ledger

ROUNDING_M = 1e-6


class TakingChecker(BaseChecker):
    """Holds what a machine says that it holds against what the others have said."""

    name = "taking"
    sees = Ledger.sees

    def __init__(self) -> None:
        super().__init__()
        self._ledger = Ledger()
        self._told: dict[NodeId, tuple[AuthorityId, float]] = {}
        """Each machine's authority and stop point, as it told them last."""

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        self._ledger.see(evidence)
        if isinstance(evidence, Situated) and evidence.authority is not None:
            held = evidence.authority
            told, before = (held.id, held.stop_m), self._told.get(evidence.node)
            self._told[evidence.node] = told
            holding = self._ledger.find(evidence.node, held.id)
            # Who holds no more than it did has taken nothing.
            if holding is not None and told != before:
                self._judge(evidence.at_ns, holding)

    def _judge(self, at_ns: int, mine: Holding) -> None:
        ground = self._ground(mine)
        for theirs in self._ledger.others(mine.machine):
            other = self._ground(theirs)
            if not other:
                continue
            apart_m = path_to_path(ground, other) - mine.half_width_m - theirs.half_width_m
            text = (
                f"{mine.machine} took {mine.authority}, {-apart_m:.2f} m deep into "
                f"{theirs.authority}, which {theirs.machine} holds"
            )
            self._check(apart_m > -ROUNDING_M, at_ns, text)

    def _ground(self, holding: Holding) -> list[Point]:
        """Give the ground that its holder said to hold by that authority; nothing before."""
        authority, stop_m = self._told.get(holding.machine, (None, 0.0))
        if authority != holding.authority:
            return []
        released_m = stop_m if holding.at_stop else holding.released_m
        return cut_path(holding.path, released_m, stop_m + holding.overlap_m)
