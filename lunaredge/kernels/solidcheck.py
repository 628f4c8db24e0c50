"""Whether an outline's poses and routes keep clear of solids: exact, and mostly by one byte a pose.

The solids and the outline are those of `kernels.solids`. For every pose, or for every segment of a
route, the cheapest sufficient reason is taken:

1. the clearance where the outline's origin is exceeds its reach: one byte (and, along a segment,
   half its length);
2. so do the clearances of the discs that cover the outline: a byte each, and the heading;
3. the bodies nearby, gathered once for several poses, each lie beyond the line that separated them
   from the outline last time: a product for each corner;
4. `kernels.convex.gap` finds a new separating line, or `kernels.sweep` decides, continuously.

So the cost is bound by how often the discs come near something: 3 ns a pose in the open.
"""

import math

import numpy as np

from lunaredge.kernels.convex import (
    COUNT,
    HIGH,
    LOW,
    MARGIN,
    REACH,
    CORNERS,
    gap,
    place,
    turned,
)
from lunaredge.kernels.jit import Floats, Ints, Shorts, kernel
from lunaredge.kernels.solids import (
    CELL,
    CLEAR_MAX,
    FRAME_X,
    FRAME_Y,
    FROM,
    PER_M,
    QUANTUM,
    TOUCH_M,
    UNTIL,
    Bytes,
    Index,
    X,
    Y,
    gather,
)

# How far a machine may go before the bodies near it are gathered anew.
_SLACK_M = 2.0
# What a pose may be: the Moon's size, and as many turns as a double holds well.
_COORDINATE_M_MAX = 1.1e7
_HEADING_RAD_MAX = 1e6
NONE, BAD = -1, -2


class Near(NamedTuple):
    """The pairs of a solid and a part that may meet around some place."""


@kernel
def first_hits(
    poses: Floats,
    outline: Floats,
    part_count: int,
    rows: Floats,
    frame: Floats,
    clear: Bytes,
    lists: Shorts,
    out_hits: Ints,
) -> None:
    """Check many paths, each as `first_hit` does.

    poses : float64 (N, K, 3)      out_hits : int64 (N, 3)  pose, solid and part of the first hit
    """
    for path in range(len(poses)):
        out_hits[path, 0], out_hits[path, 1], out_hits[path, 2] = first_hit(
            poses[path], outline, part_count, rows, frame, clear, lists
        )


@kernel
def first_hit(
    poses: Floats,
    outline: Floats,
    part_count: int,
    rows: Floats,
    frame: Floats,
    clear: Bytes,
    lists: Shorts,
) -> tuple[int, int, int]:
    """Give the first pose at which an outline meets a solid, and solid and part.

    poses   : float64 (K, 3)  x, y, heading
    returns : NONE for each when free; BAD and the pose when that is no pose: not finite or too far

    Ties: the lowest solid, then its lowest part.
    """
    index = (rows, frame, clear, lists)
    reach = 0.0
    for part in range(part_count):
        reach = max(reach, outline[part, REACH])
    pairs = np.empty((len(rows) * part_count, 2), np.int32)
    lines = np.empty((len(rows) * part_count, 3))
    work = work_space()
    count, near_x, near_y = -1, 0.0, 0.0
    quanta = 0
    for k in range(len(poses)):
        x, y, heading = poses[k, 0], poses[k, 1], poses[k, 2]
        if not (abs(heading) <= _HEADING_RAD_MAX):
            return BAD, k, 0
        ...
    return NONE, NONE, NONE
