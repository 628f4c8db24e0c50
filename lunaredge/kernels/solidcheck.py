"""Whether an outline's poses keep clear of solids: exact, and mostly by one byte a pose.

The solids are those of `kernels.solids`. An outline is a machine's parts:

    outline : float64 (P, OUTLINE_COLUMNS)  a part as `kernels.convex` packs it, then its faces

For every pose the cheapest sufficient reason is taken:

1. the clearance around the outline's origin exceeds its reach: one byte, some 3 ns;
2. every body that the tile lists lies beyond its own reach, or has the part beyond one of its
   faces, the one that faces the outline's origin: a product for each corner;
3. a face of the part has the body beyond it;
4. `kernels.convex.gap`: the truth.

So the cost is bound by how often the machine comes within its own reach of something.
"""

import numpy as np

from lunaredge.kernels.convex import CORNERS, COUNT, HIGH, LOW, MARGIN, REACH, gap, place, turned
from lunaredge.kernels.jit import Floats, Ints, Shorts, kernel
from lunaredge.kernels.solids import (
    FACES,
    FRAME_X,
    FRAME_Y,
    GROWN,
    HEADS,
    NO_ENTRY,
    PER_M,
    QUANTUM,
    TILE_COLUMNS,
    TOUCH_M,
    Bytes,
    Index,
    X,
    Y,
    is_first,
    tiles,
)
from lunaredge.kernels.sweep import work_space

# What a pose may be: the Moon's size, and as many turns as a double holds well.
_COORDINATE_M_MAX = 1.1e7
_HEADING_RAD_MAX = 1e6
NONE, BAD = -1, -2

Pose = tuple[float, float, float, float]
"""x, y, cosine and sine of the heading."""
Hit = tuple[int, int]
"""Solid and part."""


@kernel
def first_hits(
    poses: Floats,
    outline: Floats,
    rows: Floats,
    frame: Floats,
    clear: Bytes,
    lists: Shorts,
    out: Ints,
) -> None:
    """Check many paths, each as `first_hit` does.

    poses : float64 (N, K, 3)      out : int64 (N, 3)  pose, solid and part of the first hit
    """
    index = (rows, frame, clear, lists)
    ids, turns, work = _scratch(poses.shape[1])
    for path in range(len(poses)):
        count = _leave(poses[path], frame, clear, outline, ids)
        out[path, 0], out[path, 1], out[path, 2] = _search(
            poses[path], outline, index, count, ids, turns, work
        )


@kernel
def first_hit(
    poses: Floats, outline: Floats, rows: Floats, frame: Floats, clear: Bytes, lists: Shorts
) -> tuple[int, int, int]:
    """Give the first pose at which an outline meets a solid, and which solid and part.

    poses   : float64 (K, 3)  x, y, heading; m, m, rad
    returns : NONE for each when free; BAD and the pose where that is not finite, or too far

    Ties: the lowest solid, then its lowest part.
    """
    ids, turns, work = _scratch(len(poses))
    count = _leave(poses, frame, clear, outline, ids)
    return _search(poses, outline, (rows, frame, clear, lists), count, ids, turns, work)


@kernel
def _scratch(count: int) -> tuple[Shorts, Floats, Floats]:
    return np.empty(count + 1, np.int32), np.empty((count, 2)), work_space()


@kernel
def _search(poses, outline, index, count, ids, turns, work):
    """See `first_hit`; the clearance has left these poses."""
    if count < 0:
        return BAD, -1 - count, NONE
    rows, frame, _, lists = index
    for k in range(count):
        turns[k, 0], turns[k, 1] = turned(poses[ids[k], 2])
    for k in range(count):
        pose = ids[k]
        at = (poses[pose, 0], poses[pose, 1], turns[k, 0], turns[k, 1])
        solid, part = _hit(rows, frame, lists, outline, at, work)
        if solid != NONE:
            return pose, solid, part
    return NONE, NONE, NONE


