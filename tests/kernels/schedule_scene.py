"""Scenes for the tests of the scheduling kernels: random problems, lists, and boards."""

import random
from typing import Any, NamedTuple

import numpy as np

from lunaredge.kernels.schedule_board import NODE, Board
from lunaredge.kernels.schedule_build import ANY, Genes, free_genes
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_sheet import NONE, UNIT, Sheet
from lunaredge.kernels.schedule_start import place_some
from lunaredge.placement.problem import Problem
from lunaredge.placement.sheet import board_of, numbers_of, sheet_of
from lunaredge.placement.travel import Travel
from tests.placement.problems import random_problem

HASTE_W = 2.0


class Scene(NamedTuple):
    problem: Problem
    travel: Travel
    sheet: Sheet
    base: Board


def scene_of(problem: Problem, travel: Travel) -> Scene:
    sheet = sheet_of(problem, travel, numbers_of(problem, travel))
    return Scene(problem, travel, sheet, board_of(problem, sheet))


def random_scene(rng: random.Random, tasks: int, nodes: int) -> Scene:
    """Draw a scene in which every second can be tried."""
    problem, travel = random_problem(rng, tasks, nodes)
    while problem.horizon_s > 90:
        problem, travel = random_problem(rng, tasks, nodes)
    return scene_of(problem, travel)


def copy_of(tree: Any) -> Any:
    """Copy a tuple of arrays, and of such tuples."""
    if isinstance(tree, np.ndarray):
        return tree.copy()
    return type(tree)(*(copy_of(branch) for branch in tree))


def units_before(sheet: Sheet) -> list[set[int]]:
    """Give the units that each unit waits for itself."""
    before: list[set[int]] = []
    for pair in sheet.units.tolist():
        sources: list[int] = []
        for task in pair:
            if task != NONE:
                first, end = sheet.before_starts[task : task + 2]
                sources += sheet.before[first:end, 0].tolist()
        before.append({int(sheet.tasks[t, UNIT]) for t in sources} - {NONE})
    return before


def random_order(rng: random.Random, sheet: Sheet) -> list[int]:
    """Draw a list in which no unit comes before one that it waits for."""
    before, order = units_before(sheet), []
    left = list(range(len(before)))
    while left:
        free = [unit for unit in left if before[unit] <= set(order)]
        order.append(rng.choice(free))
        left.remove(order[-1])
    return order


def random_genes(rng: random.Random, sheet: Sheet) -> Genes:
    """Draw genes; half of the choices are open."""
    genes = free_genes(sheet, np.array(random_order(rng, sheet), dtype=np.int64))
    for t in range(len(sheet.tasks)):
        is_open = rng.random() < 0.5 or not len(sheet.nodes)
        genes.nodes[t] = ANY if is_open else rng.randrange(len(sheet.nodes))
        genes.chargers[t] = rng.choice((AUTOMATIC, AUTOMATIC, *range(len(sheet.chargers))))
    genes.turned[:] = [rng.randrange(2) for _ in genes.turned]
    genes.late[:] = [rng.randrange(2) for _ in genes.late]
    genes.early[:] = [rng.choice((NONE, rng.randrange(len(sheet.tasks)))) for _ in genes.early]
    return genes


def board_from(scene: Scene, genes: Genes, haste_w: float = HASTE_W) -> Board:
    """Give the plan of a list."""
    board = copy_of(scene.base)
    place_some(scene.sheet, genes, haste_w, 0, len(genes.order), board)
    return board


def placed_tasks(board: Board) -> list[int]:
    return np.flatnonzero(board.rows[:, NODE] != NONE).tolist()
