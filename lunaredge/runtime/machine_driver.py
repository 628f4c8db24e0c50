"""The machine driver: an agent's side of the socket to its machine's controller.

`MachineDriver` is the port an agent's shell is written against; `SocketMachine` is the driver that
speaks the frames of `wire.driver`, to a real machine's flight software or to simulated machines:
it can't tell which. It keeps no orders: what can't be sent now is dropped, because a set-point
that arrives late is worse than none. It decides nothing about safety: that is the agent's, and
the controller's.
"""

import asyncio
import contextlib
import random
import socket
from typing import Protocol, assert_never

import msgspec

from lunaredge.errors import ConfigError, RemoteProtocolError, TransportError
from lunaredge.ids import NodeId
from lunaredge.node import Level
from lunaredge.runtime.log import log_event
from lunaredge.wire.driver import (
    VERSION,
    Attach,
    DriverFrame,
    Follow,
    FrameReader,
    Halt,
    Hello,
    MachineOrder,
    Refused,
    Sample,
    encode_frame,
)

# Wall time. A controller that boots takes seconds; asking it ten times a second at first costs
# nothing, and asking every five seconds later finds it soon enough.
BACKOFF_S_MIN = 0.1
BACKOFF_S_MAX = 5.0
# A controller answers an Attach at once, and any connection in the site's network is made sooner.
ATTACH_S_MAX = 5.0
# A controller that says nothing for this long is gone, whatever the network claims. Six periods of
# the default sample at real-time speed.
SILENCE_S_MAX = 30.0
# Orders that may wait in this process: a dozen longest paths. More means that nobody reads.
BUFFER_BYTES_MAX = 262_144
# As many points as fit a frame of 64 KiB.
PATH_POINTS_MAX = 3000
_READ_BYTES = 65_536
# Samples that wait in the kernel will be taken for fresh: let few wait there.
_RECEIVE_BUFFER_BYTES = 16_384
# A socket's name in the kernel has 108 bytes, the last of them zero.
_UNIX_PATH_BYTES_MAX = 107


class MachineListener(Protocol):
    """What an agent's shell is told by a driver. Calls come from the event loop, in order."""

    def on_attached(self, hello: Hello) -> None:
        """Learn that a controller answered; every order number before this is void."""
        ...

    def on_sample(self, sample: Sample) -> None:
        """Take what the machine measures."""
        ...

    def on_lost(self) -> None:
        """Learn that the controller is out of reach; it comes once for each `on_attached`."""
        ...


class MachineDriver(Protocol):
    """The way to one machine. Write another for another kind of controller."""

    async def run(self, listener: MachineListener) -> None:
        """Keep the machine attached until closed or cancelled."""
        ...

    def order(self, order: MachineOrder) -> bool:
        """Give an order now or not at all; tells whether it went out. Never blocks."""
        ...

    def close(self) -> None:
        """Let go of the machine; ``run`` ends."""
        ...


class UnixAddress(msgspec.Struct, frozen=True):
    """A socket in the file system."""

    path: str


class TcpAddress(msgspec.Struct, frozen=True):
    """A host and port."""

    host: str
    port: int


Address = UnixAddress | TcpAddress


def parse_address(text: str, *, place: str = "machine driver", key: str = "address") -> Address:
    """Read ``unix:PATH`` or ``tcp:HOST:PORT``.

    Raises:
        ConfigError: it is neither.
    """
    kind, _, rest = text.partition(":")
    if kind == "unix" and rest:
        if len(rest.encode()) <= _UNIX_PATH_BYTES_MAX:
            return UnixAddress(rest)
        remedy = f"use a path of at most {_UNIX_PATH_BYTES_MAX} bytes"
        raise ConfigError("socket path too long", place=place, key=key, value=text, remedy=remedy)
    host, _, port = rest.rpartition(":")
    if kind == "tcp" and host and port.isdecimal() and int(port) <= 65_535:
        return TcpAddress(host.strip("[]"), int(port))
    remedy = "write unix:PATH or tcp:HOST:PORT"
    raise ConfigError("no socket address", place=place, key=key, value=text, remedy=remedy)


