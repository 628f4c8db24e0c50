"""The watch over the small scope: the simulator's own checkers, shown what is said and what is so.

A rival scheduler says things that nobody will ever follow: what is older than the epoch that its
addressee has told of is no authority, and one that was not taken up by then never will be.
"""

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, CommandId, NodeId
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.authority import AuthorityChecker
from lunaredge.sim.checkers.checker import Violation, first_violation
from lunaredge.sim.checkers.reuse import ReuseChecker
from lunaredge.sim.checkers.separation import SeparationChecker
from lunaredge.sim.checkers.shortening import ShorteningChecker
from lunaredge.sim.checkers.witness import Witness
from lunaredge.sim.scope.crossing import SETPOINT_LIFETIME_S
from lunaredge.sim.scope.parties import Said, Seen, Shop
from lunaredge.wire import messages, topics
from lunaredge.wire.codec import Received, decode


class Watch:
    """I1, I2 and I3, the rule of shortenings, and what they need to know."""

    def __init__(self, shop: Shop) -> None:
        fleet = shop.fleet
        self._checkers = (
            SeparationChecker(fleet),
            AuthorityChecker(fleet),
            ReuseChecker(fleet),
            ShorteningChecker(fleet, SETPOINT_LIFETIME_S),
        )
        self._fences: dict[NodeId, int] = {}
        """The highest epoch that each machine has told of."""
        self._grants: dict[CommandId, tuple[NodeId, int]] = {}
        """Whom each authority was for, and under which epoch."""

    def take(self, shop: Shop, said: list[Said], truth: list[seen.Truth]) -> Violation | None:
        """See what happened, in order of time; give what it breaks."""
        events: list[tuple[int, Said | seen.Truth]] = [(each.at_ns, each) for each in said]
        events += [(each.at_ns, each) for each in truth]
        for at_ns, event in sorted(events, key=lambda each: each[0]):
            if isinstance(event, seen.Truth):
                self._show(event)
                continue
            for evidence in self._read(shop, event, at_ns):
                self._show(evidence)
        return first_violation(self._checkers)

    def carried(self, machine: NodeId, at_ns: int) -> None:
        """See a machine being carried."""
        self._show(seen.Carried(at_ns=at_ns, machine=machine))

    def _show(self, evidence: seen.Evidence) -> None:
        for checker in self._checkers:
            if isinstance(evidence, checker.sees):
                checker.see(evidence)

    def _read(self, shop: Shop, said: Said, at_ns: int) -> list[seen.Evidence]:
        where = topics.parse(said.topic)
        if where is None:
            return []
        try:
            frame = decode(said.payload, shop.keys.keyring)
        except RemoteProtocolError:
            return []
        read = Witness(shop.keys.keyring).hear(where, frame, at_ns)
        if isinstance(frame.body, messages.Birth | messages.Heartbeat):
            return self._fenced(where.node, frame.body.situation.epoch, at_ns) + read
        return [] if self._is_void(where.node, frame) else read

    def _is_void(self, to: NodeId, frame: Received) -> bool:
        """Tell whether it is an authority under an epoch that its machine obeys no more."""
        body, epoch = frame.body, frame.header.epoch
        if not isinstance(body, messages.Grant | messages.Renew):
            return False
        if isinstance(body, messages.Grant):
            self._grants[body.command] = (to, epoch)
        return epoch < self._fences.get(to, 0)

    def _fenced(self, node: NodeId, epoch: int, at_ns: int) -> list[seen.Evidence]:
        """End what was granted under older epochs and not taken up."""
        if epoch <= self._fences.get(node, 0):
            return []
        self._fences[node] = epoch
        gone = [c for c, (to, under) in self._grants.items() if to == node and under < epoch]
        for command in gone:
            del self._grants[command]
        # A refusal ends an authority that was not taken, and changes nothing for one that was.
        return [
            seen.Replied(
                at_ns=at_ns, node=node, boot=_NO_BOOT, command=command, ok=False, reason=""
            )
            for command in gone
        ]


def truth_of(seen_of_each: list[list[Seen]]) -> list[seen.Truth]:
    """Put together where every machine was at each instant."""
    return [
        seen.Truth(at_ns=at_once[0].at_ns, bodies=tuple(each.body for each in at_once))
        for at_once in zip(*seen_of_each, strict=True)
    ]


_NO_BOOT = BootId(0)
