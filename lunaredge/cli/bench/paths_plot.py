"""The picture of `lunaredge bench paths`: what a job costs against its size, over three decades."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lunaredge.cli.bench.row import BenchRow
from lunaredge.runtime.files.route_output import write_whole

_US_PER_S = 1e6


class Curve(NamedTuple):
    """One line of the picture, found among the rows by the case's name."""

    panel: str
    label: str
    case: re.Pattern[str]
    """Its one group is the size."""
    unit: str
    """Of the figure: a rate of poses is turned into the time of the whole job."""
    poses: float | None = None
    """How many poses the job has; None: as many as its size."""


CURVES = (
    Curve(
        "poses", "solids, 1,000 boxes", re.compile(r"([\d,]+) poses, 1,000 boxes on 1000 m"), "1/s"
    ),
    Curve("poses", "cells, rocks 2 %", re.compile(r"rocks 2 %, ([\d,]+) poses"), "M/s"),
    Curve(
        "poses",
        "fleet of 200, each",
        re.compile(r"all pairs, continuous, 200 machines x ([\d,]+) poses on 1000 m"),
        "us",
    ),
    Curve(
        "obstacles",
        "solids, 100,000 poses",
        re.compile(r"100,000 poses, ([\d,]+) boxes on 1000 m"),
        "1/s",
        1e5,
    ),
    Curve(
        "machines",
        "fleet, 200 poses each",
        # The crowds of 200 are as dense as they are; all others have the same room each.
        re.compile(r"all pairs, continuous, (?!200 )([\d,]+) machines x 200 poses on \d+ m"),
        "us",
    ),
)


def points_of(curve: Curve, rows: Sequence[BenchRow]) -> list[tuple[float, float]]:
    """Give the sizes and costs, us, of a curve, the smallest first; each size once."""
    found: dict[float, float] = {}
    for row in rows:
        match = curve.case.fullmatch(row.case)
        if match and row.ours is not None and row.unit == curve.unit:
            size = float(match[1].replace(",", ""))
            poses = curve.poses if curve.poses is not None else size
            rates = {"1/s": row.ours / _US_PER_S, "M/s": row.ours}
            found[size] = poses / rates[curve.unit] if curve.unit in rates else row.ours
    return sorted(found.items())


def draw(rows: Sequence[BenchRow], path: Path) -> None:
    """Write the picture: a panel for each kind of size, both axes logarithmic.

    Raises:
        ConfigError: the file can't be written; what was there stays.
    """
    from matplotlib.figure import Figure

    panels = list(dict.fromkeys(curve.panel for curve in CURVES))
    figure = Figure(figsize=(12.0, 4.0), layout="tight")
    axes = figure.subplots(1, len(panels), sharey=True)
    for axis, panel in zip(axes, panels, strict=True):
        for curve in CURVES:
            points = points_of(curve, rows) if curve.panel == panel else []
            if points:
                sizes, costs_us = zip(*points, strict=True)
                axis.loglog(sizes, costs_us, marker="o", label=curve.label)
                straight = [costs_us[-1] * size / sizes[-1] for size in sizes]
                axis.loglog(sizes, straight, color="0.7", linestyle=":", zorder=0)
        axis.set_xlabel(f"number of {panel}")
        axis.grid(visible=True, which="major", color="0.9")
        if axis.has_data():
            axis.legend(frameon=False)
    axes[0].set_ylabel("one check of all, us of processor time")
    figure.suptitle("Cost of a check against its size; dotted: in proportion")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    write_whole(path, picture.getvalue())
