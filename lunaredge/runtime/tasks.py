"""Ending asyncio tasks for certain.

Up to Python 3.11 `asyncio.wait_for` can swallow a cancellation that comes in the same turn of the
loop as its result. The task then goes on as if nothing had been asked of it.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

# Time for an orderly goodbye to a broker before the next, ruder request.
_PATIENCE_S = 1.0


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> list[BaseException]:
    """Cancel tasks until they have ended; give what they raised, cancellations left out.

    Cancelled itself, it still sees them off first: a task left behind would go on unseen, as a
    second client of the same name at the broker.
    """
    ending = list(tasks)
    interrupted: asyncio.CancelledError | None = None
    while running := [task for task in ending if not task.done()]:
        for task in running:
            task.cancel()
        try:
            await asyncio.wait(running, timeout=_PATIENCE_S)
        except asyncio.CancelledError as exc:
            interrupted = exc
    raised = (task.exception() for task in ending if not task.cancelled())
    failures = [exc for exc in raised if exc is not None]
    if interrupted is not None:
        raise interrupted
    return failures
