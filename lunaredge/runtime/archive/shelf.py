"""The files that a segment is written into: opened when they are needed, finished together.

A file that turns out damaged is put aside under another name, never deleted, and a fresh one takes
its place; what is lost is that file's, and it is told.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from lunaredge.errors import JournalCorrupt
from lunaredge.runtime.archive.database import PARTS
from lunaredge.runtime.archive.day_file import DayWriter, day_path
from lunaredge.runtime.archive.log import sync_folder
from lunaredge.runtime.archive.rollup_file import Level, RollupWriter

# Late data goes to its own day: a segment that speaks of more days writes some of them at once.
_OPEN_MAX = 8

_Writer = DayWriter | RollupWriter


class FileDamaged(Exception):
    """A file of the archive can't be written, being damaged."""

    def __init__(self, path: Path, cause: JournalCorrupt) -> None:
        self.path = path
        super().__init__(str(cause))


class Shelf:
    """The open files, least lately used first. Of one thread."""

    def __init__(self, folder: Path, settled: Callable[[], Mapping[int, Iterable[int]]]) -> None:
        """Make one over the files of a folder; ``settled`` gives the settled segments by day."""
        self._folder = folder
        self._settled = settled
        self._segment = 0
        self._open: dict[Path, _Writer] = {}
        self._begun: dict[Path, None] = {}
        """Of those, the ones in which this segment is under way."""
        self._written: set[Path] = set()
        """Those in which some of this segment stands by now."""
        self._days: set[int] = set()

    def begin(self, segment: int) -> None:
        """Begin with a segment."""
        assert not self._begun, self._begun
        self._segment = segment
        self._written.clear()
        self._days.clear()

    def day(self, day: int) -> DayWriter:
        """Give the file of a day.

        Raises:
            FileDamaged, JournalFull, StorageError: as they say.
        """
        path = day_path(self._folder, day)
        writer = self._open.get(path)
        if writer is None or path not in self._begun:
            with damage_named(path):
                finish_aside(path)
                writer = writer or DayWriter.open(self._folder, day)
                self._enter(path, writer)
        assert isinstance(writer, DayWriter)
        self._days.add(day)
        return writer

    def rollups(self, level: Level, period: str) -> RollupWriter:
        """Give the roll-up file of a period.

        Raises:
            FileDamaged, JournalFull, StorageError: as they say.
        """
        path = level.path(self._folder, period)
        writer = self._open.get(path)
        if writer is None or path not in self._begun:
            with damage_named(path):
                finish_aside(path)
                self._check_is_there(level, period)
                writer = writer or RollupWriter.open(self._folder, level, period)
                self._enter(path, writer)
        assert isinstance(writer, RollupWriter)
        return writer

    def days(self) -> list[int]:
        """Give the days into whose files the segment was written."""
        return sorted(self._days)

    def finish(self) -> None:
        """Make all that the segment wrote durable, and the names of its files.

        Raises:
            FileDamaged, JournalFull, StorageError: some of it may be written.
        """
        for path in list(self._begun):
            self._finish(path)
        for folder in sorted({path.parent for path in self._written}):
            sync_folder(folder)

    def close(self) -> None:
        """Close all files; what is not finished is undone."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()
        self._begun.clear()

    def forget(self, path: Path) -> None:
        """Close a file that will be deleted."""
        assert path not in self._begun, path
        writer = self._open.pop(path, None)
        if writer is not None:
            writer.close()

    def _check_is_there(self, level: Level, period: str) -> None:
        """Make sure that a roll-up is not begun anew as if it were the first: its like was there.

        Raises:
            JournalCorrupt: it is gone or empty, and nobody has said so yet.
        """
        path = level.path(self._folder, period)
        is_there = path.exists() and path.stat().st_size > 0
        if is_there or path in self._open or _aside(path, 1).exists():
            return
        for day, segments in self._settled().items():
            if level.period(day) == period and min(segments, default=self._segment) < self._segment:
                raise JournalCorrupt(f"{path} is gone or empty, and what was in it")

    def _enter(self, path: Path, writer: _Writer) -> None:
        self._open.pop(path, None)
        self._open[path] = writer
        writer.begin(self._segment, again=path in self._written)
        self._begun[path] = None
        self._written.add(path)
        while len(self._open) > _OPEN_MAX:
            oldest = next(iter(self._open))
            if oldest in self._begun:
                self._finish(oldest)
            self._open.pop(oldest).close()

    def _finish(self, path: Path) -> None:
        with damage_named(path):
            self._open[path].finish()
        del self._begun[path]


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Say which file it is that is damaged.

    Raises:
        FileDamaged: it is.
    """
    try:
        yield
    except JournalCorrupt as exc:
        raise FileDamaged(path, exc) from exc


def put_aside(path: Path) -> Path:
    """Give a damaged file another name beside its own; give that name.

    Raises:
        OSError: it can't be renamed.
    """
    number = 1
    while (aside := _aside(path, number)).exists():
        number += 1
    # The file first: without its log it would pass for an older one that is whole.
    for part in PARTS:
        _rename(f"{path}{part}", f"{aside}{part}")
    # Of a file that is gone an empty one says so, to whoever reads what comes after it.
    aside.touch()
    sync_folder(path.parent)
    return aside


def finish_aside(path: Path) -> None:
    """Do what is left of putting a file aside: a log without its file would be a new one's.

    Raises:
        OSError: it can't be renamed.
    """
    number = 1
    while _aside(path, number + 1).exists():
        number += 1
    if not path.exists():
        for part in PARTS[1:]:
            _rename(f"{path}{part}", f"{_aside(path, number)}{part}")


def _aside(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}.damaged-{number}.sqlite")


def _rename(old: str, new: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.replace(old, new)  # noqa: PTH105 -- as all writes here: a test cuts the power
