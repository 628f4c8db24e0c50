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
    DEPTH,
    END,
    FAN_BITS,
    LEVEL,
    ORDER,
    SEGMENTS,
    START,
    X_HIGH,
    X_LOW,
    Y_HIGH,
    Y_LOW,
    Index,
)
from lunaredge.kernels.spacetime_pair import (
    Pair,
    Times,
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

    nodes   : int64 (M, 2)          the first and the last box of level 1 in the window
    order   : int64 (M,)            slots, sorted by where their boxes start
    lanes   : float64 (4, M)        box of each slot in the window: START of one axis, END of it,
                                    then of the other
    sorted  : float64 (4, M)        the same, in that order
    has_met : uint64 (M, M / 64)    bit b of row a: the pair has met, a < b
    """

    nodes: Ints
    order: Ints
    lanes: Floats
    sorted: Floats
    has_met: Ints
    work: Work


@kernel
def block_starts(index: Index) -> Floats:
    """Give when the boxes of level 1 of all tracks start, one after the other."""
    tracks = index.tracks
    total = 0
    for m in range(len(tracks)):
        total += _block_count(tracks[m, SEGMENTS])
    starts = np.empty(total)
    at = 0
    for m in range(len(tracks)):
        for k in range(_block_count(tracks[m, SEGMENTS])):
            starts[at] = index.boxes[tracks[m, LEVEL + 1] + k, START]
            at += 1
    return starts


@kernel
def meetings(index: Index, cuts: Floats, mode: int, out_meetings: Floats) -> int:
    """Write the first meeting of each pair of tracks that ever meet; give their count.

    cuts         : float64 (W,)  rising times between windows, s
    mode         : MEET or MEET_AT_KNOTS of `spacetime_pair`
    out_meetings : float64 (limit, MEETING_COLUMNS)  time, both slots, both segments of the tracks;
                   in the order in which they are found

    Once `out_meetings` is full the search ends, at its length. Bound by the boxes of each window
    (some 10 ns each), then by the pairs whose boxes overlap (some 30 ns each).
    """
    count = len(index.tracks)
    sweep = Sweep(
        np.zeros((count, 2), np.int64),
        np.arange(count),
        np.empty((4, count)),
        np.empty((4, count)),
        np.zeros((count, (count + 63) // 64), np.int64),
        pair_work(),
    )
    is_along_y = _is_along_y(index)
    found = 0
    for w in range(len(cuts) + 1):
        window = (cuts[w - 1] if w > 0 else -np.inf, cuts[w] if w < len(cuts) else np.inf)
        _fill_window(index, window, is_along_y, sweep)
        _sort(sweep)
        found = _sweep_window(index, window, mode, sweep, out_meetings, found)
        if found == len(out_meetings):
            break
    return found


@kernel
def _block_count(segments: int) -> int:
    """Count the boxes of level 1 over so many segments."""
    return (segments + (1 << FAN_BITS) - 1) >> FAN_BITS


@kernel
def _is_along_y(index: Index) -> bool:
    """Tell whether the tracks lie farther apart along y than along x."""
    sums = np.zeros(5)
    for m in range(len(index.tracks)):
        if index.tracks[m, SEGMENTS] > 0:
            box = index.boxes[index.tracks[m, LEVEL + index.tracks[m, DEPTH]]]
            x, y = 0.5 * (box[X_LOW] + box[X_HIGH]), 0.5 * (box[Y_LOW] + box[Y_HIGH])
            sums += np.array((1.0, x, y, x * x, y * y))
    return bool(sums[0] * (sums[4] - sums[3]) > sums[2] * sums[2] - sums[1] * sums[1])


@kernel
def _fill_window(index: Index, window: Times, is_along_y: bool, sweep: Sweep) -> None:
    """Give each track its box in a window; an endless start for those that don't count in it."""
    boxes, tracks, lanes = index.boxes, index.tracks, sweep.lanes
    low, low_other = (Y_LOW, X_LOW) if is_along_y else (X_LOW, Y_LOW)
    high, high_other = (Y_HIGH, X_HIGH) if is_along_y else (X_HIGH, Y_HIGH)
    for m in range(len(tracks)):
        lanes[0, m] = np.inf
        count, base = _block_count(tracks[m, SEGMENTS]), tracks[m, LEVEL + 1]
        first = sweep.nodes[m, 0]
        while first < count and boxes[base + first, END] <= window[0]:
            first += 1
        sweep.nodes[m, 0] = first
        # A track that starts as the window ends may end then too.
        if first == count or boxes[base + first, START] > window[1]:
            continue
        if first > 0 and boxes[base + first, START] == window[1]:
            continue
        at, last = base + first, first
        lanes[0, m], lanes[1, m] = boxes[at, low], boxes[at, high]
        lanes[2, m], lanes[3, m] = boxes[at, low_other], boxes[at, high_other]
        while last + 1 < count and boxes[base + last + 1, START] < window[1]:
            last, at = last + 1, at + 1
            lanes[0, m], lanes[1, m] = min(lanes[0, m], boxes[at, low]), max(lanes[1, m], boxes[at, high])
            lanes[2, m] = min(lanes[2, m], boxes[at, low_other])
            lanes[3, m] = max(lanes[3, m], boxes[at, high_other])
        sweep.nodes[m, 1] = last


@kernel
def _sort(sweep: Sweep) -> None:
    """Sort the order by where the boxes start, and copy the boxes in it."""
    order, keys = sweep.order, sweep.lanes[0]
    for stride in _STRIDES:
        for k in range(stride, len(order)):
            slot, at = order[k], k
            key = keys[slot]
            while at >= stride and keys[order[at - stride]] > key:
                order[at] = order[at - stride]
                at -= stride
            order[at] = slot
    for k in range(len(order)):
        for lane in range(4):
            sweep.sorted[lane, k] = sweep.lanes[lane, order[k]]


@kernel
def _sweep_window(
    index: Index, window: Times, mode: int, sweep: Sweep, out_meetings: Floats, found: int
) -> int:
    """Look at the pairs whose boxes overlap in a window; give the new count of meetings."""
    boxes = sweep.sorted
    count = len(sweep.order)
    for k in range(count):
        end, low, high = boxes[1, k], boxes[2, k], boxes[3, k]
        if boxes[0, k] == np.inf:
            break
        j = k + 1
        while j < count and boxes[0, j] <= end:
            if boxes[2, j] <= high and boxes[3, j] >= low:
                found = _meet(
                    index, (sweep.order[k], sweep.order[j]), window, mode, sweep, out_meetings, found
                )
                if found == len(out_meetings):
                    return found
            j += 1
    return found


@kernel
def _meet(
    index: Index,
    slots: tuple[int, int],
    window: Times,
    mode: int,
    sweep: Sweep,
    out_meetings: Floats,
    found: int,
) -> int:
    """Look for the first meeting of a pair in a window, unless it has met; give the new count."""
    a, b = min(slots), max(slots)
    if sweep.has_met[a, b >> 6] >> (b & 63) & 1:
        return found
    if index.tracks[a, ORDER] > index.tracks[b, ORDER]:
        a, b = b, a
    pair = Pair(index, a, b, mode)
    node, other = sweep.nodes[a, 0], sweep.nodes[b, 0]
    if node == sweep.nodes[a, 1] and other == sweep.nodes[b, 1]:
        nothing = (0.0, np.inf, -1, -1, -1, -1)
        at, other_at = index.tracks[a, LEVEL + 1] + node, index.tracks[b, LEVEL + 1] + other
        times = common_times(index.boxes, at, other_at, window)
        meeting = search_lowest(pair, (node, other), times, nothing, sweep.work)
    else:
        meeting = search(pair, window, 0.0, sweep.work)
    if meeting[1] == np.inf:
        return found
    low, high = min(slots), max(slots)
    sweep.has_met[low, high >> 6] |= 1 << (high & 63)
    out_meetings[found, MEETING_TIME] = meeting[1]
    out_meetings[found, MEETING_SLOT], out_meetings[found, MEETING_OTHER] = a, b
    out_meetings[found, MEETING_SEGMENT] = meeting[2]
    out_meetings[found, MEETING_OTHER_SEGMENT] = meeting[3]
    return found + 1
