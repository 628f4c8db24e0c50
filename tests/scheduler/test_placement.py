"""Placement: every constraint by its name, and who gets what."""

import itertools

import msgspec
import pytest

from lunaredge.model.fleet import Capability
from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.candidates import (
    Constraint,
    NodeCandidate,
    PlacementProblem,
    PlacementSolution,
    TaskCandidate,
)
from lunaredge.scheduler.effort import WAITING_S, Standing, efforts
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import checked_legs
from lunaredge.scheduler.paths import CORRIDOR_MARGIN_M
from lunaredge.scheduler.placement import place
from lunaredge.scheduler.window import weight_of
from tests.scheduler import sites

MOAT = sites.zone("moat", sites.box(-95.0, -20.0, 95.0, -10.0), ZoneKind.KEEP_OUT)
GROUND = GroundMap.of(
    sites.site(
        MOAT,
        sites.zone("pad", sites.box(20.0, 20.0, 40.0, 30.0)),
        sites.zone("pit", sites.box(-60.0, 0.0, -50.0, 7.0)),
        sites.zone("spoil", sites.box(-40.0, 0.0, -35.0, 5.0)),
        sites.zone("slit", sites.box(20.0, 50.0, 40.0, 51.0)),
    )
)
GRADE = sites.task("level", TaskKind.GRADE, zone="pad")
DIG = sites.task(
    "dig", TaskKind.EXCAVATE, zone="pit", pile="spoil", mass_kg=100.0, stand=(-45.0, 3.0)
)
HAUL = sites.task(
    "haul",
    TaskKind.HAUL,
    pile="spoil",
    to_pile="pad",
    stand=(-30.0, 3.0),
    to_stand=(15.0, 25.0),
)
FUSE = sites.task("fuse", TaskKind.FUSE_TERRAIN)
ALL = (Capability.GRADE, Capability.EXCAVATE, Capability.HAUL)


def on(name, position=(0.0, 0.0), *, capabilities=ALL, **changes):
    """Give a machine that can do everything, standing free at its home."""
    spec = sites.machine(**{k: changes.pop(k) for k in list(changes) if k.endswith(("_m", "_max"))})
    fields = {
        "spec": sites.node(name, *capabilities, home=position, spec=spec),
        "free_slots": 1,
        "position": position,
        "battery_wh": 2000.0,
        "present": True,
    }
    return NodeCandidate(**(fields | changes))


def computer(name="dc-1", *, free_slots=2, memory_mib=4096):
    spec = sites.computer(name, memory_mib=memory_mib)
    return NodeCandidate(
        spec=spec, free_slots=free_slots, position=None, battery_wh=None, present=True
    )


def placed(tasks, nodes, ground=GROUND):
    candidates = [t if isinstance(t, TaskCandidate) else TaskCandidate(task=t) for t in tasks]
    return place(ground, PlacementProblem(version=5, tasks=tuple(candidates), nodes=tuple(nodes)))


def stand(name, x_m, **fields):
    """Give a task that any machine of these tests can do, at a place."""
    return sites.task(name, TaskKind.PARK, stand=(x_m, 0.0), **fields)


@pytest.mark.parametrize(
    ("task", "node", "constraint", "detail"),
    [
        (GRADE, on("m", present=False), Constraint.LOST, "not heard"),
        (GRADE, on("m", position=(0.0, 0.0), battery_wh=None), Constraint.LOST, "not known"),
        (GRADE, on("m", stopped=True), Constraint.STOPPED, "stop"),
        (GRADE, on("m", held=True), Constraint.HELD, "held"),
        (
            sites.task("level", TaskKind.GRADE, zone="pad", only_on=("other",)),
            on("m"),
            Constraint.PINNED,
            "other",
        ),
        (GRADE, on("m", capabilities=(Capability.HAUL,)), Constraint.CAPABILITY, "grade"),
        (GRADE, computer(), Constraint.CAPABILITY, "grade"),
        (GRADE, on("m", tool_width_m=0.0), Constraint.CAPABILITY, "tool"),
        (FUSE, on("m"), Constraint.CAPABILITY, "compute"),
        (GRADE, on("m", free_slots=0), Constraint.BUSY, "task in hand"),
        (HAUL, on("m", payload_kg_max=0.0), Constraint.PAYLOAD, "carries 0"),
        (
            sites.task("level", TaskKind.GRADE, zone="slit"),
            on("m"),
            Constraint.GROUND,
            "no pass fits",
        ),
        (stand("p", 0.0), on("m", position=(0.0, -50.0)), Constraint.NO_ROUTE, "no way"),
        (DIG, on("m", battery_wh=300.0), Constraint.ENERGY, "100 over the reserve"),
        (
            TaskCandidate(task=FUSE, memory_mib=4097),
            computer(),
            Constraint.MEMORY,
            "needs 4097 MiB, has 4096",
        ),
    ],
)
def test_a_node_that_cannot_is_refused_by_the_constraint_in_its_way(task, node, constraint, detail):
    solution = placed([task], [node])

    refusal = next(r for r in solution.refusals if r.node == node.spec.name)
    assert solution.assignments == ()
    assert (refusal.node, refusal.constraint) == (node.spec.name, constraint)
    assert detail in refusal.detail


