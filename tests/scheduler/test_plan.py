"""Plans of the whole site: what comes later, on which node, and what it waits for."""

import math

import msgspec
import pytest

from lunaredge import placement as library
from lunaredge.model.fleet import Capability
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.candidates import (
    Constraint,
    InHand,
    NodeCandidate,
    PlacementProblem,
    Planned,
    TaskCandidate,
)
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.outlook import Outlook
from lunaredge.scheduler.placement import place
from lunaredge.scheduler.window import PLACES_MAX, TASKS_MAX, window_of
from lunaredge.units import NS_PER_S
from tests.placement.judge import violations
from tests.scheduler import sites

GROUND = GroundMap.of(
    sites.site(
        sites.zone("pad", sites.box(20.0, 20.0, 40.0, 30.0)),
        sites.zone("pit", sites.box(-60.0, 0.0, -50.0, 7.0)),
        sites.zone("spoil", sites.box(-40.0, 0.0, -35.0, 5.0)),
    )
)
NOW_NS = 1_000 * NS_PER_S


def grade(name, **fields):
    return sites.task(name, TaskKind.GRADE, zone="pad", **fields)


def stand(name, x_m, **fields):
    return sites.task(name, TaskKind.PARK, stand=(x_m, 0.0), **fields)


def machine(name="m", position=(0.0, 0.0), *, home=None, **changes):
    fields = {
        "spec": sites.node(name, Capability.GRADE, home=home or position),
        "free_slots": 1,
        "position": position,
        "battery_wh": 2000.0,
        "present": True,
    }
    return NodeCandidate(**(fields | changes))


def asked(tasks, nodes, **fields):
    candidates = [t if isinstance(t, TaskCandidate) else TaskCandidate(task=t) for t in tasks]
    return PlacementProblem(
        version=5, tasks=tuple(candidates), nodes=tuple(nodes), now_ns=NOW_NS, **fields
    )


def planned(tasks, nodes, **fields):
    return place(GROUND, asked(tasks, nodes, **fields))


def test_what_waits_is_planned_behind_what_it_waits_for():
    second = TaskCandidate(task=grade("second"), waits_for=("first",))

    solution = planned([grade("first"), second], [machine()])

    first, behind = solution.planned
    assert solution.assignments == (("first", "m"),)
    assert (behind.task, behind.behind) == ("second", "first")
    assert first.end_ns <= behind.leave_ns < behind.start_ns


def test_times_are_those_of_the_site():
    (item,) = planned([stand("p", 30.0)], [machine()]).planned

    spec = sites.machine()
    assert item.leave_ns == NOW_NS
    assert item.start_ns - NOW_NS >= 30.0 / spec.speed_m_s_max * NS_PER_S


def test_what_is_in_hand_is_over_before_the_next_begins():
    work = TaskCandidate(task=grade("now"), in_hand=InHand(node="m", left_ratio=0.5))
    busy = machine(free_slots=0)

    solution = planned([work, stand("next", 0.0)], [busy])

    (item,) = solution.planned
    assert solution.assignments == ()
    assert [r.constraint for r in solution.refusals] == ["busy", "taken"]
    assert item.behind == "now"


@pytest.mark.parametrize(("elapsed_s", "late_s"), [(0.0, 0.0), (50_000.0, 40_000.0)])
def test_what_is_overdue_is_expected_to_take_as_long_again(elapsed_s, late_s):
    in_hand = InHand(node="m", left_ratio=0.0, elapsed_s=elapsed_s)
    work = TaskCandidate(task=grade("now"), in_hand=in_hand)

    (item,) = planned([work, stand("next", 0.0)], [machine(free_slots=0)]).planned

    assert (item.leave_ns - NOW_NS) / NS_PER_S >= late_s


def test_work_that_stalls_does_not_keep_a_machine_from_what_is_ready():
    stalled = TaskCandidate(
        task=stand("stalled", 9.0), in_hand=InHand(node="gone", elapsed_s=9_000.0)
    )
    behind = TaskCandidate(task=grade("urgent", priority=1), waits_for=("stalled",))
    gone = machine("gone", (50.0, 0.0), present=False, free_slots=0)

    solution = planned([stalled, behind, stand("ready", 5.0)], [machine(), gone])

    assert solution.assignments == (("ready", "m"),)


def test_a_machine_that_lacks_charge_goes_home_for_it_first():
    away = machine(position=(30.0, 0.0), home=(0.0, 0.0), battery_wh=215.0)

    solution = planned([grade("level")], [away])

    (item,) = solution.planned
    assert solution.assignments == ()
    assert solution.charging == (("m", "level"),)
    assert NOW_NS < item.charged_ns < item.start_ns
    assert solution.refusals[0].constraint is Constraint.ENERGY


