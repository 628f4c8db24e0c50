"""Zones and obstacles of a site: simple polygons, each with the time that it counts for.

A polygon may be concave, and its corners may go around either way; it may not touch itself, since
nobody could say then what is inside. Whether it does is decided exactly, in fractions where
rounding leaves a doubt. What a zone does to a route is the checks' business.
"""

import math
from fractions import Fraction

import msgspec
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.jit import Flags, Floats, Ints
from lunaredge.model import site
from lunaredge.model.site import Point, Polygon, ZoneKind
from lunaredge.paths.given import check_fields, checked
from lunaredge.paths.route import COORDINATE_M_MAX, TIME_S_MAX

# A survey gives tens of corners; beyond this the test for crossings takes a second.
POLYGON_CORNERS_MAX = 2000
# The tallest mast on a site is tens of metres.
HEIGHT_M_MAX = 10_000.0
MARGIN_M_MAX = 1000.0
# Rounding in a 2 x 2 determinant of differences (Shewchuk 1997, "Adaptive precision ...", A bound).
_DOUBT_RATIO = 3.4e-16
# Edge pairs tested at once: 16 MB an array.
_PAIRS_AT_ONCE = 2_000_000


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A named polygon that counts for a time.

    Raises:
        ConfigError: not a simple polygon, a time that runs back, a speed where none belongs.
    """

    name: str
    kind: ZoneKind
    polygon: Polygon
    speed_m_s_max: float | None = None
    """Given for speed zones, and only for them."""
    from_s: float = -math.inf
    until_s: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no zone."""
        place = f"zone {self.name}"
        check_fields(self, "no zone", place)
        check_simple(self.polygon, place)
        check_window(self.from_s, self.until_s, place)
        speed_m_s = self.speed_m_s_max
        if self.kind is ZoneKind.SPEED:
            if speed_m_s is None or not 0.0 < speed_m_s < math.inf:
                raise _wrong("no speed limit", place, "speed_m_s_max", speed_m_s, "give it in m/s")
        elif speed_m_s is not None:
            remedy = "leave it out, or make it a speed zone"
            raise _wrong("a limit without a use", place, "speed_m_s_max", speed_m_s, remedy)

    @classmethod
    @checked("zone")
    def of(cls, zone: site.Zone) -> "Zone":
        """Give a zone of the site's file, which counts for ever."""
        return cls(
            name=zone.name,
            kind=zone.kind,
            polygon=zone.polygon,
            speed_m_s_max=zone.speed_m_s_max,
        )


