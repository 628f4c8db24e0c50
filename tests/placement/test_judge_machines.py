"""The judge can fail: what machines must keep, and plans that hardly differ and don't."""

from typing import Any

import pytest
from msgspec.structs import replace

from lunaredge.placement.plan import Charge, Placed
from lunaredge.placement.problem import (
    Ceiling,
    Charger,
    Current,
    Problem,
    Setup,
    Window,
)
from tests.placement.yard import board, broken, dig, digs, job, rover, runs, site


def test_a_machine_does_one_task_at_a_time():
    problem = site(dig("a"), dig("b"), rover())
    after = {"travel_s": 0, "travel_j": 0}

    assert broken(problem, digs("a"), digs("b", 7, level_j=55, **after)) == []
    assert "one_at_a_time" in broken(problem, digs("a"), digs("b", 6, level_j=56, **after))
    assert "one_at_a_time" in broken(problem, digs("a"), digs("b", 3, level_j=59, **after))


def test_a_machine_has_time_to_travel():
    problem = site(dig("a"), dig("b", place=2, end_place=0), dig("c"), rover(ready_s=2))
    items = [
        digs("a", 5),
        digs("b", 11, travel_s=2, travel_j=4, level_j=51),
        digs("c", 18, level_j=26),
    ]

    def delayed(first: int) -> list[str]:
        later = [replace(i, start_s=i.start_s - 1, end_s=i.end_s - 1) for i in items[first:]]
        return broken(problem, *items[:first], *later)

    assert broken(problem, *items) == []
    assert "travel" in delayed(0)
    assert "travel" in delayed(1)
    assert "travel" in delayed(2)


def test_a_machine_goes_nowhere_where_there_is_no_way_or_no_place():
    assert broken(site(dig(place=3), rover()), digs(start_s=50)) == ["travel"]
    assert broken(site(dig(place=None), rover()), digs(start_s=50)) == ["travel"]
    assert (
        broken(
            site(dig(place=0), rover(place=3)), digs(start_s=1, travel_s=1, travel_j=1, level_j=79)
        )
        == []
    )


def test_one_way_that_is_missing_is_named_once_wherever_it_is():
    problem = site(dig("a"), dig("b", place=3), dig("c"), rover())

    found = broken(problem, digs("a"), digs("b", 50), digs("c", 60))

    assert found == ["travel"]


def test_a_place_that_is_not_there_has_no_way():
    assert broken(thirsty(), replace(charged(), charge=nowhere(4))) == ["posts", "travel"]
    assert broken(thirsty(), replace(charged(), charge=nowhere(-1))) == ["posts", "travel"]


def nowhere(place: int) -> Charge:
    return Charge(place=place, begin_s=6, end_s=11, energy_j=49)


def test_a_machine_is_set_up_from_family_to_family():
    setups = (
        Setup(source="any", target="haul", duration_s=2),
        Setup(source="haul", target="dig", duration_s=1),
    )
    tasks = dig("a", family="haul"), dig("b", family="dig")
    problem = site(*tasks, rover(), setups=setups)
    near = {"travel_s": 0, "travel_j": 0}

    assert broken(problem, digs("a", 5, level_j=73), digs("b", 10, level_j=52, **near)) == []
    assert broken(problem, digs("a", 4, level_j=74), digs("b", 10, level_j=52, **near)) == [
        "travel"
    ]
    assert broken(problem, digs("a", 5, level_j=73), digs("b", 9, level_j=53, **near)) == ["travel"]


def test_a_machine_keeps_its_reserve():
    # Travel takes 5 J, a second of waiting 1 J, the task 20 J.
    for start_s, charge_j, rules in ((3, 35, []), (3, 34, ["battery"]), (4, 35, ["battery"])):
        item = digs(start_s=start_s, level_j=charge_j - 25 - (start_s - 3))

        assert broken(site(dig(), rover(charge_j=charge_j)), item) == rules


def test_work_in_the_dark_takes_heat_and_asks_for_the_larger_reserve():
    def left(charge_j: int, from_s: int, until_s: int, dark_j: int) -> list[str]:
        window = Window(from_s=from_s, until_s=until_s)
        node = rover(charge_j=charge_j, heat_w=2, reserve_dark_j=dark_j)
        heat_j = 2 * (min(7, until_s) - max(0, from_s))
        item = digs(level_j=charge_j - 25 - heat_j)
        return broken(site(dig(), node, darkness=(window,)), item)

    # The second before the task is dark, and the first after it.
    assert left(37, 2, 3, 50) == []
    assert left(36, 2, 3, 50) == ["battery"]
    assert left(35, 7, 9, 50) == []
    # One second of the task is dark, at its beginning or at its end.
    assert left(47, -5, 1, 20) == []
    assert left(77, 3, 4, 50) == []
    assert left(76, 3, 4, 50) == ["battery"]
    assert left(77, 6, 9, 50) == []
    assert left(76, 6, 9, 50) == ["battery"]
    assert left(37, 6, 9, 9) == []
    assert left(36, 6, 9, 9) == ["battery"]


