"""Reading a segment of the intake log: which entries are whole and whose, and what is damaged.

Never writes. An index of a segment is arrays of numbers; records are read from the file one node
at a time. A damaged entry costs itself: reading goes on at the next mark, and a CRC decides what is
an entry.
"""

import os
import zlib
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lunaredge.runtime.archive.entry import (
    ENTRY_BYTES_MAX,
    HEAD,
    HEAD_BYTES,
    HEADER_BYTES,
    KEEP_BYTES,
    KINDS,
    MARK_BYTES,
    MARK_START,
    TABLE_CODE,
    mark_of,
    read_table,
)
from lunaredge.wire.messages import RECORD_CLASSES
from lunaredge.wire.telemetry import Channel

# As `entry.KEEP` lays it out.
_FIXED = np.dtype(
    [
        ("kind", "u1"),
        ("class", "u1"),
        ("late", "u1"),
        ("node_bytes", "u1"),
        ("boot", "<i8"),
        ("first_seq", "<i8"),
        ("last_seq", "<i8"),
        ("count", "<i8"),
        ("received_ns", "<i8"),
        ("start_ns", "<i8"),
        ("end_ns", "<i8"),
        ("table", "V16"),
        ("reason_bytes", "<u2"),
    ]
)
assert _FIXED.itemsize == KEEP_BYTES


# A file is read in pieces of that size.
_WINDOW_BYTES = 1024 * 1024


class Damage(NamedTuple):
    """Bytes of a segment in which no whole entry is found."""

    offset: int
    size_bytes: int


class Index(NamedTuple):
    """The whole entries of a segment, in the order in which they were written: N of them."""

    fixed: npt.NDArray[np.void]
    """(N,): the fields of `_FIXED`."""
    node: npt.NDArray[np.int64]
    """(N,): index in ``nodes``."""
    record_at: npt.NDArray[np.int64]
    """(N,): where the record begins in the file."""
    record_bytes: npt.NDArray[np.int64]
    """(N,): how long it is."""
    nodes: list[str]
    reasons: dict[int, str]
    """By entry; of those that have one."""


