"""Boards with broken clocks and frozen processes: each fault fires, and nothing comes of it."""

import pytest
from msgspec.structs import replace

from lunaredge.agent.clock import SiteClock
from lunaredge.agent.node import AgentNode
from lunaredge.machine.controller import Machine
from lunaredge.sim.options import FaultOptions, calm
from lunaredge.sim.pause import MESSAGES_MAX, SAMPLES_MAX, Keeps, Pause
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import small
from lunaredge.units import NS_PER_S, ns_from_s
from tests.sim.driving import LEASE_S, Driving
from tests.sim.test_faults import Sabotaged


def test_a_thawed_agent_whose_clock_stood_still_drives_on_no_old_set_point():
    site = Driving()
    site.process.freeze(still=True, keeps=Keeps.NONE)
    site.run(LEASE_S + 60.0)
    stood = site.place()

    site.process.thaw()
    # Before a fresh authority could come.
    site.run(3.0)

    assert site.place() == pytest.approx(stood, abs=1e-6)
    assert site.refused()["late"] >= 1
    assert site.sim.jury.verdict() is None


def test_without_the_controllers_look_at_the_basis_the_old_set_point_moves_it(monkeypatch):
    monkeypatch.setattr(Machine, "_is_timely", lambda self, order, now_ns: True)
    site = Driving()
    site.process.freeze(still=True, keeps=Keeps.NONE)
    site.run(LEASE_S + 60.0)

    site.process.thaw()
    site.run(20.0)

    violation = site.sim.jury.verdict()
    assert violation is not None
    assert violation.invariant == "I2"


def test_a_clock_that_stands_still_is_found_out_by_the_machines_own():
    site = Driving()
    site.process.freeze(still=True, keeps=Keeps.OLDEST)
    site.run(30.0)

    site.process.thaw()
    site.run(10.0)

    noted = [line for line in site.told if "clock_jump" in line]
    assert noted
    assert site.sim.jury.verdict() is None


def test_a_lease_stretched_by_a_slow_clock_is_found_by_the_checkers(monkeypatch):
    monkeypatch.setattr(AgentNode, "_distrust", lambda self, why, now_ns: None)
    monkeypatch.setattr(SiteClock, "forget", lambda self: None)
    site = Driving(lifetime_s=2.0, lease_s=40.0)

    site.process.run_clock(-900_000_000)
    site.run(400.0)

    violation = site.sim.jury.verdict()
    assert violation is not None
    assert violation.invariant == "I2"


@pytest.mark.parametrize("drift_ppb", [-100_000_000, -900_000_000, 100_000_000])
def test_a_wrong_rate_stretches_no_lease(drift_ppb):
    site = Driving()

    site.process.run_clock(drift_ppb)
    site.run(400.0)

    assert any("clock_jump" in line for line in site.told)
    assert site.sim.jury.verdict() is None


@pytest.mark.parametrize("step_s", [-500.0, -3.0, 3.0, 500.0])
def test_a_clock_that_jumps_stretches_no_lease(step_s):
    site = Driving()

    site.process.step_clock(ns_from_s(step_s))
    site.run(400.0)

    assert any("clock_jump" in line for line in site.told)
    assert site.sim.jury.verdict() is None


def test_what_comes_for_a_frozen_process_waits_and_is_bounded():
    taken = []
    pause = Pause(0, still=False, keeps=Keeps.NEWEST)

    for number in range(MESSAGES_MAX + 5):
        pause.wait(lambda number=number: taken.append(number))
    for number in range(SAMPLES_MAX + 5):
        pause.wait_sample(lambda number=number: taken.append(-number))

    for queue in pause.queues():
        for arrival in queue:
            arrival()
    assert taken[:MESSAGES_MAX] == list(range(MESSAGES_MAX))
    assert taken[MESSAGES_MAX:] == [-number for number in range(5, SAMPLES_MAX + 5)]
    assert pause.dropped == 10


def test_a_frozen_process_takes_everything_up_when_it_thaws():
    site = Driving()
    site.run(600.0)
    heard = len(site.told)
    site.process.freeze(still=False, keeps=Keeps.NEWEST)
    site.run(60.0)
    quiet = [line for line in site.told[heard:] if line.split()[1] == site.process.name]

    site.process.thaw()

    assert len(quiet) <= 1, "it says that it freezes, and no more"
    assert any(line.split()[1] == site.process.name for line in site.told[-20:])


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ({"step_clock_s": 20.0}, "has its clock stepped"),
        ({"run_clock_s": 20.0}, "has a clock that gains"),
        ({"freeze_s": 20.0, "freeze_s_max": 30.0}, "thaws"),
    ],
    ids=["step", "rate", "freeze"],
)
def test_each_kind_strikes_and_is_undone(kind, word):
    site = Sabotaged(**kind)

    site.run(400.0)
    site.faults.end()
    site.run(1.0)

    assert sum(word in line for line in site.told) > 3
    assert not any(process.frozen for process in site.sim.processes.values())
    assert {process._drift_ppb for process in site.sim.processes.values()} == {0}


def test_who_is_killed_while_frozen_reaches_the_broker_in_its_next_life():
    site = Sabotaged(freeze_s=40.0, freeze_s_max=300.0, kill_agent_s=20.0, down_s_max=5.0)

    site.run(1_500.0)
    site.faults.end()
    site.run(60.0)

    assert not site.sim.site_net._cut
    assert all(line.up for line in site.sim.site_net._lines.values())


@pytest.mark.slow
@pytest.mark.parametrize("zero_ns_max", [1, 10 * NS_PER_S])
def test_boards_that_boot_in_1970_do_their_work(zero_ns_max):
    faults = FaultOptions(kill_agent_s=200.0)
    options = replace(calm(), zero_ns_max=zero_ns_max, faults=faults, safety_s=600.0)

    outcome = run_seed(1, small(), options)

    assert outcome.ok, outcome.failure
