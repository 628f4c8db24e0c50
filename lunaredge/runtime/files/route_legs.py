"""A route from points and a speed: straight legs, heading along the way, turns on the spot. Pure.

It has corners, so a machine that can't turn on the spot can't drive it.
"""

import math
from itertools import pairwise

from lunaredge.errors import ConfigError
from lunaredge.model.site import Point
from lunaredge.paths.machine import Drive, Machine
from lunaredge.paths.route import Route, wrapped

# Less is rounding: 6 mm off after 100 m.
_STRAIGHT_RAD = 6e-5


def route_along(
    points: tuple[Point, ...], machine: Machine, speed_m_s: float, start_s: float = 0.0
) -> Route:
    """Give the route that drives along points; turns take the shorter way, half turns go left.

    Raises:
        ConfigError: a point twice in a row, or a corner for a machine with a turning radius.
    """
    assert len(points) >= 2
    assert speed_m_s > 0.0
    time_s = start_s
    heading_rad = _heading_rad(points, 0)
    knots = [(time_s, *points[0], heading_rad)]
    for k, (here, there) in enumerate(pairwise(points)):
        turn_rad = wrapped(_heading_rad(points, k) - heading_rad)
        turn_rad = math.pi if turn_rad == -math.pi else turn_rad
        heading_rad += turn_rad
        # What is less goes into the leg: no machine would stop for it.
        if abs(turn_rad) > _STRAIGHT_RAD:
            if machine.drive is Drive.ACKERMANN:
                remedy = "give knots along arcs, or let the route be planned"
                found = f"{math.degrees(turn_rad):.4g} deg at {here}"
                raise _wrong("this machine can't turn on the spot", k, found, remedy)
            time_s += abs(turn_rad) / machine.turn_rad_s_max
            knots.append((time_s, *here, heading_rad))
        time_s += math.dist(here, there) / speed_m_s
        knots.append((time_s, *there, heading_rad))
    return Route(knots)


def _heading_rad(points: tuple[Point, ...], k: int) -> float:
    """Give the heading of the leg from the k-th point."""
    (x_m, y_m), (next_x_m, next_y_m) = points[k : k + 2]
    if (x_m, y_m) == (next_x_m, next_y_m):
        raise _wrong("a point is there twice in a row", k + 1, points[k], "give it once")
    return math.atan2(next_y_m - y_m, next_x_m - x_m)


def _wrong(problem: str, k: int, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place="route", key=f"points[{k}]", value=value, remedy=remedy)
