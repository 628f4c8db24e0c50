"""What can change the scheduler's mind, and what it then wants done.

The journal is the list of these inputs. Replaying it through the same core rebuilds the same
state; solver answers are inputs too, so that a replay never solves again.
"""

import zlib

import msgspec

from lunaredge.errors import JournalCorrupt
from lunaredge.ids import BootId, ClientId, KeyId, NodeId
from lunaredge.scheduler.candidates import PlacementProblem, PlacementSolution
from lunaredge.scheduler.paths import RouteProblem, RouteSolution
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import (
    Answer,
    AuthorityRenewal,
    AuthorityRequest,
    Birth,
    Command,
    CommandReply,
    Farewell,
    Heartbeat,
    RecordClass,
    Request,
    Stop,
)
from lunaredge.wire.seal import Role


class _Input(msgspec.Struct, frozen=True, kw_only=True, tag_field="input"):
    """Base of every input."""


class Started(_Input, frozen=True, kw_only=True, tag="started"):
    """A scheduler process took the lead."""

    boot: BootId
    differing: int = 0
    """Entries of the journal before it that were decided otherwise when they were written."""
    differing_crc: int = 0
    """Which ones: a checksum of their numbers."""


class Listening(_Input, frozen=True, kw_only=True, tag="listening"):
    """The broker was reached, or was lost: silence means something only while we listen."""

    listening: bool


class ArchiveSilence(_Input, frozen=True, kw_only=True, tag="archive_silence"):
    """The archive has said nothing for too long, or is heard again."""

    silent_ns: int
    """For how long; 0 when it is heard."""
    apart_ns: int = 0
    """By how much its last word was of another time than its receiver's."""


class Heard(_Input, frozen=True, kw_only=True, tag="heard"):
    """A signed word of an enrolled node."""

    node: NodeId
    boot: BootId
    number: int
    body: Birth | Heartbeat | AuthorityRequest | AuthorityRenewal | CommandReply | Farewell


class Recorded(_Input, frozen=True, kw_only=True, tag="recorded"):
    """A record of a node, in order and for the first time."""

    node: NodeId
    record_class: RecordClass
    record: bytes


class Asked(_Input, frozen=True, kw_only=True, tag="asked"):
    """A signed request of an operator or of Earth. ``client`` is where the answer goes."""

    client: ClientId
    key: KeyId
    role: Role
    body: Request


class Routed(_Input, frozen=True, kw_only=True, tag="routed"):
    """The route planner's answer."""

    solution: RouteSolution


class Placed(_Input, frozen=True, kw_only=True, tag="placed"):
    """The placement's answer; None when solving failed."""

    solution: PlacementSolution | None


class Quarantined(_Input, frozen=True, kw_only=True, tag="quarantined"):
    """An input made the core fail, and was taken back."""

    kind: str
    error: str


class Ticked(_Input, frozen=True, kw_only=True, tag="ticked"):
    """A time was reached at which something is due."""


Input = (
    Started
    | Listening
    | ArchiveSilence
    | Heard
    | Recorded
    | Asked
    | Routed
    | Placed
    | Quarantined
    | Ticked
)


class Say(msgspec.Struct, frozen=True, kw_only=True, tag="say"):
    """Tell a node something that is not a command to keep repeating."""

    node: NodeId
    body: Command


class Reply(msgspec.Struct, frozen=True, kw_only=True, tag="reply"):
    """Answer a client."""

    client: ClientId
    body: Answer


class Compute(msgspec.Struct, frozen=True, kw_only=True, tag="compute"):
    """Have a problem solved."""

    problem: RouteProblem | PlacementProblem


class ToEarth(msgspec.Struct, frozen=True, kw_only=True, tag="to_earth"):
    """Pass a record on toward Earth."""

    record_class: RecordClass
    record: bytes


class Tell(msgspec.Struct, frozen=True, kw_only=True, tag="tell"):
    """Log a decision, with its reason."""

    event: str
    fields: dict[str, str | int | float | bool | None]
    warning: bool = False


class Repeat(msgspec.Struct, frozen=True, kw_only=True, tag="repeat"):
    """Say an emergency stop again, to everybody; nodes that have it take no notice."""

    stop: Stop


Intent = Say | Reply | Compute | ToEarth | Tell | Repeat


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One input, when it was taken, and a checksum of what it led to."""

    now_ns: int
    input: Input
    intents_crc: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(JournalEntry)


def encode_entry(entry: JournalEntry) -> bytes:
    """Give a journal entry's bytes."""
    return _encoder.encode(entry)


def decode_entry(payload: bytes) -> JournalEntry:
    """Take a journal entry apart.

    Raises:
        JournalCorrupt: the bytes are not one.
    """
    try:
        return _decoder.decode(payload)
    except MALFORMED as exc:
        raise JournalCorrupt(f"a journal entry can't be read: {exc}") from exc


def checksum(intents: list[Intent]) -> int:
    """Give a checksum by which a replay proves that it decided the same."""
    return zlib.crc32(_encoder.encode(intents))
