"""The `machines` process: the simulated machines and their ground truth behind a socket.

Each machine is driven over a connection of its own, in the frames of `wire.driver`, as a real one
would be. A connection that breaks changes nothing in the world: the machine stands where its
dead-man stopped it. This process owns the world's time and truth log; it is started once a run,
since a new world begins with every machine at home.

One agent drives a machine at a time, and the newest wins: after a crash the old connection may
linger for minutes, and the agent that comes back must not wait for it. The machine drops the old
agent's order and comes to rest first, so two agents that fight for it only make it stand.
"""

import asyncio
import contextlib
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import assert_never

import msgspec

from lunaredge.errors import RemoteProtocolError, TransportError
from lunaredge.ids import NodeId
from lunaredge.machine.world import World
from lunaredge.node import Level
from lunaredge.runtime.log import log_event
from lunaredge.runtime.machine_driver import TcpAddress, UnixAddress, parse_address
from lunaredge.runtime.truth_log import TruthLog
from lunaredge.units import ns_from_s
from lunaredge.wire.driver import (
    VERSION,
    Attach,
    DriverFrame,
    Follow,
    FrameReader,
    Halt,
    Hello,
    Refused,
    Work,
    encode_frame,
)

# Wall time. An honest driver says Attach at once.
ATTACH_S_MAX = 5.0
# A conversation that was hung up ends with the next turn of the loop.
STOP_S_MAX = 1.0
# Three for each machine of the largest site foreseen: its agent, the next, and one that lingers.
CONNECTIONS_MAX = 256
# What the kernel may hold for a driver that doesn't read: it will take these samples for fresh.
SEND_BUFFER_BYTES = 8_192
# A driver that left samples unread for so many periods is dropped, and comes back to fresh ones.
UNREAD_PERIODS_MAX = 3
_READ_BYTES = 65_536


class MachinesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the `machines` process."""

    listen: str
    """Where drivers reach it: ``unix:PATH`` or ``tcp:HOST:PORT``."""
    truth_folder: str
    """Where the truth log goes."""
    sample_period_s: float = 5.0
    """Site time between two samples of a machine."""
    poll_wall_s: float = 0.02
    """Wall time between two looks at the clock: at 60 times real time, 1.2 s of site time."""
    flush_wall_s: float = 1.0
    """Wall time between two writings of the truth's summary."""


