"""What is wrong with an order, found at submit and named."""

import math

import msgspec
import pytest

from lunaredge.ids import OrderId
from lunaredge.model.fleet import Capability
from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind, WorkOrder
from lunaredge.scheduler import zone_names
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.orders import refusals_at_submit
from tests.scheduler import sites
from tests.scheduler.sound_order import (
    DIG,
    FLEET,
    FUSE,
    GRADE,
    GROUND,
    HAUL,
    SITE,
    SOUND,
    SURVEY,
    changed,
)


def refusals(*tasks, order_id="order-1", fleet=FLEET, ground=GROUND):
    order = WorkOrder(id=OrderId(order_id), title="", tasks=tasks)
    return [str(problem) for problem in refusals_at_submit(order, SITE, fleet, ground)]


def test_a_sound_order_is_not_refused():
    assert refusals(*SOUND) == []


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (changed(SURVEY, id="Look!"), "id is not a name"),
        (changed(SURVEY, after=("gone",)), "after gone: no such task"),
        (changed(SURVEY, zone=None), "zone is needed"),
        (changed(SURVEY, zone="mare"), "zone mare: no such zone"),
        (changed(SURVEY, zone="crater"), "zone crater: is a keep-out zone"),
        (changed(SURVEY, zone="rim"), "zone rim: touches the keep-out zone crater"),
        (changed(SURVEY, zone="around"), "zone around: touches the keep-out zone crater"),
        (changed(SURVEY, zone="far"), "zone far: is not inside the boundary"),
        (changed(SURVEY, passes=0), "passes is 0"),
        (changed(SURVEY, priority=0), "priority 0"),
        (changed(SURVEY, priority=10), "priority 10"),
        (changed(SURVEY, only_on=("scout-9",)), "only_on scout-9: no such node"),
        (changed(SURVEY, only_on=("dozer-1",)), "no node among dozer-1 can survey"),
        (changed(DIG, stand=None), "stand is needed"),
        (changed(DIG, pile=None), "pile is needed"),
        (changed(DIG, pile="haven"), "pile haven: a pile needs a work zone"),
        (changed(DIG, mass_kg=0.0), "a positive finite mass"),
        (changed(DIG, mass_kg=-1.0), "a positive finite mass"),
        (changed(DIG, mass_kg=math.nan), "a positive finite mass"),
        (changed(DIG, mass_kg=math.inf), "a positive finite mass"),
        (changed(DIG, stand=(0.0, -70.0)), "digger-1: keep_out crater"),
        (changed(DIG, stand=(0.0, -58.5)), "digger-1: keep_out crater"),
        (changed(DIG, stand=(94.0, 0.0)), "digger-1: boundary"),
        (changed(DIG, stand=(math.nan, 0.0)), "digger-1: boundary"),
        (changed(DIG, stand=(20.0, 3.0)), "m from zone pit; a machine reaches 8 m"),
        (changed(HAUL, to_stand=(30.0, -50.0)), "m from to_pile berm; a machine reaches 8 m"),
        (changed(DIG, mass_kg=1_000_000.0), "Wh until home, has 1760 over the reserve"),
        (changed(HAUL, to_stand=None), "to_stand is needed"),
        (changed(HAUL, to_pile="spoil"), "pile and to_pile are both spoil"),
        (changed(HAUL, to_stand=(0.0, -70.0)), "hauler-1: keep_out crater"),
        (changed(FUSE, after=()), "after must name the survey tasks"),
        (changed(FUSE, after=("level",)), "after must name the survey tasks"),
        (changed(FUSE, latest_s=899.0), "may take 900 s, has 899 s from release_s to latest_s"),
        (sites.task("park", TaskKind.PARK, stand=(0.0, 0.0)), "can't be ordered"),
    ],
)
def test_a_task_that_can_never_be_is_refused_by_name(task, text):
    kept = [other for other in SOUND if other.id != task.id and other.id != "fuse"]
    if task.id != "fuse":
        kept = [other for other in kept if other.kind is not TaskKind.FUSE_TERRAIN]

    problems = refusals(*kept, task)

    assert [p for p in problems if f"task {task.id}: " in p and text in p], problems


