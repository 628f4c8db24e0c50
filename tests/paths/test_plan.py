"""Planning one machine's route: exact joints, waits, passing places, reasons, bounds."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.kernels.lattice import HEADINGS, LENGTHS
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.plan import Planner
from lunaredge.paths.problem import NoRoute, Plan, PlanGround, PlanOptions
from lunaredge.paths.route import Pose
from lunaredge.paths.verdict import Free, Kind
from tests.kernels import naive_lattice as naive
from tests.paths import plan_scenes as scenes
from tests.paths.plan_scenes import (
    OUTLINE,
    ask,
    drives,
    level,
    meets,
    overlaps,
    planner,
    stands,
    wall,
)

COORDINATE = st.floats(4.0, 26.0)
POSE = st.tuples(COORDINATE, COORDINATE, st.floats(-7.0, 7.0))
WALLS = (wall(12.0, 8.0, 13.0, 22.0), wall(18.0, -1.0, 19.0, 18.0), wall(24.0, 20.0, 31.0, 21.0))


@pytest.mark.parametrize("drive", Drive)
@given(POSE, POSE, POSE, POSE)
@settings(max_examples=12, deadline=None)
def test_a_plan_joins_both_poses_exactly_and_overlaps_nothing(drive, start, goal, a, b) -> None:
    others = {
        "crossing": drives((0.0, *a), (40.0, *b), until_s=90.0),
        "late": drives((30.0, *b), (80.0, *a), from_s=30.0, until_s=120.0),
    }
    lane = planner(*WALLS, drive=drive, ground=scenes.level(30, 30))

    plan = lane.plan(ask(start, goal, start_s=10.0, reservations=others))

    if isinstance(plan, NoRoute):
        assert plan.reason
        return
    assert plan.route.knots[0] == pytest.approx([10.0, *start])
    assert scenes.ends_at(plan.route, goal)
    assert not scenes.overlaps(plan.route, others.values(), WALLS)
    assert isinstance(scenes.meets(plan.route, others.values()), Free)
    assert plan.cost == pytest.approx(plan.route.end_s - 10.0)
    assert plan.bound >= 1.0


@pytest.mark.parametrize("drive", Drive)
def test_a_plan_keeps_to_its_drive(drive) -> None:
    plan = planner(*WALLS, drive=drive).plan(ask((6.0, 15.0, 0.3), (28.3, 5.1, 2.0)))

    assert isinstance(plan, Plan)
    steps = np.diff(plan.route.knots, axis=0)
    lengths, turns = np.hypot(steps[:, 1], steps[:, 2]), np.abs(steps[:, 3])
    assert (lengths <= 0.5 * steps[:, 0] + 1e-9).all()
    assert (turns <= 0.3 * steps[:, 0] + 1e-9).all()
    if drive is Drive.ACKERMANN:
        assert (lengths >= 5.0 * turns * (1.0 - 1e-9)).all()
    if drive is Drive.SKID:
        assert (np.minimum(lengths, turns) < 1e-9).all()


def test_the_least_cost_is_that_of_a_plain_search_over_the_same_moves() -> None:
    paces = np.random.default_rng(3).uniform(1.0, 6.0, (12, 14))
    paces[3:9, 6] = math.inf
    ground = PlanGround((0.0, 0.0, 5.0), paces)
    lane = planner(ground=ground, weights=(1.0,), better_max=10**6)
    start, goal = (12.5, 32.5, 0.0), (57.5, 27.5, math.pi / 2.0)

    plan = lane.plan(ask(start, goal))

    cells = [row * 14 + column for row, column in ((6, 2), (5, 11))]
    edges = plain_moves(lane, paces)
    truth = naive.cheapest(edges, {cells[0] * HEADINGS: 0.0})[cells[1] * HEADINGS + 4]
    assert isinstance(plan, Plan)
    # Links may cut a corner that the lattice can't; they never cost more.
    assert plan.cost <= truth + 1e-3
    assert plan.cost >= 0.97 * truth
    assert plan.bound == 1.0


def plain_moves(lane, paces):
    """All moves from a state with their durations, from the tables alone."""
    moves = lane._moves

    def edges(state):
        cell, heading = divmod(state, HEADINGS)
        row, column = divmod(cell, paces.shape[1])
        for k in range(moves.first[heading], moves.first[heading + 1]):
            cells = moves.swept[moves.swept_first[k] : moves.swept_first[k + 1]]
            swept = cells + np.array((row, column))
            inside = (swept >= 0).all() and (swept < paces.shape).all()
            if not inside or np.isinf(paces[tuple(swept.T)]).any():
                continue
            chain = moves.chain[moves.chain_first[k] : moves.chain_first[k + 1]]
            paces_s = [
                naive.worst_on_step(paces, row + i, column + j, toward) for i, j, toward in chain
            ]
            length = sum(LENGTHS[toward] for _, _, toward in chain) * 5.0
            cost = moves.costs[k, 0] * max(paces_s, default=0.0) * length
            to = (row + moves.steps[k, 0]) * paces.shape[1] + column + moves.steps[k, 1]
            yield int(to * HEADINGS + moves.steps[k, 2]), float(max(cost, moves.costs[k, 1]))

    return edges


def test_each_lower_weight_costs_no_more_and_bounds_hold() -> None:
    paces = np.random.default_rng(4).uniform(1.0, 6.0, (40, 40))
    ground = PlanGround((0.0, 0.0, 5.0), paces)
    request = ask((20.0, 30.0, 1.0), (180.0, 150.0, 2.0))

    costs = {
        weight: planner(ground=ground, weights=(weight,), better_max=10**6).plan(request)
        for weight in (3.0, 1.5, 1.0)
    }

    least = costs[1.0].cost
    for weight, plan in costs.items():
        assert least <= plan.cost <= plan.bound * least * (1.0 + 1e-6)
        assert plan.bound <= weight


def test_a_machine_that_comes_along_the_corridor_is_let_by_in_the_passing_place() -> None:
    oncoming = drives((0.0, 36.0, 15.0, math.pi), (64.0, 4.0, 15.0, math.pi), until_s=90.0)
    request = ask((10.5, 15.0, 0.0), reservations={"oncoming": oncoming})

    passing = planner(*scenes.corridor(gap=(16.0, 24.0))).plan(request)
    without = planner(*scenes.corridor()).plan(request)

    assert isinstance(passing, Plan)
    assert passing.route.knots[:, 2].max() > 18.0
    assert not scenes.overlaps(passing.route, [oncoming])
    # Without the place it backs out of the corridor, or there is no way at all.
    assert isinstance(without, NoRoute) or without.route.knots[:, 1].min() < 8.0


def test_a_machine_waits_until_a_zone_opens_and_no_longer() -> None:
    belt = wall(20.0, -1.0, 21.0, 31.0, "belt", from_s=0.0, until_s=150.0)

    plan = planner(belt).plan(ask())

    assert isinstance(plan, Plan)
    assert not scenes.overlaps(plan.route, barriers=[belt])
    # 17 m are left behind the belt's near edge: 34 s at 0.5 m/s, and some for a coarse wait.
    assert 150.0 < plan.route.end_s < 150.0 + 45.0


def test_a_machine_follows_another_and_passes_where_it_stood() -> None:
    leader = drives((0.0, 12.0, 15.0, 0.0), (60.0, 12.0, 15.0, 0.0), (90.0, 27.0, 15.0, 0.0))
    lane = planner(*scenes.corridor())

    plan = lane.plan(ask(goal=(18.0, 15.0, 0.0), reservations={"leader": leader}))

    assert isinstance(plan, Plan)
    assert plan.route.end_s > 60.0
    assert not scenes.overlaps(plan.route, [leader])


def test_a_goal_that_is_crossed_later_is_reached_after_that_or_left_in_time() -> None:
    crossing = drives((100.0, 36.0, 28.0, -1.57), (140.0, 36.0, 3.0, -1.57), from_s=100.0)
    others = {"crossing": crossing}

    to_stay = planner().plan(ask(reservations=others))
    to_go = planner().plan(ask(reservations=others, stay_s=10.0))

    assert isinstance(to_stay, Plan)
    assert isinstance(to_go, Plan)
    assert to_stay.route.end_s > 110.0
    assert to_go.route.end_s < 80.0


def test_no_route_names_the_zone_whose_removal_opens_the_way() -> None:
    side = wall(2.0, 20.0, 6.0, 24.0, "heap")
    belt = wall(20.0, -1.0, 21.0, 31.0, "belt")

    no = planner(side, belt).plan(ask())

    assert isinstance(no, NoRoute)
    assert (no.kind, no.party, no.proven) == (Kind.KEEP_OUT, "belt", True)
    assert "belt" in no.reason


@pytest.mark.parametrize("width_m", [1.0, 2.0, 2.4])
def test_no_route_says_which_gap_is_too_narrow_and_how_wide_it_is(width_m) -> None:
    walls = (
        wall(20.0, -1.0, 21.0, 12.0, "south"),
        wall(20.0, 12.0 + width_m, 21.0, 31.0, "north"),
    )

    no = planner(*walls).plan(ask())

    assert isinstance(no, NoRoute)
    assert no.proven
    assert no.gap_m == pytest.approx(width_m, abs=1e-6)
    assert no.needed_m == pytest.approx(2.5)
    assert no.pose is not None
    assert math.dist(no.pose[:2], (20.5, 12.0 + width_m / 2.0)) < 1.5


def test_a_gap_in_closed_ground_is_measured_too() -> None:
    paces = np.full((30, 40), 2.0)
    paces[:14, 20] = paces[16:, 20] = math.inf

    no = planner(ground=PlanGround((0.0, 0.0, 1.0), paces)).plan(ask())

    assert isinstance(no, NoRoute)
    assert (no.kind, no.proven) == (Kind.GROUND, True)
    assert no.gap_m == pytest.approx(2.0)


def test_a_gap_that_is_wide_enough_is_found_by_a_finer_lattice() -> None:
    walls = wall(20.0, -1.0, 21.0, 13.4), wall(20.0, 16.6, 21.0, 31.0)

    plan = planner(*walls).plan(ask())

    assert isinstance(plan, Plan)
    assert not scenes.overlaps(plan.route, barriers=walls)


@pytest.mark.parametrize(
    ("others", "kind", "party"),
    [
        ({"parked": stands(20.0, 15.0)}, Kind.RESERVATION, "parked"),
        ({"far": stands(36.0, 25.0), "there": stands(36.0, 16.0)}, Kind.RESERVATION, "there"),
        ({"here": stands(5.0, 15.0, until_s=50.0)}, Kind.RESERVATION, "here"),
    ],
)
def test_no_route_names_the_machine_in_the_way(others, kind, party) -> None:
    no = planner(*scenes.corridor()).plan(ask(reservations=others))

    assert isinstance(no, NoRoute)
    assert (no.kind, no.party, no.proven) == (kind, party, True)


@pytest.mark.parametrize(
    ("start", "goal", "kind"),
    [
        ((-3.0, 15.0, 0.0), (36.0, 15.0, 0.0), Kind.BOUNDARY),
        ((4.0, 15.0, 0.0), (39.5, 15.0, 0.0), Kind.GROUND),
        ((4.0, 15.0, 0.0), (20.0, 10.0, 0.0), Kind.KEEP_OUT),
        ((4.0, 15.0, 0.0), (3.0, 4.0, 0.0), Kind.GROUND),
    ],
)
def test_no_route_says_what_blocks_the_start_or_the_goal(start, goal, kind) -> None:
    paces = np.full((30, 40), 2.0)
    paces[4, 3] = math.nan
    ground = PlanGround((0.0, 0.0, 1.0), paces)

    no = planner(*scenes.corridor(), ground=ground).plan(ask(start, goal))

    assert isinstance(no, NoRoute)
    assert (no.kind, no.proven) == (kind, True)


def test_a_search_that_ends_early_proves_nothing() -> None:
    no = planner(*WALLS, states_max=3).plan(ask())

    assert isinstance(no, NoRoute)
    assert (no.kind, no.proven) == (None, False)


def test_a_deadline_ends_the_search_and_what_was_found_stands() -> None:
    looks = iter([False] * 3 + [True] * 1000)
    ground = PlanGround((0.0, 0.0, 5.0), np.random.default_rng(1).uniform(1.0, 9.0, (80, 80)))
    lane = planner(ground=ground, weights=(2.0, 1.0), better_max=10**6)

    plan = lane.plan(ask((20.0, 20.0, 0.0), (380.0, 350.0, 0.0)), lambda: next(looks))

    assert isinstance(plan, Plan)
    assert 1.0 < plan.bound <= 2.0


def test_arriving_too_late_is_no_route() -> None:
    no = planner().plan(ask(arrive_s=20.0))

    assert isinstance(no, NoRoute)
    assert no.proven
    assert "20" in no.reason


def test_steep_ground_is_taken_along_the_slope_only() -> None:
    rise = math.tan(math.radians(12.0))
    gradients = np.zeros((30, 40, 2))
    gradients[:, 15:25, 0] = rise
    ground = PlanGround((0.0, 0.0, 1.0), np.full((30, 40), 2.0), gradients=gradients)
    outline = scenes.machine(slope_along_deg_max=15.0, slope_across_deg_max=5.0)
    barred = scenes.machine(slope_along_deg_max=10.0, slope_across_deg_max=5.0)

    plan = scenes.Planner(ground, outline).plan(ask((4.0, 5.0, 0.0), (36.0, 25.0, 1.57)))
    no = scenes.Planner(ground, barred).plan(ask((4.0, 5.0, 0.0), (36.0, 25.0, 1.57)))

    assert isinstance(plan, Plan)
    on_slope = (plan.route.knots[:, 1] > 15.0) & (plan.route.knots[:, 1] < 25.0)
    assert (
        np.abs(np.sin(plan.route.knots[on_slope, 3])) * rise <= math.tan(math.radians(5.0))
    ).all()
    assert isinstance(no, NoRoute)


def test_energy_leads_around_what_time_leads_through() -> None:
    energies = np.zeros((30, 40))
    energies[5:25, 20] = 5.0
    ground = PlanGround((0.0, 0.0, 1.0), np.full((30, 40), 2.0), energies_wh_m=energies)

    swift = planner(ground=ground).plan(ask())
    thrifty = planner(ground=ground, wh=100.0).plan(ask())

    assert isinstance(swift, Plan)
    assert isinstance(thrifty, Plan)
    assert np.ptp(swift.route.knots[:, 2]) < 2.0
    assert np.ptp(thrifty.route.knots[:, 2]) > 8.0


def test_a_price_on_energy_hides_no_route_that_time_alone_finds() -> None:
    # The short way is dear; only who takes it is through before the door closes for ever.
    energies = np.zeros((30, 40))
    energies[12:18, 6:14] = 50.0
    ground = PlanGround((0.0, 0.0, 1.0), np.full((30, 40), 2.0), energies_wh_m=energies)
    door = wall(20.0, -1.0, 21.0, 31.0, "door", from_s=49.0)

    plan = planner(door, ground=ground, wh=1000.0).plan(ask())

    assert isinstance(plan, Plan)
    assert not scenes.overlaps(plan.route, barriers=[door])


def test_the_same_question_gets_the_same_answer_whatever_was_asked_before() -> None:
    oncoming = drives((0.0, 36.0, 15.0, math.pi), (64.0, 4.0, 15.0, math.pi), until_s=90.0)
    request = ask((10.5, 15.0, 0.0), reservations={"oncoming": oncoming})
    used = planner(*scenes.corridor(gap=(16.0, 24.0)))
    used.plan(ask((36.0, 3.0, 0.0), (5.0, 25.0, 1.0)))

    again = used.plan(request)
    fresh = planner(*scenes.corridor(gap=(16.0, 24.0))).plan(request)

    assert isinstance(again, Plan)
    assert isinstance(fresh, Plan)
    assert np.array_equal(again.route.knots, fresh.route.knots)


def test_raised_parts_pass_over_low_barriers() -> None:
    kerb = wall(20.0, -1.0, 21.0, 31.0, "kerb")
    low = kerb.rows.copy()
    low[:, 3] = 0.2
    flat = scenes.Barrier(name="kerb", kind=Kind.OBSTACLE, rows=low)
    body = scenes.Part(corners=((-2, -1.2), (2, -1.2), (2, 1.2), (-2, 1.2)), low_m=0.3)
    high = scenes.machine().__class__(
        footprint=scenes.Footprint(body), speed_m_s_max=0.5, turn_rad_s_max=0.3
    )

    over = scenes.Planner(scenes.level(), high, (flat,)).plan(ask())
    no = planner(flat).plan(ask())

    assert isinstance(over, Plan)
    assert isinstance(no, NoRoute)


def test_start_and_goal_in_one_place_take_no_time() -> None:
    plan = planner().plan(ask((10.2, 10.7, 1.0), (10.2, 10.7, 1.0)))

    assert isinstance(plan, Plan)
    assert plan.cost == 0.0
    assert plan.route.end_s == 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ask((math.nan, 0.0, 0.0)),
        lambda: ask((0.0, 1e9, 0.0)),
        lambda: ask(start_s=math.inf),
        lambda: ask(start_s=10.0, arrive_s=5.0),
        lambda: ask(stay_s=-1.0),
        lambda: PlanOptions(weights=()),
        lambda: PlanOptions(weights=(1.0, 2.0)),
        lambda: PlanOptions(weights=(0.5,)),
        lambda: PlanOptions(second=0.0),
        lambda: PlanOptions(states_max=0),
        lambda: PlanOptions(wh=math.nan),
        lambda: PlanGround((0.0, 0.0, 0.0), np.ones((3, 3))),
        lambda: PlanGround((0.0, 0.0, 1.0), np.zeros((3, 3))),
        lambda: PlanGround((0.0, 0.0, 1.0), np.ones((3, 0))),
        lambda: PlanGround((0.0, 0.0, 1.0), np.ones((3, 3)), energies_wh_m=-np.ones((3, 3))),
        lambda: PlanGround((0.0, 0.0, 1.0), np.ones((3, 3)), gradients=np.ones((3, 3))),
        lambda: wall(0.0, 0.0, 1.0, 1.0, from_s=5.0, until_s=5.0),
    ],
)
def test_what_nothing_can_be_planned_with_is_refused(wrong) -> None:
    with pytest.raises(ConfigError, match="plan"):
        wrong()


def test_ground_without_any_open_cell_is_no_route() -> None:
    closed = PlanGround((0.0, 0.0, 1.0), np.full((30, 40), math.inf))

    no = planner(ground=closed).plan(ask())

    assert isinstance(no, NoRoute)
    assert (no.kind, no.pose, no.proven) == (Kind.GROUND, Pose(4.0, 15.0, 0.0), True)


def test_a_goal_that_is_taken_later_is_waited_for_without_looking_all_around() -> None:
    # It stands at the goal from 100 s to 700 s: the way of 78 s is too long to be there before.
    crossing = drives(
        (0.0, 45.0, 4.0, 0.0),
        (100.0, 36.0, 15.0, 0.0),
        (700.0, 36.0, 15.0, 0.0),
        (760.0, 45.0, 26.0, 0.0),
    )

    plan = planner(ground=level(30, 60)).plan(ask(reservations={"late": crossing}))

    assert isinstance(plan, Plan)
    assert plan.route.knots[-1, 0] > 700.0
    assert plan.states < 400
    assert plan.bound < 1.05
    assert not overlaps(plan.route, [crossing])


def test_a_goal_that_is_closed_for_ever_later_on_is_told_without_a_search() -> None:
    zone = wall(34.0, 10.0, 38.0, 20.0, "late", from_s=5000.0)

    no = planner(zone).plan(ask())

    assert isinstance(no, NoRoute)
    assert (no.party, no.proven, no.states) == ("late", True, 0)


@pytest.mark.parametrize(("x", "y"), [(44.0, 43.0), (68.0, 61.0), (68.0, 64.0)])
def test_traffic_far_along_a_wide_arc_is_seen_where_the_arc_begins(x, y) -> None:
    # Moves of this radius lead 29 m away. Range of the index of traffic: issue 3, found by chance.
    truck = Machine(
        footprint=OUTLINE,
        drive=Drive.ACKERMANN,
        radius_m_min=20.0,
        speed_m_s_max=0.5,
        turn_rad_s_max=0.3,
    )
    made = Planner(level(60, 60, 2.0), truck, options=PlanOptions(weights=(1.0,)))
    other = stands(x, y, 0.8)

    plan = made.plan(
        ask((40.0, 40.0, 0.0), (70.0, 70.0, math.pi / 2.0), reservations={"other": other})
    )

    assert isinstance(plan, Plan)
    assert isinstance(meets(plan.route, [other]), Free)
