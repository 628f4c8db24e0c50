"""Standing: no authority ends where nobody may stand, in a ramp or a gate."""

from collections.abc import Sequence

from lunaredge.model.site import Point, Site, ZoneKind
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Granted, Renewed
from lunaredge.sim.checkers.geometry import cut_path, point_to_path, within
from lunaredge.sim.checkers.ledger import Ledger

ROUNDING_M = 1e-6


class StandingChecker(BaseChecker):
    """Holds every new stop point against the sections in which no machine may stand.

    A path may begin or end in one: who was pushed there has to come out, and work may lie there.
    """

    name = "standing"
    sees = Ledger.sees

    def __init__(self, site: Site) -> None:
        super().__init__()
        passages = (zone for zone in site.zones if zone.kind is ZoneKind.NO_STANDING)
        self._passages = [zone.polygon for zone in passages]
        self._ledger = Ledger()

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Granted() if self._ledger.is_news(evidence):
                self._judge(evidence, evidence.path, evidence.stop_m)
            case Renewed():
                holding = self._ledger.find(evidence.machine, evidence.authority)
                if holding is not None and evidence.stop_m > holding.stop_m:
                    self._judge(evidence, holding.path, evidence.stop_m)
            case _:
                pass
        self._ledger.see(evidence)

    def _judge(self, word: Granted | Renewed, path: Sequence[Point], stop_m: float) -> None:
        stop, end = cut_path(path, 0.0, stop_m)[-1], path[-1]
        if stop_m <= ROUNDING_M or point_to_path(stop, [end]) <= ROUNDING_M:
            return
        for passage in self._passages:
            where = f"{word.authority} has {word.machine} stop at ({stop[0]:.2f}, {stop[1]:.2f})"
            outside = not within(passage, stop)
            self._check(outside, word.at_ns, f"{where}, where nobody may stand")
