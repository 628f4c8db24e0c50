"""Two moving convex bodies: when they first meet, and how near they ever come. Never by sampling.

A body is a row of `kernels.convex`, rounded by its margin, and a motion: x, y and heading where it
starts, then how much each changes until it ends (m, m, rad), evenly. Both bodies share u, which
runs from 0 to 1.

Both questions rest on one bound. At some u, let n be the unit vector between the bodies that `gap`
gives. Their separation along that *fixed* n never exceeds their gap. A corner's place along n is
linear in the way t from u on, but for its turning: a corner at distance r from the body's origin,
turning at w, leaves its tangent by r * w**2 * t**2 / 2 at most. So the gap at u + t is at least

    min over b's corners of (place + speed * t) - max over a's corners of (the same) - k * t**2 / 2

with k = r_a * w_a**2 + r_b * w_b**2. That is concave in t, to either side; whatever it clears needs
no further look. It is conservative advancement (Mirtich 1996) with the bound along a direction
(Zhang, Lee, Manocha 2006), one order higher: a grazing turn then costs tens of steps, not
thousands. The functions are compiled, for other kernels; the caller has checked the arrays.
"""

import math

import numpy as np

from lunaredge.kernels.convex import COUNT, MARGIN, REACH, gap, place, turned
from lunaredge.kernels.jit import Floats, inner, kernel

# Bodies this near count as met: rounding at 1e7 m is 2e-9, a grazing turn converges in tens of
# steps, and no machine is built or steered to a tenth of a millimetre.
CONTACT_M = 1e-4
# What `least_gap` may leave out.
GAP_ERROR_M = 1e-3
# A turn a tenth of a millimetre beside a body takes some 100 steps; this many are spent only by
# bodies that turn ten thousand times in one motion without coming apart.
STEPS_MAX = 1_000_000
# What waits to be looked at is at most half of what waited before it: 53 halvings end a double.
_WAITING_MAX = 64
_ROOT_TRIES = 4

Motion = tuple[float, float, float, float, float, float]
"""x, y and heading at the start, and the change of each until the end."""
Body = tuple[Floats, Motion]
"""A row of `kernels.convex`, float64 (COLUMNS,), and how it moves."""
Side = tuple[float, float, float, float]
"""A u, the bodies' gap there without margins, m, and x and y of the unit vector from a to b."""


@kernel
def work_space() -> Floats:
    """Give the array that the functions here write to, for any number of calls."""
    return np.empty((3, _WAITING_MAX, 2))


@inner
def first_meeting(a: Body, b: Body, work: Floats) -> float:
    """Give the first u in [0, 1] at which two bodies are within CONTACT_M of each other; inf: none.

    work : as `work_space` gives it

    A contact is never missed, and bodies that stay more than CONTACT_M apart never count. Whether
    coming to between CONTACT_M / 2 and CONTACT_M counts depends on the steps. If STEPS_MAX steps
    don't decide, the u reached counts as a meeting. Bound by `gap`: a few calls for most pairs.
    """
    margin = a[0][MARGIN] + b[0][MARGIN]
    u = 0.0
    for _ in range(STEPS_MAX):
        side = look(a, b, u, work)
        if not side[1] - margin > CONTACT_M:
            return u
        rest = 1.0 - u
        step = _cleared(a, b, side, rest, margin + 0.5 * CONTACT_M, work)
        if step >= rest:
            return np.inf
        u += step
    return u


@inner
def least_gap(a: Body, b: Body, limit: float, work: Floats) -> tuple[float, float]:
    """Give the least gap of two bodies, margins counted, and its u; (limit, -1) when none is less.

    limit : m      work : as `work_space` gives it

    A negative gap is how deep they overlap. The gap given occurs, at that u; none is smaller by
    more than GAP_ERROR_M. Branch and bound: a look at the middle of what is left, which clears what
    its bound reaches on both sides. If STEPS_MAX looks don't suffice, the least gap seen is given.
    """
    margin = a[0][MARGIN] + b[0][MARGIN]
    best, best_u = limit, -1.0
    waiting = work[2]
    waiting[0, 0], waiting[0, 1] = 0.0, 1.0
    count = 1
    for k in range(STEPS_MAX):
        if count == 0:
            break
        count -= 1
        low, high = waiting[count, 0], waiting[count, 1]
        # The two ends first: the last pose of a route is often its nearest.
        u = low if k == 0 else (high if k == 1 else 0.5 * (low + high))
        side = look(a, b, u, work)
        if side[1] - margin < best:
            best, best_u = side[1] - margin, u
        aim = best + margin - GAP_ERROR_M
        before = u + _cleared(a, b, side, low - u, aim, work)
        after = u + _cleared(a, b, side, high - u, aim, work)
        if before > low:
            waiting[count, 0], waiting[count, 1] = low, before
            count += 1
        if after < high:
            waiting[count, 0], waiting[count, 1] = after, high
            count += 1
    return best, best_u


