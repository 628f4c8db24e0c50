"""Sites for the contest of placement: what is drawn, what CP-SAT makes of it, and the rows."""

import random

import msgspec
import pytest

from lunaredge.cli.bench import placement_site
from lunaredge.cli.bench.placement_site import Outcome, campaign, compared
from lunaredge.cli.bench.placement_site_cpsat import solve
from lunaredge.cli.bench.placement_site_scene import site_instance
from lunaredge.placement.problem import Level
from tests.placement.brute import best_plan
from tests.placement.judge import violations
from tests.placement.problems import random_problem

SMALL = (12, 5)


def nodes_of(problem, kind):
    return [node for node in problem.nodes if node.kind == kind]


def test_a_site_is_the_same_for_a_seed_and_another_for_another():
    problem, travel = site_instance((60, 20), 1)

    again, same_travel = site_instance((60, 20), 1)
    other, other_travel = site_instance((60, 20), 2)

    assert problem == again
    assert (travel.table == same_travel.table).all()
    assert problem != other
    assert (travel.table != other_travel.table).any()


@pytest.mark.parametrize("size", [(1, 5), (20, 5), (200, 50), (2_000, 200)])
def test_a_site_has_as_many_tasks_and_nodes_as_are_asked_for(size):
    problem, travel = site_instance(size, 3)

    places = [place for task in problem.tasks for place in (task.place, task.end_place)]
    assert (len(problem.tasks), len(problem.nodes)) == size
    assert len({task.id for task in problem.tasks}) == size[0]
    assert max((place for place in places if place is not None), default=0) < travel.place_count
    assert travel.place_count <= 256


def test_what_a_task_names_is_there():
    problem, _ = site_instance((200, 50), 2)

    tasks, nodes = {task.id for task in problem.tasks}, {node.id for node in problem.nodes}
    for task in problem.tasks:
        assert {after.task for after in task.after} <= tasks
        assert task.meets is None or task.meets in tasks
        assert {*task.only_on, *task.not_on} <= nodes
        assert task.current is None or task.current.node in nodes


def test_each_task_has_nodes_with_the_kind_tools_and_resources_for_it():
    problem, _ = site_instance((200, 50), 4)

    for task in problem.tasks:
        able = [
            node
            for mode in task.modes
            for node in nodes_of(problem, mode.kind)
            if set(task.capabilities) <= set(node.capabilities)
            and node.health_pct >= task.health_pct_min
            and node.id not in task.not_on
            and (not task.only_on or node.id in task.only_on)
        ]
        needs = msgspec.structs.asdict(task.needs)
        assert any(
            all(needs[name] <= getattr(node.has, name) for name in needs) for node in able
        ), task.id


def test_sites_have_everything_that_makes_placement_hard():
    problem, _ = site_instance((200, 50), 1)

    tasks = problem.tasks
    fixed = [task for task in tasks if task.current is not None and task.current.is_fixed]
    assert any(task.meets for task in tasks)
    assert any(task.needs_light for task in tasks)
    assert any(task.latest_s is not None for task in tasks)
    assert {task.apart.level for task in tasks if task.apart is not None} <= set(Level)
    assert any(task.apart is not None for task in tasks)
    assert len({task.current.node for task in fixed}) == len(fixed) > 0
    assert any(task.current is not None and task.current.left_s is None for task in tasks)
    assert problem.darkness
    assert min(ceiling.power_w for ceiling in problem.bus) * 2 <= problem.bus[0].power_w
    assert sum(charger.posts for charger in problem.chargers) * 2 < len(problem.nodes)


def test_travel_goes_around_hills():
    _, travel = site_instance((200, 50), 1)

    times_s = travel.table[:, :, :, 0]
    through = (times_s[0, :, :, None] + times_s[0, None, :, :]).min(axis=1)
    assert (travel.table >= 0).all()
    # Times are rounded up, each by itself.
    assert (times_s[0] <= through + 1).all()
    assert (times_s[0] != times_s[1]).any()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_plans_of_cp_sat_keep_every_rule(seed):
    pytest.importorskip("ortools")
    problem, travel = site_instance(SMALL, seed)

    plan, bound, status = solve(problem, travel, 3.0)

    assert plan is not None, status
    assert violations(problem, travel, plan) == []
    assert bound is not None
    assert bound <= plan.score


