"""A zone is closed: nobody is granted a way through it, and clear is what is proven."""

from itertools import product

import msgspec
import pytest

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import KeyId, NodeId, TaskId
from lunaredge.scheduler import closures, space
from lunaredge.scheduler.closures import STEPS, ClosureEvent
from lunaredge.scheduler.desk import explained
from lunaredge.scheduler.state import Closure, ClosurePhase, TaskPhase
from lunaredge.wire import messages
from lunaredge.wire.safeguards import CloseRequest, OpenRequest
from tests.scheduler import plain_site
from tests.scheduler.drives import driving, held
from tests.scheduler.locking import lock
from tests.scheduler.replays import replayed
from tests.scheduler.rig import Site

# Grader-1 starts at home, 16, 8, and drives through here to the pad.
WAY = ((16.0, 30.0),)


def close(site: Site, zone: str = "spot", **fields: object) -> messages.Answer:
    named = {"why": "a lander"} | fields
    return site.ask(CloseRequest(request=site.request_id(), zone=zone, **named))


def open_again(site: Site, zone: str = "spot") -> messages.Answer:
    """Go both steps."""
    offered = site.ask(OpenRequest(request=site.request_id(), zone=zone))
    if not offered.code:
        return offered
    return site.ask(OpenRequest(request=site.request_id(), zone=zone, code=offered.code))


def closure(site: Site, zone: str = "spot") -> Closure:
    return site.scheduler.core.state.closures[zone]


def says(site: Site, node: str, **changes: object) -> None:
    word = msgspec.structs.replace(site.situation(node), **changes)
    site.say(node, messages.Heartbeat(situation=word))


def counted() -> Site:
    site = Site()
    site.census()
    return site


# --- the table ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "event"), list(product(ClosurePhase, ClosureEvent)))
def test_what_is_not_in_the_table_raises_and_changes_nothing(
    phase: ClosurePhase, event: ClosureEvent
) -> None:
    site = counted()
    entry = Closure(name="spot", area=((0.0, 0.0),), by=KeyId("x"), why="", since_ns=0, phase=phase)
    before = msgspec.msgpack.encode(entry)

    if (phase, event) in STEPS:
        closures.advance(site.scheduler.core.ctx, entry, event)
        assert entry.phase is STEPS[(phase, event)]
    else:
        with pytest.raises(LocalProtocolError, match=event.value):
            closures.advance(site.scheduler.core.ctx, entry, event)
        assert msgspec.msgpack.encode(entry) == before


def test_nothing_leads_out_of_an_opened_zone() -> None:
    assert all(phase is not ClosurePhase.OPENED for phase, _ in STEPS)


# --- closing ------------------------------------------------------------------------------------


def test_a_zone_that_nobody_is_near_is_clear_at_once() -> None:
    site = counted()

    answer = close(site, "berm")

    assert answer.ok
    assert closure(site, "berm").phase is ClosurePhase.CLEAR
    assert closure(site, "berm").area == plain_site.plain_site().zone("berm").polygon


def test_a_zone_is_not_clear_before_every_machine_is_counted() -> None:
    site = Site()
    site.census("excavator-1", "grader-1", "hauler-1", "dc-1")

    close(site, "berm")
    before = closure(site, "berm").phase, closure(site, "berm").waits
    site.census("grader-2")

    assert before == (ClosurePhase.REQUESTED, ("grader-2 has to be counted",))
    assert closure(site, "berm").phase is ClosurePhase.CLEAR


def test_no_way_is_granted_through_a_closed_zone() -> None:
    site = counted()
    close(site, outline=((32.0, 30.0),), radius_m=4.0)
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.request("grader-1", 1)
    site.solve()

    grant = site.last(messages.Grant)
    area = closure(site).area

    assert not closures.areas.meets_line(area, grant.path, grant.half_width_m)


def test_a_way_that_was_being_planned_is_planned_anew_around_a_zone_closed_meanwhile() -> None:
    site, old = driving()
    site = counted()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.request("grader-1", 1)
    middle = tuple(sum(axis) / 2.0 for axis in zip(old.path[0], old.path[1], strict=True))

    close(site, outline=(middle,), radius_m=3.0)
    site.solve()

    grant = site.last(messages.Grant)
    assert grant.path != old.path
    assert not closures.areas.meets_line(closure(site).area, grant.path, grant.half_width_m)


