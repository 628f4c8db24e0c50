"""Conflicts: whoever is found on granted ground is kept clear of, by shortenings that hold."""

import math

import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.polyline import Path, part_of
from lunaredge.scheduler import conflicts, presence
from lunaredge.scheduler.state import NodeEntry
from lunaredge.wire import messages
from tests.scheduler.drives import beat, blocked_m, driving, held, on_the_way, renewed
from tests.scheduler.rig import Site

GRADER = NodeId("grader-1")


def node(site: Site, name: str = GRADER) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def word(site: Site, grant: messages.Grant) -> messages.Situation:
    return site.situation("grader-1", **held(grant, 20.0))


def shortening(site: Site) -> messages.Shorten:
    site.wait(1.0)
    command = site.sent("grader-1", messages.Shorten)[-1]
    assert isinstance(command, messages.Shorten)
    return command


def ahead(grant: messages.Grant) -> tuple[float, float]:
    return part_of(grant.path, 20.0, 20.0)[0]


def wake(site: Site, at: tuple[float, float], name: str = "hauler-1") -> None:
    """Have a machine wake up somewhere, at rest and without an authority."""
    site.node_boots[NodeId(name)] += 1
    situation = site.situation(name, x_m=at[0], y_m=at[1])
    site.say(name, messages.Birth(kind="x", situation=situation))


def test_an_authority_is_shortened_before_whoever_woke_up_on_its_ground() -> None:
    site, grant = driving()

    wake(site, ahead(grant))

    shorten = shortening(site)
    assert shorten.authority == grant.authority
    assert shorten.revision == 2
    assert shorten.stop_m < grant.stop_m
    alarm = site.scheduler.core.state.alarms["hauler-1/conflict"]
    assert alarm.active
    assert "grader-1" in alarm.text


def test_a_shortening_frees_nothing_before_the_machine_says_where_it_stops() -> None:
    site, grant = driving()
    far = part_of(grant.path, grant.stop_m, grant.stop_m)[0]
    wake(site, ahead(grant))
    shorten = shortening(site)

    site.reply("grader-1", shorten.command)
    before = held(grant, 1.0)
    site.say("grader-1", beat(site.situation("grader-1", **before)))
    assert blocked_m(site, far) < 0.0

    nearer = msgspec.structs.replace(grant, stop_m=shorten.stop_m, revision=2)
    site.say("grader-1", beat(site.situation("grader-1", **held(nearer, 1.0))))
    assert blocked_m(site, far) > 0.0
    assert node(site).granted.stop_m == pytest.approx(max(shorten.stop_m, 1.0))


def test_nothing_is_extended_while_a_shortening_waits_for_its_answer() -> None:
    site, grant = driving()
    wake(site, ahead(grant))
    site.say("grader-1", beat(site.situation("grader-1", **held(grant, 20.0))))

    renew = renewed(site, grant)

    assert renew.stop_m == 0.0
    assert renew.revision == 2


def test_a_second_shortening_asks_for_all_that_an_unanswered_one_asked_for() -> None:
    site, grant = driving(on_loss=messages.OnLoss.HOME)
    behind, far = (part_of(grant.path, at_m, at_m)[0] for at_m in (2.0, 26.0))
    site.say("grader-1", beat(site.situation("grader-1", **on_the_way(grant, 12.0))))
    wake(site, far)
    first = shortening(site)

    wake(site, behind, "excavator-1")

    second = shortening(site)
    assert second.revision == first.revision + 1
    assert second.stop_m == first.stop_m
    assert second.from_m > first.from_m


def test_what_an_unanswered_shortening_asks_for_already_is_not_asked_for_again() -> None:
    site, grant = driving()
    near, far = (part_of(grant.path, at_m, at_m)[0] for at_m in (12.0, 22.0))
    wake(site, near)
    first = shortening(site)

    wake(site, far, "excavator-1")

    assert shortening(site) == first
    assert site.scheduler.core.state.alarms["excavator-1/conflict"].active


def abreast(grant: messages.Grant, over_m: float) -> tuple[float, float]:
    """Give a place beside a way, so much farther than two corridors take."""
    (x_m, y_m), (ahead_x_m, ahead_y_m) = (part_of(grant.path, at, at)[0] for at in (20.0, 21.0))
    off_m = 2.0 * grant.half_width_m + over_m
    return x_m + off_m * (ahead_y_m - y_m), y_m - off_m * (ahead_x_m - x_m)


