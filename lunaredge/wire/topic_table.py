"""What travels on each topic: who says it to whom, how it is proved, and whether it is retained.

One table. The published schema is made from it, and tests hold it against what is said. How a
topic is written is the business of `topics`.
"""

import enum
from typing import NamedTuple, get_args

from lunaredge.wire import messages as m
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.seal import Role
from lunaredge.wire.topics import ALL, ARCHIVE, INTAKE, ROOT, SCHEDULER, Topic

NODE, CLASS, CLIENT, NAME = "{node}", "{class}", "{client}", "{name}"


class Proof(enum.Enum):
    """How a receiver knows who said it."""

    SIGNED = "signature"
    """An Ed25519 signature, which anybody with the site's public keys can check."""
    TAGGED = "tag"
    """A keyed BLAKE2b tag, which the archive alone can check."""
    NONE = "none"
    """None is asked for: who forges it gains nothing."""


class Broker(enum.Enum):
    """Which of the two brokers."""

    SITE = "site"
    EARTH = "earth"


class Flow(NamedTuple):
    """Messages that the same parties say to the same others, proved in the same way."""

    bodies: tuple[type, ...]
    senders: tuple[Role, ...]
    """The role that the key which proves it must have; without a proof, who says it."""
    receivers: tuple[Role, ...]
    proof: Proof = Proof.SIGNED


class Pattern(NamedTuple):
    """Topics of one kind."""

    key: str
    text: str
    node: str
    """`NODE`, or the one word that stands there."""
    channel: str
    flows: tuple[Flow, ...]
    detail: str = ""
    """The name of what stands there, or empty."""
    details: tuple[str, ...] = ()
    """All that may stand there; empty: any name."""
    retained: bool = False
    brokers: tuple[Broker, ...] = (Broker.SITE,)

    @property
    def address(self) -> str:
        """Give the topic with its parameters in braces."""
        base = f"{ROOT}/{{site}}/{self.node}/{self.channel}"
        return f"{base}/{self.detail}" if self.detail else base

    def takes(self, topic: Topic) -> bool:
        """Tell whether a topic is of this kind."""
        is_node = self.node in (NODE, topic.node)
        is_detail = not self.details or topic.detail in self.details
        has_detail = bool(self.detail) == bool(topic.detail)
        return is_node and topic.channel == self.channel and has_detail and is_detail


_ORDERLY = (RecordClass.ALARM.value, RecordClass.EVENT.value, RecordClass.STATE.value)
_BULK = (RecordClass.SUMMARY.value, RecordClass.RAW.value)
_CLASSES = (*_ORDERLY, *_BULK)
_PEOPLE = (Role.OPERATOR, Role.EARTH)
_EVERYBODY = tuple(Role)
_BOTH = (Broker.SITE, Broker.EARTH)

