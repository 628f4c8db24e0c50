"""What is damaged in an archive: what was met so far, and what a walk over everything finds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lunaredge.errors import StorageError
from lunaredge.runtime.archive.catalog import Problem
from lunaredge.runtime.archive.day_file import span_of
from lunaredge.runtime.archive.day_reader import Lost
from lunaredge.runtime.archive.rollup_file import Level, RollupReader, periods_of
from lunaredge.runtime.archive.snapshot import Snapshot
from lunaredge.runtime.archive.sources import day_readers

_EVER_NS = (0, 2**63 - 1)


def problems_of(folder: Path, snapshot: Snapshot) -> list[Problem]:
    """Give all that is damaged; reads everything."""
    found = snapshot.catalog.problems()
    snapshot.catalog.read_all()
    name = snapshot.catalog.path.name
    found += [
        Problem(f"{name}: {key}", "numbers that are there", 0, 0, 0)
        for key in snapshot.catalog.corrupt_keys
    ]
    found += [Problem(f"{name}: {key}", "the row", 0, 0, 0) for key in snapshot.catalog.unread]
    return [*found, *log_problems(snapshot), *_days(folder, snapshot), *_rollups(folder, snapshot)]


def log_problems(snapshot: Snapshot) -> list[Problem]:
    """Give what of the log that is not settled can't be read."""
    return [
        Problem(
            f"intake/{each.segment.path.name}@{damage.offset}",
            f"{damage.size_bytes} bytes of entries",
            0,
            0,
            0,
        )
        for each in snapshot.unsettled
        for damage in each.segment.damaged
    ]


def days_short(folder: Path, snapshot: Snapshot) -> list[Problem]:
    """Give the days of which files are not there that were, or not all that was in them."""
    lost: list[Lost] = []
    for reader in day_readers(folder, snapshot, _EVER_NS, lost):
        lost += reader.blocks_gone()
    return list(_told(folder, lost))


def _days(folder: Path, snapshot: Snapshot) -> Iterator[Problem]:
    lost: list[Lost] = []
    for reader in day_readers(folder, snapshot, _EVER_NS, lost):
        try:
            reader.check()
        except StorageError as exc:
            lost.append(Lost(str(reader.path), str(exc), *span_of(reader.path)))
        lost += reader.lost
    yield from _told(folder, lost)


def _told(folder: Path, lost: list[Lost]) -> Iterator[Problem]:
    for each in dict.fromkeys(lost):
        start_ns, end_ns = (each.start_ns, each.end_ns)
        if (start_ns, end_ns) == _EVER_NS:
            start_ns, end_ns = span_of(Path(each.place))
        yield Problem(str(Path(each.place).relative_to(folder)), each.what, start_ns, end_ns, 0)


def _rollups(folder: Path, snapshot: Snapshot) -> Iterator[Problem]:
    for level in Level:
        for period in periods_of(folder, level):
            place, span_ns = f"{level.value}/{period}.sqlite", level.span_ns(period)
            try:
                reader = RollupReader.open(folder, level, period, snapshot.through)
            except FileNotFoundError:
                continue
            except StorageError as exc:
                yield Problem(place, str(exc), *span_ns, 0)
                continue
            with contextlib.closing(reader):
                try:
                    reader.check()
                except StorageError as exc:
                    yield Problem(place, str(exc), *span_ns, 0)
                for what in reader.lost:
                    yield Problem(place, what, *span_ns, 0)
