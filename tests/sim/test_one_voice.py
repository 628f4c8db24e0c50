"""A stop for everybody that one machine alone has heard, while there was no scheduler."""

import pytest

from lunaredge.ids import NodeId
from lunaredge.wire import messages, topics
from tests.sim.driving import Driving

HEARD_BY = NodeId("excavator-1")


@pytest.mark.parametrize("reboots", [False, True])
def test_a_stop_that_one_machine_heard_holds_everybody_once_a_scheduler_is_back(reboots):
    scene = Driving()
    scene.run(300.0)
    sim = scene.sim
    others = [name for name in sim.agents if name != HEARD_BY]
    sim.kill(topics.SCHEDULER)
    for name in others:
        sim.site_net.cut(name)
    stop = messages.Stop(stop="big-red", node=None, reason="fire")
    scene.person.say(topics.stop_all(sim.scenario.site.name), stop)
    scene.run(2.0)
    if reboots:
        sim.kill(HEARD_BY)
        scene.run(1.0)
        sim.start(HEARD_BY)
    sim.start(topics.SCHEDULER)
    scene.run(60.0)
    for name in others:
        sim.site_net.mend(name)

    scene.run(60.0)

    stops = sim.processes[topics.SCHEDULER].node.core.state.stops
    assert {name: (entry.node, entry.reason) for name, entry in stops.items()} == {
        "big-red": (None, "fire")
    }
    latched = {sim.processes[name].node._parts.stops.latched for name in sim.agents}
    assert latched == {("big-red",)}
    assert all(body.speed_m_s == 0.0 for body in sim.field.world.truth())
    assert sim.jury.verdict() is None
