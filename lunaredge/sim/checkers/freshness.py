"""I6 fresh and authentic: what is forged, stale or repeated changes nothing and is counted.

A stop is taken at once, and the machine rests until the stop is released.
"""

from lunaredge.ids import BootId, CommandId, NodeId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Died,
    Evidence,
    Injected,
    Obeyed,
    Replied,
    ResultRotted,
    Situated,
    StopHeard,
    StopReleased,
    Truth,
)
from lunaredge.units import NS_PER_S

# A heartbeat made before the injection may still wait behind a commit; three periods later none
# does.
SETTLED_NS = 30 * NS_PER_S
# The longest a machine takes to rest: from 5 m/s at the least deceleration of the fleet, and then
# some for the instants at which it is looked at.
REST_NS = 15 * NS_PER_S


class FreshnessChecker(BaseChecker):
    """Watches what an attacker's commands did, and that a command has one result only."""

    name = "I6"
    sees = (
        *(Injected, Obeyed, Situated, Replied, ResultRotted),
        *(StopHeard, StopReleased, Died, Truth),
    )

    def __init__(self) -> None:
        super().__init__()
        self._boots: dict[NodeId, BootId] = {}
        self._owed_ns: dict[NodeId, list[int]] = {}
        self._known: dict[tuple[NodeId, str], None] = {}
        """Stops that a node has heard, or that were released for it."""
        self._stopped: dict[NodeId, dict[str, int]] = {}
        """Stops in force, by node, and when they were heard."""
        self._results: dict[tuple[NodeId, CommandId], tuple[bool, str]] = {}

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Injected():
                self._injected(evidence)
            case Obeyed():
                text = f"{evidence.node} obeyed a command {evidence.late_ns} ns after its expiry"
                self._check(evidence.late_ns < 0, evidence.at_ns, text)
            case Situated():
                self._situated(evidence)
            case Replied():
                self._replied(evidence)
            case ResultRotted():
                self._results.pop((evidence.node, evidence.command), None)
            case StopHeard():
                # Once per id; what is released before it is heard stays released.
                if (evidence.node, evidence.stop) not in self._known:
                    self._known[(evidence.node, evidence.stop)] = None
                    self._stopped.setdefault(evidence.node, {})[evidence.stop] = evidence.at_ns
            case StopReleased():
                self._known[(evidence.node, evidence.stop)] = None
                self._stopped.get(evidence.node, {}).pop(evidence.stop, None)
            case Died():
                self._died(evidence)
            case Truth():
                self._truth(evidence)
            case _:
                pass

    def _injected(self, injected: Injected) -> None:
        text = f"a {injected.kind} command changed {injected.node}"
        self._check(not injected.changed, injected.at_ns, text)
        if injected.counted:
            self._owed_ns.setdefault(injected.node, []).append(injected.at_ns)

    def _truth(self, truth: Truth) -> None:
        for body in truth.bodies:
            if body.speed_m_s > 0.0:
                self._moves(body.machine, truth.at_ns)

    def _moves(self, node: NodeId, at_ns: int) -> None:
        for stop, heard_ns in self._stopped.get(node, {}).items():
            late_s = (at_ns - heard_ns) / NS_PER_S
            text = f"{node} moves {late_s:.0f} s after it heard {stop}"
            self._check(at_ns <= heard_ns + REST_NS, at_ns, text)

    def _died(self, died: Died) -> None:
        """Forgive what a node heard in its last moment: nobody saw it on its disk."""
        heard = self._stopped.get(died.node, {})
        for stop in [stop for stop, at_ns in heard.items() if died.at_ns < at_ns + REST_NS]:
            del heard[stop]

    def _situated(self, situated: Situated) -> None:
        node = situated.node
        if self._boots.get(node) != situated.boot:
            self._boots[node] = situated.boot
            # The life that owed it is over; its count died with it.
            self._owed_ns[node] = []
        owed_ns = self._owed_ns.get(node, [])
        due = sum(1 for at_ns in owed_ns if at_ns + SETTLED_NS <= situated.at_ns)
        counted = sum(situated.refused.values())
        text = f"{node} counted {counted} refused messages, {due} were injected"
        if due:
            self._check(counted >= due, situated.at_ns, text)

    def _replied(self, replied: Replied) -> None:
        result = (replied.ok, replied.reason)
        first = self._results.setdefault((replied.node, replied.command), result)
        text = f"{replied.node} answered {replied.command} with {first}, then with {result}"
        self._check(first == result, replied.at_ns, text)
