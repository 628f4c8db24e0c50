"""Planning many machines together: clear of each other, holding where that is safe."""

import math

import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.paths import fleet_plan
from lunaredge.paths.fleet_plan import FleetOptions, Job, plan_fleet
from lunaredge.paths.machine import Drive
from lunaredge.paths.route import Pose
from tests.paths import plan_scenes as scenes
from tests.paths.plan_scenes import corridor, drives, planner, stands


def job(name, lane, start, goal):
    return Job(name=name, planner=lane, start=Pose(*start), goal=Pose(*goal))


def clear_of_each_other(plan):
    routes = list(plan.routes.values())
    others = [scenes.Reservation(footprint=scenes.OUTLINE, route=route) for route in routes]
    return not any(
        scenes.overlaps(route, others[:k] + others[k + 1 :]) for k, route in enumerate(routes)
    )


def test_two_machines_that_change_places_both_arrive() -> None:
    lane = planner()
    jobs = [
        job("east", lane, (4.0, 15.0, 0.0), (36.0, 15.0, 0.0)),
        job("west", lane, (36.0, 15.0, math.pi), (4.0, 15.0, math.pi)),
    ]

    plan = plan_fleet(jobs, {}, 5.0)

    assert not plan.holds
    assert not plan.meetings
    assert clear_of_each_other(plan)
    for some in jobs:
        assert plan.routes[some.name].knots[0] == pytest.approx([5.0, *some.start])
        assert scenes.ends_at(plan.routes[some.name], some.goal)


def test_in_a_corridor_they_pass_in_the_passing_place() -> None:
    lane = planner(*corridor(gap=(15.0, 25.0)))
    jobs = [
        job("east", lane, (10.5, 15.0, 0.0), (36.0, 15.0, 0.0)),
        job("west", lane, (29.5, 15.0, math.pi), (4.0, 15.0, math.pi)),
    ]

    plan = plan_fleet(jobs, {}, 0.0)

    assert not plan.holds
    assert clear_of_each_other(plan)
    assert max(route.knots[:, 2].max() for route in plan.routes.values()) > 17.0


def test_where_they_cannot_pass_somebody_holds_safely_and_it_ends() -> None:
    ends = scenes.wall(31.0, -1.0, 32.0, 31.0, "end"), scenes.wall(8.0, -1.0, 9.0, 31.0, "begin")
    lane = planner(*corridor(), *ends)
    jobs = [
        job("east", lane, (12.5, 15.0, 0.0), (28.0, 15.0, 0.0)),
        job("west", lane, (24.5, 15.0, math.pi), (12.0, 15.0, math.pi)),
    ]

    plan = plan_fleet(jobs, {}, 0.0, FleetOptions(attempts_max=3))

    assert plan.attempts == 3
    assert len(plan.holds) >= 1
    assert clear_of_each_other(plan)
    for name, reason in plan.holds.items():
        assert reason
        assert len(plan.routes[name]) == 1


def test_barriers_without_names_that_pass_are_waited_for_each() -> None:
    ends = scenes.wall(31.0, -1.0, 32.0, 31.0, "end"), scenes.wall(8.0, -1.0, 9.0, 31.0, "begin")
    passing = (
        scenes.wall(15.0, 17.5, 25.0, 31.0, "", from_s=0.0, until_s=500.0),
        scenes.wall(1.0, 1.0, 2.0, 2.0, "", from_s=0.0, until_s=400.0),
    )
    lane = planner(*corridor(gap=(15.0, 25.0)), *ends, *passing)
    jobs = [
        job("east", lane, (12.5, 15.0, 0.0), (28.0, 15.0, 0.0)),
        job("west", lane, (24.5, 15.0, math.pi), (12.0, 15.0, math.pi)),
    ]

    plan = plan_fleet(jobs, {}, 0.0, FleetOptions(attempts_max=1))

    assert not plan.holds
    assert clear_of_each_other(plan)
    for route in plan.routes.values():
        assert route.end_s > 500.0
        assert not scenes.overlaps(route, barriers=passing)


def test_a_machine_gets_out_of_the_way_of_one_that_is_planned_first() -> None:
    # The first has the longer way, and the second stands on it.
    lane = planner(*corridor())
    jobs = [
        job("long", lane, (10.5, 15.0, 0.0), (36.0, 15.0, 0.0)),
        job("short", lane, (20.5, 15.0, 0.0), (36.0, 25.0, 0.0)),
    ]

    plan = plan_fleet(jobs, {}, 0.0)

    assert not plan.holds
    assert clear_of_each_other(plan)


