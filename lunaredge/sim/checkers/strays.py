"""Strays: machines that people carried to where no leader is known to know of them."""

import math

from lunaredge.ids import NodeId
from lunaredge.model.site import Point
from lunaredge.sim.checkers.evidence import (
    Carried,
    Evidence,
    Granted,
    Located,
    TrueBody,
    Truth,
)

# A machine's way begins so near to it.
FOUND_M_MAX = 1.0
# So well a leader knows the place of a machine that has said where it stands.
LOCATED_M_MAX = 0.3


class Strays:
    """Who was carried, until a leader shows in some way that it knows where they are.

    A machine's own word would not do: the leader need not have heard it.
    """

    sees = (Truth, Carried, Located)

    def __init__(self) -> None:
        self._bodies: tuple[TrueBody, ...] = ()
        self._names: dict[NodeId, None] = {}

    def __contains__(self, machine: NodeId) -> bool:
        """Tell whether a machine is one of them."""
        return machine in self._names

    def see(self, evidence: Evidence) -> None:
        """Take what bears on them; pass over the rest."""
        match evidence:
            case Truth():
                self._bodies = evidence.bodies
            case Carried():
                self._names[evidence.machine] = None
                # Where it was is no more where it is, until it is seen again.
                stay = (body for body in self._bodies if body.machine != evidence.machine)
                self._bodies = tuple(stay)
            case Located():
                self._find(evidence.places, LOCATED_M_MAX)
            case _:
                pass

    def grant(self, granted: Granted) -> None:
        """Take a new grant, not one sent again: its way begins where its machine stands."""
        self._find({granted.machine: granted.path[0]}, FOUND_M_MAX)

    def _find(self, places: dict[NodeId, Point], apart_m_max: float) -> None:
        for body in self._bodies if self._names else ():
            place = places.get(body.machine)
            if place is not None and math.dist(place, (body.x_m, body.y_m)) < apart_m_max:
                self._names.pop(body.machine, None)
