"""The truth log of the simulated machines: what really happened, on disk, for tests and the demo.

Two files: ``truth.jsonl``, one JSON row per event, appended; and ``truth.json``, the summary so
far, replaced whole so that a reader never sees half of it. Neither is synced to the platter: they
are for judging a run, not for going on after a power cut. It measures nothing itself.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from lunaredge.errors import StorageError
from lunaredge.machine.events import TruthEvent

EVENTS_NAME = "truth.jsonl"
SUMMARY_NAME = "truth.json"
# A week of seven machines that never rest. Beyond it rows are counted, not written.
LOG_BYTES_MAX = 1 << 30

_encoder = msgspec.json.Encoder()


class TruthLog:
    """Writes one run's truth into a folder; a former run's rows there are removed.

    Raises:
        StorageError: the folder can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self.rows_dropped = 0
        self._folder = folder
        self._size_bytes = 0
        # Rows since the last flush; the file is open only while they are written.
        self._waiting = bytearray()
        with self._translated():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / EVENTS_NAME).write_bytes(b"")

    def write(self, events: Sequence[TruthEvent]) -> None:
        """Take rows for the next flush."""
        for event in events:
            row = _encoder.encode(event) + b"\n"
            if self._size_bytes + len(row) > LOG_BYTES_MAX:
                self.rows_dropped += 1
            else:
                self._waiting += row
                self._size_bytes += len(row)

    def flush(self, summary: Mapping[str, object]) -> None:
        """Make the rows readable and replace the summary.

        Raises:
            StorageError: the disk would not take them.
        """
        fresh = self._folder / f"{SUMMARY_NAME}.new"
        with self._translated():
            with (self._folder / EVENTS_NAME).open("ab") as rows:
                rows.write(self._waiting)
            self._waiting.clear()
            fresh.write_bytes(_encoder.encode(summary))
            fresh.replace(self._folder / SUMMARY_NAME)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise StorageError(f"truth log {self._folder} can't be written: {exc}") from exc
