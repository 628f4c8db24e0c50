"""Why a task is not in a hand-made plan, and parts of sites to ask that of."""

from typing import Any

from lunaredge.placement.check import check
from lunaredge.placement.plan import Placed
from lunaredge.placement.problem import Ceiling, Charger, Mode, Problem, Resources, Task, Window
from lunaredge.placement.reasons import Why, why_not
from tests.placement.yard import ROADS, board, plan_of

POST = (Charger(place=2),)
ONE_CORE = Resources(cpu_mcores=1)
CORE = board(has=ONE_CORE)


def why(problem: Problem, *items: Placed, task: str = "a") -> Why:
    problem = check(problem, ROADS)
    return why_not(problem, ROADS, plan_of(problem, *items), task)


def dark(from_s: int, until_s: int) -> dict[str, Any]:
    return {"darkness": (Window(from_s=from_s, until_s=until_s),)}


def bus(power_w: int) -> dict[str, Any]:
    return {"bus": (Ceiling(from_s=0, power_w=power_w),)}


def dash() -> Task:
    """Give a task that carries a rover from place 0 to 1 sooner than it gets there by itself."""
    mode = Mode(kind="rover", duration_s=1)
    return Task(id="dash", modes=(mode,), place=0, end_place=1)
