"""The foreman: hands in the orders of a run, each at its time, and again until it is answered."""

from collections.abc import Callable, Collection, Container

from msgspec.structs import replace

from lunaredge.ids import NAME_LENGTH_MAX, OrderId, TaskId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.people import Person, Terminal
from lunaredge.sim.scenario import Due, Scenario
from lunaredge.units import ns_from_s
from lunaredge.wire import messages

# What the name of a task that is handed in once more ends with.
ANEW = "-anew"


class Foreman(Person):
    """Knows the orders, and leaves out one that comes while the site is too far behind."""

    def __init__(
        self, name: str, terminal: Terminal, scenario: Scenario, open_count: Callable[[], int]
    ) -> None:
        super().__init__(name, terminal)
        self.wanted: dict[TaskId, None] = {}
        """The tasks of every order handed in."""
        self._scenario = scenario
        self._open_count = open_count
        self._left = len(scenario.orders)
        self._handed_in: dict[OrderId, Due] = {}
        self._times = 0

    def begin(self, delay_s: float) -> None:
        """Hand in the first order after that time, and each of the others as much later."""
        for due in self._scenario.orders:
            self._plan(due, delay_s + due.at_s)

    @property
    def content(self) -> bool:
        """Whether every order has had its turn."""
        return self._left == 0

    def hand_in_again(self, known: Container[OrderId]) -> None:
        """Hand in again what was handed in and is not known any more."""
        for order, due in self._handed_in.items():
            if order not in known:
                self._times += 1
                request = f"order-{order}-again-{self._times}"
                self.ask(messages.Submit(request=request, order=due.order))

    def hand_in_anew(self, failed: Collection[TaskId]) -> None:
        """Hand in what failed once more, under new names, in the same order among themselves."""
        for due in list(self._handed_in.values()):
            meant = _with_surveys(due.order, failed)
            if meant:
                tasks = tuple(_anew(task, meant) for task in due.order.tasks if task.id in meant)
                order = replace(due.order, id=OrderId(_named_anew(due.order.id)), tasks=tasks)
                self._submit(replace(due, order=order))

    def _plan(self, due: Due, delay_s: float) -> None:
        timeline = self._terminal.timeline
        timeline.after(ns_from_s(delay_s), lambda: self._hand_in(due))

    def _hand_in(self, due: Due) -> None:
        self._left -= 1
        open_max = self._scenario.open_max
        if open_max is not None and self._open_count() + len(due.order.tasks) > open_max:
            return
        self._submit(due)

    def _submit(self, due: Due) -> None:
        self._handed_in[due.order.id] = due
        self.wanted.update(dict.fromkeys(task.id for task in due.order.tasks))
        self.ask(messages.Submit(request=f"order-{due.order.id}", order=due.order))


def _with_surveys(order: WorkOrder, failed: Container[TaskId]) -> set[TaskId]:
    """Give what of an order failed, and the surveys without which a map can't be made."""
    tasks = [task for task in order.tasks if task.id in failed]
    maps = [task for task in tasks if task.kind is TaskKind.FUSE_TERRAIN]
    return {task.id for task in tasks} | {survey for task in maps for survey in task.after}


def _anew(task: Task, meant: Container[TaskId]) -> Task:
    after = tuple(TaskId(_named_anew(before)) for before in task.after if before in meant)
    # It is late by now, and that is nobody's failure.
    return replace(task, id=TaskId(_named_anew(task.id)), after=after, latest_s=None)


def _named_anew(name: str) -> str:
    return name[: NAME_LENGTH_MAX - len(ANEW)] + ANEW
