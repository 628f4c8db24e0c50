"""The bound: never above the best plan, on it in plain cases, and each constraint is felt."""

import random

import pytest

from lunaredge.cli.bench.placement_site_scene import site_instance
from lunaredge.placement.bound import lower_bound
from lunaredge.placement.check import check
from lunaredge.placement.engine import Planner
from lunaredge.placement.plan import Score
from lunaredge.placement.problem import (
    After,
    Ceiling,
    Charger,
    Current,
    Problem,
    Resources,
    Setup,
    Window,
)
from lunaredge.placement.sheet import board_of, numbers_of, sheet_of
from lunaredge.placement.travel import Travel
from tests.placement.brute import TooLarge, best_plan
from tests.placement.problems import random_problem
from tests.placement.yard import ROADS, board, dig, job, rover, site

ONE_CORE = Resources(cpu_mcores=1)
POST = (Charger(place=2),)
NIGHT = (Window(from_s=0, until_s=30),)
LONG = 2_000


def bound(problem: Problem, travel: Travel = ROADS, rounds: int = LONG) -> Score:
    sheet = sheet_of(problem, travel, numbers_of(problem, travel))
    return lower_bound(sheet, board_of(problem, sheet), lambda: False, rounds)


@pytest.mark.parametrize("first_seed", range(0, 400, 50))
def test_no_plan_of_a_tiny_problem_is_better_than_its_bound(first_seed):
    for seed in range(first_seed, first_seed + 50):
        rng = random.Random(seed)
        problem, travel = random_problem(rng, rng.randint(1, 4), rng.randint(1, 3))
        try:
            best = best_plan(problem, travel, 2_000)
        except TooLarge:
            continue
        least = bound(problem, travel)

        assert least <= best.score, seed


def test_most_bounds_of_tiny_problems_are_the_best_plans():
    reached = count = 0
    for seed in range(1_000, 1_100):
        rng = random.Random(seed)
        problem, travel = random_problem(rng, rng.randint(1, 4), rng.randint(1, 3))
        try:
            best = best_plan(problem, travel, 2_000)
        except TooLarge:
            continue

        count += 1
        reached += bound(problem, travel).late_s == best.score.late_s

    assert count > 80
    assert reached >= 0.95 * count


@pytest.mark.parametrize("first_seed", range(0, 2_000, 500))
def test_no_plan_that_is_found_is_better_than_the_bound(first_seed):
    for seed in range(first_seed, first_seed + 500):
        rng = random.Random(seed)
        problem, travel = random_problem(rng, rng.randint(3, 9), rng.randint(1, 5))
        planner = Planner(check(problem, travel), travel, seed=1)
        planner.improve(steps=20)
        assert bound(problem, travel, 200) <= planner.score, seed


@pytest.mark.parametrize("seed", range(1, 6))
def test_on_small_sites_the_bound_is_close_below_a_plan(seed):
    problem, travel = site_instance((20, 5), seed)
    planner = Planner(problem, travel, seed=1)
    planner.improve(steps=3_000)

    least = bound(problem, travel, 30_000)

    assert least.late_s <= planner.score.late_s
    assert least.late_s >= 0.85 * planner.score.late_s


def test_charges_that_share_the_bus_are_tried_in_either_order():
    # The search once took them as independent, and its bound was above a plan.
    problem, travel = site_instance((20, 5), 29)
    planner = Planner(problem, travel, seed=1)
    planner.improve(steps=3_000)

    assert bound(problem, travel, 100_000).late_s <= planner.score.late_s


def test_without_tasks_nothing_is_late_and_nothing_costs():
    assert bound(site(board())) == Score(late_s=0, cost_j=0)


def test_without_nodes_all_is_late_and_nothing_costs():
    assert bound(site(job())) == Score(late_s=200, cost_j=0)


def test_one_task_alone_is_known_exactly():
    problem = site(dig(end_place=3), rover(), travel_j_s=2)

    assert bound(problem) == Score(late_s=7, cost_j=20 + 5 + 2 * 3)


def test_a_task_is_left_out_where_two_have_no_room():
    tasks = [job(name, needs=ONE_CORE, latest_s=7) for name in "ab"]

    assert bound(site(*tasks, board(has=ONE_CORE))).late_s == 4 + 200


