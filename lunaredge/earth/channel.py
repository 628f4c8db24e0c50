"""Space between the ends, one way: the modem's rate, light time, contact windows, and mishaps.

The physical truth that the nodes only know from a plan: the emulator and the tests give it the
real contacts, which need not be those of the plan. Pure: told the time and given its randomness.
"""

from typing import Protocol

import msgspec

from lunaredge.earth.contacts import Contacts, light_time_ns, sending_ns
from lunaredge.model.contact import ContactPlan
from lunaredge.units import NS_PER_S

# Under way at once: a second and a half of 500 Mbit/s in full datagrams, rounded up.
FLIGHT_COUNT_MAX = 100_000


class Dice(Protocol):
    """Where the mishaps come from: a `random.Random`, seeded by whoever makes the channel."""

    def random(self) -> float:
        """Give a number from 0 up to 1."""
        ...

    def randint(self, a: int, b: int) -> int:
        """Give a whole number from a through b."""
        ...


class Mishaps(msgspec.Struct, frozen=True, kw_only=True):
    """How bad the way is inside a contact; ratios are chances per datagram."""

    loss_ratio: float = 0.0
    duplicate_ratio: float = 0.0
    reorder_ratio: float = 0.0
    """Share that is held back for up to ``reorder_ns_max``, so that others overtake it."""
    reorder_ns_max: int = 2 * NS_PER_S


class Counts(msgspec.Struct, kw_only=True):
    """What a channel did. sent = lost + outage + over_rate + what arrived at least once."""

    sent: int = 0
    sent_bytes: int = 0
    delivered: int = 0
    """Arrivals, doubles included."""
    delivered_bytes: int = 0
    lost: int = 0
    outage: int = 0
    """Sent outside every contact, or not landed before the end of theirs."""
    over_rate: int = 0
    """Came when the modem's buffer was full."""


class Channel:
    """One way through space."""

    def __init__(
        self,
        plan: ContactPlan,
        rate_bps: float,
        mishaps: Mishaps,
        rng: Dice,
        buffer_ns: int = 2 * NS_PER_S,
    ) -> None:
        assert rate_bps > 0, rate_bps
        self.counts = Counts()
        self._contacts = Contacts(plan)
        self._rate_bps = rate_bps
        self._mishaps = mishaps
        self._rng = rng
        # Twice what an honest sender fills ahead (`LineConfig.burst_ns`).
        self._buffer_ns = buffer_ns
        self._free_ns = 0
        self._flights = 0

    def send(self, size_bytes: int, now_ns: int) -> tuple[int, ...]:
        """Take a datagram into the modem; give when it arrives: never, once, or twice."""
        self.counts.sent += 1
        self.counts.sent_bytes += size_bytes
        contact = self._contacts.at(now_ns)
        if contact is None:
            self.counts.outage += 1
            return ()
        begin_ns = max(now_ns, self._free_ns)
        if begin_ns - now_ns >= self._buffer_ns or self._flights >= FLIGHT_COUNT_MAX:
            self.counts.over_rate += 1
            return ()
        self._free_ns = begin_ns + sending_ns(size_bytes, self._rate_bps)
        if self._rng.random() < self._mishaps.loss_ratio:
            self.counts.lost += 1
            return ()
        copies = 2 if self._rng.random() < self._mishaps.duplicate_ratio else 1
        light_ns = light_time_ns(contact)
        arrivals_ns = [self._free_ns + light_ns + self._held_ns() for _ in range(copies)]
        landed_ns = tuple(at_ns for at_ns in arrivals_ns if at_ns <= contact.end_ns)
        self._flights += len(landed_ns)
        self.counts.outage += not landed_ns
        return landed_ns

    def arrive(self, size_bytes: int) -> None:
        """Count an arrival."""
        assert self._flights > 0
        self._flights -= 1
        self.counts.delivered += 1
        self.counts.delivered_bytes += size_bytes

    def _held_ns(self) -> int:
        if self._rng.random() >= self._mishaps.reorder_ratio:
            return 0
        return self._rng.randint(0, self._mishaps.reorder_ns_max)
