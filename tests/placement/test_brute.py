"""The planner's twin: it finds what one sees to be best, and nothing at any second is better."""

import random
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from lunaredge.placement.plan import Charge, Placed, Score
from lunaredge.placement.problem import After, Charger, Current, Node, Problem, Resources
from lunaredge.placement.travel import Travel
from tests.placement.brute import Hold, TooLarge, best_plan, charge_of, landed
from tests.placement.case import Case, followed, lost_j, way, work
from tests.placement.judge import violations
from tests.placement.problems import random_problem
from tests.placement.yard import ROADS, board, dig, job, plan_of, rover, site


def test_nothing_is_placed_where_there_is_nothing():
    assert best_plan(site(), Travel()).score == Score(late_s=0, cost_j=0)
    assert best_plan(site(job()), ROADS).unplaced == ("a",)


def test_the_more_urgent_task_goes_first():
    tasks = [job("a", needs=Resources(tools=1)), job("b", needs=Resources(tools=1), weight=2)]

    plan = best_plan(site(*tasks, board(has=Resources(tools=1))), ROADS)

    assert [item.start_s for item in plan.placed] == [4, 0]
    assert plan.score == Score(late_s=8 + 2 * 4, cost_j=16)


def test_no_move_is_made_for_nothing():
    task = job(current=Current(node="c", move_j=1))

    plan = best_plan(site(task, board(), board("c")), ROADS)

    assert plan.placed[0].node == "c"


def test_a_machine_charges_where_it_must_and_only_there():
    rich, poor = rover(charge_j=39), rover(charge_j=38)
    chargers = (Charger(place=2, posts=2),)

    plans = [best_plan(site(dig(), node, chargers=chargers), ROADS) for node in (rich, poor)]

    # Travel takes 5 J, the task 20; a reserve of 10 J and a way home of 4 must be left.
    assert plans[0].placed[0].charge is None
    assert plans[1].placed[0].charge == Charge(place=2, begin_s=6, end_s=14, energy_j=71)


def test_a_charge_waits_until_it_will_last_for_the_task():
    # 100 J last for 20 J of work, 5 J of travel, the reserve of 10 J, and 60 s of waiting.
    node, task = rover(charge_j=50), dig(release_s=90, end_place=1)

    plan = best_plan(site(task, node, chargers=(Charger(place=0),), horizon_s=200), ROADS)

    item = plan.placed[0]
    assert item.charge is not None
    assert (item.start_s, item.level_j) == (90, 15)
    assert item.charge.begin_s > 0


def test_one_waits_for_another_that_meets_or_comes_before():
    tasks = (job("a", meets="b"), job("b", release_s=7), job("c", after=(After(task="a"),)))

    plan = best_plan(site(*tasks, board(), board("c")), ROADS)

    assert [item.start_s for item in plan.placed] == [7, 7, 11]
    assert plan.placed[0].node != plan.placed[1].node


def test_it_says_when_a_problem_is_too_large():
    tasks = [job(f"t{index}") for index in range(4)]

    with pytest.raises(TooLarge):
        best_plan(site(*tasks, board(), board("c")), ROADS, looks_max=10)


@pytest.mark.parametrize("seed", range(60))
def test_nothing_that_one_task_can_do_at_any_second_is_better(seed):
    problem, travel = random_problem(random.Random(seed), 1, 1 + seed % 3)
    tasks = [replace(t, current=None) for t in problem.tasks]
    problem = replace(problem, tasks=tuple(tasks), horizon_s=min(problem.horizon_s, 16))

    best = best_plan(problem, travel)

    plans = [plan_of(problem, *items) for items in everything(problem, travel)]
    valid = [plan.score for plan in plans if not violations(problem, travel, plan)]
    assert min(valid) == best.score


def everything(problem: Problem, travel: Travel) -> Iterator[tuple[Placed, ...]]:
    """Give no items, and the one of the task on each node, at each second, with each charge."""
    yield ()
    task, case = problem.tasks[0], Case.of_plan(problem, travel, plan_of(problem))
    for node in problem.nodes:
        if work(task, node) is None or (node.machine is not None and task.place is None):
            continue
        for hold in (None, *holds(case, node)):
            for start_s in range(0 if hold is None else hold.charge.end_s, problem.horizon_s):
                yield (landed(case, task, node, start_s, hold),)


def holds(case: Case, node: Node) -> Iterator[Hold]:
    """Give a charge of a machine at each charger, at each second."""
    if node.machine is None:
        return
    stand = followed(case, node)[1]
    for charger in case.problem.chargers:
        there = way(case, node, stand.place, charger.place)
        for begin_s in range(stand.at_s, 0 if there is None else case.problem.horizon_s):
            lost = lost_j(case, node.machine, there or (0, 0), (stand.at_s, begin_s))
            lacks_j = node.machine.battery_j - stand.level_j + lost
            yield Hold(node, charge_of(charger, begin_s, lacks_j, node.machine.charge_w), set())
