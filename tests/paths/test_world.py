"""The world asks everything, and gives the first violation in time or the least clearance."""

import math

import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.model.site import ZoneKind
from lunaredge.paths import (
    Footprint,
    Free,
    Kind,
    NoRoute,
    Part,
    Plan,
    Pose,
    Route,
    Trip,
    Violation,
    polygon,
)
from lunaredge.paths.grid import SiteGrid
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.world import Scene, World
from lunaredge.paths.zones import Obstacle, Zone

SQUARE = ((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0))


def machine(*parts, **figures):
    footprint = Footprint(*parts) if parts else Footprint.rectangle(4.0, 2.0)
    return Machine(footprint=footprint, speed_m_s_max=1.0, turn_rad_s_max=0.5, **figures)


def box(x_m, y_m, side_m=2.0):
    return ((x_m, y_m), (x_m + side_m, y_m), (x_m + side_m, y_m + side_m), (x_m, y_m + side_m))


def along_x(from_x_m, to_x_m, y_m=50.0, start_s=0.0, speed_m_s=1.0):
    end_s = start_s + abs(to_x_m - from_x_m) / speed_m_s
    heading_rad = 0.0 if to_x_m >= from_x_m else math.pi
    return Route([(start_s, from_x_m, y_m, heading_rad), (end_s, to_x_m, y_m, heading_rad)])


def hill():
    """Level ground, but for a wall of 3 m along the column at x = 70."""
    heights_m = np.zeros((100, 100))
    heights_m[:, 70] = 3.0
    return SiteGrid.of_heights(heights_m, 1.0)


def test_the_first_in_time_counts_whatever_its_kind():
    scene = Scene(
        grid=hill(),
        boundary=SQUARE,
        zones=(Zone(name="crater", kind=ZoneKind.KEEP_OUT, polygon=box(60, 49)),),
        obstacles=(Obstacle(name="rock", polygon=box(40, 49)),),
    )
    world = World(scene)
    world.reserve("hauler", machine(), Route([(0.0, 30.0, 50.0, 0.0)]))

    first = world.check(machine(), along_x(10, 99))
    second = world.check(machine(), along_x(10, 99), ["hauler"])
    behind = world.check(machine(), along_x(48, 99), ["hauler"])
    last = world.check(machine(), along_x(65, 99), ["hauler"])

    assert (first.kind, first.party) == (Kind.RESERVATION, "hauler")
    assert first.time_s == pytest.approx(16.0, abs=1e-3)
    assert (second.kind, second.party) == (Kind.OBSTACLE, "rock")
    assert second.pose.x_m == pytest.approx(38.0, abs=1e-3)
    assert (behind.kind, behind.party) == (Kind.KEEP_OUT, "crater")
    assert last.kind is Kind.GROUND


def test_a_free_route_says_what_it_comes_nearest_to():
    world = World(Scene(boundary=SQUARE, obstacles=(Obstacle(name="rock", polygon=box(40, 52)),)))

    free = world.check(machine(), along_x(10, 90))
    wide = world.check(machine(), along_x(10, 90, y_m=97.5))
    far = world.check(machine(), along_x(10, 90, y_m=20.0))

    assert free == Free(
        clearance_m=pytest.approx(1.0, abs=1e-3),
        kind=Kind.OBSTACLE,
        party="rock",
        segment=0,
        time_s=free.time_s,
        pose=free.pose,
    )
    assert 37.9 <= free.pose.x_m <= 44.1
    assert (wide.kind, wide.clearance_m) == (Kind.BOUNDARY, pytest.approx(1.5, abs=1e-3))
    assert far == Free(clearance_m=5.0)
    assert (far.kind, far.segment, far.time_s, far.pose) == (None, None, None, None)


@pytest.mark.parametrize("x_m", [-50.0, 150.0])
def test_a_start_beyond_the_boundary_is_no_start(x_m):
    world = World(Scene(boundary=SQUARE))

    verdict = world.check(machine(), along_x(x_m, x_m + 10))

    assert (verdict.kind, verdict.time_s) == (Kind.BOUNDARY, 0.0)


def test_a_part_beyond_the_boundary_counts_where_the_machine_itself_is_inside():
    boom = Part(name="boom", corners=((6.0, 0.0), (8.0, 0.0)), margin_m=0.2)
    digger = machine(Part(corners=((0.0, 0.0),), margin_m=1.0), boom)

    verdict = World(Scene(boundary=SQUARE)).check(digger, Route([(0.0, 95.0, 50.0, 0.0)]))

    assert verdict.kind is Kind.BOUNDARY


