"""Explain: why a task is where it is, and why a node stands."""

import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler import views
from lunaredge.scheduler.desk import explained
from lunaredge.wire import messages
from lunaredge.wire.messages import CancelRequest, HoldRequest
from tests.scheduler import plain_site
from tests.scheduler.drives import sent_off
from tests.scheduler.rig import Site

STOP = messages.Stop(stop="s1", node=None, reason="smoke")


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lambda site: hold(site, "grader-1"), "; grader-1 is held, until `resume`"),
        (lambda site: site.wait(500.0), "; grader-1 is lost"),
        (
            lambda site: site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, STOP)),
            "; grader-1 is YET TO CONFIRM the stop of operator-mari: smoke (s1); "
            "`estop --release` releases it",
        ),
    ],
    ids=["held", "lost", "stopped"],
)
def test_what_keeps_a_tasks_machine_from_it_is_explained(happens, said) -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()

    happens(site)

    text = explained(site.scheduler.core.ctx, TaskId("grade-pad")).text
    assert text == f"grade-pad is assigned on grader-1 (attempt 1){said}"


def hold(site: Site, node: str) -> None:
    site.ask(HoldRequest(request=site.request_id(), node=NodeId(node), hold=True))


def test_of_a_node_it_is_explained_why_it_stands() -> None:
    site = Site()
    site.census()
    site.hear("lunaredge/v1/plain/all/stop", site.frame(site.operator, STOP))

    unheard = explained(site.scheduler.core.ctx, TaskId("grader-1"))
    word = site.situation("grader-1", stops=("s1",))
    site.say("grader-1", messages.Heartbeat(situation=word))
    found = explained(site.scheduler.core.ctx, TaskId("grader-1"))
    free = explained(Site().scheduler.core.ctx, TaskId("grader-1"))

    assert unheard.text == (
        "grader-1 is a node, up; grader-1 is YET TO CONFIRM the stop of operator-mari: smoke (s1); "
        "`estop --release` releases it; it has no task"
    )
    assert found.text == (
        "grader-1 is a node, up; grader-1 is stopped by operator-mari: smoke (s1); "
        "`estop --release` releases it; it has no task"
    )
    assert (found.found, free.text) == (True, "grader-1 is a node, unknown; it has no task")


def test_of_a_node_that_waits_it_is_explained_for_what() -> None:
    site = Site()
    site.census("grader-1")
    sent_off(site)
    ctx = site.scheduler.core.ctx

    node = explained(ctx, TaskId("grader-1"))
    (row,) = (row for row in views.node_rows(ctx, site.now_ns) if row["node"] == "grader-1")

    assert row["waits_for"]
    assert node.text == (
        f"grader-1 is a node, up; its task is grade-pad; it waits: {row['waits_for']}"
    )


def test_what_keeps_a_node_at_rest_is_told_also_when_it_is_lost() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    hold(site, "grader-1")
    site.wait(500.0)
    ctx = site.scheduler.core.ctx

    node, task = explained(ctx, TaskId("grader-1")), explained(ctx, TaskId("grade-pad"))
    (row,) = views.task_rows(ctx)

    held = "grader-1 is a node, lost; grader-1 is held, until `resume`; its task is grade-pad"
    assert node.text == held
    assert task.text.endswith("; grader-1 is lost; grader-1 is held, until `resume`")
    assert row["waits_for"] == "lost; held, until `resume`"


def test_explain_says_why_a_task_ended_and_nothing_of_what_refused_it_before() -> None:
    site = Site()
    site.census()
    for node in ("grader-1", "grader-2"):
        hold(site, node)
    after = plain_site.grade("again", after=("grade-pad",))
    site.submit(plain_site.order(plain_site.grade(latest_s=2_000.0), after))
    site.wait(61.0)
    site.solve()
    ctx = site.scheduler.core.ctx
    waiting = explained(ctx, TaskId("grade-pad"))

    site.wait(1_940.0)
    why, behind = explained(ctx, TaskId("grade-pad")), explained(ctx, TaskId("again"))

    assert waiting.refusals
    assert waiting.reason == ""
    assert why.text == "grade-pad is failed: it had not begun by its latest_s"
    assert (why.reason, why.refusals) == ("it had not begun by its latest_s", ())
    assert behind.text == "again is failed: grade-pad failed"


def test_explain_names_the_constraint_that_refused_each_node() -> None:
    site = Site()
    site.census()
    site.ask(HoldRequest(request="h", node=NodeId("grader-1"), hold=True))
    site.ask(HoldRequest(request="i", node=NodeId("grader-2"), hold=True))
    site.submit(plain_site.order(plain_site.grade()))
    site.wait(61.0)
    site.solve()

    why = explained(site.scheduler.core.ctx, "grade-pad")

    constraints = {row["node"]: row["constraint"] for row in why.refusals}
    assert why.found
    assert why.plan is None
    assert "no node can take it" in why.text
    assert constraints["grader-1"] == "held"
    assert constraints["hauler-1"] == "capability"


def test_explain_says_where_the_plan_has_a_task_and_what_it_waits_for() -> None:
    site = Site()
    site.census()
    after = plain_site.grade("again", after=("grade-pad",))
    site.submit(plain_site.order(plain_site.grade(), after))
    site.solve()

    why = explained(site.scheduler.core.ctx, "again")

    assert why.plan is not None
    assert (why.plan["node"], why.plan["waits"]) == ("grader-1", "after grade-pad")
    assert why.text.startswith("again waits: after grade-pad; planned on grader-1 in ")
    said = [row["constraint"] for row in why.refusals if row["node"] == "grader-2"]
    assert said == ["order", "taken", "elsewhere"]


def test_explain_says_who_cancelled_a_task() -> None:
    site = Site()
    site.submit(plain_site.order(plain_site.grade()))

    site.ask(CancelRequest(request="c", task=TaskId("grade-pad")))

    why = explained(site.scheduler.core.ctx, TaskId("grade-pad"))
    assert why.text == "grade-pad is cancelled: by an operator"


def test_explain_says_what_a_task_waits_for() -> None:
    site = Site()
    site.submit(plain_site.order(plain_site.grade(needs_earth=True)))

    text = explained(site.scheduler.core.ctx, "grade-pad").text

    assert text == "grade-pad waits: needs Earth's approval"
