"""Closed cells and costs of a machine, in whole and by regions."""

import math

import numpy as np
import pytest

from lunaredge.paths.footprint import Footprint
from lunaredge.paths.grid import Region, SiteGrid
from lunaredge.paths.machine import Machine, Stability
from lunaredge.paths.passage import clearance_m, closed_cells, least_costs, most_costs, travel_costs


def machine(**figures):
    defaults = {"speed_m_s_max": 0.5, "turn_rad_s_max": 0.35}
    return Machine(footprint=Footprint.disc(1.0), **(defaults | figures))


def slope(gradient, cells=6):
    return SiteGrid.of_heights(np.tile(gradient * np.arange(cells), (cells, 1)), 1.0)


def test_ground_is_closed_when_no_heading_fits_both_limits():
    it = machine(slope_along_deg_max=15.0, slope_across_deg_max=8.0)
    both = math.hypot(math.tan(math.radians(15.0)), math.tan(math.radians(8.0)))

    assert not closed_cells(slope(both - 1e-6), it).any()
    assert closed_cells(slope(both + 1e-6), it).all()


def test_ground_that_tips_the_machine_at_any_heading_is_closed():
    tall = Stability(track_m=1.0, wheelbase_m=1.0, centre_height_m=4.0)

    assert not closed_cells(slope(0.1), machine(stability=tall)).any()
    assert closed_cells(slope(0.2), machine(stability=tall)).all()
    assert not closed_cells(slope(0.2), machine()).any()


def test_ground_that_friction_cannot_hold_is_closed():
    it = machine(slope_along_deg_max=40.0, slope_across_deg_max=40.0)

    assert not closed_cells(slope(0.41), it).any()
    assert closed_cells(slope(0.42), it).all()


def test_a_machine_that_may_not_lean_stands_on_the_level():
    it = machine(slope_along_deg_max=0.0, slope_across_deg_max=0.0)

    assert not closed_cells(slope(0.0), it).any()
    assert closed_cells(slope(0.01), it).all()


def test_steps_roughness_and_holes_are_closed():
    heights_m = np.zeros((12, 12))
    heights_m[3, 3] = 0.4
    heights_m[9, 9] = math.nan
    ground = SiteGrid.of_heights(heights_m, 10.0)

    anyhow = closed_cells(ground, machine())
    low = closed_cells(ground, machine(step_m_max=0.3))
    smooth = closed_cells(ground, machine(roughness_m_max=0.1))

    assert not anyhow[2:5, 2:5].any()
    assert anyhow[8:11, 8:11].all()
    assert low[2:5, 2:5].all()
    assert smooth[3, 3]
    assert not low[6, 6]
    assert not smooth[6, 6]


def test_a_region_is_that_part_of_the_whole():
    heights_m = np.random.default_rng(0).normal(size=(50, 60)).cumsum(0).cumsum(1) * 0.04
    ground, it, region = SiteGrid.of_heights(heights_m, 1.0), machine(), Region(30, 41, 7, 39)

    closed, costs = closed_cells(ground, it), travel_costs(ground, it, 0.7)
    of_region = travel_costs(ground, it, 0.7, region)

    assert 0.05 < closed.mean() < 0.95
    assert closed_cells(ground, it, region).tolist() == closed[region.cells].tolist()
    assert of_region.pace_s_m.tolist() == costs.pace_s_m[region.cells].tolist()
    assert of_region.energy_wh_m.tolist() == costs.energy_wh_m[region.cells].tolist()


def test_what_a_change_leaves_as_it_was_need_not_be_asked_again():
    heights_m = np.random.default_rng(1).normal(size=(50, 60)).cumsum(0).cumsum(1) * 0.04
    before, it = SiteGrid.of_heights(heights_m, 1.0), machine()
    closed = closed_cells(before, it)

    after = before.updated(20, 30, np.zeros((5, 5)))
    closed[after.changed.cells] = closed_cells(after, it, after.changed)

    assert closed.tolist() == closed_cells(after, it).tolist()


@pytest.mark.parametrize("figures", [{}, {"step_m_max": 0.1}, {"roughness_m_max": 0.03}])
def test_costs_are_open_where_some_heading_is(figures):
    heights_m = np.random.default_rng(2).normal(size=(50, 60)).cumsum(0).cumsum(1) * 0.04
    ground, it = SiteGrid.of_heights(heights_m, 1.0), machine(**figures)

    least, most = least_costs(ground, it), most_costs(ground, it)

    assert np.isfinite(least.pace_s_m).tolist() == (~closed_cells(ground, it)).tolist()
    assert np.isfinite(most.pace_s_m).tolist() == (~closed_cells(ground, it)).tolist()
    assert least.pace_s_m.min() == most.pace_s_m.min() == pytest.approx(2.0)


def test_clearance_is_the_distance_to_the_next_closed_square_rounded_down():
    heights_m = np.zeros((60, 80))
    heights_m[30, 40] = math.nan
    ground = SiteGrid.of_heights(heights_m, 2.0)

    found_m = clearance_m(ground, machine(), 30.0)

    # The hole closes the cells around it; 41 to 46 are open, 5 cells of 2 m in between.
    assert found_m[30, 40] == found_m[29, 41] == 0.0
    assert found_m[30, 47] == pytest.approx(10.0, abs=30.0 / 254)
    assert found_m[30, 47] <= 10.0
    assert found_m[34, 44] == pytest.approx(math.hypot(4.0, 4.0), abs=30.0 / 254)
    assert found_m[30, 3] == pytest.approx(6.0, abs=30.0 / 254)
    assert found_m[30, 20] == pytest.approx(30.0)
    assert clearance_m(ground, machine(), 4.0).max() == pytest.approx(4.0)
