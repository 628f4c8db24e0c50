"""A fleet in space and time: all tracks against all, and one against all.

All against all goes through time in windows. In each, every track has one box; the boxes are kept
sorted along one axis, and a sweep along it finds the pairs that may meet (sweep and prune: Cohen,
Lin, Manocha, Ponamgi 1995; here with boxes over spans of time). One against all compares the roots
of the trees of boxes. What is left is for `spacetime_pair`.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, kernel
from lunaredge.kernels.spacetime_index import (
    BOX,
    DEPTH,
    END,
    LEVEL,
    ORDER,
    SEGMENTS,
    START,
    X_HIGH,
    X_LOW,
    Y_HIGH,
    Y_LOW,
    Times,
    node_count,
)
from lunaredge.kernels.spacetime_pair import (
    Found,
    Pair,
    Work,
    common_times,
    pair_work,
    search,
    search_lowest,
)

# Columns of a meeting: the first five by `meetings`, the others by `spacetime_one.describe`. Each
# place is three columns.
MEETING_TIME, MEETING_SLOT, MEETING_OTHER, MEETING_SEGMENT, MEETING_OTHER_SEGMENT = range(5)
MEETING_PLACE, MEETING_OTHER_PLACE, MEETING_DEPTH = 5, 8, 11
MEETING_COLUMNS = 12

# Steps of a Shell sort (Ciura 2001): boxes nearly in order cost few moves, others not their square.
_STRIDES = (16001, 7112, 3161, 1405, 701, 301, 132, 57, 23, 10, 4, 1)


class Sweep(NamedTuple):
    """What a sweep over M tracks keeps.

    nodes   : int64 (M, 2)        the first and the last box of level 1 in the window
    order   : int64 (M,)          slots, sorted by where their boxes start
    lanes   : float64 (4, M)      of each slot's box in the window the start and the end along the
                                  axis of the sweep, then across it
    sorted  : float64 (4, M)      the same, in that order
    near    : int64 (8 M, 2)      places in the order of boxes that overlap
    has_met : int64 (M, M / 64)   bit b of row a: the slots have met, a < b
    """

    nodes: Ints
    order: Ints
    lanes: Floats
    sorted: Floats
    near: Ints
    has_met: Ints
    work: Work


@kernel
def box_starts(numbers: Floats, tracks: Ints) -> Floats:
    """Give when the boxes of level 1 of all tracks start, one after the other."""
    total = 0
    for m in range(len(tracks)):
        total += node_count(tracks, m, 1)
    starts = np.empty(total)
    count = 0
    for m in range(len(tracks)):
        for k in range(node_count(tracks, m, 1)):
            starts[count] = numbers[tracks[m, LEVEL + 1] + k * BOX + START]
            count += 1
    return starts


@kernel
def meetings(numbers: Floats, tracks: Ints, cuts: Floats, mode: int, out_meetings: Floats) -> int:
    """Write the first meeting of each pair of tracks that ever meet; give their count.

    numbers, tracks : as `spacetime_index` says
    cuts            : float64 (W,)  rising times between windows, s
    mode            : MEET or MEET_AT_KNOTS of `spacetime_pair`
    out_meetings    : float64 (limit, MEETING_COLUMNS)  time, both slots, both segments of the
                      tracks, in the order in which they are found

    Once `out_meetings` is full the search ends, at its length. Bound by the boxes of each window
    (some 10 ns each), then by the pairs whose boxes overlap (some 50 ns each), then by the parts
    that come within reach of each other (some 100 ns each).
    """
    count = len(tracks)
    sweep = Sweep(
        np.zeros((count, 2), np.int64),
        np.arange(count),
        np.empty((4, count)),
        np.empty((4, count)),
        np.empty((8 * count, 2), np.int64),
        np.zeros((count, (count + 63) // 64), np.int64),
        pair_work(),
    )
    is_along_y = _is_along_y(numbers, tracks)
    found = 0
    for w in range(len(cuts) + 1):
        window = (cuts[w - 1] if w > 0 else -np.inf, cuts[w] if w < len(cuts) else np.inf)
        _fill_window(numbers, tracks, window, is_along_y, sweep)
        _sort(sweep)
        found = _sweep_window(numbers, tracks, (window, mode), sweep, out_meetings, found)
        if found == len(out_meetings):
            break
    return found


@kernel
def _is_along_y(numbers: Floats, tracks: Ints) -> bool:
    """Tell whether the tracks lie farther apart along y than along x."""
    count, x_sum, y_sum, x2_sum, y2_sum = 0, 0.0, 0.0, 0.0, 0.0
    for m in range(len(tracks)):
        if tracks[m, SEGMENTS] > 0:
            root = tracks[m, LEVEL + tracks[m, DEPTH]]
            x, y = numbers[root + X_LOW], numbers[root + Y_LOW]
            count, x_sum, y_sum = count + 1, x_sum + x, y_sum + y
            x2_sum, y2_sum = x2_sum + x * x, y2_sum + y * y
    return bool(count * (y2_sum - x2_sum) > y_sum * y_sum - x_sum * x_sum)


@kernel
def _fill_window(
    numbers: Floats, tracks: Ints, window: Times, is_along_y: bool, sweep: Sweep
) -> None:
    """Give each track its box in a window; a start at inf to those that don't count in it."""
    nodes, lanes = sweep.nodes, sweep.lanes
    low, low_across = (Y_LOW, X_LOW) if is_along_y else (X_LOW, Y_LOW)
    high, high_across = (Y_HIGH, X_HIGH) if is_along_y else (X_HIGH, Y_HIGH)
    for m in range(len(tracks)):
        lanes[0, m] = np.inf
        count, base = node_count(tracks, m, 1), tracks[m, LEVEL + 1]
        first = nodes[m, 0]
        while first < count and numbers[base + first * BOX + END] <= window[0]:
            first += 1
        nodes[m, 0] = first
        at = base + first * BOX
        # What starts as the window ends may end then too.
        if first == count or numbers[at + START] > window[1]:
            continue
        if first > 0 and numbers[at + START] == window[1]:
            continue
        lanes[0, m], lanes[1, m] = numbers[at + low], numbers[at + high]
        lanes[2, m], lanes[3, m] = numbers[at + low_across], numbers[at + high_across]
        last = first
        while last + 1 < count and numbers[at + BOX + START] < window[1]:
            last, at = last + 1, at + BOX
            lanes[0, m] = min(lanes[0, m], numbers[at + low])
            lanes[1, m] = max(lanes[1, m], numbers[at + high])
            lanes[2, m] = min(lanes[2, m], numbers[at + low_across])
            lanes[3, m] = max(lanes[3, m], numbers[at + high_across])
        nodes[m, 1] = last


