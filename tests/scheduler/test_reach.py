"""How far an authority goes: stop points that grow, and keep out of passages."""

import math
import random

import msgspec
import pytest

from lunaredge.ids import AuthorityId, CommandId, NodeId, TaskId
from lunaredge.model.polyline import length_m, part_of
from lunaredge.model.site import Zone, ZoneKind
from lunaredge.scheduler import reach, space
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import Chain, Chains
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.drives import beat, blocked_m, driving, held, renewed
from tests.scheduler.rig import Site

GRADER = NodeId("grader-1")


def settled() -> Site:
    site = Site()
    site.census()
    return site


def node(site: Site, name: str = "grader-1") -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def granted(*path: tuple[float, float], number: int = 1, stop_m: float = 0.0) -> Granted:
    return Granted(
        id=AuthorityId(f"ma1-{number}"),
        number=number,
        command=CommandId(f"c1-{number}"),
        request_no=1,
        task=TaskId("any"),
        path=path,
        length_m=length_m(path),
        half_width_m=2.0,
        stop_m=stop_m,
        overlap_m=0.5,
        granted_ns=0,
        expiry_ns=2**62,
    )


def test_what_is_left_out_for_being_far_away_is_never_in_the_way() -> None:
    draw = random.Random("far and near")
    for _ in range(300):
        path = tuple((draw.uniform(0.0, 60.0), draw.uniform(0.0, 60.0)) for _ in range(3))
        chains = tuple(
            Chain(
                points=tuple(
                    (x_m + draw.uniform(-3.0, 3.0), draw.uniform(-5.0, 65.0)) for _ in range(3)
                ),
                half_width_m=draw.uniform(0.0, 4.0),
                owner=NodeId(f"hauler-{k}"),
                closed=draw.random() < 0.3,
            )
            for k, x_m in enumerate(draw.sample(range(-20, 80), 3))
        )
        grant = granted(*path)
        stations_m, points = reach._pieces(path, (0.0, grant.length_m))

        met = Chains(chains).first_met(tuple(points), grant.half_width_m)

        expected = (math.inf, None) if met is None else (stations_m[met[0]], met[1])
        assert reach.free_until(grant, (0.0, grant.length_m), chains) == expected


def test_a_way_longer_than_the_horizon_is_granted_piece_by_piece() -> None:
    site, grant = driving()
    spec = site.fleet.node(GRADER).machine
    ahead_m = spec.speed_m_s_max * 90.0
    assert grant.stop_m == pytest.approx(ahead_m)
    assert length_m(grant.path) > grant.stop_m

    site.say("grader-1", beat(site.situation("grader-1", **held(grant, 20.0))))

    assert renewed(site, grant).stop_m == pytest.approx(ahead_m + 20.0)
    assert node(site).granted.stop_m == pytest.approx(ahead_m + 20.0)


def test_no_farther_ground_before_everybody_is_counted_again() -> None:
    # Whoever is not counted may hold ground of which an old copy of the journal knows nothing.
    site, grant = driving()
    site.start()
    site.say("grader-1", messages.Birth(kind="x", situation=word(site, grant)))
    site.reply("grader-1", site.sent("grader-1", messages.Census)[-1].command)
    site.say("grader-1", beat(word(site, grant)))
    assert node(site).censused

    before = renewed(site, grant)
    site.census(*(name for name in site.signers if name != "grader-1"))
    after = renewed(site, grant, number=3)

    assert before.stop_m == grant.stop_m
    assert after.stop_m > grant.stop_m + 10.0


def word(site: Site, grant: messages.Grant) -> messages.Situation:
    return site.situation("grader-1", **held(grant, 20.0))


def test_the_stop_and_its_overlap_keep_clear_of_whoever_stands_ahead() -> None:
    site = settled()
    node(site, "hauler-1").body = (40.0, 20.0)
    way = granted((10.0, 20.0), (80.0, 20.0))

    found = reach.reach(site.scheduler.core.ctx, node(site), way)

    width_m = site.scheduler.core.ctx.half_width_m(NodeId("hauler-1"))
    assert found.owner == "hauler-1"
    assert 10.0 + found.stop_m + way.overlap_m <= 40.0 - width_m - way.half_width_m
    assert found.stop_m > 20.0


