"""Every message body, as one tagged union.

Wire classes are msgspec Structs: pydantic alone adds 9 MiB and doubles the import time on an ARM
board. Each body is a msgpack map whose ``type`` names the class. Times are nanoseconds; ``local``
is the sender's monotonic clock, ``site`` is site time.
"""

import enum
from typing import Annotated

import msgspec

from lunaredge.ids import BootId, CommandId, NodeId, TaskId
from lunaredge.model.site import Coordinate, Point
from lunaredge.model.task import Leg, Workload, WorkOrder
from lunaredge.wire.alarm_requests import AcknowledgeRequest, ShelveRequest, UnshelveRequest
from lunaredge.wire.authorities import AuthorityRenewal as AuthorityRenewal
from lunaredge.wire.authorities import AuthorityRequest as AuthorityRequest
from lunaredge.wire.authorities import Dispute as Dispute
from lunaredge.wire.authorities import Grant as Grant
from lunaredge.wire.authorities import HeldAuthority as HeldAuthority
from lunaredge.wire.authorities import Neighbour as Neighbour
from lunaredge.wire.authorities import OnLoss as OnLoss
from lunaredge.wire.authorities import Renew as Renew
from lunaredge.wire.authorities import Shorten as Shorten
from lunaredge.wire.body import Body, Boot, Count, Int64, Positive, Ratio, RequestId
from lunaredge.wire.channel_orders import ChannelsRequest, SetChannels
from lunaredge.wire.safeguards import (
    CloseRequest,
    LockOut,
    LockOutRequest,
    OpenRequest,
    Unlock,
    UnlockRequest,
)
from lunaredge.wire.telemetry import CHANNELS_MAX, Channel

# Bulk streams that a birth lists: two for each life. A node that holds more lists the newest.
HELD_MAX = 128
# Of what is committed beyond a hole, an acknowledgement tells so much at a time, from the top.
ACK_RANGES_MAX = 64


class RecordClass(enum.Enum):
    """Class of a record, most valuable first. The order is the order of sending."""

    ALARM = "alarm"
    EVENT = "event"
    STATE = "state"
    SUMMARY = "summary"
    RAW = "raw"


RECORD_CLASSES = tuple(RecordClass)


class Autonomy(enum.Enum):
    """Autonomy level; A0 and A1 are the site's, A2 and A3 a node's."""

    A0 = "A0"
    A1 = "A1"
    A2 = "A2"
    A3 = "A3"


# --- node -> scheduler: presence -------------------------------------------------------------


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node stands and what it is at. The same in births and heartbeats."""

    state: str
    autonomy: Autonomy
    x_m: Coordinate | None
    y_m: Coordinate | None
    heading_rad: Coordinate | None
    pose_error_m: Positive
    """Bound of the pose's error, m; what it blocks grows with it."""
    at_rest: bool
    brake_ratio: Ratio
    """Share of its rated deceleration that the machine's own monitoring vouches for."""
    battery_wh: float | None
    payload_kg: Positive
    authority: HeldAuthority | None
    task: TaskId | None
    attempt: Int64
    progress_ratio: float
    stops: tuple[str, ...]
    """Ids of latched emergency stops."""
    held: bool
    """An operator's hold is in force."""
    epoch: Count
    """Highest fencing epoch durably obeyed."""
    spool_count: Count
    """Records not yet acknowledged."""
    refused: dict[str, int]
    """Messages refused since boot, by reason."""
    produced: dict[str, int]
    """Records produced since boot, by class."""
    dropped: dict[str, int]
    """Records dropped by policy since boot, by class."""
    locks: tuple[str, ...] = ()
    """Tags by which people have locked it out."""


class Birth(Body, frozen=True, kw_only=True, tag="birth"):
    """A node's first word after boot, repeated until a census answers it."""

    kind: str
    situation: Situation


class Heartbeat(Body, frozen=True, kw_only=True, tag="heartbeat"):
    """A node's periodic word. Only the newest of a boot counts."""

    situation: Situation


class Farewell(Body, frozen=True, kw_only=True, tag="farewell"):
    """The broker's word (will) that a node's connection broke, or the node's own when it leaves."""

    node: NodeId
    orderly: bool
    until_ns: Int64 | None = None
    """Site time until which the node sleeps and won't be heard; only in its own orderly word."""


# --- node -> scheduler: requests -------------------------------------------------------------


class TimeRequest(Body, frozen=True, kw_only=True, tag="time_request"):
    """Ask for site time; ``local_ns`` comes back in the answer."""

    local_ns: Int64


class CommandReply(Body, frozen=True, kw_only=True, tag="command_reply"):
    """The result of a command; the same for every repetition of it."""

    command: CommandId
    ok: bool
    reason: str = ""


# --- node -> receiver: records ---------------------------------------------------------------


