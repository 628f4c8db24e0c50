"""`lunaredge bench paths`: the jobs of the paths library, against what users would pick instead."""

import importlib

from lunaredge.cli.bench.contest import Contest, hold
from lunaredge.cli.bench.row import BenchOptions, BenchRow

SECONDS = 60.0
# Each has ``contests(options)``: what is compared, with whom, on which cases.
JOBS = ("paths_solids", "paths_grid", "paths_fleet", "paths_astar", "paths_ground", "paths_site")


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows. ``data`` is a folder with another site.toml and fleet.toml."""
    found = contests(options)
    seconds = options.seconds or SECONDS
    case_count = sum(len(contest.cases) for contest in found)
    return [
        row for contest in found for row in hold(contest, seconds * len(contest.cases) / case_count)
    ]


def contests(options: BenchOptions) -> list[Contest]:
    """Give every contest of every job."""
    modules = [importlib.import_module(f"lunaredge.cli.bench.{job}") for job in JOBS]
    return [contest for module in modules for contest in module.contests(options)]
