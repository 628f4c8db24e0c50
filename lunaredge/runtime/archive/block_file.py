"""Block files: what one segment has of one day, part behind part, named by the day's SQLite file.

A part is the times of its rows, then for each channel its row numbers (of one that is not in every
row), its values and its blanks. The directory says where each is, with a checksum each, and stands
in the SQLite file.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lunaredge.runtime.archive.blocks import Packer, crc_of
from lunaredge.runtime.archive.columns import Frame
from lunaredge.runtime.archive.log import storage_errors, sync_folder, write_all

DIRECTORY = np.dtype(
    [
        ("series", "<u4"),
        ("count", "<u4"),
        ("place", "<u4"),
        ("rows_bytes", "<u4"),
        ("values_bytes", "<u4"),
        ("blanks_bytes", "<u4"),
        ("crc", "<u4"),
    ]
)
"""An entry for each channel of a part. The first is of the times: series 0, no rows, no blanks."""
# Row numbers of a channel that is in every row take no bytes; of one in none, neither do values.
ALL_ROWS = 2**32 - 1


def blocks_folder(day_path: Path) -> Path:
    """Give where the blocks of a day lie; of files put aside as damaged, too."""
    return day_path.with_name(day_path.name[:10])


def blocks_path(day_path: Path, segment: int) -> Path:
    """Give where the blocks lie that a segment has of a day."""
    return blocks_folder(day_path) / f"{segment:08d}.blocks"


def packed_part(part: Frame, series: Sequence[int], packer: Packer) -> tuple[list[bytes], bytes]:
    """Give the blocks of a part, and the directory of them."""
    times = packer.times(part.times_ns)
    blocks, entries = (
        [times],
        [(0, len(part.times_ns), 0, ALL_ROWS, len(times), 0, crc_of((), times))],
    )
    blanks = {channel: packer.rows(rows) for channel, rows in part.blanks.items()}
    at = len(times)
    for panel in part.panels:
        rows = b"" if panel.rows is None else packer.rows(panel.rows)
        rows_bytes = ALL_ROWS if panel.rows is None else len(rows)
        count = panel.values.shape[1]
        for channel, values in zip(panel.channels, packer.values(panel.values), strict=True):
            blank = blanks.pop(channel, b"")
            sizes = (rows_bytes, len(values), len(blank))
            entries.append((series[channel], count, at, *sizes, crc_of((), rows, values, blank)))
            blocks += (rows, values, blank)
            at += len(rows) + len(values) + len(blank)
    for channel, blank in blanks.items():
        entries.append((series[channel], 0, at, 0, 0, len(blank), crc_of((), blank)))
        blocks.append(blank)
        at += len(blank)
    return blocks, np.array(entries, DIRECTORY).tobytes()


Read = tuple[bytes | None, bytes, bytes]


class BlockWriter:
    """The block file of the segment that is being settled."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None
        self._at = 0

    def begin(self, segment: int, *, again: bool) -> None:
        """Begin a segment's file anew, or go on behind what stands in it.

        Raises:
            JournalFull, StorageError: it can't be made.
        """
        self.close()
        path = self._folder / f"{segment:08d}.blocks"
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (0 if again else os.O_TRUNC)
        with storage_errors(path):
            self._folder.mkdir(exist_ok=True)
            self._descriptor = os.open(path, flags, 0o644)
            self._at = os.lseek(self._descriptor, 0, os.SEEK_END)

    def write(self, blocks: list[bytes]) -> int:
        """Write blocks one behind the other; give where the first one begins.

        Raises:
            JournalFull, StorageError: not all of them are written.
        """
        assert self._descriptor is not None, "no segment was begun"
        at = self._at
        with storage_errors(self._folder):
            self._at += write_all(self._descriptor, blocks)
        return at

    def finish(self) -> None:
        """Make all that was written durable, with the file's name.

        Raises:
            JournalFull, StorageError: it may not be.
        """
        assert self._descriptor is not None, "no segment was begun"
        with storage_errors(self._folder):
            os.fsync(self._descriptor)
            sync_folder(self._folder)
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class BlockReader:
    """A block file, open to read."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            OSError: it is not there, or can't be read.
        """
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def read(self, base: int, entry: npt.NDArray[np.void]) -> Read | None:
        """Give row numbers (None for every row), values and blanks of an entry; None if damaged.

        Raises:
            OSError: the medium refused.
        """
        rows_bytes = int(entry["rows_bytes"])
        is_full = rows_bytes == ALL_ROWS
        sizes = (
            0 if is_full else rows_bytes,
            int(entry["values_bytes"]),
            int(entry["blanks_bytes"]),
        )
        content = os.pread(self._descriptor, sum(sizes), base + int(entry["place"]))
        rows, rest = content[: sizes[0]], content[sizes[0] :]
        values, blanks = rest[: sizes[1]], rest[sizes[1] :]
        if len(content) != sum(sizes) or crc_of((), rows, values, blanks) != int(entry["crc"]):
            return None
        return None if is_full else rows, values, blanks
