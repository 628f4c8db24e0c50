"""A standby of the scheduler, with real processes: leaders are killed, frozen and asked to end."""

import asyncio
import contextlib
import re
import signal
import sqlite3
import time
from pathlib import Path

import msgspec
import pytest

from lunaredge.errors import TransportError
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.lock import StoreLock
from lunaredge.runtime.store import Store
from lunaredge.scheduler.node import CHECKPOINT, JOURNAL
from lunaredge.wire import messages, records
from lunaredge.wire.messages import RecordClass
from tests.system.site_run import Run, lunaredge, prepare_tiny_site, rows, until
from tests.system.tiny_site import HOMES, NODES

LEAD_S_MAX = 10.0
# So slow that a drive lasts longer than a standby takes to lead.
UNHURRIED = 10.0
EXIT_MISSING_PART = 3

pytestmark = pytest.mark.slow


@pytest.fixture
async def slow_run(tmp_path):
    try:
        site = prepare_tiny_site(tmp_path, speed=UNHURRIED)
    except TransportError as exc:
        pytest.skip(str(exc))
    processes = Run(site)
    yield processes
    await processes.stop()


def epochs(run: Run, name: str) -> list[int]:
    return [int(text) for text in re.findall(r"lead\.taken epoch=(\d+)", run.log(name))]


async def leads(run: Run, name: str, since_s: float) -> float:
    """Wait until a process leads; give how long that took, s."""
    await run.told(name, "lead.taken")
    return time.monotonic() - since_s


def journal(run: Run) -> tuple[list[int], int]:
    """Give the numbers of the journal's entries, and how many decide otherwise when replayed."""
    kept = run.rows_of_scheduler(CHECKPOINT, JOURNAL)
    numbers = [row.number for row in kept if row.table == JOURNAL]
    return numbers, run.fresh_scheduler().replay(kept)


def drives(run: Run) -> dict[str, list[tuple[int, int]]]:
    """Give when each machine truly moved, from rest to rest."""
    summary = msgspec.json.decode((run.site.folder / "truth" / "truth.json").read_bytes())
    return {name: machine["moved_intervals"] for name, machine in summary["machines"].items()}


async def begin_work(run: Run, eye: SiteClient) -> list[str]:
    """Start the site with a standby, and its work; give the machines that drive, once some do."""
    await run.start("broker", "machines", "scheduler")
    await run.stand_by()
    await until(run.site.machines_socket.exists)
    await run.start(*(f"agent-{node}" for node in NODES))
    await until(lambda: [row["state"] for row in rows(eye, "nodes")] == ["idle"] * len(NODES))
    answer = await eye.ask(
        messages.Submit(request=new_request(), order=load_order(Path(run.site.order_file)))
    )
    assert answer.ok, answer.text
    await until(lambda: driving(eye))
    return driving(eye)


def driving(eye: SiteClient) -> list[str]:
    return [
        str(row["node"])
        for row in rows(eye, "nodes")
        if row["state"] == "driving" and row["node"] in HOMES
    ]


def expired(run: Run) -> list[records.Event]:
    """Give the events by which machines told that an authority ended under way."""
    store = Store.open_to_read(run.store("scheduler"))
    rows_kept = store.archive_rows(None, RecordClass.EVENT)
    told = [records.decode_record(row.record) for row in rows_kept]
    store.close()
    events = [event for event in told if isinstance(event, records.Event)]
    assert events, "machines have told of nothing"
    return [event for event in events if event.code == "authority_expired"]


async def test_a_standby_leads_in_time_and_no_machine_stops_for_it(slow_run):
    run = slow_run
    async with run.client("nodes", "tasks") as eye:
        machines = await begin_work(run, eye)
        killed_ns, killed_s = eye.identity.clock.now_ns(), time.monotonic()

        await run.supervisor.kill("scheduler")
        took_s = await leads(run, "standby", killed_s)
        led_ns = eye.identity.clock.now_ns()
        await until(lambda: run.log("standby").count("node.censused") >= len(NODES))
        await until(lambda: any(row["phase"] == "done" for row in rows(eye, "tasks")), 120.0)
    await run.supervisor.stop(["standby"])

    assert took_s < LEAD_S_MAX
    assert epochs(run, "standby")[0] > epochs(run, "scheduler")[-1]
    assert machines
    for machine in machines:
        moves = drives(run)[machine]
        assert any(start_ns < killed_ns and led_ns < end_ns for start_ns, end_ns in moves), machine
    assert expired(run) == []
    numbers, differing = journal(run)
    assert numbers == list(range(1, len(numbers) + 1))
    assert differing == 0


