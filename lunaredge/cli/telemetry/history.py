"""`lunaredge history NODE CHANNEL`: what a channel did, as rows, as a drawing, or as a picture."""

import argparse
import importlib
import itertools
import shutil
import sys
from collections import deque
from pathlib import Path

from lunaredge.cli import site_access
from lunaredge.cli.named_file import named_file
from lunaredge.cli.telemetry import history_text
from lunaredge.cli.telemetry.drawing import LEFT_WIDTH, drawing, marks_for
from lunaredge.cli.telemetry.folder import (
    Archive,
    add_archive,
    known_channel,
    known_span,
    open_archive,
    tell_damage,
)
from lunaredge.cli.telemetry.series import Asked, Columns, columns
from lunaredge.cli.telemetry.times import EPILOG, add_span, span_of, step_ns
from lunaredge.errors import NOT_GIVEN, ConfigError
from lunaredge.printable import printable
from lunaredge.runtime.files.route_output import check_target

# Below a drawing a screen of 24 lines has room for so many rows.
ROWS_SHOWN = 5
_WIDTH_MIN = 40


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument("node", metavar="NODE", help="the node, as `lunaredge nodes` names it")
    parser.add_argument("channel", metavar="CHANNEL", help="its channel, as battery_wh")
    add_archive(parser)
    add_span(parser)
    parser.add_argument(
        "--step",
        type=step_ns,
        metavar="LENGTH",
        help="least, greatest and last of each 10s, 1m, 1h and so on instead of every sample",
    )
    parser.add_argument(
        "--unit", metavar="UNIT", help="where the unit changed: what was measured in that one alone"
    )
    form = parser.add_mutually_exclusive_group()
    site_access.add_json(form)  # type: ignore[arg-type]  # a group takes options as a parser does
    form.add_argument("--csv", action="store_true", help="print CSV with a heading")
    form.add_argument("--plot", type=named_file, metavar="FILE.png", help="draw into a picture")
    parser.epilog = (
        f"{EPILOG} A terminal gets a drawing and the last rows; a pipe, --json and --csv get all. "
        "A channel is sent when it changes: where nothing is missing, its last value stands."
    )


def run(options: argparse.Namespace) -> int:
    """Read a channel and show it."""
    if options.plot is not None:
        check_target(options.plot, (".png",))
        importlib.import_module("lunaredge.cli.telemetry.plot")
    if options.unit is not None and options.step is not None:
        raise ConfigError(
            "buckets are of all units",
            place="lunaredge history",
            key="--unit",
            value=options.unit,
            remedy="leave out --step, or ask for a time in which the unit stays",
        )
    with open_archive(options) as archive:
        asked = _asked(archive, options)
        if not _give(asked, options):
            print(history_text.nothing_text(asked), file=sys.stderr)
        return tell_damage(archive.reader)


def _give(asked: Asked, options: argparse.Namespace) -> bool:
    """Show a channel; give whether that says what there is."""
    if options.json:
        history_text.write_json(asked, options.step, sys.stdout)
        return True
    if options.csv:
        return history_text.write_csv(asked, options.step, sys.stdout) > 0
    if options.plot is not None:
        return _plot(asked, options.plot) > 0
    if sys.stdout.isatty():
        _show(asked, options.step)
        return True
    return history_text.write_rows(asked, options.step, sys.stdout) > 0


def _asked(archive: Archive, options: argparse.Namespace) -> Asked:
    infos = known_channel(archive.reader, options.node, options.channel)
    units = sorted({info.unit for info in infos})
    if options.unit is not None and options.unit not in units:
        raise ConfigError(
            f"{options.channel} of {options.node} was never measured in {options.unit!r}",
            place="lunaredge history",
            key="--unit",
            value=NOT_GIVEN,
            remedy=f"give one of: {printable(', '.join(units))}",
        )
    span_ns = known_span(infos)
    assert span_ns is not None, infos
    return Asked(
        archive.reader,
        options.node,
        options.channel,
        options.unit or " or ".join(units),
        options.unit,
        span_of(options, span_ns, archive.now_ns),
        span_ns,
    )


def _plot(asked: Asked, path: Path) -> int:
    """Draw into a file; give how many samples are in it."""
    # A second of start-up that nobody else needs.
    from lunaredge.cli.telemetry.plot import COLUMN_COUNT, draw

    drawn = columns(asked, COLUMN_COUNT)
    draw(asked, drawn, path)
    print(f"drawn: {path}", file=sys.stderr)
    return drawn.sample_count


def _show(asked: Asked, step_ns: int | None) -> None:
    """Draw, and give the last rows."""
    width = max(_WIDTH_MIN, shutil.get_terminal_size().columns)
    drawn = columns(asked, width - LEFT_WIDTH - 1)
    for line in drawing(asked, drawn, marks_for(sys.stdout.encoding)):
        print(line[:width])
    rows, count = _last_rows(asked, drawn, step_ns)
    if not rows:
        return
    for line in history_text.lines_of(rows, printable(asked.unit), step_ns):
        print(line[:width])
    if count > len(rows):
        print(f"{count - len(rows)} more before these; --csv, --json or a pipe gives all")


def _last_rows(
    asked: Asked, drawn: Columns, step_ns: int | None
) -> tuple[list[history_text.Row], int]:
    """Give the last rows, and how many there are in all."""
    if step_ns is None:
        rows = deque(history_text.sample_rows(_with_last(asked, drawn)), ROWS_SHOWN)
        return list(rows), max(len(rows), drawn.sample_count)
    rows, count = deque(maxlen=ROWS_SHOWN), 0
    for row in history_text.bucket_rows(asked, step_ns):
        rows.append(row)
        count += 1
    return list(rows), count


def _with_last(asked: Asked, drawn: Columns) -> Asked:
    """Give the end of the time that has enough samples for what is shown."""
    totals = itertools.accumulate(reversed(drawn.counts.tolist()))
    enough = next((k for k, total in enumerate(totals) if total >= ROWS_SHOWN), None)
    if enough is None:
        return asked
    start_ns = int(drawn.starts_ns[len(drawn.starts_ns) - 1 - enough])
    return asked._replace(span_ns=(max(asked.span_ns[0], start_ns), asked.span_ns[1]))
