"""What each task of a plan waits for: what would break if it started one second sooner."""

import pytest
from hypothesis import given
from msgspec.structs import replace

from lunaredge.placement.check import check
from lunaredge.placement.plan import Cause, Charge, Placed, Plan, Wait
from lunaredge.placement.problem import (
    After,
    Ceiling,
    Charger,
    Current,
    Problem,
    Resources,
    Setup,
    Window,
    is_fixed,
)
from lunaredge.placement.replay import partners_of
from lunaredge.placement.waits import waits
from tests.placement.judge import violations
from tests.placement.planned import planned
from tests.placement.problems import problems
from tests.placement.yard import ROADS, board, dig, digs, job, plan_of, rover, runs, site

ONE_CORE = Resources(cpu_mcores=1)
CORE = board(has=ONE_CORE)
POST = (Charger(place=2),)
RUNNING = Current(node="r", left_s=4, left_j=20, is_fixed=True)


def charged(task: str, node: str, begin_s: int, lacks_j: int) -> Placed:
    """Give a dig after a charge at place 2."""
    end_s = begin_s + -(-lacks_j // 10)
    charge = Charge(place=2, begin_s=begin_s, end_s=end_s, energy_j=lacks_j)
    way = {"travel_s": 8, "travel_j": 13, "level_j": 76}
    return digs(task, end_s + 2, node=node, charge=charge, **way)


def both_charge(**fields: object) -> Problem:
    nodes = rover("r", charge_j=60), rover("s", charge_j=60)
    return site(dig("a"), dig("b"), *nodes, **fields)


BOTH = [charged("a", "r", 6, 49), charged("b", "s", 11, 54)]
CASES = [
    (site(job(), board()), [runs()], Cause.NOTHING, ""),
    (site(job(), board()), [runs(start_s=1)], Cause.NOTHING, ""),
    (site(job(release_s=5), board()), [runs(start_s=5)], Cause.RELEASE, ""),
    (site(job(approved_s=5), board()), [runs(start_s=5)], Cause.APPROVAL, ""),
    (site(job(), board(ready_s=5)), [runs(start_s=5)], Cause.READY, ""),
    (
        site(job("b"), job(after=(After(task="b", lag_s=2),)), board()),
        [runs("b"), runs("a", 6)],
        Cause.ORDER,
        "b",
    ),
    (
        site(dig("b"), job(meets="b"), board(), rover()),
        [digs("b"), runs("a", 3)],
        Cause.PARTNER,
        "b",
    ),
    (
        site(job("b", needs=ONE_CORE), job(needs=ONE_CORE), CORE),
        [runs("b"), runs("a", 4)],
        Cause.NODE,
        "b",
    ),
    (site(dig("b"), dig("a"), rover()), [digs("b"), digs("a", 7)], Cause.NODE, "b"),
    (site(dig(), rover()), [digs()], Cause.TRAVEL, ""),
    (
        site(dig("b"), dig("a", place=2), rover()),
        [digs("b"), digs("a", 9, travel_s=2, travel_j=4)],
        Cause.TRAVEL,
        "b",
    ),
    (
        site(
            dig("b"),
            dig("a", family="haul"),
            rover(),
            setups=(Setup(source="any", target="haul", duration_s=2),),
        ),
        [digs("b"), digs("a", 9)],
        Cause.TRAVEL,
        "b",
    ),
    (
        site(dig("b", current=RUNNING), dig("a"), rover(ready_s=9)),
        [digs("b", 0, level_j=100), digs("a", 9)],
        Cause.READY,
        "",
    ),
    (
        site(dig(), rover(charge_j=60), chargers=POST),
        [charged("a", "r", 6, 49)],
        Cause.CHARGE,
        "",
    ),
    (both_charge(chargers=POST), BOTH, Cause.POST, "a"),
    (
        both_charge(chargers=(*POST, *POST), bus=(Ceiling(from_s=0, power_w=10),)),
        BOTH,
        Cause.BUS,
        "a",
    ),
    (
        both_charge(chargers=(*POST, *POST)),
        BOTH,
        Cause.CHARGE,
        "",
    ),
    (
        site(job("b"), job(), board(), bus=(Ceiling(from_s=0, power_w=3),)),
        [runs("b"), runs("a", 4)],
        Cause.BUS,
        "b",
    ),
    (
        site(job(), board(), bus=(Ceiling(from_s=0, power_w=1), Ceiling(from_s=5, power_w=2))),
        [runs("a", 5)],
        Cause.BUS,
        "",
    ),
    (
        site(dig(), rover(charge_j=60, reserve_dark_j=40), darkness=(Window(from_s=1, until_s=5),)),
        [digs("a", 5, level_j=33)],
        Cause.LIGHT,
        "",
    ),
    (
        site(dig(), rover(charge_j=67, reserve_dark_j=40), darkness=(Window(from_s=1, until_s=5),)),
        [digs("a", 5, level_j=40)],
        Cause.NOTHING,
        "",
    ),
    (
        site(job(needs_light=True), board(), darkness=(Window(from_s=1, until_s=5),)),
        [runs("a", 5)],
        Cause.LIGHT,
        "",
    ),
]


@pytest.mark.parametrize(("problem", "items", "cause", "task"), CASES)
def test_each_cause_is_told_for_the_last_task_of_a_plan(problem, items, cause, task):
    plan = plan_of(problem, *items)

    found = waits(check(problem, ROADS), ROADS, plan)

    assert found[-1] == Wait(cause=cause, task=task)


def test_of_several_causes_the_first_of_their_order_is_told():
    problem = site(job("b"), job(release_s=4, approved_s=4, after=(After(task="b"),)), board())
    plan = plan_of(problem, runs("b"), runs("a", 4))

    assert waits(problem, ROADS, plan)[1] == Wait(cause=Cause.RELEASE)


def test_of_two_that_meet_the_one_that_comes_later_waits_for_what_it_waits_for():
    problem = site(job(meets="b"), dig("b"), board(), rover())
    plan = plan_of(problem, runs("a", 3), digs("b"))

    assert waits(problem, ROADS, plan) == (
        Wait(cause=Cause.PARTNER, task="b"),
        Wait(cause=Cause.TRAVEL),
    )


def test_two_that_meet_wait_for_a_bus_that_feeds_both():
    nodes = board("b"), board("c")
    tasks = job(meets="b"), job("b"), job("c")
    problem = site(*tasks, *nodes, bus=(Ceiling(from_s=0, power_w=5),))
    plan = plan_of(problem, runs("a", 4), runs("b", 4, "c"), runs("c"))

    found = waits(problem, ROADS, plan)

    assert found[:2] == (Wait(cause=Cause.BUS, task="c"),) * 2


def test_a_fixed_task_waits_for_nothing():
    problem = site(dig(current=RUNNING, release_s=9), rover())
    plan = plan_of(problem, digs(start_s=0, level_j=100))

    assert waits(problem, ROADS, plan) == (Wait(cause=Cause.NOTHING),)


def a_second_sooner(problem: Problem, plan: Plan, task: str) -> Plan:
    """Give a plan in which a task, and what it meets, starts a second sooner."""
    unit = {task, partners_of(problem.tasks).get(task, task)}
    return plan_of(
        problem,
        *(
            replace(item, start_s=item.start_s - 1, end_s=item.end_s - 1)
            if item.task in unit
            else item
            for item in plan.placed
        ),
    )


@given(problems())
def test_a_task_waits_for_nothing_only_where_it_could_start_sooner_or_starts_at_0(pair):
    problem, travel = pair
    plan = planned(problem, travel)
    tasks = {task.id: task for task in problem.tasks}
    # What an item says follows from its times.
    follows = {"fields", "score", "charge"}

    found = waits(problem, travel, plan)

    for item, wait in zip(plan.placed, found, strict=True):
        if is_fixed(tasks[item.task]) or item.start_s == 0:
            assert wait == Wait(cause=Cause.NOTHING)
            continue
        said = violations(problem, travel, a_second_sooner(problem, plan, item.task))
        broken = {one.partition(":")[0] for one in said} - follows
        assert bool(broken) == (wait.cause is not Cause.NOTHING), (item, wait, broken)
