"""Files that commands write for people: whole, or not at all.

What was there before stays until all of the new content is on the disk.
"""

import errno
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lunaredge.errors import ConfigError, StorageError
from lunaredge.runtime.files.document import file_error, refuse_folder

# What writing to a full or broken disk gives: no fault of the name.
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def check_target(path: Path, suffixes: Sequence[str]) -> None:
    """Check, before any work is done, that a file can be written under that name.

    Raises:
        ConfigError: the suffix names no format, there is no such folder, it is a folder itself,
            or no file can be made there.
    """
    if path.suffix.lower() not in suffixes:
        remedy = f"end its name in {' or '.join(suffixes)}"
        raise file_error("the file type is not known", path, path.suffix, remedy)
    if not path.parent.is_dir():
        remedy = "make the folder first, or name another"
        raise file_error("there is no such folder", path, str(path.parent), remedy)
    refuse_folder(path)
    if path.is_file() or not path.exists():
        _check_leave(path)


def _check_leave(path: Path) -> None:
    """Check that a file may be made or replaced, as `write_whole` will, and leave all as it is."""
    try:
        target = path.resolve()
        if target.exists():
            with target.open("ab"):
                pass
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except (OSError, ValueError) as exc:
        raise _unwritable(path, exc) from exc


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; where that fails, it is as it was before.

    What is no regular file, such as a pipe or a device, is written into.

    Raises:
        ConfigError: it can't be written there.
        StorageError: the disk is full or broken.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            # A link stays one: what it points to is replaced.
            _replace(path.resolve(), content)
    except (OSError, ValueError) as exc:
        raise _unwritable(path, exc) from exc


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give another name to write a large file under; it takes its own when all of it is there.

    Raises:
        ConfigError: it can't be written there.
        StorageError: the disk is full or broken.
    """
    try:
        with _replacing(path.resolve()) as part:
            yield part
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def _replace(path: Path, content: bytes) -> None:
    with _replacing(path) as part:
        part.write_bytes(content)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a name to write under; it replaces the file, or is gone where that fails."""
    if path.exists():
        # Replacing asks only the folder's leave; a file that may not be written stays.
        with path.open("ab"):
            pass
    part = path.with_name(f".lunaredge-{os.getpid()}.part")
    try:
        yield part
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        if path.exists():
            part.chmod(path.stat().st_mode & 0o7777)
        part.replace(path)
        _keep_name(path.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _keep_name(folder: Path) -> None:
    """Have the names in a folder on the disk, where its file system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unwritable(path: Path, exc: Exception) -> ConfigError | StorageError:
    told = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
    if isinstance(exc, OSError) and exc.errno in _DISK:
        return StorageError(f"{path}: the file cannot be written: {told}; make room on the disk")
    remedy = "check the folder, its permissions and the disk"
    return file_error(f"the file cannot be written: {told}", path, str(path), remedy)
