"""Whether a timed route keeps clear of solids, continuously in time, and with how much room.

The solids are those of `kernels.solids`, the outline that of `kernels.solidcheck`, and the sieves
are its sieves, for segments instead of poses:

1. the clearance at the middle exceeds the reach and half the length;
2. a face of the solid has the part beyond it at both ends, by more than a turn can bulge between;
3. a face of the part, as it stands at the start, has the solid beyond it likewise;
4. `kernels.sweep` decides.

A solid counts for its own time: the part of the segment in it is looked at. A route is

    knots : float64 (K, 4)  time, x, y, heading; checked by `paths.route.Route`

Bound by the clearance's byte and a root for each segment in the open, some 8 ns.
"""

import math
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.convex import HIGH, LOW, MARGIN, REACH, turned
from lunaredge.kernels.jit import Floats, Shorts, kernel
from lunaredge.kernels.solids import (
    FACE_REACH,
    FACE_X,
    FACE_Y,
    FRAME_X,
    FRAME_Y,
    FROM,
    GROWN,
    HEADS,
    NO_ENTRY,
    PER_M,
    QUANTUM,
    TILE_COLUMNS,
    UNTIL,
    Bytes,
    Index,
    X,
    Y,
    farthest_face,
    is_first,
    support,
    tiles,
)
from lunaredge.kernels.sweep import CONTACT_M, Motion, first_meeting, least_gap, work_space

NONE = -1
_TIME, _X, _Y, _HEADING = range(4)

Outline = tuple[Floats, Floats]
"""parts, part_faces."""
Contact = tuple[int, float, int, int]
"""Segment, u from 0 to 1 on it, solid, part."""


class Leg(NamedTuple):
    """One segment of a route."""

    start_s: float
    end_s: float
    motion: Motion
    cos: float
    sin: float
    end_cos: float
    end_sin: float


@kernel
def first_contact(
    knots: Floats,
    parts: Floats,
    part_faces: Floats,
    rows: Floats,
    faces: Floats,
    frame: Floats,
    clear: Bytes,
    lists: Shorts,
) -> Contact:
    """Give where a route first meets a solid; segment NONE: it is free.

    Ties: the lowest solid, then its lowest part.
    """
    index = (rows, faces, frame, clear, lists)
    segments = max(1, len(knots) - 1)
    ids = np.empty(segments + 1, np.int32)
    count = _leave(knots, _reach(parts), frame, clear, ids)
    near = np.empty((len(rows) * len(parts) if count else 0, 2), np.int32)
    work = work_space()
    for k in range(count):
        leg = _leg(knots, ids[k])
        pairs = _gather(leg, parts, index, CONTACT_M, near)
        first, solid, part = np.inf, NONE, NONE
        for i in range(pairs):
            s, p = near[i, 0], near[i, 1]
            if _room(leg, (parts, part_faces), p, (rows, faces), s) > CONTACT_M:
                continue
            u = _meeting(leg, parts, p, rows, s, work)
            if u < first or (u == first and u < np.inf and (s, p) < (solid, part)):
                first, solid, part = u, s, p
        if solid != NONE:
            return ids[k], first, solid, part
    return NONE, np.inf, NONE, NONE


@kernel
def least_clearance(
    knots: Floats,
    parts: Floats,
    part_faces: Floats,
    rows: Floats,
    faces: Floats,
    frame: Floats,
    clear: Bytes,
    lists: Shorts,
    range_m: float,
) -> tuple[float, int, float, int, int]:
    """Give the least gap of a route to any solid, and its segment, u, solid and part.

    The range and segment NONE when none is less. Right to GAP_ERROR_M of `kernels.sweep`; negative
    is how deep they overlap. The earliest of segments with equal gaps counts.
    """
    index = (rows, faces, frame, clear, lists)
    reach = _reach(parts)
    near = np.empty((len(rows) * len(parts), 2), np.int32)
    work = work_space()
    best, segment, best_u, solid, part = range_m, NONE, 0.0, NONE, NONE
    for k in range(max(1, len(knots) - 1)):
        if _clearance(knots, k, frame, clear) >= reach + best:
            continue
        leg = _leg(knots, k)
        for i in range(_gather(leg, parts, index, best, near)):
            s, p = near[i, 0], near[i, 1]
            if _room(leg, (parts, part_faces), p, (rows, faces), s) >= best:
                continue
            gap, u = _least(leg, parts, p, rows, s, (best, work))
            if u >= 0.0:
                best, segment, best_u, solid, part = gap, k, u, s, p
    return best, segment, best_u, solid, part


