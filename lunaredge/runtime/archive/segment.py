"""Reading a segment of the intake log: which entries are whole and whose, and what is damaged.

Never writes. An index of a segment is arrays of numbers; records are read from the file one node
at a time. A damaged entry costs itself: reading goes on at the next mark, and a CRC decides what is
an entry.
"""

import mmap
import zlib
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lunaredge.runtime.archive.entry import (
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


# So much of the last record is compared, to see whether a file is still what was read of it.
_LOOK_BACK_BYTES = 64


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
    """A segment that is open for reading; deleting its file takes nothing from who has it open."""

    def __init__(self, path: Path, content: mmap.mmap | bytes) -> None:
        self.path = path
        self.tables: dict[bytes, tuple[Channel, ...]] = {}
        self.damaged: list[Damage] = []
        """In the midst: something is lost."""
        self.tail_bytes = 0
        """At the end: what a power cut left of a commit that nobody heard of, or damage."""
        self._content = content
        self._at = HEADER_BYTES
        self._mark = b""
        self._heads: list[bytes] = []
        self._records: list[tuple[int, int, int]] = []
        self._nodes: dict[bytes, int] = {}
        self._reasons: dict[int, str] = {}

    @classmethod
    def open(cls, path: Path, *, sealed: bool = False) -> Self:
        """Open a segment as far as it is written now.

        Args:
            path: Its file.
            sealed: Nothing will be written to it, nor cut off. One that is not is copied: should a
                failed commit be cut off behind a reader's back, touching a mapped file kills it.

        Raises:
            FileNotFoundError: it is gone; it was settled.
            OSError: it can't be read.
        """
        with path.open("rb") as file:
            if not sealed:
                return cls(path, file.read())
            try:
                return cls(path, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            except ValueError:
                return cls(path, b"")  # an empty file can't be mapped

    @property
    def number(self) -> int:
        """Its number."""
        return int(self.path.stem)

    @property
    def is_mapped(self) -> bool:
        """Whether it was opened as sealed: there is nothing to come."""
        return isinstance(self._content, mmap.mmap)

    @property
    def size_bytes(self) -> int:
        """How much of it is read."""
        return len(self._content)

    def close(self) -> None:
        """Give the file back."""
        if isinstance(self._content, mmap.mmap):
            self._content.close()
        self._content = b""

    def grow(self) -> bool:
        """Read what was written since; tell whether it is still the file that was read.

        Raises:
            FileNotFoundError: it is gone; it was settled.
            OSError: it can't be read.
        """
        with self.path.open("rb") as file:
            last_at = self._records[-1][1] if self._records else 0
            file.seek(last_at)
            if file.read(_LOOK_BACK_BYTES) != self._content[last_at:][:_LOOK_BACK_BYTES]:
                return False  # a commit that failed was cut off, after it was read here
            file.seek(len(self._content))
            more = file.read()
        if more:
            self._content = self._content[:] + more
        return True

    def index(self) -> Index:
        """Give what is in it; what was read by an earlier call is not read again."""
        content = self._content
        if not self._mark:
            self._mark = mark_of(content[:HEADER_BYTES]) or _mark_of_first(content) or b""
        if self._mark:
            self._scan(content)
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
        assert self._content, "read of a closed segment"
        return self._content[offset : offset + size_bytes]

    def _scan(self, content: mmap.mmap | bytes) -> None:
        at, size_bytes, mark = self._at, len(content), self._mark
        with memoryview(content) as view:
            while at < size_bytes:
                end = _entry_end(view, at, mark)
                if end:
                    self._take(content, at + HEAD_BYTES, end)
                    at = end
                    continue
                found = _next_whole(content, view, at + 1, mark)
                if not found:
                    break
                self.damaged.append(Damage(at, found - at))
                at = found
        self._at, self.tail_bytes = at, size_bytes - at

    def _take(self, content: mmap.mmap | bytes, start: int, end: int) -> None:
        head = content[start : min(start + KEEP_BYTES, end)]
        if head[0] == TABLE_CODE:
            table = read_table(content[start:end])
            if table is not None:
                self.tables[table[0]] = table[1]
            return
        if len(head) < KEEP_BYTES or head[0] > len(KINDS) or head[1] >= len(RECORD_CLASSES):
            return  # a later program's; that one will read it
        node_bytes, reason_bytes = head[3], head[-2] | head[-1] << 8
        name = content[start + KEEP_BYTES : start + KEEP_BYTES + node_bytes]
        record_at = start + KEEP_BYTES + node_bytes + reason_bytes
        if record_at > end:
            return
        if reason_bytes:
            reason = content[record_at - reason_bytes : record_at]
            self._reasons[len(self._heads)] = reason.decode(errors="replace")
        node = self._nodes.setdefault(name, len(self._nodes))
        self._heads.append(head)
        self._records.append((node, record_at, end - record_at))


def _entry_end(view: memoryview, at: int, mark: bytes) -> int:
    """Give where the entry that begins there ends; 0 where none does, or not a whole one."""
    if at + HEAD_BYTES > len(view):
        return 0
    found, length, crc = HEAD.unpack_from(view, at)
    end: int = at + HEAD_BYTES + length
    if found != mark or not length or end > len(view):
        return 0
    return end if zlib.crc32(view[at + HEAD_BYTES : end]) == crc else 0


def _next_whole(content: mmap.mmap | bytes, view: memoryview, at: int, mark: bytes) -> int:
    """Give where the next whole entry begins; 0 for nowhere."""
    while (at := content.find(mark, at)) >= 0:
        if _entry_end(view, at, mark):
            return at
        at += 1
    return 0


def _mark_of_first(content: mmap.mmap | bytes) -> bytes | None:
    """Give the mark of the first whole entry, where no header tells it."""
    at = -1
    with memoryview(content) as view:
        while (at := content.find(MARK_START, at + 1)) >= 0:
            mark = content[at : at + MARK_BYTES]
            if _entry_end(view, at, mark):
                return mark
    return None
