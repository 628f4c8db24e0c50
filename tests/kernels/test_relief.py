"""The layers of a height grid against plain loops and least squares."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lunaredge.kernels import relief
from lunaredge.paths.grid import SiteGrid
from tests.kernels import naive_relief

HEIGHTS = arrays(
    np.float64,
    st.tuples(st.integers(2, 7), st.integers(2, 7)),
    elements=st.one_of(st.floats(-20.0, 20.0, width=32), st.just(math.nan)),
)
EVERY_LAYER = range(relief.LAYERS)


def layers_of(heights_m, cell_m=1.0):
    grid = SiteGrid.of_heights(heights_m, cell_m)
    return np.array([grid.layer(layer) for layer in EVERY_LAYER])


@settings(max_examples=150)
@given(HEIGHTS, st.floats(0.1, 10.0))
def test_layers_equal_plain_loops(heights_m, cell_m):
    found = layers_of(heights_m, cell_m)

    expected = naive_relief.layers(heights_m.tolist(), cell_m)
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_layers_across_blocks_equal_plain_loops():
    heights_m = np.random.default_rng(1).normal(size=(relief.BLOCK + 3, 2 * relief.BLOCK + 1))
    heights_m[5, 31] = heights_m[33, 64] = math.nan

    found = layers_of(heights_m, 2.0)

    expected = naive_relief.layers(heights_m.tolist(), 2.0)
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_a_plane_is_neither_rough_nor_stepped():
    rows, columns = np.mgrid[0:40, 0:50].astype(np.float64)

    found = layers_of(3.0 * columns + 4.0 * rows + 1000.0, 5.0)

    assert found[relief.SLOPE] == pytest.approx(45.0)
    assert found[relief.ROUGHNESS] == pytest.approx(0.0, abs=1e-9)
    assert found[relief.STEP] == pytest.approx(0.0, abs=1e-9)


def test_a_kerb_is_a_step_of_its_height_on_a_slope_too():
    columns = np.arange(10.0)
    heights_m = np.tile(0.2 * columns + 0.3 * (columns >= 5), (8, 1))

    steps_m = layers_of(heights_m)[relief.STEP, 2:-2]

    assert steps_m[:, 4:6] == pytest.approx(0.3)
    assert steps_m[:, :4] == pytest.approx(0.0)
    assert steps_m[:, 6:] == pytest.approx(0.0)


def test_a_boulder_is_a_step_of_its_own_height_and_no_more():
    heights_m = np.zeros((9, 9))
    heights_m[4, 4] = 0.5

    steps_m = layers_of(heights_m)[relief.STEP]

    assert steps_m[3:6, 3:6] == pytest.approx(0.5)
    assert steps_m[0].max() == 0.0


def test_a_crest_is_no_step():
    heights_m = np.tile(-0.4 * np.abs(np.arange(11.0) - 5.0), (11, 1))

    assert layers_of(heights_m)[relief.STEP, 2:-2] == pytest.approx(0.0, abs=1e-12)


def test_on_the_border_where_one_side_is_missing_a_bend_counts_as_a_step():
    heights_m = np.tile(-0.4 * np.abs(np.arange(11.0) - 5.0), (11, 1))

    assert layers_of(heights_m)[relief.STEP, 0, 4] == pytest.approx(0.8)


def turned(layers):
    """Give the layers of the same ground with x and y a quarter turn further."""
    found = np.rot90(layers, axes=(1, 2))
    x, y = found[relief.GRADIENT_X].copy(), found[relief.GRADIENT_Y].copy()
    found = found.copy()
    # Rows go with y here: what was up a column's rows runs along the columns now.
    found[relief.GRADIENT_X], found[relief.GRADIENT_Y] = y, -x
    return found


def mirrored(layers):
    found = layers[:, :, ::-1].copy()
    found[relief.GRADIENT_X] *= -1.0
    return found


def test_layers_of_turned_and_mirrored_ground_are_turned_and_mirrored():
    heights_m = np.random.default_rng(3).normal(size=(50, 67)).cumsum(0).cumsum(1)
    heights_m[20, 30] = math.nan
    layers = layers_of(heights_m, 2.0)

    of_turned = layers_of(np.rot90(heights_m), 2.0)
    of_mirrored = layers_of(heights_m[:, ::-1], 2.0)

    assert of_turned == pytest.approx(turned(layers), abs=1e-9, nan_ok=True)
    assert of_mirrored == pytest.approx(mirrored(layers), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1)])
def test_a_grid_of_one_row_has_no_layers(shape):
    table = np.zeros((1, 1), np.int32)
    blocks = np.zeros((1, relief.LAYERS, relief.BLOCK, relief.BLOCK))

    with pytest.raises(AssertionError):
        relief.lay_blocks(blocks, table, shape, 1.0, np.zeros((1, 2), np.int64))
