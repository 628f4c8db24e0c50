"""Dense traffic is repaired: machines that were left holding reach their goals."""

import math
from itertools import count

import msgspec
import numpy as np
import pytest

from lunaredge.model.site import ZoneKind
from lunaredge.paths import fleet_plan
from lunaredge.paths.fleet_plan import FleetOptions
from lunaredge.paths.footprint import Footprint
from lunaredge.paths.machine import Drive
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.scene import Scene
from lunaredge.paths.verdict import Free
from lunaredge.paths.world import Trip, World
from lunaredge.paths.zones import Zone
from tests.paths import dense_scenes as dense
from tests.paths.plan_scenes import ends_at

QUICK = FleetOptions(attempts_max=1, rounds_max=0)


def assert_safe(world, trips, plan):
    """Whoever moves ends at its goal by a route that is free among all others, for ever."""
    for trip in trips:
        world.reserve(trip.name, trip.machine, plan.routes[trip.name])
    assert not world.check_all()
    for trip in trips:
        route = plan.routes[trip.name]
        if trip.name in plan.holds:
            assert route.knots[:, 1:].tolist() == [list(trip.start)]
        else:
            assert isinstance(world.check(trip.machine, route, [trip.name], range_m=0.0), Free)
            assert ends_at(route, trip.goal)
            assert route.knots[0, 1:] == pytest.approx(trip.start)


def without_repair(monkeypatch, world, trips, options=QUICK):
    with monkeypatch.context() as patch:
        patch.setattr(fleet_plan, "repairs", lambda *_: iter(()))
        return world.plan_fleet(trips, fleet_options=options)


@pytest.mark.parametrize(
    "scene",
    [
        dense.bay(1),
        dense.ring(0),
        dense.swapped(0, count=11),
        dense.crowd(0, count=9, side_m=24.0),
    ],
)
def test_in_dense_traffic_all_arrive_where_most_would_hold(monkeypatch, scene) -> None:
    world, trips = scene
    before = without_repair(monkeypatch, world, trips)

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert len(before.holds) >= 2
    assert not plan.holds
    assert_safe(world, trips, plan)


@pytest.mark.parametrize("turn_rad", [0.4, 1.2])
def test_a_scene_that_lies_askew_is_repaired_too(turn_rad) -> None:
    world, trips = dense.turned(*dense.bay(1), turn_rad)

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert not plan.holds
    assert_safe(world, trips, plan)


@pytest.mark.parametrize("drive", [Drive.CRAB, Drive.SKID])
def test_machines_that_cannot_reverse_or_need_not_turn_are_repaired_too(drive) -> None:
    world, trips = dense.ring(1)
    kind = msgspec.structs.replace(dense.machine(drive), reverses=drive is Drive.CRAB)
    trips = [trip._replace(machine=kind) for trip in trips]

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert not plan.holds
    assert_safe(world, trips, plan)


def test_machines_of_several_kinds_are_repaired_together() -> None:
    world, trips = dense.bay(1)
    kinds = [
        dense.machine(Drive.CRAB, Footprint.rectangle(3.0, 2.0)),
        dense.machine(),
        dense.machine(Drive.SKID, Footprint.disc(1.5)),
    ]
    trips = [trip._replace(machine=kind) for trip, kind in zip(trips, kinds, strict=True)]

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert not plan.holds
    assert_safe(world, trips, plan)


def test_an_ackermann_machine_stays_with_the_prioritised_plan(monkeypatch) -> None:
    world, trips = dense.bay(1)
    rounding = dense.machine(Drive.ACKERMANN)
    trips[1] = trips[1]._replace(machine=rounding, goal=trips[1].start)
    before = without_repair(monkeypatch, world, trips)

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert len(plan.holds) <= len(before.holds)
    assert_safe(world, trips, plan)


def test_a_goal_that_is_taken_for_ever_keeps_nobody_else_from_arriving() -> None:
    world, trips = dense.ring(0)
    others = [trip for trip in trips if trip.name != "m3"]
    world.reserve("parked", dense.machine(), Route([(0.0, *trips[3].start)]))
    blocked = [trip for trip in others if trip.goal == trips[3].start]

    plan = world.plan_fleet(others, fleet_options=QUICK)

    assert blocked[0].name in plan.holds
    assert_safe(world, others, plan)


def test_traffic_passes_first_and_then_all_arrive() -> None:
    world, trips = dense.bay(1)
    patrol = Route([(0.0, 20.0, 20.0, 0.0), (100.0, 60.0, 20.0, 0.0), (101.0, 60.0, 20.0, 0.0)])
    world.reserve("patrol", dense.machine(), patrol)

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert not plan.holds
    assert_safe(world, trips, plan)


def test_a_zone_that_closes_the_bay_for_a_while_is_waited_for() -> None:
    world, trips = dense.bay(1)
    corners = ((0.0, 5.2), (40.0, 5.2), (40.0, 12.0), (0.0, 12.0))
    zone = Zone(name="blast", kind=ZoneKind.KEEP_OUT, polygon=corners, from_s=0.0, until_s=300.0)
    scene = world.scene
    world = World(Scene(boundary=scene.boundary, obstacles=scene.obstacles, zones=(zone,)))

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert not plan.holds
    assert max(route.end_s for route in plan.routes.values()) > 300.0
    assert_safe(world, trips, plan)


@pytest.mark.parametrize("seed", range(4))
def test_every_plan_ends_and_nobody_ever_meets(monkeypatch, seed) -> None:
    world, trips = dense.crowd(seed, count=6, side_m=22.0)
    before = without_repair(monkeypatch, world, trips)

    plan = world.plan_fleet(trips, fleet_options=QUICK)

    assert len(plan.holds) <= len(before.holds)
    assert all(math.isfinite(route.end_s) for route in plan.routes.values())
    assert_safe(world, trips, plan)


@pytest.mark.parametrize("looks", [0, 40, 80, 160])
def test_when_time_is_over_in_the_middle_the_plan_is_safe(looks) -> None:
    world, trips = dense.ring(0)
    seen = count()

    plan = world.plan_fleet(trips, fleet_options=QUICK, is_over=lambda: next(seen) >= looks)

    assert_safe(world, trips, plan)


def test_two_repairs_give_the_same_routes() -> None:
    first, second = (
        world.plan_fleet(trips, fleet_options=QUICK)
        for world, trips in (dense.bay(1), dense.bay(1))
    )

    assert first.cost == second.cost
    for name, route in first.routes.items():
        assert np.array_equal(route.knots, second.routes[name].knots)


def test_where_nothing_holds_nothing_is_repaired(monkeypatch) -> None:
    world = World(Scene())
    trips = [Trip("a", dense.machine(), Pose(0.0, 0.0, 0.0), Pose(9.0, 0.0, 0.0))]
    monkeypatch.setattr(fleet_plan, "repairs", None)

    plan = world.plan_fleet(trips)

    assert not plan.holds
