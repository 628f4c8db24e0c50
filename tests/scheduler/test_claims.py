import math

import pytest

from lunaredge.ids import BootId, NodeId, TaskId
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import claims
from lunaredge.scheduler.claims import path_from, path_length_m
from lunaredge.scheduler.paths import RouteSolution
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site

CORNER = ((0.0, 0.0), (10.0, 0.0), (10.0, 5.0))


def driving() -> tuple[Site, messages.Grant]:
    """A site on which grader-1 has been granted the way to its first pass."""
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    site.request("grader-1", 1)
    site.solve()
    grant = site.last(messages.Grant)
    site.reply("grader-1", grant.command)
    return site, grant


def held(grant: messages.Grant, released_m: float, *, at_stop: bool = False) -> dict[str, object]:
    """What a node says that drives on a grant."""
    authority = messages.HeldAuthority(id=grant.authority, released_m=released_m, at_stop=at_stop)
    return {"authority": authority, "at_rest": at_stop, "task": "grade-pad", "attempt": 1}


def blocked_m(site: Site, point: tuple[float, float]) -> float:
    """How far a point is from everything grader-1 may occupy; negative inside."""
    node = site.scheduler.core.state.nodes[NodeId("grader-1")]
    gaps = []
    for chain in claims.claim(site.scheduler.core.ctx, node):
        ends = list(zip(chain.points, chain.points[1:], strict=False)) or [chain.points * 2]
        gaps += [segment_m(point, a, b) - chain.half_width_m for a, b in ends]
    return min(gaps)


def segment_m(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    length2 = (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2
    along = ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / (length2 or 1.0)
    along = min(1.0, max(0.0, along))
    return math.dist(p, (a[0] + along * (b[0] - a[0]), a[1] + along * (b[1] - a[1])))


@pytest.mark.parametrize(
    ("station_m", "expected"),
    [
        (0.0, CORNER),
        (4.0, ((4.0, 0.0), (10.0, 0.0), (10.0, 5.0))),
        (10.0, ((10.0, 0.0), (10.0, 5.0))),
        (12.0, ((10.0, 2.0), (10.0, 5.0))),
        (15.0, ((10.0, 5.0),)),
        (99.0, ((10.0, 5.0),)),
    ],
)
def test_the_rest_of_a_path_begins_at_the_station(
    station_m: float, expected: tuple[tuple[float, float], ...]
) -> None:
    rest = path_from(CORNER, station_m)

    assert rest == expected
    assert path_length_m(rest) == pytest.approx(max(0.0, 15.0 - station_m))


def test_a_grant_blocks_its_whole_path_before_it_is_taken_up() -> None:
    site, grant = driving()

    assert all(blocked_m(site, point) < 0.0 for point in grant.path)


def test_silence_frees_nothing() -> None:
    site, grant = driving()
    site.say(
        "grader-1", messages.Heartbeat(situation=site.situation("grader-1", **held(grant, 0.0)))
    )

    site.wait(5_000.0)

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].presence.value == "lost"
    assert all(blocked_m(site, point) < 0.0 for point in grant.path)


def test_the_tail_is_free_only_when_the_node_gives_it_back() -> None:
    site, grant = driving()
    start = grant.path[0]

    word = site.situation("grader-1", **held(grant, 12.0))
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert blocked_m(site, start) > 0.0
    assert blocked_m(site, grant.path[-1]) < 0.0


def test_a_released_tail_never_comes_back() -> None:
    site, grant = driving()
    far = site.situation("grader-1", **held(grant, 12.0))
    site.say("grader-1", messages.Heartbeat(situation=far))

    near = site.situation("grader-1", **held(grant, 3.0))
    site.say("grader-1", messages.Heartbeat(situation=near))

    (passed,) = path_from(grant.path, 3.0)[:1]
    assert blocked_m(site, grant.path[0]) > 0.0
    assert blocked_m(site, passed) > 0.0


def test_an_unsigned_release_frees_nothing() -> None:
    site, grant = driving()
    word = messages.Heartbeat(situation=site.situation("grader-1", **held(grant, 12.0)))
    forged = site.frame(site.operator, word, node="grader-1")

    site.hear("lunaredge/v1/plain/grader-1/node", forged)

    assert site.scheduler.refused == {"not_authentic": 1}
    assert blocked_m(site, grant.path[0]) < 0.0


def test_a_word_older_than_the_taking_of_a_grant_frees_nothing() -> None:
    site, grant = driving()
    old_number = site.numbers["grader-1"] - 1
    word = messages.Heartbeat(situation=site.situation("grader-1"))

    site.say("grader-1", word, number=old_number)

    assert all(blocked_m(site, point) < 0.0 for point in grant.path)


def test_at_rest_without_authority_only_the_body_is_blocked() -> None:
    site, grant = driving()
    x_m, y_m = grant.path[-1]

    word = messages.Heartbeat(situation=site.situation("grader-1", x_m=x_m, y_m=y_m))
    site.say("grader-1", word)

    assert blocked_m(site, grant.path[0]) > 0.0
    assert blocked_m(site, grant.path[-1]) < 0.0


def test_a_moving_machine_without_authority_keeps_its_path_blocked() -> None:
    site, grant = driving()

    word = messages.Heartbeat(situation=site.situation("grader-1", at_rest=False))
    site.say("grader-1", word)

    assert all(blocked_m(site, point) < 0.0 for point in grant.path)


def test_a_new_request_gives_everything_but_the_body_back() -> None:
    site, grant = driving()

    site.request("grader-1", 2, at=(30.0, 10.0))

    assert blocked_m(site, (30.0, 10.0)) < 0.0
    assert blocked_m(site, grant.path[-1]) > 0.0


def test_an_old_request_number_changes_nothing() -> None:
    site, grant = driving()

    site.request("grader-1", 1, at=(30.0, 10.0))

    assert blocked_m(site, (30.0, 10.0)) > 0.0
    assert all(blocked_m(site, point) < 0.0 for point in grant.path)


def test_a_refused_grant_is_given_back() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    site.request("grader-1", 1)
    site.solve()
    grant = site.last(messages.Grant)

    site.reply("grader-1", grant.command, ok=False, reason="moved")

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].granted is None


