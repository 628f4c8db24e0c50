import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lunaredge.kernels.mapf_agents import seeds_from
from lunaredge.kernels.schedule_build import ANY, Genes, free_genes
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_moves import _move_ahead, _move_behind, change, scramble
from lunaredge.kernels.schedule_sheet import NONE, UNIT, Sheet
from lunaredge.placement.problem import After
from tests.kernels.schedule_scene import (
    Scene,
    board_from,
    random_genes,
    random_order,
    scene_of,
    units_before,
)
from tests.placement.problems import random_problem
from tests.placement.yard import ROADS, board, job, site

rngs = st.builds(random.Random, st.integers(0, 1 << 30))


def drawn_scene(rng: random.Random) -> Scene:
    """Draw a scene in which tasks wait for each other or meet; two units at least."""
    scene = scene_of(*random_problem(rng, rng.randint(2, 14), rng.randint(1, 4)))
    while len(scene.sheet.units) < 2 or not len(scene.sheet.before):
        scene = scene_of(*random_problem(rng, rng.randint(2, 14), rng.randint(1, 4)))
    return scene


def places_of(order: Any) -> Any:
    places = np.zeros(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places


def is_legal(sheet: Sheet, order: list[int]) -> bool:
    """Tell whether a list has each unit once, and none before one that it waits for."""
    before = units_before(sheet)
    return sorted(order) == list(range(len(before))) and all(
        before[unit] <= set(order[:k]) for k, unit in enumerate(order)
    )


def waits_for(before: list[set[int]], unit: int) -> set[int]:
    """Give all units that a unit waits for, those included for which these wait."""
    found: set[int] = set()
    waiting = [unit]
    while waiting:
        new = before[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def moved_ahead(sheet: Sheet, order: list[int], unit: int, place: int) -> list[int]:
    """Give a list with a unit at a place before its own, and what it waits for before it."""
    at = order.index(unit)
    along = {unit, *waits_for(units_before(sheet), unit)}
    stretch = order[place : at + 1]
    goes = [other for other in stretch if other in along]
    stays = [other for other in stretch if other not in along]
    return order[:place] + goes + stays + order[at + 1 :]


def moved_behind(sheet: Sheet, order: list[int], unit: int, place: int) -> list[int]:
    """Give a list with a unit at a place behind its own, and what waits for it behind it."""
    at, before = order.index(unit), units_before(sheet)
    stretch = order[at : place + 1]
    goes = [other for other in stretch if other == unit or unit in waits_for(before, other)]
    stays = [other for other in stretch if other not in goes]
    return order[:at] + stays + goes + order[place + 1 :]


@settings(max_examples=100, deadline=None)
@given(rng=rngs)
def test_a_unit_that_moves_in_the_list_takes_along_what_it_waits_for_or_what_waits_for_it(
    rng: random.Random,
) -> None:
    sheet = drawn_scene(rng).sheet

    for _ in range(10):
        order = random_order(rng, sheet)
        at, place = rng.sample(range(len(order)), 2)
        genes = free_genes(sheet, np.array(order, dtype=np.int64))
        places = places_of(order)
        if place < at:
            _move_ahead(sheet, order[at], place, genes, places)
            wanted = moved_ahead(sheet, order, order[at], place)
        else:
            _move_behind(sheet, order[at], place, genes, places)
            wanted = moved_behind(sheet, order, order[at], place)

        assert genes.order.tolist() == wanted
        assert places.tolist() == places_of(wanted).tolist()
        assert is_legal(sheet, wanted)


def chain_of(count: int) -> tuple[Sheet, Genes]:
    """Give jobs of which each waits for the one before, between jobs that wait for none."""
    chain = [job(f"c{k}", after=(After(task=f"c{k - 1}"),) if k else ()) for k in range(count)]
    free = [job(f"f{k}") for k in range(count)]
    pairs = zip(chain, free, strict=True)
    sheet = scene_of(site(*(task for pair in pairs for task in pair), board()), ROADS).sheet
    return sheet, free_genes(sheet, sheet.tasks[:, UNIT].copy())


def tasks_of(sheet: Sheet, genes: Genes) -> list[int]:
    return sheet.units[genes.order, 0].tolist()


def test_the_last_of_a_chain_takes_the_whole_chain_to_the_front() -> None:
    sheet, genes = chain_of(4)

    _move_ahead(sheet, genes.order[6], 0, genes, places_of(genes.order))

    assert tasks_of(sheet, genes) == [0, 2, 4, 6, 1, 3, 5, 7]


def test_the_first_of_a_chain_takes_the_whole_chain_to_the_back() -> None:
    sheet, genes = chain_of(4)

    _move_behind(sheet, genes.order[0], 7, genes, places_of(genes.order))

    assert tasks_of(sheet, genes) == [1, 3, 5, 7, 0, 2, 4, 6]


def are_in_range(sheet: Sheet, genes: Genes) -> bool:
    """Tell whether all genes name what there is."""
    nodes, chargers = genes.nodes.tolist(), genes.chargers.tolist()
    early = [t for t in genes.early.tolist() if t != NONE]
    return (
        all(n == ANY or 0 <= n < len(sheet.nodes) for n in nodes)
        and all(q == AUTOMATIC or 0 <= q < len(sheet.chargers) for q in chargers)
        and set(genes.turned.tolist()) | set(genes.late.tolist()) <= {0, 1}
        and all(0 <= t < len(sheet.tasks) for t in early)
    )


@settings(max_examples=100, deadline=None)
@given(rng=rngs)
def test_a_change_keeps_a_list_in_order(rng: random.Random) -> None:
    scene = drawn_scene(rng)
    sheet, genes = scene.sheet, random_genes(rng, scene.sheet)
    rows = board_from(scene, genes).rows
    places, seeds = places_of(genes.order), seeds_from(rng.randrange(1_000))

    for _ in range(40):
        change(sheet, rows, seeds, rng.randrange(2), genes, places)

        assert is_legal(sheet, genes.order.tolist())
        assert places.tolist() == places_of(genes.order).tolist()
        assert are_in_range(sheet, genes)


def test_changes_change_everything_there_is_to_choose() -> None:
    rng = random.Random(5)
    scene = drawn_scene(rng)
    while not len(scene.sheet.chargers) or (scene.sheet.units[:, 1] == NONE).all():
        scene = drawn_scene(rng)
    genes = random_genes(rng, scene.sheet)
    rows = board_from(scene, genes).rows
    places, seeds = places_of(genes.order), seeds_from(1)

    seen: list[set[tuple[int, ...]]] = [set() for _ in range(6)]
    for _ in range(300):
        change(scene.sheet, rows, seeds, 1, genes, places)
        for kinds, chosen in zip(seen, genes[:6], strict=True):
            kinds.add(tuple(chosen.tolist()))

    assert min(len(kinds) for kinds in seen) > 2


@settings(max_examples=50, deadline=None)
@given(rng=rngs)
def test_a_scrambled_list_is_in_order_and_another(rng: random.Random) -> None:
    sheet = drawn_scene(rng).sheet
    genes, seeds = random_genes(rng, sheet), seeds_from(rng.randrange(1_000))
    places, seen = places_of(genes.order), set()

    for _ in range(30):
        scramble(sheet, seeds, genes, places)

        seen.add((*genes.order.tolist(), *genes.late.tolist()))
        assert is_legal(sheet, genes.order.tolist())
        assert places.tolist() == places_of(genes.order).tolist()
        assert are_in_range(sheet, genes)

    assert len(seen) > 2
