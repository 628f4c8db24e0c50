"""Standing: no machine is led to stand where nobody may, in a ramp or a gate.

Judged is the body, as the circle in which it turns: nobody knows its heading beforehand. What a
corridor has over that is the scheduler's own affair.
"""

import math

from lunaredge.ids import AuthorityId
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Point, Site, ZoneKind
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Granted, Renewed, Shortened, Situated
from lunaredge.sim.checkers.geometry import cut_path, leads_into, point_to_path
from lunaredge.sim.checkers.ledger import Holding, Ledger

ROUNDING_M = 1e-6
# Where a corridor comes into a passage need be found to within so much of the path only.
PIECE_M = 1.0


class StandingChecker(BaseChecker):
    """Holds every new stop point against the sections in which no machine may stand.

    A path may begin or end in one: who was pushed there has to come out, and work may lie there.
    Who has entered one may be asked to stop in it, for somebody who is found on the way out. It has
    entered when its corridor does, and by its own word: by what else could a scheduler know?
    """

    name = "standing"
    sees = (Shortened, *Ledger.sees)

    def __init__(self, site: Site, fleet: Fleet) -> None:
        super().__init__()
        passages = (zone for zone in site.zones if zone.kind is ZoneKind.NO_STANDING)
        self._passages = tuple(zone.polygon for zone in passages)
        self._radius_m = {node.name: node.machine.radius_m for node in fleet.nodes if node.machine}
        self._come_m: dict[AuthorityId, float] = {}
        """How far on each authority's path its holder has come by its own word."""
        self._ledger = Ledger()

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Granted() if self._ledger.is_news(evidence):
                self._come_m[evidence.authority] = evidence.from_m
                self._judge(evidence, evidence.path)
            case Renewed():
                holding = self._ledger.find(evidence.machine, evidence.authority)
                if holding is not None and evidence.stop_m > holding.stop_m:
                    self._judge(evidence, holding.path)
            case Shortened():
                holding = self._ledger.find(evidence.machine, evidence.authority)
                if holding is not None and evidence.stop_m < holding.stop_m - ROUNDING_M:
                    self._shortened(evidence, holding)
            case Situated():
                self._situated(evidence)
            case _:
                pass
        self._ledger.see(evidence)

    def _shortened(self, shortened: Shortened, holding: Holding) -> None:
        if not self._is_inside(holding, shortened.stop_m):
            self._judge(shortened, holding.path)

    def _situated(self, situated: Situated) -> None:
        held = situated.authority
        if held is not None:
            come_m = self._come_m.get(held.id, 0.0)
            self._come_m[held.id] = max(come_m, held.released_m, held.station_m)

    def _is_inside(self, holding: Holding, stop_m: float) -> bool:
        """Tell whether from its holder to a stop point there is no place to stand any more."""
        come_m = self._come_m.get(holding.authority, 0.0)
        reach_m = holding.half_width_m + PIECE_M
        count = math.ceil((stop_m - come_m) / PIECE_M)
        places = (_place_at(holding.path, come_m + k * PIECE_M) for k in range(count))
        return all(
            any(leads_into(passage, [place], reach_m) for passage in self._passages)
            for place in places
        )

    def _judge(self, word: Granted | Renewed | Shortened, path: tuple[Point, ...]) -> None:
        stop = _place_at(path, word.stop_m)
        if word.stop_m <= ROUNDING_M or point_to_path(stop, path[-1:]) <= ROUNDING_M:
            return
        where = f"{word.authority} has {word.machine} stop at ({stop[0]:.2f}, {stop[1]:.2f})"
        for passage in self._passages:
            is_in = leads_into(passage, [stop], self._radius_m[word.machine])
            self._check(not is_in, word.at_ns, f"{where}, where nobody may stand")


def _place_at(path: tuple[Point, ...], station_m: float) -> Point:
    return cut_path(path, 0.0, station_m)[-1]
