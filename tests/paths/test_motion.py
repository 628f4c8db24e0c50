"""Breaches and energy of routes, as people meet them."""

import math

import numpy as np
import pytest

from lunaredge.model.site import ZoneKind
from lunaredge.paths import Kind, Route
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Drive, Machine, Stability, Traction
from lunaredge.paths.motion import MotionRules, energy_wh, first_breach
from lunaredge.paths.zones import Zone

EAST = Route([(0, 5, 25, 0), (80, 45, 25, 0)])


ROUND = {"drive": Drive.ACKERMANN, "radius_m_min": 2.0}


def machine(**figures):
    defaults = {"speed_m_s_max": 0.5, "turn_rad_s_max": 0.35}
    return Machine(footprint=Footprint.rectangle(2.0, 1.0), **(defaults | figures))


def slow_zone(name="slow", left_m=20.0, speed_m_s=0.2, **window):
    return Zone(
        name=name,
        kind=ZoneKind.SPEED,
        polygon=((left_m, 20.0), (left_m + 10, 20.0), (left_m + 10, 30.0), (left_m, 30.0)),
        speed_m_s_max=speed_m_s,
        **window,
    )


def slope(gradient_x, cells=10):
    columns = 5.0 * np.arange(cells)
    return SiteGrid.of_heights(np.tile(gradient_x * columns, (cells, 1)), 5.0)


def test_a_route_within_every_limit_has_no_breach():
    assert first_breach(slope(0.1), machine(), EAST) is None
    assert first_breach(None, machine(), EAST, [slow_zone(speed_m_s=0.5)]) is None


def test_a_breach_says_what_when_where_and_how_much():
    breach = first_breach(slope(0.2), machine(slope_along_deg_max=10.0), EAST)

    assert (breach.kind, breach.party, breach.segment) == (Kind.SLOPE_ALONG, "", 0)
    assert breach.time_s == 0.0
    assert breach.pose == (5.0, 25.0, 0.0)
    assert breach.value == pytest.approx(math.degrees(math.atan(0.2)))
    assert breach.limit == pytest.approx(10.0)
    assert breach.reason == "slope along of 11.3 deg (at most 10 deg) at 0.00 s, (5.00, 25.00)"


@pytest.mark.parametrize(
    ("gradient", "figures", "kind", "party"),
    [
        (math.nan, {}, Kind.GROUND, "unknown"),
        (0.5, {}, Kind.GROUND, "slope"),
        (0.2, {"slope_along_deg_max": 5}, Kind.SLOPE_ALONG, ""),
        (
            0.1,
            {"stability": Stability(track_m=9, wheelbase_m=1, centre_height_m=2)},
            Kind.TIP_OVER,
            "along",
        ),
        (0.45, {"slope_along_deg_max": 40}, Kind.TRACTION, ""),
        (0.0, {"speed_m_s_max": 0.4}, Kind.SPEED, ""),
    ],
)
def test_the_ground_and_the_grip_are_named(gradient, figures, kind, party):
    breach = first_breach(slope(gradient), machine(**figures), EAST)

    assert (breach.kind, breach.party) == (kind, party)


@pytest.mark.parametrize(
    ("knots", "figures", "party"),
    [
        ([(0, 5, 25, 0), (1, 5, 25, 1)], {}, "rate"),
        (
            [(0, 5, 25, 0), (9, 5, 25, 1)],
            {"drive": Drive.ACKERMANN, "radius_m_min": 2},
            "curvature",
        ),
        ([(0, 5, 25, 0), (9, 5, 26, 0)], {}, "sideways"),
    ],
)
def test_turns_that_the_drive_cannot_make_are_named(knots, figures, party):
    breach = first_breach(None, machine(**figures), Route(knots))

    assert (breach.kind, breach.party) == (Kind.TURN, party)


def test_steps_and_roughness_are_named():
    heights_m = np.zeros((10, 10))
    heights_m[5, 5] = 0.5
    ground = SiteGrid.of_heights(heights_m, 5.0)

    step = first_breach(ground, machine(step_m_max=0.3), EAST)
    rough = first_breach(ground, machine(roughness_m_max=0.1), EAST)

    assert (step.kind, step.party, step.value) == (Kind.GROUND, "step", 0.5)
    assert (rough.kind, rough.party) == (Kind.GROUND, "roughness")
    assert step.time_s == pytest.approx((20.0 - 5.0) / 0.5, abs=1e-4)


