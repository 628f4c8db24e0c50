import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.state import TaskPhase
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, topics
from lunaredge.wire.messages import Approve, CancelRequest, HoldRequest, Submit
from tests.scheduler import plain_site
from tests.scheduler.rig import Site

STOP = messages.Stop(stop="s1", node=None, reason="smoke")


def test_an_order_is_taken_once_however_often_it_is_sent() -> None:
    site = Site()
    body = Submit(request="r", order=plain_site.order(plain_site.grade()))

    answers = [site.ask(body) for _ in range(3)]

    assert {answer.ok for answer in answers} == {True}
    assert len(set(answers)) == 1
    assert len(site.scheduler.core.state.tasks) == 1


def test_a_cycle_is_refused_whole_and_named() -> None:
    site = Site()
    first = plain_site.grade("first", after=(TaskId("third"),))
    second = plain_site.grade("second", after=(TaskId("first"),))
    third = plain_site.grade("third", after=(TaskId("second"),))

    answer = site.submit(plain_site.order(first, second, third))

    assert not answer.ok
    assert "first after third after second after first" in answer.text
    assert not site.scheduler.core.state.tasks


def test_a_task_that_no_machine_can_do_is_refused_and_named() -> None:
    site = Site()
    survey = plain_site.task("look", TaskKind.SURVEY, zone="pad")

    answer = site.submit(plain_site.order(plain_site.grade(), survey))

    assert not answer.ok
    assert "look" in answer.text
    assert not site.scheduler.core.state.tasks


def test_a_goal_inside_a_keep_out_zone_is_refused_and_named() -> None:
    site = Site()
    haul = plain_site.task(
        "haul",
        TaskKind.HAUL,
        pile="pile",
        to_pile="berm",
        stand=(40.0, 30.0),
        to_stand=(56.0, 66.0),
    )

    answer = site.submit(plain_site.order(haul))

    assert not answer.ok
    assert "haul" in answer.text
    assert "crater" in answer.text


def test_only_earth_may_approve_and_only_once() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(needs_earth=True)))
    task = TaskId("grade-pad")
    site.solve()
    waiting = site.scheduler.core.state.tasks[task].phase

    local = site.ask(Approve(request="a", task=task, approved=True))
    earth = site.ask(Approve(request="b", task=task, approved=True), site.earth)
    again = site.ask(Approve(request="c", task=task, approved=False), site.earth)
    site.solve()

    assert waiting is TaskPhase.QUEUED
    assert (local.ok, earth.ok, again.ok) == (False, True, False)
    assert site.scheduler.core.state.tasks[task].phase is TaskPhase.ASSIGNED


def test_a_veto_cancels() -> None:
    site = Site()
    site.submit(plain_site.order(plain_site.grade(needs_earth=True)))

    site.ask(Approve(request="a", task=TaskId("grade-pad"), approved=False), site.earth)

    entry = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    assert (entry.phase, entry.reason) == (TaskPhase.CANCELLED, "vetoed by Earth")


def test_a_node_may_not_ask_as_an_operator() -> None:
    site = Site()
    body = Submit(request="r", order=plain_site.order(plain_site.grade()))
    topic = topics.request(site.site.name, "mari")  # type: ignore[arg-type]

    site.hear(topic, site.frame(site.signers[NodeId("grader-1")], body))

    assert site.scheduler.refusals.by_reason == {"not_authentic": 1}
    assert not site.scheduler.core.state.tasks


@pytest.mark.parametrize(("ahead_s", "refused"), [(14_400, {}), (14_401, {"ahead": 1})])
def test_a_request_of_a_clock_far_ahead_changes_nothing(
    ahead_s: int, refused: dict[str, int]
) -> None:
    site = Site()
    body = Submit(request="r", order=plain_site.order(plain_site.grade()))
    topic = topics.request(site.site.name, "mari")  # type: ignore[arg-type]

    expiry_ns = site.now_ns + ahead_s * NS_PER_S
    site.hear(topic, site.frame(site.operator, body, expiry_ns=expiry_ns))

    assert site.scheduler.refusals.by_reason == refused
    assert bool(site.scheduler.core.state.tasks) == (not refused)


