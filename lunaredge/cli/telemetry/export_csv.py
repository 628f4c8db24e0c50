"""Telemetry as CSV: a line for each sample."""

import csv
import math
from pathlib import Path

from lunaredge.cli.telemetry.selection import Selection, by_series
from lunaredge.cli.telemetry.times import isos
from lunaredge.cli.telemetry.writing import Tell

HEADINGS = ("node", "channel", "unit", "time_ns", "time", "value", "late")


def write(selection: Selection, path: Path, tell: Tell) -> int:
    """Write a file; give how many samples are in it. What is no value is empty.

    Raises:
        OSError: it can't be written.
    """
    count = 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADINGS)
        for series, samples in by_series(selection):
            name = series.node, series.channel, series.unit
            rows = zip(
                samples.times_ns.tolist(),
                isos(samples.times_ns),
                samples.values.tolist(),
                samples.late.tolist(),
                strict=True,
            )
            writer.writerows(
                (*name, time_ns, time, "" if math.isnan(value) else value, str(late).lower())
                for time_ns, time, value, late in rows
            )
            count += len(samples.times_ns)
            tell(count, series.node)
    return count