class Upload(Body, frozen=True, kw_only=True, tag="upload"):
    """Records of one class, in the sender's order, kept until acknowledged.

    ``boot`` is the life that made the record, which may be older than the header's. Sequence
    numbers of a (node, boot, class) start at 1. ``first_seq`` to ``seq`` is one upload's share:
    more than one number only where the spool's policy dropped records and this stands for them.
    """

    record_class: RecordClass
    boot: Boot
    first_seq: Count
    seq: Count
    floor_seq: Count
    """Lowest number the sender still holds; a receiver waiting below it waits in vain."""
    count: Count
    """Samples or records inside (or dropped)."""
    dropped: bool
    record: bytes
    """An encoded Record; a `Dropped` where the policy dropped them, or nothing where not even for
    that there was room."""

    def __post_init__(self) -> None:
        """Raise ValueError for a share that runs backwards; a decoder calls that garbage."""
        if not 1 <= self.first_seq <= self.seq:
            raise ValueError(f"upload of numbers {self.first_seq} to {self.seq}")


class RecordAck(Body, frozen=True, kw_only=True, tag="record_ack"):
    """Everything of that (boot, class) through ``through_seq`` is committed to disk."""

    record_class: RecordClass
    boot: Boot
    through_seq: Count
    ranges: Annotated[tuple[tuple[Count, Count], ...], msgspec.Meta(max_length=ACK_RANGES_MAX)] = ()
    """First and last of what is committed beyond, in bulk classes; what lies between is asked
    for."""
    window: Count = 0
    """How many bulk uploads the sender may have under way; 0 leaves it as it was."""


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk stream of which a node still holds uploads.

    What is missing below, and of an earlier life above, is lost for good.
    """

    record_class: RecordClass
    boot: Boot
    floor_seq: Count
    """Lowest number it still holds."""
    last_seq: Count


class StreamBirth(Body, frozen=True, kw_only=True, tag="stream_birth"):
    """What a node's telemetry means: its channel table, by the number that its batches name.

    Said at each connection and when a `RebirthRequest` asks for it, and retained by the broker,
    so that whoever comes late can read what follows. It says nothing of who is alive: that is told
    by births, heartbeats and farewells on the node's other topic.
    """

    table: Count
    channels: Annotated[tuple[Channel, ...], msgspec.Meta(min_length=1, max_length=CHANNELS_MAX)]
    held: Annotated[tuple[Held, ...], msgspec.Meta(max_length=HELD_MAX)] = ()
    """Bulk streams of which something is still held. Of earlier lives that are not listed nothing
    will come any more, unless the list is full."""

    def __post_init__(self) -> None:
        """Raise ValueError for two channels of one name; a decoder calls that garbage."""
        if len({channel.name for channel in self.channels}) < len(self.channels):
            raise ValueError("two channels of one name")


class RebirthRequest(Body, frozen=True, kw_only=True, tag="rebirth_request"):
    """Ask a node to say its `StreamBirth` again; anybody may, and it answers so often only."""


# --- scheduler -> node: answers and commands --------------------------------------------------


class TimeReply(Body, frozen=True, kw_only=True, tag="time_reply"):
    """Site time when the request was answered."""

    local_ns: Int64
    site_ns: Int64


class Census(Body, frozen=True, kw_only=True, tag="census"):
    """A leader's first word to a node: obey this epoch from now on, and report."""

    command: CommandId
    boot: Boot
    """The life it answers; a node ignores a census meant for another of its lives."""


class Assign(Body, frozen=True, kw_only=True, tag="assign"):
    """Do this task. Machine tasks have legs, compute tasks a workload."""

    command: CommandId
    task: TaskId
    attempt: Int64
    legs: tuple[Leg, ...]
    repeat: bool
    """Begin again at the first leg until its Load finds the pile empty."""
    workload: Workload | None


class Defer(Body, frozen=True, kw_only=True, tag="defer"):
    """No authority now; ask again after the wait."""

    command: CommandId
    request_no: Int64
    reason: str
    wait_ns: Count


class Hold(Body, frozen=True, kw_only=True, tag="hold"):
    """Come to rest and stay, keeping task and authority.

    ``turn`` rises with each hold and resume of a leader: one that comes late, after a newer one,
    is superseded and changes nothing.
    """

    command: CommandId
    turn: int = 0


class Resume(Body, frozen=True, kw_only=True, tag="resume"):
    """End a hold; see there for ``turn``."""

    command: CommandId
    turn: int = 0


class Hibernate(Body, frozen=True, kw_only=True, tag="hibernate"):
    """Say farewell and be quiet until then. Obeyed at rest only, without a task or an authority."""

    command: CommandId
    until_ns: Int64
    """Site time."""


class Cancel(Body, frozen=True, kw_only=True, tag="cancel"):
    """Come to rest and give the task up."""

    command: CommandId
    task: TaskId
    attempt: Int64


