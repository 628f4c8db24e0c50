"""A failing run is made small: with an oracle made up for the purpose, and once with a mutant."""

import pytest
from msgspec.structs import replace

from lunaredge.ids import NodeId
from lunaredge.sim.limits import NO_LIMITS, STEADY, Limits, Strike
from lunaredge.sim.options import FaultOptions, calm
from lunaredge.sim.run import Outcome, run_seed
from lunaredge.sim.scenario import small
from lunaredge.sim.shrink import shrink
from tests.sim.mutants import everybody_else_is_forgotten, silence_frees_ground
from tests.sim.test_determinism import SHORT
from tests.sim.weathers import PARTED

STRIKES = 40
SAFETY_S = 1_800.0
PERIOD_S = 40.0


class Oracle:
    """Runs with a strike every 40 s; they fail by their strikes, weather and length alone."""

    def __init__(self, needed=(), *, needs_loss=False, until_s=0.0, other=None):
        self.needed, self.needs_loss, self.until_s, self.other = needed, needs_loss, until_s, other
        self.runs = []

    def __call__(self, limits):
        self.runs.append(limits)
        safety_s = SAFETY_S if limits.until_s is None else limits.until_s
        struck = [
            Strike(number=n, kind="cut", target=NodeId("x"), what="is cut off", at_s=n * PERIOD_S)
            for n in range(1, STRIKES + 1)
            if limits.lets(n) and n * PERIOD_S < safety_s
        ]
        numbers = {strike.number for strike in struck}
        fails = set(self.needed) <= numbers and safety_s >= self.until_s
        fails = fails and not (self.needs_loss and "loss" in limits.without)
        failure = "I3: deep" if fails else ""
        if self.other is not None and self.other not in numbers:
            failure = "I6: forged"
        return outcome(failure, struck, limits, safety_s)


def outcome(failure, struck, limits, safety_s):
    return Outcome(
        seed=1,
        ok=not failure,
        digest="",
        events=1,
        virtual_s=safety_s + 100.0,
        faults=len(struck),
        attacks=0,
        interventions=0,
        separation_m_min=1.0,
        invariants={},
        failure=failure,
        strikes=struck,
        steady=[name for name in STEADY if name not in limits.without],
        safety_s=safety_s,
    )


def shrunk_by(oracle, **more):
    return shrink(oracle(NO_LIMITS), NO_LIMITS, oracle, **more)


def test_only_the_faults_that_a_failure_needs_are_left():
    oracle = Oracle((3, 9, 31))

    shrunk = shrunk_by(oracle)

    assert shrunk.limits.only == (3, 9, 31)
    assert shrunk.is_least
    assert shrunk.runs == len(oracle.runs) - 1 < 100


def test_a_failure_that_needs_no_fault_is_shown_without_any_in_calm_weather_and_at_once():
    shrunk = shrunk_by(Oracle())

    assert shrunk.limits == Limits(only=(), until_s=0.0, without=tuple(STEADY))
    assert shrunk.runs <= 3


def test_the_weather_that_a_failure_needs_stays():
    shrunk = shrunk_by(Oracle((5,), needs_loss=True))

    assert set(STEADY) - set(shrunk.limits.without) == {"loss"}
    assert shrunk.outcome.steady == ["loss"]


def test_the_phase_of_faults_is_no_longer_than_it_must():
    shrunk = shrunk_by(Oracle((2,), until_s=411.4))

    assert shrunk.limits.until_s == 412.0


def test_another_invariant_is_another_story():
    shrunk = shrunk_by(Oracle((3, 9), other=20))

    assert shrunk.limits.only == (3, 9, 20)
    assert shrunk.outcome.breach == "I3"


def test_what_is_shown_is_what_its_limits_give():
    oracle = Oracle((3, 9), needs_loss=True, until_s=700.0)

    shrunk = shrunk_by(oracle)

    again = oracle(shrunk.limits)
    assert again == shrunk.outcome
    assert not again.ok


def test_the_runs_and_the_time_are_bounded_and_the_best_so_far_is_given():
    few = shrunk_by(Oracle((3, 9, 31)), runs_max=4)
    none = shrunk_by(Oracle((3, 9, 31)), is_over=lambda: True)

    assert (few.runs, few.is_least) == (4, False)
    assert {3, 9, 31} <= set(few.limits.only)
    assert (none.runs, none.is_least) == (0, False)
    assert none.limits.only == tuple(range(1, STRIKES + 1))


def test_a_replay_is_shrunk_further_from_its_own_limits():
    oracle = Oracle((3,))
    limits = Limits(only=(3, 4, 5), without=("drift",), until_s=600.0)

    shrunk = shrink(oracle(limits), limits, oracle)

    assert shrunk.limits.only == (3,)
    assert "drift" in shrunk.limits.without
    assert all(set(run.only) <= {3, 4, 5} for run in oracle.runs)


STORMY = replace(
    calm(),
    faults=FaultOptions(cut_s=60.0, kill_broker_s=200.0, kill_gateway_s=100.0, down_s_max=100.0),
    site=replace(calm().site, duplicate_ratio=0.1),
    safety_s=1_500.0,
)


def test_the_faults_let_happen_are_those_of_the_whole_run_and_all_of_them_make_it():
    phase = Limits(until_s=300.0)
    whole = run_seed(5, SHORT, STORMY, limits=phase)
    numbers = tuple(strike.number for strike in whole.strikes)

    again = run_seed(5, SHORT, STORMY, limits=replace(phase, only=numbers))
    some = run_seed(5, SHORT, STORMY, limits=replace(phase, only=numbers[::2]))

    assert len(numbers) > 4
    assert again == whole
    assert some.strikes == whole.strikes[::2]


@pytest.mark.slow
def test_a_missing_protection_is_shown_with_one_fault(monkeypatch):
    silence_frees_ground(monkeypatch)

    def run(limits):
        return run_seed(1, small(), PARTED, limits=limits)

    shrunk = shrink(run(NO_LIMITS), NO_LIMITS, run)

    assert shrunk.outcome.breach == "I3"
    assert len(shrunk.limits.only) == 1
    assert shrunk.outcome.strikes[0].kind == "cut"
    assert run(shrunk.limits) == shrunk.outcome


def test_what_fails_in_any_weather_is_shown_without_faults(monkeypatch):
    everybody_else_is_forgotten(monkeypatch)

    def run(limits):
        return run_seed(1, small(), STORMY, limits=limits)

    shrunk = shrink(run(NO_LIMITS), NO_LIMITS, run)

    assert shrunk.limits.only == ()
    assert shrunk.limits.until_s == 0.0
    assert shrunk.outcome.breach == "I3"
