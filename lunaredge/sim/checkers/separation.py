"""I1 separation: no two machines' bodies overlap at the same instant, on the ground truth."""

import math
from itertools import combinations

from lunaredge.model.fleet import Fleet, MachineSpec
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, TrueBody, Truth
from lunaredge.sim.checkers.geometry import body_to_body, rectangle


class SeparationChecker(BaseChecker):
    """Compares every pair of true bodies at every instant."""

    name = "I1"

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.separation_m_min = math.inf
        """Smallest distance between two bodies ever seen."""
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        if isinstance(evidence, Truth):
            for one, other in combinations(evidence.bodies, 2):
                self._compare(evidence.at_ns, one, other)

    def _compare(self, at_ns: int, one: TrueBody, other: TrueBody) -> None:
        first, second = self._specs[one.machine], self._specs[other.machine]
        centres_m = math.dist((one.x_m, one.y_m), (other.x_m, other.y_m))
        apart_m = centres_m - first.radius_m - second.radius_m
        # The circles about the bodies say enough while they are further apart than the record.
        if apart_m < self.separation_m_min:
            apart_m = body_to_body(_body(one, first), _body(other, second))
            self.separation_m_min = min(self.separation_m_min, apart_m)
        self._check(apart_m > 0.0, at_ns, f"{one.machine} and {other.machine} overlap")


def _body(body: TrueBody, spec: MachineSpec) -> list[tuple[float, float]]:
    return rectangle((body.x_m, body.y_m), body.heading_rad, spec.length_m, spec.width_m)
