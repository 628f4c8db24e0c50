"""The thread that settles what the log has sealed, one segment at a time, and lets old data expire.

Failures of the medium are tried again for as long as they last; what waits is bounded by the store,
which refuses commits. A segment that fails by a mistake of ours is put aside, so that it holds up
no other. The thread runs at the process's own priority: one that is held back while it has the
interpreter's lock would hold back the intake with it.
"""

import threading
import time
from pathlib import Path

from lunaredge.errors import JournalCorrupt, StorageError
from lunaredge.node import Level
from lunaredge.runtime.archive.catalog_copy import mend_catalog
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.settle import Stopped
from lunaredge.runtime.archive.shelf import FileDamaged
from lunaredge.runtime.archive.works import Works
from lunaredge.runtime.log import log_event

# A medium that fails is tried again so often; a full one is a person's work.
RETRY_WAIT_S_MIN = 1.0
RETRY_WAIT_S_MAX = 60.0
# So often a segment is tried that fails by a mistake of ours.
_FAILURES_MAX = 3


class Settler:
    """Settles sealed segments in the background."""

    def __init__(self, folder: Path, settings: ArchiveSettings) -> None:
        self._folder = folder
        self._settings = settings
        self._waiting: dict[int, int] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._failures = 0
        self._is_catalog_suspect = False
        self._works: Works | None = None
        self._thread = threading.Thread(target=self._run, name="settler", daemon=True)

    @property
    def waiting_bytes(self) -> int:
        """Bytes of segments that are not settled."""
        with self._changed:
            return sum(self._waiting.values())

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def take(self, number: int, size_bytes: int) -> None:
        """Take a sealed segment."""
        with self._changed:
            self._waiting[number] = size_bytes
            self._changed.notify_all()

    def wait(self, wait_s: float) -> bool:
        """Wait until nothing waits; tell whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, wait_s)

    def close(self) -> None:
        """End the thread; a segment under way is settled anew by the next life."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait_s = RETRY_WAIT_S_MIN
        while (number := self._next()) is not None:
            try:
                self._work(number)
                wait_s = RETRY_WAIT_S_MIN
            except Stopped:
                break
            except (StorageError, OSError, FileDamaged) as exc:
                self._tell_failure(number, exc, wait_s)
                # Of a file that is written into it would have been put aside: it is the catalog.
                self._is_catalog_suspect |= isinstance(exc, JournalCorrupt)
            except Exception as exc:
                # A mistake of ours must not hold up what comes after it, nor pass unseen.
                self._tell_failure(number, exc, wait_s)
                self._failures += 1
                if self._failures >= _FAILURES_MAX:
                    self._put_aside(number, exc)
            else:
                wait_s, self._failures = RETRY_WAIT_S_MIN, 0
                continue
            self._shut()
            if self._pause(wait_s):
                break
            wait_s = min(2.0 * wait_s, RETRY_WAIT_S_MAX)
        self._shut()

    def _next(self) -> int | None:
        """Wait for a segment; give the oldest, or None when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._waiting)
            return None if self._stopping else min(self._waiting)

    def _work(self, number: int) -> None:
        began_s = time.monotonic()
        if self._is_catalog_suspect:
            mend_catalog(self._folder)
            self._is_catalog_suspect = False
        if self._works is None:
            self._works = Works(self._folder, self._settings)
        settled = self._works.settle(number, lambda: not self._stopping)
        fields: dict[str, object] = {
            "segment": number,
            "uploads": settled.entries,
            "rows": settled.rows,
            "took_s": time.monotonic() - began_s,
        }
        log_event(Level.INFO, "segment.settled", fields)
        self._done(number)

    def _put_aside(self, number: int, exc: Exception) -> None:
        if self._works is None:
            return
        try:
            self._works.put_aside(number, repr(exc))
        except Exception as again:
            self._tell_failure(number, again, RETRY_WAIT_S_MAX)
            return
        self._failures = 0
        self._done(number)

    def _done(self, number: int) -> None:
        with self._changed:
            del self._waiting[number]
            self._changed.notify_all()

    def _shut(self) -> None:
        if self._works is not None:
            self._works.close()
            self._works = None

    def _pause(self, wait_s: float) -> bool:
        """Wait, unless it is time to end; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._stopping, wait_s)

    def _tell_failure(self, number: int, exc: Exception, wait_s: float) -> None:
        fields: dict[str, object] = {"segment": number, "reason": exc, "wait_s": wait_s}
        log_event(Level.ERROR, "segment.settling_failed", fields)
