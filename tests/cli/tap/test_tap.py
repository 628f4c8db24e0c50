"""`lunaredge tap` at a real broker: what it shows, how it ends, and what it says it left out."""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lunaredge.cli.main import main
from lunaredge.ids import BootId, NodeId
from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker
from lunaredge.runtime.keys import make_keys
from lunaredge.runtime.tasks import end_tasks
from lunaredge.wire import codec, messages
from lunaredge.wire.seal import Role
from tests.schema.fleet import SITE, TABLE, Fleet, Machine

# More than a pipe, the tap's own batch and the link's inbox hold together.
BURST_COUNT = 12_000


@pytest.fixture
def broker(tmp_path: Path, unused_tcp_port: int) -> Iterator[Broker]:
    program = find_broker(tmp_path / "cache", BrokerChoice.MOSQUITTO)
    broker = Broker(program, BrokerSettings(port=unused_tcp_port, folder=tmp_path / "broker"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def config(tmp_path: Path, unused_tcp_port: int) -> Path:
    make_keys(tmp_path / "keys", {"scheduler": Role.SCHEDULER})
    path = tmp_path / "operator.toml"
    path.write_text(
        f'site = "{SITE}"\nname = "looker-on"\nkeys = "keys"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {unused_tcp_port}\nprotocol = "5"\n'
    )
    return path


@pytest.fixture
async def fleet(broker: Broker) -> AsyncIterator[Callable[..., Any]]:
    tasks: list[asyncio.Task[None]] = []

    async def join(*machines: Machine) -> Fleet:
        fleet = Fleet(broker, *machines)
        tasks.append(asyncio.create_task(fleet.link.run()))
        await fleet.connected()
        return fleet

    yield join
    assert await end_tasks(tasks) == []


async def tap(config: Path, *words: str) -> asyncio.subprocess.Process:
    """Start a tap."""
    command = (sys.executable, "-m", "lunaredge", "tap", "--config", str(config), *words)
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)


async def ended(process: asyncio.subprocess.Process) -> tuple[int, list[str], str]:
    """Give how a tap ended: its exit code, its lines, and what it said beside."""
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines(), err.decode()


def machine(name: str) -> Machine:
    return Machine(name, TABLE, random.Random(name))


def farewell(machine: Machine) -> bytes:
    header = codec.Header(node=machine.name, boot=BootId(1), number=1, local_ns=0, site_ns=0)
    return codec.encode(header, messages.Farewell(node=NodeId(machine.name), orderly=True))


async def test_it_shows_a_live_stream_and_asks_for_what_nobody_has_told(
    config: Path, fleet: Callable[..., Any]
) -> None:
    known, silent = machine("digger-1"), machine("hauler-1")
    site = await fleet(known, silent)
    site.link.publish(known.topic("birth"), known.birth(), retain=True)
    await site.link.drain(10.0)

    process = await tap(config, "--json", "--class", "raw", "--count", "60")
    while process.returncode is None:
        for each in (known, silent):
            site.link.publish(each.topic("up", "raw"), each.batch(3))
        if silent.asked > 20:
            break
        try:
            await asyncio.wait_for(asyncio.shield(process.wait()), 0.2)
        except TimeoutError:
            continue
    code, lines, told = await ended(process)

    assert code == 0
    assert len(lines) == 60
    rows = [json.loads(line) for line in lines]
    assert {row["node"] for row in rows} == {"digger-1", "hauler-1"}
    said = {(*value[:2], *value[3:]) for each in (known, silent) for value in each.said}
    for row in rows:
        for name, value in row["values"].items():
            assert (row["node"], name, row["time_ns"], value) in said
    assert silent.asked >= 1
    assert known.asked == 0
    assert "asked hauler-1 what its telemetry's columns are" in told
    assert "digger-1" not in told
    assert "60 lines of " in told


@pytest.mark.parametrize(
    "words", [("--count", "0"), ("--seconds", "0"), ("--seconds", "nan"), ("--seconds", "inf")]
)
def test_a_bound_that_is_none_is_refused(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tap", *words]) == 2
    assert f"lunaredge tap: {words[0]}: can't be used, got {words[1]}" in capsys.readouterr().err


async def test_a_reader_that_keeps_up_is_shown_everything(
    config: Path, fleet: Callable[..., Any]
) -> None:
    digger = machine("digger-1")
    site = await fleet(digger)
    site.link.publish(digger.topic("reply"), farewell(digger), retain=True)
    await site.link.drain(10.0)
    process = await tap(config, "--count", "2001", "--json")
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)

    for _ in range(2_000):
        site.link.publish(digger.topic("node"), farewell(digger))
    code, lines, told = await ended(process)

    assert (code, len(lines)) == (0, 2_000)
    assert told == "lunaredge tap: 2001 lines of 2001 messages\n"


async def test_where_nothing_is_said_the_exit_code_says_so(config: Path, broker: Broker) -> None:
    code, lines, told = await ended(await tap(config, "--seconds", "0.3"))

    assert (code, lines) == (1, [])
    assert "0 lines of 0 messages" in told


async def test_a_name_of_which_nobody_spoke_is_told_at_the_end(
    config: Path, broker: Broker
) -> None:
    code, _, told = await ended(await tap(config, "nosuch", "--seconds", "0.3"))

    assert code == 1
    assert "lunaredge tap: nobody called nosuch spoke\n" in told


async def test_what_is_damaged_is_told_of_at_the_end(
    config: Path, fleet: Callable[..., Any]
) -> None:
    digger = machine("digger-1")
    site = await fleet(digger)
    good = farewell(digger)
    for payload in (good, b"x", good[:-1] + bytes([good[-1] ^ 1])):
        site.link.publish(digger.topic("reply"), payload, retain=True)
        site.link.publish(digger.topic("node"), payload, retain=True)
    site.link.publish(digger.topic("ask"), good, retain=True)
    await site.link.drain(10.0)

    code, lines, told = await ended(await tap(config, "--seconds", "1"))

    assert (code, len(lines)) == (0, 1)
    assert "[unsigned]" in lines[0]
    assert "2 messages could not be read: checksum 2" in told


async def test_a_broker_that_is_not_there_is_named_with_its_file(config: Path) -> None:
    code, lines, told = await ended(await tap(config))

    assert (code, lines) == (3, [])
    assert str(config) in told
    assert "can't be reached" in told


async def test_an_interrupt_ends_it_with_a_summary(config: Path, fleet: Callable[..., Any]) -> None:
    digger = machine("digger-1")
    site = await fleet(digger)
    site.link.publish(digger.topic("node"), farewell(digger), retain=True)
    await site.link.drain(10.0)

    process = await tap(config)
    assert process.stdout is not None
    first = await asyncio.wait_for(process.stdout.readline(), 20)
    process.send_signal(signal.SIGINT)
    code, _, told = await ended(process)

    assert b"farewell" in first
    assert code == 130
    assert told.splitlines() == ["lunaredge tap: 1 lines of 1 messages"]


async def test_a_pipe_that_nobody_reads_on_ends_it(config: Path, fleet: Callable[..., Any]) -> None:
    digger = machine("digger-1")
    site = await fleet(digger)
    read_end, write_end = os.pipe()
    command = (sys.executable, "-m", "lunaredge", "tap", "--config", str(config))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=write_end, stderr=asyncio.subprocess.PIPE
    )
    os.close(write_end)
    os.close(read_end)

    while process.returncode is None:
        site.link.publish(digger.topic("node"), farewell(digger))
        await asyncio.sleep(0.1)
    assert process.stderr is not None
    told = await process.stderr.read()

    assert process.returncode == 141
    assert told == b""


