import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.schedule_board import Board, take
from lunaredge.kernels.schedule_fit import AUTOMATIC, fit_on_computer, fit_on_machine
from lunaredge.kernels.schedule_sheet import NONE, is_pinned_to, suits
from lunaredge.placement.problem import Charger
from lunaredge.placement.travel import Travel
from tests.kernels import naive_schedule as naive
from tests.kernels.schedule_scene import (
    Scene,
    board_from,
    placed_tasks,
    random_genes,
    random_scene,
    scene_of,
)
from tests.placement.yard import INF, dig, rover, site

rngs = st.builds(random.Random, st.integers(0, 1 << 30))


def drawn_board(rng: random.Random) -> tuple[Scene, Board, list[int]]:
    """Draw a scene, a plan for it from which some tasks were taken, and the tasks it has not."""
    scene = random_scene(rng, rng.randint(1, 9), rng.randint(1, 4))
    board = board_from(scene, random_genes(rng, scene.sheet))
    movable = [t for t in placed_tasks(board) if t in scene.sheet.units]
    for t in rng.sample(movable, (len(movable) + 1) // 2):
        take(scene.sheet, board, t)
    there = placed_tasks(board)
    return scene, board, [t for t in scene.sheet.units.ravel().tolist() if t not in (*there, NONE)]


@settings(max_examples=300, deadline=None)
@given(rng=rngs)
def test_a_fit_is_the_first_second_at_which_the_contract_lets_a_task_start(
    rng: random.Random,
) -> None:
    scene, board, tasks = drawn_board(rng)
    yard = naive.yard_of(scene.problem, scene.travel, board)
    chargers = (AUTOMATIC, *range(len(scene.sheet.chargers)))

    for t in tasks:
        for n, node in enumerate(scene.problem.nodes):
            if not naive.may_ever(yard, t, n):
                continue
            earliest_s = rng.choice((0, rng.randrange(scene.problem.horizon_s)))
            if node.machine is None:
                found = fit_on_computer(scene.sheet, board, t, n, earliest_s)
                assert found == naive.fit_on_computer(yard, t, n, earliest_s)
                continue
            ahead, charger = rng.choice((NONE, *yard.lines[n])), rng.choice(chargers)
            found = fit_on_machine(scene.sheet, board, t, n, ahead, earliest_s, charger)
            assert found == naive.fit_on_machine(yard, t, n, ahead, earliest_s, charger)


def thirsty_scene(rng: random.Random) -> Scene:
    """Draw rovers that must charge before they work, and more chargers than they look at."""
    places = range(6)
    seconds = [[0.0 if a == b else rng.choice((*range(7), INF)) for b in places] for a in places]
    joules = [[rng.randrange(6) if way < INF and way else way for way in row] for row in seconds]
    rovers = [
        rover(
            f"r{k}",
            place=rng.choice(places),
            charge_j=rng.randint(8, 30),
            battery_j=rng.randint(40, 90),
            charge_w=rng.randint(3, 20),
            reserve_j=rng.randrange(8),
            idle_w=rng.randrange(2),
        )
        for k in range(3)
    ]
    digs = [dig(f"d{k}", place=rng.choice(places), due_s=rng.randint(10, 60)) for k in range(9)]
    chargers = tuple(Charger(place=rng.choice(places), posts=1) for _ in range(7))
    problem = site(*digs, *rovers, horizon_s=90, chargers=chargers)
    return scene_of(problem, Travel.of({"wheels": (seconds, joules)}))


@settings(max_examples=150, deadline=None)
@given(rng=rngs)
def test_of_the_chargers_nearby_the_one_is_taken_after_which_the_task_starts_the_soonest(
    rng: random.Random,
) -> None:
    scene = thirsty_scene(rng)
    board = board_from(scene, random_genes(rng, scene.sheet))
    placed = placed_tasks(board)
    for t in rng.sample(placed, (len(placed) + 1) // 2):
        take(scene.sheet, board, t)
    yard = naive.yard_of(scene.problem, scene.travel, board)

    for t in set(range(9)) - set(yard.placed):
        for n in range(3):
            ahead = rng.choice((NONE, *yard.lines[n]))
            if naive.may_ever(yard, t, n):
                found = fit_on_machine(scene.sheet, board, t, n, ahead, 0, AUTOMATIC)
                assert found == naive.fit_on_machine(yard, t, n, ahead, 0, AUTOMATIC)


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_who_can_ever_do_a_task_is_as_the_contract_says(rng: random.Random) -> None:
    scene = random_scene(rng, 6, 4)
    yard = naive.Yard(scene.problem, scene.travel)

    for t in range(len(scene.problem.tasks)):
        for n in range(len(scene.problem.nodes)):
            assert suits(scene.sheet, t, n) == naive.may_ever(yard, t, n)
            assert is_pinned_to(scene.sheet, t, n) == naive.is_pinned_to(yard, t, n)