def test_the_zones_of_the_site_are_named_once_where_some_are_none_of_them():
    site = "the site has " + zone_names.told(SITE)

    problems = refusals(changed(SURVEY, zone="mare"), changed(GRADE, zone="sea"))

    assert problems == [
        f"task {SURVEY.id}: zone mare: no such zone ({site})",
        f"task {GRADE.id}: zone sea: no such zone",
    ]


def test_work_that_no_machine_of_the_fleet_can_do_is_refused():
    fleet = sites.fleet(sites.node("scout-1", Capability.SURVEY), sites.computer())

    assert refusals(GRADE, fleet=fleet) == ["task level: no node can grade"]


def test_one_machine_that_can_is_enough():
    narrow = sites.node("dozer-2", Capability.GRADE, spec=sites.machine(tool_width_m=0.0))
    dozer = sites.node("dozer-1", Capability.GRADE)

    assert refusals(GRADE, fleet=sites.fleet(narrow, dozer)) == []
    assert refusals(GRADE, fleet=sites.fleet(narrow)) == [
        "task level: no machine can do it (dozer-2: its tool has no width or speed)"
    ]


def test_work_longer_than_the_time_that_is_left_for_it_is_refused():
    short = changed(GRADE, release_s=500.0, latest_s=560.0)
    enough = changed(GRADE, release_s=500.0, latest_s=50_000.0)

    (problem,) = refusals(short)

    assert "task level: no machine can do it (dozer-1: works " in problem
    assert " s at least, has 60 s from release_s to latest_s)" in problem
    assert refusals(enough) == []


def test_ground_too_steep_for_every_capable_machine_is_refused():
    ground = GroundMap.of(
        msgspec.structs.replace(SITE, terrain=sites.terrain(height_m=lambda x, y: 0.3 * x))
    )

    (problem,) = refusals(DIG, ground=ground)

    assert "digger-1: slope of 16.7 deg" in problem


def test_a_circle_is_named():
    first = changed(SURVEY, id="a", after=("c",))
    second = changed(SURVEY, id="b", after=("a",))
    third = changed(SURVEY, id="c", after=("b", "free"))
    free = changed(SURVEY, id="free")
    behind = changed(SURVEY, id="behind", after=("a",))

    problems = refusals(behind, free, first, second, third)

    assert problems == ["task a: waits for itself: a after c after b after a"]


def test_a_task_after_itself_is_a_circle():
    assert refusals(changed(SURVEY, after=("look",))) == [
        "task look: waits for itself: look after look"
    ]


def test_one_id_for_two_tasks_is_refused():
    assert refusals(SURVEY, SURVEY) == ["task look: the id is there twice"]


def test_an_empty_order_is_refused():
    assert refusals() == ["the order has no tasks"]


def test_an_order_without_a_proper_name_is_refused():
    assert refusals(SURVEY, order_id="Order 1") == ["order id 'Order 1' is not a name"]


def test_a_long_chain_of_tasks_is_no_circle():
    tasks = [changed(SURVEY, id="t0")]
    tasks += [changed(SURVEY, id=f"t{k}", after=(f"t{k - 1}",)) for k in range(1, 300)]

    assert refusals(*tasks) == []


def test_work_that_no_way_leads_to_is_refused():
    wall = sites.zone("wall", sites.box(-20.0, -99.0, -15.0, 99.0), ZoneKind.KEEP_OUT)
    site = sites.site(*SITE.zones, wall)
    order = WorkOrder(id=OrderId("order-1"), title="", tasks=(DIG,))

    (problem,) = refusals_at_submit(order, site, FLEET, GroundMap.of(site))

    assert "digger-1: no way there and home over this ground" in str(problem)
