"""A site whose scheduler dies for long: machines that may, go home by the ways they came."""

import math

import pytest

from lunaredge.sim.checkers.evidence import Restrained
from lunaredge.wire import topics
from lunaredge.wire.messages import OnLoss
from tests.sim.driving import Driving

GO_HOME_S = 60.0
OUTAGE_S = 1_800.0


def from_home_m(scene, name):
    home = scene.sim.scenario.fleet.node(name).home
    bodies = {truth.machine: truth for truth in scene.sim.field.world.truth()}
    return math.dist(home, (bodies[name].x_m, bodies[name].y_m))


def restrain(scene, *, restrained):
    now_ns = scene.sim.timeline.now_ns
    scene.sim.jury.see(Restrained(at_ns=now_ns, cause="nobody leads", restrained=restrained))


@pytest.fixture(scope="module")
def cut_off():
    """A site in the middle of its work, half an hour after its scheduler died."""
    scene = Driving(on_loss=OnLoss.HOME, go_home_after_s=GO_HOME_S)
    scene.run(600.0)
    scene.away = [name for name in scene.sim.field.world.names if from_home_m(scene, name) > 10.0]
    restrain(scene, restrained=True)
    scene.sim.kill(topics.SCHEDULER)
    scene.run(OUTAGE_S)
    return scene


def test_every_machine_with_a_way_home_takes_it(cut_off):
    holding = [name for name in cut_off.away if cut_off.lease(name) is not None]

    assert holding
    assert all(cut_off.lease(name).grant.on_loss is OnLoss.HOME for name in holding)
    assert [name for name in holding if from_home_m(cut_off, name) > 2.0] == []
    assert cut_off.sim.jury.verdict() is None


def test_the_job_is_done_once_the_scheduler_is_back(cut_off):
    cut_off.sim.start(topics.SCHEDULER)
    restrain(cut_off, restrained=False)

    cut_off.run(9_000.0)

    state = cut_off.sim.processes[topics.SCHEDULER].node.core.state
    job = [state.tasks[task.id] for task in cut_off.sim.scenario.tasks]
    waiting = [entry.task.id for entry in job if entry.phase.value not in {"done", "queued"}]
    assert waiting == []
    assert cut_off.sim.jury.verdict() is None
