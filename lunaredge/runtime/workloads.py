"""The workload driver `exec`: runs registered programs, each in a process of its own.

Bounds what a program gets (memory, processor time, wall time) and what it gives (bytes out). Knows
nothing of tasks beyond their names: which may run, and how many at once, is the agent's to say.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable

import msgspec

from lunaredge.ids import TaskId
from lunaredge.model.task import Workload
from lunaredge.node import Level, StartWorkload, StopWorkload
from lunaredge.runtime.log import log_event
from lunaredge.workloads import PROGRAMS

# What an agent can report in one upload.
RESULT_BYTES_MAX = 200_000
# The last line says what is wrong; a traceback may stand before it.
_WORDS_BYTES_MAX = 16_384
# A program's start-up counts as its own time; on a small board NumPy alone takes two seconds.
_START_S = 5.0
# An agent has 64 slots at most; more means that it lost count.
RUNNING_MAX = 64

_Key = tuple[TaskId, int]


class WorkloadEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How a workload ended: done with a result, or failed with a reason."""

    task: TaskId
    attempt: int
    ok: bool
    result: bytes = b""
    reason: str = ""


class WorkloadDriver:
    """Runs workloads. ``speed`` is the agent's clock against the wall's."""

    def __init__(self, on_end: Callable[[WorkloadEnd], object], speed: float = 1.0) -> None:
        assert speed > 0.0
        self._on_end = on_end
        self._speed = speed
        self._running: dict[_Key, asyncio.Task[None]] = {}

    def start(self, start: StartWorkload) -> None:
        """Start a workload; its end is told once, unless it is stopped."""
        key = (start.task, start.attempt)
        assert key not in self._running, f"{start.task} attempt {start.attempt} started twice"
        assert len(self._running) < RUNNING_MAX
        self._running[key] = asyncio.create_task(self._run(start))

    def stop(self, stop: StopWorkload) -> None:
        """End a workload, if it runs; nothing is told."""
        task = self._running.pop((stop.task, stop.attempt), None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """End every workload."""
        tasks = list(self._running.values())
        self._running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, start: StartWorkload) -> None:
        ok, result, reason = await self._outcome(start.workload)
        fields: dict[str, object] = {"task": start.task, "program": start.workload.program}
        if ok:
            log_event(Level.INFO, "workload.ended", {**fields, "result_bytes": len(result)})
        else:
            log_event(Level.WARNING, "workload.failed", {**fields, "reason": reason})
        self._running.pop((start.task, start.attempt), None)
        self._on_end(
            WorkloadEnd(task=start.task, attempt=start.attempt, ok=ok, result=result, reason=reason)
        )

    async def _outcome(self, workload: Workload) -> tuple[bool, bytes, str]:
        if workload.program not in PROGRAMS:
            return False, b"", f"no program {workload.program[:40]!r}"
        limit_s = workload.duration_s_max / self._speed + _START_S
        try:
            process = await self._spawn(workload, limit_s)
        except OSError as exc:
            return False, b"", f"can't be started: {exc.strerror}"
        log_event(Level.INFO, "workload.started", {"program": workload.program})
        try:
            async with asyncio.timeout(limit_s):
                return await _converse(process, workload.input)
        except TimeoutError:
            return False, b"", f"not done in {workload.duration_s_max:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _spawn(self, workload: Workload, limit_s: float) -> asyncio.subprocess.Process:
        limits = (workload.memory_mib, int(limit_s) + 1, os.getpid())
        return await asyncio.create_subprocess_exec(
            sys.executable,
            # No folder of that name where the agent happens to run is taken for the package.
            "-P",
            "-m",
            "lunaredge.workloads",
            workload.program,
            *map(str, limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # One thread, so that a workload takes one core, and the same sums in the same order.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )


async def _converse(process: asyncio.subprocess.Process, given: bytes) -> tuple[bool, bytes, str]:
    """Give the program its input and take what it says, within the bounds."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    feeding = asyncio.create_task(_feed(process.stdin, given))
    listening = asyncio.create_task(_read(process.stderr, _WORDS_BYTES_MAX))
    try:
        result = await _read(process.stdout, RESULT_BYTES_MAX)
        if len(result) > RESULT_BYTES_MAX:
            return False, b"", f"result over {RESULT_BYTES_MAX} bytes"
        words = (await listening).decode("utf-8", "replace").strip().splitlines()
        code = await process.wait()
    finally:
        feeding.cancel()
        listening.cancel()
    if code == 0:
        return True, result, ""
    return False, b"", words[-1][:200] if words else f"ended with code {code}"


async def _feed(pipe: asyncio.StreamWriter, given: bytes) -> None:
    """Write the input; a program that doesn't read it says so in other ways."""
    with contextlib.suppress(ConnectionError):
        pipe.write(given)
        await pipe.drain()
        pipe.close()


async def _read(pipe: asyncio.StreamReader, bytes_max: int) -> bytes:
    """Read to the end, or to one byte past the bound."""
    taken = bytearray()
    while len(taken) <= bytes_max and (chunk := await pipe.read(bytes_max + 1 - len(taken))):
        taken += chunk
    return bytes(taken)
