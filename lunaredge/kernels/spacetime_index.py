"""Timed routes as kernels search them: knots in columns, and boxes over runs of them.

A track is what one machine sweeps: a route cut to the time that it counts for, with a knot added at
both ends of that time, and the machine's parts. Its boxes form a tree over time: a box of level 1
covers FAN segments, one of level L + 1 covers FAN boxes of level L, the root all of them. A box
holds everything that the machine can touch on its way, at any heading. So a body that stands for
ever is one segment, whatever the horizon, and a track is added or taken away without a look at any
other.

Tracks lie in shared arrays, each in a place of its own: see `Index`.
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, kernel
from lunaredge.kernels.sweep import CONTACT_M

# Children of a box, as a power of two.
FAN_BITS = 3
FAN = 1 << FAN_BITS
# FAN ** LEVELS segments and more; a route has a million knots at most.
LEVELS = 7
# Later than any route, and still finite: what stands for ever is one more segment.
FOREVER_S = 1e12

# Rows of `Index.knots`.
TIME, X, Y, HEADING = range(4)
# Columns of `Index.boxes`: a box is a line of cache. STEP is the longest way of one segment,
# REACH how far the machine comes from its origin.
X_LOW, Y_LOW, X_HIGH, Y_HIGH, START, END, STEP, REACH = range(8)
BOX_COLUMNS = 8
# Columns of `Index.tracks`. SEGMENTS 0 is no track. SHIFT is what makes a segment of the track one
# of the route: add it, and stay within. LEVEL + L is where the boxes of level L start.
KNOT, SEGMENTS, PART, PARTS, SHIFT, ORDER, DEPTH, LEVEL = range(8)
TRACK_COLUMNS = LEVEL + LEVELS + 1


Times = tuple[float, float]


class Index(NamedTuple):
    """Tracks, as arrays.

    knots  : float64 (4, N)              time s, x m, y m, heading rad
    boxes  : float64 (B, BOX_COLUMNS)    m, s
    tracks : int64 (M, TRACK_COLUMNS)
    parts  : float64 (P, COLUMNS)        as `kernels.convex` has them
    """

    knots: Floats
    boxes: Floats
    tracks: Ints
    parts: Floats


def box_count(segments: int) -> int:
    """Count the boxes of a track of so many segments."""
    total = 0
    while True:
        segments = -(-segments // FAN)
        total += segments
        if segments <= 1:
            return total


@kernel
def lay_track(route: Floats, counts: Times, reach_m: float, index: Index, slot: int) -> None:
    """Write a route's knots and boxes where its slot says; set its SEGMENTS, SHIFT and levels.

    route   : float64 (K, 4)  as `paths.Route` has checked it
    counts  : from when until when the track counts, s; both within FOREVER_S
    reach_m : how far the machine comes from its origin
    slot    : its KNOT and LEVEL + 1 say where there is room for K + 2 knots and their boxes
    """
    knots, track = index.knots, index.tracks[slot]
    base, count = track[KNOT], len(route)
    first = np.searchsorted(route[:, TIME], counts[0], side="right")
    last = max(first, np.searchsorted(route[:, TIME], counts[1], side="left"))
    _lay_knot(knots, base, route, counts[0])
    for k in range(first, last):
        for column in range(4):
            knots[column, base + 1 + k - first] = route[k, column]
    segments = last - first + 1
    _lay_knot(knots, base + segments, route, counts[1])
    track[SEGMENTS] = segments
    track[SHIFT] = min(first - 1, count - 1)
    _lay_boxes(index, slot, reach_m)


@kernel
def _lay_knot(knots: Floats, at: int, route: Floats, time_s: float) -> None:
    """Write the route's knot of a time; before its start and after its end it stands."""
    after = np.searchsorted(route[:, TIME], time_s, side="right")
    before = max(0, after - 1)
    after = min(after, len(route) - 1)
    span_s = route[after, TIME] - route[before, TIME]
    along = 0.0
    if span_s > 0.0:
        along = min(1.0, max(0.0, (time_s - route[before, TIME]) / span_s))
    knots[TIME, at] = time_s
    for column in range(X, HEADING + 1):
        start = route[before, column]
        knots[column, at] = start + along * (route[after, column] - start)


@kernel
def _lay_boxes(index: Index, slot: int, reach_m: float) -> None:
    """Write the boxes of a track, level by level, and where each level starts."""
    boxes, track = index.boxes, index.tracks[slot]
    below, at = track[SEGMENTS], track[LEVEL + 1]
    level = 1
    while True:
        track[LEVEL + level] = at
        count = (below + FAN - 1) >> FAN_BITS
        for k in range(count):
            children = range(k * FAN, min(below, (k + 1) * FAN))
            if level == 1:
                _box_knots(index, slot, children, reach_m, boxes[at + k])
            else:
                _box_boxes(boxes, track[LEVEL + level - 1], children, boxes[at + k])
        if count == 1:
            track[DEPTH] = level
            return
        below, at, level = count, at + count, level + 1


@kernel
def _box_knots(
    index: Index, slot: int, segments: range, reach_m: float, out_box: Floats
) -> None:
    """Give the box of some segments of a track. Coordinates up to 1e7 m round by 2e-9 m at most."""
    knots, base = index.knots, index.tracks[slot, KNOT]
    wide_m = reach_m + CONTACT_M
    first = base + segments.start
    x_low, y_low = knots[X, first], knots[Y, first]
    x_high, y_high, step2 = x_low, y_low, 0.0
    for k in range(first + 1, base + segments.stop + 1):
        x, y = knots[X, k], knots[Y, k]
        x_low, x_high = min(x_low, x), max(x_high, x)
        y_low, y_high = min(y_low, y), max(y_high, y)
        step2 = max(step2, (x - knots[X, k - 1]) ** 2 + (y - knots[Y, k - 1]) ** 2)
    out_box[X_LOW], out_box[Y_LOW] = x_low - wide_m, y_low - wide_m
    out_box[X_HIGH], out_box[Y_HIGH] = x_high + wide_m, y_high + wide_m
    out_box[START], out_box[END] = knots[TIME, first], knots[TIME, base + segments.stop]
    out_box[STEP], out_box[REACH] = np.sqrt(step2), reach_m


@kernel
def _box_boxes(boxes: Floats, at: int, children: range, out_box: Floats) -> None:
    """Give the box of some boxes, which start at `at`."""
    out_box[:] = boxes[at + children.start]
    for k in range(at + children.start + 1, at + children.stop):
        for column in (X_LOW, Y_LOW):
            out_box[column] = min(out_box[column], boxes[k, column])
        for column in (X_HIGH, Y_HIGH, END, STEP):
            out_box[column] = max(out_box[column], boxes[k, column])
