import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.gap import Solver
from lunaredge.kernels.gap_plan import fill_greedily, pairs_of, plan_of, price_tasks, unload
from lunaredge.kernels.gap_prices import climb, prices_of, proven_bound
from lunaredge.kernels.gap_sums import choice, group, share, ways
from lunaredge.kernels.jit import Floats, Ints
from tests.kernels import naive_gap

ROUNDS = 400


def solvable(costs: Floats, usages: Floats, capacities: Floats) -> tuple[Floats, Floats, Floats]:
    """Prepare as the kernel asks: tasks that can be nowhere are left out."""
    room = np.minimum(capacities, usages.sum(axis=1))
    costs = np.where(usages > room[:, None], np.inf, costs)
    able = np.isfinite(costs).any(axis=0)
    part = np.ascontiguousarray(usages[:, able])
    return np.ascontiguousarray(costs[:, able]), part, np.minimum(room, part.sum(axis=1))


def solved(instance: tuple[Floats, Floats, Floats], rounds: int = ROUNDS, seed: int = 0) -> Solver:
    starts = np.full(instance[0].shape[1], -1, dtype=np.int64)
    solver = Solver(*instance, starts, seed=seed)
    while not solver.climb():
        pass
    solver.begin()
    while not solver.improve(rounds):
        pass
    return solver


small = st.tuples(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 5))


@settings(max_examples=150, deadline=None)
@given(drawn=small)
def test_small_instances_are_solved_to_the_optimum_and_the_bound_is_below_it(
    drawn: tuple[int, int, int],
) -> None:
    costs, usages, capacities = solvable(*naive_gap.instance(*drawn))
    if costs.shape[1] == 0:
        return

    solver = solved((costs, usages, capacities))
    nodes = solver.nodes()

    best = naive_gap.cheapest(costs, usages, capacities)
    assert naive_gap.over_full(usages, capacities, nodes) == []
    assert (best == np.inf) == bool((nodes < 0).any())
    if best < np.inf:
        assert naive_gap.cost_of(costs, nodes) == best
        assert solver.bound <= best


@settings(max_examples=100, deadline=None)
@given(drawn=small, prices=st.lists(st.floats(0.0, 1e12), min_size=4, max_size=4))
def test_any_prices_prove_a_bound_that_holds(
    drawn: tuple[int, int, int], prices: list[float]
) -> None:
    costs, usages, capacities = solvable(*naive_gap.instance(*drawn))
    if costs.shape[1] == 0:
        return

    bound = proven_bound(costs, usages, capacities, np.array(prices)[: len(costs)])

    assert bound <= naive_gap.cheapest(costs, usages, capacities)


def test_the_bound_of_large_numbers_is_not_rounded_wrong() -> None:
    costs = np.full((2, 3), 1e9) - np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]])
    usages = np.full((2, 3), 1e9)
    capacities = np.array([1e9, 2e9])
    prices = prices_of(2, 3)

    while not climb(costs, usages, capacities, prices, 10):
        pass

    assert naive_gap.cheapest(costs, usages, capacities) == 3e9 - 4.0
    bound = proven_bound(costs, usages, capacities, prices.best)
    assert 3e9 - 6.0 <= bound <= 3e9 - 4.0


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(2, 5), free=st.integers(1, 5))
def test_a_group_shares_its_tasks_at_the_least_waste(seed: int, size: int, free: int) -> None:
    rng = np.random.default_rng(seed)
    shared = group()
    slacks = rng.integers(0, 30, size).astype(np.float64)
    extra = rng.integers(0, 9, (free, size)).astype(np.float64)
    usages = rng.integers(0, 20, (free, size)).astype(np.float64)
    extra -= extra.min(axis=1)[:, None]
    shared.prices[:size] = rng.integers(0, 3, size)
    shared.fines[:size] = rng.integers(1, 5, size)
    shared.slacks[:size] = slacks
    for task in range(free):
        places = np.argsort(extra[task], kind="stable")
        shared.places[task, :size] = places
        shared.extra[task, :size] = extra[task, places]
        shared.usages[task, :size] = usages[task]
        shared.slacks[places[0]] -= usages[task, places[0]]
        shared.now[task] = rng.integers(size)
    weights = np.array([shared.prices[:size], shared.fines[:size]])
    wastes = naive_gap.least_waste(slacks, weights, extra, usages)
    now = "".join(str(place) for place in shared.now[:free])
    del wastes[now]
    found_ways = ways()

    waste, _ = share(shared, found_ways, (size, free), 1e3)

    assert waste == pytest.approx(min(wastes.values()))
    chosen = "".join(str(choice(shared, found_ways, task)) for task in range(free))
    assert wastes[chosen] == pytest.approx(waste)
    assert share(shared, found_ways, (size, free), waste - 0.5)[0] == -1.0


def test_lists_that_are_too_long_keep_what_is_cheapest() -> None:
    shared = group()
    size, free = 3, 42
    shared.prices[:size] = 1.0
    shared.fines[:size] = 3.0
    rng = np.random.default_rng(5)
    shared.places[:, :size] = np.arange(size)
    shared.extra[:, 1:size] = rng.uniform(0.5, 9.0, (free, size - 1)).cumsum(axis=1)
    shared.usages[:, :size] = rng.integers(1, 30, (free, size))
    shared.slacks[:size] = 2.0

    waste, looks = share(shared, ways(), (size, free), 6.0)

    # All as it is wastes 6: each change must pay for itself by filling nodes.
    assert waste == -1.0 or waste < 6.0
    assert looks < 60_000


