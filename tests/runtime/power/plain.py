"""Records what Python code does to files through `os`, for a log that is written without SQLite.

    history = History(folder)
    with recorded(history):
        ...  # os.open, os.writev, os.fdatasync, os.replace and so on

Files opened with `open` or `Path.open` go past `os` and are not seen; `History.check` finds that.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from tests.runtime.power.history import History


@contextlib.contextmanager
def recorded(history: History) -> Iterator[History]:
    """Record what this process does to a history's folder through `os`, while it lasts."""
    calls = _Calls(history)
    real = {name: getattr(os, name) for name in calls.ours}
    try:
        for name, call in calls.ours.items():
            setattr(os, name, call)
        yield history
    finally:
        for name, call in real.items():
            setattr(os, name, call)


class _Calls:
    """Ours in place of those of `os`; each does the real thing, then records."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._files: dict[int, int] = {}
        self._folders: dict[int, str] = {}
        self.ours: dict[str, Callable[..., Any]] = {
            "open": self._opening(os.open),
            "close": self._closing(os.close),
            "write": self._writing(os.write, lambda piece: bytes(piece)),
            "writev": self._writing(os.writev, lambda pieces: b"".join(map(bytes, pieces))),
            "pwrite": self._writing_at(os.pwrite, lambda piece: bytes(piece)),
            "pwritev": self._writing_at(os.pwritev, lambda pieces: b"".join(map(bytes, pieces))),
            "ftruncate": self._resizing(os.ftruncate),
            "truncate": self._resizing_by_name(os.truncate),
            "posix_fallocate": self._allocating(os.posix_fallocate),
            "fsync": self._syncing(os.fsync),
            "fdatasync": self._syncing(os.fdatasync),
            "rename": self._renaming(os.rename),
            "replace": self._renaming(os.replace),
            "unlink": self._removing(os.unlink),
            "remove": self._removing(os.remove),
        }

    def _opening(self, real: Any) -> Any:
        def opened(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            name = None if named.get("dir_fd") is not None else self._history.name_of(path)
            is_new = name is not None and not os.path.lexists(path)
            descriptor = real(path, flags, *rest, **named)
            if name is None:
                return descriptor
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                self._folders[descriptor] = "" if name == "." else name
                return descriptor
            number = self._history.made(name) if is_new else self._history.file_of(name)
            self._files[descriptor] = number
            if flags & os.O_TRUNC and not is_new:
                self._history.resized(number, 0)
            return descriptor

        return opened

    def _closing(self, real: Any) -> Any:
        def close(descriptor: int) -> None:
            self._files.pop(descriptor, None)
            self._folders.pop(descriptor, None)
            real(descriptor)

        return close

    def _writing(self, real: Any, joined: Any) -> Any:
        def write(descriptor: int, given: Any) -> int:
            count = real(descriptor, given)
            if descriptor in self._files:
                # Behind the piece now, also where it was appended.
                offset = os.lseek(descriptor, 0, os.SEEK_CUR) - count
                self._history.wrote(self._files[descriptor], offset, joined(given)[:count])
            return count

        return write

    def _writing_at(self, real: Any, joined: Any) -> Any:
        def write(descriptor: int, given: Any, offset: int, *flags: int) -> int:
            count = real(descriptor, given, offset, *flags)
            if descriptor in self._files:
                self._history.wrote(self._files[descriptor], offset, joined(given)[:count])
            return count

        return write

    def _resizing(self, real: Any) -> Any:
        def resize(descriptor: int, size_bytes: int) -> None:
            real(descriptor, size_bytes)
            if descriptor in self._files:
                self._history.resized(self._files[descriptor], size_bytes)

        return resize

    def _resizing_by_name(self, real: Any) -> Any:
        def resize(path: Any, size_bytes: int) -> None:
            real(path, size_bytes)
            name = None if isinstance(path, int) else self._history.name_of(path)
            if name is not None:
                self._history.resized(self._history.file_of(name), size_bytes)
            elif path in self._files:
                self._history.resized(self._files[path], size_bytes)

        return resize

    def _allocating(self, real: Any) -> Any:
        def allocate(descriptor: int, offset: int, size_bytes: int) -> None:
            before_bytes = os.fstat(descriptor).st_size
            real(descriptor, offset, size_bytes)
            if descriptor in self._files and offset + size_bytes > before_bytes:
                self._history.resized(self._files[descriptor], offset + size_bytes)

        return allocate

    def _syncing(self, real: Any) -> Any:
        def sync(descriptor: int) -> None:
            real(descriptor)
            if descriptor in self._files:
                self._history.synced(self._files[descriptor])
            elif descriptor in self._folders:
                self._history.folder_synced(self._folders[descriptor])

        return sync

    def _renaming(self, real: Any) -> Any:
        def rename(source: Any, target: Any, **named: Any) -> None:
            real(source, target, **named)
            names = self._history.name_of(source), self._history.name_of(target)
            if None not in names:
                self._history.renamed(*names)

        return rename

    def _removing(self, real: Any) -> Any:
        def remove(path: Any, **named: Any) -> None:
            real(path, **named)
            name = None if named.get("dir_fd") is not None else self._history.name_of(path)
            if name is not None:
                self._history.removed(name)

        return remove
