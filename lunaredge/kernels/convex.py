"""Exact plane geometry of two convex bodies: placing, distance, depth, and the axis between them.

A body is a row as `Footprint.parts` packs it, float64 (COLUMNS,): corner count, margin, low, high,
reach, then x and y of up to CORNERS_MAX corners, counter-clockwise; m. One corner is a point, two
are a rod. Bodies are closed sets. Margins are the caller's: everything here is about the corners.

The functions are compiled, for other kernels to call; the caller has checked the arrays. Place both
bodies relative to a point near them: then what is found is within 1e-12 times their size of the
truth, and only the rounding of the coordinates themselves remains (2e-9 m at 1e7 m).
"""

import math

import numpy as np

from lunaredge.kernels.jit import Floats, inner

# A polygon of more corners is a drawing, not an outline: every check pays for each corner.
CORNERS_MAX = 16
COUNT, MARGIN, LOW, HIGH, REACH, CORNERS = range(6)
COLUMNS = CORNERS + 2 * CORNERS_MAX

# Between corners this near, rounding decides the direction of the edge: a turn can point it into
# the body, and everything beyond would seem apart. Their neighbours bound the body without it.
EDGE_M_MIN = 1e-6
# Nearer than this, a direction between two points is rounding; deeper, overlap is no rounding.
_TOUCH_M = 1e-9

# A quarter turn: the first 33 bits, and the rest.
_QUARTER_HIGH = 1.5707963267341256
_QUARTER_LOW = 6.077100506506192e-11
# Taylor's coefficients in the square of the angle, the highest first.
_COS = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(8, -1, -1))
_SIN = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(8, -1, -1))

Axis = tuple[float, float, float]
"""A distance, m, and x and y of a unit vector."""


@inner
def place(row: Floats, x: float, y: float, cos: float, sin: float, out: Floats) -> int:
    """Write the corners of a body at a pose; give their count.

    row : float64 (COLUMNS,)      out : float64 (CORNERS_MAX, 2)  m; rows above the count are left
    """
    count = int(row[COUNT])
    for k in range(count):
        px, py = row[CORNERS + 2 * k], row[CORNERS + 2 * k + 1]
        out[k, 0] = x + cos * px - sin * py
        out[k, 1] = y + sin * px + cos * py
    return count


@inner
def gap(a: Floats, count_a: int, b: Floats, count_b: int) -> Axis:
    """Give the distance of two placed convex bodies, and the unit vector from a to b along it.

    a : float64 (count_a or more, 2)  m      b : float64 (count_b or more, 2)  m

    Overlapping bodies have a negative gap: the least way by which b must be moved along the vector
    to touch only. In both cases the gap is the largest, over all directions, of the separation
    along that direction; so the separation along the vector given stays a lower bound of the gap
    when the bodies move. Ties go to a's edges, then to the first edge.

    An edge's normal that separates the bodies most gives the answer when a corner lies in front of
    that edge (separating axes: Gottschalk, Lin, Manocha 1996); else the nearest corner and edge do
    (Ericson 2005, 5.1.9). Bound by count_a * count_b products.
    """
    apart, nx, ny, faces = _widest(a, count_a, b, count_b)
    other, mx, my, other_faces = _widest(b, count_b, a, count_a)
    if other > apart:
        apart, nx, ny, faces = other, -mx, -my, other_faces
    if apart < -_TOUCH_M and apart > -np.inf:
        return apart, nx, ny
    if faces and apart > _TOUCH_M:
        return apart, nx, ny
    # Corner to corner; or bodies without area, which have no normal along their own line.
    ax, ay, bx, by = _nearest(a, count_a, b, count_b)
    dx, dy = bx - ax, by - ay
    distance = np.sqrt(dx * dx + dy * dy)
    if distance > _TOUCH_M:
        return distance, dx / distance, dy / distance
    if apart == -np.inf:
        return distance, 1.0, 0.0
    return apart, nx, ny


