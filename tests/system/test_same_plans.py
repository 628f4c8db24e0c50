"""The same problem, seed and steps give the same plan in every process."""

import os
import subprocess
import sys
from pathlib import Path

PLANS = """
import random
from lunaredge.placement import engine
from tests.placement.problems import random_problem

for seed in range(6):
    problem, travel = random_problem(random.Random(seed), 12, 5)
    for units_max in (0, 400):
        engine._LISTS_UNITS_MAX = units_max
        planner = engine.Planner(problem, travel, seed=seed)
        planner.improve(steps=60)
        print(planner.plan())
"""


def test_two_processes_give_the_same_plans_whatever_their_hashes_are() -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-c", PLANS],
            env={**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for hashes in ("1", "12345")
    ]

    assert printed[0].count("Plan(") == 12
    assert printed[0] == printed[1]
