"""Which authorities a machine may still use, as an outsider knows from the wire alone.

An authority ends for an outsider by the scheduler's taking a person's word for the holder, or by
the holder's own: a later request, the same authority reported further along or given up at rest, or
a new life that stands at rest without it. A word under a later epoch that does not name it ends it
too, since the machine can't take it up any more, unless a leader sends it again under an epoch that
it obeys. Silence ends nothing.
"""

import math

import msgspec

from lunaredge.ids import AuthorityId, BootId, CommandId, NodeId
from lunaredge.model.site import Point
from lunaredge.sim.checkers.evidence import (
    Answered,
    Asked,
    Evidence,
    Granted,
    Renewed,
    Replied,
    Situated,
    Vouched,
    VouchWord,
)
from lunaredge.sim.checkers.geometry import cut_path
from lunaredge.sim.checkers.vouching import Vouching


class Holding(msgspec.Struct, kw_only=True):
    """One authority that its holder has not given back."""

    machine: NodeId
    authority: AuthorityId
    command: CommandId
    boot: BootId
    request_no: int
    path: tuple[Point, ...]
    stop_m: float
    """The farthest that the holder may still think it may go."""
    overlap_m: float
    revision: int
    half_width_m: float
    epoch: int
    until_ns: int
    """End of the permission; it says nothing of occupancy."""
    home_lifetime_ns: int = 0
    home_until_ns: int = 0
    """End of the permission to go back along the path."""
    released_m: float = 0.0
    at_stop: bool = False
    taken: bool = False
    """The holder said yes to the grant in this boot."""

    def rest(self) -> list[Point]:
        """Give the part of the path up to the stop point that is not given back."""
        return cut_path(self.path, math.inf if self.at_stop else self.released_m, self.stop_m)

    def kept(self) -> list[Point]:
        """Give that part and what is held free beyond it."""
        end_m = self.stop_m + self.overlap_m
        return cut_path(self.path, math.inf if self.at_stop else self.released_m, end_m)


