"""The reader of an archive: samples, buckets, coverage and gaps, beside its process or in a copy.

Reads only. Each call sees what was committed when it began, the log included that is not settled
yet. What is damaged is left out of an answer and told by `problems`.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lunaredge.errors import RemoteProtocolError, StorageError
from lunaredge.node import KeepKind
from lunaredge.runtime.archive import day_file, log
from lunaredge.runtime.archive.bucketing import Buckets, aligned, buckets, check_kinds
from lunaredge.runtime.archive.catalog import NAME, Problem, Used
from lunaredge.runtime.archive.catalog_copy import fault_to_read, open_copy
from lunaredge.runtime.archive.checking import days_short, log_problems, problems_of
from lunaredge.runtime.archive.coverage import Stream, Stretch
from lunaredge.runtime.archive.day_reader import Lost
from lunaredge.runtime.archive.gaps import (
    DAMAGED,
    Gap,
    Summary,
    known_span,
    lost_gaps,
    silent_gaps,
    stream_gaps,
)
from lunaredge.runtime.archive.rollup_file import Level
from lunaredge.runtime.archive.snapshot import LogCache, Snapshot, take_snapshot
from lunaredge.runtime.archive.sources import (
    ChannelPiece,
    Wanted,
    clipped,
    log_pieces,
    records,
    settled_pieces,
    used_in_days,
)
from lunaredge.wire.records import Dropped, decode_record

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


# Segments are settled in minutes: an answer that one of them spoils is had by asking again.
_TRIES_MAX = 10


class ChannelInfo(NamedTuple):
    """A channel of a node in one unit and type, and of which time it speaks."""

    name: str
    unit: str
    dtype: str
    first_ns: int
    last_ns: int


class Samples(NamedTuple):
    """What one channel did; N of them."""

    times_ns: Ints
    """(N,): site time, ns, never falling."""
    values: Floats
    """(N,): in the channel's unit; NaN where from then on it has no value. Whole numbers beyond
    2**53 are rounded."""
    late: npt.NDArray[np.bool_]
    """(N,): backfill; it came after newer ones."""


class Covered(NamedTuple):
    """Numbers of a stream that the archive has as one kind."""

    stream: Stream
    stretch: Stretch


class ArchiveReader:
    """An archive's folder, open to read. Make it with `open`. Of one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lost: list[Lost] = []
        """What was damaged, and so left out of what was told of samples and buckets."""
        self.catalog_fault = ""
        """What is wrong with the catalog, so that its copy is read; all that is there is in it."""
        self._cache = LogCache(folder)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open an archive beside its process, or a copy of one.

        Raises:
            StorageError: there is none, or it is newer than this program.
            JournalCorrupt: its catalog is damaged, and the catalog's copy as well.
        """
        reader = cls(folder)
        reader.catalog_fault = fault_to_read(folder)
        with reader._snapshot():
            return reader

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give all files back."""
        self._cache.close()

    def nodes(self) -> list[str]:
        """Give the nodes of which anything is there, in order of name."""
        with self._snapshot() as snapshot:
            return sorted({stream.node for stream, _ in snapshot.coverage()})

    def channels(self, node: str) -> list[ChannelInfo]:
        """Give the channels of which a node ever told, by name; one for each unit and type."""
        with self._snapshot() as snapshot:
            return _channels(_used(self.folder, snapshot, node))

    def samples(
        self, node: str, channel: str, start_ns: int, end_ns: int, unit: str | None = None
    ) -> Samples:
        """Give what a channel did from one time until before another.

        Args:
            node: Whose channel it is.
            channel: Its name.
            start_ns: Site time, ns.
            end_ns: Site time, ns.
            unit: Give what was measured in that unit alone.

        Raises:
            QueryError: the channel's unit or type changes in that time, and no unit is asked for.
            JournalCorrupt, StorageError: the catalog can't be read.
        """
        wanted = Wanted(node, channel, unit, (start_ns, end_ns))
        with self._snapshot() as snapshot:
            pieces = clipped(self._pieces(snapshot, wanted, self.lost), wanted)
        return _in_order(pieces, wanted)

    def buckets(self, node: str, channel: str, start_ns: int, end_ns: int, step_ns: int) -> Buckets:
        """Give what a channel did by stretches of time, each a multiple of its length.

        The first one is that in which ``start_ns`` is, the last that before ``end_ns``. Whole
        minutes and hours come from the roll-ups, also of time whose samples have expired.

        Raises:
            QueryError: no length, or the channel's unit or type changes.
            JournalCorrupt, StorageError: the catalog can't be read.
        """
        span_ns = aligned((start_ns, end_ns), step_ns)
        wanted = Wanted(node, channel, None, span_ns)
        for _ in range(_TRIES_MAX):
            with self._snapshot() as snapshot:
                told = buckets(self.folder, snapshot, wanted, step_ns, self.lost)
                through = snapshot.through
            # Roll-ups of older segments are put together as a later one is settled: what was read
            # in the midst of that may lack some.
            with self._snapshot() as snapshot:
                if snapshot.through == through:
                    break
        return told

    def coverage(self, node: str | None) -> list[Covered]:
        """Give which numbers of a node's streams are there, as what; rising in each.

        Of all nodes where none is named: one look at the disk instead of one for each.
        """
        with self._snapshot() as snapshot:
            return [
                Covered(stream, stretch)
                for stream, stretches in snapshot.coverage(node)
                for stretch in stretches
            ]

    def gaps(
        self, node: str | None, start_ns: int, end_ns: int, *, verify: bool = False
    ) -> list[Gap]:
        """Give what is not there of a node, or of all, from one time until before another.

        Args:
            node: Whose; None for all.
            start_ns: Site time, ns.
            end_ns: Site time, ns.
            verify: Read all samples of that time, to tell of damage nobody has met yet. Slow.

        Raises:
            JournalCorrupt, StorageError: the catalog can't be read.
        """
        with self._snapshot() as snapshot:
            found = list(self._gaps(snapshot, node))
            asked = [gap for gap in found if _is_near(gap, start_ns, end_ns)]
            summaries = self._summaries(snapshot, asked)
            told = [gap._replace(summary=summaries.get(_key(gap))) for gap in asked]
            if verify:
                told += self._damage(snapshot, node, (start_ns, end_ns))
        return sorted(told, key=lambda gap: (gap.node, gap.start_ns, gap.end_ns, gap.kind))

    def problems(self) -> list[Problem]:
        """Give all that is damaged, and what is lost with it; reads the whole archive. Slow.

        Raises:
            JournalCorrupt, StorageError: the catalog can't be read.
        """
        with self._snapshot() as snapshot:
            met = [Problem(NAME, self.catalog_fault, 0, 0, 0)] if self.catalog_fault else []
            return met + problems_of(self.folder, snapshot)

    def log_problems(self) -> list[Problem]:
        """Give what was met damaged in the log: nothing tells of whom it was, and of which time.

        A power cut may leave such too, of a commit that nobody heard of.

        Raises:
            JournalCorrupt, StorageError: the catalog can't be read.
        """
        with self._snapshot() as snapshot:
            known = [each for each in snapshot.catalog.problems() if not each.end_ns]
            return [
                *(each for each in known if each.place.startswith(f"{log.FOLDER}/")),
                *log_problems(snapshot),
            ]

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[Snapshot]:
        try:
            snapshot = self._taken()
            _check_folders(self.folder)
        except FileNotFoundError as exc:
            if (self.folder / NAME).exists():
                raise StorageError(f"{exc.filename} is gone, and what was in it") from exc
            raise StorageError(
                f"{self.folder} is no archive: {NAME} is missing; name an archive's folder"
            ) from exc
        except OSError as exc:
            raise StorageError(f"{self.folder}: {exc}") from exc
        with contextlib.closing(snapshot):
            yield snapshot

    def _taken(self) -> Snapshot:
        if self.catalog_fault:
            with contextlib.suppress(FileNotFoundError):
                return take_snapshot(self.folder, self._cache, opened=open_copy)
            # Its process puts it in the catalog's place.
            self.catalog_fault = fault_to_read(self.folder)
        return take_snapshot(self.folder, self._cache)

    def _pieces(
        self, snapshot: Snapshot, wanted: Wanted, lost: list[Lost]
    ) -> Iterator[ChannelPiece]:
        yield from settled_pieces(self.folder, snapshot, wanted, lost)
        yield from log_pieces(snapshot, wanted)

    def _gaps(self, snapshot: Snapshot, node: str | None) -> Iterator[Gap]:
        expired = snapshot.catalog.expired()
        met = [*snapshot.catalog.problems(), *days_short(self.folder, snapshot)]
        # Of one day there may be a file put aside, and what is not there for it.
        problems = list({(each.start_ns, each.end_ns): each for each in reversed(met)}.values())
        by_node: dict[str, dict[Stream, list[Stretch]]] = {}
        for stream, stretches in snapshot.coverage(node):
            by_node.setdefault(stream.node, {})[stream] = stretches
        for name, streams in by_node.items():
            for stream, stretches in streams.items():
                yield from stream_gaps(stream, stretches)
            yield from silent_gaps(name, streams, snapshot.touch_ns)
            yield from lost_gaps(name, known_span(streams), expired, problems)
        for key in snapshot.catalog.corrupt_keys:
            # Of which time these numbers spoke is in the row that can't be read.
            yield Gap(key.split("/")[1], 0, 0, DAMAGED, reason=f"{NAME}: {key}")

    def _summaries(self, snapshot: Snapshot, asked: list[Gap]) -> dict[tuple[object, ...], Summary]:
        """Give what is left of what was dropped, by the gap that it is about."""
        dropped = [gap for gap in asked if gap.kind == KeepKind.DROPPED.value]
        found: dict[tuple[object, ...], Summary] = {}
        if not dropped:
            return found
        span_ns = (min(gap.start_ns for gap in dropped), max(gap.end_ns for gap in dropped) + 1)
        node = dropped[0].node if len({gap.node for gap in dropped}) == 1 else None
        for kept in records(self.folder, snapshot, node, span_ns, []):
            if kept.kind is not KeepKind.DROPPED:
                continue
            for gap in dropped:
                if (
                    (gap.node, gap.boot) == (kept.stream.node, kept.stream.boot)
                    and gap.first_seq <= kept.first_seq
                    and kept.last_seq <= gap.last_seq
                ):
                    found[_key(gap)] = _added(found.get(_key(gap), {}), kept.record)
        return found

    def _damage(self, snapshot: Snapshot, node: str | None, span_ns: tuple[int, int]) -> list[Gap]:
        names = sorted({stream.node for stream, _ in snapshot.coverage(node)})
        found = []
        for name in names:
            lost: list[Lost] = []
            for info in _channels(_used(self.folder, snapshot, name)):
                wanted = Wanted(name, info.name, info.unit, span_ns)
                for _ in settled_pieces(self.folder, snapshot, wanted, lost):
                    pass
            for each in dict.fromkeys(lost):
                reason = f"{each.place}: {each.what}"
                found.append(Gap(name, each.start_ns, each.end_ns, DAMAGED, reason=reason))
        return found