@kernel
def least_to(
    knots: Floats, segment: int, parts: Floats, part: int, rows: Floats, solid: int
) -> tuple[float, float]:
    """Give the least gap of a part to one solid on one segment, and its u."""
    leg = _leg(knots, segment)
    return _least(leg, parts, part, rows, solid, (np.inf, work_space()))


@kernel
def _reach(parts: Floats) -> float:
    reach = 0.0
    for part in range(len(parts)):
        reach = max(reach, parts[part, REACH])
    return reach


@kernel
def _clearance(knots: Floats, k: int, frame: Floats, clear: Bytes) -> float:
    """Give how far all of a segment is from any solid, at least."""
    after = min(k + 1, len(knots) - 1)
    dx, dy = 0.5 * (knots[after, _X] - knots[k, _X]), 0.5 * (knots[after, _Y] - knots[k, _Y])
    x, y = knots[k, _X] + dx, knots[k, _Y] + dy
    column = max(0.0, min((x - frame[FRAME_X]) * frame[PER_M], clear.shape[1] - 1.0))
    row = max(0.0, min((y - frame[FRAME_Y]) * frame[PER_M], clear.shape[0] - 1.0))
    return float(clear[int(row), int(column)] * frame[QUANTUM] - math.sqrt(dx * dx + dy * dy))


@kernel
def _leave(knots: Floats, reach: float, frame: Floats, clear: Bytes, out_ids: Shorts) -> int:
    """Write the segments that the clearance leaves open; give their count."""
    count = 0
    for k in range(max(1, len(knots) - 1)):
        out_ids[count] = k
        count += _clearance(knots, k, frame, clear) < reach + CONTACT_M
    return count


@kernel
def _leg(knots: Floats, k: int) -> Leg:
    after = min(k + 1, len(knots) - 1)
    cos, sin = turned(knots[k, _HEADING])
    end_cos, end_sin = turned(knots[after, _HEADING])
    motion = (
        knots[k, _X],
        knots[k, _Y],
        knots[k, _HEADING],
        knots[after, _X] - knots[k, _X],
        knots[after, _Y] - knots[k, _Y],
        knots[after, _HEADING] - knots[k, _HEADING],
    )
    return Leg(knots[k, _TIME], knots[after, _TIME], motion, cos, sin, end_cos, end_sin)


@kernel
def _gather(leg: Leg, parts: Floats, index: Index, more_m: float, out: Shorts) -> int:
    """Write the pairs of solid and part that may come as near as that, at the same time."""
    rows, faces, frame, _, lists = index
    dx, dy = 0.5 * leg.motion[3], 0.5 * leg.motion[4]
    x, y = leg.motion[0] + dx, leg.motion[1] + dy
    half = math.sqrt(dx * dx + dy * dy) + more_m
    pair, columns = 0, int(frame[TILE_COLUMNS])
    for part in range(len(parts)):
        reach = parts[part, REACH] + half
        more = max(0.0, reach - frame[GROWN])
        low, high, first, last = tiles(frame, (x - more, y - more, x + more, y + more))
        for r in range(low, high):
            for c in range(first, last):
                entry = lists[HEADS + r * columns + c]
                while entry != NO_ENTRY:
                    solid, entry = lists[entry], lists[entry + 1]
                    dx, dy = x - faces[solid, FACE_X], y - faces[solid, FACE_Y]
                    if dx * dx + dy * dy > (reach + faces[solid, FACE_REACH]) ** 2:
                        continue
                    if more > 0.0 and not is_first(rows, frame, solid, (r, c), low, first):
                        continue
                    if _may_meet(leg, parts[part], rows[solid]):
                        out[pair, 0], out[pair, 1] = solid, part
                        pair += 1
    return pair


