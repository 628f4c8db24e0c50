"""The shortest ways with a least turning radius: two arcs and a straight between them.

The ways are Dubins' (1957), in the forms of Shkel and Lumelsky (2001). Those of three arcs are left
out: they are shorter only between poses less than four radii apart.

    ends : float64 (N, 6)  x, y and heading of one pose, then of the other; m, m, rad
"""

import math

import numpy as np

from lunaredge.kernels.jit import Flags, Floats, Ints, inner, kernel

# The turns of the two arcs: left is 1.
_WORDS = ((1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0))
# A turn this much short of a full one is none, but for rounding.
_ROUND_RAD = 1e-9
# What is shorter is left out.
_LEAST_M, _LEAST_RAD = 1e-6, 1e-9

Way = tuple[float, float, float]
"""The first turn, rad, left is positive; the straight, in radii; the last turn."""


@kernel
def way_lengths(ends: Floats, radius_m: float) -> Floats:
    """Give how long the shortest way between each pair of poses is: float64 (N,), in radii."""
    out = np.empty(len(ends))
    for k in range(len(ends)):
        first, straight, last = _shortest(ends[k], 0.0, radius_m)
        out[k] = abs(first) + straight + abs(last)
    return out


@kernel
def ways_between(
    ends: Floats, backward: Flags, radius_m: float, chord_rad: float
) -> tuple[Floats, Ints]:
    """Give the poses along the shortest ways, arcs in chords that turn by so much at most.

    backward : bool (N,)      driven as if the machine's back were its front
    returns  : float64 (., 3) x, y, heading, unwrapped, of all ways end to end; int64 (N + 1,) where
               each begins
    """
    most = 2 * (int(math.tau / chord_rad) + 1) + 4
    out, first = np.empty((len(ends) * most, 3)), np.zeros(len(ends) + 1, np.int64)
    for k in range(len(ends)):
        turn = math.pi if backward[k] else 0.0
        first[k + 1] = _write(ends[k], turn, radius_m, chord_rad, out, first[k])
    return out[: first[-1]].copy(), first


@inner
def _shortest(ends: Floats, turn: float, radius_m: float) -> Way:
    """Give the shortest way from a pose to another, both turned first; ties: the first word."""
    dx, dy = (ends[3] - ends[0]) / radius_m, (ends[4] - ends[1]) / radius_m
    best = (np.inf, np.inf, np.inf)
    if math.sqrt(dx * dx + dy * dy) * radius_m <= _LEAST_M and _short(ends[5] - ends[2]):
        return 0.0, 0.0, 0.0
    for k in range(4):
        first, straight, last = _word(dx, dy, ends[2] + turn, ends[5] + turn, k)
        if first + straight + last < abs(best[0]) + best[1] + abs(best[2]):
            best = (_WORDS[k][0] * first, straight, _WORDS[k][1] * last)
    return best


@inner
def _short(turn: float) -> bool:
    """Tell whether a turn is none, but for whole ones."""
    return bool(abs(turn - math.tau * math.floor(turn / math.tau + 0.5)) <= _LEAST_RAD)


@inner
def _word(dx: float, dy: float, heading: float, after: float, k: int) -> Way:
    """Give the lengths of the three parts of a way by the turns of its arcs; inf: there is none."""
    first, last = _WORDS[k]
    distance, bearing = math.sqrt(dx * dx + dy * dy), math.atan2(dy, dx)
    # A right turn first is the mirror image of a left one.
    alpha, beta = first * (heading - bearing), first * (after - bearing)
    if first == last:
        across = math.cos(beta) - math.cos(alpha)
        along = distance + math.sin(alpha) - math.sin(beta)
        toward = math.atan2(across, along)
        return _positive(toward - alpha), math.hypot(across, along), _positive(beta - toward)
    across = -math.cos(alpha) - math.cos(beta)
    along = distance + math.sin(alpha) + math.sin(beta)
    squared = across * across + along * along - 4.0
    if squared < 0.0:
        return np.inf, np.inf, np.inf
    straight = math.sqrt(squared)
    toward = math.atan2(across, along) - math.atan2(-2.0, straight)
    return _positive(toward - alpha), straight, _positive(toward - beta)


@inner
def _positive(turn: float) -> float:
    """Give a turn from 0 to a full one."""
    wrapped = turn % math.tau
    return 0.0 if wrapped > math.tau - _ROUND_RAD else wrapped


@inner
def _write(
    ends: Floats, turn: float, radius_m: float, chord_rad: float, out: Floats, at: int
) -> int:
    """Write the poses along one way from a row on; give the row after them."""
    begin = at
    first, straight, last = _shortest(ends, turn, radius_m)
    out[at, 0], out[at, 1], out[at, 2] = ends[0], ends[1], ends[2] + turn
    at = _bow(first, radius_m, chord_rad, out, at)
    way_m = straight * radius_m
    if way_m > _LEAST_M:
        heading = out[at, 2]
        out[at + 1, 0] = out[at, 0] + way_m * math.cos(heading)
        out[at + 1, 1] = out[at, 1] + way_m * math.sin(heading)
        out[at + 1, 2] = heading
        at += 1
    at = _bow(last, radius_m, chord_rad, out, at)
    if at == begin:
        at += 1
        out[at, 2] = out[begin, 2]
    # Rounding must not move the end; it is a nanometre.
    out[at, 0], out[at, 1] = ends[3], ends[4]
    off = ends[5] + turn - out[at, 2]
    out[at, 2] += off - math.tau * math.floor(off / math.tau + 0.5)
    for k in range(begin, at + 1):
        out[k, 2] -= turn
    return at + 1


@inner
def _bow(turn: float, radius_m: float, chord_rad: float, out: Floats, at: int) -> int:
    """Write the poses along an arc that begins at a row; give the row of its end."""
    if abs(turn) <= _LEAST_RAD:
        return at
    count = max(1, math.ceil(abs(turn) / chord_rad - 1e-9))
    way = math.copysign(radius_m, turn)
    x, y, heading = out[at, 0], out[at, 1], out[at, 2]
    for k in range(1, count + 1):
        here = heading + turn * (k / count)
        out[at + k, 0] = x + way * (math.sin(here) - math.sin(heading))
        out[at + k, 1] = y - way * (math.cos(here) - math.cos(heading))
        out[at + k, 2] = here
    return at + count
