"""`lunaredge bench placement`: plans against general solvers' plans, and what they cost."""

import importlib
import sys

import msgspec

from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.errors import ConfigError

# Each job's module has ``rows(options)``.
JOBS = {
    "assign": "placement_gap",
    "site": "placement_site",
    "scale": "placement_scale",
    "events": "placement_events",
}
JOB_ON_DATA = "assign"
# Of the time that is given, in parts.
_SHARES = {"assign": 0.6, "site": 0.3, "scale": 0.06, "events": 0.04}


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure every job, or the one that is wanted. ``data`` is a folder of GAP files.

    Raises:
        ConfigError: the wanted job has no use for data.
    """
    measured: list[BenchRow] = []
    for job in _wanted(options):
        print(f"placement: {job}", file=sys.stderr, flush=True)
        module = importlib.import_module(f"lunaredge.cli.bench.{JOBS[job]}")
        measured += [
            msgspec.structs.replace(row, job=job) for row in module.rows(_share(options, job))
        ]
    return measured


def _wanted(options: BenchOptions) -> list[str]:
    if options.data is None:
        return [job for job in JOBS if options.job in (None, job)]
    if options.job not in (None, JOB_ON_DATA):
        raise ConfigError(
            "nothing here to measure on",
            place="lunaredge bench placement",
            key="--data",
            value=options.data,
            remedy=f"leave it out: {options.job} draws its own",
        )
    return [JOB_ON_DATA]


def _share(options: BenchOptions, job: str) -> BenchOptions:
    """Give a job its part of the time; one that is alone has all of it."""
    if options.seconds is None or len(_wanted(options)) == 1:
        return options
    return msgspec.structs.replace(options, seconds=options.seconds * _SHARES[job])
