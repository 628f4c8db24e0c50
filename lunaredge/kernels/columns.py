"""What the columns of a telemetry batch come to: least, greatest, last, and what is no number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lunaredge.kernels.jit import Floats, Ints, kernel


@kernel
def fold_columns(
    values: NDArray[Any],
    counts: NDArray[np.uint16],
    out_lows: Floats,
    out_highs: Floats,
    out_lasts: Floats,
) -> int:
    """Fold each column of a run of columns, one after another in one array.

    Values that are not finite are passed over and counted.

    values : any number type (V,)   the values of column 0, then of column 1, ...
    counts : uint16 (C,)            how many values each column has; their sum is V
    out_lows, out_highs, out_lasts : float64 (C,)   NaN for a column without a finite value
    returns : int                   how many values are not finite
    """
    assert counts.sum() == values.shape[0]
    broken_count = 0
    at = 0
    for column in range(counts.shape[0]):
        low, high, last = np.inf, -np.inf, np.nan
        for k in range(at, at + int(counts[column])):
            value = float(values[k])
            if not np.isfinite(value):
                broken_count += 1
                continue
            low, high, last = min(low, value), max(high, value), value
        at += int(counts[column])
        out_lows[column] = low if low <= high else np.nan
        out_highs[column] = high if low <= high else np.nan
        out_lasts[column] = last
    return broken_count


SOUND, LENGTHS, ROWS, TIMES = range(4)
"""What `check_columns` finds: nothing wrong, or the first thing that is."""


@kernel
def check_columns(
    counts: NDArray[np.uint16],
    sizes_bytes: Ints,
    rows: NDArray[np.uint16],
    offsets_ns: Ints,
    span_ns: int,
    values_bytes: int,
    out_last_ns: Ints,
) -> int:
    """Check that the columns of a batch fit together, and find when each was last given.

    counts : uint16 (C,)       how many of the R rows each column has a value in
    sizes_bytes : int64 (C,)   size of one value of each column
    rows : uint16 (L,)         row numbers of the columns that don't have a value in every row
    offsets_ns : int64 (R,)    the rows' times within a span that begins at 0
    out_last_ns : int64 (C,)   offset of each column's last value; -1 for one without
    returns : int              SOUND, LENGTHS, ROWS or TIMES
    """
    row_count = offsets_ns.shape[0]
    at, size_bytes = 0, 0
    for column in range(counts.shape[0]):
        count = int(counts[column])
        size_bytes += count * sizes_bytes[column]
        last_row = row_count - 1
        if count > row_count:
            return LENGTHS
        if count != row_count:
            last_row = -1
            if at + count > rows.shape[0]:
                return LENGTHS
            for k in range(at, at + count):
                row = int(rows[k])
                if row <= last_row or row >= row_count:
                    return ROWS
                last_row = row
            at += count
        out_last_ns[column] = offsets_ns[last_row] if last_row >= 0 else -1
    if at != rows.shape[0] or size_bytes != values_bytes:
        return LENGTHS
    before_ns = 0
    for k in range(row_count):
        if offsets_ns[k] < before_ns:
            return TIMES
        before_ns = offsets_ns[k]
    return SOUND if before_ns <= span_ns else TIMES


@kernel
def stand_columns(
    lasts: Floats, last_ns: Ints, out_lasts: Floats, out_measured_ns: Ints, out_blank_ns: Ints
) -> None:
    """Take the last value of each column over what was known, if it is as new.

    lasts : float64 (C,)           NaN for a column without a value
    last_ns : int64 (C,)           when each was measured
    out_lasts, out_measured_ns : float64 and int64 (C,)   what is known; changed in place
    out_blank_ns : int64 (C,)      since when there is no value; 0 again where there is one now
    """
    for column in range(lasts.shape[0]):
        if not np.isnan(lasts[column]) and last_ns[column] >= out_measured_ns[column]:
            out_lasts[column] = lasts[column]
            out_measured_ns[column] = last_ns[column]
            if last_ns[column] >= out_blank_ns[column]:
                out_blank_ns[column] = 0


@kernel
def sum_columns(
    folds: Floats, counts: NDArray[np.uint16], out_folds: Floats, out_counts: Ints
) -> None:
    """Add what a batch came to, to what a longer stretch came to.

    folds : float64 (3, C)       least, greatest and last of each column; NaN without a value
    counts : uint16 (C,)
    out_folds : float64 (3, C)   the same of the stretch; NaN before the first value
    out_counts : int64 (C,)
    """
    for column in range(counts.shape[0]):
        low, high, last = folds[0, column], folds[1, column], folds[2, column]
        if np.isnan(last):
            continue
        if out_counts[column] == 0:
            out_folds[0, column], out_folds[1, column] = low, high
        out_folds[0, column] = min(out_folds[0, column], low)
        out_folds[1, column] = max(out_folds[1, column], high)
        out_folds[2, column] = last
        out_counts[column] += counts[column]
