"""Where a reader's samples come from: the day files, and the log that is not settled."""

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.runtime.archive.catalog import Used
from lunaredge.runtime.archive.columns import Frame
from lunaredge.runtime.archive.day_file import KeptRecord, day_of, day_path, days_of, span_of
from lunaredge.runtime.archive.day_reader import DayReader, Lost
from lunaredge.runtime.archive.names import Series
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.snapshot import Snapshot, Unsettled
from lunaredge.runtime.archive.sorting import frames, groups, kept_record, others, verdict_of
from lunaredge.wire.telemetry import Channel, Dtype

Ints = npt.NDArray[np.int64]
Span = tuple[int, int]
"""From one time until before another, ns."""


class Kind(NamedTuple):
    """In what a channel is measured."""

    unit: str
    dtype: str


class ChannelPiece(NamedTuple):
    """What a channel did in one part or some uploads; N samples."""

    kind: Kind
    times_ns: Ints
    """(N,): never falling."""
    values: npt.NDArray[np.float64]
    """(N,): NaN where from then on there is no value."""
    late: bool


class Wanted(NamedTuple):
    """What is asked for."""

    node: str
    channel: str
    unit: str | None
    """None for whatever there is."""
    span_ns: Span


def settled_pieces(
    folder: Path, snapshot: Snapshot, wanted: Wanted, lost: list[Lost]
) -> Iterator[ChannelPiece]:
    """Give what the day files have, part by part; enter what is damaged."""
    for reader in day_readers(folder, snapshot, wanted.span_ns, lost):
        asked = [
            series
            for series in _series(reader, wanted.node)
            if series.channel == wanted.channel and wanted.unit in (None, series.unit)
        ]
        if asked:
            for piece in reader.pieces(wanted.node, asked, *wanted.span_ns):
                kind = Kind(piece.series.unit, piece.series.dtype)
                yield ChannelPiece(kind, piece.times_ns, piece.values, piece.late)
        lost += reader.lost


def clipped(pieces: Iterable[ChannelPiece], wanted: Wanted) -> list[ChannelPiece]:
    """Give what of the pieces lies in the time that is asked for."""
    found = []
    for piece in pieces:
        low, high = np.searchsorted(piece.times_ns, wanted.span_ns)
        if low < high:
            times_ns, values = piece.times_ns[low:high], piece.values[low:high]
            found.append(piece._replace(times_ns=times_ns, values=values))
    return found


def day_readers(
    folder: Path, snapshot: Snapshot, span_ns: Span, lost: list[Lost]
) -> Iterator[DayReader]:
    """Give a reader of each day's file that may tell of a time; enter what can't be read.

    So is what the catalog has of a day and its files have not: one that is gone or empty, or was
    and has been begun anew.
    """
    first, last = day_of(span_ns[0]), day_of(span_ns[1] - 1)
    lacking = snapshot.catalog.written((first, last))
    for day, paths in days_of(folder).items():
        for path in paths if first <= day <= last else ():
            try:
                reader = DayReader.open(path, snapshot.through)
            except FileNotFoundError:
                continue  # it has expired meanwhile
            except StorageError as exc:
                lost.append(Lost(str(path), str(exc), *span_ns))
                continue
            with contextlib.closing(reader):
                with contextlib.suppress(JournalCorrupt):
                    lacking.get(day, set()).difference_update(reader.segments())
                yield reader
    for day, segments in lacking.items():
        if segments:
            path = day_path(folder, day)
            what = f"{len(segments)} segments are not there, {min(segments)} the first of them"
            what = what if path.exists() else "the file is gone"
            lost.append(Lost(str(path), what, *span_of(path)))


def used_in_days(folder: Path, snapshot: Snapshot, node: str, known: list[Used]) -> list[Used]:
    """Give channels of a node that the day files have and a damaged catalog doesn't tell of."""
    met = {channel for each in known for channel in each.channels}
    found = []
    for reader in day_readers(folder, snapshot, (0, 2**63 - 1), []):
        held = [
            Channel(name=each.channel, unit=each.unit, dtype=Dtype(each.dtype))
            for each in _series(reader, node)
        ]
        lacking = tuple(channel for channel in held if channel not in met)
        found.append(Used(node, lacking, *span_of(reader.path)))
    return found


