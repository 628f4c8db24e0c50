"""Builders for hand-made problems and plans: a board, a rover, roads, and what they do."""

from typing import Any

from lunaredge.placement.plan import Placed, Plan
from lunaredge.placement.problem import Machine, Mode, Node, Problem, Task
from lunaredge.placement.travel import Travel
from tests.placement.judge import score_of, violations

INF = float("inf")
# Places 0, 1 and 2 are on a road; to 3 there is none, but one leads from there to 0.
SECONDS = ((0, 3, 6, INF), (3, 0, 2, INF), (6, 2, 0, INF), (1, INF, INF, 0))
JOULES = ((0, 5, 9, INF), (5, 0, 4, INF), (9, 4, 0, INF), (1, INF, INF, 0))
ROADS = Travel.of({"wheels": (SECONDS, JOULES)})


def board(name="b", **fields: Any) -> Node:
    return Node(id=name, kind="board", **fields)


def rover(name="r", **fields: Any) -> Node:
    """Give a rover at place 0: full with 100 J, a reserve of 10 J, 1 W while it waits."""
    node = {key: fields.pop(key) for key in tuple(fields) if key in ("ready_s", "has")}
    built = {"mover": "wheels", "place": 0, "battery_j": 100, "charge_j": 100} | fields
    built = {"reserve_j": 10, "idle_w": 1, "charge_w": 10} | built
    return Node(id=name, kind="rover", machine=Machine(**built), **node)


def job(name="a", **fields: Any) -> Task:
    """Give a task for boards: 4 s, 8 J."""
    return Task(id=name, modes=(Mode(kind="board", duration_s=4, energy_j=8),), **fields)


def dig(name="a", **fields: Any) -> Task:
    """Give a task for rovers at place 1: 4 s, 20 J."""
    mode = Mode(kind="rover", duration_s=4, energy_j=20)
    return Task(id=name, modes=(mode,), **{"place": 1, **fields})


def site(*parts: Any, **fields: Any) -> Problem:
    return Problem(
        tasks=tuple(part for part in parts if isinstance(part, Task)),
        nodes=tuple(part for part in parts if isinstance(part, Node)),
        **{"horizon_s": 100, **fields},
    )


def runs(task="a", start_s=0, node="b", **fields: Any) -> Placed:
    """Give a job on a board."""
    given = {"end_s": start_s + 4, "energy_j": 8} | fields
    return Placed(task=task, node=node, start_s=start_s, **given)


def digs(task="a", start_s=3, **fields: Any) -> Placed:
    """Give a dig on the rover, that comes from place 0 if nothing else is said."""
    given = {"node": "r", "end_s": start_s + 4, "energy_j": 20} | fields
    given = {"travel_s": 3, "travel_j": 5, "level_j": 75} | given
    return Placed(task=task, start_s=start_s, **given)


def plan_of(problem: Problem, *items: Placed) -> Plan:
    names = [item.task for item in items]
    unplaced = tuple(task.id for task in problem.tasks if task.id not in names)
    return Plan(placed=items, unplaced=unplaced, score=score_of(problem, items))


def broken(problem: Problem, *items: Placed) -> list[str]:
    """Give the names of the rules that the plan breaks."""
    found = violations(problem, ROADS, plan_of(problem, *items))
    return sorted({said.partition(":")[0] for said in found})
