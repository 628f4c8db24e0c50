import math

import msgspec
import pytest

from lunaredge.model.braking import (
    counted_m_s2,
    holding_m_s2,
    overlap_m,
    planned_m_s2,
    rest_s,
    speed_m_s_max,
    worst_m_s2,
)
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

    farther_m = 1.0 / (2 * worst) - 1.0 / (2 * planned)

    assert overlap_m(SPEC, 1.0, 0.0, 1.0) == pytest.approx(farther_m)
    assert overlap_m(SPEC, 2.0, 0.0, 1.0) == pytest.approx(4 * farther_m)


def test_a_full_load_brakes_worst_and_an_empty_machine_needs_no_overlap() -> None:
    full, laden, empty = (overlap_m(HAULER, 1.0, kg, 1.0) for kg in (1000.0, 900.0, 0.0))

    assert full > laden > empty == 0.0


def test_worn_brakes_make_the_overlap_longer_though_the_machine_goes_slower() -> None:
    assert overlap_m(SPEC, 1.0, 0.0, 0.6) > overlap_m(SPEC, 1.0, 0.0, 1.0)


def test_an_agent_counts_on_the_brakes_at_their_worst_and_on_the_grip_where_that_is_less() -> None:
    steep = msgspec.structs.replace(HAULER, slope_deg_max=20.0)

    assert counted_m_s2(HAULER) == pytest.approx(0.8 * HAULER.deceleration_m_s2)
    assert counted_m_s2(steep) == holding_m_s2(20.0) < counted_m_s2(HAULER)


def test_the_speed_for_a_room_rolls_just_into_it() -> None:
    speed_m_s = speed_m_s_max(SPEC, 0.2, 0.0, 1.0)

    assert overlap_m(SPEC, speed_m_s, 0.0, 1.0) == pytest.approx(0.2)
    assert speed_m_s_max(HAULER, 0.2, 0.0, 1.0) == math.inf


def test_the_longest_time_to_rest_counts_the_worst_brakes_and_the_reaction() -> None:
    assert rest_s(SPEC, 0.0, 1.0) == pytest.approx(0.5 + 1.0 / 0.32)
    assert rest_s(SPEC, 0.0, 0.5) == pytest.approx(rest_s(SPEC, 0.0, 1.0))
