from types import SimpleNamespace

import msgspec
import pytest

from lunaredge.cli.demo.reasons import why_not_ok
from lunaredge.cli.demo.record import RunRecord
from lunaredge.ids import OrderId, TaskId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.scheduler.backlog import SITE_ORDER
from lunaredge.scheduler.state import TaskEntry, TaskPhase
from lunaredge.sim.checkers.checker import Verdict

RECORD = RunRecord(
    site_file="",
    fleet_file="",
    order_file="",
    contacts_file="",
    start_ns=0,
    end_ns=1,
    speed=60.0,
    wall_s=1.0,
    broker={},
    kills=(),
    attacks=(),
    digests=(),
    link="{}",
    finished=True,
)
GOOD = Verdict(ok=True, checked=7, violations=0)
BAD = Verdict(ok=False, checked=7, violations=2)


def entry(name: str, phase: TaskPhase, reason: str = "") -> TaskEntry:
    task = Task(id=TaskId(name), kind=TaskKind.SURVEY)
    return TaskEntry(task=task, order=OrderId("o"), submitted_ns=0, phase=phase, reason=reason)


def reasons(
    *entries: TaskEntry,
    verdict: Verdict = GOOD,
    lost: int = 0,
    record: RunRecord = RECORD,
    is_taken: bool = True,
    more: tuple[TaskEntry, ...] = (),
    damage: tuple[str, ...] = (),
) -> list[str]:
    order = WorkOrder(id=OrderId("o"), title="t", tasks=tuple(e.task for e in entries))
    known = {e.task.id: e for e in (*entries, *more)} if is_taken else {}
    core = SimpleNamespace(state=SimpleNamespace(tasks=known))
    found = {"invariants": {"I3": verdict}, "core": core, "order": order, "damage": damage}
    findings = SimpleNamespace(**found)
    return why_not_ok(findings, record, {"telemetry records": lost})  # type: ignore[arg-type]


def test_a_run_in_which_all_was_done_has_no_reason() -> None:
    assert reasons(entry("a", TaskPhase.DONE)) == []


def test_cancelled_tasks_are_named_those_that_followed_after_the_cause() -> None:
    told = reasons(
        entry("a", TaskPhase.CANCELLED, "cancelled"),
        entry("b", TaskPhase.CANCELLED, "a cancelled"),
        entry("c", TaskPhase.CANCELLED, "by an operator"),
        entry("d", TaskPhase.DONE),
    )

    assert told == [
        "3 of 4 tasks cancelled, none failed, none still to do",
        "cancelled: a, c (by an operator); with that, what comes after: b",
    ]


def test_failed_and_open_tasks_are_named_with_their_reasons() -> None:
    told = reasons(
        entry("a", TaskPhase.FAILED, "too steep"), entry("b", TaskPhase.QUEUED, "no battery")
    )

    assert told == [
        "none of 2 tasks cancelled, 1 failed, 1 still to do",
        "failed: a (too steep)",
        "still to do: b (no battery)",
    ]


def test_what_was_handed_in_during_the_run_counts_and_the_sites_own_trips_do_not() -> None:
    later = entry("later", TaskPhase.CANCELLED, "by an operator")
    later.order = OrderId("later")
    trip = entry("trip", TaskPhase.CANCELLED)
    trip.order = SITE_ORDER

    told = reasons(entry("a", TaskPhase.DONE), more=(later, trip))

    assert told == [
        "1 of 2 tasks cancelled, none failed, none still to do",
        "cancelled: later (by an operator)",
    ]


def test_of_very_many_tasks_some_are_named_and_the_rest_counted() -> None:
    told = reasons(*(entry(f"a-{i}", TaskPhase.QUEUED) for i in range(100)))

    assert told[1].endswith("a-39 and 60 more")


def test_an_order_that_was_never_taken_is_told() -> None:
    (told,) = reasons(entry("a", TaskPhase.QUEUED), is_taken=False)

    assert told == "the order was not taken: the scheduler knows none of its 1 tasks"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trouble": "the broker is gone", "finished": False}, "the run was broken off: the brok"),
        ({"finished": False}, "the run did not come to its end"),
    ],
)
def test_a_run_that_did_not_end_by_itself_says_so(changes: dict[str, object], said: str) -> None:
    record = msgspec.structs.replace(RECORD, **changes)

    (told,) = reasons(entry("a", TaskPhase.DONE), record=record)

    assert told.startswith(said)


def test_a_broken_invariant_and_a_lost_record_are_reasons() -> None:
    told = reasons(entry("a", TaskPhase.DONE), verdict=BAD, lost=3)

    assert told == ["I3 broke in 2 of 7 checks", "3 telemetry records lost"]


def test_a_damaged_store_is_a_reason() -> None:
    told = reasons(entry("a", TaskPhase.DONE), damage=("earth.sqlite has 1 damaged row",))

    assert told == ["earth.sqlite has 1 damaged row"]


def test_what_a_run_that_was_broken_off_left_to_do_is_not_judged() -> None:
    broken_off = msgspec.structs.replace(RECORD, finished=False, trouble="interrupted")

    told = reasons(entry("a", TaskPhase.STARTED), record=broken_off)

    assert "not judged: whether what is still to do would have ended (I5)" in told
