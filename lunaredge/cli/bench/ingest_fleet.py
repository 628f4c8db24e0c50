"""`lunaredge bench ingest.fleet`: a thousand nodes at 10 Hz, and whether anything is lost.

Real broker, real archive, and a load that speaks the production session over MQTT, each a process
on this machine. When the load has its last acknowledgement, the archive is read from its disk.
"""

import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lunaredge.cli.bench.fleet_load import CHANNEL_COUNT, Told, channels
from lunaredge.cli.bench.fleet_site import (
    FleetLoad,
    FleetSite,
    node_names,
    plan_of,
    running_fleet_site,
)
from lunaredge.cli.bench.proc import cpu_s_of, memory_of
from lunaredge.cli.bench.row import BenchRow
from lunaredge.cli.doctor.machine import default_cache
from lunaredge.ids import NodeId
from lunaredge.node import KeepKind
from lunaredge.runtime.archive.read import ArchiveReader

NODES = 1_000
RATE_HZ = 10.0
ROWS = 10
# Acknowledged so often that the acknowledgement tells of the commit.
ACK_PERIOD_S = 0.2
# When memory is looked at for the first time: everybody has connected and sent by then.
FIRST_LOOK_SHARE = 0.2
# Nodes whose every value is read back.
SUMMED = 5


class Usage(NamedTuple):
    """Processor seconds of each process."""

    archive: float
    broker: float
    load: float


class _Run(NamedTuple):
    told: Told
    ages_ms: list[float]
    rss_mib: tuple[float, float]
    cpu_pct: Usage
    lost: float
    """Samples offered that the archive does not have."""
    lost_sum: float
    """Of the values of some nodes, what the archive's lack."""


def rows(seconds: float) -> list[BenchRow]:
    """Measure, and give the rows."""
    nodes = node_names(NODES)
    with tempfile.TemporaryDirectory(prefix="lunaredge-bench-") as folder:
        where = Path(folder), default_cache()
        with running_fleet_site(*where, nodes, ack_period_s=ACK_PERIOD_S) as site:
            plan = plan_of(site, nodes, live_s=seconds, rate_hz=RATE_HZ, rows=ROWS)
            with FleetLoad(plan) as load:
                run = _watched(site, load, nodes, seconds)
        return list(_rows(site, run, seconds))


def _watched(site: FleetSite, load: FleetLoad, nodes: tuple[NodeId, ...], seconds: float) -> _Run:
    before, begin_s, rss_mib = usage(site, load), time.monotonic(), 0.0
    load.begin()
    while not load.wait(1.0).done:
        if not rss_mib and time.monotonic() - begin_s >= seconds * FIRST_LOOK_SHARE:
            rss_mib = memory_of(site.archive_pid).rss_mib
    lasted_s, after = time.monotonic() - begin_s, usage(site, load)
    last_mib = memory_of(site.archive_pid).rss_mib
    lost, lost_sum = lost_of(site, nodes, load.told)
    return _Run(
        told=load.told,
        ages_ms=sorted(load.ages_ms),
        rss_mib=(rss_mib or last_mib, last_mib),
        cpu_pct=Usage(*(100.0 * (b - a) / lasted_s for a, b in zip(before, after, strict=True))),
        lost=lost,
        lost_sum=lost_sum,
    )


def usage(site: FleetSite, load: FleetLoad) -> Usage:
    """Give the processor time that each process has taken so far."""
    return Usage(*map(cpu_s_of, (site.archive_pid, site.broker_pid, load.pid)))


def percentile(values: list[float], share: float) -> float:
    """Give the value that so great a share of the sorted ones do not exceed; NaN of none."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def lost_of(site: FleetSite, nodes: tuple[NodeId, ...], told: Told) -> tuple[float, float]:
    """Read the archive; give the samples that it lacks, and the sum that some nodes lack."""
    with ArchiveReader.open(site.archive) as reader:
        archived = sum(
            stretch.samples
            for _, stretch in reader.coverage(None)
            if stretch.kind is KeepKind.SAMPLES
        )
        found = math.fsum(
            math.fsum(reader.samples(node, channel.name, 0, 2**62).values.tolist())
            for node in nodes[:SUMMED]
            for channel in channels()
        )
    # Every node sends the same values.
    wanted = told.values_sum * len(nodes[:SUMMED]) / len(nodes)
    return float(told.samples_offered - archived), wanted - found


def _rows(site: FleetSite, run: _Run, seconds: float) -> Iterator[BenchRow]:
    case = f"{NODES:,} nodes, {RATE_HZ:g} Hz, {CHANNEL_COUNT} channels"
    about = f"{site.broker}, {seconds:.0f} s, {run.told.samples_offered:,} samples offered. "
    values = run.told.samples_acked * CHANNEL_COUNT / seconds

    def row(metric: str, unit: str, ours: float, note: str) -> BenchRow:
        return BenchRow(case=case, metric=metric, unit=unit, ours=ours, note=about + note)

    yield row(
        "values_per_s",
        "values/s",
        values,
        "As many as are offered: bound by the load, which sends at a fixed rate. No peer: one that"
        " takes rows would need a load of its own form; ingest.commit has it",
    )
    yield row(
        "lost", "samples", run.lost, "Offered, and not in the archive as read from its disk: proof"
    )
    yield row(
        "lost_sum", "", run.lost_sum, f"Of all values of {SUMMED} nodes, offered less read: proof"
    )
    ages = (
        "From a batch's first sample to its acknowledgement, which leaves after the commit and so"
        f" is an upper bound. Bound by waiting: {ROWS / RATE_HZ:g} s is the batch, {ACK_PERIOD_S:g}"
        " s the gathering for a commit or an answer"
    )
    yield row("p50_ms", "ms", percentile(run.ages_ms, 0.5), ages)
    yield row("p99_ms", "ms", percentile(run.ages_ms, 0.99), ages)
    memory = (
        "Of the archive. Bound by its libraries and what waits for a commit, and by the columns of"
        " a segment while one is settled, which is each 4 to 5 minutes at this rate"
    )
    for share, mib in zip((f"at {FIRST_LOOK_SHARE:.0%}", "at the end"), run.rss_mib, strict=True):
        yield row(f"rss_mib, {share}", "MiB", mib, memory)
    cost = "Bound by messages: paho takes most of the archive's. Settling comes on top, see commit"
    for process, pct in run.cpu_pct._asdict().items():
        yield row(f"cpu_pct, {process}", "% of a core", pct, cost)
