"""Machines that are carried into somebody's way: who must stop short does, the job is done."""

import pytest
from msgspec.structs import replace

from lunaredge.sim.options import FaultOptions, calm
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import small

pytestmark = pytest.mark.slow

CARRIED = replace(
    calm(), faults=FaultOptions(carry_s=120.0), safety_s=1_500.0, authority_lifetime_s=300.0
)
SEEDS = range(1, 5)


def test_authorities_are_shortened_before_who_was_carried_and_everybody_leaves_again():
    told = []

    outcomes = [run_seed(seed, small(), CARRIED, told.append) for seed in SEEDS]

    assert [outcome.failure for outcome in outcomes] == [""] * len(SEEDS)
    assert sum("is carried into" in line for line in told) >= 2 * len(SEEDS)
    assert sum("authority.shortened" in line for line in told) >= 2 * len(SEEDS)
    assert any("goes blind where it was put" in line for line in told)