def test_whoever_stands_just_beyond_the_horizon_counts_as_far_as_the_overlap_reaches() -> None:
    site, _ = driving()
    ctx, mine = site.scheduler.core.ctx, node(site).granted
    assert mine is not None
    wanted_m = mine.stop_m
    mine.stop_m, mine.overlap_m = 0.0, 6.0
    clear_m = mine.half_width_m + ctx.half_width_m(NodeId("grader-2"))
    node(site, "grader-2").body = part_of(mine.path, wanted_m + clear_m + 3.0, math.inf)[0]

    free = reach.reach(ctx, node(site), mine)

    assert wanted_m - 6.0 < free.stop_m < wanted_m - 1.0


def test_an_older_route_ahead_is_waited_for_and_a_younger_one_is_not() -> None:
    site = settled()
    node(site, "hauler-1").granted = granted((30.0, 8.0), (30.0, 40.0), number=5)
    node(site, "hauler-1").body = None
    older = granted((10.0, 20.0), (80.0, 20.0), number=4)
    younger = granted((10.0, 20.0), (80.0, 20.0), number=6)
    ctx = site.scheduler.core.ctx

    assert reach.reach(ctx, node(site), older).stop_m == pytest.approx(27.0)
    found = reach.reach(ctx, node(site), younger)
    assert found.by_route
    assert found.stop_m < 20.0 - 4.0


def test_a_stop_point_never_comes_nearer_by_itself() -> None:
    site = settled()
    way = granted((10.0, 20.0), (80.0, 20.0), stop_m=50.0)
    node(site, "hauler-1").body = (30.0, 20.0)

    assert reach.reach(site.scheduler.core.ctx, node(site), way).stop_m == 50.0


def test_a_machine_does_not_inch_forward() -> None:
    site = settled()
    node(site, "hauler-1").body = (39.0, 20.0)
    way = granted((10.0, 20.0), (80.0, 20.0), stop_m=20.0)

    assert reach.reach(site.scheduler.core.ctx, node(site), way).stop_m == 20.0


# --- passages ----------------------------------------------------------------------------------


def with_gate(site: Site) -> GroundMap:
    """Give the plain site's ground with a gate from x = 40 to x = 50."""
    corners = ((40.0, 15.0), (50.0, 15.0), (50.0, 25.0), (40.0, 25.0))
    gate = Zone(name="gate", kind=ZoneKind.NO_STANDING, polygon=corners)
    plain = msgspec.structs.replace(site.site, zones=(*site.site.zones, gate))
    return GroundMap.of(plain)


def through_gate(site: Site) -> Granted:
    site.scheduler.core.ctx.ground = with_gate(site)
    way = granted((10.0, 20.0), (80.0, 20.0))
    way.sections = reach.sections(
        site.scheduler.core.ctx.ground, way.path, way.length_m, way.half_width_m
    )
    return way


def test_a_section_holds_every_place_where_a_body_would_reach_into_the_gate() -> None:
    ((enter_m, leave_m),) = through_gate(settled()).sections

    assert 27.0 <= enter_m <= 28.0
    assert 42.0 <= leave_m <= 43.0


@pytest.mark.parametrize("x_m", [46.0, 54.0, 57.0])
def test_no_stop_point_lies_within_a_gate_whatever_stands_in_the_way(x_m: float) -> None:
    site = settled()
    way = through_gate(site)
    node(site, "hauler-1").body = (x_m, 20.0)

    found = reach.reach(site.scheduler.core.ctx, node(site), way)

    assert found.stop_m == way.sections[0][0]


def test_no_grant_ends_so_near_to_a_gate_that_the_body_hangs_in() -> None:
    radius_m = plain_site.machine().radius_m
    _, freely = driving()
    x_m, y_m = part_of(freely.path, freely.stop_m, math.inf)[0]
    near = plain_site.box(x_m - 15.0, y_m + 0.5 * radius_m, 30.0, 4.0)
    gate = Zone(name="gate", kind=ZoneKind.NO_STANDING, polygon=near)
    plain = plain_site.plain_site()
    gated = msgspec.structs.replace(plain, zones=(*plain.zones, gate))

    site, grant = driving(site=gated)

    stop = part_of(grant.path, grant.stop_m, math.inf)[0]
    assert grant.path == freely.path
    assert grant.stop_m < length_m(grant.path)
    assert not site.scheduler.core.ctx.ground.is_no_standing(stop, radius_m)


