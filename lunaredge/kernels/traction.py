"""What a machine's wheels can do on sloping regolith under lunar gravity: slip, grip, speed, power.

Numbers only. A machine's figures are one array, float64 (FIGURES,), whose columns are named below.
A slope is given by two gradients: ``steepest``, the rise per metre of the steepest ascent, and
``along``, the rise per metre of horizontal way in the direction of travel, positive uphill. The
functions are compiled; the caller has prepared the array.
"""

import math

from lunaredge.kernels.jit import Floats, inner

GRAVITY_M_S2 = 1.62

(
    ALONG,
    ACROSS,
    TIP_ALONG,
    TIP_ACROSS,
    HOLD,
    STEP,
    ROUGHNESS,
    SPEED,
    TURN,
    RADIUS,
    SIDEWAYS,
    BACKWARD,
    DECELERATION,
    BRAKING,
    FRICTION,
    SLIP_LEVEL,
    SLIP_DEG2,
    WEIGHT,
    IDLE,
    ROLLING,
    CLIMB,
    FULL_SPEED,
    GENTLE,
) = range(23)
"""Columns of a machine's figures.

ALONG, ACROSS          largest gradient along and across the heading
TIP_ALONG, TIP_ACROSS  distance of the centre of mass from the tipping axis over its height; inf =
                       not known, never checked
HOLD                   steepest gradient on which friction holds the machine
STEP, ROUGHNESS        m
SPEED, TURN            m/s, rad/s; largest
RADIUS                 m; least turning radius, 0 = turns on the spot
SIDEWAYS               1 = drives in any direction, 0 = along its heading only
BACKWARD               1 = drives backward too
DECELERATION           m/s2, of the brakes
BRAKING                m/s2, what grip leaves of it on the level
FRICTION               ratio of grip to weight, health derating included
SLIP_LEVEL, SLIP_DEG2  slip on the level, and what each square degree of slope adds
WEIGHT                 N, on the Moon, payload included
IDLE                   W
ROLLING                electrical J per metre on the level
CLIMB                  share of the electrical energy of a climb that lifts the machine
FULL_SPEED             steepest gradient up to which full speed is allowed in every direction
GENTLE                 steepest gradient that no limit forbids, whatever the heading, speed and turn
"""
FIGURES = 23

SLIP_MAX = 0.95


@inner
def slip_ratio(figures: Floats, slope_deg: float) -> float:
    """Give the wheels' slip on a slope: a parabola in its angle, at most `SLIP_MAX`.

    Measured slip grows slowly up to about 10 degrees and fast beyond (Lindemann and Voorhees 2005,
    MER on slopes; Skonieczny et al. 2014); a parabola follows that.
    """
    return min(SLIP_MAX, float(figures[SLIP_LEVEL] + figures[SLIP_DEG2] * slope_deg * slope_deg))


@inner
def grip_ratio(figures: Floats, steepest: float) -> float:
    """Give the ratio of grip to the force on the ground: Coulomb friction, less the slip."""
    slope_deg = math.degrees(math.atan(steepest))
    return float(figures[FRICTION]) * (1.0 - slip_ratio(figures, slope_deg))


@inner
def braking_m_s2(figures: Floats, steepest: float, along: float) -> float:
    """Give the deceleration that is to be had on a slope; 0.0 where grip can't hold the machine.

    Grip is a circle (Kamm): what holds the machine against sliding across is not there to brake.
    With g the gravity, N = 1 / sqrt(1 + steepest^2) of it presses on the ground, and
    t = along / sqrt(1 + along^2) of it pulls along the way.
    """
    pressed = 1.0 / math.sqrt(1.0 + steepest * steepest)
    pull = along / math.sqrt(1.0 + along * along)
    across2 = max(0.0, 1.0 - pressed * pressed - pull * pull)
    grip = grip_ratio(figures, steepest) * pressed
    left = math.sqrt(max(0.0, grip * grip - across2)) + pull
    return max(0.0, min(float(figures[DECELERATION]), left * GRAVITY_M_S2))


