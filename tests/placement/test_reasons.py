"""Why a task is not placed: each constraint by itself, in its order, and never without a reason."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from lunaredge.errors import ConfigError
from lunaredge.placement.check import check
from lunaredge.placement.plan import Charge, Placed
from lunaredge.placement.problem import (
    After,
    Apart,
    Ceiling,
    Charger,
    Current,
    Problem,
    Resources,
    Window,
)
from lunaredge.placement.reasons import Why, why_not
from lunaredge.placement.refusals import Constraint
from tests.placement.planned import planned
from tests.placement.yard import ROADS, board, dig, digs, job, plan_of, rover, runs, site

POST = (Charger(place=2),)
ONE_CORE = Resources(cpu_mcores=1)
CORE = board(has=ONE_CORE)


def why(problem: Problem, *items: Placed, task: str = "a") -> Why:
    problem = check(problem, ROADS)
    return why_not(problem, ROADS, plan_of(problem, *items), task)


def dark(from_s: int, until_s: int) -> dict[str, Any]:
    return {"darkness": (Window(from_s=from_s, until_s=until_s),)}


def bus(power_w: int) -> dict[str, Any]:
    return {"bus": (Ceiling(from_s=0, power_w=power_w),)}


FINAL = [
    (site(job(), rover()), site(job(), board()), "kind", "runs on board, this is rover", None),
    (
        site(job(only_on=("c",)), board()),
        site(job(), board()),
        "pin",
        "is pinned to c",
        None,
    ),
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
        "has no place, which a machine must go to",
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
        "takes 4 s, may start at 50 s and must end by 53 s",
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
    assert found.text.startswith("a is not placed, and no plan can place it; of 1 nodes")
    assert found.text.endswith(f"{detail}.")
    assert planned(problem, ROADS).unplaced == ("a",)
    assert planned(cured, ROADS).unplaced == ()


def charges(node: str, begin_s: int = 6) -> Placed:
    """Give a dig of b after a charge at place 2 of a rover that starts with 60 J."""
    charge = Charge(place=2, begin_s=begin_s, end_s=begin_s + 5, energy_j=49)
    way = {"travel_s": 8, "travel_j": 13, "level_j": 76}
    return digs("b", begin_s + 7, node=node, charge=charge, **way)


def thirsty(**fields: Any) -> Problem:
    """Give a site on which r must charge, at place 2, and s does from 6 to 11."""
    parts = dig(latest_s=fields.pop("latest_s"), only_on=("r",)), dig("b")
    nodes = rover(charge_j=30), rover("s", charge_j=60)
    return site(*parts, *nodes, **fields)


LOW = "would have 5 J left at 7 s, must have 14 J for its reserve and the way home"
REPLICAS = (job("a", apart=Apart(group="g")), job("b", apart=Apart(group="g")))
OTHERWISE = [
    (
        site(*REPLICAS, board()),
        [runs("b")],
        [("apart", "node b has b of group g", None)],
    ),
    (
        site(job(after=(After(task="b", lag_s=10),), latest_s=17), job("b"), board()),
        [runs("b")],
        [("order", "b is over at 14 s, with its lag; it takes 4 s and must end by 17 s", 1)],
    ),
    (
        site(
            job(needs=ONE_CORE, latest_s=6),
            job("b", needs=ONE_CORE),
            job("c", needs=ONE_CORE),
            board(has=Resources(cpu_mcores=2)),
        ),
        [runs("b"), runs("c", 1)],
        [
            (
                "busy",
                "cpu_mcores is taken until 4 s by b, c; it would end at 8 s, must end by 6 s",
                2,
            )
        ],
    ),
    (
        site(dig(latest_s=10), dig("b"), rover()),
        [digs("b")],
        [
            (
                "busy",
                "is busy until 7 s with b and has to get there;"
                " it would end at 11 s, must end by 10 s",
                1,
            )
        ],
    ),
    (
        site(dig(latest_s=6), rover()),
        [],
        [
            (
                "busy",
                "is ready at 0 s and has to get there; it would end at 7 s, must end by 6 s",
                1,
            )
        ],
    ),
    (
        site(dig(needs_light=True, latest_s=12), rover(), **dark(4, 9)),
        [],
        [
            (
                "light",
                "there at 3 s, in light so long only from 9 s on;"
                " it would end at 13 s, must end by 12 s",
                1,
            )
        ],
    ),
    (
        site(dig(latest_s=12), rover(charge_j=60, reserve_dark_j=40), **dark(2, 9)),
        [],
        [
            (
                "energy",
                "would have 35 J left at 7 s, must have 40 J for its reserve and the way home",
                5,
            )
        ],
    ),
    (
        site(dig(), dig("b"), rover(charge_j=50)),
        [digs("b", level_j=25)],
        [
            (
                "energy",
                "would have 5 J left at 11 s, must have 10 J for its reserve and the way home",
                5,
            )
        ],
    ),
    (
        thirsty(latest_s=19, chargers=POST),
        [],
        [
            ("energy", LOW, 9),
            (
                "charge",
                "charges at place 2 from 6 to 14 s; it would end at 20 s, must end by 19 s",
                1,
            ),
        ],
    ),
    (
        thirsty(latest_s=24, chargers=POST),
        [charges("s")],
        [
            ("energy", LOW, 9),
            (
                "post",
                "charges at place 2 from 11 to 20 s; it would end at 26 s, must end by 24 s",
                2,
            ),
        ],
    ),
    (
        thirsty(latest_s=24, chargers=(Charger(place=2, posts=2),), **bus(10)),
        [charges("s")],
        [
            ("energy", LOW, 9),
            (
                "bus",
                "charges at place 2 from 11 to 20 s; it would end at 26 s, must end by 24 s",
                2,
            ),
        ],
    ),
    (
        thirsty(latest_s=99, chargers=POST, **bus(9)),
        [],
        [
            ("energy", LOW, 9),
            ("bus", "its charge draws 10 W, which the bus never gives again", None),
        ],
    ),
    (
        site(job(latest_s=7), job("b"), board(), **bus(2)),
        [runs("b")],
        [("bus", "the bus can't feed it until 4 s; it would end at 8 s, must end by 7 s", 1)],
    ),
    (
        site(job(meets="b"), job("b"), board()),
        [],
        [
            (
                "partner",
                "meets b, and of the 1 nodes tried for that none can begin with it",
                None,
            )
        ],
    ),
    (
        site(dig(), dig("b", end_place=3), dig("c", place=3), rover(place=1)),
        [digs("b", 0, travel_s=0, travel_j=0, level_j=80)],
        [("way", "no way leads from place 3, where it is after b, to place 1", None)],
    ),
]


@pytest.mark.parametrize(("problem", "items", "expected"), OTHERWISE)
def test_what_another_plan_could_change_is_told_with_what_is_missing(problem, items, expected):
    found = why(problem, *items)
    node = next(one for one in found.nodes if one.node in ("b", "r"))

    assert [(r.constraint, r.detail, r.missing) for r in node.refusals] == expected
    assert not any(refusal.is_final for refusal in node.refusals)
    assert found.text.startswith("a is not placed, and this plan can't")


@pytest.mark.parametrize(
    ("problem", "code", "detail"),
    [
        (
            site(job(after=(After(task="x"),))),
            "unknown",
            "waits for x, which is not in the problem",
        ),
        (site(job(after=(After(task="a"),))), "circle", "waits for a"),
        (
            site(*(job(one, after=(After(task=other),)) for one, other in ("ab", "bc", "ca"))),
            "circle",
            "waits for b, which waits for c, which waits for a",
        ),
        (
            site(
                job("a", meets="b"),
                job("b", after=(After(task="c"),)),
                job("c", after=(After(task="a"),)),
            ),
            "circle",
            "meets b, which waits for c, which waits for a",
        ),
        (
            site(job("a", meets="b", after=(After(task="b"),)), job("b")),
            "circle",
            "waits for b, which meets a",
        ),
        (site(job(approved_s=None)), "approval", "has no approval"),
        (
            site(job(after=(After(task="b"),)), job("b")),
            "unplaced",
            "waits for b, which is not placed",
        ),
        (
            site(job(meets="b"), job("b", approved_s=None)),
            "partner",
            "meets b, which can't be placed: it has no approval",
        ),
        (
            site(job(), job("b", meets="a", health_pct_min=50), board(health_pct=40), rover()),
            "partner",
            "meets b, which can be on no node; the nearest is b: needs 50 % health, has 40 %",
        ),
    ],
)
def test_what_keeps_a_task_from_every_node_is_told_first(problem, code, detail):
    found = why(problem)

    assert (found.general[0].constraint, found.general[0].detail) == (code, detail)
    said = "is not" if code == "unplaced" else "can't be"
    assert found.text == f"a {said} placed: it {detail}."


def test_a_fixed_task_waits_for_nothing_and_so_is_in_no_circle():
    running = Current(node="b", left_s=4, left_j=8, is_fixed=True)
    problem = site(
        job("a", after=(After(task="b"),)),
        job("b", after=(After(task="a"),), current=running),
        board(),
    )

    found = why(problem, runs("b"))

    assert found.general == ()
    assert found.nodes[0].items[0].start_s == 4


def test_final_refusals_come_first_and_all_are_told():
    task = job(capabilities=("dig",), not_on=("b",), needs=Resources(tools=2, power_w=5))
    task = replace(task, apart=Apart(group="g"))
    other = replace(REPLICAS[1])
    found = why(site(task, other, board()), runs("b"))

    assert [refusal.constraint for refusal in found.nodes[0].refusals] == [
        Constraint.BAN,
        Constraint.CAPABILITY,
        Constraint.RESOURCE,
        Constraint.RESOURCE,
        Constraint.APART,
    ]


def test_the_nodes_nearest_to_taking_it_come_first():
    nodes = [
        board("far", capabilities=(), health_pct=50),
        board("worse", capabilities=("see",), has=ONE_CORE, health_pct=40),
        board("bad", capabilities=("see",), has=ONE_CORE, health_pct=50),
        board("busy", capabilities=("see",), has=ONE_CORE),
        board("free", capabilities=("see",), has=ONE_CORE),
    ]
    task = job(capabilities=("see",), needs=ONE_CORE, health_pct_min=60, latest_s=6)
    found = why(site(task, job("b", needs=ONE_CORE), *nodes), runs("b", node="busy"))

    assert [node.node for node in found.nodes] == ["free", "busy", "bad", "worse", "far"]
    assert found.text == "a is not placed, but free could do it from 0 to 4 s: plan again."


def test_a_machine_that_is_too_low_for_the_dark_waits_for_light():
    problem = site(dig(latest_s=13), rover(charge_j=60, reserve_dark_j=40), **dark(2, 9))

    (item,) = why(problem).nodes[0].items

    assert (item.start_s, item.end_s, item.level_j) == (9, 13, 29)


def test_a_hand_over_that_could_be_is_told_with_both_its_tasks():
    found = why(site(job(meets="b"), dig("b"), board(), rover()))

    assert found.nodes[0].items == (
        runs("a", 3),
        digs("b", 3),
    )


def test_a_hand_over_waits_until_the_bus_can_feed_both():
    nodes = board("b"), board("c")
    tasks = job(meets="b"), job("b"), job("c")
    problem = site(*tasks, *nodes, **bus(5))

    assert why(problem, runs("c")).nodes[0].items == (runs("a", 4), runs("b", 4, "c"))
    assert why(site(*tasks, *nodes, **bus(3))).nodes[0].items == ()


def test_a_hand_over_whose_partner_comes_too_late_is_refused():
    problem = site(job(meets="b", needs=ONE_CORE, latest_s=6), dig("b"), CORE, rover())

    found = why(problem)

    assert [refusal.constraint for refusal in found.nodes[0].refusals] == [Constraint.PARTNER]


def test_a_task_that_is_placed_says_when_and_by_what():
    found = why(site(dig(), rover()), digs())

    assert found.is_placed
    assert found.nodes == ()
    assert found.text == "a is placed on r from 3 to 7 s; it starts then by travel."


def test_without_nodes_there_is_one_reason():
    assert why(site(job())).text == "a can't be placed: there are no nodes."


def test_an_unknown_task_is_refused():
    with pytest.raises(ConfigError, match="no such task"):
        why(site(job(), board()), task="x")


def test_an_answer_goes_to_json_and_back():
    found = why(FINAL[5][0])

    assert msgspec.json.decode(msgspec.json.encode(found), type=Why) == found


def test_a_computer_that_is_dark_too_long_says_from_when_on_it_is_light():
    task = job(needs_light=True, needs=ONE_CORE, latest_s=12)
    problem = site(task, job("b", needs=ONE_CORE), CORE, **dark(6, 9))

    (refusal,) = why(problem, runs("b")).nodes[0].refusals

    assert refusal.constraint is Constraint.LIGHT
    assert refusal.detail == "in light again from 9 s on; it would end at 13 s, must end by 12 s"