def test_of_all_that_may_be_left_out_only_so_much_saves_anything():
    in_turn = [job(name, needs=ONE_CORE, due_s=4) for name in ("a", "b")]
    # Left out each adds three seconds, and four is what the plan is late by.
    at_leisure = [job(name, due_s=197) for name in ("c", "d")]

    found = bound(site(*in_turn, *at_leisure, board(has=ONE_CORE)))

    assert found == Score(late_s=4, cost_j=4 * 8 - 8 * 4 // 3)


def test_with_what_is_left_out_goes_all_that_waits_for_it():
    in_turn = [job(name, needs=ONE_CORE, due_s=4) for name in ("a", "b")]
    first, last = job("c", due_s=197), job("d", due_s=197, after=(After(task="c"),))

    found = bound(site(*in_turn, first, last, board(has=ONE_CORE)))

    # Of both only the last may be left out: both add six seconds, and four are to spare.
    assert found == Score(late_s=4, cost_j=3 * 8)


def test_what_may_be_left_out_costs_nothing():
    # Even left out it is not late.
    at_leisure = job(due_s=200)

    assert bound(site(at_leisure, board())) == Score(late_s=0, cost_j=0)


def test_what_waits_for_a_search_begins_behind_it():
    problem = site(dig("a"), dig("b"), job("c", after=(After(task="b"),)), rover(), board())

    assert bound(problem).late_s == best_plan(problem, ROADS).score.late_s


CASES = {
    "room": (site(job("a", needs=ONE_CORE), job("b", needs=ONE_CORE), board(has=ONE_CORE)), {}),
    "machine": (site(dig("a"), dig("b"), dig("c"), rover()), {}),
    "post": (
        site(dig("a"), dig("b"), rover("r", charge_j=25), rover("s", charge_j=25), chargers=POST),
        {"chargers": (Charger(place=2, posts=2),)},
    ),
    "bus of charges": (
        site(
            *(dig("a"), dig("b"), rover("r", charge_j=25), rover("s", charge_j=25)),
            chargers=(Charger(place=2, posts=2),),
            bus=(Ceiling(from_s=0, power_w=10),),
        ),
        {"bus": ()},
    ),
    "bus of computers": (
        site(job("a"), job("b"), board(), bus=(Ceiling(from_s=0, power_w=3),)),
        {"bus": ()},
    ),
    "ceiling": (
        site(
            *(dig("a"), rover("r", charge_j=20)),
            chargers=POST,
            bus=(Ceiling(from_s=0, power_w=5), Ceiling(from_s=40, power_w=10)),
        ),
        {"bus": ()},
    ),
    "light": (site(dig(needs_light=True), rover(), darkness=NIGHT), {"darkness": ()}),
    "reserve in the dark": (
        site(dig(), rover(charge_j=60, reserve_dark_j=50), chargers=POST, darkness=NIGHT),
        {"darkness": ()},
    ),
    "heat before a charge": (
        site(dig(), rover(charge_j=60, heat_w=6), chargers=POST, darkness=NIGHT),
        {"darkness": ()},
    ),
    "set-up": (
        site(
            *(dig("a", family="x"), dig("b", family="y"), rover(family="x")),
            setups=(Setup(source="x", target="y", duration_s=9),),
        ),
        {"setups": ()},
    ),
    "charge": (site(dig("a"), dig("b"), rover(charge_j=50), chargers=POST), {"chargers": ()}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_constraint_that_makes_tasks_late_is_in_the_bound(name):
    problem, _ = CASES[name]

    assert bound(problem).late_s == best_plan(problem, ROADS).score.late_s


@pytest.mark.parametrize("name", [name for name, (_, changes) in CASES.items() if changes])
def test_each_such_constraint_changes_the_bound(name):
    problem, changes = CASES[name]
    fields = {key: getattr(problem, key) for key in problem.__struct_fields__}

    assert bound(Problem(**(fields | changes))).late_s != bound(problem).late_s


def test_heat_of_work_in_the_dark_forces_another_charge():
    night = (Window(from_s=15, until_s=90),)
    parts = (dig("a"), dig("b"), rover(charge_j=25, heat_w=6))

    late_s = bound(site(*parts, chargers=POST, darkness=night)).late_s

    assert late_s > bound(site(*parts, chargers=POST)).late_s
    assert late_s <= best_plan(site(*parts, chargers=POST, darkness=night), ROADS).score.late_s


def test_a_hand_over_waits_for_the_later_of_both():
    problem = site(dig("a", meets="b"), job("b"), rover(), board(ready_s=20))

    assert bound(problem).late_s == 24 + 24


def test_what_is_fixed_takes_room_until_it_ends():
    runs = Current(node="b", left_s=9, left_j=5, is_fixed=True)
    problem = site(
        job("a", needs=ONE_CORE, current=runs), job("b", needs=ONE_CORE), board(has=ONE_CORE)
    )

    assert bound(problem) == Score(late_s=9 + 13, cost_j=5 + 8)


def test_a_bound_gets_no_worse_with_more_time():
    problem, travel = site_instance((20, 5), 1)

    found = [bound(problem, travel, rounds).late_s for rounds in (0, 10, 100, 1_000)]

    assert found == sorted(found)
    assert found[0] < found[-1]


def test_where_it_is_over_at_once_heads_are_the_bound():
    problem = site(dig("a"), dig("b"), rover())
    sheet = sheet_of(problem, ROADS, numbers_of(problem, ROADS))

    least = lower_bound(sheet, board_of(problem, sheet), lambda: True, LONG)

    assert least.late_s == 7 + 7


def test_the_same_rounds_give_the_same_bound():
    problem, travel = site_instance((20, 5), 3)

    assert bound(problem, travel, 500) == bound(problem, travel, 500)


def test_a_large_site_has_a_bound_from_its_heads():
    problem, travel = site_instance((200, 50), 1)
    planner = Planner(problem, travel, seed=1)

    least = bound(problem, travel)

    assert 0 < least.late_s <= planner.score.late_s
