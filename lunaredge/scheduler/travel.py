"""Travel: how long machines take over the ground, and how far they climb, for estimates.

Looks at the ground alone. Other machines come and go: whoever places a task can't know who will be
in the way, and the route is planned around them when the machine asks for it.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from lunaredge.model.site import Point
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.paths import Chain, Corridor

# Ten times what a place measured at rest moves about; for an estimate of minutes it is nothing.
RASTER_M = 0.25


class Mover(msgspec.Struct, frozen=True, kw_only=True):
    """What of a machine counts for its travel."""

    half_width_m: float
    slope_deg_max: float
    speed_m_s: float


class Travel(msgspec.Struct, frozen=True, kw_only=True):
    """The quickest way over the ground."""

    duration_s: float
    """inf where there is no way."""
    ascent_m: float = 0.0
    """Sum of all climbs."""
    descent_m: float = 0.0

    @property
    def reversed(self) -> "Travel":
        """The same way back."""
        return Travel(duration_s=self.duration_s, ascent_m=self.descent_m, descent_m=self.ascent_m)


def known_place(ground: GroundMap, mover: Mover, point: Point) -> Point:
    """Give a place of a raster for a point, or the point itself where the machine can't be there.

    A machine that stands still measures its place anew with every sample. On the raster it stands
    where it stood, and what has been worked out for it still holds, to within `RASTER_M`.
    """
    near = (RASTER_M * round(point[0] / RASTER_M), RASTER_M * round(point[1] / RASTER_M))
    corridor = Corridor(ground, mover.half_width_m, mover.slope_deg_max, ())
    return near if _joins(ground, corridor, mover, near) else point


def travels(ground: GroundMap, mover: Mover, start: Point, goals: Sequence[Point]) -> list[Travel]:
    """Give the travel from the start to each goal; one distance field serves all of them."""
    known = ground.known.travels
    found = {goal: known.find((mover, start, goal)) for goal in goals}
    missing = [goal for goal, figures in found.items() if figures is None]
    if missing:
        for goal, travel in zip(missing, _search(ground, mover, start, missing), strict=True):
            figures = (travel.duration_s, travel.ascent_m, travel.descent_m)
            found[goal] = known.keep((mover, start, goal), figures)
    return [_of(found[goal]) for goal in goals]


def reachable_cost_s(
    ground: GroundMap, mover: Mover, start: Point, goals: Sequence[Point]
) -> list[float]:
    """Give the seconds of travel from the start to each goal; inf where there is no way."""
    return [travel.duration_s for travel in travels(ground, mover, start, goals)]


def are_open(
    ground: GroundMap, mover: Mover, bodies: tuple[Chain, ...], start: Point, goals: Sequence[Point]
) -> list[bool]:
    """Tell for each goal whether a way leads there past those bodies, as a route would find it."""
    corridor = Corridor(ground, mover.half_width_m, mover.slope_deg_max, bodies)
    if corridor.violation((start,)) is not None:
        return [False for _ in goals]
    lattice = corridor.lattice()
    joins = [corridor.joins(lattice, goal) for goal in goals]
    field = lattice.field(
        ground.paces_s(lattice, mover.speed_m_s),
        corridor.joins(lattice, start),
        [cell for cells in joins for cell, _ in cells],
    )
    return [
        any(math.isfinite(field.cost(cell)) for cell, _ in cells)
        or corridor.violation((start, goal)) is None
        for goal, cells in zip(goals, joins, strict=True)
    ]


def travel_along(ground: GroundMap, way: Sequence[Point], duration_s: float) -> Travel:
    """Give the travel along a way that takes so long, with what it climbs and descends."""
    steps_m = [after - before for before, after in pairwise(ground.heights_at_m(way))]
    return Travel(
        duration_s=duration_s,
        ascent_m=sum(max(0.0, step_m) for step_m in steps_m),
        descent_m=sum(max(0.0, -step_m) for step_m in steps_m),
    )


def _of(figures: tuple[float, float, float] | None) -> Travel:
    assert figures is not None
    duration_s, ascent_m, descent_m = figures
    return Travel(duration_s=duration_s, ascent_m=ascent_m, descent_m=descent_m)


def _search(ground: GroundMap, mover: Mover, start: Point, goals: Sequence[Point]) -> list[Travel]:
    corridor = Corridor(ground, mover.half_width_m, mover.slope_deg_max, ())
    lattice = ground.lattice(mover.half_width_m, mover.slope_deg_max)
    joins = [_joins(ground, corridor, mover, goal) for goal in goals]
    field = lattice.field(
        ground.paces_s(lattice, mover.speed_m_s),
        [
            (cell, away_m / mover.speed_m_s)
            for cell, away_m in _joins(ground, corridor, mover, start)
        ],
        [cell for cells in joins for cell, _ in cells],
    )
    ends = [
        min(
            ((field.cost(cell) + away_m / mover.speed_m_s, cell) for cell, away_m in cells),
            default=(math.inf, -1),
        )
        for cells in joins
    ]
    reached = [cell for duration_s, cell in ends if math.isfinite(duration_s)]
    climbs = iter(field.climbs(reached, ground.heights_on(lattice)))
    found: list[Travel] = []
    for goal, (duration_s, cell) in zip(goals, ends, strict=True):
        if math.isfinite(duration_s):
            first, ascent_m, descent_m = next(climbs)
            out = travel_along(ground, (start, lattice.centre(first)), 0.0)
            onto = travel_along(ground, (lattice.centre(cell), goal), 0.0)
            found.append(
                Travel(
                    duration_s=duration_s,
                    ascent_m=out.ascent_m + ascent_m + onto.ascent_m,
                    descent_m=out.descent_m + descent_m + onto.descent_m,
                )
            )
        elif corridor.violation((start, goal)) is None:
            found.append(
                travel_along(ground, (start, goal), _straight_s(ground, mover, start, goal))
            )
        else:
            found.append(Travel(duration_s=math.inf))
    return found


def _joins(
    ground: GroundMap, corridor: Corridor, mover: Mover, point: Point
) -> tuple[tuple[int, float], ...]:
    """Give the lattice cells that a machine reaches from a point, and how far they are, m."""
    key = (mover.half_width_m, mover.slope_deg_max, point)
    known = ground.known.joins.find(key)
    if known is None:
        lattice = ground.lattice(mover.half_width_m, mover.slope_deg_max)
        known = ground.known.joins.keep(key, tuple(corridor.joins(lattice, point)))
    return known


def _straight_s(ground: GroundMap, mover: Mover, start: Point, goal: Point) -> float:
    """Give the time along a straight line, at the lowest limit of the zones on it."""
    limit_m_s = ground.speed_limit_m_s((start, goal), mover.half_width_m)
    return math.dist(start, goal) / min(mover.speed_m_s, limit_m_s)