def test_plans_of_cp_sat_keep_every_rule_where_everything_is_tight():
    pytest.importorskip("ortools")
    for seed in range(40):
        dice = random.Random(seed)
        problem, travel = random_problem(dice, dice.randint(0, 6), dice.randint(1, 4))

        plan, bound, status = solve(problem, travel, 2.0)

        assert plan is not None, (seed, status)
        assert violations(problem, travel, plan) == [], seed
        assert bound is not None
        assert bound <= plan.score, seed


def test_no_plan_is_better_than_the_best_that_cp_sat_finds():
    pytest.importorskip("ortools")
    for seed in range(1_000, 1_020):
        dice = random.Random(seed)
        problem, travel = random_problem(dice, dice.randint(1, 3), dice.randint(1, 3))

        plan, bound, _ = solve(problem, travel, 2.0)

        assert plan is not None
        assert plan.score == bound == best_plan(problem, travel).score, seed


def test_cp_sat_plans_charges_where_batteries_are_low():
    pytest.importorskip("ortools")
    problem, travel = site_instance(SMALL, 1)
    low = tuple(
        node
        if node.machine is None
        else msgspec.structs.replace(
            node, machine=msgspec.structs.replace(node.machine, charge_j=node.machine.reserve_j)
        )
        for node in problem.nodes
    )
    drained = msgspec.structs.replace(problem, nodes=low)

    plan, _, status = solve(drained, travel, 3.0)

    assert plan is not None, status
    assert violations(drained, travel, plan) == []
    assert any(placed.charge is not None for placed in plan.placed)


def test_cp_sat_has_no_plan_where_there_is_no_time_to_build_its_model():
    pytest.importorskip("ortools")

    plan, bound, status = solve(*site_instance(SMALL, 1), 0.0)

    assert plan is None
    assert bound is None
    assert "no time" in status


def test_the_score_decides_by_tardiness_first():
    ours, theirs = Outcome((10, 500), (10, 400)), Outcome((21, 3), (0, 0), "FEASIBLE")

    rows = {row.metric: row for row in compared("20 x 5 #1", ours, theirs, "terms")}

    assert rows["late_s"].ratio == 2.0
    assert rows["cost_j"].ratio is None
    assert (rows["no_worse"].ours, rows["no_worse"].peer_value) == (1.0, 0.0)
    assert rows["gap_pct"].ours == 20.0
    assert rows["gap_pct"].peer_value == 100.0


def test_equal_tardiness_leaves_it_to_the_cost():
    ours, theirs = Outcome((0, 399), None), Outcome((0, 99), (0, 99), "OPTIMAL")

    rows = {row.metric: row for row in compared("200 x 50 #1", ours, theirs, "terms")}

    assert rows["late_s"].ratio == 1.0
    assert rows["cost_j"].ratio == 0.25
    assert (rows["no_worse"].ours, rows["no_worse"].peer_value) == (0.0, 1.0)
    assert "gap_pct" not in rows


def test_a_peer_without_a_plan_is_a_row_that_says_so():
    ours, theirs = Outcome((0, 399), (0, 399)), Outcome(None, None, "ortools is not installed")

    rows = list(compared("20 x 5 #1", ours, theirs, "terms"))

    assert {row.reason for row in rows} == {"ortools is not installed"}
    assert all(row.peer_value is None and row.ratio is None for row in rows)
    assert rows[0].ours == 0.0


def test_the_whole_campaign_has_thirty_sites_and_a_minute_for_each():
    whole, whole_s = campaign(placement_site.WHOLE_S)
    short, short_s = campaign(placement_site.SECONDS)
    hasty, hasty_s = campaign(4.0)

    assert (len(whole), whole_s) == (30, 60.0)
    assert (len(short), short_s) == (4, 20.0)
    assert (hasty, hasty_s) == (["20 x 5 #1"], 3.0)
    assert set(short) <= set(whole)
