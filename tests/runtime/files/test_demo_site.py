import math

import numpy as np
import pytest
import shapely

from lunaredge.examples import demo_site
from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from lunaredge.units import SECONDS_PER_HOUR, s_from_ns
from tests.runtime.files.budget import CLEARANCE_M, Calculation, route_m

FOLDER = demo_site()
SITE = load_site(FOLDER / "site.toml")
FLEET = load_fleet(FOLDER / "fleet.toml", SITE)
ORDER = load_order(FOLDER / "order.yaml")
CONTACTS = load_contacts(FOLDER / "contacts.json")
TASKS = {task.id: task for task in ORDER.tasks}

WORK_SLOPE_DEG_MAX = 10.0
# From a machine's centre to the ground it digs or loads: what simulated machines reach, and less.
REACH_M = 6.0


def slopes_deg():
    grid = SITE.terrain
    heights_m = np.frombuffer(grid.heights_m, "<f4").reshape(grid.rows, grid.columns)
    rise_y, rise_x = np.gradient(heights_m.astype(np.float64), grid.cell_m)
    return np.degrees(np.arctan(np.hypot(rise_x, rise_y)))


def worst_slope_deg(shape):
    """Give the steepest cell that the shape touches."""
    slopes, cell_m = slopes_deg(), SITE.terrain.cell_m
    west, south, east, north = (int(edge // cell_m) for edge in shape.bounds)
    touched = [
        slopes[row, column]
        for row in range(south, north + 1)
        for column in range(west, east + 1)
        if shape.intersects(
            shapely.box(column * cell_m, row * cell_m, (column + 1) * cell_m, (row + 1) * cell_m)
        )
    ]
    return max(touched)


def zone_shape(name):
    return shapely.Polygon(SITE.zone(name).polygon)


def stands():
    """Give every point where a task has a machine stand, with the zones that it works on."""
    for task in ORDER.tasks:
        if task.kind is TaskKind.EXCAVATE:
            yield task.stand, (task.zone, task.pile)
        elif task.kind is TaskKind.HAUL:
            yield task.stand, (task.pile,)
            yield task.to_stand, (task.to_pile,)


@pytest.mark.parametrize(
    "name", [zone.name for zone in SITE.zones if zone.kind is not ZoneKind.KEEP_OUT]
)
def test_no_ground_to_work_or_park_on_is_steep(name):
    assert worst_slope_deg(zone_shape(name)) < WORK_SLOPE_DEG_MAX


def test_no_machine_stands_on_a_steep_spot_or_on_a_pile():
    piles = [zone_shape(zone.name) for zone in SITE.zones if "pi" in zone.name or "be" in zone.name]
    radius_m = max(node.machine.radius_m for node in FLEET.nodes if node.machine)

    for stand, names in stands():
        body = shapely.Point(stand).buffer(radius_m)
        assert worst_slope_deg(body) < WORK_SLOPE_DEG_MAX
        assert not any(body.intersects(pile) for pile in piles)
        assert all(zone_shape(name).distance(shapely.Point(stand)) < REACH_M for name in names)


def test_stands_that_may_be_used_at_the_same_time_leave_room_for_two_corridors():
    places = sorted({stand for stand, _ in stands()} | {n.home for n in FLEET.nodes if n.home})

    for i, one in enumerate(places):
        for other in places[i + 1 :]:
            assert math.dist(one, other) >= 2 * CLEARANCE_M + 1.0


def test_keep_out_zones_hold_every_steep_cell_between_the_places_of_work():
    cell_m = SITE.terrain.cell_m
    keep_out = shapely.union_all(
        [shapely.Polygon(z.polygon) for z in SITE.zones if z.kind is ZoneKind.KEEP_OUT]
    )
    between = shapely.box(130, 95, 295, 275)

    steep = np.argwhere(slopes_deg() > WORK_SLOPE_DEG_MAX)
    points = [shapely.Point((c + 0.5) * cell_m, (r + 0.5) * cell_m) for r, c in steep]

    assert any(between.contains(point) for point in points)
    assert all(keep_out.buffer(cell_m).contains(p) for p in points if between.contains(p))


@pytest.mark.parametrize("name", ["haul-a", "haul-c", "haul-d"])
def test_hauls_go_around_the_crater(name):
    task = TASKS[name]

    straight_m = math.dist(task.stand, task.to_stand)

    assert route_m(SITE, task.stand, task.to_stand) > straight_m + 1.0


def test_the_calculated_run_lasts_about_two_and_a_half_hours():
    run = Calculation(SITE, ORDER, CONTACTS).run(FLEET)

    end_s = max(entry.end_s for entry in run)

    assert 140 * 60 < end_s < 160 * 60


def test_work_goes_on_through_the_outage_and_what_needs_earth_waits_for_it():
    first, second = CONTACTS.plan.contacts
    out_s = s_from_ns(first.end_ns - CONTACTS.epoch_ns)
    back_s = s_from_ns(second.start_ns - CONTACTS.epoch_ns)

    run = {entry.task.id: entry for entry in Calculation(SITE, ORDER, CONTACTS).run(FLEET)}

    assert first.start_ns < CONTACTS.epoch_ns
    assert (out_s, back_s) == (70 * 60, 110 * 60)
    assert out_s + 600 < run["compact-pad"].end_s < back_s - 600
    assert run["compact-final"].start_s > back_s
    started = [name for name, entry in run.items() if out_s < entry.start_s < back_s]
    assert {"haul-a", "haul-b", "excavate-c", "excavate-d"} <= set(started)
    assert s_from_ns(second.end_ns - second.start_ns) == 8 * SECONDS_PER_HOUR


def test_excavators_and_haulers_work_at_the_same_time():
    run = {entry.task.id: entry for entry in Calculation(SITE, ORDER, CONTACTS).run(FLEET)}

    digging, hauling = run["excavate-c"], run["haul-b"]

    assert max(digging.start_s, hauling.start_s) < min(digging.end_s, hauling.end_s)


def test_every_battery_keeps_half_of_what_is_above_its_reserve_without_charging():
    run = Calculation(SITE, ORDER, CONTACTS).run(FLEET)
    end_s = max(entry.end_s for entry in run)

    for node in FLEET.nodes:
        if node.machine is None:
            continue
        mine = [entry for entry in run if entry.node.name == node.name]
        idle_s = end_s - sum(entry.end_s - entry.start_s for entry in mine)
        used_wh = sum(e.energy_wh for e in mine) + idle_s * node.machine.idle_w / SECONDS_PER_HOUR
        spare_wh = node.machine.battery_wh - node.machine.reserve_wh
        assert mine
        assert used_wh < 0.6 * spare_wh


def test_the_order_fits_the_site_and_the_fleet():
    zones = {zone.name for zone in SITE.zones}
    nodes = {node.name for node in FLEET.nodes}

    for task in ORDER.tasks:
        assert {task.zone, task.pile, task.to_pile} - {None} <= zones
        assert set(task.after) <= set(TASKS)
        assert set(task.only_on) <= nodes
    assert len({task.zone for task in ORDER.tasks if task.kind is TaskKind.EXCAVATE}) == 4


def test_the_fleet_has_the_machines_that_the_demo_promises():
    kinds = [node.kind for node in FLEET.nodes]

    assert len(kinds) == 8
    assert (kinds.count("excavator"), kinds.count("hauler")) == (2, 2)
    assert {"grader", "compactor", "scout", "data-centre"} <= set(kinds)
