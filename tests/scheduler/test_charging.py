"""Batteries at each grant: a machine goes on only while it can still come home (I8)."""

import math

import pytest

from lunaredge.ids import AuthorityId, CommandId, NodeId, TaskId
from lunaredge.model.polyline import length_m
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.effort import Standing, efforts, shortfall
from lunaredge.scheduler.legs import checked_legs
from lunaredge.scheduler.state import Granted, TaskPhase
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site
from tests.scheduler.test_standoff import PLACES, Point, ask, give, node, settled, task

RESERVE_WH = plain_site.machine().reserve_wh


def charged(site: Site, name: str, at: Point, charge_wh: float, **changes: object) -> None:
    """Have a machine say what it holds over its reserve."""
    word = site.situation(name, x_m=at[0], y_m=at[1], battery_wh=RESERVE_WH + charge_wh, **changes)
    site.say(name, messages.Heartbeat(situation=word))


def test_a_machine_that_could_not_come_home_is_recalled_to_charge() -> None:
    site = settled()
    give(site, first="grader-1")
    charged(site, "grader-1", PLACES["grader-1"], 2.0)

    ask(site, "grader-1", 1, PLACES["grader-1"], (70.0, 70.0))
    site.wait(1.0)
    site.report("grader-1", "first", "cancelled", 2)

    assert node(site, "grader-1").granted is None
    assert len(site.sent("grader-1", messages.Cancel)) == 1
    assert task(site, "first").phase is TaskPhase.QUEUED
    assert task(site, "first").reason.startswith("grader-1 must charge: needs ")


def test_a_machine_that_waits_its_battery_down_is_recalled_in_time() -> None:
    site = settled()
    give(site, first="grader-1")
    charge_wh = 40.0

    for number in range(1, 40):
        charge_wh -= 1.0
        charged(site, "grader-1", PLACES["grader-1"], charge_wh, task="first", attempt=1)
        ask(site, "grader-1", number, PLACES["grader-1"], PLACES["grader-2"])
        if task(site, "first").recalled:
            break

    assert "must charge" in task(site, "first").recalled
    assert charge_wh > 3.0, "the way home is 35 m"


def test_who_must_charge_goes_home_before_it_takes_another_task() -> None:
    site = settled()
    give(site, first="grader-1")
    charged(site, "grader-1", PLACES["grader-1"], 2.0)
    ask(site, "grader-1", 1, PLACES["grader-1"], (70.0, 70.0))

    site.report("grader-1", "first", "cancelled", 2)
    charged(site, "grader-1", PLACES["grader-1"], 2.0)
    site.wait(1.0)
    site.solve()

    assert site.assignment("grader-1").task == "park-1"
    refusal = next(r for r in task(site, "first").refusals if r.node == "grader-1")
    assert refusal.detail == "goes home first, to charge"


def test_charging_is_no_failed_attempt_however_often() -> None:
    site = settled()
    give(site, first="grader-1")
    entry = task(site, "first")
    entry.attempt = entry.charge_count = 40

    entry.recalled = "grader-1 must charge: needs 9 Wh until home, has 2 over the reserve"
    site.report("grader-1", "first", "cancelled", 2)

    assert entry.phase is TaskPhase.QUEUED


def test_a_recall_is_counted_once() -> None:
    site = settled()
    give(site, first="grader-1")
    charged(site, "grader-1", PLACES["grader-1"], 2.0)

    ask(site, "grader-1", 1, PLACES["grader-1"], (70.0, 70.0))
    ask(site, "grader-1", 2, PLACES["grader-1"], (70.0, 70.0))

    assert task(site, "first").charge_count == 1


@pytest.mark.parametrize("battery_wh", [None, math.nan])
def test_no_ground_is_granted_on_an_unknown_battery(battery_wh: float | None) -> None:
    site = settled()
    give(site, first="grader-1")
    word = site.situation("grader-1", x_m=50.0, y_m=10.0, battery_wh=battery_wh)
    site.say("grader-1", messages.Heartbeat(situation=word))

    ask(site, "grader-1", 1, PLACES["grader-1"], (70.0, 70.0))

    assert node(site, "grader-1").granted is None
    assert node(site, "grader-1").wait_reason == "battery not known"


def test_what_is_dug_already_need_not_be_paid_again() -> None:
    site = Site()
    site.census()
    dig = plain_site.task(
        "dig", TaskKind.EXCAVATE, zone="pit", pile="pile", stand=(62.0, 18.0), mass_kg=200.0
    )
    site.submit(plain_site.order(dig))
    site.solve()
    site.reply("excavator-1", site.assignment("excavator-1").command)
    site.report("excavator-1", "dig", "started", 1)
    told = {"task": "dig", "attempt": 1, "progress_ratio": 0.95}
    charged(site, "excavator-1", (62.0, 18.0), 100.0, **told)

    site.request("excavator-1", 2, at=(62.0, 18.0))
    site.solve()

    assert node(site, "excavator-1").granted is not None


def test_who_can_pay_the_straight_way_only_waits_for_it() -> None:
    site = Site()
    site.census()
    dig = plain_site.task(
        "dig", TaskKind.EXCAVATE, zone="pit", pile="pile", stand=(62.0, 18.0), mass_kg=1.0
    )
    home = (8.0, 8.0)
    charged(site, "excavator-1", home, enough_wh(site, dig, home) + 0.2)
    passing(site, (13.0, 3.0), (13.0, 68.0))
    site.submit(plain_site.order(dig))
    site.solve()
    site.reply("excavator-1", site.assignment("excavator-1").command)

    site.request("excavator-1", 1, at=home)
    site.solve()

    assert node(site, "excavator-1").wait_reason.endswith("and the way round is too long")
    assert not task(site, "dig").recalled


def enough_wh(site: Site, work: object, home: Point) -> float:
    """Give the least charge with which placement lets excavator-1 do the work from home."""
    spec = plain_site.machine()
    ground = site.scheduler.core.ctx.ground
    standing = Standing(spec=spec, half_width_m=spec.radius_m + 0.8, position=home, home=home)
    legs = checked_legs(work, spec, ground, 0.8)  # type: ignore[arg-type]
    (effort,) = efforts(ground, standing, [(work, legs)])  # type: ignore[list-item]
    charge_wh = 0.0
    while shortfall(spec, effort, RESERVE_WH + charge_wh):
        charge_wh += 0.1
    return charge_wh


def passing(site: Site, *path: Point) -> None:
    """Have grader-2 under way along a path."""
    entry = node(site, "grader-2")
    entry.body = None
    entry.granted = Granted(
        id=AuthorityId("ma1-0"),
        command=CommandId("c1-0"),
        request_no=1,
        task=TaskId("other"),
        number=0,
        path=path,
        length_m=length_m(path),
        stop_m=length_m(path),
        half_width_m=2.0,
        granted_ns=site.now_ns,
        expiry_ns=site.now_ns + 10**12,
        taken=True,
    )
    assert NodeId("grader-2") in site.scheduler.core.state.nodes
