"""`lunaredge audit DIR`: judge a finished run again, from its disks alone.

Damaged rows are an answer, not an error: they are told by store, and what can still be judged is.
"""

import argparse
from pathlib import Path

import msgspec

from lunaredge.cli.demo.inquest import Inquest
from lunaredge.cli.demo.record import RunRecord
from lunaredge.cli.demo.report import Report, make_report
from lunaredge.cli.demo.text import as_text, verdict_text
from lunaredge.cli.named_file import named_folder
from lunaredge.cli.table import as_json
from lunaredge.errors import JournalCorrupt


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument(
        "folder", type=named_folder, metavar="DIR", help="what `lunaredge demo --keep` left"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def run(options: argparse.Namespace) -> int:
    """Judge and print."""
    record = RunRecord.load(options.folder)
    try:
        report = make_report(options.folder, record)
        text = as_text(report)
    except JournalCorrupt as exc:
        report = _not_judged(options.folder, record, exc)
        text = verdict_text(report)
    print(as_json(report) if options.json else text)
    return 0 if report["ok"] else 1


def _not_judged(folder: Path, record: RunRecord, exc: JournalCorrupt) -> Report:
    """Report a run whose damaged rows leave nothing to replay.

    Raises:
        JournalCorrupt: no single row is damaged: it is the file, or what was written into it.
    """
    damage = Inquest(folder, record).survey()
    if not damage:
        raise exc
    return {
        "ok": False,
        "reasons": [*map(str, damage), f"so the invariants can't be judged: {exc}"],
        "invariants": None,
        "damaged": msgspec.to_builtins(damage),
    }
