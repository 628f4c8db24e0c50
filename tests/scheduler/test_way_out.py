"""Who stands in a closed zone is led straight out of it, and nobody through it."""

import math
import random
from itertools import pairwise

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.fleet import Fleet
from lunaredge.model.polyline import distance_m, length_m, part_of
from lunaredge.model.site import Point, Polygon, Zone, ZoneKind
from lunaredge.scheduler import areas, draining
from lunaredge.scheduler.arrays import depths_m
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import Chain, RouteProblem, check_route
from lunaredge.scheduler.solve import solve
from lunaredge.scheduler.state import ClosurePhase, TaskPhase
from lunaredge.scheduler.way_out import leads_out, ways_out
from lunaredge.wire import messages
from tests.scheduler import plain_site, sites
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close, closure, counted, open_again, says

GROUND = GroundMap.of(sites.site())
# Places of a path that are looked at.
STEPS = 2_000
# An L: straight out of its long arm there is another place than out of its corner.
HOOK = ((0.0, 0.0), (60.0, 0.0), (60.0, 8.0), (8.0, 8.0), (8.0, 60.0), (0.0, 60.0))


def leaving(
    start: Point, goal: Point, *zones: Polygon, claims: tuple[Chain, ...] = ()
) -> RouteProblem:
    left = tuple(
        Chain(points=area, half_width_m=0.0, owner=NodeId(""), closed=True, zone=f"zone-{i}")
        for i, area in enumerate(zones)
    )
    return msgspec.structs.replace(sites.route(start, goal, claims=claims), left=left)


def inside_m(area: Polygon, path: tuple[Point, ...], half_width_m: float) -> float:
    """Give how much of a path a machine that wide drives with a part of it in an area."""
    whole_m = length_m(path)
    places = [part_of(path, whole_m * k / STEPS, whole_m * k / STEPS) for k in range(STEPS + 1)]
    return sum(areas.meets_line(area, place, half_width_m) for place in places) * whole_m / STEPS


# --- the geometry -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "goal", "most_m"),
    [
        # In the middle of an arm, at its edge, and beside it, with the goal behind the zone.
        ((40.0, 4.0), (40.0, 40.0), 4.0),
        ((40.0, 4.0), (40.0, -40.0), 4.0),
        ((40.0, 8.0), (40.0, -40.0), 0.0),
        ((40.0, 8.5), (40.0, -40.0), 0.0),
        ((4.0, 30.0), (70.0, 30.0), 4.0),
        # In the corner.
        ((4.0, 4.0), (40.0, 40.0), 4.0 * math.sqrt(2.0)),
    ],
)
def test_a_way_leads_out_of_a_zone_over_its_nearest_edge_and_never_back_in(
    start: Point, goal: Point, most_m: float
) -> None:
    problem = leaving(start, goal, HOOK)

    solution = solve(GROUND, problem)

    width_m = problem.half_width_m
    assert solution.path[0] == start
    assert solution.path[-1] == goal
    assert inside_m(HOOK, solution.path, 0.0) <= most_m + 0.1
    onward = part_of(solution.path, solution.out_m, math.inf)
    assert not areas.meets_line(HOOK, onward, width_m)
    assert solution.tool_from_m >= solution.out_m > 0.0


def test_a_way_leads_out_of_two_zones_that_overlap() -> None:
    left, right = sites.box(0.0, 0.0, 20.0, 20.0), sites.box(15.0, 0.0, 40.0, 20.0)
    problem = leaving((17.0, 5.0), (17.0, 60.0), left, right)

    solution = solve(GROUND, problem)

    onward = part_of(solution.path, solution.out_m, math.inf)
    assert inside_m(left, solution.path, 0.0) <= 5.1
    assert not any(areas.meets_line(area, onward, problem.half_width_m) for area in (left, right))


@pytest.mark.parametrize("turn_rad", [0.0, 1.0, 2.5, 4.0])
def test_a_way_out_leads_round_machines_that_stand_in_every_straight_one(turn_rad: float) -> None:
    area = areas.disc((0.0, 0.0), 12.0)
    # A hook: open to one side only, and there across.
    hook = [(6.0, -3.0), (6.0, 5.0), (-6.0, 5.0), (-6.0, -9.0), (11.0, -9.0), (11.0, 2.0)]
    across, along = math.cos(turn_rad), math.sin(turn_rad)
    turned = [(x * across - y * along, x * along + y * across) for x, y in hook]
    others = tuple(
        Chain(points=piece, half_width_m=0.5, owner=NodeId("other")) for piece in pairwise(turned)
    )
    problem = msgspec.structs.replace(
        leaving((0.0, 0.0), (60.0, 0.0), area, claims=others), half_width_m=1.0
    )

    solution = solve(GROUND, problem)

    out = part_of(solution.path, 0.0, solution.out_m)
    assert len(out) > 2
    assert check_route(GROUND, out, 1.0, 15.0, others) is None
    assert leads_out([area], out, 1.0)


