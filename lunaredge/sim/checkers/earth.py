"""I7 link-blind: an Earth outage stops no pre-authorised work and releases none that waits."""

from lunaredge.ids import TaskId
from lunaredge.sim.checkers.checker import BaseChecker
from lunaredge.sim.checkers.evidence import (
    Approved,
    Assigned,
    Disturbed,
    EarthLink,
    Evidence,
    Heaped,
    Reported,
    Restrained,
    Submitted,
    TaskSeen,
    Truth,
)
from lunaredge.sim.checkers.tasks import ENDS
from lunaredge.units import NS_PER_S, ns_from_s

# An undisturbed outage of this length must show work, while a task that needs no Earth is open: it
# is far over one deferral, one placement round and one command's way.
STALL_NS_MAX = 600 * NS_PER_S


class EarthChecker(BaseChecker):
    """Watches approvals, and that work goes on while the link is down."""

    name = "I7"
    sees = (
        *(Submitted, Approved, Assigned, Reported, TaskSeen, Truth, Heaped),
        *(EarthLink, Disturbed, Restrained),
    )

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[TaskId, None] = {}
        self._soonest_ns: dict[TaskId, int] = {}
        """Before when a task can't begin, by its release and those of the tasks before it."""
        self._waiting: dict[TaskId, None] = {}
        self._bound: dict[TaskId, None] = {}
        """Tasks that wait for Earth, or come after one that does."""
        self._free: dict[TaskId, None] = {}
        self._down = False
        self._restraints: dict[str, None] = {}
        """What keeps machines from their work just now."""
        self._since_ns = 0
        """Since when nothing has disturbed the outage, and there is work for it."""
        self._work_ns = 0
        self._moved_kg: dict[str, float] = {}

    def see(self, evidence: Evidence) -> None:
        """Take one piece of evidence, in order of time."""
        match evidence:
            case Submitted():
                self._submitted(evidence)
            case Approved(approved=True):
                self._waiting.pop(evidence.task, None)
            case Assigned() | Reported():
                self._work_ns = evidence.at_ns
                waits = evidence.task in self._waiting
                text = f"{evidence.task} was begun without Earth's word"
                self._check(not waits, evidence.at_ns, text)
            case TaskSeen() if evidence.phase in ENDS:
                self._free.pop(evidence.task, None)
            case Truth() if any(body.speed_m_s > 0.0 for body in evidence.bodies):
                self._work_ns = evidence.at_ns
            case Heaped() if evidence.moved_kg > self._moved_kg.get(evidence.zone, 0.0):
                # Who digs stands still.
                self._moved_kg[evidence.zone] = evidence.moved_kg
                self._work_ns = evidence.at_ns
            case EarthLink() | Disturbed() | Restrained():
                self._stretch_ends(evidence)
            case _:
                pass

    def _submitted(self, submitted: Submitted) -> None:
        self._put_off(submitted)
        # An order is handed in again until it is answered; only the first time is news.
        for task in submitted.tasks:
            if task.id not in self._known:
                self._known[task.id] = None
                if task.needs_earth:
                    self._waiting[task.id] = None
                if task.needs_earth or any(before in self._bound for before in task.after):
                    self._bound[task.id] = None
                else:
                    self._since_ns = self._since_ns if self._free else submitted.at_ns
                    self._free[task.id] = None

    def _put_off(self, submitted: Submitted) -> None:
        """Learn when tasks may begin: counted anew where lost books have them handed in again."""
        soonest_ns = self._soonest_ns
        for task in submitted.tasks:
            if task.release_s or task.id not in soonest_ns:
                soonest_ns[task.id] = submitted.at_ns + ns_from_s(task.release_s)
        # As often as a chain may be long, and in any order.
        for _ in submitted.tasks:
            for task in submitted.tasks:
                before_ns = [soonest_ns.get(before, 0) for before in task.after]
                soonest_ns[task.id] = max(soonest_ns[task.id], *before_ns, 0)

    def _stretch_ends(self, evidence: EarthLink | Disturbed | Restrained) -> None:
        if self._down and not self._restraints and self._free:
            due_ns = min(self._soonest_ns[task] for task in self._free)
            idle_ns = evidence.at_ns - max(self._since_ns, self._work_ns, due_ns)
            text = f"nothing was done for {idle_ns / NS_PER_S:.0f} s of an outage"
            self._check(idle_ns <= STALL_NS_MAX, evidence.at_ns, text)
        self._since_ns = evidence.at_ns
        if isinstance(evidence, EarthLink):
            self._down = not evidence.up
        elif isinstance(evidence, Restrained):
            if evidence.restrained:
                self._restraints[evidence.cause] = None
            else:
                self._restraints.pop(evidence.cause, None)
