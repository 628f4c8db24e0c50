"""The MQTT link: the only file that knows an MQTT client.

Keeps one connection to the broker alive for ever, publishes in order with QoS 1, and hands what
arrives to its listener. Promises nothing beyond that: a broker's PUBACK is no durability, so what
was in flight when the connection broke is forgotten, and the cores, told of the new connection,
send again whatever is not acknowledged end to end. Everything here is bounded, and what does not
fit is counted.
"""

import asyncio
import enum
import logging
import random
import socket
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Protocol, cast

import aiomqtt
import msgspec
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from lunaredge.node import Level
from lunaredge.runtime.log import log_event
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire.codec import FRAME_BYTES_MAX

# 16 publishes wait for their PUBACK at the same time: one at a time would cost a round trip each.
# Mosquitto's unconfigured limit is 20; below it no broker we know closes the connection.
IN_FLIGHT_MAX = 16
# A minute of a large site's traffic. Beyond it the broker is too slow, and more waiting won't help.
OUTGOING_COUNT_MAX = 4096
OUTGOING_BYTES_MAX = 16 * 1024 * 1024
# What may wait while the runner is behind (a slow disk). Lost beyond: sent again by its sender.
INBOX_COUNT_MAX = 4096
INBOX_BYTES_MAX = 32 * 1024 * 1024
# Stands for any message that is larger than a frame.
_TOO_LARGE = bytes(FRAME_BYTES_MAX + 1)
# Sources of what is refused that are named in the log; more than that is a flood.
REPORTED_MAX = 64
# Long enough for a broker that writes its snapshot; then the connection is taken for dead.
ANSWER_S_MAX = 10.0
# A broker that can't read an MQTT 5 greeting may just stay silent (amqtt does, 0.12.1).
GREETING_S_MAX = 3.0
BACKOFF_S_MIN = 0.2
BACKOFF_S_MAX = 5.0
# A connection that lived this long was a good one: the next attempt starts without a wait.
GOOD_CONNECTION_S = 5.0
_UNSUPPORTED_VERSION = (1, 132)  # CONNACK codes of MQTT 3.1.1 and of MQTT 5
_NO_ANSWER = "Operation timed out"  # aiomqtt's words for a silent broker
_SUBSCRIPTION_FAILURE = 128  # SUBACK codes from here on say no


class MqttVersion(enum.Enum):
    """Which MQTT to speak. AUTO: 5, and 3.1.1 once a broker has refused it."""

    AUTO = "auto"
    V5 = "5"
    V311 = "3.1.1"


class LinkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the broker is and how to speak to it."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=253)]
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)]
    protocol: MqttVersion = MqttVersion.AUTO
    keepalive_s: Annotated[int, msgspec.Meta(ge=2, le=3600)] = 15
    """A connection that is silent for longer is broken, s of the wall, 2 to 3600."""
    session_expiry_s: Annotated[int, msgspec.Meta(ge=0, le=604_800)] = 300
    """How long the broker keeps this client's session, so that a stop published while the
    connection flaps still arrives, s of the wall, 0 (none) to a week. With MQTT 5 only."""