@pytest.mark.parametrize(("wall_m", "is_free"), [(8.0, True), (4.5, False)])
def test_no_way_out_leads_deeper_into_a_zone_that_was_clear_than_its_machine_is(
    wall_m: float, *, is_free: bool
) -> None:
    # It stands at the edge, before a wall; ways through the zone would be free.
    area = sites.box(-30.0, -30.0, 0.0, 30.0)
    line = ((wall_m, -60.0), (wall_m, 60.0))
    wall = Chain(points=line, half_width_m=0.5, owner=NodeId("wall"))
    problem = leaving((1.8, 0.0), (-60.0, 0.0), area, claims=(wall,))

    solution = solve(GROUND, msgspec.structs.replace(problem, with_care=True))

    assert solve(GROUND, problem).path
    assert bool(solution.path) is is_free
    assert solution.reason == ("" if is_free else "no way out of zone-0")
    assert inside_m(area, solution.path or (problem.start,), 1.79) == 0.0


def test_no_way_out_leads_into_another_arm_of_a_zone_that_was_clear() -> None:
    # A U about a gap in which nobody can stand clear of it.
    area = ((0, 0), (30, 0), (30, 40), (18, 40), (18, 10), (13, 10), (13, 40), (0, 40))
    left_arm = tuple((float(x_m), float(y_m)) for x_m, y_m in area)
    walls = tuple(
        Chain(points=points, half_width_m=0.5, owner=NodeId("wall"))
        for points in [((-1.0, -9.0), (-1.0, 60.0)), ((-1.0, 45.0), (13.0, 45.0))]
    )
    problem = leaving((8.0, 30.0), (60.0, 20.0), left_arm, claims=walls)

    other_arm = sites.box(18.0, 10.0, 30.0, 40.0)
    ways = list(ways_out(GROUND, msgspec.structs.replace(problem, with_care=True)))
    assert ways
    assert not any(areas.meets_line(other_arm, way, 0.0) for way in ways)
    assert not leads_out([left_arm], ((8.0, 30.0), (40.0, 30.0)), 2.0)


@pytest.mark.parametrize("seed", range(3))
def test_depths_are_those_of_a_slow_look(seed: int) -> None:
    rng = random.Random(seed)
    places = [(rng.uniform(-10.0, 70.0), rng.uniform(-10.0, 70.0)) for _ in range(200)]

    for place, depth_m in zip(places, depths_m(HOOK, places), strict=True):
        assert (depth_m > 0.0) == areas.meets_line(HOOK, (place,), 0.0)
        ring = (*HOOK, HOOK[0])
        assert abs(depth_m) == pytest.approx(distance_m(ring, place))


def test_who_is_shut_in_is_told_that_there_is_no_way_out() -> None:
    ring = areas.disc((0.0, 0.0), 8.0)
    shut = GroundMap.of(
        sites.site(
            *(
                sites.zone(f"rock-{i}", areas.disc(place, 2.0), ZoneKind.KEEP_OUT)
                for i, place in enumerate(ring)
            )
        )
    )
    problem = leaving((0.0, 0.0), (0.0, 60.0), areas.disc((0.0, 0.0), 20.0))

    solution = solve(shut, problem)

    assert solution.path == ()
    assert solution.reason == "no way out of zone-0"
    assert not solution.cut_off


def test_who_could_get_out_but_not_on_is_told_so() -> None:
    # From edge to edge of the site: the goal lies behind.
    problem = leaving((0.0, 4.0), (0.0, -40.0), sites.box(-100.0, -10.0, 100.0, 5.0))

    solution = solve(GROUND, msgspec.structs.replace(problem, with_care=True))

    # Across it, as long as nobody can be in there.
    assert solve(GROUND, problem).path == ((0.0, 4.0), (0.0, -40.0))
    assert solution.path == ()
    assert solution.cut_off


# --- on a site ----------------------------------------------------------------------------------


def beside(site: Site, off_m: float) -> Polygon:
    """Close a zone whose corner lies just so far outside grader-1's claim, at (40, 18)."""
    says(site, "grader-1", x_m=40.0, y_m=18.0)
    edge_m = 40.0 - plain_site.machine().radius_m - site.config.corridor_margin_m - off_m
    area = plain_site.box(20.0, 12.0, edge_m - 20.0, 12.0)
    assert close(site, outline=area).ok
    return area


