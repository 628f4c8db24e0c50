"""How a machine leans and moves along a timed route, and the first time it may not. Never sampled.

The machine's origin runs straight from knot to knot, its heading evenly. The ground is a plane in
each cell, so within a cell the heading alone changes the lean: with the gradient's size G and its
direction p, a heading h rises G cos(h - p) along and G |sin(h - p)| across. When that first passes
a limit is found in closed form. The cells are walked along the path (after Amanatides and Woo
1987), but as closed squares: a point between two cells is on both, and the worse one counts.

What a drive can do is asked of each segment by itself. A change of speed or direction at a knot is
not: knots are way points, and what follows a route rounds them off.

Cost: some 25 ns a segment that stays in one cell, 40 ns for each further cell; ground that no limit
forbids is passed by one comparison. Bound by the roots and the arctangent of each segment's way.
"""

import math

import numpy as np

from lunaredge.kernels.jit import Floats, Shorts, inner
from lunaredge.kernels.relief import (
    BLOCK,
    GRADIENT_X,
    GRADIENT_Y,
    ROUGHNESS,
    STEP,
)
from lunaredge.kernels.traction import (
    ACROSS,
    ALONG,
    BACKWARD,
    DECELERATION,
    FULL_SPEED,
    GENTLE,
    HOLD,
    RADIUS,
    SIDEWAYS,
    SPEED,
    TIP_ALONG,
    TURN,
    speed_limit_m_s,
    tip_across_max,
    tip_along_max,
)
from lunaredge.kernels.traction import (
    ROUGHNESS as ROUGHNESS_MAX,
)
from lunaredge.kernels.traction import (
    STEP as STEP_MAX,
)

# A cell is touched when the path comes this near: more than rounding does at 1e7 m.
TOUCH_M = 1e-6
# Gradients this much over a limit are within it: a slope made to the limit passes.
GRADIENT_ERROR = 1e-9
# Speeds and turns this share over a limit are within it: a route planned to the limit passes.
RATE_RATIO = 1e-6
# What rounding adds to a difference of two coordinates or times, as a share of them.
ROUNDING_RATIO = 2.0**-51
# Nothing drives exactly along its heading: machines that follow a path sway by 0.063 rad about it.
ASKEW_RAD = 0.063
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
"""Blocks and table as `kernels.relief` has them; x_m, y_m, cell_m; rows and columns: without any,
the ground is level everywhere."""
Motion = tuple[float, float, float, float, float]
"""Of one segment: way along x and y, m; turn, rad; least speed, m/s; least turn rate, rad/s."""
Span = tuple[float, float, float, float]
"""Shares of the segment from which until which a cell is touched, and the headings then."""
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

    The caller has prepared the arrays once for many routes; they are not looked at again.
    """
    return _first_breach(knots, ground, figures)


@inner
def _first_breach(
    knots: Floats, ground: Ground, figures: Floats
) -> tuple[int, int, float, float, float]:
    """See `first_breach`: segment by segment, most of them on one gentle cell."""
    blocks, table, frame, shape = ground
    for k in range(max(1, len(knots) - 1)):
        end = min(k + 1, len(knots) - 1)
        motion = motion_of(knots, k, end)
        pose = (knots[k, 1], knots[k, 2], knots[k, 3])
        worst = _drive_breach(pose[2], motion, figures)
        if shape[0] > 0:
            row, column = _only_cell(pose, motion, frame, shape)
            if row < 0 or not _is_gentle(blocks, table, row, column, figures):
                worst = _ground_breach(worst, pose, motion, ground, figures)
        share, what, value, limit = worst
        if what != NOTHING:
            time_s = knots[k, 0] + share * (knots[end, 0] - knots[k, 0])
            return what, k, time_s, value, limit
    return NOTHING, 0, np.inf, np.nan, np.nan


@inner
def motion_of(knots: Floats, k: int, end: int) -> Motion:
    """Give how a machine moves from one knot to the next; speeds without what rounding may add.

    Knots a tenth of a second apart, counted from 1970, would be too fast for half of all routes.
    """
    lasting_s = knots[end, 0] - knots[k, 0]
    x_m, y_m = knots[end, 1] - knots[k, 1], knots[end, 2] - knots[k, 2]
    turn = knots[end, 3] - knots[k, 3]
    if lasting_s <= 0.0:
        return x_m, y_m, turn, 0.0, 0.0
    slack_m = ROUNDING_RATIO * (abs(knots[end, 1]) + abs(knots[end, 2]))
    slack_rad = ROUNDING_RATIO * abs(knots[end, 3])
    lasting_s += ROUNDING_RATIO * abs(knots[end, 0])
    speed_m_s = max(0.0, math.sqrt(x_m * x_m + y_m * y_m) - slack_m) / lasting_s
    return x_m, y_m, turn, speed_m_s, max(0.0, abs(turn) - slack_rad) / lasting_s


@inner
def _drive_breach(heading_rad: float, motion: Motion, figures: Floats) -> Breach:
    """Find what the drive can't do on one segment, wherever that is."""
    x_m, y_m, turn, speed_m_s, turn_rad_s = motion
    length_m, turn = math.sqrt(x_m * x_m + y_m * y_m), abs(turn)
    over = 1.0 + RATE_RATIO
    if speed_m_s > figures[SPEED] * over:
        return 0.0, FAST, speed_m_s, figures[SPEED]
    if turn_rad_s > figures[TURN] * over:
        return 0.0, SPUN, turn_rad_s, figures[TURN]
    if figures[RADIUS] > 0.0 and turn > RATE_RATIO:
        # Of the arc that the segment is the chord of; half a turn and more is no arc.
        bend = np.inf
        if length_m > STILL_M and turn < math.pi:
            bend = 2.0 * math.sin(0.5 * turn) / length_m
        if bend * figures[RADIUS] > over:
            return 0.0, TIGHT, bend, 1.0 / figures[RADIUS]
    askew = _askew_rad(heading_rad, motion, length_m, figures)
    if askew > 0.0:
        return 0.0, ASKEW, math.degrees(askew), math.degrees(ASKEW_RAD)
    return np.inf, NOTHING, np.nan, np.nan


