"""Leans along a route against moments looked at one by one, and what a drive can do."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lunaredge.kernels import attitude, traction
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Drive, Machine, Stability
from lunaredge.paths.route import Route
from tests.kernels import naive_attitude

CELL_M = 2.0
SEGMENT_MOMENTS = 400


def machine(**figures):
    defaults = {"speed_m_s_max": 1e6, "turn_rad_s_max": 1e5, "drive": Drive.CRAB}
    return Machine(footprint=Footprint.disc(1.0), **(defaults | figures))


def find(grid, knots, it):
    ground = (grid.blocks, grid.table, grid.frame, grid.shape)
    return attitude.first_breach(Route(knots).knots, ground, it.figures)


# Nearer than where the kernel calls a cell touched.
SURELY_M = 0.5 * attitude.TOUCH_M


def hilly(seed):
    heights_m = np.random.default_rng(seed).normal(size=(9, 11)).cumsum(0).cumsum(1) * 0.12
    return SiteGrid.of_heights(heights_m, CELL_M)


# Halves and wholes put points on edges and corners of cells.
X = st.one_of(st.floats(0.5, 21.5), st.integers(1, 21).map(float))
Y = st.one_of(st.floats(0.5, 17.5), st.integers(1, 17).map(float))
KNOTS = st.lists(st.tuples(X, Y, st.floats(-7.0, 7.0)), min_size=2, max_size=4)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 50), KNOTS, st.floats(3.0, 14.0), st.floats(3.0, 14.0))
def test_the_first_lean_over_a_limit_is_the_first_of_all_moments(seed, poses, along, across):
    grid, route = hilly(seed), Route.of_poses(poses)
    it = machine(slope_along_deg_max=along, slope_across_deg_max=across)
    limits = [math.tan(math.radians(angle)) for angle in (along, across)]

    what, segment, time_s, _, _ = find(grid, route.knots, it)

    ground = naive_attitude.gradients(grid)
    for k in range(SEGMENT_MOMENTS * (len(poses) - 1) + 1):
        moment_s = k / SEGMENT_MOMENTS
        if moment_s >= time_s:
            break
        pose = route.pose_at(moment_s)
        # A cell that is not touched yet, but will be in some micrometres, does not count.
        assert naive_attitude.worst_excess(ground, pose, limits, SURELY_M) <= 1e-6
    if what != attitude.NOTHING:
        assert segment <= time_s <= segment + 1
        after_s = np.nextafter(time_s, math.inf)
        assert naive_attitude.worst_excess(ground, route.pose_at(after_s), limits) >= -1e-6


@settings(max_examples=60)
@given(
    st.floats(0.0, 1.2),
    st.floats(0.0, math.tau),
    st.floats(0.0, math.tau),
    st.floats(0.3, 2.0),
    st.floats(0.3, 2.0),
)
def test_a_machine_tips_when_its_weight_acts_beyond_its_wheels(steepest, up, heading, arm, side):
    figures = machine(
        stability=Stability(track_m=2 * side, wheelbase_m=2 * arm, centre_height_m=0.9)
    ).figures
    gradient = (steepest * math.cos(up), steepest * math.sin(up))

    ratios = naive_attitude.tip_ratios(gradient, heading, (arm, side), 0.9)

    along = abs(steepest * math.cos(heading - up))
    across = abs(steepest * math.sin(heading - up))
    assume(all(abs(ratio - 1.0) > 1e-6 for ratio in ratios))
    assert (ratios[0] > 1.0) == (along > traction.tip_along_max(figures, steepest, 0.0))
    assert (ratios[1] > 1.0) == (across > traction.tip_across_max(figures, steepest, 0.0))


def slope(gradient_x, cells=30):
    columns = np.arange(cells) + 0.5
    return SiteGrid.of_heights(np.tile(gradient_x * CELL_M * columns, (cells, 1)), CELL_M)


def test_a_turn_on_a_slope_breaks_the_limit_across_at_the_very_angle():
    it = machine(slope_across_deg_max=8.0)

    what, segment, time_s, value, limit = find(
        slope(0.2), [(0.0, 10.0, 10.0, 0.0), (100.0, 10.0, 10.0, math.pi)], it
    )

    angle = math.asin(math.tan(math.radians(8.0)) / 0.2)
    assert (what, segment) == (attitude.LEAN_ACROSS, 0)
    assert time_s == pytest.approx(100.0 * angle / math.pi, abs=1e-5)
    assert (value, limit) == (pytest.approx(math.degrees(math.atan(0.2))), pytest.approx(8.0))


def test_a_full_turn_between_two_knots_is_no_standing_still():
    it = machine(slope_across_deg_max=8.0)
    knots = [(0.0, 10.0, 10.0, 0.0), (10.0, 10.0, 10.0, math.tau)]

    assert find(slope(0.2), knots, it)[0] == attitude.LEAN_ACROSS


def test_a_steep_cell_is_not_tunnelled_through_however_fast():
    heights_m = np.zeros((30, 300))
    heights_m[:, 150:] = 5.0
    grid = SiteGrid.of_heights(heights_m, CELL_M)

    what, _, time_s, _, _ = find(grid, [(0.0, 1.0, 9.0, 0.0), (1.0, 599.0, 9.0, 0.0)], machine())

    assert what == attitude.STEEP
    assert time_s == pytest.approx((298.0 - 1.0) / 598.0, abs=1e-8)


def test_a_path_along_the_edge_of_a_steep_cell_is_on_it():
    heights_m = np.zeros((20, 20))
    heights_m[10:] = 5.0
    grid = SiteGrid.of_heights(heights_m, CELL_M)

    # Rows 9 and 10 are steep; row 8 ends at 18 m.
    on_edge = find(grid, [(0.0, 5.0, 18.0, 0.0), (9.0, 15.0, 18.0, 0.0)], machine())
    beside = find(grid, [(0.0, 5.0, 17.999, 0.0), (9.0, 15.0, 17.999, 0.0)], machine())

    assert on_edge[0] == attitude.STEEP
    assert beside[0] == attitude.NOTHING


@pytest.mark.parametrize("pose", [(-1.0, 5.0), (5.0, 60.1), (0.0, 5.0), (1e7, -1e7)])
def test_beyond_the_grid_nothing_is_known(pose):
    what, segment, time_s, value, _ = find(slope(0.0), [(3.0, *pose, 0.0)], machine())

    assert (what, segment, time_s) == (attitude.UNKNOWN, 0, 3.0)
    assert math.isnan(value)


def test_leaving_the_grid_for_the_far_side_of_the_moon_ends_at_the_border():
    what, _, time_s, _, _ = find(
        slope(0.0), [(0.0, 10.0, 10.0, 0.0), (1e6, 1e7, -1e7, 0.0)], machine()
    )

    assert what == attitude.UNKNOWN
    assert time_s == pytest.approx(1e6 * 10.0 / (1e7 + 10.0))


def test_a_hole_in_the_ground_is_not_driven_over():
    heights_m = np.zeros((20, 20))
    heights_m[10, 10] = math.nan
    grid = SiteGrid.of_heights(heights_m, CELL_M)

    what, _, time_s, _, _ = find(grid, [(0.0, 1.0, 21.0, 0.0), (38.0, 39.0, 21.0, 0.0)], machine())

    assert what == attitude.UNKNOWN
    assert time_s == pytest.approx(18.0 - 1.0, abs=1e-5)


def test_ground_comes_before_lean_and_lean_before_speed_at_the_same_time():
    fast = machine(speed_m_s_max=0.1, slope_along_deg_max=5.0, slope_across_deg_max=5.0)
    knots = [(0.0, 10.0, 10.0, 0.0), (1.0, 11.0, 10.0, 0.0)]

    assert find(slope(0.5), knots, fast)[0] == attitude.STEEP
    assert find(slope(0.1), knots, fast)[0] == attitude.LEAN_ALONG
    assert find(slope(0.0), knots, fast)[0] == attitude.FAST


def test_a_route_of_knots_at_one_time_is_still_looked_at():
    knots = [(2.0, 10.0, 10.0, 0.0), (2.0, 10.0, 10.0, 0.0)]

    assert find(slope(0.5), knots, machine())[:3] == (attitude.STEEP, 0, 2.0)


def test_grip_that_slip_and_wear_have_eaten_does_not_hold():
    worn = machine(slope_along_deg_max=40.0, slope_across_deg_max=40.0)
    knots = [(0.0, 10.0, 10.0, 0.0), (1e3, 20.0, 10.0, 0.0)]

    assert find(slope(0.41), knots, worn)[0] == attitude.NOTHING
    assert find(slope(0.42), knots, worn)[0] == attitude.SLIDING


def test_full_speed_down_a_slope_is_too_much_where_grip_leaves_less_to_brake_with():
    it = machine(slope_along_deg_max=25.0, speed_m_s_max=0.5)
    down = [(0.0, 30.0, 10.0, math.pi), (40.0, 10.0, 10.0, math.pi)]
    up = [(0.0, 10.0, 10.0, 0.0), (40.0, 30.0, 10.0, 0.0)]

    what, _, _, value, limit = find(slope(0.36), down, it)

    assert (what, value) == (attitude.FAST, pytest.approx(0.5))
    assert limit == pytest.approx(
        0.5 * math.sqrt(it.braking_m_s2(math.degrees(math.atan(0.36))) / 0.25)
    )
    assert find(slope(0.36), up, it)[0] == attitude.NOTHING


def test_braking_down_a_slope_tips_what_stands_there_at_rest():
    it = machine(
        deceleration_m_s2=0.6,
        stability=Stability(track_m=2.0, wheelbase_m=1.0, centre_height_m=1.0),
    )
    moving = [(0.0, 10.0, 10.0, 0.0), (40.0, 20.0, 10.0, 0.0)]

    assert find(slope(0.2), [(0.0, 10.0, 10.0, 0.0)], it)[0] == attitude.NOTHING
    assert find(slope(0.2), moving, it)[0] == attitude.TIPPED_ALONG


LEVEL = slope(0.0)
ARC = [(0.0, 10.0, 10.0, 0.0), (1.0, 10.0 + 0.3 * math.cos(0.15), 10.0 + 0.3 * math.sin(0.15), 0.3)]


@pytest.mark.parametrize(
    ("figures", "knots", "expected"),
    [
        ({"drive": Drive.SKID}, [(0, 9, 9, 0), (1, 10, 9, 0)], attitude.NOTHING),
        ({"drive": Drive.SKID}, [(0, 9, 9, 0), (1, 8, 9, 0)], attitude.NOTHING),
        ({"drive": Drive.SKID, "reverses": False}, [(0, 9, 9, 0), (1, 8, 9, 0)], attitude.ASKEW),
        ({"drive": Drive.SKID}, [(0, 9, 9, 0), (1, 9, 10, 0)], attitude.ASKEW),
        ({"drive": Drive.CRAB}, [(0, 9, 9, 0), (1, 9, 10, 0)], attitude.NOTHING),
        ({"drive": Drive.SKID}, [(0, 9, 9, 0), (1, 9, 9, 3)], attitude.NOTHING),
        ({"drive": Drive.SKID}, [(0, 9, 9, 6.2), (1, 10, 9, 6.3)], attitude.NOTHING),
        ({"drive": Drive.SKID}, ARC, attitude.NOTHING),
        ({"drive": Drive.ACKERMANN, "radius_m_min": 0.999}, ARC, attitude.NOTHING),
        ({"drive": Drive.ACKERMANN, "radius_m_min": 1.01}, ARC, attitude.TIGHT),
        (
            {"drive": Drive.ACKERMANN, "radius_m_min": 0.1},
            [(0, 9, 9, 0), (1, 9, 9, 1)],
            attitude.TIGHT,
        ),
        ({"turn_rad_s_max": 0.3}, [(0, 9, 9, 0), (10, 9, 9, 3.0)], attitude.NOTHING),
        ({"turn_rad_s_max": 0.3}, [(0, 9, 9, 0), (10, 9, 9, 3.001)], attitude.SPUN),
        # Half a turn on a long straight way is no arc.
        ({"drive": Drive.SKID}, [(0, 9, 9, -1.5), (9, 19, 9, 1.5)], attitude.ASKEW),
    ],
)
def test_a_segment_is_what_the_drive_can_do(figures, knots, expected):
    assert find(LEVEL, knots, machine(**figures))[0] == expected


def test_verdicts_turn_with_the_ground():
    heights_m = np.random.default_rng(5).normal(size=(12, 12)).cumsum(0).cumsum(1) * 0.1
    side_m = 12 * CELL_M
    it = machine(slope_along_deg_max=9.0, slope_across_deg_max=7.0)
    ground = SiteGrid.of_heights(heights_m, CELL_M)
    # A quarter turn counter-clockwise: (x, y) comes to (side - y, x).
    turned = SiteGrid.of_heights(heights_m.T[:, ::-1], CELL_M)
    poses = np.random.default_rng(6).uniform((1, 1, -3), (23, 23, 3), size=(40, 2, 3))

    for (x0, y0, h0), (x1, y1, h1) in poses:
        found = find(ground, [(0.0, x0, y0, h0), (1.0, x1, y1, h1)], it)
        quarter = math.pi / 2
        other = find(
            turned,
            [(0.0, side_m - y0, x0, h0 + quarter), (1.0, side_m - y1, x1, h1 + quarter)],
            it,
        )

        assert other[0] == found[0]
        assert other[2] == pytest.approx(found[2], abs=1e-7)
