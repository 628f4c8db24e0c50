"""Whether an outline's poses keep clear of solids: exact, and mostly by one byte a pose.

The solids are those of `kernels.solids`. An outline is a machine's parts, twice:

    parts      : float64 (P, COLUMNS)       as `kernels.convex` packs them
    part_faces : float64 (P, FACE_COLUMNS)  their faces, as those of solids

Poses go through a row of sieves, a block of them through each, so that every sieve is a short loop
without branches that depend on the data; a mispredicted branch costs more than a face's products:

1. the clearance around the outline's origin exceeds its reach: one byte;
2. each body that the tile lists has the part beyond one of its faces, the one that is nearest to
   the outline's origin: a product for each corner;
3. the part has the body beyond one of its faces, likewise;
4. `kernels.convex.gap`: the truth.

So the cost is some 4 ns a pose in the open, bound by finding and reading one byte, and some 30 ns
more where the machine comes within its reach of a body (x86-64 at 2.6 GHz, 2026-11). What runs
for every pose is `inner`: counting references to the arrays that are handed on would double that.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.convex import HIGH, LOW, MARGIN, REACH, gap, place, turned
from lunaredge.kernels.jit import Floats, Ints, Shorts, inner, kernel
from lunaredge.kernels.solidfaces import (
    CLEAR_MAX,
    FACE_REACH,
    FACE_X,
    FACE_Y,
    FRAME_X,
    FRAME_Y,
    GROWN,
    NORMAL_X,
    NORMAL_Y,
    PER_M,
    QUANTUM,
    TILE_COLUMNS,
    TOUCH_M,
    Bytes,
    X,
    Y,
    farthest_face,
    support,
)
from lunaredge.kernels.solids import (
    BLOCK,
    HEADS,
    NEXT,
    NO_ENTRY,
    Index,
    is_first,
    tile_of,
    tiles,
)
from lunaredge.kernels.sweep import work_space

# What a pose may be: the Moon's size, and as many turns as a double holds well.
_COORDINATE_M_MAX = 1.1e7
_HEADING_RAD_MAX = 1e6
NONE, BAD = -1, -2

# Poses that go through the sieves together: what they need stays in the first cache.
POSES = 256

# Rows of `Sieve.left`: the place, how much farther than its reach the outline looks for bodies,
# heading, its cosine and sine; the rest are for segments, see `kernels.solidroute`.
PX, PY, MORE, HEADING, COS, SIN = range(6)
LEFT_ROWS = 12


class Sieve(NamedTuple):
    """What passes from sieve to sieve, for one block."""

    cells: Shorts
    """int32 (POSES,): the clearance cell of each pose."""
    ids: Shorts
    """int32 (POSES + 1,): the poses left by the clearance."""
    left: Floats
    """float64 (LEFT_ROWS, POSES): theirs."""
    pairs: Shorts
    """int32 (C, 3): which of those left, solid, part."""
    work: Floats
    """What `kernels.sweep` writes to."""


@kernel
def first_hits(
    poses: Floats,
    parts: Floats,
    part_faces: Floats,
    rows: Floats,
    faces: Floats,
    frame: Floats,
    clear: Bytes,
    lists: Shorts,
    out: Ints,
) -> None:
    """Check many paths, each as `first_hit` does.

    poses : float64 (N, K, 3)      out : int64 (N, 3)  pose, solid and part of the first hit
    """
    index = (rows, faces, frame, clear, lists)
    sieve = sieve_for(len(rows), len(parts))
    flat, count = poses.reshape(-1), poses.shape[1]
    for path in range(len(poses)):
        span = (path * count, (path + 1) * count)
        out[path, 0], out[path, 1], out[path, 2] = _search(
            flat, span, parts, part_faces, index, sieve
        )


@kernel
def first_hit(
    poses: Floats,
    parts: Floats,
    part_faces: Floats,
    rows: Floats,
    faces: Floats,
    frame: Floats,
    clear: Bytes,
    lists: Shorts,
) -> tuple[int, int, int]:
    """Give the first pose at which an outline meets a solid, and which solid and part.

    poses   : float64 (K, 3)  x, y, heading; m, m, rad
    returns : NONE for each when free; BAD and the pose where that is not finite, or too far

    Ties: the lowest solid, then its lowest part.
    """
    index = (rows, faces, frame, clear, lists)
    sieve = sieve_for(len(rows), len(parts))
    return _search(poses.reshape(-1), (0, len(poses)), parts, part_faces, index, sieve)


@kernel
def sieve_for(solid_count: int, part_count: int) -> Sieve:
    """Give the sieve's space for so many solids and parts; some 0.3 us."""
    return Sieve(
        np.empty(POSES, np.int32),
        np.empty(POSES + 1, np.int32),
        np.empty((LEFT_ROWS, POSES)),
        # One pose may be near them all.
        np.empty((4 * POSES + solid_count * part_count, 3), np.int32),
        work_space(),
    )


