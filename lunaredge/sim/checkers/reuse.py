"""I3 reuse: a place is granted again only when its holder is proven gone from it."""

from lunaredge.ids import AuthorityId
from lunaredge.model.fleet import Fleet
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Granted, TrueBody, Truth
from lunaredge.sim.checkers.geometry import body_to_path, path_to_path, rectangle
from lunaredge.sim.checkers.ledger import Ledger

ROUNDING_M = 1e-6


class ReuseChecker(BaseChecker):
    """Holds every new corridor against every other machine's body and corridor."""

    name = "I3"

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._ledger = Ledger()
        self._granted: dict[AuthorityId, None] = {}
        self._bodies: tuple[TrueBody, ...] = ()

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        if isinstance(evidence, Truth):
            self._bodies = evidence.bodies
        if isinstance(evidence, Granted) and evidence.authority not in self._granted:
            # Sent again until it is answered; it is granted once.
            self._granted[evidence.authority] = None
            self._clear_of_bodies(evidence)
            self._clear_of_corridors(evidence)
        self._ledger.see(evidence)

    def _clear_of_bodies(self, granted: Granted) -> None:
        for body in self._bodies:
            if body.machine == granted.machine:
                continue
            spec = self._specs[body.machine]
            centre = (body.x_m, body.y_m)
            corners = rectangle(centre, body.heading_rad, spec.length_m, spec.width_m)
            apart_m = body_to_path(corners, granted.path) - granted.half_width_m
            self._check(
                apart_m > -ROUNDING_M,
                granted.at_ns,
                f"{granted.authority} for {granted.machine} is granted "
                f"{-apart_m:.2f} m deep into the body of {body.machine}",
            )

    def _clear_of_corridors(self, granted: Granted) -> None:
        for holding in self._ledger.others(granted.machine):
            apart_m = path_to_path(granted.path, holding.rest())
            apart_m -= granted.half_width_m + holding.half_width_m
            self._check(
                apart_m > -ROUNDING_M,
                granted.at_ns,
                f"{granted.authority} for {granted.machine} is granted {-apart_m:.2f} m "
                f"deep into {holding.authority}, which {holding.machine} has not given back",
            )