def test_work_that_no_battery_lasts_for_has_no_place_and_says_so():
    dig = sites.task(
        "dig", TaskKind.EXCAVATE, zone="pit", pile="spoil", mass_kg=2000.0, stand=(-45.0, 3.0)
    )
    digger = NodeCandidate(
        spec=sites.node("m", Capability.EXCAVATE, home=(0.0, 0.0)),
        free_slots=1,
        position=(0.0, 0.0),
        battery_wh=2000.0,
        present=True,
    )

    solution = planned([dig], [digger])

    refusal = solution.refusals[0]
    assert solution.planned == ()
    assert refusal.constraint is Constraint.BATTERY
    assert "short of work and way home" in refusal.detail


def test_a_task_that_waits_for_earth_has_no_place_nor_has_what_is_behind_it():
    first = TaskCandidate(task=grade("first", needs_earth=True), needs_word=True)
    second = TaskCandidate(task=grade("second"), waits_for=("first",))

    solution = planned([first, second, stand("other", 5.0)], [machine()])

    assert [item.task for item in solution.planned] == ["other"]
    assert solution.figures.unplanned_count == 2


def test_a_machine_with_a_load_on_board_is_planned_for_nothing_else():
    laden = machine(carries="haul")

    solution = planned([grade("level")], [laden])

    assert solution.planned == ()
    assert solution.refusals[0].constraint is Constraint.LADEN


def test_who_goes_home_first_is_planned_from_there():
    far = machine(position=(60.0, 0.0), home=(0.0, 0.0), home_first="to let others pass")

    solution = planned([grade("level")], [far])

    (item,) = solution.planned
    assert solution.assignments == ()
    assert solution.refusals[0].constraint is Constraint.HOME_FIRST
    assert item.start_ns - NOW_NS >= 60.0 / sites.machine().speed_m_s_max * NS_PER_S
    assert item.position == (0.0, 0.0)


def test_a_plan_is_kept_where_another_is_no_better():
    tasks = [stand("a", 5.0), stand("b", -5.0)]
    nodes = [machine("one"), machine("two")]
    before = tuple(
        Planned(task=task, node=node, leave_ns=0, start_ns=0, end_ns=1, energy_wh=0.0)
        for task, node in (("a", "two"), ("b", "one"))
    )

    solution = planned(tasks, nodes, before=before)

    assert dict(solution.assignments) == {"a": "two", "b": "one"}


def test_the_same_problem_gives_the_same_plan():
    tasks = [grade(f"g{k}", priority=1 + k % 9) for k in range(12)]
    nodes = [machine(f"m{k}", (10.0 * k, -20.0)) for k in range(4)]

    one, other = (place(GroundMap.of(GROUND.site), asked(tasks, nodes)) for _ in range(2))

    assert one == other


def test_every_node_has_a_turn_however_many_others_wait():
    crowd = [stand(f"s{k}", 0.1 * k, priority=1, only_on=("m", "n")) for k in range(500)]
    alone = grade("alone", priority=9, only_on=("idle",))

    window = window_of(GROUND, asked([*crowd, alone], [machine(), machine("idle")]))

    assert len(window.tasks) <= TASKS_MAX
    assert "alone" in {candidate.task.id for candidate in window.tasks}
    assert len({candidate.task.stand for candidate in window.tasks}) <= PLACES_MAX


def test_ways_beyond_the_searches_lead_by_home():
    tasks = [stand(f"s{k}", 10.0 * k) for k in range(4)]
    problem = asked(tasks, [machine(position=(0.0, -30.0))])
    window = window_of(GROUND, problem)
    outlook = Outlook(GROUND, problem, window)
    first, last = outlook.problem.tasks[0].place, outlook.problem.tasks[-1].place

    ways = outlook.travel.table[0]
    by_home = Outlook(GROUND, problem, window._replace(exact_count=0)).travel.table[0]

    assert ways[first, last, 0] < by_home[first, last, 0]
    assert by_home[first, last, 0] == ways[first, 1, 0] + ways[1, last, 0]


def test_what_the_library_is_asked_keeps_its_rules_and_its_plan_too():
    tasks = [grade(f"g{k}") for k in range(5)]
    tasks += [TaskCandidate(task=stand("late", 5.0), waits_for=("g0", "g1"))]
    nodes = [machine("a", battery_wh=260.0), machine("b", (30.0, 0.0), free_slots=0)]
    tasks += [TaskCandidate(task=stand("now", 8.0), in_hand=InHand(node="b"))]
    problem = asked(tasks, nodes)
    outlook = Outlook(GROUND, problem, window_of(GROUND, problem))

    plan = library.Planner(outlook.problem, outlook.travel).plan()

    assert violations(outlook.problem, outlook.travel, plan) == []


