"""A fleet in space and time: all tracks against all, and one against all.

All against all goes through time in windows. In each, every track has one box; the boxes are kept
sorted along one axis, and a sweep along it finds the pairs that may meet (sweep and prune: Cohen,
Lin, Manocha, Ponamgi 1995; here with boxes over spans of time). One against all compares the roots
of the trees of boxes. What is left is for `spacetime_pair`.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.bits import BITS, lowest_bit
from lunaredge.kernels.jit import Floats, Ints, inner, kernel
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
    Index,
    Times,
    node_count,
)
from lunaredge.kernels.spacetime_pair import (
    Found,
    Spot,
    Work,
    common_times,
    pair_work,
    roots_of,
    search,
    search_lowest,
)

# Columns of a meeting: the first five by `meetings`, the others by `spacetime_one.describe`. Each
# place is three columns.
MEETING_TIME, MEETING_SLOT, MEETING_OTHER, MEETING_SEGMENT, MEETING_OTHER_SEGMENT = range(5)
MEETING_PLACE, MEETING_OTHER_PLACE, MEETING_DEPTH = 5, 8, 11
MEETING_COLUMNS = 12

# Strides of a Shell sort. From window to window the boxes stay nearly in order, so a few strides
# are quicker than the many of the best sequences: half the time, and on random order no more.
_STRIDES = (20_011, 2_003, 199, 14, 1)


class Sweep(NamedTuple):
    """What a sweep over M tracks keeps.

    nodes   : int64 (M, 2)        the first and the last box of level 1 in the window
    order   : int64 (M,)          slots, sorted by where their boxes start
    lanes   : float64 (4, M)      of each slot's box in the window the start and the end along the
                                  axis of the sweep, then across it
    sorted  : float64 (4, M)      the same, in that order
    near    : int64 (2, 8 M)      slots whose boxes overlap
    has_met : int64 (M, M / 64)   bit b of row a: the slots have met, a < b
    """

    nodes: Ints
    order: Ints
    lanes: Floats
    sorted: Floats
    near: Ints
    has_met: Ints
    is_along_y: bool


@kernel
def box_starts(index: Index) -> Floats:
    """Give when the boxes of level 1 of all tracks start, one after the other."""
    numbers, tracks, _ = index
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
def meetings(index: Index, cuts: Floats, mode: int, out_meetings: Floats) -> int:
    """Write the first meeting of each pair of tracks that ever meet; give their count.

    cuts         : float64 (W,)  rising times between windows, s
    mode         : MEET or MEET_AT_KNOTS of `spacetime_pair`
    out_meetings : float64 (limit, MEETING_COLUMNS)  time, both slots, both segments of the tracks;
                   in the order in which they are found

    Once `out_meetings` is full the search ends, at its length. Bound by the boxes of each window
    (some 20 ns each), then by the pairs whose boxes overlap (some 50 ns each), then by the parts
    that come within reach of each other (some 0.1 us each; the instant of a meeting 1 us).
    """
    return _sweep_through(index, cuts, mode, _start_sweep(index), pair_work(), out_meetings)


@inner
def _sweep_through(
    index: Index, cuts: Floats, mode: int, sweep: Sweep, work: Work, out_meetings: Floats
) -> int:
    """Go through time window by window; see `meetings`."""
    numbers, tracks, _ = index
    near, has_met, nodes = sweep.near, sweep.has_met, sweep.nodes
    found = 0
    for w in range(len(cuts) + 1):
        window = (cuts[w - 1] if w > 0 else -np.inf, cuts[w] if w < len(cuts) else np.inf)
        _fill_window(index, window, sweep)
        _sort(sweep)
        first = 0
        while first < len(tracks):
            count, first = _overlaps(sweep, first)
            for n in range(count):
                a, b = min(near[0, n], near[1, n]), max(near[0, n], near[1, n])
                if has_met[a, b >> 6] >> (b & 63) & 1:
                    continue
                pair = (a, b) if tracks[a, ORDER] < tracks[b, ORDER] else (b, a)
                if nodes[a, 0] == nodes[a, 1] and nodes[b, 0] == nodes[b, 1]:
                    spot = (pair[0], pair[1], mode, nodes[pair[0], 0], nodes[pair[1], 0])
                    times = _box_times(numbers, tracks, spot, window)
                    nothing = (0.0, np.inf, -1, -1)
                    met = search_lowest(numbers, tracks, spot, times, nothing, work.parts)
                else:
                    start = roots_of(tracks, pair[0], pair[1], mode)
                    met = search(numbers, tracks, start, window, 0.0, work)
                if met[1] < np.inf:
                    has_met[a, b >> 6] |= 1 << (b & 63)
                    _write(out_meetings, found, pair, met)
                    found += 1
                    if found == len(out_meetings):
                        return found
    return found


@kernel
def _start_sweep(index: Index) -> Sweep:
    """Give what a sweep keeps, before its first window."""
    count = len(index.tracks)
    return Sweep(
        np.zeros((count, 2), np.int64),
        np.arange(count),
        np.empty((4, count)),
        np.empty((4, count)),
        np.empty((2, 8 * count), np.int64),
        np.zeros((count, (count + 63) // 64), np.int64),
        _is_along_y(index.numbers, index.tracks),
    )


@inner
def _box_times(numbers: Floats, tracks: Ints, spot: Spot, window: Times) -> Times:
    """Give the part of a window that two boxes of level 1 share."""
    box = tracks[spot[0], LEVEL + 1] + spot[3] * BOX
    return common_times(numbers, box, tracks[spot[1], LEVEL + 1] + spot[4] * BOX, window)


@inner
def _write(out_meetings: Floats, at: int, pair: tuple[int, int], met: Found) -> None:
    """Write a meeting."""
    out_meetings[at, MEETING_TIME] = met[1]
    out_meetings[at, MEETING_SLOT], out_meetings[at, MEETING_OTHER] = pair
    out_meetings[at, MEETING_SEGMENT], out_meetings[at, MEETING_OTHER_SEGMENT] = met[2], met[3]


@inner
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


@inner
def _fill_window(index: Index, window: Times, sweep: Sweep) -> None:
    """Give each track its box in a window; a start at inf to those that don't count in it."""
    numbers, tracks, _ = index
    nodes, lanes, is_along_y = sweep.nodes, sweep.lanes, sweep.is_along_y
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


