"""Routes: what stands against a corridor, and ways around it."""

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.model.site import ZoneKind
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import (
    Chain,
    RouteProblem,
    RouteSolution,
    ViolationKind,
    check_route,
    length_m,
    plan_route,
)
from tests.scheduler import sites

CRATER = sites.zone("crater-rim", sites.box(-20.0, -40.0, 20.0, 40.0), ZoneKind.KEEP_OUT)
FLAT = GroundMap.of(sites.site())
CRATERED = GroundMap.of(sites.site(CRATER))
RIDGED = GroundMap.of(sites.site(height_m=sites.ridge))


def violation(ground, *path, claims=(), half_width_m=2.0, slope_deg_max=15.0):
    return check_route(ground, path, half_width_m, slope_deg_max, claims)


def test_a_free_path_has_no_violation():
    assert violation(CRATERED, (-50.0, 0.0), (-50.0, 60.0), (50.0, 60.0)) is None


def test_the_boundary_is_named_with_the_segment():
    found = violation(FLAT, (0.0, 0.0), (50.0, 0.0), (94.0, 0.0))

    assert (found.kind, found.segment) == (ViolationKind.BOUNDARY, 1)
    assert found.reason == "boundary"


def test_a_keep_out_zone_is_named_with_the_segment():
    found = violation(CRATERED, (-60.0, 0.0), (-21.5, 0.0))

    assert (found.kind, found.name, found.segment) == ("keep_out", "crater-rim", 0)
    assert found.reason == "keep_out crater-rim"


def test_steep_ground_is_a_violation_with_its_slope():
    # Central differences over 10 m see 7.5 m of the ridge's foot and flank: 36.9 degrees.
    found = violation(RIDGED, (-60.0, 0.0), (-40.0, 0.0), (-5.0, 0.0))

    assert (found.kind, found.segment) == (ViolationKind.SLOPE, 1)
    assert found.reason == "slope of 36.9 deg"


def test_ground_that_nobody_has_measured_is_a_violation():
    unknown = GroundMap.of(
        sites.site(height_m=lambda x, y: math.nan if math.hypot(x - 50.0, y) < 5.0 else 0.0)
    )

    found = violation(unknown, (50.0, 0.0), slope_deg_max=90.0)

    assert (found.kind, found.reason) == ("slope", "slope not known")


def test_the_machine_in_the_way_is_named():
    claims = (sites.disc("dozer-1", 0.0, 50.0), sites.disc("hauler-1", 10.0, 3.9))

    found = violation(FLAT, (0.0, 0.0), (20.0, 0.0), claims=claims)

    assert (found.kind, found.name, found.segment) == ("claim", "hauler-1", 0)
    assert found.reason == "blocked by hauler-1"


def test_bodies_side_by_side_are_free_only_with_a_gap():
    assert violation(FLAT, (0.0, 0.0), claims=(sites.disc("hauler-1", 4.0, 0.0),)) is not None
    assert violation(FLAT, (0.0, 0.0), claims=(sites.disc("hauler-1", 4.001, 0.0),)) is None


def test_the_first_point_counts_too():
    found = violation(FLAT, (0.0, 0.0), (50.0, 0.0), claims=(sites.disc("hauler-1", -3.0, 0.0),))

    assert (found.kind, found.segment) == ("claim", 0)


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf, 1.1e7])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_path_from_afar_or_nowhere_is_a_violation_and_no_error(broken, index):
    path = [(0.0, 0.0), (1.0, 0.0), (2.0, 0.0)]
    path[index] = (0.0, broken)

    found = violation(FLAT, *path)

    assert (found.kind, found.segment) == ("boundary", max(0, index - 1))


def test_an_open_site_is_crossed_in_a_straight_line():
    problem = sites.route((-50.0, -10.0), (50.0, 10.0))

    solution = plan_route(FLAT, problem)

    assert solution == RouteSolution(
        version=3,
        node="rover-1",
        request_no=7,
        path=((-50.0, -10.0), (50.0, 10.0)),
        tool_from_m=pytest.approx(math.hypot(100.0, 20.0)),
    )


def test_a_keep_out_zone_is_passed_with_few_corners_and_little_detour():
    solution = plan_route(CRATERED, sites.route((-50.0, 0.0), (50.0, 0.0)))

    # Around two corners with the half width to spare: the shortest there is.
    shortest_m = 2.0 * math.hypot(50.0 - 22.0, 42.0) + 44.0
    assert violation(CRATERED, *solution.path) is None
    assert solution.tool_from_m < 1.05 * shortest_m
    assert len(solution.path) <= 6


