"""Settling one segment of the log: it becomes rows of day files and roll-ups, and is deleted.

Whatever moment the process dies at, the same segment is settled again and comes to the same rows;
only the catalog's word ends it, in one transaction with what the segment covers. Nothing here
decides what is kept: what the core entered is found again, if only as bytes that can't be read.
"""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lunaredge.runtime.archive import rollup
from lunaredge.runtime.archive.aside import let_go
from lunaredge.runtime.archive.blocks import Packer
from lunaredge.runtime.archive.catalog import Catalog, Problem, Settlement
from lunaredge.runtime.archive.catalog_copy import copy_catalog
from lunaredge.runtime.archive.columns import Frame, cut
from lunaredge.runtime.archive.coverage import Verdict, laid
from lunaredge.runtime.archive.day_file import day_of, days_of_times
from lunaredge.runtime.archive.rollup_file import Level, by_period
from lunaredge.runtime.archive.segment import Index, Segment
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.shelf import Shelf, damage_named
from lunaredge.runtime.archive.sorting import (
    Group,
    Tables,
    frames,
    groups,
    kept_record,
    others,
    verdict_of,
)
from lunaredge.wire.telemetry import Channel


class Stopped(Exception):
    """Settling was asked to end in the midst of a segment."""


class Unreadable(Exception):
    """Nothing of a segment can be read, though there is something in it."""


class Settled(NamedTuple):
    """What came of a segment."""

    entries: int
    rows: int
    received_ns: int
    """When the newest of it arrived, by site time; 0 of an empty one."""
    damaged_bytes: int


