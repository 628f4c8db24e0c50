"""The two searches, over lists and on the board: what is asked of either."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.gridheap import heap_for
from lunaredge.kernels.jit import Ints
from lunaredge.kernels.mapf_agents import seeds_from
from lunaredge.kernels.schedule_board import COUNT, NODE, lay_out
from lunaredge.kernels.schedule_lists import Lists, improve_lists, lists_from
from lunaredge.kernels.schedule_sheet import NONE
from lunaredge.kernels.schedule_start import place_some
from lunaredge.kernels.schedule_walk import Walk, improve_walk, walk_from
from tests.kernels.naive_board import violations_of, wrong_of
from tests.kernels.schedule_scene import (
    HASTE_W,
    Scene,
    board_from,
    copy_of,
    random_genes,
    random_scene,
)

rngs = st.builds(random.Random, st.integers(0, 1 << 30))
kinds = pytest.mark.parametrize("kind", ["lists", "walk"])
ROUND = 3
"""Where a memory counts how often a search has begun again."""


def drawn_scene(rng: random.Random) -> Scene:
    """Draw a scene in which there is something to be chosen."""
    scene = random_scene(rng, rng.randint(5, 14), rng.randint(2, 5))
    while len(scene.sheet.units) < 4:
        scene = random_scene(rng, rng.randint(5, 14), rng.randint(2, 5))
    return scene


def begun(scene: Scene, kind: str) -> Lists | Walk:
    """Begin a search with the plan of a list."""
    genes = random_genes(random.Random(1), scene.sheet)
    board = board_from(scene, genes)
    if kind == "walk":
        return walk_from(scene.sheet, board)
    return lists_from(scene.sheet, genes, board, copy_of(scene.base))


def step(scene: Scene, search: Any, seeds: Any, count: int) -> None:
    improve = improve_walk if isinstance(search, Walk) else improve_lists
    improve(scene.sheet, scene.base, search, seeds, HASTE_W, count)


def best_rows(search: Any) -> Ints:
    if isinstance(search, Walk) and search.is_best[0]:
        return search.board.rows
    return search.best_rows


def searched(scene: Scene, kind: str, slices: list[int], seed: int = 1) -> Any:
    """Give a search after so many steps, in so many calls."""
    search, seeds = begun(scene, kind), seeds_from(seed)
    for count in slices:
        step(scene, search, seeds, count)
    return search


def found_by(search: Any) -> tuple[list[int], list[list[int]]]:
    return search.memory.best.tolist(), best_rows(search).tolist()


@kinds
@settings(max_examples=25, deadline=None)
@given(rng=rngs)
def test_the_same_seed_and_steps_give_the_same_plan_in_however_many_calls(
    kind: str, rng: random.Random
) -> None:
    scene = drawn_scene(rng)
    first = rng.randint(1, 99)

    at_once = found_by(searched(scene, kind, [100]))

    assert found_by(searched(scene, kind, [100])) == at_once
    assert found_by(searched(scene, kind, [first, 100 - first])) == at_once
    assert found_by(searched(scene, kind, [1] * 100)) == at_once


@kinds
def test_another_seed_looks_elsewhere(kind: str) -> None:
    scenes = [drawn_scene(random.Random(seed)) for seed in range(10)]

    found = [[found_by(searched(scene, kind, [30], seed)) for seed in (1, 2)] for scene in scenes]

    assert any(one != other for one, other in found)


@kinds
@settings(max_examples=25, deadline=None)
@given(rng=rngs)
def test_the_best_plan_is_worth_its_score_and_breaks_no_rule(kind: str, rng: random.Random) -> None:
    scene = drawn_scene(rng)
    search = searched(scene, kind, [rng.choice((0, 3, 40, 150))])

    board = copy_of(scene.base)
    lay_out(scene.sheet, scene.base, best_rows(search), heap_for(len(scene.sheet.units)), board)

    assert board.score[:COUNT].tolist() == search.memory.best.tolist()
    assert wrong_of(scene, board) == []
    assert violations_of(scene, board) == []


@kinds
@pytest.mark.parametrize("seed", [0, 2, 3])
def test_the_best_plan_is_the_best_that_was_ever_seen(kind: str, seed: int) -> None:
    scene = drawn_scene(random.Random(seed))
    search, seeds = begun(scene, kind), seeds_from(seed)
    seen = [search.memory.now.tolist()]

    # Long enough that it stalls, and begins again.
    for _ in range(2_500):
        step(scene, search, seeds, 1)
        seen.append(search.memory.now.tolist())
        assert search.memory.best.tolist() == min(seen)

    assert search.memory.counts[ROUND] >= 1
    assert min(seen) < seen[0]
    assert max(seen) > min(seen)


@settings(max_examples=25, deadline=None)
@given(rng=rngs)
def test_the_present_board_is_always_counted_right(rng: random.Random) -> None:
    scene = drawn_scene(rng)
    search = begun(scene, "walk")
    assert isinstance(search, Walk)
    seeds = seeds_from(3)

    for count in (1, 2, 30, 60):
        step(scene, search, seeds, count)

        assert wrong_of(scene, search.board) == []
        assert violations_of(scene, search.board) == []
        assert search.board.score[:COUNT].tolist() == search.memory.now.tolist()


@settings(max_examples=25, deadline=None)
@given(rng=rngs)
def test_a_list_may_be_placed_in_stretches(rng: random.Random) -> None:
    scene = drawn_scene(rng)
    genes, board = random_genes(rng, scene.sheet), copy_of(scene.base)
    count, first = len(genes.order), rng.randrange(len(genes.order))

    place_some(scene.sheet, genes, HASTE_W, 0, first, board)
    placed = (board.rows[scene.sheet.units[genes.order[first:], 0], NODE] != NONE).any()
    place_some(scene.sheet, genes, HASTE_W, first, count + 5, board)

    assert not placed
    assert board.rows.tolist() == board_from(scene, genes).rows.tolist()
