"""I5 task once: every accepted task ends exactly once, and its goal is met, not overdone."""

from lunaredge.ids import NodeId, TaskId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import Assigned, Evidence, Heaped, Reported, TaskSeen

ENDS = frozenset({"done", "failed", "cancelled"})

# Machines dig to the goal by measured mass; this is the rounding of two measurements.
OVERDUG_KG_MAX = 1.0


class TaskChecker(BaseChecker):
    """Follows every task from its first showing to its one end."""

    name = "I5"

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[TaskId, str] = {}
        self._open: dict[TaskId, None] = {}
        self._done: dict[TaskId, int] = {}
        self._heaps: dict[str, Heaped] = {}
        self._on: dict[NodeId, tuple[TaskId, int]] = {}

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case TaskSeen():
                self._seen(evidence)
            case Reported(outcome="done"):
                attempt = self._done.setdefault(evidence.task, evidence.attempt)
                text = f"{evidence.task} was done by attempts {attempt} and {evidence.attempt}"
                self._check(attempt == evidence.attempt, evidence.at_ns, text)
            case Assigned():
                self._on[evidence.node] = (evidence.task, evidence.attempt)
                ended = self.ends.get(evidence.task)
                text = f"{evidence.task} was assigned to {evidence.node} after it was {ended}"
                self._check(ended is None, evidence.at_ns, text)
            case Heaped():
                self._heaps[evidence.zone] = evidence
            case _:
                pass

    def finish(self, now_ns: int) -> None:
        """Check that every task has ended and that no goal was overdone."""
        for task in self._open:
            self._check(task in self.ends, now_ns, f"{task} never ended")
        for zone, heap in self._heaps.items():
            over_kg = heap.moved_kg - heap.goal_kg
            text = f"{zone} lost {heap.moved_kg:.0f} kg, {over_kg:.0f} kg over its goal"
            self._check(over_kg <= OVERDUG_KG_MAX, now_ns, text)

    def open_tasks(self) -> list[TaskId]:
        """Give the tasks seen that have not ended."""
        return [task for task in self._open if task not in self.ends]

    def _seen(self, seen: TaskSeen) -> None:
        self._open.setdefault(seen.task)
        ended = self.ends.get(seen.task)
        if ended is not None:
            text = f"{seen.task} was {ended} and is {seen.phase} now"
            self._check(seen.phase == ended, seen.at_ns, text)
        elif seen.phase in ENDS:
            self.ends[seen.task] = seen.phase
            self.checked += 1
