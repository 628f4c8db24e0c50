"""One track against a fleet: what it meets first, or how near it comes to what.

Every other track's root box is looked at, and `spacetime_pair` decides on those that come near.
"""

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, kernel
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
    DEPTH,
    FOREVER_S,
    KNOT,
    LEVEL,
    ORDER,
    SEGMENTS,
    SHIFT,
    TIME,
    Index,
    Times,
)
from lunaredge.kernels.spacetime_pair import (
    LEAST_GAP,
    MEET,
    Pair,
    Work,
    are_near,
    common_times,
    motion_between,
    pair_work,
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
    mode    : MEET, or MEET_AT_KNOTS of `spacetime_pair`, which looks for no clearance
    returns : for a meeting, a gap of minus its depth: the worst within that segment of the track,
              0 at the least. Else the gap is more than 0, and without a slot nothing is nearer.

    Ties go to the track that was added first. Bound by the roots, 5 ns each; for what comes near,
    by the boxes of the segments next to it.
    """
    work = pair_work()
    contact = _first_met(index, slot, skipped, mode, work)
    if contact[0] >= 0:
        deep_m = depth_m(Pair(index, slot, contact[0], LEAST_GAP), contact[3], work)
        contact = (contact[0], -deep_m, contact[2], contact[3])
    elif mode == MEET:
        contact = _nearest(index, slot, skipped, range_m, work)
    other, gap_m, time_s, segment = contact
    if other < 0:
        return other, gap_m, time_s, 0, (0.0, 0.0, 0.0)
    place = place_at(index, slot, segment, time_s)
    return other, gap_m, since_ever(time_s), route_segment(index, slot, segment), place


@kernel
def describe(index: Index, out_meetings: Floats) -> None:
    """Add the places and the depth to meetings of pairs; make their segments those of the routes.

    out_meetings : float64 (N, MEETING_COLUMNS)  as `spacetime.meetings` leaves it
    """
    work = pair_work()
    for row in out_meetings:
        slot, other = int(row[MEETING_SLOT]), int(row[MEETING_OTHER])
        segment, other_segment = int(row[MEETING_SEGMENT]), int(row[MEETING_OTHER_SEGMENT])
        place = place_at(index, slot, segment, row[MEETING_TIME])
        other_place = place_at(index, other, other_segment, row[MEETING_TIME])
        for k in range(3):
            row[MEETING_PLACE + k], row[MEETING_OTHER_PLACE + k] = place[k], other_place[k]
        row[MEETING_TIME] = since_ever(row[MEETING_TIME])
        row[MEETING_DEPTH] = depth_m(Pair(index, slot, other, LEAST_GAP), segment, work)
        row[MEETING_SEGMENT] = route_segment(index, slot, segment)
        row[MEETING_OTHER_SEGMENT] = route_segment(index, other, other_segment)


@kernel
def since_ever(time_s: float) -> float:
    """Give a time of an index as people know it: what has always been so began at -inf."""
    return time_s if time_s > -FOREVER_S else -np.inf


@kernel
def route_segment(index: Index, slot: int, segment: int) -> int:
    """Give the knot of the route that a segment of its track starts from; before it, the first."""
    return max(0, segment + index.tracks[slot, SHIFT])


@kernel
def place_at(index: Index, slot: int, segment: int, time_s: float) -> Place:
    """Give x, y and heading of a track at a time within one of its segments."""
    motion = motion_between(index.knots, index.tracks[slot, KNOT] + segment, (time_s, time_s))
    return motion[0], motion[1], motion[2]


@kernel
def depth_m(pair: Pair, segment: int, work: Work) -> float:
    """Give how deep two tracks overlap at worst within a segment of the first; 0 at the least.

    pair : its mode is LEAST_GAP
    """
    knot = pair.index.tracks[pair.slot, KNOT] + segment
    times = pair.index.knots[TIME, knot], pair.index.knots[TIME, knot + 1]
    return max(0.0, -search(pair, times, 0.0, work)[0])


@kernel
def _first_met(index: Index, slot: int, skipped: Ints, mode: int, work: Work) -> Contact:
    """Give the first meeting with any other track."""
    tracks = index.tracks
    contact = (-1, 0.0, np.inf, 0)
    for other in range(len(tracks)):
        span = (-np.inf, contact[2])
        if not _may_count(index, slot, other, skipped, span, 0.0):
            continue
        found = search(Pair(index, slot, other, mode), span, 0.0, work)
        # At the same time, what was added first.
        if found[1] < contact[2] or (
            found[1] == contact[2] < np.inf and tracks[other, ORDER] < tracks[contact[0], ORDER]
        ):
            contact = (other, 0.0, found[1], found[2])
    return contact


@kernel
def _nearest(index: Index, slot: int, skipped: Ints, range_m: float, work: Work) -> Contact:
    """Give the least gap to any other track, of one that never meets them."""
    contact = (-1, range_m, np.inf, 0)
    for other in range(len(index.tracks)):
        if range_m > 0.0 and _may_count(index, slot, other, skipped, EVER, contact[1]):
            found = search(Pair(index, slot, other, LEAST_GAP), EVER, contact[1], work)
            if found[1] < np.inf:
                contact = (other, found[0], found[1], found[2])
    return contact


@kernel
def _may_count(
    index: Index, slot: int, other: int, skipped: Ints, span: Times, limit_m: float
) -> bool:
    """Tell whether another track is to be looked at, and its root comes within a limit."""
    tracks = index.tracks
    if other == slot or tracks[other, SEGMENTS] == 0:
        return False
    root = tracks[slot, LEVEL + tracks[slot, DEPTH]]
    other_root = tracks[other, LEVEL + tracks[other, DEPTH]]
    start, end = common_times(index.boxes, root, other_root, span)
    if start > end or not are_near(index.boxes, root, other_root, limit_m):
        return False
    for k in range(len(skipped)):
        if skipped[k] == other:
            return False
    return True
