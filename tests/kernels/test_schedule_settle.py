import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.mapf_agents import seeds_from
from lunaredge.kernels.schedule_board import COUNT, END, NODE, START, Board
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_local import move
from lunaredge.kernels.schedule_settle import (
    LOGGED,
    NOT_BEFORE,
    Desk,
    begin_trial,
    desk_for,
    earliest,
    insert,
    insert_pair,
    lift,
    mark,
    settle_marked,
    take_back,
)
from lunaredge.kernels.schedule_sheet import NEVER, NONE, UNIT
from lunaredge.placement.problem import After
from tests.kernels.naive_board import held_by, violations_of, wrong_of
from tests.kernels.schedule_scene import (
    HASTE_W,
    Scene,
    board_from,
    random_genes,
    random_scene,
    scene_of,
)
from tests.placement.yard import ROADS, dig, rover, site

rngs = st.builds(random.Random, st.integers(0, 1 << 30))
UNITS_MAX = 64


def drawn_board(rng: random.Random) -> tuple[Scene, Board]:
    """Draw a scene with something to be moved, and a plan for it."""
    scene = random_scene(rng, rng.randint(4, 12), rng.randint(2, 5))
    while not len(scene.sheet.units):
        scene = random_scene(rng, rng.randint(4, 12), rng.randint(2, 5))
    return scene, board_from(scene, random_genes(rng, scene.sheet))


def try_move(scene: Scene, board: Board, desk: Desk, seeds: Any) -> bool:
    begin_trial(desk)
    return bool(move(scene.sheet, board, desk, seeds, HASTE_W))


@settings(max_examples=80, deadline=None)
@given(rng=rngs, units_max=st.sampled_from((1, 2, UNITS_MAX)))
def test_a_move_that_is_taken_back_leaves_no_trace_done_or_half_done(
    rng: random.Random, units_max: int
) -> None:
    scene, board = drawn_board(rng)
    desk, seeds = desk_for(scene.sheet, units_max), seeds_from(rng.randrange(1_000))
    before = held_by(scene, board)

    for _ in range(20):
        try_move(scene, board, desk, seeds)
        take_back(scene.sheet, board, desk)

        assert held_by(scene, board) == before
        assert desk.counts[LOGGED] == 0
        assert desk.heap[3][0] == 0


@settings(max_examples=80, deadline=None)
@given(rng=rngs)
def test_a_move_that_is_done_leaves_a_plan_that_breaks_no_rule(rng: random.Random) -> None:
    scene, board = drawn_board(rng)
    desk, seeds = desk_for(scene.sheet, UNITS_MAX), seeds_from(rng.randrange(1_000))

    for _ in range(25):
        count = int(board.score[COUNT])
        if not try_move(scene, board, desk, seeds):
            take_back(scene.sheet, board, desk)

        assert wrong_of(scene, board) == []
        assert violations_of(scene, board) == []
        assert board.score[COUNT] >= count
        assert desk.counts[LOGGED] <= len(desk.log)


def three_digs() -> tuple[Scene, Board]:
    """Give three digs that one rover does in their order, 4 s each; 3 s before the first."""
    digs = (dig("a"), dig("b"), dig("c", after=(After(task="a", lag_s=2),)))
    parts = [*digs, rover(battery_j=500, charge_j=500, idle_w=0)]
    scene = scene_of(site(*parts, horizon_s=100_000), ROADS)
    genes = random_genes(random.Random(1), scene.sheet)
    genes.order[:], genes.nodes[:] = [0, 1, 2], NONE
    return scene, board_from(scene, genes)


def starts(board: Board) -> list[int]:
    return [int(row[START]) if row[NODE] != NONE else NONE for row in board.rows]


def test_who_is_behind_a_task_that_is_lifted_moves_up() -> None:
    scene, board = three_digs()
    desk = desk_for(scene.sheet, UNITS_MAX)
    begin_trial(desk)

    lift(scene.sheet, board, desk, 1)
    is_settled = settle_marked(scene.sheet, board, desk)

    # The third waits 2 s for the first: 3 + 4 + 2.
    assert is_settled
    assert starts(board) == [3, NONE, 9]
    assert wrong_of(scene, board) == []


def test_who_is_behind_a_task_that_is_inserted_moves_back_and_so_does_who_waits_for_it() -> None:
    scene, board = three_digs()
    desk = desk_for(scene.sheet, UNITS_MAX)
    begin_trial(desk)
    before = held_by(scene, board)

    lift(scene.sheet, board, desk, 1)
    is_done = insert(scene.sheet, board, desk, 1, (0, NONE, AUTOMATIC))
    is_settled = settle_marked(scene.sheet, board, desk)

    assert is_done
    assert is_settled
    assert starts(board) == [7, 3, 13]
    assert wrong_of(scene, board) == []
    take_back(scene.sheet, board, desk)
    assert held_by(scene, board) == before
    assert starts(board) == [3, 7, 11]


