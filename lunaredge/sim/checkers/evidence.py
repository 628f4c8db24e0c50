"""What the checkers see: plain values, from the simulator or from a run of real processes.

``at_ns`` is site time by a clock that the watched nodes do not own. Evidence comes in order of
time. Wire evidence is made by `witness`; the rest by whoever can see the ground truth, the disks
and the links.
"""

import msgspec

from lunaredge.ids import AuthorityId, BootId, CommandId, KeyId, NodeId, TaskId
from lunaredge.model.site import Point
from lunaredge.model.task import Task
from lunaredge.wire.messages import HeldAuthority, RecordClass


class _Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything seen."""

    at_ns: int


class Asking(msgspec.Struct, frozen=True):
    """Names one request, and its answer: ids are the clients' own."""

    client: str
    request: str


class TrueBody(msgspec.Struct, frozen=True):
    """Where a machine truly is, what its battery truly holds, and whether its tool works."""

    machine: NodeId
    x_m: float
    y_m: float
    heading_rad: float
    speed_m_s: float
    battery_wh: float
    works: bool = False
    """Its tool acts on the ground, standing or driving. False where nobody could see."""


class Truth(_Evidence, frozen=True, kw_only=True):
    """Every machine's true body at one instant."""

    bodies: tuple[TrueBody, ...]


class Carried(_Evidence, frozen=True, kw_only=True):
    """People lifted a machine, and put it down somewhere else."""

    machine: NodeId


class Asked(_Evidence, frozen=True, kw_only=True):
    """A machine sent a request for an authority, or for more time on one."""

    machine: NodeId
    boot: BootId
    request_no: int
    renewal: bool


class Granted(_Evidence, frozen=True, kw_only=True):
    """The scheduler sent an authority, up to a stop point and an overlap beyond it."""

    machine: NodeId
    command: CommandId
    authority: AuthorityId
    request_no: int
    path: tuple[Point, ...]
    stop_m: float
    overlap_m: float
    revision: int
    half_width_m: float
    lifetime_ns: int
    home_lifetime_ns: int = 0
    """So long it may go back along the path; 0: it may not."""
    epoch: int = 0
    """Under which it was sent; 0 where that is not known."""
    from_m: float = 0.0
    """The station at which its machine stood; what lies before is its way home."""


class Renewed(_Evidence, frozen=True, kw_only=True):
    """The scheduler sent more time on an authority, and its newest stop point."""

    machine: NodeId
    authority: AuthorityId
    request_no: int
    stop_m: float
    revision: int
    lifetime_ns: int


class Shortened(_Evidence, frozen=True, kw_only=True):
    """The scheduler sent that an authority is to end sooner, under a newer revision."""

    machine: NodeId
    authority: AuthorityId
    stop_m: float
    revision: int
    epoch: int = 0


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
    locks: tuple[str, ...] = ()
    """Tags by which people have locked it out."""
    epoch: int = 0
    """The highest that it obeys."""


class StopHeard(_Evidence, frozen=True, kw_only=True):
    """An emergency stop from an enrolled key reached a living node that it means."""

    node: NodeId
    stop: str


class StopReleased(_Evidence, frozen=True, kw_only=True):
    """The scheduler told a node that an emergency stop is released."""

    node: NodeId
    stop: str


class Tagged(_Evidence, frozen=True, kw_only=True):
    """The scheduler told a node that a person's tag hangs there."""

    node: NodeId
    tag: str


class TagWord(_Evidence, frozen=True, kw_only=True):
    """A person gave a code to have a tag taken off a machine."""

    node: NodeId
    by: KeyId
    whose: str
    """Whose tag; empty: his own, or the only one."""
    asking: Asking


class HandWord(_Evidence, frozen=True, kw_only=True):
    """A person gave a code for an earlier tag of his to give way to one to drive by hand."""

    node: NodeId
    by: KeyId
    asking: Asking


class VouchWord(_Evidence, frozen=True, kw_only=True):
    """A person gave a code to speak for a silent machine."""

    machine: NodeId
    asking: Asking


