"""Machines that keep their word as agents do, and of which it is known what they may still do.

A puppet moves by jumps, and only where its lease lets it. What it would lose with its power is
lost by `reboot`; the rest is as if on its disk. Nothing here is shared with the agent or with the
scheduler: what both must keep apart is worked out from the frames alone.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from lunaredge.ids import BootId, NodeId
from lunaredge.model.fleet import MachineSpec
from lunaredge.model.site import Point
from lunaredge.sim.checkers.geometry import cut_path
from lunaredge.wire import messages, records
from lunaredge.wire.codec import Received
from lunaredge.wire.messages import CommandReply, Grant, Message, Renew
from lunaredge.wire.safeguards import LockOut, Unlock
from lunaredge.wire.seal import Role
from tests.scheduler.rig import Site


class Strip(NamedTuple):
    """Everything within a half width of a line."""

    points: tuple[Point, ...]
    half_width_m: float


@dataclass
class Lease:
    grant: Grant
    stop_m: float
    revision: int
    until_ns: int
    station_m: float = 0.0

    @property
    def length_m(self) -> float:
        return sum(
            ((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2) ** 0.5
            for a, b in zip(self.grant.path, self.grant.path[1:], strict=False)
        )

    @property
    def is_spent(self) -> bool:
        return self.station_m >= self.length_m - 1e-9

    def strip(self, to_m: float) -> Strip:
        """Give what is left of it up to a stop point, with what is held free beyond."""
        path = cut_path(self.grant.path, self.station_m, to_m + self.grant.overlap_m)
        return Strip(tuple(path), self.grant.half_width_m)


class Offer(NamedTuple):
    """A grant or a renewal under way; nobody takes it up after its expiry."""

    body: Grant | Renew
    epoch: int
    expiry_ns: int


@dataclass
class Puppet:
    name: NodeId
    spec: MachineSpec
    place: Point
    boot: BootId
    epoch: int = 0
    proven: bool = False
    is_mute: bool = False
    asked: tuple[int, int] | None = None
    """Number and sending of the newest request that has no answer."""
    renewal: tuple[int, int] | None = None
    lease: Lease | None = None
    requests: int = 0
    assign: messages.Assign | None = None
    leg: int = 0
    held: bool = False
    turn: tuple[int, int] = (0, 0)
    stops: dict[str, bool] = field(default_factory=dict)
    """By id; false once it is released."""
    locks: dict[str, None] = field(default_factory=dict)
    replies: dict[str, CommandReply] = field(default_factory=dict)
    uploads: list[messages.Upload] = field(default_factory=list)
    seqs: dict[BootId, int] = field(default_factory=dict)
    offers: list[Offer] = field(default_factory=list)
    pose_error_m: float = 0.1
    battery_wh: float = 1_400.0

    # --- what it may do -------------------------------------------------------------------------

    def may_move(self, now_ns: int) -> bool:
        stopped = any(self.stops.values()) or self.held or bool(self.locks)
        return self.lease is not None and now_ns < self.lease.until_ns and not stopped

    def strips(self, now_ns: int) -> list[Strip]:
        """Give where it stands, and where it may come by what it holds or what is under way."""
        body = Strip((self.place,), self.spec.radius_m)
        self.offers = [offer for offer in self.offers if offer.expiry_ns > now_ns]
        live = [offer.body for offer in self.offers if offer.epoch >= self.epoch]
        taken = [body for body in live if isinstance(body, Grant) and self._may_take(body, now_ns)]
        ways = [
            Strip(tuple(cut_path(g.path, 0.0, g.stop_m + g.overlap_m)), g.half_width_m)
            for g in taken
        ]
        lease = self.lease
        if lease is not None:
            told = [b for b in live if isinstance(b, Renew) and self._may_renew(b, now_ns)]
            if now_ns < lease.until_ns or told:
                ways.append(lease.strip(max([lease.stop_m, *(renew.stop_m for renew in told)])))
        return [body, *ways]

    def _may_take(self, grant: Grant, now_ns: int) -> bool:
        if self.asked is None or grant.request_no != self.asked[0]:
            return False
        return grant.command not in self.replies and now_ns < self.asked[1] + grant.lifetime_ns

    def _may_renew(self, renew: Renew, now_ns: int) -> bool:
        lease, pending = self.lease, self.renewal
        if lease is None or pending is None or renew.request_no != pending[0]:
            return False
        is_its = renew.authority == lease.grant.authority and renew.revision == lease.revision
        return is_its and now_ns < pending[1] + renew.lifetime_ns

    # --- what it says ---------------------------------------------------------------------------

    def situation(self, site: Site) -> messages.Situation:
        lease = self.lease
        authority = None
        if lease is not None:
            authority = messages.HeldAuthority(
                id=lease.grant.authority,
                released_m=lease.station_m,
                stop_m=lease.stop_m,
                revision=lease.revision,
                at_stop=lease.is_spent,
            )
        return site.situation(
            self.name,
            x_m=self.place[0],
            y_m=self.place[1],
            pose_error_m=self.pose_error_m,
            at_rest=lease is None or not self.may_move(site.now_ns) or lease.is_spent,
            battery_wh=self.battery_wh,
            authority=authority,
            task=self.assign.task if self.assign else None,
            attempt=self.assign.attempt if self.assign else 0,
            stops=tuple(name for name, holds in self.stops.items() if holds),
            held=self.held,
            epoch=self.epoch,
            spool_count=len(self.uploads),
            locks=tuple(self.locks),
        )

    def ask(self, now_ns: int) -> messages.AuthorityRequest | None:
        """Ask for the leg in hand; whatever was held is given back."""
        if self.assign is None or not self.assign.legs or not self.proven:
            return None
        self.lease = self.renewal = None
        self.asked = (self._number(), now_ns)
        return messages.AuthorityRequest(
            request_no=self.asked[0],
            task=self.assign.task,
            attempt=self.assign.attempt,
            path=self.assign.legs[self.leg % len(self.assign.legs)].path,
            x_m=self.place[0],
            y_m=self.place[1],
        )

    def renew(self, now_ns: int) -> messages.AuthorityRenewal | None:
        if self.lease is None:
            return None
        self.renewal = (self._number(), now_ns)
        return messages.AuthorityRenewal(
            request_no=self.renewal[0], authority=self.lease.grant.authority
        )

    def _number(self) -> int:
        self.requests += 1
        return (self.boot << 32) + self.requests

    # --- what it does ---------------------------------------------------------------------------

    def drive(self, share: float, now_ns: int) -> None:
        """Go a share of the way to the stop point."""
        lease = self.lease
        if lease is None or not self.may_move(now_ns):
            return
        lease.station_m += share * (min(lease.stop_m, lease.length_m) - lease.station_m)
        self.place = cut_path(lease.grant.path, 0.0, lease.station_m)[-1]

    def reboot(self) -> None:
        """Lose the memory; the disk stays."""
        self.boot = BootId(self.boot + 1)
        self.proven = False
        self.lease = self.asked = self.renewal = None

    def end(self, outcome: records.TaskOutcome, site: Site) -> None:
        """Come to rest, and be done with the task in one way or another."""
        self.report(outcome, site)
        self.assign, self.lease, self.asked, self.renewal = None, None, None, None
        self.leg = 0

    def report(self, outcome: records.TaskOutcome, site: Site) -> None:
        assert self.assign is not None
        seq = self.seqs[self.boot] = self.seqs.get(self.boot, 0) + 1
        record = records.TaskReport(
            site_ns=site.now_ns,
            task=self.assign.task,
            attempt=self.assign.attempt,
            outcome=outcome,
        )
        upload = messages.Upload(
            record_class=messages.RecordClass.STATE,
            boot=self.boot,
            first_seq=seq,
            seq=seq,
            floor_seq=1,
            count=1,
            dropped=False,
            record=records.encode_record(record),
        )
        self.uploads.append(upload)

    # --- what it hears --------------------------------------------------------------------------

    def hear(self, received: Received, site: Site) -> Message | None:
        """Take a word of the scheduler's; give the reply."""
        header, body = received.header, received.body
        if isinstance(body, messages.Stop):
            if body.node in (None, self.name):
                self.stops.setdefault(body.stop, True)
            return None
        if received.role is not Role.SCHEDULER or header.to != self.name:
            return None
        if isinstance(body, messages.RecordAck):
            self._acknowledged(body)
            return None
        if not isinstance(body, messages.Command) or header.epoch < self.epoch:
            return None
        is_census = isinstance(body, messages.Census) and body.boot == self.boot
        if header.expiry_ns <= site.now_ns or not (is_census or self.proven):
            return None
        self.epoch = max(self.epoch, header.epoch)
        return self._obey(body, site)

    def _acknowledged(self, ack: messages.RecordAck) -> None:
        self.uploads = [
            upload
            for upload in self.uploads
            if upload.boot != ack.boot or upload.seq > ack.through_seq
        ]

    def _obey(self, body: messages.Command, site: Site) -> Message | None:
        match body:
            case Renew():
                self._take_renewal(body)
                return None
            case messages.Defer():
                if self.asked is not None and body.request_no == self.asked[0]:
                    self.asked = None
                return None
        reply = self.replies.get(body.command)
        if reply is None:
            reason = self._carry_out(body, site)
            reply = CommandReply(command=body.command, ok=not reason, reason=reason)
            self.replies[body.command] = reply
        return reply

    def _carry_out(self, body: messages.Command, site: Site) -> str:
        match body:
            case messages.Census():
                self.proven = True
            case messages.Assign():
                return self._take_task(body, site)
            case Grant():
                return self._take_grant(body, site.now_ns)
            case messages.Shorten():
                return self._shorten(body)
            case messages.Cancel():
                if self.assign is None or self.assign.task != body.task:
                    return "unknown_task"
                self.end(records.TaskOutcome.CANCELLED, site)
            case _:
                return self._switch(body)
        return ""

    def _switch(self, body: messages.Command) -> str:
        match body:
            case messages.Hold() | messages.Resume():
                if (self.epoch, body.turn) < self.turn:
                    return "superseded"
                self.turn = (self.epoch, body.turn)
                self.held = isinstance(body, messages.Hold)
            case messages.ReleaseStop():
                if body.stop in self.stops:
                    self.stops[body.stop] = False
            case LockOut():
                self.locks[body.tag] = None
            case Unlock():
                self.locks.pop(body.tag, None)
        return ""

    def _take_task(self, body: messages.Assign, site: Site) -> str:
        if self.assign is not None:
            same = (self.assign.task, self.assign.attempt) == (body.task, body.attempt)
            return "" if same else "busy"
        if self.locks:
            return "locked"
        self.assign, self.leg = body, 0
        self.report(records.TaskOutcome.ACCEPTED, site)
        return ""

    def _take_grant(self, body: Grant, now_ns: int) -> str:
        if self.locks:
            return "locked"
        if self.assign is None or not self._may_take(body, now_ns):
            return "request"
        assert self.asked is not None
        until_ns = self.asked[1] + body.lifetime_ns
        self.lease = Lease(body, body.stop_m, body.revision, until_ns)
        self.asked = None
        return ""

    def _take_renewal(self, body: Renew) -> None:
        lease, pending = self.lease, self.renewal
        if lease is None or pending is None or body.request_no != pending[0]:
            return
        if body.authority == lease.grant.authority and body.revision == lease.revision:
            lease.until_ns = max(lease.until_ns, pending[1] + body.lifetime_ns)
            lease.stop_m = max(lease.stop_m, body.stop_m)
            self.renewal = None

    def _shorten(self, body: messages.Shorten) -> str:
        lease = self.lease
        if lease is None or lease.grant.authority != body.authority:
            return "authority"
        if body.revision > lease.revision:
            lease.revision = body.revision
            lease.stop_m = max(lease.station_m, min(lease.stop_m, body.stop_m))
        return ""
