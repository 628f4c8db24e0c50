"""How a machine leans and moves along a timed route, and the first time it may not. Never sampled.

The machine's origin runs straight from knot to knot, its heading evenly. The ground is a plane in
each cell, so within a cell the heading alone changes the lean: with the gradient's size G and its
direction p, a heading h rises G cos(h - p) along and G |sin(h - p)| across. When that first passes
a limit is found in closed form. The cells are walked along the path (after Amanatides and Woo
1987), but as closed squares: a point between two cells is on both, and the worse one counts.

What a drive can do is asked of each segment by itself. A change of speed or direction at a knot is
not: knots are way points, and what follows a route rounds them off.

Cost: some 40 ns a segment and 20 ns a cell whose slope is within every limit.
"""

import math

import numpy as np

from lunaredge.kernels.jit import Floats, Shorts, is_array, kernel
from lunaredge.kernels.relief import (
    BLOCK,
    GRADIENT_X,
    GRADIENT_Y,
    LAYERS,
    ROUGHNESS,
    STEP as STEP_LAYER,
)
from lunaredge.kernels.traction import (
    ACROSS,
    ALONG,
    BACKWARD,
    DECELERATION,
    FIGURES,
    HOLD,
    RADIUS,
    ROUGHNESS as ROUGHNESS_MAX,
    SIDEWAYS,
    SPEED,
    STEP,
    TURN,
    speed_limit_m_s,
    tip_across_max,
    tip_along_max,
)

# A cell is touched when the path comes this near: more than rounding does at 1e7 m.
TOUCH_M = 1e-6
# Gradients this much over a limit are within it: a slope made to the limit passes.
GRADIENT_ERROR = 1e-9
# Speeds and turns this share over a limit are within it: a route planned to the limit passes.
RATE_RATIO = 1e-6
# Nothing drives exactly along its heading; a machine that may be this much askew needs no crab.
ASKEW_RAD = math.radians(2.0)
# A chord is as good as its arc when they are no farther apart than a machine tracks.
ARC_M = 0.05
# Shorter ways have no direction.
STILL_M = 1e-6

NOTHING = -1
(
    UNKNOWN,
    STEEP,
    STEPPED,
    ROUGH,
    LEAN_ALONG,
    LEAN_ACROSS,
    TIPPED_ALONG,
    TIPPED_ACROSS,
    SLIDING,
    FAST,
    SPUN,
    TIGHT,
    ASKEW,
) = range(13)
"""What can be wrong, in the order that breaks a tie in time; value and limit of each.

UNKNOWN                      ground that is not known, or beyond the grid: NaN
STEEP                        degrees, more than any heading allows
STEPPED, ROUGH               m
LEAN_*, TIPPED_*, SLIDING    degrees; the most within the cell from then on
FAST                         m/s
SPUN                         rad/s, faster than it turns
TIGHT                        1/m, more than its least radius; inf for a turn on the spot
ASKEW                        degrees between the way and the heading
"""

Ground = tuple[Floats, Shorts, Floats, tuple[int, int]]
"""Blocks and table as `kernels.relief` has them; x_m, y_m, cell_m; rows and columns."""
Breach = tuple[float, int, float, float]
"""Share of the segment (inf: none), what is wrong, value, limit."""


def first_breach(
    knots: Floats, ground: Ground, figures: Floats
) -> tuple[int, int, float, float, float]:
    """Find the first time that a machine leans or moves along a route as it may not.

    knots   : float64 (K, 4)     K >= 1: time_s, x_m, y_m, heading_rad
    ground  : see `Ground`       as `paths.grid` prepares it
    figures : float64 (FIGURES,) see `kernels.traction`
    returns : what is wrong (NOTHING: nothing), segment, time_s, value, limit
    """
    blocks, table, frame, _ = ground
    assert is_array(knots, np.float64, None, 4)
    assert is_array(blocks, np.float64, None, LAYERS, BLOCK, BLOCK)
    assert is_array(table, np.int32, None, None)
    assert is_array(frame, np.float64, 3)
    assert is_array(figures, np.float64, FIGURES)
    return _first_breach(knots, ground, figures)


