"""A machine's figures and what follows from them, against formulas and the simulated machines."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.kernels import traction
from lunaredge.machine import kinematics
from lunaredge.model.fleet import MachineSpec
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.machine import Drive, Machine, Power, Stability, Traction
from lunaredge.units import MOON_GRAVITY_M_S2

STABILITY = Stability(track_m=2.0, wheelbase_m=3.0, centre_height_m=1.0)


def machine(**figures):
    defaults = {"speed_m_s_max": 0.5, "turn_rad_s_max": 0.35}
    return Machine(footprint=Footprint.rectangle(4.0, 2.5), **(defaults | figures))


def test_gravity_is_the_moons():
    assert traction.GRAVITY_M_S2 == MOON_GRAVITY_M_S2


@given(st.floats(-35.0, 35.0), st.floats(0.05, 1.2))
def test_a_machine_brakes_on_a_slope_as_the_simulated_ones_do(downhill_deg, deceleration_m_s2):
    found = machine(deceleration_m_s2=deceleration_m_s2).braking_m_s2(downhill_deg)

    slip = kinematics.slip_ratio(downhill_deg)
    expected = kinematics.braking_m_s2(deceleration_m_s2, downhill_deg, slip)
    assert found == pytest.approx(expected, abs=1e-12)


def test_stopping_takes_reaction_and_braking():
    it = machine(reaction_s=2.0, deceleration_m_s2=0.25)

    assert it.stopping_m(0.5) == pytest.approx(0.5 * 2.0 + 0.5**2 / (2 * 0.25))
    assert it.stopping_m(0.0) == 0.0
    assert it.stopping_m(0.5, 20.0) > it.stopping_m(0.5)
    assert it.stopping_m(0.5, 23.0) == math.inf


def test_friction_holds_up_to_where_it_equals_the_slope():
    it = machine()

    hold_deg = it.hold_deg_max

    slip = 0.02 + 0.00085 * hold_deg**2
    assert math.tan(math.radians(hold_deg)) == pytest.approx(0.75 * (1.0 - slip))
    assert it.braking_m_s2(hold_deg - 0.01) > 0.0
    assert it.braking_m_s2(hold_deg + 0.01) == 0.0


def test_worn_wheels_hold_less():
    worn = machine(traction=Traction(health_ratio=0.5))

    assert worn.hold_deg_max < machine().hold_deg_max
    assert machine(traction=Traction(health_ratio=0.0)).hold_deg_max == pytest.approx(0.0)


def test_speed_on_a_slope_keeps_the_way_to_stop():
    it = machine(reaction_s=0.0)

    limit_m_s = it.speed_limit_m_s(20.0)

    assert limit_m_s < 0.5
    assert it.stopping_m(limit_m_s, 20.0) == pytest.approx(it.stopping_m(0.5))
    assert it.speed_limit_m_s(10.0) == 0.5
    assert it.speed_limit_m_s(-20.0) == 0.5


def test_brakes_stronger_than_grip_make_no_slower_machine():
    strong = machine(deceleration_m_s2=5.0)

    assert strong.braking_m_s2() == pytest.approx(0.75 * 0.98 * 1.62)
    assert strong.speed_limit_m_s() == 0.5
    assert strong.speed_limit_m_s(1.0) < 0.5


def test_a_machine_without_grip_has_no_safe_speed():
    slick = machine(traction=Traction(health_ratio=0.0))

    assert slick.speed_limit_m_s() == 0.0
    assert slick.stopping_m(0.1) == math.inf


def test_tipping_angles_are_arm_over_height():
    it = machine(stability=STABILITY)

    assert it.tip_across_deg == pytest.approx(math.degrees(math.atan(1.0)))
    assert it.tip_along_deg == pytest.approx(math.degrees(math.atan(1.5)))
    assert machine().tip_across_deg is None
    assert machine().tip_along_deg is None


def test_a_load_raises_the_centre_and_an_offset_shortens_the_arm():
    high = Stability(track_m=2.0, wheelbase_m=3.0, centre_height_m=1.0, payload_height_m=3.0)
    nose = Stability(track_m=2.0, wheelbase_m=3.0, centre_height_m=1.0, centre_ahead_m=-0.5)

    laden = machine(stability=high, mass_kg=100.0, payload_kg=100.0)

    assert laden.tip_across_deg == pytest.approx(math.degrees(math.atan(1.0 / 2.0)))
    assert machine(stability=nose).tip_along_deg == pytest.approx(math.degrees(math.atan(1.0)))


def test_travel_from_rest_to_rest_speeds_up_and_brakes():
    it = machine(acceleration_m_s2=0.5, deceleration_m_s2=0.25)

    # Half a metre a second after 1 s and 0.25 m; to rest in 2 s and 0.5 m.
    assert it.travel_s(10.75) == pytest.approx(1.0 + 20.0 + 2.0)
    assert it.travel_s(0.75) == pytest.approx(3.0)
    assert it.travel_s(0.75 / 4) == pytest.approx(1.5)
    assert it.travel_s(0.0) == 0.0


def test_a_machine_of_the_fleet_file_is_a_skid_steered_rectangle():
    spec = MachineSpec(
        length_m=2.2,
        width_m=1.4,
        mass_kg=150,
        speed_m_s_max=0.5,
        turn_deg_s=20,
        deceleration_m_s2=0.2,
        slope_deg_max=12,
        payload_kg_max=80,
        battery_wh=2100,
        reserve_wh=420,
        idle_w=30,
        drive_w=160,
        charge_w=400,
        tool_width_m=0,
        work_speed_m_s=0,
        dig_kg_s=0,
        load_kg_s=0.2,
        dig_wh_kg=0,
    )

    it = Machine.of_spec(spec, payload_kg=80)

    assert it.drive is Drive.SKID
    assert it.footprint.reach_m == pytest.approx(spec.radius_m)
    assert it.turn_rad_s_max == pytest.approx(math.radians(20))
    assert (it.slope_along_deg_max, it.slope_across_deg_max) == (12, 12)
    assert it.figures[traction.WEIGHT] == pytest.approx(230 * 1.62)
    assert it.power == Power(idle_w=30, drive_w=160)


def test_figures_are_made_once_and_cannot_be_written():
    it = machine()

    assert it.figures is it.figures
    with pytest.raises(ValueError, match="read-only"):
        it.figures[0] = 1.0


@pytest.mark.parametrize(
    "figures",
    [
        {"speed_m_s_max": 0.0},
        {"speed_m_s_max": math.nan},
        {"speed_m_s_max": math.inf},
        {"turn_rad_s_max": -1.0},
        {"deceleration_m_s2": 0.0},
        {"slope_along_deg_max": 90.0},
        {"slope_across_deg_max": -1.0},
        {"slope_across_deg_max": math.nan},
        {"step_m_max": -0.1},
        {"step_m_max": math.nan},
        {"mass_kg": 0.0},
        {"payload_kg": -1.0},
        {"reaction_s": math.nan},
        {"drive": Drive.ACKERMANN},
        {"drive": Drive.ACKERMANN, "radius_m_min": math.inf},
        {"power": Power(idle_w=50.0, drive_w=40.0)},
        {"power": Power(climb_efficiency_ratio=0.0)},
        {"traction": Traction(health_ratio=1.1)},
        {"traction": Traction(friction_ratio=math.inf)},
        {"stability": Stability(track_m=0.0, wheelbase_m=1.0, centre_height_m=1.0)},
        {"stability": Stability(track_m=1.0, wheelbase_m=1.0, centre_height_m=math.inf)},
        {"stability": Stability(track_m=1, wheelbase_m=1, centre_height_m=1, centre_ahead_m=0.5)},
    ],
)
def test_figures_that_no_machine_has_are_refused(figures):
    with pytest.raises(ConfigError, match="no machine has this"):
        machine(**figures)
