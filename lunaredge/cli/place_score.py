"""How good a plan of `lunaredge place` is: its tardiness in parts, the bound, and what is between.

Tasks that no plan can place count the same in the plan and in its bound, and may be most of both:
so they are left out of the gap.
"""

from collections.abc import Collection
from typing import NamedTuple

from lunaredge.cli.table import Column, Row
from lunaredge.placement import Plan, Problem, Score

COLUMNS = (
    Column("what", ""),
    Column("late_s", "LATE_S"),
    Column("cost_j", "COST_J"),
    Column("meaning", "", is_free=True),
)
# A bound that proves less than half of what is there says more of itself than of the plan.
_WEAK_PCT = 50.0


class Lateness(NamedTuple):
    """Of what a plan's weighted tardiness is made up, s."""

    placed_s: int
    unplaced_s: int
    hopeless_s: int
    """The part of that for tasks that no plan can place."""


def lateness_of(problem: Problem, plan: Plan, hopeless: Collection[str]) -> Lateness:
    """Tell the tardiness of what is placed from what the others add."""
    ends_s = {item.task: item.end_s for item in plan.placed}
    unplaced_s = hopeless_s = 0
    for task in problem.tasks:
        if task.id not in ends_s:
            late_s = task.weight * max(0, 2 * problem.horizon_s - task.due_s)
            unplaced_s += late_s
            hopeless_s += late_s if task.id in hopeless else 0
    return Lateness(plan.score.late_s - unplaced_s, unplaced_s, hopeless_s)


def gaps_pct(score: Score, bound: Score, hopeless_s: int = 0) -> tuple[float, float | None]:
    """Give by how much of its tardiness and cost the best plan may be better, at the most.

    Of the tardiness only what a plan can change counts. The bound on the cost is of plans that are
    as little late as can be: of others it says nothing.
    """
    late_pct = _share_pct(score.late_s - hopeless_s, bound.late_s - hopeless_s)
    return late_pct, None if late_pct else _share_pct(score.cost_j, bound.cost_j)


def rows_of(plan: Plan, bound: Score, late: Lateness) -> list[Row]:
    """Give the plan's score, the bound and what is between, below each other."""
    score = plan.score
    late_pct, cost_pct = gaps_pct(score, bound, late.hopeless_s)
    ours = [_row("score", score.late_s, score.cost_j, _OURS)]
    if plan.unplaced:
        ours.append(_row("placed", late.placed_s, None, "of it for tasks that are placed"))
    if late.hopeless_s:
        ours.append(_row("hopeless", late.hopeless_s, None, "of it for tasks no plan can place"))
    proven = "no plan is less late" + ("" if late_pct else ", and none as late costs less")
    return [
        *ours,
        _row("bound", bound.late_s, None if late_pct else bound.cost_j, proven),
        _row("gap", _pct(late_pct), _pct(cost_pct), _verdict(late, late_pct, cost_pct)),
    ]


_OURS = "this plan: weighted lateness first, then cost"


def _verdict(late: Lateness, late_pct: float, cost_pct: float | None) -> str:
    """Say what the gaps tell of the plan."""
    if cost_pct == 0.0:
        return "none: no plan is better"
    if late_pct >= _WEAK_PCT:
        return "the bound is too weak to say how good it is"
    if late.hopeless_s and late_pct:
        return "the most that can be saved of what is not hopeless"
    return "the best plan may save so much, at most"


def _row(what: str, late: object, cost: object, meaning: str) -> Row:
    return {"what": what, "late_s": late, "cost_j": cost, "meaning": meaning}


def _share_pct(value: int, bound: int) -> float:
    # Rounded up: what is not proven best never looks so.
    return 0.0 if value <= bound else max(0.001, round(100.0 * (value - bound) / value, 3))


def _pct(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g} %"
