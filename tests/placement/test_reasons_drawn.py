"""Reasons held against the judge and the planner, on drawn problems."""

import random

from hypothesis import given

from lunaredge.placement.plan import Placed, Plan
from lunaredge.placement.problem import Problem, is_fixed
from lunaredge.placement.reasons import why_not
from lunaredge.placement.refusals import Obstacles
from lunaredge.placement.replay import Replay, partners_of
from lunaredge.placement.travel import Travel
from tests.placement.judge import violations
from tests.placement.planned import planned
from tests.placement.problems import problems, random_problem
from tests.placement.yard import plan_of


def is_final_free(problem: Problem, travel: Travel, plan: Plan) -> bool:
    """Tell whether nothing final is said of any task on the node that has it."""
    replay = Replay(problem, travel, plan)
    return not any(
        Obstacles(replay, replay.tasks[item.task]).on(replay.nodes[item.node])
        for item in plan.placed
        if not is_fixed(replay.tasks[item.task])
    )


@given(problems())
def test_every_unplaced_task_has_a_reason_on_each_node(pair):
    problem, travel = pair
    plan = planned(problem, travel)

    assert is_final_free(problem, travel, plan)
    for task in plan.unplaced:
        found = why_not(problem, travel, plan, task)
        assert {node.node for node in found.nodes} == {node.id for node in problem.nodes}
        assert all(bool(node.refusals) != bool(node.items) for node in found.nodes)


def cut(problem: Problem, plan: Plan, rng: random.Random) -> tuple[Plan, Placed] | None:
    """Take one task out of a plan, and what it meets, that nothing is behind."""
    tasks, partners = {task.id: task for task in problem.tasks}, partners_of(problem.tasks)
    machines = {node.id for node in problem.nodes if node.machine is not None}

    def is_last(item: Placed) -> bool:
        return not any(
            other.node == item.node and other.start_s > item.start_s
            for other in plan.placed
            if item.node in machines
        ) and not any(
            after.task == item.task for other in plan.placed for after in tasks[other.task].after
        )

    for item in rng.sample(plan.placed, len(plan.placed)):
        gone = {item.task, partners.get(item.task, item.task)}
        items = [one for one in plan.placed if one.task in gone]
        if all(is_last(one) and not is_fixed(tasks[one.task]) for one in items):
            return plan_of(problem, *(one for one in plan.placed if one.task not in gone)), item
    return None


def with_items(problem: Problem, plan: Plan, items: tuple[Placed, ...]) -> Plan:
    found = {item.task: item for item in (*plan.placed, *items)}
    return plan_of(problem, *(found[task.id] for task in problem.tasks if task.id in found))


def other_violations(problem: Problem, travel: Travel, plans: tuple[Plan, Plan]) -> set[str]:
    before, after = (set(violations(problem, travel, plan)) for plan in plans)
    return after - before


@given(problems())
def test_where_a_node_is_said_to_take_a_task_the_judge_says_so_too(pair):
    problem, travel = pair
    found = cut(problem, planned(problem, travel), random.Random(1))
    if found is None:
        return
    plan, item = found

    nodes = why_not(problem, travel, plan, item.task).nodes

    for node in nodes:
        after = with_items(problem, plan, node.items)
        assert not other_violations(problem, travel, (plan, after))


def test_the_node_that_a_task_is_taken_from_could_take_it_again():
    taken, again = 0, 0
    for seed in range(150):
        drawn, travel = random_problem(random.Random(seed), 6, 4)
        problem = drawn
        found = cut(problem, planned(problem, travel), random.Random(seed))
        if found is None:
            continue
        nodes = why_not(problem, travel, found[0], found[1].task).nodes
        taken += 1
        again += any(node.node == found[1].node and node.items for node in nodes)

    assert taken > 60
    assert taken - again <= 1
