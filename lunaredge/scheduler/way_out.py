"""The way out: how a machine leaves zones that people have closed while it stands in them.

Straight out over the nearest edge, or as nearly so as others and the ground allow. From there on
the zones bar its way as they bar everybody's: nobody is led through one because he stood at its
edge. Pure geometry; changes nothing.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

from lunaredge.model.polyline import project_m, rest_of
from lunaredge.model.site import Point, Polygon
from lunaredge.scheduler import areas
from lunaredge.scheduler.arrays import Path
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import ROUNDING_M, Chains, Corridor, RouteProblem

# So far from a zone's edge a machine is led, over what its corridor takes.
SPARE_M = 1.0
# Places that are tried by ways which are not straight, the nearest first.
BENT_MAX = 4


def way_out(ground: GroundMap, problem: RouteProblem) -> Path:
    """Give a way from a problem's start to a place outside the zones that it leaves.

    Empty when none was found.
    """
    start, width_m = problem.start, problem.half_width_m
    corridor = Corridor(ground, width_m, problem.slope_deg_max, problem.claims)
    zones = Chains(problem.left)
    places = [
        place
        for place in places_outside(start, [zone.points for zone in problem.left], width_m)
        if corridor.violation((place,)) is None and zones.first_met((place,), width_m) is None
    ]
    for place in places:
        if corridor.violation((start, place)) is None:
            return (start, place)
    return next(filter(None, (corridor.way(start, place) for place in places[:BENT_MAX])), ())


def places_outside(start: Point, zones: list[Polygon], half_width_m: float) -> list[Point]:
    """Give places just outside the edges of zones, the nearest to a start first.

    One of them may lie in another of the zones.
    """
    beyond_m = half_width_m + SPARE_M
    found = [place for area in zones for place in _places(start, area, beyond_m)]
    return sorted(found, key=lambda place: math.dist(start, place))


def _places(start: Point, area: Polygon, beyond_m: float) -> Iterator[Point]:
    is_inside = areas.meets_line(area, (start,), 0.0)
    for a, b in pairwise((*area, area[0])):
        foot = rest_of((a, b), project_m((a, b), start, (0.0, math.inf)))[0]
        if math.dist(start, foot) > ROUNDING_M:
            inner, outer = (start, foot) if is_inside else (foot, start)
            yield _beyond(foot, (outer[0] - inner[0], outer[1] - inner[1]), beyond_m)
        else:
            # Across the edge, to either side.
            yield _beyond(foot, (b[1] - a[1], a[0] - b[0]), beyond_m)
            yield _beyond(foot, (a[1] - b[1], b[0] - a[0]), beyond_m)
    middle = areas.middle(area)
    reach_m = max(math.dist(middle, corner) for corner in area)
    yield from areas.disc(middle, reach_m + beyond_m)


def _beyond(point: Point, along: Point, distance_m: float) -> Point:
    """Give the place so far from a point in a direction."""
    ratio = distance_m / math.hypot(*along)
    return point[0] + ratio * along[0], point[1] + ratio * along[1]