class Obstacle(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that stands on the ground, or hangs over it, for a time.

    Raises:
        ConfigError: not a simple polygon, a band upside down, a time that runs back.
    """

    name: str
    polygon: Polygon
    low_m: float = 0.0
    """Above the ground: a machine that is lower passes underneath."""
    high_m: float = math.inf
    margin_m: float = 0.0
    """How far from it a machine stays."""
    from_s: float = -math.inf
    until_s: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what is no obstacle."""
        place = f"obstacle {self.name}"
        check_fields(self, "no obstacle", place)
        check_simple(self.polygon, place)
        check_window(self.from_s, self.until_s, place)
        if not abs(self.low_m) <= HEIGHT_M_MAX:
            remedy = f"give metres, at most {HEIGHT_M_MAX:g}"
            raise _wrong("no height", place, "low_m", self.low_m, remedy)
        if not self.low_m < self.high_m:
            remedy = f"give more than low_m, {self.low_m:g}"
            raise _wrong("no height", place, "high_m", self.high_m, remedy)
        if not 0.0 <= self.margin_m <= MARGIN_M_MAX:
            remedy = f"give 0 to {MARGIN_M_MAX:g}"
            raise _wrong("no margin", place, "margin_m", self.margin_m, remedy)


class Crossing(msgspec.Struct, frozen=True):
    """Two edges of a polygon that touch; edge k leads from corner k to the next."""

    edge: int
    other: int
    point: Point


def check_window(from_s: float, until_s: float, place: str) -> None:
    """Check that a time window holds some time.

    Raises:
        ConfigError: NaN, out of bounds, or it ends before it begins.
    """
    for key, time_s in (("from_s", from_s), ("until_s", until_s)):
        if not (abs(time_s) <= TIME_S_MAX or math.isinf(time_s)):
            raise _wrong("no time", place, key, time_s, f"give seconds, at most {TIME_S_MAX:g}")
    if not from_s < until_s:
        raise _wrong("no time", place, "until_s", until_s, f"give more than from_s, {from_s:g}")


def check_simple(polygon: Polygon, place: str) -> None:
    """Check that a polygon encloses one area, its edges touching at their shared corners only.

    Raises:
        ConfigError: too few or too many corners, not finite, or edges that touch; it says where.
    """
    if not 3 <= len(polygon) <= POLYGON_CORNERS_MAX:
        remedy = f"give 3 to {POLYGON_CORNERS_MAX} corners"
        raise _wrong("no polygon", place, "polygon", len(polygon), remedy)
    for k, corner in enumerate(polygon):
        if not all(abs(number) <= COORDINATE_M_MAX for number in corner):
            remedy = f"give metres, at most {COORDINATE_M_MAX:g}"
            raise _wrong("no place", place, f"polygon[{k}]", corner, remedy)
        if corner == polygon[k - 1]:
            remedy = "give each corner once; the polygon closes by itself"
            raise _wrong("a corner twice in a row", place, f"polygon[{k}]", corner, remedy)
    crossing = crossing_of(polygon)
    if crossing is not None:
        found = f"edges {crossing.edge} and {crossing.other} at {crossing.point}"
        remedy = "put the corners in order around the outline, or cut it into several"
        raise _wrong("the polygon touches itself", place, "polygon", found, remedy)


def crossing_of(polygon: Polygon) -> Crossing | None:
    """Find the first two edges that share more than a common corner; None in a simple polygon.

    Exact for all finite corners. The lowest edge counts first, then the lowest other.
    """
    corners = np.array(polygon, dtype=np.float64)
    edge_count = len(corners)
    ends = np.roll(corners, -1, axis=0)
    lows, highs = np.minimum(corners, ends), np.maximum(corners, ends)
    rows_at_once = max(1, _PAIRS_AT_ONCE // edge_count)
    for first in range(0, edge_count, rows_at_once):
        rows = np.arange(first, min(first + rows_at_once, edge_count))
        near = (lows[rows, None] <= highs[None]).all(2) & (lows[None] <= highs[rows, None]).all(2)
        i, j = np.nonzero(near)
        i = rows[i]
        i, j = i[i < j], j[i < j]
        for k in np.flatnonzero(_touch(corners, i, j)):
            return Crossing(int(i[k]), int(j[k]), _meeting(corners, int(i[k]), int(j[k])))
    return None


def _touch(corners: Floats, i: Ints, j: Ints) -> Flags:
    """Tell which pairs of edges, whose boxes overlap, share more than a common corner."""
    count = len(corners)
    a, b = corners[i], corners[(i + 1) % count]
    c, d = corners[j], corners[(j + 1) % count]
    on_cd = _sides(c, d, a) * _sides(c, d, b)
    on_ab = _sides(a, b, c) * _sides(a, b, d)
    apart: Flags = (on_cd <= 0) & (on_ab <= 0)
    # Neighbours share a corner anyway: they touch elsewhere only when one folds back on the other.
    after, before = j == i + 1, (i == 0) & (j == count - 1)
    if count > 3:
        next_to = after | before
        shared = np.where(after[:, None], b, a)
        inward = np.where(after[:, None], a, b) - shared
        outward = np.where(after[:, None], d, c) - shared
        apart &= ~next_to | (
            (np.where(after, _sides(a, b, d), _sides(a, b, c)) == 0)
            & ((inward * outward).sum(axis=1) > 0.0)
        )
    else:
        apart &= (_sides(a, b, c) == 0) & (_sides(a, b, d) == 0)
    return apart


def _sides(a: Floats, b: Floats, c: Floats) -> Floats:
    """Give 1 where c is left of the line from a to b, -1 right, 0 on it; exactly."""
    left = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1])
    right = (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    sides: Floats = np.sign(left - right)
    doubtful = np.abs(left - right) <= _DOUBT_RATIO * (np.abs(left) + np.abs(right))
    for k in np.flatnonzero(doubtful):
        (ax, ay), (bx, by), (cx, cy) = (map(Fraction, map(float, p[k])) for p in (a, b, c))
        exact = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        sides[k] = (exact > 0) - (exact < 0)
    return sides


def _meeting(corners: Floats, i: int, j: int) -> Point:
    """Give a point that two touching edges share, to a millimetre."""
    count = len(corners)
    a, b = corners[i], corners[(i + 1) % count]
    c, d = corners[j], corners[(j + 1) % count]
    step, other = b - a, d - c
    across = float(step[0] * other[1] - step[1] * other[0])
    if across == 0.0:
        # On one line: an end of one lies on the other.
        ends = sorted(tuple(map(float, p)) for p in (a, b, c, d))
        return round(ends[1][0], 3), round(ends[1][1], 3)
    along = float((c - a)[0] * other[1] - (c - a)[1] * other[0]) / across
    x_m, y_m = a + min(1.0, max(0.0, along)) * step
    return round(float(x_m), 3), round(float(y_m), 3)


def _wrong(problem: str, place: str, key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(problem, place=place, key=key, value=value, remedy=remedy)
