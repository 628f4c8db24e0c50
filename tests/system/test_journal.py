"""A real scheduler under load, killed at any instant: its journal rebuilds it, bit for bit."""

import asyncio
import random
import tomllib
from typing import NamedTuple

import pytest
import tomli_w

from lunaredge.ids import OrderId, TaskId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.runtime.client import SiteClient, new_request
from lunaredge.runtime.store import Store
from lunaredge.runtime.tasks import end_tasks
from lunaredge.scheduler.node import CHECKPOINT, JOURNAL
from lunaredge.wire import messages, records, topics
from lunaredge.wire.messages import RecordClass
from tests.system.site_run import Puppet, Run, rows, until
from tests.system.tiny_site import NODES

KILLS = 5
PACE_S = 0.03
# A scheduler that can't keep up is not what is tested here.
WAITING_MAX = 64
# Small enough that a life goes through several checkpoints, large enough that views fall between.
CHECKPOINT_ENTRIES = 1000

pytestmark = pytest.mark.slow


class Load:
    """Puppets that say something new all the time, and an operator who hands in orders."""

    def __init__(self, run: Run) -> None:
        self.puppets = [Puppet(run, node) for node in NODES]
        self.orders = 0
        self._site = run.site.name

    async def go_on(self, eye: SiteClient) -> None:
        turn = 0
        while True:
            turn += 1
            for puppet in self.puppets:
                puppet.beat()
                if puppet.waiting < WAITING_MAX:
                    puppet.upload(RecordClass.EVENT, event(turn))
                puppet.pump()
            if turn % 20 == 0:
                self._order(eye)
            await asyncio.sleep(PACE_S)

    def _order(self, eye: SiteClient) -> None:
        self.orders += 1
        task = Task(id=TaskId(f"t-{self.orders}"), kind=TaskKind.SURVEY, zone="field")
        order = WorkOrder(id=OrderId(f"o-{self.orders}"), title="More", tasks=(task,))
        topic = topics.request(self._site, eye.identity.client)
        eye.say(topic, messages.Submit(request=new_request(), order=order))


def event(turn: int) -> records.Event:
    return records.Event(site_ns=turn, code="test", text="x" * 40)


class Rebuilt(NamedTuple):
    """A scheduler's store as it lies, replayed by a fresh core."""

    checkpoint: int
    last: int
    digest: str
    differing: int


def rebuilt(run: Run, through: int | None = None) -> Rebuilt:
    node = run.fresh_scheduler()
    found = run.rows_of_scheduler(CHECKPOINT, JOURNAL)
    checkpoint = max((row.number for row in found if row.table == CHECKPOINT), default=0)
    if through is not None:
        found = [row for row in found if row.number <= through]
    differing = node.replay(found)
    return Rebuilt(checkpoint, max(row.number for row in found), node.digest(), differing)


def check_digests(run: Run, said: dict[int, str]) -> int:
    """Compare each digest that the living scheduler told; give how many could be compared."""
    now = rebuilt(run)
    assert now.differing == 0
    assert now.last >= max(said)
    # What lies before the checkpoint can't be told any more.
    told = [entry for entry in said if entry >= now.checkpoint]
    for entry in told:
        assert rebuilt(run, through=entry).digest == said[entry]
    return len(told)


def check_nothing_acknowledged_is_missing(run: Run, load: Load) -> None:
    store = Store.open_to_read(run.store("scheduler"))
    through: dict[tuple[str, int, RecordClass], int] = {}
    for row in store.archive_rows():
        key = (row.node, row.boot, row.record_class)
        assert row.first_seq == through.get(key, 0) + 1, f"a hole or a double in {key}"
        through[key] = row.seq
    store.close()
    for puppet in load.puppets:
        assert puppet.acknowledged
        for kind, seq in puppet.acknowledged.items():
            assert through.get((puppet.node, puppet.boot, kind), 0) >= seq, (puppet.node, kind)


def checkpoint_often(run: Run) -> None:
    path = run.site.folder / "scheduler.toml"
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    settings["checkpoint_entries"] = CHECKPOINT_ENTRIES
    path.write_text(tomli_w.dumps(settings), encoding="utf-8")


async def note_digests(eye: SiteClient, said: dict[int, str]) -> None:
    async for _ in eye.changes(1.0):
        for row in rows(eye, "site"):
            said[int(row["entry"])] = str(row["digest"])


async def test_a_scheduler_killed_at_any_instant_is_rebuilt_as_it_last_said(run):
    checkpoint_often(run)
    chance = random.Random("kill -9")
    load, said = Load(run), {}
    compared = 0
    await run.start("broker", "scheduler")

    async with run.client("site") as eye:
        tasks = [asyncio.create_task(puppet.link.run()) for puppet in load.puppets]
        tasks.append(asyncio.create_task(note_digests(eye, said)))
        await until(lambda: all(puppet.link.connected for puppet in load.puppets))
        tasks.append(asyncio.create_task(load.go_on(eye)))
        for _ in range(KILLS):
            said.clear()
            await until(lambda: len(said) > 1)
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await run.supervisor.kill("scheduler")
            compared += check_digests(run, dict(said))
            check_nothing_acknowledged_is_missing(run, load)
            await run.supervisor.restart("scheduler")
        await end_tasks(tasks)

    # Some of the lives may have been killed right behind a checkpoint.
    assert compared >= KILLS - 2
    assert load.orders > 0
