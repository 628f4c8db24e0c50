"""The agent's side of the driver socket, against a controller that the test plays."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lunaredge.errors import ConfigError
from lunaredge.ids import NodeId
from lunaredge.runtime import machine_driver as subject
from lunaredge.runtime.machine_driver import (
    MachineDriver,
    MachineListener,
    SocketMachine,
    TcpAddress,
    UnixAddress,
    parse_address,
)
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
from tests.machine.proving_ground import ONE, follow, world

HELLO = Hello(version=VERSION, machine=ONE, setpoint_lifetime_s=2.0, basis_s_max=15.0)
SAMPLE = world().sample(ONE)
ORDER = follow(1, (0.0, 0.0), (5.0, 0.0))


@pytest.fixture(autouse=True)
def quick_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "BACKOFF_S_MIN", 0.002)
    monkeypatch.setattr(subject, "BACKOFF_S_MAX", 0.01)


class Diary:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def on_attached(self, hello: Hello) -> None:
        self.heard.append(f"attached {hello.machine}")

    def on_sample(self, sample: Sample) -> None:
        self.heard.append("sample")

    def on_lost(self) -> None:
        self.heard.append("lost")


class Controller:
    """Answers every connection with the next of its scripts, and keeps what it is sent."""

    def __init__(self, *scripts: list[DriverFrame | bytes]) -> None:
        self.received: list[DriverFrame] = []
        self.writers: list[asyncio.StreamWriter] = []
        self._scripts = list(scripts)
        self._talks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[min(len(self.writers), len(self._scripts) - 1)]
        self.writers.append(writer)
        talk = asyncio.current_task()
        assert talk is not None
        self._talks.add(talk)
        frames = FrameReader()
        for word in script:
            writer.write(word if isinstance(word, bytes) else encode_frame(word))
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(4096):
                self.received += frames.feed(chunk)
        writer.close()
        self._talks.discard(talk)

    async def over(self) -> None:
        """Wait until every connection has ended."""
        async with asyncio.timeout(5.0):
            await asyncio.gather(*self._talks)
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def driven(
    path: str, diary: Diary, *scripts: list[DriverFrame | bytes], silence_s_max: float = 5.0
) -> AsyncIterator[tuple[SocketMachine, Controller]]:
    controller = Controller(*scripts)
    server = await asyncio.start_unix_server(controller.serve, path)
    driver = SocketMachine(f"unix:{path}", ONE, silence_s_max=silence_s_max)
    task = asyncio.create_task(driver.run(diary))
    try:
        yield driver, controller
    finally:
        driver.close()
        async with asyncio.timeout(5.0):
            await task
        server.close()
        await controller.over()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "c.sock")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not true():
            await asyncio.sleep(0.002)


async def test_it_attaches_and_passes_samples_on(path: str) -> None:
    diary = Diary()

    async with driven(path, diary, [HELLO, SAMPLE, SAMPLE]) as (driver, controller):
        await until(lambda: len(diary.heard) == 3)
        assert driver.attached

    assert diary.heard == ["attached one", "sample", "sample", "lost"]
    assert controller.received == [Attach(version=VERSION, machine=ONE)]
    assert not driver.attached


async def test_a_machine_that_attaches_is_one_line_of_the_log(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "lunaredge")

    async with driven(path, Diary(), [HELLO, SAMPLE]) as (driver, _):
        await until(lambda: driver.attached)

    lines = [record.message for record in caplog.records]
    assert lines.count("machine.attached machine=one setpoint_lifetime_s=2") == 1


async def test_orders_reach_the_controller_in_order(path: str) -> None:
    async with driven(path, Diary(), [HELLO]) as (driver, controller):
        await until(lambda: driver.attached)

        sent = [driver.order(ORDER), driver.order(Halt())]
        await until(lambda: len(controller.received) == 3)

    assert sent == [True, True]
    assert controller.received[1:] == [ORDER, Halt()]


async def test_an_order_without_a_controller_is_dropped_not_kept(path: str) -> None:
    driver = SocketMachine(f"unix:{path}", ONE)

    assert not driver.order(ORDER)
    assert driver.orders_dropped == 1
    async with driven(path, Diary(), [HELLO]) as (attached, controller):
        await until(lambda: attached.attached)
        await asyncio.sleep(0.01)
        assert len(controller.received) == 1


async def test_the_last_order_before_closing_goes_out(path: str) -> None:
    async with driven(path, Diary(), [HELLO]) as (driver, controller):
        await until(lambda: driver.attached)
        driver.order(Halt())
        driver.close()
        await until(lambda: len(controller.received) == 2)

    assert controller.received[1] == Halt()


BAD_CONTROLLERS = [
    [b"\x00\x00\x00\x02\xc1\xc1"],
    [b"HTTP/1.1 400 Bad Request"],
    [Hello(version=VERSION + 1, machine=ONE, setpoint_lifetime_s=1.0, basis_s_max=15.0)],
    [SAMPLE],
    [ORDER],
    [Refused(reason="replaced")],
]


@pytest.mark.parametrize("script", BAD_CONTROLLERS, ids=lambda script: str(script[0])[:24])
async def test_a_controller_that_misspeaks_is_left_and_asked_again(
    path: str, script: list[DriverFrame | bytes]
) -> None:
    diary = Diary()

    async with driven(path, diary, script, script, [HELLO, SAMPLE]):
        await until(lambda: "sample" in diary.heard)

    assert diary.heard == ["attached one", "sample", "lost"]


async def test_garbage_after_the_hello_is_one_loss(path: str) -> None:
    diary = Diary()

    async with driven(path, diary, [HELLO, SAMPLE, b"\xff" * 8], [HELLO]):
        await until(lambda: diary.heard.count("attached one") == 2)

    assert diary.heard == ["attached one", "sample", "lost", "attached one", "lost"]


async def test_a_silent_controller_is_given_up(path: str) -> None:
    diary = Diary()

    async with driven(path, diary, [HELLO], silence_s_max=0.02):
        await until(lambda: diary.heard.count("lost") >= 2)

    assert diary.heard[:4] == ["attached one", "lost", "attached one", "lost"]


async def test_it_waits_for_a_controller_that_is_not_there_yet(path: str) -> None:
    diary = Diary()
    driver = SocketMachine(f"unix:{path}", ONE)
    task = asyncio.create_task(driver.run(diary))
    await asyncio.sleep(0.02)

    controller = Controller([HELLO])
    server = await asyncio.start_unix_server(controller.serve, path)
    await until(lambda: diary.heard == ["attached one"])
    driver.close()
    await task
    server.close()
    await controller.over()

    assert diary.heard == ["attached one", "lost"]


async def test_it_lets_go_even_while_it_connects(path: str) -> None:
    controller = Controller([])
    server = await asyncio.start_unix_server(controller.serve, path)
    driver = SocketMachine(f"unix:{path}", ONE)
    task = asyncio.create_task(driver.run(Diary()))
    await asyncio.sleep(0)

    driver.close()
    async with asyncio.timeout(1.0):
        await task
    server.close()
    await controller.over()

    assert controller.received == []


async def test_back_off_doubles_up_to_its_bound(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    driver = SocketMachine(f"unix:{path}", ONE)
    monkeypatch.setattr(subject.random, "uniform", lambda low, high: high)

    async def pause(wait_s: float) -> None:
        waits.append(wait_s)
        if len(waits) == 5:
            driver.close()

    monkeypatch.setattr(driver, "_pause", pause)
    await driver.run(Diary())

    assert waits == pytest.approx([0.004, 0.008, 0.01, 0.01, 0.01])


async def test_a_halt_that_cannot_go_out_breaks_the_connection(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary = Diary()

    async with driven(path, diary, [HELLO], silence_s_max=60.0) as (driver, _):
        await until(lambda: driver.attached)
        monkeypatch.setattr(subject, "BUFFER_BYTES_MAX", -1)
        dropped = [driver.order(ORDER), driver.order(Halt())]
        await until(lambda: "lost" in diary.heard)

    assert dropped == [False, False]
    assert driver.orders_dropped == 2


async def test_a_path_that_fits_no_frame_is_dropped(path: str) -> None:
    async with driven(path, Diary(), [HELLO]) as (driver, controller):
        await until(lambda: driver.attached)

        sent = driver.order(follow(1, *[(float(x), 0.0) for x in range(3001)]))

    assert not sent
    assert len(controller.received) == 1


async def test_a_listeners_own_failure_is_not_swallowed(path: str) -> None:
    class Broken(Diary):
        def on_sample(self, sample: Sample) -> None:
            raise AssertionError("a bug")

    diary = Broken()
    controller = Controller([HELLO, SAMPLE])
    server = await asyncio.start_unix_server(controller.serve, path)

    with pytest.raises(AssertionError, match="a bug"):
        await SocketMachine(f"unix:{path}", ONE).run(diary)
    server.close()
    await controller.over()

    assert diary.heard == ["attached one", "lost"]


def test_a_socket_machine_is_a_machine_driver() -> None:
    driver: MachineDriver = SocketMachine("unix:x", NodeId("one"))
    listener: MachineListener = Diary()

    assert callable(driver.order)
    assert callable(listener.on_lost)


def test_addresses_are_read() -> None:
    assert parse_address("unix:/run/m.sock") == UnixAddress("/run/m.sock")
    assert parse_address("tcp:10.0.0.7:9000") == TcpAddress("10.0.0.7", 9000)
    assert parse_address("tcp:[::1]:9000") == TcpAddress("::1", 9000)


@pytest.mark.parametrize(
    "text", ["", "unix:", "tcp:host", "tcp::1", "tcp:host:70000", "tcp:host:x", "/run/m.sock"]
)
def test_what_is_no_address_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(ConfigError, match="unix:PATH or tcp:HOST:PORT"):
        parse_address(text)


def test_a_socket_path_too_long_for_the_kernel_is_refused() -> None:
    with pytest.raises(ConfigError, match="107 bytes"):
        parse_address("unix:/" + "x" * 200)


def test_the_frame_on_the_reference_page_is_the_frame_on_the_wire() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "driver-protocol.md"

    line = next(line for line in page.read_text().splitlines() if line.startswith("    00 00"))

    shown = bytes.fromhex(line)
    assert shown == encode_frame(Attach(version=VERSION, machine=NodeId("hauler-1")))