def test_all_constraints_are_named_and_those_first_that_no_waiting_changes():
    node = on("m", held=True, free_slots=0, battery_wh=0.0, capabilities=())

    refusals = placed([GRADE], [node]).refusals

    assert [r.constraint for r in refusals] == ["capability", "held", "busy"]


def test_a_task_pinned_to_a_node_that_the_site_does_not_have_says_so():
    task = sites.task("level", TaskKind.GRADE, zone="pad", only_on=("ghost",))

    refusals = placed([task], [on("m")]).refusals

    assert [(r.node, r.constraint) for r in refusals] == [
        ("ghost", Constraint.NOT_ENROLLED),
        ("m", Constraint.PINNED),
    ]


def test_the_nearer_machine_takes_the_task():
    solution = placed([stand("p", 50.0)], [on("far", (-50.0, 0.0)), on("near", (40.0, 0.0))])

    assert solution.assignments == (("p", "near"),)
    assert solution.refusals == ()


def test_the_sum_of_all_times_counts_not_the_first_come():
    tasks = [stand("a", 0.0), stand("b", 60.0)]
    nodes = [on("left", (-20.0, 0.0)), on("right", (10.0, 0.0))]

    assert placed(tasks, nodes).assignments == (("a", "left"), ("b", "right"))


def test_of_two_alike_the_more_urgent_comes_first():
    tasks = [stand("later", 50.0, priority=2), stand("urgent", -50.0, priority=1)]

    solution = placed(tasks, [on("m")])

    assert solution.assignments == (("urgent", "m"),)
    (refusal,) = solution.refusals
    assert (refusal.task, refusal.constraint, refusal.detail) == ("later", "taken", "by urgent")


@pytest.mark.parametrize(("waiting_s", "winner"), [(3599.0, "urgent"), (7201.0, "old")])
def test_an_hour_of_waiting_is_worth_one_priority(waiting_s, winner):
    tasks = [
        TaskCandidate(task=stand("urgent", 51.0, priority=4), waiting_s=0.0),
        TaskCandidate(task=stand("old", -50.0, priority=5), waiting_s=waiting_s),
    ]

    assert placed(tasks, [on("m")]).assignments == ((winner, "m"),)


@pytest.mark.parametrize(
    ("priority", "waiting_s", "weight"),
    [(9, 0.0, 1), (5, 0.0, 16), (1, 0.0, 256), (1, 3600.0, 512), (9, 1e9, 65_536)],
)
def test_a_weight_doubles_with_each_priority_and_hour_and_has_an_end(priority, waiting_s, weight):
    candidate = TaskCandidate(task=stand("t", 0.0, priority=priority), waiting_s=waiting_s)

    assert weight_of(candidate) == weight


def test_equal_machines_are_taken_in_the_order_of_the_fleet():
    tasks = [stand("a", 0.0), stand("b", 0.0)]
    nodes = [on(name, (30.0, 0.0)) for name in ("n1", "n2", "n3")]

    assert placed(tasks, nodes).assignments == (("a", "n1"), ("b", "n2"))


