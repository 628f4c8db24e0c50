"""`lunaredge bench ingest`: telemetry into the archive: a message, a fleet, a drain."""

import importlib
import sys

import msgspec

from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.errors import ConfigError

SECONDS = 150.0
# Each job's module has ``rows(seconds)``.
JOBS = {"commit": "ingest_commit", "fleet": "ingest_fleet", "drain": "ingest_drain"}
# Of the time that is given, in parts.
_SHARES = {"commit": 0.2, "fleet": 0.4, "drain": 0.4}


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure every job, or the one that is wanted.

    Raises:
        ConfigError: it has no use for data.
    """
    if options.data is not None:
        raise ConfigError(
            "these samples are drawn, from a fixed seed",
            place="lunaredge bench ingest",
            key="--data",
            value=options.data,
            remedy="leave it out",
        )
    measured: list[BenchRow] = []
    for job, seconds in _wanted(options).items():
        print(f"ingest: {job}", file=sys.stderr, flush=True)
        module = importlib.import_module(f"lunaredge.cli.bench.{JOBS[job]}")
        measured += [msgspec.structs.replace(row, job=job) for row in module.rows(seconds)]
    return measured


def _wanted(options: BenchOptions) -> dict[str, float]:
    """Give the jobs with their seconds; one that is alone has all that are given."""
    if options.job is not None:
        return {options.job: options.seconds or SECONDS * _SHARES[options.job]}
    return {job: (options.seconds or SECONDS) * share for job, share in _SHARES.items()}
