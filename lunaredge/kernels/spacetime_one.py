"""One track against a fleet: what it meets first, or how near it comes to what.

Every other track's root box is looked at, and `spacetime_pair` decides on those that come near.
"""

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, inner, kernel
from lunaredge.kernels.spacetime import (
    MEETING_DEPTH,
    MEETING_OTHER,
    MEETING_OTHER_PLACE,
    MEETING_OTHER_SEGMENT,
    MEETING_PLACE,
    MEETING_SEGMENT,
    MEETING_SLOT,
    MEETING_TIME,
)
from lunaredge.kernels.spacetime_index import (
    BOX,
    DEPTH,
    END,
    FOREVER_S,
    LEVEL,
    ORDER,
    SEGMENTS,
    SHIFT,
    START,
    TIME,
    Index,
    Times,
    node_count,
)
from lunaredge.kernels.spacetime_pair import (
    LEAST_GAP,
    MEET,
    Work,
    are_near,
    common_times,
    motion_between,
    pair_work,
    roots_of,
    search,
)

Contact = tuple[int, float, float, int]
"""The slot, -1 for none; the gap, m; the time, s; the segment of the track checked."""
Place = tuple[float, float, float]
Answer = tuple[int, float, float, int, Place]
"""A contact with a segment of the route, and x, y and heading there, m and rad."""

EVER = (-np.inf, np.inf)


@kernel
def check_track(index: Index, slot: int, skipped: Ints, mode: int, range_m: float) -> Answer:
    """Give what one track meets first, or else what it comes nearest to within a range.

    skipped : int64 (N,)  slots to leave out
    mode    : MEET; or MEET_AT_KNOTS of `spacetime_pair`, which looks for no clearance
    returns : for a meeting, a gap of minus its depth: the worst within that segment of the track,
              0 at the least. Else the gap is more than 0, and without a slot nothing is nearer than
              the range.

    Meetings at the same time go to the track that was added first; of clearances that differ by no
    more than their error any may be named. Bound by the roots, 5 ns each; then by the boxes of what
    comes near, until the first meeting.
    """
    checked = (slot, mode, range_m)
    near = np.empty((3, len(index.tracks)), np.int64)
    return _answer(index, checked, skipped, pair_work(), near)


@inner
def _answer(
    index: Index, checked: tuple[int, int, float], skipped: Ints, work: Work, near: Ints
) -> Answer:
    """See `check_track`."""
    numbers, tracks, _ = index
    slot, mode, range_m = checked
    contact = _contact(index, (slot, mode), skipped, 0.0, work, near)
    if contact[0] >= 0:
        start = roots_of(tracks, slot, contact[0], LEAST_GAP)
        times = segment_times(numbers, tracks, slot, contact[3])
        deep_m = max(0.0, -search(numbers, tracks, start, times, 0.0, work)[0])
        contact = (contact[0], -deep_m, contact[2], contact[3])
    elif mode == MEET and range_m > 0.0:
        contact = _contact(index, (slot, LEAST_GAP), skipped, range_m, work, near)
    other, gap_m, time_s, segment = contact
    if other < 0:
        return other, range_m, time_s, 0, (0.0, 0.0, 0.0)
    place = place_at(numbers, tracks, slot, segment, time_s)
    return other, gap_m, since_ever(time_s), route_segment(tracks, slot, segment), place


@kernel
def describe(index: Index, out_meetings: Floats) -> None:
    """Add the places and the depth to meetings of pairs; make their segments those of the routes.

    out_meetings : float64 (N, MEETING_COLUMNS)  as `spacetime.meetings` leaves it
    """
    _describe(index, pair_work(), out_meetings)


@inner
def _describe(index: Index, work: Work, out_meetings: Floats) -> None:
    """See `describe`."""
    numbers, tracks, _ = index
    for row in out_meetings:
        slot, other, time_s = int(row[MEETING_SLOT]), int(row[MEETING_OTHER]), row[MEETING_TIME]
        segment, other_segment = int(row[MEETING_SEGMENT]), int(row[MEETING_OTHER_SEGMENT])
        place = place_at(numbers, tracks, slot, segment, time_s)
        other_place = place_at(numbers, tracks, other, other_segment, time_s)
        for k in range(3):
            row[MEETING_PLACE + k], row[MEETING_OTHER_PLACE + k] = place[k], other_place[k]
        start = roots_of(tracks, slot, other, LEAST_GAP)
        times = segment_times(numbers, tracks, slot, segment)
        row[MEETING_DEPTH] = max(0.0, -search(numbers, tracks, start, times, 0.0, work)[0])
        row[MEETING_TIME] = since_ever(time_s)
        row[MEETING_SEGMENT] = route_segment(tracks, slot, segment)
        row[MEETING_OTHER_SEGMENT] = route_segment(tracks, other, other_segment)


