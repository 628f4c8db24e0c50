"""Somebody at the broker who remembers everything that was said of records, and by whom.

It was not killed, and it trusts nobody's disk: what it heard a node hand over, or an archive call
committed, must be there in the end.
"""

from collections.abc import Iterable
from typing import NamedTuple

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, NodeId
from lunaredge.runtime.client_settings import Client
from lunaredge.runtime.mqtt import MqttLink
from lunaredge.wire import codec, topics
from lunaredge.wire.messages import RecordAck, RecordClass, Upload


class Stream(NamedTuple):
    """Whose numbers they are."""

    node: NodeId
    boot: BootId
    record_class: RecordClass


class Heard(NamedTuple):
    """One upload as it went over the wire."""

    at_ns: int
    """Site time when it was first heard."""
    record: bytes
    """As it was said last."""


class Evidence:
    """What was heard."""

    def __init__(self) -> None:
        self.uploads: dict[Stream, dict[int, Heard]] = {}
        """By last number."""
        self.acknowledged: dict[Stream, set[int]] = {}
        self.frames = 0

    def upload(self, stream: Stream, seq: int, heard: Heard) -> None:
        """Hear a node hand something over, perhaps again."""
        known = self.uploads.setdefault(stream, {})
        at_ns = known[seq].at_ns if seq in known else heard.at_ns
        known[seq] = Heard(at_ns, heard.record)

    def acknowledge(self, stream: Stream, spans: Iterable[tuple[int, int]]) -> None:
        """Hear that numbers are committed."""
        numbers = self.acknowledged.setdefault(stream, set())
        for first, last in spans:
            numbers.update(range(first, last + 1))


class Witness:
    """Hears the uploads and acknowledgements of all nodes."""

    def __init__(self, client: Client) -> None:
        site = client.identity.site
        wanted = [
            topics.build(site, NodeId("+"), "up", "+"),
            topics.build(site, NodeId("+"), "ack"),
        ]
        self.evidence = Evidence()
        self.link = MqttLink(client.broker, "witness", wanted, self)
        self._clock = client.identity.clock
        self._keyring = client.identity.keyring

    def on_message(self, topic: str, payload: bytes) -> None:
        """Remember what a frame says; who forged one would only make the judge stricter."""
        place = topics.parse(topic)
        try:
            seen = codec.look(payload, self._keyring)
        except RemoteProtocolError:
            return
        self.evidence.frames += 1
        match seen.body:
            case Upload() as up:
                stream = Stream(seen.header.node, up.boot, up.record_class)
                heard = Heard(self._clock.now_ns(), up.record)
                self.evidence.upload(stream, up.seq, heard)
            case RecordAck() as ack if place is not None:
                stream = Stream(place.node, ack.boot, ack.record_class)
                self.evidence.acknowledge(stream, [(1, ack.through_seq), *ack.ranges])

    def on_connected(self) -> None:
        """Nothing to do."""

    def on_disconnected(self) -> None:
        """Nothing to do: what was missed is not evidence."""
