"""A decoder in another language reads a live stream by the published schema alone.

It is a small program for Node.js in tests/schema/decoder. What it prints is compared with what was
sent, value by value.
"""

import asyncio
import json
import os
import random
import re
import shutil
import struct
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from lunaredge.ids import BootId, KeyId, NodeId, SiteId
from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker
from lunaredge.runtime.mqtt import LinkSettings, MqttLink, MqttVersion
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire import codec, messages, telemetry, topics
from lunaredge.wire.messages import RebirthRequest, RecordClass, StreamBirth, Upload
from lunaredge.wire.records import Alarm, Record, encode_record
from lunaredge.wire.seal import Keyring, Role, Sealer, Signer
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series
from tests.style.source import ROOT

FOLDER = Path(__file__).parent / "decoder"
DOCUMENTS = ROOT / "docs/reference/wire"
SITE = SiteId("yard")
START_NS = 1_831_377_600_123_456_789
ARCHIVE = Signer(KeyId("archive"), Role.ARCHIVE, b"a" * 32)
# Of each type what is easily got wrong: the ends, a step beyond what a double has, next to nothing.
ENDS: dict[Dtype, tuple[float, ...]] = {
    Dtype.F4: (0.0, -1.5, 1.401298464324817e-45, telemetry.FLOAT32_MAX),
    Dtype.F8: (0.1, -2.5e-310, 1.7976931348623157e308, 1e15 + 0.3),
    Dtype.I4: (-(2**31), 2**31 - 1, 0, -1),
    Dtype.I8: (-(2**63), 2**63 - 1, 2**53 + 1, -(2**53) - 1),
    Dtype.U1: (0, 255, 1, 128),
}
TABLE = tuple(
    Channel(name=f"{dtype.value}.{kind}", unit=unit, dtype=dtype)
    for dtype in Dtype
    for kind, unit in (("full", "Wh"), ("sparse", "m/s"), ("still", ""))
)
OTHER_TABLE = (Channel(name="motor_c", unit="degC"), *TABLE[5:2:-1])

Value = tuple[str, str, str, int, float | None]


