"""The solver thread: computes answers beside the event loop, one after the other.

The kernels release the interpreter's lock, so the loop goes on meanwhile. A problem that makes the
solver fail is logged and still answered, by what its owner gives for that case: a core that waits
for an answer has one.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from lunaredge.node import Level
from lunaredge.runtime.log import log_event

P = TypeVar("P")
S = TypeVar("S")

# One way for each machine of the largest fleet and a placement, and as many again that the core no
# longer waits for.
PENDING_MAX = 512


class Solver(Generic[P, S]):
    """Runs one function in one thread."""

    def __init__(
        self, solve: Callable[[P], S], give_up: Callable[[P], S], deliver: Callable[[S], object]
    ) -> None:
        self._solve = solve
        self._give_up = give_up
        self._deliver = deliver
        self._pending_count = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="solver")

    def submit(self, problem: P) -> None:
        """Take a problem; its answer is delivered on the event loop."""
        loop = asyncio.get_running_loop()
        if self._pending_count >= PENDING_MAX:
            log_event(Level.ERROR, "problem.refused", {"pending": self._pending_count})
            loop.call_soon(self._deliver, self._give_up(problem))
            return
        self._pending_count += 1
        future = loop.run_in_executor(self._thread, self._solve, problem)
        future.add_done_callback(lambda done: self._on_done(problem, done))

    def close(self) -> None:
        """Drop what waits; a problem being solved is solved to its end and then forgotten."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _on_done(self, problem: P, future: "asyncio.Future[Any]") -> None:
        self._pending_count -= 1
        if future.cancelled():
            return
        exc = future.exception()
        if exc is None:
            self._deliver(future.result())
            return
        log_event(Level.ERROR, "solver.failed", {"error": f"{type(exc).__name__}: {exc}"})
        self._deliver(self._give_up(problem))
