"""A claim is every place where a machine may be: none of its margins may be left out."""

from collections.abc import Callable

import pytest

from lunaredge.ids import NodeId
from lunaredge.model.polyline import length_m
from lunaredge.scheduler import space
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import Lockout, NodeEntry, Presence
from tests.scheduler.drives import driving, held
from tests.scheduler.rig import Site
from tests.scheduler.test_closures import close, closure, counted, says

GRADER = "grader-1"


def grader(site: Site) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(GRADER)]


def claim(site: Site) -> list[Chain]:
    return space.claim(site.scheduler.core.ctx, grader(site))


def width_m(site: Site) -> float:
    return site.scheduler.core.ctx.half_width_m(NodeId(GRADER))


def test_the_claim_reaches_the_overlap_beyond_the_stop_point() -> None:
    site, _ = driving()
    granted = grader(site).granted
    assert granted is not None
    granted.stop_m, granted.overlap_m = 10.0, 3.0

    way = claim(site)[-1]

    assert length_m(way.points) == pytest.approx(13.0)


def test_where_a_machine_stands_and_where_it_goes_grow_by_what_it_knows_its_pose_too_badly() -> (
    None
):
    site, grant = driving()
    grader(site).retreat = ((16.0, 8.0), (16.0, 12.0))
    before = [chain.half_width_m for chain in claim(site)]

    says(site, GRADER, pose_error_m=2.0, **held(grant, 0.0))
    grader(site).retreat = ((16.0, 8.0), (16.0, 12.0))
    after = [chain.half_width_m for chain in claim(site)]

    lost_m = 2.0 - site.scheduler.core.ctx.config.pose_error_m
    assert len(after) == 3
    assert after == pytest.approx([each + lost_m for each in before])


def test_where_a_person_saw_a_machine_stand_is_taken_to_be_a_metre_off() -> None:
    site = counted()
    site.wait(1_800.0)

    assert site.vouch(GRADER, (30.0, 20.0)).ok

    (body,) = claim(site)
    assert body.half_width_m == pytest.approx(width_m(site) + 1.0)


def test_a_machine_that_rolls_is_in_a_zone_as_soon_as_its_pose_may_be_so_far_off() -> None:
    site = counted()
    spec = site.fleet.node(NodeId(GRADER)).machine
    assert spec is not None
    close(site, outline=((40.0, 40.0),), radius_m=5.0)
    x_m = 40.0 + 5.1 + spec.radius_m + 3.0

    says(site, GRADER, x_m=x_m, y_m=40.0, at_rest=False, pose_error_m=0.1)
    well_known = closure(site).waits
    says(site, GRADER, x_m=x_m, y_m=40.0, at_rest=False, pose_error_m=4.0)

    assert well_known == ()
    assert closure(site).waits == ("grader-1 has to leave",)


HOW_IT_STANDS: dict[str, Callable[[NodeEntry], None]] = {
    "silent": lambda node: setattr(node, "presence", Presence.LOST),
    "held": lambda node: setattr(node, "held", True),
    "held for its ground": lambda node: setattr(node, "terrain_hold", True),
    "locked out": lambda node: setattr(node, "lockout", Lockout()),
    "run out": lambda node: setattr(node.granted, "expiry_ns", 0),
    "at the end of its route": lambda node: setattr(node.granted, "stop_m", 1e6),
}


@pytest.mark.parametrize("stand", HOW_IT_STANDS.values(), ids=list(HOW_IT_STANDS))
def test_a_route_ahead_counts_only_while_its_machine_goes_on(
    stand: Callable[[NodeEntry], None],
) -> None:
    site, _ = driving()
    ctx, granted = site.scheduler.core.ctx, grader(site).granted
    assert granted is not None
    granted.stop_m = 0.5 * granted.length_m
    before = space.routes_ahead(ctx, NodeId("hauler-1"))

    stand(grader(site))

    assert [chain.owner for chain in before] == [GRADER]
    assert space.routes_ahead(ctx, NodeId("hauler-1")) == ()


def test_nobody_s_route_counts_under_an_emergency_stop() -> None:
    site, grant = driving()
    ctx, granted = site.scheduler.core.ctx, grader(site).granted
    assert granted is not None
    granted.stop_m = 0.5 * granted.length_m

    says(site, GRADER, stops=("stop-1",), **held(grant, 0.0))
    granted.stop_m = 0.5 * granted.length_m

    assert space.routes_ahead(ctx, NodeId("hauler-1")) == ()
