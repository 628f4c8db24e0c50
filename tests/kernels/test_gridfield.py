"""The lower bound against ways that may bend anywhere."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lunaredge.kernels import gridpath
from lunaredge.kernels.gridfield import lower_bound_field
from tests.kernels import naive_grid

COSTS = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    elements=st.sampled_from([1.0, 1.0, 1.5, 4.0, 30.0, math.inf]),
)
POINTS_PER_EDGE = 5


@given(COSTS, st.data())
def test_no_bent_way_is_cheaper_than_the_bound(costs, data):
    targets = data.draw(st.lists(st.integers(0, costs.size - 1), min_size=1, max_size=2))

    field = lower_bound_field(costs, 2.0, np.array(targets))

    ways = naive_grid.bent_costs(costs, set(targets), POINTS_PER_EDGE)
    for row, column in np.ndindex(costs.shape):
        cost = 2.0 * ways.get((column + 0.5, row + 0.5), math.inf)
        assert field[row, column] <= cost + 1e-9
        assert math.isinf(field[row, column]) == math.isinf(cost)


def test_the_bound_is_close_on_open_ground():
    costs = np.ones((60, 60))
    rows, columns = np.indices(costs.shape)
    straight_m = np.hypot(rows - 20, columns - 30)

    field = lower_bound_field(costs, 1.0, np.array([20 * 60 + 30]))

    assert (field <= straight_m).all()
    assert (field >= straight_m / 1.0824 - 1.5).all()


def test_the_bound_stays_under_the_path_from_cell_to_cell():
    rng = np.random.default_rng(3)
    costs = rng.uniform(1.0, 8.0, (40, 40))
    costs[rng.random((40, 40)) < 0.2] = math.inf
    costs[0, 0] = 1.0
    sources = (np.array([0]), np.zeros(1))
    closed = gridpath.closed_moves(costs)
    reached, _ = gridpath.distance_field(costs, closed, 3.0, sources, np.empty(0, np.int64))

    field = lower_bound_field(costs, 3.0, np.array([0]))

    assert (field.reshape(-1) <= reached).all()


def test_a_wall_without_a_gap_cuts_off_what_is_behind():
    costs = np.ones((3, 5))
    costs[:, 2] = math.inf

    field = lower_bound_field(costs, 1.0, np.array([0]))

    assert np.isfinite(field[:, :2]).all()
    assert np.isinf(field[:, 2:]).all()


def test_without_a_free_target_there_is_no_way():
    costs = np.array([[1.0, math.inf]])

    assert np.isinf(lower_bound_field(costs, 1.0, np.array([1]))).all()
    assert np.isinf(lower_bound_field(costs, 1.0, np.empty(0, np.int64))).all()


@pytest.mark.parametrize("cost", [0.0, -1.0, math.nan])
def test_costs_that_are_no_costs_are_refused(cost):
    with pytest.raises(AssertionError):
        lower_bound_field(np.array([[1.0, cost]]), 1.0, np.array([0]))


def test_targets_off_the_grid_are_refused():
    with pytest.raises(AssertionError):
        lower_bound_field(np.ones((2, 2)), 1.0, np.array([4]))
