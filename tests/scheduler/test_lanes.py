"""A wall across the plain with one gap in it, and a machine that stands in the gap."""

import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.site import Point, Zone, ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler import views
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.lanes import CUT_OFF, STUCK_NS
from lunaredge.scheduler.standoff import DEFERRALS_MIN
from lunaredge.scheduler.state import Lane, NodeEntry, TaskEntry, TaskPhase
from lunaredge.units import s_from_ns
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.plain_site import box
from tests.scheduler.replays import replayed
from tests.scheduler.rig import Site

IN_THE_GAP: Point = (50.0, 40.0)
BEFORE_IT: Point = (30.0, 40.0)
IN_THE_OPEN: Point = (40.0, 45.0)
BEYOND: Point = (63.0, 42.0)
HOME: Point = (16.0, 8.0)
OTHERS = ("excavator-1", "hauler-1", "dc-1")


def walled() -> Site:
    """The plain with a wall, whose gap lets one machine through and no two."""
    site = plain_site.plain_site()
    zones = (
        Zone(name="wall-south", kind=ZoneKind.KEEP_OUT, polygon=box(48, 2, 4, 33)),
        Zone(name="wall-north", kind=ZoneKind.KEEP_OUT, polygon=box(48, 45, 4, 33)),
        Zone(name="far", kind=ZoneKind.WORK, polygon=box(60, 38, 8, 8)),
    )
    return Site(msgspec.structs.replace(site, zones=(*site.zones, *zones)))


def heartbeat(site: Site, name: str, at: Point | None = None, **changes: object) -> None:
    """Have a machine say where it stands."""
    if at is not None:
        changes |= {"x_m": at[0], "y_m": at[1]}
    site.say(name, messages.Heartbeat(situation=site.situation(name, **changes)))


def hear_others(site: Site) -> None:
    for name in OTHERS:
        heartbeat(site, name)


def node(site: Site, name: str) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def task(site: Site, name: str) -> TaskEntry:
    return site.scheduler.core.state.tasks[TaskId(name)]


def alarm(site: Site, name: str = "grader-2") -> AlarmEntry | None:
    return site.scheduler.core.state.alarms.get(f"{name}/lane.closed")


def is_closed(site: Site, name: str = "grader-2") -> bool:
    entry = alarm(site, name)
    return entry is not None and entry.active


def give_far_work(site: Site) -> None:
    """Give grader-1 work beyond the wall."""
    site.submit(
        plain_site.order(
            plain_site.task(
                "far-1", TaskKind.GRADE, zone="far", only_on=(NodeId("grader-1"),), priority=3
            )
        )
    )
    site.solve()
    take_up(site, "far-1", 1)


def take_up(site: Site, name: str, seq: int) -> None:
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", name, "accepted", seq)


def silent_at(place: Point) -> Site:
    """Grader-2 stands there and is not heard any more; grader-1 has work beyond the wall."""
    site = walled()
    site.census()
    give_far_work(site)
    heartbeat(site, "grader-2", place)
    for _ in range(2):
        site.wait(65.0)
        heartbeat(site, "grader-1", BEFORE_IT, task=TaskId("far-1"), attempt=1)
        hear_others(site)
    assert node(site, "grader-2").presence.value == "lost"
    return site


def ask(site: Site, times: int = 1, at: Point = BEFORE_IT) -> None:
    """Have grader-1 ask for its way, so often as it is refused."""
    assign = site.assignment("grader-1")
    for _ in range(times):
        request = messages.AuthorityRequest(
            request_no=node(site, "grader-1").request_no + 1,
            task=assign.task,
            attempt=assign.attempt,
            path=assign.legs[0].path,
            x_m=at[0],
            y_m=at[1],
        )
        site.say("grader-1", request)
        site.solve()


