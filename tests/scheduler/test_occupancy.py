"""Who may be in an area: as the outlines say, whatever is left out by their boxes."""

import random

import msgspec

from lunaredge.model.site import Point, Polygon
from lunaredge.scheduler import areas, space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.occupancy import Occupancy
from lunaredge.scheduler.state import NodeEntry
from tests.scheduler.locking import HAULER, locked, node
from tests.scheduler.rig import Site

SIDE_M = 60.0


def draw_place(rng: random.Random) -> Point:
    return rng.uniform(0.0, SIDE_M), rng.uniform(0.0, SIDE_M)


def scattered(rng: random.Random) -> Site:
    """Give a site whose machines stand anywhere, one with ways home, one with a drawn area."""
    site = locked(radius_m=rng.uniform(3.0, 6.0))
    for each in machines(site.scheduler.core.ctx):
        assert each.seen is not None
        at, error_m = draw_place(rng), rng.uniform(0.0, 3.0)
        each.seen = msgspec.structs.replace(each.seen, at=at, pose_error_m=error_m)
        each.body = draw_place(rng)
        each.retreat = tuple(draw_place(rng) for _ in range(rng.randrange(4)))
        each.vouched = rng.random() < 0.2
    return site


def machines(ctx: Context) -> list[NodeEntry]:
    return [each for each in ctx.state.nodes.values() if ctx.is_machine(each.name)]


def is_in(ctx: Context, each: NodeEntry, area: Polygon) -> bool:
    """Tell the same from the outlines alone."""
    for chain in space.claim(ctx, each):
        if chain.closed and areas.meets(area, chain.points):
            return True
        if not chain.closed and areas.meets_line(area, chain.points, chain.half_width_m):
            return True
    spec, seen = ctx.specs[each.name].machine, each.seen
    assert spec is not None
    assert seen is not None
    half_width_m = spec.radius_m + seen.pose_error_m
    return not each.vouched and areas.meets_line(area, (seen.at,), half_width_m)


def test_whoever_may_be_in_an_area_is_named_and_nobody_else() -> None:
    rng = random.Random(5)
    counts = {False: 0, True: 0}
    for _ in range(20):
        ctx = scattered(rng).scheduler.core.ctx
        occupancy = Occupancy(ctx)
        for _ in range(20):
            area = areas.disc(draw_place(rng), rng.uniform(0.5, 12.0))

            found = occupancy.of(area)

            assert found == [each for each in machines(ctx) if is_in(ctx, each, area)]
            for each in machines(ctx):
                counts[each in found] += 1
    assert min(counts.values()) > 100


def test_a_claim_that_was_changed_is_worked_out_anew_when_it_is_said() -> None:
    site = locked()
    ctx = site.scheduler.core.ctx
    occupancy, far = Occupancy(ctx), areas.disc((50.0, 50.0), 3.0)
    before = occupancy.of(far)
    node(site).body = (50.0, 50.0)

    unsaid = occupancy.of(far)
    occupancy.forget(node(site))

    assert (before, unsaid) == ([], [])
    assert [each.name for each in occupancy.of(far)] == [HAULER]
