"""Travel over the ground: time, climbs, and places that can't be reached."""

import math

import pytest

from lunaredge.model.site import ZoneKind
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.travel import RASTER_M, Mover, known_place, reachable_cost_s, travels
from tests.scheduler import sites

MOVER = Mover(half_width_m=2.0, slope_deg_max=30.0, speed_m_s=0.5)
FLAT = GroundMap.of(sites.site())


def test_travel_on_open_ground_takes_little_longer_than_the_straight_line():
    (cost_s,) = reachable_cost_s(FLAT, MOVER, (-40.0, 0.0), [(40.0, 20.0)])

    straight_s = math.hypot(80.0, 20.0) / 0.5
    assert straight_s <= cost_s < 1.1 * straight_s


def test_a_wall_is_travelled_around():
    wall = sites.zone("wall", sites.box(-5.0, -60.0, 5.0, 60.0), ZoneKind.KEEP_OUT)
    ground = GroundMap.of(sites.site(wall))

    (cost_s,) = reachable_cost_s(ground, MOVER, (-40.0, 0.0), [(40.0, 0.0)])

    around_s = (2.0 * math.hypot(33.0, 62.0) + 14.0) / 0.5
    assert around_s < cost_s < 1.1 * around_s


def test_places_out_of_reach_cost_infinity_and_do_not_spoil_the_others():
    moat = GroundMap.of(sites.site(height_m=lambda x, y: 40.0 * (25.0 < math.hypot(x, y) < 45.0)))
    goals = [(0.0, 0.0), (80.0, 80.0), (200.0, 0.0)]

    costs_s = reachable_cost_s(moat, MOVER, (80.0, 60.0), goals)

    assert costs_s == [math.inf, pytest.approx(40.0, rel=0.1), math.inf]


def test_a_start_where_the_machine_can_not_stand_reaches_nothing():
    assert reachable_cost_s(FLAT, MOVER, (94.5, 0.0), [(0.0, 0.0)]) == [math.inf]


def test_a_speed_zone_is_crossed_at_its_limit_or_travelled_around():
    slow = sites.zone("slow", sites.box(-20.0, -95.0, 20.0, 95.0), ZoneKind.SPEED)
    ground = GroundMap.of(sites.site(slow))

    (cost_s,) = reachable_cost_s(ground, MOVER, (-60.0, 0.0), [(60.0, 0.0)])

    assert cost_s == pytest.approx(80.0 / 0.5 + 40.0 / 0.1, rel=0.05)


def test_climbs_and_descents_are_added_up_and_swapped_on_the_way_back():
    hill = GroundMap.of(
        sites.site(height_m=lambda x, y: 10.0 * math.exp(-((x / 30.0) ** 2)) + x / 10)
    )

    (there,) = travels(hill, MOVER, (-80.0, 0.0), [(80.0, 0.0)])

    assert there.ascent_m - there.descent_m == pytest.approx(16.0, abs=0.1)
    assert there.ascent_m > 16.0
    assert there.reversed.ascent_m == there.descent_m
    assert there.reversed.duration_s == there.duration_s


def test_a_place_too_tight_for_the_lattice_is_reached_in_a_straight_line():
    # A slot between two walls, a hand wider than the machine and off the lattice's rows.
    low = sites.zone("low", sites.box(-60.0, -20.0, 60.0, -1.1), ZoneKind.KEEP_OUT)
    high = sites.zone("high", sites.box(-60.0, 3.0, 60.0, 20.0), ZoneKind.KEEP_OUT)
    ground = GroundMap.of(sites.site(low, high))

    assert reachable_cost_s(ground, MOVER, (-10.0, 0.95), [(10.0, 0.95)]) == [40.0]


def test_what_is_known_is_not_searched_for_again():
    ground = GroundMap.of(sites.site())
    goals = [(10.0, 0.0), (20.0, 0.0), (10.0, 0.0)]

    first = travels(ground, MOVER, (0.0, 0.0), goals)
    object.__setattr__(ground, "frame", None)

    assert travels(ground, MOVER, (0.0, 0.0), goals) == first
    assert first[0] == first[2]


def test_a_place_measured_anew_is_the_place_known_before():
    measured = [(10.003, -4.98), (9.99, -5.02), (10.02, -5.001)]

    places = {known_place(FLAT, MOVER, point) for point in measured}

    assert places == {(10.0, -5.0)}


def test_a_known_place_is_within_half_a_raster_of_the_point():
    point = (10.11, -4.9)

    place = known_place(FLAT, MOVER, point)

    assert max(abs(a - b) for a, b in zip(place, point, strict=True)) <= 0.5 * RASTER_M


def test_beside_a_wall_a_machine_is_where_it_says_and_not_in_the_wall():
    wall = sites.zone("wall", sites.box(0.0, -60.0, 5.0, 60.0), ZoneKind.KEEP_OUT)
    ground = GroundMap.of(sites.site(wall))
    beside = (-2.1, 0.0)

    place = known_place(ground, MOVER, beside)

    assert place == beside
    assert math.isfinite(travels(ground, MOVER, place, [(-40.0, 0.0)])[0].duration_s)
