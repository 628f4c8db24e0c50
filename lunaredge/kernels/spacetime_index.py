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

from lunaredge.kernels.convex import COLUMNS
from lunaredge.kernels.convex import REACH as PART_REACH
from lunaredge.kernels.jit import Floats, Ints, inner
from lunaredge.kernels.sweep import CONTACT_M

# Children of a box, as a power of two.
FAN_BITS = 4
FAN = 1 << FAN_BITS
# FAN ** LEVELS segments are more than a route has.
LEVELS = 5
# Later than any route, and still finite: what stands for ever is one more segment.
FOREVER_S = 1e12

# Columns of `tracks`. Those that say where: TIME to PART, and LEVEL + L for the boxes of level L.
# SEGMENTS 0 is no track. SHIFT makes a segment of the track one of the route: add it.
SEGMENTS, SHIFT, ORDER, DEPTH, PARTS, PART, TIME, X, Y, HEADING, LEVEL = range(11)
TRACK_COLUMNS = LEVEL + LEVELS + 1

# Numbers of a box, a line of cache. STEP is the longest way of one segment, REACH how far the
# machine comes from its origin.
X_LOW, Y_LOW, X_HIGH, Y_HIGH, START, END, STEP, REACH = range(8)
BOX = 8

Times = tuple[float, float]
"""From when until when, s, ends included; the start after the end is no time at all."""


class Index(NamedTuple):
    """Tracks, as arrays; few, since each costs every call that it is passed on to.

    numbers : float64 (N,)               of each track its boxes, the times, x, y and headings of
                                         its knots, and its parts as `kernels.convex` has them
    tracks  : int64 (M, TRACK_COLUMNS)   where in `numbers` these are, and how many
    roots   : float64 (M, BOX)           the root box of each once more, side by side
    """

    numbers: Floats
    tracks: Ints
    roots: Floats


