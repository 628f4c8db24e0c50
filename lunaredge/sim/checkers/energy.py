"""I8 energy: no machine's true battery falls under its reserve."""

from lunaredge.model.fleet import Fleet
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Truth


class EnergyChecker(BaseChecker):
    """Compares every true battery with its reserve at every instant."""

    name = "I8"
    sees = (Truth,)

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._reserve_wh = {
            node.name: node.machine.reserve_wh for node in fleet.nodes if node.machine
        }

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        if isinstance(evidence, Truth):
            for body in evidence.bodies:
                reserve_wh = self._reserve_wh[body.machine]
                self.checked += 1
                if not body.battery_wh >= reserve_wh:
                    left = f"{body.battery_wh:.0f} Wh, reserve {reserve_wh:.0f}"
                    self._break(evidence.at_ns, f"{body.machine} holds {left}")
