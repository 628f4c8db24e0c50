"""Dispatch: when a plan is due, and what becomes of one that comes back to another site."""

from collections.abc import Callable

import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.scheduler import dispatch, plans
from lunaredge.scheduler.ability import hindrances
from lunaredge.scheduler.candidates import PlacementProblem
from lunaredge.scheduler.dispatch import STALE_MAX, is_free
from lunaredge.scheduler.solve import solve
from lunaredge.scheduler.state import TaskPhase
from lunaredge.wire import messages
from lunaredge.wire.messages import CancelRequest, HoldRequest
from tests.scheduler import plain_site
from tests.scheduler.rig import Site

GRADE = TaskId("grade-pad")


def asked() -> tuple[Site, object]:
    """Give a site that has asked for a plan, and the answer that is under way to it."""
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade()))
    return site, solve(site.scheduler.core.ctx.ground, site.problems.pop())


def answered(site: Site, solution: object) -> None:
    site.scheduler.solved(solution, site.now_ns)
    site.carry_out()


def taker(site: Site, solution: object) -> str:
    ((_, name),) = solution.assignments  # type: ignore[attr-defined]
    return str(name)


def hold(site: Site, name: str) -> None:
    site.ask(HoldRequest(request=site.request_id(), node=NodeId(name), hold=True))


def move(site: Site, name: str) -> None:
    site.say(name, messages.Heartbeat(situation=site.situation(name, x_m=40.0, y_m=40.0)))


def drain(site: Site, name: str) -> None:
    site.say(name, messages.Heartbeat(situation=site.situation(name, battery_wh=201.0)))


def begin_another(site: Site, name: str) -> None:
    word = site.situation(name, task="unheard-of", attempt=1)
    site.say(name, messages.Heartbeat(situation=word))


def renew_ground(site: Site, _: str) -> None:
    site.scheduler.core.state.terrain_version += 1


@pytest.mark.parametrize("happens", [hold, move, drain, begin_another, renew_ground])
def test_a_part_that_does_not_fit_any_more_is_refused_and_planned_again(
    happens: Callable[[Site, str], None],
) -> None:
    site, solution = asked()
    name = taker(site, solution)

    happens(site, name)
    answered(site, solution)

    entry = site.scheduler.core.state.tasks[GRADE]
    assert entry.phase is TaskPhase.QUEUED
    assert not site.sent(name, messages.Assign)
    (problem,) = site.problems
    assert isinstance(problem, PlacementProblem)


def test_what_still_fits_is_taken_up_beside_what_does_not() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(), plain_site.grade("other")))
    solution = solve(site.scheduler.core.ctx.ground, site.problems.pop())

    hold(site, "grader-1")
    answered(site, solution)

    assert not site.sent("grader-1", messages.Assign)
    assert len(site.sent("grader-2", messages.Assign)) == 1


def test_a_task_that_was_cancelled_meanwhile_is_not_begun() -> None:
    site, solution = asked()

    site.ask(CancelRequest(request="c", task=GRADE))
    answered(site, solution)

    assert site.scheduler.core.state.tasks[GRADE].phase is TaskPhase.CANCELLED
    assert site.scheduler.core.state.planned == {}


def test_a_site_that_never_rests_is_not_planned_without_end() -> None:
    site, solution = asked()
    name = taker(site, solution)

    for _ in range(STALE_MAX + 5):
        move(site, name)
        answered(site, solution)
        if not site.problems:
            break
        site.problems.clear()

    assert site.scheduler.core.state.stale_count == STALE_MAX
    assert not site.problems
    site.wait(61.0)
    assert len(site.problems) == 1


def test_the_plan_that_holds_goes_into_the_next_one() -> None:
    site = Site()
    site.census()
    tasks = [plain_site.grade(f"g{k}") for k in range(4)]
    site.submit(plain_site.order(*tasks))
    site.solve()

    site.wait(61.0)

    problem = site.problems[-1]
    assert isinstance(problem, PlacementProblem)
    assert problem.before == tuple(site.scheduler.core.state.planned.values())
    assert {item.task for item in problem.before} >= {"g2", "g3"}


