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
from lunaredge.cli.kernel_reach import kernels_of

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
        if not warm:
            return _kept(functions)
    except ModuleNotFoundError as exc:
        return not_installed(NAME, exc)
    cached_count = sum(map(is_cached, functions))
    start_s = time.monotonic()
    _compile(functions, say)
    fresh_count = sum(bool(function.stats.cache_misses) for function in functions)
    what = "compiled" if fresh_count or cached_count < len(functions) else "loaded from the cache"
    return ok(NAME, f"{len(functions)} {what} in {time.monotonic() - start_s:.1f} s")


def scheduler_kernels(*others: Callable[..., object]) -> list[Any]:
    """Give the kernels that a scheduler compiles before it leads, and those of other work.

    Plans of hundreds of tasks and proofs of how good a plan is need more; it does without.
    """
    from lunaredge.kernels.schedule_bound import search
    from lunaredge.kernels.schedule_walk import improve_walk, walk_from
    from lunaredge.scheduler.solve import warm_up

    return kernels_of([*others, warm_up], [improve_walk, walk_from, search])


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


def _kept(functions: list[Any]) -> Finding:
    """Say what is compiled, and what waits for the compiler: a scheduler, or other commands."""
    cached_count, count = sum(map(is_cached, functions)), len(functions)
    found = f"{cached_count} of {count} compiled and kept"
    if cached_count == count:
        return ok(NAME, found)
    starting = scheduler_kernels()
    missing_count = sum(not is_cached(kernel) for kernel in starting)
    warm = "run lunaredge doctor --warm, or"
    if missing_count:
        found += (
            f"; a scheduler starts with {len(starting)}, and {missing_count} of them are missing"
        )
        return ok(NAME, found, f"{warm} its first start compiles them: at most {COMPILING}")
    found += f"; the {len(starting)} that a scheduler starts with are there"
    return ok(NAME, found, f"{warm} place, route and bench compile theirs: minutes, once")


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
