"""A whole site of real processes, four of them killed in mid-work: nothing lost, nothing twice.

The run is the demo's own, on a smaller site; what is asserted is what `lunaredge demo` reports.
"""

import asyncio
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from lunaredge.cli.demo.earthward import uploads_to_earth
from lunaredge.cli.demo.inquest import Inquest
from lunaredge.cli.demo.record import RunRecord
from lunaredge.cli.demo.report import Report, make_report
from lunaredge.cli.demo.run import DemoRun, Plot
from lunaredge.cli.demo.site import DemoSite
from lunaredge.earth import uplink
from lunaredge.errors import TransportError
from lunaredge.ids import TaskId
from lunaredge.runtime.broker import BrokerChoice
from lunaredge.runtime.store import Store
from lunaredge.units import s_from_ns
from lunaredge.wire.records import decode_record
from tests.system.site_run import prepare_tiny_site

BROKERS = ("mosquitto", "amqtt")
PLOT = Plot(
    # Earth's station last: it then holds an approval that people are still thinking about.
    kills=("agent-excavator-1", "broker", "scheduler", "earth"),
    first_kill_s=150.0,
    next_kill_s=150.0,
    first_forgery_s=60.0,
)

# From the tiny site's contact plan.
OUTAGE_S = (900.0, 1200.0)
# Site time that a record may need to Earth, over an open link, with the two seconds of wall time in
# which a loaded machine does not turn to it.
ON_ITS_WAY_S = 180.0

pytestmark = pytest.mark.slow


class Played(NamedTuple):
    """A finished run: its report, and when what waits for Earth had its word. Site time, s."""

    report: Report
    under_way_s: list[float]
    """How long before the end each record was made that Earth did not have by then."""
    predecessor_ended_s: float
    approved_s: float
    started_s: float


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Play a run on each broker, side by side: most of a run is waiting."""
    sites = {}
    for broker in BROKERS:
        try:
            sites[broker] = prepare_tiny_site(tmp_path_factory.mktemp(broker), BrokerChoice(broker))
        except TransportError:
            sites[broker] = None
    return asyncio.run(play(sites))


async def play(sites: dict[str, DemoSite | None]) -> dict[str, Played]:
    found = {broker: site for broker, site in sites.items() if site is not None}
    runs = [DemoRun(site, PLOT, lambda _: None).play() for site in found.values()]
    records = await asyncio.gather(*runs)
    folders = [site.folder for site in found.values()]
    made = [told(folder, record) for folder, record in zip(folders, records, strict=True)]
    return dict(zip(found, made, strict=True))


def told(folder: Path, record: RunRecord) -> Played:
    tasks = Inquest(folder, record).hold().core.state.tasks
    earth = Store.open_to_read(folder / "stores" / "earth.sqlite")
    rows = [row for row in earth.rows() if row.table == uplink.TABLE]
    earth.close()
    # A scheduler that begins anew asks for Earth's word again, and may get it twice.
    order = min(
        (msgspec.msgpack.decode(row.value, type=uplink.Order) for row in rows),
        key=lambda each: each.directive.not_before_ns,
    )
    times_ns = (
        tasks[TaskId("fuse")].ended_ns,
        order.directive.not_before_ns,
        tasks[TaskId("measure-again")].started_ns,
    )
    times_s = [s_from_ns(time_ns - record.start_ns) for time_ns in times_ns]
    not_there = [decode_record(one.record) for one in uploads_to_earth(folder) if not one.on_earth]
    under_way_s = [s_from_ns(record.end_ns - one.site_ns) for one in not_there]
    return Played(make_report(folder, record), under_way_s, *times_s)


@pytest.fixture(params=BROKERS)
def run(request, runs):
    if request.param not in runs:
        pytest.skip(f"no {request.param} here")
    return runs[request.param]


@pytest.fixture
def report(run):
    return run.report


def test_every_invariant_holds_and_was_checked(report):
    verdicts = report["invariants"]

    assert not report["violations"]
    assert not report["trouble"]
    assert all(verdict["ok"] for verdict in verdicts.values()), verdicts
    # Nobody locks a machine out here, nor closes a zone.
    kept = [verdict["checked"] for name, verdict in verdicts.items() if name.startswith("I")]
    assert all(kept), verdicts
    assert report["ok"]
    assert report["reasons"] == []


def test_the_processes_were_killed_in_mid_work(report):
    killed = [kill["name"] for kill in report["kills"]]

    assert killed == ["excavator-1", "broker", "scheduler", "earth"]


def test_every_task_is_done_once(report):
    tasks = report["tasks"]

    assert (tasks["submitted"], tasks["done"], tasks["failed"], tasks["cancelled"]) == (5, 5, 0, 0)
    assert report["earthwork"]["pits_kg"] == pytest.approx({"pit": 4.0})
    assert report["earthwork"]["piles_kg"] == pytest.approx({"pile": 0.0, "berm": 4.0})


def test_every_record_is_archived_once(report):
    telemetry = report["telemetry"]

    assert telemetry["lost"] == 0
    assert telemetry["produced"] == telemetry["archived"] > 0
    assert not any(telemetry["dropped_by_class"].values())


def test_earth_has_everything_after_its_outage(run):
    earth = run.report["earth"]

    # The planned one; the killed station may be silent for long enough to be taken for another.
    assert earth["outages"] in (1, 2)
    assert earth["lost"] == 0
    # The site goes on talking until its processes are stopped: its last words are under way then.
    assert earth["waiting"] == len(run.under_way_s)
    assert all(before_s < ON_ITS_WAY_S for before_s in run.under_way_s), run.under_way_s
    assert earth["delivered"] > 0


def test_what_was_forged_is_refused_and_counted(report):
    assert [attack["kind"] for attack in report["attacks"]] == [
        "forge",
        "omit_signature",
        "babble",
        "replay",
    ]
    assert report["commands_refused"] == sum(report["refused_by_reason"].values()) >= 4


def test_what_needs_earth_waits_for_a_word_that_no_outage_lets_through(run):
    assert run.predecessor_ended_s < run.approved_s < run.started_s
    # On a slow machine the killed station may hear of the wish after the outage only.
    assert run.started_s > OUTAGE_S[1]
