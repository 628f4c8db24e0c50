"""`lunaredge bench`: measure lunaredge, against named peers where there are any."""

import argparse
import importlib
import sys
from pathlib import Path

from lunaredge.cli import site_access
from lunaredge.cli.bench.ingest import JOBS as INGEST_JOBS
from lunaredge.cli.bench.paths import JOBS as PATHS_JOBS
from lunaredge.cli.bench.placement import JOBS as PLACEMENT_JOBS
from lunaredge.cli.bench.report import as_text
from lunaredge.cli.bench.row import BenchOptions, BenchRow, as_document
from lunaredge.cli.numbers import number
from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError, LunarEdgeError

MODULES = {
    "paths": "paths",
    "placement": "placement",
    "mapf": "mapf",
    "ingest": "ingest",
    "footprint": "footprint",
    "sim": "sim",
}
LATER = ("link", "monitor")
# Longer than anyone measures; a slip of the hand would hold the machine for a week.
SECONDS_MAX = 86_400.0
_JOBS_OF = {"paths": PATHS_JOBS, "placement": PLACEMENT_JOBS, "ingest": INGEST_JOBS}
JOBS = [f"{name}.{job}" for name, jobs in _JOBS_OF.items() for job in jobs]
# What a picture of cost against size is drawn of, and by what.
PLOTTED = {
    "paths": "paths_plot",
    "placement": "placement_plot",
    "placement.scale": "placement_plot",
}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"{', '.join(MODULES)} (all of them, when none is named);"
        f" one job of paths, placement or ingest: {', '.join(JOBS)}",
    )
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="run on other instances of the same format: paths on site.toml, *.tif or *.map;"
        " mapf on *.map and *.scen; placement on GAP files; ingest, footprint and sim have none",
    )
    parser.add_argument(
        "--seconds",
        type=number("give seconds, such as 10"),
        metavar="S",
        help="about how long to measure, shared by all cases; on top of it come starting,"
        " drawing scenes and comparing answers: for paths some two minutes, and for one job of it"
        " 5 to 40 s (default of paths: 60); an instance of placement.assign takes 31 s;"
        " ingest: 150, and starting a thousand nodes",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="FILE",
        help=f"draw cost against size, as a PNG; of {', '.join(PLOTTED)}",
    )
    site_access.add_json(parser)
    parser.epilog = (
        "A ratio over 1 means that ours is better. A peer that is not installed"
        " (lunaredge[bench]) is a row that says so. With several names, --json prints a list."
    )


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    names = options.names or list(MODULES)
    _check(names, options.seconds)
    if options.plot is not None:
        _check_plot(options.plot, names)
    documents, code = [], 0
    for name in names:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        try:
            rows = _rows_of(name, options)
        except LunarEdgeError as exc:
            # One that fails must not take the figures of the others with it.
            code = _told(name, exc)
            continue
        bench = name.partition(".")[0]
        documents.append(as_document(bench, rows))
        if not options.json:
            print(as_text(bench, rows), end="\n\n", flush=True)
        if options.plot is not None and name in PLOTTED:
            try:
                _plot(name, rows, options.plot)
            except LunarEdgeError as exc:
                code = _told(name, exc)
    if options.json and documents:
        print(as_json(documents[0] if len(names) == 1 else documents))
    return code


def _rows_of(name: str, options: argparse.Namespace) -> list[BenchRow]:
    bench, _, job = name.partition(".")
    wanted = BenchOptions(seconds=options.seconds, data=options.data, job=job or None)
    module = importlib.import_module(f"lunaredge.cli.bench.{MODULES[bench]}")
    rows: list[BenchRow] = module.rows(wanted)
    return rows


def _plot(name: str, rows: list[BenchRow], path: Path) -> None:
    importlib.import_module(f"lunaredge.cli.bench.{PLOTTED[name]}").draw(rows, path)
    print(f"wrote {path}", file=sys.stderr)


def _told(name: str, exc: LunarEdgeError) -> int:
    """Say what went wrong with one benchmark; give the exit code."""
    print(f"lunaredge: bench {name}: {exc}", file=sys.stderr)
    return exc.exit_code


def _check(names: list[str], seconds: float | None) -> None:
    for name in names:
        if name in LATER:
            raise _refusal("this comes with a later release", "NAME", name)
        if name not in MODULES and name not in JOBS:
            raise _refusal("no such benchmark", "NAME", name)
    if seconds is not None and not 0.0 < seconds <= SECONDS_MAX:
        raise ConfigError(
            "out of range",
            place="lunaredge bench",
            key="--seconds",
            value=seconds,
            remedy=f"give more than 0 and at most {SECONDS_MAX:g}",
        )


def _check_plot(path: Path, names: list[str]) -> None:
    drawn = [name for name in names if name in PLOTTED]
    if len(drawn) != 1:
        problem = "nothing to draw" if not drawn else "more than one to draw"
        value, remedy = " ".join(names), f"measure one of {', '.join(PLOTTED)}"
    elif path.suffix != ".png":
        problem, value, remedy = "no picture", str(path), "name a file that ends in .png"
    elif not path.parent.is_dir():
        problem, value, remedy = "no such folder", str(path), "make the folder first"
    else:
        return
    raise ConfigError(problem, place="lunaredge bench", key="--plot", value=value, remedy=remedy)


def _refusal(problem: str, key: str, value: str) -> ConfigError:
    remedy = f"name one of {', '.join(MODULES)}, or one of their jobs: {', '.join(JOBS)}"
    return ConfigError(problem, place="lunaredge bench", key=key, value=value, remedy=remedy)