@pytest.mark.parametrize(
    ("chargers", "home_j"),
    [
        ((), 0),
        (((2, 1),), 4),
        (((2, 2), (0, 1)), 4),
        (((2, 1), (0, 1)), 5),
        (((1, 1), (2, 1), (0, 9)), 4),
        (((1, 1), (3, 5)), 0),
    ],
)
def test_the_way_home_is_to_the_second_nearest_post(chargers, home_j):
    posts = tuple(Charger(place=place, posts=count) for place, count in chargers)

    def left(charge_j: int) -> list[str]:
        item = digs(level_j=charge_j - 25)
        return broken(site(dig(), rover(charge_j=charge_j), chargers=posts), item)

    assert left(35 + home_j) == []
    assert left(34 + home_j) == ["battery"]


def test_no_machine_works_where_it_can_reach_no_post():
    problem = site(dig(), rover(), chargers=(Charger(place=3),))

    assert broken(problem, digs()) == ["battery"]


def charged(begin_s=6, **fields: Any) -> Placed:
    """Give a dig after a charge at place 2: there with 60 - 9 J at 6, full at 11, at 1 at 13."""
    lacks_j = 100 - 51 + (begin_s - 6)
    given = {"end_s": begin_s + -(-lacks_j // 10), "energy_j": lacks_j} | fields
    charge = Charge(place=2, begin_s=begin_s, **given)
    start_s = charge.end_s + 2
    return digs(start_s=start_s, travel_s=8, travel_j=13, level_j=76, charge=charge)


def thirsty(**fields: Any) -> Problem:
    """Give a site with a post at place 2 and a rover with 60 J."""
    return site(dig(), rover(charge_j=60, **fields), chargers=(Charger(place=2),))


def test_a_charge_fills_the_battery():
    assert broken(thirsty(), charged()) == []
    assert broken(thirsty(), charged(begin_s=7)) == []
    assert broken(thirsty(), charged(end_s=10)) == ["charge"]
    assert broken(thirsty(), charged(end_s=12)) == ["charge"]
    assert broken(thirsty(), charged(energy_j=48)) == ["charge"]
    assert "travel" in broken(thirsty(), charged(begin_s=5))


def test_a_machine_leaves_its_charger_full_and_in_time():
    item = charged()

    assert broken(thirsty(), replace(item, start_s=12, end_s=16, level_j=77)) == ["travel"]
    assert broken(thirsty(), replace(item, start_s=15, end_s=19, level_j=74)) == []
    assert broken(thirsty(), replace(item, start_s=15, end_s=19)) == ["fields"]


def test_a_set_up_comes_after_the_charge():
    setups = (Setup(source="any", target="haul", duration_s=2),)
    problem = replace(thirsty(), tasks=(dig(family="haul"),), setups=setups)
    item = charged()

    assert broken(problem, replace(item, start_s=15, end_s=19, level_j=74)) == []
    assert broken(problem, replace(item, start_s=14, end_s=18, level_j=75)) == ["travel"]


def test_waiting_for_a_post_takes_heat_and_charging_none():
    darkness = (Window(from_s=5, until_s=8), Window(from_s=9, until_s=11))
    problem = replace(thirsty(heat_w=2), darkness=darkness)

    # It waits from 6 to 8: 2 s at 1 W, and 3 s of darkness since it left.
    assert broken(problem, charged(begin_s=8, energy_j=57, end_s=14)) == []
    assert broken(problem, charged(begin_s=8, energy_j=51, end_s=14)) == ["charge"]


def test_a_charge_is_where_a_charger_is():
    problem = replace(thirsty(), chargers=(Charger(place=1),))

    assert broken(problem, charged()) == ["charge", "posts"]


def test_a_charge_begins_with_the_reserve_at_least():
    # Full, the next 100 J last for a task and the way home; 51 J are left at the charger.
    assert broken(thirsty(reserve_j=51), charged()) == []
    assert broken(thirsty(reserve_j=52), charged()) == []
    assert broken(thirsty(reserve_j=51), charged(begin_s=7)) == ["charge"]


def test_a_machine_that_starts_too_low_may_use_its_reserve_for_the_way():
    # Its way home is 9 J: with a reserve of 51 J it starts with just enough, with 52 J it doesn't.
    assert broken(thirsty(reserve_j=51), charged(begin_s=7)) == ["charge"]
    assert broken(thirsty(reserve_j=52), charged(begin_s=57, end_s=67, energy_j=100)) == []
    assert broken(thirsty(reserve_j=52), charged(begin_s=58, end_s=69, energy_j=101)) == ["charge"]


def test_a_full_battery_is_not_charged():
    problem = site(dig(), rover(), chargers=(Charger(place=0),))

    def charges(begin_s: int) -> list[str]:
        charge = Charge(place=0, begin_s=begin_s, end_s=begin_s + 1, energy_j=begin_s)
        return broken(problem, digs(start_s=begin_s + 4, charge=charge))

    assert charges(1) == []
    assert charges(0) == ["charge"]


def test_no_more_machines_charge_than_there_are_posts():
    nodes = rover(charge_j=60), rover("s", charge_j=60)
    problem = site(dig("a"), dig("b"), *nodes, chargers=(Charger(place=2),))

    def second(begin_s: int, **fields: Any) -> list[str]:
        item = replace(charged(begin_s=begin_s), task="b", node="s")
        return broken(replace(problem, **fields), charged(), item)

    assert second(11) == []
    assert second(10) == ["posts"]
    assert second(10, chargers=(Charger(place=2, posts=2),)) == []
    assert second(10, chargers=(Charger(place=2), Charger(place=2))) == []


def test_what_is_drawn_is_never_more_than_the_bus_gives():
    """A job draws 2 W, a rover that charges from 6 to 11 draws 10 W."""
    parts = dig("a"), job("b"), job("c"), rover(charge_j=60)
    items = charged(), runs("b", 3), runs("c", 7)

    def given(*ceilings: tuple[int, int], is_on_bus: bool = True) -> list[str]:
        bus = tuple(Ceiling(from_s=from_s, power_w=power_w) for from_s, power_w in ceilings)
        chargers = (Charger(place=2),)
        node = board(is_on_bus=is_on_bus)
        return broken(site(*parts, node, chargers=chargers, bus=bus), *items)

    assert given() == []
    assert given((0, 12)) == []
    assert given((0, 11)) == ["bus"]
    assert given((0, 2), (6, 12), (11, 0)) == []
    assert given((0, 1), (6, 12)) == ["bus"]
    assert given((0, 2), (7, 12)) == ["bus"]
    assert given((0, 12), (10, 11)) == ["bus"]
    assert given((0, 12), (10, 9), (11, 12)) == ["bus"]
    assert given((0, 10), is_on_bus=False) == []
    assert given((0, 9), is_on_bus=False) == ["bus"]


def test_a_machine_goes_on_from_where_its_fixed_task_ends():
    running = Current(node="r", left_s=5, left_j=90, is_fixed=True)
    first = dig("a", current=running, place=3, end_place=2, family="haul")
    setups = (Setup(source="haul", target="any", duration_s=2),)
    problem = site(first, dig("b"), rover(charge_j=40), setups=setups)
    fixed = digs("a", 0, end_s=5, energy_j=90, travel_s=0, travel_j=0, level_j=40)
    way = {"travel_s": 2, "travel_j": 4}

    assert broken(problem, fixed, digs("b", 9, level_j=14, **way)) == []
    assert broken(problem, fixed, digs("b", 8, level_j=15, **way)) == ["travel"]
    assert broken(problem, fixed, digs("b", 9, level_j=15, **way)) == ["fields"]
    assert broken(problem, replace(fixed, level_j=39), digs("b", 9, level_j=14, **way)) == [
        "fields"
    ]


def test_a_machine_goes_nowhere_before_it_is_ready():
    running = Current(node="r", left_s=4, left_j=20, is_fixed=True)
    chargers = (Charger(place=2, posts=2),)
    problem = site(
        dig("a", current=running), dig("b", place=2), rover(ready_s=9), chargers=chargers
    )
    fixed = digs("a", 0, travel_s=0, travel_j=0, level_j=100)
    way = {"travel_s": 2, "travel_j": 4}
    # From 4 to 9 it loses 5 J.
    charge = Charge(place=2, begin_s=11, end_s=12, energy_j=9)

    assert broken(problem, fixed, digs("b", 11, level_j=71, **way)) == []
    assert broken(problem, fixed, digs("b", 10, level_j=72, **way)) == ["travel"]
    assert broken(problem, fixed, digs("b", 12, level_j=80, charge=charge, **way)) == []
    early = replace(charge, begin_s=10, end_s=11, energy_j=8)
    assert broken(problem, fixed, digs("b", 12, level_j=79, charge=early, **way)) == ["travel"]


def test_a_task_that_runs_but_is_not_fixed_is_travelled_to():
    running = Current(node="r", left_s=2, left_j=7)
    problem = site(dig(current=running), rover())

    assert broken(problem, digs(end_s=5, energy_j=7, level_j=88)) == []
    assert broken(problem, digs(start_s=2, end_s=4, energy_j=7, level_j=89)) == ["travel"]


@pytest.mark.parametrize("wrong", [{"travel_s": 2}, {"travel_j": 6}, {"level_j": 74}])
def test_what_an_item_says_of_travel_and_battery_follows_from_the_rest(wrong):
    problem = site(dig(), rover())

    assert broken(problem, digs()) == []
    assert broken(problem, replace(digs(), **wrong)) == ["fields"]
