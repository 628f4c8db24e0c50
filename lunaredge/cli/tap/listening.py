"""The connection of `lunaredge tap`: what comes goes to the reading, and its lines to stdout.

Bounded: while lines are written, messages wait in the link's inbox, and what that has no room for
is counted.
"""

import asyncio
import contextlib
import secrets
import sys

import msgspec

from lunaredge.cli.cells import cut
from lunaredge.cli.table import width_of_stdout
from lunaredge.cli.tap.reading import Reading
from lunaredge.errors import TransportError
from lunaredge.ids import BootId, NodeId
from lunaredge.runtime.client import CONNECT_S_MAX
from lunaredge.runtime.client_settings import Client
from lunaredge.runtime.mqtt import MqttLink
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire import codec, topics
from lunaredge.wire.messages import RebirthRequest

# So many messages are turned into lines and written in one go.
_BATCH_COUNT = 256
# How often it is looked whether a node is to be asked, or the time is up.
_TURN_S = 0.25


class Listening:
    """Listens to a broker, and shows what comes."""

    def __init__(
        self,
        client: Client,
        reading: Reading,
        subscriptions: tuple[str, ...],
        *,
        line_count_max: int | None,
    ) -> None:
        self.line_count = 0
        self._client = client
        self._reading = reading
        self._line_count_max = line_count_max
        self._width = width_of_stdout()
        self._taken: list[tuple[str, bytes]] = []
        self._news = asyncio.Event()
        self._connected = asyncio.Event()
        self._asked_count = 0
        self._is_ending = False
        settings = msgspec.structs.replace(client.broker, session_expiry_s=0)
        name = f"{client.identity.client}-tap-{secrets.token_hex(4)}"
        self._link = MqttLink(settings, name, subscriptions, self)

    async def listen(self, seconds: float | None) -> None:
        """Show what comes for that long, or until there are lines enough.

        Raises:
            TransportError: the broker was not reached.
        """
        running = asyncio.create_task(self._link.run())
        try:
            await self._reach()
            await self._show(seconds)
        finally:
            self._is_ending = True
            await end_tasks([running])

    def summary(self) -> list[str]:
        """Give what is to be said at the end."""
        reading, counts = self._reading, self._link.counts
        lines = [f"{self.line_count} lines of {reading.message_count} messages"]
        if reading.unheard:
            lines.append(f"nobody called {' or '.join(reading.unheard)} spoke")
        if reading.damaged:
            reasons = ", ".join(f"{name} {n}" for name, n in sorted(reading.damaged.items()))
            lines.append(f"{sum(reading.damaged.values())} messages could not be read: {reasons}")
        if counts.overflowed:
            lines.append(f"{counts.overflowed} messages left out: too many at once")
        unread = reading.tables.waiting_count + reading.tables.left_out
        if unread:
            lines.append(f"{unread} batches of telemetry not shown: nobody told their columns")
        return lines

    # --- LinkListener -------------------------------------------------------------------------

    def on_message(self, topic: str, payload: bytes) -> None:
        """Take a message; of many, the rest waits in the link."""
        self._taken.append((topic, payload))
        if len(self._taken) >= _BATCH_COUNT:
            self._link.pause_delivery()
        self._news.set()

    def on_connected(self) -> None:
        """Note that the broker is there."""
        self._connected.set()

    def on_disconnected(self) -> None:
        """Say that it is gone; the link goes on trying."""
        self._connected.clear()
        if not self._is_ending:
            _say("the broker is out of reach; going on as soon as it is back")

    # --- at work ------------------------------------------------------------------------------

    async def _reach(self) -> None:
        try:
            await asyncio.wait_for(self._connected.wait(), CONNECT_S_MAX)
        except TimeoutError as exc:
            place = f"{self._client.broker.host}:{self._client.broker.port}"
            raise TransportError(
                f"the broker at {place} can't be reached; is the site running, and is that "
                "where its broker is?"
            ) from exc

    async def _show(self, seconds: float | None) -> None:
        clock = asyncio.get_running_loop()
        end_s = float("inf") if seconds is None else clock.time() + seconds
        while clock.time() < end_s and not self._is_enough():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, min(_TURN_S, end_s - clock.time()))):
                    await self._news.wait()
            self._news.clear()
            taken, self._taken = self._taken, []
            self._link.resume_delivery()
            for topic, payload in taken:
                await self._write(list(self._reading.take(topic, payload, clock.time())))
            for node in self._reading.tables.to_ask(clock.time()):
                self._ask(node)

    def _is_enough(self) -> bool:
        return self._line_count_max is not None and self.line_count >= self._line_count_max

    async def _write(self, lines: list[str]) -> None:
        """Write lines, away from the loop: whoever reads them may take their time."""
        if self._line_count_max is not None:
            del lines[self._line_count_max - self.line_count :]
        if lines:
            self.line_count += len(lines)
            shown = lines if self._width is None else [cut(line, self._width) for line in lines]
            await asyncio.to_thread(_print, "".join(f"{line}\n" for line in shown))

    def _ask(self, node: NodeId) -> None:
        """Ask a node what its columns are: it needs no key, and changes nothing."""
        self._asked_count += 1
        identity = self._client.identity
        now_ns = identity.clock.now_ns()
        header = codec.Header(
            node=NodeId(identity.client),
            boot=BootId(0),
            number=self._asked_count,
            to=node,
            local_ns=now_ns,
            site_ns=now_ns,
        )
        topic = topics.build(identity.site, node, "rebirth")
        self._link.publish(topic, codec.encode(header, RebirthRequest()))
        _say(f"asked {node} what its telemetry's columns are: the broker keeps no word of it")


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _say(text: str) -> None:
    print(f"lunaredge tap: {text}", file=sys.stderr)
