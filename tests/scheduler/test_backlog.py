import itertools
from collections.abc import Callable

import msgspec
import pytest

from lunaredge.errors import LocalProtocolError
from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler import backlog
from lunaredge.scheduler.state import NodeEntry, TaskPhase
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

    site.report("grader-1", "grade-pad", "done", 3, attempt=1)

    assert entry.phase is TaskPhase.ASSIGNED


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


def cancel(site: Site, name: str, request: str = "cancel") -> messages.Answer:
    return site.ask(messages.CancelRequest(request=request, task=TaskId(name)))


def test_ending_a_task_that_waits_leaves_its_last_nodes_new_task_alone() -> None:
    site = Site()
    site.census()
    only = (NodeId("grader-1"),)
    first = plain_site.grade("first", only_on=only)
    second = plain_site.grade("second", only_on=only, priority=1)
    site.submit(plain_site.order(first))
    site.solve()
    site.submit(messages_order(second))
    site.reply("grader-1", site.assignment("grader-1").command, ok=False, reason="busy")
    site.solve()
    assert site.assignment("grader-1").task == "second"

    cancel(site, "first")
    site.wait(11.0)

    assert len([a for a in site.sent("grader-1", messages.Assign) if a.task == "second"]) == 2


def messages_order(*tasks: object) -> object:
    return msgspec.structs.replace(plain_site.order(*tasks), id="another")


def test_a_cancel_that_overtakes_its_task_is_said_again() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    assign = site.assignment("grader-1")

    cancel(site, "grade-pad")
    site.wait(1.0)
    early = site.sent("grader-1", messages.Cancel)[-1]
    assert isinstance(early, messages.Cancel)
    site.reply("grader-1", early.command, ok=False, reason="unknown_task")
    site.reply("grader-1", assign.command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    heartbeat(site, task="grade-pad", attempt=1)

    late = site.sent("grader-1", messages.Cancel)[-1]
    assert isinstance(late, messages.Cancel)
    assert late.command != early.command


def test_a_task_to_be_cancelled_is_not_tried_again() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()

    cancel(site, "grade-pad")
    site.reply("grader-1", site.assignment("grader-1").command, ok=False, reason="safe")

    assert phase(site) is TaskPhase.CANCELLED


def test_a_task_taken_and_lost_before_its_report_is_placed_again() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)

    for _ in range(backlog.EMPTY_HANDED_MAX):
        heartbeat(site)
    site.solve()

    entry = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    assert (entry.phase, entry.attempt) == (TaskPhase.ASSIGNED, 2)


def test_a_task_that_its_node_has_not_heard_of_is_not_lost() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()

    for _ in range(3 * backlog.EMPTY_HANDED_MAX):
        heartbeat(site)

    entry = site.scheduler.core.state.tasks[TaskId("grade-pad")]
    assert (entry.phase, entry.attempt) == (TaskPhase.ASSIGNED, 1)


def test_a_node_that_goes_on_with_an_ended_task_is_told_to_give_it_up() -> None:
    site = accepted()
    site.report("grader-1", "grade-pad", "cancelled", 2)

    heartbeat(site, task="grade-pad", attempt=1)

    cancels = site.sent("grader-1", messages.Cancel)
    assert [(c.task, c.attempt) for c in cancels] == [("grade-pad", 1)]  # type: ignore[union-attr]


def test_a_long_chain_of_tasks_ends_with_its_first() -> None:
    site = Site()
    chain = [plain_site.grade("task-0")]
    chain += [plain_site.grade(f"task-{i}", after=(chain[-1].id,)) for i in range(1, 2)]
    for i in range(2, 1_200):
        chain.append(plain_site.grade(f"task-{i}", after=(TaskId(f"task-{i - 1}"),)))
    assert site.submit(plain_site.order(*chain)).ok

    cancel(site, "task-0")

    # The order is longer than the memory for ended tasks, but it is the latest.
    phases = [entry.phase for entry in site.scheduler.core.state.tasks.values()]
    assert phases == [TaskPhase.CANCELLED] * 1_200


def test_ended_trips_home_are_forgotten() -> None:
    site = Site()
    site.census()
    away = {"x_m": 50.0, "y_m": 30.0}

    for seq in range(1, 13):
        heartbeat(site, **away)
        site.wait(119.0)
        heartbeat(site, **away)
        site.wait(2.0)
        site.solve()
        site.reply("grader-1", site.assignment("grader-1").command)
        site.report("grader-1", site.assignment("grader-1").task, "failed", seq)
        site.solve()

    assert site.scheduler.core.state.park_no > 1
    # Those of the last ten minutes are still shown.
    assert len(site.scheduler.core.state.tasks) <= 6


def test_a_machine_in_safe_mode_gets_no_task() -> None:
    site = Site()
    site.census()
    heartbeat(site, state="safe", autonomy=messages.Autonomy.A3)
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    safe = phase(site)

    heartbeat(site)
    site.solve()

    assert (safe, phase(site)) == (TaskPhase.QUEUED, TaskPhase.ASSIGNED)