async def test_what_comes_faster_than_it_is_read_is_left_out_and_counted(
    config: Path, fleet: Callable[..., Any]
) -> None:
    digger = machine("digger-1")
    site = await fleet(digger)
    site.link.publish(digger.topic("reply"), farewell(digger), retain=True)
    await site.link.drain(10.0)
    process = await tap(config)
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)

    # Nobody reads on: the pipe is full after some hundred lines.
    for _ in range(BURST_COUNT // 4_000):
        for _ in range(4_000):
            site.link.publish(digger.topic("node"), farewell(digger))
        await site.link.drain(30.0)
    await asyncio.sleep(1.0)
    process.send_signal(signal.SIGINT)
    code, _, told = await ended(process)

    assert code == 130
    assert "messages left out: too many at once" in told


async def test_a_broker_that_comes_back_is_listened_to_again(
    config: Path, fleet: Callable[..., Any], broker: Broker
) -> None:
    digger = machine("digger-1")
    site = await fleet(digger)
    site.link.publish(digger.topic("node"), farewell(digger), retain=True)
    await site.link.drain(10.0)
    process = await tap(config, "--count", "2")
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)

    broker.stop()
    broker.start()
    await site.connected()
    while process.returncode is None:
        site.link.publish(digger.topic("node"), farewell(digger))
        await asyncio.sleep(0.1)
    code, _, told = await ended(process)

    assert code == 0
    assert told.startswith("lunaredge tap: the broker is out of reach; going on as soon as it is")
