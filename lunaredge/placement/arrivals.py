"""Checks of a task that comes to a plan that is kept up: what `check` asks of a whole problem."""

from collections import Counter
from collections.abc import Mapping

from lunaredge.errors import ConfigError
from lunaredge.placement.check import CAPABILITIES_MAX, check_task
from lunaredge.placement.problem import (
    FAMILIES_MAX,
    KINDS_MAX,
    TASKS_MAX,
    Level,
    Problem,
    Task,
    is_fixed,
)
from lunaredge.placement.travel import Travel


def wrong(said: str, key: str, value: object, remedy: str) -> ConfigError:
    """Give what is raised for a wrong word to a live plan."""
    return ConfigError(said, place="live plan", key=key, value=value, remedy=remedy)


def checked(task: Task, travel: Travel) -> Task:
    """Give a task that is right in what can be told of it alone; a copy of plain values.

    Raises:
        ConfigError: a value is wrong; ``key`` says which, as ``task.modes[0].duration_s``.
    """
    try:
        return check_task(task, travel)
    except ConfigError as exc:
        key = exc.key.replace("tasks[0]", "task")
        raise wrong(exc.problem, key, exc.value, exc.remedy) from None


def check_arrival(task: Task, tasks: Mapping[str, Task], partners: Mapping[str, str]) -> None:
    """Check what a task that comes says of others; ``partners``: who meets whom.

    Raises:
        ConfigError: its id is taken; it is fixed; it meets itself, or an unknown task, or one that
            meets another or is fixed; it is one too many.
    """
    if task.id in tasks:
        raise wrong("there already", "task.id", task.id, "cancel that one first, or give another")
    if len(tasks) >= TASKS_MAX:
        raise wrong("too many tasks", "task", task.id, f"cancel one: {TASKS_MAX} at most")
    if is_fixed(task):
        said = "a task that is fixed runs already, and none can begin so"
        raise wrong(said, "task.current", task.current, "make a new plan of a problem that has it")
    if task.meets is None:
        return
    other = tasks.get(task.meets)
    if other is None:
        said = f"task {task.id} meets {'itself' if task.meets == task.id else 'an unknown task'}"
        raise wrong(said, "task.meets", task.meets, "give the id of another task, or add it first")
    if task.meets in partners or is_fixed(other):
        said = f"task {task.meets} is fixed, and meets none"
        if task.meets in partners:
            said = f"task {task.meets} meets {partners[task.meets]} already, and one only"
        raise wrong(said, "task.meets", task.meets, "give one that is free")


def check_group(task: Task, levels: Mapping[str, Level]) -> None:
    """Check that a task names the level of its group.

    Raises:
        ConfigError: it names another.
    """
    if task.apart is None:
        return
    level = levels.get(task.apart.group, task.apart.level)
    if task.apart.level is not level:
        said = f"task {task.id} is of group {task.apart.group}, which has another level"
        remedy = f"give {level.value} as the tasks before it"
        raise wrong(said, "task.apart.level", task.apart.level.value, remedy)


class Census:
    """How often each kind, family and capability is named: there may be so many different ones."""

    def __init__(self, problem: Problem) -> None:
        kinds = Counter(node.kind for node in problem.nodes)
        machines = (node.machine for node in problem.nodes if node.machine)
        families = Counter(machine.family for machine in machines)
        families.update(name for setup in problem.setups for name in (setup.source, setup.target))
        skills = Counter(skill for node in problem.nodes for skill in node.capabilities)
        self._counts = {
            "task.modes[].kind": (kinds, KINDS_MAX),
            "task.family": (families, FAMILIES_MAX),
            "task.capabilities": (skills, CAPABILITIES_MAX),
        }
        for task in problem.tasks:
            self.enter(task)

    def check(self, task: Task) -> None:
        """Check that with a task there are not too many.

        Raises:
            ConfigError: there would be.
        """
        for key, names in _named(task).items():
            counts, largest = self._counts[key]
            count = len(counts) + len({name for name in names if name not in counts})
            if count > largest:
                raise wrong("too many different ones", key, count, f"give at most {largest}")

    def enter(self, task: Task) -> None:
        """Count the names of a task that comes."""
        for key, names in _named(task).items():
            self._counts[key][0].update(names)

    def leave(self, task: Task) -> None:
        """Count the names of a task that goes no more."""
        for key, names in _named(task).items():
            counts = self._counts[key][0]
            counts.subtract(names)
            for name in names:
                if not counts[name]:
                    del counts[name]


def _named(task: Task) -> dict[str, tuple[str, ...]]:
    return {
        "task.modes[].kind": tuple(mode.kind for mode in task.modes),
        "task.family": (task.family,),
        "task.capabilities": task.capabilities,
    }
