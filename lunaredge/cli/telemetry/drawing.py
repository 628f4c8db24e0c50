"""A channel drawn in a terminal: from least to greatest in each column, blanks and gaps as such.

Pure. No colours: a screen of sixteen, of two, and a log file show the same.
"""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from lunaredge.cli.telemetry.series import Asked, Columns
from lunaredge.cli.telemetry.times import DAY_NS, iso, length
from lunaredge.printable import printable
from lunaredge.units import NS_PER_S

ROW_COUNT = 10
# Room for a number and the axis.
LEFT_WIDTH = 11
_FLAT_RATIO = 0.05
# Marks of the time axis, their texts included, want so many cells each.
_TICK_WIDTH = 20


class Marks(NamedTuple):
    """What stands for what."""

    full: str
    upper: str
    lower: str
    gap: str
    line: str
    corner: str
    axis: str


BLOCKS = Marks("█", "▀", "▄", "░", "│", "└", "─")
ASCII = Marks("#", "'", ".", ":", "|", "+", "-")


def marks_for(encoding: str | None) -> Marks:
    """Give marks that a terminal can show."""
    try:
        "".join(BLOCKS).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def drawing(asked: Asked, columns: Columns, marks: Marks) -> list[str]:
    """Give the lines of a picture."""
    head = f"{asked.channel} of {asked.node}, {printable(asked.unit)}; site time, UTC"
    span = f"{iso(asked.span_ns[0])} to {iso(asked.span_ns[1])}, {columns.sample_count} samples"
    span += f", {length(columns.step_ns)} a column"
    if np.isnan(columns.lows).all():
        return [head, span, "nothing is known of that time", *_told_gaps(columns, marks)]
    low, high = _range(columns)
    cells = _cells(columns, low, high, marks)
    labels = {0: high, ROW_COUNT // 2: _value_at(ROW_COUNT // 2, low, high), ROW_COUNT - 1: low}
    lines = [
        f"{_number(labels[row]) if row in labels else '':>{LEFT_WIDTH - 2}} {marks.line}"
        + "".join(cells[row]).rstrip()
        for row in range(ROW_COUNT)
    ]
    return [head, span, *lines, *_time_axis(asked, columns, marks), *_told_gaps(columns, marks)]


def _range(columns: Columns) -> tuple[float, float]:
    """Give what the picture reaches from and to; a flat line stands in its midst."""
    low, high = float(np.nanmin(columns.lows)), float(np.nanmax(columns.highs))
    if low == high:
        more = abs(low) * _FLAT_RATIO or 1.0
        return low - more, high + more
    return low, high


def _cells(columns: Columns, low: float, high: float, marks: Marks) -> list[list[str]]:
    """Give the picture's cells by row, the uppermost first; a cell has two halves."""
    halves = 2 * ROW_COUNT
    cells = [[" "] * len(columns.starts_ns) for _ in range(ROW_COUNT)]
    for column in range(len(columns.starts_ns)):
        if columns.in_gap[column]:
            # Behind what is known of it: a gap may be far shorter than a column.
            for row in range(ROW_COUNT):
                cells[row][column] = marks.gap
        if np.isnan(columns.lows[column]):
            continue
        bottom = _half(float(columns.lows[column]), low, high, halves)
        top = _half(float(columns.highs[column]), low, high, halves)
        for half in range(bottom, top + 1):
            row, is_upper = ROW_COUNT - 1 - half // 2, half % 2 == 1
            has_other = bottom <= (half - 1 if is_upper else half + 1) <= top
            one = marks.upper if is_upper else marks.lower
            cells[row][column] = marks.full if has_other else one
    return cells


def _half(value: float, low: float, high: float, halves: int) -> int:
    # Halved first: the difference of two great numbers may be greater than any.
    ratio = (value / 2 - low / 2) / (high / 2 - low / 2)
    return min(halves - 1, max(0, int(ratio * halves)))


def _value_at(row: int, low: float, high: float) -> float:
    ratio = 1 - (row + 0.5) / ROW_COUNT
    return low * (1 - ratio) + high * ratio


def _number(value: float) -> str:
    told = f"{value:.6g}"
    return told if len(told) <= LEFT_WIDTH - 2 else f"{value:.2e}"


def _time_axis(asked: Asked, columns: Columns, marks: Marks) -> list[str]:
    count = len(columns.starts_ns)
    is_long = asked.span_ns[1] - asked.span_ns[0] > DAY_NS
    form = "%m-%d %H:%M" if is_long else "%H:%M:%S"
    axis, text = [marks.axis] * count, ""
    for place in range(0, count, _TICK_WIDTH):
        at = datetime.fromtimestamp(int(columns.starts_ns[place]) // NS_PER_S, UTC)
        told = at.strftime(form)
        if place + len(told) <= count:
            axis[place] = marks.line
            text = text.ljust(place) + told
    indent = " " * (LEFT_WIDTH - 1)
    return [indent + marks.corner + "".join(axis), indent + " " + text]


def _told_gaps(columns: Columns, marks: Marks) -> list[str]:
    """Say what is not there; the greatest first, and how many more there are."""
    if not columns.gaps:
        return []
    widest = max(columns.gaps, key=lambda gap: gap.end_ns - gap.start_ns)
    told = f"{marks.gap} {widest.kind} from {iso(widest.start_ns)}"
    told += f" for {length(widest.end_ns - widest.start_ns)}"
    more = len(columns.gaps) - 1
    return [f"{told}; {more} more: lunaredge gaps" if more else told]