@pytest.mark.parametrize(
    "word",
    [
        {},
        {"task": "other", "attempt": 1},
        {"autonomy": messages.Autonomy.A3},
        {"battery_wh": None},
        {"at_rest": False, "authority": "ma1-1"},
    ],
    ids=str,
)
def test_planning_takes_for_free_who_is_free(word: dict[str, object]) -> None:
    site = Site()
    site.census()

    site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1", **word)))

    ctx = site.scheduler.core.ctx
    node = ctx.state.nodes[NodeId("grader-1")]
    candidate = dispatch._node_candidate(ctx, node, None)
    is_taken_for_free = not hindrances(plain_site.grade(), candidate)
    assert is_taken_for_free <= is_free(ctx, node)


def test_a_machine_that_charges_first_is_sent_home_at_once() -> None:
    site = Site()
    site.census()
    for name in ("grader-1", "grader-2"):
        # It has come to rest there just now, so nothing else sends it home yet.
        site.scheduler.core.state.nodes[NodeId(name)].idle_since_ns = site.now_ns
        word = site.situation(name, x_m=40.0, y_m=40.0, battery_wh=206.0)
        site.say(name, messages.Heartbeat(situation=word))

    site.submit(plain_site.order(plain_site.grade()))
    site.solve()

    assert GRADE in site.scheduler.core.state.planned
    name = site.scheduler.core.state.planned[GRADE].node
    assert site.scheduler.core.state.nodes[name].home_first == f"to charge for {GRADE}"
    assert site.assignment(name).task.startswith("park-")


def test_the_plan_lists_what_has_begun_once_and_not_what_has_ended() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade()))
    site.solve()
    ctx = site.scheduler.core.ctx

    begun = plans.rows(ctx, site.now_ns)
    name = next(name for name in site.signers if site.sent(name, messages.Assign))
    site.report(name, GRADE, "done", 1)

    assert [(row["task"], row["is"]) for row in begun] == [(GRADE, "assigned")]
    assert plans.rows(ctx, site.now_ns) == []


def test_the_plan_says_when_what_has_begun_ends() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade()))
    site.solve()
    ctx = site.scheduler.core.ctx

    (begun,) = plans.rows(ctx, site.now_ns)
    site.wait(61.0)
    site.solve()
    (later,) = plans.rows(ctx, site.now_ns)

    assert begun["ends_in_s"] > 796.0
    assert later["ends_in_s"] > 0.0


def test_the_plan_names_the_held_machine_that_a_task_waits_for() -> None:
    site = Site()
    site.census()
    site.ask(HoldRequest(request=site.request_id(), node=NodeId("grader-1"), hold=True))
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.wait(61.0)
    site.solve()

    (row,) = plans.rows(site.scheduler.core.ctx, site.now_ns)

    assert (row["is"], row["waits"]) == ("not planned", "for grader-1: held")


def test_the_plan_lists_what_has_no_place_too() -> None:
    site = Site()
    site.census()
    site.submit(plain_site.order(plain_site.grade(needs_earth=True)))
    site.solve()

    (row,) = plans.rows(site.scheduler.core.ctx, site.now_ns)

    assert (row["is"], row["waits"]) == ("not planned", "needs Earth's approval")


def test_one_sensor_does_not_stop_the_planning() -> None:
    site = Site()
    site.census()
    site.say("hauler-1", messages.Heartbeat(situation=site.situation("hauler-1", battery_wh=1e12)))

    site.submit(plain_site.order(plain_site.grade()))
    site.solve()

    assert site.scheduler.core.state.tasks[GRADE].phase is TaskPhase.ASSIGNED
    assert "scheduler/placement.failed" not in site.scheduler.core.state.alarms


def test_a_journal_of_large_entries_is_cut_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lunaredge.scheduler.node.ENTRY_BYTES_MAX", 1)
    site = Site()

    assert ("checkpoint", "", 1) not in site.disk
    for _ in range(200):
        site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1")))

    assert any(table == "checkpoint" for table, _, _ in site.disk)
