"""I1 separation: no two machines' bodies overlap at the same instant, on the ground truth."""

import math
from collections.abc import Sequence

from lunaredge.model.fleet import Fleet, MachineSpec
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, TrueBody, Truth
from lunaredge.sim.checkers.geometry import body_to_body, rectangle


class SeparationChecker(BaseChecker):
    """Compares every pair of true bodies at every instant."""

    name = "I1"
    sees = (Truth,)

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self.separation_m_min = math.inf
        """Smallest distance between two bodies ever seen."""
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._radii_m = {name: spec.radius_m for name, spec in self._specs.items()}
        self._radius_m_max = max(self._radii_m.values(), default=0.0)

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        if isinstance(evidence, Truth):
            bodies = sorted(evidence.bodies, key=lambda body: body.x_m)
            for place, one in enumerate(bodies):
                self._compare_east(evidence.at_ns, one, bodies[place + 1 :])

    def _compare_east(self, at_ns: int, one: TrueBody, others: Sequence[TrueBody]) -> None:
        """Compare a body with those whose centres lie east of its own, the nearest first.

        Bodies further east than the record reaches are apart, and so are all that follow.
        """
        self.checked += len(others)
        reach_m = 2.0 * self._radius_m_max + max(0.0, self.separation_m_min)
        for other in others:
            if other.x_m - one.x_m > reach_m:
                break
            self._compare(at_ns, one, other)

    def _compare(self, at_ns: int, one: TrueBody, other: TrueBody) -> None:
        first, second = self._specs[one.machine], self._specs[other.machine]
        apart_m = math.hypot(other.x_m - one.x_m, other.y_m - one.y_m)
        apart_m -= self._radii_m[one.machine] + self._radii_m[other.machine]
        # The circles about the bodies say enough while they are further apart than the record.
        if apart_m < self.separation_m_min:
            apart_m = body_to_body(_body(one, first), _body(other, second))
            self.separation_m_min = min(self.separation_m_min, apart_m)
        if not apart_m > 0.0:
            self._break(at_ns, f"{one.machine} and {other.machine} overlap")


def _body(body: TrueBody, spec: MachineSpec) -> list[tuple[float, float]]:
    return rectangle((body.x_m, body.y_m), body.heading_rad, spec.length_m, spec.width_m)