@kernel
def _may_meet(leg: Leg, part: Floats, solid: Floats) -> bool:
    """Tell whether a part and a solid are at the same heights, at the same time."""
    return bool(
        solid[LOW] <= part[HIGH]
        and solid[HIGH] >= part[LOW]
        and solid[FROM] <= leg.end_s
        and solid[UNTIL] >= leg.start_s
    )


@kernel
def _room(leg: Leg, outline: Outline, p: int, solids: tuple[Floats, Floats], s: int) -> float:
    """Give a lower bound of the gap of a part and a solid along a whole segment."""
    parts, part_faces = outline
    rows, faces = solids
    x, y = leg.motion[0] - rows[s, X], leg.motion[1] - rows[s, Y]
    _, face = farthest_face(faces, s, x + 0.5 * leg.motion[3], y + 0.5 * leg.motion[4])
    room = _beyond(leg, outline, p, (x, y), (faces[s, face], faces[s, face + 1]))
    room -= faces[s, face + 2]
    _, face = farthest_face(part_faces, p, -leg.cos * x - leg.sin * y, leg.sin * x - leg.cos * y)
    nx, ny = part_faces[p, face], part_faces[p, face + 1]
    nx, ny = leg.sin * ny - leg.cos * nx, -leg.sin * nx - leg.cos * ny
    other = _beyond(leg, outline, p, (x, y), (nx, ny)) - support(faces, s, nx, ny) - rows[s, MARGIN]
    return float(max(room, other) - parts[p, MARGIN])


@kernel
def _beyond(
    leg: Leg, outline: Outline, p: int, start: tuple[float, float], line: tuple[float, float]
) -> float:
    """Give how far along a direction all corners of a part stay, over a whole segment, at least.

    A corner's way is linear but for its turning: over an angle w it leaves its chord by
    r * w**2 / 8 at most.
    """
    parts, part_faces = outline
    nx, ny = line
    bulge = 0.125 * (parts[p, REACH] - parts[p, MARGIN]) * leg.motion[5] * leg.motion[5]
    place = nx * start[0] + ny * start[1]
    at_start = place - support(
        part_faces, p, -leg.cos * nx - leg.sin * ny, leg.sin * nx - leg.cos * ny
    )
    at_end = place + nx * leg.motion[3] + ny * leg.motion[4]
    at_end -= support(
        part_faces, p, -leg.end_cos * nx - leg.end_sin * ny, leg.end_sin * nx - leg.end_cos * ny
    )
    return float(min(at_start, at_end) - bulge)


@kernel
def _within(leg: Leg, solid: Floats) -> tuple[float, float]:
    """Give from which u to which one a solid is there."""
    if not leg.end_s > leg.start_s:
        return 0.0, 1.0
    per_s = 1.0 / (leg.end_s - leg.start_s)
    return (
        max(0.0, (solid[FROM] - leg.start_s) * per_s),
        min(1.0, max(0.0, (solid[UNTIL] - leg.start_s) * per_s)),
    )


@kernel
def _cut(motion: Motion, low: float, high: float) -> Motion:
    x, y, heading, dx, dy, turn = motion
    span = high - low
    return x + low * dx, y + low * dy, heading + low * turn, span * dx, span * dy, span * turn


@kernel
def _meeting(leg: Leg, parts: Floats, p: int, rows: Floats, s: int, work: Floats) -> float:
    """Give the first u at which a part meets a solid; inf: it does not."""
    low, high = _within(leg, rows[s])
    standing = (rows[s, X], rows[s, Y], 0.0, 0.0, 0.0, 0.0)
    u = first_meeting((parts[p], _cut(leg.motion, low, high)), (rows[s], standing), work)
    return low + u * (high - low) if u < np.inf else u


@kernel
def _least(
    leg: Leg, parts: Floats, p: int, rows: Floats, s: int, under: tuple[float, Floats]
) -> tuple[float, float]:
    """Give the least gap of a part and a solid, if less than a limit, and its u, else -1."""
    limit, work = under
    low, high = _within(leg, rows[s])
    standing = (rows[s, X], rows[s, Y], 0.0, 0.0, 0.0, 0.0)
    gap, u = least_gap((parts[p], _cut(leg.motion, low, high)), (rows[s], standing), limit, work)
    return gap, low + u * (high - low) if u >= 0.0 else u
