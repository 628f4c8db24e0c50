"""Effort: time and energy of every kind of work, by hand."""

import math

import pytest

from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.effort import Standing, efforts
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import legs_for
from tests.scheduler import sites

SITE = sites.site(sites.zone("pad", sites.box(20.0, 20.0, 40.0, 30.0)))
GROUND = GroundMap.of(SITE)
SPEC = sites.machine()
HERE = (10.0, 0.0)


def effort(task, *, ground=GROUND, position=HERE, home=HERE, spec=SPEC):
    standing = Standing(spec=spec, half_width_m=2.0, position=position, home=home)
    legs, _ = legs_for(task, SITE, spec)
    return efforts(ground, standing, [(task, legs)])[0]


def test_parking_where_it_stands_is_next_to_nothing():
    found = effort(sites.task("p", TaskKind.PARK, stand=HERE))

    assert found.work_s == 0.0
    assert found.travel_s < 10.0


def test_who_has_no_way_home_may_be_sent_elsewhere_but_nobody_is_sent_where_there_is_none():
    wall = sites.zone("wall", sites.box(-100.0, 10.0, 100.0, 14.0), ZoneKind.KEEP_OUT)
    ground = GroundMap.of(sites.site(wall))
    trip = sites.task("p", TaskKind.PARK, stand=(10.0, 40.0))
    dig = sites.task("d", TaskKind.EXCAVATE, zone="pad", pile="pad", mass_kg=1.0, stand=trip.stand)

    astray = effort(trip, ground=ground, position=(10.0, 60.0))

    assert astray.travel_s > 0.0
    assert astray.home_s == 0.0
    assert effort(trip, ground=ground) is None
    assert effort(dig, ground=ground, position=(10.0, 60.0)) is None


def test_digging_takes_the_time_and_energy_of_its_mass():
    task = sites.task(
        "d", TaskKind.EXCAVATE, zone="pad", pile="pad", mass_kg=360.0, stand=(60.0, 0.0)
    )

    found = effort(task)

    driving_wh = 120.0 * (found.travel_s + found.home_s) / 3600.0
    assert found.work_s == 1800.0
    assert found.energy_wh == pytest.approx(360.0 * 1.2 + 20.0 * 0.5 + driving_wh)


def test_covering_adds_up_passes_steps_between_them_and_turns():
    found = effort(sites.task("g", TaskKind.GRADE, zone="pad"))

    legs, _ = legs_for(sites.task("g", TaskKind.GRADE, zone="pad"), SITE, SPEC)
    passing_s = sum(math.dist(*leg.path) for leg in legs) / 0.25
    assert passing_s < found.work_s < passing_s + len(legs) * (18.0 + 1.5 / 0.5)


def test_hauling_counts_the_trips_that_the_mass_asks_for():
    def haul(mass_kg):
        return sites.task(
            "h",
            TaskKind.HAUL,
            pile="a",
            to_pile="b",
            mass_kg=mass_kg,
            stand=(0.0, 0.0),
            to_stand=(50.0, 0.0),
        )

    once, thrice = effort(haul(100.0)), effort(haul(201.0))

    assert thrice.work_s == pytest.approx(3.0 * once.work_s)
    assert effort(haul(0.0)).work_s == once.work_s
    assert once.work_s == pytest.approx(2 * 50.0 / 0.5 + 200.0, rel=0.1)


def test_climbing_home_is_paid_for_though_going_there_was_downhill():
    slope = GroundMap.of(sites.site(height_m=lambda x, _y: -0.1 * x))
    task = sites.task("p", TaskKind.PARK, stand=(80.0, 0.0))

    level, climb = effort(task, home=(-80.0, 0.0)), effort(task, ground=slope, home=(-80.0, 0.0))

    lift_wh = 200.0 * 1.62 * 16.0 / 0.5 / 3600.0
    assert climb.energy_wh - level.energy_wh == pytest.approx(lift_wh, rel=0.02)


def test_no_way_home_is_no_effort_at_all():
    task = sites.task("g", TaskKind.GRADE, zone="pad")

    assert effort(task, home=(500.0, 0.0)) is None
    assert effort(task, position=(500.0, 0.0)) is None
    assert effort(task) is not None
