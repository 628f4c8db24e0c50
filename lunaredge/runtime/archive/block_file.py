"""Block files: what one segment has of one day, part behind part, named by the day's SQLite file.

A part is the times of its rows, then for each channel its row numbers (of one that is not in every
row), its values and its blanks. The directory says where each is, with a checksum each, and stands
in the SQLite file.
"""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lunaredge.runtime.archive.blocks import Packer
from lunaredge.runtime.archive.columns import Frame
from lunaredge.runtime.archive.log import storage_errors, sync_folder, write_all

DIRECTORY = np.dtype(
    [
        ("series", "<u4"),
        ("count", "<u4"),
        ("rows_bytes", "<u4"),
        ("values_bytes", "<u4"),
        ("blanks_bytes", "<u4"),
        ("crc", "<u4"),
        ("place", "<u4"),
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
    blocks = [times]
    entries = [(0, len(part.times_ns), ALL_ROWS, len(times), 0, zlib.crc32(times))]
    blanks = {channel: packer.rows(rows) for channel, rows in part.blanks.items()}
    for panel in part.panels:
        count, rows_bytes, rows = panel.values.shape[1], ALL_ROWS, b""
        if panel.rows is not None:
            rows = packer.rows(panel.rows)
            rows_bytes = len(rows)
        for channel, values in zip(panel.channels, packer.values(panel.values), strict=True):
            crc, number = zlib.crc32(values, zlib.crc32(rows)), series[channel]
            blank = blanks.pop(channel, b"") if blanks else b""
            entries.append(
                (number, count, rows_bytes, len(values), len(blank), zlib.crc32(blank, crc))
            )
            blocks += [block for block in (rows, values, blank) if block]
    for channel, blank in blanks.items():
        entries.append((series[channel], 0, 0, 0, len(blank), zlib.crc32(blank)))
        blocks.append(blank)
    return blocks, _directory(entries)


def _directory(entries: Sequence[tuple[int, ...]]) -> bytes:
    """Say where each block is: one behind the other."""
    columns = np.array(entries, np.uint32)
    rows_bytes, rest = columns[:, 2], columns[:, 3] + columns[:, 4]
    sizes = np.where(rows_bytes == ALL_ROWS, 0, rows_bytes) + rest
    directory = np.empty((len(entries), DIRECTORY.itemsize // 4), "<u4")
    directory[:, :-1], directory[:, -1] = columns, np.cumsum(sizes) - sizes
    return directory.tobytes()


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
        if len(content) != sum(sizes) or zlib.crc32(content) != int(entry["crc"]):
            return None
        return None if is_full else rows, values, blanks