class Ledger:
    """Holdings by machine, and the requests that leases count from."""

    sees = (Asked, Granted, Renewed, Replied, Situated, Vouched, VouchWord, Answered)

    def __init__(self) -> None:
        self._holdings: dict[NodeId, dict[AuthorityId, Holding]] = {}
        self._ended: set[AuthorityId] = set()
        self._latest: dict[NodeId, tuple[BootId, int]] = {}
        """The newest request of each machine that gave everything before it back."""
        self._epochs: dict[NodeId, int] = {}
        """The highest epoch that each machine has said to obey."""
        self._asked_ns: dict[tuple[NodeId, int], tuple[BootId, int]] = {}
        self._vouching = Vouching()

    def find(self, machine: NodeId, authority: AuthorityId) -> Holding | None:
        """Give a machine's holding of an authority, or None."""
        return self._holdings.get(machine, {}).get(authority)

    def of(self, machine: NodeId) -> list[Holding]:
        """Give a machine's holdings, oldest first."""
        return list(self._holdings.get(machine, {}).values())

    def others(self, machine: NodeId) -> list[Holding]:
        """Give the holdings of every other machine."""
        return [
            holding
            for name, holdings in self._holdings.items()
            if name != machine
            for holding in holdings.values()
        ]

    def is_news(self, granted: Granted) -> bool:
        """Tell whether a grant is one that its machine could take up, and is not known yet."""
        is_obeyed = granted.epoch >= self._epochs.get(granted.machine, 0)
        is_known = granted.authority in self._holdings.get(granted.machine, {})
        return is_obeyed and not is_known and granted.authority not in self._ended

    def added_by(self, renewed: Renewed) -> tuple[list[Point], float] | None:
        """Give the path that a farther stop point adds, and half its width; None if it adds none.

        To be asked before the renewal is seen.
        """
        holding = self.find(renewed.machine, renewed.authority)
        if holding is None or renewed.revision < holding.revision:
            return None
        if renewed.stop_m <= holding.stop_m:
            return None
        begin_m, end_m = holding.stop_m + holding.overlap_m, renewed.stop_m + holding.overlap_m
        return cut_path(holding.path, begin_m, end_m), holding.half_width_m

    def see(self, evidence: Evidence) -> None:
        """Take what bears on authorities; pass over the rest."""
        match evidence:
            case Asked():
                self._asked(evidence)
            case Granted():
                self._granted(evidence)
            case Renewed():
                self._renewed(evidence)
            case Replied():
                self._replied(evidence)
            case Situated():
                self._situated(evidence)
            case Vouched():
                self._vouched(evidence.machine)
            case VouchWord() | Answered():
                machine = self._vouching.see(evidence)
                if machine is not None:
                    self._vouched(machine)
            case _:
                pass

    def _asked(self, asked: Asked) -> None:
        # A repeated request keeps its first time: a grant may answer the first sending of it.
        known = self._asked_ns.get((asked.machine, asked.request_no))
        if known is None or known[0] != asked.boot:
            self._asked_ns[(asked.machine, asked.request_no)] = (asked.boot, asked.at_ns)
        if asked.renewal:
            return
        newest = self._latest.get(asked.machine)
        if newest is None or newest[0] != asked.boot or newest[1] < asked.request_no:
            self._latest[asked.machine] = (asked.boot, asked.request_no)
        for holding in self.of(asked.machine):
            if holding.boot != asked.boot or holding.request_no < asked.request_no:
                self._end(holding)

    def _granted(self, granted: Granted) -> None:
        known = self.find(granted.machine, granted.authority)
        if known is not None:
            # Sent again by a later leader: its machine may take it up from that one.
            known.epoch = max(known.epoch, granted.epoch)
        if not self.is_news(granted):
            return
        holdings = self._holdings.setdefault(granted.machine, {})
        boot, asked_ns = self._asked_ns.get((granted.machine, granted.request_no), (BootId(0), 0))
        newest_boot, newest_no = self._latest.get(granted.machine, (boot, 0))
        if newest_boot != boot or newest_no > granted.request_no:
            # Its machine has asked anew since: nobody will ever take this one up.
            self._ended.add(granted.authority)
            return
        holdings[granted.authority] = Holding(
            machine=granted.machine,
            authority=granted.authority,
            command=granted.command,
            boot=boot,
            request_no=granted.request_no,
            path=granted.path,
            stop_m=granted.stop_m,
            overlap_m=granted.overlap_m,
            revision=granted.revision,
            half_width_m=granted.half_width_m,
            epoch=granted.epoch,
            until_ns=asked_ns + granted.lifetime_ns,
            home_lifetime_ns=granted.home_lifetime_ns,
            home_until_ns=asked_ns + granted.home_lifetime_ns,
        )

    def _renewed(self, renewed: Renewed) -> None:
        holding = self._holdings.get(renewed.machine, {}).get(renewed.authority)
        asked = self._asked_ns.get((renewed.machine, renewed.request_no))
        if holding is not None and asked is not None:
            holding.until_ns = max(holding.until_ns, asked[1] + renewed.lifetime_ns)
            home_until_ns = asked[1] + holding.home_lifetime_ns
            holding.home_until_ns = max(holding.home_until_ns, home_until_ns)
        if holding is not None and renewed.revision >= holding.revision:
            holding.stop_m = max(holding.stop_m, renewed.stop_m)

    def _replied(self, replied: Replied) -> None:
        for holding in self.of(replied.node):
            if holding.command == replied.command:
                if replied.ok:
                    holding.taken = True
                elif not holding.taken:
                    self._end(holding)

    def _situated(self, situated: Situated) -> None:
        held = situated.authority
        epoch = max(self._epochs.get(situated.node, 0), situated.epoch)
        self._epochs[situated.node] = epoch
        for holding in self.of(situated.node):
            if held is not None and holding.authority == held.id:
                holding.released_m = max(holding.released_m, held.released_m)
                if held.revision > holding.revision:
                    # Its own word that it will go no farther, whatever was sent to it before.
                    holding.revision, holding.stop_m = held.revision, held.stop_m
                holding.at_stop = holding.at_stop or held.at_stop
            elif _is_given_up(holding, situated):
                self._end(holding)
            elif _is_fenced(holding, situated):
                del self._holdings[holding.machine][holding.authority]

    def _vouched(self, machine: NodeId) -> None:
        for holding in self.of(machine):
            self._end(holding)

    def _end(self, holding: Holding) -> None:
        del self._holdings[holding.machine][holding.authority]
        self._ended.add(holding.authority)


def _is_fenced(holding: Holding, situated: Situated) -> bool:
    """Tell whether a machine obeys a later leader, and has not taken the authority up before."""
    return not holding.taken and holding.epoch < situated.epoch


def _is_given_up(holding: Holding, situated: Situated) -> bool:
    """Tell whether a machine at rest says that it holds nothing, and knows of the authority.

    A grant on its way is not given back.
    """
    is_free = situated.authority is None and situated.at_rest and situated.posed
    return is_free and (holding.taken or holding.boot != situated.boot)
