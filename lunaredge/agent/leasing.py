"""Asking for authorities: request numbers, what is pending, what was granted.

Owns the lease in hand. Only the answer to the newest request counts, because each request gives
every earlier authority back. Numbers never repeat across boots, so that an answer to an earlier
life's request is always a stranger.
"""

import msgspec

from lunaredge.agent import authority
from lunaredge.agent.authority import LIFETIME_NS_MAX, Lease
from lunaredge.agent.config import AgentConfig
from lunaredge.ids import BootId
from lunaredge.units import ns_from_s
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import Defer, Grant, Renew, Shorten

# The longest wait that a scheduler may ask for; it covers an hour-long obstruction in six asks.
_WAIT_NS_MAX = 600_000_000_000
# After that many renewals in vain, with the scheduler in reach, the lease is not coming back: the
# machine gives it up where it stands and asks anew, which is always safe.
_RENEWALS_MAX = 3


class Asked(msgspec.Struct, frozen=True):
    """A request that waits for its answer."""

    number: int
    sent_ns: int


class Leasing:
    """The lease in hand and the requests for it."""

    def __init__(self, config: AgentConfig, boot: BootId) -> None:
        self.lease: Lease | None = None
        self.asked: Asked | None = None
        self.margin_ns = 0
        """How long before its end a lease permits no more."""
        self._config = config
        self._number = (boot & 0x7FFF_FFFF) << 32
        self._not_before_ns: int | None = None
        self._renewal: Asked | None = None
        self._renewed_ns = 0
        """When the renewal was asked for that was answered last."""
        self._renewals_in_vain = 0
        self._ask_ahead_m = config.ask_ahead_m if config.is_machine else 0.0
        self._ask_again_ns = ns_from_s(config.request_retry_s)
        self._extend_again_ns = ns_from_s(config.extend_retry_s)
        self._renew_again_ns = ns_from_s(config.renew_retry_s)
        self.allow_for(run_on_ns=0)

    def allow_for(self, run_on_ns: int) -> None:
        """Leave room before a lease's end to stop, even if the last order runs on unheard."""
        clock_ns = ns_from_s(self._config.clock_margin_s)
        self.margin_ns = self._config.stopping_ns + run_on_ns + clock_ns

    def live(self, now_ns: int) -> bool:
        """Tell whether a lease permits anything now."""
        lease = self.lease
        if lease is None or lease.spent:
            return False
        return not authority.is_over(lease, self.margin_ns, now_ns)

    def leads_home(self, now_ns: int) -> bool:
        """Tell whether the way home, and some of it is left, may be taken now."""
        lease = self.lease
        if lease is None or not lease.leads_home or lease.station_m <= authority.ARRIVED_M:
            return False
        return now_ns < lease.home_expiry_ns - self.margin_ns

    def ask_due(self, now_ns: int) -> bool:
        """Tell whether it is time to ask for an authority."""
        assert self.lease is None or self.lease.spent
        due_ns = self._ask_ns()
        return due_ns is None or now_ns >= due_ns

    def ask(self, now_ns: int) -> Asked:
        """Take the next number for a request sent now; whatever was held is given back."""
        self.give_up()
        self.asked = self._next(now_ns)
        self._not_before_ns = None
        return self.asked

    def refusal(self, grant: Grant, sample: Sample, now_ns: int) -> str | None:
        """Give why a grant can't be taken; None where nothing speaks against it."""
        if self.asked is None or grant.request_no != self.asked.number:
            return "request"
        flaw = authority.flaw(grant, sample)
        if flaw is not None:
            return flaw
        lease = authority.lease_of(grant, self.asked.sent_ns, self._config.drift_ppm)
        return "lease" if authority.is_over(lease, self.margin_ns, now_ns) else None

    def granted(self, grant: Grant, now_ns: int) -> None:
        """Take a grant that nothing speaks against."""
        assert self.asked is not None
        assert self.lease is None, "asking gave back what was held"
        self.lease = authority.lease_of(grant, self.asked.sent_ns, self._config.drift_ppm)
        self.asked = None
        self._renewed_ns = now_ns

    def deferred(self, defer: Defer, now_ns: int) -> str | None:
        """Take a deferral; give the reason where it is refused."""
        if self.asked is None or defer.request_no != self.asked.number:
            return "request"
        self.asked = None
        self._not_before_ns = now_ns + min(max(defer.wait_ns, 0), _WAIT_NS_MAX)
        return None

    def renewal_due(self, now_ns: int) -> bool:
        """Tell whether it is time to ask for more time, or for a farther stop point."""
        due_ns = self._renew_ns()
        return due_ns is not None and now_ns >= due_ns

    def ask_renewal(self, now_ns: int, *, reachable: bool) -> Asked:
        """Take the next number for a renewal sent now."""
        assert self.lease is not None
        # A scheduler that can't answer has refused nothing.
        if self._renewal is not None and reachable and not self.live(now_ns):
            self._renewals_in_vain += 1
        self._renewal = self._next(now_ns)
        return self._renewal

    @property
    def unanswered(self) -> bool:
        """Whether the newest renewal has no answer yet."""
        return self._renewal is not None

    def renewal_refusal(self, renew: Renew) -> str | None:
        """Give why a renewal can't be taken; None where nothing speaks against it."""
        pending = self._renewal
        if self.lease is None or pending is None or renew.request_no != pending.number:
            return "request"
        if renew.authority != self.lease.grant.authority:
            return "authority"
        if not 0 < renew.lifetime_ns <= LIFETIME_NS_MAX:
            return "grant_values"
        if renew.revision != self.lease.revision:
            # Above it: a shortening is on its way, and is sent until it is answered.
            return "revision"
        return None

    def renewed(self, renew: Renew) -> None:
        """Take a renewal that nothing speaks against."""
        pending = self._renewal
        assert self.lease is not None
        assert pending is not None
        drift_ppm = self._config.drift_ppm
        lease = authority.renewed(self.lease, renew.lifetime_ns, pending.sent_ns, drift_ppm)
        self.lease = authority.extended(lease, renew.stop_m)
        self._renewal = None
        self._renewed_ns = pending.sent_ns
        self._renewals_in_vain = 0

    def shortened(self, shorten: Shorten, rolling_m: float, resting: Sample | None) -> str | None:
        """Take a nearer stop point; give the reason where it is refused."""
        lease = self.lease
        if lease is None or shorten.authority != lease.grant.authority:
            return "authority"
        if shorten.revision > lease.revision:
            gap_m = self._config.release_gap_m
            between_m = authority.span_m(lease, rolling_m, resting)
            self.lease = authority.shortened(lease, shorten, between_m, gap_m)
        return None

    @property
    def short(self) -> bool:
        """Whether the stop point is so near that a machine at full speed would soon brake."""
        lease = self.lease
        if lease is None or lease.spent or lease.stop_m >= lease.length_m:
            return False
        return lease.stop_m - lease.station_m < self._ask_ahead_m

    @property
    def hopeless(self) -> bool:
        """Whether the lease has run out and renewals stay unanswered."""
        return self._renewals_in_vain >= _RENEWALS_MAX

    def give_up(self) -> None:
        """Hold nothing any more. The machine stands with its pose known."""
        self.lease = None
        self._renewal = None
        self._renewals_in_vain = 0

    def revoke(self, now_ns: int) -> None:
        """Trust no time that was measured before now: the local clock jumped."""
        self.asked = None
        self._renewal = None
        self._not_before_ns = None
        if self.lease is not None:
            self.lease = authority.revoked(self.lease, now_ns)

    def left_ns(self, now_ns: int) -> int | None:
        """Give how long the lease still permits anything; None without one."""
        lease = self.lease
        return None if lease is None else max(0, lease.expiry_ns - self.margin_ns - now_ns)

    def wakeups_ns(self) -> list[int | None]:
        """Say when asking, renewing and the lease's end are due."""
        lease = self.lease
        if lease is None or lease.spent:
            return [self._ask_ns()]
        return [self._renew_ns(), lease.expiry_ns - self.margin_ns]

    def _ask_ns(self) -> int | None:
        if self.asked is not None:
            return self.asked.sent_ns + self._ask_again_ns
        return self._not_before_ns

    def _renew_ns(self) -> int | None:
        if self.lease is None or self.lease.spent:
            return None
        if self._renewal is None:
            due_ns = self.lease.renew_ns
            return min(due_ns, self._renewed_ns + self._extend_again_ns) if self.short else due_ns
        retry_ns = self._extend_again_ns if self.short else self._renew_again_ns
        return self._renewal.sent_ns + retry_ns

    def _next(self, now_ns: int) -> Asked:
        self._number += 1
        return Asked(self._number, now_ns)
