"""I5 task once: every accepted task ends exactly once, and its goal is met, not overdone.

In each scheduler's books, that is. One that leads on a copy of another's knows no more than the
copy; what it does again that the other had done is the price of the lost disk, and not a fault.
"""

from collections.abc import Iterable

from lunaredge.ids import NodeId, TaskId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Answered,
    Assigned,
    Copied,
    Evidence,
    Forgotten,
    Heaped,
    Reported,
    Rotted,
    Settled,
    TaskSeen,
    VouchWord,
)
from lunaredge.sim.checkers.vouching import Vouching
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import RecordClass

ENDS = frozenset({"done", "failed", "cancelled"})

# So long a word that a task was done may be on its way, while the task is given out again.
ON_ITS_WAY_NS = 120 * NS_PER_S
# Machines dig to the goal by measured mass; this is the rounding of two measurements.
OVERDUG_KG_MAX = 1.0


class _Books:
    """What one scheduler has shown of its tasks."""

    def __init__(self, since_ns: int = 0) -> None:
        self.since_ns = since_ns
        """When they were copied from others."""
        self.open: dict[TaskId, None] = {}
        self.ends: dict[TaskId, str] = {}
        self.done: dict[TaskId, tuple[int, int]] = {}
        """The attempt that did a task, and when that was first said."""
        self.assigned: dict[tuple[TaskId, int, NodeId | None], int] = {}
        """Attempts given out, to whom and when; None where a copy does not say."""
        self.given_up: set[tuple[TaskId, int]] = set()
        """Attempts whose machine a person spoke for: what came of them nobody knew."""

    def gave(self, reported: Reported) -> bool:
        """Tell whether an attempt that is reported was given out by these books.

        Lost books may have given the same number to another node.
        """
        task, attempt = reported.task, reported.attempt
        return any((task, attempt, node) in self.assigned for node in (reported.node, None))

    def give_up(self, machine: NodeId) -> None:
        """Take note that a person spoke for a machine."""
        mine = [(task, attempt) for task, attempt, node in self.assigned if node == machine]
        self.given_up.update(each for each in mine if each[0] not in self.ends)

    def could_not_know(self, reported: Reported) -> bool:
        """Tell whether a task was given out again before anybody could know that it was done."""
        attempt, said_ns = self.done[reported.task]
        if (reported.task, attempt) not in self.given_up:
            return False
        again_ns = self.assigned.get((reported.task, reported.attempt, reported.node))
        return again_ns is not None and again_ns < said_ns + ON_ITS_WAY_NS