@kernel
def _first_breach(
    knots: Floats, ground: Ground, figures: Floats
) -> tuple[int, int, float, float, float]:
    """See `first_breach`."""
    for k in range(max(1, len(knots) - 1)):
        start, end = knots[k], knots[min(k + 1, len(knots) - 1)]
        lasting_s = end[0] - start[0]
        way = (end[1] - start[1], end[2] - start[2], end[3] - start[3])
        length_m = math.sqrt(way[0] * way[0] + way[1] * way[1])
        speed_m_s = turn_rad_s = 0.0
        if lasting_s > 0.0:
            speed_m_s, turn_rad_s = length_m / lasting_s, abs(way[2]) / lasting_s
        pace = (speed_m_s, turn_rad_s)
        worst = _drive_breach(way, length_m, pace, figures)
        worst = _ground_breach(worst, (start[1], start[2], start[3]), way, pace, ground, figures)
        share, what, value, limit = worst
        if what != NOTHING:
            return what, k, start[0] + share * lasting_s, value, limit
    return NOTHING, 0, np.inf, np.nan, np.nan


@kernel
def _drive_breach(
    way: tuple[float, float, float], length_m: float, pace: tuple[float, float], figures: Floats
) -> Breach:
    """Find what the drive can't do on one segment, wherever that is."""
    turn = abs(way[2])
    over = 1.0 + RATE_RATIO
    if pace[0] > figures[SPEED] * over:
        return 0.0, FAST, pace[0], figures[SPEED]
    if pace[1] > figures[TURN] * over:
        return 0.0, SPUN, pace[1], figures[TURN]
    if figures[RADIUS] > 0.0 and turn > RATE_RATIO:
        # The radius of the arc that the segment is the chord of; half a turn has none.
        bend = np.inf
        if length_m > STILL_M and turn < math.pi:
            bend = 2.0 * math.sin(0.5 * turn) / length_m
        if bend * figures[RADIUS] > over:
            return 0.0, TIGHT, bend, 1.0 / figures[RADIUS]
    return np.inf, NOTHING, np.nan, np.nan


@kernel
def _askew_rad(
    heading_rad: float, way: tuple[float, float, float], length_m: float, figures: Floats
) -> float:
    """Give the largest angle between the way and the heading, 0.0 where the drive follows it.

    It does when the two are nearly one, or the segment is the chord of an arc that it drives.
    """
    if figures[SIDEWAYS] > 0.0 or length_m <= STILL_M:
        return 0.0
    turn = abs(way[2])
    off = math.atan2(way[1], way[0]) - (heading_rad + 0.5 * way[2])
    circle = math.pi if figures[BACKWARD] > 0.0 else 2.0 * math.pi
    off = abs(off - circle * math.floor(off / circle + 0.5))
    askew = off + 0.5 * turn
    is_arc = off <= ASKEW_RAD and turn < math.pi and length_m * turn <= 8.0 * ARC_M
    return 0.0 if askew <= ASKEW_RAD or is_arc else askew


@kernel
def _ground_breach(
    worst: Breach,
    pose: tuple[float, float, float],
    way: tuple[float, float, float],
    pace: tuple[float, float],
    ground: Ground,
    figures: Floats,
) -> Breach:
    """Find what is wrong on the cells under one segment before ``worst``, which is given back else.

    Column by column, and row by row in each, in the direction of the way; all that the path comes
    within TOUCH_M of. Beyond the grid the walk ends, since nothing is known there.
    """
    _, _, frame, shape = ground
    slack = TOUCH_M / frame[2]
    column_at, row_at = (pose[0] - frame[0]) / frame[2], (pose[1] - frame[1]) / frame[2]
    columns, rows = way[0] / frame[2], way[1] / frame[2]
    column_step, row_step = (1 if columns >= 0.0 else -1), (1 if rows >= 0.0 else -1)
    column = int(math.floor(column_at - column_step * slack))
    column_last = int(math.floor(column_at + columns + column_step * slack))
    while (column_last - column) * column_step >= 0:
        enter, leave = _clip(column_at, columns, column - slack, column + 1 + slack, 0.0, 1.0)
        if worst[0] < enter:
            break
        row = int(math.floor(row_at + rows * enter - row_step * slack))
        row_last = int(math.floor(row_at + rows * leave + row_step * slack))
        while (row_last - row) * row_step >= 0 and enter <= leave:
            first, last = _clip(row_at, rows, row - slack, row + 1 + slack, enter, leave)
            if first <= last:
                if not (0 <= column < shape[1] and 0 <= row < shape[0]):
                    worst = _sooner(worst, (first, UNKNOWN, np.nan, np.nan))
                    break
                span = (first, last, pose[2] + way[2] * first, pose[2] + way[2] * last)
                worst = _cell_breach(worst, (row, column), span, (way[0], way[1]), pace, ground, figures)
            row += row_step
        if not 0 <= column < shape[1]:
            break
        column += column_step
    return worst