def test_a_boom_passes_over_what_its_body_would_hit():
    boom = Part(name="boom", corners=((2.0, 0.0), (6.0, 0.0)), margin_m=0.3, low_m=1.5)
    body = Part(corners=((-2.0, -1.0), (2.0, -1.0), (2.0, 1.0), (-2.0, 1.0)), high_m=2.0)
    world = World(Scene(obstacles=(Obstacle(name="rock", polygon=box(20, 49), high_m=1.0),)))

    over = world.check(machine(body, boom), along_x(0, 17))
    into = world.check(machine(body, boom), along_x(0, 19))

    assert isinstance(over, Free)
    assert isinstance(into, Violation)


def test_a_zone_counts_in_its_time_only():
    blast = Zone(name="blast", kind=ZoneKind.KEEP_OUT, polygon=box(40, 45, 10), from_s=100.0)
    world = World(Scene(zones=(blast,)))

    before = world.check(machine(), along_x(10, 90))
    standing = world.check(machine(), Route([(90.0, 45, 50, 0), (110.0, 45, 50, 0)]))

    assert isinstance(before, Free)
    assert (standing.kind, standing.time_s) == (Kind.KEEP_OUT, pytest.approx(100.0))


def test_a_speed_zone_is_obeyed():
    slow = Zone(name="camp", kind=ZoneKind.SPEED, polygon=box(40, 45, 10), speed_m_s_max=0.3)
    world = World(Scene(zones=(slow,)))

    fast = world.check(machine(), along_x(10, 90, speed_m_s=0.5))
    careful = world.check(machine(), along_x(10, 90, speed_m_s=0.3))

    assert (fast.kind, fast.party, fast.limit) == (Kind.SPEED, "camp", 0.3)
    assert fast.value == pytest.approx(0.5)
    assert isinstance(careful, Free)


def test_reservations_can_be_replaced_and_released():
    world = World(Scene())
    route = along_x(10, 90)
    world.reserve("grader", machine(), Route([(0.0, 50.0, 50.0, 0.0)]))

    met = world.check(machine(), route)
    world.reserve("grader", machine(), Route([(0.0, 50.0, 80.0, 0.0)]))
    moved = world.check(machine(), route)
    world.release("grader")

    assert met.party == "grader"
    assert isinstance(moved, Free)
    assert world.reservations == ()
    with pytest.raises(ConfigError, match="grader"):
        world.release("grader")


def test_two_machines_that_cross_at_speed_are_not_overlooked():
    world = World(Scene())
    quick = machine()
    east = Route([(0.0, 0.0, 50.0, 0.0), (1.0, 1000.0, 50.0, 0.0)])
    north = Route([(0.0, 500.0, -450.0, math.pi / 2), (1.0, 500.0, 550.0, math.pi / 2)])
    world.reserve("east", quick, east)
    world.reserve("north", quick, north)

    meetings = world.check_all()

    assert [(one.first, one.second) for one in meetings] == [("east", "north")]
    assert meetings[0].time_s == pytest.approx(0.497, abs=1e-3)


def test_each_of_many_is_checked_by_itself():
    world = World(Scene(obstacles=(Obstacle(name="rock", polygon=box(40, 49)),)))

    verdicts = world.check_many([(machine(), along_x(10, 90)), (machine(), along_x(50, 90))])

    assert [isinstance(verdict, Free) for verdict in verdicts] == [False, True]


def test_an_empty_world_is_free():
    free = World(Scene()).check(machine(), Route([(5.0, 1e7, -1e7, 0.0)]))

    assert free == Free(clearance_m=5.0)


def test_names_are_told_apart():
    rock = Obstacle(name="rock", polygon=box(40, 49))

    with pytest.raises(ConfigError, match="rock"):
        Scene(obstacles=(rock, rock))


def test_a_boundary_that_crosses_itself_is_refused():
    with pytest.raises(ConfigError, match="boundary"):
        Scene(boundary=((0.0, 0.0), (10.0, 10.0), (10.0, 0.0), (0.0, 10.0)))


