"""Batches as arrays: the one place of the archive's core that knows NumPy and the kernels.

A batch is checked against its table without looking at one value in Python: lengths, order of
times and rows, and what is no number. What it comes to is four numbers a channel, which are added
up by the kernels too, into what is known now and into the summary of a longer stretch.
"""

import array
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lunaredge.errors import RemoteProtocolError
from lunaredge.kernels.columns import (
    LENGTHS,
    ROWS,
    SOUND,
    TIMES,
    check_columns,
    fold_columns,
    stand_columns,
    sum_columns,
)
from lunaredge.wire.telemetry import ROWS_MAX, Channel, Dtype, Telemetry

_SHORT = np.dtype("<u2")
_TIME = np.dtype("<i8")

_FLAWS = {
    LENGTHS: ("columns", "counts, rows and values that don't fit together"),
    ROWS: ("columns", "row numbers that don't rise, or are no rows"),
    TIMES: ("times", "rows out of order, or outside of the batch's time"),
}


class Folded(NamedTuple):
    """What a batch comes to, channel by channel of its table. Good until the next is folded."""

    row_count: int
    counts: NDArray[np.uint16]
    """Shape (C,): values of each channel."""
    folds: NDArray[np.float64]
    """Shape (3, C): least, greatest and last; NaN where a channel has no value."""
    last_ns: NDArray[np.int64]
    """Shape (C,): site time of the last value; below the batch's own where there is none."""
    blanked_ns: dict[int, int]
    """Site time from which on a channel has no value, by its place in the table."""
    broken_count: int
    """Values that are no numbers."""

    def extremes(self, index: int) -> tuple[float, ...]:
        """Give what of a channel is to be held to its limits: what it came to between, and last."""
        low, high, last = self.folds[:, index].tolist()
        return (*(value for value in (low, high) if value != last), last)


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
        self._none = bytes(2 * count)
        """The counts of a batch without rows, which leaves them out."""
        # Filled anew by each batch: making arrays takes longer than filling them.
        self._folds = np.empty((3, count))
        self._last_ns = np.empty(count, np.int64)

    def fold(self, batch: Telemetry) -> Folded:
        """Check a batch and give what it comes to.

        Raises:
            RemoteProtocolError: reason ``columns`` (it lies about its length, or its rows can't
                be) or ``times``.
        """
        counts, offsets_ns = self._checked(batch)
        self._last_ns += batch.site_ns
        broken_count, at_bytes = 0, 0
        for start, end, dtype in self._runs:
            count = int(counts[start:end].sum()) if len(self._runs) > 1 else -1
            run: NDArray[Any] = np.frombuffer(batch.values, dtype, count, at_bytes)
            at_bytes += run.nbytes
            low, high, last = self._folds[:, start:end]
            broken_count += fold_columns(run, counts[start:end], low, high, last)
        return Folded(
            row_count=len(offsets_ns),
            counts=counts,
            folds=self._folds,
            last_ns=self._last_ns,
            blanked_ns=self._blanked_ns(batch, offsets_ns) if batch.blanks else {},
            broken_count=broken_count,
        )

    def _checked(self, batch: Telemetry) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Give the values of each channel and the rows' times, once everything fits together."""
        counts_bytes = batch.counts if batch.times_ns else batch.counts or self._none
        if len(counts_bytes) != 2 * len(self.channels):
            raise RemoteProtocolError("columns", f"{len(batch.counts) // 2} channels")
        if len(batch.times_ns) % 8 or len(batch.rows) % 2 or len(batch.blanks) % 4:
            raise RemoteProtocolError("columns", "a length that is no whole number of values")
        if len(batch.times_ns) > 8 * ROWS_MAX:
            raise RemoteProtocolError("columns", f"{len(batch.times_ns) // 8} rows")
        counts: NDArray[np.uint16] = np.frombuffer(counts_bytes, _SHORT)
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

    def _blanked_ns(self, batch: Telemetry, offsets_ns: NDArray[np.int64]) -> dict[int, int]:
        pairs = np.frombuffer(batch.blanks, _SHORT).reshape(-1, 2).tolist()
        if any(row >= len(offsets_ns) or index >= len(self.channels) for row, index in pairs):
            raise RemoteProtocolError("columns", "a blank outside of the batch")
        return {index: batch.site_ns + int(offsets_ns[row]) for row, index in pairs}


class Standing:
    """The last value of each channel of one table, as far as it is known."""

    def __init__(self, channels: tuple[Channel, ...]) -> None:
        self.channels = channels
        count = len(channels)
        self._lasts = np.full(count, np.nan)
        self._measured_ns = np.zeros(count, np.int64)
        self._blank_ns = np.zeros(count, np.int64)

    def take(self, folded: Folded) -> None:
        """Learn a live batch of that table."""
        outs = (self._lasts, self._measured_ns, self._blank_ns)
        stand_columns(folded.folds[2], folded.last_ns, *outs)
        for index, blank_ns in folded.blanked_ns.items():
            if blank_ns >= self._measured_ns[index]:
                self._blank_ns[index] = blank_ns

    def put(self, index: int, value: float, measured_ns: int, blank_ns: int) -> None:
        """Set what is known of a channel."""
        self._lasts[index] = value
        self._measured_ns[index], self._blank_ns[index] = measured_ns, blank_ns

    def values(self) -> list[tuple[float, int, int]]:
        """Give value, when it was measured and since when there is none, of each channel."""
        columns = (self._lasts.tolist(), self._measured_ns.tolist(), self._blank_ns.tolist())
        return list(zip(*columns, strict=True))


class Tally:
    """What the channels of one table came to over a longer stretch."""

    def __init__(self, channels: tuple[Channel, ...]) -> None:
        self.channels = channels
        self._folds = np.full((3, len(channels)), np.nan)
        self._counts = np.zeros(len(channels), np.int64)

    def add(self, folded: Folded) -> None:
        """Add a batch of that table."""
        sum_columns(folded.folds, folded.counts, self._folds, self._counts)

    def rows(self) -> dict[str, tuple[float, float, float, int]]:
        """Give least, greatest, last and count of each channel that had a value, by its name."""
        folds, counts = self._folds.T.tolist(), self._counts.tolist()
        return {
            channel.name: (low, high, last, count)
            for channel, (low, high, last), count in zip(self.channels, folds, counts, strict=True)
            if count
        }


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
            folded = Layout(channels).fold(batch)
            Standing(channels).take(folded)
            Tally(channels).add(folded)
