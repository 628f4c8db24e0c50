"""A plan that is kept up: each event changes little of it, and at once.

Owns the running plan of a site: nodes are lost and come back, tasks go, due times move. A repair
only mends; for better plans make a `Planner` of the problem with this plan as its start.
"""

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Ints
from lunaredge.kernels.schedule_board import COST, LATE, NODE, lay_out
from lunaredge.kernels.schedule_repair import move_due, repair, tasks_on
from lunaredge.kernels.schedule_settle import desk_for
from lunaredge.kernels.schedule_sheet import LOST, NONE, UNIT
from lunaredge.placement.check import check
from lunaredge.placement.plan import Plan, Score
from lunaredge.placement.problem import HORIZON_S_MAX, Problem
from lunaredge.placement.readout import read_plan
from lunaredge.placement.sheet import board_of, copied, numbers_of, sheet_of
from lunaredge.placement.start import rows_like
from lunaredge.placement.travel import Travel

# More than this can't make room within a few milliseconds.
_UNITS_MAX = 64
# Who mends is in a hurry: a second counts as much as a machine's work in it.
_HASTE_W = 100.0


class LivePlan:
    """A plan and the site that it is for, as both change."""

    def __init__(self, problem: Problem, travel: Travel, plan: Plan) -> None:
        """Take up a plan that keeps every rule of the problem.

        Raises:
            ConfigError: a value of the problem is wrong.
        """
        self._problem, self._travel = check(problem, travel), travel
        self._numbers = numbers_of(self._problem, travel)
        self._sheet = sheet_of(self._problem, travel, self._numbers)
        base = board_of(self._problem, self._sheet)
        rows = rows_like(plan, self._problem, self._sheet)
        self._board = copied(base)
        lay_out(self._sheet, base, rows, self._board)
        self._desk = desk_for(self._sheet, _UNITS_MAX)
        self._dues: dict[str, int] = {}

    @property
    def score(self) -> Score:
        """How good the plan is."""
        late_s, cost_j = self._board.score[[LATE, COST]].tolist()
        return Score(late_s=late_s, cost_j=cost_j)

    def lose(self, node: str) -> tuple[str, ...]:
        """Take a node out; its tasks, and those that wait for them, go elsewhere or are left out.

        Give the tasks that were taken up. What runs on it and is fixed there stays: nobody else
        can have it before somebody says that it is over.
        """
        number = self._number(self._numbers.nodes, node, "node")
        self._sheet.nodes[number, LOST] = 1
        return self._mend(tasks_on(self._board, number))

    def regain(self, node: str) -> tuple[str, ...]:
        """Let a node have tasks again, those first that were left out; give those taken up."""
        number = self._number(self._numbers.nodes, node, "node")
        self._sheet.nodes[number, LOST] = 0
        rows, tasks = self._board.rows, self._sheet.tasks
        left_out = (rows[:, NODE] == NONE) & (tasks[:, UNIT] != NONE)
        return self._mend(np.flatnonzero(left_out).astype(np.int64))

    def move_due(self, task: str, due_s: int) -> tuple[str, ...]:
        """Change when a task is due; it is put elsewhere only if that makes it less late."""
        number = self._number(self._numbers.tasks, task, "task")
        if type(due_s) is not int or abs(due_s) > HORIZON_S_MAX:
            raise _wrong("due_s", due_s, f"give whole seconds, at most {HORIZON_S_MAX}")
        move_due(self._sheet, self._board, number, due_s)
        self._dues[task] = due_s
        return self._mend(np.array([number], dtype=np.int64))

    def plan(self) -> Plan:
        """Give the plan as it is now."""
        tasks = tuple(
            msgspec.structs.replace(task, due_s=self._dues[task.id])
            if task.id in self._dues
            else task
            for task in self._problem.tasks
        )
        problem = msgspec.structs.replace(self._problem, tasks=tasks)
        return read_plan(problem, self._travel, self._board.rows.tolist(), self.score)

    def _mend(self, numbers: Ints) -> tuple[str, ...]:
        """Put tasks where they fit best now, and name those that were taken up."""
        if len(self._sheet.units) == 0:
            return ()
        units = repair(self._sheet, self._board, self._desk, numbers, _HASTE_W)
        taken = self._sheet.units[units].ravel().tolist()
        return tuple(self._problem.tasks[t].id for t in taken if t != NONE)

    def _number(self, numbers: dict[str, int], name: str, kind: str) -> int:
        if name not in numbers:
            raise _wrong(kind, name, f"name a {kind} of the site")
        return numbers[name]


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError("not of this plan", place="live plan", key=key, value=value, remedy=remedy)
