"""A plan that is kept up: after every event it keeps every rule, and most of it stays as it was."""

import random

import pytest
from msgspec.structs import replace

from lunaredge.errors import ConfigError
from lunaredge.placement.engine import Planner
from lunaredge.placement.live import LivePlan
from tests.placement.judge import violations
from tests.placement.problems import random_problem
from tests.placement.yard import ROADS, board, job, rover, site


def planned(problem, travel, steps=100):
    planner = Planner(problem, travel)
    planner.improve(steps=steps)
    return planner.plan()


def drawn(seed, task_count=12, node_count=5):
    problem, travel = random_problem(random.Random(f"live {seed}"), task_count, node_count)
    # What is fixed on a node that is lost is a matter of its own.
    tasks = (
        replace(task, current=replace(task.current, is_fixed=False)) if task.current else task
        for task in problem.tasks
    )
    return replace(problem, tasks=tuple(tasks)), travel


def without(problem, *lost):
    return replace(problem, nodes=tuple(node for node in problem.nodes if node.id not in lost))


def test_a_plan_is_taken_up_as_it_is():
    for seed in range(200):
        problem, travel = drawn(seed)
        plan = planned(problem, travel)

        live = LivePlan(problem, travel, plan)

        assert live.score == plan.score
        assert violations(problem, travel, live.plan()) == []


@pytest.mark.parametrize("batch", range(10))
def test_after_nodes_are_lost_every_rule_is_kept(batch):
    for seed in range(50 * batch, 50 * batch + 50):
        problem, travel = drawn(seed)
        live = LivePlan(problem, travel, planned(problem, travel))
        lost: list[str] = []

        for node in random.Random(seed).sample(problem.nodes, 3):
            lost.append(node.id)
            live.lose(node.id)

            plan = live.plan()
            assert violations(without(problem, *lost), travel, plan) == [], seed


def test_a_node_that_comes_back_has_tasks_again():
    for seed in range(100):
        problem, travel = drawn(seed)
        live = LivePlan(problem, travel, planned(problem, travel))
        before = live.score
        node = problem.nodes[0].id
        live.lose(node)
        while_lost = live.score

        live.regain(node)

        assert violations(problem, travel, live.plan()) == []
        assert live.score <= while_lost
        assert while_lost >= before or live.score <= before


def test_a_due_time_that_moves_moves_little():
    for seed in range(100):
        problem, travel = drawn(seed)
        live = LivePlan(problem, travel, planned(problem, travel))
        task = problem.tasks[seed % len(problem.tasks)]
        due_s = task.due_s - 10

        live.move_due(task.id, due_s)

        tasks = (replace(one, due_s=due_s) if one is task else one for one in problem.tasks)
        newer = replace(problem, tasks=tuple(tasks))
        assert violations(newer, travel, live.plan()) == []


def test_what_the_event_does_not_touch_stays():
    jobs = [job(f"a{k}", only_on=("a",)) for k in range(3)]
    others = [job(f"b{k}", only_on=("b", "c")) for k in range(3)]
    problem = site(*jobs, *others, board("a"), board("b"), board("c"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    before = {item.task: item for item in live.plan().placed}

    taken = live.lose("b")

    after = {item.task: item for item in live.plan().placed}
    assert {after[one.id] for one in jobs} == {before[one.id] for one in jobs}
    assert all(after[name].node == "c" for name in taken)


def test_unknown_names_and_times_are_refused_and_change_nothing():
    problem = site(job("a"), board("b"), rover())
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    before = live.plan()

    for call in (
        lambda: live.lose("nobody"),
        lambda: live.regain("nobody"),
        lambda: live.move_due("nothing", 3),
        lambda: live.move_due("a", 1.5),
        lambda: live.move_due("a", 2**40),
    ):
        with pytest.raises(ConfigError):
            call()

    assert live.plan() == before
