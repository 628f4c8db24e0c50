from lunaredge.cli.demo.forger import STALE_NS, Forger
from lunaredge.ids import BootId, ClientId, CommandId, KeyId, NodeId, SiteId
from lunaredge.runtime.client import ClientIdentity
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.seal import Keyring, Role, Signer

SITE = SiteId("rim")
SCHEDULER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"s" * 32)
KEYRING = Keyring({SCHEDULER.key_id: SCHEDULER.public})
TOPIC = topics.build(SITE, NodeId("hauler-1"), "cmd")


class Clock:
    """A clock that stands where it is put."""

    now = 0

    def now_ns(self) -> int:
        return self.now


class Wire:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def publish(self, topic: str, payload: bytes) -> None:
        self.sent.append((topic, payload))


def frame(body: messages.Message) -> bytes:
    header = codec.Header(
        node=topics.SCHEDULER, boot=BootId(1), number=1, local_ns=0, site_ns=0, epoch=1
    )
    return codec.encode(header, body, SCHEDULER)


def test_what_is_replayed_is_a_command_and_no_answer_about_the_time() -> None:
    clock, wire = Clock(), Wire()
    identity = ClientIdentity(
        site=SITE, client=ClientId("x"), clock=clock, keyring=KEYRING, signer=None
    )
    forger = Forger(LinkSettings(host="127.0.0.1", port=1), identity)
    forger.link = wire  # type: ignore[assignment]
    command = frame(messages.Hold(command=CommandId("hold-1"), turn=1))

    forger.on_message(TOPIC, b"noise")
    forger.on_message(TOPIC, frame(messages.TimeReply(local_ns=1, site_ns=2)))
    forger.on_message(TOPIC, command)
    early = forger.can_replay
    clock.now = STALE_NS + 1

    assert (early, forger.can_replay) == (False, True)
    assert forger.replay() == "hauler-1"
    assert wire.sent == [(TOPIC, command)]
