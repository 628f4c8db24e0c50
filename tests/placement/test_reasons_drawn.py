"""Reasons held against the judge and the planner, on drawn problems."""

import random
from collections import Counter
from collections.abc import Iterator

from hypothesis import given
from msgspec.structs import replace

from lunaredge.placement.check import check
from lunaredge.placement.engine import Planner
from lunaredge.placement.plan import Placed, Plan
from lunaredge.placement.problem import WEIGHT_MAX, Problem, Task, is_fixed
from lunaredge.placement.reasons import Why, why_not
from lunaredge.placement.refusals import Constraint, Obstacles
from lunaredge.placement.replay import Replay, partners_of
from lunaredge.placement.travel import Travel
from tests.placement.judge import violations
from tests.placement.planned import planned
from tests.placement.problems import problems, random_problem
from tests.placement.yard import plan_of

# Among these are some that a bound a second too late is refuted by.
SEEDS = range(190, 310)
FINE = (
    Constraint.WAY,
    Constraint.HOME,
    Constraint.WINDOW,
    Constraint.LIGHT,
    Constraint.POWER,
    Constraint.CHARGE,
)
"""What is decided by more than a look at one value."""


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


def eager(problem: Problem, task: Task, node: str | None) -> Problem:
    """Have a task placed before all others if it can be, and on a node if one is named."""
    asked = replace(task, weight=WEIGHT_MAX, due_s=-problem.horizon_s)
    if node is not None:
        asked = replace(asked, only_on=(node,))
    tasks = tuple(asked if one.id == task.id else one for one in problem.tasks)
    return replace(problem, tasks=tasks)


def tried(problem: Problem, travel: Travel, task: str) -> bool:
    """Tell whether any of several searches places a task."""
    for seed in range(3):
        planner = Planner(check(problem, travel), travel, seed=seed)
        planner.improve(steps=40)
        if task not in planner.plan().unplaced:
            return True
    return False


def refuted(problem: Problem, travel: Travel, found: Why) -> Iterator[str]:
    """Say what a plan has though it was said that none can have it."""
    task = next(one for one in problem.tasks if one.id == found.task)
    if found.is_final and tried(eager(problem, task, None), travel, task.id):
        yield f"{found.text} But a plan places it"
    for node in found.nodes:
        may_be_there = not task.only_on or node.node in task.only_on
        is_claimed = node.is_final and may_be_there and node.refusals[0].constraint in FINE
        if is_claimed and tried(eager(problem, task, node.node), travel, task.id):
            yield f"{node.refusals} But a plan places it on {node.node}"


def cases(problem: Problem, travel: Travel) -> Iterator[tuple[Plan, Why]]:
    """Say why of each task that is not placed, in a plan and where only what is fixed is placed."""
    plan = planned(problem, travel)
    fixed = {task.id for task in problem.tasks if is_fixed(task)}
    bare = plan_of(problem, *(item for item in plan.placed if item.task in fixed))
    for one in (plan, bare):
        for task in one.unplaced:
            yield one, why_not(problem, travel, one, task)


def test_no_search_refutes_what_is_called_final_and_what_is_offered_is_valid():
    claims = Counter[Constraint]()
    for seed in SEEDS:
        problem, travel = random_problem(random.Random(f"final/{seed}"), 5, 3)
        for plan, found in cases(problem, travel):
            claims.update(node.refusals[0].constraint for node in found.nodes if node.is_final)
            assert not list(refuted(problem, travel, found)), seed
            for node in () if found.general else found.nodes:
                after = with_items(problem, plan, node.items)
                assert not other_violations(problem, travel, (plan, after)), seed

    assert all(claims[constraint] > 0 for constraint in FINE)
