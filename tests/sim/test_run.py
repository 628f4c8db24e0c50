"""A whole run: faults really strike, every checker really checks, and a failure tells its story."""

import pytest
from msgspec.structs import replace

from lunaredge.scheduler import space
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.sim.options import FaultOptions, WardenOptions, calm
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import small, swap
from lunaredge.sim.trace import LINES_KEPT

INVARIANTS = {
    *(f"I{number}" for number in range(1, 10)),
    *("lockout", "closure", "standing", "taking", "shortening"),
}

STORM = FaultOptions(
    kill_scheduler_s=200.0,
    kill_agent_s=200.0,
    kill_gateway_s=300.0,
    kill_earth_s=300.0,
    kill_broker_s=300.0,
    cut_s=200.0,
    half_cut_s=300.0,
    earth_outage_s=300.0,
    inject_s=20.0,
    stall_disk_s=300.0,
    interfere_s=200.0,
    relapse_ratio=0.3,
    haste_ratio=0.3,
)


@pytest.mark.slow
def test_a_storm_strikes_and_every_checker_has_something_to_check():
    wardens = WardenOptions(lockout_s=200.0, close_s=300.0)
    options = replace(calm(), faults=STORM, wardens=wardens, safety_s=1_200.0)

    outcome = run_seed(1, small(), options)

    assert outcome.ok, outcome.failure
    assert outcome.faults > 20
    assert outcome.faults == sum(strike.target != "-" for strike in outcome.strikes)
    assert outcome.attacks > 20
    assert outcome.interventions > 2
    assert outcome.invariants.keys() == INVARIANTS
    # On this site one may stand anywhere.
    unchecked = {name for name, verdict in outcome.invariants.items() if verdict.checked == 0}
    assert unchecked == {"standing"}
    assert all(verdict.ok for verdict in outcome.invariants.values())
    assert 0.0 < outcome.separation_m_min < 10.0


@pytest.mark.slow
def test_machines_that_are_to_change_places_do():
    outcome = run_seed(1, swap(), calm())

    assert outcome.ok, outcome.failure


def test_a_failure_names_the_invariant_and_keeps_the_last_events(monkeypatch):
    monkeypatch.setattr(space, "claims_of_others", lambda ctx, node: ())

    outcome = run_seed(1, small(), calm())

    assert not outcome.ok
    assert outcome.failure.startswith("I3: ")
    assert outcome.line().startswith("FAILED seed=1 ")
    assert len(outcome.last) == LINES_KEPT
    assert not outcome.invariants["I3"].ok


def test_a_node_that_raises_fails_the_run(monkeypatch):
    def raises(self, topic, payload, now_ns):
        raise KeyError("a bug")

    monkeypatch.setattr(SchedulerNode, "receive", raises)

    outcome = run_seed(1, small(), calm())

    assert outcome.failure.startswith("crash: KeyError: 'a bug'")


def test_an_input_that_the_schedulers_core_does_not_stand_fails_the_run(monkeypatch):
    def raises(ctx, node, situation):
        raise KeyError("a bug")

    monkeypatch.setattr("lunaredge.scheduler.claims.settle", raises)

    outcome = run_seed(1, small(), calm())

    assert outcome.failure.startswith("crash: AssertionError: an input was quarantined, Heard: Key")


def test_a_trace_tells_every_event_as_it_happens(monkeypatch):
    monkeypatch.setattr(space, "claims_of_others", lambda ctx, node: ())
    told = []

    outcome = run_seed(1, small(), calm(), told.append)

    assert told[-LINES_KEPT:] == outcome.last
    assert any("starts boot" in line for line in told)
