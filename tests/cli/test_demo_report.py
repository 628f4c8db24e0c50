from types import SimpleNamespace

import pytest

from lunaredge.cli.demo.report import tell_of_earth, tell_of_tasks
from lunaredge.ids import OrderId, TaskId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.scheduler.backlog import SITE_ORDER
from lunaredge.scheduler.state import TaskEntry, TaskPhase
from lunaredge.units import NS_PER_S


@pytest.mark.parametrize(
    ("outages_ns", "told", "drained_ns", "outages", "drained_s"),
    [
        ([100 * NS_PER_S], 1, 160 * NS_PER_S, 1, 150.0),
        # The gateway was killed in the outage: it counts from its start, and knows of none.
        ([100 * NS_PER_S], 0, 160 * NS_PER_S, 1, 150.0),
        # One that nobody planned, besides.
        ([100 * NS_PER_S], 2, 160 * NS_PER_S, 2, 150.0),
        ([], 1, 160 * NS_PER_S, 1, 150.0),
        # What was drained before the outage was the first contact's.
        ([100 * NS_PER_S], 1, 20 * NS_PER_S, 1, None),
        ([100 * NS_PER_S], 1, None, 1, None),
        ([], 0, 20 * NS_PER_S, 0, None),
    ],
)
def test_outages_are_counted_by_the_plan_and_by_what_the_gateway_saw(
    outages_ns: list[int], told: int, drained_ns: int | None, outages: int, drained_s: float | None
) -> None:
    link: dict[str, object] = {"outages": told, "drained_ns": drained_ns}

    earth = tell_of_earth([], link, outages_ns, start_ns=10 * NS_PER_S)

    assert (earth["outages"], earth["drained_s"]) == (outages, drained_s)


def entry(name: str, phase: TaskPhase, order: str) -> TaskEntry:
    task = Task(id=TaskId(name), kind=TaskKind.PARK)
    return TaskEntry(task=task, order=OrderId(order), submitted_ns=0, phase=phase)


def test_tasks_handed_in_during_the_run_are_counted_beside_those_of_its_order() -> None:
    entries = [
        entry("a", TaskPhase.DONE, "first"),
        entry("later", TaskPhase.DONE, "second"),
        entry("never", TaskPhase.CANCELLED, "second"),
        entry("park-1", TaskPhase.DONE, SITE_ORDER),
    ]
    # One that the books never took is counted as handed in.
    tasks = (entries[0].task, Task(id=TaskId("lost"), kind=TaskKind.PARK))
    order = WorkOrder(id=OrderId("first"), title="t", tasks=tasks)
    core = SimpleNamespace(state=SimpleNamespace(tasks={e.task.id: e for e in entries}))

    counts = tell_of_tasks(SimpleNamespace(core=core, order=order))  # type: ignore[arg-type]

    assert counts == {"submitted": 4, "done": 2, "failed": 0, "cancelled": 1, "errands": 1}
