"""Heads: no plan's task begins sooner, and in plain cases it begins then."""

import random

import pytest

from lunaredge.kernels.schedule_heads import HEAD_S, LEAST_LATE, MISSED_LATE, SHORT_S
from lunaredge.kernels.schedule_sheet import NEVER
from lunaredge.placement.check import check
from lunaredge.placement.engine import Planner
from lunaredge.placement.problem import After, Charger, Current, Setup, Window
from lunaredge.placement.scope import Outset
from lunaredge.placement.sheet import board_of, numbers_of, sheet_of
from tests.placement.problems import random_problem
from tests.placement.yard import ROADS, board, dig, job, rover, site


def heads(problem, travel=ROADS):
    """Give the heads of a problem's tasks by their ids."""
    sheet = sheet_of(problem, travel, numbers_of(problem, travel))
    found = Outset.of(sheet, board_of(problem, sheet)).heads
    return {task.id: found[t].tolist() for t, task in enumerate(problem.tasks)}


@pytest.mark.parametrize("first_seed", range(0, 600, 200))
def test_no_task_of_a_plan_begins_before_its_head(first_seed):
    for seed in range(first_seed, first_seed + 200):
        rng = random.Random(seed)
        problem, travel = random_problem(rng, rng.randint(1, 9), rng.randint(1, 5))
        planner = Planner(check(problem, travel), travel, seed=1)
        planner.improve(steps=10)

        found = heads(problem, travel)

        for item in planner.plan().placed:
            assert item.start_s >= found[item.task][HEAD_S], (seed, item)
            assert item.end_s - item.start_s >= found[item.task][SHORT_S], (seed, item)


NIGHT = (Window(from_s=2, until_s=30),)
RUNS = Current(node="r", left_s=9, left_j=0, is_fixed=True)
CASES = {
    "way": (site(dig(), rover()), 3),
    "the first of two": (site(dig(), rover("r", ready_s=9), rover("s", place=1)), 0),
    "way by a charger": (site(dig(place=2), rover(place=1), chargers=(Charger(place=2),)), 2),
    "set-up": (
        site(
            *(dig(family="y"), rover(family="x")),
            setups=(Setup(source="x", target="y", duration_s=1),),
        ),
        4,
    ),
    "a needed charge": (site(dig(), rover(charge_j=20), chargers=(Charger(place=1),)), 3 + 8),
    "release": (site(dig(release_s=7), rover()), 7),
    "light": (site(dig(needs_light=True), rover(), darkness=NIGHT), 30),
    "order": (site(job("b"), dig(after=(After(task="b", lag_s=2),)), board(), rover()), 6),
    "behind what is fixed": (
        site(dig("b", current=RUNS), dig(after=(After(task="b"),)), rover()),
        9,
    ),
    "partner": (site(job("b", meets="a"), dig(), board(ready_s=8), rover()), 8),
    "no node": (site(dig(), board()), NEVER),
    "too late": (site(dig(latest_s=6), rover()), NEVER),
    "a partner too late": (site(job("b", latest_s=6, meets="a"), dig(), board(), rover()), NEVER),
}


@pytest.mark.parametrize("name", CASES)
def test_a_task_can_begin_at_its_head(name):
    problem, expected_s = CASES[name]

    assert heads(problem)["a"][HEAD_S] == expected_s


def test_what_no_plan_places_counts_as_left_out():
    found = heads(site(dig(due_s=20, weight=3), board()))["a"]

    assert found[LEAST_LATE] == found[MISSED_LATE] == 3 * (200 - 20)
