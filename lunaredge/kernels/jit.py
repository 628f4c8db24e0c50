"""What compiles code, `kernel` and `inner`, and the array types of every kernel's signature.

Numba's cache on disk looks at a kernel's own file and at no other, so a change in a file that it
imports would go unseen. So what is compiled here is kept in a folder named after the text of every
kernel file below. For that a kernel imports from another only by a plain
``from lunaredge.kernels.NAME import ...`` line at the top: a test holds this.

Nor does numba lock its index while it changes it: two processes that compile a kernel at once for
different types can name the same file, and the next one then runs the code of the wrong types.
Here reading and writing take turns. A disk that knows no locks, or is full, costs no more than the
time to compile again.

Nor does numba read what was kept in a folder where it can't write. Such a folder is passed over for
the next one, even if NUMBA_CACHE_DIR names it.
"""

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core.caching import FunctionCache
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
Shorts = NDArray[np.int32]
Flags = NDArray[np.bool_]

_F = TypeVar("_F", bound=Callable[..., object])

# numba builds this module at its own import; nobody could type it.
_CONFIG: Any = numba.config
_FOLDER = Path(__file__).parent
_IMPORT = re.compile(r"^from lunaredge\.kernels\.(\w+) import", re.MULTILINE)
_DIGEST_DIGITS = 16
_LOCK_FILE = "lock"
_FunctionCache: Any = FunctionCache


def kernel(function: _F) -> _F:
    """Compile a function, cached on disk, releasing the interpreter lock while it runs.

    No fastmath and no parallel reductions: the same input gives the same bits on every run.
    """
    return _compiled(function, counts_references=True)


def inner(function: _F) -> _F:
    """Compile as `kernel` does what makes no array and hands none back.

    Such a function has only borrowed its arrays, so nothing in it counts references to them. The
    counts are atomic: in small functions that call each other, on tuples of arrays and slices, they
    took up to half of all the time (x86-64, 2026-11). Call it from a `kernel`, or from where the
    arrays are kept alive.
    """
    return _compiled(function, counts_references=False)


def _compiled(function: _F, *, counts_references: bool) -> _F:
    options: dict[str, Any] = {"nogil": True, "_nrt": counts_references}
    compiled: Any = numba.njit(**options)(function)
    with _cache_folder(function.__code__.co_filename):
        # What `cache=True` sets, but with the lock.
        compiled._cache = _LockedCache(function)  # noqa: SLF001
    return cast(_F, compiled)


def is_array(
    array: Floats | Singles | Ints | Shorts | Flags, dtype: type, *shape: int | None
) -> bool:
    """Tell whether an array is C-contiguous, of that dtype and shape (None: any length)."""
    return (
        array.dtype == dtype
        and array.flags.c_contiguous
        and array.ndim == len(shape)
        and all(want is None or want == have for want, have in zip(shape, array.shape, strict=True))
    )


def is_finite(array: Floats) -> bool:
    """Tell whether an array holds neither NaN nor infinities."""
    return bool(np.isfinite(array).all())


@cache
def files_below(name: str) -> tuple[str, ...]:
    """Name the kernel modules that a module rests on, itself left out, in order."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        text = (_FOLDER / f"{waiting.pop()}.py").read_text(encoding="utf-8")
        new = [below for below in _IMPORT.findall(text) if below not in found and below != "jit"]
        found.update(dict.fromkeys(new))
        waiting += new
    return tuple(sorted(set(found) - {name}))


@cache
def digest_below(name: str) -> str:
    """Give a digest of the text of the modules that a module rests on; empty if there is none."""
    below = files_below(name)
    texts = b"\0".join((_FOLDER / f"{file}.py").read_bytes() for file in below)
    return hashlib.sha256(texts).hexdigest()[:_DIGEST_DIGITS] if below else ""


class _LockedCache(_FunctionCache):  # type: ignore[misc]
    """Numba's cache on disk of one function, for several processes at once."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Give the compiled code for these types; None: there is none that can be read."""
        with suppress(OSError), _locked(self.cache_path, fcntl.LOCK_SH):
            return super().load_overload(sig, target_context)

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code for these types, if the disk takes it: it serves either way."""
        with suppress(OSError):
            Path(self.cache_path).mkdir(parents=True, exist_ok=True)
            with _locked(self.cache_path, fcntl.LOCK_EX):
                self._save(sig, data)

    def _save(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError:
            # The index comes first, so it may name a file that still holds older code.
            Path(self._cache_file._index_path).unlink(missing_ok=True)  # noqa: SLF001


@contextmanager
def _locked(folder: str, how: int) -> Iterator[None]:
    """Hold the lock of a cache folder, where there can be one: some file systems have none."""
    with ExitStack() as held:
        with suppress(OSError):
            lock = os.open(Path(folder) / _LOCK_FILE, os.O_CREAT | os.O_RDONLY, 0o666)
            held.callback(os.close, lock)
            fcntl.flock(lock, how)
            # A process that was forked meanwhile holds the file open: closing it would not do.
            held.callback(fcntl.flock, lock, fcntl.LOCK_UN)
        yield


@contextmanager
def _cache_folder(file: str) -> Iterator[None]:
    """Let numba keep a kernel of that file where a change below it starts a new folder."""
    path, before = Path(file), _CONFIG.CACHE_DIR
    is_ours = path.parent == _FOLDER
    if is_ours or before:
        _CONFIG.CACHE_DIR = str(_base_folder(before) / (digest_below(path.stem) if is_ours else ""))
    try:
        yield
    finally:
        _CONFIG.CACHE_DIR = before


@cache
def _base_folder(given: str) -> Path:
    """Give the first folder that can be written to: the given one, the package's, the user's."""
    if given and _is_writable(Path(given)):
        return Path(given)
    if _is_writable(_FOLDER / "__pycache__"):
        return _FOLDER / "__pycache__"
    user = Path(os.environ.get("XDG_CACHE_HOME") or (Path.home() / ".cache")) / "lunaredge"
    return user if _is_writable(user) else Path(tempfile.gettempdir()) / "lunaredge"


def _is_writable(folder: Path) -> bool:
    """Tell whether files can be made in a folder, as numba finds out; it is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