def test_a_task_that_waits_for_two_ended_tasks_ends_once() -> None:
    site = Site()
    first = plain_site.grade("first")
    left = plain_site.grade("left", after=(first.id,))
    right = plain_site.grade("right", after=(first.id,))
    last = plain_site.grade("last", after=(left.id, right.id))
    site.submit(plain_site.order(first, left, right, last))

    cancel(site, "first")

    assert site.scheduler.core.state.quarantined == 0
    assert {phase(site, name) for name in ("left", "right", "last")} == {TaskPhase.CANCELLED}


def test_a_report_of_a_node_that_has_not_the_task_is_not_taken() -> None:
    site = accepted()

    site.report("grader-2", "grade-pad", "done", 1)

    assert phase(site) is TaskPhase.ACCEPTED


def test_a_late_report_on_a_task_that_waits_again_is_old_news() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command, ok=False, reason="busy")

    site.report("grader-1", "grade-pad", "done", 1)

    assert phase(site) is TaskPhase.QUEUED
    assert site.scheduler.core.state.quarantined == 0


def test_a_stray_task_is_taken_away_by_one_command_however_often_it_shows() -> None:
    site = accepted()

    for _ in range(3):
        heartbeat(site, task="grade-other", attempt=4)
        site.wait(1.0)

    cancels = site.sent("grader-1", messages.Cancel)
    assert len({cancel.command for cancel in cancels}) == 1  # type: ignore[union-attr]


def test_a_task_that_its_node_reports_on_is_not_assigned_again() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.report("grader-1", "grade-pad", "accepted", 1)

    site.wait(11.0)

    assert len(site.sent("grader-1", messages.Assign)) == 1


def test_a_cancel_that_came_too_late_is_not_repeated() -> None:
    site = accepted()
    cancel(site, "grade-pad")
    site.wait(1.0)
    count = len(site.sent("grader-1", messages.Cancel))

    site.report("grader-1", "grade-pad", "done", 2)
    site.wait(11.0)

    assert phase(site) is TaskPhase.DONE
    assert len(site.sent("grader-1", messages.Cancel)) == count == 1


def cannot_take() -> dict[str, Callable[[Site], object]]:
    """Every reason for which a node is given no task."""

    def nodes(site: Site) -> NodeEntry:
        return site.scheduler.core.state.nodes[NodeId("grader-1")]

    return {
        "held for its ground": lambda site: setattr(nodes(site), "terrain_hold", True),
        "latched": lambda site: heartbeat(site, stops=("s1",)),
        "busy": lambda site: heartbeat(site, task="other", attempt=1),
        "safe": lambda site: heartbeat(site, autonomy=messages.Autonomy.A3),
        "not counted": lambda site: setattr(nodes(site), "censused", False),
        "gone": lambda site: site.say(
            "grader-1", messages.Farewell(node=NodeId("grader-1"), orderly=True)
        ),
    }


@pytest.mark.parametrize("why", cannot_take())
def test_a_node_that_can_take_nothing_is_given_nothing(why: str) -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    cannot_take()[why](site)

    site.solve()

    assert phase(site) is TaskPhase.QUEUED


def done_in_turn(ended_max: int, *orders: str) -> Site:
    """A site that remembers so many ended tasks, and has done these orders of one task each."""
    site = Site()
    ctx = site.scheduler.core.ctx
    ctx.config = msgspec.structs.replace(ctx.config, ended_max=ended_max)
    site.census()
    for seq, name in enumerate(orders, start=1):
        grade = plain_site.grade(f"{name}-task", only_on=(NodeId("grader-1"),))
        site.submit(plain_site.order(grade, name=name))
        site.solve()
        site.reply("grader-1", site.assignment("grader-1").command)
        site.report("grader-1", f"{name}-task", "done", seq)
        heartbeat(site)
    return site


def test_the_orders_that_ended_first_are_forgotten_when_there_are_many() -> None:
    site = done_in_turn(2, "a", "b", "c", "d")

    state = site.scheduler.core.state

    assert list(state.orders) == ["c", "d"]
    assert list(state.tasks) == ["c-task", "d-task"]


def test_an_order_with_an_open_task_is_remembered_whole() -> None:
    site = done_in_turn(1)
    first = plain_site.grade("first", only_on=(NodeId("grader-1"),))
    second = plain_site.grade("second", only_on=(NodeId("grader-1"),), after=(TaskId("first"),))
    site.submit(plain_site.order(first, second, name="open"))
    site.submit(plain_site.order(plain_site.grade("other"), name="ended"))
    site.ask(messages.CancelRequest(request=site.request_id(), task=TaskId("other")))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)

    site.report("grader-1", "first", "done", 1)

    assert phase(site, "first") is TaskPhase.DONE
    assert phase(site, "second") is TaskPhase.QUEUED
    assert list(site.scheduler.core.state.orders) == ["open", "ended"]


def test_a_trip_home_never_takes_the_name_of_an_ordered_task() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade("park-1", only_on=(NodeId("grader-2"),))))
    heartbeat(site, x_m=50.0, y_m=10.0)

    site.wait(130.0)

    tasks = site.scheduler.core.state.tasks
    assert tasks[TaskId("park-1")].order == "job"
    assert tasks[TaskId("park-2")].task.only_on == ("grader-1",)


def test_nobody_hands_in_an_order_under_the_schedulers_own_name() -> None:
    site = Site()

    answer = site.submit(plain_site.order(plain_site.grade(), name="site"))

    assert not answer.ok
    assert "site is the scheduler's own order" in answer.text
