"""Missing parts and sick disks, with real processes: said clearly, ended cleanly or outlasted."""

import asyncio
import re
import resource
import socket
import sqlite3
from pathlib import Path

import pytest

from lunaredge.runtime.client import SiteClient
from lunaredge.runtime.store import Store
from lunaredge.wire import messages, records, topics
from lunaredge.wire.messages import RecordClass
from tests.system.site_run import Puppet, Run, lunaredge, rows, until

EXIT_MISSING_PART = 3
# Less than a write-ahead log has after its first commits, more than these tests' logs ever have.
FILE_BYTES_MAX = 16_384


def said_once(stderr: str) -> str:
    """Give the one line a command says; a traceback has more."""
    assert re.fullmatch(r"lunaredge: [^\n]+\n", stderr), stderr
    return stderr


def settings(run: Run, name: str) -> tuple[object, ...]:
    return (name, "--config", run.site.folder / f"{name}.toml")


async def test_a_broker_whose_port_is_taken_says_so(run):
    with socket.create_server(("127.0.0.1", run.site.client.broker.port)):
        done = lunaredge(*settings(run, "broker"))

    assert done.returncode == EXIT_MISSING_PART
    assert f"port {run.site.client.broker.port}" in said_once(done.stderr)


async def test_machines_whose_socket_is_taken_say_so(run):
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(run.site.machines_socket))
        taken.listen()
        done = lunaredge(*settings(run, "machines"))

    assert done.returncode == EXIT_MISSING_PART
    assert "machines.socket" in said_once(done.stderr.splitlines(keepends=True)[-1])


async def test_processes_wait_for_a_broker_that_comes_late(run):
    await run.start("scheduler", "agent-dc-1")
    for process in ("scheduler", "agent-dc-1"):
        await run.told(process, "broker.unreachable")
    await asyncio.sleep(1.0)

    await run.start("broker")

    await run.told("scheduler", "node.censused node=dc-1")
    assert run.log("scheduler").count("broker.unreachable") == 1
    assert not run.supervisor.failures()


async def test_a_second_process_on_one_store_is_turned_away(run):
    await run.start("scheduler")
    await run.told("scheduler", "lead.taken")

    done = lunaredge(*settings(run, "scheduler"))

    pid = run.supervisor._children["scheduler"].pid
    assert done.returncode == EXIT_MISSING_PART
    assert f"in use by process {pid}" in said_once(done.stderr)
    assert run.supervisor.is_running("scheduler")


async def test_a_store_that_is_no_database_is_named_and_nothing_is_started(run):
    path = run.store("agent-dc-1")
    path.parent.mkdir()
    path.write_bytes(b"no database at all, whatever its name says\n" * 100)

    done = lunaredge("agent", "--config", run.site.folder / "agent-dc-1.toml")

    assert done.returncode == EXIT_MISSING_PART
    assert str(path) in said_once(done.stderr)
    assert "is damaged" in done.stderr
    assert path.read_bytes().startswith(b"no database")


async def test_a_journal_with_a_damaged_entry_is_not_led_from(run):
    await run.start("scheduler")
    await run.told("scheduler", "lead.taken")
    await run.stop()
    damage(run.store("scheduler"), "journal")

    done = lunaredge(*settings(run, "scheduler"))

    assert done.returncode == EXIT_MISSING_PART
    assert "journal entry 1 is missing or damaged" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


async def test_a_stop_outlives_the_damage_of_the_row_that_holds_it(run):
    await run.start("broker", "scheduler", "agent-dc-1")
    await run.told("scheduler", "node.censused node=dc-1")
    async with run.client("nodes") as eye:
        await eye.reach()
        stop = messages.Stop(stop="stop-1", node=None, reason="a test")
        eye.say(topics.stop_all(eye.identity.site), stop)
        await until(lambda: stopped_nodes(eye) == ["dc-1"])
        await run.supervisor.kill("agent-dc-1")
        damage(run.store("agent-dc-1"), "stop")

        await run.supervisor.restart("agent-dc-1")

        await run.told("agent-dc-1", "row.found_corrupt")
        asked_ns = run.site.client.identity.clock.now_ns()
        await until(lambda: stopped_nodes(eye) == ["dc-1"] and heard_since(eye, asked_ns))
        assert stopped_nodes(eye) == ["dc-1"]


