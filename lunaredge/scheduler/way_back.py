"""The way back of a machine: out of a no-standing section, or home by the way it came.

With `OnLoss.HOME` the ground that a machine has come by since it was at home stays its own, loops
cut out: it has driven there, so it can go back there, and no other way needs to be planned or
granted. It is put before the route of its next authority, and the machine may take it when it is
cut off. Once no authority holds it, it is but kept: it gives way to people, and where machines wait
for each other in a ring.
"""

import math

from lunaredge.model.polyline import (
    POINTS_MAX,
    Path,
    distance_m,
    part_of,
    project_m,
    without_loops,
)
from lunaredge.model.site import Point
from lunaredge.scheduler import space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import RouteSolution, check_route
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.wire.messages import OnLoss

# Where a way comes as near to itself as that, it is cut short: less than what tracking may be off.
NEAR_M = 0.25
# So far beside it the machine may have come to rest.
ASIDE_M = 0.5


def after(ctx: Context, node: NodeEntry, granted: Granted) -> Path:
    """Give the way back that a machine keeps when it has given this authority up at rest."""
    if granted.leads_home and node.body is not None:
        way = without_loops(part_of(granted.path, 0.0, granted.stop_m), NEAR_M)
        if ctx.is_at_home(node, node.body) or distance_m(way, node.body) > ASIDE_M:
            return ()
        return part_of(way, 0.0, project_m(way, node.body, (0.0, math.inf)))
    here_m = _station_m(node, granted)
    section = granted.section_at(here_m)
    return node.retreat if section is None else part_of(granted.path, section[0], here_m)


def _station_m(node: NodeEntry, granted: Granted) -> float:
    """Give how far a machine is that gives an authority up: what was heard before may be old."""
    given_m, body = granted.released_m, node.body
    if body is None or distance_m(part_of(granted.path, given_m, math.inf), body) > ASIDE_M:
        return given_m
    return project_m(granted.path, body, (given_m, math.inf))


def lead_in(ctx: Context, node: NodeEntry, solution: RouteSolution) -> Path | None:
    """Give the way home to put before a route: empty at home, None where there is none."""
    route = solution.path
    if ctx.config.on_loss is not OnLoss.HOME or solution.no_return:
        return None
    if ctx.is_at_home(node, route[0]):
        return ()
    way = node.retreat
    if not way or not ctx.is_at_home(node, way[0]) or math.dist(way[-1], route[0]) > ASIDE_M:
        return None
    if len(way) + len(route) > POINTS_MAX:
        return None
    spec = ctx.specs[node.name].machine
    assert spec is not None
    # Cut short, it may lie a little beside where the machine came; and the ground may be new.
    violation = check_route(
        ctx.ground,
        (*way, route[0]),
        ctx.half_width_m(node.name),
        spec.slope_deg_max,
        space.claims_of_others(ctx, node.name),
    )
    return way if violation is None else None


def on_loss(ctx: Context, *, leads_home: bool) -> OnLoss:
    """Give what an authority declares: who has no way home uses its authority up, and stays."""
    declared = ctx.config.on_loss
    return OnLoss.STOP_POINT if declared is OnLoss.HOME and not leads_home else declared


def settle(ctx: Context, node: NodeEntry, at: Point) -> None:
    """Keep or drop the way back of a machine that stands at rest without authority."""
    if ctx.ground.is_no_standing(at, ctx.half_width_m(node.name)):
        return
    if ctx.config.on_loss is not OnLoss.HOME or ctx.is_at_home(node, at):
        node.retreat = ()


def give_way(ctx: Context, node: NodeEntry) -> bool:
    """Drop the way home of a machine that has no authority on it; tell whether there was one."""
    if node.granted is not None or node.body is None or not node.retreat:
        return False
    if ctx.ground.is_no_standing(node.body, ctx.half_width_m(node.name)):
        return False
    node.retreat = ()
    ctx.changed()
    return True
