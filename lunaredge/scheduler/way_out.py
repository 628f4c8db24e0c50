"""The way out: how a machine leaves zones that people have closed while it stands in them.

A way out leads never deeper into a zone than its machine is, and never back in. Any other is taken
only where the shortest such leads no farther, and where no zone was clear yet: people may be in
there else. From its end on the zones bar the way as they bar everybody's. Pure geometry; changes
nothing.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from lunaredge.model.polyline import length_m, part_of, project_m, rest_of
from lunaredge.model.site import Point, Polygon
from lunaredge.scheduler import areas
from lunaredge.scheduler.arrays import Path, depths_m
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import CLEAR_M, ROUNDING_M, Corridor, RouteProblem

# So far from a zone's edge a machine is led, over what its corridor takes.
SPARE_M = 1.0
# Where not straight over the nearest edge, then to a place on one of these rings.
RINGS = 6
RING_M = 3.0
# Free straight ways that are looked at, the shortest first: a look is part of an input.
WAYS_MAX = 64
# Places that are tried by ways which are not straight, the nearest first.
BENT_MAX = 4
# A way is looked at so often.
PIECE_M = 0.5


def ways_out(ground: GroundMap, problem: RouteProblem) -> Iterator[Path]:
    """Give ways from a problem's start out of the zones that it leaves.

    First the shortest straight one, then one straight to its goal, then other straight ones, then
    those that are not.
    """
    start, width_m = problem.start, problem.half_width_m
    corridor = Corridor(ground, width_m, problem.slope_deg_max, problem.claims)
    zones = [zone.points for zone in problem.left]
    straight = straight_ways(corridor, start, zones, width_m, with_care=problem.with_care)
    yield from islice(straight, 1)
    direct = (start, problem.path[0])
    if _is_fit(problem, zones, direct) and corridor.violation(direct) is None:
        yield direct
    yield from straight
    for place in islice(_places(corridor, start, zones, width_m), BENT_MAX):
        way = corridor.way(start, place)
        if way and _is_fit(problem, zones, way):
            yield way


def straight_ways(
    corridor: Corridor,
    start: Point,
    zones: Sequence[Polygon],
    apart_m: float,
    *,
    with_care: bool,
) -> Iterator[Path]:
    """Give free straight ways to places that are farther than that from zones.

    The shortest first; without care, those that lead deeper come last.
    """
    deeper: list[Path] = []
    ways = ((start, place) for place in _places(corridor, start, zones, apart_m))
    free = (way for way in ways if corridor.violation(way) is None)
    for way in islice(free, WAYS_MAX):
        if leads_out(zones, way, apart_m):
            yield way
        else:
            deeper.append(way)
    if not with_care:
        yield from deeper


def _is_fit(problem: RouteProblem, zones: Sequence[Polygon], way: Path) -> bool:
    """Tell whether a way out may be taken, though a shorter one may be free."""
    return not problem.with_care or leads_out(zones, way, problem.half_width_m)


def leads_out(zones: Sequence[Polygon], way: Path, apart_m: float) -> bool:
    """Tell whether a way leaves zones, never deeper into one and never back into one.

    Looked at every `PIECE_M`, and so to about that.
    """
    whole_m = length_m(way)
    count = max(1, math.ceil(whole_m / PIECE_M))
    places = [part_of(way, at_m, at_m)[0] for at_m in (whole_m * k / count for k in range(count))]
    for area in zones:
        found_m = depths_m(area, (*places, way[-1]))
        if max(found_m) > found_m[0] + CLEAR_M or found_m[-1] >= -apart_m:
            return False
        # Not once it is clear of it, nor, in a gap too narrow for that, once over its edge.
        for edge_m in (-apart_m, 0.0):
            if any(before < edge_m <= after for before, after in pairwise(found_m)):
                return False
    return True


def _places(
    corridor: Corridor, start: Point, zones: Sequence[Polygon], apart_m: float
) -> Iterator[Point]:
    """Give places outside zones where a machine may stand, the nearest to a start first."""
    beyond_m = apart_m + SPARE_M
    depth_m = max(depths_m(area, (start,))[0] for area in zones)
    near_m = max(SPARE_M, depth_m + beyond_m)
    found = [place for area in zones for place in _over_edges(start, area, beyond_m)]
    for ring in range(RINGS):
        found += areas.disc(start, near_m + ring * RING_M)
    for area in zones:
        depths = depths_m(area, found)
        found = [place for place, depth in zip(found, depths, strict=True) if depth < -apart_m]
    for place in sorted(found, key=lambda place: math.dist(start, place)):
        if corridor.violation((place,)) is None:
            yield place


def _over_edges(start: Point, area: Polygon, beyond_m: float) -> Iterator[Point]:
    """Give the places that lie straight across each edge, so far beyond it."""
    is_inside = depths_m(area, (start,))[0] > 0.0
    for a, b in pairwise((*area, area[0])):
        if math.dist(a, b) <= ROUNDING_M:
            continue
        foot = rest_of((a, b), project_m((a, b), start, (0.0, math.inf)))[0]
        if math.dist(start, foot) > ROUNDING_M:
            inner, outer = (start, foot) if is_inside else (foot, start)
            yield _beyond(foot, (outer[0] - inner[0], outer[1] - inner[1]), beyond_m)
        else:
            # Across the edge, to either side.
            yield _beyond(foot, (b[1] - a[1], a[0] - b[0]), beyond_m)
            yield _beyond(foot, (a[1] - b[1], b[0] - a[0]), beyond_m)


def _beyond(point: Point, along: Point, distance_m: float) -> Point:
    """Give the place so far from a point in a direction."""
    ratio = distance_m / math.hypot(*along)
    return point[0] + ratio * along[0], point[1] + ratio * along[1]
