"""Safe times: when a machine may stand at a pose, and when it may begin a move, among traffic.

Both are exact in time and space: bodies are compared by `kernels.sweep` where discs around them
come within reach, on the pieces of time in which both move linearly.
"""

import numpy as np

from lunaredge.kernels.convex import HIGH, LOW, REACH
from lunaredge.kernels.jit import Floats, Ints, inner, kernel
from lunaredge.kernels.lattice import (
    FROM,
    LEG_DX,
    LEG_DY,
    LEG_HEADING,
    LEG_TURN,
    LEG_X,
    LEG_Y,
    UNTIL,
    Traffic,
)
from lunaredge.kernels.lattice_static import SPARE_M, bin_range, chord, from_segment
from lunaredge.kernels.sweep import Motion, first_meeting

# The k-th look at a departure is k ticks after the one before: some 4000 ticks in all.
LOOKS_MAX = 90

Pose = tuple[float, float, float]


@kernel
def taken_times(pose: Pose, parts: Floats, traffic: Traffic, work: Floats, out: Floats) -> int:
    """Write the times at which traffic touches a machine that stands at a pose; give their count.

    parts : float64 (S, COLUMNS)   the machine's
    work  : as `sweep.work_space` gives it
    out   : float64 (legs, 2)      from and until, s; rising, apart from each other

    Where a body touches twice during one leg, the time between counts too.
    """
    reach = np.max(parts[:, REACH])
    first, end = bin_range(traffic, pose[0], pose[1])
    count = 0
    for at in range(first, end):
        leg = traffic.legs[traffic.bin_legs[at]]
        owner = traffic.owners[traffic.bin_legs[at]]
        range_m = reach + traffic.reaches[owner] + SPARE_M
        dx, dy = leg[LEG_DX], leg[LEG_DY]
        if from_segment(pose[0] - leg[LEG_X], pose[1] - leg[LEG_Y], dx, dy) > range_m:
            continue
        there = _motion(leg)
        back = (there[0] + dx, there[1] + dy, there[2] + there[5], -dx, -dy, -there[5])
        here = (pose[0], pose[1], pose[2], 0.0, 0.0, 0.0)
        rows = (int(traffic.parts_first[owner]), int(traffic.parts_first[owner + 1]))
        begins = _first(parts, here, traffic.parts, rows, there, work)
        if begins < np.inf:
            ends = 1.0 - _first(parts, here, traffic.parts, rows, back, work)
            out[count, 0] = _time_at(leg, begins)
            out[count, 1] = _time_at(leg, max(begins, ends), 1)
            count += 1
    return _merged(out, count)


@inner
def departure(
    chords: Floats,
    place: tuple[float, float, float],
    window: tuple[float, float, float],
    parts: Floats,
    traffic: Traffic,
    work: Floats,
) -> float:
    """Give the first time in a window at which a move may begin; inf = none, -inf = given up.

    chords : float64 (C, 4)  part of the duration gone, x, y, heading
    place  : x and y that the chords count from, and the duration, s
    window : the first and the last time, and the tick, s; looks come ever more ticks apart
    """
    time_s, latest_s, tick_s = window
    for k in range(LOOKS_MAX):
        again_s = _clash(chords, place, time_s, parts, traffic, work)
        if again_s == -np.inf:
            return time_s
        time_s = max(again_s, time_s + (k + 1) * tick_s)
        if time_s > latest_s or time_s == np.inf:
            return np.inf
    return -np.inf


@inner
def _clash(
    chords: Floats,
    place: tuple[float, float, float],
    start_s: float,
    parts: Floats,
    traffic: Traffic,
    work: Floats,
) -> float:
    """Give -inf when a move that begins then meets nothing; else no later time than it may begin.

    What it meets stands until then, or it moves and may be gone at once.
    """
    j, last = 0, len(chords) - 1
    while j < last:
        x, y = place[0] + chords[j, 1], place[1] + chords[j, 2]
        first, end = bin_range(traffic, x, y)
        # Chords that begin in one bin are looked at together.
        until = j + 1
        while until < last:
            x, y = place[0] + chords[until, 1], place[1] + chords[until, 2]
            if bin_range(traffic, x, y) != (first, end):
                break
            until += 1
        run = chords[j : until + 1]
        for at in range(first, end):
            leg = traffic.legs[traffic.bin_legs[at]]
            begin_s, end_s = start_s + run[0, 0] * place[2], start_s + run[-1, 0] * place[2]
            if leg[FROM] > end_s or leg[UNTIL] < begin_s:
                continue
            owner = traffic.owners[traffic.bin_legs[at]]
            again_s = _meeting((run, place, start_s), (leg, owner), parts, traffic, work)
            if again_s > -np.inf:
                return again_s
        j = until
    return -np.inf


@kernel
def _meeting(
    move: tuple[Floats, tuple[float, float, float], float],
    other: tuple[Floats, int],
    parts: Floats,
    traffic: Traffic,
    work: Floats,
) -> float:
    """Give what `_clash` gives, for some of its chords and one leg, of that owner.

    move : the chords, their place and when the whole move begins, as `_clash` has them
    """
    chords, place, start_s = move
    leg, owner = other
    range_m = np.max(parts[:, REACH]) + traffic.reaches[owner] + SPARE_M
    rows = (int(traffic.parts_first[owner]), int(traffic.parts_first[owner + 1]))
    for j in range(len(chords) - 1):
        begin_s = start_s + chords[j, 0] * place[2]
        end_s = start_s + chords[j + 1, 0] * place[2]
        if leg[FROM] > end_s or leg[UNTIL] < begin_s:
            continue
        x, y, dx, dy = chord(chords, j, place[0], place[1])
        motion = (x, y, chords[j, 3], dx, dy, chords[j + 1, 3] - chords[j, 3])
        low_s, high_s = max(begin_s, leg[FROM]), min(end_s, leg[UNTIL])
        here = _piece(motion, (begin_s, end_s), low_s, high_s)
        there = _piece(_motion(leg), (leg[FROM], leg[UNTIL]), low_s, high_s)
        apart = from_segment(
            here[0] - there[0], here[1] - there[1], there[3] - here[3], there[4] - here[4]
        )
        if apart > range_m:
            continue
        u = _first(parts, here, traffic.parts, rows, there, work)
        if u < np.inf:
            if there[3] != 0.0 or there[4] != 0.0 or there[5] != 0.0:
                return start_s
            # It stands: the move may reach this place just after it left.
            return float(leg[UNTIL] - (low_s + u * (high_s - low_s) - start_s))
    return -np.inf


