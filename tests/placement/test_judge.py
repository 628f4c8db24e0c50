"""The judge can fail: each rule is kept by one plan, and broken by another that hardly differs.

This file has what concerns every node; what machines keep besides is in the next.
"""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lunaredge.placement.plan import Charge, Score
from lunaredge.placement.problem import (
    After,
    Apart,
    Ceiling,
    Current,
    Level,
    Resources,
    Window,
)
from tests.placement.judge import RULES, score_of, violations
from tests.placement.yard import ROADS, board, broken, dig, digs, job, plan_of, rover, runs, site


def test_a_plan_that_says_too_little_or_too_much_is_not_read():
    problem = site(job("a"), job("b"), board())
    plan = plan_of(problem, runs("a"), runs("b"))

    def roll(**changes: Any) -> list[str]:
        found = violations(problem, ROADS, replace(plan, **changes))
        return [said for said in found if said.startswith("roll: ")]

    assert not roll()
    assert roll(placed=plan.placed[:1]) == ["roll: b is 0 times in the plan"]
    assert roll(unplaced=("b",)) == ["roll: b is 2 times in the plan"]
    assert "roll: the problem has no task c" in roll(unplaced=("c",))
    assert "not in the problem's order" in roll(placed=plan.placed[::-1])[0]
    assert "not in the problem's order" in roll(placed=(), unplaced=("b", "a"))[0]
    assert roll(placed=(runs("a"), runs("b", node="x"))) == ["roll: b is on x, which is no node"]


def test_a_task_takes_the_time_and_energy_of_its_mode():
    problem = site(job(), board(), rover())

    assert broken(problem, runs()) == []
    assert broken(problem, runs(end_s=5)) == ["modes"]
    assert broken(problem, runs(energy_j=7)) == ["modes"]
    assert "modes" in broken(problem, runs(node="r"))


def test_a_sick_node_takes_longer_rounded_up():
    problem = site(job(), board(health_pct=99))

    assert broken(problem, runs(end_s=5)) == []
    assert broken(problem, runs(end_s=4)) == ["modes"]


def test_a_node_has_every_capability_and_the_health_that_a_task_names():
    task = job(capabilities=("gpu", "fpga"), health_pct_min=80)

    def on(**fields: Any) -> list[str]:
        return broken(site(task, board(**fields)), runs(end_s=5))

    assert on(capabilities=("fpga", "gpu"), health_pct=80) == []
    assert on(capabilities=("gpu",), health_pct=80) == ["modes"]
    assert on(capabilities=("fpga", "gpu"), health_pct=79) == ["modes"]


@pytest.mark.parametrize(
    ("kept", "breaks"),
    [({"only_on": ("c", "b")}, {"only_on": ("c",)}), ({"not_on": ("c",)}, {"not_on": ("c", "b")})],
)
def test_a_task_is_where_it_is_pinned_and_not_where_it_is_banned(kept, breaks):
    assert broken(site(job(**kept), board(), board("c")), runs()) == []
    assert broken(site(job(**breaks), board(), board("c")), runs()) == ["pins"]


@pytest.mark.parametrize(
    ("kept", "breaks"),
    [
        ({"release_s": 5}, {"release_s": 6}),
        ({"approved_s": 5}, {"approved_s": 6}),
        ({"approved_s": 5}, {"approved_s": None}),
        ({"latest_s": 9}, {"latest_s": 8}),
    ],
)
def test_a_task_runs_within_its_times(kept, breaks):
    assert broken(site(job(**kept), board()), runs(start_s=5)) == []
    assert broken(site(job(**breaks), board()), runs(start_s=5)) == ["times"]


def test_a_task_runs_within_the_times_of_its_node_and_of_the_plan():
    late = runs(start_s=5)

    assert broken(site(job(), board(ready_s=5), horizon_s=9), late) == []
    assert broken(site(job(), board(ready_s=6), horizon_s=9), late) == ["times"]
    assert broken(site(job(), board(ready_s=5), horizon_s=8), late) == ["times"]
    assert broken(site(job(release_s=-9), board()), runs(start_s=-1)) == ["times"]


