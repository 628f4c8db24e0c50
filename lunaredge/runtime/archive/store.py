"""The store of the archive's process: the core's rows, and uploads in the telemetry archive.

What a commit enters into the log is on the medium before the core's rows are written, and both
before anything is acknowledged. A sealed segment is settled in the background. Which numbers are
there is what the archive itself says: at a start the core is told from the catalog and the log.
"""

import contextlib
import operator
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec

from lunaredge.errors import JournalFull
from lunaredge.ids import BootId
from lunaredge.node import Keep, Row
from lunaredge.runtime.archive import day_file
from lunaredge.runtime.archive.aside import let_go
from lunaredge.runtime.archive.catalog import Catalog, Problem
from lunaredge.runtime.archive.catalog_copy import mend_catalog
from lunaredge.runtime.archive.coverage import Stretch
from lunaredge.runtime.archive.log import (
    FOLDER,
    SegmentLog,
    segment_numbers,
    segment_path,
    storage_errors,
    sync_folder,
)
from lunaredge.runtime.archive.rollup_file import Level
from lunaredge.runtime.archive.rows_file import open_rows
from lunaredge.runtime.archive.settings import ArchiveSettings
from lunaredge.runtime.archive.settler import Settler
from lunaredge.runtime.archive.snapshot import LogCache, take_snapshot
from lunaredge.runtime.lock import StoreLock
from lunaredge.runtime.store import CORRUPT_SHOWN_MAX, Store, Write

KEPT_TABLE = "kept"

_encoder = msgspec.msgpack.Encoder()


