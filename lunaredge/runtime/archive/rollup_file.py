"""Roll-up files: minutes by the month, hours by the year. A row is a node's share of one segment.

As in the day files, a segment that is settled again replaces itself. Every so many segments a
node's rows are put together, so that a year of hours is some dozen rows and not thousands.
"""

import calendar
import datetime as dt
import enum
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from lunaredge.errors import JournalCorrupt
from lunaredge.runtime.archive.blocks import Packer, Unpacker, crc_of
from lunaredge.runtime.archive.database import (
    check_pages,
    opened_to_read,
    translated,
)
from lunaredge.runtime.archive.day_file import DAY_NS, day_of
from lunaredge.runtime.archive.names import (
    NAMES_TABLES,
    SCHEMA,
    Names,
    Series,
    node_number,
    opened_with_names,
    series_of,
)
from lunaredge.runtime.archive.rollup import (
    EMPTY,
    HOUR_NS,
    MINUTE_NS,
    Rollup,
    chosen,
    joined,
    merged,
    pack,
    unpack,
)
from lunaredge.wire.telemetry import Channel

_VERSION = 1
_SCHEMA = (
    *SCHEMA,
    """
    CREATE TABLE rollups (
        node INTEGER, chunk INTEGER, segment INTEGER, packed BLOB, crc INTEGER,
        PRIMARY KEY (node, chunk, segment)
    ) WITHOUT ROWID
    """,
)
# A node's rows of one chunk are put together when there are about so many of them.
_ROWS_MAX = 32
_EPOCH = dt.date(1970, 1, 1)


class Level(enum.Enum):
    """How fine a roll-up is."""

    MINUTES = "minutes"
    HOURS = "hours"

    @property
    def step_ns(self) -> int:
        """Length of a bucket."""
        return MINUTE_NS if self is Level.MINUTES else HOUR_NS

    @property
    def chunk_ns(self) -> int:
        """Length of what a row tells of: a day of minutes, 32 days of hours."""
        return DAY_NS if self is Level.MINUTES else 32 * DAY_NS

    def period(self, day: int) -> str:
        """Give the name of the file that a day is in."""
        date = (_EPOCH + dt.timedelta(days=day)).isoformat()
        return date[: len("YYYY-MM")] if self is Level.MINUTES else date[: len("YYYY")]

    def span_ns(self, period: str) -> tuple[int, int]:
        """Give of which time the file of a period tells."""
        year, month = int(period[:4]), int(period[5:] or 1)
        first = dt.date(year, month, 1)
        months = 1 if self is Level.MINUTES else 12
        days = sum(calendar.monthrange(year, month + each)[1] for each in range(months))
        start = (first - _EPOCH).days
        return start * DAY_NS, (start + days) * DAY_NS

    def path(self, folder: Path, period: str) -> Path:
        """Give where the file of a period lies in an archive's folder."""
        return folder / self.value / f"{period}.sqlite"


def periods_of(folder: Path, level: Level) -> dict[str, bool]:
    """Give the periods of which there are files, rising, and whether none was found damaged."""
    length = len("YYYY-MM" if level is Level.MINUTES else "YYYY")
    found: dict[str, bool] = {}
    for path in sorted((folder / level.value).glob("*.sqlite")):
        period = path.name[:length]
        found[period] = found.get(period, True) and path.stem == period
    return found


def by_period(whole: Rollup, level: Level) -> dict[str, Rollup]:
    """Give a roll-up's entries by the file that they belong in."""
    ends = [day_of(int(end) * level.step_ns) for end in (whole.buckets.min(), whole.buckets.max())]
    if level.period(ends[0]) == level.period(ends[1]):
        return {level.period(ends[0]): whole}
    days = whole.buckets * level.step_ns // DAY_NS
    found: dict[str, list[int]] = {}
    for day in np.unique(days).tolist():
        found.setdefault(level.period(day_of(day * DAY_NS)), []).append(day)
    if len(found) == 1:
        return dict.fromkeys(found, whole)
    return {period: chosen(whole, np.isin(days, own)) for period, own in found.items()}


