"""Assignment by rank, against every assignment there is and against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from lunaredge.kernels.assignment import assign
from tests.kernels import naive

INF = np.inf


def as_arrays(costs_s, ranks):
    return np.array(costs_s, np.float64).reshape(len(ranks), -1), np.array(ranks, np.int64)


def total_s(costs_s, nodes):
    return sum(costs_s[t, n] for t, n in enumerate(nodes) if n >= 0)


RANKS = st.integers(1, 3)


@st.composite
def problems(draw, ranks=RANKS):
    task_count, node_count = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    # Whole seconds, few of them: ties are the rule, not the exception.
    costs = st.one_of(st.integers(0, 4).map(float), st.just(INF))
    rows = st.lists(costs, min_size=node_count, max_size=node_count)
    costs_s = draw(st.lists(rows, min_size=task_count, max_size=task_count))
    return costs_s, draw(st.lists(ranks, min_size=task_count, max_size=task_count))


@given(problems())
def test_each_rank_gets_as_many_nodes_as_the_ranks_before_it_leave(problem):
    costs_s, ranks = as_arrays(*problem)

    nodes = assign(costs_s, ranks)

    counts, _ = naive.assign(*problem)
    assert counts == [-int(((nodes >= 0) & (ranks == rank)).sum()) for rank in sorted(set(ranks))]
    assert all(np.isfinite(costs_s[t, n]) for t, n in enumerate(nodes) if n >= 0)


@given(problems(ranks=st.just(5)))
def test_within_one_rank_the_cost_is_least(problem):
    costs_s, ranks = as_arrays(*problem)

    nodes = assign(costs_s, ranks)

    assert total_s(costs_s, nodes) == pytest.approx(naive.assign(*problem)[1])


@given(problems())
def test_the_tasks_chosen_are_spread_at_least_cost(problem):
    costs_s, ranks = as_arrays(*problem)

    nodes = assign(costs_s, ranks)

    chosen = [t for t, n in enumerate(nodes) if n >= 0]
    assert total_s(costs_s, nodes) == pytest.approx(naive.cheapest_of_set_s(problem[0], chosen))


@pytest.mark.parametrize("seed", range(5))
def test_cost_equals_scipy_on_full_squares(seed):
    costs_s = np.random.default_rng(seed).random((40, 40)) * 1000.0

    nodes = assign(costs_s, np.zeros(40, np.int64))

    rows, columns = linear_sum_assignment(costs_s)
    assert total_s(costs_s, nodes) == pytest.approx(costs_s[rows, columns].sum())


def test_many_late_tasks_do_not_outweigh_one_early_task():
    costs_s, ranks = as_arrays([[1.0, INF], [1.0, 1.0], [1e6, INF]], [2, 2, 1])

    nodes = assign(costs_s, ranks)

    assert nodes.tolist() == [-1, 1, 0]


def test_an_early_task_moves_over_so_that_a_late_one_fits():
    costs_s, ranks = as_arrays([[1.0, 9.0], [1.0, INF]], [1, 2])

    assert assign(costs_s, ranks).tolist() == [1, 0]


def test_equal_costs_go_to_the_earlier_task_and_the_lower_node():
    costs_s, ranks = as_arrays([[5.0, 5.0]] * 3, [4, 4, 4])

    assert assign(costs_s, ranks).tolist() == [0, 1, -1]


def test_negative_costs_are_costs():
    costs_s, ranks = as_arrays([[-5.0, -9.0], [-1.0, -8.0]], [1, 1])

    assert assign(costs_s, ranks).tolist() == [0, 1]


@pytest.mark.parametrize(("task_count", "node_count"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_assign_is_no_error(task_count, node_count):
    nodes = assign(np.empty((task_count, node_count)), np.zeros(task_count, np.int64))

    assert nodes.tolist() == [-1] * task_count


@pytest.mark.parametrize("cost_s", [np.nan, -INF])
def test_costs_that_are_no_costs_are_refused(cost_s):
    with pytest.raises(AssertionError):
        assign(np.array([[cost_s]]), np.zeros(1, np.int64))


def test_arrays_of_another_type_are_refused():
    with pytest.raises(AssertionError):
        assign(np.ones((1, 1), np.float32), np.zeros(1, np.int64))
