"""The times and bans of a task: when it may begin, by when it must, and where it may not be."""

import math

import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler import backlog
from lunaredge.scheduler.backlog import blocked_by
from lunaredge.scheduler.desk import explained
from lunaredge.scheduler.state import TaskPhase
from lunaredge.wire import messages
from lunaredge.wire.messages import HoldRequest
from tests.scheduler import plain_site
from tests.scheduler.replays import replayed
from tests.scheduler.rig import Site

GRADE = TaskId("grade-pad")


def submitted(**fields: object) -> Site:
    site = Site()
    site.census()
    assert site.submit(plain_site.order(plain_site.grade(**fields))).ok
    site.solve()
    return site


def phase(site: Site, name: str = GRADE) -> TaskPhase:
    return site.scheduler.core.state.tasks[TaskId(name)].phase


def begun_on(site: Site) -> list[str]:
    return [name for name in site.signers if site.sent(name, messages.Assign)]


def hold_graders(site: Site) -> None:
    for name in ("grader-1", "grader-2"):
        site.ask(HoldRequest(request=site.request_id(), node=NodeId(name), hold=True))


def test_a_task_that_is_not_released_waits_and_says_how_long() -> None:
    site = submitted(release_s=500.0)
    ctx = site.scheduler.core.ctx

    assert begun_on(site) == []
    assert blocked_by(ctx, ctx.state.tasks[GRADE]) == "released in 500 s"


def test_a_released_task_is_taken_up() -> None:
    site = submitted(release_s=30.0)

    site.wait(31.0)
    site.solve()

    assert len(begun_on(site)) == 1


def test_what_is_not_released_has_its_place_in_the_plan() -> None:
    site = submitted(release_s=500.0)

    item = site.scheduler.core.state.planned[GRADE]

    assert item.start_ns >= site.now_ns + 500 * 10**9
    assert item.cause == "release"


def test_what_has_not_begun_in_time_fails_with_all_that_waits_for_it() -> None:
    site = Site()
    site.census()
    hold_graders(site)
    first = plain_site.grade(latest_s=2_000.0)
    site.submit(plain_site.order(first, plain_site.grade("behind", after=(GRADE,))))

    site.wait(1_999.0)
    site.solve()
    waiting = phase(site)
    site.wait(2.0)

    entry = site.scheduler.core.state.tasks[GRADE]
    assert waiting is TaskPhase.QUEUED
    assert (phase(site), phase(site, "behind")) == (TaskPhase.FAILED, TaskPhase.FAILED)
    assert entry.reason == "it had not begun by its latest_s"
    assert replayed(site, list(site.rows())).digest() == site.scheduler.digest()


def test_what_has_begun_in_time_may_end_late() -> None:
    site = submitted(latest_s=2_000.0)

    site.wait(2_500.0)

    assert phase(site) is TaskPhase.ASSIGNED


def test_what_can_not_end_in_time_has_no_place_and_says_so() -> None:
    site = Site()
    site.census()
    hold_graders(site)
    assert site.submit(plain_site.order(plain_site.grade(latest_s=830.0))).ok
    site.wait(61.0)
    # The work takes 796 s: there was time for it at submit, and is none now.
    for name in ("grader-1", "grader-2"):
        site.ask(HoldRequest(request=site.request_id(), node=NodeId(name), hold=False))
    site.solve()

    why = explained(site.scheduler.core.ctx, GRADE)

    said = [row["constraint"] for row in why.refusals if row["node"] == "grader-1"]
    assert begun_on(site) == []
    assert "window" in said


def test_a_banned_node_is_not_taken() -> None:
    site = submitted(not_on=("grader-1",))

    assert begun_on(site) == ["grader-2"]


def test_the_tardy_comes_before_what_is_due_later() -> None:
    site = Site()
    site.census()
    later = plain_site.grade("later", due_s=90_000.0, only_on=("grader-1",))
    site.submit(plain_site.order(later, plain_site.grade("sooner", only_on=("grader-1",))))
    site.solve()

    assert site.assignment("grader-1").task == "sooner"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"not_on": ("ghost",)}, "not_on ghost: no such node"),
        ({"not_on": ("grader-1", "grader-2")}, "no node but grader-1, grader-2 can grade"),
        ({"release_s": -1.0}, "release_s is -1.0"),
        ({"due_s": math.nan}, "due_s is nan"),
        ({"latest_s": math.inf}, "latest_s is inf"),
        ({"release_s": 60.0, "latest_s": 60.0}, "latest_s 60 is not after release_s 60"),
    ],
)
def test_times_and_bans_that_make_no_sense_are_refused(
    fields: dict[str, object], said: str
) -> None:
    site = Site()

    answer = site.submit(plain_site.order(plain_site.grade(**fields)))

    assert not answer.ok
    assert said in answer.text


def test_what_has_begun_and_is_put_back_does_not_fail_for_not_having_begun() -> None:
    site = submitted(latest_s=5_000.0)
    (name,) = begun_on(site)
    site.report(name, GRADE, "accepted", 1)
    site.report(name, GRADE, "started", 2)
    ctx = site.scheduler.core.ctx

    ctx.now_ns += 6_000 * 10**9
    ctx.state.tasks[GRADE].charge_count = 1
    backlog.requeue(ctx, ctx.state.tasks[GRADE], "to charge")
    backlog.end_expired(ctx)

    assert phase(site) is TaskPhase.QUEUED


def test_what_nobody_has_looked_at_yet_is_not_said_to_be_refused() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade()))

    assert explained(site.scheduler.core.ctx, GRADE).text == "grade-pad is ready; not planned yet"
