"""I3 reuse: a place is granted again only when its holder is proven gone from it."""

from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Point
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Granted, Renewed, TrueBody, Truth
from lunaredge.sim.checkers.geometry import (
    body_to_path,
    cut_path,
    path_to_path,
    rectangle,
)
from lunaredge.sim.checkers.ledger import Holding, Ledger
from lunaredge.sim.checkers.strays import Strays

ROUNDING_M = 1e-6


class ReuseChecker(BaseChecker):
    """Holds every new corridor against every other machine's body and corridor."""

    name = "I3"
    sees = (*Strays.sees, *Ledger.sees)

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._ledger = Ledger()
        self._bodies: tuple[TrueBody, ...] = ()
        self._strays = Strays()

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        if isinstance(evidence, Truth):
            self._bodies = evidence.bodies
        self._strays.see(evidence)
        # Sent again until it is answered; it is granted once.
        if isinstance(evidence, Granted) and self._ledger.is_news(evidence):
            self._strays.grant(evidence)
            end_m = evidence.stop_m + evidence.overlap_m
            self._judge(evidence, cut_path(evidence.path, 0.0, end_m), evidence.half_width_m)
        if isinstance(evidence, Renewed):
            added = self._ledger.added_by(evidence)
            if added is not None:
                self._judge(evidence, *added)
        self._ledger.see(evidence)

    def holdings(self) -> list[Holding]:
        """Give every authority that was granted and not given back, machine by machine."""
        return [holding for machine in self._specs for holding in self._ledger.of(machine)]

    def _judge(self, granted: Granted | Renewed, path: list[Point], half_width_m: float) -> None:
        self._clear_of_bodies(granted, path, half_width_m)
        self._clear_of_corridors(granted, path, half_width_m)

    def _clear_of_bodies(
        self, granted: Granted | Renewed, path: list[Point], half_width_m: float
    ) -> None:
        for body in self._bodies:
            if body.machine == granted.machine or body.machine in self._strays:
                continue
            spec = self._specs[body.machine]
            centre = (body.x_m, body.y_m)
            corners = rectangle(centre, body.heading_rad, spec.length_m, spec.width_m)
            apart_m = body_to_path(corners, path) - half_width_m
            self._check(
                apart_m > -ROUNDING_M,
                granted.at_ns,
                f"{granted.authority} for {granted.machine} is granted "
                f"{-apart_m:.2f} m deep into the body of {body.machine}",
            )

    def _clear_of_corridors(
        self, granted: Granted | Renewed, path: list[Point], half_width_m: float
    ) -> None:
        for holding in self._ledger.others(granted.machine):
            apart_m = path_to_path(path, holding.kept())
            apart_m -= half_width_m + holding.half_width_m
            self._check(
                apart_m > -ROUNDING_M,
                granted.at_ns,
                f"{granted.authority} for {granted.machine} is granted {-apart_m:.2f} m "
                f"deep into {holding.authority}, which {holding.machine} has not given back",
            )
