"""The Earth link, both ways, with the outages that nobody planned.

The ways themselves (rate, light time, contact windows, mishaps) are `earth.channel`'s. A datagram
that leaves or lands in an unplanned outage is gone.
"""

import random
from collections.abc import Callable

from lunaredge.earth.channel import Channel, Mishaps
from lunaredge.model.contact import LINK_PRESETS, ContactPlan
from lunaredge.sim.network import damaged
from lunaredge.sim.timeline import Timeline

PRESET = "relay"


class SpaceLink:
    """One channel down to Earth and one up to the site."""

    def __init__(
        self, timeline: Timeline, rng: random.Random, plan: ContactPlan, mishaps: Mishaps
    ) -> None:
        self.lost = 0
        """Datagrams that an unplanned outage swallowed."""
        self.damage_ratio = 0.0
        """A datagram arrives with a bit turned over, or cut off."""
        self._timeline = timeline
        self._rng = rng
        self._plan = plan
        self._broken = False
        self._open(mishaps)

    @property
    def broken(self) -> bool:
        """Whether an unplanned outage goes on."""
        return self._broken

    def break_off(self) -> None:
        """Begin an outage that no plan foresaw."""
        self._broken = True

    def mend(self) -> None:
        """End it."""
        self._broken = False

    def calm(self) -> None:
        """End the mishaps; rates, light time and contacts stay what they are."""
        self.damage_ratio = 0.0
        self._open(Mishaps())

    def send(self, channel: Channel, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        """Put one datagram on the link."""
        if self._broken:
            self.lost += 1
            return
        for at_ns in channel.send(len(payload), self._timeline.now_ns):
            self._timeline.at(at_ns, lambda: self._land(channel, payload, arrive))

    def _open(self, mishaps: Mishaps) -> None:
        preset = LINK_PRESETS[PRESET]
        self.down = Channel(self._plan, preset.to_earth_bps, mishaps, self._rng)
        self.up = Channel(self._plan, preset.to_moon_bps, mishaps, self._rng)

    def _land(self, channel: Channel, payload: bytes, arrive: Callable[[bytes], None]) -> None:
        channel.arrive(len(payload))
        if self._broken:
            self.lost += 1
            return
        if self.damage_ratio > 0.0 and self._rng.random() < self.damage_ratio:
            payload = damaged(payload, self._rng)
        arrive(payload)
