"""Hauler-1 is locked out: it is nobody's but the people's whose tags hang on it."""

import pytest

from lunaredge.ids import ClientId, NodeId, TaskId
from lunaredge.model.site import Point
from lunaredge.scheduler import space
from lunaredge.scheduler.claims import census_missing
from lunaredge.scheduler.inputs import Asked
from lunaredge.scheduler.paths import check_route
from lunaredge.scheduler.state import LockPhase, TaskPhase
from lunaredge.wire import messages
from lunaredge.wire.safeguards import CloseRequest, LockOut, LockOutRequest, Unlock
from lunaredge.wire.seal import Role
from tests.scheduler import plain_site
from tests.scheduler.drives import driving, held, requesting
from tests.scheduler.locking import (
    BEN,
    CAT,
    HAULER,
    lock,
    locked,
    node,
    obey,
    release,
    staffed,
    step,
    tags,
    word,
)
from tests.scheduler.replays import replayed
from tests.scheduler.rig import Site

HOME: Point = (32.0, 8.0)


def hauling(site: Site) -> None:
    """Submit a task that only hauler-1 can do."""
    haul = plain_site.task(
        "carry",
        plain_site.TaskKind.HAUL,
        pile="pile",
        to_pile="berm",
        stand=(71.0, 22.0),
        to_stand=(57.0, 62.0),
    )
    answer = site.submit(plain_site.order(haul))
    assert answer.ok, answer.text


def test_no_task_is_placed_on_a_locked_machine_and_explain_says_who_locked_it() -> None:
    site = locked()

    hauling(site)
    site.solve()

    task = site.scheduler.core.state.tasks[TaskId("carry")]
    assert task.phase is TaskPhase.QUEUED
    said = [refusal for refusal in task.refusals if refusal.node == HAULER]
    assert said[0].constraint.value == "locked_out"
    assert said[0].detail == "locked out by operator-mari: to change a track"


def test_a_machine_may_be_touched_only_when_it_has_confirmed_at_rest() -> None:
    site = staffed(Site())
    site.census()

    lock(site)
    asked = node(site).lockout.phase
    obey(site, at_rest=False)
    moving = node(site).lockout.phase, node(site).lockout.waits
    obey(site)

    assert asked is LockPhase.DRAINING
    assert moving == (LockPhase.DRAINING, ("hauler-1 has to come to rest",))
    assert node(site).lockout.phase is LockPhase.LOCKED


def test_the_task_of_a_locked_machine_is_taken_back_and_is_no_failed_attempt() -> None:
    site, grant = driving()
    staffed(site)
    site.census("excavator-1", "grader-2", "hauler-1", "dc-1")
    word(site, "grader-1", **held(grant, 0.0))

    lock(site, "grader-1")
    (cancel,) = site.sent("grader-1", messages.Cancel)
    site.reply("grader-1", cancel.command)
    site.report("grader-1", "grade-pad", "cancelled", 2)

    task = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    assert task.phase is TaskPhase.QUEUED
    assert task.reason == "grader-1 is locked out by operator-mari"
    assert task.people_count == 1


def test_a_locked_machine_gets_no_more_time_on_its_authority() -> None:
    site, grant = driving()
    lock(site, "grader-1")

    site.say("grader-1", messages.AuthorityRenewal(request_no=2, authority=grant.authority))

    assert site.sent("grader-1", messages.Renew) == []


def test_a_way_that_was_being_planned_is_not_granted_to_a_locked_machine() -> None:
    site = requesting()
    lock(site, "grader-1")

    site.solve()

    assert site.sent("grader-1", messages.Grant) == []
    assert node(site, "grader-1").granted is None


def test_an_authority_that_is_not_given_back_keeps_a_lock_out_from_being_safe() -> None:
    site, grant = driving()

    lock(site, "grader-1")
    obey(site, "grader-1", **held(grant, 0.0))

    lockout = node(site, "grader-1").lockout
    assert lockout.phase is LockPhase.DRAINING
    assert "grader-1 has to give its authority back" in lockout.waits