def found(site: Site) -> Site:
    """Grader-1 has asked in vain, and has given its task back."""
    ask(site, DEFERRALS_MIN)
    site.report("grader-1", "far-1", "cancelled", 2)
    heartbeat(site, "grader-1", BEFORE_IT)
    site.wait(1.0)
    site.solve()
    return site


def explain(site: Site, name: str) -> str:
    return site.ask(messages.Explain(request=site.request_id(), task=TaskId(name))).text


def test_a_silent_machine_in_the_only_way_raises_an_alarm_that_says_what_it_cuts_off() -> None:
    site = silent_at(IN_THE_GAP)

    ask(site, DEFERRALS_MIN)

    entry = alarm(site)
    assert entry is not None
    assert entry.active
    assert entry.text == "not heard; closes the only way to far at 50.0, 40.0: cuts off far-1"
    assert node(site, "grader-1").wait_reason == "cut off by grader-2 (not heard)"


def test_a_machine_that_is_refused_once_or_twice_waits() -> None:
    site = silent_at(IN_THE_GAP)

    ask(site, DEFERRALS_MIN - 1)
    site.wait(1.0)

    assert alarm(site) is None
    assert not site.sent("grader-1", messages.Cancel)


def test_a_machine_that_was_held_just_now_closes_nothing_yet() -> None:
    site = silent_at(IN_THE_GAP)
    heartbeat(site, "grader-2", IN_THE_GAP)
    ask(site, DEFERRALS_MIN)
    hold = messages.HoldRequest(request="h", node=NodeId("grader-2"), hold=True)
    site.ask(hold)

    ask(site, DEFERRALS_MIN - 1)
    at_first = is_closed(site)
    ask(site)

    assert not at_first
    assert is_closed(site)


def test_a_task_that_is_cut_off_goes_back_and_is_no_failed_attempt() -> None:
    site = silent_at(IN_THE_GAP)

    found(site)

    assert task(site, "far-1").phase is TaskPhase.QUEUED
    assert (task(site, "far-1").attempt, task(site, "far-1").cut_off_count) == (1, 1)


def test_a_task_that_is_cut_off_says_by_whom() -> None:
    site = found(silent_at(IN_THE_GAP))

    assert explain(site, "far-1") == "far-1 waits: cut off by grader-2 (not heard)"
    refusal = next(r for r in task(site, "far-1").refusals if r.node == "grader-1")
    assert (refusal.constraint, refusal.detail) == ("cut_off", "grader-2 in the only way there")
    ctx = site.scheduler.core.ctx
    (row,) = (row for row in views.task_rows(ctx) if row["task"] == "far-1")
    assert row["waits_for"] == "cut off by grader-2 (not heard)"
    rows = {row["node"]: row["cuts_off"] for row in views.node_rows(ctx, site.now_ns)}
    assert rows["grader-2"] == ["far-1"]
    assert rows["grader-1"] == []


def test_who_is_cut_off_from_one_task_takes_another() -> None:
    site = silent_at(IN_THE_GAP)
    pad = plain_site.grade("near-1", only_on=(NodeId("grader-1"),), priority=5)
    site.submit(plain_site.order(pad, name="near"))

    found(site)

    assert site.assignment("grader-1").task == "near-1"


def test_the_alarm_names_what_is_cut_off_later_as_well() -> None:
    site = found(silent_at(IN_THE_GAP))

    more = plain_site.task("far-2", TaskKind.GRADE, zone="far", priority=4)
    site.submit(plain_site.order(more, name="more"))
    site.solve()

    entry = alarm(site)
    assert entry is not None
    assert entry.text.endswith("cuts off far-1, far-2")


def test_the_way_is_open_again_when_the_machine_is_heard() -> None:
    site = found(silent_at(IN_THE_GAP))

    heartbeat(site, "grader-2", IN_THE_GAP)
    site.wait(1.0)
    site.solve()

    assert not is_closed(site)
    assert site.assignment("grader-1").attempt == 2


