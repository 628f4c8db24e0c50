"""Two tracks: when they first meet, and how near they ever come.

Both trees of boxes are descended together (dual-tree traversal: Gray, Moore 2001), in the order of
time, wherever their boxes come near one another at the same time. Below the lowest boxes the knots
of both are merged, so that both move evenly from one merged time to the next, whatever their
periods. There `spacetime_parts` decides, part by part, continuously in time.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.convex import COLUMNS, HIGH, LOW
from lunaredge.kernels.convex import REACH as PART_REACH
from lunaredge.kernels.jit import Floats, Ints, kernel
from lunaredge.kernels.spacetime_index import (
    BOX,
    DEPTH,
    END,
    FAN,
    FAN_BITS,
    HEADING,
    LEVEL,
    LEVELS,
    PART,
    PARTS,
    REACH,
    SEGMENTS,
    START,
    STEP,
    TIME,
    X_HIGH,
    X_LOW,
    Y_HIGH,
    Y_LOW,
    Times,
    X,
    Y,
)
from lunaredge.kernels.spacetime_parts import Part, meet_at_start, parts_work, stay_apart
from lunaredge.kernels.sweep import CONTACT_M, Motion, first_meeting, least_gap

# What is looked for: a meeting at any time; one at a knot of either; the least gap.
MEET, MEET_AT_KNOTS, LEAST_GAP = range(3)

# A pair of boxes is replaced by less than 2 * FAN pairs, once a level of either.
_WAITING_MAX = 2 * LEVELS * 2 * FAN

Nodes = tuple[int, int, int, int]
"""A level and a box of it, of one track and of the other."""
Start = tuple[int, int, int, int, int, int, int]
"""The slots of two tracks, what is looked for, and of both tracks a level and a box of it."""
Spot = tuple[int, int, int, int, int]
"""The slots of two tracks, what is looked for, and of both a box of level 1 or a segment."""
Next = tuple[int, int, float, float]
"""The segments of a piece of time, -1 for none is left, and its start and end, s."""
Rows = tuple[int, int, int, int, int, int]
Piece = tuple[float, float, float]
"""The start and the end of a piece of time, and where the search ends, s."""
Found = tuple[float, float, int, int]
"""A gap, m, and its time, s, and the segment of both tracks then. The time is inf for nothing."""


class Work(NamedTuple):
    """What kernels here write to, for any number of calls."""

    waiting: Ints
    parts: Floats


@kernel
def pair_work() -> Work:
    """Give what `search` writes to."""
    return Work(np.empty((_WAITING_MAX, 4), np.int64), parts_work())


@kernel
def search(
    numbers: Floats, tracks: Ints, start: Start, span: Times, limit_m: float, work: Work
) -> Found:
    """Give the first meeting of two tracks, or their least gap, below a box of each.

    numbers, tracks : of a `spacetime_index.Index`
    span            : from when until when, s, ends included
    limit_m         : LEAST_GAP seeks gaps under it only, right to `sweep.GAP_ERROR_M`; else give 0

    Bound by the pairs of boxes looked at, some 10 ns each, until few are left.
    """
    a, b, mode, level, node, other_level, other_node = start
    waiting = work.waiting
    found = (limit_m, np.inf, -1, -1)
    # An instant at the edge of two boxes belongs to their neighbours too, but not one that is all
    # that the tracks share.
    times = common_times(numbers, root_of(tracks, a), root_of(tracks, b), span)
    _push(waiting, 0, (level, node, other_level, other_node))
    count = 1 if times[0] <= times[1] else 0
    while count > 0:
        count -= 1
        nodes = (waiting[count, 0], waiting[count, 1], waiting[count, 2], waiting[count, 3])
        box, other = _box(tracks, a, nodes[0], nodes[1]), _box(tracks, b, nodes[2], nodes[3])
        shared = common_times(numbers, box, other, times)
        if not (shared[0] < shared[1] or times[0] == times[1]):
            continue
        if not are_near(numbers, box, other, found[0]):
            continue
        if nodes[0] > 1 or nodes[2] > 1:
            count = _split(numbers, tracks, (a, b), nodes, waiting, count)
            continue
        spot = (a, b, mode, nodes[1], nodes[3])
        found = search_lowest(numbers, tracks, spot, shared, found, work.parts)
        if mode != LEAST_GAP and found[1] < np.inf:
            break
    return found


@kernel
def roots_of(tracks: Ints, a: int, b: int, mode: int) -> Start:
    """Give where a search of all of two tracks starts."""
    return a, b, mode, tracks[a, DEPTH], 0, tracks[b, DEPTH], 0


@kernel
def root_of(tracks: Ints, slot: int) -> int:
    """Give where the root box of a track is."""
    return int(tracks[slot, LEVEL + tracks[slot, DEPTH]])


@kernel
def are_near(numbers: Floats, box: int, other: int, limit_m: float) -> bool:
    """Tell whether two boxes come within a limit of each other."""
    dx = max(numbers[box + X_LOW] - numbers[other + X_HIGH], 0.0)
    dx = max(numbers[other + X_LOW] - numbers[box + X_HIGH], dx)
    dy = max(numbers[box + Y_LOW] - numbers[other + Y_HIGH], 0.0)
    dy = max(numbers[other + Y_LOW] - numbers[box + Y_HIGH], dy)
    limit_m = max(0.0, limit_m)
    return bool(dx * dx + dy * dy <= limit_m * limit_m)


@kernel
def common_times(numbers: Floats, box: int, other: int, span: Times) -> Times:
    """Give the part of a span that two boxes share."""
    start = max(span[0], numbers[box + START], numbers[other + START])
    return start, min(span[1], numbers[box + END], numbers[other + END])


@kernel
def _box(tracks: Ints, slot: int, level: int, node: int) -> int:
    """Give where a box is."""
    return int(tracks[slot, LEVEL + level]) + node * BOX


@kernel
def _split(
    numbers: Floats, tracks: Ints, pair: tuple[int, int], nodes: Nodes, waiting: Ints, count: int
) -> int:
    """Put the children of the higher of two boxes, or of both, on the stack; the last first.

    Of the children only those are paired that share time.
    """
    level, first, other_level, other_first = nodes
    last, other_last = first, other_first
    if nodes[0] >= nodes[2]:
        first, last = _children(tracks[pair[0], SEGMENTS], nodes[0], nodes[1])
        level -= 1
    if nodes[2] >= nodes[0]:
        other_first, other_last = _children(tracks[pair[1], SEGMENTS], nodes[2], nodes[3])
        other_level -= 1
    while last >= first and other_last >= other_first:
        _push(waiting, count, (level, last, other_level, other_last))
        count += 1
        start = numbers[_box(tracks, pair[0], level, last) + START]
        other_start = numbers[_box(tracks, pair[1], other_level, other_last) + START]
        last -= start >= other_start
        other_last -= other_start >= start
    return count


@kernel
def _push(waiting: Ints, at: int, nodes: Nodes) -> None:
    """Write a pair of boxes to the stack."""
    waiting[at, 0], waiting[at, 1], waiting[at, 2], waiting[at, 3] = nodes


@kernel
def _children(segments: int, level: int, node: int) -> tuple[int, int]:
    """Give the first and the last child of a box."""
    last = (segments - 1) >> (FAN_BITS * (level - 1))
    return node << FAN_BITS, min(last, (node << FAN_BITS) + FAN - 1)


@kernel
def search_lowest(
    numbers: Floats, tracks: Ints, spot: Spot, times: Times, found: Found, work: Floats
) -> Found:
    """Look at the segments of two boxes of level 1; give what is better than `found`, or that.

    spot : with the box of each
    work : as `parts_work` gives it

    Knots at the same times, the common case, are compared as they lie; others are merged.
    """
    a, b, mode, node, other_node = spot
    k, last = _children(tracks[a, SEGMENTS], 1, node)
    j, other_last = _children(tracks[b, SEGMENTS], 1, other_node)
    box, other = _box(tracks, a, 1, node), _box(tracks, b, 1, other_node)
    reach_m = numbers[box + REACH] + numbers[other + REACH]
    is_aligned = 0
    if last - k == other_last - j and times[0] < times[1]:
        way_m = 0.5 * (numbers[box + STEP] + numbers[other + STEP])
        wide_m = reach_m + max(found[0], CONTACT_M) + (way_m if mode != MEET_AT_KNOTS else 0.0)
        rows = _rows(tracks, (a, k), (b, j))
        is_aligned, is_near = _compare(numbers, rows, last - k + 2, wide_m)
        if is_aligned and not is_near:
            return found
    ends = (last, other_last, int(is_aligned))
    while True:
        limit_m = reach_m + max(found[0], CONTACT_M)
        spot = (a, b, mode, k, j)
        k, j, low, high = _next_piece(numbers, tracks, spot, times, ends, limit_m)
        if k < 0:
            return found
        spot = (a, b, mode, k, j)
        found = _search_piece(numbers, tracks, spot, (low, high, times[1]), found, work)
        if mode != LEAST_GAP and found[1] < np.inf:
            return found
        end, other_end = numbers[tracks[a, TIME] + k + 1], numbers[tracks[b, TIME] + j + 1]
        k, j = k + (end <= other_end), j + (other_end <= end)


@kernel
def _next_piece(
    numbers: Floats,
    tracks: Ints,
    spot: Spot,
    times: Times,
    ends: tuple[int, int, int],
    reach_m: float,
) -> Next:
    """Give the next piece of time on which two segments are to be looked at.

    ends : the last segment of both, and whether all their knots are at the same times; then pieces
           on which the origins don't come within the reach are passed over
    """
    a, b, mode, k, j = spot
    last, other_last, is_aligned = ends
    time_at, other_time_at = tracks[a, TIME], tracks[b, TIME]
    while k <= last and j <= other_last:
        if is_aligned:
            rows, count = _rows(tracks, (a, k), (b, j)), last + 1 - k
            far = 0
            if mode == MEET_AT_KNOTS:
                far = _next_near_knot(numbers, rows, count, reach_m)
            else:
                far = _next_near(numbers, rows, count, reach_m)
            if far == count:
                break
            k, j = k + far, j + far
        end, other_end = numbers[time_at + k + 1], numbers[other_time_at + j + 1]
        low = max(times[0], numbers[time_at + k], numbers[other_time_at + j])
        high = min(times[1], end, other_end)
        if low < high or low == high == times[0] == times[1]:
            return k, j, low, high
        k, j = k + (end <= other_end), j + (other_end <= end)
    return -1, -1, 0.0, 0.0


@kernel
def _rows(tracks: Ints, knot: tuple[int, int], other: tuple[int, int]) -> Rows:
    """Give where times, x and y are from a knot of a track on, and from one of another."""
    a, b = tracks[knot[0]], tracks[other[0]]
    k, j = knot[1], other[1]
    return a[TIME] + k, a[X] + k, a[Y] + k, b[TIME] + j, b[X] + j, b[Y] + j


@kernel
def _compare(numbers: Floats, rows: Rows, count: int, reach_m: float) -> tuple[bool, bool]:
    """Tell whether so many knots are at the same times, and any of them within a reach.

    Nothing here branches, so that it runs on several knots at once.
    """
    is_other, is_near = 0, 0
    for k in range(count):
        dx = numbers[rows[1] + k] - numbers[rows[4] + k]
        dy = numbers[rows[2] + k] - numbers[rows[5] + k]
        is_other |= numbers[rows[0] + k] != numbers[rows[3] + k]
        is_near |= dx * dx + dy * dy <= reach_m * reach_m
    return is_other == 0, is_near != 0


@kernel
def _next_near(numbers: Floats, rows: Rows, count: int, reach_m: float) -> int:
    """Give the first of some segments on which two origins come within a reach, or their count."""
    x = numbers[rows[4]] - numbers[rows[1]]
    y = numbers[rows[5]] - numbers[rows[2]]
    for k in range(count):
        x_end = numbers[rows[4] + k + 1] - numbers[rows[1] + k + 1]
        y_end = numbers[rows[5] + k + 1] - numbers[rows[2] + k + 1]
        if _nearest2(x, y, x_end - x, y_end - y) <= reach_m * reach_m:
            return k
        x, y = x_end, y_end
    return count


@kernel
def _next_near_knot(numbers: Floats, rows: Rows, count: int, reach_m: float) -> int:
    """Give the first of some segments that starts within a reach; the last may end there too."""
    for k in range(count + 1):
        x = numbers[rows[4] + k] - numbers[rows[1] + k]
        y = numbers[rows[5] + k] - numbers[rows[2] + k]
        if x * x + y * y <= reach_m * reach_m:
            return min(k, count - 1)
    return count


@kernel
def _nearest2(x: float, y: float, dx: float, dy: float) -> float:
    """Give the least squared distance of the origin to the way from (x, y) by (dx, dy)."""
    square, along = dx * dx + dy * dy, -(x * dx + y * dy)
    if along <= 0.0:
        return x * x + y * y
    u = along / square if along < square else 1.0
    return (x + u * dx) * (x + u * dx) + (y + u * dy) * (y + u * dy)


@kernel
def motion_between(numbers: Floats, tracks: Ints, knot: tuple[int, int], times: Times) -> Motion:
    """Give the motion of a track between two times, both from a knot on and until the next."""
    track, k = tracks[knot[0]], knot[1]
    start_s, end_s = numbers[track[TIME] + k], numbers[track[TIME] + k + 1]
    x, y = numbers[track[X] + k], numbers[track[Y] + k]
    heading = numbers[track[HEADING] + k]
    dx, dy = numbers[track[X] + k + 1] - x, numbers[track[Y] + k + 1] - y
    turn = numbers[track[HEADING] + k + 1] - heading
    if times[0] == start_s and times[1] == end_s:
        return x, y, heading, dx, dy, turn
    # A segment of no time is a place.
    span_s = end_s - start_s
    first = (times[0] - start_s) / span_s if span_s > 0.0 else 0.0
    part = (times[1] - times[0]) / span_s if span_s > 0.0 else 0.0
    x, y, heading = x + first * dx, y + first * dy, heading + first * turn
    return x, y, heading, part * dx, part * dy, part * turn


@kernel
def _search_piece(
    numbers: Floats, tracks: Ints, spot: Spot, piece: Piece, found: Found, work: Floats
) -> Found:
    """Look at all parts of two tracks over a piece of time; give the better of it and `found`."""
    a, b, mode, segment, other_segment = spot
    times = (piece[0], piece[1])
    motion = motion_between(numbers, tracks, (a, segment), times)
    other = motion_between(numbers, tracks, (b, other_segment), times)
    apart2 = _nearest2(
        other[0] - motion[0], other[1] - motion[1], other[3] - motion[3], other[4] - motion[4]
    )
    best_u, best = 2.0, found
    for p in range(tracks[a, PART], tracks[a, PART] + tracks[a, PARTS] * COLUMNS, COLUMNS):
        for q in range(tracks[b, PART], tracks[b, PART] + tracks[b, PARTS] * COLUMNS, COLUMNS):
            if numbers[p + LOW] > numbers[q + HIGH] or numbers[q + LOW] > numbers[p + HIGH]:
                continue
            reach_m = numbers[p + PART_REACH] + numbers[q + PART_REACH] + max(best[0], CONTACT_M)
            if apart2 > reach_m * reach_m:
                continue
            part, other_part = (p, motion), (q, other)
            gap_m, u = 0.0, np.inf
            if mode == MEET_AT_KNOTS:
                u = _meeting_knot(numbers, part, other_part, piece, work)
            elif mode == LEAST_GAP or not stay_apart(numbers, part, other_part, work):
                body = (numbers[p : p + COLUMNS], motion)
                other_body = (numbers[q : q + COLUMNS], other)
                if mode == MEET:
                    u = first_meeting(body, other_body, work)
                else:
                    gap_m, u = least_gap(body, other_body, best[0], work)
            if gap_m < best[0] if mode == LEAST_GAP else u < best_u:
                best_u = u
                time_s = min(piece[1], piece[0] + u * (piece[1] - piece[0]))
                best = (gap_m, time_s, segment, other_segment)
    return best


@kernel
def _meeting_knot(numbers: Floats, a: Part, b: Part, piece: Piece, work: Floats) -> float:
    """Give the u of the knot at which two parts meet; the last piece has one at its end too."""
    if meet_at_start(numbers, a, b, work):
        return 0.0
    is_last = piece[1] == piece[2]
    if is_last and meet_at_start(numbers, (a[0], _end(a[1])), (b[0], _end(b[1])), work):
        return 1.0
    return np.inf


@kernel
def _end(motion: Motion) -> Motion:
    """Give a motion that stands where another ends."""
    x, y, heading, dx, dy, turn = motion
    return x + dx, y + dy, heading + turn, 0.0, 0.0, 0.0
