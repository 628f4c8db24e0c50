"""The planner against the independent judge, the brute-force twin, and its promises."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace

from lunaredge.errors import ConfigError
from lunaredge.placement.engine import Planner
from lunaredge.placement.plan import Plan, Score
from lunaredge.placement.problem import Charger
from tests.placement.brute import TooLarge, best_plan
from tests.placement.judge import violations
from tests.placement.problems import problems, random_problem
from tests.placement.yard import ROADS, board, dig, job, rover, site

# A tenth of the random sites each; what is drawn from a seed is the same on every run.
BATCHES = range(20)
BATCH_SITES = 500


def planned(problem, travel, steps, **how) -> Plan:
    planner = Planner(problem, travel, **how)
    planner.improve(steps=steps)
    return planner.plan()


@pytest.mark.parametrize("batch", BATCHES)
def test_ten_thousand_plans_keep_every_rule(batch):
    for seed in range(batch * BATCH_SITES, (batch + 1) * BATCH_SITES):
        dice = random.Random(seed)
        problem, travel = random_problem(dice, dice.randrange(9), dice.randrange(6))

        plan = planned(problem, travel, 25)

        assert violations(problem, travel, plan) == [], seed


@given(problems())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_drawn_plans_keep_every_rule(drawn):
    problem, travel = drawn

    plan = planned(problem, travel, 50)

    assert violations(problem, travel, plan) == []


@pytest.mark.parametrize("seed", range(40))
def test_plans_of_tens_of_tasks_keep_every_rule(seed):
    problem, travel = random_problem(random.Random(f"tens {seed}"), 40, 12)

    plan = planned(problem, travel, 200)

    assert violations(problem, travel, plan) == []


def test_no_plan_of_a_tiny_site_is_better_than_the_best_and_nearly_all_are_it():
    best_count = site_count = 0
    for seed in range(300):
        dice = random.Random(f"tiny {seed}")
        problem, travel = random_problem(dice, dice.randrange(1, 5), dice.randrange(1, 4))
        try:
            best = best_plan(problem, travel, looks_max=4_000).score
        except TooLarge:
            continue
        site_count += 1

        found = planned(problem, travel, 300).score

        assert found >= best, seed
        best_count += found == best

    assert site_count > 250
    assert best_count >= 0.97 * site_count


def test_the_same_seed_and_steps_give_the_same_plan():
    problem, travel = random_problem(random.Random("same"), 30, 8)

    one, other = (planned(problem, travel, 500, seed=7) for _ in range(2))

    assert one == other


def test_more_steps_never_make_a_plan_worse_and_often_better():
    gained_count = 0
    for seed in range(10):
        problem, travel = random_problem(random.Random(f"more {seed}"), 30, 8)
        planner = Planner(problem, travel)
        scores = [planner.score]

        for _ in range(10):
            planner.improve(steps=50)
            scores.append(planner.score)

        assert scores == sorted(scores, reverse=True)
        gained_count += scores[-1] < scores[0]
    assert gained_count >= 5


@pytest.mark.parametrize("batch", range(4))
def test_a_plan_to_start_with_is_kept_to_the_second_if_nothing_better_is_found(batch):
    for seed in range(60):
        dice = random.Random(f"warm {batch} {seed}")
        problem, travel = random_problem(dice, dice.randrange(2, 20), dice.randrange(1, 7))
        good = planned(problem, travel, dice.choice((1, 50, 400)))

        warm = Planner(problem, travel, start=good).plan()

        assert warm == good or warm.score < good.score
        assert violations(problem, travel, warm) == []


def test_what_no_longer_holds_of_a_plan_to_start_with_is_made_anew():
    for seed in range(200):
        dice = random.Random(f"no longer {seed}")
        problem, travel = random_problem(dice, dice.randrange(2, 20), dice.randrange(1, 7))
        other = random_problem(dice, len(problem.tasks), len(problem.nodes))
        wrong = planned(*other, 1)

        plan = Planner(problem, travel, start=wrong).plan()

        assert violations(problem, travel, plan) == []


def test_the_posts_of_chargers_at_one_place_are_counted_together():
    machines = [rover(name, charge_j=20, charge_w=1) for name in ("r", "s", "t")]
    digs = [dig(name, only_on=(node.id,)) for name, node in zip("abc", machines, strict=True)]
    apart = site(*digs, *machines, chargers=(Charger(place=0), Charger(place=0)), horizon_s=1_000)
    together = replace(apart, chargers=(Charger(place=0, posts=2),))

    assert planned(apart, ROADS, 100) == planned(together, ROADS, 100)


@pytest.mark.parametrize(
    ("how", "key"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": "a"}, "seed"),
        ({"seed": True}, "seed"),
        ({"start": "x"}, "start"),
    ],
)
def test_a_wrong_argument_is_named(how, key):
    with pytest.raises(ConfigError) as raised:
        Planner(site(), ROADS, **how)

    assert raised.value.key == key


def test_a_search_without_an_end_is_refused():
    planner = Planner(site(job(), board()), ROADS)

    for how in ({}, {"steps": -1}, {"steps": 0.5}):
        with pytest.raises(ConfigError, match="steps"):
            planner.improve(**how)
    with pytest.raises(ConfigError, match="rounds"):
        planner.bound(rounds=-1)


def test_an_empty_site_has_an_empty_plan():
    for problem in (site(), site(board()), site(rover())):
        assert planned(problem, ROADS, 10) == Plan(
            placed=(), unplaced=(), score=Score(late_s=0, cost_j=0)
        )


def test_without_nodes_nothing_is_placed():
    plan = planned(site(job("a"), job("b")), ROADS, 10)

    assert plan.unplaced == ("a", "b")
    assert plan.score == Score(late_s=400, cost_j=0)


def test_one_node_does_everything_in_turn():
    plan = planned(
        site(*(job(f"j{k}", due_s=0) for k in range(20)), rover(), board("b"), horizon_s=1_000),
        ROADS,
        100,
    )

    assert plan.unplaced == ()
    assert {item.start_s for item in plan.placed} == {0}


def test_ties_go_to_the_earlier_node():
    nodes = [board(name) for name in ("c", "a", "b")]

    plan = planned(site(job(), *nodes), ROADS, 50)

    assert plan.placed[0].node == "c"


def test_it_is_over_when_the_caller_says():
    problem, travel = random_problem(random.Random("over"), 30, 8)
    looks = iter([False, False, True])
    planner = Planner(problem, travel)

    steps = planner.improve(lambda: next(looks))

    assert 0 < steps < 200


def test_what_there_was_no_time_for_is_not_placed_unless_the_plan_is_to_be_whole():
    problem = site(*(job(f"j{k}") for k in range(1_200)), board(), horizon_s=1_000_000)

    plan = Planner(problem, ROADS, is_over=lambda: True).plan()
    whole = Planner(problem, ROADS, is_over=lambda: True, is_whole=True).plan()

    assert violations(problem, ROADS, plan) == []
    assert 0 < len(plan.placed) < 500
    assert whole.unplaced == ()


def test_a_plan_of_an_older_state_is_taken_up_as_far_as_it_holds():
    problem, travel = random_problem(random.Random("older"), 20, 6)
    old = planned(problem, travel, 300)
    lost = problem.nodes[0].id
    newer = replace(problem, nodes=problem.nodes[1:])

    plan = Planner(newer, travel, start=old).plan()

    assert violations(newer, travel, plan) == []
    assert all(item.node != lost for item in plan.placed)