@inner
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


@inner
def _overlaps(sweep: Sweep, first: int) -> tuple[int, int]:
    """Write the pairs whose boxes overlap to `near`, from a place of the order on.

    returns : the count of pairs, and from which place to go on; M when all are done
    """
    order, starts, ends = sweep.order, sweep.sorted[0], sweep.sorted[1]
    firsts, seconds = sweep.near[0], sweep.near[1]
    total, room = len(order), len(firsts) - len(order)
    count = 0
    for k in range(first, total):
        # What doesn't count in this window starts at inf.
        if starts[k] == np.inf:
            break
        if count > room:
            return count, k
        stop = k + 1
        while stop < total and starts[stop] <= ends[k]:
            stop += 1
        for at in range(k + 1, stop, BITS):
            hits = _overlap_across(sweep.sorted, k, at, min(BITS, stop - at))
            while hits:
                firsts[count], seconds[count] = order[k], order[at + lowest_bit(hits)]
                count, hits = count + 1, hits & (hits - 1)
    return count, total


@inner
def _overlap_across(boxes: Floats, k: int, at: int, count: int) -> int:
    """Give which of some boxes overlap one across the axis, a bit each; without a branch."""
    low, high = boxes[2, k], boxes[3, k]
    lows, highs = boxes[2, at:], boxes[3, at:]
    hits = 0
    for n in range(count):
        hits |= (int(lows[n] <= high) & int(highs[n] >= low)) << n
    return hits
