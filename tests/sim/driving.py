"""A calm site in which a machine drives: where faults are put by hand, at the worst moment."""

from msgspec.structs import replace

from lunaredge.sim.options import calm
from lunaredge.sim.people import Person, Terminal
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import OPERATOR, small
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.trace import Trace
from lunaredge.units import ns_from_s
from lunaredge.wire import messages

LEASE_S = 120.0


class Driving:
    """A calm site, stopped at the first moment at which one of its machines drives."""

    def __init__(self, lifetime_s=15.0, lease_s=LEASE_S, **drawn):
        self.told = []
        options = replace(
            calm(), authority_lifetime_s=lease_s, setpoint_lifetime_s=lifetime_s, **drawn
        )
        self.sim = Simulation(small(), options, Streams(1), Trace(0, self.told.append))
        self.sim.begin()
        self.hand_in()
        while not self.far():
            self.sim.timeline.step()
        self.process = self.sim.processes[self.far()[0]]
        # Past a sample: in less than three seconds the set-point is given again, and only then the
        # next sample comes.
        self.run(13.5)

    def hand_in(self):
        terminal = Terminal(
            site=self.sim.scenario.site.name,
            network=self.sim.site_net,
            timeline=self.sim.timeline,
            signer=self.sim.keys.signer(OPERATOR),
            keyring=self.sim.keys.keyring,
        )
        self.person = Person("operator-sim", terminal)
        self.person.sit_down()
        self.person.ask(messages.Submit(request="job", order=self.sim.scenario.orders[0].order))

    def far(self):
        """Name the machines that drive, with a long way to their stop points."""
        fast = [truth.machine for truth in self.sim.field.world.truth() if truth.speed_m_s > 0.5]
        return [name for name in fast if self.left_m(name) > 40.0]

    def left_m(self, name):
        lease = self.lease(name)
        return 0.0 if lease is None else lease.stop_m - lease.station_m

    def lease(self, name):
        return self.sim.processes[name].node._parts.pilot.leasing.lease

    def run(self, duration_s):
        end = self.sim.timeline.after(ns_from_s(duration_s), lambda: None)
        while end.live:
            self.sim.timeline.step()

    def place(self):
        truths = {truth.machine: truth for truth in self.sim.field.world.truth()}
        return truths[self.process.name].x_m, truths[self.process.name].y_m

    def state(self):
        return self.process.node._parts.course.state.value

    def refused(self):
        return self.sim.field.world.summary()["machines"][self.process.name]["orders_refused"]
