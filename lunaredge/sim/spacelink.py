"""The Earth link: one way's delay, contact windows, loss, doubles, and outages nobody planned.

Carries datagrams between the gateway and the station. A datagram that leaves or lands while the
link is down is gone.
"""

import random
from collections.abc import Callable

import msgspec

from lunaredge.model.contact import ContactPlan
from lunaredge.sim.timeline import Timeline
from lunaredge.units import ns_from_s


class LinkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How bad the link is inside its contacts; ratios are chances per datagram."""

    loss_ratio: float = 0.0
    duplicate_ratio: float = 0.0
    jitter_ns_max: int = 0


class SpaceLink:
    """Both directions of the link."""

    def __init__(
        self, timeline: Timeline, rng: random.Random, plan: ContactPlan, options: LinkOptions
    ) -> None:
        self.options = options
        self.plan = plan
        self.carried = 0
        self.lost = 0
        self._timeline = timeline
        self._rng = rng
        self._broken = False

    @property
    def broken(self) -> bool:
        """Whether an unplanned outage goes on."""
        return self._broken

    @property
    def up(self) -> bool:
        """Whether the link carries anything now."""
        return not self._broken and self.plan.at(self._timeline.now_ns) is not None

    def break_off(self) -> None:
        """Begin an outage that no plan foresaw."""
        self._broken = True

    def mend(self) -> None:
        """End it."""
        self._broken = False

    def send(self, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        """Put one datagram on the link."""
        contact = self.plan.at(self._timeline.now_ns)
        if contact is None or not self.up or self._rng.random() < self.options.loss_ratio:
            self.lost += 1
            return
        copies = 2 if self._rng.random() < self.options.duplicate_ratio else 1
        for _ in range(copies):
            jitter_ns = self._rng.randint(0, self.options.jitter_ns_max)
            delay_ns = ns_from_s(contact.light_time_s) + jitter_ns
            self._timeline.after(delay_ns, lambda: self._land(payload, arrive))

    def _land(self, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        if self.up:
            self.carried += 1
            arrive(payload)
        else:
            self.lost += 1