def test_entry_is_granted_together_with_the_exit() -> None:
    site = settled()
    way = through_gate(site)
    spec = site.fleet.node(GRADER).machine
    ctx = site.scheduler.core.ctx
    way.released_m = 35.0 - 90.0 * spec.speed_m_s_max

    assert reach.reach(ctx, node(site), way).stop_m == pytest.approx(max(way.sections[0][1], 5.0))


def test_the_way_back_out_of_a_gate_stays_claimed_until_the_machine_is_through() -> None:
    site = settled()
    way = through_gate(site)
    way.stop_m = 60.0
    node(site).body, node(site).granted = None, way

    way.released_m = 35.0
    assert blocked_m(site, (38.0, 20.0)) < 0.0
    way.released_m = 43.5
    assert blocked_m(site, (38.0, 20.0)) > 0.0


def test_who_gives_its_authority_up_within_a_gate_keeps_the_way_back() -> None:
    site, grant = driving()
    ctx = site.scheduler.core.ctx
    way = through_gate(site)
    way.id, way.stop_m, way.taken = grant.authority, 60.0, True
    node(site).granted = way
    inside = held(msgspec.structs.replace(grant, stop_m=60.0), 35.0)
    site.say("grader-1", beat(site.situation("grader-1", **inside)))

    given_up = site.situation("grader-1", x_m=46.0, y_m=20.0)
    site.say("grader-1", beat(given_up))
    assert blocked_m(site, (39.0, 20.0)) < 0.0
    outside = site.situation("grader-1", x_m=60.0, y_m=20.0)
    site.say("grader-1", beat(outside))

    assert node(site).retreat == ()
    assert blocked_m(site, (39.0, 20.0)) > 0.0
    assert ctx.ground.is_no_standing((46.0, 20.0), 2.0)


def test_what_a_machine_blocks_grows_with_its_pose_error() -> None:
    site, grant = driving()
    aside = (grant.path[0][0], grant.path[0][1])
    before_m = blocked_m(site, aside)

    lost = site.situation("grader-1", pose_error_m=2.3, **held(grant, 0.0))
    site.say("grader-1", beat(lost))

    assert blocked_m(site, aside) == pytest.approx(before_m - 2.0)


def test_an_expired_route_ahead_blocks_nobody() -> None:
    site = settled()
    other = node(site, "hauler-1")
    other.granted = granted((60.0, 8.0), (60.0, 40.0), number=5)
    other.granted.expiry_ns = 0

    assert space.routes_ahead(site.scheduler.core.ctx, GRADER) == ()


def test_a_renewal_tells_of_every_other_machines_newest_authority() -> None:
    site, grant = driving()
    place = part_of(grant.path, 20.0, 20.0)[0]
    near = granted((place[0] - 30.0, place[1]), (place[0] + 30.0, place[1]), number=9)
    far = granted((500.0, 500.0), (510.0, 500.0), number=8)
    near.granted_ns = far.granted_ns = site.now_ns
    node(site, "hauler-1").former = near
    node(site, "grader-2").former = far
    told = {each.node: each for each in renewed(site, grant).neighbours}
    assert {name: each.number for name, each in told.items()} == {"hauler-1": 9, "grader-2": 8}
    assert told[NodeId("hauler-1")].ended

    again = {each.node: each for each in renewed(site, grant, 3).neighbours}

    assert again == told


def test_an_authority_of_an_earlier_leader_is_told_of_as_it_may_be_sent_again() -> None:
    """Unanswered, it goes out under the new epoch; who overhears it must hear how far it is."""
    site, grant = driving(taken=False)
    site.start()
    site.census()
    site.say("grader-1", beat(site.situation("grader-1", task="grade-pad", attempt=1)))
    (again,) = site.sent("grader-1", messages.Grant)[-1:]
    site.reply("grader-1", again.command, ok=False, reason="request")

    told = reach.neighbours(site.scheduler.core.ctx, node(site, "hauler-1"))

    assert again.authority == grant.authority
    assert [(each.node, each.number, each.ended) for each in told] == [(GRADER, grant.number, True)]