class RollupWriter:
    """A roll-up file that is being written, one segment at a time."""

    def __init__(
        self, path: Path, level: Level, connection: sqlite3.Connection, names: Names
    ) -> None:
        self.path = path
        self._level = level
        self._connection = connection
        self._names = names
        self._unpacker = Unpacker()
        self._segment = 0

    @classmethod
    def open(cls, folder: Path, level: Level, period: str) -> Self:
        """Open or make the file of a period.

        Raises:
            JournalFull, JournalCorrupt, StorageError: as `database.opened`.
        """
        path = level.path(folder, period)
        return cls(path, level, *opened_with_names(path, _SCHEMA, _VERSION))

    def close(self) -> None:
        """Close the file; what is not finished is undone."""
        self._connection.close()

    def begin(self, segment: int, *, again: bool) -> None:
        """Begin to write a segment's rows; a node's are one for each chunk, so again is no other.

        Raises:
            JournalFull, JournalCorrupt, StorageError: nothing was begun.
        """
        del again
        self._segment = segment
        with translated(self.path):
            self._connection.execute("BEGIN IMMEDIATE")

    def add(self, node: str, channels: Sequence[Channel], whole: Rollup, packer: Packer) -> None:
        """Write all that a node has in this segment; the series are places in ``channels``.

        Raises:
            JournalFull, JournalCorrupt, StorageError: as they say.
        """
        with translated(self.path):
            number = self._names.node(node)
            series = np.array(self._names.series(number, channels), np.int64)
            whole = whole._replace(series=series[whole.series])
            chunks = whole.buckets // (self._level.chunk_ns // self._level.step_ns)
            is_one = int(chunks.min()) == int(chunks.max())
            for chunk in [int(chunks[0])] if is_one else np.unique(chunks).tolist():
                own = whole if is_one else chosen(whole, chunks == chunk)
                if (self._segment + number) % _ROWS_MAX == 0:
                    self._put_together(number, chunk, packer)
                self._insert((number, chunk, self._segment), pack(own, packer))

    def finish(self) -> None:
        """Make the segment's rows durable.

        Raises:
            JournalFull, JournalCorrupt, StorageError: nothing was written.
        """
        with translated(self.path):
            self._connection.execute("COMMIT")

    def _put_together(self, node: int, chunk: int, packer: Packer) -> None:
        """Make one of the rows that earlier segments brought: those are settled for good."""
        found = self._connection.execute(
            "SELECT segment, packed, crc FROM rollups"
            " WHERE node = ? AND chunk = ? AND segment < ? ORDER BY segment",
            (node, chunk, self._segment),
        ).fetchall()
        sound = [
            (segment, packed)
            for segment, packed, crc in found
            if isinstance(packed, bytes) and crc_of((node, chunk, segment), packed) == crc
        ]
        if len(sound) < 2:
            return
        whole = merged(joined(unpack(packed, self._unpacker) for _, packed in sound))
        self._connection.executemany(
            "DELETE FROM rollups WHERE node = ? AND chunk = ? AND segment = ?",
            [(node, chunk, segment) for segment, _ in sound],
        )
        self._insert((node, chunk, sound[-1][0]), pack(whole, packer))

    def _insert(self, key: tuple[int, int, int], packed: bytes) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO rollups VALUES (?, ?, ?, ?, ?)",
            (*key, packed, crc_of(key, packed)),
        )


class RollupReader:
    """A roll-up file, open to read."""

    def __init__(
        self, path: Path, level: Level, connection: sqlite3.Connection, through: int
    ) -> None:
        self.path = path
        self.lost: list[str] = []
        """Rows that were met damaged."""
        self._level = level
        self._connection = connection
        self._unpacker = Unpacker()
        self._through = through

    @classmethod
    def open(cls, folder: Path, level: Level, period: str, through: int) -> Self:
        """Open the file of a period, to read what segments through that one brought.

        Raises:
            FileNotFoundError, JournalCorrupt, StorageError: as `database.opened_to_read`.
        """
        path = level.path(folder, period)
        return cls(path, level, opened_to_read(path, _VERSION), through)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def series(self, node: str) -> list[Series]:
        """Give the channels of a node; enter those whose names are damaged.

        Raises:
            JournalCorrupt: the list is damaged.
        """
        with translated(self.path):
            number = node_number(self._connection, node)
            sound, damaged = ([], 0) if number is None else series_of(self._connection, number)
        if damaged:
            self.lost.append(f"names of {damaged} channels of {node}")
        return sound

    def rollup(self, node: str, numbers: Sequence[int], start_ns: int, end_ns: int) -> Rollup:
        """Give the buckets of series of a node that begin from one time until before another.

        Raises:
            JournalCorrupt: the file's names are damaged.
        """
        with translated(self.path):
            number = node_number(self._connection, node)
        if number is None:
            return EMPTY
        step_ns = self._level.step_ns
        low, high = -(-start_ns // step_ns), -(-end_ns // step_ns)
        parts = []
        for whole in self._rows(number, start_ns, end_ns):
            mask = np.isin(whole.series, numbers) & (whole.buckets >= low) & (whole.buckets < high)
            parts.append(chosen(whole, mask))
        return merged(joined(parts))

    def check(self) -> None:
        """Read all there is, so that what is damaged is met."""
        try:
            check_pages(self.path, self._connection, NAMES_TABLES)
        except JournalCorrupt as exc:
            self.lost.append(str(exc))
        with translated(self.path):
            numbers = [row[0] for row in self._connection.execute("SELECT id FROM nodes")]
        for number in numbers:
            for _ in self._rows(number, 0, 2**63 - 1):
                pass

    def _rows(self, node: int, start_ns: int, end_ns: int) -> Iterator[Rollup]:
        chunk_ns = self._level.chunk_ns
        query = (
            "SELECT chunk, segment, packed, crc FROM rollups WHERE node = ?"
            " AND chunk BETWEEN ? AND ? AND segment <= ? ORDER BY chunk, segment"
        )
        bounds = (node, start_ns // chunk_ns, end_ns // chunk_ns, self._through)
        try:
            with translated(self.path):
                for chunk, segment, packed, crc in self._connection.execute(query, bounds):
                    key = (node, chunk, segment)
                    if isinstance(packed, bytes) and crc_of(key, packed) == crc:
                        yield unpack(packed, self._unpacker)
                    else:
                        self.lost.append(f"node {node}, stretch {chunk}, segment {segment}")
        except JournalCorrupt:
            self.lost.append(f"node {node}")