def test_who_is_found_at_the_edge_of_a_clear_zone_is_not_led_through_it() -> None:
    site = counted()
    area = beside(site, off_m=0.1)
    before = closure(site).phase

    says(site, "grader-1", x_m=39.85, y_m=18.0)
    after = closure(site).phase
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.request("grader-1", 1, at=(39.85, 18.0))
    site.solve()

    grant = site.last(messages.Grant)
    assert (before, after) == (ClosurePhase.CLEAR, ClosurePhase.DRAINING)
    assert grant.path[-1] == (16.0, 8.0)
    assert inside_m(area, grant.path, 0.0) == 0.0


def test_who_is_seen_outside_after_it_asked_for_a_way_out_is_not_led_through_a_clear_zone() -> None:
    site = counted()
    beside(site, off_m=-0.2)
    site.solve()
    task = site.assignment("grader-1")
    site.reply("grader-1", task.command)
    site.request("grader-1", 1, at=(40.0, 18.0))

    says(site, "grader-1", x_m=40.4, y_m=18.0, task=task.task, attempt=task.attempt)
    shown = closure(site).phase
    site.solve()

    assert shown is ClosurePhase.CLEAR
    assert site.sent("grader-1", messages.Grant) == []
    assert closure(site).phase is ClosurePhase.CLEAR


def led_out(site: Site) -> messages.Grant:
    """Have hauler-1 sent out of a zone that it stands deep in."""
    says(site, "hauler-1", x_m=60.0, y_m=40.0)
    close(site, outline=plain_site.box(48.0, 14.0, 27.0, 60.0))
    site.solve()
    site.reply("hauler-1", site.assignment("hauler-1").command)
    site.request("hauler-1", 1, at=(60.0, 40.0))
    site.solve()
    return site.last(messages.Grant)


def renewed(site: Site, grant: messages.Grant, number: int, released_m: float) -> float:
    """Have a machine give a tail back and ask for more; give its stop point then."""
    task = site.assignment("hauler-1")
    x_m, y_m = part_of(grant.path, released_m, released_m)[0]
    authority = messages.HeldAuthority(
        id=grant.authority, released_m=released_m, stop_m=grant.stop_m, revision=1, at_stop=False
    )
    driving = {"at_rest": False, "authority": authority, "task": task.task, "attempt": 1}
    says(site, "hauler-1", x_m=x_m, y_m=y_m, **driving)
    site.say("hauler-1", messages.AuthorityRenewal(request_no=number, authority=grant.authority))
    return site.last(messages.Renew).stop_m


def test_who_is_on_its_way_out_of_a_wide_zone_is_led_on_while_it_drives() -> None:
    site = Site(authority_ahead_ns=20_000_000_000)
    site.census()
    grant = led_out(site)
    site.reply("hauler-1", grant.command)

    stop_m = renewed(site, grant, 2, released_m=3.0)

    assert grant.stop_m == pytest.approx(6.0)
    assert stop_m == pytest.approx(9.0)
    assert closure(site).phase is ClosurePhase.DRAINING


def test_who_is_on_its_way_out_is_led_into_no_zone_that_is_closed_meanwhile() -> None:
    site = Site(authority_ahead_ns=20_000_000_000)
    site.census()
    grant = led_out(site)
    site.reply("hauler-1", grant.command)
    end = part_of(grant.path, 12.0, 12.0)[0]

    close(site, "other", outline=(end,), radius_m=1.0)
    stop_m = renewed(site, grant, 2, released_m=3.0)

    assert stop_m == grant.stop_m


def test_a_trip_home_that_a_closed_zone_cuts_off_gives_way_to_one_that_leads_just_out() -> None:
    site = counted()
    says(site, "hauler-1", x_m=60.0, y_m=40.0)
    close(site, outline=((60.0, 40.0),), radius_m=5.0)
    site.solve()
    home = site.assignment("hauler-1")
    site.reply("hauler-1", home.command)
    site.report("hauler-1", home.task, "accepted", 1)
    open_again(site)
    close(site, "lander", outline=plain_site.box(0.0, 14.0, 80.0, 27.0))

    site.request("hauler-1", 1, at=(60.0, 40.0))
    site.solve()
    cancelled = site.last(messages.Cancel)
    site.report("hauler-1", home.task, "cancelled", 2)
    says(site, "hauler-1", x_m=60.0, y_m=40.0)

    trips = [entry for entry in site.scheduler.core.state.tasks.values() if entry.order == "site"]
    stands = [entry.task.stand for entry in trips if entry.phase is not TaskPhase.CANCELLED]
    assert cancelled.task == home.task
    assert len(stands) == 1
    assert stands[0] is not None
    assert stands[0][1] > 41.0


