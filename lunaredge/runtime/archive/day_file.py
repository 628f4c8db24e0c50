"""Day files: the samples of one UTC day of site time, in blocks of one channel and many rows.

The blocks of a segment lie in a file of their own, written once and synced before the day's SQLite
file names them: through SQLite's log each byte would be written twice. A row's number holds the
segment that it came from, so what is settled again replaces itself. The times of a part are kept
once for all its channels. Whatever is damaged loses only itself.
"""

import contextlib
import datetime as dt
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lunaredge.errors import StorageError
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.block_file import (
    BlockWriter,
    blocks_folder,
    blocks_path,
    packed_part,
)
from lunaredge.runtime.archive.blocks import Packer, crc_of
from lunaredge.runtime.archive.columns import Frame
from lunaredge.runtime.archive.coverage import Stream
from lunaredge.runtime.archive.database import (
    PARTS,
    opened,
    opened_to_read,
    remove_database,
    transaction,
    translated,
)
from lunaredge.runtime.archive.names import (
    PARTS_MAX,
    SCHEMA,
    Names,
    opened_with_names,
    row_id,
    segment_range,
)
from lunaredge.units import NS_PER_S
from lunaredge.wire.telemetry import Channel

FOLDER = "days"
DAY_NS = 86_400 * NS_PER_S
VERSION = 1
_SCHEMA = (
    *SCHEMA,
    "CREATE TABLE segments (number INTEGER PRIMARY KEY, start_ns INTEGER, end_ns INTEGER)",
    """
    CREATE TABLE parts (
        id INTEGER PRIMARY KEY, start_ns INTEGER, end_ns INTEGER, count INTEGER, late INTEGER,
        place INTEGER, directory BLOB, crc INTEGER
    )
    """,
    """
    CREATE TABLE records (
        id INTEGER PRIMARY KEY, node TEXT, boot INTEGER, class TEXT, first_seq INTEGER,
        last_seq INTEGER, kind TEXT, count INTEGER, start_ns INTEGER, end_ns INTEGER,
        received_ns INTEGER, late INTEGER, reason TEXT, record BLOB, crc INTEGER
    )
    """,
)
_OLDEST_FIRST = "FROM segments ORDER BY end_ns, number"
_EPOCH = dt.date(1970, 1, 1)
# What a date can be written of; times beyond are a day's at that end.
_DAYS = (0, (dt.date(9999, 12, 31) - _EPOCH).days)


class KeptRecord(NamedTuple):
    """What is kept as it came: markers of what was dropped, what can't be believed, summaries."""

    stream: Stream
    first_seq: int
    last_seq: int
    kind: KeepKind
    samples: int
    start_ns: int
    end_ns: int
    received_ns: int
    late: bool
    reason: str
    record: bytes


