import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.model.site import ZoneKind
from lunaredge.runtime.files.site_file import load_site
from tests.runtime.files.writing import SITE, write, write_site

SPEED_ZONE = '\n[[zones]]\nname = "slow"\nkind = "speed"\npolygon = [[2, 20], [9, 20], [9, 30]]\n'


def refusal(path):
    with pytest.raises(ConfigError) as caught:
        load_site(path)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_site_is_read_with_its_terrain_and_zones(tmp_path):
    site = load_site(write_site(tmp_path))

    assert (site.name, site.title, site.regolith_kg_m3) == ("plain", "A plain", 1600.0)
    assert site.boundary[2] == (59.0, 39.0)
    assert (site.terrain.rows, site.terrain.columns, site.terrain.cell_m) == (16, 24, 2.5)
    assert set(np.frombuffer(site.terrain.heights_m, "<f4")) == {-3000.0}
    assert site.zone("hole").kind is ZoneKind.KEEP_OUT
    assert site.zone("hole").speed_m_s_max is None


def test_a_speed_zone_carries_its_limit_and_yaml_reads_like_toml(tmp_path):
    write_site(tmp_path)
    as_toml = load_site(write(tmp_path / "b.toml", SITE + SPEED_ZONE + "speed_m_s_max = 0.2\n"))
    as_yaml = """
name: plain
title: A plain
regolith_kg_m3: 1600.0
boundary: [[1, 1], [59, 1], [59, 39], [1, 39]]
terrain:
  {file: tile.tif, origin_x_m: 1010, origin_y_m: 2010, width_m: 60, height_m: 40, cell_m: 2.5}
zones:
  - {name: hole, kind: keep_out, polygon: [[30, 20], [40, 20], [40, 30], [30, 30]]}
  - {name: yard, kind: charge, polygon: [[2, 2], [50, 2], [50, 15], [2, 15]]}
  - {name: slow, kind: speed, polygon: [[2, 20], [9, 20], [9, 30]], speed_m_s_max: 0.2}
"""

    assert as_toml.zone("slow").speed_m_s_max == 0.2
    assert load_site(write(tmp_path / "c.yaml", as_yaml)) == as_toml


@pytest.mark.parametrize(
    ("old", "new", "key", "problem"),
    [
        ('name = "plain"', 'name = "Plain"', "name", "not a name"),
        ('title = "A plain"\n', "", "title", "missing"),
        ("1600.0", '"1600"', "regolith_kg_m3", "valid number"),
        ("1600.0", "true", "regolith_kg_m3", "valid number"),
        ("1600.0", "nan", "regolith_kg_m3", "finite"),
        ("1600.0", "160.0", "regolith_kg_m3", "greater than or equal to 800"),
        ("1600.0", "1600.0\ncolour = 3", "colour", "not known"),
        ("[1, 1], ", "[1, 1, 1], ", "boundary[0]", "at most 2"),
        ("[1, 1], ", "[1, inf], ", "boundary[0][1]", "finite"),
        ("[1, 1], ", "[-1, 1], ", "boundary", "leaves the terrain"),
        ("[1, 1], ", "[1, 1], [1, 1], ", "boundary", "crosses or touches itself"),
        ("[[1, 1], [59, 1], [59, 39], [1, 39]]", "[[1, 1], [59, 1]]", "boundary", "at least 3"),
        (
            "[[1, 1], [59, 1], [59, 39], [1, 39]]",
            "[[1, 1], [2, 1], [2, 1.5]]",
            "boundary",
            "less than 1 m2",
        ),
        ('"keep_out"', '"keepout"', "zones[0].kind", "should be 'keep_out'"),
        ('"yard"', '"hole"', "zones[1].name", "another zone"),
        ("[50, 2]", "[70, 2]", "zones[1].polygon", "leaves the boundary"),
        ("[30, 20], [40, 20]", "[40, 20], [30, 20]", "zones[0].polygon", "crosses"),
        ('"charge"', '"speed"', "zones[1].speed_m_s_max", "of kind speed"),
        ('"charge"', '"charge"\nspeed_m_s_max = 1', "zones[1].speed_m_s_max", "of kind charge"),
        ("cell_m = 2.5", "cell_m = 0", "terrain.cell_m", "greater than or equal to 0.25"),
        ("cell_m = 2.5", "cell_m = 2.7", "cell_m", "whole numbers of cells"),
        ("1010.0", "10.0", "window", "leaves the tile"),
        ("tile.tif", "none.tif", "file", "no such file"),
    ],
)
def test_a_site_that_cannot_be_is_refused_by_its_key(tmp_path, old, new, key, problem):
    error = refusal(write_site(tmp_path, old, new))

    assert error.key == key
    assert problem in error.problem
    assert error.remedy


def test_a_remedy_quotes_the_unit_the_range_and_the_reason(tmp_path):
    error = refusal(write_site(tmp_path, "1600.0", "16"))

    assert error.remedy == (
        "give kg/m3, 800 to 2500: bulk density of undisturbed regolith, for dug volumes"
    )


def test_an_unknown_key_is_answered_with_the_known_ones(tmp_path):
    error = refusal(write_site(tmp_path, 'kind = "charge"', 'kind = "charge"\nlimit = 3'))

    assert error.key == "zones[1].limit"
    assert error.remedy.endswith("use one of: kind, name, polygon, speed_m_s_max")


def test_a_keep_out_zone_may_leave_the_boundary_but_not_the_terrain(tmp_path):
    beyond_boundary = write_site(tmp_path, "[40, 20], [40, 30]", "[60, 20], [60, 30]")
    assert load_site(beyond_boundary).zone("hole").polygon[1] == (60.0, 20.0)

    beyond_terrain = write_site(tmp_path, "[40, 20], [40, 30]", "[61, 20], [61, 30]")
    assert "leaves the terrain" in refusal(beyond_terrain).problem


def test_the_first_of_several_errors_is_shown_with_their_number(tmp_path):
    error = refusal(write(tmp_path / "a.toml", 'name = "-"\ntitle = ""\n'))

    assert error.key == "name"
    assert "the first of 6 errors" in error.problem
