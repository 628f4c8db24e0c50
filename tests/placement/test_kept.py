"""Plans taken up again: what keeps every rule is kept to the second, whoever made it."""

import random

import pytest
from msgspec.structs import replace

from lunaredge.errors import ConfigError
from lunaredge.placement.engine import Planner
from lunaredge.placement.live import LivePlan
from lunaredge.placement.plan import Charge
from tests.placement.brute import TooLarge, best_plan
from tests.placement.judge import violations
from tests.placement.problems import random_problem


def test_the_best_plan_of_another_search_is_taken_up_as_it_is():
    taken_count = 0
    for seed in range(60):
        dice = random.Random(f"another search {seed}")
        problem, travel = random_problem(dice, dice.randrange(1, 5), dice.randrange(1, 4))
        try:
            plan = best_plan(problem, travel)
        except TooLarge:
            continue

        live = LivePlan(problem, travel, plan)

        assert live.score == plan.score
        assert violations(problem, travel, live.plan()) == []
        taken_count += 1
    assert taken_count > 30


def spoilt_charge(dice, charge, shift_s):
    if charge is None:
        return Charge(place=77, begin_s=0, end_s=1, energy_j=1)
    key = dice.choice(("begin_s", "end_s", "place"))
    return replace(charge, **{key: getattr(charge, key) + shift_s})


def spoilt(dice, plan, problem):
    """Give a plan with one task put off, hastened, elsewhere, or without its charge."""
    k = dice.randrange(len(plan.placed))
    item, shift_s = plan.placed[k], dice.choice((-7, -2, -1, 1, 2, 9))
    node = dice.choice(problem.nodes).id
    changed = dice.choice(
        (
            replace(item, start_s=item.start_s + shift_s, end_s=item.end_s + shift_s),
            replace(item, end_s=item.end_s + shift_s),
            replace(item, node=node),
            replace(item, charge=None),
            replace(item, charge=spoilt_charge(dice, item.charge, shift_s)),
        )
    )
    return replace(plan, placed=(*plan.placed[:k], changed, *plan.placed[k + 1 :]))


@pytest.mark.parametrize("batch", range(4))
def test_a_plan_is_taken_up_only_if_it_keeps_every_rule(batch):
    refused_count = 0
    for seed in range(150):
        dice = random.Random(f"spoilt {batch} {seed}")
        problem, travel = random_problem(dice, dice.randrange(1, 14), dice.randrange(1, 6))
        plan = Planner(problem, travel).plan()
        if not plan.placed:
            continue
        wrong = spoilt(dice, plan, problem)

        try:
            live = LivePlan(problem, travel, wrong)
        except ConfigError:
            assert violations(problem, travel, wrong) != []
            refused_count += 1
        else:
            assert violations(problem, travel, live.plan()) == []

    assert 30 < refused_count < 150
