"""Machines that are found somewhere a second time, in another order, on the move, or at a gate."""

import math

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m, part_of
from lunaredge.scheduler import space
from lunaredge.scheduler.claims import census_missing
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.drives import beat, blocked_m, driving, held, led_off, renewed
from tests.scheduler.rig import Site
from tests.scheduler.test_conflicts import node, wake
from tests.scheduler.test_reach import through_gate

HAULER = "hauler-1"


def drive_off(site: Site, start: tuple[float, float]) -> messages.Grant:
    """Hauler-1 drives from there to where it gives the place back."""
    haul = plain_site.task(
        "haul",
        plain_site.TaskKind.HAUL,
        pile="pit",
        stand=(59.0, 18.0),
        to_pile="berm",
        to_stand=(59.0, 58.0),
    )
    assert site.submit(plain_site.order(haul, name="h")).ok
    site.solve()
    site.reply(HAULER, site.assignment(HAULER).command)
    site.report(HAULER, "haul", "accepted", 1)
    site.request(HAULER, 1, at=start)
    site.solve()
    grant = site.last(messages.Grant)
    site.reply(HAULER, grant.command)
    under_way = held(grant, grant.stop_m - 3.0) | {"task": "haul"}
    site.say(HAULER, beat(site.situation(HAULER, **under_way)))
    return grant


def on_its_way() -> tuple[float, float]:
    """A place on the way that grader-1 gets."""
    _, grant = driving()
    return part_of(grant.path, 20.0, math.inf)[0]


def test_who_comes_back_to_where_it_stood_is_kept_clear_of_anew() -> None:
    place = on_its_way()
    site = Site()
    site.census()
    site.say(HAULER, beat(site.situation(HAULER, x_m=place[0], y_m=place[1])))
    drive_off(site, place)
    grant = led_off(site)
    site.reply("grader-1", grant.command)
    assert blocked_m(site, place) < 0.0

    site.say(HAULER, beat(site.situation(HAULER, x_m=place[0], y_m=place[1], task="haul")))
    site.wait(1.0)

    (shorten,) = site.sent("grader-1", messages.Shorten)
    assert math.dist(part_of(grant.path, shorten.stop_m, math.inf)[0], place) > 4.0
    assert site.scheduler.core.state.alarms[f"{HAULER}/conflict"].active


def on_an_older_image() -> tuple[Site, messages.Grant, tuple[float, float]]:
    """Give a site whose image is older than grader-1's stop point, and a place before that."""
    site, grant = driving()
    place = part_of(grant.path, grant.stop_m + 12.0, math.inf)[0]
    return site, grant, place


def tells_of_its_stop_point(site: Site, grant: messages.Grant) -> None:
    lost = msgspec.structs.replace(grant, stop_m=grant.stop_m + 25.0)
    site.say("grader-1", beat(site.situation("grader-1", **held(lost, 1.0))))


def count(site: Site, place: tuple[float, float]) -> None:
    site.reply(HAULER, site.sent(HAULER, messages.Census)[-1].command)
    site.say(HAULER, beat(site.situation(HAULER, x_m=place[0], y_m=place[1])))
    site.wait(1.0)


def is_stopped_short(site: Site, grant: messages.Grant) -> bool:
    (shorten,) = site.sent("grader-1", messages.Shorten)
    return shorten.stop_m < grant.stop_m + 12.0 - 4.0


def test_who_told_this_leader_where_it_is_need_not_be_counted_to_be_kept_clear_of() -> None:
    site, grant, place = on_an_older_image()
    site.start()
    site.census("excavator-1", "grader-2", "dc-1")
    wake(site, place)

    tells_of_its_stop_point(site, grant)
    site.wait(1.0)

    assert census_missing(site.scheduler.core.ctx) == [HAULER]
    assert is_stopped_short(site, grant)


def test_who_told_an_earlier_leader_only_is_kept_clear_of_when_it_is_counted() -> None:
    site, grant, place = on_an_older_image()
    wake(site, place)
    site.wait(1.0)
    site.start()
    site.census("excavator-1", "grader-2", "dc-1")
    tells_of_its_stop_point(site, grant)
    site.wait(1.0)
    assert site.sent("grader-1", messages.Shorten) == []

    count(site, place)

    assert census_missing(site.scheduler.core.ctx) == []
    assert is_stopped_short(site, grant)


def test_who_told_an_earlier_leader_only_is_kept_clear_of_when_it_is_vouched_for() -> None:
    site, grant, place = on_an_older_image()
    wake(site, place)
    site.wait(1.0)
    site.start()
    site.census("excavator-1", "grader-2", "dc-1")
    tells_of_its_stop_point(site, grant)
    site.wait(1_000.0)
    assert site.sent("grader-1", messages.Shorten) == []

    assert site.vouch(HAULER, place).ok
    site.wait(1.0)

    assert is_stopped_short(site, grant)