def box_count(segments: int) -> int:
    """Count the boxes of a track of so many segments."""
    total = 0
    while True:
        segments = -(-segments // FAN)
        total += segments
        if segments <= 1:
            return total


def lay_out(track: Ints, start: int, segments: int, parts: int) -> int:
    """Set where a track's numbers are that has room for so many segments and parts; give the end.

    track : int64 (TRACK_COLUMNS,)      start : a multiple of BOX
    """
    knots_at = start + BOX * box_count(segments)
    track[LEVEL + 1] = start
    track[TIME : HEADING + 1] = knots_at + (segments + 1) * np.arange(4)
    track[PART] = knots_at + 4 * (segments + 1)
    end = int(track[PART]) + parts * COLUMNS
    return -(-end // BOX) * BOX


@inner
def node_count(tracks: Ints, slot: int, level: int) -> int:
    """Count the boxes of a level of a track; 0 for no track."""
    return ((int(tracks[slot, SEGMENTS]) - 1) >> (FAN_BITS * level)) + 1


@inner
def lay_track(route: Floats, parts: Floats, counts: Times, index: Index, slot: int) -> None:
    """Write a track to its slot.

    route  : float64 (K, 4)        as `paths.Route` has checked it
    parts  : float64 (S, COLUMNS)  as `paths.Footprint` gives them
    counts : from when until when it counts, s; both within FOREVER_S
    slot   : `lay_out` has made room for K + 1 segments and S parts
    """
    numbers, track = index.numbers, index.tracks[slot]
    times, count = route[:, 0], len(route)
    first = int(np.searchsorted(times, counts[0], side="right"))
    last = max(first, int(np.searchsorted(times, counts[1], side="left")))
    segments = last - first + 1
    _lay_knot(route, counts[0], numbers, track, 0)
    for column in range(4):
        given, kept = route[first:last, column], numbers[track[TIME + column] + 1 :]
        for k in range(last - first):
            kept[k] = given[k]
    _lay_knot(route, counts[1], numbers, track, segments)
    reach_m = 0.0
    for p in range(len(parts)):
        reach_m = max(reach_m, parts[p, PART_REACH])
        for column in range(COLUMNS):
            numbers[track[PART] + p * COLUMNS + column] = parts[p, column]
    track[SEGMENTS], track[SHIFT], track[PARTS] = segments, min(first, count) - 1, len(parts)
    _lay_boxes(numbers, track, reach_m)
    root = track[LEVEL + track[DEPTH]]
    for column in range(BOX):
        index.roots[slot, column] = numbers[root + column]


@inner
def _lay_knot(route: Floats, time_s: float, numbers: Floats, track: Ints, at: int) -> None:
    """Write the knot of a time; before the route's start and after its end the machine stands."""
    after = int(np.searchsorted(route[:, 0], time_s, side="right"))
    before = max(0, after - 1)
    after = min(after, len(route) - 1)
    span_s = route[after, 0] - route[before, 0]
    along = 0.0
    if span_s > 0.0:
        along = min(1.0, max(0.0, (time_s - route[before, 0]) / span_s))
    numbers[track[TIME] + at] = time_s
    for column in range(1, 4):
        start = route[before, column]
        numbers[track[TIME + column] + at] = start + along * (route[after, column] - start)


@inner
def _lay_boxes(numbers: Floats, track: Ints, reach_m: float) -> None:
    """Write the boxes of a track, level by level, and where each level starts."""
    below, at = track[SEGMENTS], track[LEVEL + 1]
    level = 1
    while True:
        track[LEVEL + level] = at
        count = ((below - 1) >> FAN_BITS) + 1
        for k in range(count):
            first, last = k * FAN, min(below, (k + 1) * FAN)
            if level == 1:
                _box_knots(numbers, track, (first, last), reach_m, at + k * BOX)
            else:
                children = track[LEVEL + level - 1]
                _box_boxes(numbers, children + first * BOX, children + last * BOX, at + k * BOX)
        if count == 1:
            track[DEPTH] = level
            return
        below, at, level = count, at + count * BOX, level + 1


@inner
def _box_knots(
    numbers: Floats, track: Ints, segments: tuple[int, int], reach_m: float, at: int
) -> None:
    """Write the box of segments, the last not included. Rounding at 1e7 m is 2e-9 m."""
    x_at, y_at, first, last = track[X], track[Y], segments[0], segments[1]
    x_low, y_low = numbers[x_at + first], numbers[y_at + first]
    x_high, y_high, step2 = x_low, y_low, 0.0
    for k in range(first, last):
        x, y = numbers[x_at + k + 1], numbers[y_at + k + 1]
        dx, dy = x - numbers[x_at + k], y - numbers[y_at + k]
        x_low, x_high, y_low, y_high = min(x_low, x), max(x_high, x), min(y_low, y), max(y_high, y)
        step2 = max(step2, dx * dx + dy * dy)
    wide_m = reach_m + CONTACT_M
    numbers[at + X_LOW], numbers[at + Y_LOW] = x_low - wide_m, y_low - wide_m
    numbers[at + X_HIGH], numbers[at + Y_HIGH] = x_high + wide_m, y_high + wide_m
    numbers[at + START] = numbers[track[TIME] + first]
    numbers[at + END] = numbers[track[TIME] + last]
    numbers[at + STEP], numbers[at + REACH] = np.sqrt(step2), reach_m


@inner
def _box_boxes(numbers: Floats, first: int, last: int, at: int) -> None:
    """Write the box of boxes that lie from `first` to before `last`."""
    for column in range(BOX):
        numbers[at + column] = numbers[first + column]
    for child in range(first + BOX, last, BOX):
        for column in (X_LOW, Y_LOW):
            numbers[at + column] = min(numbers[at + column], numbers[child + column])
        for column in (X_HIGH, Y_HIGH, END, STEP):
            numbers[at + column] = max(numbers[at + column], numbers[child + column])