def day_of(time_ns: int) -> int:
    """Give the UTC day of a time, counted from 1970."""
    return min(max(time_ns // DAY_NS, _DAYS[0]), _DAYS[1])


def days_of_times(times_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give the UTC day of each of some times, (N,)."""
    return np.clip(times_ns // DAY_NS, *_DAYS)


def day_path(folder: Path, day: int) -> Path:
    """Give where a day's file lies in an archive's folder."""
    return folder / FOLDER / f"{_EPOCH + dt.timedelta(days=day)}.sqlite"


def span_of(path: Path) -> tuple[int, int]:
    """Give of which time a file tells by its name; both 0 where that is no day."""
    with contextlib.suppress(ValueError):
        day = (dt.date.fromisoformat(path.name[:10]) - _EPOCH).days
        return day * DAY_NS, (day + 1) * DAY_NS
    return 0, 0


def days_of(folder: Path) -> dict[int, list[Path]]:
    """Give the days of which there are files: those put aside as damaged, then the day's own."""
    days: dict[int, list[Path]] = {}
    for path in sorted((folder / FOLDER).glob("????-??-??.*sqlite")):
        with contextlib.suppress(ValueError):
            day = (dt.date.fromisoformat(path.name[:10]) - _EPOCH).days
            days.setdefault(day, []).append(path)
    return days


class DayWriter:
    """A day's file that is being written, one segment at a time."""

    def __init__(self, path: Path, connection: sqlite3.Connection, names: Names) -> None:
        self.path = path
        self._connection = connection
        self._blocks = BlockWriter(blocks_folder(path))
        self._names = names
        self._segment = 0
        self._again = False
        self._span_ns: tuple[int, int] | None = None
        self._parts: dict[int, int] = {}
        self._record_count = 0

    @classmethod
    def open(cls, folder: Path, day: int) -> Self:
        """Open or make the file of a day.

        Raises:
            JournalFull, JournalCorrupt, StorageError: as `database.opened`.
        """
        path = day_path(folder, day)
        return cls(path, *opened_with_names(path, _SCHEMA, VERSION))

    def close(self) -> None:
        """Close the files; what is not finished is undone."""
        self._blocks.close()
        self._connection.close()

    def begin(self, segment: int, *, again: bool) -> None:
        """Begin to write a segment's rows: in the place of all that it wrote before, or behind it.

        Raises:
            JournalFull, JournalCorrupt, StorageError: nothing was begun.
        """
        self._segment, self._span_ns, self._record_count = segment, None, 0
        self._again = again
        self._parts.clear()
        self._blocks.begin(segment, again=again)
        execute = self._connection.execute
        with translated(self.path):
            execute("BEGIN IMMEDIATE")
            if again:
                query = "SELECT start_ns, end_ns FROM segments WHERE number = ?"
                self._span_ns = execute(query, (segment,)).fetchone()
                self._record_count = self._next("records", segment_range(segment))
                return
            for table in ("parts", "records"):
                query = f"DELETE FROM {table} WHERE id >= ? AND id < ?"
                execute(query, segment_range(segment))

    def add(
        self, node: str, channels: Sequence[Channel], part: Frame, packer: Packer, *, late: bool
    ) -> None:
        """Write a part: rows of one node and table.

        Raises:
            JournalFull, JournalCorrupt, StorageError: as they say.
        """
        with translated(self.path):
            number = self._names.node(node)
            series = self._names.series(number, channels)
            first = row_id(self._segment, number, 0)
            place = self._parts.get(number, -1)
            if place < 0:
                place = self._next("parts", (first, first + PARTS_MAX)) if self._again else 0
            if place >= PARTS_MAX:
                raise StorageError(f"{self.path}: {place} parts of {node} in one segment")
            self._parts[number] = place + 1
            start_ns, end_ns = int(part.times_ns[0]), int(part.times_ns[-1])
            self._reach(start_ns, end_ns)
            blocks, directory = packed_part(part, series, packer)
            at = self._blocks.write(blocks)
            key = (first + place, start_ns, end_ns, len(part.times_ns), int(late), at)
            self._connection.execute(
                "INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*key, directory, crc_of(key, directory)),
            )

    def keep(self, kept: KeptRecord) -> None:
        """Write a record as it came.

        Raises:
            JournalFull, JournalCorrupt, StorageError: as they say.
        """
        stream = kept.stream
        key = (
            segment_range(self._segment)[0] + self._record_count,
            stream.node,
            stream.boot,
            stream.record_class.value,
            kept.first_seq,
            kept.last_seq,
            kept.kind.value,
            kept.samples,
            kept.start_ns,
            kept.end_ns,
            kept.received_ns,
            int(kept.late),
            kept.reason,
        )
        self._record_count += 1
        if kept.end_ns:
            self._reach(kept.start_ns, kept.end_ns)
        with translated(self.path):
            self._connection.execute(
                f"INSERT INTO records VALUES ({', '.join('?' * 15)})",
                (*key, kept.record, crc_of(key, kept.record)),
            )

    def finish(self) -> None:
        """Make the segment's blocks durable, then the rows that name them.

        Raises:
            JournalFull, JournalCorrupt, StorageError: no rows were written.
        """
        self._blocks.finish()
        start_ns, end_ns = self._span_ns or (0, 0)
        with translated(self.path):
            self._connection.execute(
                "INSERT OR REPLACE INTO segments VALUES (?, ?, ?)",
                (self._segment, start_ns, end_ns),
            )
            self._connection.execute("COMMIT")

    def _next(self, table: str, span: tuple[int, int]) -> int:
        """Give how far behind the first of some numbers the first free one is."""
        query = f"SELECT max(id) FROM {table} WHERE id >= ? AND id < ?"
        last = self._connection.execute(query, span).fetchone()[0]
        return 0 if last is None else int(last) + 1 - span[0]

    def _reach(self, start_ns: int, end_ns: int) -> None:
        low_ns, high_ns = self._span_ns or (start_ns, end_ns)
        self._span_ns = (min(low_ns, start_ns), max(high_ns, end_ns))


def used_bytes(paths: Sequence[Path]) -> int:
    """Give how many bytes a day has: its files, those put aside with them, and their blocks."""
    files = [Path(f"{path}{part}") for path in paths for part in PARTS]
    files += blocks_folder(paths[-1]).glob("*.blocks")
    return sum(file.stat().st_size for file in files if file.exists())


def oldest_segment(path: Path) -> tuple[int, int, int] | None:
    """Give the segment of a day that ends first, and of which time it tells there.

    None where it is the only one.
    """
    with contextlib.closing(opened_to_read(path, VERSION)) as connection, translated(path):
        found = connection.execute(f"SELECT * {_OLDEST_FIRST} LIMIT 2").fetchall()
    return found[0] if len(found) > 1 else None


def trim(path: Path) -> None:
    """Delete the rows of the segment that ends first, and its blocks.

    Raises:
        JournalFull, JournalCorrupt, StorageError, OSError: not all was deleted.
    """
    connection = opened(path, _SCHEMA, VERSION)
    with contextlib.closing(connection), transaction(connection, path):
        number = connection.execute(f"SELECT number {_OLDEST_FIRST} LIMIT 1").fetchone()[0]
        connection.execute("DELETE FROM segments WHERE number = ?", (number,))
        for table in ("parts", "records"):
            query = f"DELETE FROM {table} WHERE id >= ? AND id < ?"
            connection.execute(query, segment_range(number))
    with contextlib.suppress(FileNotFoundError):
        os.unlink(blocks_path(path, number))  # noqa: PTH108 -- as all writes here


def remove(path: Path) -> int:
    """Delete a day's files, all of them; give their bytes.

    Raises:
        OSError: some may be left.
    """
    size_bytes = used_bytes([path])
    remove_database(path)
    folder = blocks_folder(path)
    # Those put aside as damaged name blocks of the same folder, and go with it.
    for file in folder.glob("*.blocks"):
        os.unlink(file)  # noqa: PTH108
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(folder)  # noqa: PTH106
    return size_bytes