def _check_folders(folder: Path) -> None:
    """Raise OSError where a part of an archive is gone: the rest would look like all of it."""
    for name in (log.FOLDER, day_file.FOLDER, *(level.value for level in Level)):
        # Opened and not listed: this is asked at each answer. Nobody may read it, and it is told.
        os.scandir(folder / name).close()


def _is_near(gap: Gap, start_ns: int, end_ns: int) -> bool:
    """Tell whether a gap is of that time, or of nobody knows which."""
    return not gap.end_ns or (gap.start_ns < end_ns and gap.end_ns >= start_ns)


def _key(gap: Gap) -> tuple[object, ...]:
    return gap.node, gap.boot, gap.first_seq, gap.kind


def _added(summary: Summary, record: bytes) -> Summary:
    """Add what a marker tells to what earlier ones told."""
    try:
        marker = decode_record(record)
    except RemoteProtocolError:
        return summary
    rows = marker.rows if isinstance(marker, Dropped) else {}
    whole = dict(summary)
    for name, (low, high, last, count) in rows.items():
        known = whole.get(name, (low, high, last, 0))
        whole[name] = (min(low, known[0]), max(high, known[1]), last, count + known[3])
    return whole


def _used(folder: Path, snapshot: Snapshot, node: str) -> list[Used]:
    """Give which tables a node used, settled or not."""
    found = snapshot.catalog.used(node)
    if snapshot.catalog.unread:
        found += used_in_days(folder, snapshot, node, found)
    for each in snapshot.unsettled:
        if node not in each.entries.nodes:
            continue
        tables = snapshot.catalog.tables() | each.segment.tables
        own = each.entries.fixed[each.entries.node == each.entries.nodes.index(node)]
        for digest in sorted(set(own["table"].tolist()) & set(tables)):
            spans = own[[table == digest for table in own["table"].tolist()]]
            start_ns, end_ns = int(spans["start_ns"].min()), int(spans["end_ns"].max())
            found.append(Used(node, tables[digest], start_ns, end_ns))
    return found


