"""What an adversary found: each of these once gave a wrong answer or a traceback."""

import math

import numpy as np
import pytest
import shapely

from lunaredge.errors import ConfigError
from lunaredge.model.site import ZoneKind
from lunaredge.paths import (
    Drive,
    Fleet,
    Footprint,
    Free,
    Kind,
    Machine,
    Obstacle,
    Part,
    Reservation,
    Route,
    Scene,
    Solid,
    Solids,
    World,
    Zone,
    check_path,
)

SQUARE = ((-50.0, -50.0), (50.0, -50.0), (50.0, 50.0), (-50.0, 50.0))


def near_twins(away=math.nextafter):
    """Give a rectangle of 4 x 2 m with every corner twice, as far apart as rounding is."""
    return (
        (-2.0, -1.0),
        (away(-2.0, 0.0), -1.0),
        (2.0, -1.0),
        (2.0, away(-1.0, 0.0)),
        (2.0, 1.0),
        (away(2.0, 0.0), 1.0),
        (-2.0, 1.0),
        (-2.0, away(1.0, 0.0)),
    )


def machine(footprint):
    return Machine(footprint=footprint, speed_m_s_max=1e5, turn_rad_s_max=1e5, drive=Drive.CRAB)


def test_a_corner_that_is_there_twice_hides_no_reservation():
    world = World(Scene())
    world.reserve("other", machine(Footprint.rectangle(2, 6)), Route([(0, 11, 0, 0)]))
    route = Route([(0, 2.8, 2.87, 1.77), (20, 17.69, 5.58, 0.65)])

    twin = world.check(machine(Footprint(Part(corners=near_twins()))), route, range_m=0.0)
    plain = world.check(machine(Footprint.rectangle(4, 2)), route, range_m=0.0)

    assert twin.kind is Kind.RESERVATION
    assert twin.time_s == pytest.approx(plain.time_s, abs=1e-3)


@pytest.mark.parametrize("apart_m", [0.0, 1e-13, 1e-9, 1e-7, 1e-5])
def test_a_corner_that_is_there_twice_hides_no_solid(apart_m):
    def away(value, toward):
        moved = value + math.copysign(apart_m, toward - value)
        return moved if moved != value else math.nextafter(value, toward)

    footprint = Footprint(Part(corners=near_twins(away)))
    rock = ((-1.0, -1.0), (1.5, -0.7), (0.4, 1.2))
    solids, dice = Solids([Solid(corners=rock)]), np.random.default_rng(5)
    body, turned = shapely.box(-2, -1, 2, 1), shapely.affinity

    for x_m, y_m, heading_rad in dice.uniform((-4, -4, -4), (4, 4, 4), (800, 3)):
        placed = turned.translate(
            turned.rotate(body, heading_rad, (0, 0), use_radians=True), x_m, y_m
        )
        if placed.intersection(shapely.Polygon(rock)).area > 1e-3:
            assert check_path(solids, footprint, np.array([[x_m, y_m, heading_rad]]))


def test_a_reservation_without_a_name_counts():
    one, fleet = Reservation(footprint=Footprint.disc(1.0), route=Route([(0, 0, 0, 0)])), Fleet()
    fleet.add("", one)

    assert not isinstance(fleet.check(one), Free)


def test_what_is_under_the_ground_stays_inside_and_out_of_zones_too():
    ripper = machine(
        Footprint(Part(corners=((-1, -1), (1, -1), (1, 1), (-1, 1)), low_m=-2.0, high_m=-0.5))
    )
    crater = Zone(name="crater", kind=ZoneKind.KEEP_OUT, polygon=((5, -5), (9, -5), (9, 5), (5, 5)))
    out = Route([(0, -20, 0, 0), (100, 80, 0, 0)])

    zoned = World(Scene(boundary=SQUARE, zones=(crater,))).check(ripper, out)
    bounded = World(Scene(boundary=SQUARE)).check(ripper, out)

    assert (zoned.kind, bounded.kind) == (Kind.KEEP_OUT, Kind.BOUNDARY)


def test_a_spin_that_nobody_means_is_refused():
    with pytest.raises(ConfigError, match="turn by 200 rad at most"):
        Route([(0, 10, 0, 0), (1e4, 20, 0, 1e5)])


def test_every_pair_on_a_heap_is_told():
    world = World(Scene())
    for k in range(150):
        world.reserve(f"machine-{k}", machine(Footprint.disc(1.0)), Route([(0, 0, 0, 0)]))

    assert len(world.check_all()) == 150 * 149 // 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: Route([[10**400, 0, 0, 0]]),
        lambda: Part(corners=((1.0, 2.0, 3.0),)),
        lambda: Part(corners=((1.0,),)),
        lambda: Part(corners=5),
        lambda: Zone(name="z", kind=ZoneKind.WORK, polygon=((0, 0, 0), (1, 0, 0), (1, 1, 0))),
        lambda: Obstacle(name="o", polygon="abc"),
        lambda: Scene(boundary=((0, 0), (1, 0), (1, math.nan))),
    ],
)
def test_what_is_no_shape_is_refused_with_what_to_do(make):
    with pytest.raises(ConfigError, match="give"):
        make()


def test_arrays_and_lists_are_as_good_as_tuples():
    corners = np.array(((0, 0), (1, 0), (1, 1)))

    assert Part(corners=corners.tolist()) == Part(corners=((0, 0), (1, 0), (1, 1)))
    assert Scene(boundary=corners).boundary == ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    assert Obstacle(name="o", polygon=corners).polygon == ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


@pytest.mark.parametrize("point", [Footprint.disc(0.0), Footprint(Part(corners=((0.0, 0.0),)))])
def test_a_point_meets_the_body_that_it_stands_in(point):
    solids = Solids([Solid(corners=((-5.0, -5.0), (5.0, -5.0), (5.0, 5.0), (-5.0, 5.0)))])

    hit = check_path(solids, point, [(9.0, 0.0, 0.0), (0.0, 0.0, 0.0)])

    assert hit is not None
    assert hit.pose == 1
    assert check_path(solids, point, [(9.0, 0.0, 0.0)]) is None
