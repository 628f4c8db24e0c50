"""Who stands in a closed zone is led straight out of it, and nobody through it."""

import math
import random
from itertools import pairwise

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import distance_m, length_m, part_of
from lunaredge.model.site import Point, Polygon, ZoneKind
from lunaredge.scheduler import areas
from lunaredge.scheduler.arrays import depths_m
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import Chain, RouteProblem, check_route
from lunaredge.scheduler.solve import solve
from lunaredge.scheduler.way_out import leads_out, ways_out
from tests.scheduler import sites

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


def test_a_gap_too_narrow_to_stand_in_does_not_join_two_arms_of_a_zone() -> None:
    # The other arm is no deeper than where it stands, and it is never clear of both of them.
    area = ((0, 0), (27, 0), (27, 60), (17, 60), (17, 10), (14, 10), (14, 60), (0, 60))
    arms = tuple((float(x_m), float(y_m)) for x_m, y_m in area)

    assert not leads_out([arms], ((7.0, 32.0), (30.0, 32.0)), 2.0)
    assert leads_out([arms], ((7.0, 32.0), (-3.0, 32.0)), 2.0)


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


def test_who_could_get_out_but_not_on_is_told_so() -> None:
    # From edge to edge of the site: the goal lies behind.
    problem = leaving((0.0, 4.0), (0.0, -40.0), sites.box(-100.0, -10.0, 100.0, 5.0))

    solution = solve(GROUND, msgspec.structs.replace(problem, with_care=True))

    # Across it, as long as nobody can be in there.
    assert solve(GROUND, problem).path == ((0.0, 4.0), (0.0, -40.0))
    assert (solution.path, solution.reason) == ((), "zone-0 is closed")
