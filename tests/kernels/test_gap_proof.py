import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.gap_beam import beam_of, best_of, widen
from lunaredge.kernels.gap_proof import Proof
from lunaredge.kernels.gap_tree import branch, plant, tree_of
from lunaredge.kernels.gap_worths import VALUE, Knapsacks, fill, knapsacks_of, lift, weigh
from lunaredge.kernels.jit import Floats
from tests.kernels import naive_gap
from tests.kernels.test_gap import solvable, solved

Instance = tuple[Floats, Floats, Floats]

small = st.tuples(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 5))


def drawn_knapsacks(instance: Instance, seed: int) -> Knapsacks:
    """Make knapsacks with worths at random, on the grid."""
    knapsacks = knapsacks_of(*instance, np.zeros(len(instance[0])))
    assert knapsacks is not None
    rng = np.random.default_rng(seed)
    knapsacks.best[:] = rng.integers(-5_000, 30_000, len(knapsacks.best)) / 1024
    rng.shuffle(knapsacks.order)
    return knapsacks


@settings(max_examples=150, deadline=None)
@given(drawn=small)
def test_worths_prove_what_the_tasks_are_worth_less_what_the_nodes_earn(
    drawn: tuple[int, int, int],
) -> None:
    costs, usages, capacities = solvable(*naive_gap.instance(*drawn))
    if costs.shape[1] == 0:
        return
    knapsacks = drawn_knapsacks((costs, usages, capacities), drawn[0])
    gains = knapsacks.best - costs

    bound = fill(knapsacks, knapsacks.best)

    expected = knapsacks.best.sum()
    for node in range(len(costs)):
        sets = naive_gap.most_earned(gains[node], usages[node], capacities[node])
        expected -= max(sets.values())
    assert bound == expected
    assert bound <= naive_gap.cheapest(costs, usages, capacities)


@settings(max_examples=150, deadline=None)
@given(drawn=small)
def test_what_a_node_loses_by_a_task_or_without_it_is_weighed_exactly(
    drawn: tuple[int, int, int],
) -> None:
    costs, usages, capacities = solvable(*naive_gap.instance(*drawn))
    if costs.shape[1] == 0:
        return
    knapsacks = drawn_knapsacks((costs, usages, capacities), drawn[0])
    fill(knapsacks, knapsacks.best)

    for node in range(len(costs)):
        weigh(knapsacks, knapsacks.best, node)

    for node, gains in enumerate(knapsacks.best - costs):
        sets = naive_gap.most_earned(gains, usages[node], capacities[node])
        most = max(sets.values())
        for task in range(costs.shape[1]):
            inside = [earned for tasks, earned in sets.items() if task in tasks]
            outside = [earned for tasks, earned in sets.items() if task not in tasks]
            lost = most - max(inside, default=-np.inf)
            assert knapsacks.inside[node, task] == lost
            # A task that can't be there costs nothing to leave out.
            assert knapsacks.outside[node, task] == (most - max(outside) if lost < np.inf else 0.0)


@settings(max_examples=150, deadline=None)
@given(drawn=small, looks=st.integers(1, 9), above=st.integers(-2, 3))
def test_a_tree_finds_the_cheapest_plan_below_a_cost_or_that_there_is_none(
    drawn: tuple[int, int, int], looks: int, above: int
) -> None:
    instance = solvable(*naive_gap.instance(*drawn))
    if instance[0].shape[1] == 0:
        return
    knapsacks = drawn_knapsacks(instance, drawn[0])
    best = naive_gap.cheapest(*instance)
    upper = int(best) + above if best < np.inf else 1000
    tree = tree_of(*instance[0].shape)
    bound = fill(knapsacks, knapsacks.best)

    plant(knapsacks, tree, upper)
    while not branch(knapsacks, tree, bound, looks):
        pass

    assert tree.upper[0] == min(best, upper)
    if best < upper:
        assert naive_gap.cost_of(instance[0], tree.plan) == best
        assert naive_gap.over_full(*instance[1:], tree.plan) == []


@settings(max_examples=100, deadline=None)
@given(drawn=small)
def test_a_beam_that_is_wide_enough_has_the_cheapest_plan(drawn: tuple[int, int, int]) -> None:
    instance = solvable(*naive_gap.instance(*drawn))
    if instance[0].shape[1] == 0:
        return
    knapsacks = drawn_knapsacks(instance, drawn[0])
    beam = beam_of(knapsacks, 1024, fill(knapsacks, knapsacks.best))

    while not widen(knapsacks, beam, 1000.0, 5):
        pass
    cost, plan = best_of(knapsacks, beam)

    assert cost == naive_gap.cheapest(*instance)
    if cost < np.inf:
        assert naive_gap.cost_of(instance[0], plan) == cost
        assert naive_gap.over_full(*instance[1:], plan) == []


