"""The tasks of a plan that is kept up: they come and go, and the sheet follows.

Owns which number each has on the sheet. A number that is free again goes to the next task that
comes; when there is none, the sheet grows. Of the plan itself nothing is known here.
"""

import numpy as np

from lunaredge.kernels.jit import Ints
from lunaredge.kernels.schedule_sheet import NONE, PARTNER, TASK_COLUMNS, UNIT, Sheet
from lunaredge.kernels.schedule_units import number_units
from lunaredge.placement.arrivals import Census, check_arrival, check_group, checked
from lunaredge.placement.joined import inserted, padded, removed
from lunaredge.placement.problem import Problem, Task, is_fixed
from lunaredge.placement.sheet import Numbers, numbers_of, sheet_of, task_row, used_resources
from lunaredge.placement.travel import Travel

# There is room for a quarter more tasks; on a small site, too.
_SPARE_MIN, _SPARE_PARTS = 16, 4

_BLANK = np.zeros(TASK_COLUMNS, dtype=np.int64)
_BLANK[[PARTNER, UNIT]] = NONE
"""A row of no task: it weighs nothing, and is in no unit."""


class Roster:
    """Tasks by name and by number, and the sheet that they are on, with room for some more."""

    def __init__(self, problem: Problem, travel: Travel) -> None:
        """Number the tasks of a problem that has been checked."""
        self.numbers: Numbers = numbers_of(problem, travel)
        self.tasks = {task.id: task for task in problem.tasks}
        """In their order: those of the problem, then those that came."""
        self.names = dict(enumerate(self.tasks))
        self._travel = travel
        self._horizon_s = problem.horizon_s
        self._has = [node.has for node in problem.nodes]
        self._resources = used_resources(problem.tasks)
        sheet = sheet_of(problem, travel, self.numbers)
        self._levels = {task.apart.group: task.apart.level for task in problem.tasks if task.apart}
        self._free_groups: list[int] = []
        self._census = Census(problem)
        # All families that come later stand for one, since no set-up names them.
        self.sheet: Sheet = sheet._replace(setups=np.pad(sheet.setups, (0, 1)))
        # Who waits for a name that is not there, and how long after.
        self._awaited: dict[str, list[tuple[int, int]]] = {}
        self._is_barred = np.zeros(len(self.tasks), dtype=np.bool_)
        self._free: list[int] = []
        for number, task in enumerate(problem.tasks):
            self._await(number, task)
            self._is_barred[number] = self._bars(task)
        self.grow()

    @property
    def is_full(self) -> bool:
        """Whether there is no room for another task."""
        return not self._free

    @property
    def room(self) -> int:
        """How many tasks there is room for in all."""
        return len(self.sheet.tasks)

    def grow(self) -> int:
        """Make room for more tasks; give how many."""
        sheet, count = self.sheet, max(_SPARE_MIN, len(self.sheet.tasks) // _SPARE_PARTS)
        starts = ("before_starts", "behind_starts", "only_starts", "ban_starts")
        self._free = list(range(self.room + count - 1, self.room - 1, -1)) + self._free
        self._is_barred = padded(self._is_barred, count, fill=True)
        self.sheet = sheet._replace(
            tasks=padded(sheet.tasks, count, _BLANK),
            modes=padded(sheet.modes, count, NONE),
            needs=padded(sheet.needs, count),
            **{name: _lengthened(getattr(sheet, name), count) for name in starts},
        )
        return count

    def renumber(self) -> tuple[Ints, Ints]:
        """Find the units anew; give the tasks that can't be placed any more, and can be now."""
        before = self.sheet.tasks[:, UNIT] != NONE
        self.sheet = self.sheet._replace(units=number_units(self.sheet, self._is_barred))
        now = self.sheet.tasks[:, UNIT] != NONE
        return np.flatnonzero(before & ~now), np.flatnonzero(now & ~before)

    def check(self, task: Task) -> Task:
        """Give a task that may come.

        Raises:
            ConfigError: a value of it is wrong.
        """
        task = checked(task, self._travel)
        partners = {}
        if task.meets in self.tasks:
            partner = self.partner(task.meets)
            partners = {} if partner is None else {task.meets: partner}
        check_arrival(task, self.tasks, partners)
        check_group(task, self._levels)
        self._census.check(task)
        return task

    def partner(self, name: str) -> str | None:
        """Give the task that one meets."""
        number = int(self.sheet.tasks[self.numbers.tasks[name], PARTNER])
        return None if number == NONE else self.names[number]

    def enter(self, task: Task) -> int:
        """Give a task that was checked its number and its place on the sheet, in no unit yet."""
        number = self._free.pop()
        self.tasks[task.id], self.names[number] = task, task.id
        self.numbers.tasks[task.id] = number
        self._census.enter(task)
        self._enter_waits(number, task)
        self._enter_groups(number, task)
        self.sheet.needs[number] = [getattr(task.needs, name) for name in self._resources]
        tasks, modes = self.sheet.tasks, self.sheet.modes
        for mode in task.modes:
            # Kinds that come later have no nodes.
            if mode.kind in self.numbers.kinds:
                modes[number, self.numbers.kinds[mode.kind]] = mode.duration_s, mode.energy_j
        partner = NONE if task.meets is None else self.numbers.tasks[task.meets]
        tasks[number] = task_row(task, self.numbers, self._horizon_s, (partner, NONE))
        if partner != NONE:
            tasks[partner, PARTNER] = number
        self._is_barred[number] = self._bars(task)
        return number

    def widen(self, task: Task) -> int:
        """Give each resource a column that a task needs and none has before; give how many."""
        new = [name for name in used_resources([task]) if name not in self._resources]
        new = [name for name in new if getattr(task.needs, name)]
        if new:
            has = [[getattr(one, name) for name in new] for one in self._has]
            added = np.array(has, dtype=np.int64).reshape(len(has), len(new))
            self._resources += new
            self.sheet = self.sheet._replace(
                needs=np.pad(self.sheet.needs, ((0, 0), (0, len(new)))),
                has=np.concatenate((self.sheet.has, added), axis=1),
            )
        return len(new)

    def change(self, task: Task) -> bool:
        """Take up other times or another weight of a task; tell whether it is barred otherwise."""
        number = self.numbers.tasks[task.id]
        self.tasks[task.id] = task
        pair = tuple(self.sheet.tasks[number, [PARTNER, UNIT]].tolist())
        self.sheet.tasks[number] = task_row(task, self.numbers, self._horizon_s, pair)
        was_barred = bool(self._is_barred[number])
        self._is_barred[number] = self._bars(task)
        return was_barred is not bool(self._is_barred[number])

    def bar(self, names: list[str]) -> None:
        """Let no plan place some tasks any more."""
        for name in names:
            self._is_barred[self.numbers.tasks[name]] = True

    def leave(self, name: str) -> None:
        """Strike a task off that is barred; who names it then waits for what is not there."""
        task, number = self.tasks.pop(name), self.numbers.tasks.pop(name)
        del self.names[number]
        self._census.leave(task)
        self._leave_waits(number, task)
        sheet = self.sheet
        members = sheet.members
        if task.apart is not None:
            members = self._leave_group(number, task.apart.group)
        partner = sheet.tasks[number, PARTNER]
        if partner != NONE:
            sheet.tasks[partner, PARTNER] = NONE
        sheet.tasks[number] = _BLANK
        sheet.modes[number], sheet.needs[number] = NONE, 0
        self.sheet = sheet._replace(
            members=members,
            only=removed(sheet.only, sheet.only_starts, number),
            bans=removed(sheet.bans, sheet.ban_starts, number),
        )
        self._free.append(number)

    def _bars(self, task: Task) -> bool:
        """Tell whether no plan can place a task, by its own values and who is there."""
        if is_fixed(task):
            return False
        return (
            task.approved_s is None
            or any(after.task not in self.numbers.tasks for after in task.after)
            or (bool(task.only_on) and not any(n in self.numbers.nodes for n in task.only_on))
            # Skills that come later no node has.
            or any(skill not in self.numbers.skills for skill in task.capabilities)
        )

    def _await(self, number: int, task: Task) -> None:
        """Note whom a task waits for that is not there."""
        for after in () if is_fixed(task) else task.after:
            if after.task not in self.numbers.tasks:
                self._awaited.setdefault(after.task, []).append((number, after.lag_s))

    def _enter_waits(self, number: int, task: Task) -> None:
        """Let a task wait for others, and those for it that have been waiting for its name."""
        self._await(number, task)
        tasks = self.numbers.tasks
        known = [(tasks[one.task], one.lag_s) for one in task.after if one.task in tasks]
        self._join(number, known)
        for other, lag_s in self._awaited.pop(task.id, []):
            self._join(other, [(number, lag_s)])
            self._is_barred[other] = self._bars(self.tasks[self.names[other]])

    def _join(self, number: int, pairs: list[tuple[int, int]]) -> None:
        """Let a task wait for others, each with a lag."""
        sheet, behind = self.sheet, self.sheet.behind
        for source, _ in pairs:
            behind = inserted(behind, sheet.behind_starts, source, [number])
        before = inserted(sheet.before, sheet.before_starts, number, pairs)
        self.sheet = sheet._replace(before=before, behind=behind)

    def _enter_groups(self, number: int, task: Task) -> None:
        """Enter a task where its pins, its bans and its group are kept."""
        sheet, nodes = self.sheet, self.numbers.nodes
        only = [nodes[name] for name in task.only_on if name in nodes]
        bans = [nodes[name] for name in task.not_on if name in nodes]
        members, member_starts = sheet.members, sheet.member_starts
        if task.apart is not None:
            self._levels[task.apart.group] = task.apart.level
            groups = self.numbers.groups
            if task.apart.group not in groups and self._free_groups:
                groups[task.apart.group] = self._free_groups.pop()
            elif task.apart.group not in groups:
                groups[task.apart.group] = len(member_starts) - 1
                member_starts = padded(member_starts, 1, len(members))
            members = inserted(members, member_starts, groups[task.apart.group], [number])
        self.sheet = sheet._replace(
            only=inserted(sheet.only, sheet.only_starts, number, only),
            bans=inserted(sheet.bans, sheet.ban_starts, number, bans),
            members=members,
            member_starts=member_starts,
        )

    def _leave_group(self, number: int, group: str) -> Ints:
        """Give the members of all groups without a task; an empty group is free for another."""
        known = self.numbers.groups[group]
        starts = self.sheet.member_starts
        members = removed(self.sheet.members, starts, known, number)
        if starts[known] == starts[known + 1]:
            del self.numbers.groups[group], self._levels[group]
            self._free_groups.append(known)
        return members

    def _leave_waits(self, number: int, task: Task) -> None:
        """Undo what a task waits for, and let those behind it wait for its name."""
        sheet = self.sheet
        before, behind = sheet.before, sheet.behind
        starts, behind_starts = sheet.before_starts, sheet.behind_starts
        for source in np.unique(before[starts[number] : starts[number + 1], 0]).tolist():
            behind = removed(behind, behind_starts, source, number)
        before = removed(before, starts, number)
        for after in np.unique(behind[behind_starts[number] : behind_starts[number + 1]]).tolist():
            pairs = before[starts[after] : starts[after + 1]]
            lags_s = pairs[pairs[:, 0] == number, 1].tolist()
            self._awaited.setdefault(task.id, []).extend((after, lag_s) for lag_s in lags_s)
            before = removed(before, starts, after, number)
            self._is_barred[after] = True
        behind = removed(behind, behind_starts, number)
        self.sheet = sheet._replace(before=before, behind=behind)
        for one in task.after:
            if one.task in self._awaited:
                waiting = [pair for pair in self._awaited.pop(one.task) if pair[0] != number]
                if waiting:
                    self._awaited[one.task] = waiting


def _lengthened(starts: Ints, count: int) -> Ints:
    """Give the starts of lists with so many empty ones more."""
    more: Ints = padded(starts, count, starts[-1])
    return more
