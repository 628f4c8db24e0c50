"""Why a task is not placed: each constraint by itself, in its order, and never without a reason."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from lunaredge.errors import ConfigError
from lunaredge.placement.plan import Charge, Placed
from lunaredge.placement.problem import (
    After,
    Apart,
    Ceiling,
    Charger,
    Problem,
    Resources,
)
from lunaredge.placement.reasons import Why
from lunaredge.placement.refusals import Constraint
from tests.placement.asked import CORE, ONE_CORE, POST, bus, dark, dash, why
from tests.placement.planned import planned
from tests.placement.yard import ROADS, board, dig, digs, job, rover, runs, site


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


FADING = (Ceiling(from_s=0, power_w=10), Ceiling(from_s=12, power_w=9))
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
        site(dig(latest_s=6), dash(), rover()),
        [],
        [
            (
                "travel",
                "is ready at 0 s, and can be there from where it is at 3 s;"
                " it would end at 7 s, must end by 6 s",
                1,
            )
        ],
    ),
    (
        site(dig(needs_light=True, latest_s=12), dash(), rover(), **dark(5, 9)),
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
            (
                "charge",
                "must charge, at place 2 from 6 to 14 s; it would end at 20 s, must end by 19 s",
                1,
            ),
            ("energy", LOW, 9),
        ],
    ),
    (
        thirsty(latest_s=24, chargers=POST),
        [charges("s")],
        [
            (
                "post",
                "must charge, at place 2 from 11 to 20 s, once the machine of b has;"
                " it would end at 26 s, must end by 24 s",
                2,
            ),
            ("energy", LOW, 9),
        ],
    ),
    (
        thirsty(latest_s=24, chargers=(Charger(place=2, posts=2),), **bus(10)),
        [charges("s")],
        [
            (
                "bus",
                "must charge, at place 2 from 11 to 20 s, since the bus can't feed it before;"
                " it would end at 26 s, must end by 24 s",
                2,
            ),
            ("energy", LOW, 9),
        ],
    ),
    (
        site(dig(), dig("b"), rover(charge_j=50), chargers=POST, bus=FADING),
        [digs("b", level_j=25)],
        [
            ("bus", "must charge, which draws 10 W that the bus never gives again", None),
            (
                "energy",
                "would have 5 J left at 11 s, must have 14 J for its reserve and the way home",
                9,
            ),
        ],
    ),
    (
        site(job(latest_s=7), job("b"), board(), **bus(2)),
        [runs("b")],
        [("bus", "the bus can't feed it until 4 s; it would end at 8 s, must end by 7 s", 1)],
    ),
    (
        site(
            job(meets="b", needs=ONE_CORE, latest_s=6),
            job("b", needs=ONE_CORE, latest_s=6),
            job("c", needs=ONE_CORE),
            CORE,
            board("c", has=ONE_CORE),
        ),
        [runs("c", node="c")],
        [
            (
                "partner",
                "meets b, for which there is room on this node only, and not on another",
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


def test_a_node_that_gets_further_is_nearer_than_one_of_a_wrong_kind():
    low = replace(rover("low", place=3), health_pct=40)
    nodes = board(), rover("lost", ready_s=100, place=3), low, rover("far")
    problem = site(dig(place=3, health_pct_min=50), *nodes, chargers=POST)

    found = why(problem)

    assert [[r.constraint for r in node.refusals] for node in found.nodes] == [
        ["way", "home"],
        ["health", "home"],
        ["ready"],
        ["kind"],
    ]
    said = "of 4 nodes the nearest is far: no way leads from place 0 to place 3."
    assert found.text == f"a is not placed, and no plan can place it; {said}"


def test_a_machine_that_gets_there_and_not_home_is_nearer_than_one_that_does_not_get_there():
    nodes = rover("far"), rover("there", place=3)
    problem = site(dig(place=3, latest_s=1), *nodes, chargers=POST)

    found = why(problem)

    assert [node.node for node in found.nodes] == ["there", "far"]
    assert [node.refusals[0].constraint for node in found.nodes] == ["home", "way"]


def test_a_task_behind_one_that_carries_its_machine_nearer_is_not_called_hopeless():
    problem = site(dig(latest_s=6), dash(), rover())

    found = why(problem)

    assert not found.is_final
    assert planned(problem, ROADS).unplaced == ()


def test_of_two_that_meet_the_one_whose_release_is_too_late_is_named_to_both():
    tasks = job(meets="b"), job("b", release_s=98)
    problem = site(*tasks, board(), board("c"))

    texts = [why(problem, task=name).text for name in "ab"]

    said = "is not placed, and no plan can place it; of 2 nodes the nearest is b: takes 4 s, may"
    since = "(the release of b, which it meets)", "(its release)"
    assert texts == [
        f"{name} {said} start at 98 s {why_so} and must end by 100 s."
        for name, why_so in zip("ab", since, strict=True)
    ]


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
    assert found.text == "a is placed on r from 3 to 7 s; its machine is there then, set up for it."
    assert not found.is_final


def test_without_nodes_there_is_one_reason():
    assert why(site(job())).text == "a can't be placed: there are no nodes."


def test_an_unknown_task_is_refused():
    with pytest.raises(ConfigError, match="no such task"):
        why(site(job(), board()), task="x")


def test_an_answer_goes_to_json_and_back():
    found = why(site(job(), board(ready_s=100)))

    assert msgspec.json.decode(msgspec.json.encode(found), type=Why) == found


def test_a_computer_that_is_dark_too_long_says_from_when_on_it_is_light():
    task = job(needs_light=True, needs=ONE_CORE, latest_s=12)
    problem = site(task, job("b", needs=ONE_CORE), CORE, **dark(6, 9))

    (refusal,) = why(problem, runs("b")).nodes[0].refusals

    assert refusal.constraint is Constraint.LIGHT
    assert refusal.detail == "in light again from 9 s on; it would end at 13 s, must end by 12 s"
