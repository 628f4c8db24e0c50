"""The clearance transform against plain loops, and a region done again against the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lunaredge.kernels.clearance import RANGE_CELLS_MAX, fill_clearance
from tests.kernels import naive_occupancy as naive

GRIDS = st.tuples(st.integers(1, 9), st.integers(1, 12)).flatmap(
    lambda shape: arrays(np.bool_, shape, elements=st.sampled_from([False] * 7 + [True]))
)
RANGES = st.sampled_from([1, 2, 3, 5, 31, RANGE_CELLS_MAX])


def window_of(shape):
    return np.array([0, shape[0] - 1, 0, shape[1] - 1], np.int64)


def clearance_of(closed, range_cells):
    clearance = np.full(closed.shape, 77, np.uint8)
    fill_clearance(clearance, np.ascontiguousarray(closed), range_cells, window_of(closed.shape))
    return clearance


@given(GRIDS, RANGES)
def test_bytes_are_those_of_plain_loops(closed, range_cells):
    found = clearance_of(closed, range_cells)

    assert found.tolist() == naive.clearance(closed, range_cells).tolist()


@given(GRIDS, RANGES)
def test_a_turned_or_mirrored_grid_has_the_same_bytes_turned_or_mirrored(closed, range_cells):
    found = clearance_of(closed, range_cells)

    assert (clearance_of(np.rot90(closed), range_cells) == np.rot90(found)).all()
    assert (clearance_of(closed[:, ::-1], range_cells) == found[:, ::-1]).all()
    assert (clearance_of(closed.T, range_cells) == found.T).all()


@given(GRIDS, RANGES, st.data())
def test_a_window_is_written_as_in_the_whole_and_nothing_beside_it(closed, range_cells, data):
    rows = sorted(data.draw(st.tuples(*[st.integers(0, closed.shape[0] - 1)] * 2)))
    columns = sorted(data.draw(st.tuples(*[st.integers(0, closed.shape[1] - 1)] * 2)))
    expected = np.full(closed.shape, 77, np.uint8)
    inside = np.s_[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]
    expected[inside] = clearance_of(closed, range_cells)[inside]

    found = np.full(closed.shape, 77, np.uint8)
    fill_clearance(found, closed, range_cells, np.array([*rows, *columns], np.int64))

    assert found.tolist() == expected.tolist()


def test_no_byte_says_more_than_the_distance_is():
    closed = np.zeros((40, 40), np.bool_)
    closed[0, 0] = True

    found = clearance_of(closed, 50)

    rows, columns = np.mgrid[0:40, 0:40]
    cells = np.hypot(np.maximum(rows - 1, 0), np.maximum(columns - 1, 0))
    steps = found - 1.0
    is_open = ~closed
    assert (steps[is_open] <= cells[is_open] * 254 / 50 + 1e-12).all()
    assert (steps[is_open & (found < 255)] > cells[is_open & (found < 255)] * 254 / 50 - 1).all()


@pytest.mark.parametrize("range_cells", [0, RANGE_CELLS_MAX + 1])
def test_a_range_that_bytes_cannot_hold_is_refused(range_cells):
    with pytest.raises(AssertionError):
        clearance_of(np.zeros((3, 3), np.bool_), range_cells)


def test_a_window_beyond_the_grid_is_refused():
    closed = np.zeros((3, 3), np.bool_)

    with pytest.raises(AssertionError):
        fill_clearance(np.zeros((3, 3), np.uint8), closed, 2, np.array([0, 3, 0, 2], np.int64))