@pytest.mark.parametrize("at", [None, (70.0, 70.0)])
def test_the_way_is_open_again_when_a_person_vouches_that_the_machine_is_elsewhere(
    at: Point | None,
) -> None:
    site = found(silent_at(IN_THE_GAP))
    site.wait(1_000.0)
    heartbeat(site, "grader-1", BEFORE_IT)

    assert site.vouch("grader-2", at).ok
    site.wait(1.0)
    heartbeat(site, "grader-1", BEFORE_IT)
    site.solve()

    assert not is_closed(site)
    assert (site.assignment("grader-1").task, site.assignment("grader-1").attempt) == ("far-1", 2)


def test_a_person_who_vouches_for_the_same_place_opens_nothing() -> None:
    site = found(silent_at(IN_THE_GAP))
    site.wait(1_000.0)

    assert site.vouch("grader-2", IN_THE_GAP).ok
    site.wait(1.0)

    assert is_closed(site)


def test_a_silent_machine_with_room_beside_it_is_routed_round() -> None:
    site = silent_at(IN_THE_OPEN)

    ask(site)

    assert alarm(site) is None
    assert node(site, "grader-1").granted is not None


def test_a_machine_that_has_work_in_hand_is_waited_for() -> None:
    site = silent_at(IN_THE_GAP)
    heartbeat(site, "grader-2", IN_THE_GAP)
    site.wait(1.0)
    site.solve()
    assert node(site, "grader-2").task == "park-1"

    ask(site, 2 * DEFERRALS_MIN)
    site.wait(1.0)

    assert node(site, "grader-1").wait_reason == "blocked by grader-2"
    assert alarm(site) is None
    assert not site.sent("grader-1", messages.Cancel)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"autonomy": messages.Autonomy.A3}, "in safe mode"),
        ({"held": True}, "held"),
        ({"state": "holding"}, "stands still by itself"),
        ({"stops": ("red",)}, "emergency stop"),
    ],
)
def test_who_is_heard_and_can_not_go_closes_the_way_as_well(
    changes: dict[str, object], why: str
) -> None:
    site = silent_at(IN_THE_GAP)
    heartbeat(site, "grader-2", IN_THE_GAP, **changes)

    ask(site, DEFERRALS_MIN)

    assert node(site, "grader-1").wait_reason == f"cut off by grader-2 ({why})"
    assert is_closed(site)


def test_who_is_not_needed_to_close_the_way_is_not_blamed() -> None:
    site = walled()
    site.census()
    give_far_work(site)
    heartbeat(site, "grader-2", IN_THE_GAP)
    heartbeat(site, "hauler-1", IN_THE_OPEN)
    site.wait(130.0)

    ask(site, DEFERRALS_MIN)

    assert is_closed(site, "grader-2")
    assert alarm(site, "hauler-1") is None


def driving_in_the_gap() -> Site:
    """Grader-2 has ground ahead of it and stands in the gap; grader-1 wants to get past."""
    site = walled()
    site.census()
    far = plain_site.task("far-0", TaskKind.GRADE, zone="far", only_on=(NodeId("grader-2"),))
    site.submit(plain_site.order(far, name="first"))
    site.solve()
    heartbeat(site, "grader-2", IN_THE_GAP)
    give_far_work(site)
    site.reply("grader-2", site.assignment("grader-2").command)
    site.request("grader-2", 1, IN_THE_GAP)
    site.solve()
    drive(site, 0.0)
    return site


def drive(site: Site, released_m: float) -> None:
    """Have grader-2 say how far it is on its authority."""
    granted = node(site, "grader-2").granted
    assert granted is not None
    held = messages.HeldAuthority(
        id=granted.id,
        released_m=released_m,
        stop_m=granted.stop_m,
        revision=granted.revision,
        at_stop=False,
    )
    heartbeat(site, "grader-2", authority=held, task=TaskId("far-0"), attempt=1, at_rest=False)


