"""Everything the scheduler remembers, as one tree of values.

A checkpoint is the encoded tree, the digest is its hash, and a journal replay must rebuild it
byte for byte; so nothing that decides lives outside it, and nothing in it is derived from a clock
or from the order of a set.
"""

import enum
import hashlib

import msgspec

from lunaredge.errors import JournalCorrupt
from lunaredge.ids import AuthorityId, BootId, CommandId, KeyId, NodeId, OrderId, TaskId
from lunaredge.model.site import Point, Polygon
from lunaredge.model.task import Task
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.candidates import PlanFigures, Planned, Refusal
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import Answer, AuthorityRequest, Command, OnLoss, Situation
from lunaredge.wire.policy import ChannelPolicy


class Presence(enum.Enum):
    """Whether a node is heard. Five different things, never to be mixed up; see `presence`."""

    UNKNOWN = "unknown"
    UP = "up"
    LOST = "lost"
    DOWN = "down"
    HIBERNATING = "hibernating"


class TaskPhase(enum.Enum):
    """Where a task is in its life; the legal steps are in `scheduler.backlog`."""

    QUEUED = "queued"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({TaskPhase.DONE, TaskPhase.FAILED, TaskPhase.CANCELLED})


class Granted(msgspec.Struct, kw_only=True):
    """The authority last granted to a machine, held from the moment it is written."""

    id: AuthorityId
    number: int
    """Rises with each authority: who was granted a route first may use it first."""
    command: CommandId
    request_no: int
    task: TaskId
    path: tuple[Point, ...]
    length_m: float
    half_width_m: float
    stop_m: float = 0.0
    """The farthest that the node may still think it may go."""
    from_m: float = 0.0
    """Station at which the machine stood; what lies before it is its way home."""
    on_loss: OnLoss = OnLoss.STOP_POINT
    overlap_m: float = 0.0
    """Held free beyond it, for brakes that are worse than told."""
    revision: int = 1
    """Rises with each shortening."""
    shortening: bool = False
    """The node has still to say where it stops under the newest revision."""
    asked_stop_m: float = 0.0
    """Meanwhile: how far it is asked to go at the most."""
    asked_from_m: float = 0.0
    """Meanwhile: up to where it is asked not to go back."""
    sections: tuple[tuple[float, float], ...] = ()
    """Where it may not stand, from station to station."""
    leaves: tuple[str, ...] = ()
    """Closed zones that it leads out of, and that were neither clear nor opened since."""
    out_m: float = 0.0
    """Station at which it has left them; from there on they bar its way as all others do."""
    granted_ns: int
    expiry_ns: int
    """The latest site time at which the node may still think it live."""
    home_expiry_ns: int = 0
    """The latest site time at which the node may still go home on it."""
    taken: bool = False
    released_m: float = 0.0
    station_m: float = 0.0
    """Where on the path the node last said that it is."""
    moved_m: float = 0.0
    """How far it had got when it was last seen to move."""
    moved_ns: int = 0

    @property
    def leads_home(self) -> bool:
        """Whether the node may go back home on it: then nothing behind it is free."""
        return self.on_loss is OnLoss.HOME and self.released_m == 0.0

    @property
    def motion_end_ns(self) -> int:
        """The latest site time at which the node may still move by it."""
        return max(self.expiry_ns, self.home_expiry_ns) if self.leads_home else self.expiry_ns

    def section_at(self, station_m: float) -> tuple[float, float] | None:
        """Give the no-standing section that a station lies within; None outside of all."""
        for enter_m, leave_m in self.sections:
            if enter_m < station_m < leave_m:
                return enter_m, leave_m
        return None

    @property
    def passed_m(self) -> float:
        """Where on the path the node is, at the least."""
        return max(self.released_m, self.station_m) if self.leads_home else self.released_m


class LockPhase(enum.Enum):
    """How far a lock-out is."""

    DRAINING = "draining"
    """The machine has still to confirm it, or others to leave the area."""
    LOCKED = "locked"
    RETURNING = "returning"
    """Every tag is off; the machine has still to say where it stands."""


class Tag(msgspec.Struct, kw_only=True):
    """What one person hung on a machine."""

    id: str
    by: KeyId
    why: str
    since_ns: int
    is_manual: bool = False
    """The machine may be driven by hand."""
    area: Polygon = ()
    """In here; empty where nobody told this journal."""
    replaces: str = ""
    """The same person's tag that is taken off once this one hangs; empty for none."""
    agreed_ns: dict[KeyId, int] = {}
    """Others who said that it may come off, and when."""
    released: bool = False
    """It is off as soon as the machine says so."""


class Lockout(msgspec.Struct, kw_only=True):
    """A machine that people keep to themselves, with the tags that hang on it."""

    phase: LockPhase = LockPhase.DRAINING
    tags: dict[str, Tag] = {}
    waits: tuple[str, ...] = ()
    """What keeps it from being locked out for good."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's newest word of its own place; words without one change nothing in it."""

    at: Point
    at_ns: int
    pose_error_m: float
    is_astray: bool
    """Neither at rest without an authority, nor on the way of the one that it was granted."""


