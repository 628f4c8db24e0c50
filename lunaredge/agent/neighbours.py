"""What was granted to neighbours, as overheard: a second look at every authority.

The scheduler keeps machines apart; this room doubts it. An authority is refused that overlaps one
heard granted to a neighbour under the same leader, beyond what that leader says has been given back
or not yet extended; and one of a leader older than any heard. What is heard granted after our own
must be clear of ours in turn. It frees nothing and grants nothing.
"""

import msgspec

from lunaredge.agent.authority import ground
from lunaredge.ids import NodeId
from lunaredge.model.polyline import Path, apart_m, is_plausible, part_of
from lunaredge.wire.messages import Grant, Neighbour

# As many machines as a site has at most; more than that is a flood.
_HEARD_MAX = 256


class _Heard(msgspec.Struct, frozen=True):
    """The newest authority heard for a neighbour."""

    epoch: int
    number: int
    """Of the message, within its leader's life."""
    grant: Grant


class Neighbours:
    """The newest authority of each neighbour."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._heard: dict[NodeId, _Heard] = {}
        self._taken = (0, 0)

    def took(self, epoch: int, number: int) -> None:
        """Remember which message gave us the newest of our own ground."""
        self._taken = (epoch, number)

    def is_against(self, ours: Grant, theirs: Grant, epoch: int, number: int) -> bool:
        """Tell whether a message grants a neighbour something that had to be clear of ours.

        So it is when it is younger than the newest of our own ground, and speaks of our authority.
        An older grant, said again by a leader that waits for its answer, is not: ours was granted
        with it in mind. Nor is one of a leader that has not counted us yet.
        """
        told = next((each for each in theirs.neighbours if each.node == self._node), None)
        accounted = told is not None and told.number >= ours.number
        return accounted and (epoch, number) > self._taken

    def overhear(self, node: NodeId, epoch: int, number: int, grant: Grant) -> None:
        """Take note of an authority that the scheduler granted to somebody else."""
        if not is_plausible(grant.path):
            return
        known = self._heard.get(node)
        if known is None and len(self._heard) >= _HEARD_MAX:
            return
        if known is None or (epoch, number) > (known.epoch, known.number):
            self._heard[node] = _Heard(epoch, number, grant)

    def in_the_way(
        self, held: Path, half_width_m: float, epoch: int, told: tuple[Neighbour, ...]
    ) -> tuple[NodeId, Grant] | None:
        """Give the neighbour, and its authority, that the ground of a new one is not clear of."""
        listed = {each.node: each for each in told}
        for node, heard in self._heard.items():
            if heard.epoch > epoch:
                return node, heard.grant
            if heard.epoch < epoch:
                # The new leader has counted everybody since: what the old one granted is over, or
                # known to it.
                continue
            grant = heard.grant
            part = _still_held(grant, listed.get(node))
            if part and apart_m(held, part) < half_width_m + grant.half_width_m:
                return node, grant
        return None


def _still_held(grant: Grant, told: Neighbour | None) -> Path:
    """Give what a neighbour may hold of its path, by its leader's word.

    The word may be of a newer authority, which was not heard: then this one is over. One that is
    newer than the word is not accounted for; it, and every step of it since, was granted with ours
    in mind, so what counts is what it was given at first.
    """
    if told is None or told.number < grant.number:
        return ground(grant)
    if told.ended or told.number > grant.number:
        return ()
    return part_of(grant.path, told.released_m, told.stop_m + grant.overlap_m)
