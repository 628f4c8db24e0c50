"""The doctor's check of the kernels: whether they are compiled, and compiling them.

Numba keeps what it compiled beside the source, or in a folder of the user's. Whether a kept file
is for this processor, Numba alone knows: a cache that came with a copied disk looks full here and
is filled anew at the first use.
"""

import importlib
import pkgutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from lunaredge.cli.beside import running_beside
from lunaredge.cli.doctor.finding import Finding, not_installed, ok

NAME = "kernels"
COMPILING = "5 to 8 minutes on two cores, once"
"""How long it takes to compile all of them; documents and the scheduler's log say the same."""
# How often progress is looked at.
_LOOK_S = 1.0

Say = Callable[[str], None]


def check_kernels(say: Say, *, warm: bool) -> Finding:
    """Say how many kernels are compiled; with ``warm``, compile what is missing."""
    try:
        functions = list(compiled_functions())
    except ModuleNotFoundError as exc:
        return not_installed(NAME, exc)
    cached_count = sum(map(is_cached, functions))
    if not warm:
        found = f"{cached_count} of {len(functions)} compiled and kept"
        if cached_count == len(functions):
            return ok(NAME, found)
        return ok(NAME, found, f"run lunaredge doctor --warm, or the first start takes {COMPILING}")
    start_s = time.monotonic()
    _compile(functions, say)
    fresh_count = sum(bool(function.stats.cache_misses) for function in functions)
    what = "compiled" if fresh_count or cached_count < len(functions) else "loaded from the cache"
    return ok(NAME, f"{len(functions)} {what} in {time.monotonic() - start_s:.1f} s")


def compiled_functions() -> Iterator[Any]:
    """Give every kernel, as Numba's dispatcher, in order of module and place."""
    package = importlib.import_module("lunaredge.kernels")
    for info in pkgutil.iter_modules(package.__path__, "lunaredge.kernels."):
        yield from _functions_of(importlib.import_module(info.name))


def is_cached(function: Any) -> bool:
    """Tell whether the cache holds a kernel compiled from the source as it is now."""
    code = function.py_func.__code__
    source = Path(code.co_filename)
    pattern = f"{source.stem}.{function.py_func.__qualname__}-{code.co_firstlineno}.*.nbi"
    written_s = [path.stat().st_mtime for path in Path(function.stats.cache_path).glob(pattern)]
    return any(at_s >= source.stat().st_mtime for at_s in written_s)


def _functions_of(module: ModuleType) -> Iterator[Any]:
    for value in vars(module).values():
        if getattr(value, "__module__", "") == module.__name__ and hasattr(value, "py_func"):
            yield value


def _compile(functions: list[Any], say: Say) -> None:
    """Compile in a thread beside, so that progress can be told."""
    from lunaredge.paths.warmup import warm_up as warm_up_paths
    from lunaredge.placement.warmup import warm_up as warm_up_placement
    from lunaredge.scheduler.solve import warm_up as warm_up_scheduler

    failures: list[BaseException] = []

    def work() -> None:
        try:
            # The cache is on disk: what one has compiled the other loads.
            with running_beside("from lunaredge.placement import warmup; warmup.warm_up()"):
                warm_up_paths()
            warm_up_placement()
            warm_up_scheduler()
        except BaseException as exc:
            failures.append(exc)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    start_s = time.monotonic()
    while True:
        thread.join(_LOOK_S)
        if not thread.is_alive():
            break
        done_count = sum(map(is_cached, functions))
        seconds = time.monotonic() - start_s
        say(f"compiling kernels: {done_count} of {len(functions)}, {seconds:.0f} s")
    for failure in failures:
        raise failure


def say_progress(text: str) -> None:
    """Show progress on stderr: on one line of a terminal, as lines elsewhere."""
    on_terminal = sys.stderr.isatty()
    print(f"\r{text}" if on_terminal else text, end="" if on_terminal else "\n", file=sys.stderr)
    sys.stderr.flush()
