"""Places of tracks: what they take goes with what stands at a time."""

import math

import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.paths import Fleet, Footprint, Part, Reservation, Route
from lunaredge.paths.tracks import Tracks

DISC = Footprint.disc(1.0)
ALWAYS = (-math.inf, math.inf)


def route_of(knots):
    return Route(np.column_stack((np.arange(float(knots)), np.zeros((knots, 3)))))


def test_a_short_route_does_not_keep_the_place_of_a_long_one():
    tracks = Tracks(1_000_000_000)
    slot = tracks.take(DISC, route_of(100_000))
    held = tracks._held

    slot = tracks.exchange(slot, DISC, route_of(2))

    assert tracks._held < held / 1000
    assert tracks.exchange(slot, DISC, route_of(3)) == slot
    assert tracks.fits(slot, DISC, route_of(1))


def test_the_arrays_go_with_what_stands_not_with_what_ever_stood():
    tracks = Tracks(1_000_000_000)
    waves = [(30, 100), (60, 50), (120, 25), (250, 12), (500, 6), (1000, 3)]
    for length, count in waves:
        slots = [tracks.take(DISC, route_of(length)) for _ in range(count)]
        for slot in slots:
            tracks.lay(slot, DISC, route_of(length), ALWAYS)

        for slot in slots:
            tracks.give_back(slot)

    # A wave takes 30,000 numbers or less: the array has room for two of them, or twice that.
    assert len(tracks.index.numbers) <= 4 * 30_000
    assert len(tracks.index.tracks) <= 2 * 100


def zigzag(knots, y_m=0.0):
    """Give a reservation of so many knots, which stays within a metre."""
    rows = [(float(k), float(k % 2), y_m, 0.0) for k in range(knots)]
    return Reservation(footprint=DISC, route=Route(rows))


def standing(x_m, y_m, footprint=DISC):
    return Reservation(footprint=footprint, route=Route([(0.0, x_m, y_m, 0.0)]))


def fleet_of(**reservations):
    fleet = Fleet()
    for name, reservation in reservations.items():
        fleet.add(name, reservation)
    return fleet


def test_a_shorter_route_takes_the_place_of_a_longer_one_even_where_there_is_no_other():
    fleet = Fleet(bytes_max=19_100)
    fleet.add("m", zigzag(500))
    with pytest.raises(ConfigError, match="no room"):
        fleet.add("n", zigzag(500))

    fleet.replace("m", zigzag(2))
    fleet.add("n", zigzag(200, y_m=9.0))

    assert fleet.check(zigzag(2, y_m=3.0)).party == "m"
    assert fleet.check(zigzag(2, y_m=7.0), range_m=2.0).party == "n"


def test_places_given_back_before_others_moved_are_not_given_again():
    fleet, names = Fleet(bytes_max=130_000), [f"m{k}" for k in range(81)]
    for k, name in enumerate(names):
        fleet.add(name, zigzag(30, y_m=9.0 * k))
    with pytest.raises(ConfigError, match="no room"):
        fleet.add("one more", zigzag(30, y_m=-9.0))
    for name in names[-2::-1]:
        fleet.remove(name)

    fleet.add("long", zigzag(60, y_m=-9.0))
    for k in range(len(names) // 2):
        fleet.add(f"n{k}", zigzag(30, y_m=-9.0 * (k + 2)))

    assert fleet.check_all() == []
    for k in range(len(names) // 2):
        assert fleet.check(zigzag(3, y_m=-9.0 * (k + 2))).party == f"n{k}"
    assert fleet.check(zigzag(3, y_m=9.0 * (len(names) - 1))).party == names[-1]


def test_a_footprint_of_more_parts_takes_room_of_its_own():
    discs = (Part(corners=((float(k), 0.0),), margin_m=0.4) for k in range(16))
    comb = standing(-20.0, 0.0, footprint=Footprint(*discs))
    others = {f"m{k}": standing(9.0 * k, 0.0) for k in range(3)}
    fleet = fleet_of(a=standing(-20.0, 0.0), **others)

    fleet.replace("a", comb)

    anew = fleet_of(**others, a=comb)
    for x_m in (-15.0, -9.0, -4.2, 0.0, 9.0, 18.0):
        assert fleet.check(standing(x_m, 2.9)) == anew.check(standing(x_m, 2.9))
