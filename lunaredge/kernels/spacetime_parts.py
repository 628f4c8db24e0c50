"""Two parts of two machines over a piece of time in which both move evenly.

Most pairs that come this far pass each other, and one look along the edges' normals at both ends
of the piece shows it: between the ends a corner leaves its chord by little. `kernels.sweep` decides
on the rest.
"""

import numpy as np

from lunaredge.kernels.convex import CORNERS_MAX, COUNT, MARGIN, REACH, gap, place, turned
from lunaredge.kernels.jit import Floats, kernel
from lunaredge.kernels.sweep import CONTACT_M, Body, first_meeting

# What `bounds` says of the separation along the normals of one body's edges.
_OVERLAPS, _UNKNOWN, _APART = -1, 0, 1


@kernel
def corner_space() -> Floats:
    """Give what the functions here write corners to, for any number of calls."""
    return np.empty((4, CORNERS_MAX, 2))


@kernel
def meet_at_start(a: Body, b: Body, corners: Floats) -> bool:
    """Tell whether two bodies are within CONTACT_M of each other as a piece of time starts.

    corners : as `corner_space` gives it. Bound by the sines and by a product for each pair of
              corners; along the first edge's normal that separates them most are told apart.
    """
    row_a, motion_a = a
    row_b, motion_b = b
    x, y = motion_b[0] - motion_a[0], motion_b[1] - motion_a[1]
    cos, sin = turned(motion_a[2])
    count_a = place(row_a, 0.0, 0.0, cos, sin, corners[0])
    cos, sin = turned(motion_b[2])
    count_b = place(row_b, x, y, cos, sin, corners[1])
    limit_m = row_a[MARGIN] + row_b[MARGIN] + CONTACT_M
    side = _side(corners[0], count_a, corners[1], count_b, limit_m)
    if side == _APART:
        return False
    other_side = _side(corners[1], count_b, corners[0], count_a, limit_m)
    if other_side == _APART:
        return False
    if side == other_side == _OVERLAPS and count_a > 2 and count_b > 2:
        return True
    return gap(corners[0], count_a, corners[1], count_b)[0] <= limit_m


@kernel
def meet(a: Body, b: Body, corners: Floats, work: Floats) -> float:
    """Give `sweep.first_meeting` of two bodies: the u at which they first meet, or inf.

    corners : as `corner_space` gives it      work : as `sweep.work_space` does
    """
    return np.inf if _stay_apart(a, b, corners) else first_meeting(a, b, work)


@kernel
def _side(a: Floats, count_a: int, b: Floats, count_b: int, limit_m: float) -> int:
    """Tell on which side of a's edges a body b is: beyond one by more than a limit, or inside all.

    Inside all of a's edges, with a inside all of b's, two polygons with an area overlap (separating
    axes: Gottschalk, Lin, Manocha 1996).
    """
    side = _OVERLAPS
    for k in range(count_a):
        after = k + 1 if k + 1 < count_a else 0
        # Outward: the corners go around counter-clockwise.
        nx, ny = a[after, 1] - a[k, 1], a[k, 0] - a[after, 0]
        least = np.inf
        for j in range(count_b):
            least = min(least, nx * (b[j, 0] - a[k, 0]) + ny * (b[j, 1] - a[k, 1]))
        if least > 0.0:
            if least * least > limit_m * limit_m * (nx * nx + ny * ny):
                return _APART
            side = _UNKNOWN
    return side


@kernel
def _stay_apart(a: Body, b: Body, corners: Floats) -> bool:
    """Tell whether some edge's normal shows that two bodies never come within CONTACT_M.

    Along a fixed normal, a corner at distance r that turns by w on the way leaves the chord between
    its two ends by r * w**2 / 8 at most.
    """
    row_a, motion_a = a
    row_b, motion_b = b
    # Beyond a quarter of a turn the chord says nothing worth a look.
    if max(abs(motion_a[5]), abs(motion_b[5])) > 1.6:
        return False
    limit_m = row_a[MARGIN] + row_b[MARGIN] + CONTACT_M
    limit_m += (row_a[REACH] * motion_a[5] ** 2 + row_b[REACH] * motion_b[5] ** 2) / 8.0
    x, y = motion_b[0] - motion_a[0], motion_b[1] - motion_a[1]
    for end in range(2):
        cos, sin = turned(motion_a[2] + end * motion_a[5])
        place(row_a, 0.0, 0.0, cos, sin, corners[2 * end])
        cos, sin = turned(motion_b[2] + end * motion_b[5])
        place(
            row_b,
            x + end * (motion_b[3] - motion_a[3]),
            y + end * (motion_b[4] - motion_a[4]),
            cos,
            sin,
            corners[2 * end + 1],
        )
    count_a, count_b = int(row_a[COUNT]), int(row_b[COUNT])
    return _edges_part(corners, 0, count_a, count_b, limit_m) or _edges_part(
        corners, 1, count_b, count_a, limit_m
    )


@kernel
def _edges_part(
    corners: Floats, body: int, count: int, other_count: int, limit_m: float
) -> bool:
    """Tell whether a normal of a body's edges, as it starts, parts both bodies at both ends."""
    a, b, a_end, b_end = corners[body], corners[1 - body], corners[2 + body], corners[3 - body]
    for k in range(count):
        after = k + 1 if k + 1 < count else 0
        nx, ny = a[after, 1] - a[k, 1], a[k, 0] - a[after, 0]
        width_m = limit_m * np.sqrt(nx * nx + ny * ny)
        foremost = nx * a[k, 0] + ny * a[k, 1]
        if _least(b, other_count, nx, ny) - foremost > width_m:
            foremost = -_least(a_end, count, -nx, -ny)
            if _least(b_end, other_count, nx, ny) - foremost > width_m:
                return True
    return False


@kernel
def _least(points: Floats, count: int, nx: float, ny: float) -> float:
    """Give how far back along a direction points lie."""
    least = np.inf
    for k in range(count):
        least = min(least, nx * points[k, 0] + ny * points[k, 1])
    return least