def drawn_large(seed: int) -> tuple[Floats, Floats, Floats]:
    """Draw an instance of class D: what is cheap uses much."""
    rng = np.random.default_rng(seed)
    usages = rng.integers(1, 101, (10, 80)).astype(np.float64)
    costs = 111.0 - usages + rng.integers(-10, 11, usages.shape)
    return solvable(costs, usages, np.floor(0.8 * usages.sum(axis=1) / 10))


def test_the_search_gains_on_the_first_plan_and_comes_near_the_bound() -> None:
    instance = drawn_large(1)

    first, last = solved(instance, rounds=0), solved(instance, rounds=5_000)

    cost = naive_gap.cost_of(instance[0], last.nodes())
    assert naive_gap.over_full(*instance[1:], last.nodes()) == []
    assert (last.nodes() >= 0).all()
    assert cost < naive_gap.cost_of(instance[0], first.nodes())
    assert cost < 1.015 * last.bound


def test_the_same_seed_and_rounds_give_the_same_plan_however_it_is_sliced() -> None:
    instance = drawn_large(2)
    starts = np.full(80, -1, dtype=np.int64)
    sliced = Solver(*instance, starts, seed=3)
    while not sliced.climb():
        pass
    sliced.begin()
    for rounds in range(50, 1001, 50):
        while not sliced.improve(rounds):
            pass

    whole = solved(instance, rounds=1000, seed=3)

    assert np.array_equal(whole.nodes(), sliced.nodes())
    early = [solved(instance, rounds=20, seed=seed).nodes() for seed in (3, 4)]
    assert not np.array_equal(*early)


def test_a_plan_without_room_for_all_leaves_out_few_and_over_fills_nothing() -> None:
    costs, usages, capacities = drawn_large(3)
    capacities = np.floor(capacities * 0.15)
    instance = solvable(costs, usages, capacities)

    solver = solved(instance)
    nodes = solver.nodes()

    assert naive_gap.over_full(usages, capacities, nodes) == []
    assert 0 < (nodes < 0).sum() < 20
    # What is left out fits nowhere as things stand.
    for task in np.flatnonzero(nodes < 0):
        for node in range(10):
            with_it = nodes.copy()
            with_it[task] = node
            assert naive_gap.over_full(usages, capacities, with_it) == [node]


def drawn_equal(shape: tuple[int, int], dearest: int) -> tuple[Floats, Floats, Floats]:
    """Draw an instance with so few different costs that each task has several cheapest nodes."""
    rng = np.random.default_rng(0)
    costs = rng.integers(10, dearest + 1, shape).astype(np.float64)
    usages = rng.integers(5, 26, shape).astype(np.float64)
    return solvable(costs, usages, np.floor(0.8 * usages.sum(axis=1) / shape[0]))


def test_prices_leave_zero_where_many_costs_are_equal() -> None:
    # An ascent that went back to the best prices stayed at 0 (1,600 tasks of class C, 80 nodes):
    # no plan then had room for all.
    costs, usages, capacities = drawn_equal((40, 400), dearest=29)
    prices = prices_of(40, 400)

    while not climb(costs, usages, capacities, prices, 100):
        pass

    assert (prices.best > 0.0).all()
    assert proven_bound(costs, usages, capacities, prices.best) > costs.min(axis=0).sum()
    assert (solved((costs, usages, capacities), rounds=100).nodes() >= 0).all()


def test_where_prices_of_zero_are_best_equal_costs_are_still_packed_well() -> None:
    costs, usages, capacities = drawn_equal((30, 300), dearest=13)

    solver = solved((costs, usages, capacities), rounds=200)

    assert solver.bound == costs.min(axis=0).sum()
    assert naive_gap.cost_of(costs, solver.nodes()) == solver.bound
    assert (solver.nodes() >= 0).all()


def tables(costs: Floats, usages: Floats, capacities: Floats, nodes: Ints) -> tuple[object, object]:
    pairs = pairs_of(costs, capacities, np.zeros(len(capacities)))
    price_tasks(usages, pairs)
    plan = plan_of(pairs)
    plan.nodes[:] = nodes
    for task, node in enumerate(nodes):
        if node >= 0:
            plan.slacks[node] -= usages[node, task]
    return pairs, plan


def test_the_smallest_task_that_frees_enough_is_taken_off() -> None:
    usages = np.array([[5.0, 3.0, 4.0, 2.0]])
    pairs, plan = tables(np.ones((1, 4)), usages, np.array([11.0]), np.zeros(4, dtype=np.int64))

    unload(pairs, plan)

    assert plan.nodes.tolist() == [0, -1, 0, 0]
    assert plan.slacks.tolist() == [0.0]


def test_tasks_go_where_they_fit_and_pay_least_and_ties_go_to_the_lower_node() -> None:
    costs = np.array([[2.0, 1.0, 5.0], [1.0, 1.0, 5.0], [3.0, 3.0, np.inf]])
    usages = np.ones((3, 3))
    pairs, plan = tables(costs, usages, np.ones(3), np.full(3, -1, dtype=np.int64))

    left = fill_greedily(pairs, plan, np.array([1, 0, 2]))

    assert plan.nodes.tolist() == [1, 0, -1]
    assert left == 1


def test_near_nodes_are_the_cheapest_in_order() -> None:
    rng = np.random.default_rng(7)
    costs = rng.integers(0, 9, (12, 30)).astype(np.float64)

    pairs, _ = tables(costs, np.ones((12, 30)), np.ones(12), np.full(30, -1, dtype=np.int64))

    for task in range(30):
        expected = np.argsort(costs[:, task], kind="stable")[:6]
        assert pairs.near[task].tolist() == expected.tolist()