@inner
def speed_limit_m_s(figures: Floats, steepest: float, along: float) -> float:
    """Give the speed at which a stop takes no longer a way than at full speed on the level.

    v^2 / 2 b is the way to stop, so the limit is the full speed times sqrt(b / b on the level).
    0.0 for a machine that has no grip.
    """
    if figures[BRAKING] <= 0.0:
        return 0.0
    share = braking_m_s2(figures, steepest, along) / float(figures[BRAKING])
    return float(figures[SPEED]) * math.sqrt(min(1.0, share))


@inner
def joule_per_m(figures: Floats, slope_deg: float, along: float) -> float:
    """Give the electrical energy of a metre of horizontal way, without idling.

    slope_deg : of the steepest ascent

    Rolling is paid along the slope, a climb in full, and both for the way that the wheels slip.
    Going down gives nothing back.
    """
    rolling = float(figures[ROLLING]) * math.sqrt(1.0 + along * along)
    climb = max(0.0, float(figures[WEIGHT]) * along) / float(figures[CLIMB])
    slipping = (1.0 - float(figures[SLIP_LEVEL])) / (1.0 - slip_ratio(figures, slope_deg))
    return (rolling + climb) * slipping


@inner
def gradient_max(figures: Floats, braking: float) -> float:
    """Give the steepest gradient down which grip still brakes with so many m/s2; 0.0 for none.

    With 0.0, the steepest on which it holds the machine. Found by halving, to 1e-12: what grip
    leaves over falls with the gradient.
    """
    low, high = 0.0, max(0.0, float(figures[FRICTION]))
    for _ in range(60):
        middle = 0.5 * (low + high)
        pressed = 1.0 / math.sqrt(1.0 + middle * middle)
        left = (grip_ratio(figures, middle) - middle) * pressed
        if left * GRAVITY_M_S2 >= braking:
            low = middle
        else:
            high = middle
    return low


@inner
def gentle_gradient_max(figures: Floats) -> float:
    """Give the steepest gradient on which nothing a machine may do is too much; -1.0 for none.

    GENTLE is not read. Found by halving, to 1e-12; every limit falls short sooner or later.
    """
    turning_m_s2 = float(figures[SPEED] * figures[TURN])
    low, high = (
        -1.0,
        float(min(figures[ALONG], figures[ACROSS], figures[HOLD], figures[FULL_SPEED])),
    )
    for _ in range(60):
        middle = 0.5 * (low + high)
        steepest = max(0.0, middle)
        along = tip_along_max(figures, steepest, float(figures[DECELERATION]))
        across = tip_across_max(figures, steepest, turning_m_s2)
        if steepest <= min(along, across):
            low = middle
        else:
            high = middle
    return low


@inner
def tip_along_max(figures: Floats, steepest: float, braking_m_s2: float) -> float:
    """Give the largest gradient along the heading at which the machine doesn't tip over an axle.

    The line of force through the centre of mass meets the ground within the wheelbase. With h its
    height over the ground and s the gradient along, on a plane of gradient G it meets it
    h s sqrt((1 + G^2) / (1 + s^2)) from under the centre; braking at b adds
    h b / g sqrt(1 + G^2). inf = any gradient, -1 = none.
    """
    pressed = 1.0 / math.sqrt(1.0 + steepest * steepest)
    ratio = float(figures[TIP_ALONG]) - braking_m_s2 / (GRAVITY_M_S2 * pressed)
    if ratio < 0.0:
        return -1.0
    rest = 1.0 + steepest * steepest - ratio * ratio
    return ratio / math.sqrt(rest) if rest > 0.0 else math.inf


@inner
def tip_across_max(figures: Floats, steepest: float, turning_m_s2: float) -> float:
    """Give the largest gradient across the heading at which the machine doesn't tip sideways.

    As `tip_along_max`; across a heading of gradient s the force meets the ground
    h c / sqrt(1 + s^2) from under the centre, with c^2 = G^2 - s^2; a turn adds its acceleration.
    """
    pressed = 1.0 / math.sqrt(1.0 + steepest * steepest)
    ratio = float(figures[TIP_ACROSS]) - turning_m_s2 / (GRAVITY_M_S2 * pressed)
    if ratio < 0.0:
        return -1.0
    if math.isinf(ratio):
        return math.inf
    return ratio * math.sqrt((1.0 + steepest * steepest) / (1.0 + ratio * ratio))
