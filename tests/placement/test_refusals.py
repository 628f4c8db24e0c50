"""What no plan can change: each constraint by itself, and what cures it."""

import pytest

from lunaredge.placement.problem import (
    Ceiling,
    Charger,
    Resources,
    Setup,
)
from tests.placement.asked import POST, bus, dark, why
from tests.placement.planned import planned
from tests.placement.yard import ROADS, board, dig, job, rover, site

SET_UP = Setup(source="any", target="x", duration_s=5)
LATE = (Ceiling(from_s=0, power_w=9), Ceiling(from_s=80, power_w=10))
BRIEF = (*LATE, Ceiling(from_s=86, power_w=9))
FINAL = [
    (site(job(not_on=("b",)), board()), site(job(), board()), "ban", "is banned from it", None),
    (
        site(job(capabilities=("dig", "lift", "see")), board(capabilities=("lift",))),
        site(job(capabilities=("lift",)), board(capabilities=("lift",))),
        "capability",
        "needs dig, see",
        2,
    ),
    (
        site(job(health_pct_min=80), board(health_pct=79)),
        site(job(health_pct_min=80), board(health_pct=80)),
        "health",
        "needs 80 % health, has 79 %",
        1,
    ),
    (
        site(job(needs=Resources(payload_kg=80)), board(has=Resources(payload_kg=30))),
        site(job(needs=Resources(payload_kg=30)), board(has=Resources(payload_kg=30))),
        "resource",
        "needs 80 kg of payload, has 30 kg of payload",
        50,
    ),
    (
        site(dig(place=None), rover()),
        site(dig(), rover()),
        "place",
        "the task has no place, and a machine must go to one",
        None,
    ),
    (
        site(dig(place=3), rover()),
        site(dig(place=3), rover(place=3)),
        "way",
        "no way leads from place 0 to place 3",
        None,
    ),
    (
        site(dig(end_place=3), rover(), chargers=POST),
        site(dig(end_place=3), rover(), chargers=(*POST, Charger(place=0))),
        "home",
        "no way leads from place 3 to any charger",
        None,
    ),
    (
        site(job(release_s=50, latest_s=53), board()),
        site(job(release_s=50, latest_s=54), board()),
        "window",
        "takes 4 s, may start at 50 s (its release) and must end by 53 s",
        1,
    ),
    (
        site(job(needs_light=True, latest_s=11), board(), **dark(3, 8)),
        site(job(needs_light=True, latest_s=12), board(), **dark(3, 8)),
        "light",
        "takes 4 s in light, which lasts so long only from 8 s on, and must end by 11 s",
        1,
    ),
    (
        site(dig(), rover(charge_j=34)),
        site(dig(), rover(charge_j=35)),
        "battery",
        "takes 20 J and 5 J of travel, must leave 10 J of reserve and 0 J for the way home;"
        " no charger is there, it has 34 J",
        1,
    ),
    (
        site(dig(), rover(battery_j=37, charge_j=37), chargers=POST),
        site(dig(), rover(battery_j=39, charge_j=39), chargers=POST),
        "battery",
        "takes 20 J and 4 J of travel, must leave 10 J of reserve and 4 J for the way home;"
        " its battery holds 37 J",
        1,
    ),
    (
        site(job(), board(ready_s=100)),
        site(job(), board(ready_s=96)),
        "ready",
        "is lost, or not ready before the horizon ends at 100 s",
        None,
    ),
    (
        site(job(latest_s=53), board(ready_s=50)),
        site(job(latest_s=54), board(ready_s=50)),
        "window",
        "takes 4 s, may start at 50 s (it is ready then) and must end by 53 s",
        1,
    ),
    (
        site(dig(latest_s=6), rover()),
        site(dig(latest_s=7), rover()),
        "window",
        "can't begin before 3 s, for its way there; takes 4 s and must end by 6 s",
        1,
    ),
    (
        site(dig(latest_s=11, family="x"), rover(), setups=(SET_UP,)),
        site(dig(latest_s=12, family="x"), rover(), setups=(SET_UP,)),
        "window",
        "can't begin before 8 s, for its way there and its set-up; takes 4 s and must end by 11 s",
        1,
    ),
    (
        site(dig(needs_light=True, latest_s=12), rover(), **dark(4, 9)),
        site(dig(needs_light=True, latest_s=13), rover(), **dark(4, 9)),
        "light",
        "can't begin before 3 s, for its way there; takes 4 s in light, which lasts so long only"
        " from 9 s on and must end by 12 s",
        1,
    ),
    (
        site(dig(latest_s=18), rover(charge_j=30), chargers=POST),
        site(dig(latest_s=20), rover(charge_j=30), chargers=POST),
        "charge",
        "must charge first, for 7 s at the least, and can't begin before 15 s;"
        " takes 4 s and must end by 18 s",
        1,
    ),
    (
        site(dig(latest_s=90), rover(charge_j=30, idle_w=0), chargers=POST, bus=LATE),
        site(dig(latest_s=94), rover(charge_j=30, idle_w=0), chargers=POST, bus=LATE),
        "charge",
        "must charge first, for 7 s at the least, which the bus feeds from 80 s on,"
        " and can't begin before 87 s; takes 4 s and must end by 90 s",
        1,
    ),
    (
        site(dig(), rover(charge_j=30), chargers=POST, **bus(9)),
        site(dig(), rover(charge_j=30), chargers=POST, **bus(10)),
        "power",
        "must charge first: it has 30 J and needs 38 J; a charge draws 10 W,"
        " the bus gives 9 W at most",
        1,
    ),
    (
        site(dig(), rover(charge_j=30), chargers=POST, bus=BRIEF),
        site(dig(), rover(charge_j=30), chargers=POST),
        "power",
        "must charge first: it has 30 J and needs 38 J; the bus never gives the 10 W of its charge"
        " for the 7 s that it takes at the least",
        None,
    ),
    (
        site(job(), board(), **bus(1)),
        site(job(), board(), **bus(2)),
        "power",
        "draws 2 W, the bus gives 1 W at most",
        1,
    ),
]


@pytest.mark.parametrize(("problem", "cured", "code", "detail", "missing"), FINAL)
def test_what_no_plan_can_change_is_told_and_its_cure_cures(problem, cured, code, detail, missing):
    found = why(problem)
    (refusal,) = found.nodes[0].refusals

    assert not found.is_placed
    assert found.general == ()
    assert (refusal.constraint, refusal.detail, refusal.missing) == (code, detail, missing)
    assert refusal.is_final
    assert found.text.startswith("a is not placed, and no plan can place it; the only node is ")
    assert found.text.endswith(f"{detail}.")
    assert planned(problem, ROADS).unplaced == ("a",)
    assert planned(cured, ROADS).unplaced == ()
