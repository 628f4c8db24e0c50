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
from lunaredge.scheduler.paths import Corridor


class Mover(msgspec.Struct, frozen=True, kw_only=True):
    """What of a machine counts for its travel."""

    half_width_m: float
    slope_deg_max: float
    speed_m_s: float


class Travel(msgspec.Struct, frozen=True, kw_only=True):
    """One way over the ground."""

    duration_s: float
    ascent_m: float
    """Sum of all climbs."""
    descent_m: float

    @property
    def reversed(self) -> "Travel":
        """The same way back."""
        return Travel(duration_s=self.duration_s, ascent_m=self.descent_m, descent_m=self.ascent_m)


def travels(
    ground: GroundMap, mover: Mover, start: Point, goals: Sequence[Point]
) -> list[Travel | None]:
    """Give the quickest travel from the start to each goal; None where there is no way.

    One distance field serves all goals.
    """
    corridor = Corridor(ground, mover.half_width_m, mover.slope_deg_max, ())
    lattice = ground.lattice(mover.half_width_m, mover.slope_deg_max)
    joins = [corridor.joins(lattice, goal) for goal in goals]
    field = lattice.field(
        ground.paces_s(lattice, mover.speed_m_s),
        [(cell, away_m / mover.speed_m_s) for cell, away_m in corridor.joins(lattice, start)],
        [cell for cells in joins for cell, _ in cells],
    )
    found: list[Travel | None] = []
    for goal, cells in zip(goals, joins, strict=True):
        costs_s = [(field.cost(cell) + away_m / mover.speed_m_s, cell) for cell, away_m in cells]
        duration_s, cell = min(costs_s, default=(math.inf, -1))
        if math.isfinite(duration_s):
            found.append(_travel(ground, (start, *field.path(cell), goal), duration_s))
        elif corridor.violation((start, goal)) is None:
            found.append(_travel(ground, (start, goal), _straight_s(ground, mover, start, goal)))
        else:
            found.append(None)
    return found


def reachable_cost_s(
    ground: GroundMap, mover: Mover, start: Point, goals: Sequence[Point]
) -> list[float]:
    """Give the seconds of travel from the start to each goal; inf where there is no way."""
    found = travels(ground, mover, start, goals)
    return [travel.duration_s if travel is not None else math.inf for travel in found]


def _straight_s(ground: GroundMap, mover: Mover, start: Point, goal: Point) -> float:
    """Give the time along a straight line, at the lowest limit of the zones on it."""
    limit_m_s = ground.speed_limit_m_s((start, goal), mover.half_width_m)
    return math.dist(start, goal) / min(mover.speed_m_s, limit_m_s)


def _travel(ground: GroundMap, way: Sequence[Point], duration_s: float) -> Travel:
    steps_m = [after - before for before, after in pairwise(ground.heights_at_m(way))]
    return Travel(
        duration_s=duration_s,
        ascent_m=sum(max(0.0, step_m) for step_m in steps_m),
        descent_m=sum(max(0.0, -step_m) for step_m in steps_m),
    )
