"""`lunaredge audit DIR`: judge a finished run again, from its disks alone."""

import argparse
from pathlib import Path

from lunaredge.cli.demo.record import RunRecord
from lunaredge.cli.demo.report import make_report
from lunaredge.cli.demo.text import as_text
from lunaredge.cli.table import as_json


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="what `lunaredge demo --keep` left"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def run(options: argparse.Namespace) -> int:
    """Judge and print."""
    report = make_report(options.folder, RunRecord.load(options.folder))
    print(as_json(report) if options.json else as_text(report))
    return 0 if report["ok"] else 1
