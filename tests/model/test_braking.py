import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lunaredge.model.braking import (
    counted_m_s2,
    holding_m_s2,
    overlap_m,
    planned_m_s2,
    rest_s,
    speed_m_s_max,
    worst_m_s2,
)
from lunaredge.model.fleet import MachineSpec
from tests.sim.exhibits import machine

SPEC = machine("a").machine
HAULER = msgspec.structs.replace(SPEC, mass_kg=1000.0, payload_kg_max=1000.0)


def test_the_ground_holds_less_the_steeper_it_is_and_nothing_beyond_its_friction() -> None:
    held = [holding_m_s2(slope_deg) for slope_deg in (0.0, 10.0, 20.0, 30.0, 45.0)]

    assert held == sorted(held, reverse=True)
    assert held[0] == pytest.approx(1.62 * 0.75 * 0.98)
    assert held[-1] == 0.0


def test_a_machine_on_a_slope_that_friction_cannot_hold_never_stops() -> None:
    steep = msgspec.structs.replace(SPEC, slope_deg_max=45.0)

    assert overlap_m(steep, 1.0, 0.0, 1.0) == math.inf
    assert speed_m_s_max(steep, 0.5, 0.0, 1.0) == 0.0


def test_the_overlap_is_what_worse_brakes_roll_farther() -> None:
    planned, worst = planned_m_s2(SPEC), worst_m_s2(SPEC, 0.0, 1.0)
    assert (planned, worst) == (0.4, pytest.approx(0.32))

    # So it is of all health that a machine may have under way: at 0.625 it rolls farthest.
    farther_m = rolls_m(SPEC, 0.0, 0.625)

    assert overlap_m(SPEC, 1.0, 0.0, 1.0) == pytest.approx(farther_m)
    assert overlap_m(SPEC, 2.0, 0.0, 1.0) == pytest.approx(4 * farther_m)
    assert overlap_m(SPEC, 1.0, 0.0, 0.3) == pytest.approx(rolls_m(SPEC, 0.0, 0.3))


def rolls_m(spec: MachineSpec, payload_kg: float, health_ratio: float) -> float:
    """How much farther than planned brakes of that health roll a machine that would go 1 m/s."""
    slower_m_s = health_ratio
    worst = worst_m_s2(spec, payload_kg, health_ratio)
    return slower_m_s**2 / (2.0 * worst) - slower_m_s**2 / (2.0 * planned_m_s2(spec))


@given(
    payload_kg=st.floats(0.0, 1000.0),
    told=st.floats(0.05, 1.0),
    lost=st.floats(0.1, 1.0),
    slope_deg=st.floats(0.0, 20.0),
)
def test_what_is_granted_holds_whatever_becomes_of_the_brakes_under_way(
    payload_kg: float, told: float, lost: float, slope_deg: float
) -> None:
    spec = msgspec.structs.replace(HAULER, slope_deg_max=slope_deg)

    granted_m = overlap_m(spec, 1.0, payload_kg, told)

    assert rolls_m(spec, payload_kg, told * lost) <= granted_m + 1e-9


def test_a_full_load_brakes_worst() -> None:
    full, laden, empty = (overlap_m(HAULER, 1.0, kg, 1.0) for kg in (1000.0, 900.0, 0.0))

    assert full > laden > empty > 0.0


def test_worn_brakes_are_held_by_the_overlap_of_sound_ones() -> None:
    assert overlap_m(SPEC, 1.0, 0.0, 0.6) == pytest.approx(overlap_m(SPEC, 1.0, 0.0, 1.0), rel=0.01)


def test_an_agent_counts_on_the_brakes_at_their_worst_and_on_the_grip_where_that_is_less() -> None:
    steep = msgspec.structs.replace(HAULER, slope_deg_max=20.0)

    assert counted_m_s2(HAULER) == pytest.approx(0.8 * HAULER.deceleration_m_s2)
    assert counted_m_s2(steep) == holding_m_s2(20.0) < counted_m_s2(HAULER)


def test_the_speed_for_a_room_rolls_just_into_it() -> None:
    speed_m_s = speed_m_s_max(SPEC, 0.2, 0.0, 1.0)

    assert overlap_m(SPEC, speed_m_s, 0.0, 1.0) == pytest.approx(0.2)
    assert speed_m_s_max(HAULER, 0.2, 0.0, 1.0) > speed_m_s_max(HAULER, 0.2, 1000.0, 1.0)


def test_the_longest_time_to_rest_counts_the_worst_brakes_and_the_reaction() -> None:
    assert rest_s(SPEC, 0.0, 1.0) == pytest.approx(0.5 + 1.0 / 0.32)
    assert rest_s(SPEC, 0.0, 0.5) == pytest.approx(rest_s(SPEC, 0.0, 1.0))
