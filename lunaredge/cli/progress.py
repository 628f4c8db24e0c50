"""A word on stderr while kernels are compiled, which takes minutes once, or a plan is made."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lunaredge.cli.doctor.kernels import is_cached, say_progress

# A warm start is done by then.
_LOOK_S = 2.0
_FIRST_S = 1.0
# A file of what was said stays short: each line comes after twice the time.
_GROWTH = 2.0
_COLUMNS = 79


ONCE = "once on this machine"


@contextmanager
def telling_of_compiling(kernels: Sequence[Any] = (), once: str = ONCE) -> Iterator[None]:
    """Look now and then whether kernels are being compiled, and say so.

    ``kernels``: those that are needed, where that is known; then it is told how many there are.
    """
    done = threading.Event()
    missing = [kernel for kernel in kernels if not is_cached(kernel)]
    watcher = threading.Thread(target=_watch, args=(done, time.time(), missing, once), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


@contextmanager
def telling_of_planning() -> Iterator[Callable[[str], None]]:
    """Give what is to be told of the work; it is shown, with the seconds gone, where it takes long.

    On a terminal every second, elsewhere after 1, 2, 4 s and so on.
    """
    texts = ["planning"]
    done = threading.Event()
    watcher = threading.Thread(target=_tell, args=(done, texts), daemon=True)
    watcher.start()
    try:
        yield texts.append
    finally:
        done.set()
        watcher.join()


def _tell(done: threading.Event, texts: list[str]) -> None:
    """Show the last of the texts now and then."""
    is_terminal = sys.stderr.isatty()
    start_s = time.monotonic()
    wait_s, has_told = _FIRST_S, False
    while not done.wait(wait_s):
        text = f"{texts[-1]}, {time.monotonic() - start_s:.0f} s"
        # What a longer text left on the line goes.
        say_progress(text.ljust(_COLUMNS) if is_terminal else text)
        wait_s = wait_s if is_terminal or not has_told else wait_s * _GROWTH
        has_told = True
    if has_told and is_terminal:
        print(file=sys.stderr)


def _watch(
    done: threading.Event, start_s: float, missing: Sequence[Any] = (), once: str = ONCE
) -> None:
    """Tell of what has been compiled since a time, which is the files' own: of the wall clock."""
    told_count = 0
    while not done.wait(_LOOK_S):
        if missing:
            count = sum(map(is_cached, missing))
            what = f"{count} of {len(missing)} kernels"
        else:
            count = sum(path.stat().st_mtime >= start_s for path in _kept())
            what = f"{count} kernels"
        if count > told_count:
            told_count = count
            say_progress(f"compiling {what}, {once}: {time.time() - start_s:.0f} s")
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