class ArchiveStore:
    """One archive's folder, held by one process. Make it with `open`."""

    def __init__(self, folder: Path, settings: ArchiveSettings, store: Store) -> None:
        self.folder = folder
        self._settings = settings
        self._store = store
        self._settler = Settler(folder, settings)
        self._log = SegmentLog(folder, settings, 1)
        self._half: list[Keep] = []
        """In the log by a commit whose rows were refused: its repetition writes them alone."""
        self._writing = threading.Lock()
        """Held while the log is written or sealed."""
        self._corrupt_keys: list[str] = []
        self._corrupt_count = 0

    @classmethod
    def open(
        cls, folder: Path, settings: ArchiveSettings | None = None, lock: StoreLock | None = None
    ) -> Self:
        """Open or make the archive in that folder, and go on settling what the last life left.

        The lock is the archive's own from then on, also where opening fails.

        Raises:
            StorageError: another process has it, it is newer than this program, or its files
                can't be used.
            JournalCorrupt: its catalog is damaged, and the catalog's copy as well.
            JournalFull: there is no room to make it.
        """
        settings = settings or ArchiveSettings()
        with storage_errors(folder):
            store, aside = open_rows(folder, lock)
        try:
            with storage_errors(folder):
                _make_folders(folder)
            opened = cls(folder, settings, store)
            opened._take_over(aside)
        except BaseException:
            store.close()
            raise
        return opened

    @property
    def path(self) -> Path:
        """Where the core's rows are."""
        return self._store.path

    @property
    def corrupt_count(self) -> int:
        """Damaged rows and stretches that the last `rows` met."""
        return self._corrupt_count

    @property
    def corrupt_keys(self) -> list[str]:
        """Some of them by name."""
        return self._corrupt_keys

    @property
    def written_bytes(self) -> int:
        """Bytes written since it was opened: log and rows; settling, once for each, is apart."""
        return self._store.written_bytes + self._log.written_bytes

    def close(self) -> None:
        """End settling, close all files and give up the lock."""
        self._settler.close()
        self._log.close()
        self._store.close()

    def rows(self) -> Iterator[Row]:
        """Give the core's rows, then what is kept: a row for each stretch of one kind.

        Those have the table `KEPT_TABLE`, the scope NODE/BOOT/CLASS, the stretch's last number,
        and as value an array of its first and last number, its kind, samples and reason. One whose
        checksum fails is given as damaged, without its value.

        Raises:
            JournalCorrupt, StorageError: as they say.
        """
        self._corrupt_keys, self._corrupt_count = [], 0
        yield from self._store.rows()
        with contextlib.closing(LogCache(self.folder)) as cache:
            yield from self._kept_rows(cache)

    def commit(self, writes: Sequence[Write]) -> None:
        """Make all writes durable: uploads in the log, then the core's rows; all or none.

        Raises:
            JournalFull: no room, or settling lags too far; nothing was written.
            JournalFenced: another process has begun a life on it since; nothing was written.
            StorageError: the medium refused; nothing was written.
            JournalCorrupt: the core's rows are damaged.
        """
        assert writes, "empty commit"
        keeps = [write for write in writes if isinstance(write, Keep)]
        rest = [write for write in writes if not isinstance(write, Keep)]
        if keeps and not self._is_half(keeps):
            self._store.check_life()
            with self._writing:
                self._append(keeps)
            # Should the rows be refused, the same writes come again: the log has these.
            self._half = keeps if rest else []
        if rest:
            self._store.commit(rest)
        self._half = []

    def next_boot(self, random24: int) -> BootId:
        """Give a boot id never given before, as `Store.next_boot`."""
        return self._store.next_boot(random24)

    def raise_boots(self, above: BootId) -> None:
        """Have every boot id given from now on be above that one, as `Store.raise_boots`."""
        self._store.raise_boots(above)

    def settle(self, wait_s: float) -> bool:
        """Have all that is kept by now settled, and wait for it; tell whether it is.

        For an orderly end, and for whoever measures; nothing is lost without it.
        """
        with self._writing:
            self._log.seal()
            self._hand_over()
        return self._settler.wait(wait_s)

    def _kept_rows(self, cache: LogCache) -> Iterator[Row]:
        snapshot = take_snapshot(self.folder, cache, self._settings)
        with contextlib.closing(snapshot):
            for stream, stretches in snapshot.coverage():
                scope = f"{stream.node}/{stream.boot}/{stream.record_class.value}"
                for stretch in _by_kind(stretches):
                    value = (*stretch[:2], stretch.kind, stretch.samples, stretch.reason)
                    yield Row(KEPT_TABLE, scope, stretch.last_seq, _encoder.encode(value))
            damaged = snapshot.catalog.corrupt_keys
        for key in damaged:
            scope, number = key.partition("/")[2].rsplit("/", 1)
            yield Row(KEPT_TABLE, scope, int(number), b"", is_whole=False)
        self._corrupt_count = self._store.corrupt_count + len(damaged)
        self._corrupt_keys = (self._store.corrupt_keys + damaged)[:CORRUPT_SHOWN_MAX]

    def _take_over(self, rows_aside: Path | None) -> None:
        """Let go of segments that are settled, and hand the others on."""
        with storage_errors(self.folder):
            mend_catalog(self.folder)
        numbers = segment_numbers(self.folder)
        with (
            storage_errors(self.folder),
            contextlib.closing(Catalog.open(self.folder)) as catalog,
        ):
            if rows_aside is not None:
                what = "put aside: last values are heard again, and nothing archived was in it"
                catalog.note([Problem(rows_aside.name, what, 0, 0, 0)])
            through = catalog.settled_through()
            for number in numbers:
                path = segment_path(self.folder, number)
                if number <= through:
                    let_go(path, catalog)
                else:
                    self._settler.take(number, path.stat().st_size)
        self._log = SegmentLog(self.folder, self._settings, max([through, *numbers]) + 1)
        self._settler.start()

    def _is_half(self, keeps: Sequence[Keep]) -> bool:
        return len(keeps) == len(self._half) and all(map(operator.is_, keeps, self._half))

    def _append(self, keeps: Sequence[Keep]) -> None:
        self._check_backlog()
        try:
            self._log.append(keeps)
        finally:
            self._hand_over()

    def _check_backlog(self) -> None:
        waiting_bytes = self._settler.waiting_bytes + self._log.size_bytes
        if waiting_bytes > self._settings.unsettled_bytes_max:
            raise JournalFull(
                f"{self.folder}: {waiting_bytes} bytes wait to be settled, more than"
                f" {self._settings.unsettled_bytes_max}; the log says why settling lags"
            )

    def _hand_over(self) -> None:
        for number, size_bytes in self._log.take_sealed():
            self._settler.take(number, size_bytes)


def _make_folders(folder: Path) -> None:
    for name in (FOLDER, day_file.FOLDER, *(level.value for level in Level)):
        (folder / name).mkdir(exist_ok=True)
    sync_folder(folder)


def _by_kind(stretches: Sequence[Stretch]) -> Iterator[Stretch]:
    """Make one of stretches of one kind and reason that touch in numbers, whatever their time."""
    last: Stretch | None = None
    for stretch in stretches:
        is_like = last and (last.kind, last.reason) == (stretch.kind, stretch.reason)
        if last and is_like and last.last_seq + 1 == stretch.first_seq:
            samples = last.samples + stretch.samples
            last = last._replace(last_seq=stretch.last_seq, samples=samples)
            continue
        if last:
            yield last
        last = stretch
    if last:
        yield last
