import pytest

from lunaredge.ids import AuthorityId, CommandId, NodeId, TaskId
from lunaredge.model.polyline import length_m, part_of
from lunaredge.model.site import Point
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import claims, space
from lunaredge.scheduler.paths import RouteSolution
from lunaredge.scheduler.state import Granted, Lockout
from lunaredge.sim.checkers.geometry import path_to_path
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.drives import (
    asking,
    driving,
    held,
    led_off,
    reborn,
    requesting,
    segment_m,
)
from tests.scheduler.rig import Site


def both_asking() -> Site:
    site = Site()
    site.census()
    first = plain_site.grade("grade-1", only_on=(NodeId("grader-1"),))
    second = plain_site.grade("grade-2", only_on=(NodeId("grader-2"),))
    site.submit(plain_site.order(first, second))
    site.solve()
    for node, name in (("grader-1", "grade-1"), ("grader-2", "grade-2")):
        site.reply(node, site.assignment(node).command)
        site.report(node, name, "accepted", 1)
        site.request(node, 1)
    return site


def spare_m(site: Site, one: str, other: str) -> float:
    """How far apart what two machines may occupy is at the least."""
    ctx, nodes = site.scheduler.core.ctx, site.scheduler.core.state.nodes
    return min(
        path_to_path(a.points, b.points) - a.half_width_m - b.half_width_m
        for a in space.claim(ctx, nodes[NodeId(one)])
        for b in space.claim(ctx, nodes[NodeId(other)])
    )


def test_nobody_is_granted_the_space_of_another() -> None:
    site = both_asking()

    site.solve()

    assert spare_m(site, "grader-1", "grader-2") > 0.0


def test_a_later_grant_stops_short_of_an_older_ones_route() -> None:
    site = both_asking()

    site.solve()

    ctx, state = site.scheduler.core.ctx, site.scheduler.core.state
    first, second = (state.nodes[NodeId(name)].granted for name in ("grader-1", "grader-2"))
    assert first is not None
    assert second is not None
    assert second.stop_m < second.length_m
    held = part_of(second.path, 0.0, second.stop_m + second.overlap_m)
    (route,) = space.routes_ahead(ctx, NodeId("grader-2"))
    apart_m = path_to_path(held, route.points)
    assert apart_m > route.half_width_m + second.half_width_m - 1e-9


def test_no_way_is_planned_through_the_place_where_anothers_route_ends() -> None:
    _, alone = driving()
    goal = part_of(alone.path, 20.0, 20.0)[0]
    site = Site()
    site.census()
    hauler = site.scheduler.core.state.nodes[NodeId("hauler-1")]
    hauler.granted = route_to(goal)

    grant = led_off(site)

    apart_m = path_to_path(grant.path, [goal])
    assert path_to_path(alone.path, [goal]) < 0.01
    assert apart_m > grant.half_width_m + hauler.granted.half_width_m - 1e-9


def route_to(goal: Point) -> Granted:
    """Give an older authority that leads to a place, and is granted up to a stop short of it."""
    path = ((goal[0] + 30.0, goal[1]), goal)
    return Granted(
        id=AuthorityId("ma1-0"),
        number=0,
        command=CommandId("c1-0"),
        request_no=1,
        task=TaskId("any"),
        path=path,
        length_m=length_m(path),
        half_width_m=2.0,
        stop_m=5.0,
        granted_ns=0,
        expiry_ns=2**62,
    )


def test_a_route_planned_before_a_neighbours_grant_is_planned_again() -> None:
    site = Site()
    site.census()
    first = plain_site.grade("grade-1", only_on=(NodeId("grader-1"),))
    second = plain_site.grade("grade-2", only_on=(NodeId("grader-2"),))
    site.submit(plain_site.order(first, second))
    site.solve()
    for node, name in (("grader-1", "grade-1"), ("grader-2", "grade-2")):
        site.reply(node, site.assignment(node).command)
        site.report(node, name, "accepted", 1)
    site.request("grader-1", 1)
    site.request("grader-2", 1)
    stale, fresh = site.problems

    site.problems = [fresh, stale]
    site.solve()

    assert spare_m(site, "grader-1", "grader-2") > 0.0


