import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.mapf_agents import seeds_from
from lunaredge.kernels.schedule_board import LATE
from lunaredge.kernels.schedule_build import Genes, copy_genes, free_genes
from lunaredge.kernels.schedule_moves import change
from lunaredge.kernels.schedule_sheet import Sheet
from lunaredge.kernels.schedule_stages import build, drop_stages, no_stages
from tests.kernels.schedule_scene import (
    HASTE_W,
    Scene,
    board_from,
    copy_of,
    random_genes,
    random_scene,
)

rngs = st.builds(random.Random, st.integers(0, 1 << 30))
NO_LIMIT = np.iinfo(np.int64).max


def drawn_scene(rng: random.Random, units_min: int) -> Scene:
    scene = random_scene(rng, rng.randint(2, 12), rng.randint(1, 4))
    while len(scene.sheet.units) < units_min:
        scene = random_scene(rng, rng.randint(2, 12), rng.randint(1, 4))
    return scene


def copy_of_genes(sheet: Sheet, genes: Genes) -> Genes:
    copied = free_genes(sheet, genes.order.copy())
    copy_genes(genes, copied)
    return copied


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_a_plan_is_given_up_only_if_its_tardiness_passes_the_limit(rng: random.Random) -> None:
    scene = drawn_scene(rng, 1)
    sheet, base, spare = scene.sheet, scene.base, copy_of(scene.base)
    genes, stages = random_genes(rng, sheet), no_stages(sheet, base)
    late = int(board_from(scene, genes).score[LATE])

    # The board and the stages are used again and again, whatever is on them.
    for limit in (NO_LIMIT, late, max(0, late - 1), 0, late + 1):
        is_whole = build(sheet, base, stages, genes, genes, HASTE_W, limit, spare)

        assert is_whole == (late <= limit)
        assert not is_whole or spare.rows.tolist() == board_from(scene, genes).rows.tolist()


@settings(max_examples=60, deadline=None)
@given(rng=rngs)
def test_a_list_that_goes_on_from_a_stage_gives_the_plan_that_it_gives_anew(
    rng: random.Random,
) -> None:
    scene = drawn_scene(rng, 2)
    sheet, base, spare = scene.sheet, scene.base, copy_of(scene.base)
    now, stages = random_genes(rng, sheet), no_stages(sheet, base)
    places, seeds = np.zeros(len(now.order), dtype=np.int64), seeds_from(rng.randrange(1_000))
    rows = board_from(scene, now).rows

    for _ in range(30):
        trial = copy_of_genes(sheet, now)
        places[trial.order] = np.arange(len(places))
        change(sheet, rows, seeds, 1, trial, places)
        build(sheet, base, stages, now, trial, HASTE_W, NO_LIMIT, spare)

        wanted = board_from(scene, copy_of_genes(sheet, trial))
        assert spare.rows.tolist() == wanted.rows.tolist()
        assert spare.score.tolist() == wanted.score.tolist()
        if rng.random() < 0.3:
            drop_stages(sheet, stages, now, trial)
            copy_genes(trial, now)


def test_what_is_alike_is_not_placed_anew() -> None:
    scene = drawn_scene(random.Random(4), 6)
    sheet, base, spare = scene.sheet, scene.base, copy_of(scene.base)
    genes, stages = random_genes(random.Random(4), sheet), no_stages(sheet, base)
    build(sheet, base, stages, genes, genes, HASTE_W, NO_LIMIT, spare)
    known = int(stages.known[0])
    stages.boards.score[:, LATE] += 7

    build(sheet, base, stages, genes, genes, HASTE_W, NO_LIMIT, spare)

    assert known > 2
    assert spare.score[LATE] == board_from(scene, genes).score[LATE] + 7
