"""Zones and obstacles: what is refused, and where a polygon touches itself."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.model import site
from lunaredge.model.site import ZoneKind
from lunaredge.paths.zones import POLYGON_CORNERS_MAX, Obstacle, Zone, check_simple, crossing_of

shapely = pytest.importorskip("shapely")

SQUARE = ((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0))
BOW_TIE = ((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0))


def zone(**figures):
    return Zone(**({"name": "pit", "kind": ZoneKind.KEEP_OUT, "polygon": SQUARE} | figures))


def obstacle(**figures):
    return Obstacle(**({"name": "mast", "polygon": SQUARE} | figures))


def test_a_zone_of_the_site_file_counts_for_ever():
    slow = site.Zone(name="slow", kind=ZoneKind.SPEED, polygon=SQUARE, speed_m_s_max=0.2)

    found = Zone.of(slow)

    assert (found.name, found.kind, found.speed_m_s_max) == ("slow", ZoneKind.SPEED, 0.2)
    assert (found.from_s, found.until_s) == (-math.inf, math.inf)


def test_a_polygon_that_crosses_itself_is_refused_with_the_place():
    with pytest.raises(ConfigError) as caught:
        zone(polygon=BOW_TIE)

    assert str(caught.value) == (
        "zone pit: polygon: the polygon touches itself, got 'edges 0 and 2 at (1.0, 1.0)'; "
        "put the corners in order around the outline, or cut it into several"
    )


@pytest.mark.parametrize("polygon", [SQUARE, SQUARE[::-1], (*SQUARE, (3.0, 2.0))])
def test_concave_polygons_go_around_either_way(polygon):
    assert zone(polygon=polygon).polygon == polygon
    assert obstacle(polygon=polygon).polygon == polygon


@pytest.mark.parametrize(
    ("polygon", "edges"),
    [
        # A spike, a corner on an edge, a corner on a corner, an edge on an edge.
        (((0, 0), (4, 0), (2, 0), (2, 3)), (0, 1)),
        (((0, 0), (4, 0), (4, 4), (2, 0), (0, 4)), (0, 2)),
        (((0, 0), (2, 2), (4, 0), (4, 4), (2, 2), (0, 4)), (0, 3)),
        (((0, 0), (4, 0), (4, 2), (1, 2), (1, 0), (3, 0), (3, 1), (0, 1)), (0, 3)),
        (((0, 0), (2, 0), (4, 0)), (0, 1)),
    ],
)
def test_touching_oneself_counts_as_crossing(polygon, edges):
    crossing = crossing_of(polygon)

    assert (crossing.edge, crossing.other) == edges


def test_a_gap_that_a_double_can_hold_is_a_gap_however_far_away():
    far = 2.0**23
    narrow = ((far, 0.0), (far + 4, 0.0), (far + 4, 4.0), (far + 2, 2.0**-30), (far, 4.0))
    touching = ((far, 0.0), (far + 4, 0.0), (far + 4, 4.0), (far + 2, 0.0), (far, 4.0))

    assert crossing_of(narrow) is None
    assert crossing_of(touching) is not None


def test_rounding_decides_nothing():
    # The third corner is on the line in decimals, and to one side of it in binary.
    a, b, c = (0.1, 0.1), (0.3, 0.3), (0.7, 0.7)
    just_off = (np.nextafter(0.3, 1.0), 0.3)

    assert crossing_of((a, c, b)) is not None
    assert crossing_of((a, c, just_off)) is None


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=8, unique=True
    ).map(lambda corners: tuple((float(x), float(y)) for x, y in corners))
)
def test_simple_polygons_are_those_of_shapely(polygon):
    valid = shapely.Polygon(polygon).is_valid and shapely.Polygon(polygon).area > 0

    assert (crossing_of(polygon) is None) == valid


def test_a_long_outline_is_checked_too():
    turns = np.linspace(0.0, math.tau, POLYGON_CORNERS_MAX, endpoint=False)
    radii = 50.0 + 10.0 * np.sin(40 * turns)
    outline = np.column_stack((radii * np.cos(turns), radii * np.sin(turns)))
    twisted = outline.copy()
    twisted[[700, 1500]] = twisted[[1500, 700]]

    assert crossing_of(tuple(map(tuple, outline.tolist()))) is None
    assert crossing_of(tuple(map(tuple, twisted.tolist()))) is not None


@pytest.mark.parametrize(
    "figures",
    [
        {"polygon": SQUARE[:2]},
        {"polygon": tuple((float(k), float(k * k)) for k in range(POLYGON_CORNERS_MAX + 1))},
        {"polygon": (*SQUARE, (math.nan, 0.0))},
        {"polygon": (*SQUARE, (math.inf, 0.0))},
        {"polygon": (*SQUARE, (1e300, 0.0))},
        {"polygon": (*SQUARE, SQUARE[0])},
        {"polygon": (SQUARE[0], *SQUARE)},
        {"from_s": 5.0, "until_s": 5.0},
        {"from_s": math.nan},
        {"until_s": math.nan},
        {"from_s": math.inf},
        {"until_s": 1e300},
    ],
)
def test_what_is_no_area_or_no_time_is_refused(figures):
    with pytest.raises(ConfigError):
        zone(**figures)
    with pytest.raises(ConfigError):
        obstacle(**figures)


@pytest.mark.parametrize("speed_m_s", [None, 0.0, -1.0, math.nan, math.inf])
def test_a_speed_zone_needs_a_speed(speed_m_s):
    with pytest.raises(ConfigError):
        zone(kind=ZoneKind.SPEED, speed_m_s_max=speed_m_s)


def test_other_zones_have_none():
    with pytest.raises(ConfigError):
        zone(speed_m_s_max=0.5)


@pytest.mark.parametrize(
    "figures",
    [
        {"low_m": 2.0, "high_m": 2.0},
        {"low_m": math.nan},
        {"high_m": math.nan},
        {"low_m": -math.inf},
        {"margin_m": -0.1},
        {"margin_m": math.nan},
        {"margin_m": math.inf},
    ],
)
def test_an_obstacle_without_a_body_is_refused(figures):
    with pytest.raises(ConfigError):
        obstacle(**figures)


def test_the_error_names_the_corner():
    with pytest.raises(ConfigError, match=r"zone pit: polygon\[4\]: no place"):
        check_simple((*SQUARE, (0.0, math.nan)), "zone pit")
