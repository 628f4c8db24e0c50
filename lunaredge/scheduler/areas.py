"""Areas that people mark on the site: their outlines, and what meets them.

Pure geometry, exact; owns no state and knows neither who marked an area nor why. An area is closed:
what touches its outline meets it.
"""

import math
from functools import lru_cache

from lunaredge.errors import ConfigError
from lunaredge.model.site import CORNERS_MAX, Point, Polygon
from lunaredge.paths.zones import check_simple
from lunaredge.scheduler.arrays import Lines, points_array

# A disc is given by so many corners; it is the smallest such polygon that holds the whole disc,
# and less than a hundredth wider.
DISC_CORNERS = 24
# The same few areas are held against the same tasks and resting machines again and again.
ANSWERS_MAX = 4_096


def disc(centre: Point, radius_m: float) -> Polygon:
    """Give a polygon that holds everything within a radius of a point."""
    step_rad = 2.0 * math.pi / DISC_CORNERS
    reach_m = radius_m / math.cos(0.5 * step_rad)
    return tuple(
        (
            centre[0] + reach_m * math.cos(k * step_rad),
            centre[1] + reach_m * math.sin(k * step_rad),
        )
        for k in range(DISC_CORNERS)
    )


def middle(polygon: Polygon) -> Point:
    """Give the mean of a polygon's corners."""
    count = len(polygon)
    return sum(x for x, _ in polygon) / count, sum(y for _, y in polygon) / count


def flaw(polygon: Polygon) -> str:
    """Say why a polygon is no area; empty when it is one."""
    if len(polygon) > CORNERS_MAX:
        return f"the outline has {len(polygon)} corners; give at most {CORNERS_MAX}"
    try:
        check_simple(polygon, "the area")
    except ConfigError as exc:
        return str(exc)
    return ""


@lru_cache(ANSWERS_MAX)
def meets_line(area: Polygon, line: tuple[Point, ...], half_width_m: float) -> bool:
    """Tell whether anything within a half width of a line is in the area."""
    return _lines(area).first_near(points_array(line), half_width_m) is not None


@lru_cache(ANSWERS_MAX)
def meets(area: Polygon, other: Polygon) -> bool:
    """Tell whether two areas have a point in common."""
    # What lies wholly inside the other is met by its first corner.
    return meets_line(area, _ring(other), 0.0) or meets_line(other, area[:1], 0.0)


def holds(area: Polygon, place: Point, radius_m: float) -> bool:
    """Tell whether everything within a radius of a place is inside the area."""
    outline = Lines.of([(_ring(area), 0.0)])
    is_near_edge = outline.first_conflict(points_array((place,)), radius_m) is not None
    return meets_line(area, (place,), 0.0) and not is_near_edge


def _lines(area: Polygon) -> Lines:
    return Lines.of([(area, 0.0)])


def _ring(area: Polygon) -> Polygon:
    return (*area, area[0])