class TaskChecker(BaseChecker):
    """Follows every task from its first showing to its one end, in each scheduler's books."""

    name = "I5"
    sees = (
        TaskSeen,
        Reported,
        Assigned,
        Copied,
        Settled,
        Forgotten,
        Heaped,
        Rotted,
        VouchWord,
        Answered,
    )

    def __init__(self) -> None:
        super().__init__()
        self._books = {0: _Books()}
        self._has_forgotten = False
        """Whether books were lost: then attempts may be out that no books know."""
        self._site = 0
        """The books that are the site's."""
        self._heaps: dict[str, Heaped] = {}
        self._doers: dict[TaskId, NodeId] = {}
        """Who reported a task done last."""
        self._vouching = Vouching()
        self.is_broken_off = False
        """Set where a run was broken off: that a task has not ended says nothing then."""

    @property
    def ends(self) -> dict[TaskId, str]:
        """How tasks ended, by the site's books."""
        return self._books[self._site].ends

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case TaskSeen():
                self._seen(evidence)
            case Reported(outcome="done"):
                self._done(evidence)
            case Assigned():
                books = self._books[evidence.books]
                given = (evidence.task, evidence.attempt, evidence.node)
                books.assigned.setdefault(given, evidence.at_ns)
                ended = books.ends.get(evidence.task)
                text = f"{evidence.task} was assigned to {evidence.node} after it was {ended}"
                self._check(ended is None, evidence.at_ns, text)
            case Copied():
                self._copied(evidence)
            case Settled():
                self._settled(evidence.books)
            case Forgotten():
                self._forget(evidence.ends)
            case Heaped():
                self._heaps[evidence.zone] = evidence
            case VouchWord() | Answered():
                self._give_up(self._vouching.see(evidence))
            case Rotted(record_class=RecordClass.STATE):
                self._rotted(evidence.node)
            case _:
                pass

    def finish(self, now_ns: int) -> None:
        """Check that every task has ended and that no goal was overdone."""
        for task in () if self.is_broken_off else self._books[self._site].open:
            self._check(task in self.ends, now_ns, f"{task} never ended")
        for zone, heap in self._heaps.items():
            over_kg = heap.moved_kg - heap.goal_kg
            text = f"{zone} lost {heap.moved_kg:.0f} kg, {over_kg:.0f} kg over its goal"
            self._check(over_kg <= OVERDUG_KG_MAX, now_ns, text)

    def open_tasks(self) -> list[TaskId]:
        """Give the tasks seen that have not ended."""
        return [task for task in self._books[self._site].open if task not in self.ends]

    def _seen(self, seen: TaskSeen) -> None:
        books = self._books[seen.books]
        books.open.setdefault(seen.task)
        ended = books.ends.get(seen.task)
        if ended is not None:
            text = f"{seen.task} was {ended} and is {seen.phase} now"
            self._check(seen.phase == ended, seen.at_ns, text)
        elif seen.phase in ENDS:
            books.ends[seen.task] = seen.phase
            self.checked += 1

    def _done(self, reported: Reported) -> None:
        """Hold a task that was done against the books in which it was given out."""
        self._doers[reported.task] = reported.node
        holders = [books for books in self._books.values() if books.gave(reported)]
        if not holders and self._has_forgotten:
            # A lost disk's leader gave it out, and its node comes to an end with it.
            return
        for books in holders or [self._books[self._site]]:
            first = (reported.attempt, reported.at_ns)
            attempt, _ = books.done.setdefault(reported.task, first)
            if attempt != reported.attempt and self._is_known_elsewhere(reported.task, books):
                continue
            if attempt != reported.attempt and books.could_not_know(reported):
                continue
            text = f"{reported.task} was done by attempts {attempt} and {reported.attempt}"
            self._check(attempt == reported.attempt, reported.at_ns, text)

    def _rotted(self, node: NodeId) -> None:
        """Forget what a node has done and nobody may ever hear of: it will be done again."""
        for books in self._books.values():
            for task in [task for task in books.done if task not in books.ends]:
                if self._doers.get(task) == node:
                    del books.done[task]

    def _forget(self, tasks: Iterable[TaskId]) -> None:
        for books in self._books.values():
            for task in tasks:
                books.done.pop(task, None)

    def _give_up(self, machine: NodeId | None) -> None:
        if machine is not None:
            for books in self._books.values():
                books.give_up(machine)

    def _is_known_elsewhere(self, task: TaskId, books: _Books) -> bool:
        """Tell whether another leader that lives took the word that a task had ended."""
        others = (other for other in self._books.values() if other is not books)
        return task not in books.ends and any(task in other.ends for other in others)

    def _settled(self, number: int) -> None:
        """Go on with the books that are left; nobody leads by the others any more."""
        self._has_forgotten = True
        kept, since_ns = self._books[number], max(each.since_ns for each in self._books.values())
        for task, (_, said_ns) in list(kept.done.items()):
            # The lost ones may have told its node that this is known; it says it to nobody again.
            if task not in kept.ends and said_ns >= since_ns - ON_ITS_WAY_NS:
                del kept.done[task]
        self._site, self._books = number, {number: kept}

    def _copied(self, copied: Copied) -> None:
        books = self._books[copied.books] = _Books(copied.at_ns)
        for entry in copied.entries:
            books.open[entry.task] = None
            if entry.phase in ENDS:
                books.ends[entry.task] = entry.phase
            if entry.phase == "done":
                books.done[entry.task] = (entry.attempt, copied.at_ns)
            if entry.attempt:
                books.assigned[entry.task, entry.attempt, entry.node] = copied.at_ns