def test_what_a_measured_place_wavers_by_costs_nobody_anything() -> None:
    site, grant = driving()

    wake(site, abreast(grant, -0.2))
    site.wait(1.0)

    assert site.sent("grader-1", messages.Shorten) == []


def test_a_conflict_is_over_but_for_what_a_measured_place_wavers_by() -> None:
    site, grant = driving()
    x_m, y_m = abreast(grant, -0.35)
    site.say("hauler-1", beat(site.situation("hauler-1", x_m=x_m, y_m=y_m)))
    alarm = site.scheduler.core.state.alarms["hauler-1/conflict"]
    was_active = alarm.active

    # Not so far that others would be asked anew.
    x_m, y_m = abreast(grant, -0.25)
    site.say("hauler-1", beat(site.situation("hauler-1", x_m=x_m, y_m=y_m)))

    assert was_active
    assert not alarm.active


def test_a_word_of_a_person_takes_more_ground_than_the_machine_s_own_at_the_same_place() -> None:
    site, grant = driving()
    place = abreast(grant, 0.1)
    wake(site, place)
    site.wait(1_000.0)
    site.say("grader-1", beat(site.situation("grader-1", **held(grant, 5.0))))
    assert site.sent("grader-1", messages.Shorten) == []

    assert site.vouch("hauler-1", place).ok

    assert shortening(site).stop_m < grant.stop_m
    assert site.scheduler.core.state.alarms["hauler-1/conflict"].active


def test_a_computer_that_tells_a_place_is_in_nobody_s_way() -> None:
    site, grant = driving()
    x_m, y_m = ahead(grant)

    for changes in ({"at_rest": False}, {"pose_error_m": 5.0}, {}):
        site.say("dc-1", beat(site.situation("dc-1", x_m=x_m, y_m=y_m, **changes)))

    assert site.scheduler.core.state.quarantined == 0
    assert site.sent("grader-1", messages.Shorten) == []


def beside(path: Path) -> Path:
    """A way that leads along another, near enough to be met by who has lost its place."""
    return tuple((x_m - 9.0, y_m - 9.0) for x_m, y_m in path)


def lose_place(site: Site, at: tuple[float, float], error_m: float) -> int:
    """Have hauler-1 know its place so badly; give how many shortenings were asked of grader-1."""
    word = site.situation("hauler-1", x_m=at[0], y_m=at[1], pose_error_m=error_m)
    site.say("hauler-1", beat(word))
    site.wait(1.0)
    return len(site.sent("grader-1", messages.Shorten))


def test_who_stands_clear_of_a_way_and_loses_its_place_may_be_on_it() -> None:
    site, grant = driving()
    aside = beside(part_of(grant.path, 22.0, 22.0))[0]
    assert lose_place(site, aside, 0.2) == 0

    asked = [lose_place(site, aside, 0.3 + 0.1 * step) for step in range(30)]

    assert asked[-1] >= 1
    assert shortening(site).stop_m < grant.stop_m
    assert "hauler-1/conflict" in site.scheduler.core.state.alarms


def test_who_found_its_place_again_is_in_nobodys_way() -> None:
    site, grant = driving()
    aside = beside(part_of(grant.path, 22.0, 22.0))[0]
    lose_place(site, aside, 12.0)
    alarm = site.scheduler.core.state.alarms["hauler-1/conflict"]
    was_active = alarm.active

    site.say("grader-1", beat(site.situation("grader-1")))
    lose_place(site, aside, 0.2)

    assert was_active
    assert not alarm.active


def test_whoever_is_silent_is_in_nobodys_way_once_the_other_has_given_its_ground_back() -> None:
    site, grant = driving()
    lose_place(site, beside(part_of(grant.path, 22.0, 22.0))[0], 12.0)
    alarm = site.scheduler.core.state.alarms["hauler-1/conflict"]
    was_active = alarm.active

    site.say("grader-1", beat(site.situation("grader-1")))

    assert was_active
    assert not alarm.active


def lost_among_two() -> tuple[Site, tuple[float, float]]:
    """Give a site where two drive, and a place near the ways of both."""
    site, grant = driving()
    ours = node(site).granted
    assert ours is not None
    node(site, "grader-2").granted = msgspec.structs.replace(
        ours, id="ma-2", path=beside(beside(ours.path))
    )
    return site, beside(part_of(grant.path, 22.0, 22.0))[0]


def test_a_conflict_names_those_whose_ground_it_is_still() -> None:
    site, place = lost_among_two()
    lose_place(site, place, 12.0)
    alarm = site.scheduler.core.state.alarms["hauler-1/conflict"]
    told = [alarm.text]

    for name in ("grader-1", "grader-2"):
        site.say(name, beat(site.situation(name)))
        told.append(alarm.text if alarm.active else "over")

    on = "stands on ground granted to"
    assert told == [f"{on} grader-1, grader-2", f"{on} grader-2", "over"]


