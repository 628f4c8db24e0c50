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
    search,
    search_below,
)

Contact = tuple[int, float, float, int]
"""The slot, -1 for none; the gap, m; the time, s; the segment of the track checked."""
Place = tuple[float, float, float]
Answer = tuple[int, float, float, int, Place]
"""A contact with a segment of the route, and x, y and heading there, m and rad."""

EVER = (-np.inf, np.inf)


@kernel
def check_track(
    numbers: Floats, tracks: Ints, slot: int, skipped: Ints, mode: int, range_m: float
) -> Answer:
    """Give what one track meets first, or else what it comes nearest to within a range.

    numbers, tracks : as `spacetime_index` says
    skipped         : int64 (N,)  slots to leave out
    mode            : MEET; or MEET_AT_KNOTS of `spacetime_pair`, which looks for no clearance
    returns         : for a meeting, a gap of minus its depth: the worst within that segment of the
                      track, 0 at the least. Else the gap is more than 0, and without a slot nothing
                      is nearer than the range.

    Ties go to the track that was added first. Bound by the roots, 5 ns each; for what comes near,
    by the boxes of the segments next to it.
    """
    work = pair_work()
    contact = _first_met(numbers, tracks, (slot, mode), skipped, work)
    if contact[0] >= 0:
        deep_m = depth_m(numbers, tracks, (slot, contact[0]), contact[3], work)
        contact = (contact[0], -deep_m, contact[2], contact[3])
    elif mode == MEET and range_m > 0.0:
        contact = _nearest(numbers, tracks, slot, skipped, range_m, work)
    other, gap_m, time_s, segment = contact
    if other < 0:
        return other, range_m, time_s, 0, (0.0, 0.0, 0.0)
    place = place_at(numbers, tracks, slot, segment, time_s)
    return other, gap_m, since_ever(time_s), route_segment(tracks, slot, segment), place


@kernel
def describe(numbers: Floats, tracks: Ints, out_meetings: Floats) -> None:
    """Add the places and the depth to meetings of pairs; make their segments those of the routes.

    out_meetings : float64 (N, MEETING_COLUMNS)  as `spacetime.meetings` leaves it
    """
    work = pair_work()
    for row in out_meetings:
        slot, other, time_s = int(row[MEETING_SLOT]), int(row[MEETING_OTHER]), row[MEETING_TIME]
        segment, other_segment = int(row[MEETING_SEGMENT]), int(row[MEETING_OTHER_SEGMENT])
        place = place_at(numbers, tracks, slot, segment, time_s)
        other_place = place_at(numbers, tracks, other, other_segment, time_s)
        for k in range(3):
            row[MEETING_PLACE + k], row[MEETING_OTHER_PLACE + k] = place[k], other_place[k]
        row[MEETING_TIME] = since_ever(time_s)
        row[MEETING_DEPTH] = depth_m(numbers, tracks, (slot, other), segment, work)
        row[MEETING_SEGMENT] = route_segment(tracks, slot, segment)
        row[MEETING_OTHER_SEGMENT] = route_segment(tracks, other, other_segment)


@kernel
def since_ever(time_s: float) -> float:
    """Give a time of an index as people know it: what has always been so began at -inf."""
    return time_s if time_s > -FOREVER_S else -np.inf


@kernel
def route_segment(tracks: Ints, slot: int, segment: int) -> int:
    """Give the knot of the route that a segment of its track starts from; before it, the first."""
    return max(0, segment + tracks[slot, SHIFT])


@kernel
def place_at(numbers: Floats, tracks: Ints, slot: int, segment: int, time_s: float) -> Place:
    """Give x, y and heading of a track at a time within one of its segments."""
    x, y, heading, _, _, _ = motion_between(numbers, tracks, (slot, segment), (time_s, time_s))
    return x, y, heading


@kernel
def depth_m(
    numbers: Floats, tracks: Ints, slots: tuple[int, int], segment: int, work: Work
) -> float:
    """Give how deep two tracks overlap at worst within a segment of the first; 0 at the least."""
    knot = tracks[slots[0], TIME] + segment
    times = numbers[knot], numbers[knot + 1]
    pair = (slots[0], slots[1], LEAST_GAP)
    return max(0.0, -search(numbers, tracks, pair, times, 0.0, work)[0])


