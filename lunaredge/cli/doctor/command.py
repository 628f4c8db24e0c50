"""`lunaredge doctor`: check this computer, and settings with the files and the broker they name.

Works on a board that has the agent alone: what needs more is skipped, and says so.
"""

import argparse
from pathlib import Path

import msgspec

from lunaredge.cli import site_access
from lunaredge.cli.doctor.config import PROCESSES, examine
from lunaredge.cli.doctor.finding import Finding, State, exit_code, told_once
from lunaredge.cli.doctor.kernels import check_kernels, say_progress
from lunaredge.cli.doctor.machine import check_machine, default_cache
from lunaredge.cli.doctor.settings import explain
from lunaredge.cli.table import Column, Row, as_json, render
from lunaredge.errors import ConfigError

COLUMNS = (Column("setting", "SETTING"), Column("value", "VALUE"), Column("what", "WHAT"))


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="settings of a process or a client; may be repeated",
    )
    parser.add_argument(
        "--as",
        dest="process",
        choices=PROCESSES,
        help="whose settings these are, where their keys leave it open",
    )
    parser.add_argument("--explain", action="store_true", help="print every setting and its reason")
    parser.add_argument("--warm", action="store_true", help="compile the kernels now")
    site_access.add_json(parser)
    parser.epilog = (
        "Exit code 0: nothing failed; 1: a check failed; 2: settings can't be used;"
        " 3: a broker or a disk is missing. What is skipped fails nothing."
    )


def run(options: argparse.Namespace) -> int:
    """Make every check, print what was found, give the exit code."""
    if options.explain and not options.config:
        raise ConfigError(
            "there is nothing to explain",
            place="lunaredge doctor",
            key="--explain",
            value=None,
            remedy="name settings with --config FILE",
        )
    findings = [*check_machine(default_cache()), check_kernels(say_progress, warm=options.warm)]
    settings: dict[str, list[Row]] = {}
    for path in options.config:
        examined = examine(path, options.process)
        findings += examined.findings
        if options.explain and examined.settings is not None:
            rows = explain(examined.settings)
            settings[str(path)] = [msgspec.structs.asdict(row) for row in rows]
    findings = told_once(findings)
    code = exit_code(findings)
    print(_json(findings, settings) if options.json else _text(findings, settings))
    return code


def _json(findings: list[Finding], settings: dict[str, list[Row]]) -> str:
    checks = [msgspec.to_builtins(finding) for finding in findings]
    document: dict[str, object] = {"ok": exit_code(findings) == 0, "checks": checks}
    return as_json(document | {"settings": settings} if settings else document)


def _text(findings: list[Finding], settings: dict[str, list[Row]]) -> str:
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.state.value:<7}  {finding.name:<{width}}  {finding.found}")
        if finding.remedy:
            lines.append(f"{'':<7}  {'':<{width}}  -> {finding.remedy}")
    for path, rows in settings.items():
        lines += ["", path, render([row | {"value": _exact(row)} for row in rows], COLUMNS)]
    failed_count = sum(finding.state is State.FAILED for finding in findings)
    lines.append(f"\n{failed_count} of {len(findings)} checks failed")
    return "\n".join(lines)


def _exact(row: Row) -> object:
    """Give a value as it was set; tables round, and 0.001 is not nothing."""
    value = row["value"]
    return f"{value:g}" if isinstance(value, float) else value
