"""The demo's forger: says to the running site what nobody may say, so that refusing it is shown.

It has a place on the broker, as a broken or hostile program would, and the public keys, but none to
sign with.
"""

import secrets

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, CommandId, KeyId, NodeId, TaskId
from lunaredge.runtime.client import ClientIdentity
from lunaredge.runtime.mqtt import LinkSettings, MqttLink
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.seal import SEED_BYTES, Role, Signer

# Past a command's expiry and every honest delay: what is sent again after this is stale.
STALE_NS = 300 * NS_PER_S


class Forger:
    """Forges, replays and babbles; each call is one frame that its node must refuse."""

    def __init__(self, settings: LinkSettings, identity: ClientIdentity) -> None:
        self._site = identity.site
        self._clock = identity.clock
        self._keyring = identity.keyring
        self._captured: tuple[str, bytes, int] | None = None
        self._number = 0
        # A key of its own making, under a name that the site trusts.
        self._signer = Signer(KeyId("scheduler"), Role.SCHEDULER, secrets.token_bytes(SEED_BYTES))
        wanted = [f"{topics.ROOT}/{self._site}/+/cmd"]
        self.link = MqttLink(settings, f"forger-{secrets.token_hex(4)}", wanted, self)

    @property
    def can_replay(self) -> bool:
        """Whether a genuine command was overheard that is stale by now."""
        captured = self._captured
        return captured is not None and self._clock.now_ns() - captured[2] > STALE_NS

    def replay(self) -> NodeId:
        """Send a stale genuine command again, byte for byte; give the node it was for."""
        assert self._captured is not None
        topic, payload, _ = self._captured
        self.link.publish(topic, payload)
        parsed = topics.parse(topic)
        assert parsed is not None
        return parsed.node

    def forge(self, node: NodeId) -> None:
        """Tell a node to give up its task, with a signature of nobody's."""
        body = messages.Cancel(command=CommandId("forged"), task=TaskId("none"), attempt=1)
        frame = codec.encode(self._header(node), body, self._signer)
        self._tell(node, frame)

    def omit_signature(self, node: NodeId) -> None:
        """Tell a node to hold, unsigned."""
        body = messages.Hold(command=CommandId("unsigned"), turn=1)
        frame = codec.encode(self._header(node), body)
        self._tell(node, frame)

    def babble(self, node: NodeId) -> None:
        """Send bytes that are no frame to a node, and to the scheduler in its name."""
        noise = secrets.token_bytes(100)
        self._tell(node, noise)
        self.link.publish(topics.build(self._site, node, "node"), noise)

    def on_message(self, topic: str, payload: bytes) -> None:
        """Overhear the first command; an answer about the time, said in the same place, is none."""
        if self._captured is None and self._is_command(payload):
            self._captured = (topic, payload, self._clock.now_ns())

    def on_connected(self) -> None:
        """Nothing to do."""

    def on_disconnected(self) -> None:
        """Nothing to do."""

    def _is_command(self, payload: bytes) -> bool:
        try:
            return isinstance(codec.decode(payload, self._keyring).body, messages.Command)
        except RemoteProtocolError:
            return False

    def _tell(self, node: NodeId, frame: bytes) -> None:
        self.link.publish(topics.build(self._site, node, "cmd"), frame)

    def _header(self, node: NodeId) -> codec.Header:
        self._number += 1
        now_ns = self._clock.now_ns()
        return codec.Header(
            node=topics.SCHEDULER,
            boot=BootId(1),
            number=self._number,
            to=node,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            epoch=2**40,
            expiry_ns=now_ns + 60 * NS_PER_S,
        )