async def test_a_leader_that_ends_in_order_hands_over(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "lead.taken")
    await run.stand_by()

    begun_s = time.monotonic()
    await run.supervisor.stop(["scheduler"])

    assert await leads(run, "standby", begun_s) < LEAD_S_MAX
    assert "process.stopped" in run.log("scheduler")
    # Who has books is told apart from who has none.
    assert ("store.new" in run.log("scheduler"), "store.new" in run.log("standby")) == (True, False)
    assert epochs(run, "standby")[0] > epochs(run, "scheduler")[0]


async def test_of_two_standbys_one_leads_and_the_other_goes_on_waiting(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "lead.taken")
    await run.stand_by("one")
    await run.stand_by("other")

    await run.supervisor.kill("scheduler")
    await until(lambda: epochs(run, "one") + epochs(run, "other"))
    first, second = ("one", "other") if epochs(run, "one") else ("other", "one")
    waited = not epochs(run, second)
    await run.supervisor.kill(first)
    await run.told(second, "lead.taken")

    assert waited
    assert epochs(run, "scheduler") < epochs(run, first) < epochs(run, second)


async def test_when_leader_and_standby_are_both_killed_whoever_starts_leads(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "lead.taken")
    await run.stand_by()

    await run.supervisor.kill("scheduler")
    await run.supervisor.kill("standby")
    await run.supervisor.restart("standby")
    await until(lambda: epochs(run, "standby"))

    assert epochs(run, "standby")[-1] > epochs(run, "scheduler")[0]


async def test_a_standby_touches_no_store_before_it_has_the_lock(run):
    lock = StoreLock.take(run.store("scheduler"), "this test has it")
    await run.start("broker")
    await run.stand_by()
    async with run.client("standby") as eye:
        await until(lambda: rows(eye, "standby"))
    found = run.store("scheduler").exists()

    lock.release()
    await run.told("standby", "lead.taken")

    assert not found
    assert run.store("scheduler").exists()


async def test_a_standby_shows_itself_until_it_leads(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "lead.taken")
    client = ("--config", run.site.client_file)
    async with run.client("standby") as eye:
        await run.stand_by()
        await until(lambda: any(row["leader_is"] == "heard" for row in rows(eye, "standby")))
        (row,), leader_pid = rows(eye, "standby"), run.pid("scheduler")
        shown = await asyncio.to_thread(lunaredge, "standby", *client)
        await run.supervisor.kill("scheduler")
        await until(lambda: rows(eye, "standby") == [])

    assert row["leader_pid"] == leader_pid
    assert row["standby"] in shown.stdout


async def test_a_frozen_leader_keeps_the_lead_and_is_called_silent(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "lead.taken")
    await run.stand_by()

    run.signal("scheduler", signal.SIGSTOP)
    await run.told("standby", "leader.silent")
    async with run.client("standby") as eye:
        await until(lambda: rows(eye, "standby"))
        (row,) = rows(eye, "standby")
        led = epochs(run, "standby")
        run.signal("scheduler", signal.SIGCONT)
        await run.told("standby", "leader.heard")
    await run.supervisor.kill("scheduler")
    await run.told("standby", "lead.taken")

    assert row["leader_is"] == "silent"
    assert led == []


async def test_a_leader_that_thaws_after_another_took_its_store_over_is_fenced_and_ends(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "lead.taken")

    await freeze_between_commits(run)
    # What nobody should do: it is the one way round the lock.
    run.store("scheduler").with_name("scheduler.sqlite.lock").unlink()
    await run.stand_by()
    await run.told("standby", "lead.taken")
    run.signal("scheduler", signal.SIGCONT)

    assert await run.ended("scheduler") == EXIT_MISSING_PART
    assert "was taken over" in run.log("scheduler")
    assert journal(run)[1] == 0


async def test_a_standby_that_is_asked_to_end_ends_well(run):
    await run.start("broker", "scheduler")
    await run.told("scheduler", "lead.taken")
    await run.stand_by()

    run.signal("standby", signal.SIGTERM)

    assert await run.ended("standby") == 0
    assert "standby.stopped" in run.log("standby")
    assert run.supervisor.is_running("scheduler")


async def freeze_between_commits(run: Run) -> None:
    """Freeze the leader while it writes nothing: in mid-write nobody else could write either."""
    while True:
        run.signal("scheduler", signal.SIGSTOP)
        probe = sqlite3.connect(run.store("scheduler"), isolation_level=None, timeout=0.0)
        with contextlib.closing(probe), contextlib.suppress(sqlite3.OperationalError):
            probe.execute("BEGIN IMMEDIATE")
            return
        run.signal("scheduler", signal.SIGCONT)
        await asyncio.sleep(0.1)
