"""The `machines` process over a real socket, on a site clock that the test turns."""

import asyncio
import contextlib
import itertools
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lunaredge.errors import ConfigError, StorageError, TransportError
from lunaredge.ids import NodeId
from lunaredge.machine.world import World
from lunaredge.runtime import machines as subject
from lunaredge.runtime.machines import MachinesServer, MachinesSettings
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import (
    VERSION,
    Attach,
    DriverFrame,
    FrameReader,
    Halt,
    Hello,
    Refused,
    Sample,
    encode_frame,
)
from tests.machine.proving_ground import ONE, TWO, follow, world


class Site:
    """A server, the world in it, and the clock it reads."""

    def __init__(self, folder: Path, listen: str | None = None) -> None:
        self.world: World = world()
        self.now_ns = self.world.now_ns
        self.path = str(folder / "m.sock")
        self.folder = folder / "truth"
        settings = MachinesSettings(
            listen=listen or f"unix:{self.path}",
            truth_folder=str(self.folder),
            poll_wall_s=0.001,
            flush_wall_s=0.005,
        )
        self.server = MachinesServer(self.world, settings, lambda: self.now_ns)

    def let_pass(self, duration_s: float) -> None:
        self.now_ns += round(duration_s * NS_PER_S)


class Wire:
    """A raw connection, as flight software in another language would make it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.waiting: list[DriverFrame] = []
        self._frames = FrameReader()

    def send(self, *frames: DriverFrame) -> None:
        self.writer.write(b"".join(encode_frame(frame) for frame in frames))

    async def next(self) -> DriverFrame | None:
        """Give the next frame; None when the other side has hung up."""
        async with asyncio.timeout(5.0):
            while not self.waiting:
                chunk = await self.reader.read(4096)
                if not chunk:
                    return None
                self.waiting += self._frames.feed(chunk)
        return self.waiting.pop(0)

    async def attach(self, machine: NodeId = ONE, version: int = VERSION) -> DriverFrame | None:
        self.send(Attach(version=version, machine=machine))
        return await self.next()


@contextlib.asynccontextmanager
async def running(folder: Path, listen: str | None = None) -> AsyncIterator[Site]:
    site = Site(folder, listen)
    await site.server.start()
    task = asyncio.create_task(site.server.run())
    try:
        yield site
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await site.server.stop()


@contextlib.asynccontextmanager
async def connected(site: Site) -> AsyncIterator[Wire]:
    reader, writer = await asyncio.open_unix_connection(site.path)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not true():
            await asyncio.sleep(0.002)


async def test_an_attached_driver_gets_a_hello_and_then_samples(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as wire:
        hello = await wire.attach()
        first = await wire.next()
        site.let_pass(5.0)
        second = await wire.next()

    assert hello == Hello(version=VERSION, machine=ONE, setpoint_lifetime_s=2.0, basis_s_max=15.0)
    assert isinstance(first, Sample)
    assert isinstance(second, Sample)
    assert second.battery_wh < first.battery_wh


async def test_each_period_has_its_sample_even_when_the_process_was_late(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as wire:
        await wire.attach()
        await wire.next()
        site.let_pass(50.0)
        samples = [await wire.next() for _ in range(10)]
        site.let_pass(5.0)
        samples.append(await wire.next())

    charges = [sample.battery_wh for sample in samples if isinstance(sample, Sample)]
    steps = [before - after for before, after in itertools.pairwise(charges)]
    assert steps == pytest.approx([30.0 * 5.0 / 3600.0] * 10)


async def test_an_order_moves_the_machine_and_its_loss_stops_it(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        async with connected(site) as wire:
            await wire.attach()
            sample = await wire.next()
            assert isinstance(sample, Sample)
            start = (sample.x_m, sample.y_m)
            wire.send(follow(1, start, (start[0] + 30.0, start[1])))
            await until(lambda: site.world.sample(ONE).order_no == 1)
        site.let_pass(60.0)
        await until(lambda: site.world.now_ns == site.now_ns)
        last = site.world.sample(ONE)

    assert last.at_rest
    assert 0.2 < last.station_m < 3.0
    assert site.server.summary()["machines"][ONE]["deadman_stops"] == 1


async def test_a_machine_stands_where_its_killed_agent_left_it(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        async with connected(site) as wire:
            await wire.attach()
            sample = await wire.next()
            assert isinstance(sample, Sample)
            start = (sample.x_m, sample.y_m)
            wire.send(follow(1, start, (start[0] + 30.0, start[1])))
            await until(lambda: site.world.sample(ONE).order_no == 1)
            wire.writer.transport.abort()
        site.let_pass(60.0)
        async with connected(site) as wire:
            await until(lambda: site.world.now_ns == site.now_ns)
            await wire.attach()
            back = await wire.next()

    assert isinstance(back, Sample)
    assert back.x_m > start[0] + 0.2
    assert back.order_no == 0


async def test_a_halt_goes_through(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as wire:
        await wire.attach()
        sample = await wire.next()
        assert isinstance(sample, Sample)
        start = (sample.x_m, sample.y_m)
        wire.send(follow(1, start, (start[0] + 30.0, start[1])))
        await until(lambda: site.world.sample(ONE).order_no == 1)
        wire.send(Halt())
        await until(lambda: site.world.sample(ONE).order_no == 0)

    assert site.world.sample(ONE).at_rest


async def test_the_newest_driver_wins_and_the_old_one_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as old, connected(site) as new:
        await old.attach()
        await old.next()
        hello = await new.attach()
        last_word = await old.next()
        after = await old.next()
        await until(lambda: len(site.server._conversations) == 1)
        site.let_pass(5.0)
        await new.next()
        still = await new.next()

    assert isinstance(hello, Hello)
    assert last_word == Refused(reason="replaced")
    assert after is None
    assert isinstance(still, Sample)
    assert site.server.summary()["drivers"] == {"attachments": 2, "refused": {"replaced": 1}}


async def test_a_new_driver_ends_the_order_of_the_old_one(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as old, connected(site) as new:
        await old.attach()
        sample = await old.next()
        assert isinstance(sample, Sample)
        start = (sample.x_m, sample.y_m)
        old.send(follow(7, start, (start[0] + 30.0, start[1])))
        await until(lambda: site.world.sample(ONE).order_no == 7)
        await new.attach()
        first = await new.next()

    assert isinstance(first, Sample)
    assert first.order_no == 0


async def test_an_attached_driver_may_be_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "ATTACH_S_MAX", 0.02)
    async with running(tmp_path) as site, connected(site) as wire:
        await wire.attach()
        await wire.next()
        await asyncio.sleep(0.05)
        site.let_pass(5.0)
        sample = await wire.next()

    assert isinstance(sample, Sample)


BAD_FRAMES = [
    (b"\x00\x00\x00\x04\xff\xff\xff\xff", "garbage"),
    (b"\x00\x00\x00\x00", "garbage"),
    (b"GET / HTTP/1.1\r\nHost: machines\r\n\r\n", "oversized"),
    (struct.pack(">I", 65_537), "oversized"),
    (encode_frame(Attach(version=99, machine=ONE)), "version"),
    (encode_frame(Attach(version=VERSION, machine=NodeId("nobody"))), "unknown_machine"),
    (encode_frame(Halt()), "unexpected"),
    (encode_frame(Attach(version=VERSION, machine=ONE)) * 2, "unexpected"),
    (encode_frame(Attach(version=VERSION, machine=ONE)) + b"\x7f\xff\xff\xff", "oversized"),
]


@pytest.mark.parametrize(("sent", "reason"), BAD_FRAMES, ids=lambda value: str(value)[:24])
async def test_a_bad_frame_ends_its_connection_and_nothing_else(
    tmp_path: Path, sent: bytes, reason: str
) -> None:
    async with running(tmp_path) as site, connected(site) as good:
        await good.attach(TWO)
        await good.next()
        async with connected(site) as bad:
            bad.writer.write(sent)
            said = []
            while (frame := await bad.next()) is not None:
                said.append(frame)
        await until(lambda: len(site.server._conversations) == 1)
        site.let_pass(5.0)
        after = await good.next()

    assert isinstance(said[-1], Refused)
    assert said[-1].reason.startswith(reason)
    assert site.server.refused == {reason: 1}
    assert isinstance(after, Sample)


async def test_a_refused_order_leaves_the_connection(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as wire:
        await wire.attach()
        await wire.next()
        wire.send(follow(1, (90.0, 90.0), (95.0, 90.0)))
        wire.send(follow(0, (90.0, 90.0), (95.0, 90.0)))
        machine = site.world._machines[ONE]
        await until(lambda: len(machine.refused) == 2)
        site.let_pass(5.0)
        after = await wire.next()

    assert machine.refused == {"far": 1, "number": 1}
    assert isinstance(after, Sample)
    assert after.order_no == 0


async def test_a_connection_that_never_attaches_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "ATTACH_S_MAX", 0.02)
    async with running(tmp_path) as site, connected(site) as wire:
        said = await wire.next()

    assert said == Refused(reason="no attach")
    assert site.server.refused == {"silent": 1}


async def test_connections_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "CONNECTIONS_MAX", 1)
    async with running(tmp_path) as site, connected(site) as first, connected(site) as second:
        await first.attach()
        said = await second.next()

    assert isinstance(said, Refused)
    assert said.reason.startswith("busy")


async def test_a_driver_that_does_not_read_is_dropped(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        plug = socket.socket(socket.AF_UNIX)
        plug.connect(site.path)
        plug.sendall(encode_frame(Attach(version=VERSION, machine=ONE)))
        await until(lambda: bool(site.server._drivers))

        site.let_pass(5_000.0)
        await until(lambda: not site.server._drivers)
        plug.close()

    assert site.server.refused == {"unread": 1}


async def test_the_truth_is_on_disk_while_it_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as wire:
        await wire.attach()
        sample = await wire.next()
        assert isinstance(sample, Sample)
        start = (sample.x_m, sample.y_m)
        order = follow(1, start, (start[0] + 3.0, start[1]))
        for _ in range(30):
            wire.send(order)
            await asyncio.sleep(0.005)
            site.let_pass(0.6)
        await until(lambda: site.world.sample(ONE).station_m > 2.9)
        truth = site.folder / "truth.json"
        await until(lambda: json.loads(truth.read_text())["machines"]["one"]["distance_m"] > 2.9)
        rows = [json.loads(row) for row in (site.folder / "truth.jsonl").read_text().splitlines()]

    assert {row["type"] for row in rows} == {"moved"}
    assert {row["machine"] for row in rows} == {"one"}
    assert [row["t_ns"] for row in rows] == sorted(row["t_ns"] for row in rows)
    assert json.loads(truth.read_text())["drivers"]["attachments"] == 1


async def test_it_listens_on_tcp_too(tmp_path: Path) -> None:
    async with running(tmp_path, "tcp:127.0.0.1:0") as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.server.port)
        wire = Wire(reader, writer)
        hello = await wire.attach()
        writer.close()

    assert isinstance(hello, Hello)


async def test_an_address_in_use_is_a_clear_error(tmp_path: Path) -> None:
    async with running(tmp_path) as site, connected(site) as wire:
        with pytest.raises(TransportError, match="listens there"):
            await Site(tmp_path).server.start()

        assert isinstance(await wire.attach(), Hello)


async def test_the_socket_of_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "m.sock"))

    async with running(tmp_path) as site, connected(site) as wire:
        hello = await wire.attach()

    assert isinstance(hello, Hello)
    assert not Path(site.path).exists()


async def test_a_file_in_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "m.sock").write_text("mine")

    with pytest.raises(TransportError):
        await Site(tmp_path).server.start()

    assert (tmp_path / "m.sock").read_text() == "mine"


def test_a_bad_address_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="machines: listen"):
        Site(tmp_path, "pipe:somewhere")


def test_a_truth_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "truth").write_text("a file")

    with pytest.raises(StorageError, match="truth"):
        Site(tmp_path)