def test_a_battery_that_is_not_a_number_is_not_known():
    solution = planned([grade("level")], [machine(battery_wh=math.nan)])

    assert solution.planned == ()
    assert solution.refusals[0].constraint is Constraint.LOST


@pytest.mark.parametrize("battery_wh", [1e5, 4e8, 1e300, -5.0])
def test_a_battery_that_nobody_builds_does_not_stop_the_others(battery_wh):
    odd = machine("odd", (50.0, 0.0), battery_wh=battery_wh)

    solution = planned([stand("p", 0.0)], [machine(), odd])

    assert solution.assignments == (("p", "m"),)


@pytest.mark.parametrize("is_lost", [False, True])
def test_work_that_never_sets_out_keeps_no_machine_for_ever(is_lost):
    in_hand = InHand(node="gone", elapsed_s=200_000.0)
    gone = machine("gone", (50.0, 0.0), present=not is_lost, free_slots=0)
    behind = TaskCandidate(task=grade("behind", priority=1), waits_for=("stalled",))
    tasks = [TaskCandidate(task=grade("stalled"), in_hand=in_hand), behind]

    solution = planned([*tasks, grade("long", passes=5)], [machine(), gone])

    assert solution.assignments == (("long", "m"),)


def test_the_free_come_before_the_busy_where_places_are_few():
    busy = [machine(f"b{k}", (0.3 * k, 0.0), free_slots=0) for k in range(100)]
    free = [machine(f"f{k}", (0.3 * k, 9.0)) for k in range(100)]
    tasks = [
        stand(f"s{k}", 0.1 * k, only_on=(node.spec.name, "x"))
        for k, node in enumerate([*busy, *free])
    ]

    window = window_of(GROUND, asked(tasks, [*busy, *free]))

    chosen = {candidate.task.only_on[0] for candidate in window.tasks}
    assert len(chosen) < len(tasks)
    assert chosen >= {node.spec.name for node in free}


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (TaskCandidate(task=stand("p", 9.0), release_s=500.0), ("order", "released in 500 s")),
        (
            TaskCandidate(task=stand("p", 9.0, needs_earth=True), needs_word=True),
            ("order", "after Earth's approval"),
        ),
    ],
)
def test_what_waits_for_no_other_task_is_not_said_to_be_taken(candidate, said):
    refusals = planned([candidate], [machine()]).refusals

    assert [(r.constraint, r.detail) for r in refusals] == [said]


def test_what_a_task_waits_for_is_told_before_what_its_node_does_now():
    waits = TaskCandidate(task=stand("p", 9.0, needs_earth=True), needs_word=True)

    refusals = planned([waits], [machine(free_slots=0), machine("n", held=True)]).refusals

    said = [(r.node, r.constraint) for r in refusals]
    assert said == [("m", "order"), ("m", "busy"), ("n", "order"), ("n", "held")]


def test_what_charges_first_is_not_said_to_be_taken():
    away = machine(position=(30.0, 0.0), home=(0.0, 0.0), battery_wh=215.0)

    refusals = planned([grade("level")], [away]).refusals

    assert [r.constraint for r in refusals] == ["energy"]


def test_who_could_is_told_of_before_who_never_can():
    digger = sites.node("digger", Capability.EXCAVATE, home=(0.0, 0.0))
    unable = msgspec.structs.replace(machine("digger"), spec=digger)

    refusals = planned([grade("level")], [unable, machine(held=True)]).refusals

    assert [r.constraint for r in refusals] == ["held", "capability"]


@pytest.mark.parametrize("used_ratio", [0.999, 0.99, 0.981, 0.979, 0.9])
def test_a_machine_whose_charge_stops_short_of_full_does_not_charge_for_ever(used_ratio):
    (item,) = planned([grade("level")], [machine()]).planned
    capacity_wh = item.needed_wh / used_ratio
    node = machine()
    body = msgspec.structs.replace(node.spec.machine, battery_wh=capacity_wh)
    spec = msgspec.structs.replace(node.spec, machine=body)

    for read_ratio in (0.981, 0.995, 1.0):
        node = machine(spec=spec, battery_wh=read_ratio * capacity_wh)
        solution = planned([grade("level")], [node])

        assert solution.charging == ()
        assert bool(solution.assignments) is (read_ratio > used_ratio)