class Unlocked(_Evidence, frozen=True, kw_only=True):
    """The scheduler told a node that a person's tag is off."""

    node: NodeId
    tag: str


class Cleared(_Evidence, frozen=True, kw_only=True):
    """The scheduler showed which zones are closed and clear; no others are from now on."""

    zones: dict[str, tuple[Point, ...]]
    others: tuple[str, ...] = ()
    """Zones that are closed and not clear."""


class Opening(_Evidence, frozen=True, kw_only=True):
    """A person gave a code to have a closed zone opened."""

    zone: str
    asking: Asking


class Answered(_Evidence, frozen=True, kw_only=True):
    """The scheduler answered what a person asked."""

    asking: Asking
    ok: bool


class ShownTag(msgspec.Struct, frozen=True):
    """A tag as it is shown on a machine that may be touched, or driven by hand in the area."""

    by: str
    since_ns: int
    area: tuple[Point, ...] = ()


class LockedOut(_Evidence, frozen=True, kw_only=True):
    """The scheduler showed which machines are locked out; no others are from now on."""

    machines: dict[NodeId, tuple[ShownTag, ...]]


class Located(_Evidence, frozen=True, kw_only=True):
    """The scheduler showed where the machines are, as they said last."""

    places: dict[NodeId, Point]


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


class Rotted(_Evidence, frozen=True, kw_only=True):
    """A node's disk was made to lose an upload on purpose: nobody can be asked for it."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int


class ResultRotted(_Evidence, frozen=True, kw_only=True):
    """A node's disk was made to lose what the node had answered to a command."""

    node: NodeId
    command: CommandId


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
    books: int = 0
    """Whose word it is; see `Copied`."""


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
    books: int = 0
    """Whose word it is; see `Copied`."""


class Copied(_Evidence, frozen=True, kw_only=True):
    """A scheduler begins on a copy of another one's books, or on an old image of its own.

    The first books of a site are 0. From here on each are true to themselves alone.
    """

    books: int
    entries: tuple["BookEntry", ...]


class BookEntry(msgspec.Struct, frozen=True):
    """What books say of one task when they are copied."""

    task: TaskId
    phase: str
    attempt: int
    node: NodeId | None = None
    """Who has that attempt in hand, or had it to the end."""


class Settled(_Evidence, frozen=True, kw_only=True):
    """From now on these books are the site's, and the only ones."""

    books: int


class Forgotten(_Evidence, frozen=True, kw_only=True):
    """A disk of a scheduler is gone for good, with what no other disk has."""

    uploads: tuple["LostUpload", ...]
    """Archived there, or on their way from there to Earth."""
    relayed: tuple[tuple[NodeId, int], ...]
    """Nodes and checksums of the records that it may have passed on to Earth before."""
    kept: tuple[tuple[NodeId, int], ...]
    """Those of them that were `Kept` there, and that no disk of the site has any more."""
    ends: tuple[TaskId, ...]
    """Tasks of which it alone knew that they had ended."""


class LostUpload(msgspec.Struct, frozen=True):
    """One upload that a lost disk alone had."""

    node: NodeId
    boot: BootId
    record_class: RecordClass
    first_seq: int
    seq: int


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


class Obeyed(_Evidence, frozen=True, kw_only=True):
    """A node acted on a command of the scheduler's."""

    node: NodeId
    late_ns: int
    """Since the command expired, by true site time; negative while it was in force."""


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
    | Carried
    | Asked
    | Granted
    | Renewed
    | Shortened
    | Replied
    | Situated
    | StopHeard
    | StopReleased
    | Tagged
    | TagWord
    | HandWord
    | VouchWord
    | Unlocked
    | Cleared
    | Opening
    | Answered
    | LockedOut
    | Located
    | Offered
    | Spooled
    | Archived
    | Damaged
    | Rotted
    | ResultRotted
    | Kept
    | Died
    | Submitted
    | Assigned
    | Reported
    | TaskSeen
    | Copied
    | Settled
    | Forgotten
    | Approved
    | Heaped
    | Injected
    | Obeyed
    | EarthLink
    | Disturbed
    | Vouched
    | Restrained
    | Replayed
)
