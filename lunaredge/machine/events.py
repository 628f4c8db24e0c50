"""What happened on the ground truth, as rows for the truth log. Nobody on site sees these."""

import enum

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.task import WorkGoal


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every row. ``t_ns`` is site time."""

    t_ns: int


class MachineMoved(_Event, frozen=True, kw_only=True, tag="moved"):
    """Where a moving machine is: once a second, and where it starts and ends."""

    machine: NodeId
    x_m: float
    y_m: float
    heading_rad: float


class StopCause(enum.Enum):
    """Why a controller brought its machine to rest by itself."""

    DEAD_MAN = "dead_man"
    OBSTACLE = "obstacle"
    TILT = "tilt"
    SLIP = "slip"


class MachineStopped(_Event, frozen=True, kw_only=True, tag="stopped"):
    """A controller stopped its machine or its tool by itself."""

    machine: NodeId
    cause: StopCause


class GoalReached(_Event, frozen=True, kw_only=True, tag="reached"):
    """A goal of work is reached in the measured state of the ground."""

    machine: NodeId
    order_no: int
    goal: WorkGoal


class BodiesOverlapped(_Event, frozen=True, kw_only=True, tag="overlapped"):
    """Two bodies began to overlap: separation is violated."""

    machines: tuple[NodeId, NodeId]
    x_m: float
    y_m: float


TruthEvent = MachineMoved | MachineStopped | GoalReached | BodiesOverlapped