def test_a_speed_zone_counts_as_soon_as_the_body_is_in():
    breach = first_breach(None, machine(), EAST, [slow_zone()])

    assert (breach.kind, breach.party) == (Kind.SPEED, "slow")
    assert breach.time_s == pytest.approx((20.0 - 1.0 - 5.0) / 0.5, abs=1e-3)
    assert (breach.value, breach.limit) == (pytest.approx(0.5), 0.2)


def test_the_first_of_several_zones_counts_whatever_their_order():
    zones = [slow_zone("far", 35.0), slow_zone("near", 20.0), slow_zone("past", until_s=1.0)]

    assert first_breach(None, machine(), EAST, zones).party == "near"
    assert first_breach(None, machine(), EAST, zones[::-1]).party == "near"


def test_other_zones_have_no_say_here():
    pit = Zone(name="pit", kind=ZoneKind.KEEP_OUT, polygon=slow_zone().polygon)

    assert first_breach(None, machine(), EAST, [pit]) is None


def test_at_the_same_time_the_first_kind_counts():
    zone = slow_zone(left_m=0.0)

    lean = first_breach(slope(0.2), machine(slope_along_deg_max=5.0), EAST, [zone])
    turn = first_breach(None, machine(), Route([(0, 5, 25, 0), (10, 5, 29, 0)]), [zone])

    assert lean.kind is Kind.SLOPE_ALONG
    assert (turn.kind, turn.party) == (Kind.SPEED, "slow")


def test_without_grip_every_motion_is_too_fast():
    slick = machine(traction=Traction(health_ratio=0.0))

    assert first_breach(slope(0.0), slick, EAST).kind is Kind.SPEED
    assert first_breach(slope(0.0), slick, Route([(0, 5, 25, 0)])) is None


def test_shifting_time_shifts_the_breach():
    rules = MotionRules(slope(0.2), machine(slope_across_deg_max=5.0, turn_rad_s_max=1.0))
    turning = Route([(0, 25, 25, 0), (10, 25, 25, 3)])

    first, later = rules.first_breach(turning), rules.first_breach(turning.delayed(1e5))

    assert later.time_s == pytest.approx(first.time_s + 1e5)
    assert later.pose == pytest.approx(first.pose)


def test_one_pose_is_a_route():
    there = Route([(3, 25, 25, 0)])

    assert first_breach(slope(0.1), machine(), there) is None
    assert first_breach(slope(0.5), machine(), there).time_s == 3.0
    assert energy_wh(slope(0.1), machine(), there) == 0.0


def test_energy_of_level_ground_needs_no_grid():
    assert energy_wh(None, machine(), EAST) == pytest.approx(150.0 * 80.0 / 3600.0)
    assert energy_wh(slope(0.0), machine(), EAST) == pytest.approx(150.0 * 80.0 / 3600.0)
    assert energy_wh(slope(0.1), machine(), EAST) > 150.0 * 80.0 / 3600.0


def test_the_least_time_of_a_way_is_at_full_speed_and_full_turns():
    rules = MotionRules(slope(0.0), machine())
    there = Route([(0, 5, 25, 0), (999, 45, 25, 0), (1999, 45, 25, 3.5), (2999, 44, 25, 3.5)])

    assert rules.least_s(there) == pytest.approx(80.0 + 10.0 + 2.0)
    assert MotionRules(None, machine()).least_s(there) == pytest.approx(92.0)


def test_a_way_down_where_grip_is_short_takes_longer():
    it = machine(slope_along_deg_max=25.0)
    down = Route([(0, 45, 25, math.pi), (999, 5, 25, math.pi)])
    limit_m_s = it.speed_limit_m_s(math.degrees(math.atan(0.36)))

    assert MotionRules(slope(0.36), it).least_s(down) == pytest.approx(40.0 / limit_m_s)
    assert MotionRules(slope(0.0), it).least_s(Route([(0, 5, 5, 0), (9, 5, 99, 0)])) == math.inf


@pytest.mark.parametrize("start_s", [0.0, 1.8e9])
@pytest.mark.parametrize("away_m", [0.0, 9e6])
def test_rounding_makes_no_route_too_fast(start_s, away_m):
    it = machine(turn_rad_s_max=0.5)
    steps = np.arange(400)
    way = np.column_stack((0.1 * steps + start_s, away_m + 0.05 * steps, 0 * steps, 0 * steps))
    turns = np.column_stack((0.1 * steps + start_s, 0 * steps, 0 * steps, 9e3 + 0.05 * steps))

    for knots, kind in ((way, Kind.SPEED), (turns, Kind.TURN)):
        faster = knots * (1.0, 1.0001, 1.0, 1.0001)
        assert first_breach(None, it, Route(knots)) is None
        assert first_breach(None, it, Route(faster)).kind is kind