class Segment:
    """A segment that is open for reading; deleting its file takes nothing from who has it open.

    It is read piece by piece and never mapped: should a failed commit be cut off behind a reader's
    back, touching the memory of a mapped file would kill the reader.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.tables: dict[bytes, tuple[Channel, ...]] = {}
        self.damaged: list[Damage] = []
        """In the midst: something is lost."""
        self._descriptor = descriptor
        self._size_bytes = os.fstat(descriptor).st_size
        self._window = memoryview(b"")
        self._window_at = 0
        self._at = HEADER_BYTES
        self._mark = b""
        self._heads: list[bytes] = []
        self._records: list[tuple[int, int, int]] = []
        self._nodes: dict[bytes, int] = {}
        self._reasons: dict[int, str] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a segment as far as it is written now.

        Raises:
            FileNotFoundError: it is gone; it was settled.
            OSError: it can't be read.
        """
        return cls(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.path.stem)

    @property
    def tail_bytes(self) -> int:
        """Bytes at its end that are no whole entry, after `index`.

        What a power cut left of a commit that nobody heard of, or damage.
        """
        return self._size_bytes - self._at

    def close(self) -> None:
        """Give the file back."""
        os.close(self._descriptor)

    def grow(self) -> bool:
        """Look for what was written since; tell whether it is still the file that was read.

        Raises:
            OSError: it can't be read.
        """
        if self._heads:
            at, head = self._records[-1][1] - len(self._heads[-1]), self._heads[-1]
            at -= head[3] + (head[-2] | head[-1] << 8)
            if os.pread(self._descriptor, len(head), at) != head:
                return False  # a commit that failed was cut off, after it was read here
        size_bytes = os.fstat(self._descriptor).st_size
        if size_bytes != self._size_bytes:
            self._window = memoryview(b"")
            self._size_bytes = size_bytes
        return size_bytes >= self._at

    def index(self) -> Index:
        """Give what is in it; what was read by an earlier call is not read again."""
        if not self._mark:
            self._mark = mark_of(bytes(self._bytes(0, HEADER_BYTES))) or self._mark_of_first()
        if self._mark:
            self._scan()
        elif self._size_bytes > HEADER_BYTES:
            self._at = self._size_bytes
            self.damaged = [Damage(0, self._size_bytes)]
        self._window = memoryview(b"")
        table = np.array(self._records, np.int64).reshape(-1, 3)
        return Index(
            np.frombuffer(b"".join(self._heads), _FIXED),
            table[:, 0],
            table[:, 1],
            table[:, 2],
            [name.decode(errors="replace") for name in self._nodes],
            self._reasons,
        )

    def record(self, offset: int, size_bytes: int) -> bytes:
        """Give the bytes of a record."""
        return os.pread(self._descriptor, size_bytes, offset)

    def _bytes(self, at: int, size_bytes: int) -> memoryview:
        """Give bytes of the file; fewer at its end."""
        start = at - self._window_at
        if start < 0 or start + size_bytes > len(self._window):
            content = os.pread(self._descriptor, max(size_bytes, _WINDOW_BYTES), at)
            self._window, self._window_at, start = memoryview(content), at, 0
        return self._window[start : start + size_bytes]

    def _scan(self) -> None:
        at = self._at
        while at < self._size_bytes:
            end = self._entry_end(at, self._mark)
            if end:
                self._take(at + HEAD_BYTES, end)
                at = end
                continue
            found = self._next_whole(at + 1)
            if not found:
                break
            self.damaged.append(Damage(at, found - at))
            at = found
        self._at = at

    def _take(self, start: int, end: int) -> None:
        head = bytes(self._bytes(start, min(KEEP_BYTES, end - start)))
        if head[0] == TABLE_CODE:
            table = read_table(bytes(self._bytes(start, end - start)))
            if table is not None:
                self.tables[table[0]] = table[1]
            return
        if len(head) < KEEP_BYTES or head[0] > len(KINDS) or head[1] >= len(RECORD_CLASSES):
            return  # a later program's; that one will read it
        node_bytes, reason_bytes = head[3], head[-2] | head[-1] << 8
        record_at = start + KEEP_BYTES + node_bytes + reason_bytes
        if record_at > end:
            return
        name = bytes(self._bytes(start + KEEP_BYTES, node_bytes))
        if reason_bytes:
            reason = bytes(self._bytes(record_at - reason_bytes, reason_bytes))
            self._reasons[len(self._heads)] = reason.decode(errors="replace")
        node = self._nodes.setdefault(name, len(self._nodes))
        self._heads.append(head)
        self._records.append((node, record_at, end - record_at))

    def _entry_end(self, at: int, mark: bytes) -> int:
        """Give where the entry that begins there ends; 0 where none does, or not a whole one."""
        head = self._bytes(at, HEAD_BYTES)
        if len(head) < HEAD_BYTES:
            return 0
        found, length, crc = HEAD.unpack(head)
        end: int = at + HEAD_BYTES + length
        if found != mark or not 0 < length <= ENTRY_BYTES_MAX or end > self._size_bytes:
            return 0
        payload = self._bytes(at + HEAD_BYTES, length)
        return end if len(payload) == length and zlib.crc32(payload) == crc else 0

    def _next_whole(self, at: int) -> int:
        """Give where the next whole entry begins; 0 for nowhere."""
        while at := self._find(self._mark, at):
            if self._entry_end(at, self._mark):
                return at
            at += 1
        return 0

    def _mark_of_first(self) -> bytes:
        """Give the mark of the first whole entry, where no header tells it; nothing for none."""
        at = 0
        while at := self._find(MARK_START, at + 1):
            mark = bytes(self._bytes(at, MARK_BYTES))
            if self._entry_end(at, mark):
                return mark
        return b""

    def _find(self, what: bytes, at: int) -> int:
        """Give where some bytes are next; 0 for nowhere."""
        while at < self._size_bytes:
            content = os.pread(self._descriptor, _WINDOW_BYTES, at)
            found = content.find(what)
            if found >= 0:
                return at + found
            at += max(1, len(content) - len(what) + 1)
        return 0