def test_whoever_was_vouched_for_before_the_other_was_counted_is_kept_clear_of() -> None:
    site, grant, place = on_an_older_image()
    site.wait(1.0)
    site.start()
    site.census("excavator-1", "grader-2", "dc-1")
    site.wait(1_000.0)
    assert site.vouch(HAULER, place).ok

    tells_of_its_stop_point(site, grant)
    site.reply("grader-1", site.sent("grader-1", messages.Census)[-1].command)
    tells_of_its_stop_point(site, grant)
    site.wait(1.0)

    assert is_stopped_short(site, grant)


def rolling(site: Site, place: tuple[float, float], **changes: object) -> None:
    """Hauler-1 is pushed or towed, and says so."""
    word = site.situation(HAULER, x_m=place[0], y_m=place[1], at_rest=False)
    site.say(HAULER, beat(msgspec.structs.replace(word, **changes)))


def test_a_machine_that_rolls_without_authority_takes_ground_where_it_is_and_where_it_was() -> None:
    site = Site()
    site.census()
    before = node(site, HAULER).body

    rolling(site, (50.0, 40.0), pose_error_m=3.0)

    claim = space.claim(site.scheduler.core.ctx, node(site, HAULER))
    width_m = site.scheduler.core.ctx.half_width_m(NodeId(HAULER))
    assert [chain.points for chain in claim] == [(before,), ((50.0, 40.0),)]
    assert min(chain.half_width_m for chain in claim) > width_m + 2.0

    site.say(HAULER, beat(site.situation(HAULER, x_m=51.0, y_m=40.0)))
    claim = space.claim(site.scheduler.core.ctx, node(site, HAULER))
    assert [chain.points for chain in claim] == [((51.0, 40.0),)]


def test_nobody_is_led_on_over_a_machine_that_rolls_there() -> None:
    site, grant = driving()
    rolling(site, part_of(grant.path, grant.stop_m + 10.0, math.inf)[0])

    site.say("grader-1", beat(site.situation("grader-1", **held(grant, 20.0))))

    assert renewed(site, grant).stop_m < grant.stop_m + 10.0 - 4.0


def test_an_authority_is_shortened_before_a_machine_that_rolls_onto_its_ground() -> None:
    site, grant = driving()

    rolling(site, part_of(grant.path, 20.0, math.inf)[0])
    site.wait(1.0)

    (shorten,) = site.sent("grader-1", messages.Shorten)
    assert shorten.stop_m < 20.0 - 4.0


def test_a_person_who_has_looked_knows_better_than_the_last_word_how_far_off_a_machine_is() -> None:
    site = Site()
    site.census()
    site.say(HAULER, beat(site.situation(HAULER, pose_error_m=200.0)))
    ctx = site.scheduler.core.ctx
    lost_m = space.claim(ctx, node(site, HAULER))[0].half_width_m

    node(site, HAULER).vouched = True

    assert lost_m > 200.0
    assert space.claim(ctx, node(site, HAULER))[0].half_width_m < 5.0


# --- gates ---------------------------------------------------------------------------------------


def at_the_gate() -> tuple[Site, messages.Grant]:
    """Grader-1 has been granted the way through the gate, from station 27.6 to 42.4."""
    site, grant = driving()
    way = through_gate(site)
    way.id, way.stop_m, way.taken, way.half_width_m = grant.authority, 60.0, True, 2.0
    node(site).granted = way
    return site, msgspec.structs.replace(grant, stop_m=60.0, path=way.path)


@pytest.mark.parametrize("released_m", [0.0, 30.0], ids=["not entered", "entered"])
def test_no_shortening_ends_in_a_gate_that_is_not_entered_yet(released_m: float) -> None:
    site, grant = at_the_gate()
    ((enter_m, leave_m),) = node(site).granted.sections
    site.say("grader-1", beat(site.situation("grader-1", **held(grant, released_m))))

    wake(site, (56.0, 20.0))
    site.wait(1.0)

    stop_m = site.sent("grader-1", messages.Shorten)[-1].stop_m
    assert stop_m == enter_m if released_m < enter_m else enter_m < stop_m < leave_m


@pytest.mark.parametrize("released_m", [26.0, 28.5])
def test_the_way_back_out_of_a_gate_is_kept_whatever_was_heard_last_before(
    released_m: float,
) -> None:
    site, grant = at_the_gate()
    ((enter_m, _),) = node(site).granted.sections
    site.say("grader-1", beat(site.situation("grader-1", **held(grant, released_m))))

    site.say("grader-1", beat(site.situation("grader-1", x_m=46.0, y_m=20.0)))

    way = node(site).retreat
    assert way[0] == pytest.approx((10.0 + enter_m, 20.0))
    assert way[-1] == pytest.approx((46.0, 20.0))
    assert length_m(way) == pytest.approx(36.0 - enter_m)


def test_who_was_carried_off_its_way_keeps_no_way_back_to_there() -> None:
    site, grant = at_the_gate()
    site.say("grader-1", beat(site.situation("grader-1", **held(grant, 26.0))))

    site.say("grader-1", beat(site.situation("grader-1", x_m=46.0, y_m=40.0)))

    assert node(site).retreat == ()
