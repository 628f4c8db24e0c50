"""Polygons cut into convex pieces, lines into rods."""

import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import CORNERS_MAX
from lunaredge.paths.footprint import Part
from lunaredge.paths.polygon import (
    RODS_MAX,
    convex_pieces,
    edge_rods,
    is_convex,
    rectangle,
    rods,
)
from lunaredge.paths.route import Pose
from lunaredge.paths.solids import Solid

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
    ],
    ids=["square", "clockwise", "straight corner", "dent", "bow tie", "star", "there and back"],
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