def test_the_leg_is_followed_exactly_from_the_station_where_it_begins():
    leg = ((50.0, 0.0), (50.0, 30.0), (60.0, 30.0))

    solution = plan_route(CRATERED, sites.route((-50.0, 0.0), *leg))

    assert solution.path[-3:] == leg
    assert solution.tool_from_m == pytest.approx(length_m(solution.path) - 40.0)


def test_a_leg_that_begins_where_the_machine_stands_needs_no_lead():
    solution = plan_route(FLAT, sites.route((5.0, 5.0), (5.0, 5.0), (5.0, 25.0)))

    assert solution.path == ((5.0, 5.0), (5.0, 25.0))
    assert solution.tool_from_m == 0.0


def test_a_machine_already_in_place_is_granted_the_place():
    solution = plan_route(FLAT, sites.route((5.0, 5.0), (5.0, 5.0)))

    assert solution.path == ((5.0, 5.0),)


def test_a_gap_between_two_machines_is_found_when_it_is_wide_enough():
    wall = [sites.disc(f"m{k}", 0.0, 8.0 * k, half_width_m=2.5) for k in range(-12, 13)]
    tight, wide = tuple(wall), tuple(m for m in wall if m.owner != "m3")
    problem = sites.route((-40.0, 24.0), (40.0, 0.0), claims=tight)

    blocked = plan_route(FLAT, problem)
    passed = plan_route(FLAT, msgspec.structs.replace(problem, claims=wide))

    assert blocked.path == ()
    assert blocked.reason.startswith("blocked by m")
    assert violation(FLAT, *passed.path, claims=wide) is None
    # Half widths 2 and 2.5 leave a gap of 7 m between the bodies at 16 and 32 m: through it goes.
    assert sites.nearest_m(passed.path, (0.0, 24.0)) < 3.5


def test_a_start_in_anothers_claim_is_refused_and_says_so():
    claims = (sites.disc("hauler-1", 2.0, 0.0),)

    solution = plan_route(FLAT, sites.route((0.0, 0.0), (50.0, 0.0), claims=claims))

    assert (solution.path, solution.reason) == ((), "blocked by hauler-1 at the start")


def test_a_leg_in_anothers_claim_is_refused_with_its_name():
    claims = (sites.disc("hauler-1", 50.0, 0.0),)

    solution = plan_route(FLAT, sites.route((0.0, 0.0), (50.0, 0.0), claims=claims))

    assert (solution.path, solution.reason) == ((), "blocked by hauler-1")


def test_a_goal_on_an_island_has_no_path_whoever_is_there():
    moat = GroundMap.of(sites.site(height_m=lambda x, y: 20.0 * (25.0 < math.hypot(x, y) < 45.0)))

    solution = plan_route(moat, sites.route((-80.0, 0.0), (0.0, 0.0)))

    assert (solution.path, solution.reason) == ((), "no path")


def test_the_ridge_is_crossed_through_its_gap():
    gapped = GroundMap.of(
        sites.site(height_m=lambda x, y: 0.0 if abs(y - 50.0) < 20.0 else sites.ridge(x, y))
    )

    solution = plan_route(gapped, sites.route((-50.0, -50.0), (50.0, -50.0)))

    assert violation(gapped, *solution.path) is None
    assert max(y for _, y in solution.path) > 30.0


def test_problems_and_answers_survive_the_journal():
    problem = sites.route((-50.0, 0.0), (50.0, 0.0), claims=(sites.disc("hauler-1", 0.0, 0.0),))
    solution = plan_route(FLAT, problem)

    stored = msgspec.msgpack.encode([problem, solution])
    back = msgspec.msgpack.decode(stored, type=tuple[RouteProblem, RouteSolution])

    assert back == (problem, solution)
    assert plan_route(FLAT, back[0]) == solution


PLACES = st.tuples(st.integers(-90, 90), st.integers(-90, 90)).map(
    lambda place: (float(place[0]), float(place[1]))
)
CLAIMS = st.lists(
    st.tuples(st.lists(PLACES, min_size=1, max_size=3), st.floats(0.5, 6.0)), max_size=6
)


@settings(max_examples=60)
@given(PLACES, st.lists(PLACES, min_size=1, max_size=3), CLAIMS)
def test_whatever_is_planned_is_free_and_leads_from_the_start_along_the_leg(start, leg, claims):
    chains = tuple(
        Chain(points=tuple(points), half_width_m=width_m, owner=f"m{k}")
        for k, (points, width_m) in enumerate(claims)
    )
    problem = sites.route(start, *leg, claims=chains)

    solution = plan_route(CRATERED, problem)

    if solution.path:
        assert solution.reason == ""
        assert solution.path[0] == start
        assert solution.path[-len(leg) :] == tuple(leg)
        assert violation(CRATERED, *solution.path, claims=chains) is None
        assert all(a != b for a, b in pairwise(solution.path[: 1 - len(leg) or None]))
    else:
        assert solution.reason
