"""The picture of `lunaredge bench placement`: what a first plan takes against its size."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

from lunaredge.cli.bench.row import BenchRow
from lunaredge.runtime.files.route_output import write_whole

_SIZE = re.compile(r"([\d,]+) x ([\d,]+)")


def points_of(rows: Sequence[BenchRow]) -> list[tuple[int, float]]:
    """Give the sizes and times, ms, of first plans, the smallest first."""
    found = {}
    for row in rows:
        match = _SIZE.fullmatch(row.case)
        if match and row.metric == "first_plan_ms" and row.ours is not None:
            found[int(match[1].replace(",", ""))] = row.ours
    return sorted(found.items())


def draw(rows: Sequence[BenchRow], path: Path) -> None:
    """Write the picture, both axes logarithmic.

    Raises:
        ConfigError: the file can't be written; what was there stays.
    """
    from matplotlib.figure import Figure

    points = points_of(rows)
    figure = Figure(figsize=(7.0, 4.5), layout="tight")
    axis = figure.subplots()
    if points:
        sizes, times_ms = zip(*points, strict=True)
        axis.loglog(sizes, times_ms, marker="o", label="first plan, from nothing")
        straight = [times_ms[-1] * size / sizes[-1] for size in sizes]
        axis.loglog(sizes, straight, color="0.7", linestyle=":", zorder=0, label="in proportion")
        axis.axhline(10.0, color="0.85", zorder=0)
        axis.axhline(1_000.0, color="0.85", zorder=0)
        axis.legend(frameon=False)
    axis.set_xlabel("tasks (a tenth as many nodes)")
    axis.set_ylabel("ms of processor time")
    axis.grid(visible=True, which="major", color="0.95")
    figure.suptitle("Time to a first plan against the size of the site")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_whole(path, picture.getvalue())
