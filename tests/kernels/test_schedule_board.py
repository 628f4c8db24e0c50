import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.gridheap import heap_for
from lunaredge.kernels.schedule_board import (
    AHEAD,
    NODE,
    Board,
    Fit,
    copy_board,
    cost_of,
    draw_w,
    lay_out,
    put,
    state_after,
    take,
    tardiness,
)
from lunaredge.kernels.schedule_sheet import FAMILY, FIXED, NONE
from lunaredge.placement.problem import Current, Mode, Task
from tests.kernels import naive_schedule as naive
from tests.kernels.naive_board import held_by, wrong_of
from tests.kernels.schedule_scene import (
    Scene,
    board_from,
    placed_tasks,
    random_genes,
    random_scene,
    scene_of,
)
from tests.placement.yard import ROADS, board, job, site

rngs = st.builds(random.Random, st.integers(0, 1 << 30))


def drawn_board(rng: random.Random) -> tuple[Scene, Board]:
    scene = random_scene(rng, rng.randint(1, 10), rng.randint(1, 4))
    return scene, board_from(scene, random_genes(rng, scene.sheet))


def movable_tasks(scene: Scene, board: Board) -> list[int]:
    return [t for t in placed_tasks(board) if not scene.sheet.tasks[t, FIXED]]


def taken(scene: Scene, board: Board, task: int) -> tuple[int, int, int, Fit]:
    """Take a task off the board, and give what puts it back."""
    node, ahead = int(board.rows[task, NODE]), int(board.rows[task, AHEAD])
    fit = naive.fit_of(board.rows[task])
    take(scene.sheet, board, task)
    return task, node, ahead, fit


@settings(max_examples=100, deadline=None)
@given(rng=rngs)
def test_whatever_is_taken_the_rest_is_counted_right(rng: random.Random) -> None:
    scene, plan = drawn_board(rng)
    tasks = movable_tasks(scene, plan)

    for t in rng.sample(tasks, rng.randint(0, len(tasks))):
        take(scene.sheet, plan, t)

    assert wrong_of(scene, plan) == []


@settings(max_examples=100, deadline=None)
@given(rng=rngs)
def test_what_is_put_back_is_as_if_it_had_never_been_taken(rng: random.Random) -> None:
    scene, plan = drawn_board(rng)
    tasks, before = movable_tasks(scene, plan), held_by(scene, plan)

    removed = [taken(scene, plan, t) for t in rng.sample(tasks, rng.randint(0, len(tasks)))]
    for one in reversed(removed):
        put(scene.sheet, plan, *one)

    assert held_by(scene, plan) == before
    assert wrong_of(scene, plan) == []


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_a_board_from_which_all_is_taken_is_as_it_began(rng: random.Random) -> None:
    scene, plan = drawn_board(rng)
    tasks = movable_tasks(scene, plan)
    rng.shuffle(tasks)

    for t in tasks:
        take(scene.sheet, plan, t)

    assert held_by(scene, plan) == held_by(scene, scene.base)
    assert wrong_of(scene, scene.base) == []


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_a_board_that_is_laid_out_from_rows_holds_what_they_say(rng: random.Random) -> None:
    scene, plan = drawn_board(rng)
    # Whatever was on it before.
    other = board_from(scene, random_genes(rng, scene.sheet))

    lay_out(scene.sheet, scene.base, plan.rows, heap_for(len(scene.sheet.units)), other)

    placed, lines, score, shared = held_by(scene, plan)
    assert wrong_of(scene, other) == []
    assert held_by(scene, other)[0] == placed
    assert held_by(scene, other)[2:] == (score, shared)
    machines = [n for n, node in enumerate(scene.problem.nodes) if node.machine is not None]
    assert [held_by(scene, other)[1][n] for n in machines] == [lines[n] for n in machines]


@settings(max_examples=40, deadline=None)
@given(rng=rngs)
def test_a_copy_holds_the_same_and_goes_its_own_way(rng: random.Random) -> None:
    scene, plan = drawn_board(rng)
    other = board_from(scene, random_genes(rng, scene.sheet))
    before = held_by(scene, plan)

    copy_board(plan, other)
    as_copied = held_by(scene, other)
    for t in movable_tasks(scene, other):
        take(scene.sheet, other, t)

    assert as_copied == before
    assert held_by(scene, plan) == before
    assert held_by(scene, other) == held_by(scene, scene.base)


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_a_machine_leaves_as_its_last_task_has_left_it(rng: random.Random) -> None:
    scene, plan = drawn_board(rng)
    yard = naive.yard_of(scene.problem, scene.travel, plan)
    families = {task.family: t for t, task in enumerate(scene.problem.tasks)}

    for n, node in enumerate(scene.problem.nodes):
        for ahead in (NONE, *yard.lines[n]) if node.machine is not None else ():
            leave_s, place, level_j, family = state_after(scene.sheet, plan, n, ahead)

            stand = yard.stand(n, ahead)
            assert (leave_s, place, level_j) == (stand.at_s, stand.place, stand.level_j)
            if stand.family in families:
                assert family == scene.sheet.tasks[families[stand.family], FAMILY]


def test_a_task_counts_its_tardiness_and_what_it_costs_where_it_is() -> None:
    task = job(weight=3, due_s=10, current=Current(node="b", move_j=7))
    scene = scene_of(site(task, board("b"), board("c"), travel_j_s=2), ROADS)

    assert tardiness(scene.sheet, 0, 10) == 0
    assert tardiness(scene.sheet, 0, 14) == 12
    # 8 J of its own, and 7 J if it moves; 2 J for each second of travel.
    assert cost_of(scene.sheet, 0, 0, 0, 0) == 8
    assert cost_of(scene.sheet, 0, 1, 0, 0) == 8 + 7
    assert cost_of(scene.sheet, 0, 0, 3, 5) == 8 + 5 + 3 * 2


def test_what_is_not_placed_counts_as_ending_at_twice_the_horizon() -> None:
    scene = scene_of(site(job("a", weight=3, due_s=10), job("c"), board("b")), ROADS)

    assert scene.base.score.tolist() == [3 * (200 - 10) + 200, 0, 0]


def test_a_computer_draws_its_watts_rounded_up() -> None:
    mode = Mode(kind="board", duration_s=4, energy_j=9)
    scene = scene_of(
        site(Task(id="a", modes=(mode,)), board("b"), board("c", health_pct=50)), ROADS
    )

    # Half as healthy, it takes twice as long for the same energy.
    assert draw_w(scene.sheet, 0, 0) == 3
    assert draw_w(scene.sheet, 0, 1) == 2
