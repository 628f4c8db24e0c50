"""The intake log: segment files to which uploads are appended, one sync for each commit.

Owns the segment that is being written. What was acknowledged stands in whole entries on the medium;
what a power cut leaves behind the last whole one is nobody's. A segment is never opened again to
append: each life of the process begins a new one. Reading is `segment`'s, deleting `settle`'s.
"""

import contextlib
import errno
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lunaredge.errors import JournalFull, StorageError
from lunaredge.node import Keep
from lunaredge.runtime.archive.entry import (
    HEADER_BYTES,
    MARK_BYTES,
    MARK_START,
    NO_TABLE,
    digest_of,
    header,
    keep_entry,
    table_entry,
)
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.wire.telemetry import Channel

FOLDER = "intake"
# More at a time the kernel doesn't take.
_PARTS_MAX = 1024
_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# Tables whose digests are remembered; a core hands out one and the same tuple for each.
_DIGESTS_MAX = 4096


def segment_path(folder: Path, number: int) -> Path:
    """Give where a segment lies in an archive's folder."""
    return folder / FOLDER / f"{number:08d}.log"


def segment_numbers(folder: Path) -> list[int]:
    """Give the segments that are there, rising."""
    with contextlib.suppress(FileNotFoundError):
        names = os.listdir(folder / FOLDER)  # noqa: PTH208 -- names alone, and one call
        return sorted(
            int(name[:-4]) for name in names if name[-4:] == ".log" and name[:-4].isdigit()
        )
    return []


class SegmentLog:
    """The segment that is written, and the one after it."""

    def __init__(self, folder: Path, settings: ArchiveSettings, number: int) -> None:
        """Take the number of the first segment; none of that or a higher one is there."""
        self.size_bytes = 0
        """Bytes of the segment that is being written."""
        self.written_bytes = 0
        """Of all segments of this life."""
        self._sealed: list[tuple[int, int]] = []
        self._folder = folder
        self._settings = settings
        self._number = number
        self._descriptor: int | None = None
        self._mark = b""
        self._entry_count = 0
        self._begun_s = 0.0
        self._told: set[bytes] = set()
        """Tables that stand in this segment."""
        self._digests: dict[int, tuple[Sequence[Channel], bytes]] = {}
        """By the identity of a tuple, which is held so that no other can take its place."""

    def append(self, keeps: Sequence[Keep]) -> None:
        """Make entries durable, in order; all or none.

        Raises:
            JournalFull: no room; nothing was written.
            StorageError: the medium refused; nothing was written.
        """
        if self._descriptor is not None and self._is_over():
            self.seal()
        if self._descriptor is None:
            self._begin()
        parts, told = self._parts(keeps)
        self._write(parts)
        self._told.update(told)
        self._entry_count += len(keeps)

    def seal(self) -> None:
        """Append nothing more to the segment that is being written."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            self._sealed.append((self._number, self.size_bytes))
            self._number += 1
            self.size_bytes = 0

    def take_sealed(self) -> list[tuple[int, int]]:
        """Give number and bytes of the segments sealed since the last call."""
        taken, self._sealed = self._sealed, []
        return taken

    def close(self) -> None:
        """Close the file; the next life seals it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _is_over(self) -> bool:
        settings = self._settings
        return (
            self.size_bytes >= settings.segment_bytes_max
            or self._entry_count >= settings.segment_entries_max
            or time.monotonic() - self._begun_s >= settings.segment_age_s_max
        )

    def _begin(self) -> None:
        """Make the next segment, durable before any entry counts."""
        path = segment_path(self._folder, self._number)
        mark = MARK_START + os.urandom(MARK_BYTES - len(MARK_START))
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise _error(path, exc) from exc
        try:
            write_all(descriptor, [header(self._number, mark)])
            os.fsync(descriptor)
            sync_folder(path.parent)
        except OSError as exc:
            os.close(descriptor)
            # Left behind, it would be met again under the same number.
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 -- as all writes here: a test cuts the power
            raise _error(path, exc) from exc
        self._descriptor, self._mark = descriptor, mark
        self._told, self._entry_count = set(), 0
        self._begun_s = time.monotonic()
        self.size_bytes = HEADER_BYTES

    def _parts(self, keeps: Sequence[Keep]) -> tuple[list[bytes], list[bytes]]:
        """Give what is to be written, and the tables that it explains."""
        mark, told, parts = self._mark, self._told, []
        new: dict[bytes, None] = {}
        for keep in keeps:
            digest = self._digest(keep.channels) if keep.channels else NO_TABLE
            if digest not in told and digest not in new and digest != NO_TABLE:
                new[digest] = None
                parts.append(table_entry(mark, digest, keep.channels))
            parts.append(keep_entry(mark, keep, digest))
            parts.append(keep.record)
        return parts, list(new)

    def _digest(self, channels: Sequence[Channel]) -> bytes:
        known = self._digests.get(id(channels))
        if known is not None:
            return known[1]
        digest = digest_of(channels)
        if len(self._digests) >= _DIGESTS_MAX:
            self._digests.clear()
        self._digests[id(channels)] = (channels, digest)
        return digest

    def _write(self, parts: list[bytes]) -> None:
        descriptor, good_bytes = self._descriptor, self.size_bytes
        assert descriptor is not None
        try:
            written = write_all(descriptor, parts)
        except OSError as exc:
            self._take_back(descriptor, good_bytes)
            raise _error(segment_path(self._folder, self._number), exc) from exc
        try:
            os.fdatasync(descriptor)
        except OSError as exc:
            path = segment_path(self._folder, self._number)
            self._take_back(descriptor, good_bytes)
            # After a sync has failed once, the next one's word on this file is worth nothing.
            self.seal()
            raise _error(path, exc) from exc
        self.size_bytes = good_bytes + written
        self.written_bytes += written

    def _take_back(self, descriptor: int, good_bytes: int) -> None:
        """Cut off what was half written."""
        try:
            os.ftruncate(descriptor, good_bytes)
            os.lseek(descriptor, good_bytes, os.SEEK_SET)
        except OSError:
            # Whole entries may be left there that are written again elsewhere: settling finds out.
            self.seal()


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the system's errors into ours.

    Raises:
        JournalFull: there is no room.
        StorageError: anything else.
    """
    try:
        yield
    except OSError as exc:
        raise _error(path, exc) from exc


def write_all(descriptor: int, parts: list[bytes]) -> int:
    """Write all parts one behind the other; give how many bytes they are."""
    total = 0
    for start in range(0, len(parts), _PARTS_MAX):
        some = parts[start : start + _PARTS_MAX]
        left = sum(map(len, some))
        total += left
        written = os.writev(descriptor, some)
        while written < left:
            some, left = _rest(some, written), left - written
            written = os.writev(descriptor, some)
    return total


def _rest(parts: list[bytes], written: int) -> list[bytes]:
    """Give what is left of parts of which so many bytes are written."""
    at = 0
    while written >= len(parts[at]):
        written -= len(parts[at])
        at += 1
    return [parts[at][written:], *parts[at + 1 :]]


def _error(path: Path, exc: OSError) -> StorageError:
    if exc.errno in _FULL_ERRORS:
        return JournalFull(f"{path}: no room to write ({exc}); free space on the disk")
    return StorageError(f"{path}: {exc}")