class Press:
    """Turns segments into rows, one at a time. Of one thread."""

    def __init__(
        self, folder: Path, settings: ArchiveSettings, catalog: Catalog, shelf: Shelf
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._catalog = catalog
        self._shelf = shelf
        self._packer = Packer()
        self._tables: dict[bytes, tuple[Channel, ...]] | None = None

    def settle(self, path: Path, go_on: Callable[[], bool] = lambda: True) -> Settled:
        """Settle a segment, and delete it.

        Raises:
            Stopped: ``go_on`` said so; nothing counts.
            Unreadable: it is left as it is; nothing counts.
            FileDamaged: of the files it writes into; nothing counts.
            JournalFull, JournalCorrupt, StorageError, OSError: nothing counts.
        """
        if int(path.stem) <= self._catalog.settled_through():
            copy_catalog(self._catalog)
            let_go(path, self._catalog)  # it could not be deleted, or renamed, at its time
            return Settled(0, 0, 0, 0)
        try:
            segment = Segment.open(path)
        except FileNotFoundError:
            return self._pass_over(path)
        with contextlib.closing(segment):
            index = segment.index()
            if segment.damaged and not len(index.fixed):
                raise Unreadable(f"{segment.damaged[0].size_bytes} bytes, and no whole entry")
            tables = self._known_tables() | segment.tables
            touch_ns = self._settings.touch_ns
            taken = laid(index, {}, touch_ns, self._catalog.known)
            again = taken.repeated
            sorted_groups = groups(index, tables, again)
            self._shelf.begin(segment.number)
            verdicts, row_count = self._write_samples(segment, index, sorted_groups, tables, go_on)
            rest = others(index, sorted_groups, again)
            verdicts |= self._write_others(segment, index, rest, verdicts)
            self._shelf.finish()
            if verdicts:
                taken = laid(index, verdicts, touch_ns, self._catalog.known)
            settlement = Settlement(
                number=segment.number,
                streams=taken.streams,
                tables=segment.tables,
                used=_used(index, sorted_groups),
                days=self._shelf.days(),
                problems=_problems(segment, index),
            )
            self._catalog.settle(settlement, touch_ns)
            self._known_tables().update(segment.tables)
        copy_catalog(self._catalog)
        os.unlink(path)  # noqa: PTH108 -- as all writes here, where a test can cut the power
        received_ns = int(index.fixed["received_ns"].max()) if len(index.fixed) else 0
        damaged_bytes = sum(damage.size_bytes for damage in segment.damaged)
        return Settled(len(index.fixed), row_count, received_ns, damaged_bytes)

    def _pass_over(self, path: Path) -> Settled:
        """Go on without a segment that somebody took away."""
        name = f"{path.parent.name}/{path.name}"
        lost = [Problem(name, "the segment is gone, and what was in it", 0, 0, 0)]
        settlement = Settlement(int(path.stem), {}, {}, {}, [], lost)
        self._catalog.settle(settlement, self._settings.touch_ns)
        return Settled(0, 0, 0, 0)

    def _known_tables(self) -> dict[bytes, tuple[Channel, ...]]:
        if self._tables is None:
            self._tables = self._catalog.tables()
        return self._tables

    def _write_samples(
        self,
        segment: Segment,
        index: Index,
        sorted_groups: Sequence[Group],
        tables: Tables,
        go_on: Callable[[], bool],
    ) -> tuple[dict[int, Verdict], int]:
        """Write all uploads of samples; give which of them can't be read, and how many rows."""
        verdicts: dict[int, Verdict] = {}
        row_count = 0
        rolled = _Rolled()
        for at, group in enumerate(sorted_groups):
            if not go_on():
                raise Stopped
            channels, node = tables[group.table], index.nodes[group.node]
            places = rolled.places(channels)
            for whole, unread in frames(
                segment, index, group, channels, self._settings.gather_bytes_max
            ):
                verdicts |= unread
                row_count += len(whole.times_ns)
                if len(whole.times_ns):
                    self._write_parts(node, channels, whole, late=group.late)
                    rolled.parts.append(rollup.rolled_up(whole, places, rollup.MINUTE_NS))
            if at + 1 == len(sorted_groups) or sorted_groups[at + 1].node != group.node:
                self._write_rollups(node, rolled)
                rolled = _Rolled()
        return verdicts, row_count

    def _write_parts(
        self, node: str, channels: Sequence[Channel], whole: Frame, *, late: bool
    ) -> None:
        days, starts = _days_in(whole.times_ns)
        ends = [*starts[1:], len(whole.times_ns)]
        rows_max = self._settings.block_rows_max
        for day, start, end in zip(days, starts, ends, strict=True):
            writer = self._shelf.day(day)
            with damage_named(writer.path):
                for low in range(start, end, rows_max):
                    part = cut(whole, low, min(low + rows_max, end))
                    writer.add(node, channels, part, self._packer, late=late)

    def _write_rollups(self, node: str, rolled: "_Rolled") -> None:
        minutes = rollup.merged(rollup.joined(rolled.parts))
        if not len(minutes.series):
            return
        hours = rollup.coarser(minutes, rollup.HOUR_NS // rollup.MINUTE_NS)
        for level, whole in ((Level.MINUTES, minutes), (Level.HOURS, hours)):
            for period, own in by_period(whole, level).items():
                writer = self._shelf.rollups(level, period)
                with damage_named(writer.path):
                    writer.add(node, rolled.channels, own, self._packer)

    def _write_others(
        self, segment: Segment, index: Index, rest: Sequence[int], unread: dict[int, Verdict]
    ) -> dict[int, Verdict]:
        """Write what is no samples, and samples that can't be read, as they came."""
        verdicts: dict[int, Verdict] = {}
        for entry in sorted([*rest, *unread]):
            verdict = unread.get(entry) or verdict_of(index, entry)
            if verdict is not None:
                verdicts[entry] = verdict
            kept = kept_record(segment, index, entry, verdict)
            if kept is not None:
                writer = self._shelf.day(day_of(kept.start_ns if kept.end_ns else kept.received_ns))
                with damage_named(writer.path):
                    writer.keep(kept)
        return verdicts


def _days_in(times_ns: npt.NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Give the days of times that never fall, and where each begins."""
    first, last = day_of(int(times_ns[0])), day_of(int(times_ns[-1]))
    if first == last:
        return [first], [0]
    days, starts = np.unique(days_of_times(times_ns), return_index=True)
    return days.tolist(), starts.tolist()


class _Rolled:
    """The roll-ups of one node, of all its tables."""

    def __init__(self) -> None:
        self.parts: list[rollup.Rollup] = []
        self.channels: Sequence[Channel] = ()
        """Those that were met; the table itself, where a node has one."""

    def places(self, channels: Sequence[Channel]) -> Sequence[int]:
        """Give the places of a table's channels."""
        if not self.channels:
            self.channels = channels
        if self.channels is channels:
            return range(len(channels))
        known = {channel: place for place, channel in enumerate(self.channels)}
        places = [known.setdefault(channel, len(known)) for channel in channels]
        self.channels = tuple(known)
        return places


def _used(index: Index, sorted_groups: Sequence[Group]) -> dict[tuple[str, bytes], tuple[int, int]]:
    """Give who used which table, and of which time it spoke with it."""
    found: dict[tuple[str, bytes], tuple[int, int]] = {}
    for group in sorted_groups:
        key = (index.nodes[group.node], group.table)
        start_ns = int(index.fixed["start_ns"][group.entries].min())
        end_ns = int(index.fixed["end_ns"][group.entries].max())
        low_ns, high_ns = found.get(key, (start_ns, end_ns))
        found[key] = (min(low_ns, start_ns), max(high_ns, end_ns))
    return found


def _problems(segment: Segment, index: Index) -> list[Problem]:
    """Tell of the damage in a segment; nobody knows of which time its entries spoke."""
    received_ns = index.fixed["received_ns"]
    found_ns = int(received_ns.max()) if len(received_ns) else 0
    name = f"{segment.path.parent.name}/{segment.path.name}"
    return [
        Problem(f"{name}@{damage.offset}", f"{damage.size_bytes} bytes of entries", 0, 0, found_ns)
        for damage in segment.damaged
    ]
