"""How much SQLite writes to the medium, read from the log that it writes everything to first.

Owns the count. The log's format is SQLite's published one: a header, then frames of a page each
with a header of their own; a new salt begins it anew, when all of it has been copied into the
store. Counted are whole blocks of 4 KiB, as the medium takes them: those that a commit's frames lie
in, and each page that is copied. What the file system writes for itself (its journal) is not seen.
"""

import contextlib
import os
import struct
from pathlib import Path

BLOCK_BYTES = 4096

# "Format of the WAL file" in SQLite's own documents: salts at 16, page size at 8; a frame begins
# with its page, then the size of the store after a commit, or 0 inside one, then the same salts.
_HEAD_BYTES = 32
_FRAME_HEAD_BYTES = 24
_FRAME_HEAD = struct.Struct(">II8s")


class WalMeter:
    """Counts what is written to one store. Make it before the store is opened."""

    def __init__(self, store: Path) -> None:
        self.written_bytes = 0
        """Since this was made, up to the last `read`."""
        self._path = store.with_name(store.name + "-wal")
        self._salts = b""
        self._frame_bytes = 0
        self._frame_count = 0
        self._pages: set[int] = set()
        """What is in the log now; a checkpoint copies each page once."""
        # What is there already is an earlier life's. Its pages are still to be copied, by us.
        self.read()
        self.written_bytes = 0

    def read(self) -> None:
        """Count what has been committed since the last time; what can't be read is not counted."""
        # The commit is through: no fault of the count's own may make it look failed.
        with contextlib.suppress(OSError):
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._read(descriptor)
            finally:
                # SQLite keeps its locks elsewhere: closing this descriptor drops none of them.
                os.close(descriptor)

    def _read(self, descriptor: int) -> None:
        head = os.pread(descriptor, _HEAD_BYTES, 0)
        if len(head) < _HEAD_BYTES:
            return
        if head[16:24] != self._salts:
            self._begin(head)
        before_count, pages = self._frame_count, set[int]()
        index = before_count
        while (frame := self._frame(descriptor, index)) is not None:
            page, is_commit = frame
            pages.add(page)
            index += 1
            if is_commit:
                # What lies behind the last commit was given up, and is written over.
                self._frame_count = index
                self._pages |= pages
        if self._frame_count > before_count:
            begin, end = self._place(before_count), self._place(self._frame_count)
            blocks = -(-end // BLOCK_BYTES) - begin // BLOCK_BYTES
            self.written_bytes += blocks * BLOCK_BYTES

    def _begin(self, head: bytes) -> None:
        """Begin with a log anew: what was in it has been copied into the store."""
        self.written_bytes += len(self._pages) * (self._frame_bytes - _FRAME_HEAD_BYTES)
        self._salts = head[16:24]
        self._frame_bytes = int.from_bytes(head[8:12], "big") + _FRAME_HEAD_BYTES
        self._frame_count = 0
        self._pages = set()

    def _frame(self, descriptor: int, index: int) -> tuple[int, bool] | None:
        """Give a frame's page, and whether it ends a commit; None where there is none."""
        head = os.pread(descriptor, _FRAME_HEAD.size, self._place(index))
        if len(head) < _FRAME_HEAD.size:
            return None
        page, size_after, salts = _FRAME_HEAD.unpack(head)
        return (page, size_after != 0) if salts == self._salts else None

    def _place(self, index: int) -> int:
        return _HEAD_BYTES + index * self._frame_bytes