@inner
def _search(
    poses: Floats,
    span: tuple[int, int],
    parts: Floats,
    part_faces: Floats,
    index: Index,
    sieve: Sieve,
) -> tuple[int, int, int]:
    """See `first_hit`.

    poses : float64 (3 * K,)      span : the poses of the path, from and to before
    """
    rows, faces, frame, clear, _ = index
    cells, ids, left, pairs, work = sieve
    flat_clear = clear.reshape(-1)
    reach = 0.0
    for part in range(len(parts)):
        reach = max(reach, parts[part, REACH])
    # A point reaches nowhere, and meets what it stands in all the same.
    needed = int(max(1.0, min(np.ceil(reach / frame[QUANTUM]), CLEAR_MAX + 1.0)))
    for start in range(span[0], span[1], POSES):
        block = poses[3 * start : 3 * min(start + POSES, span[1])]
        if _locate(block, frame, clear.shape, cells):
            return BAD, _first_bad(block) + start - span[0], NONE
        count = _leave(block, flat_clear, needed, cells, ids, left)
        for k in range(count):
            left[COS, k], left[SIN, k] = turned(left[HEADING, k])
        done = 0
        while done < count:
            done, pair_count = pair((done, count), parts, index, left, pairs)
            pair_count = _beyond_solid(pair_count, parts, part_faces, faces, left, pairs)
            pair_count = _beyond_part(pair_count, part_faces, rows, faces, left, pairs)
            k, solid, part = _meet(pair_count, parts, rows, left, pairs, work)
            if k != NONE:
                return start - span[0] + ids[k], solid, part
    return NONE, NONE, NONE