class Machine:
    """A node, as far as its telemetry goes: what it says, and what it has said."""

    def __init__(self, name: str, channels: tuple[Channel, ...], rng: random.Random) -> None:
        self.name = NodeId(name)
        self.channels = channels
        self.said: list[Value] = []
        self.asked = 0
        self._signer = Signer(KeyId(name), Role.NODE, name.encode().ljust(32, b"."))
        self._tagger = self._signer.tagger(ARCHIVE.public)
        self._rng = rng
        self._seq = 0

    def topic(self, channel: str, detail: str = "") -> str:
        return topics.build(SITE, self.name, channel, detail)

    def birth(self) -> bytes:
        number = telemetry.table_of(self.channels)
        return self._frame(StreamBirth(table=number, channels=self.channels), self._signer)

    def batch(self, row_count: int) -> bytes:
        """Give an upload of so many rows: full, sparse and still channels, and blanks."""
        start_ns = START_NS + 10**9 * self._seq
        times_ns = sorted(start_ns + self._rng.randrange(10**9) for _ in range(row_count))
        series = [self._series(channel, row_count) for channel in self.channels]
        places = [(row, k) for row in range(row_count) for k in range(len(self.channels))]
        blanks = sorted(self._rng.sample(places, min(2, len(places))))
        for (rows, values), channel in zip(series, self.channels, strict=True):
            for row, value in zip(rows, values, strict=True):
                self._note(channel, times_ns[row], _as_stored(channel.dtype, value))
        for row, index in blanks:
            self._note(self.channels[index], times_ns[row], None)
        batch = telemetry.pack(
            self.channels, Samples(times_ns, series, blanks), (start_ns, start_ns + 10**9)
        )
        return self.upload(RecordClass.RAW, batch, self._tagger)

    def alarm(self) -> bytes:
        alarm = Alarm(site_ns=START_NS, code="hot", text="too hot", active=True)
        return self.upload(RecordClass.ALARM, alarm, self._signer)

    def upload(self, record_class: RecordClass, record: Record, sealer: Sealer | None) -> bytes:
        self._seq += 1
        upload = Upload(
            record_class=record_class,
            boot=BootId(1),
            first_seq=self._seq,
            seq=self._seq,
            floor_seq=1,
            count=1,
            dropped=False,
            record=encode_record(record),
        )
        return self._frame(upload, sealer)

    def _series(self, channel: Channel, row_count: int) -> Series:
        count = {"full": row_count, "still": 0}.get(channel.name.split(".")[-1], row_count // 3)
        rows = sorted(self._rng.sample(range(row_count), count))
        return Series(rows, [self._rng.choice(ENDS[channel.dtype]) for _ in rows])

    def _note(self, channel: Channel, time_ns: int, value: float | None) -> None:
        self.said.append((self.name, channel.name, channel.unit, time_ns, value))

    def _frame(self, body: messages.Message, sealer: Sealer | None) -> bytes:
        header = codec.Header(
            node=self.name, boot=BootId(1), number=self._seq, local_ns=0, site_ns=START_NS
        )
        return codec.encode(header, body, sealer)


class Fleet:
    """Machines on a broker; each answers a request for its table."""

    def __init__(self, broker: Broker, *machines: Machine) -> None:
        self.machines = {machine.topic("rebirth"): machine for machine in machines}
        self._connected = asyncio.Event()
        settings = LinkSettings(
            host=broker.settings.host, port=broker.settings.port, protocol=MqttVersion.V5
        )
        self.link = MqttLink(settings, "fleet", [*self.machines], self)

    async def connected(self) -> None:
        await asyncio.wait_for(self._connected.wait(), 20)

    def on_message(self, topic: str, payload: bytes) -> None:
        machine = self.machines[topic]
        assert isinstance(codec.decode(payload, Keyring({})).body, RebirthRequest)
        machine.asked += 1
        self.link.publish(machine.topic("birth"), machine.birth(), retain=True)

    def on_connected(self) -> None:
        self._connected.set()

    def on_disconnected(self) -> None:
        self._connected.clear()


def _as_stored(dtype: Dtype, value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0]) if dtype is Dtype.F4 else value


def _missing(why: str) -> None:
    """Skip; where it was said that the parts are there, fail."""
    if os.environ.get("LUNAREDGE_NODE_JS") == "required":
        pytest.fail(why)
    pytest.skip(f"{why}; with them this reads a live stream in another language")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the decoder with what it imports."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _missing("node and npm are not installed here (apt install nodejs npm)")
    if not (FOLDER / "node_modules/mqtt").exists():
        words = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run([str(npm), *words], cwd=FOLDER, capture_output=True, timeout=120)
        if done.returncode:
            _missing(f"npm can't install the decoder's parts: {done.stderr.decode()[-300:]}")
    return FOLDER


@pytest.fixture
def broker(tmp_path: Path, unused_tcp_port: int) -> Any:
    program = find_broker(tmp_path / "cache", BrokerChoice.MOSQUITTO)
    broker = Broker(program, BrokerSettings(port=unused_tcp_port, folder=tmp_path / "broker"))
    broker.start()
    yield broker
    broker.stop()


