"""All that settling needs, open; and what it does about damaged files and mistakes of ours."""

from collections.abc import Callable
from pathlib import Path

from lunaredge.errors import StorageError
from lunaredge.node import Level
from lunaredge.runtime.archive.aside import place_of, put_by
from lunaredge.runtime.archive.catalog import Catalog, Problem, Settlement
from lunaredge.runtime.archive.catalog_copy import copy_catalog
from lunaredge.runtime.archive.coverage import laid
from lunaredge.runtime.archive.day_file import span_of
from lunaredge.runtime.archive.log import segment_path
from lunaredge.runtime.archive.retention import Removed, expire
from lunaredge.runtime.archive.segment import Segment
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.settle import Press, Settled, Unreadable
from lunaredge.runtime.archive.shelf import FileDamaged, Shelf, put_aside
from lunaredge.runtime.log import log_event

# Damaged files that one segment may meet: those of its days, and their roll-ups.
_DAMAGED_MAX = 100


class Works:
    """The catalog, the files and the press. Of one thread."""

    def __init__(self, folder: Path, settings: ArchiveSettings) -> None:
        """Open the catalog.

        Raises:
            JournalFull, JournalCorrupt, StorageError: it can't be used.
        """
        self._folder = folder
        self._settings = settings
        self._catalog = Catalog.open(folder)
        self._shelf = Shelf(folder, self._catalog.written)
        self._press = Press(folder, settings, self._catalog, self._shelf)

    def close(self) -> None:
        """Close all files; what is not finished is undone."""
        self._shelf.close()
        self._catalog.close()

    def settle(self, number: int, go_on: Callable[[], bool] = lambda: True) -> Settled:
        """Settle a segment, then let go of what is too old.

        Raises:
            Stopped: ``go_on`` said so; nothing counts.
            FileDamaged, JournalFull, JournalCorrupt, StorageError, OSError: as they say.
        """
        path = segment_path(self._folder, number)
        for _ in range(_DAMAGED_MAX):
            try:
                settled = self._press.settle(path, go_on)
                break
            except Unreadable as exc:
                self.put_aside(number, str(exc))
                log_event(Level.ERROR, "segment.put_aside", {"segment": number, "reason": exc})
                return Settled(0, 0, 0, 0)
            except FileDamaged as exc:
                self._shelf.close()
                self._replace(exc)
        else:
            settled = self._press.settle(path, go_on)
        if settled.damaged_bytes:
            fields: dict[str, object] = {"segment": number, "bytes": settled.damaged_bytes}
            log_event(Level.ERROR, "segment.found_damaged", fields)
        if settled.received_ns:
            self._expire(settled.received_ns)
        return settled

    def put_aside(self, number: int, reason: str) -> None:
        """Keep a segment that can't be settled as it is, and let the next one come.

        Its numbers count as there. Nothing of it is read until somebody settles it.

        Raises:
            JournalFull, JournalCorrupt, StorageError, OSError: it is not put aside.
        """
        path = segment_path(self._folder, number)
        segment = Segment.open(path)
        try:
            index = segment.index()
            streams = laid(index, {}, self._settings.touch_ns, self._catalog.known).streams
        finally:
            segment.close()
        known = index.fixed[index.fixed["end_ns"] != 0]
        start_ns = int(known["start_ns"].min()) if len(known) else 0
        end_ns = int(known["end_ns"].max()) if len(known) else 0
        what = f"can't be settled: {reason}"
        problem = Problem(place_of(path), what, start_ns, end_ns, end_ns)
        settlement = Settlement(number, streams, segment.tables, {}, [], [problem])
        self._catalog.settle(settlement, self._settings.touch_ns)
        copy_catalog(self._catalog)
        # Killed before this, the next life does it: `let_go` asks the catalog.
        put_by(path)

    def _replace(self, damaged: FileDamaged) -> None:
        """Put a damaged file aside, so that a fresh one takes its place."""
        aside = put_aside(damaged.path)
        fields: dict[str, object] = {"file": damaged.path, "aside": aside, "reason": damaged}
        log_event(Level.ERROR, "file.found_damaged", fields)
        start_ns, end_ns = span_of(damaged.path)
        place = f"{aside.parent.name}/{aside.name}"
        self._catalog.note([Problem(place, f"put aside: {damaged}", start_ns, end_ns, start_ns)])

    def _expire(self, now_ns: int) -> None:
        try:
            gone = expire(self._folder, self._settings, self._catalog, self._shelf, now_ns)
            if gone:
                copy_catalog(self._catalog)
            for removed in gone:
                _tell(removed)
        except (StorageError, OSError) as exc:
            # What is too old is tried again after the next segment; this one is settled.
            log_event(Level.ERROR, "samples.not_expired", {"reason": exc})


def _tell(gone: Removed) -> None:
    fields: dict[str, object] = {
        "file": gone.path,
        "bytes": gone.size_bytes,
        "policy": gone.reason,
    }
    log_event(Level.INFO, "samples.expired", fields)