def test_a_task_starts_after_those_that_it_names_and_their_lags():
    problem = site(job("a"), job("b", after=(After(task="a", lag_s=2),)), board())

    assert broken(problem, runs("a"), runs("b", 6)) == []
    assert broken(problem, runs("a"), runs("b", 5)) == ["order"]
    assert broken(problem, runs("b", 6)) == ["order"]
    assert broken(problem, runs("a")) == []


def test_a_task_that_names_an_unknown_one_or_itself_is_never_placed():
    for name in ("nobody", "a"):
        assert broken(site(job(after=(After(task=name),)), board()), runs(start_s=50)) == ["order"]


@pytest.mark.parametrize("sayer", ["a", "b"])
def test_tasks_that_meet_start_together_on_two_nodes_or_are_both_left_out(sayer):
    meets = {"a": {"a": "b"}, "b": {"b": "a"}}[sayer]
    tasks = [job(name, meets=meets.get(name)) for name in ("a", "b")]
    problem = site(*tasks, board(), board("c"))

    assert broken(problem, runs("a"), runs("b", node="c")) == []
    assert broken(problem) == []
    assert broken(problem, runs("a"), runs("b", 1, node="c")) == ["hand_overs"]
    assert broken(problem, runs("a"), runs("b")) == ["hand_overs"]
    assert broken(problem, runs("a")) == ["hand_overs"]
    assert broken(problem, runs("b")) == ["hand_overs"]


@pytest.mark.parametrize("resource", Resources.__struct_fields__)
def test_what_runs_on_a_node_at_an_instant_needs_no_more_than_it_has(resource):
    tasks = [job(name, needs=Resources(**{resource: 2})) for name in ("a", "b", "c")]
    items = runs("a"), runs("b", 3), runs("c", 4)

    def with_amount(amount: int) -> list[str]:
        return broken(site(*tasks, board(has=Resources(**{resource: amount}))), *items)

    assert with_amount(4) == []
    assert with_amount(3) == ["resources"]


@pytest.mark.parametrize("level", list(Level))
def test_replicas_are_in_different_failure_domains(level):
    nodes = (
        board("b", board="x", rack="r"),
        board("c", board="x", rack="r"),
        board("d", board="y", rack="r"),
        board("e", board="z", rack="s"),
        board("f"),
        board("g"),
    )
    tasks = (job(name, apart=Apart(group="g", level=level)) for name in ("a", "b"))
    problem = site(*tasks, *nodes)
    shared = {Level.NODE: "b", Level.BOARD: "bc", Level.RACK: "bcd"}[level]

    together = [n.id for n in nodes if broken(problem, runs("a"), runs("b", node=n.id))]

    assert together == list(shared)
    assert broken(problem, runs("a"), runs("b")) == ["apart"]
    assert broken(problem, runs("a", node="f"), runs("b", node="g")) == []


def test_a_task_that_needs_light_runs_in_none_of_the_dark():
    problem = site(job(needs_light=True), board(), darkness=(Window(from_s=4, until_s=9),))

    assert broken(problem, runs()) == []
    assert broken(problem, runs(start_s=1)) == ["light"]
    assert broken(problem, runs(start_s=8)) == ["light"]
    assert broken(problem, runs(start_s=9)) == []


def test_a_draw_on_the_bus_is_rounded_up():
    problem = site(job(), board(health_pct=80), bus=(Ceiling(from_s=0, power_w=2),))

    # 8 J in 5 s are less than 2 W.
    assert broken(problem, runs(end_s=5)) == []
    assert broken(replace(problem, bus=(Ceiling(from_s=0, power_w=1),)), runs(end_s=5)) == ["bus"]


