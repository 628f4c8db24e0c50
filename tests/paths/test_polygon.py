"""Polygons cut into convex pieces, lines into rods."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import CORNERS_MAX
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.polygon import (
    RODS_MAX,
    convex_pieces,
    edge_rods,
    is_convex,
    rectangle,
    rods,
)
from lunaredge.paths.route import Pose
from lunaredge.paths.scene import Scene, solids_of
from lunaredge.paths.solids import Solid, Solids, check_path
from lunaredge.paths.zones import Obstacle

# A star-shaped outline around the origin is simple, whatever the distances.
STARS = st.lists(st.floats(1.0, 20.0), min_size=3, max_size=24).map(
    lambda ways: tuple(
        (
            way * math.cos(k * math.tau / len(ways)) + 0.01 * k,
            way * math.sin(k * math.tau / len(ways)),
        )
        for k, way in enumerate(ways)
    )
)
COMB = (
    *((float(k), 0.0 if k % 2 else 5.0) for k in range(21)),
    (20.0, -1.0),
    (10.0, -1.0),
    (0.0, -1.0),
)


@pytest.mark.parametrize("back", [False, True])
@given(STARS)
def test_pieces_are_convex_and_together_the_polygon(back, polygon):
    whole = polygon[::-1] if back else polygon

    pieces = convex_pieces(whole, "zone")

    shapes = [shapely.Polygon(piece) for piece in pieces]
    assert all(is_convex(piece) and len(piece) <= CORNERS_MAX for piece in pieces)
    assert all(shapely.LinearRing(piece).is_ccw for piece in pieces)
    assert math.fsum(shape.area for shape in shapes) == pytest.approx(
        shapely.Polygon(whole).area, rel=1e-9
    )
    assert shapely.union_all(shapes).symmetric_difference(shapely.Polygon(whole)).area < 1e-6


def test_a_comb_with_corners_in_one_line_is_cut():
    pieces = convex_pieces(COMB, "zone")

    assert sum(shapely.Polygon(piece).area for piece in pieces) == pytest.approx(
        shapely.Polygon(COMB).area
    )


def test_a_convex_polygon_stays_in_one_piece():
    ring = tuple((math.cos(k), math.sin(k)) for k in np.arange(12) * math.tau / 12)

    assert len(convex_pieces(ring, "zone")) == 1


def test_many_corners_are_shared_out():
    ring = tuple((math.cos(k), math.sin(k)) for k in np.arange(100) * math.tau / 100)

    pieces = convex_pieces(ring, "zone")

    assert max(map(len, pieces)) <= CORNERS_MAX
    assert len(pieces) <= 100 / (CORNERS_MAX - 2) * 2


def test_pieces_far_from_the_origin_are_the_same():
    star = tuple((k % 3 * math.cos(k) + 4e6, (1 + k % 3) * math.sin(k) + 8e6) for k in range(6))
    outline = tuple(
        sorted(set(star), key=lambda point: math.atan2(point[1] - 8e6, point[0] - 4e6 - 0.2))
    )

    pieces = convex_pieces(outline, "zone")

    assert all(is_convex(piece) for piece in pieces)


def test_coordinates_far_from_the_origin_take_no_digits_from_a_polygon():
    small = tuple((x * 2.0**-20, y * 2.0**-20) for x, y in COMB)
    far = tuple((x + 2.0**22, y + 2.0**23) for x, y in small)

    pieces = convex_pieces(far, "zone")

    expected = convex_pieces(small, "zone")
    assert [tuple((x - 2.0**22, y - 2.0**23) for x, y in piece) for piece in pieces] == expected


def slivers(count):
    """Draw polygons that are nearly flat, or have a spike or a neck nearly so."""
    rng = np.random.default_rng(7)
    for k in range(count):
        start = rng.uniform(-10.0, 10.0, 2) + rng.choice((0.0, 0.0, 1e3, 1e6, 1e7))
        way, part = rng.uniform(-10.0, 10.0, 2), rng.uniform(0.2, 0.8)
        third = start + part * way
        if rng.random() < 0.7:
            third[1] = np.nextafter(third[1], third[1] + rng.choice((-1.0, 1.0)))
        thin = float(rng.choice((1e-7, 1e-9, 1e-12, 1e-15)))
        spiked = [(0, 0), (4, 0), (4, 2), (9, 2), (4, 2 + thin), (4, 4), (0, 4)]
        necked = [(0, 0), (1, 0), (1, 1), (5, 1), (5, 0), (6, 0)]
        necked += [(6, 2), (5, 2), (5, 1 + thin), (1, 1 + thin), (1, 2), (0, 2)]
        cos, sin = math.cos(k % 7), math.sin(k % 7)
        flat = [start, start + way, third]
        turned = [np.array(outline) @ ((cos, sin), (-sin, cos)) for outline in (spiked, necked)]
        outline = [flat, flat, turned[0] + start, turned[1] + start][k % 4]
        yield tuple((float(x), float(y)) for x, y in outline)


def test_nothing_of_a_sliver_a_spike_or_a_neck_vanishes():
    taken = 0
    for polygon in slivers(2000):
        try:
            obstacle = Obstacle(name="cable", polygon=polygon)
        except ConfigError:
            continue

        solids = solids_of(Scene(obstacles=(obstacle,)))

        # About its first corner, since shapely rounds far from the origin.
        origin = np.array(polygon[0])
        rows = [np.subtract(solid.corners, origin) for solid in solids]
        shapes = [shapely.LineString(r) if len(r) == 2 else shapely.Polygon(r) for r in rows]
        corners = np.subtract(polygon, origin)
        places = np.vstack((corners, 0.5 * (corners + np.roll(corners, -1, axis=0))))
        gaps_m = shapely.distance(shapely.points(places)[:, None], np.array(shapes)[None])
        assert gaps_m.min(axis=1).max() <= 1e-6, polygon
        taken += 1
    assert taken > 1000


def test_a_polygon_as_flat_as_a_cable_is_met_like_one():
    cable = Obstacle(name="cable", polygon=((0.0, 0.0), (10.8, 3.6), (3.6, 1.2)), margin_m=0.5)
    solids = Solids(solids_of(Scene(obstacles=(cable,))))
    disc = Footprint.disc(0.1)

    assert check_path(solids, disc, [(7.2, 2.4, 0.0)]) is not None
    assert check_path(solids, disc, [(10.8, 4.15, 0.0)]) is not None
    assert check_path(solids, disc, [(7.2, 3.2, 0.0)]) is None


def test_a_polygon_that_crosses_itself_is_refused_and_told_where():
    with pytest.raises(ConfigError, match="touches itself"):
        convex_pieces(((0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (0.0, 4.0)), "zone 7")


@pytest.mark.parametrize(
    ("corners", "expected"),
    [
        (((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)), True),
        (((0.0, 4.0), (4.0, 4.0), (4.0, 0.0), (0.0, 0.0)), True),
        (((0.0, 0.0), (2.0, 0.0), (4.0, 0.0), (4.0, 4.0)), True),
        (((0.0, 0.0), (4.0, 0.0), (1.0, 1.0), (0.0, 4.0)), False),
        (((0.0, 0.0), (4.0, 4.0), (4.0, 0.0), (0.0, 4.0)), False),
        (tuple((math.cos(k), math.sin(k)) for k in np.arange(5) * 0.8 * math.pi), False),
        (((0.0, 0.0), (4.0, 0.0), (2.0, 0.0)), False),
        (((0.0, 0.0), (4.0, 4.0), (2.0, 2.0)), False),
    ],
    ids=[
        "square",
        "clockwise",
        "straight corner",
        "dent",
        "bow tie",
        "star",
        "there and back",
        "askew",
    ],
)
def test_only_what_goes_around_once_is_convex(corners, expected):
    assert is_convex(corners) == expected


def test_rods_follow_the_line_without_a_gap():
    line = [(0.0, 0.0), (100.0, 0.0), (100.0, 7.0)]

    pieces = rods(line, 30.0)

    assert [start for start, _ in pieces[1:]] == [end for _, end in pieces[:-1]]
    assert (pieces[0][0], pieces[-1][1]) == (line[0], line[-1])
    assert line[1] in [end for _, end in pieces]
    assert max(math.dist(*piece) for piece in pieces) <= 30.0
    assert rods([(3.0, 4.0)]) == [((3.0, 4.0),)]


def test_a_rectangle_lies_along_its_heading():
    corners = rectangle(Pose(10.0, 5.0, math.pi / 2), 4.0, 2.0)

    assert shapely.Polygon(corners).bounds == pytest.approx((9.0, 3.0, 11.0, 7.0))
    assert shapely.LinearRing(corners).is_ccw


def test_a_part_and_a_solid_are_convex_by_one_rule():
    nearly_straight = ((0.0, 0.0), (1.0, -1e-11), (2.0, 0.0), (1.0, 1.0))
    dented = ((0.0, 0.0), (1.0, 1e-8), (2.0, 0.0), (1.0, 1.0))

    part, solid = Part(corners=nearly_straight), Solid(corners=nearly_straight)

    assert part.corners == solid.corners
    for kind in (Part, Solid):
        with pytest.raises(ConfigError, match="convex"):
            kind(corners=dented)


def test_an_edge_as_long_as_the_moon_is_round_takes_a_bounded_number_of_rods():
    polygon = ((0.0, 0.0), (1e7, 0.0), (1e7, 1e7), (0.0, 1e7))

    pieces = edge_rods(polygon)

    assert len(pieces) <= RODS_MAX + len(polygon)
    assert {corner for piece in pieces for corner in piece} >= set(polygon)
    assert len(edge_rods(((0.0, 0.0), (50.0, 0.0), (50.0, 50.0), (0.0, 50.0)))) == 8