@kernel
def _leave(poses: Floats, frame: Floats, clear: Bytes, outline: Floats, out_ids: Shorts) -> int:
    """Write the poses whose origin's clearance is less than the reach; give their count.

    Negative: -1 - k, pose k is none. Without branches but the reading of the byte.
    """
    reach = 0.0
    for part in range(len(outline)):
        reach = max(reach, outline[part, REACH])
    left, bottom, per_m = frame[FRAME_X], frame[FRAME_Y], frame[PER_M]
    width, height = float(clear.shape[1]), float(clear.shape[0])
    needed = np.ceil(reach / frame[QUANTUM])
    count, bad = 0, False
    for k in range(len(poses)):
        x, y = poses[k, 0], poses[k, 1]
        bad |= not _is_pose(x, y, poses[k, 2])
        column, row = (x - left) * per_m, (y - bottom) * per_m
        room = np.uint8(255)
        if 0.0 <= column < width and 0.0 <= row < height:
            room = clear[int(row), int(column)]
        out_ids[count] = k
        count += room < needed
    if bad:
        for k in range(len(poses)):
            if not _is_pose(poses[k, 0], poses[k, 1], poses[k, 2]):
                return -1 - k
    return count


@kernel
def _is_pose(x: float, y: float, heading: float) -> bool:
    return (
        (abs(x) <= _COORDINATE_M_MAX)
        & (abs(y) <= _COORDINATE_M_MAX)
        & (abs(heading) <= _HEADING_RAD_MAX)
    )


@kernel
def _hit(
    rows: Floats, frame: Floats, lists: Shorts, outline: Floats, pose: Pose, work: Floats
) -> Hit:
    """Give the lowest pair of a solid and a part that meet at a pose; NONE for both: none do."""
    solid, part = NONE, NONE
    for p in range(len(outline)):
        # The tiles list what is as near as they were grown; a longer reach takes several.
        more = max(0.0, outline[p, REACH] - frame[GROWN])
        x, y = pose[0], pose[1]
        low, high, first, last = tiles(frame, x - more, y - more, x + more, y + more)
        for r in range(low, high):
            for c in range(first, last):
                entry = lists[HEADS + r * int(frame[TILE_COLUMNS]) + c]
                while entry != NO_ENTRY:
                    s = lists[entry]
                    entry = lists[entry + 1]
                    if not _are_apart(rows, s, outline, p, pose):
                        if _meet(rows[s], outline[p], pose, work) and (solid == NONE or s < solid):
                            solid, part = s, p
    return solid, part


@kernel
def _are_apart(rows: Floats, s: int, outline: Floats, p: int, pose: Pose) -> bool:
    """Tell whether a part at a pose and a solid don't meet."""
    x, y, cos, sin = pose[0] - rows[s, X], pose[1] - rows[s, Y], pose[2], pose[3]
    reach = rows[s, REACH] + outline[p, REACH]
    if x * x + y * y > reach * reach:
        return True
    margin = rows[s, MARGIN] + outline[p, MARGIN] + TOUCH_M
    best, face = -np.inf, 0
    for k in range(FACES, FACES + 3 * int(rows[s, COUNT]), 3):
        room = rows[s, k] * x + rows[s, k + 1] * y - rows[s, k + 2]
        if room > best:
            best, face = room, k
    nx, ny = -rows[s, face], -rows[s, face + 1]
    if best - _support(outline, p, cos * nx + sin * ny, cos * ny - sin * nx) > margin:
        return True
    # The solid's origin in the part's frame.
    sx, sy = -(cos * x + sin * y), sin * x - cos * y
    best = -np.inf
    for k in range(FACES, FACES + 3 * int(outline[p, COUNT]), 3):
        room = outline[p, k] * sx + outline[p, k + 1] * sy - outline[p, k + 2]
        if room > best:
            best, face = room, k
    nx, ny = -outline[p, face], -outline[p, face + 1]
    return best - _support(rows, s, cos * nx - sin * ny, sin * nx + cos * ny) > margin


@kernel
def _meet(row: Floats, outline: Floats, pose: Pose, work: Floats) -> bool:
    if row[LOW] > outline[HIGH] or row[HIGH] < outline[LOW]:
        return False
    x, y, cos, sin = pose[0] - row[X], pose[1] - row[Y], pose[2], pose[3]
    part_count = place(outline, x, y, cos, sin, work[0])
    solid_count = place(row, 0.0, 0.0, 1.0, 0.0, work[1])
    margin = row[MARGIN] + outline[MARGIN] + TOUCH_M
    return gap(work[0], part_count, work[1], solid_count)[0] <= margin


@kernel
def _support(rows: Floats, r: int, nx: float, ny: float) -> float:
    """Give how far a body comes from its origin along a direction of its own frame, no margin."""
    most = -np.inf
    for k in range(CORNERS, CORNERS + 2 * int(rows[r, COUNT]), 2):
        most = max(most, nx * rows[r, k] + ny * rows[r, k + 1])
    return most
