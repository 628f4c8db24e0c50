"""Computing in virtual time: the scheduler's solver, and the workloads of the computers.

Both run at once in real time and answer after a drawn delay, so that the nodes see late answers,
answers to questions of the past, and none at all after a kill.
"""

import random
from collections.abc import Callable

import msgspec

from lunaredge.ids import TaskId
from lunaredge.node import StartWorkload, StopWorkload
from lunaredge.sim.process import Process
from lunaredge.sim.timeline import Timeline
from lunaredge.units import ns_from_s
from lunaredge.wire.records import unpack_points

# A workload takes between these shares of the longest time it was given.
DURATION_RATIO_MIN, DURATION_RATIO_MAX = 0.02, 0.2


class Solver:
    """Answers schedulers' problems."""

    def __init__(
        self,
        timeline: Timeline,
        rng: random.Random,
        delay_ns_max: int,
        solve: Callable[[Process, object], object],
    ) -> None:
        self.delay_ns_max = delay_ns_max
        self._timeline = timeline
        self._rng = rng
        self._solve = solve

    def take(self, process: Process, problem: object) -> None:
        """Solve a problem for a process; the answer dies with it."""
        solution = self._solve(process, problem)
        life = process.life
        delay_ns = self._rng.randint(1, self.delay_ns_max)
        self._timeline.after(delay_ns, lambda: self._answer(process, life, solution))

    def _answer(self, process: Process, life: int, solution: object) -> None:
        if process.life == life:
            process.call(lambda node, now_ns: node.solved(solution, now_ns))


class Computers:
    """Runs workloads for any process."""

    def __init__(self, timeline: Timeline, rng: random.Random) -> None:
        self._timeline = timeline
        self._rng = rng
        self._running: dict[tuple[str, TaskId, int], int] = {}

    def start(self, process: Process, start: StartWorkload) -> None:
        """Run a workload; its end comes later."""
        key = (process.name, start.task, start.attempt)
        self._running[key] = process.life
        longest_s = start.workload.duration_s_max
        duration_s = longest_s * self._rng.uniform(DURATION_RATIO_MIN, DURATION_RATIO_MAX)
        life = process.life
        self._timeline.after(ns_from_s(duration_s), lambda: self._end(process, life, start))

    def stop(self, process: Process, stop: StopWorkload) -> None:
        """End a workload; nothing comes back."""
        self._running.pop((process.name, stop.task, stop.attempt), None)

    def _end(self, process: Process, life: int, start: StartWorkload) -> None:
        key = (process.name, start.task, start.attempt)
        if process.life != life or self._running.get(key) != life:
            return
        del self._running[key]
        program = PROGRAMS.get(start.workload.program)
        ok = program is not None
        result = program(start.workload.input) if program is not None else b""
        reason = "" if ok else f"no program {start.workload.program}"
        process.call(
            lambda node, now_ns: node.workload_ended(
                start.task, start.attempt, ok, result, reason, now_ns
            )
        )


class _Surveys(msgspec.Struct, frozen=True):
    """What a fusion is given."""

    cell_m: float
    patches: list[bytes]


def _fuse_terrain(document: bytes) -> bytes:
    """Give one mean height per cell: the plain twin of the real program."""
    surveys = msgspec.msgpack.decode(document, type=_Surveys)
    sums: dict[tuple[int, int], list[float]] = {}
    for patch in surveys.patches:
        for x_m, y_m, z_m in unpack_points(patch):
            cell = (int(x_m // surveys.cell_m), int(y_m // surveys.cell_m))
            sums.setdefault(cell, []).append(z_m)
    cells = [
        (
            (column + 0.5) * surveys.cell_m,
            (row + 0.5) * surveys.cell_m,
            sum(heights) / len(heights),
            len(heights),
        )
        for (column, row), heights in sorted(sums.items())
    ]
    return msgspec.msgpack.encode({"cells": cells})


PROGRAMS: dict[str, Callable[[bytes], bytes]] = {"fuse_terrain": _fuse_terrain}
