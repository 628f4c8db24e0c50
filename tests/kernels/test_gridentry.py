"""Searches over costs of entry against a plain Dijkstra search."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lunaredge.kernels import gridentry, gridhops, gridqueue
from lunaredge.kernels.gridentry import EntryGrid
from tests.kernels import naive_grid

WEIGHTS = arrays(
    np.float32,
    st.tuples(st.integers(1, 7), st.integers(1, 7)),
    elements=st.sampled_from([1.0, 1.0, 1.0625, 1.5, 3.25, 90.0, math.inf]),
)


def grid_of(kind, size):
    rng = np.random.default_rng(7)
    if kind == "rough":
        weights = np.round(rng.uniform(1.0, 10.0, (size, size)) * 16.0) / 16.0
    elif kind == "rubble":
        weights = np.where(rng.random((size, size)) < 0.35, math.inf, 1.0)
    elif kind == "smooth":
        rows, columns = np.indices((size, size))
        weights = np.round(16.0 * (2.0 + np.sin(rows / 5.0) * np.cos(columns / 7.0))) / 16.0
    else:
        weights = np.exp2(rng.integers(0, 40, (size, size)))
    weights[0, 0] = weights[-1, -1] = 1.0
    return weights.astype(np.float32)


def cost_along(weights, cells):
    """Add up what a path enters; each step must be to a neighbour."""
    rows, columns = np.divmod(cells, weights.shape[1])
    assert (np.maximum(abs(np.diff(rows)), abs(np.diff(columns))) == 1).all()
    return float(weights.flat[cells[1:]].astype(np.float64).sum())


def assert_is_cheapest(weights, source, target, found):
    cells, cost = found
    expected = naive_grid.entry_costs(weights, source).get(target, math.inf)
    assert cost == expected
    if math.isfinite(expected):
        assert (cells[0], cells[-1]) == (source, target)
        assert cost_along(weights, cells) == expected
    else:
        assert len(cells) == 0


@given(WEIGHTS, st.data())
def test_path_costs_what_the_plain_search_says(weights, data):
    cells = st.integers(0, weights.size - 1)
    source, target = data.draw(cells), data.draw(cells)

    found = EntryGrid(weights).find_path(source, target)

    assert_is_cheapest(weights, source, target, found)


@pytest.mark.parametrize("kind", ["rough", "rubble", "smooth", "steep"])
def test_paths_across_a_larger_grid_cost_what_the_plain_search_says(kind):
    weights = grid_of(kind, 64)
    grid = EntryGrid(weights)

    for source, target in [(0, 4095), (4095, 0), (63, 4095), (2080, 2090)]:
        found = grid.find_path(source, target)

        assert_is_cheapest(weights, source, target, found)


def test_a_queue_that_runs_full_grows_and_the_answer_stays(monkeypatch):
    weights = grid_of("rough", 32)
    cells, cost = EntryGrid(weights).find_path(0, 1023)

    monkeypatch.setattr(gridqueue, "_POOL_MIN", -400)
    monkeypatch.setattr(gridentry, "_MEETINGS", {})
    again, cost_again = EntryGrid(weights).find_path(0, 1023)

    assert cost_again == cost
    assert again.tolist() == cells.tolist()


@given(
    arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    st.sampled_from([1.0, 0.25, 7.0]),
    st.data(),
)
def test_even_ground_costs_what_the_plain_search_says(is_blocked, weight, data):
    weights = np.where(is_blocked, math.inf, weight).astype(np.float32)
    cells = st.integers(0, weights.size - 1)
    source, target = data.draw(cells), data.draw(cells)

    found = EntryGrid(weights).find_path(source, target)

    assert_is_cheapest(weights, source, target, found)


@pytest.mark.parametrize("seed", range(6))
def test_paths_through_corridors_that_meet_again_cost_what_the_plain_search_says(seed):
    rng = np.random.default_rng(seed)
    weights = np.full((41, 41), math.inf, np.float32)
    weights[::2, ::2] = 1.0
    weights[1::2, ::2] = np.where(rng.random((20, 21)) < 0.6, 1.0, math.inf)
    weights[::2, 1::2] = np.where(rng.random((21, 20)) < 0.6, 1.0, math.inf)
    grid = EntryGrid(weights)

    for source, target in [(0, 1680), (1680, 0), (40, 1640), (840, 0)]:
        found = grid.find_path(source, target)

        assert_is_cheapest(weights, source, target, found)


def test_labels_that_run_out_of_numbers_start_again(monkeypatch):
    monkeypatch.setattr(gridentry, "_HOPS", {})
    monkeypatch.setattr(gridhops, "_LABEL_MAX", 700)
    weights = np.ones((20, 20), np.float32)
    grid = EntryGrid(weights)

    for _ in range(40):
        found = grid.find_path(21, 399)

        assert_is_cheapest(weights, 21, 399, found)


def test_grids_of_one_size_do_not_hear_of_each_other():
    first, second = grid_of("rough", 24), grid_of("smooth", 24)
    open_ground, rubble = np.ones((24, 24), np.float32), grid_of("rubble", 24)
    grids = [EntryGrid(weights) for weights in (first, second, open_ground, rubble)]

    for _ in range(2):
        for grid, weights in zip(grids, (first, second, open_ground, rubble), strict=True):
            found = grid.find_path(3, 570)

            assert_is_cheapest(weights, 3, 570, found)


def test_searches_on_one_grid_do_not_hear_of_each_other():
    weights = grid_of("rubble", 48)
    trips = [(0, 2303), (2303, 0), (700, 720), (0, 2303)]
    grid = EntryGrid(weights)

    used = [grid.find_path(*trip) for trip in trips]

    fresh = [EntryGrid(weights).find_path(*trip) for trip in trips]
    assert [(cells.tolist(), cost) for cells, cost in used] == [
        (cells.tolist(), cost) for cells, cost in fresh
    ]


def test_a_way_between_two_blocked_cells_is_open():
    weights = np.array([[1.0, math.inf], [math.inf, 4.0]], np.float32)

    cells, cost = EntryGrid(weights).find_path(0, 3)

    assert (cells.tolist(), cost) == ([0, 3], 4.0)


def test_a_blocked_source_may_be_left_and_a_blocked_target_is_not_reached():
    weights = np.array([[math.inf, 2.0, 3.0]], np.float32)
    grid = EntryGrid(weights)

    assert grid.find_path(0, 2)[1] == 5.0
    assert grid.find_path(2, 0)[1] == math.inf


def test_staying_costs_nothing():
    cells, cost = EntryGrid(np.full((3, 3), 2.0, np.float32)).find_path(4, 4)

    assert (cells.tolist(), cost) == ([4], 0.0)


@pytest.mark.parametrize("weight", [0.0, -1.0, math.nan])
def test_weights_that_are_no_costs_are_refused(weight):
    with pytest.raises(AssertionError):
        EntryGrid(np.array([[1.0, weight]], np.float32))


def test_double_precision_weights_are_refused_rather_than_copied():
    with pytest.raises(AssertionError):
        EntryGrid(np.ones((2, 2)))


@pytest.mark.parametrize(("source", "target"), [(-1, 0), (0, 4), (4, 0)])
def test_cells_off_the_grid_are_refused(source, target):
    grid = EntryGrid(np.ones((2, 2), np.float32))

    with pytest.raises(AssertionError):
        grid.find_path(source, target)


@pytest.mark.parametrize("seed", range(3))
def test_weights_over_thirty_decades_cost_what_the_plain_search_says(seed):
    rng = np.random.default_rng(seed)
    weights = (10.0 ** rng.uniform(0.0, 30.0, (40, 40))).astype(np.float32)
    weights[rng.random((40, 40)) < 0.2] = math.inf
    weights.flat[[0, -1]] = 1.0

    cells, cost = EntryGrid(weights).find_path(0, weights.size - 1)

    assert cost == pytest.approx(naive_grid.entry_costs(weights, 0)[weights.size - 1], rel=1e-9)
    assert (cells[0], cells[-1]) == (0, weights.size - 1)
    assert cost_along(weights, cells) == pytest.approx(cost, rel=1e-9)