@pytest.mark.parametrize("turn", [0.7, math.pi / 2, -2.0])
def test_verdicts_do_not_depend_on_how_the_world_is_turned(turn):
    def turned(x_m, y_m):
        cos, sin = math.cos(turn), math.sin(turn)
        return cos * x_m - sin * y_m, sin * x_m + cos * y_m

    def world(place):
        rock = Obstacle(name="rock", polygon=tuple(place(*corner) for corner in box(40, 52)))
        return World(Scene(boundary=tuple(place(*corner) for corner in SQUARE), obstacles=(rock,)))

    def route(place, heading_rad, to_x_m, y_m):
        ends = place(10, y_m), place(to_x_m, y_m)
        return Route([(0.0, *ends[0], heading_rad), (100.0, *ends[1], heading_rad)])

    def here(x_m, y_m):
        return x_m, y_m

    for to_x_m, y_m in ((90, 50.0), (90, 51.5), (99, 30.0)):
        plain = world(here).check(machine(), route(here, 0.0, to_x_m, y_m))
        other = world(turned).check(machine(), route(turned, turn, to_x_m, y_m))

        assert type(plain) is type(other)
        assert (plain.kind, plain.party) == (other.kind, other.party)
        if isinstance(plain, Violation):
            assert other.time_s == pytest.approx(plain.time_s, abs=1e-3)
            assert other.depth_m == pytest.approx(plain.depth_m, abs=2e-3)
        else:
            assert other.clearance_m == pytest.approx(plain.clearance_m, abs=2e-3)


def test_a_plan_leads_around_what_stands_and_passes_the_check():
    wall = Obstacle(name="wall", polygon=((40.0, 0.0), (42.0, 0.0), (42.0, 80.0), (40.0, 80.0)))
    world = World(Scene(boundary=SQUARE, obstacles=(wall,)))
    start, goal = Pose(20.0, 50.0, 0.0), Pose(70.0, 50.0, 0.0)

    plan = world.plan(Trip("one", machine(), start, goal), start_s=7.0)

    assert isinstance(world.check(machine(), plan.route), Free)
    assert plan.route.start_s == 7.0
    assert plan.route.pose_at(7.0) == pytest.approx(start)
    assert plan.route.pose_at(plan.route.end_s) == pytest.approx(goal)
    assert plan.route.length_m > 80.0


def test_a_plan_keeps_clear_of_reservations_but_for_those_it_may_ignore():
    world = World(Scene(boundary=SQUARE))
    start, goal = Pose(20.0, 50.0, 0.0), Pose(70.0, 50.0, 0.0)
    world.reserve("grader", machine(), Route([(0.0, 45.0, 50.0, 0.0)]))

    around = world.plan(Trip("one", machine(), start, goal))
    through = world.plan(Trip("one", machine(), start, goal), ignore=["grader"])

    assert isinstance(world.check(machine(), around.route), Free)
    assert world.check(machine(), through.route).party == "grader"
    assert through.route.length_m < around.route.length_m


def test_without_a_way_the_zone_in_the_way_is_named():
    wall = Zone(
        name="trench", kind=ZoneKind.KEEP_OUT, polygon=((40, -5), (42, -5), (42, 105), (40, 105))
    )
    world = World(Scene(boundary=SQUARE, zones=(wall,)))

    none = world.plan(Trip("one", machine(), Pose(20.0, 50.0, 0.0), Pose(70.0, 50.0, 0.0)))

    assert (none.kind, none.party, none.proven) == (Kind.KEEP_OUT, "trench", True)


def test_machines_that_change_places_are_planned_together():
    world = World(Scene(boundary=SQUARE))
    west, east = Pose(20.0, 50.0, 0.0), Pose(70.0, 50.0, 0.0)
    trips = [Trip("one", machine(), west, east), Trip("two", machine(), east, west)]

    plan = world.plan_fleet(trips)

    for name, route in plan.routes.items():
        world.reserve(name, machine(), route)
    assert plan.holds == {}
    assert plan.routes["one"].pose_at(1e6) == pytest.approx(east)
    assert world.check_all() == []


def test_a_machine_without_a_way_holds_and_the_plan_says_why():
    wall = Zone(
        name="trench", kind=ZoneKind.KEEP_OUT, polygon=((40, -5), (42, -5), (42, 105), (40, 105))
    )
    world = World(Scene(boundary=SQUARE, zones=(wall,)))
    trips = [
        Trip("stuck", machine(), Pose(20.0, 50.0, 0.0), Pose(70.0, 50.0, 0.0)),
        Trip("free", machine(), Pose(20.0, 80.0, 0.0), Pose(20.0, 20.0, 0.0)),
    ]

    plan = world.plan_fleet(trips)

    assert list(plan.holds) == ["stuck"]
    assert "trench" in plan.holds["stuck"]
    assert plan.routes["stuck"].length_m == 0.0
    assert plan.routes["free"].length_m > 50.0


