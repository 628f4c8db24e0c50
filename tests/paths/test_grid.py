"""The site grid: versions, tiles, and what it refuses."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lunaredge.examples
from lunaredge.errors import ConfigError
from lunaredge.kernels.relief import BLOCK, ELEVATION, HALO, LAYERS, ROUGHNESS, SLOPE, STEP
from lunaredge.model.site import TerrainGrid
from lunaredge.paths.grid import CELLS_MAX, Region, SiteGrid, Tile
from lunaredge.runtime.files.geotiff import read_tile

TERRAIN = Path(lunaredge.examples.__file__).parent / "composite-ridge"
LAYERS_ALL = range(LAYERS)


def layers_of(grid):
    return [grid.layer(layer).tobytes() for layer in LAYERS_ALL]


@pytest.fixture(scope="module")
def ridge():
    """The shipped 2 x 2 km of real ground at 5 m, row 0 at the smallest y."""
    tile = read_tile(next(TERRAIN.glob("*.tif")))
    return np.ascontiguousarray(tile.heights_m[::-1], dtype=np.float64)


def test_heights_come_back_as_they_went_in(ridge):
    grid = SiteGrid.of_heights(ridge, 5.0, x_m=100.0, y_m=-50.0)

    assert grid.elevation_m.tobytes() == ridge.tobytes()
    assert grid.frame.tolist() == [100.0, -50.0, 5.0]
    assert grid.shape == (400, 400)
    assert np.median(grid.slope_deg) == pytest.approx(3.0, abs=0.1)


def test_masked_heights_are_not_known():
    heights_m = np.ma.masked_equal(np.array([[0, 1], [-32768, 3]], np.int16), -32768)

    grid = SiteGrid.of_heights(heights_m, 1.0)

    assert np.isnan(grid.elevation_m).tolist() == [[False, False], [True, False]]


def test_a_site_files_terrain_is_a_grid():
    heights_m = np.arange(6, dtype="<f4")
    terrain = TerrainGrid(x_m=1, y_m=2, cell_m=3, rows=2, columns=3, heights_m=heights_m.tobytes())

    grid = SiteGrid.of_terrain(terrain)

    assert grid.elevation_m.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert grid.frame.tolist() == [1, 2, 3]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_updates_equal_a_grid_made_anew_bit_for_bit(data):
    seed = data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    heights_m = rng.normal(size=(BLOCK + 9, 2 * BLOCK + 5))
    grid = SiteGrid.of_heights(heights_m, 2.0)
    for _ in range(data.draw(st.integers(1, 5))):
        row = data.draw(st.integers(0, heights_m.shape[0] - 1))
        column = data.draw(st.integers(0, heights_m.shape[1] - 1))
        height = data.draw(st.integers(1, heights_m.shape[0] - row))
        width = data.draw(st.integers(1, heights_m.shape[1] - column))
        change = rng.normal(size=(height, width))
        change[rng.random(change.shape) < 0.05] = math.nan
        before, layers_before = grid, layers_of(grid)
        heights_m[row : row + height, column : column + width] = change

        grid = grid.updated(row, column, change)

        assert layers_of(grid) == layers_of(SiteGrid.of_heights(heights_m, 2.0))
        assert layers_of(before) == layers_before
        assert grid.version == before.version + 1
        for layer in LAYERS_ALL:
            same = np.isclose(grid.layer(layer), before.layer(layer), 0.0, 0.0, equal_nan=True)
            same[grid.changed.cells] = True
            assert same.all()


def test_many_updates_need_no_more_room_than_the_versions_that_are_held():
    heights_m = np.zeros((3 * BLOCK, 2 * BLOCK))
    grid = first = SiteGrid.of_heights(heights_m, 1.0)

    for k in range(60):
        first.updated(0, 0, [[9.0]])
        grid = grid.updated(k, k, [[float(k + 1)]])

    heights_m[range(60), range(60)] = np.arange(1.0, 61.0)
    assert layers_of(grid) == layers_of(SiteGrid.of_heights(heights_m, 1.0))
    assert first.elevation_m.max() == 0.0
    assert len(grid.blocks) <= 5 * first.table.size


def test_every_version_that_is_held_stays_as_it_was():
    versions = [SiteGrid.of_heights(np.zeros((3 * BLOCK, 2 * BLOCK)), 1.0)]

    for k in range(60):
        versions.append(versions[-1].updated(k, k, [[float(k + 1)]]))

    for k, version in enumerate(versions):
        assert version.elevation_m.sum() == k * (k + 1) / 2


def test_a_table_alone_holds_its_blocks():
    grid = SiteGrid.of_heights(np.full((BLOCK, BLOCK), 7.0), 1.0)
    other = grid.updated(0, 0, [[1.0]])
    blocks, table = grid.blocks, grid.table
    del grid

    for k in range(40):
        other = other.updated(0, 0, [[float(k)]])

    assert (blocks[table[0, 0], ELEVATION] == 7.0).all()


def test_two_versions_made_from_one_do_not_disturb_each_other():
    ground = SiteGrid.of_heights(np.zeros((10, 10)), 1.0)

    one, other = ground.updated(2, 2, [[1.0]]), ground.updated(2, 2, [[5.0]])

    assert one.elevation_m[2, 2] == 1.0
    assert other.elevation_m[2, 2] == 5.0
    assert ground.elevation_m[2, 2] == 0.0


def test_a_change_reaches_two_cells_around_what_differs():
    grid = SiteGrid.of_heights(np.zeros((20, 20)), 1.0)
    same = np.zeros((6, 6))
    same[2, 3] = 1.0

    changed = grid.updated(5, 5, same).changed

    assert changed == Region(7 - HALO, 8 + HALO, 8 - HALO, 9 + HALO)
    assert changed.shape == (5, 5)


def test_heights_that_are_the_same_change_nothing():
    heights_m = np.full((20, 20), 3.0)
    heights_m[5, 5] = math.nan
    grid = SiteGrid.of_heights(heights_m, 1.0)

    again = grid.updated(0, 0, heights_m)

    assert again.changed is None
    assert again.version == 1
    assert again.table is grid.table


def test_there_is_one_zero():
    grid = SiteGrid.of_heights(np.zeros((4, 4)), 1.0).updated(0, 0, np.full((4, 4), -0.0))

    assert layers_of(grid) == layers_of(SiteGrid.of_heights(np.full((4, 4), -0.0), 1.0))


def test_an_update_writes_no_more_blocks_than_it_touches():
    grid = SiteGrid.of_heights(np.zeros((8 * BLOCK, 8 * BLOCK)), 1.0)

    inside = grid.updated(BLOCK + 9, BLOCK + 9, [[1.0]])
    at_corner = grid.updated(BLOCK, BLOCK, [[1.0]])

    assert (inside.table != grid.table).sum() == 1
    assert (at_corner.table != grid.table).sum() == 4


def test_tiles_joined_are_the_whole(ridge):
    whole = SiteGrid.of_heights(ridge, 5.0, x_m=-7.0, y_m=3.0)
    cuts = [0, 130, 131, 260, 400]
    tiles = [
        Tile(ridge[a:b, c:d], -7.0 + 5.0 * c, 3.0 + 5.0 * a, 5.0)
        for a, b in pairwise(cuts)
        for c, d in pairwise(cuts)
    ]

    joined = SiteGrid.of_tiles(tiles[::-1])

    assert joined.frame.tolist() == whole.frame.tolist()
    assert layers_of(joined) == layers_of(whole)


def test_slopes_of_real_ground_do_not_depend_on_which_way_it_lies(ridge):
    grid = SiteGrid.of_heights(ridge, 5.0)

    for turn in (np.rot90, np.fliplr, np.flipud, np.transpose):
        turned = SiteGrid.of_heights(turn(ridge), 5.0)
        for layer in (SLOPE, ROUGHNESS, STEP):
            assert np.abs(turned.layer(layer) - turn(grid.layer(layer))).max() <= 1e-12


def test_a_tile_brought_by_an_update_joins_without_a_seam(ridge):
    west = ridge.copy()
    west[:, 200:] = math.nan

    joined = SiteGrid.of_heights(west, 5.0).updated(0, 200, ridge[:, 200:])

    assert layers_of(joined) == layers_of(SiteGrid.of_heights(ridge, 5.0))


def test_between_tiles_nothing_is_known_and_the_last_to_know_counts():
    hole = [[2.0, math.nan], [2.0, 2.0]]
    tiles = [Tile(np.ones((2, 2)), 0.0, 0.0, 1.0), Tile(hole, 1.0, 1.0, 1.0)]

    joined = SiteGrid.of_tiles(tiles).elevation_m

    nan = math.nan
    expected = np.array([[1, 1, nan], [1, 2, nan], [nan, 2, 2]])
    assert joined == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    "other",
    [
        Tile(np.ones((2, 2)), 0.5, 0.0, 1.0),
        Tile(np.ones((2, 2)), 2.0, 0.0, 2.0),
        Tile(np.ones((2, 2)), math.nan, 0.0, 1.0),
        Tile(np.ones((2, 2)), 0.0, 0.0, math.nan),
        Tile(np.ones((2, 2)), 1e6, 1e6, 1.0),
        Tile(np.ones(2), 0.0, 0.0, 1.0),
        Tile(np.ones((2, 2)) * math.inf, 0.0, 0.0, 1.0),
    ],
)
def test_tiles_that_do_not_fit_are_refused(other):
    with pytest.raises(ConfigError):
        SiteGrid.of_tiles([Tile(np.ones((2, 2)), 0.0, 0.0, 1.0), other])


def test_no_tiles_are_no_grid():
    with pytest.raises(ConfigError):
        SiteGrid.of_tiles([])


def test_coarser_cells_have_the_mean_height_where_all_is_known():
    heights_m = np.arange(40.0).reshape(5, 8)
    heights_m[0, 7] = math.nan

    coarse = SiteGrid.of_heights(heights_m, 1.0, x_m=3.0).coarsened(2)

    assert coarse.frame.tolist() == [3.0, 0.0, 2.0]
    expected = [[4.5, 6.5, 8.5, math.nan], [20.5, 22.5, 24.5, 26.5]]
    assert coarse.elevation_m == pytest.approx(np.array(expected), nan_ok=True)


def test_a_crop_keeps_its_place():
    grid = SiteGrid.of_heights(np.arange(48.0).reshape(6, 8), 2.0, x_m=10.0, y_m=20.0)

    part = grid.cropped(Region(1, 4, 3, 8))

    assert part.frame.tolist() == [16.0, 22.0, 2.0]
    assert part.elevation_m.tolist() == grid.elevation_m[1:4, 3:8].tolist()
    assert part.box_m(Region(0, 3, 0, 5)) == grid.box_m(Region(1, 4, 3, 8))


def test_crops_joined_are_the_whole():
    grid = SiteGrid.of_heights(np.random.default_rng(4).normal(size=(6, 8)), 2.0, x_m=10.0)
    crops = [grid.cropped(Region(0, 6, *columns)) for columns in ((0, 4), (3, 8))]

    joined = SiteGrid.of_tiles([Tile(crop.elevation_m, *crop.frame.tolist()) for crop in crops])

    assert layers_of(joined) == layers_of(grid)
    assert joined.frame.tolist() == grid.frame.tolist()


def test_a_layer_of_a_region_is_that_part_of_the_whole():
    grid = SiteGrid.of_heights(np.random.default_rng(0).normal(size=(70, 80)), 1.0)
    region = Region(31, 66, 5, 33)

    assert grid.layer(ELEVATION, region).tolist() == grid.elevation_m[region.cells].tolist()


def test_the_cell_of_a_point_is_the_higher_one_on_an_edge():
    grid = SiteGrid.of_heights(np.zeros((3, 4)), 2.0, x_m=10.0, y_m=20.0)

    assert grid.cell_of(10.0, 20.0) == (0, 0)
    assert grid.cell_of(12.0, 23.9) == (1, 1)
    assert grid.cell_of(18.0, 21.0) is None
    assert grid.cell_of(11.0, -math.inf) is None
    with pytest.raises(ConfigError, match="x_m"):
        grid.cell_of(math.nan, 21.0)


@pytest.mark.parametrize(
    ("heights_m", "figures"),
    [
        (np.zeros(5), {}),
        (np.zeros((1, 5)), {}),
        (np.zeros((0, 5)), {}),
        (np.zeros((3, 3, 3)), {}),
        ("hills", {}),
        (np.full((3, 3), math.inf), {}),
        (np.full((3, 3), 1e5), {}),
        (np.full((3, 3), -9999.0), {}),
        (np.zeros((3, 3)), {"cell_m": 0.0}),
        (np.zeros((3, 3)), {"cell_m": -1.0}),
        (np.zeros((3, 3)), {"cell_m": math.nan}),
        (np.zeros((3, 3)), {"cell_m": math.inf}),
        (np.zeros((3, 3)), {"x_m": math.nan}),
        (np.zeros((3, 3)), {"y_m": 1e300}),
        (np.broadcast_to(np.float32(0), (2, CELLS_MAX // 2 + 1)), {}),
    ],
)
def test_what_is_no_ground_is_refused(heights_m, figures):
    with pytest.raises(ConfigError):
        SiteGrid.of_heights(heights_m, **({"cell_m": 1.0} | figures))


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (9, 0), (0, 9)])
def test_a_change_beyond_the_grid_is_refused(place):
    with pytest.raises(ConfigError, match="beyond the grid"):
        SiteGrid.of_heights(np.zeros((10, 10)), 1.0).updated(*place, np.zeros((2, 2)))


@pytest.mark.parametrize("count", [0, -1, 6])
def test_a_grid_of_too_few_coarse_cells_is_refused(count):
    with pytest.raises(ConfigError):
        SiteGrid.of_heights(np.zeros((10, 10)), 1.0).coarsened(count)


def test_ground_of_which_nothing_is_known_is_a_grid_too():
    grid = SiteGrid.of_heights(np.full((3, 3), math.nan), 1.0)

    assert all(np.isnan(grid.layer(layer)).all() for layer in LAYERS_ALL)
