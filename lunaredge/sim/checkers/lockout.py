"""Lock-out: a machine on which a person's tag hangs does not move until it is told otherwise.

And it is told only on the word of whoever hung the tag, or of two others.
"""

import math

from lunaredge.ids import KeyId, NodeId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Carried,
    Evidence,
    Situated,
    Tagged,
    TagWord,
    TrueBody,
    Truth,
    Unlocked,
)

# Far over rounding, far under what a machine covers between two instants.
MOVED_M_MIN = 1e-4
OTHERS_MIN = 2


class LockoutChecker(BaseChecker):
    """Holds the true place of every locked machine against the place where it came to rest.

    A tag hangs from the machine's own word, at rest, until the scheduler sends that it is off. What
    happens to the machine's process or its power in between takes nothing off.
    """

    name = "lockout"
    sees = (Situated, Tagged, TagWord, Unlocked, Carried, Truth)

    def __init__(self) -> None:
        super().__init__()
        self._tags: dict[NodeId, dict[str, None]] = {}
        self._off: dict[tuple[NodeId, str], None] = {}
        self._places: dict[NodeId, TrueBody] = {}
        self._words: dict[NodeId, list[tuple[int, KeyId]]] = {}
        self._hung_ns: dict[tuple[NodeId, str], int] = {}

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Situated() if evidence.at_rest:
                for tag in evidence.locks:
                    self._hung_ns.setdefault((evidence.node, tag), evidence.at_ns)
                hung = {
                    tag: None for tag in evidence.locks if (evidence.node, tag) not in self._off
                }
                self._tags.setdefault(evidence.node, {}).update(hung)
            case Tagged():
                self._hung_ns.setdefault((evidence.node, evidence.tag), evidence.at_ns)
            case TagWord():
                self._words.setdefault(evidence.node, []).append((evidence.at_ns, evidence.by))
            case Unlocked():
                self._judge(evidence)
                self._off[(evidence.node, evidence.tag)] = None
                self._tags.get(evidence.node, {}).pop(evidence.tag, None)
                if not self._tags.get(evidence.node):
                    self._places.pop(evidence.node, None)
            case Carried():
                self._places.pop(evidence.machine, None)
            case Truth():
                for body in evidence.bodies:
                    if self._tags.get(body.machine):
                        self._compare(evidence.at_ns, body)
            case _:
                pass

    def _judge(self, unlocked: Unlocked) -> None:
        """Judge by whose words since it hangs there a tag is taken off, the first time."""
        place = (unlocked.node, unlocked.tag)
        if place in self._off:
            return
        owner, _, _ = unlocked.tag.partition("/")
        hung_ns = self._hung_ns.get(place, 0)
        words = self._words.get(unlocked.node, [])
        said = {by for at_ns, by in words if at_ns >= hung_ns}
        self._check(
            owner in said or len(said) >= OTHERS_MIN,
            unlocked.at_ns,
            f"{owner}'s tag is taken off {unlocked.node} by {', '.join(sorted(said)) or 'nobody'}",
        )

    def _compare(self, at_ns: int, body: TrueBody) -> None:
        place = self._places.setdefault(body.machine, body)
        moved_m = math.dist((place.x_m, place.y_m), (body.x_m, body.y_m))
        self._check(
            moved_m <= MOVED_M_MIN, at_ns, f"{body.machine} moved {moved_m:.2f} m, locked out"
        )
