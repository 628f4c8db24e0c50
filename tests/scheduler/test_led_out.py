"""A site on which machines are led out of closed zones, and whatever comes in between."""

from collections.abc import Sequence

import msgspec
import pytest

from lunaredge.ids import NodeId, TaskId
from lunaredge.model.fleet import Fleet
from lunaredge.model.polyline import length_m, part_of
from lunaredge.model.site import Point, Polygon, Zone, ZoneKind
from lunaredge.scheduler import claims, trips_out
from lunaredge.scheduler import way_out as way_out_room
from lunaredge.scheduler.desk import explained
from lunaredge.scheduler.paths import RouteProblem, RouteSolution
from lunaredge.scheduler.state import Closure, ClosurePhase
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close, closure, counted, open_again, says
from tests.scheduler.test_way_out import inside_m


def beside(site: Site, off_m: float) -> Polygon:
    """Close a zone whose corner lies just so far outside grader-1's claim, at (40, 18)."""
    says(site, "grader-1", x_m=40.0, y_m=18.0)
    edge_m = 40.0 - plain_site.machine().radius_m - site.config.corridor_margin_m - off_m
    area = plain_site.box(20.0, 12.0, edge_m - 20.0, 12.0)
    assert close(site, outline=area).ok
    return area


def test_who_is_found_at_the_edge_of_a_clear_zone_is_not_led_through_it() -> None:
    site = counted()
    area = beside(site, off_m=0.1)
    before = closure(site).phase

    says(site, "grader-1", x_m=39.85, y_m=18.0)
    after = closure(site).phase
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.request("grader-1", 1, at=(39.85, 18.0))
    site.solve()

    grant = site.last(messages.Grant)
    assert (before, after) == (ClosurePhase.CLEAR, ClosurePhase.DRAINING)
    assert grant.path[-1] == (16.0, 8.0)
    assert inside_m(area, grant.path, 0.0) == 0.0


def test_who_is_seen_outside_after_it_asked_for_a_way_out_is_not_led_through_a_clear_zone() -> None:
    site = counted()
    beside(site, off_m=-0.2)
    site.solve()
    task = site.assignment("grader-1")
    site.reply("grader-1", task.command)
    site.request("grader-1", 1, at=(40.0, 18.0))

    says(site, "grader-1", x_m=40.4, y_m=18.0, task=task.task, attempt=task.attempt)
    shown = closure(site).phase
    site.solve()

    assert shown is ClosurePhase.CLEAR
    assert site.sent("grader-1", messages.Grant) == []
    assert closure(site).phase is ClosurePhase.CLEAR


def led_out(site: Site) -> messages.Grant:
    """Have hauler-1 sent out of a zone that it stands deep in."""
    says(site, "hauler-1", x_m=60.0, y_m=40.0)
    close(site, outline=plain_site.box(48.0, 14.0, 27.0, 60.0))
    site.solve()
    site.reply("hauler-1", site.assignment("hauler-1").command)
    site.request("hauler-1", 1, at=(60.0, 40.0))
    site.solve()
    return site.last(messages.Grant)


def renewed(site: Site, grant: messages.Grant, number: int, released_m: float) -> float:
    """Have a machine give a tail back and ask for more; give its stop point then."""
    task = site.assignment("hauler-1")
    x_m, y_m = part_of(grant.path, released_m, released_m)[0]
    authority = messages.HeldAuthority(
        id=grant.authority, released_m=released_m, stop_m=grant.stop_m, revision=1, at_stop=False
    )
    driving = {"at_rest": False, "authority": authority, "task": task.task, "attempt": 1}
    says(site, "hauler-1", x_m=x_m, y_m=y_m, **driving)
    site.say("hauler-1", messages.AuthorityRenewal(request_no=number, authority=grant.authority))
    return site.last(messages.Renew).stop_m