def test_changed_ground_breaks_the_routes_that_lead_over_it_and_no_others():
    world = World(Scene(grid=SiteGrid.of_heights(np.zeros((100, 100)), 1.0)))
    world.reserve("over", machine(), along_x(20, 80, y_m=30.0))
    world.reserve("beside", machine(), along_x(20, 80, y_m=70.0))
    before = world.check(machine(), along_x(20, 80, y_m=31.0), ["over"])

    broken = world.change_ground(28, 50, np.full((4, 4), 3.0))
    after = world.check(machine(), along_x(20, 80, y_m=31.0), ["over"])

    assert isinstance(before, Free)
    assert list(broken) == ["over"]
    assert broken["over"].kind is Kind.GROUND
    assert after.kind is Kind.GROUND
    assert 44.0 < after.pose.x_m < 48.0


def test_a_world_whose_ground_was_changed_is_like_one_made_anew():
    dice = np.random.default_rng(4)
    heights_m = dice.uniform(0.0, 0.2, (60, 60))
    hills = dice.uniform(0.0, 1.5, (9, 7))
    world = World(Scene(grid=SiteGrid.of_heights(heights_m, 1.0)))
    world.check(machine(), along_x(5, 55, y_m=30.0))

    world.change_ground(20, 30, hills)
    heights_m[20:29, 30:37] = hills
    anew = World(Scene(grid=SiteGrid.of_heights(heights_m, 1.0)))

    for y_m in np.linspace(4.0, 56.0, 27):
        route = along_x(5, 55, y_m=y_m)
        assert world.check(machine(), route) == anew.check(machine(), route)


@pytest.mark.parametrize("turn_deg_s", [12.0, 30.0])
def test_a_planned_arc_is_no_faster_than_the_machine_turns(turn_deg_s):
    truck = Machine(
        footprint=Footprint.rectangle(3.0, 1.6),
        drive=Drive.ACKERMANN,
        radius_m_min=3.0,
        speed_m_s_max=2.0,
        turn_rad_s_max=math.radians(turn_deg_s),
    )
    rock = Obstacle(name="rock", polygon=box(40, 40, 15))
    world = World(Scene(boundary=SQUARE, obstacles=(rock,)))

    for goal in (Pose(80.0, 60.0, 1.0), Pose(30.0, 80.0, -2.0)):
        plan = world.plan(Trip("truck", truck, Pose(20.0, 30.0, 0.0), goal))

        assert isinstance(world.check(truck, plan.route), Free)


def test_who_drove_over_a_start_before_is_in_nobodys_way():
    world = World(Scene(boundary=SQUARE))
    world.reserve("gone", machine(), along_x(10, 90))
    trips = [Trip("one", machine(), Pose(50.0, 50.0, 0.0), Pose(50.0, 80.0, 0.0))]

    plan = world.plan_fleet(trips, start_s=100.0)

    assert plan.holds == {}
    assert plan.routes["one"].start_s == 100.0


def test_a_boundary_as_large_as_the_moon_is_made_of_rods_that_can_be_checked():
    far_m = 1e7
    boundary = ((-far_m, -far_m), (far_m, -far_m), (far_m, far_m), (-far_m, far_m))
    world = World(Scene(boundary=boundary))

    free = world.check(machine(), along_x(0.0, 90.0))
    near = world.check(machine(), along_x(far_m - 90.0, far_m - 4.0, y_m=123.0))
    out = world.check(machine(), along_x(far_m - 90.0, far_m - 1.0, y_m=123.0))

    assert free == Free(clearance_m=5.0)
    assert (near.kind, near.clearance_m) == (Kind.BOUNDARY, pytest.approx(2.0, abs=1e-3))
    assert (out.kind, out.pose.x_m) == (Kind.BOUNDARY, pytest.approx(far_m - 2.0, abs=1e-3))