def log_pieces(snapshot: Snapshot, wanted: Wanted) -> Iterator[ChannelPiece]:
    """Give what the log has that is not settled, some uploads at a time."""
    for late, channels, whole in log_frames(snapshot, wanted.node, wanted.span_ns):
        for place, channel in enumerate(channels):
            if channel.name == wanted.channel and wanted.unit in (None, channel.unit):
                kind = Kind(channel.unit, channel.dtype.value)
                yield ChannelPiece(kind, *_of_channel(whole, place), late)


def log_frames(
    snapshot: Snapshot, node: str, span_ns: Span
) -> Iterator[tuple[bool, tuple[Channel, ...], Frame]]:
    """Give whether it is late, the table, and what a node's uploads in the log hold."""
    bytes_max = ArchiveSettings().gather_bytes_max
    settled_tables = snapshot.catalog.tables() if snapshot.unsettled else {}
    for each, repeated in zip(snapshot.unsettled, snapshot.repeated, strict=True):
        tables = settled_tables | each.segment.tables
        if node not in each.entries.nodes:
            continue
        for group in groups(each.entries, tables, repeated):
            fixed = each.entries.fixed[group.entries]
            near = (fixed["start_ns"] < span_ns[1]) & (fixed["end_ns"] >= span_ns[0])
            if each.entries.nodes[group.node] != node or not near.any():
                continue
            group = group._replace(entries=group.entries[near])
            channels = tables[group.table]
            for whole, _ in frames(each.segment, each.entries, group, channels, bytes_max):
                yield group.late, channels, whole


def records(
    folder: Path, snapshot: Snapshot, node: str | None, span_ns: Span, lost: list[Lost]
) -> Iterator[KeptRecord]:
    """Give what was kept as it came and speaks of a time, settled or not."""
    for reader in day_readers(folder, snapshot, span_ns, lost):
        yield from (each for each in reader.records(node) if _tells_of(each, span_ns))
        lost += reader.lost
    for each, repeated in zip(snapshot.unsettled, snapshot.repeated, strict=True):
        for kept in _log_records(snapshot, each, repeated):
            if node in (None, kept.stream.node) and _tells_of(kept, span_ns):
                yield kept


def _log_records(
    snapshot: Snapshot, unsettled: Unsettled, repeated: list[int]
) -> Iterator[KeptRecord]:
    index = unsettled.entries
    tables = snapshot.catalog.tables() | unsettled.segment.tables
    for entry in others(index, groups(index, tables, repeated), repeated):
        kept = kept_record(unsettled.segment, index, entry, verdict_of(index, entry))
        if kept is not None:
            yield kept


def _series(reader: DayReader, node: str) -> list[Series]:
    try:
        return reader.series(node)
    except JournalCorrupt:
        reader.lost.append(Lost(str(reader.path), "names", *span_of(reader.path)))
        return []


def _tells_of(kept: KeptRecord, span_ns: Span) -> bool:
    start_ns, end_ns = (kept.start_ns, kept.end_ns) if kept.end_ns else (kept.received_ns,) * 2
    return start_ns < span_ns[1] and end_ns >= span_ns[0]


def _of_channel(whole: Frame, place: int) -> tuple[Ints, npt.NDArray[np.float64]]:
    """Give times and values of a channel of a frame; NaN where a blank begins."""
    rows, values = np.empty(0, np.int64), np.empty(0)
    for panel in whole.panels:
        if place in panel.channels:
            values = panel.values[panel.channels.index(place)].astype(np.float64)
            rows = np.arange(len(values)) if panel.rows is None else panel.rows
    blanks = whole.blanks.get(place)
    if blanks is not None:
        rows = np.concatenate((rows, blanks))
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        values = np.concatenate((values, np.full(len(blanks), np.nan)))[order]
    return whole.times_ns[rows], values