def test_a_site_whose_clock_fell_back_takes_requests_all_the_same() -> None:
    site = Site()
    site.census()
    body = Submit(request="r", order=plain_site.order(plain_site.grade()))
    frame = site.frame(site.operator, body, expiry_ns=site.now_ns + 60 * NS_PER_S)

    site.now_ns -= 5 * 3_600 * NS_PER_S
    site.hear(topics.request(site.site.name, "mari"), frame)  # type: ignore[arg-type]

    assert site.scheduler.refusals.by_reason == {}
    assert site.scheduler.core.state.tasks


def test_a_site_whose_clock_was_far_ahead_and_is_put_right_takes_requests() -> None:
    site = Site()
    site.census()
    body = Submit(request="r", order=plain_site.order(plain_site.grade()))
    site.wait(7_200.0)
    site.now_ns -= 7_200 * NS_PER_S
    site.start()

    frame = site.frame(site.operator, body, expiry_ns=site.now_ns + 60 * NS_PER_S)
    site.hear(topics.request(site.site.name, "mari"), frame)  # type: ignore[arg-type]

    assert site.scheduler.refusals.by_reason == {}
    assert site.scheduler.core.state.tasks


def test_an_approval_that_waited_for_days_is_taken() -> None:
    site = Site()
    site.submit(plain_site.order(plain_site.grade(needs_earth=True)))
    body = Approve(request="a", task=TaskId("grade-pad"), approved=True)
    expiry_ns = site.now_ns + 14 * 86_400 * NS_PER_S

    site.hear(
        topics.request(site.site.name, "earth"),  # type: ignore[arg-type]
        site.frame(site.earth, body, expiry_ns=expiry_ns),
    )

    assert site.scheduler.refusals.by_reason == {}


def test_a_request_past_its_expiry_changes_nothing() -> None:
    site = Site()
    body = Submit(request="r", order=plain_site.order(plain_site.grade()))
    topic = topics.request(site.site.name, "mari")  # type: ignore[arg-type]

    site.hear(topic, site.frame(site.operator, body, expiry_ns=site.now_ns))

    assert site.scheduler.refusals.by_reason == {"expired": 1}
    assert not site.scheduler.core.state.tasks


def test_hold_and_resume_reach_the_node_and_stop_placement_there() -> None:
    site = Site()
    site.census()

    site.ask(HoldRequest(request="h", node=NodeId("grader-1"), hold=True))
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    held = site.scheduler.core.state.tasks[TaskId("grade-pad")].phase
    site.ask(HoldRequest(request="g", node=NodeId("grader-1"), hold=False))
    site.solve()

    assert held is TaskPhase.QUEUED
    assert site.sent("grader-1", messages.Hold)
    assert site.sent("grader-1", messages.Resume)
    assert site.scheduler.core.state.tasks[TaskId("grade-pad")].phase is TaskPhase.ASSIGNED


def test_a_cancelled_task_takes_those_that_wait_for_it_along() -> None:
    site = Site()
    second = plain_site.grade("second", after=(TaskId("first"),))
    site.submit(plain_site.order(plain_site.grade("first"), second))

    site.ask(CancelRequest(request="c", task=TaskId("first")))

    phases = {entry.phase for entry in site.scheduler.core.state.tasks.values()}
    assert phases == {TaskPhase.CANCELLED}


def test_a_request_played_back_on_another_topic_changes_nothing() -> None:
    site = Site()
    site.census()
    base = "lunaredge/v1/plain/scheduler/request/"
    go_on = HoldRequest(request="on", node=NodeId("grader-1"), hold=False)
    frame = site.frame(site.operator, go_on)
    site.hear(base + "mari", frame)
    site.ask(HoldRequest(request="hold", node=NodeId("grader-1"), hold=True))

    site.hear(base + "mallory", frame)

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].held


