import asyncio

from lunaredge.runtime import tasks as tasks_module
from lunaredge.runtime.tasks import end_tasks


async def test_a_task_that_swallows_its_cancellation_is_ended_all_the_same():
    async def stubborn():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)

    raised = await asyncio.wait_for(end_tasks([task]), 10)

    assert task.cancelled()
    assert raised == []


async def test_what_an_ended_task_raised_is_given_back():
    async def broken():
        raise ValueError("broken")

    task = asyncio.create_task(broken())
    await asyncio.wait([task])

    raised = await end_tasks([task])

    assert [str(exc) for exc in raised] == ["broken"]


async def test_ending_that_is_cancelled_itself_leaves_no_task_behind(monkeypatch):
    monkeypatch.setattr(tasks_module, "_PATIENCE_S", 0.05)
    farewells = []

    async def slow_to_leave():
        try:
            await asyncio.sleep(60)
        finally:
            farewells.append("begun")
            await asyncio.sleep(60)

    inner = asyncio.create_task(slow_to_leave())
    await asyncio.sleep(0)
    outer = asyncio.create_task(end_tasks([inner]))
    await asyncio.sleep(0)

    outer.cancel()
    await asyncio.wait([outer], timeout=10)

    assert outer.cancelled()
    assert inner.done()
    assert farewells == ["begun"]