def test_a_conflict_of_an_earlier_version_of_the_state_is_judged_anew() -> None:
    site, place = lost_among_two()
    lose_place(site, place, 12.0)
    alarm = site.scheduler.core.state.alarms["hauler-1/conflict"]
    node(site, "hauler-1").met = ()
    node(site).granted = node(site, "grader-2").granted = None

    site.say("dc-1", beat(site.situation("dc-1")))

    assert not alarm.active


def test_a_conflict_names_all_who_are_found_to_be_met_as_they_are_counted() -> None:
    site, place = lost_among_two()
    lost = site.situation("hauler-1", x_m=place[0], y_m=place[1], pose_error_m=12.0)
    ours, other = node(site).granted, node(site, "grader-2").granted
    presence.take_lead(site.scheduler.core.ctx, site.scheduler.core.state.epoch + 7)
    site.wait(1.0)
    node(site).granted = node(site, "grader-2").granted = None
    site.say("hauler-1", beat(lost))
    node(site).granted, node(site, "grader-2").granted = ours, other

    for name in ("grader-1", "grader-2"):
        conflicts.review(site.scheduler.core.ctx, node(site, name))

    alarm = site.scheduler.core.state.alarms["hauler-1/conflict"]
    assert alarm.text == "stands on ground granted to grader-1, grader-2"


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "strayed"])
@pytest.mark.parametrize("first", ["grader-1", "hauler-1"])
def test_an_older_journal_keeps_who_is_counted_clear_of_who_drives_elsewhere(
    first: str, *, is_lost: bool
) -> None:
    site, grant = driving()
    ours, other = node(site).granted, node(site, "hauler-1")
    assert ours is not None
    other.granted = msgspec.structs.replace(
        ours, id="ma-h", path=beside(ours.path), stop_m=4.0, taken=True, shortening=False
    )
    x_m, y_m = beside(part_of(grant.path, 21.0, 21.0))[0]
    elsewhere = {"pose_error_m": 12.0} if is_lost else {"x_m": x_m, "y_m": y_m}
    lost = held(grant, 20.0) | elsewhere
    site.say("grader-1", beat(site.situation("grader-1", **lost)))
    farther = held(msgspec.structs.replace(grant, authority="ma-h", stop_m=ours.stop_m), 0.0)
    words = {"grader-1": lost, "hauler-1": farther | {"task": None, "attempt": 0}}
    presence.take_lead(site.scheduler.core.ctx, site.scheduler.core.state.epoch + 7)
    site.wait(1.0)

    for name in sorted(words, key=lambda name: name != first):
        site.reply(name, site.sent(name, messages.Census)[-1].command)
        site.say(name, beat(site.situation(name, **words[name])))
    site.wait(1.0)

    assert site.sent("hauler-1", messages.Shorten) != []
    assert site.scheduler.core.state.alarms["grader-1/conflict"].active


def test_who_loses_its_place_anew_is_kept_clear_of_anew() -> None:
    site, grant = driving()
    aside = beside(part_of(grant.path, 22.0, 22.0))[0]
    lose_place(site, aside, 12.0)
    lose_place(site, aside, 0.2)
    granted = node(site).granted
    assert granted is not None
    granted.shortening = False

    assert lose_place(site, aside, 12.0) == 2


def test_who_drives_and_loses_its_place_may_be_on_ground_beside_its_own() -> None:
    site, grant = driving()
    ours, other = node(site).granted, node(site, "hauler-1")
    assert ours is not None
    other.granted = msgspec.structs.replace(ours, path=beside(ours.path))
    going = held(grant, 20.0)

    site.say("grader-1", beat(site.situation("grader-1", **going)))
    assert site.sent("hauler-1", messages.Shorten) == []
    site.say("grader-1", beat(site.situation("grader-1", **going, pose_error_m=12.0)))
    site.wait(1.0)

    assert len(site.sent("hauler-1", messages.Shorten)) == 1
    alarm = site.scheduler.core.state.alarms["grader-1/conflict"]
    assert "may be on ground granted to hauler-1" in alarm.text

    site.say("grader-1", beat(site.situation("grader-1", **going)))
    assert not alarm.active


