import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.schedule_board import Board, Fit, take
from lunaredge.kernels.schedule_fit import AUTOMATIC, fit_on_computer, fit_on_machine
from lunaredge.kernels.schedule_sheet import NONE, is_pinned_to, suits
from tests.kernels import naive_schedule as naive
from tests.kernels.schedule_scene import (
    Scene,
    board_from,
    placed_tasks,
    random_genes,
    random_scene,
)

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


@settings(max_examples=150, deadline=None)
@given(rng=rngs)
def test_a_fit_is_the_first_second_at_which_the_contract_lets_a_task_start(
    rng: random.Random,
) -> None:
    scene, board, tasks = drawn_board(rng)
    yard = naive.yard_of(scene.problem, scene.travel, board)
    chargers = (AUTOMATIC, *range(len(scene.problem.chargers)))

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


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_who_can_ever_do_a_task_is_as_the_contract_says(rng: random.Random) -> None:
    scene = random_scene(rng, 6, 4)
    yard = naive.Yard(scene.problem, scene.travel)

    for t in range(len(scene.problem.tasks)):
        for n in range(len(scene.problem.nodes)):
            assert suits(scene.sheet, t, n) == naive.may_ever(yard, t, n)
            assert is_pinned_to(scene.sheet, t, n) == naive.is_pinned_to(yard, t, n)
