"""What the simulator shows of the machines, and when."""

from msgspec.structs import replace

from lunaredge.model.task import Dig
from lunaredge.sim.checkers.evidence import Truth
from lunaredge.sim.options import calm
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import small
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.trace import Trace
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import Work

DIGGER = "excavator-1"
BY_THE_PIT = (77.5, 26.0)


class Shown:
    """Keeps what it was shown of the digger, and when."""

    sees = (Truth,)

    def __init__(self):
        self.looks = []

    def see(self, truth):
        digger = next(body for body in truth.bodies if body.machine == DIGGER)
        self.looks.append((truth.at_ns, digger))


def shown_while_it_digs(lifetime_s, seconds):
    """Give what is shown of a digger that is told once to dig: when, in seconds, and what."""
    options = replace(calm(), setpoint_lifetime_s=lifetime_s)
    sim = Simulation(small(), options, Streams(1), Trace(0, lambda line: None))
    shown, begun_ns = Shown(), sim.timeline.now_ns
    sim.jury.admit(shown)
    sim.field.carry(DIGGER, BY_THE_PIT, 0.0)
    dig = Work(order_no=1, basis_ns=0, goal=Dig(zone="pit-a", pile="heap-a", mass_kg=5_000.0))
    sim.field.order(DIGGER, dig)

    sim.field.begin()
    while sim.timeline.now_ns < begun_ns + seconds * NS_PER_S:
        sim.timeline.step()
    return [((at_ns - begun_ns) / NS_PER_S, digger) for at_ns, digger in shown.looks]


def test_who_works_is_shown_every_second_though_nothing_moves():
    looks = shown_while_it_digs(lifetime_s=10.0, seconds=20)

    assert [(at_s, digger.works) for at_s, digger in looks] == [
        *((at_s, True) for at_s in range(11)),
        (11, False),
    ]


def test_batteries_are_looked_at_however_often_bodies_are_shown():
    looks = shown_while_it_digs(lifetime_s=100.0, seconds=70)

    batteries_wh = [digger.battery_wh for _, digger in looks]
    assert len(looks) == 71
    assert sorted(set(batteries_wh), reverse=True) == [batteries_wh[at] for at in (0, 30, 60)]
