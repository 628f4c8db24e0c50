"""Shortening: what is asked back is not given again, and nobody takes more than it was given.

From the asking until its holder says where it stops, no word of the scheduler leads the holder
farther than it was asked to stop, another shortening neither. Its holder answers with that stop
point, or with the nearest that its brakes allow; and no holder ever says a stop point that lies
beyond all that it was sent. That it stops there is for I2 to watch.
"""

from lunaredge.ids import AuthorityId
from lunaredge.model.fleet import Fleet
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Renewed, Shortened, Situated
from lunaredge.sim.checkers.ledger import Ledger

ROUNDING_M = 1e-6
# Who hears it too late rolls on while its set-point lives, and so much longer: its orders rest on a
# sample of 15 s at most, the station may have been seen three samples before that one, it brakes.
ROLLING_S = 40.0


class ShorteningChecker(BaseChecker):
    """Holds the scheduler's words, and the holders', against what was sent before."""

    name = "shortening"
    sees = (Shortened, *Ledger.sees)

    def __init__(self, fleet: Fleet, setpoint_lifetime_s: float) -> None:
        super().__init__()
        rolling_s = setpoint_lifetime_s + ROLLING_S
        machines = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._rolling_m = {name: rolling_s * it.speed_m_s_max for name, it in machines.items()}
        self._ledger = Ledger()
        self._asked: dict[AuthorityId, Shortened] = {}
        """The newest shortening of each authority."""

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Shortened():
                self._shortened(evidence)
            case Renewed():
                self._renewed(evidence)
            case Situated():
                self._situated(evidence)
            case _:
                pass
        self._ledger.see(evidence)

    def _shortened(self, shortened: Shortened) -> None:
        before = self._asked.get(shortened.authority)
        holding = self._ledger.find(shortened.machine, shortened.authority)
        if before is not None and before.epoch == shortened.epoch:
            if shortened.revision < before.revision:
                return
            if holding is not None and holding.revision < before.revision:
                self._check(
                    shortened.stop_m <= before.stop_m + ROUNDING_M,
                    shortened.at_ns,
                    f"{shortened.machine} is asked to stop at {shortened.stop_m:.2f} m of "
                    f"{shortened.authority}, and was asked to stop at {before.stop_m:.2f} m",
                )
        self._asked[shortened.authority] = shortened

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
        if held is None or holding is None:
            return
        self._check(
            held.stop_m <= holding.stop_m + ROUNDING_M,
            situated.at_ns,
            f"{situated.node} holds {held.id} to {held.stop_m:.2f} m, "
            f"and was given {holding.stop_m:.2f} m",
        )
        asked = self._asked.get(held.id)
        if asked is not None and holding.revision < asked.revision == held.revision:
            far_m = max(asked.stop_m, held.station_m, held.released_m)
            self._check(
                held.stop_m <= far_m + self._rolling_m[situated.node] or not situated.posed,
                situated.at_ns,
                f"{situated.node} holds {held.id} to {held.stop_m:.2f} m from "
                f"{held.station_m:.2f} m on, and was asked to stop at {asked.stop_m:.2f} m",
            )
