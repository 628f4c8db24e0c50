"""What the columns of a telemetry batch come to, value by value in plain Python."""

import math
from collections.abc import Sequence


def fold(columns: Sequence[Sequence[float]]) -> tuple[list[tuple[float, float, float]], int]:
    """Give least, greatest and last finite value of each column, and how many are not finite."""
    broken, found = 0, []
    for column in columns:
        finite = [float(value) for value in column if math.isfinite(value)]
        broken += len(column) - len(finite)
        found.append((min(finite), max(finite), finite[-1]) if finite else (math.nan,) * 3)
    return found, broken


def flaw(
    row_count: int,
    listed: Sequence[Sequence[int] | None],
    offsets_ns: Sequence[int],
    span_ns: int,
) -> str:
    """Name what can't be: row numbers (None stands for every row), or times; empty if all can."""
    for rows in listed:
        if rows is not None and (
            list(rows) != sorted(set(rows)) or any(row >= row_count for row in rows)
        ):
            return "rows"
    times = [0, *offsets_ns, span_ns]
    return "" if times == sorted(times) else "times"
