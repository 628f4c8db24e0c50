"""The lists from which plans that are known already are made again, or made better."""

import numpy as np

from lunaredge.kernels.jit import Ints
from lunaredge.kernels.schedule_board import (
    CHARGE_END,
    CHARGE_START,
    CHARGER,
    END,
    NODE,
    ROW_COLUMNS,
    START,
    Board,
)
from lunaredge.kernels.schedule_build import Genes, free_genes
from lunaredge.kernels.schedule_kept import keep_plan
from lunaredge.kernels.schedule_sheet import NONE, UNIT, Sheet
from lunaredge.placement.plan import Placed, Plan
from lunaredge.placement.problem import Problem, posts_of


def genes_like(plan: Plan, problem: Problem, sheet: Sheet, order: Ints) -> Genes:
    """Give genes with a plan's nodes and chargers, units by when it begins them.

    What the plan does not have comes in the given order, as soon as it could; nodes and chargers
    that the problem does not have are left open.
    """
    placed = {item.task: item for item in plan.placed}
    nodes = {node.id: n for n, node in enumerate(problem.nodes)}
    chargers = {place: q for q, place in enumerate(posts_of(problem))}
    genes = free_genes(sheet, order.copy())
    begins_s = np.zeros(len(order))
    begins_s[:] = np.inf
    for t, task in enumerate(problem.tasks):
        item, unit = placed.get(task.id), sheet.tasks[t, UNIT]
        if item is None or unit == NONE:
            continue
        genes.nodes[t] = nodes.get(item.node, genes.nodes[t])
        if item.charge is not None:
            genes.chargers[t] = chargers.get(item.charge.place, genes.chargers[t])
        begins_s[unit] = min(begins_s[unit], _begin_s(item))
    _inherit(sheet, begins_s)
    genes.order[:] = order[np.argsort(begins_s[order], kind="stable")]
    return genes


def kept(plan: Plan, problem: Problem, sheet: Sheet, out_board: Board) -> list[str]:
    """Put what holds of a plan on a board that has only what is fixed; name what does not hold."""
    rows = _rows_like(plan, problem, sheet)
    order = np.argsort(rows[sheet.units[:, 0], START], kind="stable")
    keep_plan(sheet, rows, order, out_board)
    numbers = {task.id: t for t, task in enumerate(problem.tasks)}
    is_out = (out_board.rows[:, NODE] == NONE).tolist()
    return [
        item.task for item in plan.placed if item.task not in numbers or is_out[numbers[item.task]]
    ]


def hastened(sheet: Sheet, order: Ints, rows: Ints, share: float) -> Ints:
    """Give a list in which the units come sooner that a plan left out, and what they wait for.

    Squeaky wheel optimisation (Joslin and Clements 1999). ``rows`` are the plan's; ``share``: of
    what stood before a unit, how much still does.
    """
    turns = np.zeros(len(order))
    turns[order] = 1.0 + np.arange(len(order))
    turns[rows[sheet.units[:, 0], NODE] == NONE] *= share
    _inherit(sheet, turns)
    return order[np.argsort(turns[order], kind="stable")]


def _rows_like(plan: Plan, problem: Problem, sheet: Sheet) -> Ints:
    """Give the rows of a plan, see `schedule_board`, but for what the problem does not have."""
    nodes = {node.id: n for n, node in enumerate(problem.nodes)}
    chargers = {place: q for q, place in enumerate(posts_of(problem))}
    numbers = {task.id: t for t, task in enumerate(problem.tasks)}
    rows = np.full((len(sheet.tasks), ROW_COLUMNS), NONE, dtype=np.int64)
    for item in plan.placed:
        charge = item.charge
        if item.task not in numbers or item.node not in nodes:
            continue
        if charge is not None and charge.place not in chargers:
            continue
        row = rows[numbers[item.task]]
        row[[NODE, START, END]] = nodes[item.node], item.start_s, item.end_s
        if charge is not None:
            row[[CHARGER, CHARGE_START]] = chargers[charge.place], charge.begin_s
            row[CHARGE_END] = charge.end_s
    return rows


def _begin_s(item: Placed) -> int:
    return item.start_s if item.charge is None else item.charge.begin_s


def _inherit(sheet: Sheet, begins_s: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    """Let units be begun no later than those that wait for them; units come in a legal order."""
    for unit in range(len(begins_s) - 1, -1, -1):
        for task in sheet.units[unit].tolist():
            if task == NONE:
                continue
            first, end = sheet.behind_starts[task], sheet.behind_starts[task + 1]
            for after in sheet.tasks[sheet.behind[first:end], UNIT].tolist():
                if after != NONE:
                    begins_s[unit] = min(begins_s[unit], begins_s[after])