async def test_a_stop_is_handed_on_to_who_was_away_when_nobody_else_is_left_to_say_it(run):
    agents = ("agent-dc-1", "agent-excavator-1")
    await run.start("broker", "machines", "scheduler", *agents)
    for name in ("dc-1", "excavator-1"):
        await run.told("scheduler", f"node.censused node={name}")
    await run.supervisor.kill("scheduler")
    await run.supervisor.kill("agent-excavator-1")
    async with run.client() as eye:
        await eye.reach()
        stop = messages.Stop(stop="stop-1", node=None, reason="a test")
        eye.say(topics.stop_all(eye.identity.site), stop)
        await until(lambda: has_latched(run, "agent-dc-1"))
    # With it goes what it has for who is away.
    await run.supervisor.kill("broker")
    await run.supervisor.restart("broker")

    await run.supervisor.restart("agent-excavator-1")

    await until(lambda: has_latched(run, "agent-excavator-1"))
    assert not run.supervisor.is_running("scheduler")


def has_latched(run: Run, agent: str) -> bool:
    """Tell whether an agent has a stop on its disk."""
    store = Store.open_to_read(run.store(agent))
    try:
        return any((row.table, row.scope) == ("stop", "stop-1") for row in store.rows())
    finally:
        store.close()


def stopped_nodes(eye: SiteClient) -> list[object]:
    return [row["node"] for row in rows(eye, "nodes") if row["stops"]]


def heard_since(eye: SiteClient, since_ns: int) -> bool:
    row = next(row for row in rows(eye, "nodes") if row["node"] == "dc-1")
    return eye.latest["nodes"].site_ns - row["age_s"] * 1e9 > since_ns


def damage(path: Path, table: str) -> None:
    """Spoil the value of a table's rows, as a bad sector would."""
    with sqlite3.connect(path) as disk:
        changed = disk.execute("UPDATE rows SET value = x'00' WHERE \"table\" = ?", (table,))
    disk.close()
    assert changed.rowcount > 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux")
async def test_a_full_disk_stops_acknowledgements_and_loses_nothing(run):
    puppet = Puppet(run, "dc-1")
    await run.start("broker", "scheduler")
    speaking = asyncio.create_task(puppet.link.run())
    await until(lambda: puppet.link.connected)
    upload(puppet, 20)
    await acknowledged(puppet)

    let_files_grow_to(run, "scheduler", FILE_BYTES_MAX)
    upload(puppet, 20)
    await run.told("scheduler", "store.write_failed")
    taken = puppet.acknowledged[RecordClass.EVENT]
    await asyncio.sleep(0.5)
    assert puppet.acknowledged[RecordClass.EVENT] == taken < 40
    let_files_grow_to(run, "scheduler", resource.RLIM_INFINITY)

    await run.told("scheduler", "store.write_recovered")
    await acknowledged(puppet)
    speaking.cancel()
    await run.stop()
    assert [row.seq for row in archive(run)] == list(range(1, 41))


def upload(puppet: Puppet, count: int) -> None:
    for number in range(count):
        event = records.Event(site_ns=number, code="test", text="x" * 100)
        puppet.upload(RecordClass.EVENT, event)
    puppet.pump()


async def acknowledged(puppet: Puppet) -> None:
    async with asyncio.timeout(20):
        while puppet.waiting:
            puppet.pump()
            await asyncio.sleep(0.05)


def let_files_grow_to(run: Run, process: str, size_bytes: int) -> None:
    """Bound every file of a process, as a disk would that has no more room."""
    pid = run.supervisor._children[process].pid
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def archive(run: Run) -> list[object]:
    store = Store.open_to_read(run.store("scheduler"))
    found = [row for row in store.archive_rows() if row.record_class is RecordClass.EVENT]
    store.close()
    return found


async def test_a_node_whose_disk_was_lost_is_heard_again(run):
    async def counted(times: int) -> None:
        await until(lambda: run.log("scheduler").count("node.censused") == times)

    await run.start("broker", "scheduler", "agent-dc-1")
    await counted(1)
    await run.supervisor.stop(["agent-dc-1"])
    await run.start("agent-dc-1")
    await counted(2)

    await run.supervisor.stop(["agent-dc-1"])
    for part in run.store("agent-dc-1").parent.glob("agent-dc-1.sqlite*"):
        part.unlink()
    await run.start("agent-dc-1")

    await counted(3)
    assert run.supervisor.is_running("agent-dc-1")