@inner
def turned(heading: float) -> tuple[float, float]:
    """Give the cosine and sine of a heading, right to 1e-15 for up to a million radians.

    Taylor's series on an eighth of a turn to either side: in half the time of the C library's pair,
    which would be most of what the check of a pose costs.
    """
    quarters = np.floor(heading * (2.0 / math.pi) + 0.5)
    # The high part times a whole number of 20 bits is exact (Cody and Waite 1980).
    angle = (heading - quarters * _QUARTER_HIGH) - quarters * _QUARTER_LOW
    square = angle * angle
    cos, sin = 0.0, 0.0
    for k in range(9):
        cos = cos * square + _COS[k]
        sin = sin * square + _SIN[k]
    sin *= angle
    # Without branches, so that a loop over many headings runs in vector registers.
    quarter = int(quarters)
    odd = quarter & 1
    cos_sign, sin_sign = 1 - ((quarter + 1) & 2), 1 - (quarter & 2)
    return cos_sign * (sin if odd else cos), sin_sign * (cos if odd else sin)


@inner
def distance(x: float, y: float, a: Floats, count: int) -> float:
    """Give the distance of a point to a placed convex body; 0 in it and on its edge.

    a : float64 (count or more, 2)  m, counter-clockwise
    """
    inside, least = count > 2, np.inf
    for k in range(count):
        after = k + 1 if k + 1 < count else 0
        ax, ay, bx, by = a[k, 0], a[k, 1], a[after, 0], a[after, 1]
        inside = inside and (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= 0.0
        px, py = _nearest_on(ax, ay, bx, by, x, y)
        least = min(least, (px - x) ** 2 + (py - y) ** 2)
    return 0.0 if inside else math.sqrt(least)


@inner
def _widest(a: Floats, count_a: int, b: Floats, count_b: int) -> tuple[float, float, float, bool]:
    """Give the separation along the edge normal of a that has b farthest, and that normal.

    Then whether b's nearest corner lies in front of that edge. A point has no edge: -inf.
    """
    best, best_x, best_y, faces = -np.inf, 1.0, 0.0, False
    for k in range(count_a):
        after = k + 1 if k + 1 < count_a else 0
        ax, ay = a[k, 0], a[k, 1]
        ex, ey = a[after, 0] - ax, a[after, 1] - ay
        length = np.sqrt(ex * ex + ey * ey)
        if length > EDGE_M_MIN:
            ex, ey = ex / length, ey / length
            least, along = np.inf, 0.0
            for j in range(count_b):
                dx, dy = b[j, 0] - ax, b[j, 1] - ay
                apart = ey * dx - ex * dy
                if apart < least:
                    least, along = apart, ex * dx + ey * dy
            if least > best:
                best, best_x, best_y = least, ey, -ex
                faces = 0.0 <= along <= length
    return best, best_x, best_y, faces


@inner
def _nearest(a: Floats, count_a: int, b: Floats, count_b: int) -> tuple[float, float, float, float]:
    """Give the nearest points of a and of b, one of them a corner; right for bodies apart."""
    ax, ay, bx, by, least = 0.0, 0.0, 0.0, 0.0, np.inf
    for k in range(count_a):
        k_after = k + 1 if k + 1 < count_a else 0
        for j in range(count_b):
            j_after = j + 1 if j + 1 < count_b else 0
            x, y = b[j, 0], b[j, 1]
            px, py = _nearest_on(a[k, 0], a[k, 1], a[k_after, 0], a[k_after, 1], x, y)
            apart = (px - x) ** 2 + (py - y) ** 2
            if apart < least:
                ax, ay, bx, by, least = px, py, x, y, apart
            x, y = a[k, 0], a[k, 1]
            px, py = _nearest_on(b[j, 0], b[j, 1], b[j_after, 0], b[j_after, 1], x, y)
            apart = (px - x) ** 2 + (py - y) ** 2
            if apart < least:
                ax, ay, bx, by, least = x, y, px, py, apart
    return ax, ay, bx, by


@inner
def _nearest_on(
    ax: float, ay: float, bx: float, by: float, x: float, y: float
) -> tuple[float, float]:
    """Give the point of a segment, whose ends may be one point, nearest to (x, y)."""
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    if squared <= 0.0:
        return ax, ay
    along = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / squared))
    return ax + along * dx, ay + along * dy