def test_a_machine_whose_only_way_is_closed_waits_with_its_task() -> None:
    site = counted()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    # Across the whole site, between homes and pad.
    close(site, outline=plain_site.box(0.0, 14.0, 80.0, 4.0))
    for number in range(1, 8):
        site.request("grader-1", number)
        site.solve()
        site.wait(20.0)

    task = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    assert task.phase is TaskPhase.ASSIGNED
    assert not task.recalled
    assert site.last(messages.Defer).reason == "spot is closed"
    assert open_again(site).ok
    site.request("grader-1", 9)
    site.solve()
    assert site.sent("grader-1", messages.Grant)


# --- draining -----------------------------------------------------------------------------------


def across(site: Site, grant: messages.Grant) -> messages.Answer:
    """Close a spot that a granted way leads through and that its machine has not reached."""
    start, end = grant.path[0], grant.path[1]
    middle = (0.5 * (start[0] + end[0]), 0.5 * (start[1] + end[1]))
    return close(site, outline=(middle,), radius_m=3.0)


def test_who_is_to_drive_through_is_asked_to_give_its_way_back() -> None:
    site, grant = driving()

    across(site, grant)

    (cancel,) = site.sent("grader-1", messages.Cancel)
    assert cancel.task == "grade-pad"
    assert closure(site).phase is ClosurePhase.DRAINING
    assert closure(site).waits == ("grader-1 has to leave",)


def test_a_zone_is_clear_when_the_way_through_it_is_given_back_and_not_before() -> None:
    site, grant = driving()
    across(site, grant)

    says(site, "grader-1", **held(grant, 0.0))
    asked = closure(site).phase
    site.report("grader-1", "grade-pad", "cancelled", 2)
    reported = closure(site).phase
    says(site, "grader-1")

    assert (asked, reported) == (ClosurePhase.DRAINING, ClosurePhase.DRAINING)
    assert closure(site).phase is ClosurePhase.CLEAR
    assert site.scheduler.core.state.tasks[TaskId("grade-pad")].people_count == 1


def test_what_people_take_back_never_counts_as_a_failed_attempt() -> None:
    site, grant = driving()
    entry = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    across(site, grant)
    entry.attempt = site.scheduler.config.attempts_max

    site.report("grader-1", "grade-pad", "cancelled", 2)

    assert entry.phase is TaskPhase.QUEUED
    assert entry.reason == "spot is closed: a lander"


def test_silence_never_counts_as_clear() -> None:
    site, grant = driving()
    across(site, grant)

    site.wait(10_000.0)

    assert closure(site).phase is ClosurePhase.DRAINING
    assert closure(site).waits == ("grader-1 has to leave (silent: lost)",)


def test_a_silent_machine_hinders_only_where_its_claim_is() -> None:
    site, _ = driving()
    site.wait(10_000.0)

    close(site, "berm")

    assert closure(site, "berm").phase is ClosurePhase.CLEAR


def test_who_stands_in_a_zone_without_a_task_is_sent_out() -> None:
    site = counted()
    says(site, "hauler-1", x_m=60.0, y_m=40.0)
    site.wait(1.0)

    close(site, outline=((60.0, 40.0),), radius_m=5.0)
    site.solve()
    (park,) = [entry for entry in site.scheduler.core.state.tasks.values() if entry.order == "site"]
    site.reply("hauler-1", site.assignment("hauler-1").command)
    site.request("hauler-1", 1, at=(60.0, 40.0))
    site.solve()

    grant = site.last(messages.Grant)
    assert park.task.stand == (32.0, 8.0)
    assert grant.path[-1] == (32.0, 8.0)
    assert closure(site).phase is ClosurePhase.DRAINING


