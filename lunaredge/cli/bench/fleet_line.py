"""One node's MQTT connection in a load of a thousand: the codec `mqtt5` under an asyncio protocol.

The production link costs 75 us and more for each message, most of it the client's: a board has a
second for that, a machine that plays a thousand boards has not. What goes over the wire is the same
MQTT 5 with QoS 1. A load generator only: it reconnects never, and gives up where it can't go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import mqtt5

# Mosquitto's own limit for unanswered publishes, and the packet ids that they take in turn.
IN_FLIGHT_MAX = 20
_PACKET_IDS = 60_000
KEEPALIVE_S = 600


class FleetLine(asyncio.Protocol):
    """A connection that publishes, and hands on what comes on one topic."""

    def __init__(self, name: str, topic: str, taken: Callable[[bytes], None]) -> None:
        """Take the client's name, the topic to hear, and who is told."""
        self.ready = asyncio.get_running_loop().create_future()
        self.waiting: deque[tuple[str, bytes, bool]] = deque()
        self._name = name
        self._topic = topic
        self._taken = taken
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._packet_id = 0
        self._in_flight = 0

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a message, in turn."""
        self.waiting.append((topic, payload, retain))
        self._pump()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        # uvloop's is one without saying so.
        self._transport = cast("asyncio.Transport", transport)
        hello = mqtt5.ConnectPacket(self._name, clean_start=True, keep_alive=KEEPALIVE_S)
        self._transport.write(hello.write())

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still waits for the connection."""
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(f"{self._name} lost its broker: {exc}"))

    def data_received(self, data: bytes) -> None:
        """Take packets."""
        self._buffer += data
        at = 0
        with memoryview(bytes(self._buffer)) as view:
            while at < len(view):
                try:
                    packet, size_bytes = mqtt5.read(view[at:])
                except IndexError:
                    break
                at += size_bytes
                self._take(packet)
        del self._buffer[:at]
        self._pump()

    def _take(self, packet: object) -> None:
        assert self._transport is not None
        match packet:
            case mqtt5.PublishPacket():
                if packet.packet_id is not None:
                    self._transport.write(mqtt5.PubAckPacket(packet.packet_id).write())
                self._taken(packet.payload)
            case mqtt5.PubAckPacket():
                self._in_flight -= 1
            case mqtt5.ConnAckPacket():
                wanted = mqtt5.TopicFilter(self._topic, max_qos=mqtt5.QoS.AT_LEAST_ONCE)
                self._transport.write(mqtt5.SubscribePacket(1, [wanted]).write())
            case mqtt5.SubAckPacket():
                self.ready.set_result(None)
            case _:
                pass

    def _pump(self) -> None:
        if self._transport is None or not self.ready.done():
            return
        while self.waiting and self._in_flight < IN_FLIGHT_MAX:
            topic, payload, retain = self.waiting.popleft()
            self._packet_id = self._packet_id % _PACKET_IDS + 1
            self._in_flight += 1
            packet = mqtt5.PublishPacket(
                topic,
                payload,
                qos=mqtt5.QoS.AT_LEAST_ONCE,
                packet_id=self._packet_id,
                retain=retain,
            )
            self._transport.write(packet.write())