def test_a_zone_that_is_closed_again_elsewhere_is_none_that_a_machine_leaves() -> None:
    site = Site(authority_ahead_ns=20_000_000_000)
    site.census()
    grant = led_out(site)
    site.reply("hauler-1", grant.command)
    open_again(site)
    site.wait(1.0)

    # It would be in there before it had left the first one; grader-2 is in there now.
    close(site, outline=plain_site.box(22.0, 2.0, 28.0, 43.0))
    stop_m = renewed(site, grant, 2, released_m=3.0)

    assert closure(site).phase is ClosurePhase.DRAINING
    assert stop_m == grant.stop_m


def test_who_can_go_nowhere_from_outside_waits_with_its_second_trip() -> None:
    site = counted()
    says(site, "hauler-1", x_m=60.0, y_m=40.0)
    close(site, "lander", outline=plain_site.box(0.0, 14.0, 80.0, 27.0))
    site.solve()
    site.reply("hauler-1", site.assignment("hauler-1").command)
    site.scheduler.core.state.nodes[NodeId("hauler-1")].is_shut_off = True

    site.request("hauler-1", 1, at=(60.0, 40.0))
    site.solve()

    assert site.last(messages.Defer).reason == "lander is closed"
    assert site.sent("hauler-1", messages.Cancel) == []
    open_again(site, "lander")
    assert not site.scheduler.core.state.nodes[NodeId("hauler-1")].is_shut_off


def wide_fleet() -> Fleet:
    """Give the plain fleet, with an excavator that is wider than all others."""
    fleet = plain_site.plain_fleet()
    broad = msgspec.structs.replace(plain_site.machine(), length_m=7.0, width_m=4.0)
    return Fleet(
        nodes=tuple(
            msgspec.structs.replace(spec, machine=broad) if spec.name == "excavator-1" else spec
            for spec in fleet.nodes
        )
    )


@pytest.mark.parametrize(
    "others",
    [
        # Beside home, and beside the nearest place outside: near enough for the widest alone.
        (plain_site.box(20.0, 10.6, 24.0, 2.0),),
        (plain_site.box(20.0, 1.5, 24.0, 14.0), plain_site.box(70.2, 20.0, 5.0, 40.0)),
    ],
)
def test_no_trip_out_ends_where_the_widest_machine_would_be_in_another_zone(
    others: tuple[Polygon, ...],
) -> None:
    site = Site(fleet=wide_fleet(), park_after_ns=3_600_000_000_000)
    site.census()
    for number, area in enumerate(others):
        close(site, f"other-{number}", outline=area)
    site.scheduler.core.state.nodes[NodeId("hauler-1")].idle_since_ns = site.now_ns
    says(site, "hauler-1", x_m=60.0, y_m=40.0)

    close(site, outline=plain_site.box(52.0, 30.0, 10.0, 20.0))
    for _ in range(20):
        says(site, "hauler-1", x_m=60.0, y_m=40.0)
        site.solve()

    trips = [entry for entry in site.scheduler.core.state.tasks.values() if entry.order == "site"]
    # One of them for its home, if that was closed while it stood there.
    assert len([trip for trip in trips if "hauler-1" in trip.task.only_on]) <= len(others)
    assert site.assignment("hauler-1").task == trips[-1].task.id


def test_a_way_out_is_sought_again_only_after_a_while_where_there_was_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sought: list[NodeId] = []
    monkeypatch.setattr(draining, "_refuge", lambda ctx, node: sought.append(node.name))
    site = counted()
    close(site, outline=((32.0, 8.0),), radius_m=5.0)
    for _ in range(10):
        says(site, "hauler-1")
    at_once = sought.count(NodeId("hauler-1"))

    site.wait(6.0)
    says(site, "hauler-1")

    assert at_once == 1
    assert sought.count(NodeId("hauler-1")) == 2


def test_who_stands_on_a_ramp_outside_a_closed_zone_that_its_way_back_meets_goes_home() -> None:
    gate = Zone(name="gate", kind=ZoneKind.NO_STANDING, polygon=plain_site.box(50, 30, 12, 20))
    site = plain_site.plain_site()
    rig = Site(site=msgspec.structs.replace(site, zones=(*site.zones, gate)))
    rig.census()
    node = rig.scheduler.core.state.nodes[NodeId("hauler-1")]
    node.idle_since_ns = rig.now_ns + 20_000_000_000
    says(rig, "hauler-1", x_m=60.0, y_m=40.0)
    node.retreat = ((47.0, 40.0), (60.0, 40.0))

    close(rig, outline=plain_site.box(40.0, 36.0, 9.0, 8.0))
    node.idle_since_ns = 0
    says(rig, "hauler-1", x_m=60.0, y_m=40.0)

    assert node.leaving == "spot"
    assert [entry.task.stand for entry in rig.scheduler.core.state.tasks.values()] == [(32.0, 8.0)]