@inner
def _locate(poses: Floats, frame: Floats, shape: tuple[int, int], out_cells: Shorts) -> bool:
    """Write the clearance cell of every pose, the nearest one for those beyond; True: one is none.

    The cells at the border hold the largest clearance, as all does beyond.
    """
    left, bottom, per_m = frame[FRAME_X], frame[FRAME_Y], frame[PER_M]
    height, width = shape
    bad = 0
    for k in range(len(poses) // 3):
        x, y = poses[3 * k], poses[3 * k + 1]
        bad += not abs(poses[3 * k + 2]) <= _HEADING_RAD_MAX
        bad += not (abs(x) <= _COORDINATE_M_MAX)
        bad += not (abs(y) <= _COORDINATE_M_MAX)
        column = max(0.0, min((x - left) * per_m, width - 1.0))
        row = max(0.0, min((y - bottom) * per_m, height - 1.0))
        out_cells[k] = np.int32(np.int32(row) * np.int32(width) + np.int32(column))
    return bad > 0


@inner
def _first_bad(poses: Floats) -> int:
    for k in range(len(poses) // 3):
        if not (
            abs(poses[3 * k]) <= _COORDINATE_M_MAX
            and abs(poses[3 * k + 1]) <= _COORDINATE_M_MAX
            and abs(poses[3 * k + 2]) <= _HEADING_RAD_MAX
        ):
            return k
    return NONE


@inner
def _leave(
    poses: Floats,
    clear: Bytes,
    needed: int,
    cells: Shorts,
    out_ids: Shorts,
    out_left: Floats,
) -> int:
    """Keep the poses whose clearance is less than needed, in quanta; give their count.

    clear : uint8 (H * W,)
    """
    count = 0
    for k in range(len(poses) // 3):
        out_ids[count] = k
        count += clear[cells[k]] < needed
    for k in range(count):
        at = 3 * out_ids[k]
        out_left[PX, k], out_left[PY, k] = poses[at], poses[at + 1]
        out_left[MORE, k], out_left[HEADING, k] = 0.0, poses[at + 2]
    return count


@inner
def pair(
    span: tuple[int, int], parts: Floats, index: Index, left: Floats, out_pairs: Shorts
) -> tuple[int, int]:
    """Pair the poses left with the bodies within reach that their tiles list, as far as room is.

    Gives the first pose not paired yet, and how many pairs there are.
    """
    more, reach = 0.0, 0.0
    for k in range(span[0], span[1]):
        more = max(more, left[MORE, k])
    for part in range(len(parts)):
        reach = max(reach, parts[part, REACH])
    if reach + more <= index[2][GROWN]:
        return _pair_near(span, parts, index, left, out_pairs)
    return _pair_far(span, parts, index, left, out_pairs)


@inner
def _pair_near(
    span: tuple[int, int], parts: Floats, index: Index, left: Floats, out_pairs: Shorts
) -> tuple[int, int]:
    """Pair poses that reach no farther than the tiles list: with one tile each."""
    _, faces, frame, _, lists = index
    count, columns = 0, int(frame[TILE_COLUMNS])
    for k in range(span[0], span[1]):
        before = count
        x, y = left[PX, k], left[PY, k]
        row, _, column, _ = tile_of(frame, x, y)
        block = HEADS + BLOCK * (row * columns + column)
        while block != NO_ENTRY:
            if count + NEXT * len(parts) > len(out_pairs):
                return k, before
            for entry in range(block, block + NEXT):
                solid = lists[entry]
                if solid == NO_ENTRY:
                    break
                dx, dy = x - faces[solid, FACE_X], y - faces[solid, FACE_Y]
                for part in range(len(parts)):
                    out_pairs[count, 0], out_pairs[count, 1] = k, solid
                    out_pairs[count, 2] = part
                    far = parts[part, REACH] + left[MORE, k] + faces[solid, FACE_REACH]
                    count += dx * dx + dy * dy <= far * far
            block = lists[block + NEXT]
    return span[1], count


@inner
def _pair_far(
    span: tuple[int, int], parts: Floats, index: Index, left: Floats, out_pairs: Shorts
) -> tuple[int, int]:
    """Pair poses that may reach farther than the tiles list: with as many tiles as it takes."""
    rows, faces, frame, _, lists = index
    count, columns = 0, int(frame[TILE_COLUMNS])
    for k in range(span[0], span[1]):
        before = count
        x, y = left[PX, k], left[PY, k]
        for part in range(len(parts)):
            reach = parts[part, REACH] + left[MORE, k]
            more = max(0.0, reach - frame[GROWN])
            low, high, first, last = tiles(frame, (x - more, y - more, x + more, y + more))
            for r in range(low, high):
                for c in range(first, last):
                    block = HEADS + BLOCK * (r * columns + c)
                    while block != NO_ENTRY:
                        if count + NEXT > len(out_pairs):
                            return k, before
                        for entry in range(block, block + NEXT):
                            solid = lists[entry]
                            if solid == NO_ENTRY:
                                break
                            out_pairs[count, 0], out_pairs[count, 1] = k, solid
                            out_pairs[count, 2] = part
                            dx, dy = x - faces[solid, FACE_X], y - faces[solid, FACE_Y]
                            far = reach + faces[solid, FACE_REACH]
                            is_near = dx * dx + dy * dy <= far * far
                            count += is_near & is_first(rows, frame, solid, (r, c), low, first)
                        block = lists[block + NEXT]
    return span[1], count


@inner
def _beyond_solid(
    count: int, parts: Floats, part_faces: Floats, faces: Floats, left: Floats, pairs: Shorts
) -> int:
    """Keep the pairs whose part is not beyond the solid's nearest face; give their count."""
    kept = 0
    for i in range(count):
        k, s, p = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        x, y = left[PX, k] - faces[s, FACE_X], left[PY, k] - faces[s, FACE_Y]
        cos, sin = left[COS, k], left[SIN, k]
        room, face = farthest_face(faces, s, x, y)
        nx, ny = -faces[s, face + NORMAL_X], -faces[s, face + NORMAL_Y]
        room -= support(part_faces, p, cos * nx + sin * ny, cos * ny - sin * nx)
        pairs[kept, 0], pairs[kept, 1], pairs[kept, 2] = k, s, p
        kept += room <= parts[p, MARGIN]
    return kept


@inner
def _beyond_part(
    count: int, part_faces: Floats, rows: Floats, faces: Floats, left: Floats, pairs: Shorts
) -> int:
    """Keep the pairs whose solid is not beyond the part's nearest face; give their count."""
    kept = 0
    for i in range(count):
        k, s, p = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        x, y = faces[s, FACE_X] - left[PX, k], faces[s, FACE_Y] - left[PY, k]
        cos, sin = left[COS, k], left[SIN, k]
        room, face = farthest_face(part_faces, p, cos * x + sin * y, cos * y - sin * x)
        nx, ny = -part_faces[p, face + NORMAL_X], -part_faces[p, face + NORMAL_Y]
        room -= support(faces, s, cos * nx - sin * ny, sin * nx + cos * ny)
        pairs[kept, 0], pairs[kept, 1], pairs[kept, 2] = k, s, p
        kept += room <= rows[s, MARGIN]
    return kept


@inner
def _meet(
    count: int, parts: Floats, rows: Floats, left: Floats, pairs: Shorts, work: Floats
) -> tuple[int, int, int]:
    """Give the first of the poses left that meets a solid, the lowest solid, and its part."""
    pose, solid, part = NONE, NONE, NONE
    for i in range(count):
        k, s, p = pairs[i, 0], pairs[i, 1], pairs[i, 2]
        if pose != NONE and k > pose:
            break
        row, part_row = rows[s], parts[p]
        if row[LOW] <= part_row[HIGH] and row[HIGH] >= part_row[LOW]:
            x, y = left[PX, k] - row[X], left[PY, k] - row[Y]
            corners = place(part_row, x, y, left[COS, k], left[SIN, k], work[0])
            others = place(row, 0.0, 0.0, 1.0, 0.0, work[1])
            apart = gap(work[0], corners, work[1], others)[0]
            if apart <= row[MARGIN] + part_row[MARGIN] + TOUCH_M and (pose == NONE or s < solid):
                pose, solid, part = k, s, p
    return pose, solid, part
