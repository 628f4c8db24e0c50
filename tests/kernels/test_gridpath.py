"""Grid searches against a plain Dijkstra search."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lunaredge.kernels import gridpath
from tests.kernels import naive

COSTS = arrays(
    np.float64,
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    elements=st.sampled_from([1.0, 1.0, 1.0, 2.5, math.inf]),
)


def source(*cells):
    return np.array(cells, np.int64), np.zeros(len(cells))


def cells_of(*cells):
    return np.array(cells, np.int64)


def cost_of(costs, closed, cells):
    """Add up a path's steps; every one must be free."""
    total, width = 0.0, costs.shape[1]
    for here, there in pairwise(cells):
        steps = dict(naive.steps(costs, closed, *divmod(int(here), width)))
        total += steps[divmod(int(there), width)]
    return total


@given(COSTS, st.data())
def test_path_costs_what_the_plain_search_says(costs, data):
    start = data.draw(st.integers(0, costs.size - 1))
    goal = data.draw(st.integers(0, costs.size - 1))
    closed = gridpath.closed_moves(costs)

    cells, cost = gridpath.find_path(costs, closed, 2.0, source(start), cells_of(goal))

    reached = (
        {}
        if math.isinf(costs.flat[start])
        else naive.distance_field(costs, closed, divmod(start, costs.shape[1]))
    )
    expected = 2.0 * reached.get(divmod(goal, costs.shape[1]), math.inf)
    assert cost == pytest.approx(expected)
    if math.isfinite(expected):
        assert (cells[0], cells[-1]) == (start, goal)
        assert 2.0 * cost_of(costs, closed, cells) == pytest.approx(cost)
    else:
        assert len(cells) == 0


@given(COSTS, arrays(np.bool_, (6, 6, 4)), st.data())
def test_field_equals_the_plain_search_with_any_moves_closed(costs, moves, data):
    start = data.draw(st.integers(0, costs.size - 1))
    closed = np.ascontiguousarray(moves[: costs.shape[0], : costs.shape[1]])

    reached, before = gridpath.distance_field(costs, closed, 1.0, source(start), cells_of())

    expected = (
        {}
        if math.isinf(costs.flat[start])
        else naive.distance_field(costs, closed, divmod(start, costs.shape[1]))
    )
    for cell in range(costs.size):
        assert reached[cell] == pytest.approx(expected.get(divmod(cell, costs.shape[1]), math.inf))
        if math.isfinite(reached[cell]) and cell != start:
            way = [cell]
            while before[way[-1]] >= 0:
                way.append(int(before[way[-1]]))
            assert cost_of(costs, closed, way[::-1]) == pytest.approx(reached[cell])


@given(COSTS, st.data())
def test_a_field_that_ends_early_says_only_what_is_final(costs, data):
    places = st.integers(0, costs.size - 1)
    start, targets = data.draw(places), data.draw(st.lists(places, min_size=1, max_size=3))
    closed = gridpath.closed_moves(costs)
    whole, _ = gridpath.distance_field(costs, closed, 1.0, source(start), cells_of())

    part, _ = gridpath.distance_field(costs, closed, 1.0, source(start), cells_of(*targets))

    assert part[targets] == pytest.approx(whole[targets])
    settled = np.isfinite(part)
    assert part[settled] == pytest.approx(whole[settled])


def test_several_sources_and_targets_meet_on_the_cheapest_pair():
    costs = np.ones((1, 9))
    sources = (np.array([0, 4]), np.array([0.0, 2.5]))

    cells, cost = gridpath.find_path(
        costs, gridpath.closed_moves(costs), 1.0, sources, cells_of(6, 8)
    )

    assert cells.tolist() == [4, 5, 6]
    assert cost == 4.5


def test_corners_are_not_cut():
    costs = np.ones((2, 2))
    costs[0, 1] = math.inf

    cells, cost = gridpath.find_path(
        costs, gridpath.closed_moves(costs), 1.0, source(0), cells_of(3)
    )

    assert cells.tolist() == [0, 2, 3]
    assert cost == 2.0


def test_octile_length_across_an_open_field():
    costs = np.ones((30, 30))

    cells, cost = gridpath.find_path(
        costs, gridpath.closed_moves(costs), 1.0, source(0), cells_of(20 * 30 + 7)
    )

    assert cost == pytest.approx(7 * math.sqrt(2) + 13)
    assert len(cells) == 21


