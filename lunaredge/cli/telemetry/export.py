"""`lunaredge export`: telemetry into a Parquet, MCAP or CSV file, whole or not at all."""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from lunaredge.cli.named_file import named_file
from lunaredge.cli.telemetry.folder import Archive, add_archive, open_archive, tell_damage
from lunaredge.cli.telemetry.selection import Selection, selected
from lunaredge.cli.telemetry.times import EPILOG, add_span, iso, span_of
from lunaredge.cli.telemetry.writing import Tell, Write
from lunaredge.errors import ConfigError
from lunaredge.runtime.files.route_output import check_target, written_whole
from lunaredge.units import NS_PER_S

FORMATS = ("parquet", "mcap", "csv")
# A terminal's line is written anew so often; a log gets a line after ten times that.
_TELL_S = 1.0
_COLUMNS = 79


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument("--format", choices=FORMATS, required=True, help="of the file")
    parser.add_argument(
        "--out",
        type=named_file,
        required=True,
        metavar="FILE",
        help="the file, which is replaced when all is written; or a folder to put one in",
    )
    add_archive(parser)
    parser.add_argument(
        "--node", action="append", default=[], metavar="NODE", help="this one alone; repeatable"
    )
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="PATTERN",
        help="these alone, as battery_wh or 'pose*'; repeatable",
    )
    add_span(parser)
    parser.epilog = (
        f"{EPILOG} CSV and Parquet have a row for each sample, in order of node, channel and time; "
        "MCAP, for Foxglove and Rerun, a topic for each node. Parquet and MCAP need "
        "lunaredge[export]."
    )


def run(options: argparse.Namespace) -> int:
    """Write a file and say what is in it."""
    # Before any work is done: what is missing here ends the command.
    write = _writer(options.format)
    with open_archive(options) as archive:
        selection = _selection(archive, options)
        path = _target(options, selection.span_ns)
        told = _Telling()
        with written_whole(path) as part:
            count = write(selection, part, told.tell)
            size_bytes = part.stat().st_size
        told.end()
    if not count:
        span = f"from {iso(selection.span_ns[0])} to {iso(selection.span_ns[1])}"
        print(f"no samples of what was asked for {span}: the file has none", file=sys.stderr)
    nodes = len({each.node for each in selection.series})
    print(
        f"{path}: {count} samples of {len(selection.series)} channels of {nodes} nodes, "
        f"{iso(selection.span_ns[0])} to {iso(selection.span_ns[1])}, {size_bytes} bytes"
    )
    return tell_damage(archive.reader)


def _writer(form: str) -> Write:
    """Give what writes a format; loaded here, for not everybody has all of them installed."""
    match form:
        case "parquet":
            from lunaredge.cli.telemetry import export_parquet

            return export_parquet.write
        case "mcap":
            from lunaredge.cli.telemetry import export_mcap

            return export_mcap.write
        case _:
            from lunaredge.cli.telemetry import export_csv

            return export_csv.write


def _selection(archive: Archive, options: argparse.Namespace) -> Selection:
    series = selected(archive.reader, options.node, options.channel)
    spans = [each.known_ns for each in series]
    known_ns = min(start for start, _ in spans), max(end for _, end in spans)
    return Selection(archive.reader, series, span_of(options, known_ns, archive.now_ns))


def _target(options: argparse.Namespace, span_ns: tuple[int, int]) -> Path:
    """Give the file's path, in a folder one that is named by its time.

    Raises:
        ConfigError: no file can be written there.
    """
    path: Path = options.out
    if path.is_dir():
        start, end = (
            datetime.fromtimestamp(at_ns // NS_PER_S, UTC).strftime("%Y%m%dT%H%M%SZ")
            for at_ns in span_ns
        )
        path /= f"telemetry-{start}-{end}.{options.format}"
    elif not path.suffix and not path.exists():
        raise ConfigError(
            "there is no such folder",
            place="lunaredge export",
            key="--out",
            value=str(path),
            remedy=f"make the folder first, or name a file that ends in .{options.format}",
        )
    check_target(path, (f".{options.format}",))
    return path


class _Telling:
    """Says now and then how far an export is."""

    def __init__(self) -> None:
        self._is_screen = sys.stderr.isatty()
        self._wait_s = _TELL_S if self._is_screen else 10 * _TELL_S
        self._due_s = time.monotonic() + self._wait_s
        self._has_told = False
        self.tell: Tell = self._tell

    def _tell(self, count: int, node: str) -> None:
        if time.monotonic() < self._due_s:
            return
        self._due_s, self._has_told = time.monotonic() + self._wait_s, True
        text = f"{count} samples written, at {node}"
        if self._is_screen:
            print(f"\r{text[:_COLUMNS]:<{_COLUMNS}}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self._has_told and self._is_screen:
            print(file=sys.stderr)
