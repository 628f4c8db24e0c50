"""Legs: what a machine does for a task, where, and on which ground."""

import msgspec
import pytest

from lunaredge.errors import Infeasible
from lunaredge.model.task import Dig, Dump, Leg, Load, TaskKind, Tool
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.legs import LEGS_MAX, checked_legs, legs_for
from tests.scheduler import sites
from tests.scheduler.sound_order import DIG, GRADE, HAUL, SITE, changed


@pytest.mark.parametrize(
    ("kind", "tool"),
    [
        (TaskKind.SURVEY, Tool.SCANNER),
        (TaskKind.GRADE, Tool.BLADE),
        (TaskKind.COMPACT, Tool.ROLLER),
    ],
)
def test_a_zone_is_covered_pass_by_pass_with_the_tool_of_the_task(kind, tool):
    legs, repeat = legs_for(sites.task("t", kind, zone="pad"), SITE, sites.machine())

    assert not repeat
    assert len(legs) == 6
    assert all(leg.tool is tool and leg.goal is None and len(leg.path) == 2 for leg in legs)


def test_a_second_turn_goes_back_the_way_of_the_first():
    once, _ = legs_for(GRADE, SITE, sites.machine())

    twice, _ = legs_for(changed(GRADE, passes=2), SITE, sites.machine())

    assert twice[: len(once)] == once
    assert [leg.path[::-1] for leg in reversed(once)] == [leg.path for leg in twice[len(once) :]]


def test_digging_is_one_leg_with_the_goal_in_the_ground():
    legs, repeat = legs_for(DIG, SITE, sites.machine())

    goal = Dig(zone="pit", pile="spoil", mass_kg=900.0)
    assert (legs, repeat) == ((Leg(path=((-45.0, 3.0),), goal=goal),), False)


def test_hauling_is_loading_and_dumping_again_and_again():
    legs, repeat = legs_for(HAUL, SITE, sites.machine())

    assert repeat
    assert [leg.path for leg in legs] == [((-30.0, 3.0),), ((65.0, -50.0),)]
    assert [leg.goal for leg in legs] == [Load(pile="spoil"), Dump(pile="berm")]


def test_parking_is_going_there():
    legs, repeat = legs_for(sites.task("p", TaskKind.PARK, stand=(1.0, 2.0)), SITE, sites.machine())

    assert (legs, repeat) == ((Leg(path=((1.0, 2.0),)),), False)


def test_more_passes_than_an_assignment_holds_are_infeasible():
    with pytest.raises(Infeasible, match=f"more than {LEGS_MAX}"):
        legs_for(changed(GRADE, passes=1000), SITE, sites.machine())


def test_legs_on_ground_too_steep_for_the_machine_are_infeasible():
    ground = GroundMap.of(
        msgspec.structs.replace(SITE, terrain=sites.terrain(height_m=lambda x, y: 0.3 * x))
    )

    with pytest.raises(Infeasible, match=r"slope of 16.7 deg on the leg from 21.2, 21.2"):
        checked_legs(GRADE, sites.machine(slope_deg_max=15.0), ground, 0.8)
    assert checked_legs(GRADE, sites.machine(slope_deg_max=17.0), ground, 0.8)


def test_the_same_work_under_other_names_is_looked_at_once():
    ground = GroundMap.of(SITE)

    first = checked_legs(GRADE, sites.machine(), ground, 0.8)
    again = checked_legs(changed(GRADE, id="again", priority=1), sites.machine(), ground, 0.8)
    twice = checked_legs(changed(GRADE, passes=2), sites.machine(), ground, 0.8)

    assert again is first
    assert len(twice) == 2 * len(first)
