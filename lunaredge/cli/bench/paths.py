"""`lunaredge bench paths`: the jobs of the paths library, against what users would pick instead."""

import importlib
import sys
from pathlib import Path

from lunaredge.cli.bench.contest import Contest, hold
from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.errors import ConfigError

SECONDS = 60.0
# Each has ``contests(options)``: what is compared, with whom, on which cases.
JOBS = (
    "paths_solids",
    "paths_grid",
    "paths_fleet",
    "paths_astar",
    "paths_ground",
    "paths_site",
    "paths_plan",
)
JOBS_ON_DATA = {"site.toml": "paths_site", "*.tif": "paths_plan"}


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows. ``data`` is a folder with another site.toml and fleet.toml."""
    found = contests(options)
    seconds = options.seconds or SECONDS
    case_count = sum(len(contest.cases) for contest in found)
    measured: list[BenchRow] = []
    for number, contest in enumerate(found, start=1):
        about = f"{number} of {len(found)}: {next(iter(contest.cases))}, {contest.metric}"
        print(about, file=sys.stderr, flush=True)
        measured += hold(contest, seconds * len(contest.cases) / case_count)
    return measured


def contests(options: BenchOptions) -> list[Contest]:
    """Give every contest of every job; on other data those that can use them.

    Raises:
        ConfigError: the folder holds nothing that a job can use.
    """
    jobs = JOBS if options.data is None else _jobs_on(Path(options.data))
    modules = [importlib.import_module(f"lunaredge.cli.bench.{job}") for job in jobs]
    return [contest for module in modules for contest in module.contests(options)]


def _jobs_on(folder: Path) -> list[str]:
    """Name the jobs that find their data in a folder."""
    jobs = [job for pattern, job in JOBS_ON_DATA.items() if any(folder.glob(pattern))]
    if not jobs:
        raise ConfigError(
            "nothing here to measure on",
            place="lunaredge bench paths",
            key="--data",
            value=str(folder),
            remedy=f"name a folder with {' or '.join(JOBS_ON_DATA)}",
        )
    return jobs