class Reader:
    """The decoder's process: what it says of itself, and what it has read."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.words: list[str] = []
        self.values: list[Value] = []

    async def hear(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.words.append(line.decode().strip())

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            found = json.loads(line)
            value = found["value"]
            # JSON's numbers are doubles to many a reader: what has 64 bits is told in letters.
            value = int(value) if isinstance(value, str) else value
            named = (found["node"], found["channel"], found["unit"])
            self.values.append((*named, int(found["time"]), value))

    async def until(self, condition: Callable[[], bool], wait_s: float = 30.0) -> None:
        try:
            async with asyncio.timeout(wait_s):
                while not condition():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"the decoder said {self.words} and read {len(self.values)} values")


@pytest.fixture
async def reader(decoder: Path, broker: Broker) -> AsyncIterator[Callable[[], Any]]:
    readers: list[Reader] = []
    tasks: list[asyncio.Task[None]] = []

    async def start() -> Reader:
        place = f"mqtt://{broker.settings.host}:{broker.settings.port}"
        words = ("node", str(decoder / "decoder.mjs"), str(DOCUMENTS), place, SITE)
        pipe = asyncio.subprocess.PIPE
        reader = Reader(await asyncio.create_subprocess_exec(*words, stdout=pipe, stderr=pipe))
        readers.append(reader)
        tasks.extend((asyncio.create_task(reader.hear()), asyncio.create_task(reader.read())))
        await reader.until(lambda: "ready" in reader.words)
        return reader

    yield start
    for each in readers:
        each.process.kill()
        await each.process.wait()
    assert await end_tasks(tasks) == []


async def test_every_value_of_a_live_stream_is_read_as_it_was_sent(
    broker: Broker, reader: Callable[[], Any]
) -> None:
    rng = random.Random("decoder")
    known, silent, changing = (
        Machine(name, TABLE, rng) for name in ("digger-1", "hauler-1", "rover-1")
    )
    fleet = Fleet(broker, known, silent, changing)
    running = asyncio.create_task(fleet.link.run())
    await fleet.connected()
    for machine in (known, changing):
        fleet.link.publish(machine.topic("birth"), machine.birth(), retain=True)
    await fleet.link.drain(10.0)

    decoder = await reader()
    for row_count in (7, 1, 0, 300):
        for machine in (known, silent, changing):
            fleet.link.publish(machine.topic("up", "raw"), machine.batch(row_count))
    fleet.link.publish(known.topic("up", "alarm"), known.alarm())
    late = changing.batch(5)
    changing.channels = OTHER_TABLE
    fleet.link.publish(changing.topic("birth"), changing.birth(), retain=True)
    for frame in (changing.batch(20), late, changing.batch(3)):
        fleet.link.publish(changing.topic("up", "raw"), frame)
    said = Counter(value for each in (known, silent, changing) for value in each.said)
    damaged = known.batch(1)
    fleet.link.publish(known.topic("up", "raw"), damaged[:-1] + bytes([damaged[-1] ^ 1]))
    await decoder.until(lambda: len(decoder.values) >= said.total())
    await decoder.until(lambda: any("not read" in word for word in decoder.words))

    assert Counter(decoder.values) == said
    assert said.total() > 3_000
    assert (known.asked, silent.asked, changing.asked) == (0, 1, 0)
    assert await end_tasks([running]) == []


def test_the_decoder_names_nothing_that_the_schema_tells_it() -> None:
    source = (FOLDER / "decoder.mjs").read_text(encoding="utf-8")
    schema = json.loads((DOCUMENTS / "schema.json").read_text(encoding="utf-8"))
    asyncapi = json.loads((DOCUMENTS / "asyncapi.json").read_text(encoding="utf-8"))

    # A batch's parts are called in the vocabulary what its fields are called, where they can be.
    words = {"channels", "counts", "rows", "values", "blanks", "name", "unit", "dtype", "number"}
    # The language, JSON Schema, and the topics' parameter have these too.
    words |= {"at", "type", "title", "node"}
    told = {
        *(name for shape in schema["$defs"].values() for name in shape.get("properties", {})),
        *schema["$defs"],
        *schema["x-dtypes"]["types"],
        *asyncapi["components"]["messages"],
        *(channel["address"].split("/")[0] for channel in asyncapi["channels"].values()),
    }
    lines = [line for line in source.splitlines() if line and not line.startswith("//")]
    code = re.sub(r"//.*", "", "\n".join(lines))
    named = set(re.findall(r"(?:\.|[\"'`/])(\w+)\b", code))
    assert len(lines) < 150
    assert named & told <= words
