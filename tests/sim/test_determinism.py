"""A seed is a promise: the same one gives the same run, in this process and in any other."""

import json
import os
import subprocess
import sys

import pytest

from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import standard

SEED = 3


def in_process_of_its_own(hash_seed: str) -> str:
    """Give the run's digest as another process finds it."""
    command = [sys.executable, "-m", "lunaredge", "sim", "--seed", str(SEED), "--json"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
        timeout=120.0,
    )
    digest: str = json.loads(done.stdout)["digest"]
    return digest


@pytest.mark.slow
def test_the_same_seed_gives_the_same_run_twice_and_another_one_does_not() -> None:
    first = run_seed(SEED, standard())
    second = run_seed(SEED, standard())
    other = run_seed(SEED + 1, standard())

    assert first.ok, first.failure
    assert first.digest == second.digest
    assert first.digest != other.digest


@pytest.mark.slow
def test_the_order_of_hashes_changes_nothing() -> None:
    assert in_process_of_its_own("0") == in_process_of_its_own("12345")
