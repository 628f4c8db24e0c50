"""Whether a timed route keeps clear of solids, continuously in time, and with how much room.

The solids are those of `kernels.solids`, the outline that of `kernels.solidcheck`, and the sieves
are its sieves, for segments instead of poses:

1. the clearance at the middle exceeds the reach and half the length;
2. a face of the solid has the part beyond it at both ends, by more than a turn can bulge between;
3. a face of the part, as it stands at the start, has the solid beyond it likewise;
4. `kernels.sweep` decides.

A solid counts for its own time: the part of the segment in it is looked at. A route is

    knots : float64 (K, 4)  time, x, y, heading; checked by `paths.route.Route`

In the open some 5 ns a segment, bound by a root and one byte; near bodies some 60 ns more, bound by
the products of corners and faces (x86-64 at 2.6 GHz, 2026-11).
"""

import math

import numpy as np

from lunaredge.kernels.convex import HIGH, LOW, MARGIN, REACH, turned
from lunaredge.kernels.jit import Floats, Shorts, inner, kernel
from lunaredge.kernels.solidcheck import COS, MORE, POSES, PX, PY, SIN, pair, sieve_for
from lunaredge.kernels.solidfaces import (
    FACE_X,
    FACE_Y,
    FRAME_X,
    FRAME_Y,
    FROM,
    NORMAL_X,
    NORMAL_Y,
    OFFSET,
    PER_M,
    QUANTUM,
    UNTIL,
    Bytes,
    X,
    Y,
    farthest_face,
    support,
)
from lunaredge.kernels.sweep import CONTACT_M, Motion, first_meeting, least_gap, work_space

NONE = -1
_TIME, _X, _Y, _HEADING = range(4)

# Rows of `Sieve.left` beside those of poses, which here are the middle of a segment and its first
# heading: the last heading's cosine and sine, half the way, and the turn.
_END_COS, _END_SIN, _DX, _DY, _TURN = range(SIN + 1, SIN + 6)

