"""A lane, 40 m long and one machine wide, and two that meet in it on their way home."""

import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.fleet import Fleet
from lunaredge.model.site import Point, Zone, ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.standoff import DEFERRALS_MIN
from lunaredge.scheduler.state import NodeEntry, TaskPhase
from lunaredge.wire import messages
from lunaredge.wire.safeguards import CloseRequest
from tests.scheduler import plain_site
from tests.scheduler.plain_site import box
from tests.scheduler.rig import Site

WEST, EAST = (8.0, 20.0), (72.0, 20.0)
PLACES = {"grader-1": (44.0, 40.0), "grader-2": (36.0, 40.0)}
HOMES = {"grader-1": WEST, "grader-2": EAST}


def lane(*, pocket: bool = False) -> Site:
    """A yard on each side of a lane, in which the graders stand; a passing place if asked for."""
    site, fleet = plain_site.plain_site(), plain_site.plain_fleet()
    north = [box(20, 44, 40, 34)]
    if pocket:
        # Ten metres of the lane are twice as wide.
        north = [box(20, 44, 5, 34), box(25, 50, 10, 28), box(35, 44, 25, 34)]
    walls = [box(20, 2, 40, 34), *north]
    yard = Zone(name="yard", kind=ZoneKind.WORK, polygon=box(64, 40, 8, 8))
    zones = tuple(
        Zone(name=f"wall-{number}", kind=ZoneKind.KEEP_OUT, polygon=wall)
        for number, wall in enumerate(walls)
    )
    places = {"excavator-1": (72.0, 70.0), "hauler-1": (72.0, 60.0)} | HOMES
    nodes = tuple(
        msgspec.structs.replace(node, home=places.get(node.name, node.home)) for node in fleet.nodes
    )
    found = Site(msgspec.structs.replace(site, zones=(*zones, yard)), Fleet(nodes=nodes))
    found.census()
    for name, at in PLACES.items():
        heartbeat(found, name, at)
    found.wait(1.0)
    found.solve()
    for name in PLACES:
        found.reply(name, found.assignment(name).command)
        found.report(name, found.assignment(name).task, "accepted", 1)
    return found


def node(site: Site, name: str) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def heartbeat(site: Site, name: str, at: Point) -> None:
    word = site.situation(name, x_m=at[0], y_m=at[1])
    site.say(name, messages.Heartbeat(situation=word))


def ask(site: Site, name: str, at: Point) -> None:
    """Ask as a machine for the way that its task leads."""
    assign = site.assignment(name)
    site.say(
        name,
        messages.AuthorityRequest(
            request_no=node(site, name).request_no + 1,
            task=assign.task,
            attempt=assign.attempt,
            path=assign.legs[0].path,
            x_m=at[0],
            y_m=at[1],
        ),
    )
    site.solve()


def wait_in_vain(site: Site) -> None:
    for _ in range(DEFERRALS_MIN):
        for name, at in PLACES.items():
            ask(site, name, at)


def stepping_aside(site: Site) -> Point:
    """Have the one that gives way do so, and tell where its trip leads."""
    wait_in_vain(site)
    trip = node(site, "grader-2").task
    assert trip is not None
    site.report("grader-2", trip, "cancelled", 2)
    heartbeat(site, "grader-2", PLACES["grader-2"])
    site.wait(1.0)
    site.solve()
    return site.assignment("grader-2").legs[0].path[0]


def test_of_two_that_meet_on_their_way_home_one_steps_aside() -> None:
    site = lane()

    x_m, _ = stepping_aside(site)

    assert x_m < 20.0, "back out of the lane, where the other is not headed"
    assert not site.sent("grader-1", messages.Cancel)
    assert "grader-1/standoff" not in site.scheduler.core.state.alarms
    assert "grader-2/standoff" not in site.scheduler.core.state.alarms


def test_a_passing_place_is_nearer_than_the_yard() -> None:
    site = lane(pocket=True)

    x_m, y_m = stepping_aside(site)

    assert 25.0 < x_m < 35.0
    assert y_m > 44.0


def test_the_other_passes_and_who_stepped_aside_goes_home_then() -> None:
    site = lane(pocket=True)
    aside = stepping_aside(site)
    site.reply("grader-2", site.assignment("grader-2").command)
    trip = site.assignment("grader-2").task
    ask(site, "grader-2", PLACES["grader-2"])
    assert node(site, "grader-2").granted is not None, "it can get there"
    site.reply("grader-2", site.last(messages.Grant).command)

    heartbeat(site, "grader-2", aside)
    site.report("grader-2", trip, "done", 3)
    ask(site, "grader-1", PLACES["grader-1"])

    granted = node(site, "grader-1").granted
    assert granted is not None
    assert granted.stop_m == pytest.approx(27.0, abs=1.0), "90 s ahead, past the other"
    heartbeat(site, "grader-1", WEST)
    site.wait(121.0)
    heartbeat(site, "grader-2", aside)
    site.wait(1.0)
    site.solve()
    assert site.assignment("grader-2").legs[0].path == (EAST,)


def test_it_takes_no_task_before_it_has_stepped_aside() -> None:
    site = lane()
    wait_in_vain(site)
    trip = node(site, "grader-2").task
    assert trip is not None
    grade = plain_site.task("pit-1", TaskKind.GRADE, zone="yard", only_on=(NodeId("grader-2"),))
    site.submit(plain_site.order(grade))

    site.report("grader-2", trip, "cancelled", 2)
    heartbeat(site, "grader-2", PLACES["grader-2"])
    site.wait(1.0)
    site.solve()

    assert site.assignment("grader-2").task.startswith("park")
    (refusal,) = (
        r
        for r in site.scheduler.core.state.tasks[grade.id].refusals
        if r.node == "grader-2" and r.constraint == "home_first"
    )
    assert refusal.detail == "goes home first, to let grader-1 pass"


def test_a_zone_that_is_closed_elsewhere_calls_no_trip_aside_off() -> None:
    site = lane()
    site.ask(CloseRequest(request="c", zone="yard", why="a lander"))

    stepping_aside(site)
    site.wait(1.0)

    trip = site.scheduler.core.state.tasks[site.assignment("grader-2").task]
    assert trip.phase is TaskPhase.ASSIGNED
    assert not trip.cancelling


def test_who_stands_at_home_steps_aside_as_well() -> None:
    site = lane()
    entry = node(site, "grader-1")
    entry.home_first = "to let grader-2 pass"
    entry.aside = (40.0, 40.0)

    at_home = site.situation("grader-1", x_m=WEST[0], y_m=WEST[1])
    site.say("grader-1", messages.Heartbeat(situation=at_home))

    assert not site.scheduler.core.ctx.is_away(entry)
    assert site.scheduler.core.ctx.must_go_home(entry)


def test_after_its_trip_aside_a_machine_may_take_tasks_again() -> None:
    site = lane()
    aside = stepping_aside(site)
    site.reply("grader-2", site.assignment("grader-2").command)

    site.report("grader-2", site.assignment("grader-2").task, "done", 3)
    heartbeat(site, "grader-2", aside)

    assert node(site, "grader-2").aside is None
    assert node(site, "grader-2").home_first == ""
    assert TaskId("park-1") in site.scheduler.core.state.tasks
