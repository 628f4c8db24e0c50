"""One view of an archive that its process goes on writing: the catalog, and what is not settled."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lunaredge.runtime.archive.catalog import Catalog
from lunaredge.runtime.archive.coverage import Stream, Stretch, laid, merged
from lunaredge.runtime.archive.log import segment_numbers, segment_path
from lunaredge.runtime.archive.segment import Index, Segment
from lunaredge.runtime.archive.settings import ArchiveSettings


class Unsettled(NamedTuple):
    """A segment that is not settled, as far as it was written."""

    segment: Segment
    entries: Index


class LogCache:
    """Segments that are not settled, kept open from view to view: each byte is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[int, Segment] = {}

    def close(self) -> None:
        """Give all files back."""
        self._forget(set(self._held))

    def refresh(self) -> None:
        """Read what is there by now.

        Raises:
            OSError: a segment can't be read.
        """
        numbers = segment_numbers(self._folder)
        self._forget(set(self._held) - set(numbers))
        for number in numbers:
            # One that is gone was settled: the catalog says so to whoever asks it after this.
            with contextlib.suppress(FileNotFoundError):
                held = self._held.get(number)
                if held is not None and not held.grow():
                    self._forget({number})
                if number not in self._held:
                    self._held[number] = Segment.open(segment_path(self._folder, number))

    def unsettled(self, through: int) -> list[Unsettled]:
        """Give the segments behind that one."""
        held = [segment for number, segment in sorted(self._held.items()) if number > through]
        return [Unsettled(segment, segment.index()) for segment in held]

    def _forget(self, numbers: set[int]) -> None:
        for number in sorted(numbers):
            self._held.pop(number).close()


class Snapshot:
    """What was there at one moment. Make it with `take_snapshot`, and close it."""

    def __init__(self, catalog: Catalog, unsettled: list[Unsettled], touch_ns: int) -> None:
        self.catalog = catalog
        self.through = catalog.settled_through()
        """Of what stands in day files and roll-ups, segments through that one count."""
        self.unsettled = unsettled
        self.fresh: dict[Stream, list[Stretch]] = {}
        """The numbers that are in the log alone."""
        self.repeated: list[list[int]] = []
        """Of each segment, the entries that are there already by earlier ones."""
        self.touch_ns = touch_ns
        for each in unsettled:
            found = laid(each.entries, {}, touch_ns, self._known)
            self.repeated.append(found.repeated)
            for stream, stretches in found.streams.items():
                self.fresh[stream] = merged([*self.fresh.get(stream, ()), *stretches], touch_ns)

    def close(self) -> None:
        """Give the catalog back."""
        self.catalog.close()

    def coverage(self, node: str | None = None) -> Iterator[tuple[Stream, list[Stretch]]]:
        """Give all streams, or a node's, with what is there of their numbers, rising."""
        ours = sorted((stream for stream in self.fresh if node in (None, stream.node)), key=_place)
        settled = itertools.groupby(self.catalog.coverage(node), key=lambda pair: pair[0])
        for stream, pairs in settled:
            while ours and _place(ours[0]) < _place(stream):
                first = ours.pop(0)
                yield first, self.fresh[first]
            stretches = [stretch for _, stretch in pairs]
            if ours and ours[0] == stream:
                stretches += self.fresh[ours.pop(0)]
            yield stream, merged(stretches, self.touch_ns)
        for stream in ours:
            yield stream, self.fresh[stream]

    def _known(self, stream: Stream, first_seq: int, last_seq: int) -> list[tuple[int, int]]:
        held = [(each.first_seq, each.last_seq) for each in self.fresh.get(stream, ())]
        return self.catalog.known(stream, first_seq, last_seq) + [
            span for span in held if span[0] <= last_seq and span[1] >= first_seq
        ]


def take_snapshot(
    folder: Path,
    cache: LogCache,
    settings: ArchiveSettings | None = None,
    opened: Callable[[Path], Catalog] = Catalog.open_to_read,
) -> Snapshot:
    """Take a view of an archive, by its catalog or what is opened in its place.

    Raises:
        FileNotFoundError: there is no archive.
        JournalCorrupt, StorageError: its catalog can't be read.
    """
    touch_ns = (settings or ArchiveSettings()).touch_ns
    # The log first: a segment that is settled in between is then in the catalog.
    cache.refresh()
    catalog = opened(folder)
    try:
        catalog.freeze()
        return Snapshot(catalog, cache.unsettled(catalog.settled_through()), touch_ns)
    except BaseException:
        catalog.close()
        raise


def _place(stream: Stream) -> tuple[str, int, str]:
    return stream.node, stream.boot, stream.record_class.value