@inner
def _first(
    parts: Floats, here: Motion, others: Floats, rows: tuple[int, int], there: Motion, work: Floats
) -> float:
    """Give the first u at which any part meets any of some rows of others; inf = none."""
    least = np.inf
    for a in range(len(parts)):
        for b in range(rows[0], rows[1]):
            if parts[a, LOW] <= others[b, HIGH] and others[b, LOW] <= parts[a, HIGH]:
                least = min(least, first_meeting((parts[a], here), (others[b], there), work))
    return least


@inner
def _motion(leg: Floats) -> Motion:
    """Give how a leg moves."""
    return leg[LEG_X], leg[LEG_Y], leg[LEG_HEADING], leg[LEG_DX], leg[LEG_DY], leg[LEG_TURN]


@inner
def _piece(motion: Motion, times: tuple[float, float], low_s: float, high_s: float) -> Motion:
    """Cut the piece of a motion between two times out of it; one that stands has any times."""
    x, y, heading, dx, dy, turn = motion
    if dx == 0.0 and dy == 0.0 and turn == 0.0:
        return motion
    span = times[1] - times[0]
    if not span > 0.0:
        return x, y, heading, 0.0, 0.0, 0.0
    at, part = (low_s - times[0]) / span, (high_s - low_s) / span
    return x + at * dx, y + at * dy, heading + at * turn, part * dx, part * dy, part * turn


@inner
def _time_at(leg: Floats, u: float, is_end: int = 0) -> float:
    """Give the time at u of a leg; a standing leg is met all along."""
    if leg[LEG_DX] == 0.0 and leg[LEG_DY] == 0.0 and leg[LEG_TURN] == 0.0:
        return float(leg[UNTIL] if is_end else leg[FROM])
    return float(leg[FROM] + u * (leg[UNTIL] - leg[FROM]))


@inner
def _merged(out: Floats, count: int) -> int:
    """Sort spans of time and join those that touch; give their count."""
    for k in range(1, count):
        low, high, j = out[k, 0], out[k, 1], k - 1
        while j >= 0 and out[j, 0] > low:
            out[j + 1, 0], out[j + 1, 1] = out[j, 0], out[j, 1]
            j -= 1
        out[j + 1, 0], out[j + 1, 1] = low, high
    kept = 0
    for k in range(count):
        if kept > 0 and out[k, 0] <= out[kept - 1, 1]:
            out[kept - 1, 1] = max(out[kept - 1, 1], out[k, 1])
        else:
            out[kept, 0], out[kept, 1] = out[k, 0], out[k, 1]
            kept += 1
    return kept


@kernel
def legs_in_bins(
    legs: Floats, ranges: Floats, frame: Floats, row_count: int, column_count: int
) -> tuple[Ints, Ints, Floats]:
    """List the legs that come within range of each bin.

    legs    : float64 (L, 8)   as `Traffic` has them
    ranges  : float64 (L,)     m
    frame   : float64 (3,)     x_m, y_m and bin_m
    returns : int64 (bins + 1,) where each bin's list begins, int64 (.,) leg numbers, rising,
              float64 (bins, 2) from when until when there are any; inf, -inf = never
    """
    first = np.zeros(row_count * column_count + 1, np.int64)
    found = np.empty(0, np.int64)
    spans = np.empty((row_count * column_count, 2))
    spans[:, 0], spans[:, 1] = np.inf, -np.inf
    for turn in range(2):
        if turn == 1:
            # First counted, then filled: each bin's end is its next one's beginning.
            for k in range(1, len(first)):
                first[k] += first[k - 1]
            found = np.empty(first[-1], np.int64)
        for leg in range(len(legs) - 1, -1, -1) if turn == 1 else range(len(legs)):
            x, y, reach = legs[leg, LEG_X], legs[leg, LEG_Y], ranges[leg]
            x_end, y_end = x + legs[leg, LEG_DX], y + legs[leg, LEG_DY]
            left = _bin(min(x, x_end) - reach - frame[0], frame[2], column_count)
            right = _bin(max(x, x_end) + reach - frame[0], frame[2], column_count)
            bottom = _bin(min(y, y_end) - reach - frame[1], frame[2], row_count)
            top = _bin(max(y, y_end) + reach - frame[1], frame[2], row_count)
            for row in range(max(0, bottom), min(row_count, top + 1)):
                for column in range(max(0, left), min(column_count, right + 1)):
                    at = row * column_count + column
                    if turn == 0:
                        first[at] += 1
                        spans[at, 0] = min(spans[at, 0], legs[leg, FROM])
                        spans[at, 1] = max(spans[at, 1], legs[leg, UNTIL])
                    else:
                        first[at] -= 1
                        found[first[at]] = leg
    return first, found, spans


@inner
def _bin(offset: float, bin_m: float, count: int) -> int:
    """Give the bin at an offset; beyond the bins -1 or their count."""
    return int(min(max(np.floor(offset / bin_m), -1.0), float(count)))