def test_a_hold_that_an_old_resume_undid_is_said_again() -> None:
    site = Site()
    site.census()
    site.ask(HoldRequest(request="h", node=NodeId("grader-1"), hold=True))
    site.wait(1.0)
    first = site.sent("grader-1", messages.Hold)[-1]
    assert isinstance(first, messages.Hold)
    site.reply("grader-1", first.command)

    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1", held=False)))

    again = site.sent("grader-1", messages.Hold)[-1]
    assert isinstance(again, messages.Hold)
    assert again.command != first.command


def test_a_hold_that_only_its_node_knows_of_is_known_from_then_on() -> None:
    site = Site()
    site.census()

    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1", held=True)))

    assert site.scheduler.core.state.nodes[NodeId("grader-1")].held
    assert not site.sent("grader-1", messages.Resume)


def test_an_order_with_a_thousand_faults_gets_an_answer() -> None:
    site = Site()
    tasks = [
        plain_site.task(f"look-{i}", TaskKind.SURVEY, zone="n" * 40 + f"-{i}") for i in range(1_500)
    ]

    answer = site.submit(plain_site.order(*tasks))

    assert not answer.ok
    assert len(answer.text) < 10_000


def test_first_answers_are_kept_for_so_many_requests() -> None:
    site = Site()

    for i in range(1_100):
        site.ask(CancelRequest(request=f"c{i}", task=TaskId("nothing")))

    assert len(site.scheduler.core.state.answers) == 1_024
    assert "operator-mari/c1099" in site.scheduler.core.state.answers


def test_a_hold_that_was_taken_back_is_not_repeated() -> None:
    site = Site()
    site.census()
    site.ask(HoldRequest(request="h", node=NodeId("grader-1"), hold=True))
    site.wait(1.0)
    count = len(site.sent("grader-1", messages.Hold))

    site.ask(HoldRequest(request="g", node=NodeId("grader-1"), hold=False))
    site.wait(11.0)

    assert len(site.sent("grader-1", messages.Hold)) == count


def test_an_ended_task_cannot_be_cancelled() -> None:
    site = Site()
    site.submit(plain_site.order(plain_site.grade()))
    site.ask(CancelRequest(request="a", task=TaskId("grade-pad")))

    again = site.ask(CancelRequest(request="b", task=TaskId("grade-pad")))

    assert not again.ok
    assert again.text == "grade-pad is already cancelled"


def test_a_backlog_that_is_full_takes_no_order() -> None:
    site = Site()
    ctx = site.scheduler.core.ctx
    ctx.config = msgspec.structs.replace(ctx.config, tasks_max=2)

    answer = site.submit(plain_site.order(*(plain_site.grade(f"grade-{i}") for i in range(3))))

    assert not answer.ok
    assert answer.text == "the backlog holds at most 2 tasks"


def test_a_hold_under_way_is_not_ordered_twice_and_a_resume_under_way_not_undone() -> None:
    site = Site()
    site.census()
    site.ask(HoldRequest(request="h", node=NodeId("grader-1"), hold=True))
    site.wait(1.0)
    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1")))
    site.wait(1.0)
    holds = {
        hold.command
        for hold in site.sent("grader-1", messages.Hold)
        if isinstance(hold, messages.Hold)
    }

    site.ask(HoldRequest(request="g", node=NodeId("grader-1"), hold=False))
    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1", held=True)))

    assert len(holds) == 1
    assert not site.scheduler.core.state.nodes[NodeId("grader-1")].held


def test_a_cancellation_says_how_much_goes_with_it() -> None:
    site = Site()
    first = plain_site.grade("first")
    chain = [plain_site.grade(f"t{i}", after=(TaskId("first"),)) for i in range(3)]
    site.submit(plain_site.order(first, *chain))

    answer = site.ask(CancelRequest(request="c", task=TaskId("first")))

    assert answer.text == "first cancelled, and 3 more that can't start without it"


def test_a_resumed_machine_that_is_stopped_is_said_to_be() -> None:
    site = Site()
    site.census()
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, STOP))

    answer = site.ask(HoldRequest(request="r", node=NodeId("grader-1"), hold=False))

    assert answer.text == (
        "grader-1 is held no more, but does not go on; grader-1 is YET TO CONFIRM the stop of "
        "operator-mari: smoke (s1); `estop --release` releases it"
    )
