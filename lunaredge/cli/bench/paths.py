"""`lunaredge bench paths`: the jobs of the paths library, against what users would pick instead."""

import importlib
import sys
from pathlib import Path

import msgspec

from lunaredge.cli.bench.contest import Contest, Processes, hold
from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.errors import ConfigError

SECONDS = 60.0
# Each job's module has ``contests(options)``: what is compared, with whom, on which cases.
JOBS = {
    "solids": "paths_solids",
    "grid": "paths_grid",
    "fleet": "paths_fleet",
    "astar": "paths_astar",
    "ground": "paths_ground",
    "site": "paths_site",
    "plan": "paths_plan",
}
JOBS_ON_DATA = {"site.toml": "site", "*.tif": "plan", "*.map": "astar"}


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows. ``data`` is a folder of what `JOBS_ON_DATA` has."""
    found = contests(options)
    seconds = options.seconds or SECONDS
    case_count = sum(len(contest.cases) for job in found.values() for contest in job)
    count, number = sum(map(len, found.values())), 0
    measured: list[BenchRow] = []
    for job, own in found.items():
        with Processes() as processes:
            for contest in own:
                number += 1
                about = f"{number} of {count}: {job}, {next(iter(contest.cases))}, {contest.metric}"
                print(about, file=sys.stderr, flush=True)
                share_s = seconds * len(contest.cases) / case_count
                measured += [
                    msgspec.structs.replace(row, job=job)
                    for row in hold(contest, share_s, processes)
                ]
    return measured


def contests(options: BenchOptions) -> dict[str, list[Contest]]:
    """Give the contests of every job, or of the one that is wanted; on other data, where it fits.

    Raises:
        ConfigError: the folder holds nothing that the job can use.
    """
    jobs = list(JOBS) if options.data is None else _jobs_on(Path(options.data), options.job)
    wanted = [job for job in jobs if options.job in (None, job)]
    modules = [importlib.import_module(f"lunaredge.cli.bench.{JOBS[job]}") for job in wanted]
    return {job: module.contests(options) for job, module in zip(wanted, modules, strict=True)}


def _jobs_on(folder: Path, wanted: str | None) -> list[str]:
    """Name the jobs that find their data in a folder."""
    fitting = {pattern: job for pattern, job in JOBS_ON_DATA.items() if wanted in (None, job)}
    jobs = [job for pattern, job in fitting.items() if any(folder.glob(pattern))]
    if not jobs:
        remedy = f"name a folder with {' or '.join(fitting)}"
        raise ConfigError(
            "nothing here to measure on",
            place="lunaredge bench paths",
            key="--data",
            value=str(folder),
            remedy=remedy if fitting else f"leave it out: {wanted} draws its own",
        )
    return jobs
