import random

from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.schedule_board import NODE
from lunaredge.kernels.schedule_build import copy_genes, free_genes, note_choices
from lunaredge.kernels.schedule_sheet import NONE
from lunaredge.kernels.schedule_start import place_some
from lunaredge.placement.plan import Score
from lunaredge.placement.readout import read_plan
from tests.kernels import naive_schedule as naive
from tests.kernels.naive_board import wrong_of
from tests.kernels.schedule_scene import (
    HASTE_W,
    board_from,
    copy_of,
    placed_tasks,
    random_genes,
    random_scene,
)
from tests.placement.judge import violations

rngs = st.builds(random.Random, st.integers(0, 1 << 30))


@settings(max_examples=300, deadline=None)
@given(rng=rngs, haste_w=st.sampled_from((0.0, 0.37, 5.0)))
def test_a_list_gives_the_plan_of_putting_each_unit_where_it_can_be_the_soonest(
    rng: random.Random, haste_w: float
) -> None:
    scene = random_scene(rng, rng.randint(1, 9), rng.randint(0, 4))
    genes = random_genes(rng, scene.sheet)

    board = board_from(scene, genes, haste_w)

    wanted = naive.built(scene.problem, scene.travel, scene.sheet.units, genes, haste_w)
    found = naive.yard_of(scene.problem, scene.travel, board)
    assert found.placed == wanted.placed
    assert [sorted(line) for line in found.lines] == [sorted(line) for line in wanted.lines]


@settings(max_examples=120, deadline=None)
@given(rng=rngs)
def test_the_plan_of_any_list_breaks_no_rule(rng: random.Random) -> None:
    scene = random_scene(rng, rng.randint(1, 10), rng.randint(1, 5))

    board = board_from(scene, random_genes(rng, scene.sheet))

    score = Score(late_s=int(board.score[0]), cost_j=int(board.score[1]))
    plan = read_plan(scene.problem, scene.travel, board.rows.tolist(), score)
    assert violations(scene.problem, scene.travel, plan) == []
    assert board.score[2] == len(plan.placed)


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_choices_that_were_open_give_the_same_plan_once_they_are_noted(rng: random.Random) -> None:
    scene = random_scene(rng, rng.randint(1, 9), rng.randint(1, 4))
    genes = random_genes(rng, scene.sheet)
    # A charge is booked early only if its node is known.
    genes.early[:] = NONE
    board = board_from(scene, genes)

    noted = free_genes(scene.sheet, genes.order.copy())
    copy_genes(genes, noted)
    note_choices(board, noted)

    placed = placed_tasks(board)
    for kept, given_before in zip(noted[2:6], genes[2:6], strict=True):
        assert kept.tolist() == given_before.tolist()
    assert noted.order.tolist() == genes.order.tolist()
    assert noted.nodes[placed].tolist() == board.rows[placed, NODE].tolist()
    missing = [t for t in range(len(board.rows)) if t not in placed]
    assert noted.nodes[missing].tolist() == genes.nodes[missing].tolist()
    # Of two that meet, who had to charge only after some waiting charges at once the next time.
    if (scene.sheet.units[:, 1] == NONE).all():
        assert board_from(scene, noted).rows.tolist() == board.rows.tolist()


@settings(max_examples=100, deadline=None)
@given(rng=rngs)
def test_a_charge_booked_early_is_given_back_as_it_was_whoever_is_named_by_then(
    rng: random.Random,
) -> None:
    scene = random_scene(rng, rng.randint(2, 9), rng.randint(2, 4))
    genes, board = random_genes(rng, scene.sheet), copy_of(scene.base)
    turn = rng.randrange(1 + len(genes.order))
    place_some(scene.sheet, genes, HASTE_W, 0, turn, board)

    genes.nodes[:] = [rng.randrange(len(scene.sheet.nodes)) for _ in genes.nodes]
    place_some(scene.sheet, genes, HASTE_W, turn, len(genes.order), board)

    assert wrong_of(scene, board) == []