@kernel
def _sort(sweep: Sweep) -> None:
    """Sort the order by where the boxes start, and copy the boxes in it."""
    order, lanes, keys = sweep.order, sweep.lanes, sweep.sorted[0]
    count = len(order)
    for k in range(count):
        keys[k] = lanes[0, order[k]]
    for stride in _STRIDES:
        for k in range(stride, count):
            key, slot, at = keys[k], order[k], k
            while at >= stride and keys[at - stride] > key:
                keys[at], order[at] = keys[at - stride], order[at - stride]
                at -= stride
            keys[at], order[at] = key, slot
    for lane in range(1, 4):
        for k in range(count):
            sweep.sorted[lane, k] = lanes[lane, order[k]]


@kernel
def _sweep_window(
    numbers: Floats,
    tracks: Ints,
    search_for: tuple[Times, int],
    sweep: Sweep,
    out_meetings: Floats,
    found: int,
) -> int:
    """Look at the pairs whose boxes overlap in a window; give the new count of meetings."""
    window, mode = search_for
    order, near, has_met, nodes = sweep.order, sweep.near, sweep.has_met, sweep.nodes
    boxes, waiting, parts = sweep.sorted, sweep.work.waiting, sweep.work.parts
    work = Work(waiting, parts)
    first = 0
    while first < len(order):
        count, first = _overlaps(boxes, first, near)
        for n in range(count):
            a, b = order[near[n, 0]], order[near[n, 1]]
            if a > b:
                a, b = b, a
            if has_met[a, b >> 6] >> (b & 63) & 1:
                continue
            pair = (a, b, mode) if tracks[a, ORDER] < tracks[b, ORDER] else (b, a, mode)
            met = _meeting(numbers, tracks, pair, window, nodes, work)
            if met[1] < np.inf:
                has_met[a, b >> 6] |= 1 << (b & 63)
                out_meetings[found, MEETING_TIME] = met[1]
                out_meetings[found, MEETING_SLOT] = pair[0]
                out_meetings[found, MEETING_OTHER] = pair[1]
                out_meetings[found, MEETING_SEGMENT] = met[2]
                out_meetings[found, MEETING_OTHER_SEGMENT] = met[3]
                found += 1
                if found == len(out_meetings):
                    return found
    return found


@kernel
def _overlaps(boxes: Floats, first: int, out_near: Ints) -> tuple[int, int]:
    """Write the pairs of boxes that overlap, from the first on until `out_near` could be full.

    boxes    : float64 (4, M)      out_near : int64 (P, 2)  P >= 2 M
    returns  : the count of pairs, and from which box to go on; M when all are done

    Which of the boxes along the axis overlap across it too is random: the count rises without a
    branch.
    """
    total, room = boxes.shape[1], len(out_near) - boxes.shape[1]
    count = 0
    for k in range(first, total):
        end, low, high = boxes[1, k], boxes[2, k], boxes[3, k]
        # What doesn't count in this window starts at inf.
        if boxes[0, k] == np.inf:
            break
        if count > room:
            return count, k
        for j in range(k + 1, total):
            if boxes[0, j] > end:
                break
            out_near[count, 0], out_near[count, 1] = k, j
            count += int(boxes[2, j] <= high) & int(boxes[3, j] >= low)
    return count, total


@kernel
def _meeting(
    numbers: Floats, tracks: Ints, pair: Pair, window: Times, nodes: Ints, work: Work
) -> Found:
    """Give the first meeting of a pair in a window."""
    a, b, mode = pair
    if nodes[a, 0] < nodes[a, 1] or nodes[b, 0] < nodes[b, 1]:
        return search(numbers, tracks, pair, window, 0.0, work)
    box, other = tracks[a, LEVEL + 1] + nodes[a, 0] * BOX, tracks[b, LEVEL + 1] + nodes[b, 0] * BOX
    times = common_times(numbers, box, other, window)
    spot = (a, b, mode, nodes[a, 0], nodes[b, 0])
    return search_lowest(numbers, tracks, spot, times, (0.0, np.inf, -1, -1), work.parts)
