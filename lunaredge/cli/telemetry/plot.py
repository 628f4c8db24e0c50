"""A channel drawn into a PNG: the band from least to greatest, and what is not there, by kind."""

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from lunaredge.cli.telemetry.series import Asked, Columns
from lunaredge.cli.telemetry.times import iso
from lunaredge.printable import printable
from lunaredge.runtime.files.route_output import write_whole

DOTS_PER_INCH = 120
WIDTH_INCHES, HEIGHT_INCHES = 10.0, 5.0
# As many as there are dots along the axis: more can't be told apart.
COLUMN_COUNT = 1_000
# By kind: colour and hatch, so that a print in grey reads too.
GAPS = {
    "dropped": ("#d95f02", "///"),
    "missing": ("#e7298a", "\\\\\\"),
    "quarantined": ("#7570b3", "xxx"),
    "outstanding": ("#66a61e", "..."),
    "no_data": ("#999999", ""),
    "expired": ("#a6761d", "---"),
    "damaged": ("#000000", "+++"),
}
NOTHING = "nothing is known of that time"
# Shadings in one picture; what is beyond is told in its title.
_GAPS_MAX = 500


def draw(asked: Asked, columns: Columns, path: Path) -> None:
    """Draw into a PNG file.

    Raises:
        ConfigError: the file can't be written; what was there stays.
        StorageError: the disk is full or broken.
    """
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), dpi=DOTS_PER_INCH, layout="constrained")
    # The canvas without a screen; a figure takes note of it by itself.
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw_band(axes, columns)
    _draw_gaps(axes, columns)
    start, end = (np.datetime64(at_ns, "ns") for at_ns in asked.span_ns)
    axes.set_xlim(start, end)  # type: ignore[arg-type]  # dates are, once they are in use
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    labels = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(labels)
    axes.set(xlabel="site time, UTC", ylabel=f"{asked.channel}, {printable(asked.unit)}")
    axes.grid(visible=True, alpha=0.3)
    if np.isnan(columns.lows).all():
        _draw_nothing(axes)
    title = f"{asked.channel} of {asked.node}"
    told = f"{iso(asked.span_ns[0])} to {iso(asked.span_ns[1])}, {columns.sample_count} samples"
    if len(columns.gaps) > _GAPS_MAX:
        told += f"; {len(columns.gaps)} gaps, the first {_GAPS_MAX} shaded"
    axes.set_title(f"{title}\n{told}", fontsize=10, loc="left")
    axes.legend(loc="best", fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_whole(path, buffer.getvalue())


def _draw_nothing(axes: Axes) -> None:
    """Say that there is nothing, on no scale: one would tell of values that nobody measured."""
    axes.set_yticks([])
    middle = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, NOTHING, **middle)  # type: ignore[arg-type]


def _draw_band(axes: Axes, columns: Columns) -> None:
    # Each column twice: it holds from its start until the next one's.
    edges_ns = np.repeat(columns.starts_ns, 2)
    edges_ns[1::2] += columns.step_ns
    times = edges_ns.astype("datetime64[ns]")
    lows, highs = np.repeat(columns.lows, 2), np.repeat(columns.highs, 2)
    axes.fill_between(times, lows, highs, alpha=0.35, color="#1f77b4", label="least to greatest")
    axes.plot(times, (lows + highs) / 2, color="#1f77b4", linewidth=1.0, label="their midst")


def _draw_gaps(axes: Axes, columns: Columns) -> None:
    told = set()
    for gap in columns.gaps[:_GAPS_MAX]:
        colour, hatch = GAPS.get(gap.kind, ("#000000", ""))
        axes.axvspan(
            np.datetime64(gap.start_ns, "ns"),  # type: ignore[arg-type]
            np.datetime64(gap.end_ns, "ns"),  # type: ignore[arg-type]
            facecolor=colour,
            alpha=0.25,
            hatch=hatch,
            edgecolor=colour,
            label=None if gap.kind in told else f"not there: {gap.kind}",
        )
        told.add(gap.kind)
