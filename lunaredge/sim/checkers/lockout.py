"""Lock-out: a machine on which a person's tag hangs does not move until it is told otherwise."""

import math

from lunaredge.ids import NodeId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Evidence, Situated, TrueBody, Truth, Unlocked

# Far over rounding, far under what a machine covers between two instants.
MOVED_M_MIN = 1e-4


class LockoutChecker(BaseChecker):
    """Holds the true place of every locked machine against the place where it came to rest.

    A tag hangs from the machine's own word, at rest, until the scheduler sends that it is off. What
    happens to the machine's process or its power in between takes nothing off.
    """

    name = "lockout"
    sees = (Situated, Unlocked, Truth)

    def __init__(self) -> None:
        super().__init__()
        self._tags: dict[NodeId, dict[str, None]] = {}
        self._off: dict[tuple[NodeId, str], None] = {}
        self._places: dict[NodeId, TrueBody] = {}

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Situated() if evidence.at_rest:
                hung = {
                    tag: None for tag in evidence.locks if (evidence.node, tag) not in self._off
                }
                self._tags.setdefault(evidence.node, {}).update(hung)
            case Unlocked():
                self._off[(evidence.node, evidence.tag)] = None
                self._tags.get(evidence.node, {}).pop(evidence.tag, None)
                if not self._tags.get(evidence.node):
                    self._places.pop(evidence.node, None)
            case Truth():
                for body in evidence.bodies:
                    if self._tags.get(body.machine):
                        self._compare(evidence.at_ns, body)
            case _:
                pass

    def _compare(self, at_ns: int, body: TrueBody) -> None:
        place = self._places.setdefault(body.machine, body)
        moved_m = math.dist((place.x_m, place.y_m), (body.x_m, body.y_m))
        self._check(
            moved_m <= MOVED_M_MIN, at_ns, f"{body.machine} moved {moved_m:.2f} m, locked out"
        )
