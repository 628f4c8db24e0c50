"""The saboteur: who is struck, for how long, and that everything ends with the safety phase."""

from msgspec.structs import replace

from lunaredge.sim.faults import RELAPSE_S_MAX, Faults
from lunaredge.sim.options import FaultOptions, calm
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import small
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.trace import Trace
from lunaredge.units import ns_from_s
from lunaredge.wire import topics


class Sabotaged:
    """A site under faults, and the lives and deaths of its processes as they are traced."""

    def __init__(self, **faults):
        self.told = []
        self.streams = Streams(1)
        options = replace(calm(), faults=FaultOptions(**faults))
        self.sim = Simulation(small(), options, self.streams, Trace(0, self.told.append))
        self.faults = Faults(self.sim, options.faults, self.streams)
        self.sim.begin()
        self.faults.begin()

    def run(self, duration_s):
        end = self.sim.timeline.after(ns_from_s(duration_s), lambda: None)
        while end.live:
            self.sim.timeline.step()

    def times_s(self, name, text):
        return [
            float(line.split()[0]) for line in self.told if line.split()[1] == name and text in line
        ]

    def dead(self):
        return [name for name, process in self.sim.processes.items() if not process.alive]


def test_a_lost_agent_stays_away_until_everything_is_healed():
    site = Sabotaged(lose_agent_s=100.0, down_s_max=1.0)

    site.run(1_000.0)
    lost = site.dead()
    site.run(1_000.0)

    assert lost
    assert set(lost) <= set(site.dead()) <= set(site.sim.agents)
    site.faults.end()
    assert site.dead() == []


def test_who_relapses_dies_within_seconds_of_its_restart():
    site = Sabotaged(kill_scheduler_s=50.0, down_s_max=2.0, relapse_ratio=1.0)

    site.run(600.0)

    starts_s = site.times_s(topics.SCHEDULER, "starts boot")[1:]
    deaths_s = site.times_s(topics.SCHEDULER, "is killed")[1:]
    assert len(deaths_s) > 5
    lives_s = [death_s - start_s for start_s, death_s in zip(starts_s, deaths_s, strict=False)]
    assert all(0.0 <= life_s <= RELAPSE_S_MAX for life_s in lives_s)


def test_nobody_relapses_once_everything_is_healed():
    site = Sabotaged(kill_scheduler_s=20.0, down_s_max=2.0, relapse_ratio=1.0)
    site.run(200.0)

    site.faults.end()
    site.run(100.0)

    assert site.dead() == []


def test_a_stalled_disk_writes_nothing_until_it_works_again():
    site = Sabotaged(stall_disk_s=10.0, down_s_max=10_000.0)
    site.run(300.0)
    (stalled, *_) = [process for process in site.sim.processes.values() if process.stalled]
    commits = stalled.disk.commits

    site.run(300.0)

    assert stalled.disk.commits == commits
    site.faults.end()
    site.run(10.0)
    assert stalled.disk.commits > commits
    assert not any(process.stalled for process in site.sim.processes.values())
