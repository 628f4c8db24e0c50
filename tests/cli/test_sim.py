import json
import os
import subprocess
import sys

import pytest

from lunaredge.cli.main import main

SEED = "3"
KEYS = {"seeds", "passed", "failed", "virtual_s", "wall_s", "events", "digest"}


def simulated(hash_seed: str) -> dict[str, object]:
    """Give what another process says of the seed."""
    done = subprocess.run(
        [sys.executable, "-m", "lunaredge", "sim", "--seed", SEED, "--json"],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
        timeout=120.0,
    )
    document: dict[str, object] = json.loads(done.stdout)
    return document


@pytest.mark.slow
def test_a_seed_is_the_same_run_whatever_the_order_of_hashes() -> None:
    first, second = simulated("0"), simulated("12345")

    assert first.keys() == KEYS
    assert first["passed"] == first["seeds"] == 1
    assert first["digest"] == second["digest"]


@pytest.mark.parametrize(
    "words",
    [
        ["--seeds", "0"],
        ["--scenario", "no/x"],
        ["--seeds", "2", "--seed", "3"],
        ["--seed-base", "2", "--seed", "3"],
    ],
)
def test_what_cannot_be_run_is_bad_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["sim", *words])

    assert code == 2
    assert capsys.readouterr().out == ""
