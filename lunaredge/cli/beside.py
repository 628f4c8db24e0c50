"""Another process that works beside this one for a while: Numba compiles on one core only."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def running_beside(statement: str) -> Iterator[None]:
    """Run a statement in a process of its own meanwhile, and wait for its end.

    What it fails at is left for this process to do and to tell of.
    """
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        [sys.executable, "-c", statement], stdin=nowhere, stdout=nowhere, stderr=nowhere
    )
    try:
        yield
        process.wait()
    finally:
        process.kill()
        process.wait()
