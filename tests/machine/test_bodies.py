import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon as Shape

from lunaredge.machine.bodies import Rectangle, ahead_of, circle_gap_m, corners, separation_m

sizes = st.floats(0.1, 4.0)
places = st.floats(-8.0, 8.0)
bodies = st.builds(Rectangle, places, places, st.floats(-7.0, 7.0), sizes, sizes)


@given(bodies, bodies)
def test_separation_is_what_polygon_geometry_gives(one: Rectangle, other: Rectangle) -> None:
    expected = Shape(corners(one)).distance(Shape(corners(other)))

    assert separation_m(one, other) == pytest.approx(expected, abs=1e-9)


@given(bodies, bodies)
def test_separation_does_not_depend_on_the_order(one: Rectangle, other: Rectangle) -> None:
    assert separation_m(one, other) == pytest.approx(separation_m(other, one), abs=1e-9)


@given(bodies, bodies)
def test_circles_are_never_farther_apart_than_bodies(one: Rectangle, other: Rectangle) -> None:
    assert circle_gap_m(one, other) <= separation_m(one, other) + 1e-9


def test_a_cross_overlaps_though_no_corner_is_inside() -> None:
    lying = Rectangle(0.0, 0.0, 0.0, 3.0, 0.5)
    standing = Rectangle(0.0, 0.0, math.pi / 2, 3.0, 0.5)

    assert separation_m(lying, standing) == 0.0


def test_the_strip_ahead_begins_at_the_front() -> None:
    body = Rectangle(1.0, 2.0, math.pi / 2, 1.0, 0.5)

    strip = ahead_of(body, 2.0, 0.1)

    xs, ys = zip(*corners(strip), strict=True)
    assert (min(ys), max(ys)) == pytest.approx((3.0, 5.0))
    assert (min(xs), max(xs)) == pytest.approx((0.4, 1.6))
