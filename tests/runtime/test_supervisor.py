import asyncio
import os
import sys
from pathlib import Path

import pytest

from lunaredge.errors import TransportError
from lunaredge.runtime.supervisor import Supervisor

SLEEPER = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
BREAKER = (sys.executable, "-c", "import sys; print('broken pump'); sys.exit(7)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('up', flush=True); time.sleep(60)",
)


def make(folder: Path) -> Supervisor:
    return Supervisor(folder / "logs", os.environ)


async def is_up(supervisor: Supervisor, name: str) -> None:
    async with asyncio.timeout(20.0):
        while "up" not in supervisor.log_path(name).read_text():
            await asyncio.sleep(0.01)


async def test_a_child_s_process_is_known_while_it_is_kept(tmp_path: Path) -> None:
    supervisor = make(tmp_path)
    before = supervisor.pid("worker")
    await supervisor.start("worker", SLEEPER)
    await is_up(supervisor, "worker")
    running = supervisor.pid("worker")
    await supervisor.stop(["worker"])

    assert running is not None
    assert (before, supervisor.pid("worker")) == (None, None)


async def test_a_killed_child_comes_back_as_it_was_started(tmp_path: Path) -> None:
    supervisor = make(tmp_path)
    await supervisor.start("worker", SLEEPER)

    await supervisor.kill("worker")
    after_kill = supervisor.is_running("worker")
    await supervisor.restart("worker")

    assert not after_kill
    assert supervisor.is_running("worker")
    assert supervisor.kills == 1
    assert not supervisor.failures()
    await supervisor.stop(["worker"])


async def test_a_child_that_ends_by_itself_is_a_failure_with_its_last_words(tmp_path: Path) -> None:
    supervisor = make(tmp_path)

    await supervisor.start("pump", BREAKER)
    async with asyncio.timeout(20.0):
        while supervisor.is_running("pump"):
            await asyncio.sleep(0.01)

    (failure,) = supervisor.failures()
    assert (failure.name, failure.code, failure.log_tail) == ("pump", 7, "broken pump")


async def test_a_child_that_ignores_the_asking_is_ended_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lunaredge.runtime.supervisor.STOP_S_MAX", 0.2)
    supervisor = make(tmp_path)
    await supervisor.start("stubborn", STUBBORN)
    await is_up(supervisor, "stubborn")

    forced = await supervisor.stop(["stubborn"])

    assert forced == ["stubborn"]
    assert not supervisor.is_running("stubborn")


async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    supervisor = make(tmp_path)

    with pytest.raises(TransportError, match="ghost can't be started"):
        await supervisor.start("ghost", ("/no/such/program",))
