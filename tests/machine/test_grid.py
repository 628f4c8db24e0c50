import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Point as Spot
from shapely.geometry import Polygon as Shape

from lunaredge.machine.grid import CELLS_MAX, Grid, Strip
from tests.machine.proving_ground import box, site

coordinates = st.floats(0.25, 39.75)
triangles = st.tuples(*[st.tuples(coordinates, coordinates)] * 3)


def strip(x_m: float, y_m: float, back_m: float, half_width_m: float = 1.0) -> Strip:
    return Strip(x_m=x_m, y_m=y_m, ux=1.0, uy=0.0, back_m=back_m, half_width_m=half_width_m)


@given(triangles)
def test_cells_inside_are_those_whose_centre_is(corners: tuple[tuple[float, float], ...]) -> None:
    grid = Grid(box(0, 0, 40, 40))
    shape = Shape(corners)

    inside = set(grid.inside(corners).tolist())

    for cell in range(grid.count):
        spot = Spot(grid.xs[cell], grid.ys[cell])
        if shape.exterior.distance(spot) > 1e-6:
            assert (cell in inside) == shape.contains(spot)


@given(st.lists(st.floats(0.1, 3.0), min_size=1, max_size=8))
def test_strips_in_a_row_cover_each_cell_once(lengths: list[float]) -> None:
    grid = Grid(box(0, 0, 40, 40))
    x_m, swept, edges_m = 2.0, [], []

    for length in lengths:
        edges_m.append(x_m)
        x_m += length
        swept += grid.swept(strip(x_m, 20.0, length)).tolist()

    whole = grid.swept(strip(x_m, 20.0, x_m - 2.0)).tolist()
    twice = {cell for cell in swept if swept.count(cell) > 1}
    left_out = set(whole) ^ set(swept)
    # A centre within rounding of an edge may be on both sides of it, or on neither.
    assert all(
        min(abs(grid.xs[cell] - edge_m) for edge_m in (*edges_m, x_m)) < 1e-9
        for cell in twice | left_out
    )


def test_a_strip_off_the_grid_covers_nothing() -> None:
    grid = Grid(box(0, 0, 40, 40))

    assert grid.swept(strip(500.0, 500.0, 5.0)).size == 0


def test_a_large_site_gets_coarser_cells() -> None:
    grid = Grid(box(0, 0, 5000, 5000))

    assert grid.count <= CELLS_MAX
    assert grid.cell_m == 4.0


def test_resampling_keeps_a_plane() -> None:
    ground = site(lambda x, y: 100.0 + 0.1 * x - 0.05 * y)
    grid = Grid(ground.boundary)

    heights = grid.resample(ground.terrain)

    inner = (grid.xs > 3) & (grid.xs < 117) & (grid.ys > 3) & (grid.ys < 117)
    expected = 100.0 + 0.1 * grid.xs - 0.05 * grid.ys
    assert np.abs(heights - expected)[inner].max() < 1e-4
    assert grid.interpolate(heights, 50.3, 60.9) == pytest.approx(100.0 + 5.03 - 3.045, abs=1e-4)


def test_heights_beyond_the_grid_are_those_of_its_edge() -> None:
    grid = Grid(box(0, 0, 40, 40))
    heights = grid.xs.copy()

    assert grid.interpolate(heights, -500.0, 20.0) == heights.min()
    assert grid.interpolate(heights, 500.0, 20.0) == heights.max()