def test_a_narrow_beam_keeps_the_cheapest_partial_plans() -> None:
    costs, usages, capacities = drawn_c(3, 10, 100)
    knapsacks = knapsacks_of(costs, usages, capacities, np.full(10, 1.0))
    assert knapsacks is not None
    while not lift(knapsacks, np.inf, 100):
        pass
    bound = fill(knapsacks, knapsacks.best)
    found = []

    for width in (2, 200):
        beam = beam_of(knapsacks, width, bound)
        while not widen(knapsacks, beam, np.inf, 100):
            pass
        found.append(best_of(knapsacks, beam))
        assert 0 < beam.counts[1] <= width

    for cost, plan in found:
        assert naive_gap.cost_of(costs, plan) == cost
        assert naive_gap.over_full(usages, capacities, plan) == []
    assert found[1][0] < found[0][0]


@settings(max_examples=150, deadline=None)
@given(drawn=small)
def test_a_proof_ends_with_the_cheapest_plan_or_with_none(drawn: tuple[int, int, int]) -> None:
    instance = solvable(*naive_gap.instance(*drawn))
    if instance[0].shape[1] == 0:
        return
    knapsacks = knapsacks_of(*instance, np.zeros(len(instance[0])))
    assert knapsacks is not None
    proof = Proof(knapsacks)
    best = naive_gap.cheapest(*instance)

    while not proof.is_over:
        proof.go_on(np.inf, 10)
        assert proof.bound <= best

    assert proof.cost == best
    if best < np.inf:
        assert proof.bound == best
        assert naive_gap.cost_of(instance[0], proof.plan()) == best
        assert naive_gap.over_full(*instance[1:], proof.plan()) == []


def test_a_plan_that_somebody_else_found_is_proven_too() -> None:
    instance = drawn_c(1, 5, 40)
    best = solved(instance, rounds=2000).bound
    knapsacks = knapsacks_of(*instance, np.zeros(5))
    assert knapsacks is not None
    proof = Proof(knapsacks)

    while not proof.is_over:
        proof.go_on(float(best), 1000)

    assert proof.bound == best
    assert proof.cost == np.inf


def test_numbers_whose_sums_would_be_rounded_are_left_to_the_prices() -> None:
    usages, capacities, prices = np.ones((2, 3)), np.array([2.0, 2.0]), np.zeros(2)

    assert knapsacks_of(np.full((2, 3), 1e9), usages, capacities, prices) is not None
    assert knapsacks_of(np.full((2, 3), 1e12), usages, capacities, prices) is None
    assert knapsacks_of(np.ones((2, 3)), usages, capacities + 1e9, prices) is None


def test_worths_start_at_the_prices_bound_and_rise_well_above() -> None:
    instance = drawn_c(2, 20, 100)
    costs, usages, capacities = instance
    prices = np.full(20, 0.5)
    knapsacks = knapsacks_of(*instance, prices)
    assert knapsacks is not None
    by_prices = (costs + prices[:, None] * usages).min(axis=0).sum() - prices @ capacities

    while not lift(knapsacks, np.inf, 10):
        pass

    assert fill(knapsacks, knapsacks.best) == knapsacks.figures[VALUE]
    assert knapsacks.figures[VALUE] > 1.05 * by_prices


def drawn_c(seed: int, node_count: int, task_count: int) -> Instance:
    """Draw an instance of class C."""
    rng = np.random.default_rng(seed)
    costs = rng.integers(10, 51, (node_count, task_count)).astype(np.float64)
    usages = rng.integers(5, 26, (node_count, task_count)).astype(np.float64)
    return solvable(costs, usages, np.floor(0.8 * usages.sum(axis=1) / node_count))


def test_small_instances_of_class_c_are_solved_and_proven_from_any_seed() -> None:
    shapes = [(5, 100), (10, 100), (20, 100)]

    for seed, shape in enumerate(shapes):
        instance = drawn_c(seed, *shape)
        solvers = [solved(instance, rounds=3000, seed=seed) for seed in range(3)]

        costs = {naive_gap.cost_of(instance[0], solver.nodes()) for solver in solvers}
        assert costs == {float(solver.bound) for solver in solvers}
        assert len(costs) == 1
        assert all(solver.rounds < 3000 for solver in solvers)
