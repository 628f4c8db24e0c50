import itertools

import pytest

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler import backlog
from lunaredge.scheduler.state import TaskPhase
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site


def accepted() -> Site:
    """A site on which grader-1 has accepted the one task."""
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    return site


def phase(site: Site, name: str = "grade-pad") -> TaskPhase:
    return site.scheduler.core.state.tasks[TaskId(name)].phase


def heartbeat(site: Site, **changes: object) -> None:
    word = messages.Heartbeat(situation=site.situation("grader-1", **changes))
    site.say("grader-1", word)


ILLEGAL = [
    pair
    for pair in itertools.product(TaskPhase, TaskPhase)
    if pair[1] not in backlog.STEPS[pair[0]]
]


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_an_illegal_step_raises_and_changes_nothing(before: TaskPhase, after: TaskPhase) -> None:
    site = accepted()
    entry = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    entry.phase = before
    digest = site.scheduler.digest()

    with pytest.raises(LocalProtocolError, match="can't go from"):
        backlog.advance(site.scheduler.core.ctx, entry, after)

    assert site.scheduler.digest() == digest


def test_a_task_goes_through_its_life() -> None:
    site = accepted()
    phases = [phase(site)]

    site.report("grader-1", "grade-pad", "started", 2)
    phases.append(phase(site))
    site.report("grader-1", "grade-pad", "done", 3)

    assert [*phases, phase(site)] == [TaskPhase.ACCEPTED, TaskPhase.STARTED, TaskPhase.DONE]


def test_a_task_waits_for_those_before_it() -> None:
    site = Site()
    site.census()
    first = plain_site.grade("first")
    second = plain_site.grade("second", after=(TaskId("first"),))
    site.submit(plain_site.order(first, second))
    site.solve()
    node = site.scheduler.core.state.tasks[TaskId("first")].node
    assert node is not None

    before = phase(site, "second")
    site.reply(node, site.assignment(node).command)
    site.report(node, "first", "done", 1)
    heartbeat(site)
    site.solve()

    assert before is TaskPhase.QUEUED
    assert phase(site, "second") is TaskPhase.ASSIGNED


def test_a_failed_task_is_tried_again_and_then_fails_with_all_that_wait_for_it() -> None:
    site = Site()
    site.census()
    first = plain_site.grade("first", only_on=(NodeId("grader-1"),))
    second = plain_site.grade("second", after=(TaskId("first"),))
    site.submit(plain_site.order(first, second))

    for seq in (1, 2, 3):
        site.wait(61.0)
        heartbeat(site)
        site.solve()
        site.reply("grader-1", site.assignment("grader-1").command)
        site.report("grader-1", "first", "failed", seq)

    assert phase(site, "first") is TaskPhase.FAILED
    assert phase(site, "second") is TaskPhase.FAILED
    assert site.scheduler.core.state.alarms["first/task.failed"].active


def test_a_refused_assignment_goes_back_to_the_queue() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()

    site.reply("grader-1", site.assignment("grader-1").command, ok=False, reason="busy")

    assert phase(site) is TaskPhase.QUEUED


def test_a_report_on_an_earlier_attempt_is_old_news() -> None:
    site = accepted()
    site.report("grader-1", "grade-pad", "failed", 2)
    site.solve()
    entry = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    assert entry.attempt == 2

    entry.attempt = 1
    site.report("grader-1", "grade-pad", "done", 3)
    entry.attempt = 2

    assert entry.phase is TaskPhase.DONE


def test_one_empty_handed_word_does_not_take_a_task_away() -> None:
    site = accepted()

    heartbeat(site)
    heartbeat(site, task="grade-pad", attempt=1)
    heartbeat(site)
    heartbeat(site)

    assert phase(site) is TaskPhase.ACCEPTED


def test_a_task_that_its_node_has_verifiably_lost_is_placed_again() -> None:
    site = accepted()

    for _ in range(backlog.EMPTY_HANDED_MAX):
        heartbeat(site)
    site.solve()

    entry = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    assert (entry.phase, entry.attempt) == (TaskPhase.ASSIGNED, 2)


def test_a_node_with_unacknowledged_records_may_have_finished() -> None:
    site = accepted()

    for _ in range(3 * backlog.EMPTY_HANDED_MAX):
        heartbeat(site, spool_count=1)

    assert phase(site) is TaskPhase.ACCEPTED


def test_a_node_with_a_task_that_is_not_its_own_is_told_to_give_it_up() -> None:
    site = accepted()

    heartbeat(site, task="grade-other", attempt=4)

    cancel = site.sent("grader-1", messages.Cancel)[-1]
    assert isinstance(cancel, messages.Cancel)
    assert (cancel.task, cancel.attempt) == ("grade-other", 4)


def test_an_idle_machine_away_from_home_is_sent_there() -> None:
    site = Site()
    site.census()
    heartbeat(site, x_m=50.0, y_m=30.0)

    site.wait(60.0)
    heartbeat(site, x_m=50.0, y_m=30.0)
    site.wait(61.0)
    site.solve()

    assign = site.assignment("grader-1")
    assert assign.legs[0].path == ((16.0, 8.0),)
