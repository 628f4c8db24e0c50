import msgspec
import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.geotiff import Tile
from lunaredge.runtime.files.terrain import Window, read_terrain, terrain_of
from tests.runtime.files.writing import write_tile

WINDOW = Window(x_m=1010.0, y_m=2010.0, width_m=60.0, height_m=40.0, cell_m=2.5)


def plane_tile(path, slope_x=0.1, slope_y=0.02):
    """Heights that rise with projected x and y: bilinear resampling gives them back exactly."""
    column, row = np.meshgrid(np.arange(20), np.arange(20))
    x_m, y_m = 1002.5 + 5 * column, 2097.5 - 5 * row
    heights_m = slope_x * (x_m - 1010.0) + slope_y * (y_m - 2010.0)
    return write_tile(path, heights_m.astype(np.float64))


def heights_of(grid):
    return np.frombuffer(grid.heights_m, "<f4").reshape(grid.rows, grid.columns)


def refusal(path, **changes):
    with pytest.raises(ConfigError) as caught:
        read_terrain(path, msgspec.structs.replace(WINDOW, **changes))
    return caught.value


def test_a_slope_keeps_its_heights_with_row_0_at_the_smallest_y(tmp_path):
    grid = read_terrain(plane_tile(tmp_path / "a.tif"), WINDOW)

    x_m = (np.arange(24) + 0.5) * 2.5
    y_m = (np.arange(16) + 0.5) * 2.5
    expected_m = 0.1 * x_m[np.newaxis, :] + 0.02 * y_m[:, np.newaxis]
    assert (grid.x_m, grid.y_m, grid.cell_m, grid.rows, grid.columns) == (0, 0, 2.5, 16, 24)
    assert np.abs(heights_of(grid) - expected_m).max() < 1e-5


def test_cells_as_large_as_pixels_and_in_line_with_them_copy_the_tile():
    heights_m = np.random.default_rng(3).normal(size=(20, 20))
    tile = Tile(heights_m=heights_m, x_m=1002.5, y_m=2097.5, pixel_m=5.0)

    grid = terrain_of(tile, msgspec.structs.replace(WINDOW, cell_m=5.0), "a.tif")

    assert np.array_equal(heights_of(grid), heights_m[10:18, 2:14][::-1].astype("<f4"))


def test_a_resampled_height_lies_between_its_neighbours():
    heights_m = np.random.default_rng(5).normal(size=(20, 20))
    tile = Tile(heights_m=heights_m, x_m=1002.5, y_m=2097.5, pixel_m=5.0)

    grid = terrain_of(tile, msgspec.structs.replace(WINDOW, cell_m=0.5), "a.tif")

    assert heights_m.min() <= heights_of(grid).min()
    assert heights_of(grid).max() <= heights_m.max()


def test_the_window_may_touch_the_outermost_pixel_centres_and_no_more(tmp_path):
    path = plane_tile(tmp_path / "a.tif")
    whole = {"x_m": 1000.0, "y_m": 2000.0, "width_m": 100.0, "height_m": 100.0, "cell_m": 5.0}

    grid = read_terrain(path, Window(**whole))

    assert grid.rows == grid.columns == 20
    for axis in ("x_m", "y_m"):
        for shift_m in (-0.1, 0.1):
            error = refusal(path, **whole | {axis: whole[axis] + shift_m})
            assert "leaves the tile" in error.problem
            assert "x 1002.5 to 1097.5, y 2002.5 to 2097.5" in error.remedy


@pytest.mark.parametrize("side", ["width_m", "height_m"])
def test_a_window_larger_than_the_tile_is_told_to_shrink_and_not_to_move(tmp_path, side):
    error = refusal(plane_tile(tmp_path / "a.tif"), **{side: 9000.0})

    assert f"give a terrain.{side} of at most 97.5" in error.remedy
    assert "move" not in error.remedy


def test_too_many_cells_are_told_how_large_a_cell_would_do(tmp_path):
    window = {"width_m": 5000.0, "height_m": 5000.0, "cell_m": 0.5}

    error = refusal(plane_tile(tmp_path / "a.tif"), **window)

    assert "10000 x 10000 cells" in error.problem
    assert "cell_m of 5 or more" in error.remedy


@pytest.mark.parametrize("hole_m", [np.nan, np.inf, -32768.0, 3.4e38])
def test_holes_and_absurd_heights_are_refused_inside_the_window_and_ignored_outside(
    tmp_path, hole_m
):
    heights_m = np.full((20, 20), -3000.0, np.float32)
    heights_m[0, 0] = hole_m
    outside = write_tile(tmp_path / "outside.tif", heights_m)
    heights_m[12, 9] = hole_m
    inside = write_tile(tmp_path / "inside.tif", heights_m)

    assert heights_of(read_terrain(outside, WINDOW)).max() == -3000.0
    assert refusal(inside).key == "heights"


@pytest.mark.parametrize("cell_m", [0.01, 7.0, 59.0, 1e9])
def test_a_cell_that_does_not_fit_the_window_is_refused(tmp_path, cell_m):
    assert refusal(plane_tile(tmp_path / "a.tif"), cell_m=cell_m).key == "cell_m"
