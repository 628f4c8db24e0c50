"""Convex pieces, which is what checks are made of: of polygons, of lines, and boxes.

Triangles first, by earcut, then joined again over the diagonals that convexity does not need
(Hertel and Mehlhorn 1983): at most four times the fewest pieces there are. Where a polygon is so
thin that rounding leaves no triangle, its edge stands for it, as rods: a cable is a cable.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import mapbox_earcut
import numpy as np

from lunaredge.errors import ConfigError
from lunaredge.kernels.convex import CORNERS_MAX
from lunaredge.kernels.jit import Flags, Floats
from lunaredge.model.site import Point, Polygon
from lunaredge.paths.given import checked
from lunaredge.paths.route import COORDINATE_M_MAX, Pose
from lunaredge.paths.zones import check_simple

# The pieces must have the polygon's area up to this part of it, or some of it went unguarded.
_AREA_ERROR_MAX = 1e-9
# Of a polygon of no more area nothing is farther inside than a micrometre from its edge.
_THIN_M2 = 1e-12
# A corner so near to a piece is on it.
_ON_EDGE_M = 1e-9
# A long edge lies in many tiles that it is far from.
ROD_M_MAX = 25.0
# Of an edge so long that this many rods don't do, the rods are longer: tiles are larger there too.
RODS_MAX = 10_000
# A turn of less than this, rad, is straight: it is rounding of coordinates far from the origin.
_STRAIGHT = 1e-9

Corners = list[int]
"""Indices of corners, counter-clockwise."""


@checked("polygon")
def convex_pieces(polygon: Polygon, place: str) -> list[Polygon]:
    """Give convex polygons that together are the given one, counter-clockwise.

    Where it is so thin that rounding decides what is inside, its edges are pieces, of two corners.

    Raises:
        ConfigError: the polygon is not simple, or parts of it are lost to rounding.
    """
    return list(_pieces(polygon, place))


# The checks' bodies and every planner's barriers are made of the same polygons.
@lru_cache(maxsize=4096)
def _pieces(polygon: Polygon, place: str) -> tuple[Polygon, ...]:
    """See `convex_pieces`."""
    check_simple(polygon, place)
    points = np.array(polygon, dtype=np.float64)
    # Relative to its middle: coordinates far from the origin leave the products few digits.
    points -= 0.5 * (points.min(axis=0) + points.max(axis=0))
    order = list(range(len(points)))
    if _area(points, order) < 0.0:
        order.reverse()
    area = _area(points, order)
    if area <= _THIN_M2:
        return tuple(pairwise((*polygon, polygon[0])))
    triangles = [t for t in _triangles(points, order) if _is_body(polygon, t)]
    kept = {frozenset(edge) for triangle in triangles for edge in _edges(triangle)}
    pieces = _joined(polygon, points, triangles)
    covered = sum(_area(points, piece) for piece in pieces)
    if not abs(covered - area) <= _AREA_ERROR_MAX * area:
        raise ConfigError(
            "cannot be cut into convex pieces",
            place=place,
            key="polygon",
            value=f"{len(polygon)} corners around {area:g} m2",
            remedy="leave out spikes and corners closer than rounding",
        )
    pieces += _unguarded(points, [e for e in _edges(order) if frozenset(e) not in kept], pieces)
    return tuple(tuple(polygon[k] for k in piece) for piece in pieces)


@checked("rectangle")
def rectangle(pose: Pose, length_m: float, width_m: float) -> Polygon:
    """Give the corners of a rectangle about a pose, its length along the heading.

    Raises:
        ConfigError: a length that is none.
    """
    for key, size_m in (("length_m", length_m), ("width_m", width_m)):
        if not 0.0 < size_m <= COORDINATE_M_MAX:
            remedy = f"give more than 0, {COORDINATE_M_MAX:g} at most"
            raise ConfigError("no size", place="rectangle", key=key, value=size_m, remedy=remedy)
    cos, sin = math.cos(pose.heading_rad) / 2, math.sin(pose.heading_rad) / 2
    ax, ay, bx, by = length_m * cos, length_m * sin, -width_m * sin, width_m * cos
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return tuple((pose.x_m + i * ax + j * bx, pose.y_m + i * ay + j * by) for i, j in signs)


def edge_rods(polygon: Polygon) -> list[Polygon]:
    """Cut the edge of a polygon into rods: some RODS_MAX at most, however long it is."""
    edge = (*polygon, polygon[0])
    length_m = sum(math.dist(*ends) for ends in pairwise(edge))
    return rods(edge, max(ROD_M_MAX, length_m / RODS_MAX))


def rods(points: Sequence[Point], length_m_max: float = ROD_M_MAX) -> list[Polygon]:
    """Cut a line into rods of two points each; a single point is given as it is.

    A long rod would count as near wherever the box around it is.
    """
    if len(points) == 1:
        return [(points[0],)]
    found: list[Polygon] = []
    for (ax, ay), (bx, by) in pairwise(points):
        count = max(1, math.ceil(math.dist((ax, ay), (bx, by)) / length_m_max))
        # The ends are the given points to the last bit, so that nothing slips through a corner.
        ways = [k / count for k in range(1, count)]
        between = [(ax + way * (bx - ax), ay + way * (by - ay)) for way in ways]
        found += pairwise([(ax, ay), *between, (bx, by)])
    return found


def is_convex(corners: tuple[Point, ...]) -> bool:
    """Tell whether corners go around once, either way, always turning the same way or straight."""
    # Plain numbers: for a few corners arrays cost five times as much.
    edges = [(bx - ax, by - ay) for (ax, ay), (bx, by) in pairwise((*corners, corners[0]))]
    lengths = [math.hypot(*edge) for edge in edges]
    if not all(lengths):
        return False
    ways = [(x / length, y / length) for (x, y), length in zip(edges, lengths, strict=True)]
    turns = [
        math.atan2(ax * by - ay * bx, ax * bx + ay * by)
        for (ax, ay), (bx, by) in pairwise((*ways, ways[0]))
    ]
    # Where an edge runs straight back, nothing is enclosed.
    if max(map(abs, turns)) == math.pi:
        return False
    same_way = min(turns) >= -_STRAIGHT or max(turns) <= _STRAIGHT
    # A star turns the same way all along, and goes around twice.
    return same_way and abs(abs(sum(turns)) - math.tau) < 1e-6


def body_row(
    corners: Sequence[Point],
    margin_m: float = 0.0,
    low_m: float = -math.inf,
    high_m: float = math.inf,
) -> list[float]:
    """Pack a convex body as `kernels.convex` takes it, COLUMNS numbers; either way around."""
    (x, y), *others = corners
    away = [(px - x, py - y) for px, py in others]
    if sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairwise(away)) < 0.0:
        corners = corners[::-1]
    reach_m = max(math.hypot(*corner) for corner in corners) + margin_m
    return [
        *(float(len(corners)), margin_m, low_m, high_m, reach_m),
        *(number for corner in corners for number in corner),
        *([0.0] * (2 * (CORNERS_MAX - len(corners)))),
    ]


def _area(points: Floats, corners: Corners) -> float:
    """Give the area inside corners; negative when they run clockwise."""
    x, y = points[corners].T
    return 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _turn(points: Floats, a: int, b: int, c: int) -> float:
    """Give twice the area of a triangle; negative when it runs clockwise, 0 when it has none."""
    (ax, ay), (bx, by), (cx, cy) = points[a], points[b], points[c]
    return float((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))


def _triangles(points: Floats, order: Corners) -> list[Corners]:
    """Cut a polygon into triangles, counter-clockwise; those without area are left out."""
    ends = np.array([len(order)], dtype=np.uint32)
    flat = mapbox_earcut.triangulate_float64(points[order], ends)
    found = [[order[k] for k in triangle] for triangle in flat.reshape(-1, 3).tolist()]
    turns = [_turn(points, *triangle) for triangle in found]
    return [
        triangle if turn > 0.0 else triangle[::-1]
        for triangle, turn in zip(found, turns, strict=True)
        if turn != 0.0
    ]


def _unguarded(
    points: Floats, edges: list[tuple[int, int]], pieces: list[Corners]
) -> list[Corners]:
    """Give those edges of which no piece has both ends: of spikes and necks thinner than rounding.

    A piece that has both has all between them.
    """
    if not edges:
        return []
    ends = points[np.array(edges)]
    found = np.zeros(len(edges), np.bool_)
    for piece in pieces:
        found |= _on_edge(ends, points[piece]).all(axis=1)
    return [
        list(edge) for edge, is_found in zip(edges, found.tolist(), strict=True) if not is_found
    ]


def _on_edge(places: Floats, corners: Floats) -> Flags:
    """Tell which places, (..., 2), are on the edge of a piece."""
    steps = np.roll(corners, -1, axis=0) - corners
    away = places[..., None, :] - corners
    parts = np.clip((away * steps).sum(axis=-1) / (steps * steps).sum(axis=-1), 0.0, 1.0)
    gaps = away - parts[..., None] * steps
    on_edge: Flags = (np.hypot(gaps[..., 0], gaps[..., 1]) <= _ON_EDGE_M).any(axis=-1)
    return on_edge


def _joined(polygon: Polygon, points: Floats, pieces: list[Corners]) -> list[Corners]:
    """Join pieces over their shared edges while the result is convex and not too large."""
    owner = {edge: k for k, piece in enumerate(pieces) for edge in _edges(piece)}
    for source, target in list(owner):
        here, there = owner.get((source, target)), owner.get((target, source))
        if here is None or there is None or here == there:
            continue
        whole = _without_edge(pieces[here], pieces[there], source, target)
        fits = len(whole) <= CORNERS_MAX and _turns_left(points, whole)
        if fits and _is_body(polygon, whole):
            pieces[here], pieces[there] = whole, []
            del owner[source, target], owner[target, source]
            owner.update(dict.fromkeys(_edges(whole), here))
    return [piece for piece in pieces if piece]


def _edges(piece: Corners) -> list[tuple[int, int]]:
    return list(zip(piece, [*piece[1:], piece[0]], strict=True))


def _without_edge(here: Corners, there: Corners, source: int, target: int) -> Corners:
    """Give the outline of two pieces, the edge between them left out."""
    start, other = here.index(target), there.index(source)
    # From the edge's target all around to its source, then the other's corners back again.
    return [*here[start:], *here[:start], *[*there[other:], *there[:other]][1:-1]]


def _is_body(polygon: Polygon, corners: Corners) -> bool:
    """Tell whether checks take corners as they are given, with the rounding of where they are."""
    return is_convex(tuple(polygon[k] for k in corners))


def _turns_left(points: Floats, corners: Corners) -> bool:
    """Tell whether corners never turn right, not even by rounding."""
    return all(
        _turn(points, corners[k - 2], corners[k - 1], corners[k]) >= 0.0
        for k in range(len(corners))
    )
