"""Seeds that failed once pass now."""

import tomllib
from pathlib import Path

import pytest

from lunaredge.sim.options import calm
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import SCENARIOS

ROWS = tomllib.loads(Path(__file__).with_name("regressions.toml").read_text("utf-8"))["seed"]


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"seed {row['seed']}")
def test_a_seed_that_failed_once_passes(row):
    options = calm() if row.get("calm") else None

    outcome = run_seed(row["seed"], SCENARIOS[row.get("scenario", "small")](), options)

    assert outcome.ok, outcome.failure


def test_every_regression_tells_its_history():
    assert all(row["history"].endswith(".") for row in ROWS)
