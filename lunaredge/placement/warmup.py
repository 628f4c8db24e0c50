"""Compiling every kernel of the library, or loading it from the cache, by using each once."""

import numpy as np

from lunaredge.placement.assign import AssignOptions, assign
from lunaredge.placement.engine import LISTS_UNITS_MAX, Planner
from lunaredge.placement.live import LivePlan
from lunaredge.placement.problem import (
    After,
    Ceiling,
    Charger,
    Current,
    Machine,
    Mode,
    Node,
    Problem,
    Task,
    Window,
)
from lunaredge.placement.travel import Travel

_STEPS = 40
_ROUNDS = 2_000


def warm_up() -> None:
    """Plan a small site and a large one, and let something happen to the plan."""
    travel = _travel()
    for more in (0, LISTS_UNITS_MAX):
        problem = _site(more)
        planner = Planner(problem, travel)
        planner.improve(steps=_STEPS)
        planner.bound()
        live = LivePlan(problem, travel, Planner(problem, travel, start=planner.plan()).plan())
        live.lose("board-0")
        live.regain("board-0")
        live.move_due("dig-0", 5)
        live.cancel("dig-0")
    _assign()


def warm_up_planner() -> None:
    """Plan a small site: what a scheduler asks for."""
    Planner(_site(0), _travel()).improve(steps=_STEPS)


def _travel() -> Travel:
    return Travel.of({"wheels": (((0.0, 9.0), (9.0, 0.0)), ((0.0, 9.0), (9.0, 0.0)))})


def _assign() -> None:
    """Solve what a proof alone can't, by the rules of class C (Chu and Beasley 1997)."""
    dice = np.random.default_rng(1)
    uses, costs = dice.integers(5, 26, (20, 200)), dice.integers(10, 51, (20, 200))
    room = np.floor(0.8 * uses.sum(axis=1) / 20)
    assign(costs, uses, room, options=AssignOptions(rounds=_ROUNDS))


def _site(more: int) -> Problem:
    """Give a site with a thing of every kind, and so many tasks more."""
    job, dig = Mode(kind="board", duration_s=5, energy_j=50), Mode(kind="rover", duration_s=60)
    machine = Machine(mover="wheels", place=0, battery_j=900, charge_j=50, idle_w=1, charge_w=9)
    runs = Current(node="board-1", left_s=3, left_j=9, is_fixed=True)
    return Problem(
        tasks=(
            *(Task(id=f"job-{k}", modes=(job,), due_s=9) for k in range(3 + more)),
            *(Task(id=f"dig-{k}", modes=(dig,), place=1) for k in range(3)),
            Task(id="load", modes=(dig,), place=1, meets="haul", after=(After(task="dig-0"),)),
            Task(id="haul", modes=(dig,), place=1, end_place=0, needs_light=True),
            Task(id="runs", modes=(job,), current=runs),
        ),
        nodes=(
            *(Node(id=f"board-{k}", kind="board") for k in range(2)),
            *(Node(id=f"rover-{k}", kind="rover", machine=machine) for k in range(2)),
        ),
        horizon_s=100_000,
        chargers=(Charger(place=0),),
        bus=(Ceiling(from_s=0, power_w=30), Ceiling(from_s=500, power_w=20)),
        darkness=(Window(from_s=100, until_s=200),),
    )
