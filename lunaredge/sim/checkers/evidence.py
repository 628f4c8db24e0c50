"""What the checkers see: plain values, from the simulator or from a run of real processes.

``at_ns`` is site time by a clock that the watched nodes do not own. Evidence comes in order of
time. Wire evidence is made by `witness`; the rest by whoever can see the ground truth, the disks
and the links.
"""

import msgspec

from lunaredge.ids import AuthorityId, BootId, CommandId, NodeId, TaskId
from lunaredge.model.site import Point
from lunaredge.model.task import Task
from lunaredge.wire.messages import HeldAuthority, RecordClass


class _Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything seen."""

    at_ns: int


class TrueBody(msgspec.Struct, frozen=True):
    """Where a machine truly is, and what its battery truly holds."""

    machine: NodeId
    x_m: float
    y_m: float
    heading_rad: float
    speed_m_s: float
    battery_wh: float


class Truth(_Evidence, frozen=True, kw_only=True):
    """Every machine's true body at one instant."""

    bodies: tuple[TrueBody, ...]


class Asked(_Evidence, frozen=True, kw_only=True):
    """A machine sent a request for an authority, or for more time on one."""

    machine: NodeId
    boot: BootId
    request_no: int
    renewal: bool


class Granted(_Evidence, frozen=True, kw_only=True):
    """The scheduler sent an authority."""

    machine: NodeId
    command: CommandId
    authority: AuthorityId
    request_no: int
    path: tuple[Point, ...]
    half_width_m: float
    lifetime_ns: int


class Renewed(_Evidence, frozen=True, kw_only=True):
    """The scheduler sent more time on an authority."""

    machine: NodeId
    authority: AuthorityId
    request_no: int
    lifetime_ns: int


class Replied(_Evidence, frozen=True, kw_only=True):
    """A node answered a command."""

    node: NodeId
    boot: BootId
    command: CommandId
    ok: bool
    reason: str


class Situated(_Evidence, frozen=True, kw_only=True):
    """A node said where it stands and what it holds."""

    node: NodeId
    boot: BootId
    at_rest: bool
    posed: bool
    """It knows its pose."""
    authority: HeldAuthority | None
    refused: dict[str, int]


class StopHeard(_Evidence, frozen=True, kw_only=True):
    """An emergency stop from an enrolled key reached a living node that it means."""

    node: NodeId
    stop: str


class StopReleased(_Evidence, frozen=True, kw_only=True):
    """The scheduler told a node that an emergency stop is released."""

    node: NodeId
    stop: str


class Offered(_Evidence, frozen=True, kw_only=True):
    """A node sent an upload."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int
    count: int
    dropped: bool


class Spooled(_Evidence, frozen=True, kw_only=True):
    """A node's disk holds an upload now."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int
    count: int
    dropped: bool


class Archived(_Evidence, frozen=True, kw_only=True):
    """A receiver's disk keeps an upload for good. ``store`` is the receiver."""

    store: NodeId
    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int
    count: int
    dropped: bool


class Damaged(_Evidence, frozen=True, kw_only=True):
    """A disk has a row for an upload, and the row's checksum fails. ``store`` is whose disk."""

    store: NodeId
    node: NodeId
    boot: BootId
    record_class: RecordClass
    seq: int


class Kept(_Evidence, frozen=True, kw_only=True):
    """A store keeps an alarm, event or task report of a node, by whatever way it came."""

    store: NodeId
    node: NodeId
    key: int
    """A checksum of what it says."""


class Died(_Evidence, frozen=True, kw_only=True):
    """A node's process was killed; what it held in memory is gone."""

    node: NodeId


class Submitted(_Evidence, frozen=True, kw_only=True):
    """A work order was handed in."""

    tasks: tuple[Task, ...]


class Assigned(_Evidence, frozen=True, kw_only=True):
    """The scheduler told a node to do a task."""

    node: NodeId
    task: TaskId
    attempt: int


class Reported(_Evidence, frozen=True, kw_only=True):
    """A node reported on a task; ``outcome`` is the report's word."""

    node: NodeId
    task: TaskId
    attempt: int
    outcome: str


class TaskSeen(_Evidence, frozen=True, kw_only=True):
    """The scheduler showed a task in a phase."""

    task: TaskId
    phase: str


class Approved(_Evidence, frozen=True, kw_only=True):
    """Earth spoke on a task."""

    task: TaskId
    approved: bool


class Heaped(_Evidence, frozen=True, kw_only=True):
    """How much regolith truly left a zone, against the most that was asked for."""

    zone: str
    moved_kg: float
    goal_kg: float


class Injected(_Evidence, frozen=True, kw_only=True):
    """An attacker's command reached a node."""

    node: NodeId
    kind: str
    changed: bool
    """The node was seen to act on it. False where nobody could see."""
    counted: bool
    """The node owes it a place in its count of refused messages; a repeated one needs none."""


class EarthLink(_Evidence, frozen=True, kw_only=True):
    """The Earth link went up or down."""

    up: bool


class Disturbed(_Evidence, frozen=True, kw_only=True):
    """Something else than the Earth link was broken on purpose."""

    what: str


class Vouched(_Evidence, frozen=True, kw_only=True):
    """A person spoke for a silent machine: what it held is free."""

    machine: NodeId


class Restrained(_Evidence, frozen=True, kw_only=True):
    """Something other than the Earth link began or ceased to keep machines from their work."""

    cause: str
    restrained: bool


class Replayed(_Evidence, frozen=True, kw_only=True):
    """The scheduler's journal was replayed beside the live scheduler."""

    live: str
    replayed: str


Evidence = (
    Truth
    | Asked
    | Granted
    | Renewed
    | Replied
    | Situated
    | StopHeard
    | StopReleased
    | Offered
    | Spooled
    | Archived
    | Damaged
    | Kept
    | Died
    | Submitted
    | Assigned
    | Reported
    | TaskSeen
    | Approved
    | Heaped
    | Injected
    | EarthLink
    | Disturbed
    | Vouched
    | Restrained
    | Replayed
)
