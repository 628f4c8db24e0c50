"""Costs of cells and energy of routes against formulas and small steps."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels import traction, travel
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Drive, Machine, Stability
from lunaredge.paths.route import Route

CELL_M = 2.0


def machine(**figures):
    defaults = {"speed_m_s_max": 0.5, "turn_rad_s_max": 0.35, "mass_kg": 150.0}
    return Machine(footprint=Footprint.disc(1.0), **(defaults | figures))


def slope(gradient_x, cells=20):
    columns = np.arange(cells) + 0.5
    return SiteGrid.of_heights(np.tile(gradient_x * CELL_M * columns, (cells, 1)), CELL_M)


def energy_wh(grid, knots, it):
    ground = (grid.blocks, grid.table, grid.frame, grid.shape)
    return travel.travel_along(Route(knots).knots, ground, it.figures)[0]


def costs(grid, it, heading_rad):
    out = np.empty((2, *grid.shape))
    cells = (0, grid.shape[0], 0, grid.shape[1])
    travel.lay_costs(out, grid.blocks, grid.table, cells, it.figures, heading_rad)
    return out


def test_level_way_costs_driving_power_for_its_time():
    found = energy_wh(slope(0.0), [(0.0, 5.0, 5.0, 0.0), (40.0, 25.0, 5.0, 0.0)], machine())

    assert found == pytest.approx(150.0 * 40.0 / 3600.0)


def test_standing_costs_idling():
    found = energy_wh(slope(0.1), [(0.0, 5.0, 5.0, 0.0), (3600.0, 5.0, 5.0, 0.0)], machine())

    assert found == pytest.approx(40.0)


def test_a_turn_on_the_spot_costs_full_speed_for_as_long():
    knots = [(0.0, 5.0, 5.0, 0.0), (10.0, 5.0, 5.0, 3.5)]
    rounded = machine(drive=Drive.ACKERMANN, radius_m_min=3.0)

    assert energy_wh(slope(0.0), knots, machine()) == pytest.approx(150.0 * 10.0 / 3600.0)
    assert energy_wh(slope(0.0), knots, rounded) == pytest.approx(40.0 * 10.0 / 3600.0)


def test_a_climb_is_paid_in_full_and_gives_nothing_back():
    it, up = machine(), [(0.0, 5.0, 5.0, 0.0), (40.0, 25.0, 5.0, 0.0)]
    down = [(0.0, 25.0, 5.0, math.pi), (40.0, 5.0, 5.0, math.pi)]

    climbing = energy_wh(slope(0.1), up, it)
    descending = energy_wh(slope(0.1), down, it)

    slip = 0.02 + 0.00085 * math.degrees(math.atan(0.1)) ** 2
    lift_wh = 150.0 * 1.62 * 2.0 / 0.6 / 3600.0 * (1.0 - 0.02) / (1.0 - slip)
    assert climbing - descending == pytest.approx(lift_wh)
    assert descending > energy_wh(slope(0.0), down, it)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 30),
    st.lists(
        st.tuples(
            st.one_of(st.floats(0.5, 21.5), st.integers(1, 21).map(float)),
            st.one_of(st.floats(0.5, 17.5), st.integers(1, 17).map(float)),
            st.just(0.0),
        ),
        min_size=2,
        max_size=4,
    ),
)
def test_energy_of_a_route_is_the_sum_of_its_small_steps(seed, poses):
    heights_m = np.random.default_rng(seed).normal(size=(9, 11)).cumsum(0).cumsum(1) * 0.1
    grid, it, route = SiteGrid.of_heights(heights_m, CELL_M), machine(), Route.of_poses(poses)

    found = energy_wh(grid, route.knots, it)

    gradient_x, gradient_y, step_count = grid.gradient_x, grid.gradient_y, 1000
    summed_j, longest_j = it.power.idle_w * (len(poses) - 1), 0.0
    for (x0, y0, _), (x1, y1, _) in pairwise(poses):
        length_m = math.hypot(x1 - x0, y1 - y0)
        if length_m == 0.0:
            continue
        shares = (np.arange(step_count) + 0.5) / step_count
        for x, y in zip(x0 + shares * (x1 - x0), y0 + shares * (y1 - y0), strict=True):
            row, column = grid.cell_of(x, y)
            gx, gy = gradient_x[row, column], gradient_y[row, column]
            along = (gx * (x1 - x0) + gy * (y1 - y0)) / length_m
            slope_deg = math.degrees(math.atan(math.hypot(gx, gy)))
            joule_m = traction.joule_per_m(it.figures, slope_deg, along)
            summed_j += joule_m * length_m / step_count
            longest_j = max(longest_j, joule_m * length_m / step_count)
    # One step for each of the edges crossed may be counted on the wrong side.
    assert found * 3600.0 == pytest.approx(summed_j, abs=60 * longest_j + 1e-9)


def test_energy_is_infinite_where_the_ground_is_not_known():
    assert energy_wh(slope(0.0), [(0, 5, 5, 0), (9, 99, 5, 0)], machine()) == math.inf


def test_costs_of_a_cell_are_those_of_a_route_over_it():
    grid, it = slope(0.15), machine()

    for heading in (0.0, 1.0, 2.0, math.pi):
        pace_s_m, energy_wh_m = costs(grid, it, heading)[:, 5, 5]
        x, y = 3.0 * math.cos(heading), 3.0 * math.sin(heading)
        knots = [(0.0, 20.0, 20.0, heading), (3.0 * pace_s_m, 20.0 + x, 20.0 + y, heading)]
        assert 3.0 * energy_wh_m == pytest.approx(energy_wh(grid, knots, it))


@given(
    st.floats(0.0, 0.8),
    st.floats(0.0, math.tau),
    st.floats(0.0, math.tau),
    st.sampled_from([None, Stability(track_m=1.0, wheelbase_m=1.4, centre_height_m=0.9)]),
)
def test_costs_of_every_heading_lie_between_the_bounds(steepest, up, heading, stability):
    it = machine(slope_along_deg_max=35.0, slope_across_deg_max=30.0, stability=stability)
    x, y = steepest * math.cos(up) * CELL_M, steepest * math.sin(up) * CELL_M
    rows, columns = np.mgrid[0:3, 0:3]
    grid = SiteGrid.of_heights(x * columns + y * rows, CELL_M)

    least, most = costs(grid, it, math.nan), costs(grid, it, math.inf)
    of_heading = costs(grid, it, heading)

    assert (least <= of_heading * (1.0 + 1e-9)).all()
    assert ((of_heading <= most * (1.0 + 1e-9)) | np.isinf(of_heading)).all()
    assert (np.isinf(least) <= np.isinf(most)).all()


def test_a_heading_that_leans_too_far_costs_infinity():
    it = machine(slope_along_deg_max=15.0, slope_across_deg_max=5.0)

    along, across = costs(slope(0.2), it, 0.0), costs(slope(0.2), it, math.pi / 2)

    assert np.isfinite(along).all()
    assert np.isinf(across).all()


def test_down_a_slope_where_grip_is_short_the_pace_is_slower():
    it = machine(slope_along_deg_max=25.0)

    up, down = costs(slope(0.36), it, 0.0)[0], costs(slope(0.36), it, math.pi)[0]

    assert up == pytest.approx(2.0)
    assert (down > 2.0).all()
