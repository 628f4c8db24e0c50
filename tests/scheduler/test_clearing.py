"""Whoever stands where, a closed zone becomes clear while its machines are well, and not before."""

import random

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m
from lunaredge.model.site import Point, Zone, ZoneKind
from lunaredge.node import Effect, Publish
from lunaredge.scheduler import areas
from lunaredge.scheduler.paths import check_route
from lunaredge.scheduler.state import ClosurePhase
from lunaredge.units import NS_PER_S, s_from_ns
from lunaredge.wire import codec, messages, records
from lunaredge.wire.codec import Received
from tests.scheduler import plain_site
from tests.scheduler.puppets import Offer, Puppet
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close

SPEED_M_S = 0.3
RENEW_S = 10
# An agent gives back an authority that has led no farther for so long.
PATIENCE_S = 60
# A trip that waits in vain asks three times, 20 s apart; a zone is left within some such trips.
CLEAR_WITHIN_S = 900
ROUNDING_M = 1e-3


class Yard(Site):
    """A site with an honest agent in each machine, that drives as it is led."""

    def __init__(self, places: dict[NodeId, Point], *rocks: Zone) -> None:
        self.puppets: dict[NodeId, Puppet] = {}
        self.inbox: list[Received] = []
        self.ask_at_ns: dict[NodeId, int] = {}
        self.moved_ns: dict[NodeId, int] = {}
        self.seconds = 0
        super().__init__(site=msgspec.structs.replace(plain_site.plain_site(), zones=rocks))
        self.census(NodeId("dc-1"))
        for name, place in places.items():
            spec = next(each for each in self.fleet.nodes if each.name == name)
            assert spec.machine is not None
            puppet = Puppet(name, spec.machine, place, self.node_boots[name])
            self.puppets[name] = puppet
            situation = puppet.situation(self)
            self.say(name, messages.Birth(kind="x", situation=situation))
        self._deliver()

    def carry_out(self) -> list[Effect]:
        effects = super().carry_out()
        for effect in effects:
            if isinstance(effect, Publish):
                self.inbox.append(codec.decode(effect.payload, self.keyring))
        return effects

    def _deliver(self) -> None:
        while self.inbox:
            received = self.inbox.pop(0)
            puppet, body = self.puppets.get(received.header.to), received.body
            if puppet is None:
                continue
            if isinstance(body, messages.Grant | messages.Renew):
                puppet.offers.append(Offer(body, received.header.epoch, received.header.expiry_ns))
            if isinstance(body, messages.Grant):
                self.moved_ns[puppet.name] = self.now_ns
            if isinstance(body, messages.Defer):
                self.ask_at_ns[puppet.name] = self.now_ns + body.wait_ns
            reply = puppet.hear(received, self)
            if reply is not None:
                self.say(puppet.name, reply)

    def step(self) -> None:
        """Let a second pass."""
        self.seconds += 1
        self.now_ns += NS_PER_S
        self.scheduler.tick(self.now_ns)
        self.carry_out()
        for puppet in self.puppets.values():
            self._deliver()
            self._act(puppet)
            self.say(puppet.name, messages.Heartbeat(situation=puppet.situation(self)))
        self.say("dc-1", messages.Heartbeat(situation=self.situation("dc-1")))
        self.solve()
        self._deliver()

    def _act(self, puppet: Puppet) -> None:
        for upload in list(puppet.uploads):
            self.say(puppet.name, upload)
        if puppet.lease is not None:
            self._drive(puppet, self.now_ns)
        if puppet.lease is not None and self.seconds % RENEW_S == 0:
            renewal = puppet.renew(self.now_ns)
            assert renewal is not None
            self.say(puppet.name, renewal)
        is_due = puppet.asked is None and self.now_ns >= self.ask_at_ns.get(puppet.name, 0)
        if puppet.lease is None and is_due:
            request = puppet.ask(self.now_ns)
            if request is not None:
                self.say(puppet.name, request)

    def _drive(self, puppet: Puppet, now_ns: int) -> None:
        lease = puppet.lease
        assert lease is not None
        left_m = min(lease.stop_m, lease.length_m) - lease.station_m
        if lease.is_spent:
            puppet.end(records.TaskOutcome.DONE, self)
        elif left_m > ROUNDING_M:
            puppet.drive(min(1.0, SPEED_M_S / left_m), now_ns)
            self.moved_ns[puppet.name] = now_ns
        elif s_from_ns(now_ns - self.moved_ns[puppet.name]) >= PATIENCE_S:
            puppet.lease = puppet.asked = None

    def clear(self) -> list[str]:
        """Name the zones that people may go into; nobody may come into one of them."""
        names = []
        for name, closure in self.scheduler.core.state.closures.items():
            if closure.phase is not ClosurePhase.CLEAR:
                continue
            names.append(name)
            for puppet in self.puppets.values():
                for strip in puppet.strips(self.now_ns):
                    width_m = max(0.0, strip.half_width_m - ROUNDING_M)
                    assert not areas.meets_line(closure.area, strip.points, width_m)
        return names


def crowded(rng: random.Random) -> Yard:
    """A yard with four machines and some rocks, anywhere."""
    rocks = tuple(
        Zone(
            name=f"rock-{i}",
            kind=ZoneKind.KEEP_OUT,
            polygon=areas.disc((rng.uniform(15, 70), rng.uniform(25, 70)), rng.uniform(1, 5)),
        )
        for i in range(rng.randrange(6))
    )
    bare = Yard({}, *rocks)
    ground, places = bare.scheduler.core.ctx.ground, {}
    machines = [spec.name for spec in bare.fleet.nodes if spec.machine is not None]
    while len(places) < len(machines):
        place = (rng.uniform(5, 75), rng.uniform(15, 75))
        apart_m = [length_m((place, other)) for other in places.values()]
        if check_route(ground, (place,), 2.2, 15.0, ()) is None and min(apart_m, default=9.9) > 5:
            places[machines[len(places)]] = place
    return Yard(places, *rocks)


# In the last two a trip that one machine waited with in vain kept its zone from being clear.
@pytest.mark.parametrize("seed", [*range(6), 189, 190])
def test_closed_zones_become_clear(seed: int) -> None:
    rng = random.Random(seed)
    yard = crowded(rng)
    zones = [f"zone-{i}" for i in range(rng.randrange(1, 4))]
    for zone in zones:
        about = rng.choice([puppet.place for puppet in yard.puppets.values()])
        middle = (about[0] + rng.uniform(-5, 5), about[1] + rng.uniform(-5, 5))
        close(yard, zone, outline=(middle,), radius_m=rng.uniform(1.0, 15.0))
        for _ in range(rng.randrange(40)):
            yard.step()

    since_s = yard.seconds
    while yard.clear() != zones and yard.seconds < since_s + CLEAR_WITHIN_S:
        yard.step()

    closures = yard.scheduler.core.state.closures.values()
    assert {each.name: each.waits for each in closures} == dict.fromkeys(zones, ())