class NodeEntry(msgspec.Struct, kw_only=True):
    """What is known of one enrolled node."""

    name: NodeId
    boot: BootId = BootId(0)
    number: int = 0
    """Header number of the newest word taken; older ones are not news."""
    presence: Presence = Presence.UNKNOWN
    heard_ns: int = 0
    has_left: bool = False
    """Its last word was an orderly farewell."""
    asleep_until_ns: int = 0
    """With which it said until when it sleeps; 0 where it did not."""
    censused: bool = False
    """Has said in one word that it obeys this leader's epoch, and where everything of it is."""
    """Names of the columns of its telemetry, as it last announced them."""
    situation: Situation | None = None
    body: Point | None = None
    """Where the body last proved to be at rest; part of its claim."""
    seen: Seen | None = None
    met_at: Point | None = None
    """Where it stood when the others were last asked to keep away from it."""
    met_lost_m: float = 0.0
    """How far off its place or its corridor it might be then."""
    met: tuple[NodeId, ...] = ()
    """Whose authorities reach to where it may be; the alarm `conflict` names them."""
    granted: Granted | None = None
    former: Granted | None = None
    """The authority that it gave up last; neighbours may have heard of it."""
    retreat: tuple[Point, ...] = ()
    """The way back: out of a no-standing section, or home; part of its claim."""
    vouched: bool = False
    """Silent, and a person has said where it stands: at ``body``, or nowhere on the site."""
    estranged: bool = False
    """Holds an authority that this journal does not know: nobody moves until it is given up."""
    request_no: int = 0
    wanted: AuthorityRequest | None = None
    """The request whose way is being planned; None once it has its answer."""
    resolves: int = 0
    """How often the wanted route was planned again because the site had moved on."""
    wait_reason: str = ""
    blocked_by: NodeId | None = None
    """Whose claim the last planned route met; None when none did."""
    deferral_count: int = 0
    """Routes refused in a row since the machine last had its way."""
    way: tuple[Point, ...] = ()
    """Where it would have gone if nobody had been in its way."""
    closing_count: int = 0
    """Of these the last ones, that stranded machines alone stood against."""
    home_first: str = ""
    """Why it goes home before it takes another task; empty when it need not."""
    aside: Point | None = None
    """Where it goes instead, to let another one pass that it would meet on its way home."""
    leaving: str = ""
    """The closed zone that it has to leave before it takes another task; empty when none."""
    sought_ns: int = 0
    """When a place for that was last sought in vain."""
    task: TaskId | None = None
    empty_handed_count: int = 0
    held: bool = False
    policies: dict[str, ChannelPolicy] = {}
    """What people have said of its telemetry channels, and it has taken."""
    lockout: Lockout | None = None
    idle_since_ns: int = 0
    terrain_hold: bool = False

    @property
    def shown_presence(self) -> str:
        """Whether it is heard, in the word that people read."""
        # To decide by, one that was never heard may count as lost.
        return (self.presence if self.boot else Presence.UNKNOWN).value

    @property
    def is_silent(self) -> bool:
        """Whether it is not heard, nor may be about to be."""
        return self.presence in (Presence.LOST, Presence.DOWN, Presence.HIBERNATING)

    @property
    def is_blind(self) -> bool:
        """Whether its newest word has no place; a computer's never has."""
        return self.situation is not None and self.situation.x_m is None

    @property
    def astray_at(self) -> Point | None:
        """Where it was seen last, if no authority leads it there: pushed, towed, slid.

        Where it stood last, and all of its way, stay its own as well, since it may roll back.
        """
        if self.seen is None or self.vouched or not self.seen.is_astray:
            return None
        return self.seen.at

    def end_authority(self) -> None:
        """Note that it holds no authority; the last one stays known, for neighbours' sake."""
        if self.granted is not None:
            self.former, self.granted = self.granted, None


class TaskEntry(msgspec.Struct, kw_only=True):
    """One task and how far it is."""

    task: Task
    order: OrderId
    phase: TaskPhase = TaskPhase.QUEUED
    node: NodeId | None = None
    attempt: int = 0
    submitted_ns: int = 0
    assigned_ns: int = 0
    """When its node was given it."""
    started_ns: int = 0
    expected_ns: int = 0
    """When it ends, by the last plan, while a node has it in hand; 0: nobody knows."""
    ended_ns: int = 0
    reason: str = ""
    cancelling: str = ""
    """Why it is to be cancelled, when its node has still to give it up; empty otherwise."""
    recalled: str = ""
    """Why its node is to give it back, so that it can be placed again; empty otherwise."""
    progress_ratio: float = 0.0
    """The most that a node has told of it; what is dug stays dug."""
    yield_count: int = 0
    """How often it was recalled to let another machine pass."""
    charge_count: int = 0
    """How often it was recalled because its machine had to charge."""
    people_count: int = 0
    """How often it was recalled because people needed its machine or its ground."""
    cut_off_count: int = 0
    """How often it was recalled because a stranded machine closed the only way."""
    given_up: dict[int, NodeId] = {}
    """Attempts whose node a person gave up: it may have done the task, unheard."""
    bound_to: NodeId | None = None
    """The machine that carries part of its load, and must bring it there itself."""
    approved: bool | None = None
    """Earth's word; None while it is not known."""
    refusals: list[Refusal] = []
    result: bytes = b""
    patches: list[bytes] = []
    """Terrain measured by a survey task."""


class PendingCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command that its node has not answered yet."""

    node: NodeId
    body: Command


class StopEntry(msgspec.Struct, kw_only=True):
    """One emergency stop."""

    id: str
    node: NodeId | None
    reason: str
    since_ns: int
    released: bool = False
    by: str = ""
    """Key of whoever called it; empty where only a node told of it."""


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """A code that somebody was given to repeat."""

    purpose: str
    code: str
    expiry_ns: int


class Fused(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the map as fused from measurements."""

    x_m: float
    y_m: float
    z_m: float
    count: int


class ClosurePhase(enum.Enum):
    """How far the closure of a zone is; the legal steps are in `scheduler.closures`."""

    REQUESTED = "requested"
    DRAINING = "draining"
    CLEAR = "clear"
    OPENED = "opened"


class Closure(msgspec.Struct, kw_only=True):
    """A zone that people have closed to every machine."""

    name: str
    area: Polygon
    by: KeyId
    why: str
    since_ns: int
    phase: ClosurePhase = ClosurePhase.REQUESTED
    waits: tuple[str, ...] = ()
    """What keeps it from being clear, machine by machine."""
    clear_ns: int = 0
    """Since when it is clear."""
    was_clear: bool = True
    """People may have gone in, though it may not be clear any more. An older journal can't tell."""
    opened_ns: int = 0


class Lane(msgspec.Struct, kw_only=True):
    """A way that a stranded machine closes, where there is no other."""

    why: str
    """Why the machine does not get out of the way."""
    place: Point
    """Where it stood when that was found."""
    until_moved: bool = False
    """It goes nowhere, whatever it says of itself."""
    version: int
    """Of the state; older plans did not know of it."""
    cut_off: tuple[TaskId, ...] = ()
    """The tasks that wait for the way."""


class SchedulerState(msgspec.Struct, kw_only=True):
    """The whole. ``version`` rises with every change that a placement could depend on."""

    epoch: int = 0
    boot: BootId = BootId(0)
    """This life of the scheduler."""
    bid_count: int = 0
    """How often this life raised its epoch because a node obeyed a higher one."""
    lead_ns: int = 0
    """Since when this epoch is led."""
    listening_since_ns: int | None = None
    """Since when the broker has been reached; None while it is not."""
    version: int = 0
    nodes: dict[NodeId, NodeEntry] = {}
    tasks: dict[TaskId, TaskEntry] = {}
    orders: dict[OrderId, str] = {}
    commands: dict[CommandId, PendingCommand] = {}
    stops: dict[str, StopEntry] = {}
    consents: dict[str, Consent] = {}
    """Codes given and not used yet, by subject: one for each stop and node at most."""
    closures: dict[str, Closure] = {}
    """By name: those in force, and the latest that were opened."""
    lanes: dict[NodeId, Lane] = {}
    """By the machine that closes it."""
    alarms: dict[str, AlarmEntry] = {}
    archive_is_silent: bool = False
    alarms_left_out: int = 0
    """Alarms of little worth for which there was no room."""
    answers: dict[str, Answer] = {}
    terrain: list[Fused] = []
    terrain_version: int = 0
    command_no: int = 0
    authority_no: int = 0
    park_no: int = 0
    planned: dict[TaskId, Planned] = {}
    """The plan: the tasks that wait, by start."""
    plan_figures: PlanFigures = PlanFigures()
    placing: bool = False
    placed_version: int = -1
    placed_ns: int = 0
    stale_count: int = 0
    """Plans in a row of which a part did not fit any more when they came back."""
    quarantined: int = 0
    """Inputs that made the core fail and were taken back."""
    interventions: int = 0
    """Requests of people that changed something, other than submitting work."""

    @property
    def change_count(self) -> int:
        """Rises with every change that people look out for."""
        return self.version + self.interventions

    def encoded(self) -> bytes:
        """Give the canonical bytes of the tree."""
        return _encoder.encode(self)

    def digest(self) -> str:
        """Give the hash of the canonical bytes."""
        return hashlib.sha256(self.encoded()).hexdigest()

    @staticmethod
    def decoded(payload: bytes) -> "SchedulerState":
        """Rebuild a tree from its bytes.

        Raises:
            JournalCorrupt: the bytes are not one.
        """
        try:
            return _decoder.decode(payload)
        except MALFORMED as exc:
            raise JournalCorrupt(
                f"the journal's checkpoint is damaged ({exc}); restore the scheduler's store from"
                " a copy, or start an empty one: nodes report anew"
            ) from exc


# Tables keep the order in which they were filled: decisions go by it, so it is part of the state.
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(SchedulerState)
