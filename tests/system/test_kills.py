"""A whole site of real processes, three of them killed in mid-work: nothing lost, nothing twice.

The run is the demo's own, on a smaller site; what is asserted is what `lunaredge demo` reports.
"""

import asyncio

import pytest

from lunaredge.cli.demo.report import Report, make_report
from lunaredge.cli.demo.run import DemoRun, Plot
from lunaredge.cli.demo.site import DemoSite
from lunaredge.errors import TransportError
from lunaredge.runtime.broker import BrokerChoice
from tests.system.site_run import prepare_tiny_site

BROKERS = ("mosquitto", "amqtt")
PLOT = Plot(
    kills=("agent-excavator-1", "broker", "scheduler"),
    first_kill_s=150.0,
    next_kill_s=150.0,
    first_forgery_s=60.0,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Play a run on each broker, side by side: most of a run is waiting. Give the reports."""
    sites = {}
    for broker in BROKERS:
        try:
            sites[broker] = prepare_tiny_site(tmp_path_factory.mktemp(broker), BrokerChoice(broker))
        except TransportError:
            sites[broker] = None
    return asyncio.run(play(sites))


async def play(sites: dict[str, DemoSite | None]) -> dict[str, Report]:
    found = {broker: site for broker, site in sites.items() if site is not None}
    runs = [DemoRun(site, PLOT, lambda _: None).play() for site in found.values()]
    records = await asyncio.gather(*runs)
    folders = [site.folder for site in found.values()]
    made = [make_report(folder, record) for folder, record in zip(folders, records, strict=True)]
    return dict(zip(found, made, strict=True))


@pytest.fixture(params=BROKERS)
def report(request, reports):
    if request.param not in reports:
        pytest.skip(f"no {request.param} here")
    return reports[request.param]


def test_every_invariant_holds_and_was_checked(report):
    verdicts = report["invariants"]

    assert not report["violations"]
    assert not report["trouble"]
    assert all(verdict["ok"] and verdict["checked"] for verdict in verdicts.values()), verdicts
    assert report["ok"]


def test_the_processes_were_killed_in_mid_work(report):
    assert [kill["name"] for kill in report["kills"]] == ["excavator-1", "broker", "scheduler"]


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


def test_earth_has_everything_after_its_outage(report):
    earth = report["earth"]

    assert earth["outages"] == 1
    assert (earth["lost"], earth["waiting"]) == (0, 0)
    assert earth["delivered"] > 0


def test_what_was_forged_is_refused_and_counted(report):
    assert [attack["kind"] for attack in report["attacks"]] == [
        "forge",
        "omit_signature",
        "babble",
        "replay",
    ]
    assert report["commands_refused"] >= 4
