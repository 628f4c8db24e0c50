"""Seeds run in processes of their own, and what came of them given in the order of the seeds.

Owns the processes: their start, their end with their parent's, and the news that one died. Knows
nothing of what a seed is run for.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from lunaredge.errors import LunarEdgeError

Result = TypeVar("Result")

# One slow seed holds back the results of at most so many quick ones, for each worker.
AHEAD_MAX = 50
# A worker that was told to end is at its next bytecode; one that hangs in native code is killed.
END_S = 2.0


class WorkerLost(LunarEdgeError):
    """A worker process died in the middle of a seed."""

    def __init__(self, seed: int, exit_code: int | None) -> None:
        self.seed = seed
        super().__init__(
            f"the process that ran seed {seed} died ({_cause(exit_code)}); run that seed alone "
            f"(--seed {seed}), or with fewer --jobs if the memory is short"
        )


def nothing(_: object) -> None:
    """Do nothing."""


def results_of(
    work: Callable[[int], Result],
    seeds: Iterable[int],
    jobs: int,
    arrived: Callable[[Result], None] = nothing,
) -> Iterator[Result]:
    """Give what the work makes of each seed, in the order of the seeds, from so many processes.

    Seeds are taken from the iterable when a process is free for them. The work is sent to the
    processes, so it must be something that can be pickled. ``arrived`` is called with each result
    as soon as it is there, whatever its turn.

    Raises:
        WorkerLost: a process died; what the others were at has been waited for.
    """
    crew = [_Worker(work) for _ in range(jobs)]
    handed: deque[int] = deque()
    """Seeds handed out and not given back, in order."""
    done: dict[int, Result] = {}
    try:
        for seed, result in _as_they_come(crew, iter(seeds), handed, AHEAD_MAX * jobs):
            arrived(result)
            done[seed] = result
            while handed and handed[0] in done:
                yield done.pop(handed.popleft())
    finally:
        for worker in crew:
            worker.dismiss()


class _Worker(Generic[Result]):
    """One process and the line to it."""

    def __init__(self, work: Callable[[int], Result]) -> None:
        # A fresh interpreter: a fork would copy threads' locks in whatever state they are.
        context = multiprocessing.get_context("spawn")
        self.line, far = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(far, work), daemon=True)
        with _deaf_to_interrupts():
            self.process.start()
        far.close()
        self.seed: int | None = None
        """The seed under way."""

    def begin(self, seed: int) -> None:
        """Hand a seed over."""
        assert self.seed is None
        self.seed = seed
        # One that is dead already is found out when its result is taken.
        with suppress(OSError):
            self.line.send(seed)

    def end(self) -> tuple[int, Result]:
        """Take the result of the seed under way.

        Raises:
            WorkerLost: there will be none.
        """
        seed = self.seed
        assert seed is not None
        self.seed = None
        try:
            return seed, self.line.recv()
        except (EOFError, OSError) as exc:
            self.process.join(END_S)
            raise WorkerLost(seed, self.process.exitcode) from exc

    def dismiss(self) -> None:
        """End the process, whatever it is at."""
        self.line.close()
        self.process.terminate()
        self.process.join(END_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _as_they_come(
    crew: list[_Worker[Result]], seeds: Iterator[int], handed: deque[int], ahead_max: int
) -> Iterator[tuple[int, Result]]:
    """Keep every worker at a seed; give each result when it is there."""
    lost: list[WorkerLost] = []
    while True:
        for worker in crew:
            if worker.seed is None and not lost and len(handed) < ahead_max:
                seed = next(seeds, None)
                if seed is not None:
                    handed.append(seed)
                    worker.begin(seed)
        busy: dict[Any, _Worker[Result]] = {w.line: w for w in crew if w.seed is not None}
        if not busy:
            break
        for line in wait(list(busy)):
            try:
                yield busy[line].end()
            except WorkerLost as exc:
                lost.append(exc)
    if lost:
        raise min(lost, key=lambda exc: exc.seed)


def _serve(line: Connection, work: Callable[[int], Result]) -> None:
    """Be a worker: run each seed that comes, until the line is closed or the parent is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            seed = line.recv()
        except EOFError:
            return
        line.send(work(seed))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Have what is started meanwhile not hear Ctrl-C: its parent does, and ends it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _cause(exit_code: int | None) -> str:
    if exit_code is None:
        return "it does not answer"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {signal.Signals(-exit_code).name}"
