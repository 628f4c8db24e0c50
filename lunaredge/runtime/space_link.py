"""Space, emulated: UDP on loopback between a moon port and an earth port, and what lies between.

Delays by light time, drops what the contacts do not carry, holds both ways to their rates; see
`lunaredge.earth.channel` for the physics. `SpaceLink` runs in any event loop; `LinkEnd` is the
client of the processes at both ends. Reads no datagram: to space they are bytes.
"""

import asyncio
import random
import socket
from collections.abc import Callable
from typing import cast

import msgspec

from lunaredge.earth.channel import Channel, Mishaps
from lunaredge.errors import TransportError
from lunaredge.model.contact import LINK_PRESETS, ContactPlan
from lunaredge.runtime.clock import Clock
from lunaredge.units import NS_PER_S
from lunaredge.wire.link import DATAGRAM_BYTES_MAX

HOST = "127.0.0.1"

Address = tuple[str, int]

# An end says where it is by this, at start and then twice a second of wall time, so that an
# emulator that was restarted finds it again at once. No datagram of ours has one byte, and an
# empty one would never leave: asyncio drops it.
HELLO = b"\0"
HELLO_S = 0.5

# A second of compressed time at a fast preset comes within milliseconds: the kernel holds that.
_SOCKET_BYTES = 4 * 1024 * 1024


class SpaceLinkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the emulated link misbehaves; by default not at all."""

    seed: int = 0
    mishaps: Mishaps = Mishaps()


class SpaceLink:
    """The emulator; its plan is the truth, whatever the nodes were told."""

    def __init__(
        self,
        plan: ContactPlan,
        preset: str,
        ports: tuple[int, int],
        clock: Clock,
        options: SpaceLinkOptions | None = None,
    ) -> None:
        """Take the moon port and the earth port; 0 asks for any free one, see `ports`."""
        options = options or SpaceLinkOptions()
        rates = LINK_PRESETS[preset]
        # A shell's tick comes wall milliseconds late; the modem's buffer forgives twenty of them.
        buffer_ns = 2 * NS_PER_S + round(0.02 * clock.speed * NS_PER_S)
        # One stream of random numbers each, so that traffic one way does not shift the other's.
        down = random.Random(f"{options.seed}/to_earth")
        up = random.Random(f"{options.seed}/to_moon")
        self._to_earth = Channel(plan, rates.to_earth_bps, options.mishaps, down, buffer_ns)
        self._to_moon = Channel(plan, rates.to_moon_bps, options.mishaps, up, buffer_ns)
        self._wanted_ports = ports
        self._clock = clock
        self._moon = _Port(self._from_moon)
        self._earth = _Port(self._from_earth)

    @property
    def ports(self) -> tuple[int, int]:
        """The moon port and the earth port in use."""
        return self._moon.number, self._earth.number

    async def start(self) -> None:
        """Open both ports.

        Raises:
            TransportError: a port can't be had.
        """
        await _open(self._moon, self._wanted_ports[0])
        try:
            await _open(self._earth, self._wanted_ports[1])
        except TransportError:
            self._moon.close()
            raise

    async def stop(self) -> None:
        """Close both ports; what is under way is gone."""
        self._moon.close()
        self._earth.close()

    def summary(self) -> dict[str, object]:
        """Say what was sent, delivered and dropped, each way."""
        return {
            "to_earth": msgspec.structs.asdict(self._to_earth.counts),
            "to_moon": msgspec.structs.asdict(self._to_moon.counts),
        }

    def _from_moon(self, payload: bytes) -> None:
        self._carry(self._to_earth, self._earth, payload)

    def _from_earth(self, payload: bytes) -> None:
        self._carry(self._to_moon, self._moon, payload)

    def _carry(self, channel: Channel, far: "_Port", payload: bytes) -> None:
        now_ns = self._clock.now_ns()
        loop = asyncio.get_running_loop()
        for at_ns in channel.send(len(payload), now_ns):
            wait_s = (at_ns - now_ns) / NS_PER_S / self._clock.speed
            loop.call_later(wait_s, _land, channel, far, payload)


def _land(channel: Channel, far: "_Port", payload: bytes) -> None:
    channel.arrive(len(payload))
    far.send(payload)


class _Port(asyncio.DatagramProtocol):
    """One of the emulator's ports, and the end that was last heard there."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None
        self._end: Address | None = None

    @property
    def number(self) -> int:
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._end = addr
        if data != HELLO and len(data) <= DATAGRAM_BYTES_MAX:
            self._take(data)

    def error_received(self, exc: Exception) -> None:
        """Pass over the word that an end is not there now: space does not know either."""

    def send(self, payload: bytes) -> None:
        if self._end is not None and self._transport is not None:
            self._transport.sendto(payload, self._end)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


class LinkEnd(asyncio.DatagramProtocol):
    """One end of the link, for the gateway's process or the station's."""

    def __init__(self, local: Address, remote: Address, take: Callable[[bytes], None]) -> None:
        """Take where to listen (port 0 for any), where datagrams go, and who gets what comes."""
        self._local = local
        self._remote = remote
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None
        self._hello: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Open the socket and say hello.

        Raises:
            TransportError: no socket can be had.
        """
        assert self._transport is None, "started twice"
        loop = asyncio.get_running_loop()
        try:
            made = _socket(self._local, self._remote)
            await loop.create_datagram_endpoint(lambda: self, sock=made)
        except OSError as exc:
            raise TransportError(
                f"no UDP socket from {self._local} to the link at {self._remote}: {exc};"
                " check the ports"
            ) from exc
        self._say_hello()

    def send(self, payload: bytes) -> None:
        """Put one datagram on the link; it is lost while nothing is there to take it."""
        assert payload not in (b"", HELLO), "not a datagram"
        if self._transport is not None:
            self._transport.sendto(payload)

    async def stop(self) -> None:
        """Close the socket."""
        if self._hello is not None:
            self._hello.cancel()
            self._hello = None
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Hand a datagram on; where nothing lies between, the far end's hello comes too."""
        if data != HELLO:
            self._take(data)

    def error_received(self, exc: Exception) -> None:
        """Pass over the word that the emulator is not there now: it may come back."""

    def _say_hello(self) -> None:
        assert self._transport is not None
        self._transport.sendto(HELLO)
        self._hello = asyncio.get_running_loop().call_later(HELLO_S, self._say_hello)


async def _open(port: _Port, number: int) -> None:
    loop = asyncio.get_running_loop()
    try:
        await loop.create_datagram_endpoint(lambda: port, sock=_socket((HOST, number), None))
    except OSError as exc:
        raise TransportError(
            f"UDP port {number} on {HOST} can't be had ({exc}); stop what uses it, or name another"
        ) from exc


def _socket(local: Address, remote: Address | None) -> socket.socket:
    """Give a bound UDP socket; connected, the kernel refuses what others send to it."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.settimeout(0)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
        made.bind(local)
        if remote is not None:
            made.connect(remote)
    except OSError:
        made.close()
        raise
    return made
