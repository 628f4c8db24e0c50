"""Who is sent out of a closed zone in vain is sent elsewhere, as soon as there is somewhere."""

import msgspec
import pytest

from lunaredge.ids import NodeId
from lunaredge.model.site import Point, Polygon, Zone, ZoneKind
from lunaredge.scheduler.candidates import Constraint, Refusal
from lunaredge.scheduler.standoff import DEFERRALS_MIN
from lunaredge.scheduler.state import ClosurePhase, TaskEntry, TaskPhase
from lunaredge.units import s_from_ns
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close, closure, counted, says

HAULER = NodeId("hauler-1")
HERE = (60.0, 40.0)
HOME = (32.0, 8.0)


def trips(site: Site) -> list[TaskEntry]:
    """Give hauler-1's trips."""
    tasks = site.scheduler.core.state.tasks.values()
    return [each for each in tasks if each.task.only_on == (HAULER,)]


def stands(site: Site) -> list[Point | None]:
    """Give where the trips lead that are not given up."""
    gone = (TaskPhase.CANCELLED,)
    return [e.task.stand for e in trips(site) if e.phase not in gone and not e.cancelling]


def sent_home(site: Site) -> messages.Assign:
    """Close a zone about hauler-1; it is sent home."""
    says(site, HAULER, x_m=HERE[0], y_m=HERE[1])
    close(site, outline=(HERE,), radius_m=5.0)
    site.solve()
    trip = site.assignment(HAULER)
    site.reply(HAULER, trip.command)
    site.report(HAULER, trip.task, "accepted", 1)
    assert trip.legs[0].path == (HOME,)
    return trip


def ask_in_vain(site: Site, trip: messages.Assign, times: int) -> None:
    """Ask for the way of a trip, at a place to which nobody leads."""
    for number in range(1, times + 1):
        ask = messages.AuthorityRequest(
            request_no=number, task=trip.task, attempt=1, path=(HOME,), x_m=HERE[0], y_m=HERE[1]
        )
        site.say(HAULER, ask)
        site.solve()


def shut(site: Site, trip: messages.Assign) -> None:
    """Close the way home behind a zone that reaches across the site."""
    close(site, "lander", outline=plain_site.box(0.0, 14.0, 80.0, 8.0))
    ask_in_vain(site, trip, DEFERRALS_MIN)


def test_a_trip_that_a_closed_zone_cuts_off_is_given_up_for_one_that_leads_just_out() -> None:
    site = counted()
    trip = sent_home(site)

    shut(site, trip)

    assert site.last(messages.Cancel).task == trip.task
    (stand,) = stands(site)
    assert stand != HOME
    assert site.last(messages.Defer).reason == "lander is closed"


def test_a_trip_is_not_given_up_for_nothing() -> None:
    site = counted()
    trip = sent_home(site)
    close(site, "all", outline=plain_site.box(1.0, 14.0, 78.0, 65.0))

    ask_in_vain(site, trip, DEFERRALS_MIN + 3)
    says(site, HAULER, x_m=HERE[0], y_m=HERE[1], task=trip.task, attempt=1)

    assert stands(site)[0] == HOME
    assert site.sent(HAULER, messages.Cancel) == []


@pytest.mark.parametrize("times", range(DEFERRALS_MIN + 1))
def test_a_trip_whose_end_another_machine_takes_is_given_up_only_after_a_while(times: int) -> None:
    site = counted()
    trip = sent_home(site)
    says(site, "grader-2", x_m=HOME[0], y_m=HOME[1])

    ask_in_vain(site, trip, times)

    is_given_up = times >= DEFERRALS_MIN
    assert (HOME in stands(site)) is not is_given_up
    assert len(site.sent(HAULER, messages.Cancel)) == is_given_up


def test_who_is_told_to_stop_keeps_the_trip_that_it_cannot_begin() -> None:
    site = counted()
    trip = sent_home(site)
    node = site.scheduler.core.state.nodes[HAULER]
    node.deferral_count = DEFERRALS_MIN
    node.held = True

    says(site, HAULER, x_m=HERE[0], y_m=HERE[1], task=trip.task, attempt=1)

    assert site.sent(HAULER, messages.Cancel) == []


def test_nobody_is_sent_out_who_is_told_to_stay() -> None:
    site = counted()
    node = site.scheduler.core.state.nodes[HAULER]
    node.idle_since_ns, node.held = site.now_ns, True
    says(site, HAULER, x_m=HERE[0], y_m=HERE[1])

    close(site, outline=(HERE,), radius_m=5.0)
    while_held = stands(site)
    node.held = False
    says(site, HAULER, x_m=HERE[0], y_m=HERE[1])

    assert (while_held, stands(site)) == ([], [HOME])


@pytest.mark.parametrize("constraint", [Constraint.NO_ROUTE, Constraint.CUT_OFF])
def test_a_trip_that_cannot_be_placed_gives_way_to_one_that_leads_elsewhere(
    constraint: Constraint,
) -> None:
    site = counted()
    says(site, HAULER, x_m=HERE[0], y_m=HERE[1])
    close(site, outline=(HERE,), radius_m=5.0)
    (home,) = trips(site)
    home.refusals = [Refusal(task=home.task.id, node=HAULER, constraint=constraint)]

    says(site, HAULER, x_m=HERE[0], y_m=HERE[1])

    (stand,) = stands(site)
    assert home.phase is TaskPhase.CANCELLED
    assert stand != HOME


def among_rocks(*rocks: Polygon) -> Site:
    """A site on which every machine is counted, with nothing but rocks."""
    zones = tuple(
        Zone(name=f"rock-{i}", kind=ZoneKind.KEEP_OUT, polygon=rock) for i, rock in enumerate(rocks)
    )
    site = Site(site=msgspec.structs.replace(plain_site.plain_site(), zones=zones))
    site.census()
    return site


def test_a_trip_that_stranded_machines_close_is_given_up_for_another() -> None:
    # Silent, in the only gap of a wall.
    site = among_rocks(plain_site.box(1.0, 16.0, 35.0, 4.0), plain_site.box(44.0, 16.0, 35.0, 4.0))
    says(site, "grader-2", x_m=40.0, y_m=18.0)
    site.wait(s_from_ns(site.config.lost_after_ns))
    for name in ("excavator-1", "grader-1"):
        says(site, name)
    trip = sent_home(site)

    ask_in_vain(site, trip, DEFERRALS_MIN)

    assert site.last(messages.Defer).reason == "cut off by grader-2 (not heard)"
    assert site.last(messages.Cancel).task == trip.task
    assert HOME not in stands(site)
    assert len(stands(site)) == 1


def test_a_way_out_is_found_behind_many_places_that_lie_nearer_and_cannot_be_reached() -> None:
    # A lane 7 m wide, open to the east alone, and a machine near its other end.
    north, south = plain_site.box(20.0, 44.0, 30.0, 2.0), plain_site.box(20.0, 35.0, 30.0, 2.0)
    site = among_rocks(north, south, plain_site.box(18.0, 35.0, 2.0, 11.0))
    says(site, HAULER, x_m=30.0, y_m=40.5)
    close(site, "homes", outline=plain_site.box(3.0, 3.0, 40.0, 12.0))

    close(site, outline=plain_site.box(22.0, 36.0, 35.0, 9.0))
    says(site, HAULER, x_m=30.0, y_m=40.5)

    assert closure(site).phase is ClosurePhase.DRAINING
    assert [stand is not None and stand[0] > 57.0 for stand in stands(site)] == [True]
