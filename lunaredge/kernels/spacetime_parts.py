"""Two parts of two machines over a piece of time in which both move evenly.

Most pairs that come this far pass each other, and one look along the edges' normals at both ends
of the piece shows it: between the ends a corner leaves its chord by little. `kernels.sweep` decides
on the rest.
"""

import numpy as np

from lunaredge.kernels.convex import CORNERS_MAX, EDGE_M_MIN, MARGIN, REACH, gap, place, turned
from lunaredge.kernels.jit import Floats, inner, kernel
from lunaredge.kernels.sweep import CONTACT_M, Motion, work_space

Part = tuple[int, Motion]
"""Where in the numbers of an index a part is, and how it moves."""
Place = tuple[float, float, float]
Standing = tuple[int, Place]
"""Where in the numbers of an index a part is, and where it stands."""

# What `_side` says of a body, seen from another's edges.
_INSIDE, _UNKNOWN, _APART = -1, 0, 1
# A chord of more than a quarter of a turn, rad, says nothing worth a look.
_TURN_MAX = 1.6
# The rows of the work space that are this module's; those before are for `kernels.sweep`.
_A, _B, _A_END, _B_END = range(3, 7)


@kernel
def parts_work() -> Floats:
    """Give what the functions here write to, for any number of calls."""
    sweeps = work_space()
    return np.empty((len(sweeps) + 4, max(sweeps.shape[1], CORNERS_MAX), 2))


@inner
def stay_apart(numbers: Floats, a: Part, b: Part, work: Floats) -> bool:
    """Tell whether some edge's normal shows that two parts never come within CONTACT_M.

    Along a fixed normal, a corner at distance r that turns by w on the way leaves the chord between
    its two ends by r * w**2 / 8 at most.

    work : as `parts_work` gives it
    """
    from_a, from_b = a[1], b[1]
    if abs(from_a[5]) > _TURN_MAX or abs(from_b[5]) > _TURN_MAX:
        return False
    bend_m = numbers[a[0] + REACH] * from_a[5] ** 2 + numbers[b[0] + REACH] * from_b[5] ** 2
    limit_m = numbers[a[0] + MARGIN] + numbers[b[0] + MARGIN] + CONTACT_M + bend_m / 8.0
    x, y = from_b[0] - from_a[0], from_b[1] - from_a[1]
    count_a = _place(numbers, a[0], (0.0, 0.0, from_a[2]), work, _A)
    count_b = _place(numbers, b[0], (x, y, from_b[2]), work, _B)
    x, y = x + from_b[3] - from_a[3], y + from_b[4] - from_a[4]
    _place(numbers, a[0], (0.0, 0.0, from_a[2] + from_a[5]), work, _A_END)
    _place(numbers, b[0], (x, y, from_b[2] + from_b[5]), work, _B_END)
    return _edges_part(work, (_A, count_a), (_B, count_b), limit_m) or _edges_part(
        work, (_B, count_b), (_A, count_a), limit_m
    )


@inner
def meet_at(numbers: Floats, a: Standing, b: Standing, work: Floats) -> bool:
    """Tell whether two parts that stand are within CONTACT_M of each other.

    work : as `parts_work` gives it

    All is seen from a's frame, where its corners are as they are written.
    """
    part, (x, y, heading) = a
    other, (other_x, other_y, other_heading) = b
    cos, sin = turned(heading)
    dx, dy = other_x - x, other_y - y
    dx, dy = cos * dx + sin * dy, cos * dy - sin * dx
    count_a = place(numbers[part:], 0.0, 0.0, 1.0, 0.0, work[_A])
    cos, sin = turned(other_heading - heading)
    count_b = place(numbers[other:], dx, dy, cos, sin, work[_B])
    limit_m = numbers[part + MARGIN] + numbers[other + MARGIN] + CONTACT_M
    side = _side(work, (_A, count_a), (_B, count_b), limit_m)
    if side == _APART:
        return False
    other_side = _side(work, (_B, count_b), (_A, count_a), limit_m)
    if other_side == _APART:
        return False
    if side == other_side == _INSIDE and count_a > 2 and count_b > 2:
        return True
    return bool(gap(work[_A], count_a, work[_B], count_b)[0] <= limit_m)


@inner
def _place(numbers: Floats, part: int, at: Place, work: Floats, row: int) -> int:
    """Write a part's corners at a place to a row of the work space; give their count."""
    cos, sin = turned(at[2])
    return place(numbers[part:], at[0], at[1], cos, sin, work[row])


@inner
def _side(work: Floats, a: tuple[int, int], b: tuple[int, int], limit_m: float) -> int:
    """Tell whether b is beyond one of a's edges, by more than a limit, or has points inside all.

    a, b : the row in the work space, and the count of corners

    Two polygons with an area that are so to each other overlap (separating axes: Gottschalk, Lin,
    Manocha 1996).
    """
    side = _INSIDE
    for k in range(a[1]):
        after = k + 1 if k + 1 < a[1] else 0
        # Outward: the corners go around counter-clockwise.
        nx = work[a[0], after, 1] - work[a[0], k, 1]
        ny = work[a[0], k, 0] - work[a[0], after, 0]
        if nx * nx + ny * ny <= EDGE_M_MIN * EDGE_M_MIN:
            continue
        ahead = _least(work, b, nx, ny) - nx * work[a[0], k, 0] - ny * work[a[0], k, 1]
        if ahead > 0.0:
            if ahead * ahead > limit_m * limit_m * (nx * nx + ny * ny):
                return _APART
            side = _UNKNOWN
    return side


@inner
def _edges_part(work: Floats, a: tuple[int, int], b: tuple[int, int], limit_m: float) -> bool:
    """Tell whether a normal of a's edges, as they are at first, parts both bodies at both ends."""
    a_end, b_end = (a[0] + _A_END - _A, a[1]), (b[0] + _B_END - _B, b[1])
    for k in range(a[1]):
        after = k + 1 if k + 1 < a[1] else 0
        nx = work[a[0], after, 1] - work[a[0], k, 1]
        ny = work[a[0], k, 0] - work[a[0], after, 0]
        if nx * nx + ny * ny <= EDGE_M_MIN * EDGE_M_MIN:
            continue
        wide = limit_m * np.sqrt(nx * nx + ny * ny)
        ahead = _least(work, b, nx, ny) - nx * work[a[0], k, 0] - ny * work[a[0], k, 1]
        if ahead > wide and _least(work, b_end, nx, ny) + _least(work, a_end, -nx, -ny) > wide:
            return True
    return False


@inner
def _least(work: Floats, body: tuple[int, int], nx: float, ny: float) -> float:
    """Give how far back along a direction a body lies."""
    least = np.inf
    for k in range(body[1]):
        least = min(least, nx * work[body[0], k, 0] + ny * work[body[0], k, 1])
    return least
