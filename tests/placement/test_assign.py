from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.placement.assign import Assignment, AssignOptions, assign
from tests.kernels import naive_gap

QUICK = AssignOptions(rounds=300)


@settings(max_examples=150, deadline=None)
@given(drawn=st.tuples(st.integers(0, 10_000), st.integers(0, 4), st.integers(0, 6)))
def test_a_plan_never_over_fills_a_node_and_costs_what_it_says(
    drawn: tuple[int, int, int],
) -> None:
    _, node_count, task_count = drawn
    costs, usages, capacities = (
        naive_gap.instance(*drawn)
        if node_count
        else (np.zeros((0, task_count)), np.zeros((0, task_count)), np.zeros(0))
    )

    plan = assign(costs, usages, capacities, options=QUICK)

    assert naive_gap.over_full(usages, capacities, plan.nodes) == []
    assert plan.cost == naive_gap.cost_of(costs, plan.nodes)
    assert list(plan.unplaced) == [task for task in range(task_count) if plan.nodes[task] < 0]
    best = naive_gap.cheapest(costs, usages, capacities)
    assert bool(plan.unplaced) == (best == np.inf)
    if best < np.inf:
        assert plan.bound is not None
        assert plan.bound <= best == plan.cost
    if plan.is_optimal:
        assert plan.cost == best


def test_without_nodes_nothing_is_placed_and_without_tasks_nothing_is_missing() -> None:
    no_nodes = assign(np.zeros((0, 3)), np.zeros((0, 3)), [])
    no_tasks = assign(np.zeros((3, 0)), np.zeros((3, 0)), [1, 1, 1])

    assert no_nodes.unplaced == (0, 1, 2)
    assert no_nodes.bound is None
    assert no_tasks.unplaced == ()
    assert no_tasks.is_optimal


def test_one_node_takes_everything_that_fits() -> None:
    plan = assign(np.ones((1, 6)), [2, 2, 2, 2, 2, 2], [10])

    assert len(plan.unplaced) == 1
    assert plan.cost == 5


def test_equal_costs_and_no_usage_and_no_capacity_are_no_problem() -> None:
    plan = assign(np.ones((4, 9)), np.zeros(9), np.zeros(4))

    assert plan.is_optimal
    assert plan.cost == 9


def test_what_no_node_can_take_is_left_out_and_the_rest_is_placed() -> None:
    costs = [[1, np.inf, 4], [2, np.inf, 1]]
    usages = [[1, 1, 9], [1, 1, 9]]

    plan = assign(costs, usages, [5, 5])

    assert plan.nodes.tolist() == [0, -1, -1]
    assert plan.bound is None
    assert not plan.is_optimal


def test_numbers_up_to_the_limits_are_exact() -> None:
    plan = assign([[1e9, 1e9], [-1e9, 1e9 - 1]], [1e9, 1e9], [np.inf, 1e9])

    assert plan.nodes.tolist() == [1, 0]
    assert plan.cost == 0
    assert plan.bound in (-1, 0)


def test_a_good_start_is_never_made_worse() -> None:
    rng = np.random.default_rng(4)
    usages = rng.integers(1, 100, (8, 60))
    costs = 111 - usages + rng.integers(-10, 11, usages.shape)
    capacities = usages.sum(axis=1) * 8 // 80
    before = assign(costs, usages, capacities, options=AssignOptions(rounds=2000))

    after = assign(costs, usages, capacities, options=AssignOptions(rounds=0), start=before.nodes)

    assert before.unplaced == ()
    assert np.array_equal(after.nodes, before.nodes)


def test_a_start_that_does_not_fit_is_mended() -> None:
    plan = assign([[1, 1], [5, np.inf]], [3, 3], [3, 3], start=[0, 1], options=QUICK)

    assert plan.nodes.tolist() == [1, 0]


def test_a_plan_is_made_even_if_it_is_over_at_once_and_asked_again_it_stops() -> None:
    asked = 0

    def is_over() -> bool:
        nonlocal asked
        asked += 1
        return True

    plan = assign(np.ones((3, 9)), np.ones(9), [3, 3, 3], is_over=is_over)

    assert plan.unplaced == ()
    assert plan.rounds == 0
    assert asked == 2


def test_the_same_seed_gives_the_same_plan() -> None:
    instance = naive_gap.instance(3, 12, 90)

    plans = [assign(*instance, options=AssignOptions(rounds=500, seed=7)) for _ in range(2)]

    assert np.array_equal(plans[0].nodes, plans[1].nodes)


def test_what_is_given_is_not_changed() -> None:
    costs, usages, capacities = naive_gap.instance(3, 4, 9)
    copies = costs.copy(), usages.copy(), capacities.copy()

    assign(costs, usages, capacities, options=QUICK)

    for mine, kept in zip((costs, usages, capacities), copies, strict=True):
        assert np.array_equal(mine, kept)


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (lambda: assign([[np.nan]], [[1]], [1]), "costs[0][0]"),
        (lambda: assign([[-np.inf]], [[1]], [1]), "costs[0][0]"),
        (lambda: assign([[1, 1.5]], [1, 1], [1]), "costs[0][1]"),
        (lambda: assign([[2e9]], [[1]], [1]), "costs[0][0]"),
        (lambda: assign([1, 2], [[1]], [1]), "costs"),
        (lambda: assign([[1], [2, 3]], [[1]], [1]), "costs"),
        (lambda: assign("costs", [[1]], [1]), "costs"),
        (lambda: assign(np.zeros((1, 100_001)), np.zeros(100_001), [1]), "costs"),
        (lambda: assign(np.ma.masked_equal([[1, 0]], 0), [1, 1], [1]), "costs"),
        (lambda: assign([[1]], [[-1]], [1]), "usages[0][0]"),
        (lambda: assign([[1]], [np.inf], [1]), "usages[0]"),
        (lambda: assign([[1, 2]], [[1]], [1]), "usages"),
        (lambda: assign([[1]], [[1]], [-1]), "capacities[0]"),
        (lambda: assign([[1]], [[1]], [np.nan]), "capacities[0]"),
        (lambda: assign([[1]], [[1]], [1, 1]), "capacities"),
        (lambda: assign([[1]], [[1]], [1], start=[1]), "start[0]"),
        (lambda: assign([[1]], [[1]], [1], start=[0.5]), "start[0]"),
        (lambda: AssignOptions(rounds=-1), "rounds"),
        (lambda: AssignOptions(seed=True), "seed"),
    ],
)
def test_a_wrong_value_is_named(call: Callable[[], Assignment], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()

    assert caught.value.key == key
