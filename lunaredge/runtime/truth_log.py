"""The truth log of the simulated machines: what really happened, on disk, for tests and the demo.

Two files: ``truth.jsonl``, one JSON row per event, appended; and ``truth.json``, the summary so
far, replaced whole so that a reader never sees half of it. Neither is synced to the platter: they
are for judging a run, not for going on after a power cut. It measures nothing itself.
"""

import os
from collections.abc import Mapping, Sequence
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
    """Writes one run's truth into a folder; a former run's files there are replaced."""

    def __init__(self, folder: Path) -> None:
        self.rows_dropped = 0
        self._folder = folder
        self._size_bytes = 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._rows = (folder / EVENTS_NAME).open("wb")
        except OSError as exc:
            raise StorageError(f"truth log {folder} can't be written: {exc}") from exc

    def write(self, events: Sequence[TruthEvent]) -> None:
        """Append rows.

        Raises:
            StorageError: the disk would not take them.
        """
        if not events:
            return
        lines = b"".join(_encoder.encode(event) + b"\n" for event in events)
        if self._size_bytes + len(lines) > LOG_BYTES_MAX:
            self.rows_dropped += len(events)
            return
        try:
            self._rows.write(lines)
        except OSError as exc:
            raise StorageError(f"truth log {self._folder} can't be written: {exc}") from exc
        self._size_bytes += len(lines)

    def flush(self, summary: Mapping[str, object]) -> None:
        """Make the rows readable and replace the summary.

        Raises:
            StorageError: the disk would not take them.
        """
        fresh = self._folder / f"{SUMMARY_NAME}.new"
        try:
            self._rows.flush()
            fresh.write_bytes(_encoder.encode(summary))
            os.replace(fresh, self._folder / SUMMARY_NAME)  # noqa: PTH105
        except OSError as exc:
            raise StorageError(f"truth log {self._folder} can't be written: {exc}") from exc

    def close(self) -> None:
        """Close the files."""
        self._rows.close()
