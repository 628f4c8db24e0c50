"""A word on stderr while kernels are compiled: the first run takes a minute, later ones don't."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lunaredge.cli.doctor.kernels import say_progress

# A warm start is done by then.
_LOOK_S = 2.0


@contextmanager
def telling_of_compiling() -> Iterator[None]:
    """Look now and then whether kernels are being compiled, and say so."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(done, time.time()), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(done: threading.Event, start_s: float) -> None:
    """Tell of what has been compiled since a time, which is the files' own: of the wall clock."""
    told_count = 0
    while not done.wait(_LOOK_S):
        count = sum(path.stat().st_mtime >= start_s for path in _kept())
        if count > told_count:
            told_count = count
            seconds = time.time() - start_s
            say_progress(f"compiling kernels, once on this machine: {count}, {seconds:.0f} s")
    if told_count and sys.stderr.isatty():
        print(file=sys.stderr)


def _kept() -> list[Path]:
    """Give the files of compiled kernels, of the modules that are loaded by now."""
    kernels = [
        value
        for name, module in list(sys.modules.items())
        if name.startswith("lunaredge.kernels.")
        for value in list(vars(module).values())
        if hasattr(value, "py_func")
    ]
    folders = {Path(kernel.stats.cache_path) for kernel in kernels}
    return [path for folder in folders for path in folder.glob("*.nbi")]