def test_a_second_tag_leaves_the_first_as_it_is() -> None:
    site = locked(radius_m=6.0)
    (first,) = node(site).lockout.tags.values()

    assert lock(site, by=BEN).ok

    kept, added = node(site).lockout.tags.values()
    assert kept is first
    assert added.by == "operator-ben"
    assert space.claim(site.scheduler.core.ctx, node(site))[-1].points == first.area


def test_a_tag_that_comes_off_is_not_hung_again_by_a_word_ahead_of_the_answer() -> None:
    site = locked()
    release(site)

    word(site)

    assert site.sent(HAULER, LockOut)[1:] == []
    assert node(site).lockout is not None


def test_who_hung_a_tag_from_earth_takes_it_off_alone() -> None:
    site = staffed(Site())
    site.census()
    assert lock(site, by=site.earth).ok
    obey(site)

    assert release(site, site.earth).ok
    obey(site)

    assert node(site).lockout is None


def test_every_person_has_a_tag_and_the_last_one_sets_the_machine_free() -> None:
    site = locked()
    assert lock(site, by=BEN).ok
    obey(site)

    first = release(site)
    obey(site)
    between = node(site).lockout.phase
    release(site, BEN)
    obey(site)

    assert first.text == "operator-mari's tag is off hauler-1; locked out still by operator-ben"
    assert between is LockPhase.LOCKED
    assert node(site).lockout is None


def test_one_person_hangs_one_tag() -> None:
    site = locked()

    again = lock(site)

    assert not again.ok
    assert again.text == (
        "your tag hangs on hauler-1 already: locked out by operator-mari: to change a track"
    )
    assert len(tags(site)) == 1


def test_another_can_not_take_a_tag_off_alone_but_two_others_can() -> None:
    site = locked()

    alone = release(site, BEN)
    again = step(site, BEN)
    hung = tags(site)
    second = release(site, CAT)

    noted = "noted: operator-mari's tag comes off when one more operator says so within the hour"
    assert alone.text == noted
    assert not again.ok
    assert len(hung) == 1
    assert second.text.startswith("operator-mari's tag is off hauler-1")
    assert tags(site) == ()


def test_earth_does_not_count_as_one_of_two_others() -> None:
    site = locked()

    answer = step(site, site.earth)

    assert not answer.ok
    assert "2 operators of the site other than operator-mari" in answer.text


@pytest.mark.parametrize("wrong", ["guess", "another's", "twice"])
def test_the_code_of_a_release_is_good_for_one_person_once(wrong: str) -> None:
    site = locked()
    code = step(site).text.split("code ")[1].split()[0]
    by = None
    if wrong == "guess":
        code = "000000"
    elif wrong == "another's":
        step(site, BEN)
        by = BEN
    else:
        step(site, code=code)
        lock(site)

    answer = step(site, by, code=code)

    assert not answer.ok


def test_after_its_release_a_machine_is_planned_only_by_its_own_word_at_rest() -> None:
    site = locked()
    hauling(site)
    site.solve()

    release(site)
    returning = node(site).lockout.phase
    word(site)
    early = node(site).lockout
    obey(site, at_rest=False)
    moving = node(site).lockout
    obey(site, x_m=30.0, y_m=14.0)
    site.solve()

    assert returning is LockPhase.RETURNING
    assert early is not None
    assert moving is not None
    assert node(site).lockout is None
    assert node(site).body == (30.0, 14.0)
    assert node(site).task == "carry"


def test_a_locked_machine_stays_where_it_is_for_everybody_else() -> None:
    site = locked()

    others = space.claims_of_others(site.scheduler.core.ctx, NodeId("grader-1"))

    assert any(chain.owner == HAULER and HOME in chain.points for chain in others)