class ReleaseStop(Body, frozen=True, kw_only=True, tag="release_stop"):
    """End one latched emergency stop; the second of an operator's two steps."""

    command: CommandId
    stop: str


class Outlived(Body, frozen=True, kw_only=True, tag="outlived"):
    """Answer the birth of a life that is not above those already heard of the node.

    Its disk was lost or is an old copy. It begins again, above ``floor``; only the life ``boot``
    is meant.
    """

    boot: BootId
    floor: BootId


# The view `alarms` shows a stop under this and its id.
STOP_ALARM = "stop."


class Stop(Body, frozen=True, kw_only=True, tag="stop"):
    """Stop now. Taken once per id from any enrolled key, whatever its epoch; latched durably."""

    stop: str
    node: NodeId | None
    """The node meant; None for every node."""
    reason: str


# --- operators and Earth -> scheduler ---------------------------------------------------------


class Submit(Body, frozen=True, kw_only=True, tag="submit"):
    """Take this work order, whole or not at all."""

    request: RequestId
    order: WorkOrder


class HoldRequest(Body, frozen=True, kw_only=True, tag="hold_request"):
    """Hold a node, or let it go on."""

    request: RequestId
    node: NodeId
    hold: bool


class HibernateRequest(Body, frozen=True, kw_only=True, tag="hibernate_request"):
    """Have a node sleep until then: through a lunar night, say."""

    request: RequestId
    node: NodeId
    until_ns: Int64
    """Site time."""


class CancelRequest(Body, frozen=True, kw_only=True, tag="cancel_request"):
    """Cancel a task."""

    request: RequestId
    task: TaskId


class StopReleaseRequest(Body, frozen=True, kw_only=True, tag="stop_release_request"):
    """Release an emergency stop. Without a code, asks for one; with it, releases."""

    request: RequestId
    stop: str
    code: str = ""


class VouchRequest(Body, frozen=True, kw_only=True, tag="vouch_request"):
    """Say for a silent node where it stands, or with None that it takes no place on the site.

    Without a code, asks for one; with it, the word is taken.
    """

    request: RequestId
    node: NodeId
    at: Point | None
    code: str = ""


class Approve(Body, frozen=True, kw_only=True, tag="approve"):
    """Earth's answer for a task that needs it."""

    request: RequestId
    task: TaskId
    approved: bool


class Explain(Body, frozen=True, kw_only=True, tag="explain"):
    """Say why a task is where it is, or why it is not placed. Changes nothing; needs no key."""

    request: RequestId
    task: TaskId


class LatestRequest(Body, frozen=True, kw_only=True, tag="latest_request"):
    """Ask the archive for the last values of a node's channels. Changes nothing; needs no key.

    The answer's rows have channel, unit, value, measured_ns, age_s and quality.
    """

    request: RequestId
    node: NodeId


class Answer(Body, frozen=True, kw_only=True, tag="answer"):
    """What came of a request.

    ``rows`` is JSON: of an `Explain` the task's row of the plan or null, and its refusals.
    """

    request: RequestId
    ok: bool
    text: str
    rows: bytes = b"[]"
    code: str = ""
    """What the second step must repeat; only the first of two steps is answered with one."""


# --- views -------------------------------------------------------------------------------------


class View(Body, frozen=True, kw_only=True, tag="view"):
    """Rows for screens and scripts: JSON, made and signed by the process that owns the facts.

    ``site_ns`` is when they were made, so that a reader can say how old they are.
    """

    name: str
    site_ns: Int64
    rows: bytes
    left_out: int = 0
    """How many more rows there are, for which there was no room."""


Command = (
    Census
    | Assign
    | Grant
    | Renew
    | Shorten
    | Defer
    | Hold
    | Resume
    | Hibernate
    | Cancel
    | ReleaseStop
    | LockOut
    | Unlock
    | SetChannels
)
"""What only the leading scheduler may say to a node: signed, fenced by epoch, with an expiry."""

Question = (
    Submit
    | HoldRequest
    | HibernateRequest
    | CancelRequest
    | StopReleaseRequest
    | VouchRequest
    | LockOutRequest
    | UnlockRequest
    | CloseRequest
    | OpenRequest
    | ChannelsRequest
    | AcknowledgeRequest
    | ShelveRequest
    | UnshelveRequest
    | Approve
    | Explain
)
"""What an operator or Earth may ask of the scheduler; each gets an answer."""

Message = (
    Command
    | Question
    | Birth
    | Heartbeat
    | Farewell
    | TimeRequest
    | AuthorityRequest
    | AuthorityRenewal
    | CommandReply
    | Upload
    | RecordAck
    | StreamBirth
    | RebirthRequest
    | LatestRequest
    | TimeReply
    | Outlived
    | Dispute
    | Stop
    | Answer
    | View
)

Request = Question | Stop
"""What an operator or Earth may say to the scheduler."""
