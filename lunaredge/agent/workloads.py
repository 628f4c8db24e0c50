"""Compute tasks in hand: started, ended, over time, started again after a restart.

Owns the slots. Neither stops nor holds end a workload: it moves nothing. The shell runs it; here
is only what was promised and by when it must be over.
"""

import msgspec

from lunaredge.agent.outlet import Outlet
from lunaredge.agent.recorder import Recorder
from lunaredge.agent.tasks import NO_END, TASK_TABLE, End, TaskRef, ref_of
from lunaredge.ids import TaskId
from lunaredge.node import StartWorkload, StopWorkload
from lunaredge.units import ns_from_s
from lunaredge.wire.messages import Assign
from lunaredge.wire.records import TaskOutcome

# Fits an upload's frame with its envelope; larger results belong in a file, not in a message.
RESULT_BYTES_MAX = 200_000
# The shell ends a workload at its time limit and says so; this long after, it will not any more.
_GRACE_NS = 60_000_000_000


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    ref: TaskRef
    deadline_ns: int


class Workloads:
    """The compute tasks in hand, oldest first."""

    def __init__(self, slots: int, outlet: Outlet, recorder: Recorder) -> None:
        self._slots = slots
        self._outlet = outlet
        self._recorder = recorder
        self._running: dict[TaskId, _Running] = {}

    @property
    def first(self) -> TaskRef | None:
        """The oldest task in hand, or None."""
        return next((running.ref for running in self._running.values()), None)

    @property
    def count(self) -> int:
        """Tasks in hand."""
        return len(self._running)

    def has(self, ref: TaskRef) -> bool:
        """Tell whether that attempt is in hand."""
        running = self._running.get(ref.task)
        return running is not None and running.ref == ref

    def has_room(self, task: TaskId) -> bool:
        """Tell whether that task could be taken."""
        return self.count < self._slots and task not in self._running

    def start(self, assign: Assign, now_ns: int) -> None:
        """Start a task that is in hand durably."""
        workload = assign.workload
        assert workload is not None
        assert self.has_room(assign.task)
        ref = ref_of(assign)
        deadline_ns = now_ns + ns_from_s(workload.duration_s_max) + _GRACE_NS
        self._running[ref.task] = _Running(ref=ref, deadline_ns=deadline_ns)
        self._outlet.add(StartWorkload(task=ref.task, attempt=ref.attempt, workload=workload))
        self._recorder.report(ref, TaskOutcome.STARTED, now_ns)

    def ended(self, ref: TaskRef, outcome: TaskOutcome, now_ns: int, end: End) -> None:
        """Take a workload's end; one that is not in hand any more changes nothing."""
        if not self.has(ref):
            return
        if len(end.result) > RESULT_BYTES_MAX:
            outcome = TaskOutcome.FAILED
            end = End(reason=f"result of {len(end.result)} bytes is too large")
        self._finish(ref, outcome, now_ns, end)

    def cancel(self, ref: TaskRef, now_ns: int) -> None:
        """Stop a task in hand and give it up."""
        self._outlet.add(StopWorkload(task=ref.task, attempt=ref.attempt))
        self._finish(ref, TaskOutcome.CANCELLED, now_ns, NO_END)

    def expire(self, now_ns: int) -> None:
        """Fail what the shell should have ended long ago."""
        for running in list(self._running.values()):
            if now_ns >= running.deadline_ns:
                ref = running.ref
                self._outlet.add(StopWorkload(task=ref.task, attempt=ref.attempt))
                self._finish(ref, TaskOutcome.FAILED, now_ns, End(reason="overtime"))

    def _finish(self, ref: TaskRef, outcome: TaskOutcome, now_ns: int, end: End) -> None:
        # The report first: a crash in between leaves both, and a restart believes the report.
        self._recorder.report(ref, outcome, now_ns, end)
        self._outlet.erase(TASK_TABLE, ref.task, ref.attempt)
        del self._running[ref.task]
