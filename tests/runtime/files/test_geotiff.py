import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.geotiff import TIFF_BYTES_MAX, read_tile
from tests.runtime.files.writing import GEO_KEYS, flat_tile, write_tile

HEIGHTS_M = np.arange(12, dtype=np.float32).reshape(3, 4)


def refusal(path):
    with pytest.raises(ConfigError) as caught:
        read_tile(path)
    assert "\n" not in str(caught.value)
    return caught.value


def keys_with(key, value):
    keys = list(GEO_KEYS)
    keys[keys.index(key, 4) + 3] = value
    return {34735: ("H", len(keys), tuple(keys))}


def test_the_first_pixels_centre_is_half_a_pixel_inside_the_tiepoint(tmp_path):
    tile = read_tile(write_tile(tmp_path / "a.tif", HEIGHTS_M))

    assert (tile.x_m, tile.y_m, tile.pixel_m) == (1002.5, 2097.5, 5.0)
    assert tile.heights_m.tolist() == HEIGHTS_M.tolist()


def test_a_tile_of_points_has_its_first_pixel_on_the_tiepoint(tmp_path):
    tile = read_tile(write_tile(tmp_path / "a.tif", HEIGHTS_M, tags=keys_with(1025, 2)))

    assert (tile.x_m, tile.y_m) == (1000.0, 2100.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": {34735: None}},
        {"rowsperstrip": 1},
        {"byteorder": ">"},
        {"tile": (16, 16)},
        {"bigtiff": True},
    ],
)
def test_other_layouts_of_the_same_tile_read_the_same(tmp_path, changes):
    tile = read_tile(write_tile(tmp_path / "a.tif", HEIGHTS_M, **changes))

    assert tile.heights_m.tolist() == HEIGHTS_M.tolist()


def test_doubles_are_read_too(tmp_path):
    tile = read_tile(write_tile(tmp_path / "a.tif", HEIGHTS_M.astype(np.float64) / 3))

    assert tile.heights_m[0, 1] == 1 / 3


@pytest.mark.parametrize(
    ("heights_m", "changes", "key", "problem"),
    [
        (HEIGHTS_M.astype(np.int16), {}, "dtype", "not float32"),
        (np.zeros((3, 4, 3), np.float32), {"photometric": "rgb"}, "shape", "not one band"),
        (np.zeros((1, 4), np.float32), {}, "shape", "not one band"),
        (HEIGHTS_M, {"compression": "zlib"}, "Compression", "compressed"),
        (HEIGHTS_M, {"tags": {33922: None}}, "ModelTiepoint", "no georeference"),
        (HEIGHTS_M, {"tags": {33550: None}}, "ModelTiepoint", "no georeference"),
        (
            HEIGHTS_M,
            {"tags": {33922: ("d", 6, (0.0, 0.0, 0.0, float("nan"), 0.0, 0.0))}},
            "ModelTiepoint",
            "no georeference",
        ),
        (
            HEIGHTS_M,
            {"tags": {33550: ("d", 3, (5.0, 6.0, 0.0))}},
            "ModelPixelScale",
            "not squares",
        ),
        (
            HEIGHTS_M,
            {"tags": {33550: ("d", 3, (0.0, 0.0, 0.0))}},
            "ModelPixelScale",
            "not squares",
        ),
        (HEIGHTS_M, {"tags": keys_with(1024, 2)}, "GTModelType", "not a projected"),
        (HEIGHTS_M, {"tags": keys_with(3076, 9002)}, "ProjLinearUnits", "not in metres"),
    ],
)
def test_a_tiff_that_is_no_height_tile_is_refused_by_its_tag(
    tmp_path, heights_m, changes, key, problem
):
    error = refusal(write_tile(tmp_path / "a.tif", heights_m, **changes))

    assert error.key == key
    assert problem in error.problem


def test_a_tile_cut_anywhere_is_refused(tmp_path):
    path = flat_tile(tmp_path / "a.tif")
    whole = path.read_bytes()

    for size_bytes in range(0, len(whole), 7):
        path.write_bytes(whole[:size_bytes])
        assert refusal(path).place == str(path)


def test_a_tile_that_claims_more_pixels_than_it_has_is_refused_before_they_are_allocated(tmp_path):
    path = flat_tile(tmp_path / "a.tif")
    content = bytearray(path.read_bytes())
    width_tag = content.index(b"\x00\x01\x04\x00\x01\x00\x00\x00") + 8
    content[width_tag : width_tag + 4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content)

    assert "cut short" in refusal(path).problem


def test_what_is_no_tiff_is_named(tmp_path):
    text = tmp_path / "a.tif"
    text.write_text("not a picture")
    huge = tmp_path / "huge.tif"
    with huge.open("wb") as stream:
        stream.truncate(TIFF_BYTES_MAX + 1)

    assert "not a readable TIFF" in refusal(text).problem
    assert "too large" in refusal(huge).problem
    assert "no such file" in refusal(tmp_path / "none.tif").problem
    assert "not a regular file" in refusal(tmp_path).problem
