"""A plan that is kept up: after every event it keeps every rule, and most of it stays as it was."""

import random

import pytest
from msgspec.structs import replace

from lunaredge.errors import ConfigError
from lunaredge.placement.engine import Planner
from lunaredge.placement.live import LivePlan
from lunaredge.placement.problem import (
    After,
    Apart,
    Charger,
    Current,
    Level,
    Mode,
    Resources,
    Task,
)
from tests.placement.judge import violations
from tests.placement.problems import random_problem
from tests.placement.yard import ROADS, board, dig, job, rover, site


def planned(problem, travel, steps=100):
    planner = Planner(problem, travel)
    planner.improve(steps=steps)
    return planner.plan()


def drawn(seed, task_count=12, node_count=5):
    problem, travel = random_problem(random.Random(f"live {seed}"), task_count, node_count)
    # What is fixed on a node that is lost is a matter of its own.
    tasks = (
        replace(task, current=replace(task.current, is_fixed=False)) if task.current else task
        for task in problem.tasks
    )
    return replace(problem, tasks=tuple(tasks)), travel


def without(problem, *lost):
    return replace(problem, nodes=tuple(node for node in problem.nodes if node.id not in lost))


def test_a_plan_is_taken_up_as_it_is():
    for seed in range(200):
        problem, travel = drawn(seed)
        plan = planned(problem, travel)

        live = LivePlan(problem, travel, plan)

        assert live.score == plan.score
        assert violations(problem, travel, live.plan()) == []


def test_a_plan_that_breaks_a_rule_is_not_taken_up():
    one = Resources(cpu_mcores=1)
    problem = site(job("a", needs=one), job("b", needs=one), board(has=one))
    good = planned(problem, ROADS)
    a, b = good.placed
    wrong_ones = (replace(b, start_s=3, end_s=7), replace(b, task="x"), replace(b, node="x"))

    for wrong in wrong_ones:
        with pytest.raises(ConfigError) as raised:
            LivePlan(problem, ROADS, replace(good, placed=(a, wrong)))
        assert raised.value.value == wrong.task


def test_what_is_no_plan_is_not_taken_up():
    for wrong, how in ((None, {}), ("plan", {}), (planned(site(), ROADS), {"event_units": -1})):
        with pytest.raises(ConfigError):
            LivePlan(site(), ROADS, wrong, **how)


def test_posts_at_one_place_are_counted_together_after_events():
    machines = [rover(name, charge_j=20, charge_w=1, idle_w=0) for name in ("r", "s", "t")]
    two = (Charger(place=0), Charger(place=0))
    digs = (dig("a", only_on=("r",)), dig("b", only_on=("s",)))
    problem = site(*digs, *machines, chargers=two, horizon_s=1_000)
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    live.add(dig("c", only_on=("t",)))

    assert live.plan().unplaced == ()
    assert violations(live.problem, ROADS, live.plan()) == []


@pytest.mark.parametrize("batch", range(10))
def test_after_nodes_are_lost_every_rule_is_kept(batch):
    for seed in range(50 * batch, 50 * batch + 50):
        problem, travel = drawn(seed)
        live = LivePlan(problem, travel, planned(problem, travel))
        lost: list[str] = []

        for node in random.Random(seed).sample(problem.nodes, 3):
            lost.append(node.id)
            live.lose(node.id)

            plan = live.plan()
            assert violations(without(problem, *lost), travel, plan) == [], seed


def test_a_node_that_comes_back_has_tasks_again():
    for seed in range(100):
        problem, travel = drawn(seed)
        live = LivePlan(problem, travel, planned(problem, travel))
        before = live.score
        node = problem.nodes[0].id
        live.lose(node)
        while_lost = live.score

        live.regain(node)

        assert violations(problem, travel, live.plan()) == []
        assert live.score <= while_lost
        assert while_lost >= before or live.score <= before


def test_a_due_time_that_moves_moves_little():
    for seed in range(100):
        problem, travel = drawn(seed)
        live = LivePlan(problem, travel, planned(problem, travel))
        task = problem.tasks[seed % len(problem.tasks)]
        due_s = task.due_s - 10

        live.move_due(task.id, due_s)

        tasks = (replace(one, due_s=due_s) if one is task else one for one in problem.tasks)
        newer = replace(problem, tasks=tuple(tasks))
        assert violations(newer, travel, live.plan()) == []


