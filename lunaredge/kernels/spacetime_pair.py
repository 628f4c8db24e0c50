"""Two tracks: when they first meet, and how near they ever come.

Both trees of boxes are descended together (dual-tree traversal: Gray, Moore 2001), in the order of
time, wherever their boxes come near one another at the same time. Below the lowest boxes the knots
of both are merged, so that both move evenly from one merged time to the next, whatever their
periods. There `kernels.sweep` decides, part by part, continuously in time.
"""

import math
from typing import NamedTuple

import numpy as np

from lunaredge.kernels.convex import HIGH, LOW, MARGIN, REACH
from lunaredge.kernels.jit import Floats, Ints, kernel
from lunaredge.kernels.spacetime_index import (
    DEPTH,
    END,
    FAN,
    FAN_BITS,
    HEADING,
    KNOT,
    LEVEL,
    PART,
    PARTS,
    SEGMENTS,
    START,
    STEP,
    TIME,
    X_HIGH,
    X_LOW,
    Y_HIGH,
    Y_LOW,
    Index,
    Times,
    X,
    Y,
)
from lunaredge.kernels.spacetime_index import REACH as BOX_REACH
from lunaredge.kernels.sweep import (
    CONTACT_M,
    Body,
    Motion,
    first_meeting,
    least_gap,
    look,
    work_space,
)

# What is looked for: a meeting at any time; one at a knot of either; the least gap.
MEET, MEET_AT_KNOTS, LEAST_GAP = range(3)

# A pair of boxes is replaced by at most 2 * FAN pairs, once a level.
_WAITING_MAX = 8 * 2 * FAN

Found = tuple[float, float, int, int, int, int]
"""A gap, m, and its time, s; of both tracks the segment, and of both the part. Time inf: none."""


class Work(NamedTuple):
    """What kernels here write to, for any number of calls."""

    waiting: Ints
    bodies: Floats


class Pair(NamedTuple):
    """Two tracks of an index, by their slots, and what is looked for."""

    index: Index
    slot: int
    other: int
    mode: int


@kernel
def pair_work() -> Work:
    """Give what `search` writes to."""
    return Work(np.empty((_WAITING_MAX, 4), np.int64), work_space())


@kernel
def search(pair: Pair, span: Times, limit_m: float, work: Work) -> Found:
    """Give the first meeting of two tracks, or their least gap, within a span of time.

    span    : from when until when, s, ends included
    limit_m : LEAST_GAP seeks gaps under it only, right to `sweep.GAP_ERROR_M`; else give 0

    Meetings at the same time: the lower part of the first track, then of the second. Bound by the
    pairs of boxes looked at, some 10 ns each, until few are left.
    """
    index, a, b, mode = pair
    tracks, boxes, waiting = index.tracks, index.boxes, work.waiting
    found = (limit_m, np.inf, -1, -1, -1, -1)
    level, other_level = tracks[a, DEPTH], tracks[b, DEPTH]
    times = common_times(boxes, tracks[a, LEVEL + level], tracks[b, LEVEL + other_level], span)
    waiting[0, 0], waiting[0, 1], waiting[0, 2], waiting[0, 3] = level, 0, other_level, 0
    count = 1 if times[0] <= times[1] else 0
    while count > 0:
        count -= 1
        level, node = waiting[count, 0], waiting[count, 1]
        other_level, other_node = waiting[count, 2], waiting[count, 3]
        at, other_at = tracks[a, LEVEL + level] + node, tracks[b, LEVEL + other_level] + other_node
        shared = common_times(boxes, at, other_at, times)
        # An instant at the edge of two boxes belongs to their neighbours too.
        if not (shared[0] < shared[1] or times[0] == times[1]):
            continue
        if not are_near(boxes, at, other_at, found[0]):
            continue
        if level > 1 or other_level > 1:
            count = _split(pair, (level, node, other_level, other_node), waiting, count)
            continue
        found = search_lowest(pair, (node, other_node), shared, found, work)
        if mode != LEAST_GAP and found[1] < np.inf:
            break
    return found