@inner
def look(a: Body, b: Body, u: float, work: Floats) -> Side:
    """Give how two bodies stand at u, margins not counted.

    Writes their corners to work[0] and work[1], relative to where body a's origin is then.
    """
    row_a, motion_a = a
    row_b, motion_b = b
    x = (motion_b[0] - motion_a[0]) + u * (motion_b[3] - motion_a[3])
    y = (motion_b[1] - motion_a[1]) + u * (motion_b[4] - motion_a[4])
    heading_a, heading_b = motion_a[2] + u * motion_a[5], motion_b[2] + u * motion_b[5]
    cos_a, sin_a = turned(heading_a)
    cos_b, sin_b = turned(heading_b)
    count_a = place(row_a, 0.0, 0.0, cos_a, sin_a, work[0])
    count_b = place(row_b, x, y, cos_b, sin_b, work[1])
    apart, nx, ny = gap(work[0], count_a, work[1], count_b)
    return u, apart, nx, ny


@inner
def _cleared(a: Body, b: Body, side: Side, rest: float, aim: float, work: Floats) -> float:
    """Give how far u may go from a look, up to rest, while the gap stays at aim or more.

    rest : forward, or backward when negative      aim : less than the gap of that look, m
    work : as that look left it

    The bound is concave, so a chord from where it is above aim to where it is below never
    overshoots. The first chord ends at the root of the parabola of the corners that count at t = 0,
    which the bound never exceeds: where no other corners take over, the bound ends there too.
    """
    _, speed = _bound(a, b, side, 0.0, work)
    spare = side[1] - aim
    far = min(abs(rest), _root(spare, speed if rest > 0.0 else -speed, _bend(a) + _bend(b)))
    way = 1.0 if rest > 0.0 else -1.0
    below = _bound(a, b, side, way * far, work)[0] - aim
    if below >= 0.0:
        return way * far
    near, above = 0.0, spare
    for _ in range(_ROOT_TRIES):
        near += (far - near) * above / (above - below)
        above = _bound(a, b, side, way * near, work)[0] - aim
        if above <= 0.1 * spare:
            break
    return way * near


@inner
def _root(spare: float, speed: float, bend: float) -> float:
    """Give the t > 0 at which spare + speed * t - bend * t**2 / 2 is 0; spare > 0, bend >= 0."""
    width = math.sqrt(speed * speed + 2.0 * bend * spare)
    if speed <= 0.0:
        return 2.0 * spare / (width - speed) if width > 0.0 else np.inf
    return (speed + width) / bend if bend > 0.0 else np.inf


@inner
def _bend(body: Body) -> float:
    """Give how fast a corner of a body can leave its tangent at most: r * w**2."""
    row, motion = body
    return float((row[REACH] - row[MARGIN]) * motion[5] * motion[5])


@inner
def _bound(a: Body, b: Body, side: Side, t: float, work: Floats) -> tuple[float, float]:
    """Give the bound of the gap at a way t from a look, and how fast its corners part at t."""
    row_a, motion_a = a
    row_b, motion_b = b
    u, _, nx, ny = side
    speed = nx * (motion_b[3] - motion_a[3]) + ny * (motion_b[4] - motion_a[4])
    x = (motion_b[0] - motion_a[0]) + u * (motion_b[3] - motion_a[3])
    y = (motion_b[1] - motion_a[1]) + u * (motion_b[4] - motion_a[4])
    place_a, speed_a = _foremost(work[0], int(row_a[COUNT]), (0.0, 0.0), (nx, ny), (t, motion_a[5]))
    place_b, speed_b = _foremost(work[1], int(row_b[COUNT]), (x, y), (-nx, -ny), (t, motion_b[5]))
    apart = nx * x + ny * y + speed * t - place_a - place_b
    return apart - 0.5 * (_bend(a) + _bend(b)) * t * t, speed - speed_a - speed_b


@inner
def _foremost(
    corners: Floats,
    count: int,
    origin: tuple[float, float],
    direction: tuple[float, float],
    turning: tuple[float, float],
) -> tuple[float, float]:
    """Give how far along a direction a body reaches from its origin, and how fast that grows.

    turning : t, and the turn in a unit of it, rad; the corners move along their tangents
    """
    t, turn = turning
    foremost, speed = -np.inf, 0.0
    for k in range(count):
        x, y = corners[k, 0] - origin[0], corners[k, 1] - origin[1]
        growth = turn * (direction[1] * x - direction[0] * y)
        along = direction[0] * x + direction[1] * y + t * growth
        if along > foremost:
            foremost, speed = along, growth
    return foremost, speed