def test_a_task_that_runs_takes_what_is_left_where_it_is():
    running = Current(node="b", left_s=2, left_j=3, move_j=7)
    problem = site(job(current=running), board(health_pct=50), board("c", health_pct=50))

    assert broken(problem, runs(end_s=2, energy_j=3)) == []
    assert broken(problem, runs(end_s=8)) == ["modes"]
    assert broken(problem, runs(node="c", end_s=8)) == []
    assert broken(problem, runs(node="c", end_s=2, energy_j=3)) == ["modes"]


FIXED = Current(node="b", left_s=4, left_j=8, is_fixed=True)


def test_a_fixed_task_stays_from_the_start():
    problem = site(job(current=FIXED), board(), board("c"))

    assert broken(problem, runs()) == []
    assert broken(problem, runs(start_s=1)) == ["fixed"]
    assert broken(problem, runs(node="c")) == ["fixed"]
    assert broken(problem) == ["fixed"]


def test_much_does_not_matter_for_a_fixed_task():
    task = job(
        current=FIXED,
        release_s=9,
        approved_s=None,
        after=(After(task="nobody"),),
        needs_light=True,
        only_on=("c",),
        not_on=("b",),
        capabilities=("gpu",),
        health_pct_min=100,
        latest_s=2,
    )
    node = board(ready_s=9, health_pct=50)
    dark = (Window(from_s=0, until_s=9),)
    problem = site(replace(task, modes=()), node, horizon_s=3, darkness=dark)

    assert broken(problem, runs()) == []


def test_what_fixed_tasks_need_by_themselves_is_no_fault_but_nothing_runs_beside_them():
    greedy = {"needs": Resources(tools=2), "apart": Apart(group="g")}
    tasks = job("a", current=FIXED, **greedy), job("b", current=FIXED, **greedy), job("c")
    problem = site(*tasks, board(has=Resources(tools=3)), bus=(Ceiling(from_s=0, power_w=1),))

    assert broken(problem, runs("a"), runs("b")) == []
    assert broken(problem, runs("a"), runs("b"), runs("c", 2)) == ["bus", "resources"]


def test_a_fixed_task_counts_for_all_others():
    tasks = job("a", current=FIXED, needs=Resources(tools=1)), job("b", needs=Resources(tools=1))
    problem = site(*tasks, board(has=Resources(tools=1)), bus=(Ceiling(from_s=0, power_w=2),))

    assert broken(problem, runs("a"), runs("b", 4)) == []
    assert broken(problem, runs("a"), runs("b", 3)) == ["bus", "resources"]


def test_computers_neither_travel_nor_charge():
    problem = site(job(), board())
    charge = Charge(place=2, begin_s=0, end_s=1, energy_j=1)

    for wrong in ({"level_j": 0}, {"travel_s": 1}, {"travel_j": 1}, {"charge": charge}):
        assert broken(problem, replace(runs(), **wrong)) == ["fields"]


def test_the_score_is_lateness_then_cost():
    tasks = (
        job("a", due_s=1, weight=3, current=Current(node="c", move_j=7)),
        dig("b", due_s=9),
        job("c", due_s=150, weight=2),
        job("d", due_s=500),
    )
    problem = site(*tasks, board(), rover(), travel_j_s=10)
    plan = plan_of(problem, runs("a"), digs("b"))

    assert plan.score == Score(late_s=3 * 3 + 0 + 2 * 50, cost_j=8 + 7 + 20 + 5 + 10 * 3)
    assert violations(problem, ROADS, plan) == []
    for wrong in (Score(late_s=108, cost_j=70), Score(late_s=109, cost_j=69)):
        assert violations(problem, ROADS, replace(plan, score=wrong))[0].startswith("score: ")


def test_a_move_costs_only_what_is_moved():
    stays = job(current=Current(node="b", move_j=7))

    assert score_of(site(stays, board()), (runs(),)).cost_j == 8
    assert score_of(site(stays, board(), board("c")), (runs(node="c"),)).cost_j == 15


def test_every_rule_is_broken_by_some_test():
    folder = Path(__file__).parent
    told = "".join(path.read_text() for path in sorted(folder.glob("test_judge*.py")))

    assert not [rule.__name__ for rule in RULES if f'"{rule.__name__}' not in told]