def test_who_is_on_its_way_out_of_a_wide_zone_is_led_on_while_it_drives() -> None:
    site = Site(authority_ahead_ns=20_000_000_000)
    site.census()
    grant = led_out(site)
    site.reply("hauler-1", grant.command)

    stop_m = renewed(site, grant, 2, released_m=3.0)

    assert grant.stop_m == pytest.approx(6.0)
    assert stop_m == pytest.approx(9.0)
    assert closure(site).phase is ClosurePhase.DRAINING


def test_who_is_on_its_way_out_is_led_into_no_zone_that_is_closed_meanwhile() -> None:
    site = Site(authority_ahead_ns=20_000_000_000)
    site.census()
    grant = led_out(site)
    site.reply("hauler-1", grant.command)
    end = part_of(grant.path, 12.0, 12.0)[0]

    close(site, "other", outline=(end,), radius_m=1.0)
    stop_m = renewed(site, grant, 2, released_m=3.0)

    assert stop_m == grant.stop_m


def test_a_zone_that_is_closed_again_elsewhere_is_none_that_a_machine_leaves() -> None:
    site = Site(authority_ahead_ns=20_000_000_000)
    site.census()
    grant = led_out(site)
    site.reply("hauler-1", grant.command)
    open_again(site)
    site.wait(1.0)

    # It would be in there before it had left the first one; grader-2 is in there now.
    close(site, outline=plain_site.box(22.0, 2.0, 28.0, 43.0))
    stop_m = renewed(site, grant, 2, released_m=3.0)

    assert closure(site).phase is ClosurePhase.DRAINING
    assert stop_m == grant.stop_m


def wide_fleet() -> Fleet:
    """Give the plain fleet, with an excavator that is wider than all others."""
    fleet = plain_site.plain_fleet()
    broad = msgspec.structs.replace(plain_site.machine(), length_m=7.0, width_m=4.0)
    return Fleet(
        nodes=tuple(
            msgspec.structs.replace(spec, machine=broad) if spec.name == "excavator-1" else spec
            for spec in fleet.nodes
        )
    )


@pytest.mark.parametrize(
    "others",
    [
        # Beside home, and beside the nearest place outside: near enough for the widest alone.
        (plain_site.box(20.0, 10.6, 24.0, 2.0),),
        (plain_site.box(20.0, 1.5, 24.0, 14.0), plain_site.box(70.2, 20.0, 5.0, 40.0)),
    ],
)
def test_no_trip_out_ends_where_the_widest_machine_would_be_in_another_zone(
    others: tuple[Polygon, ...],
) -> None:
    site = Site(fleet=wide_fleet(), park_after_ns=3_600_000_000_000)
    site.census()
    for number, area in enumerate(others):
        close(site, f"other-{number}", outline=area)
    site.scheduler.core.state.nodes[NodeId("hauler-1")].idle_since_ns = site.now_ns
    says(site, "hauler-1", x_m=60.0, y_m=40.0)

    close(site, outline=plain_site.box(52.0, 30.0, 10.0, 20.0))
    for _ in range(20):
        says(site, "hauler-1", x_m=60.0, y_m=40.0)
        site.solve()

    trips = [entry for entry in site.scheduler.core.state.tasks.values() if entry.order == "site"]
    # One of them for its home, if that was closed while it stood there.
    assert len([trip for trip in trips if "hauler-1" in trip.task.only_on]) <= len(others)
    assert site.assignment("hauler-1").task == trips[-1].task.id


def test_a_way_out_is_sought_again_only_after_a_while_where_there_was_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sought: list[NodeId] = []
    monkeypatch.setattr(trips_out, "_refuge", lambda ctx, node, vain: sought.append(node.name))
    site = counted()
    close(site, outline=((32.0, 8.0),), radius_m=5.0)
    for _ in range(10):
        says(site, "hauler-1")
    at_once = sought.count(NodeId("hauler-1"))

    site.wait(6.0)
    says(site, "hauler-1")

    assert at_once == 1
    assert sought.count(NodeId("hauler-1")) == 2


