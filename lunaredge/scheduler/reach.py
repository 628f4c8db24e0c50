"""Reach: how far ahead a machine's authority may go now.

Owns the rules for a stop point: free of all claims up to the end of its overlap, off the routes of
older authorities, never within a no-standing section, and no farther ahead than the machine needs
to drive on without braking. Changes nothing.
"""

import math
from itertools import pairwise

import msgspec

from lunaredge.ids import NodeId
from lunaredge.model.polyline import Path, box_of, part_of, rest_of
from lunaredge.model.site import Point
from lunaredge.scheduler import space
from lunaredge.scheduler.arrays import points_array
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import Chain, Chains, blocked_by, eased, may_meet
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.units import s_from_ns
from lunaredge.wire.messages import Neighbour

# A conflict is found to within so much of the path.
PIECE_M = 1.0
# To go on by less than this is not worth a stop; a machine inches nowhere.
ADVANCE_M_MIN = 5.0

Sections = tuple[tuple[float, float], ...]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """A stop point, and what keeps it from being farther."""

    stop_m: float
    blocked_by: Chain | None = None
    by_route: bool = False
    """It is where another will go, not where it may be."""

    @property
    def owner(self) -> NodeId | None:
        """The machine in the way; None when it is a closed zone, or nobody."""
        return None if self.blocked_by is None or self.blocked_by.zone else self.blocked_by.owner

    @property
    def reason(self) -> str:
        """What an operator reads; empty when nothing is in the way."""
        if self.blocked_by is None:
            return ""
        return blocked_by(self.blocked_by)


def reach(ctx: Context, node: NodeEntry, granted: Granted) -> Reach:
    """Give the farthest stop point that may be granted now; never nearer than the present one."""
    spec = ctx.specs[node.name].machine
    assert spec is not None
    ahead_m = spec.speed_m_s_max * s_from_ns(ctx.config.authority_ahead_ns)
    wanted_m = min(granted.length_m, granted.passed_m + max(ahead_m, ADVANCE_M_MIN))
    wanted_m = _past_sections(granted, wanted_m)
    if wanted_m <= granted.stop_m:
        return Reach(stop_m=granted.stop_m)
    others = space.claims_of_others(ctx, node.name)
    start = rest_of(granted.path, granted.from_m)[0]
    held = eased(others, start, granted.half_width_m, ctx.config.corridor_margin_m)
    routes = space.routes_ahead(ctx, node.name, granted.number)
    end_m = wanted_m + granted.overlap_m
    free_m, other = _free_of(granted, end_m, held)
    route_m, senior = free_until(granted, (granted.stop_m, end_m), routes)
    stop_m = min(wanted_m, min(free_m, route_m) - granted.overlap_m)
    if math.isinf(free_m) and math.isinf(route_m):
        return Reach(stop_m=wanted_m)
    stop_m = _before_sections(granted, stop_m)
    by_route = route_m < free_m
    in_the_way = senior if by_route else other
    if stop_m < min(granted.stop_m + ADVANCE_M_MIN, wanted_m):
        stop_m = granted.stop_m
    return Reach(stop_m=stop_m, blocked_by=in_the_way, by_route=by_route)


def _free_of(
    granted: Granted, end_m: float, chains: tuple[Chain, ...]
) -> tuple[float, Chain | None]:
    """Give up to where a way is free, the zones excepted that it leads out of, until it has."""
    left = granted.leaves
    whole = tuple(chain for chain in chains if chain.zone not in left)
    found = free_until(granted, (granted.stop_m, end_m), whole)
    if not left or end_m <= granted.out_m:
        return found
    zones = tuple(chain for chain in chains if chain.zone in left)
    beyond = free_until(granted, (max(granted.stop_m, granted.out_m), end_m), zones)
    return min(found, beyond, key=lambda each: each[0])


def free_until(
    granted: Granted, window_m: tuple[float, float], chains: tuple[Chain, ...]
) -> tuple[float, Chain | None]:
    """Give the station up to which a corridor is free of chains, and the first one.

    Infinity and None where the whole window is free.
    """
    # Most of the site is far away from the next hundred metres of a way.
    box = box_of(part_of(granted.path, *window_m), granted.half_width_m)
    near = [chain for chain in chains if may_meet(box_of(chain.points, chain.half_width_m), box)]
    if not near:
        return math.inf, None
    stations_m, points = _pieces(granted.path, window_m)
    met = Chains(near).first_met(tuple(points), granted.half_width_m)
    if met is None:
        return math.inf, None
    segment, chain = met
    return stations_m[segment], chain


def neighbours(ctx: Context, node: NodeEntry) -> tuple[Neighbour, ...]:
    """Give what is known of every other machine's newest authority.

    Also of those that lie elsewhere: a machine may have heard of an older one alone. And of one
    granted by an earlier leader: unanswered, it is sent again under this one's epoch.
    """
    lasts = [
        (other.name, other.granted or other.former, other.granted is None)
        for other in ctx.state.nodes.values()
        if other.name != node.name
    ]
    return tuple(
        Neighbour(
            node=name,
            number=last.number,
            ended=ended,
            released_m=space.tail_m(last),
            stop_m=last.stop_m,
        )
        for name, last, ended in lasts
        if last is not None
    )


def sections(ground: GroundMap, path: Path, length_m: float, half_width_m: float) -> Sections:
    """Give the stretches of a path, from station to station, in which no machine may stand."""
    if not ground.no_standing.half_widths_m.size:
        return ()
    found: list[tuple[float, float]] = []
    stations_m, points = _pieces(path, (0.0, length_m))
    for k in range(len(points) - 1):
        piece = points_array(points[k : k + 2])
        if ground.no_standing.first_near(piece, half_width_m) is None:
            continue
        if found and found[-1][1] == stations_m[k]:
            found[-1] = (found[-1][0], stations_m[k + 1])
        else:
            found.append((stations_m[k], stations_m[k + 1]))
    return tuple(found)


def _pieces(path: Path, window_m: tuple[float, float]) -> tuple[list[float], list[Point]]:
    """Give stations along a part of a path, and their points: its corners, and some between."""
    corners = part_of(path, *window_m)
    stations_m, points = [window_m[0]], [corners[0]]
    for start, end in pairwise(corners):
        piece_m = math.dist(start, end)
        count = max(1, math.ceil(piece_m / PIECE_M))
        for k in range(1, count + 1):
            ratio = k / count
            x_m = start[0] + ratio * (end[0] - start[0])
            points.append((x_m, start[1] + ratio * (end[1] - start[1])) if k < count else end)
            stations_m.append(stations_m[-1] + piece_m / count)
    return stations_m, points


def _past_sections(granted: Granted, station_m: float) -> float:
    """Give the end of the section that a station lies in: entry is granted with the exit."""
    section = granted.section_at(station_m)
    return station_m if section is None else section[1]


def _before_sections(granted: Granted, station_m: float) -> float:
    """Give the beginning of the section that a station lies in."""
    section = granted.section_at(station_m)
    return station_m if section is None else section[0]
