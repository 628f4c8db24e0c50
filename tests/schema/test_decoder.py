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
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker
from lunaredge.runtime.tasks import end_tasks
from tests.schema.fleet import OTHER_TABLE, SITE, TABLE, Fleet, Machine, Value
from tests.style.source import ROOT

FOLDER = Path(__file__).parent / "decoder"
DOCUMENTS = ROOT / "docs/reference/wire"


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
