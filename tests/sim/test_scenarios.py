"""The made sites: what they promise of room, work and time, so that a run tests what it should."""

import math

import pytest

from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.orders import refusals_at_submit
from lunaredge.scheduler.paths import Corridor
from lunaredge.sim.field import goals_kg
from lunaredge.sim.scenario import SCENARIOS, roomy, standard
from lunaredge.sim.scenarios.roomy import MACHINES
from lunaredge.sim.scenarios.standard import ORDER_EVERY_S
from lunaredge.units import ns_from_s

CORRIDOR_M = 1.5 + 0.8
"""Half a machine's corridor."""


@pytest.fixture(scope="module")
def ground():
    return GroundMap.of(standard().site)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_order_of_a_scenario_is_sound(name):
    scenario = SCENARIOS[name]()
    ground = GroundMap.of(scenario.site)

    found = [
        str(problem)
        for due in scenario.orders
        for problem in refusals_at_submit(due.order, scenario.site, scenario.fleet, ground)
    ]

    assert found == []


def test_the_standard_site_has_twelve_machines_and_three_computers():
    nodes = standard().fleet.nodes

    assert sum(node.machine is not None for node in nodes) == 12
    assert sum(node.computer is not None for node in nodes) == 3


@pytest.mark.parametrize("hours", [0.25, 1.0, 24.0])
def test_orders_come_for_as_long_as_things_go_wrong(hours):
    scenario = standard(hours)

    times_s = [due.at_s for due in scenario.orders]

    assert scenario.safety_s == hours * 3_600.0
    assert times_s == [number * ORDER_EVERY_S for number in range(len(times_s))]
    assert scenario.safety_s - ORDER_EVERY_S <= times_s[-1] < scenario.safety_s


@pytest.mark.parametrize("hours", [1.0, 24.0])
def test_the_contact_plan_outlasts_the_run(hours):
    scenario = standard(hours)

    last_ns = scenario.plan.contacts[-1].end_ns - scenario.start_ns

    assert last_ns >= ns_from_s(scenario.safety_s + scenario.work_s_max)


def test_names_of_tasks_are_used_once_over_a_day():
    names = [task.id for task in standard(24.0).tasks]

    assert len(names) == len(set(names)) > 300


def test_each_dig_of_a_quarry_goes_deeper_and_the_goal_is_the_deepest():
    scenario = standard(24.0)
    digs = [task for task in scenario.tasks if task.kind is TaskKind.EXCAVATE]

    goals = goals_kg(scenario)

    for zone in ("pit-a", "pit-b", "pit-c"):
        asked_kg = [task.mass_kg for task in digs if task.zone == zone]
        assert asked_kg == sorted(set(asked_kg))
        assert goals[zone] == asked_kg[-1]


def test_one_machine_passes_the_gap_and_two_abreast_do_not(ground):
    through = ((230.0, 145.0), (256.0, 145.0))

    one = Corridor(ground, CORRIDOR_M, 15.0, ()).violation(through)
    two = Corridor(ground, 2.0 * CORRIDOR_M, 15.0, ()).violation(through)

    assert one is None
    assert two is not None


def test_there_is_a_way_round_the_ridge_at_both_ends(ground):
    corridor = Corridor(ground, 2.0 * CORRIDOR_M, 15.0, ())

    for y_m in (25.0, 272.0):
        assert corridor.violation(((220.0, y_m), (270.0, y_m))) is None


def test_the_hill_is_steeper_than_the_rest_and_can_be_driven(ground):
    slopes_deg = ground.slopes_deg

    assert 8.0 < float(slopes_deg.max()) < 12.0
    assert float((slopes_deg > 3.0).mean()) < 0.1


def test_every_machine_has_a_charger_of_its_own_at_home():
    scenario = standard()
    homes = [node.home for node in scenario.fleet.nodes if node.home is not None]
    (park,) = [zone for zone in scenario.site.zones if zone.kind is ZoneKind.CHARGE]

    (x1_m, y1_m), _, (x2_m, y2_m), _ = park.polygon

    assert all(x1_m < x_m < x2_m and y1_m < y_m < y2_m for x_m, y_m in homes)
    assert min(math.dist(a, b) for a in homes for b in homes if a is not b) > 4 * CORRIDOR_M


def test_a_machine_of_the_roomy_site_has_the_same_ways_alone_as_among_all():
    alone, together = roomy([3]), roomy()

    assert len(together.fleet.nodes) == MACHINES
    assert alone.orders == together.orders[3:4]
    assert alone.fleet.nodes == together.fleet.nodes[3:4]
    assert alone.site == together.site
