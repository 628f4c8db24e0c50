"""The plan that a board holds, read off in the words of its problem."""

from collections.abc import Sequence
from dataclasses import dataclass

from lunaredge.kernels.schedule_board import (
    CHARGE_END,
    CHARGE_START,
    CHARGER,
    END,
    LEVEL,
    NODE,
    START,
    TRAVEL_J,
    TRAVEL_S,
)
from lunaredge.placement.plan import Charge, Placed, Plan, Score
from lunaredge.placement.problem import Machine, Node, Problem, Task, end_of, posts_of
from lunaredge.placement.travel import Travel

Row = Sequence[int]
"""A task's row on the board, see `schedule_board`."""


@dataclass(slots=True)
class _Stand:
    """A machine as it leaves: when, where, with what."""

    leave_s: int
    place: int
    level_j: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read off, and how far: how each machine stands by then."""

    problem: Problem
    travel: Travel
    chargers: tuple[int, ...]
    """Their places."""
    stands: dict[str, _Stand]


def read_plan(problem: Problem, travel: Travel, rows: Sequence[Row], score: Score) -> Plan:
    """Give the plan of the rows of all tasks."""
    stands = {
        node.id: _Stand(node.ready_s, node.machine.place, node.machine.charge_j)
        for node in problem.nodes
        if node.machine is not None
    }
    reading = _Reading(problem, travel, tuple(posts_of(problem)), stands)
    placed: dict[int, Placed] = {}
    for t in sorted(range(len(rows)), key=lambda t: rows[t][START]):
        if rows[t][NODE] >= 0:
            placed[t] = _read(reading, problem.tasks[t], rows[t])
    return Plan(
        placed=tuple(placed[t] for t in sorted(placed)),
        unplaced=tuple(task.id for t, task in enumerate(problem.tasks) if t not in placed),
        score=score,
    )


def _read(reading: _Reading, task: Task, row: Row) -> Placed:
    """Give a task as it is placed, and let its machine stand where it ends."""
    node = reading.problem.nodes[row[NODE]]
    stand, charge = reading.stands.get(node.id), None
    if stand is not None and node.machine is not None:
        if row[CHARGER] >= 0:
            charge = _charge(reading, stand, node.machine, row)
        end = end_of(task)
        place = stand.place if end is None else end
        reading.stands[node.id] = _Stand(row[END], place, row[LEVEL])
    return Placed(
        task=task.id,
        node=node.id,
        start_s=row[START],
        end_s=row[END],
        energy_j=_energy_j(task, node),
        travel_s=row[TRAVEL_S],
        travel_j=row[TRAVEL_J],
        charge=charge,
        level_j=None if node.machine is None else row[LEVEL],
    )


def _charge(reading: _Reading, stand: _Stand, machine: Machine, row: Row) -> Charge:
    """Give the charge before a task; the board keeps its times only."""
    travel, darkness = reading.travel, reading.problem.darkness
    place, begin_s = reading.chargers[row[CHARGER]], row[CHARGE_START]
    mover = travel.movers.index(machine.mover)
    trip_s, trip_j = travel.table[mover, stand.place, place].tolist()
    dark_s = sum(
        max(0, min(begin_s, window.until_s) - max(stand.leave_s, window.from_s))
        for window in darkness
    )
    lost_j = trip_j + machine.idle_w * (begin_s - stand.leave_s - trip_s) + machine.heat_w * dark_s
    return Charge(
        place=place,
        begin_s=begin_s,
        end_s=row[CHARGE_END],
        energy_j=machine.battery_j - stand.level_j + lost_j,
    )


def _energy_j(task: Task, node: Node) -> int:
    now = task.current
    if now is not None and now.node == node.id and now.left_s is not None:
        return now.left_j
    return next(mode.energy_j for mode in task.modes if mode.kind == node.kind)
