"""A hauler comes to a stop in the small site's one gap; then it goes on."""

import pytest

from lunaredge.machine.mishap import SOUND, Mishap
from lunaredge.scheduler.lanes import ALARM
from lunaredge.scheduler.state import TaskPhase
from lunaredge.wire import topics
from tests.sim.driving import Driving

# From first being late to the alarm: called lost or stuck after 120 or 300 s; who comes along
# waits a minute at its stop point, and is refused three times in another.
ALARMED_S = 300.0 + 60.0 + 3 * 20.0


class Gap(Driving):
    """The site at the moment at which a hauler is in the gap, on its way to a berm."""

    def __init__(self):
        super().__init__()
        while not self.inside():
            self.run(1.0)
        (self.name,) = self.inside()
        self.process = self.sim.processes[self.name]

    def inside(self):
        truths = self.sim.field.world.truth()
        return [truth.machine for truth in truths if 98.0 < truth.x_m < 102.0]

    @property
    def state(self):
        return self.sim.processes[topics.SCHEDULER].node.core.state

    def alarms(self):
        """Name the machines that close the way by an active alarm."""
        entries = self.state.alarms.values()
        return [entry.source for entry in entries if entry.code == ALARM and entry.active]

    def run_until(self, is_so, limit_s):
        """Run until it is so, and tell how long that took."""
        for second in range(round(limit_s)):
            if is_so():
                return second
            self.run(1.0)
        raise AssertionError("it is never so")

    def waits(self):
        """Tell whether somebody waits for the gap."""
        waits = [node.wait_reason for node in self.state.nodes.values()]
        return any(self.name in reason for reason in waits)

    def is_over(self):
        return all(
            entry.phase is TaskPhase.DONE
            for entry in self.state.tasks.values()
            if entry.task.id.startswith("haul")
        )


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["stuck", "silent"])
def test_a_machine_that_closes_the_lane_is_reported_and_work_goes_on_when_it_is_free(trouble):
    site = Gap()
    if trouble == "stuck":
        site.sim.field.afflict(site.name, Mishap(stuck=True))
    else:
        site.sim.kill(site.name)

    site.run_until(site.waits, 3_600.0)
    took_s = site.run_until(site.alarms, 2 * ALARMED_S)
    named = site.alarms()
    cut_off = site.state.lanes[site.name].cut_off
    if trouble == "stuck":
        site.sim.field.afflict(site.name, SOUND)
    else:
        site.sim.start(site.name)

    site.run_until(lambda: not site.alarms(), 300.0)
    site.run_until(site.is_over, 4 * 3_600.0)
    assert took_s <= ALARMED_S
    assert named == [site.name]
    assert any(task.startswith("haul") for task in cut_off)
    assert site.sim.jury.verdict() is None