@kernel
def _first_met(
    numbers: Floats, tracks: Ints, checked: tuple[int, int], skipped: Ints, work: Work
) -> Contact:
    """Give the first meeting with any other track of the slot and mode that are checked.

    Slice by slice of the track's time, so that nobody looks beyond the slice of the first meeting.
    """
    slot = checked[0]
    near = np.empty((len(tracks), 2), np.int64)
    count = 0
    for other in range(len(tracks)):
        near[count, 0], near[count, 1] = other, 0
        if _may_be_near(numbers, tracks, (slot, other), 0.0) and not _is_among(skipped, other):
            count += 1
    level = max(1, tracks[slot, DEPTH] - 1)
    contact = (-1, 0.0, np.inf, 0)
    for node in range(node_count(tracks, slot, level)):
        for k in range(count):
            here = (slot, checked[1], level, node)
            contact = _first_in_slice(numbers, tracks, here, near[k], contact, work)
        if contact[0] >= 0:
            break
    return contact


@kernel
def _first_in_slice(
    numbers: Floats,
    tracks: Ints,
    here: tuple[int, int, int, int],
    out_other: Ints,
    contact: Contact,
    work: Work,
) -> Contact:
    """Give the earlier of a contact and the first meeting with one other track in a slice.

    here      : the slot and the mode, and the level and the box of it that make the slice
    out_other : int64 (2,)  the other's slot, and its first box not yet past, which moves on
    """
    slot, mode, level, node = here
    other = out_other[0]
    other_level = max(1, tracks[other, DEPTH] - 1)
    box, base = tracks[slot, LEVEL + level] + node * BOX, tracks[other, LEVEL + other_level]
    start, end = numbers[box + START], min(numbers[box + END], contact[2])
    total = node_count(tracks, other, other_level)
    first = out_other[1]
    # What ends as the slice starts was looked at in the slice before.
    while first < total and (
        numbers[base + first * BOX + END] < start
        or (numbers[base + first * BOX + END] == start and node > 0)
    ):
        first += 1
    out_other[1] = first
    for k in range(first, total):
        if numbers[base + k * BOX + START] > end:
            break
        if are_near(numbers, box, base + k * BOX, 0.0):
            span = (-np.inf, contact[2])
            root = tracks[slot, LEVEL + tracks[slot, DEPTH]]
            other_root = tracks[other, LEVEL + tracks[other, DEPTH]]
            times = common_times(numbers, root, other_root, span)
            begin = (slot, other, mode, level, node, other_level, k)
            found = search_below(numbers, tracks, begin, times, 0.0, work)
            # At the same time, what was added first.
            if found[1] < contact[2] or (
                found[1] == contact[2] < np.inf and tracks[other, ORDER] < tracks[contact[0], ORDER]
            ):
                contact = (other, 0.0, found[1], found[2])
    return contact


@kernel
def _nearest(
    numbers: Floats, tracks: Ints, slot: int, skipped: Ints, range_m: float, work: Work
) -> Contact:
    """Give the least gap to any other track, of one that never meets them."""
    contact = (-1, range_m, np.inf, 0)
    for other in range(len(tracks)):
        if not _may_be_near(numbers, tracks, (slot, other), contact[1]):
            continue
        if _is_among(skipped, other):
            continue
        found = search(numbers, tracks, (slot, other, LEAST_GAP), EVER, contact[1], work)
        if found[1] < np.inf:
            contact = (other, found[0], found[1], found[2])
    return contact


@kernel
def _may_be_near(
    numbers: Floats, tracks: Ints, slots: tuple[int, int], limit_m: float
) -> bool:
    """Tell whether two slots hold tracks whose roots come within a limit, and share time."""
    slot, other = slots
    if other == slot or tracks[other, SEGMENTS] == 0:
        return False
    root = tracks[slot, LEVEL + tracks[slot, DEPTH]]
    other_root = tracks[other, LEVEL + tracks[other, DEPTH]]
    if not are_near(numbers, root, other_root, limit_m):
        return False
    start, end = common_times(numbers, root, other_root, EVER)
    return start <= end


@kernel
def _is_among(skipped: Ints, slot: int) -> bool:
    """Tell whether a slot is among those to leave out."""
    for k in range(len(skipped)):
        if skipped[k] == slot:
            return True
    return False