def _channels(used: list[Used]) -> list[ChannelInfo]:
    spans: dict[tuple[str, str, str], tuple[int, int]] = {}
    for each in used:
        for channel in each.channels:
            key = (channel.name, channel.unit, channel.dtype.value)
            first_ns, last_ns = spans.get(key, (each.start_ns, each.end_ns))
            spans[key] = (min(first_ns, each.start_ns), max(last_ns, each.end_ns))
    return [ChannelInfo(*key, *span) for key, span in sorted(spans.items())]


def _in_order(pieces: list[ChannelPiece], wanted: Wanted) -> Samples:
    """Put pieces together; a sample that is there twice is given once."""
    check_kinds(wanted, {piece.kind: int(piece.times_ns[0]) for piece in reversed(pieces)})
    if not pieces:
        return Samples(np.empty(0, np.int64), np.empty(0), np.empty(0, bool))
    times_ns = np.concatenate([piece.times_ns for piece in pieces])
    values = np.concatenate([piece.values for piece in pieces])
    late = np.repeat([piece.late for piece in pieces], [len(piece.times_ns) for piece in pieces])
    order = np.argsort(times_ns, kind="stable")
    times_ns, values, late = times_ns[order], values[order], late[order]
    bits = values.view(np.int64)
    first = np.concatenate(([True], (np.diff(times_ns) != 0) | (np.diff(bits) != 0)))
    return Samples(times_ns[first], values[first], late[first])