def test_no_path_is_a_result():
    costs = np.ones((3, 3))
    costs[:, 1] = math.inf

    cells, cost = gridpath.find_path(
        costs, gridpath.closed_moves(costs), 1.0, source(0), cells_of(2)
    )

    assert (len(cells), cost) == (0, math.inf)


@pytest.mark.parametrize(("sources", "targets"), [((), (0,)), ((0,), ()), ((), ())])
def test_nowhere_to_start_or_to_go_is_no_path(sources, targets):
    costs = np.ones((2, 2))

    cells, _ = gridpath.find_path(
        costs, gridpath.closed_moves(costs), 1.0, source(*sources), cells_of(*targets)
    )

    assert len(cells) == 0


def test_start_and_goal_may_be_one_cell():
    costs = np.ones((2, 2))

    cells, cost = gridpath.find_path(
        costs, gridpath.closed_moves(costs), 1.0, source(3), cells_of(3)
    )

    assert (cells.tolist(), cost) == ([3], 0.0)


def test_the_same_search_twice_takes_the_same_of_many_equal_ways():
    costs = np.ones((40, 40))
    problem = (costs, gridpath.closed_moves(costs), 1.0, source(0), cells_of(40 * 39 + 20))

    first, _ = gridpath.find_path(*problem)
    second, _ = gridpath.find_path(*problem)

    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("cost", [np.nan, 0.0, -1.0])
def test_costs_that_are_no_costs_are_refused(cost):
    costs = np.array([[1.0, cost]])

    with pytest.raises(AssertionError):
        gridpath.find_path(costs, np.zeros((1, 2, 4), np.bool_), 1.0, source(0), cells_of(1))


def test_cells_off_the_grid_are_refused():
    costs = np.ones((2, 2))

    with pytest.raises(AssertionError):
        gridpath.find_path(costs, gridpath.closed_moves(costs), 1.0, source(4), cells_of(0))


DECADES = arrays(
    np.float64,
    st.tuples(st.integers(5, 9), st.integers(5, 9)),
    elements=st.integers(0, 30).map(lambda power: 10.0**power) | st.floats(1.0, 10.0),
)


@given(DECADES, st.data())
def test_costs_over_thirty_decades_give_the_plain_search_s_field(costs, data):
    start = data.draw(st.integers(0, costs.size - 1))
    goal = data.draw(st.integers(0, costs.size - 1))
    closed = gridpath.closed_moves(costs)

    reached, _ = gridpath.distance_field(costs, closed, 1.0, source(start), cells_of())
    cells, cost = gridpath.find_path(costs, closed, 1.0, source(start), cells_of(goal))

    expected = naive.distance_field(costs, closed, divmod(start, costs.shape[1]))
    by_row = [expected[divmod(cell, costs.shape[1])] for cell in range(costs.size)]
    assert reached == pytest.approx(by_row, rel=1e-9)
    assert cost == pytest.approx(by_row[goal], rel=1e-9)
    assert cost_of(costs, closed, cells) == pytest.approx(cost, rel=1e-9)


def test_a_field_over_thirty_decades_is_exact_on_a_large_grid():
    costs = 10.0 ** np.random.default_rng(0).uniform(0.0, 30.0, (33, 33))
    closed = gridpath.closed_moves(costs)

    reached, _ = gridpath.distance_field(costs, closed, 1.0, source(0), cells_of())

    expected = naive.distance_field(costs, closed, (0, 0))
    by_row = [expected[divmod(cell, 33)] for cell in range(costs.size)]
    assert reached == pytest.approx(by_row, rel=1e-9)


def test_climbs_are_those_of_the_way_step_by_step():
    dice = np.random.default_rng(3)
    costs, heights_m = dice.uniform(1.0, 5.0, (12, 15)), dice.uniform(-3.0, 3.0, 12 * 15)
    closed = gridpath.closed_moves(costs)
    sources = np.array([0, 100]), np.array([0.0, 2.0])
    cells = np.arange(12 * 15)
    _, before = gridpath.distance_field(costs, closed, 2.0, sources, cells)

    found_m, firsts = gridpath.climbs(before, heights_m, cells)

    for cell in cells:
        way = [cell]
        while before[way[-1]] >= 0:
            way.append(before[way[-1]])
        steps_m = -np.diff(heights_m[way])
        assert firsts[cell] == way[-1]
        assert found_m[cell] == pytest.approx(
            [steps_m[steps_m > 0.0].sum(), -steps_m[steps_m < 0.0].sum()]
        )
