"""How far a machine needs to come to rest: what brakes, load, slope, friction and slip leave.

Owns the figures that a stop point's overlap is computed with. A machine's rated deceleration is
guaranteed on level ground with its full load; with less on board the same force brakes harder. On
a slope the ground gives what friction leaves after holding the weight.
"""

import math

from lunaredge.model.fleet import MachineSpec
from lunaredge.units import MOON_GRAVITY_M_S2

# Friction of grousers on dry regolith: tan 37 deg, the middle of published internal friction
# angles (30 to 50 deg).
FRICTION_RATIO = 0.75
# Brakes may be this much weaker than the machine's own monitoring can tell.
BRAKES_RATIO = 0.8
# From a stop's arrival at the agent to the brakes: it goes ahead of every write and every other
# order, and a controller's step is a fifth of a second.
REACTION_S = 0.5


def slip_ratio(slope_deg: float) -> float:
    """Give the wheel slip to reckon with on a slope: 0.02 on the level, 0.2 at 15 deg."""
    return min(0.02 + 0.00085 * slope_deg * slope_deg, 0.95)


def holding_m_s2(slope_deg: float) -> float:
    """Give the deceleration that the ground allows downhill; 0.0 where friction holds nothing."""
    slope = math.radians(slope_deg)
    friction = FRICTION_RATIO * (1.0 - slip_ratio(slope_deg)) * math.cos(slope)
    return max(0.0, friction - math.sin(slope)) * MOON_GRAVITY_M_S2


def planned_m_s2(spec: MachineSpec) -> float:
    """Give the deceleration that a controller plans its stops with, on its steepest slope."""
    return min(spec.deceleration_m_s2, holding_m_s2(spec.slope_deg_max))


def worst_m_s2(spec: MachineSpec, payload_kg: float, health_ratio: float) -> float:
    """Give the least deceleration to reckon with, at that load and health of the brakes."""
    brakes_m_s2 = _brakes_m_s2(spec, payload_kg) * health_ratio
    return min(brakes_m_s2, holding_m_s2(spec.slope_deg_max))


def counted_m_s2(spec: MachineSpec) -> float:
    """Give the deceleration that an agent is told to count on, laden and with sound monitoring.

    It goes slower itself where its brakes' health is worse.
    """
    return worst_m_s2(spec, spec.payload_kg_max, 1.0)


def overlap_m(spec: MachineSpec, speed_m_s: float, payload_kg: float, health_ratio: float) -> float:
    """Give how far beyond its stop point a machine may roll; infinity where it can't be held.

    It begins to brake where its planned deceleration asks for it, and gets the worst one. A machine
    with weaker brakes goes slower by as much; and its brakes may get worse under way, so that of
    all health up to the one told the one counts with which it rolls farthest.
    """
    planned, worst = planned_m_s2(spec), worst_m_s2(spec, payload_kg, health_ratio)
    if planned <= 0.0 or worst <= 0.0:
        return math.inf
    # At health h brakes give h b: it grows as h / b - h^2 / planned, up to h = planned / 2 b.
    farthest_ratio = min(health_ratio, planned / (2.0 * _brakes_m_s2(spec, payload_kg)))
    slower_m_s = speed_m_s * farthest_ratio
    worst = worst_m_s2(spec, payload_kg, farthest_ratio)
    return max(0.0, 0.5 * slower_m_s * slower_m_s * (1.0 / worst - 1.0 / planned))


def _brakes_m_s2(spec: MachineSpec, payload_kg: float) -> float:
    """Give the deceleration that brakes of full health give for certain, with that load."""
    gross_kg = spec.mass_kg + spec.payload_kg_max
    laden_kg = spec.mass_kg + max(0.0, payload_kg)
    return spec.deceleration_m_s2 * gross_kg / laden_kg * BRAKES_RATIO


def rest_s(spec: MachineSpec, payload_kg: float, health_ratio: float) -> float:
    """Give the longest time from the hearing of a stop to rest; infinity where nothing holds it."""
    worst = worst_m_s2(spec, payload_kg, health_ratio)
    slower_m_s = spec.speed_m_s_max * health_ratio
    return REACTION_S + slower_m_s / worst if worst > 0.0 else math.inf


def speed_m_s_max(
    spec: MachineSpec, room_m: float, payload_kg: float, health_ratio: float
) -> float:
    """Give the fastest speed from which a machine rolls no more than ``room_m`` too far."""
    unit_m = overlap_m(spec, 1.0, payload_kg, health_ratio)
    return math.sqrt(room_m / unit_m) if 0.0 < unit_m < math.inf else 0.0