def test_what_would_move_too_many_is_not_settled() -> None:
    scene, board = three_digs()
    desk = desk_for(scene.sheet, 1)
    begin_trial(desk)
    before = held_by(scene, board)

    lift(scene.sheet, board, desk, 1)
    is_done = insert(scene.sheet, board, desk, 1, (0, NONE, AUTOMATIC))

    assert is_done
    assert not settle_marked(scene.sheet, board, desk)
    take_back(scene.sheet, board, desk)
    assert held_by(scene, board) == before


def test_a_circle_of_waits_and_turns_is_not_settled() -> None:
    # The third waits for the first, and is put before it on the same rover.
    scene, board = three_digs()
    desk = desk_for(scene.sheet, UNITS_MAX)
    begin_trial(desk)

    lift(scene.sheet, board, desk, 2)
    is_done = insert(scene.sheet, board, desk, 2, (0, NONE, AUTOMATIC))

    assert is_done
    assert not settle_marked(scene.sheet, board, desk)
    # It is given up after a few rounds, not at the end of the horizon.
    assert board.rows[:, END].max() < 200


def test_a_task_can_not_begin_before_those_it_waits_for_or_at_all_if_one_is_missing() -> None:
    scene, board = three_digs()
    desk = desk_for(scene.sheet, UNITS_MAX)

    assert earliest(scene.sheet, board, desk, 0) == 0
    assert earliest(scene.sheet, board, desk, 2) == board.rows[0, END] + 2
    lift(scene.sheet, board, desk, 0)
    assert earliest(scene.sheet, board, desk, 2) == NEVER


def test_nothing_is_fitted_anew_before_the_instant_that_is_given() -> None:
    scene, board = three_digs()
    desk = desk_for(scene.sheet, UNITS_MAX)
    desk.counts[NOT_BEFORE] = 50
    begin_trial(desk)

    mark(scene.sheet, board, desk, 1)
    is_settled = settle_marked(scene.sheet, board, desk)

    assert is_settled
    assert starts(board) == [3, 50, 54]


def test_a_task_may_be_moved_again_in_each_of_many_trials() -> None:
    scene, board = three_digs()
    desk = desk_for(scene.sheet, UNITS_MAX)
    before = held_by(scene, board)

    for _ in range(10):
        begin_trial(desk)
        lift(scene.sheet, board, desk, 1)
        assert settle_marked(scene.sheet, board, desk)
        take_back(scene.sheet, board, desk)

    assert held_by(scene, board) == before


def two_that_meet() -> tuple[Scene, Board]:
    """Give a hand-over of two rovers, 3 s away, and on one of them a dig behind it."""
    digs = (dig("a", meets="b"), dig("b"), dig("c"))
    rovers = (rover("r", battery_j=500, charge_j=500), rover("s", battery_j=500, charge_j=500))
    scene = scene_of(site(*digs, *rovers), ROADS)
    genes = random_genes(random.Random(1), scene.sheet)
    genes.order[:], genes.turned[:] = scene.sheet.tasks[[0, 2], UNIT], 0
    genes.nodes[:] = 0, 1, 1
    return scene, board_from(scene, genes)


def test_two_that_meet_move_together_when_one_of_them_has_to() -> None:
    scene, board = two_that_meet()
    desk = desk_for(scene.sheet, UNITS_MAX)
    begin_trial(desk)
    before = starts(board)

    lift(scene.sheet, board, desk, 2)
    is_done = insert(scene.sheet, board, desk, 2, (1, NONE, AUTOMATIC))
    is_settled = settle_marked(scene.sheet, board, desk)

    assert before == [3, 3, 7]
    assert is_done
    assert is_settled
    assert starts(board) == [7, 7, 3]
    assert wrong_of(scene, board) == []
    assert violations_of(scene, board) == []


def test_two_that_meet_are_put_on_two_nodes_or_not_at_all() -> None:
    scene, board = two_that_meet()
    desk = desk_for(scene.sheet, UNITS_MAX)
    for t in range(3):
        lift(scene.sheet, board, desk, t)

    pair, first = (0, 1), (0, NONE, AUTOMATIC)
    is_one_node_enough = insert_pair(scene.sheet, board, desk, pair, first, first)
    is_done = insert_pair(scene.sheet, board, desk, pair, first, (1, NONE, AUTOMATIC))

    assert not is_one_node_enough
    assert is_done
    assert starts(board) == [3, 3, NONE]