def test_a_machine_that_does_not_use_its_ground_is_stuck_and_closes_the_way() -> None:
    site = driving_in_the_gap()
    site.wait(s_from_ns(STUCK_NS))
    drive(site, 0.0)

    ask(site, DEFERRALS_MIN)

    assert node(site, "grader-1").wait_reason == "cut off by grader-2 (does not move)"
    assert is_closed(site)


def test_a_machine_that_was_seen_to_move_lately_is_not_stuck() -> None:
    site = driving_in_the_gap()
    site.wait(s_from_ns(STUCK_NS) - 60.0)
    drive(site, 1.0)
    site.wait(60.0)

    ask(site, DEFERRALS_MIN)

    assert alarm(site) is None


def test_the_way_a_stuck_machine_closes_stays_closed_until_it_moves() -> None:
    site = driving_in_the_gap()
    site.wait(s_from_ns(STUCK_NS))
    drive(site, 0.0)
    ask(site, DEFERRALS_MIN)

    site.report("grader-2", "far-0", "failed", 1)
    heartbeat(site, "grader-2", IN_THE_GAP)
    closed_at_rest = is_closed(site)
    heartbeat(site, "grader-2", (55.0, 40.0))

    assert closed_at_rest
    assert not is_closed(site)


def test_an_alarm_ends_when_nothing_waits_for_the_way() -> None:
    site = found(silent_at(IN_THE_GAP))

    site.ask(messages.CancelRequest(request="c", task=TaskId("far-1")))

    assert not is_closed(site)


def test_a_plan_made_before_the_way_was_closed_takes_nothing_back() -> None:
    site = silent_at(IN_THE_GAP)
    pad = plain_site.grade("near-1", only_on=(NodeId("grader-2"),))
    site.submit(plain_site.order(pad, name="near"))
    site.wait(1.0)
    early = list(site.problems)
    assert early, "a plan is being made"
    site.problems.clear()
    ask(site, DEFERRALS_MIN)
    site.report("grader-1", "far-1", "cancelled", 2)
    heartbeat(site, "grader-1", BEFORE_IT)

    site.problems[:0] = early
    site.solve(limit=1)

    assert is_closed(site)


def test_who_is_cut_off_from_home_is_named_and_does_not_set_out() -> None:
    site = silent_at(IN_THE_GAP)
    found(site)
    heartbeat(site, "hauler-1", BEYOND)
    site.wait(121.0)
    site.solve()

    trip = next(e for e in site.scheduler.core.ctx.open_tasks if "hauler-1" in e.task.only_on)
    entry = alarm(site)
    assert entry is not None
    assert entry.text.endswith(f"cuts off far-1, {trip.task.id}")
    assert trip.phase is TaskPhase.QUEUED


def test_what_was_found_is_the_same_after_a_replay() -> None:
    site = found(silent_at(IN_THE_GAP))

    again = replayed(site, list(site.rows()))

    assert again.digest() == site.scheduler.digest()
    assert list(again.core.state.lanes) == ["grader-2"]


def test_two_that_are_cut_off_from_home_by_each_other_do_not_hold_each_other_there() -> None:
    site = found(silent_at(IN_THE_GAP))
    heartbeat(site, "hauler-1", BEYOND)
    site.wait(121.0)
    site.solve()
    trips = [e.task.id for e in site.scheduler.core.ctx.open_tasks if "hauler-1" in e.task.only_on]
    lanes = site.scheduler.core.state.lanes
    assert lanes[NodeId("grader-2")].cut_off == ("far-1", *trips)
    home = Lane(why=CUT_OFF, place=BEYOND, version=0, cut_off=("far-1",))
    lanes[NodeId("hauler-1")] = home

    lanes[NodeId("grader-2")].why = CUT_OFF
    heartbeat(site, "hauler-1", BEYOND)

    assert NodeId("hauler-1") not in lanes