def test_a_shortening_that_overtook_its_grant_is_asked_for_again() -> None:
    site, grant = driving(taken=False)
    wake(site, ahead(grant))
    early = shortening(site)
    site.reply("grader-1", early.command, ok=False, reason="authority")
    site.reply("grader-1", grant.command)

    site.say("grader-1", beat(word(site, grant)))

    again = shortening(site)
    assert again.command != early.command
    assert (again.stop_m, again.revision) == (early.stop_m, early.revision)


def test_a_revision_of_a_lost_journal_is_no_answer_to_what_was_asked_since() -> None:
    site, grant = driving()
    near = part_of(grant.path, 12.0, 12.0)[0]
    lost = msgspec.structs.replace(grant, stop_m=18.0, revision=2)
    site.start()
    site.census("excavator-1")
    wake(site, near)
    asked = shortening(site)
    assert (asked.revision, asked.stop_m) == (2, pytest.approx(7.7, abs=0.1))
    site.reply("hauler-1", site.sent("hauler-1", messages.Census)[-1].command)
    site.say("hauler-1", beat(site.situation("hauler-1", x_m=near[0], y_m=near[1])))

    site.say("grader-1", beat(site.situation("grader-1", **held(lost, 1.0))))

    again = shortening(site)
    assert again.revision > asked.revision
    assert again.stop_m <= asked.stop_m


def test_a_machine_that_shows_an_absurd_revision_is_not_followed() -> None:
    site, grant = driving()
    mad = msgspec.structs.replace(grant, revision=2**63 - 1)
    site.say("grader-1", beat(site.situation("grader-1", **held(mad, 1.0))))

    wake(site, ahead(grant))

    assert shortening(site).revision == 2
    site.start()
    assert node(site).granted.revision == 2


def test_a_shortened_authority_ends_clear_of_all_that_the_other_needs_to_leave() -> None:
    site, grant = driving()
    at = ahead(grant)

    wake(site, at)

    stop = part_of(grant.path, 0.0, shortening(site).stop_m)[-1]
    ctx = site.scheduler.core.ctx
    apart_m = sum(ctx.half_width_m(NodeId(name)) for name in ("grader-1", "hauler-1"))
    assert math.dist(stop, at) >= apart_m


def test_who_asks_for_a_way_from_anothers_ground_is_kept_clear_of() -> None:
    # Its request may be heard before the first word that says where it stands.
    site, grant = driving()
    at = ahead(grant)
    lost = site.situation("hauler-1", x_m=None, y_m=None, heading_rad=None)
    site.node_boots[NodeId("hauler-1")] += 1
    site.say("hauler-1", messages.Birth(kind="x", situation=lost))

    request = messages.AuthorityRequest(
        request_no=1, task=TaskId("any"), attempt=1, path=((0.0, 0.0),), x_m=at[0], y_m=at[1]
    )
    site.say("hauler-1", request)

    assert shortening(site).stop_m < grant.stop_m


def test_who_is_back_where_it_was_before_it_was_gone_is_kept_clear_of() -> None:
    site, grant = driving()
    at = ahead(grant)
    other = node(site, "hauler-1")
    other.body = other.met_at = at
    site.wait(site.scheduler.core.ctx.config.lost_after_ns / 1e9 + 1.0)
    assert vouched(site, None)
    assert other.body is None

    wake(site, at)

    assert shortening(site).stop_m < grant.stop_m


def test_whoever_a_person_finds_on_anothers_ground_is_kept_clear_of() -> None:
    site, grant = driving()
    site.wait(site.scheduler.core.ctx.config.lost_after_ns / 1e9 + 1.0)

    assert vouched(site, ahead(grant))

    assert shortening(site).stop_m < grant.stop_m


def vouched(site: Site, at: tuple[float, float] | None) -> bool:
    """Say where hauler-1 stands, once it can't move any more."""
    site.wait(900.0)
    return site.vouch("hauler-1", at).ok


def test_a_shortening_that_the_journal_lost_is_believed() -> None:
    site, grant = driving()
    shorter = msgspec.structs.replace(grant, stop_m=12.0, revision=4)

    site.say("grader-1", beat(site.situation("grader-1", **held(shorter, 1.0))))

    assert node(site).granted.stop_m == 12.0
    assert renewed(site, grant).revision == 4


def test_a_stop_point_that_the_journal_lost_is_believed() -> None:
    site, grant = driving()
    farther = msgspec.structs.replace(grant, stop_m=grant.stop_m + 7.0)

    site.say("grader-1", beat(site.situation("grader-1", **held(farther, 1.0))))

    assert node(site).granted.stop_m == pytest.approx(grant.stop_m + 7.0)