def test_who_stands_on_a_ramp_outside_a_closed_zone_that_its_way_back_meets_goes_home() -> None:
    gate = Zone(name="gate", kind=ZoneKind.NO_STANDING, polygon=plain_site.box(50, 30, 12, 20))
    site = plain_site.plain_site()
    rig = Site(site=msgspec.structs.replace(site, zones=(*site.zones, gate)))
    rig.census()
    node = rig.scheduler.core.state.nodes[NodeId("hauler-1")]
    node.idle_since_ns = rig.now_ns + 20_000_000_000
    says(rig, "hauler-1", x_m=60.0, y_m=40.0)
    node.retreat = ((47.0, 40.0), (60.0, 40.0))

    close(rig, outline=plain_site.box(40.0, 36.0, 9.0, 8.0))
    node.idle_since_ns = 0
    says(rig, "hauler-1", x_m=60.0, y_m=40.0)

    assert node.leaving == "spot"
    said = explained(rig.scheduler.core.ctx, TaskId("hauler-1")).text
    assert "hauler-1 is a node, up; it has to leave spot, which is closed; it" in said
    assert [entry.task.stand for entry in rig.scheduler.core.state.tasks.values()] == [(32.0, 8.0)]


def test_a_planned_way_leads_out_of_the_zones_alone_that_it_was_planned_for() -> None:
    site = counted()
    area = beside(site, off_m=-0.2)
    site.solve()
    task = site.assignment("grader-1")
    site.reply("grader-1", task.command)
    site.request("grader-1", 1, at=(40.0, 18.0))
    (problem,) = [each for each in site.problems if isinstance(each, RouteProblem)]
    through = ((40.0, 18.0), (30.0, 18.0), (16.0, 8.0))
    solution = RouteSolution(
        version=problem.version,
        node=problem.node,
        request_no=problem.request_no,
        path=through,
        left=problem.left,
        out_m=length_m(through),
    )
    ctx, node = site.scheduler.core.ctx, site.scheduler.core.state.nodes[NodeId("grader-1")]
    request = node.wanted
    assert request is not None

    before = claims._drawn_up(ctx, node, request, solution).leaves
    closure(site).was_clear = True
    after = claims._drawn_up(ctx, node, request, solution).leaves
    careful = msgspec.structs.replace(solution, with_care=True)
    with_care = claims._drawn_up(ctx, node, request, careful).leaves
    # Another area, as if people had opened the zone and given its name to that.
    closure(site).area = plain_site.box(30.0, 15.0, 9.0, 6.0)
    renamed = claims._drawn_up(ctx, node, request, careful).leaves

    assert not problem.with_care
    assert (before, after, with_care, renamed) == (("spot",), (), ("spot",), ())
    assert inside_m(area, through, 0.0) > 5.0


def test_a_zone_of_an_older_journal_may_have_been_clear() -> None:
    site = counted()
    close(site, outline=((60.0, 40.0),), radius_m=5.0)
    row = msgspec.to_builtins(closure(site))
    del row["was_clear"]

    assert msgspec.convert(row, Closure).was_clear


def test_a_lost_machine_whose_claim_meets_a_zone_keeps_its_trip() -> None:
    site = counted()
    close(site, outline=((60.0, 40.0),), radius_m=5.0)

    for _ in range(20):
        site.wait(1.0)
        says(site, "hauler-1", x_m=60.0, y_m=32.4, pose_error_m=1.5)
        site.solve()

    assert len({each.command for each in site.sent("hauler-1", messages.Assign)}) == 1
    assert site.sent("hauler-1", messages.Cancel) == []
    assert closure(site).phase is ClosurePhase.DRAINING


@pytest.mark.parametrize("radius_m", [500.0, 10_000.0])
def test_a_zone_that_is_far_larger_than_the_site_is_sought_out_of_in_few_looks(
    radius_m: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    honest = way_out_room.leads_out

    def counting(zones: Sequence[Polygon], way: tuple[Point, ...], apart_m: float) -> bool:
        looks.append(1)
        return honest(zones, way, apart_m)

    monkeypatch.setattr(way_out_room, "leads_out", counting)
    site = counted()

    close(site, outline=((40.0, 40.0),), radius_m=radius_m)

    assert not looks
    assert len(closure(site).waits) == 4
