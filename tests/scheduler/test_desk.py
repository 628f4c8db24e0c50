from lunaredge.ids import NodeId, TaskId
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.desk import explained
from lunaredge.scheduler.state import TaskPhase
from lunaredge.wire import messages, topics
from lunaredge.wire.messages import Approve, CancelRequest, HoldRequest, StopReleaseRequest, Submit
from tests.scheduler import plain_site
from tests.scheduler.rig import Site


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

    assert site.scheduler.refused == {"not_authentic": 1}
    assert not site.scheduler.core.state.tasks


def test_a_request_past_its_expiry_changes_nothing() -> None:
    site = Site()
    body = Submit(request="r", order=plain_site.order(plain_site.grade()))
    topic = topics.request(site.site.name, "mari")  # type: ignore[arg-type]

    site.hear(topic, site.frame(site.operator, body, expiry_ns=site.now_ns))

    assert site.scheduler.refused == {"expired": 1}
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


def test_a_stop_is_taken_from_any_enrolled_key_and_released_in_two_steps() -> None:
    site = Site()
    site.census()
    stop = messages.Stop(stop="s1", node=None, reason="dust")
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.signers[NodeId("dc-1")], stop))

    asked = site.ask(StopReleaseRequest(request="a", stop="s1"))
    wrong = site.ask(StopReleaseRequest(request="b", stop="s1", code="guess"))
    assert not site.sent("hauler-1", messages.ReleaseStop)
    code = site.scheduler.core.state.stops["s1"].code
    right = site.ask(StopReleaseRequest(request="c", stop="s1", code=code))
    site.wait(1.0)

    assert (asked.ok, wrong.ok, right.ok) == (True, False, True)
    assert code in asked.text
    assert site.sent("hauler-1", messages.ReleaseStop)


def test_an_unsigned_stop_is_refused() -> None:
    from lunaredge.wire import codec

    site = Site()
    stop = messages.Stop(stop="s1", node=None, reason="dust")
    header = codec.Header(node=NodeId("dc-1"), boot=1, number=1, local_ns=0, site_ns=0)

    site.hear("lunaredge/v1/plain/all/stop", codec.encode(header, stop))

    assert site.scheduler.refused == {"not_authentic": 1}
    assert not site.scheduler.core.state.stops


def test_explain_names_the_constraint_that_refused_each_node() -> None:
    site = Site()
    site.census()
    site.ask(HoldRequest(request="h", node=NodeId("grader-1"), hold=True))
    site.ask(HoldRequest(request="i", node=NodeId("grader-2"), hold=True))
    site.submit(plain_site.order(plain_site.grade()))
    site.wait(61.0)
    site.solve()

    found, text, rows = explained(site.scheduler.core.ctx, "grade-pad")

    constraints = {row["node"]: row["constraint"] for row in rows}
    assert found
    assert "no node can take it" in text
    assert constraints["grader-1"] == "held"
    assert constraints["hauler-1"] == "capability"


def test_explain_says_what_a_task_waits_for() -> None:
    site = Site()
    site.submit(plain_site.order(plain_site.grade(needs_earth=True)))

    _, text, _ = explained(site.scheduler.core.ctx, "grade-pad")

    assert text == "grade-pad waits: needs Earth's approval"
