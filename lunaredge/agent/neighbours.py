"""What was granted to neighbours, as overheard: a second look at every authority.

The scheduler keeps machines apart; this room doubts it. An authority is refused that overlaps one
heard granted to a neighbour under the same leader, beyond what that leader says has been given back
or not yet extended. What is heard granted after our own must be clear of ours in turn. It frees
nothing and grants nothing. A leader older than any heard is shut out before (`commands`).
"""

from typing import NamedTuple

import msgspec

from lunaredge.agent.authority import ground, has_sane_id
from lunaredge.ids import NodeId
from lunaredge.model.polyline import WAVER_M, Path, are_nearer, is_plausible, part_of
from lunaredge.wire.messages import Grant, Neighbour

# As many machines as a site has at most; more than that is a flood.
_HEARD_MAX = 256


class _Heard(msgspec.Struct, frozen=True):
    """The newest authority heard for a neighbour."""

    epoch: int
    number: int
    """Of the message, within its leader's life."""
    grant: Grant


class Word(NamedTuple):
    """What a leader says with an authority of all others."""

    epoch: int
    told: tuple[Neighbour, ...]
    number: int
    """The newest authority that it can speak of: its own, or any where it is made anew."""


class Neighbours:
    """The newest authority of each neighbour."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._heard: dict[NodeId, _Heard] = {}
        self._taken = (0, 0)
        self._counted_by = 0

    def took(self, epoch: int, number: int) -> None:
        """Remember which message gave us the newest of our own ground."""
        self._taken = (epoch, number)
        self.counted_by(epoch)

    def counted_by(self, epoch: int) -> None:
        """Remember which leader knows of our authority: it has granted or renewed it."""
        self._counted_by = epoch

    def is_against(self, ours: Grant, theirs: Grant, epoch: int, number: int) -> bool:
        """Tell whether a message grants a neighbour something that had to be clear of ours.

        So it is when it is younger than the newest of our own ground, and speaks of our authority.
        An older grant, said again by a leader that waits for its answer, is not: ours was granted
        with it in mind. Nor is one of a leader that has not counted us yet.
        """
        told = _by_node(theirs.neighbours).get(self._node)
        if told is not None:
            accounted = told.number >= ours.number
        else:
            # It has forgotten us, unless it has yet to count us.
            accounted = theirs.number > ours.number and epoch == self._counted_by
        return accounted and (epoch, number) > self._taken

    def overhear(self, node: NodeId, epoch: int, number: int, grant: Grant) -> bool:
        """Take note of an authority that the scheduler granted to somebody; tell if it is news."""
        if not is_plausible(grant.path) or not has_sane_id(grant):
            return False
        known = self._heard.get(node)
        if known is None and len(self._heard) >= _HEARD_MAX:
            return False
        if known is not None and (epoch, number) <= (known.epoch, known.number):
            return False
        self._heard[node] = _Heard(epoch, number, grant)
        return known is None or known.grant.authority != grant.authority

    def in_the_way(
        self, held: Path, half_width_m: float, word: Word
    ) -> tuple[NodeId, Grant] | None:
        """Give the neighbour, and its authority, that the ground of a new one is not clear of."""
        told = _by_node(word.told)
        for node, heard in self._heard.items():
            if heard.epoch != word.epoch:
                # The new leader has counted everybody since: what the old one granted is over, or
                # known to it.
                continue
            grant = heard.grant
            part = _still_held(grant, told.get(node), word.number)
            near_m = half_width_m + grant.half_width_m
            if len(part) == 1:
                # Who rests there may be found a little too near, and must be left all the same.
                near_m -= WAVER_M
            if part and are_nearer(held, part, near_m):
                return node, grant
        return None


def _by_node(told: tuple[Neighbour, ...]) -> dict[NodeId, Neighbour]:
    return {each.node: each for each in told}


def _still_held(grant: Grant, told: Neighbour | None, number: int) -> Path:
    """Give what a neighbour may hold of its path, by its leader's word; all of it without one.

    The word may be of a newer authority, which was not heard: then this one is over. One that is
    newer than the word, of authority ``number``, was granted with that in mind, and so was every
    step of it since: what counts is what it was given at first.
    """
    if grant.number > (number if told is None else told.number):
        return ground(grant)
    if told is None:
        return grant.path
    if told.ended or told.number > grant.number:
        return ()
    return part_of(grant.path, told.released_m, told.stop_m + grant.overlap_m)