@inner
def _askew_rad(heading_rad: float, motion: Motion, length_m: float, figures: Floats) -> float:
    """Give the largest angle between the way and the heading; 0.0 where the drive follows it.

    It does when the two are nearly one, or the segment is the chord of an arc that it drives.
    """
    if figures[SIDEWAYS] > 0.0 or length_m <= STILL_M:
        return 0.0
    turn = abs(motion[2])
    off = math.atan2(motion[1], motion[0]) - (heading_rad + 0.5 * motion[2])
    circle = math.pi if figures[BACKWARD] > 0.0 else 2.0 * math.pi
    off = abs(off - circle * math.floor(off / circle + 0.5))
    # An arc and its chord are a length times the turn, over eight, apart.
    is_arc = off <= ASKEW_RAD and turn < math.pi and length_m * turn <= 8.0 * ARC_M
    return 0.0 if is_arc or off + 0.5 * turn <= ASKEW_RAD else off + 0.5 * turn


@inner
def _only_cell(
    pose: tuple[float, float, float], motion: Motion, frame: Floats, shape: tuple[int, int]
) -> tuple[int, int]:
    """Give the row and column of the one cell that a segment touches; -1, -1 where there are more.

    Beyond the grid is more, too.
    """
    per_m = 1.0 / frame[2]
    low, high = TOUCH_M * per_m, 1.0 - TOUCH_M * per_m
    column_at, row_at = (pose[0] - frame[0]) * per_m, (pose[1] - frame[1]) * per_m
    if not (0.0 <= column_at < shape[1] and 0.0 <= row_at < shape[0]):
        return -1, -1
    column, row = int(column_at), int(row_at)
    here, there = column_at - column, column_at - column + motion[0] * per_m
    if min(here, there) <= low or max(here, there) >= high:
        return -1, -1
    here, there = row_at - row, row_at - row + motion[1] * per_m
    if min(here, there) <= low or max(here, there) >= high:
        return -1, -1
    return row, column


