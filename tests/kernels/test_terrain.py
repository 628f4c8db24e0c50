"""Terrain kernels against plain loops and exact fractions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lunaredge.kernels import terrain
from lunaredge.kernels.gridpath import MOVES
from tests.kernels import naive

FRAME = np.array([-2.0, 1.0, 2.0])
HEIGHTS = arrays(
    np.float64,
    st.tuples(st.integers(2, 5), st.integers(2, 5)),
    elements=st.floats(-20.0, 20.0, width=32),
)
HALVES = st.integers(-2, 20).map(lambda half: half / 2.0)
ENDS = st.tuples(HALVES, HALVES)
RADII = st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.75])


@given(st.integers(1, 3), st.floats(-1.0, 9.0), st.floats(2.0, 9.0))
def test_heights_on_a_plane_are_found_between_centres(step, x_m, y_m):
    rows, columns = np.mgrid[0:6, 0:7].astype(np.float64)
    heights_m = step * (columns + 0.5) - (rows + 0.5)

    found = terrain.heights_at_m(heights_m, FRAME, np.array([[x_m, y_m]]))

    assert found[0] == pytest.approx(step * (x_m + 2.0) / 2.0 - (y_m - 1.0) / 2.0, abs=1e-9)


def test_heights_beyond_the_outer_centres_are_the_borders():
    heights_m = np.array([[1.0, 2.0], [3.0, 4.0]])

    found = terrain.heights_at_m(heights_m, FRAME, np.array([[-90.0, -90.0], [90.0, 90.0]]))

    assert found.tolist() == [1.0, 4.0]


@settings(max_examples=12)  # exact numbers for every move and cell are slow
@given(arrays(np.bool_, (2, 3)), st.sampled_from([1, 2]), RADII)
def test_closed_moves_are_those_over_steep_cells(steep, refinement, radius_m):
    cell_m = 1.5
    frame = np.array([-2.0, 1.0, cell_m])
    closed = np.zeros((2 * refinement, 3 * refinement, 4), np.bool_)

    terrain.close_moves_over(closed, frame, MOVES, steep, radius_m)

    side_m = cell_m * refinement
    boxes = [
        ((-2.0 + j * side_m, 1.0 + i * side_m), (-2.0 + (j + 1) * side_m, 1.0 + (i + 1) * side_m))
        for i, j in np.argwhere(steep).tolist()
    ]
    for row, column, k in np.ndindex(closed.shape):
        x, y = -2.0 + (column + 0.5) * cell_m, 1.0 + (row + 0.5) * cell_m
        move = ((x, y), (x + float(MOVES[k, 1]) * cell_m, y + float(MOVES[k, 0]) * cell_m))
        gaps_m = [math.sqrt(naive.segment_box_m2(move, low, high)) for low, high in boxes]
        if all(abs(gap_m - radius_m) > 1e-9 for gap_m in gaps_m):
            assert closed[row, column, k] == any(gap_m <= radius_m for gap_m in gaps_m)
