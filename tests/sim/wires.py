"""A broker with listeners, for tests."""

import random

from lunaredge.sim.network import Network, NetworkOptions
from lunaredge.sim.timeline import Timeline
from lunaredge.units import NS_PER_MS, NS_PER_S


class Ear:
    """A client that only listens."""

    def __init__(self, name, pattern="#"):
        self.name = name
        self.pattern = pattern
        self.heard = []
        self.events = []
        self.last_will = None

    def filters(self):
        return (self.pattern,)

    def will(self):
        return self.last_will

    def deliver(self, topic, payload):
        self.heard.append((topic, payload))

    def came_up(self):
        self.events.append("up")

    def went_down(self):
        self.events.append("down")


def network(**fields):
    options = NetworkOptions(
        delay_ns_min=1, delay_ns_max=10 * NS_PER_MS, notice_ns_max=NS_PER_S, **fields
    )
    timeline = Timeline(0)
    return timeline, Network(timeline, random.Random(3), options, lambda *_: None)


def run_for(timeline, duration_ns):
    end = timeline.at(timeline.now_ns + duration_ns, lambda: None)
    while end.live:
        timeline.step()
