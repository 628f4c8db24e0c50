"""Who stands in a closed zone is led straight out of it, and nobody through it."""

import math
from itertools import pairwise

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m, part_of
from lunaredge.model.site import Point, Polygon, ZoneKind
from lunaredge.scheduler import areas
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import Chain, RouteProblem
from lunaredge.scheduler.solve import solve
from lunaredge.scheduler.state import ClosurePhase, TaskPhase
from lunaredge.scheduler.way_out import way_out
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


def test_a_way_out_leads_round_a_machine_that_stands_in_every_straight_one() -> None:
    area = sites.box(-30.0, -30.0, 30.0, 30.0)
    wall = [(8.0, -12.0), (8.0, 8.0), (-8.0, 8.0), (-8.0, -12.0)]
    others = tuple(
        Chain(points=(a, b), half_width_m=0.5, owner=NodeId("other")) for a, b in pairwise(wall)
    )
    problem = leaving((0.0, 0.0), (0.0, 60.0), area, claims=others)

    out = way_out(GROUND, problem)

    assert out[0] == (0.0, 0.0)
    assert not areas.meets_line(area, out[-1:], problem.half_width_m)


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

    solution = solve(GROUND, problem)

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
