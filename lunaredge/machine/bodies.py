"""Bodies as oriented rectangles, and the exact distance between two of them.

It is written apart from the kernels that plan, so that one mistake can't hide in both. It knows
nothing of motion: between two instants the witness adds its own bound.
"""

import math

import msgspec

from lunaredge.model.site import Point


class Rectangle(msgspec.Struct, frozen=True):
    """A body's footprint. ``heading_rad`` is counter-clockwise from east, along the length."""

    x_m: float
    y_m: float
    heading_rad: float
    half_length_m: float
    half_width_m: float

    @property
    def radius_m(self) -> float:
        """Radius of the circle about the centre that holds the body at any heading."""
        return math.hypot(self.half_length_m, self.half_width_m)


def corners(body: Rectangle) -> tuple[Point, ...]:
    """Give the four corners, counter-clockwise from the front right."""
    ux, uy = math.cos(body.heading_rad), math.sin(body.heading_rad)
    length, width = body.half_length_m, body.half_width_m
    signs = ((1, -1), (1, 1), (-1, 1), (-1, -1))
    return tuple(
        (
            body.x_m + a * length * ux - b * width * uy,
            body.y_m + a * length * uy + b * width * ux,
        )
        for a, b in signs
    )


def ahead_of(body: Rectangle, reach_m: float, margin_m: float) -> Rectangle:
    """Give the strip from the body's front to ``reach_m`` beyond, wider by the margin each side."""
    offset_m = body.half_length_m + 0.5 * reach_m
    return Rectangle(
        body.x_m + offset_m * math.cos(body.heading_rad),
        body.y_m + offset_m * math.sin(body.heading_rad),
        body.heading_rad,
        0.5 * reach_m,
        body.half_width_m + margin_m,
    )


def circle_gap_m(one: Rectangle, other: Rectangle) -> float:
    """Give the gap between the bounding circles: never more than the bodies' distance."""
    distance_m = math.hypot(other.x_m - one.x_m, other.y_m - one.y_m)
    return distance_m - one.radius_m - other.radius_m


def separation_m(one: Rectangle, other: Rectangle) -> float:
    """Give the least distance between two bodies; 0.0 when they touch or overlap.

    Convex bodies that are apart have a separating line along one of their edges, and are nearest
    at a corner of one of them: four lines and eight corners settle it exactly.
    """
    turn = other.heading_rad - one.heading_rad
    c, s = math.cos(turn), math.sin(turn)
    ux, uy = math.cos(one.heading_rad), math.sin(one.heading_rad)
    dx, dy = other.x_m - one.x_m, other.y_m - one.y_m
    # The centre of each body in the other's frame; a corner's box is symmetric, so signs drop out.
    u, v = ux * dx + uy * dy, ux * dy - uy * dx
    p, q = -(c * u + s * v), s * u - c * v
    la, wa, lb, wb = one.half_length_m, one.half_width_m, other.half_length_m, other.half_width_m
    ac, ax = abs(c), abs(s)
    apart = (
        abs(u) > la + lb * ac + wb * ax
        or abs(v) > wa + lb * ax + wb * ac
        or abs(p) > lb + la * ac + wa * ax
        or abs(q) > wb + la * ax + wa * ac
    )
    if not apart:
        return 0.0
    return min(
        _corners_to_box_m(u, v, (c, s), (lb, wb), (la, wa)),
        _corners_to_box_m(p, q, (c, -s), (la, wa), (lb, wb)),
    )


def _corners_to_box_m(
    x_m: float,
    y_m: float,
    direction: tuple[float, float],
    halves: tuple[float, float],
    box: tuple[float, float],
) -> float:
    """Give the least distance from a rectangle's corners to a box that is centred on the origin."""
    c, s = direction
    along_x, along_y = halves[0] * c, halves[0] * s
    across_x, across_y = -halves[1] * s, halves[1] * c
    least = math.inf
    for sx, sy in (
        (along_x + across_x, along_y + across_y),
        (along_x - across_x, along_y - across_y),
    ):
        for cx, cy in ((x_m + sx, y_m + sy), (x_m - sx, y_m - sy)):
            out_x, out_y = abs(cx) - box[0], abs(cy) - box[1]
            distance = math.hypot(max(out_x, 0.0), max(out_y, 0.0))
            least = min(least, distance)
    return least