def test_who_is_on_its_way_out_is_not_called_back() -> None:
    site = counted()
    says(site, "hauler-1", x_m=60.0, y_m=40.0)
    close(site, outline=((60.0, 40.0),), radius_m=5.0)
    site.solve()
    site.request("hauler-1", 1, at=(60.0, 40.0))
    site.solve()
    grant = site.last(messages.Grant)

    site.reply("hauler-1", grant.command)
    task = site.assignment("hauler-1").task
    authority = messages.HeldAuthority(
        id=grant.authority, released_m=1.0, stop_m=grant.stop_m, revision=1, at_stop=False
    )
    driving_out = {"at_rest": False, "authority": authority, "task": task, "attempt": 1}
    says(site, "hauler-1", x_m=60.0, y_m=39.0, **driving_out)

    assert site.sent("hauler-1", messages.Cancel) == []
    assert closure(site).phase is ClosurePhase.DRAINING


def test_a_machine_whose_home_is_closed_is_sent_to_the_rim() -> None:
    site = counted()

    close(site, outline=((32.0, 8.0),), radius_m=5.0)

    stands = [
        entry.task.stand
        for entry in site.scheduler.core.state.tasks.values()
        if entry.order == "site" and "hauler-1" in entry.task.only_on
    ]
    assert len(stands) == 1
    assert not closures.areas.meets_line(closure(site).area, (stands[0],), 2.0)


def test_who_has_to_leave_a_zone_takes_no_other_task_before() -> None:
    site = counted()
    says(site, "grader-1", x_m=60.0, y_m=40.0)
    close(site, outline=((60.0, 40.0),), radius_m=5.0)

    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()

    assert site.assignment("grader-1").task == "park-1"
    refusals = site.scheduler.core.state.tasks[TaskId("grade-pad")].refusals
    assert any(one.detail == "has to leave spot, which is closed" for one in refusals)


def test_a_trip_out_that_has_not_begun_is_called_off_when_the_zone_is_opened() -> None:
    site = counted()
    close(site, outline=((32.0, 8.0),), radius_m=5.0)
    trips = [entry for entry in site.scheduler.core.state.tasks.values() if entry.order == "site"]

    open_again(site)

    assert trips
    assert {entry.phase for entry in trips} == {TaskPhase.CANCELLED}


def test_a_locked_out_machine_in_a_zone_keeps_it_from_being_clear_and_is_named() -> None:
    site = counted()
    lock(site)

    close(site, outline=((32.0, 8.0),), radius_m=5.0)

    assert any(
        wait.startswith("hauler-1 has to leave (NOT SAFE YET") and "tag of operator-mari" in wait
        for wait in closure(site).waits
    )


def test_an_area_for_driving_by_hand_keeps_a_zone_from_being_clear() -> None:
    site = counted()
    lock(site, radius_m=6.0)

    close(site, outline=((32.0, 17.0),), radius_m=4.0)

    assert closure(site).phase is ClosurePhase.DRAINING


# --- clear, and not any more --------------------------------------------------------------------


def test_clear_is_withdrawn_with_an_alarm_when_a_machine_is_seen_inside() -> None:
    site = counted()
    close(site, outline=((60.0, 40.0),), radius_m=5.0)
    before = closure(site).phase

    says(site, "hauler-1", x_m=60.0, y_m=40.0, at_rest=False)

    alarm = site.scheduler.core.state.alarms["site/not_clear.spot"]
    assert before is ClosurePhase.CLEAR
    assert closure(site).phase is ClosurePhase.DRAINING
    assert alarm.active
    assert alarm.text == "spot is NOT CLEAR any more: hauler-1 has to leave"
    says(site, "hauler-1")
    assert closure(site).phase is ClosurePhase.CLEAR
    assert not alarm.active


def test_a_new_leader_proves_anew_that_a_zone_is_clear() -> None:
    site = counted()
    close(site, "berm")

    site.start()
    restarted = closure(site, "berm").phase
    site.census()

    assert restarted is ClosurePhase.REQUESTED
    assert closure(site, "berm").phase is ClosurePhase.CLEAR


# --- work in the zone ---------------------------------------------------------------------------


def test_work_in_a_closed_zone_waits_and_explain_says_why() -> None:
    site = counted()
    close(site, "pad")

    site.submit(plain_site.order(plain_site.grade()))
    site.solve()

    ctx = site.scheduler.core.ctx
    assert site.scheduler.core.state.tasks[TaskId("grade-pad")].phase is TaskPhase.QUEUED
    assert explained(ctx, TaskId("grade-pad")).text.startswith("grade-pad waits: pad is closed")
    open_again(site, "pad")
    site.wait(61.0)
    site.solve()
    assert site.scheduler.core.state.tasks[TaskId("grade-pad")].phase is TaskPhase.ASSIGNED