@inner
def since_ever(time_s: float) -> float:
    """Give a time of an index as people know it: what has always been so began at -inf."""
    return time_s if time_s > -FOREVER_S else -np.inf


@inner
def route_segment(tracks: Ints, slot: int, segment: int) -> int:
    """Give the knot of the route that a segment of its track starts from; before it, the first."""
    return max(0, segment + int(tracks[slot, SHIFT]))


@inner
def segment_times(numbers: Floats, tracks: Ints, slot: int, segment: int) -> Times:
    """Give from when until when a segment of a track is."""
    knot = tracks[slot, TIME] + segment
    return numbers[knot], numbers[knot + 1]


@inner
def place_at(numbers: Floats, tracks: Ints, slot: int, segment: int, time_s: float) -> Place:
    """Give x, y and heading of a track at a time within one of its segments."""
    x, y, heading, _, _, _ = motion_between(numbers, tracks, (slot, segment), (time_s, time_s))
    return x, y, heading


@inner
def _contact(
    index: Index, checked: tuple[int, int], skipped: Ints, limit_m: float, work: Work, near: Ints
) -> Contact:
    """Give the first meeting of a slot with any other track, or the least gap under a limit.

    checked : the slot, and a mode of `spacetime_pair`
    near    : int64 (3, M)  anything

    Slice by slice of the track's time: nobody looks beyond the slice of the first meeting.
    """
    numbers, tracks, roots = index
    slot, mode = checked
    count = _near_tracks(roots, tracks, slot, skipped, limit_m, near)
    level = max(1, tracks[slot, DEPTH] - 1)
    contact = (-1, limit_m, np.inf, 0)
    for node in range(node_count(tracks, slot, level)):
        box = tracks[slot, LEVEL + level] + node * BOX
        for n in range(count):
            other, end = near[0, n], near[2, n]
            at = near[1, n] = _next_in_time(numbers, box, node, near[1, n], end)
            while True:
                until_s = contact[2] if mode != LEAST_GAP else np.inf
                at = _next_near(numbers, box, at, end, (until_s, contact[1]))
                if at == end:
                    break
                other_level = max(1, tracks[other, DEPTH] - 1)
                k = (at - tracks[other, LEVEL + other_level]) // BOX
                start = (slot, other, mode, level, node, other_level, k)
                found = search(numbers, tracks, start, (-np.inf, until_s), contact[1], work)
                # At the same time, what was added first.
                if found[1] < until_s or (
                    found[1] == until_s < np.inf
                    and tracks[other, ORDER] < tracks[contact[0], ORDER]
                ):
                    contact = (other, found[0], found[1], found[2])
                at += BOX
        if mode != LEAST_GAP and contact[0] >= 0:
            break
    return contact


@inner
def _near_tracks(
    roots: Floats, tracks: Ints, slot: int, skipped: Ints, limit_m: float, out_near: Ints
) -> int:
    """Write the tracks whose roots come within a limit of a slot's, and share time with it.

    out_near : int64 (3, M)  a slot, where the boxes below its root start, or it, and where they end
    returns  : how many there are
    """
    flat = roots.reshape(-1)
    count = 0
    for other in range(len(tracks)):
        if not are_near(flat, slot * BOX, other * BOX, limit_m):
            continue
        start, end = common_times(flat, slot * BOX, other * BOX, EVER)
        if start > end or other == slot or tracks[other, SEGMENTS] == 0:
            continue
        if not _is_among(skipped, other):
            level = max(1, tracks[other, DEPTH] - 1)
            base = tracks[other, LEVEL + level]
            out_near[0, count], out_near[1, count] = other, base
            out_near[2, count] = base + BOX * node_count(tracks, other, level)
            count += 1
    return count


@inner
def _next_in_time(numbers: Floats, box: int, node: int, at: int, end: int) -> int:
    """Give the first of the boxes up to an end that is not past as a slice starts.

    What ends as the slice starts was looked at in the slice before, if there was one.
    """
    start = numbers[box + START]
    while at < end and (numbers[at + END] < start or (numbers[at + END] == start and node > 0)):
        at += BOX
    return at


@inner
def _next_near(numbers: Floats, box: int, at: int, end: int, limits: Times) -> int:
    """Give the next of the boxes up to an end that shares time with a slice and comes near it.

    limits  : a time beyond which nothing counts, s; a distance, m
    returns : the end for none
    """
    until_s = min(numbers[box + END], limits[0])
    while at < end and numbers[at + START] <= until_s:
        if are_near(numbers, box, at, limits[1]):
            return at
        at += BOX
    return end


@inner
def _is_among(skipped: Ints, slot: int) -> bool:
    """Tell whether a slot is among those to leave out."""
    is_among = False
    for k in range(len(skipped)):
        is_among |= bool(skipped[k] == slot)
    return is_among
