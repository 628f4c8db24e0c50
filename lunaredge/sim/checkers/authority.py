"""I2 authority: a machine moves and works only inside a live one, and is at rest by its end."""

import math
from typing import NamedTuple

from lunaredge.ids import NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Carried, Evidence, Granted, TrueBody, Truth
from lunaredge.sim.checkers.geometry import point_to_path, rectangle, stations_near
from lunaredge.sim.checkers.ledger import Holding, Ledger

# Far over rounding, far under what a machine covers between two instants.
MOVED_M_MIN = 1e-4
TURNED_RAD_MIN = 1e-4
SPEED_M_S_MIN = 1e-6
ROUNDING_M = 1e-6
# On its way home a machine may still waver by so much, and between two instants it covers less
# than the other.
WAVER_M = 0.05
STRIDE_M = 5.0
BESIDE_M = 0.3


class _Deed(NamedTuple):
    """What a machine is seen to do."""

    at_ns: int
    body: TrueBody
    verb: str


class AuthorityChecker(BaseChecker):
    """Holds every true motion and all true work against the authorities on the wire."""

    name = "I2"
    sees = (Truth, Carried, *Ledger.sees)

    def __init__(self, fleet: Fleet) -> None:
        super().__init__()
        self._specs = {node.name: node.machine for node in fleet.nodes if node.machine}
        self._ledger = Ledger()
        self._before: dict[NodeId, TrueBody] = {}
        self._before_ns = 0
        self._held_before: dict[NodeId, list[Holding]] = {}
        self._granted: dict[NodeId, list[Holding]] = {}
        """Since the last look."""

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        self._ledger.see(evidence)
        if isinstance(evidence, Carried):
            # It was lifted, and did not drive there.
            self._before.pop(evidence.machine, None)
        if isinstance(evidence, Granted):
            # It may be driven on and given back again before the next look.
            self._granted.setdefault(evidence.machine, []).extend(self._ledger.of(evidence.machine))
        if isinstance(evidence, Truth):
            for body in evidence.bodies:
                if body.works:
                    self._judge_work(evidence.at_ns, body)
                before = self._before.get(body.machine)
                if before is body:
                    continue
                if before is not None and _moved(before, body):
                    self._judge_motion(evidence.at_ns, before, body)
                self._before[body.machine] = body
                self._held_before[body.machine] = self._ledger.of(body.machine)
            self._before_ns = evidence.at_ns
            self._granted.clear()

    def _judge_work(self, at_ns: int, body: TrueBody) -> None:
        # The way home is for driving alone.
        holdings = self._ledger.of(body.machine)
        live = [holding for holding in holdings if at_ns <= holding.until_ns]
        self._judge(_Deed(at_ns, body, "works"), holdings, live)

    def _judge_motion(self, at_ns: int, before: TrueBody, body: TrueBody) -> None:
        # A machine at rest now may have stopped at any time since the instant before.
        is_moving = body.speed_m_s > SPEED_M_S_MIN
        moving_ns = at_ns if is_moving else self._before_ns
        # It came to rest, and may have given back since what it came to rest by.
        all_since = (self._held_before, self._granted)
        ended = [] if is_moving else [each for of in all_since for each in of.get(body.machine, [])]
        holdings = [*self._ledger.of(body.machine), *ended]
        live = [
            holding
            for holding in holdings
            if moving_ns <= holding.until_ns
            or (moving_ns <= holding.home_until_ns and _goes_back(holding, before, body))
        ]
        self._judge(_Deed(at_ns, body, "moves"), holdings, live)

    def _judge(self, deed: _Deed, holdings: list[Holding], live: list[Holding]) -> None:
        body = deed.body
        what = f"{body.machine} at ({body.x_m:.2f}, {body.y_m:.2f}) {deed.verb}"
        if not live:
            held = f"{len(holdings)} expired" if holdings else "none held"
            self.checked += 1
            self._break(deed.at_ns, f"{what} without a live authority ({held})")
            return
        inside = any(self._inside(body, holding) for holding in live)
        names = ", ".join(holding.authority for holding in live)
        self._check(inside, deed.at_ns, f"{what} outside the corridor of {names}")

    def _inside(self, body: TrueBody, holding: Holding) -> bool:
        spec = self._specs[body.machine]
        centre, rest = (body.x_m, body.y_m), holding.rest()
        # A body whose circle is in the corridor is in it at any heading.
        if point_to_path(centre, rest) + spec.radius_m <= holding.half_width_m:
            return True
        corners = rectangle(centre, body.heading_rad, spec.length_m, spec.width_m)
        reach_m = max(point_to_path(corner, rest) for corner in corners)
        return reach_m <= holding.half_width_m + ROUNDING_M


def _goes_back(holding: Holding, before: TrueBody, body: TrueBody) -> bool:
    """Tell whether a body is no farther along the whole of a path than before."""
    if holding.released_m > 0.0:
        return False
    earlier = stations_near((before.x_m, before.y_m), holding.path, BESIDE_M)
    later = stations_near((body.x_m, body.y_m), holding.path, BESIDE_M)
    return any(-WAVER_M <= early_m - late_m <= STRIDE_M for early_m in earlier for late_m in later)


def _moved(before: TrueBody, after: TrueBody) -> bool:
    moved_m = math.dist((before.x_m, before.y_m), (after.x_m, after.y_m))
    turn_rad = after.heading_rad - before.heading_rad
    turned_rad = abs(math.atan2(math.sin(turn_rad), math.cos(turn_rad)))
    return moved_m > MOVED_M_MIN or turned_rad > TURNED_RAD_MIN