def test_checks_and_planners_cut_a_polygon_once(monkeypatch):
    cuts = []
    cut = polygon.mapbox_earcut.triangulate_float64

    def counted(points, ends):
        cuts.append(points)
        return cut(points, ends)

    monkeypatch.setattr(polygon.mapbox_earcut, "triangulate_float64", counted)
    dented = ((40.0, 49.0), (42.0, 49.5), (44.0, 49.0), (44.0, 51.0), (40.0, 51.25))
    world = World(Scene(obstacles=(Obstacle(name="a rock cut once", polygon=dented),)))

    for drive in (Drive.SKID, Drive.CRAB):
        trip = Trip("one", machine(drive=drive), Pose(30.0, 50.0, 0.0), Pose(34.0, 50.0, 0.0))
        assert isinstance(world.plan(trip), Plan)

    assert len(cuts) == 1


@pytest.mark.parametrize(
    ("trip", "start_s", "key"),
    [
        (Trip("one", machine(), Pose(0.0, 0.0, 0.0), Pose(5.0, 0.0, 0.0)), 1e11, "start_s"),
        (Trip("one", machine(), Pose(0.0, 1e9, 0.0), Pose(5.0, 0.0, 0.0)), 0.0, "start of one"),
        (Trip("one", machine(), Pose(0.0, 0.0, 0.0), Pose(5.0, 0.0, 1e9)), 0.0, "goal of one"),
        (Trip("one", machine(), Pose(0.0, 0.0, 0.0), (5.0, 0.0)), 0.0, r"trip.*\[3\]"),
    ],
)
def test_a_plan_out_of_bounds_is_refused_by_what_was_given(trip, start_s, key):
    world = World(Scene())

    for plan in (world.plan, lambda one, **options: world.plan_fleet([one], **options)):
        with pytest.raises(ConfigError, match=f"world: {key}"):
            plan(trip, start_s=start_s)


def test_no_plan_is_too_fast_for_the_ground_that_it_leads_over():
    dice = np.random.default_rng(3)
    heights_m = np.repeat(np.repeat(dice.uniform(0.0, 3.5, (30, 30)), 2, axis=0), 2, axis=1)
    world = World(Scene(grid=SiteGrid.of_heights(heights_m, 5.0)))
    rover = machine(slope_along_deg_max=25.0, slope_across_deg_max=25.0)
    ends = dice.uniform((20.0, 20.0, 0.0), (280.0, 280.0, 6.0), (40, 2, 3))

    plans = [world.plan(Trip("one", rover, *(Pose(*end) for end in pair))) for pair in ends]

    assert sum(isinstance(plan, Plan) for plan in plans) > 20
    assert not [plan.reason for plan in plans if not isinstance(plan, Plan) and not plan.proven]


@pytest.mark.parametrize(
    ("start", "goal"), [((-20.0, 50.0), (50.0, 50.0)), ((50.0, 50.0), (120.0, 50.0))]
)
def test_a_plan_from_or_to_beyond_the_boundary_is_refused_at_once(start, goal):
    world = World(Scene(boundary=SQUARE))

    plan = world.plan(Trip("one", machine(), Pose(*start, 0.0), Pose(*goal, 0.0)))

    assert isinstance(plan, NoRoute)
    assert (plan.kind, plan.proven, plan.states) == (Kind.BOUNDARY, True, 0)


def test_a_planned_route_that_does_not_pass_the_check_is_not_given(monkeypatch):
    world = World(Scene(boundary=SQUARE))
    trip = Trip("one", machine(), Pose(20.0, 50.0, 0.0), Pose(80.0, 50.0, 0.0))
    breach = world.check(machine(), along_x(-20.0, 50.0))
    monkeypatch.setattr(World, "check", lambda *_, **__: breach)

    plan = world.plan(trip)
    together = world.plan_fleet([trip])

    assert isinstance(plan, NoRoute)
    assert not plan.proven
    assert list(together.holds) == ["one"]
    assert together.routes["one"].length_m == 0.0


def test_after_the_ground_changed_plans_lead_around_the_change():
    heights_m = np.zeros((60, 60))
    world = World(Scene(grid=SiteGrid.of_heights(heights_m, 2.0)))
    trip = Trip("one", machine(), Pose(20.0, 60.0, 0.0), Pose(100.0, 60.0, 0.0))
    before = world.plan(trip)
    assert isinstance(before, Plan)
    assert world.check(machine(), before.route, range_m=0.0).kind is None

    world.change_ground(20, 28, np.full((20, 4), 6.0))
    after = world.plan(trip)

    assert isinstance(after, Plan)
    assert isinstance(world.check(machine(), after.route), Free)
    assert after.route.length_m > before.route.length_m + 5.0
