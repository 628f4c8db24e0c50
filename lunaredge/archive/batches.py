"""Batches as arrays: the one place of the archive's core that knows NumPy and the kernels.

A batch is checked against its table without looking at one value in Python: lengths, order of
times and rows, and what is no number. What it comes to is four numbers a channel.
"""

import array
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lunaredge.errors import RemoteProtocolError
from lunaredge.kernels.columns import LENGTHS, ROWS, SOUND, TIMES, check_columns, fold_columns
from lunaredge.wire.telemetry import ROWS_MAX, Channel, Dtype, Telemetry

_SHORT = np.dtype("<u2")
_TIME = np.dtype("<i8")

_FLAWS = {
    LENGTHS: ("columns", "counts, rows and values that don't fit together"),
    ROWS: ("columns", "row numbers that don't rise, or are no rows"),
    TIMES: ("times", "rows out of order, or outside of the batch's time"),
}


class Folded(NamedTuple):
    """What a batch comes to, channel by channel of its table."""

    row_count: int
    counts: list[int]
    lows: list[float]
    """NaN where a channel has no value."""
    highs: list[float]
    lasts: list[float]
    last_ns: list[int]
    """Site time of the last value; below the batch's own where a channel has none."""
    blanked_ns: dict[int, int]
    """Site time from which on a channel has no value, by its place in the table."""
    broken_count: int
    """Values that are no numbers."""


class Layout:
    """A channel table as its batches lie in memory: runs of neighbours of one type."""

    def __init__(self, channels: tuple[Channel, ...]) -> None:
        self.channels = channels
        count = len(channels)
        self._sizes_bytes = np.array([each.dtype.size_bytes for each in channels], np.int64)
        starts = [k for k in range(count) if k == 0 or channels[k].dtype != channels[k - 1].dtype]
        self._runs = [
            (start, end, np.dtype("<" + channels[start].dtype.value))
            for start, end in zip(starts, [*starts[1:], count], strict=True)
        ]
        self._is_of_one_type = len(self._runs) == 1
        # Filled anew by each batch: making four arrays takes longer than filling them.
        self._folds = np.empty((3, count))
        self._last_ns = np.empty(count, np.int64)

    def fold(self, batch: Telemetry) -> Folded:
        """Check a batch and give what it comes to.

        Raises:
            RemoteProtocolError: reason ``columns`` (it lies about its length, or its rows can't
                be) or ``times``.
        """
        counts, offsets_ns = self._checked(batch)
        low, high, last = self._folds
        if self._is_of_one_type:
            values: NDArray[Any] = np.frombuffer(batch.values, self._runs[0][2])
            broken_count = fold_columns(values, counts, low, high, last)
        else:
            broken_count = self._fold_runs(batch.values, counts)
        lows, highs, lasts = self._folds.tolist()
        return Folded(
            row_count=len(offsets_ns),
            counts=counts.tolist(),
            lows=lows,
            highs=highs,
            lasts=lasts,
            last_ns=(self._last_ns + batch.site_ns).tolist(),
            blanked_ns=self._blanked_ns(batch, offsets_ns) if batch.blanks else {},
            broken_count=broken_count,
        )

    def _checked(self, batch: Telemetry) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Give the values of each channel and the rows' times, once everything fits together."""
        if len(batch.counts) != 2 * len(self.channels):
            raise RemoteProtocolError("columns", f"{len(batch.counts) // 2} channels")
        if len(batch.times_ns) % 8 or len(batch.rows) % 2 or len(batch.blanks) % 4:
            raise RemoteProtocolError("columns", "a length that is no whole number of values")
        if len(batch.times_ns) > 8 * ROWS_MAX:
            raise RemoteProtocolError("columns", f"{len(batch.times_ns) // 8} rows")
        counts: NDArray[np.uint16] = np.frombuffer(batch.counts, _SHORT)
        rows: NDArray[np.uint16] = np.frombuffer(batch.rows, _SHORT)
        offsets_ns: NDArray[np.int64] = np.frombuffer(batch.times_ns, _TIME)
        found = check_columns(
            counts,
            self._sizes_bytes,
            rows,
            offsets_ns,
            batch.end_ns - batch.site_ns,
            len(batch.values),
            self._last_ns,
        )
        if found != SOUND:
            raise RemoteProtocolError(*_FLAWS[found])
        return counts, offsets_ns

    def _fold_runs(self, values: bytes, counts: NDArray[np.uint16]) -> int:
        broken_count, at_bytes = 0, 0
        for start, end, dtype in self._runs:
            count = int(counts[start:end].sum())
            run: NDArray[Any] = np.frombuffer(values, dtype, count, at_bytes)
            at_bytes += run.nbytes
            outs = (self._folds[k, start:end] for k in range(3))
            broken_count += fold_columns(run, counts[start:end], *outs)
        return broken_count

    def _blanked_ns(self, batch: Telemetry, offsets_ns: NDArray[np.int64]) -> dict[int, int]:
        pairs = np.frombuffer(batch.blanks, _SHORT).reshape(-1, 2).tolist()
        if any(row >= len(offsets_ns) or index >= len(self.channels) for row, index in pairs):
            raise RemoteProtocolError("columns", "a blank outside of the batch")
        return {index: batch.site_ns + int(offsets_ns[row]) for row, index in pairs}


def warm_up() -> None:
    """Compile the kernels for every type of value, aligned in memory or not."""
    for lead in ((), (Channel(name="lead", unit="", dtype=Dtype.U1),)):
        for dtype in Dtype:
            channels = (*lead, Channel(name="value", unit="", dtype=dtype))
            counts = array.array("H", [1] * len(channels)).tobytes()
            batch = Telemetry(
                site_ns=0,
                end_ns=0,
                table=0,
                times_ns=bytes(8),
                counts=counts,
                rows=b"",
                values=bytes(sum(each.dtype.size_bytes for each in channels)),
            )
            Layout(channels).fold(batch)
