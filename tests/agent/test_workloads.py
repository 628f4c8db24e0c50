from lunaredge.agent.workloads import RESULT_BYTES_MAX
from lunaredge.ids import TaskId
from lunaredge.node import Persist, StopWorkload
from lunaredge.wire.messages import CommandReply
from lunaredge.wire.records import TaskReport
from tests.agent.rig import Rig, config, first, started


def computer(slots: int = 1) -> Rig:
    rig = Rig(config(is_machine=False, slots=slots))
    rig.census()
    return rig


def end(rig: Rig, task: str = "t1", **how: object) -> TaskReport:
    facts = {"ok": True, "result": b"out", "reason": "", "attempt": 1, **how}
    rig.node.workload_ended(task=TaskId(task), now_ns=rig.now_ns, **facts)  # type: ignore[arg-type]
    rig.carry_out()
    return rig.kept(TaskReport)[-1]


def test_a_compute_task_is_kept_then_started_then_done_with_its_result() -> None:
    rig = computer()

    effects = rig.compute()
    assert started(effects)[0].workload.input == b"in"
    assert first(effects, Persist, lambda e: e.table == "task") < effects.index(started(effects)[0])
    assert rig.state == "working"
    report = end(rig)

    assert (report.outcome.value, report.result) == ("done", b"out")
    assert rig.outcomes() == ["accepted", "started", "done"]
    assert rig.state == "idle"
    assert [key for key in rig.disk if key[0] == "task"] == []


def test_a_workload_that_failed_fails_its_task_with_the_reason() -> None:
    rig = computer()
    rig.compute()

    report = end(rig, ok=False, reason="exit 3" + "!" * 500)

    assert report.outcome.value == "failed"
    assert report.reason.startswith("exit 3")
    assert len(report.reason) == 200
    assert report.result == b""


def test_a_result_too_large_for_a_message_fails_the_task() -> None:
    rig = computer()
    rig.compute()

    report = end(rig, result=b"x" * (RESULT_BYTES_MAX + 1))

    assert report.outcome.value == "failed"
    assert "too large" in report.reason


def test_the_largest_result_fits() -> None:
    rig = computer()
    rig.compute()

    report = end(rig, result=b"x" * RESULT_BYTES_MAX)

    assert len(report.result) == RESULT_BYTES_MAX


def test_the_end_of_a_workload_that_is_not_in_hand_changes_nothing() -> None:
    rig = computer()
    rig.compute()

    end(rig, attempt=2)
    assert rig.state == "working"
    end(rig)
    end(rig)

    assert rig.outcomes() == ["accepted", "started", "done"]


def test_only_as_many_tasks_are_taken_as_there_are_slots() -> None:
    rig = computer(slots=2)

    for task in ("a", "b", "c"):
        rig.compute(task)

    assert [reply.reason for reply in rig.all(CommandReply)][1:] == ["", "", "busy"]
    assert rig.beat().task == "a"
    end(rig, "a")
    assert rig.beat().task == "b"


def test_a_cancelled_workload_is_stopped() -> None:
    rig = computer()
    rig.compute()

    effects = rig.cancel()

    assert StopWorkload(task=TaskId("t1"), attempt=1) in effects
    assert rig.outcomes()[-1] == "cancelled"


def test_a_workload_whose_end_never_comes_fails_in_the_end() -> None:
    rig = computer()
    rig.compute(duration_s_max=100.0)

    rig.run(155)
    assert rig.state == "working"
    rig.run(20)

    assert rig.kept(TaskReport)[-1].reason == "overtime"
    assert any(isinstance(effect, StopWorkload) for effect in rig.effects)


def test_compute_goes_on_while_the_scheduler_is_out_of_reach() -> None:
    rig = computer()
    rig.compute()
    rig.serves_time = False
    rig.node.disconnected(rig.now_ns)
    rig.carry_out()
    rig.run(300)

    before = len(rig.heard)
    rig.node.workload_ended(
        TaskId("t1"), attempt=1, ok=True, result=b"out", reason="", now_ns=rig.now_ns
    )
    rig.carry_out()
    assert len(rig.heard) == before
    rig.node.connected(rig.now_ns)
    rig.carry_out()

    assert rig.outcomes()[-1] == "done"