def test_a_renewal_gives_time_and_a_stopped_machine_gets_none() -> None:
    site, grant = driving()

    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority=grant.authority))
    renewed = site.last(messages.Renew)
    stopped = site.situation("grader-1", stops=("s1",), **held(grant, 1.0))
    site.say("grader-1", messages.Heartbeat(situation=stopped))
    site.say("grader-1", messages.AuthorityRenewal(request_no=3, authority=grant.authority))

    assert renewed.request_no == 2
    assert site.last(messages.Renew) == renewed


def test_a_way_round_the_crater_is_granted() -> None:
    site = Site()
    site.census()
    haul = plain_site.task(
        "haul",
        TaskKind.HAUL,
        pile="pile",
        to_pile="berm",
        stand=(70.0, 14.0),
        to_stand=(56.0, 66.0),
    )
    site.submit(plain_site.order(haul))
    site.solve()
    site.reply("hauler-1", site.assignment("hauler-1").command)
    site.report("hauler-1", "haul", "accepted", 1)

    site.request("hauler-1", 1, at=(20.0, 50.0))
    site.solve()

    grant = site.last(messages.Grant)
    crater = plain_site.box(36, 26, 10, 10)
    legs = zip(grant.path, grant.path[1:], strict=False)
    gaps = [segment_m(corner, a, b) for a, b in legs for corner in crater]
    assert min(gaps) >= grant.half_width_m


def test_a_restart_plans_no_way_that_nobody_waits_for() -> None:
    site, grant = driving()
    x_m, y_m = grant.path[-1]
    word = site.situation("grader-1", x_m=x_m, y_m=y_m, task="grade-pad", attempt=1)
    site.say("grader-1", messages.Heartbeat(situation=word))

    site.start()

    assert not site.problems


def test_a_restart_plans_the_way_that_a_machine_still_waits_for() -> None:
    site = requesting()

    site.start()

    assert [problem.request_no for problem in site.problems] == [1]  # type: ignore[attr-defined]


def test_a_request_for_a_task_that_is_not_its_own_ends_the_one_before() -> None:
    site = asking()
    grant = site.last(messages.Grant)
    site.reply("grader-1", grant.command, ok=False, reason="pose")

    stranger = messages.AuthorityRequest(
        request_no=2, task=TaskId("other"), attempt=1, path=((1.0, 1.0),), x_m=16.0, y_m=8.0
    )
    site.say("grader-1", stranger)

    node = site.scheduler.core.state.nodes[NodeId("grader-1")]
    assert node.wanted is None
    assert site.last(messages.Defer).reason == "not this node's task"


@pytest.mark.parametrize("path", [(), tuple((float(i % 90), 8.0) for i in range(5_000))])
def test_a_request_for_no_drivable_leg_is_put_off(path: tuple[tuple[float, float], ...]) -> None:
    site = asking()

    request = messages.AuthorityRequest(
        request_no=2, task=TaskId("grade-pad"), attempt=1, path=path, x_m=16.0, y_m=8.0
    )
    site.say("grader-1", request)

    assert not site.problems
    assert site.last(messages.Defer).reason == "no such leg"


def test_a_computer_that_asks_to_drive_is_not_heard() -> None:
    site = asking()

    request = messages.AuthorityRequest(
        request_no=1, task=TaskId("grade-pad"), attempt=1, path=((1.0, 1.0),), x_m=1.0, y_m=1.0
    )
    site.say("dc-1", request)

    assert site.scheduler.core.state.quarantined == 0
    assert site.scheduler.core.state.nodes[NodeId("dc-1")].body is None


def test_a_renewal_under_an_old_number_or_of_another_authority_gives_nothing() -> None:
    site, grant = driving()

    site.say("grader-1", messages.AuthorityRenewal(request_no=1, authority=grant.authority))
    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority="ma99-1"))

    assert not site.sent("grader-1", messages.Renew)


def test_a_hold_that_comes_while_a_way_is_planned_stops_the_grant() -> None:
    site = requesting()
    site.ask(messages.HoldRequest(request="h", node=NodeId("grader-1"), hold=True))

    site.solve()

    assert site.last(messages.Defer).reason == "held by an operator"
    assert not site.sent("grader-1", messages.Grant)


def test_no_renewal_is_given_before_the_census() -> None:
    site, grant = driving()
    site.start()

    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority=grant.authority))

    assert not site.sent("grader-1", messages.Renew)


