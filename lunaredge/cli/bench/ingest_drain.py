"""`lunaredge bench ingest.drain`: a thousand nodes come back after a day without the broker.

Their spools are filled before the measurement, as that day would have; the drain itself is real.
It is run twice, on a fresh archive each: alone, and beside what goes on at a site all the time.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lunaredge.cli.bench.fleet_site import (
    FleetLoad,
    FleetSite,
    node_names,
    plan_of,
    running_fleet_site,
)
from lunaredge.cli.bench.ingest_fleet import Usage, percentile, usage
from lunaredge.cli.bench.ingest_probes import Probed, Probes
from lunaredge.cli.bench.row import BenchRow
from lunaredge.cli.bench.site import running_agent
from lunaredge.cli.doctor.machine import default_cache
from lunaredge.examples import demo_site
from lunaredge.ids import NodeId
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.site_file import load_site

NODES = 1_000
BACKLOG_ROWS = 100
# Uploads that a site takes in a second, about: a drain is to last as long as was asked for.
UPLOADS_PER_S = 1_500
LIVE_ROWS = 100
RATE_HZ = 10.0
ROW_PERIOD_S = 1.0
# A rate is taken before the last few are waited for.
MEASURED_SHARE = 0.9


class _Drain(NamedTuple):
    uploads_per_s: float
    cpu_pct: Usage


def rows(seconds: float) -> list[BenchRow]:
    """Measure, and give the rows."""
    nodes = node_names(NODES)
    each = max(1, round(seconds / 2.0 * UPLOADS_PER_S / NODES))
    with (
        tempfile.TemporaryDirectory(prefix="lunaredge-bench-") as folder,
        running_fleet_site(Path(folder), default_cache(), nodes) as site,
    ):
        alone = _drained(site, nodes, each, 0.0)
    with (
        tempfile.TemporaryDirectory(prefix="lunaredge-bench-") as folder,
        running_fleet_site(Path(folder), default_cache(), nodes) as site,
        running_agent(Path(folder), site.place, ROW_PERIOD_S) as served,
        _Probing(site, served.node) as probing,
    ):
        live_s = max(seconds / 2.0, LIVE_ROWS / RATE_HZ)
        beside = _drained(site, nodes, each, live_s, probing)
    assert probing.probed is not None
    return list(_rows(site, each, alone, beside, probing.probed))


class _Probing:
    """The probes, in a thread of their own. Use it as a context."""

    def __init__(self, site: FleetSite, served: NodeId) -> None:
        document = load_site(demo_site() / "site.toml")
        fleet = load_fleet(demo_site() / "fleet.toml", document)
        # It raises alarms that its own machine knows nothing of, so that one does not run.
        alarming = next(node.name for node in fleet.nodes if node.name != served)
        self.probed: Probed | None = None
        self._about = (site, document.name, served, alarming)
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "_Probing":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self._loop.close()

    def begin(self) -> None:
        """Begin to measure."""
        self._thread.start()

    def end(self) -> None:
        """End it, and have what was measured."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()

    def _run(self) -> None:
        async def measure() -> Probed:
            return await Probes(*self._about).run(self._ended)

        self.probed = self._loop.run_until_complete(measure())


def _drained(
    site: FleetSite,
    nodes: tuple[NodeId, ...],
    each: int,
    live_s: float,
    probing: _Probing | None = None,
) -> _Drain:
    """Have the backlog drained; give the rate."""
    plan = plan_of(
        site,
        nodes,
        live_s=live_s,
        rate_hz=RATE_HZ,
        rows=LIVE_ROWS,
        backlog=each,
        backlog_rows=BACKLOG_ROWS,
    )
    with FleetLoad(plan) as load:
        before, begin_s = usage(site, load), time.monotonic()
        load.begin()
        if probing is not None:
            probing.begin()
        told, drained, lasted_s = load.told, 0, 0.0
        while drained < MEASURED_SHARE * each * len(nodes) and not told.done:
            told = load.wait(1.0)
            drained, lasted_s = told.uploads_acked - len(load.ages_ms), time.monotonic() - begin_s
        after = usage(site, load)
        if probing is not None:
            probing.end()
        while not load.wait(1.0).done:
            pass
    pct = Usage(*(100.0 * (b - a) / lasted_s for a, b in zip(before, after, strict=True)))
    return _Drain(drained / lasted_s, pct)


def _rows(
    site: FleetSite, each: int, alone: _Drain, beside: _Drain, probed: Probed
) -> Iterator[BenchRow]:
    case = f"{NODES:,} nodes after 24 h, {each} uploads each"
    about = f"{site.broker}, {BACKLOG_ROWS} samples an upload. "

    def row(metric: str, unit: str, ours: float, note: str) -> BenchRow:
        return BenchRow(case=case, metric=metric, unit=unit, ours=ours, note=about + note)

    rate = "Bound by the archive's drain_uploads_per_s, which leaves room for all else"
    yield row("drain_uploads_per_s, alone", "uploads/s", alone.uploads_per_s, rate)
    loaded = (
        "Beside live telemetry of all nodes, alarms and commands. Bound by the archive's"
        " drain_uploads_per_s, then by this machine"
    )
    yield row("drain_uploads_per_s, beside", "uploads/s", beside.uploads_per_s, loaded)
    yield row("rate_share_pct", "%", 100.0 * beside.uploads_per_s / alone.uploads_per_s, loaded)
    words = {
        "alarm": (
            probed.alarms_ms,
            "From an alarm's publishing to the scheduler's acknowledgement, which leaves after its"
            " commit. Bound by the broker's turn, a sync and who has the processor",
        ),
        "command": (
            probed.commands_ms,
            "From an operator's request to the agent's reply as heard. Bound by a sync of the"
            " scheduler and one of the agent, and who has the processor",
        ),
    }
    for name, (took_ms, note) in words.items():
        figures = sorted(took_ms)
        counted = f"{len(figures)} of them. {note}"
        yield row(f"{name}_p99_ms", "ms", percentile(figures, 0.99), counted)
        yield row(f"{name}_max_ms", "ms", percentile(figures, 1.0), counted)
    cost = "While it drains alone. Bound by messages: paho takes most of the archive's"
    for process, pct in alone.cpu_pct._asdict().items():
        yield row(f"cpu_pct, {process}", "% of a core", pct, cost)
