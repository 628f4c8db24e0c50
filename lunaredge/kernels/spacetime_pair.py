"""Two tracks: when they first meet, and how near they ever come.

Both trees of boxes are descended together (dual-tree traversal: Gray, Moore 2001), in the order of
time, wherever their boxes come near one another at the same time. Below the lowest boxes the knots
of both are merged, so that both move evenly from one merged time to the next, whatever their
periods. There `spacetime_parts` decides, part by part, continuously in time.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.bits import lowest_bit
from lunaredge.kernels.convex import COLUMNS, HIGH, LOW
from lunaredge.kernels.convex import REACH as PART_REACH
from lunaredge.kernels.jit import Floats, Ints, inner, kernel
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
from lunaredge.kernels.spacetime_parts import meet_at, parts_work, stay_apart
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
Aligned = tuple[float, float, int, int]
"""From when until when, s; the knots that are near, a bit each; the last segment of the first."""
Merged = tuple[float, float, int, int]
"""From when until when, s, and the last segment of both."""
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


@inner
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


@inner
def roots_of(tracks: Ints, a: int, b: int, mode: int) -> Start:
    """Give where a search of all of two tracks starts."""
    return a, b, mode, tracks[a, DEPTH], 0, tracks[b, DEPTH], 0


@inner
def root_of(tracks: Ints, slot: int) -> int:
    """Give where the root box of a track is."""
    return int(tracks[slot, LEVEL + tracks[slot, DEPTH]])


@inner
def are_near(numbers: Floats, box: int, other: int, limit_m: float) -> bool:
    """Tell whether two boxes come within a limit of each other."""
    dx = max(numbers[box + X_LOW] - numbers[other + X_HIGH], 0.0)
    dx = max(numbers[other + X_LOW] - numbers[box + X_HIGH], dx)
    dy = max(numbers[box + Y_LOW] - numbers[other + Y_HIGH], 0.0)
    dy = max(numbers[other + Y_LOW] - numbers[box + Y_HIGH], dy)
    limit_m = max(0.0, limit_m)
    return bool(dx * dx + dy * dy <= limit_m * limit_m)


@inner
def common_times(numbers: Floats, box: int, other: int, span: Times) -> Times:
    """Give the part of a span that two boxes share."""
    start = max(span[0], numbers[box + START], numbers[other + START])
    return start, min(span[1], numbers[box + END], numbers[other + END])


@inner
def _box(tracks: Ints, slot: int, level: int, node: int) -> int:
    """Give where a box is."""
    return int(tracks[slot, LEVEL + level]) + node * BOX


@inner
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


@inner
def _push(waiting: Ints, at: int, nodes: Nodes) -> None:
    """Write a pair of boxes to the stack."""
    waiting[at, 0], waiting[at, 1], waiting[at, 2], waiting[at, 3] = nodes


@inner
def _children(segments: int, level: int, node: int) -> tuple[int, int]:
    """Give the first and the last child of a box."""
    last = (segments - 1) >> (FAN_BITS * (level - 1))
    return node << FAN_BITS, min(last, (node << FAN_BITS) + FAN - 1)


@inner
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
    spot = (a, b, mode, k, j)
    if last - k == other_last - j and times[0] < times[1]:
        box, other = _box(tracks, a, 1, node), _box(tracks, b, 1, other_node)
        reach_m = numbers[box + REACH] + numbers[other + REACH] + max(found[0], CONTACT_M)
        if mode != MEET_AT_KNOTS:
            reach_m += 0.5 * (numbers[box + STEP] + numbers[other + STEP])
        is_aligned, near = _near_knots(numbers, tracks, spot, last - k + 2, reach_m)
        if is_aligned:
            aligned = (times[0], times[1], near, last)
            return _search_near(numbers, tracks, spot, aligned, found, work)
    merged = (times[0], times[1], last, other_last)
    return _search_merged(numbers, tracks, spot, merged, found, work)


@inner
def _near_knots(
    numbers: Floats, tracks: Ints, spot: Spot, count: int, reach_m: float
) -> tuple[bool, int]:
    """Tell whether so many knots of two tracks are at the same times; give those within a reach.

    returns : a bit for each knot, the lowest for the first

    Nothing here branches and all lies in a row, so that it runs on several knots at once.
    """
    a, b, _, k, j = spot
    times, other_times = numbers[tracks[a, TIME] + k :], numbers[tracks[b, TIME] + j :]
    x, other_x = numbers[tracks[a, X] + k :], numbers[tracks[b, X] + j :]
    y, other_y = numbers[tracks[a, Y] + k :], numbers[tracks[b, Y] + j :]
    is_other, near, reach2 = 0, 0, reach_m * reach_m
    for n in range(count):
        dx, dy = other_x[n] - x[n], other_y[n] - y[n]
        is_other |= int(times[n] != other_times[n])
        near |= int(dx * dx + dy * dy <= reach2) << n
    return is_other == 0, near


@inner
def _search_near(
    numbers: Floats, tracks: Ints, spot: Spot, aligned: Aligned, found: Found, work: Floats
) -> Found:
    """Look at two runs of segments whose knots are at the same times, about those that are near."""
    a, b, mode, first, other_first = spot
    start, until, near, last = aligned
    times = numbers[tracks[a, TIME] :]
    if mode != MEET_AT_KNOTS:
        # A knot is of the segment before it too.
        near |= near >> 1
    while near:
        k = first + lowest_bit(near)
        near &= near - 1
        spot = (a, b, mode, min(k, last), other_first + min(k, last) - first)
        if mode == MEET_AT_KNOTS:
            if start <= times[k] <= until and _meets_at(numbers, tracks, spot, times[k], work):
                return 0.0, times[k], spot[3], spot[4]
        elif k <= last and times[k] < until and times[k + 1] > start:
            piece = (max(start, times[k]), min(until, times[k + 1]))
            found = _search_piece(numbers, tracks, spot, piece, found, work)
            if mode != LEAST_GAP and found[1] < np.inf:
                return found
    return found


@inner
def _search_merged(
    numbers: Floats, tracks: Ints, spot: Spot, merged: Merged, found: Found, work: Floats
) -> Found:
    """Look at two runs of segments, piece by piece of the time on which both move evenly."""
    a, b, mode, k, j = spot
    start, until, last, other_last = merged
    time_at, other_time_at = tracks[a, TIME], tracks[b, TIME]
    while k <= last and j <= other_last:
        end, other_end = numbers[time_at + k + 1], numbers[other_time_at + j + 1]
        low = max(start, numbers[time_at + k], numbers[other_time_at + j])
        high = min(until, end, other_end)
        if low < high or low == high == start == until:
            spot = (a, b, mode, k, j)
            if mode == MEET_AT_KNOTS:
                time_s = _meeting_knot(numbers, tracks, spot, (low, high, until), work)
                if time_s < np.inf:
                    return 0.0, time_s, k, j
            else:
                found = _search_piece(numbers, tracks, spot, (low, high), found, work)
                if mode == MEET and found[1] < np.inf:
                    return found
        k, j = k + (end <= other_end), j + (other_end <= end)
    return found


@inner
def _meeting_knot(numbers: Floats, tracks: Ints, spot: Spot, piece: Piece, work: Floats) -> float:
    """Give the time of the knot of a piece at which two tracks meet; inf for none.

    A piece that starts where the search does has no knot there, as a rule; its end is the next
    one's start, but for the last.
    """
    knot, other = tracks[spot[0], TIME] + spot[3], tracks[spot[1], TIME] + spot[4]
    low, high, until = piece
    is_knot = low == numbers[knot] or low == numbers[other]
    if is_knot and _meets_at(numbers, tracks, spot, low, work):
        return low
    is_knot = high == until and (high == numbers[knot + 1] or high == numbers[other + 1])
    if is_knot and _meets_at(numbers, tracks, spot, high, work):
        return high
    return np.inf


@inner
def _meets_at(numbers: Floats, tracks: Ints, spot: Spot, time_s: float, work: Floats) -> bool:
    """Tell whether two tracks meet at a time within one segment of each."""
    a, b, _, segment, other_segment = spot
    place = motion_between(numbers, tracks, (a, segment), (time_s, time_s))[:3]
    other_place = motion_between(numbers, tracks, (b, other_segment), (time_s, time_s))[:3]
    dx, dy = other_place[0] - place[0], other_place[1] - place[1]
    for p in range(tracks[a, PART], tracks[a, PART] + tracks[a, PARTS] * COLUMNS, COLUMNS):
        for q in range(tracks[b, PART], tracks[b, PART] + tracks[b, PARTS] * COLUMNS, COLUMNS):
            if numbers[p + LOW] > numbers[q + HIGH] or numbers[q + LOW] > numbers[p + HIGH]:
                continue
            reach_m = numbers[p + PART_REACH] + numbers[q + PART_REACH] + CONTACT_M
            if dx * dx + dy * dy > reach_m * reach_m:
                continue
            if meet_at(numbers, (p, place), (q, other_place), work):
                return True
    return False


@inner
def _nearest2(x: float, y: float, dx: float, dy: float) -> float:
    """Give the least squared distance of the origin to the way from (x, y) by (dx, dy)."""
    square, along = dx * dx + dy * dy, -(x * dx + y * dy)
    if along <= 0.0:
        return x * x + y * y
    u = along / square if along < square else 1.0
    return (x + u * dx) * (x + u * dx) + (y + u * dy) * (y + u * dy)


@inner
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


@inner
def _search_piece(
    numbers: Floats, tracks: Ints, spot: Spot, times: Times, found: Found, work: Floats
) -> Found:
    """Look at all parts of two tracks over a piece of time; give the better of it and `found`."""
    a, b, mode, segment, other_segment = spot
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
            gap_m, u = 0.0, np.inf
            if mode == LEAST_GAP or not stay_apart(numbers, (p, motion), (q, other), work):
                body = (numbers[p : p + COLUMNS], motion)
                other_body = (numbers[q : q + COLUMNS], other)
                if mode == MEET:
                    u = first_meeting(body, other_body, work)
                else:
                    gap_m, u = least_gap(body, other_body, best[0], work)
            if gap_m < best[0] if mode == LEAST_GAP else u < best_u:
                best_u = u
                time_s = min(times[1], times[0] + u * (times[1] - times[0]))
                best = (gap_m, time_s, segment, other_segment)
    return best
