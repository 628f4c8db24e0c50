"""Alarms and commands while telemetry drains: how long each takes, end to end over the broker.

An alarm is an upload of an enrolled node, and done when the scheduler's acknowledgement is back:
it is archived by then. A command is an operator's request to hold a node or to let it go on, and
done when the node's reply has been heard.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import msgspec

from lunaredge.cli.bench.fleet_site import OPERATOR, FleetSite
from lunaredge.cli.bench.site import HOST, KEYS_FOLDER
from lunaredge.errors import LunarEdgeError, RemoteProtocolError
from lunaredge.ids import BootId, ClientId, NodeId, SiteId
from lunaredge.runtime.client import EXPIRY_NS, new_request
from lunaredge.runtime.keys import load_keyring, load_signer
from lunaredge.runtime.mqtt import LinkSettings, MqttLink
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.records import Alarm, encode_record
from lunaredge.wire.seal import Role, Signer

PERIOD_S = 0.5
# What takes longer counts as this: far over what is promised.
ANSWER_S_MAX = 20.0
CONNECT_S_MAX = 10.0


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, ms."""

    alarms_ms: tuple[float, ...]
    commands_ms: tuple[float, ...]


class _Voice:
    """One holder's number and boot."""

    def __init__(self, name: str, signer: Signer) -> None:
        self.name = name
        self.boot = BootId(int(time.time()) << 24)
        self._signer = signer
        self._number = 0

    def frame(self, body: messages.Message) -> bytes:
        """Sign a message."""
        self._number += 1
        now_ns = time.time_ns()
        header = codec.Header(
            node=NodeId(self.name),
            boot=self.boot,
            number=self._number,
            local_ns=now_ns,
            site_ns=now_ns,
            clock_error_ns=0,
            expiry_ns=now_ns + EXPIRY_NS,
        )
        return codec.encode(header, body, self._signer)


class Probes:
    """Raises an alarm and gives a command every half second until it is told to end."""

    def __init__(self, site: FleetSite, name: SiteId, served: NodeId, alarming: NodeId) -> None:
        """Take the node that obeys, and the one whose alarms are raised for it."""
        keys = site.folder / KEYS_FOLDER
        self._keyring = load_keyring(keys)
        self._site = name
        self._served = served
        self._alarming = _Voice(alarming, load_signer(keys, alarming))
        client = f"operator-{OPERATOR}"
        self._operator = _Voice(client, load_signer(keys, client))
        self._connected = asyncio.Event()
        self._acked = asyncio.Event()
        self._replied = asyncio.Event()
        self._ack_topic = topics.build(name, alarming, "ack")
        self._reply_topic = topics.build(name, served, "reply")
        settings = LinkSettings(host=HOST, port=site.port)
        wanted = (self._ack_topic, self._reply_topic)
        self._link = MqttLink(settings, "bench-probes", wanted, self)
        self._seq = 0

    async def run(self, ended: asyncio.Event) -> Probed:
        """Measure until then.

        Raises:
            LunarEdgeError: the broker was not reached.
        """
        linking = asyncio.create_task(self._link.run())
        try:
            await asyncio.wait_for(self._connected.wait(), CONNECT_S_MAX)
            alarms_ms, commands_ms = await asyncio.gather(
                self._repeat(self._raise_alarm, self._acked, ended),
                self._repeat(self._order, self._replied, ended),
            )
        except TimeoutError as exc:
            raise LunarEdgeError(f"the broker was not reached in {CONNECT_S_MAX:g} s") from exc
        finally:
            linking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await linking
        return Probed(alarms_ms=tuple(alarms_ms), commands_ms=tuple(commands_ms))

    async def _repeat(
        self, say: Callable[[bool], None], heard: asyncio.Event, ended: asyncio.Event
    ) -> list[float]:
        """Say something again and again, and on and off; give how long each answer took."""
        took_ms: list[float] = []
        on = True
        while not ended.is_set():
            heard.clear()
            start_s = time.monotonic()
            say(on)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(heard.wait(), ANSWER_S_MAX)
            took_ms.append((time.monotonic() - start_s) * 1e3)
            on = not on
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), PERIOD_S)
        return took_ms

    def _raise_alarm(self, active: bool) -> None:  # noqa: FBT001 -- on and off, as `_repeat` has it
        self._seq += 1
        alarm = Alarm(site_ns=time.time_ns(), code="bench", text="measured", active=active)
        upload = messages.Upload(
            record_class=messages.RecordClass.ALARM,
            boot=self._alarming.boot,
            first_seq=self._seq,
            seq=self._seq,
            floor_seq=self._seq,
            count=1,
            dropped=False,
            record=encode_record(alarm),
        )
        node = NodeId(self._alarming.name)
        self._link.publish(
            topics.build(self._site, node, "up", "alarm"), self._alarming.frame(upload)
        )

    def _order(self, hold: bool) -> None:  # noqa: FBT001 -- on and off, as `_repeat` has it
        body = messages.HoldRequest(request=new_request(), node=self._served, hold=hold)
        topic = topics.request(self._site, ClientId(self._operator.name))
        self._link.publish(topic, self._operator.frame(body))

    # --- LinkListener -----------------------------------------------------------------------

    def on_message(self, topic: str, payload: bytes) -> None:
        """Take an acknowledgement of the last alarm, or a reply."""
        with contextlib.suppress(RemoteProtocolError):
            received = codec.decode(payload, self._keyring)
            body = received.body
            if isinstance(body, messages.RecordAck) and received.role is Role.SCHEDULER:
                if body.boot == self._alarming.boot and body.through_seq >= self._seq:
                    self._acked.set()
            elif isinstance(body, messages.CommandReply) and topic == self._reply_topic:
                self._replied.set()

    def on_connected(self) -> None:
        """Note that the broker is there."""
        self._connected.set()

    def on_disconnected(self) -> None:
        """Measure on: what is said now takes its time."""
