"""What an archive lets go of: old samples by the day, old minutes by the month, hours never.

Over the bound of bytes the oldest samples go before their time, never a roll-up. What went is told
in the catalog first: a reader may find less than it says there is, but never a hole without a word.
"""

from pathlib import Path
from typing import NamedTuple

from lunaredge.runtime.archive.catalog import Catalog, Expired
from lunaredge.runtime.archive.database import remove_database
from lunaredge.runtime.archive.day_file import (
    DAY_NS,
    day_of,
    days_of,
    oldest_segment,
    remove,
    trim,
    used_bytes,
)
from lunaredge.runtime.archive.rollup_file import Level, periods_of
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.shelf import Shelf

BY_AGE = "age"
BY_BYTES = "bytes"


class Removed(NamedTuple):
    """A file that is gone by policy."""

    path: Path
    size_bytes: int
    reason: str


def expire(
    folder: Path, settings: ArchiveSettings, catalog: Catalog, shelf: Shelf, now_ns: int
) -> list[Removed]:
    """Delete what is over its age, or over the bound of bytes; give what went.

    Age is counted from the newest samples: a clock here that was set years ahead, and back, must
    not have cost an archive.

    Raises:
        JournalFull, JournalCorrupt, StorageError, OSError: some of it may be gone.
    """
    days = days_of(folder)
    today = min(day_of(now_ns), max(days, default=0))
    gone = []
    for day in [day for day in days if day < today - settings.raw_days]:
        gone += _remove_day(catalog, shelf, day, days.pop(day), BY_AGE)
    if settings.raw_bytes_max:
        gone += _shrink(settings.raw_bytes_max, catalog, shelf, days)
    for period in periods_of(folder, Level.MINUTES):
        if day_of(Level.MINUTES.span_ns(period)[1]) <= today - settings.minutes_days:
            path = Level.MINUTES.path(folder, period)
            shelf.forget(path)
            gone.append(Removed(path, remove_database(path), BY_AGE))
    return gone


def _shrink(
    bytes_max: int, catalog: Catalog, shelf: Shelf, days: dict[int, list[Path]]
) -> list[Removed]:
    """Delete the oldest days, and of the last one the oldest segments, until the rest fits."""
    sizes = {day: used_bytes(paths) for day, paths in days.items()}
    gone: list[Removed] = []
    for day in sorted(days)[:-1]:
        if sum(sizes.values()) <= bytes_max:
            return gone
        del sizes[day]
        gone += _remove_day(catalog, shelf, day, days[day], BY_BYTES)
    for last in sorted(sizes):
        size_bytes = sizes[last]
        while size_bytes > bytes_max:
            path = days[last][-1]
            oldest = oldest_segment(path) if path.name.count(".") == 1 else None
            if oldest is None:
                break
            number, _, end_ns = oldest
            # What is told at the end is at most too much: late samples may be left before it.
            catalog.expire(Expired(last * DAY_NS, end_ns, BY_BYTES), last, number)
            trim(path)
            left_bytes = used_bytes(days[last])
            gone.append(Removed(path, size_bytes - left_bytes, BY_BYTES))
            size_bytes = left_bytes
    return gone


def _remove_day(
    catalog: Catalog, shelf: Shelf, day: int, paths: list[Path], reason: str
) -> list[Removed]:
    catalog.expire(Expired(day * DAY_NS, (day + 1) * DAY_NS, reason), day)
    gone = []
    for path in paths:
        shelf.forget(path)
        gone.append(Removed(path, remove(path), reason))
    return gone