def test_a_lock_out_outlives_the_scheduler() -> None:
    site = locked()

    site.start()
    site.census("excavator-1", "grader-1", "grader-2", "dc-1")
    site.say(HAULER, messages.Birth(kind="x", situation=said(site)))
    before = node(site).lockout
    assert before.phase is LockPhase.DRAINING
    assert before.waits == ("hauler-1 has to be counted",)
    site.reply(HAULER, site.sent(HAULER, messages.Census)[-1].command)
    word(site)

    lockout = node(site).lockout
    assert [tag.by for tag in lockout.tags.values()] == ["operator-mari"]
    assert lockout.phase is LockPhase.LOCKED


def said(site: Site) -> messages.Situation:
    return site.situation(HAULER, locks=tags(site))


def test_a_person_may_vouch_for_a_locked_machine_without_power() -> None:
    site = locked()
    site.start()
    site.census("excavator-1", "grader-1", "grader-2", "dc-1")
    site.wait(1_000.0)

    assert site.vouch(HAULER, HOME).ok

    assert node(site).lockout.phase is LockPhase.LOCKED


def test_the_journal_replays_a_lock_out_exactly() -> None:
    site = locked(radius_m=5.0)
    release(site, BEN)

    assert replayed(site, list(site.rows())).digest() == site.scheduler.digest()


def test_a_tag_that_this_journal_does_not_know_is_kept_and_can_be_taken_off_by_its_owner() -> None:
    site = staffed(Site())
    site.census()

    word(site, locks=("operator-ben/lockout-9-3",))
    kept = [tag.by for tag in node(site).lockout.tags.values()]
    answer = release(site, BEN)

    assert kept == ["operator-ben"]
    assert answer.ok
    assert site.sent(HAULER, Unlock)[-1].tag == "operator-ben/lockout-9-3"


def test_a_manual_tag_that_this_journal_does_not_know_stops_all_grants() -> None:
    site = staffed(Site())
    site.census()

    word(site, locks=("operator-ben/manual-9-3",))

    assert census_missing(site.scheduler.core.ctx) == [HAULER]


def test_a_machine_that_lost_its_tag_is_told_again_and_is_not_safe_meanwhile() -> None:
    site = locked()
    told = len(site.sent(HAULER, LockOut))

    word(site, locks=())
    site.wait(1.0)

    assert len(site.sent(HAULER, LockOut)) == told + 1
    assert node(site).lockout.phase is LockPhase.DRAINING


def test_an_unconfirmed_lock_out_can_be_taken_back() -> None:
    site = staffed(Site())
    site.census()
    lock(site)

    release(site)
    obey(site)

    assert node(site).lockout is None


def test_a_lock_out_is_shown_in_the_nodes_and_the_alarms() -> None:
    site = locked()

    site.wait(2.0)

    view = next(v for _, v in reversed(site.published) if getattr(v, "name", "") == "nodes")
    assert b'"phase":"locked"' in view.rows
    assert b"locked out by operator-mari: to change a track" in view.rows
    alarm = site.scheduler.core.state.alarms["hauler-1/lockout"]
    assert alarm.active


def test_a_computer_is_not_locked_out() -> None:
    site = staffed(Site())
    site.census()

    assert lock(site, "dc-1").text == "dc-1 is no machine; hold it instead"


# --- driving by hand --------------------------------------------------------------------------


def manual(radius_m: float = 6.0) -> Site:
    return locked(radius_m=radius_m)


def test_the_area_for_driving_by_hand_is_part_of_the_machine_s_claim() -> None:
    site = manual()

    chains = space.claim(site.scheduler.core.ctx, node(site))

    area = next(chain for chain in chains if chain.closed)
    assert len(area.points) == 24
    assert area.owner == HAULER


def test_no_route_leads_through_the_area_of_another() -> None:
    site = manual(radius_m=4.0)
    ctx = site.scheduler.core.ctx
    others = space.claims_of_others(ctx, NodeId("excavator-1"))

    through = check_route(ctx.ground, ((8.0, 13.0), (60.0, 13.0)), 2.0, 15.0, others)
    beside = check_route(ctx.ground, ((8.0, 16.0), (60.0, 16.0)), 2.0, 15.0, others)

    assert through is not None
    assert through.owner == HAULER
    assert beside is None


