"""Machines that go wrong: each mishap fires, is stood, and is over when all is healed."""

import pytest

from lunaredge.machine.mishap import SOUND, Mishap
from lunaredge.sim.strikes.machines import MISHAPS
from tests.sim.driving import Driving
from tests.sim.test_faults import Sabotaged


@pytest.mark.parametrize("name", MISHAPS)
def test_each_mishap_strikes_and_is_undone(name, monkeypatch):
    for other in [other for other in MISHAPS if other != name]:
        monkeypatch.delitem(MISHAPS, other)
    site = Sabotaged(mishap_s=60.0, down_s_max=30.0)

    site.run(600.0)
    site.faults.end()

    struck = [line for line in site.told if f"has a mishap: {name}" in line]
    assert len(struck) > 3
    world = site.sim.field.world
    assert all(world.is_sound(machine) for machine in world.names)


def test_a_silent_machine_is_put_into_safe_mode_and_comes_back():
    site = Driving()
    site.sim.field.afflict(site.process.name, Mishap(silent=True))
    site.run(60.0)
    stood = site.place()
    site.run(30.0)
    state = site.state()
    assert site.place() == stood

    site.sim.field.afflict(site.process.name, SOUND)
    site.run(60.0)

    assert state == "safe"
    assert site.state() not in ("safe", "stopped")
    assert site.place() != stood
    assert site.sim.jury.verdict() is None


def test_a_machine_that_loses_its_place_stands_until_it_has_it_again():
    site = Driving()
    site.sim.field.afflict(site.process.name, Mishap(pose_error_m=2.0))
    site.run(15.0)
    stood, state = site.place(), site.state()
    site.run(60.0)
    assert site.place() == stood

    site.sim.field.afflict(site.process.name, SOUND)
    site.run(60.0)

    assert state == "holding"
    assert site.place() != stood
    assert site.sim.jury.verdict() is None


def test_the_task_of_a_stuck_machine_fails_as_stalled_and_is_tried_again():
    site = Driving()
    site.sim.field.afflict(site.process.name, Mishap(stuck=True))

    site.run(2_000.0)

    assert any("task.queued" in line and "stalled" in line for line in site.told)
    assert site.sim.jury.verdict() is None