def test_what_the_event_does_not_touch_stays():
    jobs = [job(f"a{k}", only_on=("a",)) for k in range(3)]
    others = [job(f"b{k}", only_on=("b", "c")) for k in range(3)]
    problem = site(*jobs, *others, board("a"), board("b"), board("c"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    before = {item.task: item for item in live.plan().placed}

    taken = live.lose("b")

    after = {item.task: item for item in live.plan().placed}
    assert {after[one.id] for one in jobs} == {before[one.id] for one in jobs}
    assert all(after[name].node == "c" for name in taken)


def test_unknown_names_and_times_are_refused_and_change_nothing():
    problem = site(job("a"), board("b"), rover())
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    before = live.plan()

    for call in (
        lambda: live.lose("nobody"),
        lambda: live.regain("nobody"),
        lambda: live.move_due("nothing", 3),
        lambda: live.move_due("a", 1.5),
        lambda: live.move_due("a", 2**40),
        lambda: live.move_latest("a", "late"),
        lambda: live.move_release("nothing", 3),
        lambda: live.approve("a", -(2**40)),
        lambda: live.cancel("nothing"),
    ):
        with pytest.raises(ConfigError):
            call()

    assert live.plan() == before


def test_what_is_fixed_on_a_lost_node_stays_and_the_rest_goes():
    now = Current(node="b", left_s=9, left_j=5, is_fixed=True)
    problem = site(job("runs", current=now), job("a"), board("b"), board("c"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    live.lose("c")

    live.lose("b")

    placed = {item.task: item for item in live.plan().placed}
    assert placed.keys() == {"runs"}
    assert (placed["runs"].node, placed["runs"].start_s) == ("b", 0)
    assert violations(live.problem, ROADS, live.plan()) == []


def test_a_task_that_comes_is_placed_and_one_that_is_cancelled_is_gone():
    problem = site(job("a"), board("b"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    came = live.add(job("c", after=(After(task="a"),)))
    went = live.cancel("c")

    assert (came, went) == (("c",), ("c",))
    assert live.problem == problem
    assert live.plan() == planned(problem, ROADS)


def test_what_waits_for_a_cancelled_task_is_left_out_until_one_of_that_name_comes():
    problem = site(job("a"), job("c", after=(After(task="a", lag_s=2),)), board("b"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    changed = live.cancel("a")
    left_out = live.plan().unplaced
    back = live.add(job("a"))

    assert (changed, left_out) == (("a", "c"), ("c",))
    assert sorted(back) == ["a", "c"]
    assert {item.task: item.start_s for item in live.plan().placed} == {"a": 0, "c": 6}


def test_what_was_left_out_has_the_room_that_a_cancelled_task_leaves():
    one = Resources(cpu_mcores=1)
    problem = site(job("a", needs=one), job("c", needs=one), board(has=one), horizon_s=7)
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    changed = live.cancel("a")

    assert changed == ("a", "c")
    assert [item.task for item in live.plan().placed] == ["c"]


def test_names_of_tasks_that_are_gone_are_forgotten():
    problem = site(job("a"), board("b"), board("c"), horizon_s=1_000)
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    for k in range(300):
        mode = Mode(kind="board", duration_s=4, energy_j=8)
        other = Mode(kind=f"kind {k}", duration_s=4, energy_j=8)
        task = Task(id="x", modes=(mode, other), family=f"family {k}")
        assert live.add(task) == ("x",)
        live.cancel("x")
        live.add(job("y", capabilities=(f"skill {k}",), apart=Apart(group="g")))
        assert live.plan().unplaced == ("y",)
        live.cancel("y")

    # Of a group nobody is left of, too: the next one may have another level.
    pair = [job(name, apart=Apart(group="g", level=Level.RACK)) for name in ("m", "n")]
    assert [live.add(task) for task in pair] == [("m",), ("n",)]
    assert violations(live.problem, ROADS, live.plan()) == []


def test_a_hand_over_is_cancelled_as_a_whole():
    problem = site(job("a", meets="c"), job("c"), job("d"), board("b"), board("e"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    gone = live.cancel("c")

    assert gone == ("c", "a")
    assert [task.id for task in live.problem.tasks] == ["d"]
    assert violations(live.problem, ROADS, live.plan()) == []


def test_who_meets_one_that_is_placed_takes_it_along():
    problem = site(job("a"), board("b"), board("c"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    live.lose("c")

    alone = live.add(job("d", meets="a"))
    together = live.regain("c")

    # On one node they can't meet, so neither is done.
    assert alone == ("a",)
    assert sorted(together) == ["a", "d"]
    assert {item.start_s for item in live.plan().placed} == {0}


def test_who_is_met_leaves_the_only_node_that_the_other_can_have():
    problem = site(job("a"), board("b"), board("c"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    live.add(job("d", meets="a", only_on=("b",)))

    assert {item.task: item.node for item in live.plan().placed} == {"a": "c", "d": "b"}
    assert Planner(live.problem, ROADS).plan().unplaced == ()


def test_a_circle_that_a_new_task_closes_is_not_placed():
    problem = site(job("a", after=(After(task="c"),)), job("d"), board("b"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    changed = live.add(job("c", after=(After(task="a"),)))

    assert changed == ()
    assert live.plan().unplaced == ("a", "c")


def test_new_names_of_all_kinds_are_known():
    problem = site(job("a"), dig("d"), board("b"), rover(), chargers=(Charger(place=0),))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    needs, apart = Resources(tools=1), Apart(group="g")
    able = {"family": "new", "apart": apart, "not_on": ("b",)}

    live.add(dig("e", **able))
    live.add(job("skilled", capabilities=("new",)))
    live.add(job("needy", needs=needs))
    live.add(Task(id="strange", modes=(Mode(kind="new", duration_s=3),)))
    live.add(dig("f", apart=apart))

    plan = live.plan()
    assert violations(live.problem, ROADS, plan) == []
    assert plan.unplaced == ("skilled", "needy", "strange", "f")
    # As a problem of its own it is no other.
    assert planned(live.problem, ROADS).score == plan.score


def test_there_is_room_for_ever_more_tasks():
    problem = site(job("a"), board("b", has=Resources(cpu_mcores=3)), horizon_s=10_000)
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    for k in range(100):
        live.add(job(f"j{k}", needs=Resources(cpu_mcores=2)))
    for k in range(0, 100, 2):
        live.cancel(f"j{k}")

    plan = live.plan()
    assert len(plan.placed) == 51
    assert violations(live.problem, ROADS, plan) == []


def test_a_task_that_must_end_sooner_goes_first():
    problem = site(dig("a"), dig("d"), rover(), horizon_s=1_000)
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    last = max(live.plan().placed, key=lambda item: item.start_s)

    live.move_latest(last.task, last.end_s - 1)

    first = min(live.plan().placed, key=lambda item: item.start_s)
    assert first.task == last.task
    assert violations(live.problem, ROADS, live.plan()) == []
    assert live.plan().unplaced == ()


def test_what_is_approved_no_more_waits_and_what_is_approved_is_placed():
    problem = site(job("a", approved_s=None), job("c"), board("b"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))

    assert live.approve("a", 7) == ("a",)
    assert live.approve("c", None) == ("c",)

    assert {item.task: item.start_s for item in live.plan().placed} == {"a": 7}


def test_what_there_is_no_time_for_is_named_and_done_by_the_next_events():
    jobs = [job(f"j{k}") for k in range(300)]
    full = Resources(cpu_mcores=1)
    problem = site(*jobs, board("b"), board("c", has=full), horizon_s=10_000)
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    on_b = [item.task for item in live.plan().placed if item.node == "b"]

    live.lose("b")
    left_over = live.left_over

    assert 0 < len(left_over) < len(on_b)
    assert set(left_over) <= set(live.plan().unplaced)
    assert violations(live.problem, ROADS, live.plan()) == []
    while live.left_over:
        assert live.catch_up()
    assert live.plan().unplaced == ()


def test_who_is_met_makes_way_at_once_while_others_are_still_left_over():
    late = rover("r", ready_s=50, battery_j=500, charge_j=500, idle_w=0)
    digs = [dig(f"l{k}") for k in range(4)]
    problem = site(dig("x", only_on=("r",), due_s=90), *digs, late, rover("s"), board())
    live = LivePlan(problem, ROADS, planned(problem, ROADS), event_units=16)
    live.lose("s")

    left_over = live.left_over
    live.add(job("d", meets="x"))
    live.catch_up()

    assert "l3" in left_over
    plan = live.plan()
    assert plan.unplaced == ()
    assert violations(live.problem, ROADS, plan) == []
    assert LivePlan(live.problem, ROADS, plan).score == live.score


def test_far_more_than_an_event_can_do_is_left_over_and_done_in_the_end():
    one = Resources(cpu_mcores=1)
    first = job("z", needs=one, due_s=99_000)
    jobs = [job(f"j{k}", needs=one, after=(After(task="z"),)) for k in range(700)]
    problem = site(*jobs, first, board(has=one), horizon_s=100_000)
    live = LivePlan(problem, ROADS, planned(problem, ROADS, 1))
    live.lose("b")
    live.regain("b")

    counts = [len(live.left_over)]
    while live.left_over:
        live.catch_up()
        counts.append(len(live.left_over))
        assert violations(live.problem, ROADS, live.plan()) == []

    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 600
    assert live.plan().unplaced == ()


@pytest.mark.parametrize(
    ("task", "key"),
    [
        (job("a"), "task.id"),
        (job("x", meets="x"), "task.meets"),
        (job("x", meets="nobody"), "task.meets"),
        (job("x", meets="m"), "task.meets"),
        (job("x", meets="runs"), "task.meets"),
        (job("x", place=9), "task.place"),
        (job("x", release_s=1.5), "task.release_s"),
        (job("x", apart=Apart(group="g", level=Level.RACK)), "task.apart.level"),
        (job("x", current=Current(node="b", left_s=3, is_fixed=True)), "task.current"),
        (job("x", capabilities=tuple(f"c{k}" for k in range(64))), "task.capabilities"),
    ],
)
def test_a_task_that_can_not_come_is_refused_and_changes_nothing(task, key):
    now = Current(node="b", left_s=3, is_fixed=True)
    tasks = (job("a", apart=Apart(group="g")), job("m", meets="n"), job("n"))
    problem = site(*tasks, job("runs", current=now), board("b"), board("c"))
    live = LivePlan(problem, ROADS, planned(problem, ROADS))
    before = live.plan()

    with pytest.raises(ConfigError) as raised:
        live.add(task)

    assert raised.value.key == key
    assert (live.plan(), live.problem) == (before, problem)
    live.add(job("x"))
    assert violations(live.problem, ROADS, live.plan()) == []