def test_other_work_goes_on_while_a_zone_is_closed() -> None:
    site = counted()
    close(site, "berm")

    site.submit(plain_site.order(plain_site.grade()))
    site.solve()

    assert site.scheduler.core.state.tasks[TaskId("grade-pad")].phase is TaskPhase.ASSIGNED


# --- opening ------------------------------------------------------------------------------------


def test_a_zone_is_opened_in_two_steps() -> None:
    site = counted()
    close(site, "berm")

    guessed = site.ask(OpenRequest(request="g", zone="berm", code="000000"))
    still = closure(site, "berm").phase
    answer = open_again(site, "berm")

    assert not guessed.ok
    assert still is ClosurePhase.CLEAR
    assert answer.text == "berm is open"
    assert closure(site, "berm").phase is ClosurePhase.OPENED
    others = space.claims_of_others(site.scheduler.core.ctx, NodeId("hauler-1"))
    assert not any(chain.zone for chain in others)


def test_a_code_for_an_earlier_closure_opens_no_later_one() -> None:
    site = counted()
    close(site, "berm")
    offered = site.ask(OpenRequest(request="first", zone="berm"))
    code = offered.text.split("code ")[1].split()[0]
    open_again(site, "berm")
    site.wait(1.0)
    close(site, "berm")

    answer = site.ask(OpenRequest(request="late", zone="berm", code=code))

    assert not answer.ok
    assert closure(site, "berm").phase is ClosurePhase.CLEAR


@pytest.mark.parametrize(
    ("zone", "fields", "said"),
    [
        ("nowhere", {}, "the site has no zone nowhere"),
        ("pad", {"outline": WAY, "radius_m": 3.0}, "pad is a zone of the site"),
        ("spot", {"outline": WAY, "radius_m": 0.0}, "the radius is 0 m"),
        ("spot", {"outline": WAY, "radius_m": 1e9}, "the radius is 1e+09 m"),
        ("spot", {"outline": ((0.0, 0.0), (1.0, 1.0))}, "give 3 to"),
        ("nowhere", {}, "name one of its own (pad, pit, pile, berm, crater), or give corners"),
        ("", {}, "'' is no zone's name; give 1 to 40 lower-case letters"),
        ("x" * 41, {}, "1 to 40 lower-case letters"),
        ("Pad North", {}, "'Pad North' is no zone's name; give 1 to 40 lower-case letters"),
    ],
)
def test_what_is_no_zone_is_refused_with_a_way_on(
    zone: str, fields: dict[str, object], said: str
) -> None:
    site = counted()

    answer = close(site, zone, **fields)

    assert not answer.ok
    assert said in answer.text
    assert site.scheduler.core.state.closures == {}


def test_opened_zones_are_forgotten_in_time() -> None:
    site = counted()

    for number in range(40):
        close(site, f"spot-{number}", outline=((60.0, 40.0),), radius_m=2.0)
        open_again(site, f"spot-{number}")

    assert len(site.scheduler.core.state.closures) <= closures.OPENED_MAX + 1


# --- for people ---------------------------------------------------------------------------------


def test_closures_have_a_view_and_an_alarm() -> None:
    site, grant = driving()
    across(site, grant)
    site.wait(2.0)

    view = next(v for _, v in reversed(site.published) if getattr(v, "name", "") == "closures")
    (row,) = msgspec.json.decode(view.rows)

    assert (row["zone"], row["phase"], row["by"]) == ("spot", "draining", "operator-mari")
    assert row["waits_for"] == "grader-1 has to leave"
    assert site.scheduler.core.state.alarms["site/closure.spot"].active


def test_the_journal_replays_closures_exactly() -> None:
    site, grant = driving()
    across(site, grant)
    site.report("grader-1", "grade-pad", "cancelled", 2)
    says(site, "grader-1")
    site.solve()
    open_again(site)

    assert replayed(site, list(site.rows())).digest() == site.scheduler.digest()
