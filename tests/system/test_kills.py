"""A whole site of real processes, three of them killed in mid-work: nothing lost, nothing twice.

The run is the demo's own, on a smaller site; what is asserted is what `lunaredge demo` reports.
"""

import asyncio

import pytest

from lunaredge.cli.demo_report import make_report
from lunaredge.cli.demo_run import DemoRun, Plot
from lunaredge.cli.demo_site import DemoWishes, prepare
from lunaredge.errors import TransportError
from lunaredge.runtime.broker import BrokerChoice
from tests.system.tiny_site import write_tiny_site

SPEED = 60.0
KILLS = ("agent-excavator-1", "broker", "scheduler")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["mosquitto", "amqtt"])
def report(request, tmp_path_factory):
    """Play one run; give its report."""
    folder = tmp_path_factory.mktemp(request.param)
    wishes = DemoWishes(
        site=write_tiny_site(folder / "site"),
        speed=SPEED,
        seed=1,
        kills=(),
        outage=True,
        broker=BrokerChoice(request.param),
    )
    try:
        site = prepare(folder / "run", wishes, lambda _: None)
    except TransportError as exc:
        pytest.skip(str(exc))
    plot = Plot(kills=KILLS, first_kill_s=150.0, next_kill_s=150.0, first_forgery_s=60.0)
    record = asyncio.run(DemoRun(site, plot, lambda _: None).play())
    return make_report(folder / "run", record)


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