class SocketMachine:
    """The driver of one machine over a socket. ``address`` is as `parse_address` takes it."""

    def __init__(
        self, address: str, machine: NodeId, *, silence_s_max: float = SILENCE_S_MAX
    ) -> None:
        assert silence_s_max > 0.0
        self.orders_dropped = 0
        """Orders that could not go out."""
        self._address = parse_address(address)
        self._machine = machine
        self._silence_s_max = silence_s_max
        self._writer: asyncio.StreamWriter | None = None
        self._attached = False
        self._closed = asyncio.Event()

    @property
    def attached(self) -> bool:
        """Whether orders reach a controller now."""
        return self._attached

    async def run(self, listener: MachineListener) -> None:
        """Keep the machine attached until closed or cancelled, with bounded back-off."""
        wait_s = BACKOFF_S_MIN
        while not self._closed.is_set():
            lost = await self._converse(listener)
            if self._closed.is_set():
                return
            wait_s = BACKOFF_S_MIN if lost.worked else min(2.0 * wait_s, BACKOFF_S_MAX)
            fields = {"machine": self._machine, "reason": lost.reason, "wait_s": wait_s}
            log_event(Level.WARNING, "machine.lost", fields)
            # A share of chance, so that a site's agents don't return in step.
            await self._pause(wait_s * random.uniform(0.5, 1.0))

    def order(self, order: MachineOrder) -> bool:
        """Give an order now or not at all; tells whether it went out.

        A halt that can't go out breaks the connection: the controller's dead-man stops then.
        """
        writer = self._writer
        if writer is None or not self._attached or not _fits(order):
            self.orders_dropped += 1
            return False
        if writer.transport.get_write_buffer_size() > BUFFER_BYTES_MAX:
            self.orders_dropped += 1
            if isinstance(order, Halt):
                writer.transport.abort()
            return False
        writer.write(encode_frame(order))
        return True

    def close(self) -> None:
        """Let go of the machine; ``run`` ends. Orders already given still go out."""
        self._closed.set()
        if self._writer is not None:
            self._writer.close()

    async def _converse(self, listener: MachineListener) -> "_Lost":
        """Hold one connection for as long as it lasts."""
        worked = False
        try:
            async with asyncio.timeout(ATTACH_S_MAX) as limit:
                reader = await self._connect()
                frames = FrameReader()
                while chunk := await reader.read(_READ_BYTES):
                    for frame in frames.feed(chunk):
                        self._take(frame, listener)
                    if self._attached:
                        worked = True
                        limit.reschedule(asyncio.get_running_loop().time() + self._silence_s_max)
            return _Lost("the controller hung up", worked)
        except TimeoutError:
            return _Lost("the controller is silent", worked)
        except _RefusedByController as exc:
            # It would refuse again at once, as when two drivers fight for one machine.
            return _Lost(str(exc), worked=False)
        except (OSError, RemoteProtocolError) as exc:
            return _Lost(str(exc), worked)
        finally:
            self._hang_up(listener)

    async def _connect(self) -> asyncio.StreamReader:
        match self._address:
            case UnixAddress(path):
                reader, writer = await asyncio.open_unix_connection(path)
            case TcpAddress(host, port):
                reader, writer = await asyncio.open_connection(host, port)
            case _:
                assert_never(self._address)
        self._writer = writer
        if self._closed.is_set():
            writer.close()
            return reader
        plug: socket.socket = writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        writer.write(encode_frame(Attach(version=VERSION, machine=self._machine)))
        return reader

    def _take(self, frame: DriverFrame, listener: MachineListener) -> None:
        match frame:
            case Hello() if not self._attached:
                if frame.version != VERSION:
                    raise RemoteProtocolError("version", f"{frame.version}, not {VERSION}")
                self._attached = True
                life_s = frame.setpoint_lifetime_s
                fields = {"machine": self._machine, "setpoint_lifetime_s": life_s}
                log_event(Level.INFO, "machine.attached", fields)
                listener.on_attached(frame)
            case Sample() if self._attached:
                listener.on_sample(frame)
            case Refused():
                raise _RefusedByController(f"refused: {frame.reason}")
            case _:
                raise RemoteProtocolError("unexpected", type(frame).__name__)

    def _hang_up(self, listener: MachineListener) -> None:
        writer, self._writer = self._writer, None
        # Closed by us, what was ordered last still goes out; else what is unsent is void.
        if writer is not None and not self._closed.is_set():
            writer.transport.abort()
        if self._attached:
            self._attached = False
            listener.on_lost()

    async def _pause(self, wait_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._closed.wait()


class _Lost(msgspec.Struct, frozen=True):
    """How a connection ended. ``worked`` when it was attached, and may be again at once."""

    reason: str
    worked: bool


class _RefusedByController(TransportError):
    """The controller's last word on this connection was no."""


def _fits(order: MachineOrder) -> bool:
    return not isinstance(order, Follow) or len(order.path) <= PATH_POINTS_MAX