@kernel
def are_near(boxes: Floats, at: int, other: int, limit_m: float) -> bool:
    """Tell whether two boxes come within a limit of each other."""
    dx = max(boxes[at, X_LOW] - boxes[other, X_HIGH], boxes[other, X_LOW] - boxes[at, X_HIGH])
    dy = max(boxes[at, Y_LOW] - boxes[other, Y_HIGH], boxes[other, Y_LOW] - boxes[at, Y_HIGH])
    dx, dy, limit_m = max(0.0, dx), max(0.0, dy), max(0.0, limit_m)
    return dx * dx + dy * dy <= limit_m * limit_m


@kernel
def common_times(boxes: Floats, at: int, other: int, span: Times) -> Times:
    """Give the part of a span that two boxes share; it starts after its end where there is none."""
    start = max(span[0], boxes[at, START], boxes[other, START])
    return start, min(span[1], boxes[at, END], boxes[other, END])


@kernel
def _split(pair: Pair, nodes: tuple[int, int, int, int], waiting: Ints, count: int) -> int:
    """Put the children of the higher of two boxes, with the other one, on the stack; last first."""
    level, node, other_level, other_node = nodes
    if level >= other_level:
        below = pair.index.tracks[pair.slot, SEGMENTS]
        below = (below - 1 >> FAN_BITS * (level - 1)) + 1
        for k in range(min(below, (node + 1) * FAN) - 1, node * FAN - 1, -1):
            waiting[count, 0], waiting[count, 1] = level - 1, k
            waiting[count, 2], waiting[count, 3] = other_level, other_node
            count += 1
    else:
        below = pair.index.tracks[pair.other, SEGMENTS]
        below = (below - 1 >> FAN_BITS * (other_level - 1)) + 1
        for k in range(min(below, (other_node + 1) * FAN) - 1, other_node * FAN - 1, -1):
            waiting[count, 0], waiting[count, 1] = level, node
            waiting[count, 2], waiting[count, 3] = other_level - 1, k
            count += 1
    return count


@kernel
def search_lowest(
    pair: Pair, nodes: tuple[int, int], times: Times, found: Found, work: Work
) -> Found:
    """Look at the segments of two boxes of level 1; give what is better than `found`, or that."""
    index, a, b, mode = pair
    base, other_base = index.tracks[a, KNOT], index.tracks[b, KNOT]
    k, last = nodes[0] * FAN, min((nodes[0] + 1) * FAN, index.tracks[a, SEGMENTS])
    j, other_last = nodes[1] * FAN, min((nodes[1] + 1) * FAN, index.tracks[b, SEGMENTS])
    at, other_at = index.tracks[a, LEVEL + 1] + nodes[0], index.tracks[b, LEVEL + 1] + nodes[1]
    reach_m = index.boxes[at, BOX_REACH] + index.boxes[other_at, BOX_REACH]
    reach_m += CONTACT_M + max(0.0, found[0])
    if mode != MEET_AT_KNOTS:
        reach_m += 0.5 * (index.boxes[at, STEP] + index.boxes[other_at, STEP])
    if last - k == other_last - j and not _may_be_near(
        index.knots, base + k, other_base + j, last - k + 1, reach_m
    ):
        return found
    is_instant = times[0] == times[1]
    while k < last and j < other_last:
        end, other_end = index.knots[TIME, base + k + 1], index.knots[TIME, other_base + j + 1]
        low = max(times[0], index.knots[TIME, base + k], index.knots[TIME, other_base + j])
        high = min(times[1], end, other_end)
        if low < high or (is_instant and low == high):
            found = _search_segments(pair, (k, j), (low, high), found, work)
            if mode != LEAST_GAP and found[1] < np.inf:
                break
        k, j = k + (end <= other_end), j + (other_end <= end)
    return found


@kernel
def _may_be_near(knots: Floats, base: int, other_base: int, count: int, reach_m: float) -> bool:
    """Tell whether knots are at different times, or any are nearer in pairs than a reach.

    Nothing here branches, so that it runs on several knots at once: the common case by far.
    """
    is_other, is_near = 0, 0
    for k in range(count):
        dx = knots[X, base + k] - knots[X, other_base + k]
        dy = knots[Y, base + k] - knots[Y, other_base + k]
        is_other |= knots[TIME, base + k] != knots[TIME, other_base + k]
        is_near |= dx * dx + dy * dy <= reach_m * reach_m
    return bool(is_other | is_near)


