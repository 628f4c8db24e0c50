"""Too much speed in a zone, against the exact area of shapely."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lunaredge.kernels import zone_speed
from lunaredge.kernels.sweep import CONTACT_M
from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.route import Route

shapely = pytest.importorskip("shapely")
affinity = pytest.importorskip("shapely.affinity")

SQUARE = np.array([(10.0, -5.0), (20.0, -5.0), (20.0, 5.0), (10.0, 5.0)])
# A hook: what stands in its bay is outside.
HOOK = np.array(
    [(0.0, 0.0), (9.0, 0.0), (9.0, 8.0), (0.0, 8.0), (0.0, 6.0), (6.0, 6.0), (6.0, 2.0), (0.0, 2.0)]
)
BODY = Footprint.rectangle(2.0, 1.0)
EVER = (-math.inf, math.inf)


def find(knots, polygon=SQUARE, *, body=BODY, speed_m_s=0.5, window_s=EVER):
    limits = zone_speed.limits_of(polygon, speed_m_s, *window_s)
    edges = zone_speed.edge_rows(polygon)
    return zone_speed.first_speeding(Route(knots).knots, body.parts, edges, limits)


def test_the_first_touch_of_the_body_counts():
    segment, time_s, speed_m_s = find([(0, 0, 0, 0), (1, 1, 0, 0), (21, 21, 0, 0)])

    # The nose is 1 m ahead.
    assert segment == 1
    assert time_s == pytest.approx(9.0, abs=2 * CONTACT_M)
    assert speed_m_s == pytest.approx(1.0)


def test_slow_enough_is_no_matter_where():
    assert find([(0, 0, 0, 0), (42, 21, 0, 0)])[0] == -1


def test_beside_the_zone_any_speed_will_do():
    assert find([(0, 0, 6, 0), (1, 30, 6, 0)])[0] == -1
    assert find([(0, 0, 5.5 + 3 * CONTACT_M, 0), (1, 30, 5.5 + 3 * CONTACT_M, 0)])[0] == -1
    assert find([(0, 0, 5.5, 0), (1, 30, 5.5, 0)])[0] == 0


def test_a_zone_counts_within_its_window_only():
    knots = [(0, 0, 0, 0), (30, 30, 0, 0)]

    assert find(knots, window_s=(0.0, 8.9))[0] == -1
    assert find(knots, window_s=(12.0, 99.0))[1] == pytest.approx(12.0)
    assert find(knots, window_s=(21.1, 99.0))[0] == -1
    assert find(knots, window_s=(40.0, 99.0))[0] == -1


def test_a_body_that_begins_wholly_inside_or_all_around_is_in():
    wide = Footprint.rectangle(60.0, 60.0)

    assert find([(5, 15, 0, 0), (6, 16, 0, 0)])[:2] == (0, 5.0)
    assert find([(5, 15, 0, 0), (6, 16, 0, 0)], body=wide)[:2] == (0, 5.0)


def test_the_bay_of_a_hook_is_outside():
    assert find([(0, -9, 4, 0), (1, 4, 4, 0)], HOOK)[0] == -1
    assert find([(0, -9, 4, 0), (1, 6, 4, 0)], HOOK)[0] == 0


def test_any_part_and_its_margin_count():
    blade = Part(corners=((2.0, -1.0), (2.0, 1.0)), margin_m=0.5)
    body = Footprint(*BODY.named, blade)

    _, time_s, _ = find([(0, 0, 0, 0), (20, 20, 0, 0)], body=body)

    assert time_s == pytest.approx(7.5, abs=2 * CONTACT_M)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.floats(-8, 14), st.floats(-6, 14), st.floats(-3, 3)),
    st.tuples(st.floats(-8, 14), st.floats(-6, 14), st.floats(-3, 3)),
)
def test_entry_is_where_shapely_sees_the_body_touch_first(start, end):
    assume(math.dist(start[:2], end[:2]) > 1e-6)
    route = Route.of_poses([start, end])

    segment, time_s, _ = find(route.knots, HOOK, speed_m_s=1e-9)

    zone = shapely.Polygon(HOOK)
    moments = np.linspace(0.0, 1.0, 101)
    gaps_m = [placed(route.pose_at(moment)).distance(zone) for moment in moments]
    assert all(gap_m > 0.0 for gap_m, at in zip(gaps_m, moments, strict=True) if at < time_s)
    if segment == 0:
        assert placed(route.pose_at(time_s)).distance(zone) <= 1.01 * CONTACT_M


def placed(pose):
    body = affinity.rotate(
        shapely.box(-1.0, -0.5, 1.0, 0.5), pose.heading_rad, (0, 0), use_radians=True
    )
    return affinity.translate(body, pose.x_m, pose.y_m)