class MachinesServer:
    """Serves the machines of one world. ``now_ns`` is site time."""

    def __init__(self, world: World, settings: MachinesSettings, now_ns: Callable[[], int]) -> None:
        assert settings.sample_period_s > 0.0
        self.refused: dict[str, int] = {}
        """Connections ended for what they sent, by reason."""
        self.attachments = 0
        self._world = world
        self._settings = settings
        self._address = parse_address(settings.listen, place="machines", key="listen")
        self._now_ns = now_ns
        self._period_ns = ns_from_s(settings.sample_period_s)
        self._next_sample_ns = world.now_ns + self._period_ns
        self._truth = TruthLog(Path(settings.truth_folder))
        self._drivers: dict[NodeId, _Driver] = {}
        self._order_refusals: set[tuple[NodeId, str]] = set()
        self._conversations: dict[asyncio.Task[None], _Driver] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen for drivers.

        Raises:
            TransportError: the address can't be listened on.
        """
        assert self._server is None
        try:
            match self._address:
                case UnixAddress(path):
                    _clear_socket(Path(path))
                    self._server = await asyncio.start_unix_server(self._serve, path)
                case TcpAddress(host, port):
                    self._server = await asyncio.start_server(self._serve, host, port)
                case _:
                    assert_never(self._address)
        except OSError as exc:
            listen = self._settings.listen
            raise TransportError(f"machines can't listen on {listen}: {exc}") from exc
        self._flush()

    @property
    def port(self) -> int:
        """The TCP port listened on, for a configured port of 0."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def run(self) -> None:
        """Let the world go on until cancelled; `start` comes first.

        Raises:
            StorageError: the truth log can't be written.
        """
        loop = asyncio.get_running_loop()
        flush_due_s = loop.time()
        while True:
            await self._catch_up()
            if loop.time() >= flush_due_s:
                flush_due_s = loop.time() + self._settings.flush_wall_s
                self._flush()
            await asyncio.sleep(self._settings.poll_wall_s)

    async def stop(self) -> None:
        """Hang up and write the truth a last time."""
        if self._server is not None:
            self._server.close()
        for driver in self._conversations.values():
            driver.abort()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=STOP_S_MAX)
        if isinstance(self._address, UnixAddress) and self._server is not None:
            Path(self._address.path).unlink(missing_ok=True)
        self._flush()

    def summary(self) -> dict[str, object]:
        """Give the truth so far, as it is written to the truth log."""
        connections = {"attachments": self.attachments, "refused": dict(self.refused)}
        return {
            **self._world.summary(),
            "drivers": connections,
            "log_rows_dropped": self._truth.rows_dropped,
        }

    # --- time ------------------------------------------------------------------------------------

    async def _catch_up(self) -> None:
        """Bring the world to now, with every sample at its time; others run in between."""
        now_ns = self._now_ns()
        while self._next_sample_ns <= now_ns:
            self._world.advance(self._next_sample_ns)
            self._next_sample_ns += self._period_ns
            self._send_samples()
            self._truth.write(self._world.witness.take_events())
            await asyncio.sleep(0)
        self._world.advance(now_ns)
        self._truth.write(self._world.witness.take_events())

    def _send_samples(self) -> None:
        for driver in tuple(self._drivers.values()):
            if driver.closing:
                continue
            if driver.unread_periods >= UNREAD_PERIODS_MAX:
                self._count("unread")
                driver.abort()
            elif not driver.is_ready():
                driver.unread_periods += 1
            else:
                driver.unread_periods = 0
                driver.send(self._world.sample(driver.machine))

    def _flush(self) -> None:
        self._truth.flush(self.summary())

    # --- conversations ---------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hold one conversation; whatever comes in it, the server lives on."""
        task = asyncio.current_task()
        assert task is not None
        driver = _Driver(writer)
        self._conversations[task] = driver
        try:
            if len(self._conversations) > CONNECTIONS_MAX:
                raise RemoteProtocolError("busy", f"{CONNECTIONS_MAX} connections")
            await self._converse(reader, driver)
        except RemoteProtocolError as exc:
            self._count(exc.reason)
            driver.refuse(str(exc))
        except TimeoutError:
            self._count("silent")
            driver.refuse("no attach")
        except OSError:
            self._count("broken")
        finally:
            del self._conversations[task]
            if driver.machine and self._drivers.get(driver.machine) is driver:
                del self._drivers[driver.machine]
            driver.hang_up()

    async def _converse(self, reader: asyncio.StreamReader, driver: "_Driver") -> None:
        frames = FrameReader()
        async with asyncio.timeout(ATTACH_S_MAX) as limit:
            while chunk := await reader.read(_READ_BYTES):
                for frame in frames.feed(chunk):
                    self._take(frame, driver)
                if driver.machine:
                    limit.reschedule(None)

    def _take(self, frame: DriverFrame, driver: "_Driver") -> None:
        if driver.closing:
            return
        match frame:
            case Attach() if not driver.machine:
                self._attach(frame, driver)
            case Follow() | Work() | Halt() if driver.machine:
                # The world is as old as the last look at the clock; an order must not act before
                # it was given.
                self._world.advance(self._now_ns())
                reason = self._world.order(driver.machine, frame, self._world.now_ns)
                if reason is not None:
                    self._note_refused_order(driver.machine, reason)
            case _:
                raise RemoteProtocolError("unexpected", type(frame).__name__)

    def _attach(self, frame: Attach, driver: "_Driver") -> None:
        if frame.version != VERSION:
            raise RemoteProtocolError("version", f"{frame.version}, not {VERSION}")
        if frame.machine not in self._world.names:
            raise RemoteProtocolError("unknown_machine", frame.machine[:40])
        former = self._drivers.get(frame.machine)
        if former is not None:
            self._count("replaced")
            former.refuse("replaced")
        self.attachments += 1
        driver.machine = frame.machine
        self._drivers[frame.machine] = driver
        self._world.attach(frame.machine)
        driver.send(
            Hello(
                version=VERSION,
                machine=frame.machine,
                setpoint_lifetime_s=self._world.setpoint_lifetime_s,
                basis_s_max=self._world.basis_s_max,
            )
        )
        driver.send(self._world.sample(frame.machine))
        log_event(Level.INFO, "machine.attached", {"machine": frame.machine})

    def _note_refused_order(self, machine: NodeId, reason: str) -> None:
        """Log a refusal once per machine and reason; the world counts the rest."""
        if (machine, reason) not in self._order_refusals:
            self._order_refusals.add((machine, reason))
            log_event(Level.WARNING, "order.refused", {"machine": machine, "reason": reason})

    def _count(self, reason: str) -> None:
        self.refused[reason] = self.refused.get(reason, 0) + 1
        log_event(
            Level.WARNING, "driver.refused", {"reason": reason, "count": self.refused[reason]}
        )


class _Driver:
    """One connection, and the machine it drives; no machine before its Attach."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.machine = NodeId("")
        self.unread_periods = 0
        self.closing = False
        self._writer = writer
        plug: socket.socket = writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def is_ready(self) -> bool:
        """Whether everything sent so far has left this process."""
        return self._writer.transport.get_write_buffer_size() == 0

    def send(self, frame: DriverFrame) -> None:
        """Send a frame, never waiting."""
        if not self.closing:
            self._writer.write(encode_frame(frame))

    def refuse(self, reason: str) -> None:
        """Send a last word and hang up."""
        self.send(Refused(reason=reason))
        self.hang_up()

    def abort(self) -> None:
        """Hang up without a last word: nobody reads it."""
        self.closing = True
        self._writer.transport.abort()

    def hang_up(self) -> None:
        """End the connection; what was sent still goes out if the other side reads it."""
        if self.closing:
            return
        if self.is_ready():
            self.closing = True
            self._writer.close()
        else:
            self.abort()


def _clear_socket(path: Path) -> None:
    """Remove a socket that a dead process left; one that somebody listens on is left alone.

    Raises:
        OSError: somebody listens there.
    """
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(ConnectionRefusedError):
        probe.connect(str(path))
        raise OSError("another process listens there")
    path.unlink(missing_ok=True)
