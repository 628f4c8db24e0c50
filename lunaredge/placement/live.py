"""A plan that is kept up: each event changes little of it, and at once.

Owns the running plan of a site: nodes are lost and come back, tasks come and go, their times move.
A repair only mends; for better plans make a `Planner` of `LivePlan.problem` with `LivePlan.plan()`
as its start.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Flags, Ints
from lunaredge.kernels.schedule_board import COST, END, LATE, NODE, START
from lunaredge.kernels.schedule_looks import TOLD_COLUMNS, changed, tasks_on, wanting
from lunaredge.kernels.schedule_loose import loose_for
from lunaredge.kernels.schedule_repair import Jobs, repair
from lunaredge.kernels.schedule_settle import desk_for
from lunaredge.kernels.schedule_sheet import (
    DUE,
    LATEST,
    LEDGER,
    LOST,
    NONE,
    RELEASE,
    UNIT,
    WEIGHT,
    Sheet,
)
from lunaredge.kernels.schedule_start import urgencies
from lunaredge.placement.arrivals import checked, wrong
from lunaredge.placement.asked import counted, planned
from lunaredge.placement.check import check
from lunaredge.placement.joined import padded
from lunaredge.placement.plan import Plan, Score
from lunaredge.placement.problem import Problem, Task, is_fixed
from lunaredge.placement.readout import read_plan
from lunaredge.placement.roster import Roster
from lunaredge.placement.sheet import board_of
from lunaredge.placement.start import kept
from lunaredge.placement.travel import Travel
from lunaredge.placement.waits import with_waits

# More than this can't make room for one within a millisecond.
_TRIAL_UNITS_MAX = 32
# Who mends is in a hurry: a second counts as much as a machine's work in it.
_HASTE_W = 100.0
# More that was left over can't have its turn in one event.
_LEFT_OVER_MAX = 300
# So many tasks are tried on a node that comes back.
_WANTING_MAX = 8

EVENT_UNITS = 300
"""So many fit in an event of some milliseconds: each takes some 10 us (x86-64, 2026-11)."""

_NOBODY = np.zeros(0, dtype=np.int64)


class LivePlan:
    """A plan and the site that it is for, as both change.

    Every event gives the names of the tasks that it changed: placed elsewhere, at another time, or
    no more. After every event the plan keeps every rule of `problem`. What can't be placed is left
    out; where an event touches too much to be through with it at once, the rest is left out until
    the next event.
    """

    def __init__(
        self, problem: Problem, travel: Travel, plan: Plan, *, event_units: int = EVENT_UNITS
    ) -> None:
        """Take up a plan that keeps every rule of the problem.

        ``event_units``: after so many that are fitted anew, with the tasks that they meet, an event
        chooses nothing any more.

        Raises:
            ConfigError: a value of the problem is wrong, or an argument, or the plan breaks a rule.
        """
        counted("live plan", "event_units", event_units)
        planned("live plan", "plan", plan)
        self._problem, self._travel = check(problem, travel), travel
        self._roster = Roster(self._problem, travel)
        sheet = self._roster.sheet
        self._board = board_of(self._problem, sheet)
        broken = kept(plan, self._problem, sheet, self._board)
        if broken:
            said = "the plan places a task as the problem's rules do not allow"
            remedy = "give a plan of this very problem, or make one: Planner(problem, start=plan)"
            raise wrong(said, "plan.placed", broken[0], remedy)
        self._told = self._board.rows[:, :TOLD_COLUMNS].copy()
        self._event_units = event_units
        self._left_over = _NOBODY
        self._make_room()

    @property
    def score(self) -> Score:
        """How good the plan is."""
        late_s, cost_j = self._board.score[[LATE, COST]].tolist()
        return Score(late_s=late_s, cost_j=cost_j)

    @property
    def problem(self) -> Problem:
        """The problem as it is now. A lost node is one that is not ready before the horizon."""
        is_lost = self._roster.sheet.nodes[:, LOST].tolist()
        horizon_s = self._problem.horizon_s
        nodes = (
            msgspec.structs.replace(node, ready_s=horizon_s) if lost else node
            for node, lost in zip(self._problem.nodes, is_lost, strict=True)
        )
        tasks = tuple(self._roster.tasks.values())
        return msgspec.structs.replace(self._problem, tasks=tasks, nodes=tuple(nodes))

    @property
    def left_over(self) -> tuple[str, ...]:
        """The tasks that are left out only since there was no time for them; the next event does.

        Of two that meet, one is named.
        """
        return tuple(self._roster.names[t] for t in self._waiting().tolist())

    def plan(self) -> Plan:
        """Give the plan as it is now, and what each task waits for."""
        problem = self.problem
        rows = self._board.rows[list(self._roster.numbers.tasks.values())].tolist()
        plan = read_plan(problem, self._travel, rows, self.score)
        return with_waits(problem, self._travel, plan)

    def lose(self, node: str) -> tuple[str, ...]:
        """Take a node out; its tasks go elsewhere or are left out, with those that wait for them.

        What runs on it and is fixed there stays: nobody else can have it before somebody says that
        it is over.

        Raises:
            ConfigError: there is no such node.
        """
        number = self._node(node)
        self._roster.sheet.nodes[number, LOST] = 1
        return self._mend(tasks_on(self._board, number))

    def regain(self, node: str) -> tuple[str, ...]:
        """Let a node have tasks again: those that were left out, then those that are the latest.

        Raises:
            ConfigError: there is no such node.
        """
        number = self._node(node)
        sheet = self._roster.sheet
        if not sheet.nodes[number, LOST]:
            return self._mend()
        sheet.nodes[number, LOST] = 0
        tasks = wanting(sheet, self._board, number, _WANTING_MAX)
        is_out = self._board.rows[tasks, NODE] == NONE
        return self._mend(tasks[is_out], tardy=tasks[~is_out])

    def catch_up(self) -> tuple[str, ...]:
        """Go on with what there was no time for in the event before; see `left_over`."""
        return self._mend()

    def add(self, task: Task) -> tuple[str, ...]:
        """Take up a new task, and what has been waiting for its name, if that can be placed.

        If it meets a task that is there, both are placed, or none of them any more.

        Raises:
            ConfigError: a value of it is wrong, or its id is taken, or it is fixed, or whom it
                meets is not there or not free. Nothing has changed then.
        """
        task = self._roster.check(task)
        if self._roster.is_full:
            self._grow()
        self._widen(task)
        number = self._roster.enter(task)
        self._board.score[LATE] += self._late(number)
        return self._rearrange()

    def cancel(self, task: str) -> tuple[str, ...]:
        """Strike a task off, and the one that it meets; both come first in what this gives.

        Of what was left out, that which adds the most tardiness may have its node now. What names
        it as a predecessor can't be placed any more, see the contract: it is left out,
        until a task of that name is added again.

        Raises:
            ConfigError: there is no such task, or it is fixed: what it leaves its machine with
                would not be known. Nothing has changed then.
        """
        if is_fixed(self._roster.tasks[self._known(task)]):
            remedy = "wait for its end, or make a new plan"
            raise wrong("a fixed task can't be cancelled", "task", task, remedy)
        partner = self._roster.partner(task)
        names = [task] if partner is None else [task, partner]
        freed = [self._board.rows[self._roster.numbers.tasks[name], NODE] for name in names]
        self._roster.bar(names)
        told = self._rearrange(freed)
        for name in names:
            self._board.score[LATE] -= self._late(self._roster.numbers.tasks[name])
            self._roster.leave(name)
        return (*names, *(name for name in told if name not in names))

    def move_due(self, task: str, due_s: int) -> tuple[str, ...]:
        """Change when a task is due; it is put elsewhere only if that makes all less late.

        Raises:
            ConfigError: there is no such task, or that is no such time. Nothing has changed then.
        """
        return self._move(task, "due_s", due_s)

    def move_latest(self, task: str, latest_s: int | None) -> tuple[str, ...]:
        """Change when a task must have ended (None: by the horizon); else as `move_due`."""
        return self._move(task, "latest_s", latest_s)

    def move_release(self, task: str, release_s: int) -> tuple[str, ...]:
        """Change from when on a task may start; else as `move_due`."""
        return self._move(task, "release_s", release_s)

    def approve(self, task: str, approved_s: int | None) -> tuple[str, ...]:
        """Change when a task has Earth's approval (None: nobody knows); else as `move_due`."""
        return self._move(task, "approved_s", approved_s)

    def _move(self, name: str, key: str, value: int | None) -> tuple[str, ...]:
        """Change a time of a task, and do what that asks for."""
        number = self._roster.numbers.tasks[self._known(name)]
        old = self._roster.tasks[name]
        task = self._timed(old, key, value)
        self._board.score[LATE] -= self._late(number)
        is_barred_otherwise = self._roster.change(task)
        self._board.score[LATE] += self._late(number)
        if is_barred_otherwise:
            return self._rearrange()
        if is_fixed(task) or task == old:
            return self._mend()
        row, sheet = self._board.rows[number], self._roster.sheet.tasks[number]
        if row[NODE] == NONE or row[START] < sheet[RELEASE] or row[END] > sheet[LATEST]:
            return self._mend(np.array([number], dtype=np.int64))
        tardy = [number] if row[END] > sheet[DUE] else []
        return self._mend(tardy=np.array(tardy, dtype=np.int64))

    def _timed(self, task: Task, key: str, value: int | None) -> Task:
        """Give a task with another time, that was checked."""
        try:
            return checked(msgspec.structs.replace(task, **{key: value}), self._travel)
        except ConfigError as exc:
            raise wrong(exc.problem, key, value, exc.remedy) from None

    def _rearrange(self, freed: Sequence[int] = ()) -> tuple[str, ...]:
        """Find anew what can be placed, and place it; take off what can't be any more.

        Nodes that are freed of something may have what was left out.
        """
        gone, tasks = self._roster.renumber()
        sheet, board = self._roster.sheet, self._board
        for node in freed:
            if node != NONE:
                wanted = wanting(sheet, board, node, _WANTING_MAX)
                tasks = np.append(tasks, wanted[board.rows[wanted, NODE] == NONE])
        return self._mend(tasks, gone)

    def _mend(
        self, loose: Ints = _NOBODY, gone: Ints = _NOBODY, tardy: Ints = _NOBODY
    ) -> tuple[str, ...]:
        """Do what an event asks for, see `Jobs`; name the tasks that are placed otherwise now."""
        sheet, board, waiting = self._roster.sheet, self._board, self._waiting()
        loose = np.concatenate((loose, waiting[:_LEFT_OVER_MAX]))
        if len(loose) + len(gone) + len(tardy):
            jobs = Jobs(gone=gone, loose=loose, tardy=tardy)
            left = repair(sheet, board, self._desk, self._loose, jobs, _HASTE_W)
            self._left_over = _by_urgency(sheet, np.append(left, waiting[_LEFT_OVER_MAX:]))
        names = self._roster.names
        return tuple(names[t] for t in changed(self._board, self._told).tolist())

    def _waiting(self) -> Ints:
        """Give what is left over and could still be placed, the most urgent first."""
        left, tasks = self._left_over, self._roster.sheet.tasks
        is_out: Flags = self._board.rows[left, NODE] == NONE
        waiting: Ints = left[is_out & (tasks[left, UNIT] != NONE)]
        return waiting

    def _late(self, number: int) -> int:
        """Give what a task counts as late, as it is placed or not."""
        row, task = self._board.rows[number], self._roster.sheet.tasks[number]
        end_s = 2 * self._problem.horizon_s if row[NODE] == NONE else row[END]
        return int(task[WEIGHT] * max(0, end_s - task[DUE]))

    def _grow(self) -> None:
        """Make room for more tasks."""
        count, board = self._roster.grow(), self._board
        shared, owned = board.shared, board.owned
        blank = np.full(board.rows.shape[1], NONE, dtype=np.int64)
        self._told = padded(self._told, count, NONE)
        self._board = board._replace(
            rows=padded(board.rows, count, blank),
            shared=shared._replace(
                steps=padded(shared.steps, count), blocks=padded(shared.blocks, count)
            ),
            owned=owned._replace(
                steps=padded(owned.steps, 2 * count), used=padded(owned.used, 2 * count)
            ),
        )
        self._make_room()

    def _make_room(self) -> None:
        room = self._roster.room
        self._desk = desk_for(self._roster.sheet, _TRIAL_UNITS_MAX, room)
        self._loose = loose_for(room, self._event_units)

    def _widen(self, task: Task) -> None:
        """Keep account of resources that nobody has needed before."""
        count = self._roster.widen(task)
        if count:
            sheet, owned = self._roster.sheet, self._board.owned
            room = np.ascontiguousarray(sheet.has[sheet.nodes[:, LEDGER] != NONE])
            used = np.pad(owned.used, ((0, 0), (0, count)))
            self._board = self._board._replace(owned=owned._replace(used=used, room=room))

    def _node(self, name: str) -> int:
        if name not in self._roster.numbers.nodes:
            raise wrong("no such node", "node", name, "name a node of the site")
        return self._roster.numbers.nodes[name]

    def _known(self, name: str) -> str:
        if name not in self._roster.tasks:
            raise wrong("no such task", "task", name, "name a task of the site")
        return name


def _by_urgency(sheet: Sheet, tasks: Ints) -> Ints:
    """Sort tasks in units by when they must be begun, none before one that it waits for."""
    units = sheet.tasks[tasks, UNIT]
    tasks, units = tasks[units != NONE], units[units != NONE]
    if len(tasks) <= _LEFT_OVER_MAX:
        return tasks
    return tasks[np.lexsort((units, urgencies(sheet)[0, units]))]