@inner
def _is_gentle(blocks: Floats, table: Shorts, row: int, column: int, figures: Floats) -> bool:
    """Tell whether nothing can be wrong on a cell for a machine within its speed and turn rate."""
    place = table[row // BLOCK, column // BLOCK]
    i, j = row % BLOCK, column % BLOCK
    x, y = blocks[place, GRADIENT_X, i, j], blocks[place, GRADIENT_Y, i, j]
    gentle = figures[GENTLE]
    # What is not known is in none of these.
    return bool(
        gentle >= 0.0
        and x * x + y * y <= gentle * gentle
        and blocks[place, STEP, i, j] <= figures[STEP_MAX]
        and blocks[place, ROUGHNESS, i, j] <= figures[ROUGHNESS_MAX]
    )


@inner
def _ground_breach(
    worst: Breach,
    pose: tuple[float, float, float],
    motion: Motion,
    ground: Ground,
    figures: Floats,
) -> Breach:
    """Find what is wrong on the cells under one segment before ``worst``, which is given else.

    Column by column, and row by row in each, in the direction of the way; all that the path comes
    within TOUCH_M of. Beyond the grid the walk ends, since nothing is known there.
    """
    blocks, table, frame, shape = ground
    slack = TOUCH_M / frame[2]
    column_at, row_at = (pose[0] - frame[0]) / frame[2], (pose[1] - frame[1]) / frame[2]
    columns, rows = motion[0] / frame[2], motion[1] / frame[2]
    if not (-slack <= column_at <= shape[1] + slack and -slack <= row_at <= shape[0] + slack):
        return _sooner(worst, 0.0, UNKNOWN, np.nan, np.nan)
    column_step, row_step = (1 if columns >= 0.0 else -1), (1 if rows >= 0.0 else -1)
    column = math.floor(column_at - column_step * slack)
    column_last = math.floor(column_at + columns + column_step * slack)
    while (column_last - column) * column_step >= 0:
        enter, leave = _clip(column_at, columns, column - slack, (0.0, 1.0), 1.0 + 2.0 * slack)
        if worst[0] < enter:
            break
        row = math.floor(row_at + rows * enter - row_step * slack)
        row_last = math.floor(row_at + rows * leave + row_step * slack)
        while (row_last - row) * row_step >= 0:
            is_on_grid = 0 <= column < shape[1] and 0 <= row < shape[0]
            if not (is_on_grid and _is_gentle(blocks, table, row, column, figures)):
                first, last = _clip(row_at, rows, row - slack, (enter, leave), 1.0 + 2.0 * slack)
                if first <= last and not is_on_grid:
                    worst = _sooner(worst, first, UNKNOWN, np.nan, np.nan)
                    break
                if first <= last:
                    span = (first, last, pose[2] + motion[2] * first, pose[2] + motion[2] * last)
                    worst = _cell_breach(worst, (row, column), span, motion, ground, figures)
            row += row_step
        column += column_step
    return worst


@inner
def _clip(
    at: float, step: float, low: float, between: tuple[float, float], width: float
) -> tuple[float, float]:
    """Give from when until when a coordinate is within a width from ``low`` on; else 1.0, 0.0."""
    first, last = between
    if step == 0.0:
        return (first, last) if low <= at <= low + width else (1.0, 0.0)
    near, far = (low - at) / step, (low + width - at) / step
    return max(first, min(near, far)), min(last, max(near, far))


@inner
def _sooner(worst: Breach, share: float, what: int, value: float, limit: float) -> Breach:
    """Give the breach that is sooner, or of two at once the one that is named first."""
    if share < worst[0] or (share == worst[0] and what < worst[1]):
        return share, what, value, limit
    return worst


@inner
def _cell_breach(
    worst: Breach,
    cell: tuple[int, int],
    span: Span,
    motion: Motion,
    ground: Ground,
    figures: Floats,
) -> Breach:
    """Find what is wrong on one cell before ``worst``, which is given else."""
    blocks, table, _, _ = ground
    place = table[cell[0] // BLOCK, cell[1] // BLOCK]
    i, j = cell[0] % BLOCK, cell[1] % BLOCK
    step_m, roughness_m = blocks[place, STEP, i, j], blocks[place, ROUGHNESS, i, j]
    gradient = (blocks[place, GRADIENT_X, i, j], blocks[place, GRADIENT_Y, i, j])
    steepest = math.sqrt(gradient[0] * gradient[0] + gradient[1] * gradient[1])
    if math.isnan(steepest + step_m + roughness_m):
        return _sooner(worst, span[0], UNKNOWN, np.nan, np.nan)
    if step_m > figures[STEP_MAX]:
        worst = _sooner(worst, span[0], STEPPED, step_m, figures[STEP_MAX])
    if roughness_m > figures[ROUGHNESS_MAX]:
        worst = _sooner(worst, span[0], ROUGH, roughness_m, figures[ROUGHNESS_MAX])
    may_tip = figures[TIP_ALONG] < np.inf
    if may_tip or steepest > min(figures[ALONG], figures[ACROSS]) + GRADIENT_ERROR:
        worst = _lean_breach(worst, span, motion, gradient, figures)
    if steepest > figures[HOLD] + GRADIENT_ERROR:
        worst = _sooner(worst, span[0], SLIDING, _degrees(steepest), _degrees(figures[HOLD]))
    speed_m_s = motion[3]
    if speed_m_s > 0.0 and steepest > figures[FULL_SPEED]:
        length_m = math.sqrt(motion[0] * motion[0] + motion[1] * motion[1])
        along = (gradient[0] * motion[0] + gradient[1] * motion[1]) / length_m
        limit_m_s = speed_limit_m_s(figures, steepest, along)
        if speed_m_s > limit_m_s * (1.0 + RATE_RATIO):
            worst = _sooner(worst, span[0], FAST, speed_m_s, limit_m_s)
    return worst


@inner
def steepest_any_heading(figures: Floats, steepest: float) -> float:
    """Give the largest gradient that some heading allows where the ground is that steep.

    A heading with G cos <= a and G sin <= b is there when G^2 <= a^2 + b^2; grip is a limit too.
    """
    along = min(float(figures[ALONG]), tip_along_max(figures, steepest, 0.0))
    across = min(float(figures[ACROSS]), tip_across_max(figures, steepest, 0.0))
    return math.sqrt(along * along + across * across)


@inner
def _lean_breach(
    worst: Breach,
    span: Span,
    motion: Motion,
    gradient: tuple[float, float],
    figures: Floats,
) -> Breach:
    """Find what is wrong with the lean on one cell before ``worst``, which is given else."""
    steepest = math.sqrt(gradient[0] * gradient[0] + gradient[1] * gradient[1])
    along, across = float(figures[ALONG]), float(figures[ACROSS])
    braking_m_s2 = figures[DECELERATION] if motion[3] > 0.0 else 0.0
    turning_m_s2 = motion[3] * motion[4] if figures[SIDEWAYS] == 0.0 else 0.0
    tip_along = tip_along_max(figures, steepest, braking_m_s2)
    tip_across = tip_across_max(figures, steepest, turning_m_s2)
    if steepest <= min(along, across, tip_along, tip_across) + GRADIENT_ERROR:
        return worst
    any_heading = steepest_any_heading(figures, steepest)
    if steepest > any_heading + GRADIENT_ERROR:
        worst = _sooner(worst, span[0], STEEP, _degrees(steepest), _degrees(any_heading))
    uphill = math.atan2(gradient[1], gradient[0])
    first, last, source, target = span
    for what, limit in (
        (LEAN_ALONG, along),
        (LEAN_ACROSS, across),
        (TIPPED_ALONG, tip_along),
        (TIPPED_ACROSS, tip_across),
    ):
        # Across is along of a heading a quarter turn further.
        off = uphill + (0.5 * math.pi if what in (LEAN_ACROSS, TIPPED_ACROSS) else 0.0)
        share = _first_over(source - off, target - off, steepest, limit + GRADIENT_ERROR)
        if share <= 1.0:
            at = source + share * (target - source)
            most = steepest * _largest_cosine(at - off, target - off)
            found = first + share * (last - first)
            worst = _sooner(worst, found, what, _degrees(most), _degrees(limit))
    return worst


@inner
def _first_over(source: float, target: float, steepest: float, limit: float) -> float:
    """Give the first share of the way from angle to angle at which a lean exceeds a limit; or inf.

    The lean is the gradient's size times the cosine's, which exceeds the limit within
    acos(limit / steepest) of every half turn.
    """
    if steepest <= limit:
        return np.inf
    if steepest * abs(math.cos(source)) > limit:
        return 0.0
    if source == target:
        return np.inf
    reach = math.acos(limit / steepest)
    if target > source:
        edge = math.ceil((source + reach) / math.pi) * math.pi - reach
        return (edge - source) / (target - source) if edge < target else np.inf
    edge = math.floor((source - reach) / math.pi) * math.pi + reach
    return (edge - source) / (target - source) if edge > target else np.inf


@inner
def _largest_cosine(source: float, target: float) -> float:
    """Give the largest size of the cosine between two angles."""
    low, high = min(source, target), max(source, target)
    if math.ceil(low / math.pi) <= math.floor(high / math.pi):
        return 1.0
    return max(abs(math.cos(low)), abs(math.cos(high)))


@inner
def _degrees(gradient: float) -> float:
    """Give the angle of a gradient, degrees."""
    return math.degrees(math.atan(gradient))
