"""`lunaredge bench ingest`: telemetry into the archive: a message, a fleet, a drain."""

import importlib
import sys

import msgspec

from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.errors import ConfigError

SECONDS = 150.0
# Each job's module has ``rows(seconds)``.
JOBS = {"commit": "ingest_commit", "fleet": "ingest_fleet", "drain": "ingest_drain"}
LOAD_CODEC = "mqtt5"
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
        found = _measured(job, seconds)
        measured += [msgspec.structs.replace(row, job=job) for row in found]
    return measured


def _measured(job: str, seconds: float) -> list[BenchRow]:
    """Measure a job; without the load's codec, a row says so."""
    try:
        module = importlib.import_module(f"lunaredge.cli.bench.{JOBS[job]}")
    except ModuleNotFoundError as exc:
        if exc.name != LOAD_CODEC:
            raise
        reason = f"{exc.name} is not installed (lunaredge[bench]): the load speaks through it"
        return [BenchRow(case=job, metric="measured", unit="", ours=None, note=reason)]
    rows_of_job: list[BenchRow] = module.rows(seconds)
    return rows_of_job


def _wanted(options: BenchOptions) -> dict[str, float]:
    """Give the jobs with their seconds; one that is alone has all that are given."""
    if options.job is not None:
        return {options.job: options.seconds or SECONDS * _SHARES[options.job]}
    return {job: (options.seconds or SECONDS) * share for job, share in _SHARES.items()}