def test_nobody_is_granted_the_space_of_another() -> None:
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

    site.solve()

    grants = [body for _, body in site.published if isinstance(body, messages.Grant)]
    assert len({grant.authority for grant in grants}) == 1
    assert site.last(messages.Defer).reason == "blocked by grader-1"


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

    granted = [n.name for n in site.scheduler.core.state.nodes.values() if n.granted is not None]
    assert granted == ["grader-2"]


def test_an_unknown_authority_stops_every_grant_until_it_is_given_up() -> None:
    site, _ = driving()
    foreign = messages.HeldAuthority(id="ma99-1", released_m=0.0, at_stop=False)
    word = site.situation("hauler-1", authority=foreign, at_rest=False)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    site.request("grader-1", 2)
    site.solve()

    assert site.last(messages.Defer).reason == "census waits for hauler-1"


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


def asking() -> Site:
    """A site on which grader-1 has been granted a way and has not said whether it took it."""
    site = requesting()
    site.solve()
    return site


def test_an_authority_of_a_lost_journal_blocks_though_a_grant_is_on_its_way() -> None:
    site = asking()

    foreign = messages.HeldAuthority(id="ma99-1", released_m=0.0, at_stop=False)
    word = site.situation("grader-1", authority=foreign, at_rest=False)
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].estranged


def test_a_machine_that_rests_elsewhere_is_blocked_there_though_a_grant_is_on_its_way() -> None:
    site = asking()
    grant = site.last(messages.Grant)

    word = site.situation("grader-1", x_m=30.0, y_m=10.0)
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert blocked_m(site, (30.0, 10.0)) < 0.0
    assert all(blocked_m(site, point) < 0.0 for point in grant.path)


def test_a_restart_plans_no_way_that_nobody_waits_for() -> None:
    site, grant = driving()
    x_m, y_m = grant.path[-1]
    word = site.situation("grader-1", x_m=x_m, y_m=y_m, task="grade-pad", attempt=1)
    site.say("grader-1", messages.Heartbeat(situation=word))

    site.start()

    assert not site.problems


def test_a_restart_plans_the_way_that_a_machine_still_waits_for() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    site.request("grader-1", 1)

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


def test_at_the_stop_only_the_stop_is_blocked() -> None:
    site, grant = driving()
    length_m = path_length_m(grant.path)

    word = site.situation("grader-1", **held(grant, length_m - 8.0, at_stop=True))
    site.say("grader-1", messages.Heartbeat(situation=word))

    (behind,) = path_from(grant.path, length_m - 6.0)[:1]
    assert blocked_m(site, behind) > 0.0
    assert blocked_m(site, grant.path[-1]) < 0.0


def test_a_machine_that_has_not_set_off_is_blocked_where_it_stands() -> None:
    site = asking()
    grant = site.last(messages.Grant)
    rests = site.situation("grader-1", x_m=16.0, y_m=3.0)
    site.say("grader-1", messages.Heartbeat(situation=rests))

    word = site.situation("grader-1", **held(grant, 0.0))
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert blocked_m(site, (16.0, 3.0)) < 0.0


def test_a_word_that_shows_the_grant_takes_it_even_when_its_reply_was_lost() -> None:
    site = asking()
    grant = site.last(messages.Grant)
    driven = site.situation("grader-1", **held(grant, 2.0))
    site.say("grader-1", messages.Heartbeat(situation=driven))

    x_m, y_m = grant.path[-1]
    given_up = site.situation("grader-1", x_m=x_m, y_m=y_m)
    site.say("grader-1", messages.Heartbeat(situation=given_up))

    assert blocked_m(site, grant.path[0]) > 0.0


def test_a_renewal_under_an_old_number_or_of_another_authority_gives_nothing() -> None:
    site, grant = driving()

    site.say("grader-1", messages.AuthorityRenewal(request_no=1, authority=grant.authority))
    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority="ma99-1"))

    assert not site.sent("grader-1", messages.Renew)


def requesting() -> Site:
    """A site on which a way for grader-1 is being planned."""
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    site.request("grader-1", 1)
    return site


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


def reborn(site: Site, **changes: object) -> None:
    """Grader-1 starts again and says where it is."""
    site.node_boots[NodeId("grader-1")] = BootId(900)
    word = site.situation("grader-1", **changes)
    site.say("grader-1", messages.Birth(kind="x", channels=(), situation=word))


def test_a_new_life_at_rest_gives_back_what_the_last_was_granted() -> None:
    site = asking()
    grant = site.last(messages.Grant)
    count = len(site.sent("grader-1", messages.Grant))

    reborn(site)
    site.wait(11.0)

    assert blocked_m(site, grant.path[-1]) > 0.0
    assert len(site.sent("grader-1", messages.Grant)) == count


def test_a_new_life_that_still_rolls_gives_nothing_back() -> None:
    site, grant = driving()

    reborn(site, at_rest=False)

    assert all(blocked_m(site, point) < 0.0 for point in grant.path)


def test_a_way_planned_for_an_earlier_life_is_not_granted() -> None:
    site = requesting()

    reborn(site)
    site.solve()

    assert not site.sent("grader-1", messages.Grant)
