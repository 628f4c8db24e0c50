"""Work orders and tasks, as people ask for them and as nodes carry them out."""

import enum

import msgspec

from lunaredge.ids import NodeId, OrderId, TaskId
from lunaredge.model.fleet import Capability, NodeSpec
from lunaredge.model.site import Point


class Tool(enum.Enum):
    """A tool that acts while the machine drives a pass."""

    SCANNER = "scanner"
    BLADE = "blade"
    ROLLER = "roller"


class Dig(msgspec.Struct, frozen=True, kw_only=True, tag="dig"):
    """Dig at ``zone`` until ``mass_kg`` in all has left it, heaping it on ``pile``."""

    zone: str
    pile: str
    mass_kg: float


class Load(msgspec.Struct, frozen=True, kw_only=True, tag="load"):
    """Load from ``pile`` until the machine is full or the pile is empty."""

    pile: str


class Dump(msgspec.Struct, frozen=True, kw_only=True, tag="dump"):
    """Put the whole payload on ``pile``."""

    pile: str


WorkGoal = Dig | Load | Dump
"""A goal in the measured state of the world: repeating it when it is reached changes nothing."""


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a machine task: go to ``path[0]``, follow the path, reach the goal at its end.

    ``tool`` acts from ``path[0]`` to the path's end.
    """

    path: tuple[Point, ...]
    tool: Tool | None = None
    goal: WorkGoal | None = None


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What a compute task runs: a registered program and its input bytes."""

    program: str
    input: bytes
    memory_mib: int
    duration_s_max: float


class TaskKind(enum.Enum):
    """What a task asks for. ``PARK`` is made by the scheduler, never ordered."""

    SURVEY = "survey"
    GRADE = "grade"
    EXCAVATE = "excavate"
    HAUL = "haul"
    COMPACT = "compact"
    FUSE_TERRAIN = "fuse_terrain"
    PARK = "park"


CAPABILITY_OF_KIND = {
    TaskKind.SURVEY: Capability.SURVEY,
    TaskKind.GRADE: Capability.GRADE,
    TaskKind.EXCAVATE: Capability.EXCAVATE,
    TaskKind.HAUL: Capability.HAUL,
    TaskKind.COMPACT: Capability.COMPACT,
    TaskKind.FUSE_TERRAIN: Capability.COMPUTE,
}


class Task(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One task of a work order.

    Which fields count depends on the kind:

    survey, grade, compact   ``zone``: the area covered; ``passes``: how often
    excavate                 ``zone`` dug, ``pile`` heaped, ``mass_kg``, ``stand`` where it digs
    haul                     ``pile`` emptied from ``stand``, ``to_pile`` heaped from ``to_stand``
    fuse_terrain             the survey tasks named in ``after`` are its input
    park                     ``stand``
    """

    id: TaskId
    kind: TaskKind
    after: tuple[TaskId, ...] = ()
    priority: int = 5
    """1 first, 9 last."""
    needs_earth: bool = False
    """Wait for Earth's approval before it starts."""
    zone: str | None = None
    passes: int = 1
    pile: str | None = None
    to_pile: str | None = None
    mass_kg: float = 0.0
    stand: Point | None = None
    to_stand: Point | None = None
    only_on: tuple[NodeId, ...] = ()
    """Nodes it is pinned to; empty means any."""
    not_on: tuple[NodeId, ...] = ()
    """Nodes it is banned from."""
    release_s: float = 0.0
    """It begins no sooner than so long after its order was taken."""
    due_s: float | None = None
    """Later than this after that it is tardy; None: at once."""
    latest_s: float | None = None
    """What has not begun so long after that fails, and no plan has it end later; None: never."""


def may_be_on(task: Task, node: NodeId) -> bool:
    """Tell whether a task is neither pinned to other nodes nor banned from this one."""
    return (not task.only_on or node in task.only_on) and node not in task.not_on


def is_capable(spec: NodeSpec, task: Task) -> bool:
    """Tell whether a node has the capability for a task; to park it is enough to be a machine."""
    wanted = CAPABILITY_OF_KIND.get(task.kind)
    return wanted in spec.capabilities if wanted is not None else spec.machine is not None


class WorkOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG of tasks, submitted whole or refused whole."""

    id: OrderId
    title: str
    tasks: tuple[Task, ...]
