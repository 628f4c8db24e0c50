"""Candidates: what a placement is asked and what it answers, as values that a journal keeps.

A problem carries everything but the ground, so that it can be solved elsewhere.
"""

import enum

import msgspec

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.fleet import NodeSpec
from lunaredge.model.site import Point
from lunaredge.model.task import Task, TaskKind
from lunaredge.placement.plan import Cause
from lunaredge.scheduler.paths import CORRIDOR_MARGIN_M, Chain


class Constraint(enum.StrEnum):
    """Why a node does not take a task now; the most decisive first.

    Up to `WINDOW` no waiting helps. `ORDER` keeps it from every node for now. Up to `ENERGY` the
    node is not free for it now. The others are about the plan.
    """

    NOT_ENROLLED = "not_enrolled"
    PINNED = "pinned"
    BANNED = "banned"
    CAPABILITY = "capability"
    PAYLOAD = "payload"
    MEMORY = "memory"
    GROUND = "ground"
    NO_ROUTE = "no_route"
    BATTERY = "battery"
    """Not even a full one lasts."""
    WINDOW = "window"
    """It takes longer than the time in which it may be done."""
    ORDER = "order"
    """It has its turn when what it waits for is over."""
    LOST = "lost"
    LOCKED_OUT = "locked_out"
    STOPPED = "stopped"
    HELD = "held"
    SAFE_MODE = "safe_mode"
    CUT_OFF = "cut_off"
    """A stranded machine closes the only way there."""
    LADEN = "laden"
    HOME_FIRST = "home_first"
    BUSY = "busy"
    ENERGY = "energy"
    """The battery does not last now."""
    TAKEN = "taken"
    """Others come first there."""
    ELSEWHERE = "elsewhere"
    """The plan gives it to another node."""


class InHand(msgspec.Struct, frozen=True, kw_only=True):
    """A task that a node has in hand already."""

    node: NodeId
    left_ratio: float = 1.0
    """How much of its work is left."""
    elapsed_s: float = 0.0
    """Since its node was given it, so that what never sets out is overdue one day, too."""


class TaskCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A task that has not ended."""

    task: Task
    waiting_s: float = 0.0
    """Since it was submitted."""
    memory_mib: int = 0
    """Of a compute task's workload."""
    duration_s: float = 0.0
    """Of a compute task's workload, at most."""
    waits_for: tuple[TaskId, ...] = ()
    """Tasks before it that have not ended."""
    needs_word: bool = False
    """Earth has still to approve it."""
    release_s: float = 0.0
    """It may begin so long from now on."""
    closed: str = ""
    """The closed zone in which its work lies; empty when there is none."""
    in_hand: InHand | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it may begin now."""
        is_open = self.in_hand is None and not self.waits_for and not self.needs_word
        return is_open and self.release_s <= 0.0 and not self.closed

    @property
    def is_trip_home(self) -> bool:
        """Whether it is no work, but only brings a machine home."""
        return self.task.kind is TaskKind.PARK and len(self.task.only_on) == 1


class NodeCandidate(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the fleet, as it is now."""

    spec: NodeSpec
    free_slots: int
    position: Point | None
    battery_wh: float | None
    present: bool
    """It is heard and has answered the census."""
    held: bool = False
    stopped: bool = False
    locked_out: str = ""
    """By whom and why; empty when nobody has."""
    safe: bool = False
    """It is in safe mode and would refuse."""
    home_first: str = ""
    """Why it goes home before it takes another task."""
    leaving: str = ""
    """The closed zone that it has to leave before that."""
    carries: TaskId | None = None
    """The waiting task whose load it has on board."""


class Planned(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A task with its node and times, as the plan has it."""

    task: TaskId
    node: NodeId
    leave_ns: int
    """When its machine leaves for it, or begins to charge for it."""
    start_ns: int
    end_ns: int
    energy_wh: float
    """For the way and the work."""
    charged_ns: int | None = None
    """When its machine has charged for it; None: it needs no charge."""
    cause: Cause = Cause.NOTHING
    """What decided when it starts."""
    behind: TaskId | None = None
    """The task that it waits for, where it is one."""
    position: Point | None = None
    """Where its machine stood when the plan was made."""
    needed_wh: float = 0.0
    """What its machine must have in its battery when it leaves."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Why a node does not take a task now."""

    task: TaskId
    node: NodeId
    constraint: Constraint
    detail: str = ""


class PlacementProblem(msgspec.Struct, frozen=True, kw_only=True, tag="placement_problem"):
    """Tasks that have not ended, and nodes."""

    version: int
    tasks: tuple[TaskCandidate, ...]
    nodes: tuple[NodeCandidate, ...]
    now_ns: int = 0
    terrain_version: int = 0
    before: tuple[Planned, ...] = ()
    """The plan that holds until this one."""
    corridor_margin_m: float = CORRIDOR_MARGIN_M
    closing: tuple[Chain, ...] = ()
    """Claims of the stranded machines that have been found to close a way."""


class PlanFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How good a plan is, see docs/explanation/placement.md."""

    late_s: int = 0
    cost_j: int = 0
    bound_late_s: int = 0
    """No plan of the same tasks is less late."""
    unplanned_count: int = 0


class PlacementSolution(msgspec.Struct, frozen=True, kw_only=True, tag="placement_solution"):
    """Who takes what now, and what comes later; and why nodes don't take the tasks that wait."""

    version: int
    terrain_version: int = 0
    assignments: tuple[tuple[TaskId, NodeId], ...]
    """What begins now."""
    planned: tuple[Planned, ...] = ()
    """All that has a place in the plan, by start."""
    ends: tuple[tuple[TaskId, int], ...] = ()
    """When what nodes have in hand is expected to end, ns, where that is known."""
    charging: tuple[tuple[NodeId, TaskId], ...] = ()
    """Free machines that go home to charge before their next task."""
    refusals: tuple[Refusal, ...] = ()
    cut_off: tuple[tuple[TaskId, NodeId], ...] = ()
    """What has no place in the plan for a stranded machine in the way, and which machine."""
    figures: PlanFigures = PlanFigures()
