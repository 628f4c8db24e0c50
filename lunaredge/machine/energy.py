"""Battery, power and motor temperature of a simulated machine.

Linear in time between two calls, so that a machine at rest may be settled once an hour or five
times a second with the same result. It knows no orders and no ground.
"""

import math

from lunaredge.model.fleet import MachineSpec
from lunaredge.units import MOON_GRAVITY_M_S2, SECONDS_PER_HOUR

# Share of the climbing power that reaches the ground, through gears and slipping wheels.
CLIMB_EFFICIENCY_RATIO = 0.6
# Motor housing: where it settles without work, what each watt of work adds, how fast it follows.
MOTOR_C_IDLE = -20.0
MOTOR_C_PER_W = 0.25
MOTOR_S = 600.0


def drive_power_w(spec: MachineSpec, speed_m_s: float, pitch_deg: float) -> float:
    """Give the power drawn at a speed; ``pitch_deg`` is positive uphill. Downhill gives none back.

    Idle power is included, as it is in the specification's ``drive_w``.
    """
    rolling_w = (spec.drive_w - spec.idle_w) * speed_m_s / spec.speed_m_s_max
    lift_w = spec.mass_kg * MOON_GRAVITY_M_S2 * math.sin(math.radians(pitch_deg)) * speed_m_s
    return spec.idle_w + max(0.0, rolling_w) + max(0.0, lift_w) / CLIMB_EFFICIENCY_RATIO


def dig_power_w(spec: MachineSpec) -> float:
    """Give the power drawn while digging at full rate."""
    return spec.idle_w + spec.dig_kg_s * spec.dig_wh_kg * SECONDS_PER_HOUR


class Battery:
    """Charge, draw and motor temperature over time."""

    def __init__(self, spec: MachineSpec) -> None:
        assert 0.0 <= spec.reserve_wh <= spec.battery_wh
        self._spec = spec
        self.charge_wh = spec.battery_wh
        self.charge_wh_min = spec.battery_wh
        self.motor_c = MOTOR_C_IDLE
        self.power_w = spec.idle_w

    @property
    def empty(self) -> bool:
        """Whether nothing is left to move or work with."""
        return self.charge_wh <= 0.0

    @property
    def full(self) -> bool:
        """Whether a charger has nothing to add."""
        return self.charge_wh >= self._spec.battery_wh

    def draw(self, power_w: float, charge_w: float, dt_s: float) -> None:
        """Let time pass with a power drawn and a charger's power added."""
        assert power_w >= 0.0
        assert charge_w >= 0.0
        self.power_w = power_w
        after = self.charge_wh + (charge_w - power_w) * dt_s / SECONDS_PER_HOUR
        self.charge_wh = min(max(after, 0.0), self._spec.battery_wh)
        self.charge_wh_min = min(self.charge_wh_min, self.charge_wh)
        settled_c = MOTOR_C_IDLE + MOTOR_C_PER_W * max(0.0, power_w - self._spec.idle_w)
        self.motor_c = settled_c + (self.motor_c - settled_c) * math.exp(-dt_s / MOTOR_S)