@pytest.mark.parametrize(("drive", "count"), [("skid", 12), ("crab", 12), ("ackermann", 6)])
def test_a_crowd_arrives_around_other_traffic(drive, count) -> None:
    dice = np.random.default_rng(11)
    lane = planner(ground=scenes.level(40, 40, 2.5), drive=Drive(drive))
    places = [Pose(20.0 * (k % 4) + 20.0, 20.0 * (k // 4) + 20.0, 0.5 * k) for k in range(count)]
    goals = [places[k]._replace(heading_rad=1.0) for k in dice.permutation(count)]
    jobs = [job(f"{k}", lane, places[k], goals[k]) for k in range(count)]
    patrol = drives((0.0, 10.0, 10.0, 0.0), (160.0, 90.0, 10.0, 0.0), until_s=160.0)

    plan = plan_fleet(jobs, {"patrol": patrol}, 0.0)

    assert not plan.holds
    assert not plan.meetings
    assert clear_of_each_other(plan)
    for route in plan.routes.values():
        assert not scenes.overlaps(route, [patrol])


def test_improving_costs_no_more_than_not() -> None:
    lane = planner(ground=scenes.level(40, 40, 2.5))
    places = [Pose(20.0 * (k % 3) + 20.0, 20.0 * (k // 3) + 20.0, 0.5 * k) for k in range(9)]
    jobs = [job(f"{k}", lane, places[k], places[-1 - k]) for k in range(9) if k != 4]

    plain = plan_fleet(jobs, {}, 0.0, FleetOptions(rounds_max=0))
    better = plan_fleet(jobs, {}, 0.0, FleetOptions(rounds_max=2))

    assert better.cost <= plain.cost
    assert len(better.holds) <= len(plain.holds)


def test_when_time_is_over_everybody_holds() -> None:
    lane = planner()
    jobs = [job("a", lane, (4.0, 15.0, 0.0), (36.0, 15.0, 0.0))]

    plan = plan_fleet(jobs, {}, 0.0, is_over=lambda: True)

    assert list(plan.holds) == ["a"]
    assert plan.routes["a"].knots.tolist() == [[0.0, 4.0, 15.0, 0.0]]


def test_machines_that_stand_in_each_other_are_told_of() -> None:
    lane = planner()
    jobs = [
        job("a", lane, (10.0, 15.0, 0.0), (36.0, 15.0, 0.0)),
        job("b", lane, (11.0, 15.0, 0.0), (36.0, 5.0, 0.0)),
    ]

    plan = plan_fleet(jobs, {}, 0.0)

    assert len(plan.holds) == 2
    assert [(some.first, some.second) for some in plan.meetings] == [("a", "b")]


def test_no_machines_is_an_empty_plan() -> None:
    plan = plan_fleet([], {"parked": stands(5.0, 5.0)}, 0.0)

    assert (plan.routes, plan.holds, plan.cost, plan.meetings) == ({}, {}, 0.0, ())


def test_a_name_twice_is_refused() -> None:
    lane = planner()
    jobs = [job("a", lane, (4.0, 15.0, 0.0), (36.0, 15.0, 0.0))]

    with pytest.raises(ConfigError, match="name"):
        plan_fleet(jobs, {"a": stands(20.0, 5.0)}, 0.0)


def test_two_runs_give_the_same_routes() -> None:
    def run():
        lane = planner(*corridor(gap=(15.0, 25.0)))
        return plan_fleet(
            [
                job("east", lane, (10.5, 15.0, 0.0), (36.0, 15.0, 0.0)),
                job("west", lane, (29.5, 15.0, math.pi), (4.0, 15.0, math.pi)),
            ],
            {},
            0.0,
        )

    first, second = run(), run()

    assert fleet_plan.JOBS_MAX > 2
    for name, route in first.routes.items():
        assert np.array_equal(route.knots, second.routes[name].knots)


def test_when_all_states_are_settled_whoever_has_no_route_yet_holds(monkeypatch) -> None:
    monkeypatch.setattr(fleet_plan, "repairs", lambda *_: iter(()))
    made = planner()
    jobs = [
        job("a", made, (4.0, 8.0, 0.0), (36.0, 8.0, 0.0)),
        job("b", made, (4.0, 22.0, 0.0), (35.0, 22.0, 0.0)),
    ]

    plan = plan_fleet(jobs, {}, 0.0, FleetOptions(states_max=1))

    assert set(plan.holds) == {"b"}
    assert plan.attempts == 1
    assert not plan.meetings


def test_who_has_no_route_even_alone_costs_the_others_no_attempt() -> None:
    lane = planner(scenes.wall(30.0, 19.0, 40.0, 20.0), scenes.wall(29.0, 19.0, 30.0, 30.0))
    jobs = [
        job("free", lane, (4.0, 5.0, 0.0), (36.0, 5.0, 0.0)),
        job("shut out", lane, (4.0, 15.0, 0.0), (34.0, 25.0, 0.0)),
        job("back", lane, (36.0, 10.0, math.pi), (4.0, 10.0, math.pi)),
    ]

    plan = plan_fleet(jobs, {}, 0.0)

    assert set(plan.holds) == {"shut out"}
    assert plan.attempts == 1
    assert clear_of_each_other(plan)


def test_a_route_that_its_machine_may_not_drive_is_not_given_to_it() -> None:
    lane = planner()
    jobs = [
        job("barred", lane, (4.0, 5.0, 0.0), (36.0, 5.0, 0.0)),
        job("free", lane, (4.0, 15.0, 0.0), (36.0, 15.0, 0.0)),
    ]

    plan = plan_fleet(jobs, {}, 0.0, is_fit=lambda name, _: name != "barred")

    assert plan.holds == {"barred": "the best route of the lattice breaks a rule of the drive"}
    assert scenes.ends_at(plan.routes["free"], jobs[1].goal)