def test_an_area_in_which_another_may_be_is_drained_first() -> None:
    site = staffed(Site())
    site.census()
    word(site, x_m=32.0, y_m=30.0)
    word(site, "grader-2", x_m=32.0, y_m=20.0)

    lock(site, radius_m=9.0)
    obey(site, x_m=32.0, y_m=30.0)
    draining = node(site).lockout.phase, node(site).lockout.waits
    word(site, "grader-2")

    assert draining == (LockPhase.DRAINING, ("grader-2 has to leave the area",))
    assert node(site).lockout.phase is LockPhase.LOCKED


def test_an_area_must_be_inside_the_site_and_hold_the_machine() -> None:
    site = staffed(Site())
    site.census()

    too_wide = lock(site, radius_m=40.0)
    elsewhere = lock(site, outline=plain_site.box(50.0, 50.0, 10.0, 10.0))
    crossed = lock(site, outline=((30.0, 5.0), (34.0, 11.0), (34.0, 5.0), (30.0, 11.0)))

    assert "not inside the site's boundary" in too_wide.text
    assert "stands at 32.0, 8.0, not wholly inside" in elsewhere.text
    assert "touches itself" in crossed.text
    assert node(site).lockout is None


def test_a_driving_machine_must_stand_before_its_area_is_known() -> None:
    site, _ = driving()

    answer = lock(site, "grader-1", radius_m=5.0)

    assert not answer.ok
    assert answer.text == "grader-1 is not known to stand; lock it out first, then ask again"


def test_a_machine_driven_out_of_its_area_raises_an_alarm_and_is_blocked_there() -> None:
    site = manual(radius_m=4.0)

    obey(site, x_m=32.0, y_m=30.0, at_rest=False)
    alarms = site.scheduler.core.state.alarms
    out = alarms["hauler-1/lockout.astray"].active
    place = node(site).body
    obey(site, x_m=32.0, y_m=9.0)

    assert out
    assert place == (32.0, 30.0)
    assert not alarms["hauler-1/lockout.astray"].active


def test_the_area_is_free_again_only_by_the_machine_s_own_word() -> None:
    site = manual(radius_m=6.0)
    release(site)
    site.wait(5_000.0)
    silent = [chain for chain in space.claim(site.scheduler.core.ctx, node(site)) if chain.closed]

    obey(site)

    assert silent
    assert not any(chain.closed for chain in space.claim(site.scheduler.core.ctx, node(site)))


def apply_second_tag(site: Site) -> None:
    """Apply the request alone: a tick, or an answer, would look at everything once more."""
    request = LockOutRequest(
        request="b",
        node=NodeId(HAULER),
        why="to drive it",
        radius_m=5.0,
        code=lock(site, radius_m=5.0).code,
    )
    key = site.operator.key_id
    asked = Asked(client=ClientId("mari"), key=key, role=Role.OPERATOR, body=request)
    site.scheduler.core.apply(asked, site.now_ns)


def test_a_second_tag_tells_at_once_all_that_is_missing() -> None:
    site = locked()
    node(site, "grader-1").body = (32.0, 14.0)

    apply_second_tag(site)

    waits = node(site).lockout.waits
    assert waits == ("hauler-1 has to confirm", "grader-1 has to leave the area")


def test_a_closed_zone_tells_at_once_that_a_machine_in_it_is_not_safe_yet() -> None:
    site = locked()
    close = CloseRequest(request="c", zone="rim", why="a lander", outline=(HOME,), radius_m=4.0)
    assert site.ask(close).ok

    apply_second_tag(site)

    (told,) = site.scheduler.core.state.closures["rim"].waits
    assert told.startswith("hauler-1 has to leave (NOT SAFE YET (hauler-1 has to confirm)")
