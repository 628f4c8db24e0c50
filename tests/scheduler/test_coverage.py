"""Coverage passes: parallel, close enough together, clear of the edge."""

import math
from itertools import pairwise

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import Infeasible
from lunaredge.scheduler.coverage import PASSES_MAX, passes_over
from tests.scheduler import sites

SQUARE = sites.box(0.0, 0.0, 20.0, 10.0)
NOTCHED = ((0.0, 0.0), (30.0, 0.0), (30.0, 20.0), (15.0, 8.0), (0.0, 20.0))


def turned(polygon, angle_rad):
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    return tuple((cosine * x - sine * y, sine * x + cosine * y) for x, y in polygon)


def test_passes_run_along_the_long_side_back_and_forth():
    passes = passes_over(SQUARE, 3.0, 1.0)

    ys = [start[1] for start, _ in passes]
    assert ys == pytest.approx([1.0, 1.0 + 8 / 3, 1.0 + 16 / 3, 9.0])
    assert all(start[1] == pytest.approx(end[1]) for start, end in passes)
    assert [start[0] < end[0] for start, end in passes] == [True, False, True, False]
    assert passes[0] == ((pytest.approx(1.0), 1.0), (pytest.approx(19.0), 1.0))


def test_passes_are_no_further_apart_than_the_tool_is_wide():
    passes = passes_over(SQUARE, 1.3, 1.0)

    gaps_m = [b[0][1] - a[0][1] for a, b in pairwise(passes)]
    assert 0.0 < max(gaps_m) <= 1.3


def test_a_zone_just_wide_enough_gets_one_pass_in_its_middle():
    passes = passes_over(sites.box(0.0, 0.0, 20.0, 2.0), 3.0, 1.0)

    assert passes == [((pytest.approx(1.0), 1.0), (pytest.approx(19.0), 1.0))]


def test_a_notch_divides_a_row_into_passes():
    passes = passes_over(NOTCHED, 2.0, 1.0)

    upper = [one for one in passes if one[0][1] > 12.0]
    assert upper
    assert all(min(a[0], b[0]) > 15.0 or max(a[0], b[0]) < 15.0 for a, b in upper)


@pytest.mark.parametrize("inset_m", [1.01, 50.0])
def test_a_zone_without_room_for_the_body_is_refused(inset_m):
    with pytest.raises(Infeasible, match="no pass fits"):
        passes_over(sites.box(0.0, 0.0, 20.0, 2.0), 3.0, inset_m)


def test_a_zone_striped_too_finely_is_refused():
    with pytest.raises(Infeasible, match=f"more than {PASSES_MAX}"):
        passes_over(SQUARE, 0.001, 1.0)


@settings(max_examples=60)
@given(
    st.sampled_from([SQUARE, NOTCHED, ((0.0, 0.0), (25.0, 3.0), (9.0, 21.0))]),
    st.floats(-3.2, 3.2),
    st.floats(0.7, 5.0),
    st.floats(0.3, 2.5),
)
def test_passes_keep_inside_and_leave_no_gap_away_from_the_edge(
    polygon, angle_rad, tool_width_m, inset_m
):
    polygon = turned(polygon, angle_rad)
    zone = shapely.Polygon(polygon)

    passes = passes_over(polygon, tool_width_m, inset_m)

    lines = shapely.MultiLineString(passes)
    assert zone.contains(lines)
    assert lines.distance(zone.exterior) >= inset_m - 1e-6
    # Between the ends of two rows a slanted edge leaves a corner; anywhere else is covered.
    swept = lines.buffer(tool_width_m / 2 + 1e-6, cap_style="flat")
    inner = zone.buffer(-(inset_m + tool_width_m))
    assert inner.difference(swept).area < 1e-6
