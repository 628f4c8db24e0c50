"""A node that starts with no link: it takes up its computing at once, and moves nothing."""

import asyncio
import time

import msgspec
import pytest

from lunaredge.agent.tasks import TASK_TABLE
from lunaredge.ids import CommandId, TaskId
from lunaredge.model.task import Leg, Workload
from lunaredge.node import Persist
from lunaredge.runtime.store import Store
from lunaredge.wire.messages import Assign
from tests.system.site_run import Run

RESUMED_S_MAX = 10.0
# Five minutes of the site's time.
WATCHED_S = 5.0

pytestmark = pytest.mark.slow


def leave_in_hand(run: Run, agent: str, assign: Assign) -> None:
    """Write a task into an agent's store, as a life leaves it that lost power."""
    store = Store.open(run.store(agent))
    store.commit([Persist(TASK_TABLE, assign.task, assign.attempt, msgspec.msgpack.encode(assign))])
    store.close()


def assignment(**parts: object) -> Assign:
    return msgspec.structs.replace(
        Assign(
            command=CommandId("c1-1"),
            task=TaskId("left-behind"),
            attempt=1,
            legs=(),
            repeat=False,
            workload=None,
        ),
        **parts,
    )


async def test_computing_is_taken_up_within_seconds_without_any_link(run):
    workload = Workload(program="fuse_terrain", input=b"", memory_mib=256, duration_s_max=600.0)
    leave_in_hand(run, "agent-dc-1", assignment(workload=workload))

    began_s = time.monotonic()
    await run.start("agent-dc-1")
    await run.told("agent-dc-1", "workload.started")
    took_s = time.monotonic() - began_s

    assert took_s < RESUMED_S_MAX


async def test_a_machine_with_a_task_in_hand_stands_until_a_leader_counts_it(run):
    leave_in_hand(
        run, "agent-excavator-1", assignment(legs=(Leg(path=((12.0, 12.0), (30.0, 20.0))),))
    )

    await run.start("machines", "agent-excavator-1")
    await run.told("agent-excavator-1", "broker.unreachable")
    await asyncio.sleep(WATCHED_S)
    await run.stop()

    summary = msgspec.json.decode((run.site.folder / "truth" / "truth.json").read_bytes())
    assert summary["machines"]["excavator-1"]["moved_intervals"] == []
