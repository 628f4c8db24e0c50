"""Two convex bodies, the slow and obvious way: all differences of their points, and their hull.

Bodies overlap when the origin is among the differences of a point of one and a point of the other;
their gap is how far it is from the edge of that set.
"""

import math


def placed(corners, x, y, heading):
    cos, sin = math.cos(heading), math.sin(heading)
    return [(x + cos * px - sin * py, y + sin * px + cos * py) for px, py in corners]


def gap(a, b):
    """Give the distance of two bodies; negative is the least way that parts them."""
    hull = hull_of([(bx - ax, by - ay) for ax, ay in a for bx, by in b])
    edges = list(zip(hull, [*hull[1:], hull[0]], strict=True))
    distance = min(point_segment((0.0, 0.0), edge) for edge in edges)
    inside = len(hull) > 2 and all(turn(*edge, (0.0, 0.0)) >= 0.0 for edge in edges)
    return -distance if inside else distance


def gap_at(a, b, u):
    """Give the gap of two rounded bodies, (corners, margin, motion), at u."""
    (corners_a, margin_a, motion_a), (corners_b, margin_b, motion_b) = a, b
    # Relative to the first body: far from the origin a coordinate has few digits after the point.
    x, y, *_ = (
        mine - other + u * (step - other_step)
        for mine, other, step, other_step in zip(
            motion_b[:2], motion_a[:2], motion_b[3:5], motion_a[3:5], strict=True
        )
    )
    return (
        gap(
            placed(corners_a, 0.0, 0.0, motion_a[2] + u * motion_a[5]),
            placed(corners_b, x, y, motion_b[2] + u * motion_b[5]),
        )
        - margin_a
        - margin_b
    )


def hull_of(points):
    """Give the convex hull, counter-clockwise (Andrew 1979)."""
    points = sorted(set(points))
    if len(points) < 3:
        return points
    return half_hull(points) + half_hull(points[::-1])


def half_hull(points):
    found = []
    for point in points:
        while len(found) > 1 and turn(found[-2], found[-1], point) <= 0.0:
            found.pop()
        found.append(point)
    return found[:-1]


def turn(a, b, c):
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def point_segment(point, segment):
    (ax, ay), (bx, by) = segment
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    along = ((point[0] - ax) * dx + (point[1] - ay) * dy) / squared if squared else 0.0
    along = min(1.0, max(0.0, along))
    return math.hypot(ax + along * dx - point[0], ay + along * dy - point[1])
