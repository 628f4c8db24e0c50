"""The checkers' own plane geometry."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.sim.checkers import geometry


def test_a_turned_rectangle_has_its_corners_where_trigonometry_puts_them():
    corners = geometry.rectangle((1.0, 2.0), math.pi / 2, 4.0, 2.0)

    assert sorted((round(x, 9), round(y, 9)) for x, y in corners) == [
        (0.0, 0.0),
        (0.0, 4.0),
        (2.0, 0.0),
        (2.0, 4.0),
    ]


def test_crossing_paths_have_no_distance():
    assert geometry.path_to_path([(0, 0), (4, 4)], [(0, 4), (4, 0)]) == 0.0


def test_parallel_paths_are_as_far_apart_as_their_lines():
    assert geometry.path_to_path([(0, 0), (4, 0)], [(1, 3), (9, 3)]) == pytest.approx(3.0)


def test_a_single_point_is_a_path():
    assert geometry.path_to_path([(0, 0)], [(3, 4)]) == pytest.approx(5.0)


def test_a_body_inside_another_does_not_count_as_apart():
    outer = geometry.rectangle((0, 0), 0.3, 10.0, 10.0)
    inner = geometry.rectangle((0, 0), 1.0, 1.0, 1.0)

    assert geometry.body_to_body(outer, inner) == 0.0
    assert geometry.body_to_body(inner, outer) == 0.0


def test_bodies_that_cross_without_a_corner_inside_overlap():
    wide = geometry.rectangle((0, 0), 0.0, 10.0, 1.0)
    tall = geometry.rectangle((0, 0), 0.0, 1.0, 10.0)

    assert geometry.body_to_body(wide, tall) == 0.0


def test_bodies_apart_are_measured_between_nearest_edges():
    left = geometry.rectangle((0, 0), 0.0, 2.0, 2.0)
    right = geometry.rectangle((5, 0), 0.0, 2.0, 2.0)

    assert geometry.body_to_body(left, right) == pytest.approx(3.0)


def test_a_path_that_ends_inside_a_body_touches_it():
    body = geometry.rectangle((0, 0), 0.5, 4.0, 4.0)

    assert geometry.body_to_path(body, [(9, 9), (0.1, 0.1)]) == 0.0
    assert geometry.body_to_path(body, [(9, 9), (9, 0)]) > 5.0


def test_cutting_a_path_keeps_the_rest_and_at_least_its_end():
    path = [(0, 0), (4, 0), (4, 4)]

    assert geometry.cut_path(path, 0.0) == path
    assert geometry.cut_path(path, 3.0) == [(3, 0), (4, 0), (4, 4)]
    assert geometry.cut_path(path, 4.0) == [(4, 0), (4, 4)]
    assert geometry.cut_path(path, 99.0) == [(4, 4)]


BODY = geometry.rectangle((5.0, 5.0), 0.0, 2.0, 2.0)


@pytest.mark.parametrize(
    ("area", "is_in"),
    [
        (((0.0, 4.8), (10.0, 4.8), (10.0, 5.2), (0.0, 5.2)), True),
        (((4.9, 4.9), (5.1, 4.9), (5.0, 5.1)), True),
        (((0.0, 0.0), (20.0, 0.0), (0.0, 20.0)), True),
        (((6.5, 0.0), (9.0, 0.0), (9.0, 9.0)), False),
    ],
    ids=["a strip across it", "a spot in it", "ground about it", "beside it"],
)
def test_a_body_is_in_an_area_of_any_size_and_shape(area, is_in):
    assert geometry.is_in_area(area, BODY) == is_in


@pytest.mark.parametrize(
    ("path", "half_width_m", "leads"),
    [
        (((0.0, 0.0), (0.0, 9.0)), 3.9, False),
        (((0.0, 0.0), (0.0, 9.0)), 4.1, True),
        (((0.0, 5.0), (9.0, 5.0)), 0.5, True),
        (((5.0, 5.0), (5.1, 5.0)), 0.0, True),
    ],
    ids=["beside it", "wide", "through it", "inside"],
)
def test_a_corridor_leads_into_an_area_that_any_part_of_it_meets(path, half_width_m, leads):
    assert geometry.leads_into(BODY, path, half_width_m) == leads


spots = st.tuples(st.integers(-12, 12), st.integers(-12, 12))


@given(spots, st.floats(-4.0, 4.0), st.lists(spots, min_size=1, max_size=4))
def test_what_is_told_by_boxes_alone_is_what_the_outlines_say(place, heading_rad, path):
    body = geometry.rectangle(place, heading_rad, 3.0, 2.0)
    area = ((-5.0, -5.0), (5.0, -5.0), (0.0, 6.0))
    said = geometry.is_in_area(area, body), geometry.leads_into(area, path, 1.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geometry, "_are_apart", lambda *_: False)
        assert said == (geometry.is_in_area(area, body), geometry.leads_into(area, path, 1.5))
