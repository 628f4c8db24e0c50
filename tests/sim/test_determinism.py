"""A seed is a promise: the same one gives the same run (in other processes: tests/cli)."""

import pytest

from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import standard

SEED = 3


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_twice_and_another_one_does_not() -> None:
    first = run_seed(SEED, standard())
    second = run_seed(SEED, standard())
    other = run_seed(SEED + 1, standard())

    assert first.ok, first.failure
    assert first.digest == second.digest
    assert first.digest != other.digest