class Will(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker publishes when this connection breaks."""

    topic: str
    payload: bytes


class LinkListener(Protocol):
    """Whom a link tells. Called on the event loop; must not raise."""

    def on_message(self, topic: str, payload: bytes) -> None:
        """Take one message."""
        ...

    def on_connected(self) -> None:
        """Learn that the broker is reached and the subscriptions stand."""
        ...

    def on_disconnected(self) -> None:
        """Learn that the broker is out of reach."""
        ...


class LinkCounts(msgspec.Struct, kw_only=True):
    """What a link has done since it was made."""

    connections: int = 0
    sent: int = 0
    """Publishes that the broker took."""
    refused: int = 0
    """Publishes not taken: no connection, no room, or too large."""
    lost: int = 0
    """Publishes taken whose fate a broken connection left unknown."""
    received: int = 0
    overflowed: int = 0
    """Messages that came while the inbox was full."""


class _Outgoing(msgspec.Struct, frozen=True):
    topic: str
    payload: bytes
    retain: bool


class _Inbox(asyncio.Queue[aiomqtt.Message]):
    """Hands each message on at once; aiomqtt's own way costs one task per message."""

    def __init__(self, link: "MqttLink", maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self._link = link

    def put_nowait(self, item: aiomqtt.Message) -> None:
        self._link.take(item.topic.value, bytes(item.payload))


class MqttLink:
    """One client's link to the broker."""

    def __init__(
        self,
        settings: LinkSettings,
        client_id: str,
        subscriptions: Sequence[str],
        listener: LinkListener,
        will: Will | None = None,
        *,
        urgent: str = "",
    ) -> None:
        """Make a link; what comes on the topic ``urgent`` waits for nothing."""
        self.counts = LinkCounts()
        self._settings = settings
        self._client_id = client_id
        self._subscriptions = tuple(subscriptions)
        self._listener = listener
        self._will = will
        self._urgent = urgent
        auto = settings.protocol is MqttVersion.AUTO
        self._version = MqttVersion.V5 if auto else settings.protocol
        self._outgoing: asyncio.Queue[_Outgoing] | None = None
        self._outgoing_bytes = 0
        self._in_flight = 0
        self._inbox: deque[tuple[str, bytes]] = deque()
        self._inbox_bytes = 0
        self._paused = False
        self._delivering = False
        self._reported = ""
        self._reported_once: set[tuple[str, object]] = set()

    @property
    def connected(self) -> bool:
        """Whether the broker is reached now."""
        return self._outgoing is not None

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Queue a message; tell whether it was taken. What is refused is counted, not kept."""
        queue = self._outgoing
        size = len(payload)
        no_room = self._outgoing_bytes + size > OUTGOING_BYTES_MAX
        if queue is None or queue.full() or no_room or size > FRAME_BYTES_MAX:
            self.counts.refused += 1
            return False
        queue.put_nowait(_Outgoing(topic, payload, retain))
        self._outgoing_bytes += size
        return True

    def pause_delivery(self) -> None:
        """Stop handing messages on; all but urgent ones wait in the bounded inbox."""
        self._paused = True

    def resume_delivery(self) -> None:
        """Hand on what waited, and what comes."""
        self._paused = False
        self._deliver()

    async def drain(self, wait_s: float) -> None:
        """Wait until everything queued is with the broker, or the time is up."""
        if self._outgoing is not None:
            try:
                await asyncio.wait_for(self._outgoing.join(), wait_s)
            except TimeoutError:
                log_event(Level.WARNING, "broker.drain_expired", {"waiting": self._outgoing_bytes})

    async def run(self) -> None:
        """Keep the link up until cancelled."""
        keeping = asyncio.create_task(self._keep_up())
        try:
            await asyncio.wait((keeping,))
        finally:
            failures = await end_tasks((keeping,))
        if failures:
            raise failures[0]

    async def _keep_up(self) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            start_s = loop.time()
            reason = await self._connect_once()
            self._report("broker.unreachable", {"reason": reason})
            failures = 0 if loop.time() - start_s > GOOD_CONNECTION_S else failures + 1
            await asyncio.sleep(_backoff_s(failures))

    def take(self, topic: str, payload: bytes) -> None:
        """Take a message from the client.

        What no frame can be is handed on as `_TOO_LARGE`: the listener refuses and counts it as
        all else that is no frame, and none of its bytes are kept.
        """
        if len(payload) > FRAME_BYTES_MAX:
            payload = _TOO_LARGE
        if topic == self._urgent:
            # Not even for its place behind what came before: that may wait for a disk.
            self._hand_on(topic, payload)
            return
        full = len(self._inbox) >= INBOX_COUNT_MAX
        if full or self._inbox_bytes + len(payload) > INBOX_BYTES_MAX:
            self.counts.overflowed += 1
            self._report_once("inbox.overflowed", {"waiting": len(self._inbox)})
            return
        self._inbox.append((topic, payload))
        self._inbox_bytes += len(payload)
        self._deliver()

    def _deliver(self) -> None:
        """Hand on while nobody says stop. Before ``on_connected`` is told, messages wait."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._inbox and not self._paused and self.connected:
                topic, payload = self._inbox.popleft()
                self._inbox_bytes -= len(payload)
                self._hand_on(topic, payload)
        finally:
            self._delivering = False

    def _hand_on(self, topic: str, payload: bytes) -> None:
        self.counts.received += 1
        self._listener.on_message(topic, payload)

    async def _connect_once(self) -> str:
        """Connect and stay until it breaks; give the reason."""
        connections = self.counts.connections
        try:
            async with self._client() as client:
                client.timeout = ANSWER_S_MAX
                await self._subscribe(client)
                await self._serve(client)
        except aiomqtt.MqttError as exc:
            if connections == self.counts.connections:
                self._reconsider_version(exc)
            return str(exc)
        return "closed"

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        if not self._subscriptions:
            return
        codes = await client.subscribe([(name, 1) for name in self._subscriptions])
        for name, code in zip(self._subscriptions, codes, strict=False):
            if _number(code) >= _SUBSCRIPTION_FAILURE:
                raise aiomqtt.MqttError(f"subscription to {name} refused ({code})")

    async def _serve(self, client: aiomqtt.Client) -> None:
        queue: asyncio.Queue[_Outgoing] = asyncio.Queue(OUTGOING_COUNT_MAX)
        self._outgoing, self._outgoing_bytes, self._in_flight = queue, 0, 0
        self.counts.connections += 1
        self._report("broker.connected", {"protocol": self._version.value})
        self._listener.on_connected()
        self._deliver()
        publishers = [self._publish_from(queue, client) for _ in range(IN_FLIGHT_MAX)]
        tasks = [asyncio.create_task(work) for work in (*publishers, _until_broken(client))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._outgoing = None
            self.counts.lost += queue.qsize() + self._in_flight
            self._listener.on_disconnected()
            failures = await end_tasks(tasks)
        if failures:
            raise failures[0]

    async def _publish_from(self, queue: asyncio.Queue[_Outgoing], client: aiomqtt.Client) -> None:
        """Publish what is queued. The order holds: nothing is awaited between taking and writing.

        A time-out ends the connection. The message may still arrive, then twice: receivers of
        everything that matters know it by its number.
        """
        while self._outgoing is queue:
            message = await queue.get()
            self._in_flight += 1
            await client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            self._in_flight -= 1
            self.counts.sent += 1
            self._outgoing_bytes -= len(message.payload)
            queue.task_done()

    def _client(self) -> aiomqtt.Client:
        """Make a client. A new one for each connection: it starts with nothing in flight."""
        modern = self._version is MqttVersion.V5
        kept_s = self._settings.session_expiry_s if modern else 0
        properties = None
        if kept_s:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = kept_s
        will = self._will
        client = aiomqtt.Client(
            self._settings.host,
            self._settings.port,
            logger=_SILENT,
            identifier=self._client_id,
            queue_type=cast("type[asyncio.Queue[aiomqtt.Message]]", partial(_Inbox, self)),
            protocol=aiomqtt.ProtocolVersion.V5 if modern else aiomqtt.ProtocolVersion.V311,
            will=aiomqtt.Will(will.topic, will.payload, qos=1) if will else None,
            clean_session=None if modern else True,
            clean_start=not kept_s if modern else MQTT_CLEAN_START_FIRST_ONLY,
            timeout=GREETING_S_MAX,
            keepalive=self._settings.keepalive_s,
            properties=properties,
            # Without it a PUBACK waits up to 40 ms for company: 340 messages/s instead of 5000.
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        client.pending_calls_threshold = IN_FLIGHT_MAX
        return client

    def _reconsider_version(self, error: BaseException) -> None:
        """Take the other version of MQTT, when it may be why there is no connection."""
        if self._settings.protocol is not MqttVersion.AUTO:
            return
        if isinstance(error, aiomqtt.MqttCodeError) and _number(error.rc) in _UNSUPPORTED_VERSION:
            self._version = MqttVersion.V311
        elif str(error) == _NO_ANSWER:
            modern = self._version is MqttVersion.V5
            self._version = MqttVersion.V311 if modern else MqttVersion.V5

    def _report_once(self, event: str, fields: dict[str, object]) -> None:
        """Log what is only counted from here on, by its source where it has one."""
        key = (event, fields.get("source"))
        if key not in self._reported_once and len(self._reported_once) < REPORTED_MAX:
            self._reported_once.add(key)
            log_event(Level.WARNING, event, fields)

    def _report(self, event: str, fields: dict[str, object]) -> None:
        """Log a change of state once."""
        if event != self._reported:
            self._reported = event
            level = Level.INFO if event == "broker.connected" else Level.WARNING
            place = f"{self._settings.host}:{self._settings.port}"
            log_event(level, event, {"broker": place, **fields})


async def _until_broken(client: aiomqtt.Client) -> None:
    """Wait for the end of the connection; messages go past this, through `_Inbox`.

    Raises:
        MqttError: always, in the end.
    """
    async for _ in client.messages:
        pass


def _number(code: object) -> int:
    """Give the number of a reason code; MQTT 5's are objects, 3.1.1's are integers."""
    number = getattr(code, "value", code)
    return number if isinstance(number, int) else -1


def _backoff_s(failures: int) -> float:
    """Give a wait that doubles; random, so that a fleet doesn't come back in step."""
    ceiling_s = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2.0 ** min(failures, 10))
    return ceiling_s * random.uniform(0.5, 1.0)


# aiomqtt and paho log each message and each retry; a link says once what changed.
_SILENT = logging.getLogger("lunaredge.mqtt")
_SILENT.disabled = True