def test_a_computer_takes_as_many_tasks_as_it_has_slots():
    tasks = [TaskCandidate(task=sites.task(f"f{k}", TaskKind.FUSE_TERRAIN)) for k in range(3)]

    solution = placed(tasks, [computer(free_slots=2)])

    assert solution.assignments == (("f0", "dc-1"), ("f1", "dc-1"))
    assert solution.refusals[0].detail == "by f0, f1"


def test_tasks_that_fit_a_computer_one_by_one_must_fit_together():
    tasks = [
        TaskCandidate(task=sites.task(f"f{k}", TaskKind.FUSE_TERRAIN), memory_mib=3000)
        for k in range(2)
    ]

    assert placed(tasks, [computer(free_slots=2)]).assignments == (("f0", "dc-1"),)


def test_work_that_would_leave_no_charge_for_the_way_home_is_refused():
    near = on("m", (-50.0, 0.0), battery_wh=331.2)
    far = NodeCandidate(
        spec=sites.node("m", *ALL, home=(90.0, 60.0)),
        free_slots=1,
        position=(-50.0, 0.0),
        battery_wh=331.2,
        present=True,
    )

    assert placed([DIG], [near]).assignments == (("dig", "m"),)
    assert placed([DIG], [far]).refusals[0].constraint is Constraint.ENERGY


def test_the_reserve_is_for_going_home():
    away = NodeCandidate(
        spec=sites.node("m", *ALL, home=(-60.0, 0.0)),
        free_slots=1,
        position=(-50.0, 0.0),
        battery_wh=150.0,
        present=True,
    )

    home, elsewhere = stand("home", -60.0, only_on=("m",)), stand("elsewhere", -55.0)

    assert placed([home], [away]).assignments == (("home", "m"),)
    assert placed([elsewhere], [away]).refusals[0].constraint is Constraint.ENERGY


def test_work_leaves_charge_for_waiting_on_the_way():
    needed_wh = efforts_of(DIG, (-50.0, 0.0))
    spec = sites.machine()
    waiting_wh = spec.idle_w * WAITING_S / 3600.0

    short = on("m", (-50.0, 0.0), battery_wh=spec.reserve_wh + needed_wh + waiting_wh - 0.01)
    enough = on("m", (-50.0, 0.0), battery_wh=spec.reserve_wh + needed_wh + waiting_wh + 0.01)

    assert placed([DIG], [short]).refusals[0].constraint is Constraint.ENERGY
    assert placed([DIG], [enough]).assignments == (("dig", "m"),)


def efforts_of(task, position):
    """Give the energy of a task for a machine that stands there, Wh."""
    node = on("m", position)
    legs = checked_legs(task, node.spec.machine, GROUND, CORRIDOR_MARGIN_M)
    half_width_m = node.spec.machine.radius_m + CORRIDOR_MARGIN_M
    standing = Standing(
        spec=node.spec.machine,
        half_width_m=half_width_m,
        position=position,
        home=node.spec.home,
    )
    (found,) = efforts(GROUND, standing, [(task, legs)])
    return found.energy_wh


def test_no_tasks_or_no_nodes_is_no_error():
    assert placed([], [on("m")]) == PlacementSolution(version=5, assignments=())
    assert placed([GRADE], []).figures.unplanned_count == 1


def test_the_order_of_asking_does_not_change_who_can():
    tasks = [GRADE, DIG, HAUL, stand("p", 5.0)]
    nodes = [on("a", (0.0, 0.0)), on("b", (30.0, 0.0)), on("c", (60.0, 0.0))]

    counts = {
        len(placed(some, nodes, GroundMap.of(GROUND.site)).assignments)
        for some in itertools.permutations(tasks)
    }

    assert counts == {3}


def test_problems_and_answers_survive_the_journal():
    problem = PlacementProblem(
        version=1,
        tasks=(TaskCandidate(task=GRADE), TaskCandidate(task=FUSE, memory_mib=9999)),
        nodes=(on("m"), computer()),
    )
    solution = place(GROUND, problem)

    stored = msgspec.msgpack.encode([problem, solution])
    back = msgspec.msgpack.decode(stored, type=tuple[PlacementProblem, PlacementSolution])

    assert back == (problem, solution)
    assert place(GroundMap.of(GROUND.site), back[0]) == solution