@kernel
def motion_between(knots: Floats, at: int, times: Times) -> Motion:
    """Give the motion between two times, from the knot `at` to the next."""
    start_s = knots[TIME, at]
    span_s = knots[TIME, at + 1] - start_s
    x, y, heading = knots[X, at], knots[Y, at], knots[HEADING, at]
    dx, dy, turn = knots[X, at + 1] - x, knots[Y, at + 1] - y, knots[HEADING, at + 1] - heading
    if times[0] == start_s and times[1] == knots[TIME, at + 1]:
        return x, y, heading, dx, dy, turn
    # A segment of no time is a place.
    first = (times[0] - start_s) / span_s if span_s > 0.0 else 0.0
    part = (times[1] - times[0]) / span_s if span_s > 0.0 else 0.0
    x, y, heading = x + first * dx, y + first * dy, heading + first * turn
    return x, y, heading, part * dx, part * dy, part * turn


@kernel
def _search_segments(
    pair: Pair, segments: tuple[int, int], times: Times, found: Found, work: Work
) -> Found:
    """Look at one segment of each track, between two times; give the better of it and `found`."""
    index, a, b, mode = pair
    motion = motion_between(index.knots, index.tracks[a, KNOT] + segments[0], times)
    other = motion_between(index.knots, index.tracks[b, KNOT] + segments[1], times)
    apart_m = _least_distance(motion, other)
    limit_m = max(found[0], CONTACT_M)
    reach_m = index.boxes[index.tracks[a, LEVEL + 1], BOX_REACH]
    reach_m += index.boxes[index.tracks[b, LEVEL + 1], BOX_REACH]
    if apart_m > reach_m + limit_m:
        return found
    first_part, other_part = index.tracks[a, PART], index.tracks[b, PART]
    best_u, best = 2.0, found
    for p in range(index.tracks[a, PARTS]):
        row = index.parts[first_part + p]
        for q in range(index.tracks[b, PARTS]):
            row_q = index.parts[other_part + q]
            if row[LOW] > row_q[HIGH] or row_q[LOW] > row[HIGH]:
                continue
            if apart_m > row[REACH] + row_q[REACH] + limit_m:
                continue
            gap_m, u = _search_parts((row, motion), (row_q, other), mode, best[0], work.bodies)
            if (mode == LEAST_GAP and gap_m < best[0]) or u < best_u:
                best_u = u
                time_s = min(times[1], times[0] + u * (times[1] - times[0]))
                best = (gap_m, time_s, segments[0], segments[1], p, q)
    return best


@kernel
def _search_parts(
    a: Body, b: Body, mode: int, limit_m: float, bodies: Floats
) -> tuple[float, float]:
    """Give the gap of two parts and its u, as `search` looks for it; u is 2 for none."""
    if mode == LEAST_GAP:
        gap_m, u = least_gap(a, b, limit_m, bodies)
        return gap_m, u if u >= 0.0 else 2.0
    if mode == MEET:
        u = first_meeting(a, b, bodies)
        return 0.0, min(u, 2.0)
    margin_m = a[0][MARGIN] + b[0][MARGIN] + CONTACT_M
    if look(a, b, 0.0, bodies)[1] <= margin_m:
        return 0.0, 0.0
    return 0.0, (1.0 if look(a, b, 1.0, bodies)[1] <= margin_m else 2.0)


@kernel
def _least_distance(a: Motion, b: Motion) -> float:
    """Give the least distance of two moving origins."""
    x, y = b[0] - a[0], b[1] - a[1]
    dx, dy = b[3] - a[3], b[4] - a[4]
    square = dx * dx + dy * dy
    u = 0.0
    if square > 0.0:
        u = min(1.0, max(0.0, -(x * dx + y * dy) / square))
    x, y = x + u * dx, y + u * dy
    return math.sqrt(x * x + y * y)
