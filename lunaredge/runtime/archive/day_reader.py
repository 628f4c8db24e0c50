"""Reading a day's file, beside its writer: what of it is sound, and what is lost.

Each segment is asked for by itself, so that a damaged page costs one stretch of one channel and
not the day.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lunaredge.errors import JournalCorrupt
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.block_file import DIRECTORY, BlockReader, Read, blocks_path
from lunaredge.runtime.archive.blocks import Unpacker, crc_of
from lunaredge.runtime.archive.coverage import Stream
from lunaredge.runtime.archive.database import check_pages, opened_to_read, translated
from lunaredge.runtime.archive.day_file import VERSION, KeptRecord, span_of
from lunaredge.runtime.archive.names import (
    NAMES_TABLES,
    PARTS_MAX,
    Series,
    node_number,
    row_id,
    segment_range,
    series_of,
)
from lunaredge.wire.messages import RecordClass

Ints = npt.NDArray[np.int64]


class Piece(NamedTuple):
    """What one channel did in one part; V values and blanks."""

    series: Series
    times_ns: Ints
    """(V,): never falling."""
    values: npt.NDArray[np.float64]
    """(V,): NaN where from then on there is no value."""
    late: bool


class Lost(NamedTuple):
    """Damaged rows of a file, and of which time they told."""

    place: str
    what: str
    start_ns: int
    end_ns: int


class _Part(NamedTuple):
    start_ns: int
    end_ns: int
    late: bool
    place: int
    directory: npt.NDArray[np.void]


class DayReader:
    """A day's file, open to read."""

    def __init__(self, path: Path, connection: sqlite3.Connection, through: int) -> None:
        self.path = path
        self.lost: list[Lost] = []
        """What was met damaged since the last look."""
        self._connection = connection
        self._unpacker = Unpacker()
        self._through = through

    @classmethod
    def open(cls, path: Path, through: int) -> Self:
        """Open a day's file, to read what segments through that one brought.

        Raises:
            FileNotFoundError, JournalCorrupt, StorageError: as `database.opened_to_read`.
        """
        return cls(path, opened_to_read(path, VERSION), through)

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
            self._lose(f"names of {damaged} channels", *span_of(self.path))
        return sound

    def pieces(
        self, node: str, asked: Sequence[Series], start_ns: int, end_ns: int
    ) -> Iterator[Piece]:
        """Give what series of a node did from one time until before another."""
        try:
            with translated(self.path):
                number = node_number(self._connection, node)
            segments = self._segments()
        except JournalCorrupt:
            self._lose("names or segments", start_ns, end_ns)
            return
        if number is None:
            return
        series = {each.id: each for each in asked}
        for segment in segments:
            yield from self._pieces_of(segment, number, series, (start_ns, end_ns))

    def segments(self) -> set[int]:
        """Give the segments of which there are rows.

        Raises:
            JournalCorrupt: the list is damaged.
        """
        return set(self._segments())

    def blocks_gone(self) -> list[Lost]:
        """Give the segments whose samples are listed here and whose file of blocks is not there."""
        lost = []
        with contextlib.suppress(JournalCorrupt), translated(self.path):
            for number in self._segments():
                query = "SELECT 1 FROM parts WHERE id >= ? AND id < ? LIMIT 1"
                blocks = blocks_path(self.path, number)
                if self._connection.execute(query, segment_range(number)).fetchone() and (
                    not blocks.exists() or not blocks.stat().st_size
                ):
                    what = f"segment {number}: its blocks are gone"
                    lost.append(Lost(str(self.path), what, *span_of(self.path)))
        return lost

    def check(self) -> None:
        """Read all there is, so that what is damaged is met.

        Raises:
            JournalCorrupt: the file's names are damaged.
        """
        try:
            check_pages(self.path, self._connection, NAMES_TABLES)
        except JournalCorrupt as exc:
            self._lose(str(exc), *span_of(self.path))
        # A part whose number is damaged belongs to no segment and no node: nobody would miss it.
        where = ("parts", *span_of(self.path))
        for *key, directory, crc in self._rows("SELECT * FROM parts", (), where):
            if not isinstance(directory, bytes) or crc_of(tuple(key), directory) != crc:
                self._lose(f"part {key[0]}", *span_of(self.path))
        with translated(self.path):
            nodes = [row[0] for row in self._connection.execute("SELECT node FROM nodes")]
        for node in nodes:
            for _ in self.pieces(node, self.series(node), 0, 2**63 - 1):
                pass
        for _ in self.records():
            pass

    def records(self, node: str | None = None) -> Iterator[KeptRecord]:
        """Give what is kept as it came, of a node or of all, in order of arrival."""
        query = "SELECT * FROM records WHERE id < ? AND node = coalesce(?, node) ORDER BY id"
        limit = segment_range(self._through)[1]
        for row in self._rows(query, (limit, node), ("records", 0, 0)):
            *key, record, crc = row
            if not isinstance(record, bytes) or crc_of(tuple(key), record) != crc:
                self._lose(f"record {key[0]}", 0, 0)
                continue
            _, node, boot, name, first_seq, last_seq, kind, samples, *rest = key
            start_ns, end_ns, received_ns, late, reason = rest
            yield KeptRecord(
                Stream(node, boot, RecordClass(name)),
                first_seq,
                last_seq,
                KeepKind(kind),
                samples,
                start_ns,
                end_ns,
                received_ns,
                bool(late),
                reason,
                record,
            )

    def _segments(self) -> list[int]:
        # Of which time they tell has no checksum there; their parts have one.
        query = "SELECT number FROM segments WHERE number <= ? ORDER BY number"
        with translated(self.path):
            return [int(row[0]) for row in self._connection.execute(query, (self._through,))]

    def _pieces_of(
        self, segment: int, node: int, series: Mapping[int, Series], span_ns: tuple[int, int]
    ) -> Iterator[Piece]:
        parts = list(self._parts(segment, node, span_ns))
        if not parts:
            return
        try:
            blocks = BlockReader(blocks_path(self.path, segment))
        except OSError as exc:
            self._lose(f"segment {segment}: {exc.strerror}", *span_ns)
            return
        with contextlib.closing(blocks):
            for part in parts:
                yield from self._pieces_in(blocks, part, series)

    def _pieces_in(
        self, blocks: BlockReader, part: _Part, series: Mapping[int, Series]
    ) -> Iterator[Piece]:
        times_ns: Ints | None = None
        for entry in part.directory[1:]:
            each = series.get(int(entry["series"]))
            if each is None:
                continue
            if times_ns is None:
                read = blocks.read(part.place, part.directory[0])
                if read is None:
                    self._lose("times of a part", part.start_ns, part.end_ns)
                    return
                times_ns = self._unpacker.times(read[1], part.start_ns)
            read = blocks.read(part.place, entry)
            if read is None:
                self._lose(f"block of {each.channel}", part.start_ns, part.end_ns)
                continue
            yield self._piece(each, part, times_ns, read)

    def _piece(self, series: Series, part: _Part, row_times_ns: Ints, read: Read) -> Piece:
        unpack = self._unpacker
        rows, packed, blanks = read
        if not packed:
            times_ns, values = np.empty(0, np.int64), np.empty(0)
        else:
            values = unpack.values(packed, series.dtype).astype(np.float64)
            times_ns = row_times_ns if rows is None else row_times_ns[unpack.rows(rows)]
        if blanks:
            gone_ns = row_times_ns[unpack.rows(blanks)]
            times_ns = np.concatenate((times_ns, gone_ns))
            order = np.argsort(times_ns, kind="stable")
            times_ns = times_ns[order]
            values = np.concatenate((values, np.full(len(gone_ns), np.nan)))[order]
        return Piece(series, times_ns, values, part.late)

    def _parts(self, segment: int, node: int, span_ns: tuple[int, int]) -> Iterator[_Part]:
        """Give the sound parts of a node in a segment that tell of a time."""
        query = "SELECT * FROM parts WHERE id >= ? AND id < ? ORDER BY id"
        first = row_id(segment, node, 0)
        where = (f"parts of segment {segment}", *span_ns)
        for *key, directory, crc in self._rows(query, (first, first + PARTS_MAX), where):
            if not isinstance(directory, bytes) or crc_of(tuple(key), directory) != crc:
                self._lose(*where)
                continue
            _, start_ns, end_ns, _, late, place = key
            if start_ns < span_ns[1] and end_ns >= span_ns[0]:
                listed = np.frombuffer(directory, DIRECTORY)
                yield _Part(start_ns, end_ns, bool(late), place, listed)

    def _rows(
        self, query: str, arguments: tuple[object, ...], where: tuple[str, int, int]
    ) -> Iterator[tuple[Any, ...]]:
        """Give the rows of a query, up to where the file is damaged."""
        try:
            with translated(self.path):
                yield from self._connection.execute(query, arguments)
        except JournalCorrupt:
            self._lose(*where)

    def _lose(self, what: str, start_ns: int, end_ns: int) -> None:
        self.lost.append(Lost(str(self.path), what, start_ns, end_ns))