Contact = tuple[int, float, int, int]
"""Segment, u from 0 to 1 on it, solid, part."""


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
    cells, ids, left, pairs, work = sieve_for(len(rows), len(parts))
    needed = _reach(parts) + CONTACT_M
    segments = max(1, len(knots) - 1)
    for start in range(0, segments, POSES):
        rooms = left[MORE, : min(segments - start, POSES)]
        _rooms(knots, start, frame, clear, cells, rooms)
        count = _leave(rooms, start, needed, ids)
        _fill(knots, ids, count, CONTACT_M, left)
        done = 0
        while done < count:
            done, pair_count = pair((done, count), parts, index, left, pairs)
            pair_count = _near(pair_count, parts, part_faces, rows, faces, left, pairs, CONTACT_M)
            found = _first(pair_count, knots, ids, parts, rows, (pairs, work))
            if found[0] != NONE:
                return found
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
    is how deep they overlap. Ties: the segment that the clearance says is nearest, else the first.

    The clearance tells how far off bodies are, not how deep one is inside: once there is overlap,
    it leaves out what touches nothing, and the faces what is less deep.
    """
    index = (rows, faces, frame, clear, lists)
    cells, ids, left, pairs, work = sieve_for(len(rows), len(parts))
    reach = _reach(parts)
    best, segment, best_u, solid, part = range_m, NONE, 0.0, NONE, NONE
    segments = max(1, len(knots) - 1)
    rooms = np.empty(segments)
    for start in range(0, segments, POSES):
        _rooms(knots, start, frame, clear, cells, rooms[start : start + POSES])
    # What is nearest first: most others are farther off than that and need no look.
    nearest = int(np.argmin(rooms))
    for turn in range(segments + 1):
        k = nearest if turn == 0 else turn - 1
        look_m = max(0.0, best)
        if rooms[k] >= reach + look_m or (turn > 0 and k == nearest):
            continue
        ids[0] = k
        _fill(knots, ids, 1, look_m, left)
        _, pair_count = pair((0, 1), parts, index, left, pairs)
        pair_count = _near(pair_count, parts, part_faces, rows, faces, left, pairs, best)
        for i in range(pair_count):
            s, p = pairs[i, 1], pairs[i, 2]
            gap, u = _least(knots, k, parts, p, rows, s, (best, work))
            if u >= 0.0:
                best, segment, best_u, solid, part = gap, k, u, s, p
    return best, segment, best_u, solid, part


@kernel
def least_to(
    knots: Floats, segment: int, parts: Floats, part: int, rows: Floats, solid: int
) -> tuple[float, float]:
    """Give the least gap of a part to one solid on one segment, and its u."""
    return _least(knots, segment, parts, part, rows, solid, (np.inf, work_space()))


@inner
def _reach(parts: Floats) -> float:
    reach = 0.0
    for part in range(len(parts)):
        reach = max(reach, parts[part, REACH])
    return reach


@inner
def _rooms(
    knots: Floats, start: int, frame: Floats, clear: Bytes, cells: Shorts, out: Floats
) -> None:
    """Write how far all of each segment is from any solid, at least; from one segment on."""
    left, bottom, per_m = frame[FRAME_X], frame[FRAME_Y], frame[PER_M]
    height, width = clear.shape
    # A single knot is a segment to itself.
    step = 1 if len(knots) > 1 else 0
    for k in range(len(out)):
        here, after = start + k, start + k + step
        x = 0.5 * (knots[after, _X] + knots[here, _X])
        y = 0.5 * (knots[after, _Y] + knots[here, _Y])
        dx, dy = knots[here, _X] - x, knots[here, _Y] - y
        out[k] = math.sqrt(dx * dx + dy * dy)
        column = max(0.0, min((x - left) * per_m, width - 1.0))
        row = max(0.0, min((y - bottom) * per_m, height - 1.0))
        cells[k] = np.int32(np.int32(row) * np.int32(width) + np.int32(column))
    flat, quantum = clear.reshape(-1), frame[QUANTUM]
    for k in range(len(out)):
        out[k] = flat[cells[k]] * quantum - out[k]


@inner
def _leave(rooms: Floats, start: int, needed: float, out_ids: Shorts) -> int:
    """Write the segments, of those from one on, with less room than needed; give their count."""
    count = 0
    for k in range(len(rooms)):
        out_ids[count] = start + k
        count += rooms[k] < needed
    return count


@inner
def _fill(knots: Floats, ids: Shorts, count: int, more_m: float, out_left: Floats) -> None:
    """Write what the sieves need of some segments."""
    for k in range(count):
        here, after = ids[k], min(ids[k] + 1, len(knots) - 1)
        dx = 0.5 * (knots[after, _X] - knots[here, _X])
        dy = 0.5 * (knots[after, _Y] - knots[here, _Y])
        out_left[_DX, k], out_left[_DY, k] = dx, dy
        out_left[PX, k], out_left[PY, k] = knots[here, _X] + dx, knots[here, _Y] + dy
        out_left[MORE, k] = more_m + math.sqrt(dx * dx + dy * dy)
        out_left[_TURN, k] = knots[after, _HEADING] - knots[here, _HEADING]
    for k in range(count):
        out_left[COS, k], out_left[SIN, k] = turned(knots[ids[k], _HEADING])
    for k in range(count):
        after = min(ids[k] + 1, len(knots) - 1)
        out_left[_END_COS, k], out_left[_END_SIN, k] = turned(knots[after, _HEADING])


@inner
def _near(
    count: int,
    parts: Floats,
    part_faces: Floats,
    rows: Floats,
    faces: Floats,
    left: Floats,
    pairs: Shorts,
    limit: float,
) -> int:
    """Keep the pairs that no face shows to keep a gap over a limit all along; give their count."""
    kept = 0
    for i in range(count):
        k, s, p = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        x, y = left[PX, k] - faces[s, FACE_X], left[PY, k] - faces[s, FACE_Y]
        _, face = farthest_face(faces, s, x, y)
        nx, ny = faces[s, face + NORMAL_X], faces[s, face + NORMAL_Y]
        middle = nx * x + ny * y - faces[s, face + OFFSET]
        room = _beyond(parts, part_faces, p, left, k, middle, nx, ny)
        pairs[kept, 0], pairs[kept, 1], pairs[kept, 2] = k, s, p
        kept += room <= limit
    count, kept = kept, 0
    for i in range(count):
        k, s, p = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        x, y = left[PX, k] - faces[s, FACE_X], left[PY, k] - faces[s, FACE_Y]
        cos, sin = left[COS, k], left[SIN, k]
        _, face = farthest_face(part_faces, p, -cos * x - sin * y, sin * x - cos * y)
        nx, ny = part_faces[p, face + NORMAL_X], part_faces[p, face + NORMAL_Y]
        nx, ny = sin * ny - cos * nx, -sin * nx - cos * ny
        room = _beyond(parts, part_faces, p, left, k, nx * x + ny * y, nx, ny)
        room -= support(faces, s, nx, ny) + rows[s, MARGIN]
        pairs[kept, 0], pairs[kept, 1], pairs[kept, 2] = k, s, p
        kept += room <= limit
    return kept


@inner
def _beyond(
    parts: Floats,
    part_faces: Floats,
    p: int,
    left: Floats,
    k: int,
    middle: float,
    nx: float,
    ny: float,
) -> float:
    """Give how far along a direction a rounded part stays, over a whole segment, at least.

    middle : how far along it the outline's origin is at the middle of the segment

    A corner's way is linear but for its turning: over an angle w it leaves its chord by
    r * w**2 / 8 at most.
    """
    way = nx * left[_DX, k] + ny * left[_DY, k]
    cos, sin, end_cos, end_sin = left[COS, k], left[SIN, k], left[_END_COS, k], left[_END_SIN, k]
    first = support(part_faces, p, -cos * nx - sin * ny, sin * nx - cos * ny)
    last = support(part_faces, p, -end_cos * nx - end_sin * ny, end_sin * nx - end_cos * ny)
    margin = parts[p, MARGIN]
    bulge = 0.125 * (parts[p, REACH] - margin) * left[_TURN, k] * left[_TURN, k]
    return float(middle - max(first + way, last - way) - bulge - margin)


@inner
def _first(
    count: int,
    knots: Floats,
    ids: Shorts,
    parts: Floats,
    rows: Floats,
    space: tuple[Shorts, Floats],
) -> Contact:
    """Give the first contact of pairs in the order of segments; NONE when there is none."""
    pairs, work = space
    segment, first, solid, part = NONE, np.inf, NONE, NONE
    for i in range(count):
        k, s, p = ids[pairs[i, 0]], pairs[i, 1], pairs[i, 2]
        if segment != NONE and k > segment:
            break
        if _are_at_once(knots, k, parts, p, rows, s):
            u = _meeting(knots, k, parts, p, rows, s, work)
            if u < first or (u == first and u < np.inf and (s, p) < (solid, part)):
                segment, first, solid, part = k, u, s, p
    return segment, first, solid, part


@inner
def _are_at_once(knots: Floats, k: int, parts: Floats, p: int, rows: Floats, s: int) -> bool:
    """Tell whether a part and a solid are at the same heights, and there at the same time."""
    return bool(
        rows[s, LOW] <= parts[p, HIGH]
        and rows[s, HIGH] >= parts[p, LOW]
        and rows[s, FROM] <= knots[min(k + 1, len(knots) - 1), _TIME]
        and rows[s, UNTIL] >= knots[k, _TIME]
    )


@inner
def _within(knots: Floats, k: int, solid: Floats) -> tuple[float, float]:
    """Give from which u to which one of a segment a solid is there."""
    start_s, end_s = knots[k, _TIME], knots[min(k + 1, len(knots) - 1), _TIME]
    if not end_s > start_s:
        return 0.0, 1.0
    per_s = 1.0 / (end_s - start_s)
    return (
        max(0.0, (solid[FROM] - start_s) * per_s),
        min(1.0, max(0.0, (solid[UNTIL] - start_s) * per_s)),
    )


@inner
def _motion(knots: Floats, k: int, low: float, high: float) -> Motion:
    """Give the motion of a segment from one u to another."""
    after, span = min(k + 1, len(knots) - 1), high - low
    dx, dy = knots[after, _X] - knots[k, _X], knots[after, _Y] - knots[k, _Y]
    turn = knots[after, _HEADING] - knots[k, _HEADING]
    x, y, heading = knots[k, _X], knots[k, _Y], knots[k, _HEADING]
    return (
        x + low * dx,
        y + low * dy,
        heading + low * turn,
        span * dx,
        span * dy,
        span * turn,
    )


@inner
def _meeting(
    knots: Floats, k: int, parts: Floats, p: int, rows: Floats, s: int, work: Floats
) -> float:
    """Give the first u at which a part meets a solid; inf: it does not."""
    low, high = _within(knots, k, rows[s])
    standing = (rows[s, X], rows[s, Y], 0.0, 0.0, 0.0, 0.0)
    u = first_meeting((parts[p], _motion(knots, k, low, high)), (rows[s], standing), work)
    return low + u * (high - low) if u < np.inf else u


@inner
def _least(
    knots: Floats,
    k: int,
    parts: Floats,
    p: int,
    rows: Floats,
    s: int,
    under: tuple[float, Floats],
) -> tuple[float, float]:
    """Give the least gap of a part and a solid, if less than a limit, and its u, else -1."""
    limit, work = under
    if not _are_at_once(knots, k, parts, p, rows, s):
        return limit, -1.0
    low, high = _within(knots, k, rows[s])
    standing = (rows[s, X], rows[s, Y], 0.0, 0.0, 0.0, 0.0)
    moving = (parts[p], _motion(knots, k, low, high))
    gap, u = least_gap(moving, (rows[s], standing), limit, work)
    return gap, low + u * (high - low) if u >= 0.0 else u
