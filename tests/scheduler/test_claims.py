import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m, rest_of
from lunaredge.wire import messages
from tests.scheduler.drives import (
    asking,
    beat,
    blocked_m,
    driving,
    granted_part,
    held,
    reborn,
    renewed,
)

CORNER = ((0.0, 0.0), (10.0, 0.0), (10.0, 5.0))


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
    rest = rest_of(CORNER, station_m)

    assert rest == expected
    assert length_m(rest) == pytest.approx(max(0.0, 15.0 - station_m))


def test_a_grant_blocks_its_whole_path_before_it_is_taken_up() -> None:
    site, grant = driving()

    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


def test_silence_frees_nothing() -> None:
    site, grant = driving()
    site.say(
        "grader-1", messages.Heartbeat(situation=site.situation("grader-1", **held(grant, 0.0)))
    )

    site.wait(5_000.0)

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].presence.value == "lost"
    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


def test_the_tail_is_free_only_when_the_node_gives_it_back() -> None:
    site, grant = driving()
    start = grant.path[0]

    word = site.situation("grader-1", **held(grant, 12.0))
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert blocked_m(site, start) > 0.0
    assert blocked_m(site, granted_part(grant)[-1]) < 0.0


def test_a_released_tail_never_comes_back() -> None:
    site, grant = driving()
    far = site.situation("grader-1", **held(grant, 12.0))
    site.say("grader-1", messages.Heartbeat(situation=far))

    near = site.situation("grader-1", **held(grant, 3.0, station_m=13.0))
    site.say("grader-1", messages.Heartbeat(situation=near))

    (passed,) = rest_of(grant.path, 3.0)[:1]
    assert blocked_m(site, grant.path[0]) > 0.0
    assert blocked_m(site, passed) > 0.0


def test_an_unsigned_release_frees_nothing() -> None:
    site, grant = driving()
    word = messages.Heartbeat(situation=site.situation("grader-1", **held(grant, 12.0)))
    forged = site.frame(site.operator, word, node="grader-1")

    site.hear("lunaredge/v1/plain/grader-1/node", forged)

    assert site.scheduler.refusals.by_reason == {"not_authentic": 1}
    assert blocked_m(site, grant.path[0]) < 0.0


def test_a_word_older_than_the_taking_of_a_grant_frees_nothing() -> None:
    site, grant = driving()
    old_number = site.numbers["grader-1"] - 1
    word = messages.Heartbeat(situation=site.situation("grader-1"))

    site.say("grader-1", word, number=old_number)

    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


def test_at_rest_without_authority_only_the_body_is_blocked() -> None:
    site, grant = driving()
    x_m, y_m = granted_part(grant)[-1]

    word = messages.Heartbeat(situation=site.situation("grader-1", x_m=x_m, y_m=y_m))
    site.say("grader-1", word)

    assert blocked_m(site, grant.path[0]) > 0.0
    assert blocked_m(site, granted_part(grant)[-1]) < 0.0


def test_a_moving_machine_without_authority_keeps_its_path_blocked() -> None:
    site, grant = driving()

    word = messages.Heartbeat(situation=site.situation("grader-1", at_rest=False))
    site.say("grader-1", word)

    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


def test_a_new_request_gives_everything_but_the_body_back() -> None:
    site, grant = driving()

    site.request("grader-1", 2, at=(30.0, 10.0))

    assert blocked_m(site, (30.0, 10.0)) < 0.0
    assert blocked_m(site, granted_part(grant)[-1]) > 0.0


def test_an_old_request_number_changes_nothing() -> None:
    site, grant = driving()

    site.request("grader-1", 1, at=(30.0, 10.0))

    assert blocked_m(site, (30.0, 10.0)) > 0.0
    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


def test_a_refused_grant_is_given_back() -> None:
    site, grant = driving(taken=False)

    site.reply("grader-1", grant.command, ok=False, reason="moved")

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].granted is None


def test_an_unknown_authority_stops_every_grant_until_it_is_given_up() -> None:
    site, _ = driving()
    foreign = messages.HeldAuthority(
        id="ma99-1", released_m=0.0, stop_m=5.0, revision=1, at_stop=False
    )
    word = site.situation("hauler-1", authority=foreign, at_rest=False)
    site.say("hauler-1", messages.Heartbeat(situation=word))

    site.request("grader-1", 2)
    site.solve()

    assert site.last(messages.Defer).reason == "census waits for hauler-1"


def test_an_authority_of_a_lost_journal_blocks_though_a_grant_is_on_its_way() -> None:
    site = asking()

    foreign = messages.HeldAuthority(
        id="ma99-1", released_m=0.0, stop_m=5.0, revision=1, at_stop=False
    )
    word = site.situation("grader-1", authority=foreign, at_rest=False)
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].estranged


def test_a_machine_that_rests_elsewhere_is_blocked_there_though_a_grant_is_on_its_way() -> None:
    site = asking()
    grant = site.last(messages.Grant)

    word = site.situation("grader-1", x_m=30.0, y_m=10.0)
    site.say("grader-1", messages.Heartbeat(situation=word))

    assert blocked_m(site, (30.0, 10.0)) < 0.0
    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


@pytest.mark.parametrize("first", ["heartbeat", "renewal"])
def test_a_grant_is_said_again_only_until_its_holder_is_heard_to_have_it(first: str) -> None:
    site, grant = driving(taken=False)
    if first == "renewal":
        renewed(site, grant)
    else:
        situation = site.situation("grader-1", **held(grant, 20.0))
        site.say("grader-1", messages.Heartbeat(situation=situation))
    before = len(site.sent("grader-1", messages.Grant))

    site.wait(60.0)

    assert len(site.sent("grader-1", messages.Grant)) == before


def test_at_the_stop_only_the_stop_is_blocked() -> None:
    site, grant = driving()
    whole_m = length_m(grant.path)
    grant = msgspec.structs.replace(grant, stop_m=whole_m)

    word = site.situation("grader-1", **held(grant, whole_m - 8.0, at_stop=True))
    site.say("grader-1", messages.Heartbeat(situation=word))

    (behind,) = rest_of(grant.path, whole_m - 6.0)[:1]
    assert blocked_m(site, behind) > 0.0
    assert blocked_m(site, granted_part(grant)[-1]) < 0.0


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

    x_m, y_m = granted_part(grant)[-1]
    given_up = site.situation("grader-1", x_m=x_m, y_m=y_m)
    site.say("grader-1", messages.Heartbeat(situation=given_up))

    assert blocked_m(site, grant.path[0]) > 0.0


def test_a_new_life_at_rest_gives_back_what_the_last_was_granted() -> None:
    site = asking()
    grant = site.last(messages.Grant)
    count = len(site.sent("grader-1", messages.Grant))

    reborn(site)
    site.wait(11.0)

    assert blocked_m(site, granted_part(grant)[-1]) > 0.0
    assert len(site.sent("grader-1", messages.Grant)) == count


def test_a_new_life_that_still_rolls_gives_nothing_back() -> None:
    site, grant = driving()

    reborn(site, at_rest=False)

    assert all(blocked_m(site, point) < 0.0 for point in granted_part(grant))


def test_a_word_from_before_an_extension_takes_nothing_of_it_back() -> None:
    site, grant = driving()
    granted = site.scheduler.core.state.nodes[NodeId("grader-1")].granted
    assert granted is not None
    granted.stop_m = granted.length_m
    earlier = msgspec.structs.replace(grant, stop_m=5.0)

    site.say("grader-1", beat(site.situation("grader-1", **held(earlier, 1.0))))

    assert granted.stop_m == granted.length_m