# A topic is of the first kind that takes it: one word before any node's name.
PATTERNS = (
    Pattern(
        "scheduler_records",
        "Records of the scheduler, and those that it passes on, on their way to Earth.",
        SCHEDULER,
        "up",
        (Flow((m.Upload,), (Role.SCHEDULER,), (Role.GATEWAY,)),),
        CLASS,
        _CLASSES,
    ),
    Pattern(
        "archive_summaries",
        "Summaries of telemetry, on their way to Earth.",
        ARCHIVE,
        "up",
        (Flow((m.Upload,), (Role.ARCHIVE,), (Role.GATEWAY,)),),
        CLASS,
        (RecordClass.SUMMARY.value,),
    ),
    Pattern(
        "archive_alarms",
        "Alarms of telemetry that is out of its limits.",
        ARCHIVE,
        "up",
        (Flow((m.Upload,), (Role.ARCHIVE,), (Role.SCHEDULER,)),),
        CLASS,
        (RecordClass.ALARM.value,),
    ),
    Pattern(
        "telemetry",
        "Telemetry and its summaries, acknowledged end to end, in any order.",
        NODE,
        "up",
        (Flow((m.Upload,), (Role.NODE,), (Role.ARCHIVE,), Proof.TAGGED),),
        CLASS,
        _BULK,
    ),
    Pattern(
        "records",
        "Alarms, events and task reports, acknowledged end to end, strictly in order.",
        NODE,
        "up",
        (Flow((m.Upload,), (Role.NODE,), (Role.SCHEDULER,)),),
        CLASS,
        _ORDERLY,
    ),
    Pattern(
        "acknowledgements",
        "What of a sender's records is committed to disk; the scheduler and the archive get such "
        "too, for what they pass on.",
        NODE,
        "ack",
        (
            Flow(
                (m.RecordAck,),
                (Role.SCHEDULER, Role.ARCHIVE, Role.GATEWAY),
                (Role.NODE, Role.SCHEDULER, Role.ARCHIVE),
            ),
        ),
    ),
    Pattern(
        "presence",
        "Who is there. A farewell is also the node's will, which the broker says for it.",
        NODE,
        "node",
        (Flow((m.Birth, m.Heartbeat, m.Farewell), (Role.NODE,), (Role.SCHEDULER, Role.OPERATOR)),),
    ),
    Pattern(
        "questions",
        "What a node asks of the scheduler.",
        NODE,
        "ask",
        (
            Flow((m.TimeRequest,), (Role.NODE,), (Role.SCHEDULER,), Proof.NONE),
            Flow((m.AuthorityRequest, m.AuthorityRenewal), (Role.NODE,), (Role.SCHEDULER,)),
        ),
    ),
    Pattern(
        "replies",
        "Results of commands.",
        NODE,
        "reply",
        (Flow((m.CommandReply,), (Role.NODE,), (Role.SCHEDULER,)),),
    ),
    Pattern(
        "commands",
        "Commands of the leading scheduler, fenced by epoch and with an expiry, and its answers.",
        NODE,
        "cmd",
        (
            Flow(
                (
                    *(body for body in get_args(m.Command) if body is not m.Grant),
                    *(m.TimeReply, m.Outlived),
                ),
                (Role.SCHEDULER,),
                (Role.NODE,),
            ),
        ),
    ),
    Pattern(
        "authorities",
        "A node's movement authorities, for all its neighbours' ears, and disputes about them.",
        NODE,
        "ma",
        (
            Flow((m.Grant,), (Role.SCHEDULER,), (Role.NODE,)),
            Flow((m.Dispute,), (Role.NODE,), (Role.NODE,)),
        ),
    ),
    Pattern(
        "tables",
        "The channel table by which a node's telemetry is read.",
        NODE,
        "birth",
        (Flow((m.StreamBirth,), (Role.NODE,), (Role.ARCHIVE, Role.OPERATOR)),),
        retained=True,
    ),
    Pattern(
        "rebirths",
        "Asks a node to say its channel table again.",
        NODE,
        "rebirth",
        (Flow((m.RebirthRequest,), _EVERYBODY, (Role.NODE,), Proof.NONE),),
    ),
    Pattern(
        "stops",
        "Emergency stops. Any enrolled key will do; never retained.",
        ALL,
        "stop",
        (Flow((m.Stop,), _EVERYBODY, (Role.NODE, Role.SCHEDULER)),),
        brokers=_BOTH,
    ),
    Pattern(
        "requests",
        "What people at the site and Earth ask of the scheduler.",
        SCHEDULER,
        "request",
        (
            Flow(
                tuple(body for body in get_args(m.Question) if body is not m.Explain),
                _PEOPLE,
                (Role.SCHEDULER,),
            ),
            Flow((m.Explain,), _PEOPLE, (Role.SCHEDULER,), Proof.NONE),
        ),
        CLIENT,
        brokers=_BOTH,
    ),
    Pattern(
        "archive_requests",
        "What is asked of the archive.",
        ARCHIVE,
        "request",
        (Flow((m.LatestRequest,), _PEOPLE, (Role.ARCHIVE,), Proof.NONE),),
        CLIENT,
    ),
    Pattern(
        "answers",
        "Answers to requests, to the client that asked.",
        "operator",
        "reply",
        (Flow((m.Answer,), (Role.SCHEDULER, Role.ARCHIVE, Role.EARTH), _PEOPLE),),
        CLIENT,
        brokers=_BOTH,
    ),
    Pattern(
        "intake_view",
        "How the archive's intake goes; it tells the scheduler that the archive is there.",
        "view",
        "view",
        (Flow((m.View,), (Role.ARCHIVE,), (Role.OPERATOR, Role.SCHEDULER)),),
        NAME,
        (INTAKE,),
        retained=True,
    ),
    Pattern(
        "views",
        "Rows for screens and scripts, signed by whoever owns the facts.",
        "view",
        "view",
        (Flow((m.View,), (Role.SCHEDULER, Role.GATEWAY, Role.EARTH), (Role.OPERATOR,)),),
        NAME,
        retained=True,
        brokers=_BOTH,
    ),
    Pattern(
        "earth_records",
        "On Earth's broker: what of a node's records has come over the link, signed by Earth.",
        NODE,
        "up",
        (Flow((m.Upload,), (Role.EARTH,), _PEOPLE),),
        CLASS,
        _CLASSES,
        brokers=(Broker.EARTH,),
    ),
)


def pattern_of(topic: Topic, broker: Broker = Broker.SITE) -> Pattern | None:
    """Give the kind of a topic; None when nothing is said on it."""
    for pattern in PATTERNS:
        if broker in pattern.brokers and pattern.takes(topic):
            return pattern
    return None
