"""What is damaged in an archive: what was met so far, and what a walk over everything finds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lunaredge.errors import StorageError
from lunaredge.runtime.archive.catalog import Problem
from lunaredge.runtime.archive.day_file import day_of, day_path, span_of
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
    for each in snapshot.unsettled:
        for damage in each.segment.damaged:
            place = f"intake/{each.segment.path.name}@{damage.offset}"
            found.append(Problem(place, f"{damage.size_bytes} bytes of entries", 0, 0, 0))
    return [*found, *_days(folder, snapshot), *_rollups(folder, snapshot)]


def days_gone(folder: Path, snapshot: Snapshot) -> list[Problem]:
    """Give the days whose files are gone, though segments were written into them."""
    paths = [day_path(folder, day) for day in snapshot.catalog.written()]
    return [
        Problem(str(path.relative_to(folder)), "the file is gone", *span_of(path), 0)
        for path in paths
        if not path.exists()
    ]


def _days(folder: Path, snapshot: Snapshot) -> Iterator[Problem]:
    lost: list[Lost] = []
    written = snapshot.catalog.written()
    for reader in day_readers(folder, snapshot, _EVER_NS, lost):
        try:
            written.get(day_of(span_of(reader.path)[0]), set()).difference_update(reader.segments())
            reader.check()
        except StorageError as exc:
            lost.append(Lost(str(reader.path), str(exc), *span_of(reader.path)))
        lost += reader.lost
    for each in dict.fromkeys(lost):
        start_ns, end_ns = (each.start_ns, each.end_ns)
        if (start_ns, end_ns) == _EVER_NS:
            start_ns, end_ns = span_of(Path(each.place))
        yield Problem(str(Path(each.place).relative_to(folder)), each.what, start_ns, end_ns, 0)
    for day, segments in written.items():
        if segments:
            path = day_path(folder, day)
            what = f"{len(segments)} segments are not there, {min(segments)} the first of them"
            yield Problem(str(path.relative_to(folder)), what, *span_of(path), 0)


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
