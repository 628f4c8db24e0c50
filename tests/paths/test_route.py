"""Routes and footprints as values: equal ones count as one; and what a route refuses."""

import copy
import math
import pickle

import numpy as np
import pytest
from numba import typeof

from lunaredge.errors import ConfigError
from lunaredge.kernels.sweep import CONTACT_M
from lunaredge.paths import (
    Fleet,
    Footprint,
    Free,
    Machine,
    Part,
    Reservation,
    Route,
    Scene,
    Solid,
    Solids,
    World,
)
from lunaredge.paths.footprint import SIZE_M_MAX
from lunaredge.paths.occupancy import Occupancy
from lunaredge.paths.route import TURN_RAD_MAX
from lunaredge.paths.solids import first_contact, outline_of

KNOTS = [(0.0, 1.0, 0.0, 0.0), (5.0, 6.0, 0.0, 0.0)]


def test_equal_footprints_are_one_key():
    footprint, same = Footprint.rectangle(4.0, 2.0), Footprint.rectangle(4.0, 2.0)
    other = Footprint.rectangle(4.0, 2.0, margin_m=0.1)

    grid = Occupancy(np.zeros((4, 4), np.bool_), (0.0, 0.0, 1.0))

    assert footprint == same
    assert footprint != other
    assert footprint != "a footprint"
    assert len({footprint, same, other}) == 2
    assert grid.outline(footprint) is grid.outline(same)
    assert outline_of(footprint) is outline_of(same)


def test_equal_routes_and_reservations_are_one_key():
    route, same, other = Route(KNOTS), Route(np.array(KNOTS)), Route(KNOTS).delayed(1.0)
    zero = Route([(0.0, -0.0, 0.0, -0.0)])
    held = Reservation(footprint=Footprint.disc(1.0), route=route)

    assert route == same
    assert route != other
    assert route != KNOTS
    assert len({route, same, other}) == 2
    assert {zero: "there"}[Route([(0.0, 0.0, 0.0, 0.0)])] == "there"
    assert held == Reservation(footprint=Footprint.disc(1.0), route=same)
    assert hash(held) == hash(Reservation(footprint=Footprint.disc(1.0), route=same))


def test_a_footprint_is_the_same_key_with_zeros_of_either_sign():
    footprint = Footprint(Part(corners=((0.0, -1.0), (2.0, 0.0), (0.0, 1.0))))
    other = Footprint(Part(corners=((-0.0, -1.0), (2.0, -0.0), (-0.0, 1.0))))

    assert footprint == other
    assert hash(footprint) == hash(other)


@pytest.mark.parametrize(
    ("value", "name", "array"),
    [(Route(KNOTS), "knots", "knots"), (Footprint.rectangle(4.0, 2.0), "named", "parts")],
    ids=["route", "footprint"],
)
def test_nothing_of_a_value_changes_not_even_of_its_copies(value, name, array):
    copies = [copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))]

    for one in (value, *copies):
        assert one == value
        assert hash(one) == hash(value)
        with pytest.raises(AttributeError, match="is a value"):
            setattr(one, name, getattr(one, name))
        with pytest.raises(AttributeError, match="is a value"):
            delattr(one, name)
        with pytest.raises(ValueError, match="WRITEABLE"):
            getattr(one, array).flags.writeable = True
        assert typeof(getattr(one, array)) == typeof(getattr(value, array))


def test_a_route_does_not_change_with_the_array_it_was_made_of():
    knots = np.array(KNOTS)
    route = Route(knots)

    knots[0, 1] = 99.0

    assert route == Route(KNOTS)


def test_a_machine_made_anew_finds_what_was_prepared_for_the_first():
    world = World(Scene())

    def check(x_m):
        machine = Machine(
            footprint=Footprint.rectangle(4.0, x_m), speed_m_s_max=1.0, turn_rad_s_max=1.0
        )
        world.check(machine, Route(KNOTS))

    check(2.0)
    check(2.0)
    check(2.5)

    assert len(world._grounds) == 2


def test_what_is_printed_says_what_it_is():
    assert repr(Route(KNOTS)) == "Route(2 knots from 0 s to 5 s)"
    names = {"Footprint": Footprint, "Part": Part, "inf": math.inf}
    assert eval(repr(Footprint.disc(1.0)), names) == Footprint.disc(1.0)


def test_a_spin_of_more_turns_than_a_check_is_made_for_is_refused():
    with pytest.raises(ConfigError, match="put knots in between"):
        Route([(0.0, 0.0, 0.0, 0.0), (9.0, 1.0, 0.0, TURN_RAD_MAX + 0.1)])

    assert len(Route([(0.0, 0.0, 0.0, 0.0), (9.0, 1.0, 0.0, TURN_RAD_MAX)])) == 2


def test_the_longest_spin_of_the_largest_machine_is_decided_and_not_given_up():
    side_m = SIZE_M_MAX * math.sqrt(2.0)
    hull = Footprint.rectangle(side_m, side_m)
    apart_m = hull.reach_m + 1.01 * CONTACT_M
    spin = Route([(0.0, 0.0, 0.0, 0.0), (9.0, 0.0, 5.0, TURN_RAD_MAX)])
    fleet = Fleet()
    twin = np.add(spin.knots, (0.0, apart_m + hull.reach_m, 0.0, 0.1))
    fleet.add("twin", Reservation(footprint=hull, route=Route(twin)))

    beside = first_contact(Solids([Solid(corners=((apart_m, -9.0), (apart_m, 9.0)))]), hull, spin)
    verdict = fleet.check(Reservation(footprint=hull, route=spin), range_m=0.0)

    assert beside is None
    assert isinstance(verdict, Free)
