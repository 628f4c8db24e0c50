import asyncio
import os
import time
from pathlib import Path

import msgspec
import pytest

from lunaredge.ids import TaskId
from lunaredge.model.task import Workload
from lunaredge.node import StartWorkload, StopWorkload
from lunaredge.runtime import workloads as workloads_module
from lunaredge.runtime.workloads import WorkloadDriver


@pytest.fixture
async def ends():
    return asyncio.Queue()


@pytest.fixture
async def driver(ends):
    driver = WorkloadDriver(ends.put_nowait)
    yield driver
    await driver.close()


def start(program="fuse_terrain", document=b"", *, duration_s_max=60.0, memory_mib=64):
    workload = Workload(
        program=program, input=document, memory_mib=memory_mib, duration_s_max=duration_s_max
    )
    return StartWorkload(task=TaskId("fuse-1"), attempt=2, workload=workload)


@pytest.fixture
def culprit(tmp_path, monkeypatch):
    """Makes a package that stands in for the registered programs, with one that misbehaves."""

    def make(body):
        package = tmp_path / "lunaredge_culprits"
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "culprit.py").write_text("import os, sys, time\ndef run(document):\n    " + body)
        site = tmp_path / "sitecustomize.py"
        site.write_text(
            "import lunaredge.workloads as w; w.PROGRAMS['culprit'] = 'lunaredge_culprits.culprit'"
        )
        path = os.pathsep.join([str(tmp_path), str(Path.cwd())])
        monkeypatch.setenv("PYTHONPATH", path)
        monkeypatch.setitem(workloads_module.PROGRAMS, "culprit", "lunaredge_culprits.culprit")

    return make


async def test_a_program_gives_its_result(driver, ends):
    document = msgspec.msgpack.encode({"cell_m": 5.0, "patches": [bytes(12)]})

    driver.start(start(document=document))
    end = await asyncio.wait_for(ends.get(), 30)

    assert (end.task, end.attempt, end.ok, end.reason) == ("fuse-1", 2, True, "")
    assert msgspec.msgpack.decode(end.result)["cells"] == [[2.5, 2.5, 0.0, 1]]


async def test_input_that_can_not_be_used_fails_with_the_programs_own_words(driver, ends):
    driver.start(start(document=b"\xc1"))
    end = await asyncio.wait_for(ends.get(), 30)

    assert not end.ok
    assert "not a set of surveys" in end.reason


async def test_only_registered_programs_run(driver, ends):
    driver.start(start(program="../../bin/sh"))
    end = await asyncio.wait_for(ends.get(), 30)

    assert (end.ok, end.reason) == (False, "no program '../../bin/sh'")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return b'x' * 300_000", "result over 200000 bytes"),
        ("return bytearray(500 << 20)", "out of memory"),
        ("raise RuntimeError('broke its leg')", "broke its leg"),
        ("os.kill(os.getpid(), 11)", "ended with code -11"),
        ("os.close(0); os.write(2, b'y' * 100_000); sys.exit(4)", "yyyy"),
    ],
)
async def test_what_goes_wrong_in_a_program_is_a_reason(driver, ends, culprit, body, words):
    culprit(body)

    driver.start(start(program="culprit", duration_s_max=10.0))
    end = await asyncio.wait_for(ends.get(), 30)

    assert not end.ok
    assert words in end.reason


async def test_a_program_that_does_not_end_is_killed_at_its_limit(
    driver, ends, culprit, monkeypatch
):
    monkeypatch.setattr(workloads_module, "_START_S", 0.3)
    culprit("time.sleep(60)")

    begun_s = time.monotonic()
    driver.start(start(program="culprit", duration_s_max=0.1))
    end = await asyncio.wait_for(ends.get(), 30)

    assert (end.ok, end.reason) == (False, "not done in 0.1 s")
    assert time.monotonic() - begun_s < 5.0


async def test_a_limit_is_in_the_agents_own_seconds(ends, culprit, monkeypatch):
    monkeypatch.setattr(workloads_module, "_START_S", 0.3)
    culprit("time.sleep(60)")
    driver = WorkloadDriver(ends.put_nowait, speed=600.0)

    begun_s = time.monotonic()
    driver.start(start(program="culprit", duration_s_max=60.0))
    await asyncio.wait_for(ends.get(), 30)

    assert time.monotonic() - begun_s < 5.0


async def test_a_stopped_workload_ends_and_says_nothing(driver, ends, culprit, tmp_path):
    culprit(f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    driver.start(start(program="culprit"))
    pid = await _written_pid(tmp_path / "pid")

    driver.stop(StopWorkload(task=TaskId("fuse-1"), attempt=2))
    await _gone(pid)

    assert ends.empty()


async def test_closing_leaves_no_process_behind(driver, culprit, tmp_path):
    culprit(f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    driver.start(start(program="culprit"))
    pid = await _written_pid(tmp_path / "pid")

    await driver.close()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def _written_pid(path):
    for _ in range(500):
        if path.exists() and path.read_text():
            return int(path.read_text())
        await asyncio.sleep(0.02)
    raise AssertionError("the program did not start")


async def _gone(pid):
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the program goes on")
