"""The problems that plans are judged on: within all limits, repeatable, and full of variety."""

import random
from collections import Counter

import msgspec
from hypothesis import given

from lunaredge.placement.problem import Node, Problem, Task
from tests.placement.problems import problems, random_problem

SEEDS = range(400)
KINDS = (Problem, Task, Node)


def drawn(seed: int) -> Problem:
    return random_problem(random.Random(seed), seed % 9, seed // 9 % 6)[0]


@given(problems())
def test_every_value_is_within_its_limits(pair):
    problem, travel = pair

    assert msgspec.convert(msgspec.to_builtins(problem), Problem) == problem
    for node in problem.nodes:
        assert node.machine is None or 0 <= node.machine.place < travel.place_count
        assert node.machine is None or node.machine.charge_j <= node.machine.battery_j


@given(problems())
def test_what_must_not_be_is_never_drawn(pair):
    problem, _ = pair
    names = [task.id for task in problem.tasks]
    partners = {task.id: task.meets for task in problem.tasks if task.meets is not None}
    fixed = [t for t in problem.tasks if t.current is not None and t.current.is_fixed]
    levels = {(t.apart.group, t.apart.level) for t in problem.tasks if t.apart is not None}

    assert all(other in names and other != name for name, other in partners.items())
    assert all(partners.get(other, name) == name for name, other in partners.items())
    assert len(set(partners.values())) == len(partners)
    assert not {task.id for task in fixed} & (partners.keys() | set(partners.values()))
    assert len({group for group, _ in levels}) == len(levels)


def test_a_seed_gives_the_same_problem_again():
    assert [drawn(seed) for seed in SEEDS[:50]] == [drawn(seed) for seed in SEEDS[:50]]


def test_everything_that_the_contract_speaks_of_comes_up():
    seen = Counter({f"{kind.__name__}.{f.name}": 0 for kind in KINDS for f in optional(kind)})
    for problem in map(drawn, SEEDS):
        for value in (problem, *problem.tasks, *problem.nodes):
            changed = [f for f in optional(type(value)) if getattr(value, f.name) != f.default]
            seen.update(f"{type(value).__name__}.{f.name}" for f in changed)
        currents = [task.current for task in problem.tasks if task.current is not None]
        seen["fixed"] += sum(current.is_fixed for current in currents)
        seen["lost"] += sum(current.node == "lost" for current in currents)
        seen["unapproved"] += sum(task.approved_s is None for task in problem.tasks)
        seen["large"] += problem.horizon_s > 1_000_000

    assert not {what: count for what, count in seen.items() if count < 10}


def optional(kind: type[msgspec.Struct]) -> list[msgspec.structs.FieldInfo]:
    return [f for f in msgspec.structs.fields(kind) if not f.required]