def test_a_grant_is_not_said_again_after_a_newer_request() -> None:
    site = asking()
    count = len(site.sent("grader-1", messages.Grant))

    site.request("grader-1", 2)
    site.wait(11.0)

    assert len(site.sent("grader-1", messages.Grant)) == count


def test_a_grant_is_not_said_again_once_its_machine_says_that_it_holds_it() -> None:
    """Its reply is lost; others may be granted what it gives back meanwhile."""
    site, grant = driving(taken=False)

    site.say(
        "grader-1", messages.Heartbeat(situation=site.situation("grader-1", **held(grant, 5.0)))
    )
    count = len(site.sent("grader-1", messages.Grant))
    site.wait(60.0)

    assert len(site.sent("grader-1", messages.Grant)) == count


def test_a_request_of_an_earlier_attempt_is_put_off() -> None:
    site = asking()
    path = site.assignment("grader-1").legs[0].path

    request = messages.AuthorityRequest(
        request_no=2, task=TaskId("grade-pad"), attempt=9, path=path, x_m=16.0, y_m=8.0
    )
    site.say("grader-1", request)

    assert site.last(messages.Defer).reason == "not this node's task"


def test_a_way_planned_for_an_older_request_is_not_granted() -> None:
    site = requesting()
    (older,) = site.problems
    site.request("grader-1", 2, at=(30.0, 10.0))

    site.problems = [older]
    site.solve()

    assert not site.sent("grader-1", messages.Grant)


def test_a_way_that_is_never_free_is_put_off_at_last() -> None:
    site = requesting()
    stale = RouteSolution(
        version=0, node=NodeId("grader-1"), request_no=1, path=((16.0, 8.0), (24.0, 8.0))
    )

    for _ in range(claims.RESOLVE_MAX + 1):
        site.scheduler.solved(stale, site.now_ns)
        site.carry_out()

    assert site.last(messages.Defer).reason == "blocked by grader-2"
    assert len(site.problems) == 1 + claims.RESOLVE_MAX


def test_a_way_planned_for_an_earlier_life_is_not_granted() -> None:
    site = requesting()

    reborn(site, task="grade-pad", attempt=1)
    word = site.situation("grader-1", task="grade-pad", attempt=1)
    site.say("grader-1", messages.Heartbeat(situation=word))
    assert site.scheduler.core.state.nodes[NodeId("grader-1")].censused
    site.solve()

    assert not site.sent("grader-1", messages.Grant)


def test_a_request_for_the_task_of_another_is_put_off() -> None:
    site = asking()
    mine = site.assignment("grader-1")
    request = messages.AuthorityRequest(
        request_no=1, task=mine.task, attempt=1, path=mine.legs[0].path, x_m=38.0, y_m=8.0
    )

    site.say("grader-2", request)

    assert site.last(messages.Defer).reason == "not this node's task"


def test_a_request_for_a_task_that_is_being_taken_back_is_put_off() -> None:
    site, _ = driving()
    cancel = messages.CancelRequest(request=site.request_id(), task=TaskId("grade-pad"))
    assert site.ask(cancel).ok

    site.request("grader-1", 2)

    assert site.last(messages.Defer).reason == "the task is being taken back"


def test_each_authority_has_a_number_and_a_name_of_its_own() -> None:
    site = asking()
    first = site.last(messages.Grant)
    site.reply("grader-1", first.command)

    site.request("grader-1", 2)
    site.solve()

    second = site.last(messages.Grant)
    assert second.number == first.number + 1
    assert second.authority != first.authority


def test_a_machine_may_leave_its_path_by_what_the_margin_has_over_its_pose_error() -> None:
    site = asking()

    grant = site.last(messages.Grant)

    margin_m = site.config.corridor_margin_m
    assert grant.deviation_m_max == pytest.approx(margin_m - site.config.pose_error_m)
    assert grant.pose_error_m == site.config.pose_error_m


def test_a_machine_that_is_locked_out_meanwhile_is_granted_nothing() -> None:
    site = requesting()
    wanted = site.scheduler.core.state.nodes[NodeId("grader-1")]
    wanted.lockout = Lockout()

    site.solve()

    assert site.sent("grader-1", messages.Grant) == []
    assert wanted.granted is None
